"""Open the segmenter that a description names: which model, in which wrappers."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import cast

from rimlight.core.config import ComponentConfig, ModelOptions, RunConfig, SegmenterConfig
from rimlight.core.errors import ConfigError
from rimlight.core.model_card import PERSON, PERSON_PARTS, ModelCard
from rimlight.core.options import validate
from rimlight.core.protocols import Segmenter
from rimlight.models.catalog import Catalog
from rimlight.segmenters import SEGMENTERS

WIDE = 1.2
"""From this width to height on, the 16:9 model fits a picture better than the square one."""

BEST_MARGINS = (0.2, 0.1, 0.05)
"""Rooms around the people, in shares of their sides, that the best masks are averaged over."""

CLOSE_SIDE, FOLLOW_SIDE = 384, 256
"""Pixels of the longer side of masks that were looked at closer: of single pictures and first
frames, and where every frame counts."""

FOR_PICTURES = "selfie-multiclass"
"""The model that the best masks of single pictures are made with as well."""

LIGHTEST = "selfie-landscape"
"""The model that finds people with the least work."""


def open_segmenter(part: SegmenterConfig, size: tuple[int, int] = (16, 9)) -> Segmenter:
    """Open a segmenter; the kind "model" takes a catalog name, a card or a model file.

    Args:
        part: its description.
        size: (width, height) of the pictures; the model "auto" is chosen by their shape.
    """
    if not part.is_model:
        return cast(Segmenter, part.open())
    wanted: ModelOptions = part.options
    close_up = wanted.roi != "none" and _knows_only_people(wanted)
    opened = _open_focus(wanted) if close_up else _open_model(wanted, size)
    if not wanted.motion_gate:
        return opened
    from rimlight.segmenters.motion_gate import MotionGatedSegmenter

    return MotionGatedSegmenter(opened)


def _open_model(wanted: ModelOptions, size: tuple[int, int]) -> Segmenter:
    name = wanted.model if wanted.model != "auto" else choose_default_model(size)
    names = split_model_names(name)
    if len(names) == 1:
        return _open_mean(wanted, name)
    from rimlight.segmenters.merge import MergedSegmenter

    with ExitStack() as on_error:
        first, second = (on_error.enter_context(closing(_open_mean(wanted, n))) for n in names)
        on_error.pop_all()
    return MergedSegmenter(first, second, alternate=wanted.alternate)


def _open_mean(wanted: ModelOptions, name: str) -> Segmenter:
    """Open one model, or the mean of several."""
    names = split_ensemble(name)
    if len(names) == 1:
        return _open_one(wanted, name)
    from rimlight.segmenters.ensemble import EnsembleSegmenter

    with ExitStack() as on_error:
        each = [on_error.enter_context(closing(_open_one(wanted, n))) for n in names]
        on_error.pop_all()
    return EnsembleSegmenter(each)


def _open_one(wanted: ModelOptions, name: str) -> Segmenter:
    card, file = Catalog(wanted.models_dir).resolve(name)
    cls = SEGMENTERS.load(card.runtime)
    given = {
        key: value
        for key, value in (wanted.model_extra or {}).items()
        if key != "parts" or card.has_person_parts
    }
    runtime = validate(cls.Options, given, where=f"model {name!r}")
    return cast(Segmenter, cls(card, file, runtime))


def split_model_names(model: str) -> tuple[str, ...]:
    """Split "a+b" into two models; the name of a file may contain a plus.

    Each may be an average of several; see `split_ensemble`.

    Raises:
        ConfigError: there are more than two.
    """
    names = (model,) if os.path.isfile(model) else tuple(model.split("+"))
    if len(names) > 2 or not all(names):
        raise ConfigError(
            f"{model!r} must be one model, or two joined by a plus", hint="such as road+cityscapes"
        )
    return names


def split_ensemble(name: str) -> tuple[str, ...]:
    """Return the models whose average "a,b" names; a file may have commas in its name.

    Raises:
        ConfigError: a name is empty.
    """
    names = (name,) if os.path.isfile(name) else tuple(part.strip() for part in name.split(","))
    if not all(names):
        raise ConfigError(
            f"{name!r} must be models joined by commas", hint="such as selfie-multiclass,selfie"
        )
    return names


def list_model_names(model: str) -> tuple[str, ...]:
    """Return every model that "a", "a+b" or "a,b" names, once."""
    every = (one for name in split_model_names(model) for one in split_ensemble(name))
    return tuple(dict.fromkeys(every))


def is_stateful(part: SegmenterConfig) -> bool:
    """Return True if masks depend on earlier frames: by an option, or in a recurrent network."""
    if part.is_stateful or not part.is_model:
        return part.is_stateful
    return any(card.recurrent for card in _find_cards(part.options))


def separate_parts(config: RunConfig) -> RunConfig:
    """Return a run whose model gives the parts of a person, if it selects or paints parts."""
    if not config.segmenter.is_model or "parts" in config.segmenter.given:
        return config
    sinks = (effect for sink in config.sinks for effect in sink.effects)
    every = (*config.refiners, *config.effects, *sinks)
    if not any(_names_parts(part) for part in every) or not _has_parts(config.segmenter.options):
        return config
    return config.model_copy(update={"segmenter": config.segmenter.with_options(parts=True)})


def _names_parts(part: ComponentConfig) -> bool:
    fields = [getattr(part.options, name, None) or () for name in ("keep", "exclude", "classes")]
    return part.kind == "overlay" or any(PERSON_PARTS & set(names) for names in fields)


def _has_parts(wanted: ModelOptions) -> bool:
    return any(card.has_person_parts for card in _find_cards(wanted))


def _find_cards(wanted: ModelOptions) -> list[ModelCard]:
    """Return the cards of all models of a segmenter; none for "auto"."""
    if wanted.model == "auto":
        return []
    catalog = Catalog(wanted.models_dir)
    return [catalog.resolve(name)[0] for name in list_model_names(wanted.model)]


def _keeps_parts(wanted: ModelOptions) -> bool:
    return bool((wanted.model_extra or {}).get("parts"))


def _knows_only_people(wanted: ModelOptions) -> bool:
    if wanted.model == "auto":
        return True
    if len(split_model_names(wanted.model)) > 1 or _keeps_parts(wanted):
        return False
    return all(card.is_of_people for card in _find_cards(wanted))


def _open_focus(wanted: ModelOptions) -> Segmenter:
    """Open a model that looks closer; "auto" brings both models, each for parts of its shape."""
    from rimlight.segmenters.ensemble import EnsembleSegmenter
    from rimlight.segmenters.roi import RoiSegmenter

    wide = _open_model(wanted, (16, 9))
    tall = _open_model(wanted, (1, 1)) if wanted.model == "auto" else wide
    each = list(dict.fromkeys((tall, wide)))
    if wanted.roi == "track":
        both = EnsembleSegmenter(each)
        return RoiSegmenter(
            both,
            lambda s: wide if is_wide(s) else tall,
            mask_side=CLOSE_SIDE,
            track_side=FOLLOW_SIDE,
            propagate=True,
        )
    both = EnsembleSegmenter(each, flip_tta=True)
    twice = {one: EnsembleSegmenter([one], flip_tta=True) for one in each}
    small = RoiSegmenter(
        both,
        lambda s: twice[wide if is_wide(s) else tall],
        margins=BEST_MARGINS,
        tiling=True,
        select_plain_model=lambda s: wide if is_wide(s) else tall,
    )
    if wanted.model != "auto":
        return small
    from rimlight.segmenters.still_ensemble import StillEnsembleSegmenter

    return StillEnsembleSegmenter(small, lambda: _open_one(wanted, FOR_PICTURES))


def read_palette(part: SegmenterConfig) -> dict[str, str]:
    """Return the colors that the card of a segmenter's model gives its classes, or none."""
    if not part.is_model:
        return {}
    wanted: ModelOptions = part.options
    cards = _find_cards(wanted)
    return {name: color for card in reversed(cards) for name, color in card.palette.items()}


