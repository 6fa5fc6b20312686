"""The governor at work: python tests/bench/governor.py [SECONDS].

A live run of the pattern at 30 frames a second whose model burns 15 ms of processor time a mask,
held to 40 % of one processor. Halfway a busy thread asks for 10 % more. Prints each change, and
the share over each quarter.
"""

from __future__ import annotations

import sys
import threading
import time
from itertools import pairwise

import numpy as np

from rimlight.buffer import Policy
from rimlight.effects.replace import ReplaceEffect
from rimlight.frame import Frame, Mask
from rimlight.pipeline.governor import Governor, ladder
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.runner import Settings
from rimlight.sinks.null import NullSink
from rimlight.sources.pattern import PatternSource

MOST_CPU = 0.40
MASK_S, BUSY_SHARE = 0.015, 0.10


def burn(seconds: float) -> None:
    """Use that much processor time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class BurningSegmenter:
    """A model that is too large for the limit."""

    def segment(self, frame: Frame) -> Mask:
        burn(MASK_S)
        return Mask(np.ones((9, 16, 1), np.float32), ("person",))

    def close(self) -> None: ...


def main() -> None:
    """Run, and tell."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    start, done = time.monotonic(), threading.Event()
    source = PatternSource(PatternSource.Options(realtime=True, count=seconds * 30))
    pipeline = LivePipeline(
        source,
        BurningSegmenter(),
        [NullSink(NullSink.Options(), source.info)],
        effects=[ReplaceEffect(ReplaceEffect.Options(background="#00ff00"))],
        settings=Settings(policy=Policy.LATEST, masks="newest"),
    )
    governor = Governor(ladder(pipeline, ()), lambda: pipeline.stats.frames, most_cpu=MOST_CPU)
    said: list[tuple[str, ...]] = [()]
    marks = [(start, time.process_time())]

    def poll() -> None:
        governor.poll()
        now = time.monotonic()
        if now - marks[-1][0] >= seconds / 4:
            marks.append((now, time.process_time()))
        if governor.given_up != said[-1]:
            said.append(governor.given_up)
            print(f"{now - start:5.1f} s, {governor.share:.0%}: without {said[-1] or 'nothing'}")

    def disturb() -> None:
        if done.wait(seconds / 2):
            return
        print(f"{time.monotonic() - start:5.1f} s: a busy thread asks for {BUSY_SHARE:.0%} more")
        while not done.wait(0.01 * (1 - BUSY_SHARE) / BUSY_SHARE):
            burn(0.01)

    pipeline.poll = poll
    busy = threading.Thread(target=disturb)
    busy.start()
    stats = pipeline.run()
    done.set()
    busy.join()
    marks.append((time.monotonic(), time.process_time()))
    pairs = [(a, b) for a, b in pairwise(marks) if b[0] - a[0] > 1]
    shares = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs]
    print("share in each quarter:", ", ".join(f"{share:.0%}" for share in shares))
    print(f"{stats.per_second:.1f} frames a second; limit {MOST_CPU:.0%}")


if __name__ == "__main__":
    main()
