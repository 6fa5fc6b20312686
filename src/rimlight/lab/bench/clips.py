"""What is measured on: the first frames of a clip, at any size, in memory or as a file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import SinkConfig
from rimlight.core.frame import Frame, Mask, SourceInfo
from rimlight.factory.api import open_source
from rimlight.factory.sinks import open_sink
from rimlight.imaging.color import round_up_to_even, split_planes
from rimlight.system import app_paths

RATE = Fraction(30)


def get_sample_clip() -> Path:
    """The shipped clip of a person."""
    return app_paths.find_data_folder("samples") / "portrait.mp4"


def load_frames(clip: Path, size: tuple[int, int], count: int) -> list[Frame]:
    """Return the first `count` frames of a clip as I420, stretched to `size` (width, height).

    Raises:
        SourceError: the clip does not open or decode.
    """
    with closing(open_source(str(clip))) as source:
        return [_resize(frame, round_up_to_even(size)) for frame in islice(source, count)]


def repeat_frames(frames: Sequence[Frame], count: int) -> Iterator[Frame]:
    """Yield `count` frames, going through `frames` again and again, at 30 a second."""
    for index in range(count):
        frame = frames[index % len(frames)]
        yield Frame.from_i420(
            frame.image,
            size=frame.size,
            index=index,
            pts=index / RATE,
            captured_at=time.monotonic(),
            color=frame.color,
        )


def write_clip(frames: Sequence[Frame], count: int, path: Path) -> None:
    """Write `count` frames as H.264, going to and fro through `frames`: nothing jumps."""
    there_and_back = [*frames, *reversed(frames[1:-1])]
    info = describe_ring(frames, count)
    with closing(
        open_sink(SinkConfig.model_validate({"kind": "video", "path": path}), info)
    ) as sink:
        for frame in repeat_frames(there_and_back, count):
            sink.write(frame)


def describe_ring(frames: Sequence[Frame], count: int | None) -> SourceInfo:
    """Describe a source that repeats `frames`."""
    return SourceInfo(
        "bench", frames[0].size, rate=RATE, count=count, time_base=1 / RATE, color=frames[0].color
    )


class RingSource:
    """A source that repeats frames from memory, `count` in all, as fast as they are taken."""

    def __init__(self, frames: Sequence[Frame], count: int) -> None:
        self._frames = frames
        self._count = count
        self.info = describe_ring(frames, count)

    def __iter__(self) -> Iterator[Frame]:
        return repeat_frames(self._frames, self._count)

    def close(self) -> None:
        """Nothing to release."""


class BlankSegmenter:
    """Gives every frame the same empty mask: a run with it is decoding and encoding alone."""

    def __init__(self) -> None:
        self._mask = Mask(np.zeros((9, 16, 1), np.float32), ("person",))

    def segment(self, frame: Frame) -> Mask:
        """Return the mask."""
        return self._mask

    def close(self) -> None:
        """Nothing to release."""


def _resize(frame: Frame, size: tuple[int, int]) -> Frame:
    out: NDArray[np.uint8] = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
    for source, target in zip(split_planes(frame.i420), split_planes(out), strict=True):
        shape = (target.shape[1], target.shape[0])
        target[...] = cast(
            NDArray[np.uint8], cv2.resize(source, shape, interpolation=cv2.INTER_AREA)
        )
    return Frame.from_i420(
        out,
        size=size,
        index=frame.index,
        pts=frame.pts,
        captured_at=frame.captured_at,
        color=frame.color,
    )
