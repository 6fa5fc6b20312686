"""What a live run can be told while it runs, whoever tells it: a key, a signal, `rimlight ctl`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rimlight.core.config import ComponentConfig, RunConfig, read_yaml
from rimlight.core.errors import ConfigError
from rimlight.core.options import Options, validate
from rimlight.core.protocols import Effect
from rimlight.core.registry import suggest
from rimlight.factory.cover import check_effects, check_kept, compute_min_blur_px
from rimlight.factory.pipeline import OpenPipeline, open_effect
from rimlight.factory.segmenter import read_foreground
from rimlight.live import effect_edits
from rimlight.live.effect_edits import Parts
from rimlight.live.governor import Governor, Step, ladder, smaller_pictures
from rimlight.live.model_switch import ModelSwitch
from rimlight.live.object_selection import Selection
from rimlight.live.status import Status, status_of
from rimlight.pipeline.live import LivePipeline
from rimlight.system import app_paths

KEYS = {
    "b": ("next",),
    "+": ("blur", "+4"),
    "-": ("blur", "-4"),
    "m": ("mirror",),
    "f": ("freeze",),
    "p": ("panic",),
    " ": ("panic",),
    "q": ("stop",),
}
"""What a key says, in the window and on the terminal."""

URGENT = frozenset({"panic", "freeze", "stop", "status"})
"""What any thread may say at any moment; the rest is for the thread that runs the run."""

_SWITCH = {"on": True, "off": False}


class Profile(Options):
    """A look with a name: the keys of a run that can change while it runs.

    Attributes:
        effects: the effects that replace those of the run; none: unchanged.
        segmenter: the segmenter that replaces that of the run; none: unchanged.
    """

    effects: tuple[ComponentConfig, ...] | None = None
    segmenter: ComponentConfig | None = None


class Controls:
    """Changes a live run between two of its frames. For the thread that runs it, but for `URGENT`.

    A change is made ready first; if that fails, the run goes on as it was.

    Args:
        run: the open run; its pipeline must be a `LivePipeline`.
        config: what it was opened from.
    """

    def __init__(self, run: OpenPipeline, config: RunConfig) -> None:
        if not isinstance(run.pipeline, LivePipeline):
            raise TypeError(f"only a live run has controls, got {type(run.pipeline).__name__}")
        self._run = run
        self._pipeline: LivePipeline = run.pipeline
        self._allow_passthrough = config.pipeline.allow_passthrough
        self._parts: Parts = config.effects
        self._effects: list[tuple[ComponentConfig, Effect]] = list(
            zip(config.effects, run.effects, strict=True)
        )
        self._model_switch = ModelSwitch(run.pipeline, config.segmenter, run.info.size)
        self._governor: Governor | None = None
        self._selection = Selection(run.pipeline, config, lambda: self._parts)
        self._verbs: dict[str, Callable[[Sequence[str]], str]] = {
            "background": self._background,
            "blur": self._blur,
            "next": self._next,
            "mirror": self._mirror,
            "keep": self._selection.keep,
            "drop": self._selection.drop,
            "objects": self._selection.objects,
            "freeze": self._freeze,
            "panic": self._panic,
            "model": self._model,
            "profile": self._profile,
            "stop": self._stop,
        }

    def do(self, words: Sequence[str]) -> str:
        """Do what a user says, such as ["blur", "20"]; return what is so now.

        Raises:
            RimlightError: the verb or its value is wrong, or the change cannot be made.
        """
        verb = words[0] if words else ""
        if verb not in self._verbs:
            known = (*self._verbs, "status")
            raise ConfigError(f"unknown verb {verb!r}", hint=suggest(verb, known))
        return self._verbs[verb](words[1:])

    def govern(self, *, most_cpu: float | None, least_fps: float | None) -> Governor:
        """Return what holds the run to a limit when it is polled.

        Args:
            most_cpu: the share of one processor, 0.4 for 40 %; None for any.
            least_fps: frames a second, or what the source gives if that is less; None for any.
        """
        pipeline = self._pipeline
        steps = ladder(
            pipeline,
            self._selection.needed,
            lighter=self._lighter(),
            smaller=smaller_pictures(self._run.source),
        )
        self._governor = Governor(
            steps,
            lambda: pipeline.stats.frames - pipeline.faults.held,
            most_cpu=most_cpu,
            least_fps=least_fps,
            came=lambda: pipeline.captured,
            idle=self._is_idle,
        )
        return self._governor

    def _is_idle(self) -> bool:
        pipeline = self._pipeline
        return pipeline.panicking or pipeline.frozen or self.status().state != "live"

    def status(self) -> Status:
        """Return how the run stands."""
        asked = self._model_switch.asked
        model = str(asked.options.get("model", asked.kind))
        given_up = self._governor.given_up if self._governor else ()
        return status_of(
            self._run, self._pipeline, model=model, parts=self._parts, given_up=given_up
        )

    def close(self) -> None:
        """Close the effects of now: those that came by a change have nobody else to do so."""
        for _, effect in self._effects:
            effect.close()

    def _lighter(self) -> Step:
        switch = self._model_switch
        return Step(
            "the larger model",
            lambda: switch.lighten(self._parts, on=True),
            lambda: switch.lighten(self._parts, on=False),
            lambda: (
                not self._selection.is_narrow and bool(switch.lighter(switch.asked, self._parts))
            ),
        )

    def _background(self, values: Sequence[str]) -> str:
        background = _one(values, "background FILE or COLOR")
        self._wear(effect_edits.with_background(self._parts, background))
        return f"background {background}"

    def _blur(self, values: Sequence[str]) -> str:
        free, height = self._allow_passthrough, self._run.info.size[1]
        least_px = effect_edits.LEAST_BLUR_PX if free else compute_min_blur_px(height)
        amount = _one(values, "blur PIXELS")
        self._wear(effect_edits.with_blur(self._parts, amount, least_px=least_px))
        radius = next(p.options["radius_px"] for p in self._parts if p.kind == "blur")
        return f"blur {radius:g}"

    def _next(self, values: Sequence[str]) -> str:
        unread: list[str] = []
        for parts in effect_edits.with_next_backgrounds(self._parts):
            try:
                self._wear(parts)
            except ConfigError as exc:
                unread.append(exc.message)
                continue
            shown = next(p.options["background"] for p in self._parts if p.kind == "replace")
            return f"background {shown}" + (f"; {'; '.join(unread)}" if unread else "")
        raise ConfigError(f"there is no next background: {'; '.join(unread)}")

    def _mirror(self, values: Sequence[str]) -> str:
        self._wear(effect_edits.with_mirror(self._parts, on=_switch(values)))
        return "mirror on" if self._parts[-1].kind == "flip" else "mirror off"

    def _freeze(self, values: Sequence[str]) -> str:
        on = _switch(values)
        self._pipeline.frozen = not self._pipeline.frozen if on is None else on
        return "frozen" if self._pipeline.frozen else "moving"

    def _panic(self, values: Sequence[str]) -> str:
        on = _switch(values)
        self._pipeline.panicking = not self._pipeline.panicking if on is None else on
        return "covered" if self._pipeline.panicking else "shown again"

    def _model(self, values: Sequence[str]) -> str:
        name = _one(values, "model NAME or FILE")
        part = ComponentConfig.model_validate({"kind": "model", "model": name})
        if not self._allow_passthrough:
            check_kept(read_foreground(part), "the model")
        self._model_switch.use(part, self._parts)
        return f"model {name}"

    def _profile(self, values: Sequence[str]) -> str:
        name = _one(values, "profile NAME or FILE")
        path = _profile_path(name)
        profile = validate(Profile, read_yaml(path), where=str(path))
        parts = self._parts if profile.effects is None else profile.effects
        self._wear(parts, model=profile.segmenter)
        return f"profile {name}"

    def _stop(self, values: Sequence[str]) -> str:
        self._pipeline.stop()
        return "stopping"

    def _wear(self, parts: Parts, *, model: ComponentConfig | None = None) -> None:
        """Open the effects that are new, change over, then close those that are gone.

        Args:
            parts: the effects that are wanted.
            model: another model, that is changed over to as well.
        """
        if not self._allow_passthrough:
            check_effects(parts, self._run.info.size[1])
            if model is not None:
                check_kept(read_foreground(model), "the model")
        old = list(self._effects)
        worn: list[tuple[ComponentConfig, Effect]] = []
        with ExitStack() as on_error:
            for part in parts:
                kept = next((pair for pair in old if pair[0] == part), None)
                if kept is None:
                    kept = (part, open_effect(part))
                    on_error.callback(kept[1].close)
                else:
                    old.remove(kept)
                worn.append(kept)
            if model is not None:
                self._model_switch.use(model, parts)
            on_error.pop_all()
        self._pipeline.swap_effects([effect for _, effect in worn])
        self._parts, self._effects = parts, worn
        for _, effect in old:
            effect.close()


def _one(values: Sequence[str], usage: str) -> str:
    if len(values) != 1:
        raise ConfigError(f"this takes one value, got {len(values)}", hint=f"say: {usage}")
    return values[0]


def _switch(values: Sequence[str]) -> bool | None:
    if not values:
        return None
    if len(values) > 1 or values[0] not in _SWITCH:
        said = " ".join(values)
        raise ConfigError(f"must be on or off, got {said!r}", hint="without a value it toggles")
    return _SWITCH[values[0]]


def _profile_path(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        return Path(os.path.expanduser(name))
    return app_paths.get_config_folder() / "profiles" / f"{name}.yaml"
