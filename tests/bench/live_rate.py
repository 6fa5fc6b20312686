"""The rate of a virtual camera while the model is slow: python tests/bench/live_rate.py [SECONDS].

The pattern plays in real time at 30 frames a second, the model takes 120 ms for each mask, and a
steady sink writes to one that only notes when. Prints the rate over every whole second.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from rimlight.core.frame import Frame, Mask
from rimlight.core.frame_queue import Overflow
from rimlight.effects.replace import ReplaceEffect
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import Settings
from rimlight.sinks.threaded import ConstantRateSink
from rimlight.sources.test_pattern import PatternSource

MASK_S = 0.120
RATE = 30


class SlowSegmenter:
    """Takes its time, as a large model does, without the interpreter's lock."""

    def segment(self, frame: Frame) -> Mask:
        time.sleep(MASK_S)
        return Mask(np.ones((9, 16, 1), np.float32), ("person",))

    def close(self) -> None: ...


class NotingSink:
    """Notes when each frame came."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def write(self, frame: Frame) -> None:
        self.times.append(time.monotonic())

    def close(self) -> None: ...

    def abort(self) -> None: ...


def main() -> None:
    """Run, then print."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    source = PatternSource(
        PatternSource.Options(size=(1280, 720), realtime=True, count=seconds * RATE)
    )
    noting = NotingSink()
    sink = ConstantRateSink(noting, RATE)
    effect = ReplaceEffect(ReplaceEffect.Options(background="#00ff00"))
    settings = Settings(overflow=Overflow.DROP_OLDEST, mask_sync="latest")
    pipeline = LivePipeline(source, SlowSegmenter(), [sink], effects=[effect], settings=settings)
    stats = pipeline.run()
    sink.close()
    times = np.array(noting.times)
    whole = [
        np.count_nonzero((times >= t) & (times < t + 1)) for t in times[0] + range(seconds - 1)
    ]
    print(f"rate {(len(times) - 1) / (times[-1] - times[0]):.2f} fps over {seconds} s")
    print(f"per second: least {min(whole)}, most {max(whole)}")
    print(f"written {sink.written}, repeats {sink.repeated}, shown {stats.frames}")
    age_ms = stats.stages["mask age"].median_ms
    print(f"held {pipeline.errors.fallback_frames}, mask age {age_ms:.0f} ms")
    print(f"longest gap {np.diff(times).max() * 1000:.1f} ms")


if __name__ == "__main__":
    main()
