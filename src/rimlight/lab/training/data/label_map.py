"""From ids, colors and names of a data set to the classes that are learned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.registry import suggest
from rimlight.lab.training.data.options import IGNORED, DataOptions, Key

OTHERS = "*"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class LabelMap:
    """What each id, color or name of a data set becomes.

    An entry of `remap` or `ignore` counts first. What has none keeps its name, where the classes
    have one of that name, and then its id, where nothing is remapped; all else is what `remap`
    says of "*", or unknown.

    Raises:
        ConfigError: `remap` leads to a class that there is not.
    """

    def __init__(self, options: DataOptions) -> None:
        self.classes = options.classes
        said = {**options.remap, **dict.fromkeys(options.ignore, "ignore")}
        self._said = {_normalize(key): self._label(value) for key, value in said.items()}
        self._others = self._said.pop(OTHERS, None)

    def colors(self) -> dict[int, int]:
        """Return the labels that were said of colors, by 0xRRGGBB."""
        found = {k: v for k, v in self._said.items() if isinstance(k, str) and _COLOR.fullmatch(k)}
        return {int(str(key)[1:], 16): label for key, label in found.items()}

    @property
    def has_ids(self) -> bool:
        """Something was said of an id."""
        return any(isinstance(key, int) for key in self._said)

    @property
    def others(self) -> int | None:
        """The label of all that nothing was said of; None: it is unknown."""
        return self._others

    def label(self, key: int | None, name: str | None = None, *, void: bool = False) -> int | None:
        """Return the label of an id, of what bears `name`, or of both; None: unknown.

        Args:
            key: the id; None for a color.
            name: what the data set calls it; None: it has no names.
            void: the data set itself does not count it.
        """
        for known in (key, name):
            if known is not None and known in self._said:
                return self._said[known]
        if void:
            return IGNORED
        if name in self.classes:
            return self.classes.index(str(name))
        is_plain = name is None and not self._said and self._others is None
        return key if is_plain and key is not None and key < len(self.classes) else self._others

    def _label(self, value: Key) -> int:
        if value in ("ignore", IGNORED):
            return IGNORED
        if isinstance(value, int) and 0 <= value < len(self.classes):
            return value
        if value in self.classes:
            return self.classes.index(str(value))
        raise ConfigError(
            f"remap leads to {value!r}, which is no class",
            hint=suggest(str(value), (*self.classes, "ignore")),
        )


def _normalize(key: Key) -> Key:
    return key.lower() if isinstance(key, str) and _COLOR.fullmatch(key) else key


@dataclass(frozen=True, slots=True, eq=False)
class IdTable:
    """What each of the 256 values of a mask becomes.

    Attributes:
        labels: uint8 (256,), `IGNORED` for unknown ones.
        known: bool (256,).
    """

    labels: NDArray[np.uint8]
    known: NDArray[np.bool_]

    def unknown(self, values: NDArray[np.uint8]) -> list[int]:
        """Return the values in a mask that have no label."""
        present = np.bincount(values.ravel(), minlength=256) > 0
        return [int(value) for value in np.flatnonzero(present & ~self.known)]


def make_id_table(mapped: LabelMap, names: Sequence[str] = (), void: Sequence[int] = ()) -> IdTable:
    """Return the table of id masks; `IGNORED` and `void` do not count unless remapped.

    Args:
        mapped: what was said of ids and names.
        names: of the ids from 0 on.
        void: ids that the data set itself does not count.
    """
    found = [_find_id_label(mapped, value, names, void) for value in range(256)]
    known = np.array([label is not None for label in found])
    labels = np.array([IGNORED if label is None else label for label in found], np.uint8)
    return IdTable(labels, known)


def make_gray_table(classes: Sequence[str]) -> IdTable:
    """Return the table of masks from black to white: the lighter half is the second class.

    Raises:
        ConfigError: there are not two classes.
    """
    if len(classes) != 2:
        raise ConfigError(
            f"black and white masks tell two classes apart, not {len(classes)}",
            hint="name two classes, or say masks: ids and what each id is in remap",
        )
    labels = (np.arange(256) >= 128).astype(np.uint8)
    return IdTable(labels, np.ones(256, np.bool_))


def _find_id_label(
    mapped: LabelMap, value: int, names: Sequence[str], void: Sequence[int]
) -> int | None:
    nameless = "" if names else None  # beyond the list, an id has a name that no class has
    name = names[value] if value < len(names) else nameless
    return mapped.label(value, name, void=value == IGNORED or value in void)


@dataclass(frozen=True, slots=True, eq=False)
class ColorTable:
    """What the colors of a mask become.

    Attributes:
        by_color: labels by 0xRRGGBB.
        others: the label of every other color; None: they are unknown, and ignored.
    """

    by_color: Mapping[int, int]
    others: int | None

    def labels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return uint8 (h, w) labels of a mask BGR or BGRA, or gray (h, w)."""
        codes = _encode(picture)
        labels = np.full(codes.shape, IGNORED if self.others is None else self.others, np.uint8)
        for color, label in self.by_color.items():
            labels[codes == color] = label
        return labels

    def unknown(self, picture: NDArray[np.uint8]) -> list[int]:
        """Return the colors without a label, the most frequent first."""
        if self.others is not None:
            return []
        colors, counts = np.unique(_encode(picture), return_counts=True)
        found = [(-count, int(c)) for c, count in zip(colors, counts, strict=True)]
        return [color for _, color in sorted(found) if color not in self.by_color]


def make_color_table(mapped: LabelMap, named: Mapping[int, str]) -> ColorTable:
    """Return the table of masks that hold colors, of which `named` says what they mean.

    Raises:
        ConfigError: no color leads to a class.
    """
    by_name = {color: mapped.label(None, name) for color, name in named.items()}
    found = {color: label for color, label in by_name.items() if label is not None}
    table = {**found, **mapped.colors()}
    if not table:
        raise ConfigError(
            "the masks hold colors, and none of them is said to be a class",
            hint="name them in remap, such as '#402020': road",
        )
    return ColorTable(table, mapped.others)


def _encode(picture: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return 0xRRGGBB of every pixel, uint32 (h, w)."""
    if picture.ndim == 2:
        return picture.astype(np.uint32) * np.uint32(0x010101)
    wide = picture[..., :3].astype(np.uint32)
    blue, green, red = (wide[..., channel] for channel in range(3))
    codes: NDArray[np.uint32] = blue | np.left_shift(green, 8) | np.left_shift(red, 16)
    return codes
