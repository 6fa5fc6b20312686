"""Edits of the effect chain of a live run, as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rimlight.core.config import EffectConfig
from rimlight.core.errors import ConfigError
from rimlight.effects import LIVE_REFRESH_HZ
from rimlight.effects.backgrounds import find_first_slide
from rimlight.factory.effect_order import insert_effect, parse_effect
from rimlight.system.file_kinds import is_image
from rimlight.system.folders import list_files, path_sort_key

Effects = tuple[EffectConfig, ...]

MIN_BLUR_PX = 1.0


def replace_background(effects: Effects, background: str) -> Effects:
    """Return `effects` with another background: an image, a video or a color."""
    old = _find_cover(effects)
    kept = _keep_options(old, "fit", "match_light")
    return _replace_cover(effects, "replace", {"background": background, **kept})


def set_blur(effects: Effects, amount: str, *, min_px: float = MIN_BLUR_PX) -> Effects:
    """Return `effects` with a blurred background.

    Args:
        effects: the current ones.
        amount: pixels, such as "20"; "+5" and "-5" change the current radius.
        min_px: minimum radius that "-5" leads to.

    Raises:
        ConfigError: `amount` is not a number.
    """
    try:
        value = float(amount)
    except ValueError as exc:
        raise ConfigError(
            f"a blur must be a number of pixels, got {amount!r}", hint="blur 20, or blur +5"
        ) from exc
    old = _find_cover(effects)
    if amount[:1] in "+-":
        blurred = old.options.radius_px if old and old.kind == "blur" else 0
        value = max(min_px, blurred + value)
    shape = _keep_options(old, "shape", "highlights") if old and old.kind == "blur" else {}
    options = {"radius_px": value, "refresh_hz": LIVE_REFRESH_HZ, **shape}
    return _replace_cover(effects, "blur", options)


def iterate_next_backgrounds(effects: Effects, *, backward: bool = False) -> Iterator[Effects]:
    """Yield `effects` with each image of the background's folder, starting after it.

    Args:
        effects: the current ones.
        backward: start before it, and go back.

    Whether an image can be read is known when it is opened.

    Raises:
        ConfigError: the background is not an image, or its folder has none.
    """
    old = _find_cover(effects)
    now = Path(old.options.background).expanduser() if old and old.kind == "replace" else None
    if now is not None and now.is_dir():
        now = find_first_slide(now)
    if now is None or not is_image(now):
        raise ConfigError(
            "there is no next background: it is not a picture now",
            hint="choose one of a folder first: rimlight ctl background FOLDER/beach.jpg",
        )
    try:
        paths = list_files(now.parent)
    except OSError:
        paths = []
    if not paths:
        raise ConfigError(f"there is no picture in {now.parent} any more")
    earlier = [path for path in paths if path_sort_key(path) <= path_sort_key(now)]
    paths = [*paths[len(earlier) :], *earlier]
    if backward:  # the current one comes last either way
        paths = [*paths[-2::-1], *paths[-1:]]
    for path in paths:
        yield replace_background(effects, str(path))


def toggle_mirror(effects: Effects, *, on: bool | None) -> Effects:
    """Return `effects` with left and right swapped or not; None toggles."""
    plain = tuple(part for part in effects if part.kind != "flip")
    was_on = len(plain) < len(effects)
    wanted = not was_on if on is None else on
    return (
        (*plain, EffectConfig.model_validate({"kind": "flip", "horizontal": True}))
        if wanted
        else plain
    )


def toggle_effect(effects: Effects, spec: str, *, on: bool | None) -> Effects:
    """Return `effects` with one more at its place, or without it; None toggles.

    Args:
        effects: the current ones.
        spec: "hologram", or "layer:logo.png".
        on: whether it is wanted. An effect that is on stays as it is, unless `spec` has a value.

    Raises:
        ConfigError: the kind is unknown.
    """
    given = parse_effect(spec)
    plain = tuple(part for part in effects if part.kind != given["kind"])
    is_on = len(plain) < len(effects)
    wanted = not is_on if on is None else on
    if not wanted:
        return plain
    if is_on and len(given) == 1:
        return effects
    return insert_effect(effects, EffectConfig.model_validate(given))


def _keep_options(old: EffectConfig | None, *names: str) -> dict[str, object]:
    """Return those options of the old effect that the new one takes over."""
    return {name: old.given[name] for name in names if old is not None and name in old.given}


def _find_cover(effects: Sequence[EffectConfig]) -> EffectConfig | None:
    return next((part for part in effects if part.component_class.hides_background), None)


def _replace_cover(effects: Effects, kind: str, options: dict[str, object]) -> Effects:
    """Put another covering effect in the place of the old one; the classes that stay, stay."""
    old = _find_cover(effects)
    keep = {"keep": old.given["keep"]} if old and "keep" in old.given else {}
    new = EffectConfig.model_validate({"kind": kind, **options, **keep})
    if old is None:
        return (new, *effects)
    return tuple(new if part is old else part for part in effects)
