"""What a live run looks like, as data: the effects of a run, and how a user's word changes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rimlight.core.config import ComponentConfig
from rimlight.core.errors import ConfigError
from rimlight.effects import COVERING, LIVE_REFRESH_HZ
from rimlight.factory.cover import DEFAULT_BLUR_PX, hides_background
from rimlight.system.file_kinds import is_image
from rimlight.system.folders import list_files, path_sort_key

Parts = tuple[ComponentConfig, ...]

LEAST_BLUR_PX = 1.0


def with_background(parts: Parts, background: str) -> Parts:
    """Return `parts` with another background: a picture, a video or a color."""
    old = _cover(parts)
    fit = {"fit": old.options["fit"]} if old and "fit" in old.options else {}
    return _with_cover(parts, "replace", {"background": background, **fit})


def with_blur(parts: Parts, amount: str, *, least_px: float = LEAST_BLUR_PX) -> Parts:
    """Return `parts` with a blurred background.

    Args:
        parts: the effects as they are.
        amount: pixels, such as "20"; "+5" and "-5" change what there is.
        least_px: what "-5" ends at.

    Raises:
        ConfigError: it is no number.
    """
    try:
        value = float(amount)
    except ValueError as exc:
        raise ConfigError(
            f"a blur must be a number of pixels, got {amount!r}", hint="blur 20, or blur +5"
        ) from exc
    if amount[:1] in "+-":
        old = _cover(parts)
        blurred = old.options.get("radius_px", DEFAULT_BLUR_PX) if old and old.kind == "blur" else 0
        value = max(least_px, blurred + value)
    return _with_cover(parts, "blur", {"radius_px": value, "refresh_hz": LIVE_REFRESH_HZ})


def with_next_backgrounds(parts: Parts) -> Iterator[Parts]:
    """Yield `parts` with each picture in the folder of the one there is, from the next on.

    Which of them can be read shows when it is opened.

    Raises:
        ConfigError: the background is no picture, or there are no pictures any more.
    """
    old = _cover(parts)
    now = Path(old.options["background"]).expanduser() if old and old.kind == "replace" else None
    if now is None or not is_image(now):
        raise ConfigError(
            "there is no next background: it is not a picture now",
            hint="choose one of a folder first: rimlight ctl background FOLDER/beach.jpg",
        )
    try:
        beside = list_files(now.parent)
    except OSError:
        beside = []
    if not beside:
        raise ConfigError(f"there is no picture in {now.parent} any more")
    earlier = [path for path in beside if path_sort_key(path) <= path_sort_key(now)]
    for path in [*beside[len(earlier) :], *earlier]:
        yield with_background(parts, str(path))


def with_mirror(parts: Parts, *, on: bool | None) -> Parts:
    """Return `parts` with left and right swapped or not; None for the other way round."""
    plain = tuple(part for part in parts if part.kind != "flip")
    was_on = len(plain) < len(parts)
    wanted = not was_on if on is None else on
    return (
        (*plain, ComponentConfig.model_validate({"kind": "flip", "mirror": True}))
        if wanted
        else plain
    )


def covered(parts: Sequence[ComponentConfig], height: int | None = None) -> bool:
    """Say whether one of `parts` covers the room; see `cover.hides_background`."""
    return any(hides_background(part, height) for part in parts)


def _cover(parts: Sequence[ComponentConfig]) -> ComponentConfig | None:
    return next((part for part in parts if part.kind in COVERING), None)


def _with_cover(parts: Parts, kind: str, options: dict[str, object]) -> Parts:
    """Put another covering effect in the place of the old one; the classes that stay, stay."""
    old = _cover(parts)
    keep = {"keep": old.options["keep"]} if old and "keep" in old.options else {}
    new = ComponentConfig.model_validate({"kind": kind, **options, **keep})
    if old is None:
        return (new, *parts)
    return tuple(new if part is old else part for part in parts)
