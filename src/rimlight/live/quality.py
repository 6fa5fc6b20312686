"""Switches a live run between the qualities `fast`, `balanced` and `best`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from rimlight.core.config import EffectConfig, RefinerConfig, RunConfig, SegmenterConfig
from rimlight.core.errors import ConfigError
from rimlight.core.protocols import Refiner
from rimlight.factory.presets import Quality, read_quality
from rimlight.live.model_switch import ModelSwitch
from rimlight.pipeline.hot_swap import HotSwap
from rimlight.system.cpu import count_usable_cores

QUALITIES: tuple[str, ...] = get_args(Quality)


class QualitySwitch:
    """Replaces the refiners of a run, and how closely its model looks. For its own thread.

    Args:
        components: of the run, before it begins.
        config: what the run was opened from.
        required: the refiners that must stay, whatever the quality.
        model_switch: changes the model.
    """

    def __init__(
        self,
        components: HotSwap,
        config: RunConfig,
        required: Sequence[Refiner],
        model_switch: ModelSwitch,
    ) -> None:
        self._components = components
        self._required = tuple(required)
        self._model_switch = model_switch
        self._config = config
        self._is_changed = False
        self._opened: dict[str, tuple[Refiner, ...]] = {}
        self.name = find_quality(config.segmenter, config.refiners)
        """The present quality; "" if the run has refiners of the user's own."""

    def switch_to(
        self, name: str, effects: Sequence[EffectConfig], before: Callable[[], None]
    ) -> None:
        """Switch to another quality.

        Args:
            name: "fast", "balanced" or "best".
            effects: the current ones.
            before: called before the change, once everything that can fail is known.

        Raises:
            RimlightError: there is no such quality, or a component does not open.
        """
        preset = read_quality(name)
        refiners = self._opened.get(name) or tuple(
            RefinerConfig.model_validate(each).open() for each in preset["refiners"]
        )
        self._opened[name] = refiners
        model = self._model_switch.requested
        if model.is_model:
            model = model.with_options(roi=preset["segmenter"]["roi"])
        before()
        if model != self._model_switch.requested:
            self._model_switch.switch_to(model, effects)
        self._components.replace_refiners((*self._required, *refiners))
        self.name, self._is_changed = name, True

    def describe_refiners(self) -> tuple[RefinerConfig, ...]:
        """Return the present refiners, as a run would be opened with them."""
        given = self._config.refiners
        if not self._is_changed:
            return given
        preset = read_quality(self.name)["refiners"]
        return (
            *(each for each in given if not each.component_class.optional),
            *(RefinerConfig.model_validate(each) for each in preset),
        )

    def close(self) -> None:
        """Close the refiners that it opened."""
        for refiners in self._opened.values():
            for refiner in refiners:
                refiner.close()


def find_quality(segmenter: SegmenterConfig, refiners: Sequence[RefinerConfig]) -> str:
    """Return the quality that a run was opened with, "" if it is none of them."""
    given = [each.model_dump() for each in refiners if each.component_class.optional]
    roi: Any = segmenter.options.roi if segmenter.is_model else "none"
    for name in QUALITIES:
        preset = read_quality(name)
        wanted = [RefinerConfig.model_validate(each).model_dump() for each in preset["refiners"]]
        if given == wanted and roi == preset["segmenter"]["roi"]:
            return name
    return ""


def parse_cpu_share(text: str) -> float:
    """Read "40%" or "0.4" as 0.4.

    Raises:
        ConfigError: it is not a share, or it exceeds the number of cores, which limits nothing.
    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= count_usable_cores():
        raise ConfigError(
            f"the maximum CPU use must be a share of one core, up to {count_usable_cores()}, "
            f"got {text!r}",
            hint="--max-cpu 40%",
        )
    return share
