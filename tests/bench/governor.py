"""The governor at work: python tests/bench/governor.py [cpu|fps] [SECONDS].

A live run at 30 frames a second, blurred, whose model burns 15 ms of processor time a mask and has
a smaller one of 5 ms. It is held to 40 % of one processor, or to 30 frames a second on a core that
it shares, in the middle third, with eight busy processes. Prints each step, down and up, and for
each sixth of the time the processor's share and the rate.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np

from rimlight.core.frame import Frame, Mask
from rimlight.core.frame_queue import Overflow
from rimlight.effects.blur import BlurEffect
from rimlight.live.governor import Governor, QualityStep, build_quality_ladder, make_downscale_step
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import Settings
from rimlight.sinks.null import NullSink
from rimlight.sources.reconnect import ReconnectingSource
from rimlight.sources.test_pattern import PatternSource

LIMITS = {"cpu": {"max_cpu": 0.40}, "fps": {"min_fps": 30.0}}
MASK_S, SMALL_MASK_S = 0.015, 0.005
BUSY = 8
BURN = "while True: pass"


class BurningSegmenter:
    """A model that takes its share of the processor."""

    def __init__(self, mask_s: float) -> None:
        self._mask_s = mask_s

    def segment(self, frame: Frame) -> Mask:
        end = time.thread_time() + self._mask_s
        while time.thread_time() < end:
            pass
        return Mask(np.ones((9, 16, 1), np.float32), ("person",))

    def close(self) -> None: ...


class PatternAgain:
    """Opens the pattern in real time, at half the sides if that is wanted."""

    def __init__(self) -> None:
        self._size = (1280, 720)

    def __call__(self) -> PatternSource:
        return PatternSource(PatternSource.Options(size=self._size, realtime=True))

    def can_downscale(self) -> bool:
        return True

    def set_downscaled(self, *, on: bool) -> None:
        self._size = (640, 360) if on else (1280, 720)


@contextmanager
def busy_core() -> Iterator[None]:
    """Let others burn the core that this process runs on."""
    burning = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(BUSY)]
    try:
        yield
    finally:
        for each in burning:
            each.kill()
            each.wait()


def governed(
    limits: dict[str, float], on_frame_tick: Callable[[], None]
) -> tuple[LivePipeline, Governor]:
    """Make the run and its governor."""
    again = PatternAgain()
    source = ReconnectingSource(again(), again)
    effect = BlurEffect(BlurEffect.Options(radius_px=20, refresh_hz=15))
    settings = Settings(overflow=Overflow.DROP_OLDEST, mask_sync="latest")
    sink = NullSink(NullSink.Options(), source.info)
    pipeline = LivePipeline(
        source,
        BurningSegmenter(MASK_S),
        [sink],
        effects=[effect],
        settings=settings,
        on_frame_tick=on_frame_tick,
    )

    def think(mask_s: float) -> Callable[[], None]:
        return lambda: pipeline.components.replace_segmenter(BurningSegmenter(mask_s))

    lighter = QualityStep("the larger model", think(SMALL_MASK_S), think(MASK_S))
    steps = build_quality_ladder(
        pipeline, (), lighter_model=lighter, downscale=make_downscale_step(source)
    )
    return pipeline, Governor(
        steps, lambda: pipeline.stats.frames - pipeline.errors.fallback_frames, **limits
    )


def main() -> None:
    """Run, and tell."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 90
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    tick: list[Callable[[], None]] = []

    def on_frame_tick() -> None:
        tick[0]()

    pipeline, governor = governed(LIMITS[kind], on_frame_tick)
    start = time.monotonic()
    marks = [(start, time.process_time(), 0)]
    said: list[tuple[str, ...]] = [()]
    crowd = ExitStack()

    def poll() -> None:
        governor.poll()
        now = time.monotonic()
        if governor.degraded != said[-1]:
            said.append(governor.degraded)
            figures = f"{governor.share:.0%}, {governor.fps:.1f} fps"
            print(f"{now - start:5.1f} s, {figures}: without {', '.join(said[-1]) or 'nothing'}")
        if now - marks[-1][0] >= seconds / 6:
            marks.append((now, time.process_time(), pipeline.stats.frames))
            tell(marks[-2], marks[-1])
            crowd_or_not(len(marks) - 1)
        if now - start >= seconds:
            pipeline.stop()

    def crowd_or_not(sixths: int) -> None:
        if kind == "fps" and sixths == 2:
            crowd.enter_context(busy_core())
            print(f"{time.monotonic() - start:5.1f} s: {BUSY} others on this core")
        elif kind == "fps" and sixths == 4:
            crowd.close()
            print(f"{time.monotonic() - start:5.1f} s: alone again")

    tick.append(poll)
    with crowd:
        pipeline.run()


def tell(before: tuple[float, float, int], after: tuple[float, float, int]) -> None:
    """Print the means between two marks."""
    seconds, cpu_s, frames = (b - a for a, b in zip(before, after, strict=True))
    print(f"        {cpu_s / seconds:.0%} of a processor, {frames / seconds:.1f} fps")


if __name__ == "__main__":
    main()
