"""One picture and where its labels come from: a picture of ids, of colours, or drawn shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.errors import ConfigError
from rimlight.evaluation.pairs import read_mask
from rimlight.imaging.pictures import read_picture
from rimlight.training.data.mapping import ColourTable, IdTable
from rimlight.training.data.options import IGNORED

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]
_SHOWN = 5


class Truth(Protocol):
    """Where the labels of one picture come from."""

    def read(self, size: tuple[int, int]) -> Labels:
        """Return uint8 (h, w) labels, `IGNORED` where none counts.

        Args:
            size: (width, height) of the picture; a stored mask answers at its own size.

        Raises:
            ConfigError: the file cannot be read.
        """
        ...

    def problems(self, size: tuple[int, int]) -> list[str]:
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
    """

    name: str
    picture: Path
    mask: Truth

    def read(self) -> tuple[Image, Labels]:
        """Return BGR uint8 (h, w, 3) and uint8 labels (h, w) of the same size.

        Raises:
            ConfigError: a file cannot be read, or their sizes differ.
        """
        image = read_image(self.picture)
        size = (image.shape[1], image.shape[0])
        labels = self.mask.read(size)
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
    """A picture whose values are ids, or grey levels."""

    path: Path
    table: IdTable

    def read(self, size: tuple[int, int]) -> Labels:
        """Return the labels at the file's own size."""
        return cast(Labels, cv2.LUT(one_channel(read_mask(self.path)), self.table.labels))

    def problems(self, size: tuple[int, int]) -> list[str]:
        """Return the unknown ids."""
        values = one_channel(read_mask(self.path))
        _check_size(values, size)
        unknown = self.table.unknown(values)
        listed = ", ".join(str(value) for value in unknown[:_SHOWN])
        return [f"unknown id {listed} in {self.path.name} is ignored"] if unknown else []


@dataclass(frozen=True, slots=True)
class ColourMask:
    """A picture whose colours are classes."""

    path: Path
    table: ColourTable

    def read(self, size: tuple[int, int]) -> Labels:
        """Return the labels at the file's own size."""
        return self.table.labels(read_mask(self.path))

    def problems(self, size: tuple[int, int]) -> list[str]:
        """Return the unknown colours."""
        picture = read_mask(self.path)
        _check_size(picture, size)
        unknown = self.table.unknown(picture)
        listed = ", ".join(f"#{colour:06x}" for colour in unknown[:_SHOWN])
        return [f"unknown colour {listed} in {self.path.name} is ignored"] if unknown else []


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One labelled thing.

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

    def read(self, size: tuple[int, int]) -> Labels:
        """Return the labels of a picture of `size`."""
        labels = np.zeros((size[1], size[0]), np.uint8)
        ordered = sorted(self.shapes, key=lambda s: (s.label != IGNORED, -s.area))
        for shape in ordered:
            # Pixel n covers n to n + 1; OpenCV's point n is that pixel's centre.
            points = [np.rint(ring * size - 0.5).astype(np.int32) for ring in shape.rings]
            for ring in points:
                cv2.fillPoly(labels, [ring], shape.label)
        return labels

    def problems(self, size: tuple[int, int]) -> list[str]:
        """Return what could not be read."""
        if self.drawn_on and self.drawn_on != size:
            raise ConfigError(
                f"the picture is {_sides(size)}, outlined was {_sides(self.drawn_on)}"
            )
        return list(self.wrong)


def read_image(path: Path) -> Image:
    """Return a picture as BGR uint8 (h, w, 3).

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return read_picture(path)[0]
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"cannot read {path}: {exc}", hint="data.check=true leaves out what cannot be read"
        ) from exc


def one_channel(mask: Image) -> Image:
    """Return the values of a mask: the first channel of one that has several."""
    return mask if mask.ndim == 2 else np.ascontiguousarray(mask[..., 0])


def _check_size(mask: Image, size: tuple[int, int]) -> None:
    found = (mask.shape[1], mask.shape[0])
    if found != size:
        raise ConfigError(f"the picture is {_sides(size)}, its mask {_sides(found)}")


def _sides(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
