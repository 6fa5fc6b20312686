"""Models that find what a redaction covers: detectors, and mask models for whole things."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ConfigError
from rimlight.core.model_card import ModelCard
from rimlight.factory.segmenter import open_segmenter
from rimlight.models.catalog import Catalog
from rimlight.redaction.covers import Detector, DetectorGroup
from rimlight.segmenters.merge import PEOPLE, VEHICLES

FACE_MODEL = "blazeface"
PREFERRED = ("yolov8n-seg", "cityscapes")
"""Models for people and vehicles, in this order, where they are installed."""

GROUPS = {
    "person": PEOPLE,
    "vehicle": VEHICLES | {"vehicle", "two-wheeler", "airplane", "boat"},
}
"""Words for several classes of a mask model."""

SEARCH_CONFIDENCE = 0.3
"""Minimum score of a detection that continues a track in a film."""


@dataclass(frozen=True, slots=True)
class RedactionModels:
    """The models of a redaction.

    Attributes:
        detectors: names, cards or files of detectors; their classes are covered as ellipses.
        areas: name of a mask model; "" for none.
        names: classes of `areas` that are covered.
        classes: classes of the detectors.
    """

    detectors: tuple[str, ...]
    areas: str
    names: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def covered(self) -> tuple[str, ...]:
        """All classes that are covered."""
        return tuple(dict.fromkeys((*self.classes, *self.names)))


def choose_models(what: Sequence[str], given: Sequence[str]) -> RedactionModels:
    """Choose the models that find `what`.

    Args:
        what: "face", "person", "vehicle", or classes of the models.
        given: models that the user named; a detector or a mask model each.

    Raises:
        ConfigError: no model finds one of the words, there are none, or a model is not used.
        ModelError: a model is unknown or not here.
    """
    catalog = Catalog()
    cards = {name: catalog.resolve(name)[0] for name in given}
    found = {name: card for name, card in cards.items() if card.output.is_detection}
    masks = [name for name in given if name not in found]
    if "face" in what and not any("face" in card.classes for card in found.values()):
        found[FACE_MODEL] = catalog.resolve(FACE_MODEL)[0]
    classes = tuple(dict.fromkeys(name for card in found.values() for name in card.classes))
    rest = [word for word in what if word not in classes]
    if not (rest or found):
        raise ConfigError("there is nothing to cover", hint="such as --what face,vehicle")
    if masks and not rest:
        raise ConfigError(
            f"model {masks[0]!r} is not used: {' and '.join(found)} finds {', '.join(what)}",
            hint="name the classes of it that are covered, such as --what face,person",
        )
    if not rest:
        return RedactionModels(tuple(found), "", (), classes)
    if len(masks) > 1:
        raise ConfigError(f"{masks[1]} is a second mask model", hint="name one mask model")
    areas = masks[0] if masks else _find_area_model(catalog, rest)
    names = _expand_words(rest, catalog.resolve(areas)[0])
    return RedactionModels(tuple(found), areas, names, classes)


def _find_area_model(catalog: Catalog, words: Sequence[str]) -> str:
    """Return an installed mask model that has classes for all words."""
    installed = catalog.list_names()
    order = [name for name in (*PREFERRED, *installed) if name in installed]
    for name in dict.fromkeys(order):
        card = catalog.find_card(name)
        is_usable = not card.needs and not card.output.is_detection and catalog.find_files(card)
        if is_usable and all(_expand_word(word, card) for word in words):
            return name
    raise ConfigError(
        f"no installed model finds {' and '.join(words)}",
        hint="`rimlight models pull cityscapes` fetches one for people and vehicles",
    )


def _expand_words(words: Sequence[str], card: ModelCard) -> tuple[str, ...]:
    for word in words:
        if not _expand_word(word, card):
            raise ConfigError(
                f"model {card.name!r} has no class {word!r}",
                hint=f"it has {', '.join(card.classes)}",
            )
    return tuple(dict.fromkeys(name for word in words for name in _expand_word(word, card)))


def _expand_word(word: str, card: ModelCard) -> tuple[str, ...]:
    """Return the classes of a card that a word stands for, in the order of the card."""
    wanted = GROUPS.get(word, frozenset()) | {word}
    return tuple(name for name in card.classes if name in wanted)


def open_detectors(names: Sequence[str], **options: Any) -> DetectorGroup:
    """Open detectors as one; `options` are those of `DetectorSegmenter`."""
    with ExitStack() as on_error:
        members: list[tuple[Detector, tuple[str, ...]]] = []
        for name in names:
            part = SegmenterConfig.model_validate({"kind": "model", "model": name, **options})
            opened = cast(Any, open_segmenter(part))
            on_error.callback(opened.close)
            members.append((opened, opened.card.classes))
        on_error.pop_all()
    return DetectorGroup(members)
