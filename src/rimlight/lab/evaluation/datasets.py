"""Data sets to evaluate on: folders of images with masks, videos and other sources."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rimlight.core.addresses import hide_secrets
from rimlight.core.config import SourceConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame
from rimlight.core.protocols import Source
from rimlight.core.registry import suggest
from rimlight.factory import pipeline
from rimlight.imaging.image_files.read import read_image
from rimlight.lab.evaluation.files import (
    Pair,
    describe_content,
    find_pairs,
    find_problems,
    is_sequence,
    list_images,
    read_pair,
)
from rimlight.lab.evaluation.labels import Scheme, find_scheme, guess_scheme
from rimlight.lab.evaluation.mask_files import TURNED, read_mask
from rimlight.lab.evaluation.metrics import Alpha
from rimlight.sources import guess_source

_log = logging.getLogger(__name__)

SEQUENCE_RATE = Fraction(30)
"""Frames a second of a numbered sequence of pictures, which does not say it itself."""


@dataclass(frozen=True)
class Sample:
    """One picture and what is known of it.

    Attributes:
        frame: the picture.
        alpha: float32 (h, w) in [0, 1], the true foreground at the picture's size; None: unknown.
        labels: uint8 (h, w), the true classes, `labels.VOID` where unknown; None: unknown.
    """

    frame: Frame
    alpha: Alpha | None = None
    labels: NDArray[np.uint8] | None = None


class Dataset(Protocol):
    """Something to evaluate on."""

    name: str
    """What reports call it."""
    scheme: Scheme | None
    """What `Sample.labels` mean; None where the truth is one foreground or unknown."""
    rate: Fraction | None
    """Frames a second of a sequence; None for single pictures."""
    size: tuple[int, int]
    """(width, height) of the first picture."""
    count: int | None
    """How many pictures are expected; None when unknown."""

    def __iter__(self) -> Iterator[Sample]:
        """Yield the pictures in order; may be called again."""
        ...


class FolderDataset:
    """`images/NAME.jpg` (or .png) with `masks/NAME_mask.png`.

    Pictures whose names count up without a gap and that look alike are a sequence.

    Args:
        folder: what holds `images` and `masks`.
        scheme: how the masks are written; None looks at the first one.
        crop: what to cut out of every picture; a sequence becomes single pictures by it.
        limit: use only this many pictures.
        rate: frames a second, if it is a sequence.

    Raises:
        ConfigError: a folder or a partner is missing; all that are missing are listed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        scheme: Scheme | None = None,
        crop: Crop | None = None,
        limit: int | None = None,
        rate: Fraction = SEQUENCE_RATE,
    ) -> None:
        pairs = find_pairs(folder)
        self._folder = folder
        self._crop = crop
        self._has_warned = False
        self.name = _shorten_name(folder)
        self.scheme = scheme or _guess_scheme_of(pairs[0].mask)
        self.rate = rate if crop is None and is_sequence(pairs) else None
        self._pairs = pairs[:limit]
        self.count: int | None = len(self._pairs)
        first = read_image(pairs[0].image)[0]
        self.size = (first.shape[1], first.shape[0])

    def __iter__(self) -> Iterator[Sample]:
        """Yield the pictures in order.

        Raises:
            ConfigError: a picture does not have the size of its mask, or cannot be read.
        """
        for index, pair in enumerate(self._pairs):
            image, truth = self._read(pair)
            sample = self._make_sample(image, truth, index, pair.name)
            cut = sample if self._crop is None else self._crop(sample)
            if cut is not None:
                yield cut

    def _read(self, pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        try:
            colors = self.scheme is not None and self.scheme.colors is not None
            image, mask, is_unsure = read_pair(pair.image, pair.mask, colors=colors)
        except (OSError, ValueError) as exc:
            raise ConfigError(f"cannot read {pair.image}: {exc}") from exc
        if is_unsure and not self._has_warned:
            self._has_warned = True
            _log.warning(TURNED, pair.image.name)
        if image.shape[:2] != mask.shape[:2]:
            found = find_problems(self._folder)
            raise ConfigError(
                f"{self._folder}: {'; '.join(found[:5])}", hint=f"{len(found)} in all"
            )
        return image, mask

    def _make_sample(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], index: int, name: str
    ) -> Sample:
        # Single pictures all begin a stream of their own: a refiner must not link them.
        place = index if self.rate else 0
        pts = place / (self.rate or SEQUENCE_RATE)
        frame = Frame.from_bgr(image, index=place, pts=pts, captured_at=time.monotonic(), name=name)
        if self.scheme is not None:
            return Sample(frame, labels=self.scheme.decode(mask))
        return Sample(frame, alpha=_as_alpha(mask))


def _as_alpha(mask: NDArray[np.uint8]) -> Alpha:
    """Return the foreground of a gray or white-on-black mask; one of 0 and 1 counts as such."""
    gray = mask if mask.ndim == 2 else mask[..., :3].max(axis=2)
    full = 255 if gray.max(initial=0) > 1 else 1
    return cast(Alpha, (gray / np.float32(full)).astype(np.float32))


def _guess_scheme_of(mask: Path) -> Scheme | None:
    """Return the scheme of a mask by its colors, else by its ids."""
    return guess_scheme(read_mask(mask, colors=True)) or guess_scheme(read_mask(mask))


