"""Puts more effects into a chain, each where its kind belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.core.config import EffectConfig, parse_spec
from rimlight.core.errors import ConfigError
from rimlight.core.protocols import EffectPosition
from rimlight.core.registry import suggest
from rimlight.effects import EFFECTS


def parse_effect(spec: str) -> dict[str, Any]:
    """Return the effect that `spec` names, as {"kind": ..., option: ...}.

    Args:
        spec: such as "hologram" or "layer:logo.png".

    Raises:
        ConfigError: the kind is unknown, or takes no value after a colon.
    """
    kind, value = parse_spec(spec, EFFECTS.names())
    if not kind:
        name = spec.partition(":")[0]
        raise ConfigError(f"unknown effect {name!r}", hint=suggest(name, EFFECTS.names()))
    if value is None:
        return {"kind": kind}
    option = getattr(EFFECTS.load(kind).Options, "positional", None)
    if option is None:
        raise ConfigError(
            f"the effect {kind!r} takes no value, got {value!r}", hint=f"{kind} alone"
        )
    return {"kind": kind, option: value}


def insert_effect(effects: Sequence[EffectConfig], new: EffectConfig) -> tuple[EffectConfig, ...]:
    """Return `effects` with `new` at its place; it replaces one of the same kind.

    Effects that change the person come before the background, in the order in which they were
    added; those that lie over everything come last, not mirrored.
    """
    if any(part.kind == new.kind for part in effects):
        return tuple(new if part.kind == new.kind else part for part in effects)
    position = _get_position(new)
    later = [number for number, part in enumerate(effects) if _get_position(part) > position]
    at = min(later, default=len(effects))
    if position is EffectPosition.FRAME:  # a mirrored frame no longer fits its mask
        flips = [number for number, part in enumerate(effects) if part.kind == "flip"]
        at = min([at, *flips])
    return (*effects[:at], new, *effects[at:])


def insert_effects(
    effects: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Do what `insert_effect` does, for several, as plain mappings."""
    parts = tuple(EffectConfig.model_validate(part) for part in effects)
    for part in new:
        parts = insert_effect(parts, EffectConfig.model_validate(part))
    return [{"kind": part.kind, **part.given} for part in parts]


def _get_position(part: EffectConfig) -> EffectPosition:
    position: EffectPosition = part.component_class.position
    return position
