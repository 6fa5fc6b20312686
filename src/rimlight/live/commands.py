"""The commands of a live run, from a key, a signal or `rimlight ctl`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from rimlight.core.config import EffectConfig, RunConfig, SegmenterConfig
from rimlight.core.errors import ConfigError
from rimlight.core.protocols import Effect, SupportsCommands
from rimlight.core.registry import suggest
from rimlight.factory.cover import check_effects, check_kept, compute_min_blur_px
from rimlight.factory.pipeline import OpenPipeline
from rimlight.factory.segmenter import list_person_models, read_foreground
from rimlight.factory.sinks import is_transparent
from rimlight.live import effect_edits
from rimlight.live.camera_switch import CameraSwitch, list_camera_names
from rimlight.live.effect_edits import Effects
from rimlight.live.governor import (
    Governor,
    QualityStep,
    build_quality_ladder,
    make_downscale_step,
)
from rimlight.live.inset_moves import move_inset
from rimlight.live.model_switch import ModelSwitch
from rimlight.live.object_selection import LiveObjectSelection
from rimlight.live.profiles import list_profiles, read_profile
from rimlight.live.quality import QUALITIES, QualitySwitch, parse_cpu_share
from rimlight.live.recorder import LiveRecorder
from rimlight.live.status import Status, read_status
from rimlight.pipeline.live import LivePipeline
from rimlight.system.cpu import count_usable_cores

KEYS = {
    "b": ("next",),
    "+": ("blur", "+4"),
    "-": ("blur", "-4"),
    "m": ("mirror",),
    "B": ("previous",),
    "z": ("framing",),
    "c": ("inset",),
    "[": ("inset", "-0.05"),
    "]": ("inset", "+0.05"),
    "f": ("freeze",),
    "p": ("panic",),
    " ": ("panic",),
    "q": ("stop",),
}
"""The command of each key, in the window and on the terminal."""

KEY_LINE = (
    "b B next, previous background   + - blur   m mirror   z framing   c [ ] corner   "
    "f freeze   p blank   q quit"
)
"""The keys in one line, for the window and the terminal."""

URGENT = frozenset({"panic", "freeze", "stop", "status", "choices", "panel"})
"""Commands that any thread may execute at any moment; the others are for the pipeline's thread."""

_SWITCH = {"on": True, "off": False}