def _shorten_name(folder: Path) -> str:
    """Return the last two parts of the path: "video/breakdance", not just "breakdance"."""
    parts = folder.resolve().parts
    return "/".join(parts[-2:])


Crop = Callable[["Sample"], "Sample | None"]
"""Returns the cut sample, or None where there is nothing to cut out."""

HEADROOM = 0.05
UPPER_BODY = 0.55


def crop_upper_body(sample: Sample) -> Sample | None:
    """Cut a standing person to what a webcam would show, at the picture's full width.

    From 5 % of the picture's height above the person's highest pixel down to 55 % of the
    person's height below it. None where the picture shows nobody.

    Raises:
        ConfigError: the sample has no true alpha.
    """
    if sample.alpha is None:
        raise ConfigError("the upper-body crop needs masks of a person")
    rows = np.flatnonzero((sample.alpha >= 0.5).any(axis=1))
    if not rows.size:
        return None
    top, height = int(rows[0]), int(rows[-1] + 1 - rows[0])
    begin = max(0, round(top - HEADROOM * sample.alpha.shape[0]))
    end = max(begin + 1, round(top + UPPER_BODY * height))
    picture = np.ascontiguousarray(sample.frame.bgr[begin:end])
    return replace(
        sample,
        frame=sample.frame.with_bgr(picture),
        alpha=np.ascontiguousarray(sample.alpha[begin:end]),
    )


CROPS: Mapping[str, Crop] = MappingProxyType({"upper-body": crop_upper_body})


def find_crop(name: str) -> Crop:
    """Return the crop `name`.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in CROPS:
        raise ConfigError(f"unknown crop {name!r}", hint=suggest(name, tuple(CROPS)))
    return CROPS[name]


ENDLESS_COUNT = 150
"""Frames taken of a source that never ends, unless a limit says otherwise."""


@runtime_checkable
class KnowsTruth(Protocol):
    """A source that draws its pictures, and so knows what they show."""

    def draw_mask(self, index: int) -> NDArray[np.uint8]:
        """Return the mask of frame `index`: uint8 (height, width), 255 on the foreground."""
        ...


class SourceDataset:
    """The frames of a source.

    Args:
        opener: opens the source again for every pass.
        name: what reports call it.
        limit: use only this many frames.

    Raises:
        ConfigError: the source is live, so no two passes would see the same.
        SourceError: it does not open.
    """

    scheme: Scheme | None = None

    def __init__(
        self, opener: Callable[[], Source], *, name: str, limit: int | None = None
    ) -> None:
        self._opener = opener
        self.name = name
        source = opener()
        info = source.info
        source.close()
        if info.is_live:
            raise ConfigError(f"{name} is live", hint="record it and evaluate the recording")
        self.rate = None if info.is_image_sequence else info.rate or SEQUENCE_RATE
        self.size = info.size
        ends = info.count is not None or not isinstance(source, KnowsTruth)
        self._limit = limit if ends or limit is not None else ENDLESS_COUNT
        known = [count for count in (info.count, self._limit) if count is not None]
        self.count = min(known, default=None)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the frames.

        Raises:
            SourceReadError: the source broke off.
        """
        source = self._opener()
        try:
            for frame in islice(source, self._limit):
                yield Sample(frame, alpha=_draw_truth(source, frame))
        finally:
            source.close()


def _draw_truth(source: Source, frame: Frame) -> Alpha | None:
    if not isinstance(source, KnowsTruth):
        return None
    return (source.draw_mask(frame.index) / np.float32(255)).astype(np.float32)


def open_dataset(
    spec: str,
    *,
    labels: str | None = None,
    crop: str | None = None,
    limit: int | None = None,
    rate: float = float(SEQUENCE_RATE),
) -> Dataset:
    """Return the data set that `spec` names.

    Args:
        spec: a folder with `images` and `masks`; or a source: a clip, a folder of pictures
            without masks, "test-pattern".
        labels: the scheme of the folder's masks; None looks at the first one.
        crop: the name of a crop.
        limit: use only this many pictures.
        rate: frames a second of a numbered sequence of pictures.

    Raises:
        ConfigError: a name is unknown, the folder is not in order, or a source is cropped.
        SourceError: the source does not open.
    """
    folder = Path(os.path.expanduser(spec))
    if any(os.path.isdir(folder / name) for name in ("images", "masks")):
        return FolderDataset(
            folder,
            scheme=find_scheme(labels) if labels else None,
            crop=find_crop(crop) if crop else None,
            limit=limit,
            rate=Fraction(rate).limit_denominator(1001),
        )
    if crop or labels:
        raise ConfigError(f"{spec} has no masks: --crop and --labels need them")
    if os.path.isdir(folder) and not list_images(folder):
        raise ConfigError(
            f"{folder} holds no pictures: there is {describe_content(folder)}",
            hint="name a folder with images/ and masks/ (or labels/), or one of pictures",
        )
    part = SourceConfig.model_validate(guess_source(spec))
    return SourceDataset(
        partial(pipeline.open_source, part), name=Path(hide_secrets(spec)).name or spec, limit=limit
    )
