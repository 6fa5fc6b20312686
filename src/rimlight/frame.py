"""The values that travel through the pipeline: pictures, masks, and what a source is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from rimlight.imaging.colour import (
    BT601,
    ColourSpace,
    bgr_to_i420,
    even_size,
    i420_to_bgr,
    pad_even,
)
from rimlight.imaging.tags import NO_TAGS, Tags
from rimlight.instances import Instance, Instances, Place

__all__ = ["Frame", "Instance", "Instances", "Layout", "Mask", "Place", "SourceInfo"]

Layout = Literal["bgr", "i420"]


@dataclass(frozen=True)
class Frame:
    """One picture and when it was taken. Nobody writes into a frame they were given.

    Make one with `Frame.from_bgr` or `Frame.from_i420`; read it as `frame.bgr` or `frame.i420`:
    the other layout is made once, when it is first asked for, and remembered.

    Attributes:
        image: uint8; (height, width, 3) for "bgr", (rows*3/2, columns) for "i420". I420 has even
            sides, so a picture of odd size carries its last row or column twice there.
        layout: which of the two `image` is.
        size: (width, height) of the picture in pixels.
        index: how many frames the source had delivered before. A gap means dropped frames.
        pts: presentation time in seconds, exactly as the source's time base gives it.
        captured: `time.monotonic()` in seconds when the frame left the source; for latency only.
        colour: what YUV means in the "i420" layout.
        alpha: uint8 (height, width), 255 where the picture is opaque; None for all opaque.
        name: for pictures, the path relative to the folder they came from.
        tags: for pictures, what their file says beside the pixels.

    Raises:
        TypeError: `image` or `alpha` is not uint8.
        ValueError: `image` or `alpha` does not have the shape that `layout` and `size` ask for.
    """

    image: NDArray[np.uint8]
    layout: Layout
    size: tuple[int, int]
    index: int
    pts: Fraction
    captured: float
    colour: ColourSpace = BT601
    alpha: NDArray[np.uint8] | None = None
    name: str = ""
    tags: Tags = NO_TAGS

    def __post_init__(self) -> None:
        width, height = self.size
        columns, rows = even_size(self.size)
        expected = (height, width, 3) if self.layout == "bgr" else (rows * 3 // 2, columns)
        _check("frame image", self.image, expected)
        if self.alpha is not None:
            _check("frame alpha", self.alpha, (height, width))

    @classmethod
    def from_bgr(
        cls,
        bgr: NDArray[np.uint8],
        *,
        index: int,
        pts: Fraction,
        captured: float,
        alpha: NDArray[np.uint8] | None = None,
        name: str = "",
        tags: Tags = NO_TAGS,
    ) -> Frame:
        """Wrap a uint8 (height, width, 3) BGR picture."""
        size = (bgr.shape[1], bgr.shape[0])
        return cls(bgr, "bgr", size, index, pts, captured, alpha=alpha, name=name, tags=tags)

    @classmethod
    def from_i420(
        cls,
        i420: NDArray[np.uint8],
        *,
        size: tuple[int, int],
        index: int,
        pts: Fraction,
        captured: float,
        colour: ColourSpace = BT601,
    ) -> Frame:
        """Wrap a uint8 (rows*3/2, columns) I420 picture of `size`; rows and columns are even."""
        return cls(i420, "i420", size, index, pts, captured, colour)

    @cached_property
    def bgr(self) -> NDArray[np.uint8]:
        """The picture as uint8 (height, width, 3), BGR."""
        if self.layout == "bgr":
            return self.image
        width, height = self.size
        return i420_to_bgr(self.image, self.colour)[:height, :width]

    @cached_property
    def i420(self) -> NDArray[np.uint8]:
        """The picture as uint8 (rows*3/2, columns), planes Y, U, V in `colour`."""
        if self.layout == "i420":
            return self.image
        return bgr_to_i420(pad_even(self.image), self.colour)

    @property
    def nbytes(self) -> int:
        """Bytes of the picture as it arrived."""
        return int(self.image.nbytes)

    def with_bgr(self, bgr: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> Frame:
        """Return the same moment with another picture, which may differ in size."""
        size = (bgr.shape[1], bgr.shape[0])
        return replace(self, image=bgr, layout="bgr", size=size, alpha=alpha)

    def with_i420(self, i420: NDArray[np.uint8]) -> Frame:
        """Return the same moment with another, opaque picture of the same size."""
        return replace(self, image=i420, layout="i420", alpha=None)

    def with_alpha(self, alpha: NDArray[np.uint8]) -> Frame:
        """Return the same picture, seen through `alpha`."""
        return replace(self, alpha=alpha)


def _check(what: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.dtype != np.uint8:
        raise TypeError(f"{what} must be uint8, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{what} must be {shape}, got {array.shape}")


@dataclass(frozen=True)
class Mask:
    """What the pixels of one whole frame are, at the model's resolution.

    Made from scores (`Mask(scores, classes)`) or from labels (`Mask.from_labels`); the other view
    is made when it is asked for.

    Attributes:
        given: float32 scores (h, w, len(classes)) in [0, 1], or uint8 labels (h, w).
        classes: one name for each score channel or label, for example ("person",).
        foreground: the classes that stay when nothing else is asked for.
        edges: (low, high): where the mask meets the picture, scores up to `low` count as 0 and
            scores from `high` as 1, with a smooth step between.
        instances: the single objects that the mask was made of; None where the model knows none.
        levels: the scores of a mask's only class in 255ths, uint8 (h, w), where whoever made them
            had these at hand; None otherwise.
        unsure: the mean entropy (0..1) of scores that labels were made of; None where nobody knows,
            and where `given` still holds the scores.

    Raises:
        ValueError: `given` does not fit `classes`, or `edges` is not rising within [0, 1].
    """

    given: NDArray[np.float32] | NDArray[np.uint8]
    classes: tuple[str, ...]
    foreground: tuple[str, ...] = ("person",)
    edges: tuple[float, float] = (0.0, 1.0)
    instances: Instances | None = None
    unsure: float | None = None
    levels: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        shape, dtype = self.given.shape, self.given.dtype
        labels = dtype == np.uint8 and self.given.ndim == 2
        scores = dtype == np.float32 and shape[2:] == (len(self.classes),)
        if not (labels or scores):
            raise ValueError(
                f"a mask must be float32 (h, w, {len(self.classes)}) scores or uint8 (h, w) "
                f"labels for classes {self.classes}, got {dtype} {shape}"
            )
        if not 0 <= self.edges[0] < self.edges[1] <= 1:
            raise ValueError(f"mask edges must rise within [0, 1], got {self.edges}")

    @classmethod
    def from_labels(
        cls,
        labels: NDArray[np.uint8],
        classes: tuple[str, ...],
        *,
        foreground: tuple[str, ...] = ("person",),
    ) -> Mask:
        """Wrap the winning class of each pixel, uint8 (h, w), values below len(classes)."""
        return cls(labels, classes, foreground)

    @classmethod
    def from_instances(
        cls,
        instances: Instances,
        *,
        foreground: tuple[str, ...] = ("person",),
        edges: tuple[float, float] = (0.0, 1.0),
    ) -> Mask:
        """Wrap single objects: their classes, and "background" where there is none."""
        classes = (*instances.classes, "background")
        return cls(instances.labels(), classes, foreground, edges, instances)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the mask."""
        return self.given.shape[0], self.given.shape[1]

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """float32 (h, w, len(classes)) in [0, 1]."""
        if self.given.dtype != np.uint8:
            return cast(NDArray[np.float32], self.given)
        every = np.arange(len(self.classes), dtype=np.uint8)
        return cast(NDArray[np.float32], (self.given[..., None] == every).astype(np.float32))

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """uint8 (h, w): the winning class; one single class wins from a score of 0.5 up.

        With a single class ("person"), 0 is that class and 1 stands for none of it.
        """
        if self.given.dtype == np.uint8:
            return cast(NDArray[np.uint8], self.given)
        if len(self.classes) == 1:
            return (self.given[..., 0] < 0.5).astype(np.uint8)
        return cast(NDArray[np.uint8], self.given.argmax(axis=2).astype(np.uint8))

    def alpha(self, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Return how much of each pixel belongs to `names`, float32 (h, w) in [0, 1].

        Args:
            names: classes that count; None for the mask's own foreground.

        Raises:
            KeyError: a name is not among the classes.
        """
        said = self.foreground if names is None else names
        wanted = [self._channel(name) for name in said]
        if self.instances is not None:
            return self._object_alpha(self.instances, said)
        if self.given.dtype == np.uint8:
            return np.isin(self.given, np.array(wanted, np.uint8)).astype(np.float32)
        if len(wanted) == 1:
            return cast(NDArray[np.float32], self.given[..., wanted[0]])
        total = self.scores[..., wanted].sum(axis=2)
        return cast(NDArray[np.float32], np.minimum(total, 1, dtype=np.float32))

    def with_scores(
        self, scores: NDArray[np.float32], levels: NDArray[np.uint8] | None = None
    ) -> Mask:
        """Return a mask of the same classes with other scores, and no single objects."""
        return replace(self, given=scores, instances=None, levels=levels)

    def _object_alpha(self, instances: Instances, names: Sequence[str]) -> NDArray[np.float32]:
        """Objects have soft edges of their own; other classes have those of the labels."""
        alpha = instances.levels(names).astype(np.float32) * np.float32(1 / 255)
        others = [self._channel(name) for name in names if name not in instances.classes]
        if others:
            alpha[np.isin(self.given, np.array(others, np.uint8))] = 1
        return alpha

    def _channel(self, name: str) -> int:
        if name not in self.classes:
            raise KeyError(f"no class {name!r}; this mask has {', '.join(self.classes)}")
        return self.classes.index(name)


@dataclass(frozen=True)
class SourceInfo:
    """What a source says of itself once it is open.

    Attributes:
        name: what to call it in messages.
        size: (width, height) in pixels as shown, rotation applied; pictures may differ later.
        rate: frames a second, an average for variable rates; None for single pictures.
        count: how many frames are expected; None when unknown.
        is_live: frames come in real time and are lost when nobody takes them.
        time_base: the unit of the container's time stamps; every `Frame.pts` is a multiple of it.
        duration_s: how long the stream says it is, in seconds.
        colour: what YUV means in its frames.
        sample_aspect: width to height of one pixel.
        container: the file whose sound and subtitles belong to the frames.
        origin: the time on the container's clock at which the frames' own times begin.
        primaries: the colours' primaries, an ITU-T H.273 code point; None when not declared.
        transfer: their transfer characteristics, likewise.
        stills: the frames are single pictures with names.
        notes: what the user should know, such as a size that the camera would not give.
    """

    name: str
    size: tuple[int, int]
    rate: Fraction | None = None
    count: int | None = None
    is_live: bool = False
    time_base: Fraction | None = None
    duration_s: float | None = None
    colour: ColourSpace = BT601
    sample_aspect: Fraction = Fraction(1)
    container: Path | None = None
    origin: Fraction = Fraction(0)
    primaries: int | None = None
    transfer: int | None = None
    stills: bool = False
    notes: tuple[str, ...] = field(default=())
