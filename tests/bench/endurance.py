"""A live run in fast time: python tests/bench/endurance.py [FRAMES].

Plays the pattern as fast as it goes through a live pipeline that is meddled with all the while:
the source breaks every 1000 frames, effects and models are swapped, and a thread of its own covers
everything now and then. Prints memory, handles and threads as it goes, and fails when they grow
after the first tenth.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from rimlight.core.errors import SourceReadError
from rimlight.core.frame import Frame
from rimlight.core.frame_queue import Overflow
from rimlight.effects.replace import ReplaceEffect
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import Settings
from rimlight.segmenters.threshold import ThresholdSegmenter
from rimlight.sinks.null import NullSink
from rimlight.sinks.threaded import ConstantRateSink
from rimlight.sources import reconnect
from rimlight.sources.test_pattern import PatternSource

SIZE = (64, 36)
BREAKS_EVERY = 1000
COVERS_EVERY = 100
GROWTH_KB = 4096


class Breaking:
    """The pattern, which breaks off after some frames; the last piece ends well."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._source = PatternSource(PatternSource.Options(size=SIZE))
        self.info = self._source.info

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            yield frame
            if frame.index + 1 == min(self._left, BREAKS_EVERY):
                break
        if self._left > BREAKS_EVERY:
            raise SourceReadError("pulled out")

    def close(self) -> None:
        self._source.close()


def usage() -> tuple[int, int, int]:
    """Return (resident kB, open handles, threads)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    kilobytes = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    return kilobytes, len(os.listdir("/proc/self/fd")), threading.active_count()


def replacing(color: str) -> ReplaceEffect:
    return ReplaceEffect(ReplaceEffect.Options(background=color))


def main() -> None:
    """Run, then judge."""
    reconnect.FIRST_PAUSE_S = reconnect.LONGEST_PAUSE_S = 0.0
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    left, seen, samples = [frames], [0], []

    def reopen() -> Breaking:
        left[0] -= BREAKS_EVERY
        return Breaking(left[0])

    def on_frame(_: Frame) -> None:
        seen[0] += 1
        if seen[0] % BREAKS_EVERY == 0:
            color = f"#{seen[0] // BREAKS_EVERY % 256:02x}ff00"
            for old in pipeline.components.replace_effects([replacing(color)]):
                old.close()
            pipeline.components.replace_segmenter(ThresholdSegmenter(ThresholdSegmenter.Options()))
        if seen[0] % max(1, frames // 20) == 0:
            samples.append(usage())
            print(seen[0], "frames: {} kB, {} handles, {} threads".format(*samples[-1]), flush=True)

    ticks = count()

    def blank_at_times() -> None:
        pipeline.set_blanked(on=next(ticks) % COVERS_EVERY == 0)

    sink = ConstantRateSink(NullSink(NullSink.Options(), Breaking(1).info), 1000)
    pipeline = LivePipeline(
        reconnect.ReconnectingSource(Breaking(frames), reopen),
        ThresholdSegmenter(ThresholdSegmenter.Options()),
        [sink],
        effects=[replacing("white")],
        settings=Settings(overflow=Overflow.BLOCK, mask_sync="exact"),
        on_frame=on_frame,
        on_control_tick=blank_at_times,
    )
    stats = pipeline.run()
    sink.close()
    print(f"{stats.frames} frames in {stats.elapsed_s:.0f} s, {pipeline.errors}")
    early, late = samples[1], samples[-1]
    grown = late[0] - early[0] > GROWTH_KB or late[1] > early[1] or late[2] > early[2]
    sys.exit("it grows" if grown or stats.frames < frames else 0)


if __name__ == "__main__":
    main()
