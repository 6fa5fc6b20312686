"""Pictures with their true masks: folders of pairs, single or in sequence."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame
from rimlight.imaging.image_files.read import read_image
from rimlight.lab.evaluation.crops import Crop
from rimlight.lab.evaluation.labels import Scheme, guess_scheme
from rimlight.lab.evaluation.masks import TURNED, read_mask
from rimlight.lab.evaluation.metrics import Alpha
from rimlight.lab.evaluation.pairs import Pair, find_pairs, problems, read_pair, runs_on

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


class Data(Protocol):
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


class FolderData:
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
        self._told = False
        self.name = _short_name(folder)
        self.scheme = scheme or _guessed(pairs[0].mask)
        self.rate = rate if crop is None and runs_on(pairs) else None
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
            sample = self._sample(image, truth, index, pair.name)
            cut = sample if self._crop is None else self._crop(sample)
            if cut is not None:
                yield cut

    def _read(self, pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        try:
            colors = self.scheme is not None and self.scheme.colors is not None
            image, mask, is_unsure = read_pair(pair.image, pair.mask, colors=colors)
        except (OSError, ValueError) as exc:
            raise ConfigError(f"cannot read {pair.image}: {exc}") from exc
        if is_unsure and not self._told:
            self._told = True
            _log.warning(TURNED, pair.image.name)
        if image.shape[:2] != mask.shape[:2]:
            found = problems(self._folder)
            raise ConfigError(
                f"{self._folder}: {'; '.join(found[:5])}", hint=f"{len(found)} in all"
            )
        return image, mask

    def _sample(
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


def _guessed(mask: Path) -> Scheme | None:
    """Return the scheme of a mask by its colors, else by its ids."""
    return guess_scheme(read_mask(mask, colors=True)) or guess_scheme(read_mask(mask))


def _short_name(folder: Path) -> str:
    """Return the last two parts of the path: "video/breakdance", not just "breakdance"."""
    parts = folder.resolve().parts
    return "/".join(parts[-2:])
