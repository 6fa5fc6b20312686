"""The catalog: cards by name, and the files that belong to them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard, ModelFile, check_runnable, choose_runtime, load_card
from rimlight.core.registry import suggest
from rimlight.system import app_paths

_CARD_SUFFIXES = (".yaml", ".yml")
_MODEL_SUFFIXES = (".tflite", ".keras", ".onnx", ".h5", ".pb", ".pt", ".xml")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which models are looked for; `name` is what the user knows it as."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Found:
    """Where the files of a model lie, in the order of the card's `files`."""

    place: Place
    paths: tuple[Path, ...]


class Catalog:
    """Finds models by name, by card, or by file.

    Args:
        models_dir: a folder of the user's own, searched first.
        cache: where pulled models are kept; None for the user's cache folder.
    """

    def __init__(self, models_dir: Path | None = None, cache: Path | None = None) -> None:
        if models_dir is not None and not os.path.isdir(models_dir):
            raise ModelNotFoundError(f"there is no folder {models_dir}", hint="check --models-dir")
        self.cache = cache or app_paths.get_cache_folder() / "models"
        shared = app_paths.find_shared_folder()
        own = [Place("models-dir", models_dir)] if models_dir else []
        cached = Place("cached", self.cache)
        self._card_places = [*own, Place("shipped", app_paths.find_data_folder("models")), cached]
        beside = [Place("shared", shared / "models")] if shared else []
        self._file_places = [*self._card_places[:-1], *beside, cached]

    def names(self) -> tuple[str, ...]:
        """All names that have a card, sorted."""
        return tuple(sorted({path.stem for path in self._card_paths()}))

    def list(self) -> tuple[ModelCard, ...]:
        """Return all cards by name; of two cards with one name, the first place's.

        Raises:
            ModelFormatError: one of the cards is wrong.
        """
        return tuple(self.card(name) for name in self.names())

    def card(self, name: str) -> ModelCard:
        """Return the card of a name; one that can run goes before one that must be imported.

        Raises:
            ModelNotFoundError: there is none; the hint suggests one.
            ModelFormatError: it is wrong, or carries another name than its file.
        """
        cards = (_named(path, name) for path in self._card_paths() if path.stem == name)
        first = next(cards, None)
        if first is None:
            raise ModelNotFoundError(f"unknown model {name!r}", hint=suggest(name, self.names()))
        if not first.needs:
            return first
        return next((card for card in cards if not card.needs), first)

    def find(self, card: ModelCard, *, beside: Path | None = None) -> Found | None:
        """Return where all files of `card` lie, not opened and not checked; None if nowhere.

        Args:
            card: any card.
            beside: a folder to look into first, such as the one that the card came from.
        """
        first = [Place("beside the card", beside)] if beside else []
        for place in (*first, *self._file_places):
            paths = [_inside(place.folder, file.file) for file in card.files]
            if all(paths):
                return Found(place, tuple(path for path in paths if path))
        return None

    def resolve(self, model: str) -> tuple[ModelCard, Path]:
        """Return the card and the checked file of what the user calls a model.

        Args:
            model: a name, the path of a card (.yaml), or the path of a model file. A model file
                is read with the card beside it (same name, .yaml), the catalog's card for
                these very bytes, or else a card guessed from the file.

        Raises:
            ModelNotFoundError: no such model, or its file is not here; the hint says what to do.
            ModelFormatError: a file is not what its card says.
            ModelError: rimlight lacks a part that the model needs.
        """
        path = Path(model)
        if path.suffix.lower() in _CARD_SUFFIXES:
            return self._with_file(load_card(path), beside=path.parent)
        if path.suffix.lower() in _MODEL_SUFFIXES or len(path.parts) > 1:
            return self._bare(path)
        return self._with_file(self.card(model), beside=None)

    def _with_file(self, card: ModelCard, *, beside: Path | None) -> tuple[ModelCard, Path]:
        check_runnable(card)
        found = self.find(card, beside=beside)
        if found is None:
            raise _not_here(card, self.cache)
        for file, path in zip(card.files, found.paths, strict=True):
            verify(file, path)
        return card, found.paths[0]

    def _bare(self, path: Path) -> tuple[ModelCard, Path]:
        if not os.path.isfile(path):
            raise ModelNotFoundError(f"there is no model file {path}", hint="check the path")
        choose_runtime(path)
        card = self._card_for(path)
        check_runnable(card)
        first = card.files[0].model_copy(update={"file": path.name})
        return card.model_copy(update={"files": (first, *card.files[1:])}), path

    def _card_for(self, path: Path) -> ModelCard:
        beside = path.with_suffix(".yaml")
        if beside.is_file():
            card = load_card(beside)
            verify(card.files[0], path)
            return card
        digest = sha256_of(path)
        known = (card for card in self._sound() if card.files[0].sha256 == digest)
        from rimlight.models.infer_card import guess_card

        return next(known, None) or guess_card(path)

    def _sound(self) -> Iterator[ModelCard]:
        """Yield the cards that can be read: one that is wrong is no reason to refuse a file."""
        for name in self.names():
            with suppress(ModelFormatError):
                yield self.card(name)

    def _card_paths(self) -> Iterator[Path]:
        for place in self._card_places:
            if place.folder.is_dir():
                yield from sorted(
                    p for p in place.folder.iterdir() if p.suffix.lower() in _CARD_SUFFIXES
                )


def _named(path: Path, name: str) -> ModelCard:
    card = load_card(path)
    if card.name != name:
        raise ModelFormatError(
            f"model card {path} is named {card.name!r}, its file {name!r}",
            hint="give both the same name",
        )
    return card


def verify(file: ModelFile, path: Path) -> None:
    """Check that the bytes at `path` are those of `file`.

    Raises:
        ModelNotFoundError: the file cannot be read.
        ModelFormatError: they are not.
    """
    if file.sha256 is None:
        return
    found = sha256_of(path)
    if found != file.sha256:
        raise ModelFormatError(
            f"{path} is damaged or another file: its sha256 is {found[:12]}..., "
            f"the card says {file.sha256[:12]}...",
            hint="delete it and fetch it again with `rimlight models pull`",
        )


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hex.

    Raises:
        ModelNotFoundError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise ModelNotFoundError(
            f"cannot read {path}: {exc.strerror}", hint="check the path and its permissions"
        ) from exc


def _inside(folder: Path, name: str) -> Path | None:
    """Return `name` in `folder`, flat or in the layout of Intel's Open Model Zoo, or None."""
    stem = Path(name).stem
    candidates = (folder / name, folder / stem / "FP32" / name)
    return next((path for path in candidates if os.path.isfile(path)), None)


def _not_here(card: ModelCard, cache: Path) -> ModelNotFoundError:
    names = ", ".join(file.file for file in card.files)
    if all(file.url for file in card.files):
        hint = f"fetch it: rimlight models pull {card.name}"
    else:
        hint = f"put {names} into {cache}, or name its folder with --models-dir"
    return ModelNotFoundError(f"model {card.name!r} is not on this machine ({names})", hint=hint)
