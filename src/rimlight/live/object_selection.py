"""Who and what stays, changed by word while a live run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from rimlight.core.config import ComponentConfig, RunConfig
from rimlight.core.errors import ConfigError
from rimlight.core.protocols import Refiner
from rimlight.factory.cover import check_kept
from rimlight.factory.object_filter import parse_object_filter, split_commas
from rimlight.live.dynamic_selection import SwitchedChoice
from rimlight.pipeline.live import LivePipeline
from rimlight.refiners import COSMETIC, LASTING


class Selection:
    """Takes the place of a run's trackers and choosers, so that the choice may change.

    Args:
        pipeline: the run, before it begins.
        config: what it was opened from.
        effects: returns the effects as they are now.
    """

    def __init__(
        self,
        pipeline: LivePipeline,
        config: RunConfig,
        effects: Callable[[], Sequence[ComponentConfig]],
    ) -> None:
        given = list(zip_longest((part.kind for part in config.refiners), pipeline.refiners))
        rest = [(kind, refiner) for kind, refiner in given if kind not in LASTING]
        self._choice = SwitchedChoice([refiner for kind, refiner in given if kind in LASTING])
        self._effects = effects
        self._allow_passthrough = config.pipeline.allow_passthrough
        self.needed: list[Refiner] = [
            self._choice,
            *(refiner for kind, refiner in rest if kind not in COSMETIC),
        ]
        """The refiners that say who and what is seen."""
        pipeline.swap_refiners([self._choice, *(refiner for _, refiner in rest)])

    @property
    def is_narrow(self) -> bool:
        """Somebody or something was chosen, so that the model's classes matter."""
        return self._choice.chooses or len(self.needed) > 1

    def keep(self, values: Sequence[str]) -> str:
        """Leave "person,dog", "largest", "id:3", or "all" that the model calls foreground.

        Raises:
            ConfigError: the model does not know it, or an effect chooses by itself.
        """
        return self._change("keep", values, usage="keep person,dog; largest; id:3; or all")

    def drop(self, values: Sequence[str]) -> str:
        """Leave all but "chair,tv".

        Raises:
            ConfigError: the model does not know it, or an effect chooses by itself.
        """
        return self._change("drop", values, usage="drop chair,tv")

    def objects(self, values: Sequence[str]) -> str:
        """Return the objects of the last mask with their numbers."""
        return self._choice.objects()

    def _change(self, verb: str, values: Sequence[str], *, usage: str) -> str:
        if not split_commas(values):
            raise ConfigError("this takes classes, or which one", hint=f"say: {usage}")
        if any(part.options.get("keep") for part in self._effects()):
            raise ConfigError("an effect of this run chooses by itself", hint="take `keep` from it")
        if verb == "keep" and not self._allow_passthrough:
            check_kept(split_commas(values), "this")
        said = parse_object_filter(values) if verb == "keep" else parse_object_filter(None, values)
        for part in said.as_refiners:
            if part["kind"] == "choose":
                self._choice.choose(tuple(part["keep"]), tuple(part.get("drop", ())))
        return f"{verb} {','.join(split_commas(values))}"
