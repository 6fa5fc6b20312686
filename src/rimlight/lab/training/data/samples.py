"""One image and the source of its labels: ids, colors, or polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.imaging.geometry import UPRIGHT, Orientation
from rimlight.imaging.image_files.read import read_image_file
from rimlight.lab.evaluation.mask_files import read_mask, reduce_to_one_channel, turn_like
from rimlight.lab.training.data.label_map import ColorTable, IdTable
from rimlight.lab.training.data.options import IGNORED

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]
_SHOWN = 5


class Truth(Protocol):
    """Where the labels of one picture come from."""

    def read(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> Labels:
        """Return uint8 (h, w) labels, `IGNORED` where none counts.

        Args:
            size: (width, height) of the upright picture; a stored mask answers at its own size.
            turned: how the stored picture was turned to be upright.

        Raises:
            ConfigError: the file cannot be read.
        """
        ...

    def problems(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> list[str]:
        """Read it and return what of it is ignored for being unknown, a phrase each.

        Raises:
            ConfigError: it is of no use for a picture of `size`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, and where its labels come from.

    Attributes:
        name: "folder/NAME", which orders, splits and seeds.
        picture: the file.
        mask: the labels.
        shown: the labels that occur in it; empty until it was looked into.
    """

    name: str
    picture: Path
    mask: Truth
    shown: frozenset[int] = field(default=frozenset(), compare=False)

    def read(self) -> tuple[Image, Labels]:
        """Return BGR uint8 (h, w, 3) and uint8 labels (h, w) of the same size.

        Raises:
            ConfigError: a file cannot be read, or their sizes differ.
        """
        image, turned = read_oriented(self.picture)
        size = (image.shape[1], image.shape[0])
        labels = self.mask.read(size, turned)
        _check_size(labels, size)
        return image, labels


@dataclass(frozen=True, slots=True)
class Samples:
    """A data set, split.

    Attributes:
        train: what to learn from, sorted by name.
        validation: what is kept back, sorted by name.
        problems: what is wrong with the files, a line each. A sample whose files are unusable is
            in neither part; pixels with unknown labels are ignored.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdMask:
    """A picture whose values are ids, or gray levels."""

    path: Path
    table: IdTable

    def read(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> Labels:
        """Return the labels at the file's own size."""
        return cast(Labels, cv2.LUT(self._values(size, turned), self.table.labels))

    def problems(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> list[str]:
        """Return the unknown ids."""
        values = self._values(size, turned)
        _check_size(values, size)
        unknown = self.table.unknown(values)
        listed = ", ".join(str(value) for value in unknown[:_SHOWN])
        return [f"unknown id {listed} in {self.path.name} is ignored"] if unknown else []

    def _values(self, size: tuple[int, int], turned: Orientation) -> Image:
        return turn_like(reduce_to_one_channel(read_mask(self.path)), size, turned)


@dataclass(frozen=True, slots=True)
class ColorMask:
    """A picture whose colors are classes."""

    path: Path
    table: ColorTable

    def read(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> Labels:
        """Return the labels at the file's own size."""
        return self.table.labels(self._colors(size, turned))

    def problems(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> list[str]:
        """Return the unknown colors."""
        picture = self._colors(size, turned)
        _check_size(picture, size)
        unknown = self.table.unknown(picture)
        listed = ", ".join(f"#{color:06x}" for color in unknown[:_SHOWN])
        return [f"unknown color {listed} in {self.path.name} is ignored"] if unknown else []

    def _colors(self, size: tuple[int, int], turned: Orientation) -> Image:
        return turn_like(read_mask(self.path, colors=True), size, turned)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One labeled thing.

    Attributes:
        label: its class, or `IGNORED`.
        rings: outlines, float32 (points, 2) as shares of the picture's width and height; what any
            of them encloses belongs to it.
    """

    label: int
    rings: tuple[NDArray[np.float32], ...]

    @property
    def area(self) -> float:
        """The share of the picture within its outlines."""
        return float(sum(cv2.contourArea(ring) for ring in self.rings))


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Things with outlines before a background of label 0.

    Attributes:
        shapes: in any order; the smaller lies in front, and a thing before what is ignored.
        wrong: what could not be read of it, a phrase each.
        drawn_on: (width, height) of the picture that they were drawn on; None: not known.
    """

    shapes: Sequence[Shape]
    wrong: tuple[str, ...] = ()
    drawn_on: tuple[int, int] | None = None

    def read(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> Labels:
        """Return the labels of a picture of `size`."""
        if self._is_stored(size, turned):
            return turned.apply(self._drawn((size[1], size[0])))
        return self._drawn(size)

    def _is_stored(self, size: tuple[int, int], turned: Orientation) -> bool:
        """Return True if it was drawn on the stored picture, which lies on its side."""
        return (
            self.drawn_on not in (None, size)
            and turned.transform_size(self.drawn_on or size) == size
        )

    def _drawn(self, size: tuple[int, int]) -> Labels:
        labels = np.zeros((size[1], size[0]), np.uint8)
        ordered = sorted(self.shapes, key=lambda s: (s.label != IGNORED, -s.area))
        for shape in ordered:
            # Pixel n covers n to n + 1; OpenCV's point n is that pixel's center.
            points = [np.rint(ring * size - 0.5).astype(np.int32) for ring in shape.rings]
            for ring in points:
                cv2.fillPoly(labels, [ring], shape.label)
        return labels

    def problems(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> list[str]:
        """Return what could not be read."""
        if self.drawn_on and self.drawn_on != size and not self._is_stored(size, turned):
            raise ConfigError(
                f"the picture is {_read_size(size)}, outlined was {_read_size(self.drawn_on)}"
            )
        return list(self.wrong)


def read_image(path: Path) -> Image:
    """Return a picture as BGR uint8 (h, w, 3).

    Raises:
        ConfigError: it cannot be read.
    """
    return read_oriented(path)[0]


def read_oriented(path: Path) -> tuple[Image, Orientation]:
    """Return a picture as BGR uint8 (h, w, 3), and how its EXIF tag turned it upright.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        read = read_image_file(path)
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"cannot read {path}: {exc}", hint="data.check=true leaves out what cannot be read"
        ) from exc
    return read.bgr, read.orientation


def _check_size(mask: Image, size: tuple[int, int]) -> None:
    found = (mask.shape[1], mask.shape[0])
    if found != size:
        raise ConfigError(f"the picture is {_read_size(size)}, its mask {_read_size(found)}")


def _read_size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
