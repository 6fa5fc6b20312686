"""Moves the person from corner to corner, and makes them larger or smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from rimlight.core.config import EffectConfig
from rimlight.core.errors import ConfigError
from rimlight.effects.inset import Corner
from rimlight.factory.effect_order import insert_effect
from rimlight.live.effect_edits import Effects

CORNERS: tuple[str, ...] = get_args(Corner)
_MIN, _MAX = 0.1, 1.0


def move_inset(effects: Effects, values: Sequence[str]) -> Effects:
    """Return `effects` with the person in a corner, or as before.

    Args:
        effects: the current ones.
        values: a corner, a size such as "0.3", a change of it such as "+0.05", "on" or "off", in
            any order; none: the next corner, or the first one.

    Raises:
        ConfigError: a value is none of these, or the size of nothing should change.
    """
    if list(values) == ["off"]:
        return tuple(part for part in effects if part.kind != "inset")
    old = next((part for part in effects if part.kind == "inset"), None)
    options = dict(old.given) if old else {}
    if not values and old is not None:
        options["corner"] = CORNERS[(CORNERS.index(old.options.corner) + 1) % len(CORNERS)]
    for value in values:
        if value in CORNERS:
            options["corner"] = value
        elif value != "on":
            options["size"] = _parse_size(value, old)
    return insert_effect(effects, EffectConfig.model_validate({"kind": "inset", **options}))


def _parse_size(text: str, old: EffectConfig | None) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise ConfigError(
            f"{text!r} is neither a corner nor a size",
            hint=f"{', '.join(CORNERS)}, off, 0.3 or +0.05",
        ) from exc
    if text[:1] not in "+-":
        return value
    if old is None:
        raise ConfigError("the person is not in a corner", hint="inset bottom-right")
    changed = min(max(_MIN, float(old.options.size) + value), _MAX)
    return round(changed, 3)
