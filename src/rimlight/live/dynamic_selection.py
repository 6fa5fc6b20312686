"""A choice of who and what stays that may change while a run goes on."""

from __future__ import annotations

from collections.abc import Sequence

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Instances, Mask
from rimlight.core.options import validate
from rimlight.core.protocols import Refiner
from rimlight.core.registry import suggest
from rimlight.refiners.select import SelectRefiner
from rimlight.refiners.track import TrackRefiner

ALL = "all"
"""The word that ends a choice."""


class SwitchedChoice:
    """Numbers the objects of every mask, then leaves what is chosen now.

    `choose` may be called on another thread than `refine`: the next mask obeys it.

    Args:
        parts: the choice to begin with: trackers and choosers, in order; none for no choice.
    """

    def __init__(self, parts: Sequence[Refiner] = ()) -> None:
        trackers = [part for part in parts if isinstance(part, TrackRefiner)]
        self._tracker = trackers[0] if trackers else TrackRefiner(TrackRefiner.Options())
        self._choosers = tuple(part for part in parts if part not in trackers)
        self._classes: tuple[str, ...] = ()
        self._seen: Instances | None = None

    @property
    def chooses(self) -> bool:
        """Something was chosen: not just what the model says."""
        return bool(self._choosers)

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with only what is chosen now."""
        choosers = self._choosers
        mask = self._tracker.refine(mask, frame)
        self._classes, self._seen = mask.classes, mask.instances
        for part in choosers:
            mask = part.refine(mask, frame)
        return mask

    def close(self) -> None:
        """Forget the objects; the choice stays."""
        for part in (self._tracker, *self._choosers):
            part.close()

    def choose(self, keep: tuple[str, ...], drop: tuple[str, ...] = ()) -> None:
        """Leave something else from the next mask on; the word "all" for what the model says.

        Raises:
            ConfigError: the model has no such class, or no single objects for "id:3".
        """
        said = {"keep": tuple(word for word in keep if word != ALL), "drop": drop}
        chooser = SelectRefiner(validate(SelectRefiner.Options, said, where="the choice"))
        for name in (*chooser.names, *drop):
            if self._classes and name not in self._classes:
                raise ConfigError(
                    f"the model has no class {name!r}", hint=suggest(name, self._classes)
                )
        if self._classes and self._seen is None and any(w.startswith("id:") for w in keep):
            raise ConfigError(
                "this model knows no single objects, so none has a number",
                hint="use model=yolov8n-seg, which knows them",
            )
        self._choosers = (chooser,)

    def objects(self) -> str:
        """Return what the last frame held, such as "id:1 person 0.92, id:3 dog 0.71"."""
        seen = self._seen
        if seen is None:
            return "this model knows no single objects"
        listed = [f"id:{item.id} {item.name} {item.score:.2f}" for item in seen]
        return ", ".join(listed) or "no objects now"
