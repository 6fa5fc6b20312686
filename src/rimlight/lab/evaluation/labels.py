"""What the colors or numbers in a data set's masks mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.registry import suggest

VOID = 255
"""The label of pixels that nobody is asked about."""


@dataclass(frozen=True)
class Scheme:
    """How masks are written.

    Attributes:
        name: what the command line calls it.
        classes: label i means classes[i]; in id masks every other value is void.
        colors: 0xRRGGBB of each class, for masks that are colored pictures; None: ids.
        also: what other data sets and models call these classes: their name -> ours.
    """

    name: str
    classes: tuple[str, ...]
    colors: tuple[int, ...] | None = None
    also: Mapping[str, str] = field(default_factory=dict)

    def decode(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return uint8 (h, w) labels, `VOID` where unknown.

        Args:
            picture: as OpenCV reads it: ids (h, w), or colors BGR (h, w, 3) or BGRA (h, w, 4).

        Raises:
            ValueError: a color scheme was given ids, or the other way round.
        """
        if (picture.ndim == 3) != (self.colors is not None):
            wanted = "colors" if self.colors is not None else "ids in one channel"
            raise ValueError(f"masks of the scheme {self.name!r} hold {wanted}")
        if self.colors is None:
            return np.where(picture < len(self.classes), picture, VOID).astype(np.uint8)
        codes = picture[..., :3].astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
        labels = np.full(codes.shape, VOID, np.uint8)
        for label, color in enumerate(self.colors):
            labels[codes == color] = label
        return labels

    def make_translation_table(self, given: tuple[str, ...]) -> NDArray[np.uint8]:
        """Return a table uint8 (256,) from labels of the classes `given` to ours, else `VOID`."""
        table = np.full(256, VOID, np.uint8)
        for index, name in enumerate(given):
            # Some write "traffic-sign", some "traffic sign".
            ours = name if name in self.classes else self.also.get(name.replace("-", " "))
            if ours is not None:
                table[index] = self.classes.index(ours)
        return table


_CAMVID_CLASSES = "sky building pole road pavement tree sign fence car pedestrian bicyclist"

CAMVID = Scheme(
    "camvid",
    tuple(_CAMVID_CLASSES.split()),
    also={
        "sidewalk": "pavement",
        "curb": "pavement",
        "mark": "road",
        "vegetation": "tree",
        "terrain": "tree",
        "wall": "building",
        "traffic sign": "sign",
        "traffic light": "sign",
        "truck": "car",
        "bus": "car",
        "train": "car",
        "person": "pedestrian",
        "rider": "bicyclist",
        "bicycle": "bicyclist",
        "motorcycle": "bicyclist",
    },
)
"""CamVid (Brostow et al. 2008) with the 11 classes of SegNet (Badrinarayanan et al. 2017)."""

_MOVABLE = ("car", "truck", "bus", "train", "motorcycle", "bicycle", "person", "rider")
_UNDRIVABLE = (
    *("background", "curb", "sidewalk", "pavement", "building", "wall", "fence", "pole"),
    *("traffic light", "traffic sign", "sign", "vegetation", "tree", "terrain", "sky"),
)

COMMA10K = Scheme(
    "comma10k",
    ("road", "lane", "undrivable", "movable", "my car"),
    colors=(0x402020, 0xFF0000, 0x808060, 0x00FF66, 0xCC00FF),
    also={"mark": "lane"}
    | dict.fromkeys(_MOVABLE, "movable")
    | dict.fromkeys(_UNDRIVABLE, "undrivable"),
)

COMMA10K_OUTSIDE = Scheme(
    "comma10k-outside",
    COMMA10K.classes[:-1],
    colors=(0x402020, 0xFF0000, 0x808060, 0x00FF66),
    also=COMMA10K.also,
)
"""comma10k with the car's own bonnet void: for models that have no class for it."""

SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {s.name: s for s in (CAMVID, COMMA10K, COMMA10K_OUTSIDE)}
)


def find_scheme(name: str) -> Scheme:
    """Return the scheme `name`.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in SCHEMES:
        known = tuple(sorted(SCHEMES))
        raise ConfigError(f"unknown label scheme {name!r}", hint=suggest(name, known))
    return SCHEMES[name]


def guess_scheme(mask: NDArray[np.uint8]) -> Scheme | None:
    """Return the scheme that `mask` looks written in; None for one foreground in gray levels."""
    if mask.ndim == 3:
        labels = COMMA10K.decode(mask)
        return COMMA10K if np.mean(labels != VOID) > 0.5 else None
    few = int(mask.max(initial=0)) <= len(CAMVID.classes)
    return CAMVID if few and np.unique(mask).size > 2 else None
