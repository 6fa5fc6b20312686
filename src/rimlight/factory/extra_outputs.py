"""Sinks that show something of their own beside the run's result: a matte, a foreground."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from rimlight.core.config import RunConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask, SourceInfo
from rimlight.core.protocols import Effect, Sink
from rimlight.factory.sinks import open_sinks
from rimlight.pipeline.effects import apply_effects


class SideOutput:
    """An effect that sends each frame, with its own effects, to its own sink.

    Args:
        effects: applied to the frame as the source gave it.
        sink: takes the result; whoever opened it closes it.
    """

    def __init__(self, effects: Sequence[Effect], sink: Sink) -> None:
        self._effects = effects
        self.sink = sink

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Write the frame with the own effects; return it as it was."""
        shown = apply_effects(self._effects, replace(frame, hdr=None), mask)
        self.sink.write(shown.blank_transparent())
        return frame

    def close(self) -> None:
        """Close the effects."""
        for effect in self._effects:
            effect.close()


def split_extra_outputs(config: RunConfig) -> tuple[RunConfig, list[RunConfig]]:
    """Split off the sinks that have their own effects, each as a run.

    Raises:
        ConfigError: no sink shows the run's own effects.
    """
    own = [sink for sink in config.sinks if sink.effects]
    if not own:
        return config, []
    rest = tuple(sink for sink in config.sinks if not sink.effects)
    if not rest:
        raise ConfigError(
            "every sink has effects of its own", hint="move them to the run's effects"
        )
    outputs = [
        config.model_copy(update={"sinks": (sink,), "effects": sink.effects}) for sink in own
    ]
    return config.model_copy(update={"sinks": rest}), outputs


def open_extra_outputs(
    configs: Sequence[RunConfig],
    info: SourceInfo,
    *,
    stack: ExitStack,
) -> list[SideOutput]:
    """Open sink and effects of each of `configs`; `stack` closes them.

    Raises:
        RimlightError: one of them does not open.
    """
    info = replace(info, hdr=None)  # a matte or a foreground is SDR
    outputs = []
    for config in configs:
        (sink,), *_ = open_sinks(config, info, stack)
        output = SideOutput([effect.open() for effect in config.effects], sink)
        stack.callback(output.close)
        outputs.append(output)
    return outputs
