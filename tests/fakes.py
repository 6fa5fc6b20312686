"""Small in-memory parts that work, used instead of mocks."""

import time
from fractions import Fraction

import numpy as np

from rimlight.core.frame import Frame, Mask, SourceInfo

RATE = Fraction(30)


def make_info(size=(64, 48), count=None, **more):
    return SourceInfo("fake", size, rate=RATE, count=count, time_base=1 / RATE, **more)


def make_frame(index=0, size=(64, 48)):
    """A BGR frame with a gradient, so that shifts and swaps show; its level tells the index."""
    width, height = size
    image = np.full((height, width, 3), (index * 8) % 200, np.uint8)
    image[..., 0] += np.linspace(0, 40, width).astype(np.uint8)
    image[..., 1] += np.linspace(0, 40, height).astype(np.uint8)[:, None]
    pts = index / RATE
    return Frame.from_bgr(image, index=index, pts=pts, captured_at=time.monotonic())


class ListSource:
    """`count` frames, then the end or `error`."""

    def __init__(self, count, error=None, size=(64, 48), is_live=False):
        self.count, self.error = count, error
        self.info = make_info(size, count, is_live=is_live)

    def __iter__(self):
        yield from (make_frame(i, self.info.size) for i in range(self.count))
        if self.error:
            raise self.error

    def close(self): ...


class HalfSegmenter:
    """The left half is person, the right half is not."""

    def segment(self, frame):
        scores = np.zeros((4, 4, 1), np.float32)
        scores[:, :2] = 1
        return Mask(scores, ("person",))

    def close(self): ...


class RecordingSink:
    def __init__(self, fail_at=None, error=None):
        self.frames, self.fail_at, self.error = [], fail_at, error

    @property
    def indices(self):
        return [frame.index for frame in self.frames]

    def write(self, frame):
        if frame.index == self.fail_at:
            raise self.error
        self.frames.append(frame)

    def close(self): ...

    def abort(self): ...
