"""The selection of objects on the command line: `--keep person,dog`, `--exclude chair`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_ONES = ("largest", "center")


@dataclass(frozen=True, slots=True)
class ObjectFilter:
    """A choice as parts of a run.

    Attributes:
        classes: classes that an effect keeps by itself; empty for the model's own foreground.
        refiners: what makes the choice in the mask, where classes alone do not say it.
    """

    classes: tuple[str, ...] = ()
    refiners: tuple[dict[str, Any], ...] = ()

    @property
    def as_refiners(self) -> tuple[dict[str, Any], ...]:
        """The whole choice as refiners, for runs whose effects leave it to them."""
        if self.classes:
            return ({"kind": "select", "keep": self.classes},)
        return self.refiners


def parse_object_filter(
    keep: Sequence[str] | None, exclude: Sequence[str] | None = None
) -> ObjectFilter:
    """Turn words into a choice.

    Args:
        keep: classes, "largest", "center" or "id:3"; each may hold several, with commas.
        exclude: classes, in the same form. Without `keep`, all other classes stay.
    """
    kept, excluded = split_commas(keep), split_commas(exclude)
    single = any(word in _ONES or word.startswith("id:") for word in kept)
    if not single and not excluded:
        return ObjectFilter(kept)
    chooser = {"kind": "select", "keep": kept, "exclude": excluded}
    return ObjectFilter((), ({"kind": "track"}, chooser) if single else (chooser,))


def split_commas(values: Sequence[str] | None) -> tuple[str, ...]:
    """Split what was said at commas; each word once, in order."""
    parts = (part.strip() for text in values or () for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))
