"""Colors by name and by class."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Mapping, Sequence

Bgr = tuple[int, int, int]

# The sixteen basic color keywords of CSS 2.1 (W3C, section 4.3.6), and a few that people try.
_CSS_COLORS = {
    "aqua": "00ffff", "black": "000000", "blue": "0000ff", "brown": "a52a2a", "cyan": "00ffff",
    "fuchsia": "ff00ff", "gray": "808080", "green": "008000", "grey": "808080", "lime": "00ff00",
    "magenta": "ff00ff", "maroon": "800000", "navy": "000080", "olive": "808000",
    "orange": "ffa500", "pink": "ffc0cb", "purple": "800080", "red": "ff0000",
    "silver": "c0c0c0", "teal": "008080", "white": "ffffff", "yellow": "ffff00",
}  # fmt: skip

_CITYSCAPES_COLORS = {
    "person": "dc143c", "pedestrian": "dc143c", "rider": "ff0000", "road": "804080",
    "mark": "ffffff", "curb": "f423e8", "sidewalk": "f423e8", "car": "00008e", "truck": "000046",
    "bus": "003c64", "train": "005064", "motorcycle": "0000e6", "bicycle": "770b20",
    "building": "464646", "wall": "66669c", "fence": "be9999", "pole": "999999",
    "traffic-light": "faaa1e", "traffic-sign": "dcdc00", "vegetation": "6b8e23",
    "terrain": "98fb98", "sky": "4682b4",
}  # fmt: skip
"""Colors that people know from the Cityscapes benchmark (Cordts et al., CVPR 2016)."""

UNPAINTED_CLASSES = ("background", "void")
"""Classes that stand for nothing in particular."""


def is_color(text: str) -> bool:
    """Whether `parse_color` understands `text`."""
    return _parse_rgb(text) is not None


def parse_color(text: str) -> Bgr:
    """Return (blue, green, red), 0..255, of a color as people write it.

    "#00ff00", "00ff00", "#0f0", "0,255,0", "rgb(0,255,0)" and basic CSS names are known.

    Raises:
        ValueError: `text` is no color; the message gives examples.
    """
    rgb = _parse_rgb(text)
    if rgb is None:
        raise ValueError(
            f"{text!r} is no color; write '#00ff00', '0,255,0' (red, green, blue) "
            "or a name such as white"
        )
    return rgb[2], rgb[1], rgb[0]


def _parse_rgb(text: str) -> tuple[int, ...] | None:
    plain = text.strip().lower()
    if called := re.fullmatch(r"rgb ?\((.*)\)", plain):
        plain = called[1].strip()
    if numbers := re.fullmatch(r"(\d{1,3}) ?, ?(\d{1,3}) ?, ?(\d{1,3})", plain, re.ASCII):
        levels = tuple(int(number) for number in numbers.groups())
        return levels if max(levels) <= 255 else None
    is_hex = plain.startswith("#") or re.fullmatch(r"[0-9a-f]{6}", plain)
    digits = _CSS_COLORS.get(plain) or (plain.removeprefix("#") if is_hex else "")
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(digit * 2 for digit in digits)
    if not re.fullmatch(r"[0-9a-f]{6}", digits):
        return None
    return tuple(bytes.fromhex(digits))


def assign_class_colors(classes: Sequence[str], overrides: Mapping[str, str]) -> list[Bgr]:
    """Return a color for each class: the given one, a familiar one, or a distinct one.

    Raises:
        ValueError: a said color is none.
    """
    return [_assign_color(i, name, overrides) for i, name in enumerate(classes)]


def _assign_color(index: int, name: str, overrides: Mapping[str, str]) -> Bgr:
    if name in overrides:
        return parse_color(overrides[name])
    if name in _CITYSCAPES_COLORS:
        return parse_color(f"#{_CITYSCAPES_COLORS[name]}")
    # Steps of the golden ratio put neighbors far apart on the color circle.
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.75, 0.95)
    return round(blue * 255), round(green * 255), round(red * 255)