class LiveCommands:
    """Changes a live run between two frames. For the thread that runs it, except `URGENT`.

    A change is prepared first; if that fails, the run continues unchanged.

    Args:
        run: the open run; its pipeline must be a `LivePipeline`.
        config: what it was opened from.
    """

    def __init__(self, run: OpenPipeline, config: RunConfig) -> None:
        if not isinstance(run.pipeline, LivePipeline):
            raise TypeError(f"only a live run has commands, got {type(run.pipeline).__name__}")
        self._run = run
        self._pipeline: LivePipeline = run.pipeline
        self._config = config
        self._allow_passthrough = config.pipeline.allow_passthrough
        self._effects: Effects = config.effects
        self._open_effects: list[tuple[EffectConfig, Effect]] = list(
            zip(config.effects, run.effects, strict=True)
        )
        self._model_switch = ModelSwitch(run.pipeline.components, config.segmenter, run.info.size)
        self._selection = LiveObjectSelection(
            run.pipeline.components, config, lambda: self._effects
        )
        self._quality_switch = QualitySwitch(
            run.pipeline.components, config, self._selection.required, self._model_switch
        )
        self._governor = self.make_governor(None, None)
        self._recorder = LiveRecorder(run.pipeline, run.info)
        self._camera_switch = CameraSwitch(run.source, config)
        self._verbs: dict[str, Callable[[Sequence[str]], str]] = {
            "background": self._background,
            "blur": self._blur,
            "next": self._next,
            "mirror": self._mirror,
            "framing": self._framing,
            "effect": self._effect,
            "inset": self._inset,
            "previous": self._previous,
            "keep": self._selection.keep,
            "exclude": self._selection.exclude,
            "objects": self._selection.list_objects,
            "freeze": self._freeze,
            "panic": self._panic,
            "model": self._model,
            "profile": self._profile,
            "quality": self._quality,
            "max-cpu": self._limit_cpu,
            "camera": self._camera_switch.switch,
            "record": self._recorder.record,
            "panel": self._panel,
            "stop": self._stop,
        }

    def execute(self, words: Sequence[str]) -> str:
        """Execute a command, such as ["blur", "20"]; return the new state.

        Raises:
            RimlightError: the verb or its value is invalid, or the change fails.
        """
        verb = words[0] if words else ""
        if verb not in self._verbs:
            known = (*self._verbs, "status", "choices")
            raise ConfigError(f"unknown verb {verb!r}", hint=suggest(verb, known))
        return self._verbs[verb](words[1:])

    def make_governor(self, max_cpu: float | None, min_fps: float | None) -> Governor:
        """Return the governor that keeps the run within limits when it is polled.

        Args:
            max_cpu: share of one core, 0.4 for 40 %; None for no limit.
            min_fps: frames per second, or the source's rate if that is lower; None for no limit.
        """
        pipeline = self._pipeline
        self._governor = Governor(
            self._build_quality_ladder(),
            lambda: pipeline.stats.frames - pipeline.errors.fallback_frames,
            max_cpu=max_cpu,
            min_fps=min_fps,
            count_input=lambda: pipeline.captured,
            is_idle=self._is_idle,
        )
        return self._governor

    def _build_quality_ladder(self) -> tuple[QualityStep, ...]:
        return build_quality_ladder(
            self._pipeline,
            self._selection.required,
            lighter_model=self._make_lighter_step(),
            downscale=make_downscale_step(self._run.source),
        )

    def _is_idle(self) -> bool:
        pipeline = self._pipeline
        return pipeline.is_blanked or pipeline.is_frozen or self.get_status().state != "live"

    def get_status(self) -> Status:
        """Return the state of the run."""
        requested = self._model_switch.requested
        model = str(requested.options.model if requested.is_model else requested.kind)
        return read_status(
            self._run,
            self._pipeline,
            model=model,
            effects=self._effects,
            governor=self._governor,
            quality=self._quality_switch.name,
            recording=self._recorder.path,
            camera=self._camera_switch.device,
        )

    def list_choices(self) -> dict[str, Any]:
        """Return the cameras, profiles, qualities and models to choose from, and the cores."""
        return {
            "cameras": list_camera_names(),
            "profiles": list_profiles(),
            "qualities": list(QUALITIES),
            "models": list_person_models(),
            "cores": count_usable_cores(),
        }

    def get_config(self) -> RunConfig:
        """Return the run as it is now, with the effects, model and quality of its commands."""
        return self._config.model_copy(
            update={
                "source": self._camera_switch.requested,
                "effects": self._effects,
                "segmenter": self._model_switch.requested,
                "refiners": self._quality_switch.describe_refiners(),
            }
        )

    def close(self) -> None:
        """Close what came by a change, and the current effects: nobody else does."""
        self._quality_switch.close()
        self._recorder.close()
        for _, effect in self._open_effects:
            effect.close()

    def _make_lighter_step(self) -> QualityStep:
        switch = self._model_switch
        return QualityStep(
            "the larger model",
            lambda: switch.set_lighter(self._effects, on=True),
            lambda: switch.set_lighter(self._effects, on=False),
            lambda: (
                not self._selection.is_narrow
                and bool(switch.find_lighter(switch.requested, self._effects))
            ),
        )

    def _background(self, values: Sequence[str]) -> str:
        background = _get_only(values, "background FILE or COLOR")
        self._apply(effect_edits.replace_background(self._effects, background))
        return f"background {background}"

    def _blur(self, values: Sequence[str]) -> str:
        free, height = self._allow_passthrough, self._run.info.size[1]
        min_px = effect_edits.MIN_BLUR_PX if free else compute_min_blur_px(height)
        amount = _get_only(values, "blur PIXELS")
        self._apply(effect_edits.set_blur(self._effects, amount, min_px=min_px))
        radius = next(p.options.radius_px for p in self._effects if p.kind == "blur")
        return f"blur {radius:g}"

    def _next(self, values: Sequence[str]) -> str:
        return self._turn_over(backward=False)

    def _previous(self, values: Sequence[str]) -> str:
        return self._turn_over(backward=True)

    def _turn_over(self, *, backward: bool) -> str:
        unread: list[str] = []
        for effects in effect_edits.iterate_next_backgrounds(self._effects, backward=backward):
            try:
                self._apply(effects)
            except ConfigError as exc:
                unread.append(exc.message)
                continue
            shown = next(p.options.background for p in self._effects if p.kind == "replace")
            return f"background {shown}" + (f"; {'; '.join(unread)}" if unread else "")
        raise ConfigError(f"there is no next background: {'; '.join(unread)}")

    def _mirror(self, values: Sequence[str]) -> str:
        self._apply(effect_edits.toggle_mirror(self._effects, on=_parse_switch(values)))
        return "mirror on" if self._effects[-1].kind == "flip" else "mirror off"

    def _framing(self, values: Sequence[str]) -> str:
        return self._effect(["framing", *values])

    def _effect(self, values: Sequence[str]) -> str:
        if not values:
            raise ConfigError("this takes an effect", hint="usage: effect hologram [on|off]")
        spec, on = values[0], _parse_switch(values[1:])
        self._apply(effect_edits.toggle_effect(self._effects, spec, on=on))
        kind = spec.partition(":")[0]
        is_on = any(part.kind == kind for part in self._effects)
        return f"{kind} {'on' if is_on else 'off'}"

    def _inset(self, values: Sequence[str]) -> str:
        self._apply(move_inset(self._effects, values))
        shown = next((part.options for part in self._effects if part.kind == "inset"), None)
        return f"inset {shown.corner} {shown.size:g}" if shown else "inset off"

    def _freeze(self, values: Sequence[str]) -> str:
        on = _parse_switch(values)
        self._pipeline.is_frozen = not self._pipeline.is_frozen if on is None else on
        return "frozen" if self._pipeline.is_frozen else "moving"

    def _panic(self, values: Sequence[str]) -> str:
        on = _parse_switch(values)
        self._pipeline.set_blanked(on=not self._pipeline.is_blanked if on is None else on)
        return "covered" if self._pipeline.is_blanked else "shown again"

    def _model(self, values: Sequence[str]) -> str:
        name = _get_only(values, "model NAME or FILE")
        part = SegmenterConfig.model_validate({"kind": "model", "model": name})
        if not self._allow_passthrough:
            check_kept(read_foreground(part), "the model")
        self._model_switch.switch_to(part, self._effects)
        return f"model {name}"

    def _profile(self, values: Sequence[str]) -> str:
        name = _get_only(values, "profile NAME or FILE")
        profile = read_profile(name)
        effects = self._effects if profile.effects is None else profile.effects
        self._apply(effects, model=profile.segmenter)
        return f"profile {name}"

    def _quality(self, values: Sequence[str]) -> str:
        name = _get_only(values, "quality fast, balanced or best")
        self._quality_switch.switch_to(name, self._effects, self._governor.restore_all)
        self._governor.restart(self._build_quality_ladder())
        return f"quality {name}"

    def _limit_cpu(self, values: Sequence[str]) -> str:
        text = _get_only(values, "max-cpu 40%, or max-cpu off")
        share = None if text == "off" else parse_cpu_share(text)
        self._governor.set_max_cpu(share)
        return "no limit of CPU use" if share is None else f"at most {share:.0%} of one core"

    def _panel(self, values: Sequence[str]) -> str:
        for sink in self._run.sinks:
            if isinstance(sink, SupportsCommands):
                return sink.url
        raise ConfigError("this run has no panel", hint="start it with: rimlight live --panel")

    def _stop(self, values: Sequence[str]) -> str:
        self._pipeline.stop()
        return "stopping"

    def _apply(self, effects: Effects, *, model: SegmenterConfig | None = None) -> None:
        """Open the effects that are new, switch to them, then close those that are gone.

        Args:
            effects: the new effects.
            model: another model, to switch to at the same time.
        """
        self._check_opaque(effects)
        if not self._allow_passthrough:
            check_effects(effects, self._run.info.size[1])
            if model is not None:
                check_kept(read_foreground(model), "the model")
        old = list(self._open_effects)
        new: list[tuple[EffectConfig, Effect]] = []
        with ExitStack() as on_error:
            for component in effects:
                pair = next((pair for pair in old if pair[0] == component), None)
                if pair is None:
                    pair = (component, component.open())
                    on_error.callback(pair[1].close)
                else:
                    old.remove(pair)
                new.append(pair)
            if model is not None:
                self._model_switch.switch_to(model, effects)
            on_error.pop_all()
        self._pipeline.components.replace_effects([effect for _, effect in new])
        self._effects, self._open_effects = effects, new
        for _, effect in old:
            effect.close()

    def _check_opaque(self, effects: Effects) -> None:
        """Refuse transparency that the sinks were not opened for: each would fail with it."""
        has_alpha = self._run.info.has_alpha
        if is_transparent(effects, has_alpha=has_alpha) and not is_transparent(
            self._config.effects, has_alpha=has_alpha
        ):
            raise ConfigError(
                "the outputs of this run show no transparency",
                hint="stop it, and start it with: --background none",
            )


def _get_only(values: Sequence[str], usage: str) -> str:
    if len(values) != 1:
        raise ConfigError(f"this takes one value, got {len(values)}", hint=f"usage: {usage}")
    return values[0]


def _parse_switch(values: Sequence[str]) -> bool | None:
    if not values:
        return None
    if len(values) > 1 or values[0] not in _SWITCH:
        text = " ".join(values)
        raise ConfigError(f"must be on or off, got {text!r}", hint="omit the value to toggle")
    return _SWITCH[values[0]]
