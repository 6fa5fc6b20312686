"""Reads GIF, APNG, animated WebP and AVIF: every frame with its time and alpha."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import ConfigError, SourceOpenError, SourceReadError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.core.protocols import SourceTraits
from rimlight.imaging.image_files.pillow import AnimationFrame, open_animation
from rimlight.imaging.image_files.read import MAX_MEGAPIXELS, describe_read_error
from rimlight.media.frame_conversion import fit_within
from rimlight.sources.frame_reader import TrimRange

_MS, _US = Fraction(1, 1000), Fraction(1, 1_000_000)
Image = NDArray[np.uint8]


class AnimationSource(SourceTraits):
    """Reads an animation as a video that plays once.

    Raises:
        SourceOpenError: it does not open, or no frame of it can be decoded.
        ConfigError: the requested end is not after the start.
    """

    has_media_clock = True

    class Options(options.Options):
        """What to open."""

        positional: ClassVar[str | None] = "path"

        path: Annotated[str, Field(min_length=1, description="a GIF, APNG, WebP or AVIF")]
        start_s: Annotated[
            options.Seconds, Field(ge=0, description="start time; earlier frames are skipped")
        ] = Fraction(0)
        end_s: Annotated[
            options.Seconds | None, Field(gt=0, description="end time; later frames are skipped")
        ] = None
        stride: Annotated[int, Field(ge=1, description="use every Nth frame")] = 1
        max_size: Annotated[
            options.Size | None, Field(description="scale larger frames down to fit into this size")
        ] = None

        @property
        def trim_range(self) -> TrimRange:
            """The range of frames to read."""
            return TrimRange(self.start_s, self.end_s, self.stride)

    def __init__(self, options: Options) -> None:
        if options.end_s is not None and options.end_s <= options.start_s:
            raise ConfigError("the end is not after the start", hint="both count from the start")
        self._trim_range, self._closed = options.trim_range, False
        path = Path(os.path.expanduser(options.path))
        try:
            self._animation = open_animation(path, MAX_MEGAPIXELS)
        except (OSError, ValueError) as exc:
            raise _make_open_error(path, exc) from exc
        try:
            self._set_up(path, options)
        except BaseException:
            self._animation.close()
            raise

    def _set_up(self, path: Path, options: Options) -> None:
        shots: list[tuple[Fraction, bool]] = []
        try:
            shots.extend((shot.duration, _is_transparent(shot)) for shot in self._animation)
        except ValueError as exc:  # frames before the damage are read before the error is raised
            if not shots:
                raise _make_open_error(path, exc) from exc
        lengths = [lasts for lasts, _ in shots]
        self._name = path.name
        self._size = fit_within(self._animation.size, options.max_size)
        wanted = list(self._select_frames(lengths))
        if not wanted:
            raise SourceOpenError(
                f"{path.name} has no frame from {float(options.start_s):g} s on",
                hint=f"it lasts {float(sum(lengths)):g} s",
            )
        self._wanted_at = dict(wanted)
        end = min(sum(lengths, Fraction(0)), options.end_s or sum(lengths, Fraction(0)))
        duration = end - options.start_s
        self._last, last_at = wanted[-1]
        self._last_lasts = duration - last_at
        is_exact = all((at / _MS).denominator == 1 for at in self._wanted_at.values())
        self.info = SourceInfo(
            path.name,
            self._size,
            rate=Fraction(len(wanted)) / duration,
            count=len(wanted),
            time_base=_MS if is_exact else _US,
            duration_s=float(duration),
            has_alpha=any(is_clear for _, is_clear in shots),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames as BGR, with alpha if the image has any.

        Raises:
            SourceReadError: a frame is damaged; those before it were yielded.
        """
        index = 0
        try:
            for number, shot in enumerate(self._animation):
                if self._closed:
                    return
                if number in self._wanted_at:
                    lasts = self._last_lasts if number == self._last else None
                    yield self._make_frame(shot, index, self._wanted_at[number], lasts)
                    index += 1
        except ValueError as exc:
            if self._closed:
                return
            raise SourceReadError(
                f"{self._name} is damaged: {index} of {self._animation.count} frames could be read",
                hint="what could be read was processed; get the file again for the rest",
            ) from exc

    def close(self) -> None:
        """End the iteration and close the file."""
        self._closed = True
        self._animation.close()

    def _select_frames(self, lengths: list[Fraction]) -> Iterator[tuple[int, Fraction]]:
        """Yield the index and the time of each frame in the range."""
        at, taken = Fraction(0), 0
        for number, length in enumerate(lengths):
            is_inside = at >= self._trim_range.start_s and (
                self._trim_range.end_s is None or at < self._trim_range.end_s
            )
            if is_inside:
                if taken % self._trim_range.stride == 0:
                    yield number, at - self._trim_range.start_s
                taken += 1
            at += length

    def _make_frame(
        self, shot: AnimationFrame, index: int, at: Fraction, lasts: Fraction | None
    ) -> Frame:
        bgr, alpha = self._scale(shot.bgr), shot.alpha
        if alpha is not None:
            alpha = None if int(alpha.min()) == 255 else self._scale(alpha)
        frame = Frame.from_bgr(bgr, index=index, pts=at, captured_at=time.monotonic(), alpha=alpha)
        return replace(frame, duration=lasts)

    def _scale(self, pixels: Image) -> Image:
        if (pixels.shape[1], pixels.shape[0]) == self._size:
            return pixels
        return cast(Image, cv2.resize(pixels, self._size, interpolation=cv2.INTER_AREA))


def _is_transparent(shot: AnimationFrame) -> bool:
    return shot.alpha is not None and int(shot.alpha.min()) < 255


def _make_open_error(path: Path, exc: Exception) -> SourceOpenError:
    return SourceOpenError(
        f"cannot read {path}: {describe_read_error(exc)}", hint="check that the file is whole"
    )
