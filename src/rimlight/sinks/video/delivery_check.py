"""Verify a finished video by decoding it: what was written, and what its target needs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.wording import format_count
from rimlight.imaging.color import round_up_to_even
from rimlight.media.inspection import Inspection, VideoFacts, read_alpha
from rimlight.media.verification import (
    MAX_ALPHA_LEVELS,
    format_size,
    format_time,
    get_time_slack,
    list_faults,
)
from rimlight.sinks.video.codecs import EncodingPlan, get_codec_tag, is_quicktime
from rimlight.sinks.video.encoder import choose_color

_MAX_SAMPLES = 32
_MATRICES = {"bt601": (5, 6), "bt709": (1,), "bt2020": (9, 10)}


class DeliveryCheck:
    """Remembers what is written to a video, and compares the decoded file with it.

    Times of all frames are compared, and alpha of up to 32 frames, evenly spaced.

    Args:
        plan: how it is written.
        info: the run's source.
    """

    def __init__(self, plan: EncodingPlan, info: SourceInfo) -> None:
        self._plan = plan
        self._info = info
        self._times: list[Fraction] = []
        self._alphas: dict[Fraction, bytes] = {}
        self._stride = 1
        self._frame: Frame | None = None

    def add(self, frame: Frame) -> None:
        """Remember a frame that is written."""
        if frame.alpha is not None and len(self._times) % self._stride == 0:
            self._alphas[frame.pts] = zlib.compress(frame.alpha.tobytes(), 1)
            if len(self._alphas) > _MAX_SAMPLES:
                self._stride *= 2
                self._alphas = dict(list(self._alphas.items())[::2])
        self._times.append(frame.pts)
        self._frame = frame

    def run(self, path: Path, *, earlier_frames: int, sounds: int) -> None:
        """Decode `path` and compare.

        Args:
            path: the finished video.
            earlier_frames: frames that an earlier run wrote.
            sounds: number of sound tracks.

        Raises:
            SinkError: it differs; the file is left as it is.
        """
        if self._frame is None:
            return
        inspection = Inspection(path)
        try:
            alpha = max(self._compare_alpha(inspection), default=0)
            facts = inspection.finish()
        finally:
            inspection.close()
        found = list(list_faults(facts))
        if facts is not None:
            found += self._list_differences(facts, path, earlier_frames, sounds)
        if alpha > MAX_ALPHA_LEVELS:
            found.append(f"alpha: differs by {alpha} of 255 levels")
        if found:
            raise SinkError(
                f"{path} is not what was written: {'; '.join(found)}",
                hint=f"the file is kept; `rimlight verify {path}` decodes it again",
            )

    def _compare_alpha(self, inspection: Inspection) -> Iterator[int]:
        """Yield the largest difference of alpha in each frame that was remembered."""
        slack = Fraction(1, 1000)
        waiting = dict(self._alphas)
        for at, picture in inspection:
            key = next((time for time in waiting if abs(time - at) <= slack), None)
            if key is None:
                continue
            wanted, alpha = self._unpack(waiting.pop(key)), read_alpha(picture)
            if alpha is None:
                yield 255 - int(wanted.min())
            elif alpha.shape == wanted.shape:
                yield int(cv2.absdiff(alpha, wanted).max())

    def _unpack(self, data: bytes) -> NDArray[np.uint8]:
        assert self._frame is not None
        width, height = self._frame.size
        return np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, width)

    def _list_differences(
        self, facts: VideoFacts, path: Path, earlier_frames: int, sounds: int
    ) -> Iterator[str]:
        assert self._frame is not None
        count = earlier_frames + len(self._times)
        slack = max(get_time_slack(facts), facts.tick / 2)
        times = facts.times[-len(self._times) :]
        if len(facts.times) != count:
            yield f"frames: {len(facts.times)}, not {count}"
        elif moved := sum(abs(a - b) > slack for a, b in zip(times, self._times, strict=True)):
            yield f"times: {format_count(moved, 'frame')} moved; first at {format_time(times[0])}"
        size = self._frame.size
        if facts.sizes[0] not in (size, round_up_to_even(size)):
            yield f"size: {format_size(facts.sizes[0])}, not {format_size(size)}"
        if facts.sample_aspect != self._info.sample_aspect:
            yield f"pixel aspect: {facts.sample_aspect}, not {self._info.sample_aspect}"
        yield from self._list_format_differences(facts, path)
        if len(facts.sounds) != sounds:
            yield f"sound: {format_count(len(facts.sounds), 'track')}, not {sounds}"

    def _list_format_differences(self, facts: VideoFacts, path: Path) -> Iterator[str]:
        assert self._frame is not None
        plan, colors = self._plan, facts.colors
        written = "bt2020" if plan.hdr else choose_color(plan, self._frame.color).matrix
        matrix = _MATRICES[written]
        if colors.matrix is not None and colors.matrix not in matrix:
            yield f"color matrix: {colors.matrix}, not {matrix[0]}"
        if plan.is_limited_range and colors.range == "full":
            yield "color range: full, not limited"
        if facts.codec.removeprefix("lib").partition("-")[0] not in plan.codec.decoded_names:
            yield f"codec: {facts.codec}, not {plan.codec.standard}"
        tag = get_codec_tag(plan)
        if tag and facts.codec_tag != tag:
            yield f"codec tag: {facts.codec_tag}, not {tag}"
        if is_quicktime(plan) and not _begins_with_index(path):
            yield "the index is not at the begin of the file"


def _begins_with_index(path: Path) -> bool:
    """Return True if the box moov of an MP4 or QuickTime file comes before mdat."""
    with path.open("rb") as file:
        while head := file.read(8):
            size, name = int.from_bytes(head[:4], "big"), head[4:]
            if name in (b"moov", b"mdat"):
                return name == b"moov"
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            file.seek(size - 8, 1)
    return False
