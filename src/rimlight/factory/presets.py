"""The three jobs as runs: what a user says in a few words, turned into a full `RunConfig`.

Each job starts from `configs/<job>.yaml`; a config of the user's own goes on top, then settings,
then what was said in words (the flags of the command line).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from rimlight.core.config import RunConfig, apply_settings, merge, parse_run, read_yaml
from rimlight.core.errors import ConfigError
from rimlight.core.options import shorten
from rimlight.core.registry import suggest
from rimlight.factory.effect_order import insert_effects
from rimlight.sinks import guess_sink
from rimlight.sources import guess_source
from rimlight.system import app_paths
from rimlight.system.file_kinds import is_image

Job = Literal["live", "process", "road"]

Quality = Literal["fast", "balanced", "best"]
"""How much work a mask is worth; each is a file `configs/quality-<name>.yaml`."""


def build_config(
    job: Job,
    *,
    source: str | None = None,
    sinks: Sequence[str] = (),
    segmenter: Mapping[str, Any] | None = None,
    effects: Sequence[Mapping[str, Any]] | None = None,
    prepend_effects: Sequence[Mapping[str, Any]] = (),
    more_effects: Sequence[Mapping[str, Any]] = (),
    refiners: Sequence[Mapping[str, Any]] = (),
    pipeline: Mapping[str, Any] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    source_options: Mapping[str, Any] | None = None,
    extra_outputs: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    quality: str | None = None,
    look_ahead: int | None = None,
    analysis_only: bool = False,
    config: Path | None = None,
    settings: Sequence[str] = (),
) -> RunConfig:
    """Describe a run of `job`.

    Args:
        job: whose defaults to start from.
        source: "0", "/dev/video0", a file, a folder, a URL, "-" or "kind:value".
        sinks: "window", "virtual-camera:/dev/video10", "out.mp4", "cutouts/" or "kind:value".
        segmenter: keys to change, such as {"model": "selfie"}.
        effects: the effects instead of the default ones.
        prepend_effects: effects that come before the run's own.
        more_effects: effects in addition to the run's own, each where it belongs.
        refiners: refiners that come before the run's own.
        pipeline: keys to change.
        options: kind -> options for every sink and effect of that kind; None values are not said.
        source_options: more options of the source; None values are not said.
        quality: one of `Quality`, over the defaults: how the masks are made.
        look_ahead: frames that a mask may know of those after it.
        analysis_only: where no sink is named, frames go nowhere, for they are only looked at.
        extra_outputs: more sinks, each with the effects that it shows instead of the run's.
        config: a YAML file whose keys go over both.
        settings: "key=value" texts that go over the file; `segmenter` and `pipeline` over these.

    Raises:
        ConfigError: something in it is unknown or wrong, or there is no source or sink.
    """
    where = str(config) if config else f"the {job} run"
    data = read_yaml(app_paths.find_data_folder("configs") / f"{job}.yaml")
    if quality is not None:
        data = merge(data, read_quality(quality))
    if config:
        data = merge(data, read_yaml(config))
    said = _said(source, sinks, effects)
    data = merge(data, said)
    if prepend_effects:
        data["effects"] = [*prepend_effects, *_parts(data, "effects", where)]
    if more_effects:
        data["effects"] = insert_effects(_parts(data, "effects", where), more_effects)
    data = apply_settings(data, settings)
    for key, keys in (("segmenter", segmenter), ("pipeline", pipeline)):
        data[key] = _checked_part(data.get(key, {}), key, where)
        data = merge(data, {key: dict(keys or {})})
    if look_ahead is not None:
        data["look_ahead"] = look_ahead
    data["refiners"] = [*refiners, *_parts(data, "refiners", where)]
    if "source" not in data:
        raise ConfigError(f"{where} has no source", hint="name a camera, a file or a folder")
    data["source"] = _over(_checked_part(data["source"], "source", where), source_options or {})
    data["source"] = _without_results(data["source"], data.get("sinks"))
    if analysis_only and not data.get("sinks"):
        data["sinks"] = [{"kind": "null"}]
    if not data.get("sinks"):
        raise ConfigError(f"{where} has no sink", hint="say where the result goes, with -o")
    for family in ("sinks", "effects"):
        data[family] = [_with_options(part, options or {}) for part in _parts(data, family, where)]
    for spec, own in (extra_outputs or {}).items():
        data["sinks"] = [*data["sinks"], _aside(spec, own, options or {})]
    return parse_run(data, where=where)


def make_overwrite_options(*, overwrite: bool) -> dict[str, dict[str, bool | None]]:
    """Return the options by which every file may replace one that exists, for `build_config`."""
    return {kind: {"overwrite": overwrite or None} for kind in ("video", "images")}


def _aside(
    spec: str, effects: Sequence[Mapping[str, Any]], options: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a sink next to the result; the sound is in the result alone."""
    part = _with_options({**guess_sink(spec), "effects": list(effects)}, options)
    return {**part, "audio": "none"} if part["kind"] == "video" else part


def drop_unseen_effects(run: RunConfig) -> RunConfig:
    """Return a run whose frames go nowhere without the effects that nobody would see.

    What must not be seen stays covered, wherever frames go.
    """
    if any(sink.kind != "null" for sink in run.sinks):
        return run
    return run.model_copy(
        update={
            "effects": tuple(effect for effect in run.effects if effect.component_class.redacts)
        }
    )


def choose_quality(source: str | None) -> Quality:
    """Return the preset for a source of files that nobody chose one for: best for pictures."""
    kind = guess_source(source).get("kind") if source else None
    return "best" if kind in {"images", "watch-folder"} else "balanced"


