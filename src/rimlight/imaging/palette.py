"""Colours by name and by class."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Mapping, Sequence

Bgr = tuple[int, int, int]

# The sixteen basic colour keywords of CSS 2.1 (W3C, section 4.3.6), and a few that people try.
_NAMES = {
    "aqua": "00ffff", "black": "000000", "blue": "0000ff", "brown": "a52a2a", "cyan": "00ffff",
    "fuchsia": "ff00ff", "gray": "808080", "green": "008000", "grey": "808080", "lime": "00ff00",
    "magenta": "ff00ff", "maroon": "800000", "navy": "000080", "olive": "808000",
    "orange": "ffa500", "pink": "ffc0cb", "purple": "800080", "red": "ff0000",
    "silver": "c0c0c0", "teal": "008080", "white": "ffffff", "yellow": "ffff00",
}  # fmt: skip

_FAMILIAR = {
    "person": "dc143c", "pedestrian": "dc143c", "rider": "ff0000", "road": "804080",
    "mark": "ffffff", "curb": "f423e8", "sidewalk": "f423e8", "car": "00008e", "truck": "000046",
    "bus": "003c64", "building": "464646", "vegetation": "6b8e23", "sky": "4682b4",
}  # fmt: skip
"""Colours that people know from the Cityscapes benchmark (Cordts et al., CVPR 2016)."""

UNPAINTED = ("background", "void")
"""Classes that stand for nothing in particular."""


def is_colour(text: str) -> bool:
    """Whether `parse_colour` understands `text`."""
    return text.lower() in _NAMES or bool(re.fullmatch(r"#(?:[0-9a-fA-F]{3}){1,2}", text))


def parse_colour(text: str) -> Bgr:
    """Return (blue, green, red), 0..255, for "#00ff00", "#0f0" or a basic CSS name.

    Raises:
        ValueError: `text` is no colour; the message gives examples.
    """
    if not is_colour(text):
        raise ValueError(f"{text!r} is no colour; write '#00ff00', '#0f0', or a name such as white")
    digits = _NAMES.get(text.lower(), text.lstrip("#"))
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return blue, green, red


def class_colours(classes: Sequence[str], said: Mapping[str, str]) -> list[Bgr]:
    """Return a colour for each class: the one said, a familiar one, or one well apart from others.

    Raises:
        ValueError: a said colour is none.
    """
    return [_class_colour(i, name, said) for i, name in enumerate(classes)]


def _class_colour(index: int, name: str, said: Mapping[str, str]) -> Bgr:
    if name in said:
        return parse_colour(said[name])
    if name in _FAMILIAR:
        return parse_colour(f"#{_FAMILIAR[name]}")
    # Steps of the golden ratio put neighbours far apart on the colour circle.
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.75, 0.95)
    return round(blue * 255), round(green * 255), round(red * 255)
