"""Selects who and what stays in the picture, while a live run continues."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rimlight.core.config import EffectConfig, RunConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Instances, Mask
from rimlight.core.options import validate
from rimlight.core.protocols import Refiner, RefinerTraits
from rimlight.core.registry import suggest
from rimlight.factory.cover import check_kept
from rimlight.factory.object_filter import parse_object_filter, split_commas
from rimlight.pipeline.hot_swap import HotSwap
from rimlight.refiners.select import SelectRefiner
from rimlight.refiners.track import TrackRefiner

ALL = "all"
"""The word that ends a selection."""


class LiveObjectSelection:
    """Replaces a run's trackers and selecting refiners, so that the selection can change.

    Args:
        components: of the run, before it begins.
        config: what the run was opened from.
        get_effects: returns the current effects.
    """

    def __init__(
        self,
        components: HotSwap,
        config: RunConfig,
        get_effects: Callable[[], Sequence[EffectConfig]],
    ) -> None:
        traits: list[type[RefinerTraits]] = [each.component_class for each in config.refiners]
        traits += [RefinerTraits] * (len(components.refiners) - len(traits))
        given = list(zip(traits, components.refiners, strict=True))
        others = [(cls, refiner) for cls, refiner in given if not cls.stateful]
        self._selection = DynamicSelection([refiner for cls, refiner in given if cls.stateful])
        self._get_effects = get_effects
        self._allow_passthrough = config.pipeline.allow_passthrough
        self.required: list[Refiner] = [
            self._selection,
            *(refiner for cls, refiner in others if not cls.optional),
        ]
        """The refiners that select who and what is seen."""
        components.replace_refiners([self._selection, *(refiner for _, refiner in others)])

    @property
    def is_narrow(self) -> bool:
        """Somebody or something was selected, so that the model's classes matter."""
        return self._selection.is_active or len(self.required) > 1

    def keep(self, values: Sequence[str]) -> str:
        """Keep "person,dog", "largest", "id:3", or "all" that the model calls foreground.

        Raises:
            ConfigError: the model does not know it, or an effect has a selection of its own.
        """
        return self._change("keep", values, usage="keep person,dog; largest; id:3; or all")

    def exclude(self, values: Sequence[str]) -> str:
        """Keep all but "chair,tv".

        Raises:
            ConfigError: the model does not know it, or an effect has a selection of its own.
        """
        return self._change("exclude", values, usage="exclude chair,tv")

    def list_objects(self, values: Sequence[str]) -> str:
        """Return the objects of the last mask with their numbers."""
        return self._selection.list_objects()

    def _change(self, verb: str, values: Sequence[str], *, usage: str) -> str:
        if not split_commas(values):
            raise ConfigError("this takes classes, or which object", hint=f"usage: {usage}")
        if any(getattr(effect.options, "keep", None) for effect in self._get_effects()):
            raise ConfigError(
                "an effect of this run has a selection of its own", hint="remove its `keep`"
            )
        if verb == "keep" and not self._allow_passthrough:
            check_kept(split_commas(values), "this")
        selected = (
            parse_object_filter(values) if verb == "keep" else parse_object_filter(None, values)
        )
        for component in selected.as_refiners:
            if component["kind"] == "select":
                keep, exclude = component["keep"], component.get("exclude", ())
                self._selection.select(tuple(keep), tuple(exclude))
        return f"{verb} {','.join(split_commas(values))}"


class DynamicSelection:
    """Numbers the objects of every mask, then keeps those that are selected now.

    `select` may be called on another thread than `refine`; it applies from the next mask.

    Args:
        refiners: the initial trackers and selecting refiners, in order; none for no selection.
    """

    def __init__(self, refiners: Sequence[Refiner] = ()) -> None:
        trackers = [each for each in refiners if isinstance(each, TrackRefiner)]
        self._tracker = trackers[0] if trackers else TrackRefiner(TrackRefiner.Options())
        self._selectors = tuple(each for each in refiners if each not in trackers)
        self._classes: tuple[str, ...] = ()
        self._instances: Instances | None = None

    @property
    def is_active(self) -> bool:
        """Something was selected: not just what the model calls foreground."""
        return bool(self._selectors)

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Return `mask` with only what is selected now."""
        selectors = self._selectors
        mask = self._tracker.refine(mask, frame)
        self._classes, self._instances = mask.classes, mask.instances
        for selector in selectors:
            mask = selector.refine(mask, frame)
        return mask

    def close(self) -> None:
        """Forget the objects, but not the selection."""
        for refiner in (self._tracker, *self._selectors):
            refiner.close()

    def select(self, keep: tuple[str, ...], exclude: tuple[str, ...] = ()) -> None:
        """Keep something else from the next mask; "all" keeps what the model calls foreground.

        Raises:
            ConfigError: the model has no such class, or no single objects for "id:3".
        """
        options = {"keep": tuple(word for word in keep if word != ALL), "exclude": exclude}
        selector = SelectRefiner(validate(SelectRefiner.Options, options, where="the selection"))
        for name in (*selector.names, *exclude):
            if self._classes and name not in self._classes:
                raise ConfigError(
                    f"the model has no class {name!r}", hint=suggest(name, self._classes)
                )
        needs_instances = any(word.startswith("id:") for word in keep)
        if self._classes and self._instances is None and needs_instances:
            raise ConfigError(
                "this model finds no single objects, so none has a number",
                hint="--model yolov8n-seg finds them",
            )
        self._selectors = (selector,)

    def list_objects(self) -> str:
        """Return the objects of the last frame, such as "id:1 person 0.92, id:3 dog 0.71"."""
        instances = self._instances
        if instances is None:
            return "this model finds no single objects"
        listed = [f"id:{item.id} {item.name} {item.score:.2f}" for item in instances]
        return ", ".join(listed) or "no objects now"