def read_quality(name: str) -> dict[str, Any]:
    """Return what the preset `name` says of a run: its segmenter and refiners.

    Raises:
        ConfigError: there is no such preset.
    """
    known = get_args(Quality)
    if name not in known:
        raise ConfigError(f"unknown quality {name!r}", hint=suggest(name, known))
    return read_yaml(app_paths.find_data_folder("configs") / f"quality-{name}.yaml")


def _said(
    source: str | None, sinks: Sequence[str], effects: Sequence[Mapping[str, Any]] | None
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if source is not None:
        said["source"] = guess_source(source, still=_is_one_picture(sinks))
    if sinks:
        many = source is not None and _is_many_pictures(said["source"])
        moves = source is not None and said["source"]["kind"] in ("video", "animation")
        said["sinks"] = [guess_sink(spec, into_folder=many, moves=moves) for spec in sinks]
    if effects is not None:
        said["effects"] = [dict(effect) for effect in effects]
    return said


def _parts(data: Mapping[str, Any], family: str, where: str) -> list[Mapping[str, Any]]:
    """Return the list of parts at `family`, none where the key is missing.

    Raises:
        ConfigError: it is not a list of mappings.
    """
    parts = data.get(family, ())
    if not isinstance(parts, list | tuple):
        raise ConfigError(
            f"{where}: {family} must be a list, got {shorten(parts)}",
            hint=f"{family}: [{{kind: ...}}, ...]",
        )
    return [_checked_part(part, f"{family}.{i}", where) for i, part in enumerate(parts)]


def _checked_part(part: Any, key: str, where: str) -> Mapping[str, Any]:
    if not isinstance(part, Mapping):
        raise ConfigError(
            f"{where}: {key} must hold 'key: value' pairs, got {shorten(part)}",
            hint="write it as in the YAML that --dry-run prints",
        )
    return part


def _is_many_pictures(source: Mapping[str, Any]) -> bool:
    """Whether the results of a source of that description need a folder: several pictures do."""
    path = os.path.expanduser(str(source.get("path", "")))
    return source["kind"] in {"images", "watch-folder"} and not os.path.isfile(path)


def _with_options(
    part: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return _over(part, options.get(str(part.get("kind")), {}))


def _over(part: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, **{key: value for key, value in said.items() if value is not None}}


def _without_results(source: Mapping[str, Any], sinks: Any) -> Mapping[str, Any]:
    """Let a walk or a glob pass over the folders that this run writes to."""
    text = str(source.get("path", ""))
    walks = source.get("recursive") or any(sign in text for sign in "*?[")
    if source.get("kind") != "images" or not walks or "results" in source:
        return source
    named = [part for part in sinks or () if isinstance(part, Mapping)]
    folders = [one["path"] for one in named if one.get("kind") == "images" and "path" in one]
    folders = [path for path in folders if not is_image(path)]
    return {**source, "results": folders} if folders else source


def _is_one_picture(sinks: Sequence[str]) -> bool:
    """Return True if every result is a single picture file."""
    return bool(sinks) and all(is_image(spec) and not spec.endswith("/") for spec in sinks)


def background_effects(
    *,
    background: str | None,
    blur: float | None,
    keep: Sequence[str] = (),
    fit: str = "fill",
    mirror: bool = False,
    refresh_hz: float | None = None,
    product: Mapping[str, Any] | None = None,
    gray: bool = False,
) -> list[dict[str, Any]]:
    """Turn a choice of background into effects.

    Args:
        background: a picture, a video, a color, or "none" for a transparent one.
        blur: blur the background instead, by this many pixels.
        keep: classes that stay; none for the model's own foreground.
        fit: how a background picture meets the frame: fill, fit, stretch or tile.
        mirror: swap left and right of the result.
        refresh_hz: rate at which the background is blurred again; None for every frame.
        gray: take the background's colors out instead.
        product: options of the effect "product", for pictures of things; none for other pictures.

    Raises:
        ConfigError: several of background, blur and gray, or none, were chosen; or a product is to
            stand before the blurred room.
    """
    if (background is not None) + (blur is not None) + gray != 1:
        raise ConfigError(
            "choose one of --background, --blur and --grayscale",
            hint="--background beach.jpg, --background '#00ff00', --background none, or --blur 20",
        )
    kept = {"keep": tuple(keep)} if keep else {}
    if product:
        effects = _product_effects(product, background, fit, kept)
        return [*effects, {"kind": "flip", "horizontal": True}] if mirror else effects
    effect: dict[str, Any]
    if gray:
        effect = {"kind": "gray", **kept}
    elif blur is not None:
        effect = {"kind": "blur", "radius_px": blur, **kept}
        if refresh_hz is not None:
            effect["refresh_hz"] = refresh_hz
    elif is_no_background(background):
        effect = {"kind": "cutout", **kept}
    else:
        effect = {"kind": "replace", "background": background, "fit": fit, **kept}
    return [effect, {"kind": "flip", "horizontal": True}] if mirror else [effect]


def is_no_background(background: str | None) -> bool:
    """Return True if it asks for a transparent result, in either word that people use."""
    return background is not None and background.lower() in {"none", "transparent"}


def _product_effects(
    product: Mapping[str, Any], background: str | None, fit: str, kept: Mapping[str, Any]
) -> list[dict[str, Any]]:
    if background is None:
        raise ConfigError("a product needs a --background", hint="--background white, or none")
    behind = {} if is_no_background(background) else {"background": background, "fit": fit}
    return [{"kind": "cutout", **kept}, {"kind": "product", **product, **behind}]