def read_foreground(part: SegmenterConfig) -> tuple[str, ...]:
    """Return the classes that the card of a segmenter's model leaves by itself, or none."""
    if not part.is_model:
        return ()
    wanted: ModelOptions = part.options
    names = (name for card in _find_cards(wanted) for name in _read_foreground(wanted, card))
    return tuple(dict.fromkeys(names))


def _read_foreground(wanted: ModelOptions, card: ModelCard) -> tuple[str, ...]:
    merged = card.has_person_parts and not _keeps_parts(wanted)
    return (PERSON,) if merged else card.foreground


def list_person_models() -> list[str]:
    """Return the names of the models that find people and whose files are here, "auto" first."""
    catalog = Catalog()
    cards = (card for card in catalog.list_cards() if "person" in card.foreground)
    return ["auto", *(card.name for card in cards if catalog.find_files(card))]


def find_lighter(part: SegmenterConfig, size: tuple[int, int]) -> SegmenterConfig | None:
    """Return what finds people with less work than `part` does; None if nothing does.

    Args:
        part: the description of a segmenter.
        size: (width, height) of the pictures.

    Raises:
        ModelError: the model of `part` is not here any more.
    """
    if not part.is_model:
        return None
    wanted: ModelOptions = part.options
    name = wanted.model if wanted.model != "auto" else choose_default_model(size)
    cards = _find_cards(wanted.model_copy(update={"model": name}))
    if wanted.roi != "none" and _knows_only_people(wanted):
        return part.with_options(roi="none")
    if name == LIGHTEST or not all(PERSON in _read_foreground(wanted, card) for card in cards):
        return None
    same = {key: value for key, value in part.given.items() if key in ("motion_gate", "threads")}
    return SegmenterConfig.model_validate({"kind": "model", "model": LIGHTEST, **same})


def choose_default_model(size: tuple[int, int]) -> str:
    """Return the name of the person model that suits pictures of (width, height)."""
    return "selfie-landscape" if is_wide(size) else "selfie"


def is_wide(size: tuple[int, int]) -> bool:
    """Whether a picture of (width, height) is nearer to 16:9 than to a square."""
    return size[0] >= WIDE * size[1]


def check_segmenter(part: SegmenterConfig) -> None:
    """Check a segmenter's options and find its model, without opening it.

    Raises:
        ConfigError: an option is unknown or wrong.
        ModelError: the model is unknown or not here.
    """
    options = part.options
    if part.is_model:
        _find_cards(options)
