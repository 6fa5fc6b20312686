"""The one rule for whether the effects of a live run cover the room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rimlight.core.config import EffectConfig
from rimlight.core.errors import ConfigError

MIN_BLUR_SHARE = 0.01
"""Sigma of the least blur that covers, as a share of the picture's height."""
MIN_BLUR_PX = 2.0
"""The same where the height is not known yet: anything less covers no picture."""
BACKGROUND_CLASSES = frozenset({"background", "void", "rest"})
"""Classes that are the room: an effect that keeps one covers nothing."""

_OR_ASK = "or set allow_passthrough=true to show the room"


def compute_min_blur_px(height: int | None) -> float:
    """Return the least blur that covers a picture of `height` pixels, in whole pixels."""
    return MIN_BLUR_PX if height is None else float(math.ceil(MIN_BLUR_SHARE * height))


def hides_background(part: EffectConfig, height: int | None = None) -> bool:
    """Say whether an effect leaves nothing of the room to be seen.

    Args:
        part: the effect.
        height: of the picture, in pixels; None where it is not known yet.
    """
    return part.component_class.hides_background and not (_is_weak(part, height) or _kept(part))


def check_effects(parts: Sequence[EffectConfig], height: int | None = None) -> None:
    """Refuse effects of which none covers the room.

    Raises:
        ConfigError: none does; the message says what is wrong with the one that nearly does.
    """
    if any(hides_background(part, height) for part in parts):
        return
    for part in parts:
        if part.component_class.hides_background and _kept(part):
            raise ConfigError(
                f"an effect that keeps {_kept(part)!r} shows the room",
                hint="keep persons or things",
            )
        if part.component_class.hides_background:
            where = f"a picture {height} pixels high" if height else "any picture"
            raise ConfigError(
                f"a blur of {part.options.radius_px:g} pixels hides too little of {where}",
                hint=f"blur {compute_min_blur_px(height):g} pixels or more, {_OR_ASK}",
            )
    raise ConfigError(
        "no effect covers the background: the room would be seen",
        hint=f"choose --background or --blur; {_OR_ASK}",
    )


def check_kept(names: Iterable[str], what: str) -> None:
    """Refuse a choice of classes with which the room stays to be seen.

    Args:
        names: the classes that stay.
        what: who says so, for the message.

    Raises:
        ConfigError: the room is among them.
    """
    room = sorted(BACKGROUND_CLASSES.intersection(names))
    if room:
        raise ConfigError(f"{what} keeps {room[0]!r}: the room would be seen", hint=_OR_ASK[3:])


def _is_weak(part: EffectConfig, height: int | None) -> bool:
    return part.kind == "blur" and not part.options.radius_px >= _least(height)


def _least(height: int | None) -> float:
    return MIN_BLUR_PX if height is None else MIN_BLUR_SHARE * height


def _kept(part: EffectConfig) -> str:
    """Return the first class of the room that an effect is told to keep, "" for none."""
    names = getattr(part.options, "keep", None) or ()
    return next((name for name in names if name in BACKGROUND_CLASSES), "")
