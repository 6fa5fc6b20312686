"""The catalog of models: cards by name, and the files that belong to them."""

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
class SearchFolder:
    """A folder that is searched for models, and its name for the user."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The paths of a model's files, in the order of the card's `files`."""

    folder: SearchFolder
    paths: tuple[Path, ...]


class Catalog:
    """Finds models by name, by card, or by file.

    Args:
        models_dir: a user-defined folder, searched first.
        cache: the folder of pulled models; None for the user's cache folder.
    """

    def __init__(self, models_dir: Path | None = None, cache: Path | None = None) -> None:
        if models_dir is not None and not os.path.isdir(models_dir):
            raise ModelNotFoundError(f"there is no folder {models_dir}", hint="check models_dir")
        self.cache = cache or app_paths.get_cache_folder() / "models"
        shared = app_paths.find_shared_folder()
        custom = [SearchFolder("models-dir", models_dir)] if models_dir else []
        cached = SearchFolder("cached", self.cache)
        self._card_folders = [
            *custom,
            SearchFolder("shipped", app_paths.find_data_folder("models")),
            cached,
        ]
        extra = [SearchFolder("shared", shared / "models")] if shared else []
        self._file_folders = [*self._card_folders[:-1], *extra, cached]

    def list_names(self) -> tuple[str, ...]:
        """Return the names of all cards, sorted."""
        return tuple(sorted({path.stem for path in self._list_card_paths()}))

    def list_cards(self) -> tuple[ModelCard, ...]:
        """Return all cards, sorted by name; the first folder wins if a name occurs twice.

        Raises:
            ModelFormatError: one of the cards is invalid.
        """
        return tuple(self.find_card(name) for name in self.list_names())

    def find_card(self, name: str) -> ModelCard:
        """Return the card of a name, preferably one that can run without an import.

        Raises:
            ModelNotFoundError: there is none; the hint suggests a similar name.
            ModelFormatError: it is invalid, or its name differs from that of its file.
        """
        cards = (_load_named(path, name) for path in self._list_card_paths() if path.stem == name)
        first = next(cards, None)
        if first is None:
            raise ModelNotFoundError(
                f"unknown model {name!r}", hint=suggest(name, self.list_names())
            )
        if not first.needs:
            return first
        return next((card for card in cards if not card.needs), first)

    def find_files(self, card: ModelCard, *, extra_folder: Path | None = None) -> ModelFiles | None:
        """Return the unchecked paths of all files of `card`; None if not found.

        Args:
            card: any card.
            extra_folder: is searched first, such as the folder of the card.
        """
        first = [SearchFolder("next to the card", extra_folder)] if extra_folder else []
        for place in (*first, *self._file_folders):
            paths = [_find_in(place.path, file.file) for file in card.files]
            if all(paths):
                return ModelFiles(place, tuple(path for path in paths if path))
        return None

    def resolve(self, model: str) -> tuple[ModelCard, Path]:
        """Return the card and the verified file of a model.

        Args:
            model: a name, the path of a card (.yaml), or the path of a model file. The card of a
                model file is the one next to it (same name, .yaml), the catalog's card with the
                same checksum, or one inferred from the file.

        Raises:
            ModelNotFoundError: no such model, or its file is missing; the hint says what to do.
            ModelFormatError: a file does not match its card.
            ModelError: rimlight does not support the model.
        """
        path = Path(model)
        if path.suffix.lower() in _CARD_SUFFIXES:
            return self._resolve_card(load_card(path), extra_folder=path.parent)
        if path.suffix.lower() in _MODEL_SUFFIXES or len(path.parts) > 1:
            return self._resolve_file(path)
        return self._resolve_card(self.find_card(model), extra_folder=None)

    def _resolve_card(
        self, card: ModelCard, *, extra_folder: Path | None
    ) -> tuple[ModelCard, Path]:
        check_runnable(card)
        files = self.find_files(card, extra_folder=extra_folder)
        if files is None:
            raise _make_missing_error(card, self.cache)
        for file, path in zip(card.files, files.paths, strict=True):
            verify(file, path)
        return card, files.paths[0]

    def _resolve_file(self, path: Path) -> tuple[ModelCard, Path]:
        if not os.path.isfile(path):
            raise ModelNotFoundError(f"there is no model file {path}", hint="check the path")
        choose_runtime(path)
        card = self._find_or_infer_card(path)
        check_runnable(card)
        first = card.files[0].model_copy(update={"file": path.name})
        return card.model_copy(update={"files": (first, *card.files[1:])}), path

    def _find_or_infer_card(self, path: Path) -> ModelCard:
        card_path = path.with_suffix(".yaml")
        if card_path.is_file():
            card = load_card(card_path)
            verify(card.files[0], path)
            return card
        digest = compute_sha256(path)
        known = (card for card in self._list_valid_cards() if card.files[0].sha256 == digest)
        from rimlight.models.infer_card import infer_card

        return next(known, None) or infer_card(path)

    def _list_valid_cards(self) -> Iterator[ModelCard]:
        """Yield the valid cards; an invalid one must not prevent the use of a file."""
        for name in self.list_names():
            with suppress(ModelFormatError):
                yield self.find_card(name)

    def _list_card_paths(self) -> Iterator[Path]:
        for place in self._card_folders:
            if place.path.is_dir():
                yield from sorted(
                    p for p in place.path.iterdir() if p.suffix.lower() in _CARD_SUFFIXES
                )


def _load_named(path: Path, name: str) -> ModelCard:
    card = load_card(path)
    if card.name != name:
        raise ModelFormatError(
            f"model card {path} is named {card.name!r}, its file {name!r}",
            hint="give both the same name",
        )
    return card


def verify(file: ModelFile, path: Path) -> None:
    """Verify the checksum of `file` at `path`.

    Raises:
        ModelNotFoundError: the file cannot be read.
        ModelFormatError: it differs.
    """
    if file.sha256 is None:
        return
    digest = compute_sha256(path)
    if digest != file.sha256:
        raise ModelFormatError(
            f"{path} is damaged or another file: its sha256 is {digest[:12]}..., "
            f"the card says {file.sha256[:12]}...",
            hint="delete it and fetch it again with `rimlight models pull`",
        )


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits.

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


def _find_in(folder: Path, name: str) -> Path | None:
    """Return the path of `name` in `folder`, flat or as in Intel's Open Model Zoo, or None."""
    stem = Path(name).stem
    candidates = (folder / name, folder / stem / "FP32" / name)
    return next((path for path in candidates if os.path.isfile(path)), None)


def _make_missing_error(card: ModelCard, cache: Path) -> ModelNotFoundError:
    names = ", ".join(file.file for file in card.files)
    if all(file.url for file in card.files):
        hint = f"fetch it: rimlight models pull {card.name}"
    else:
        hint = f"put {names} into {cache}, or name its folder with models_dir"
    return ModelNotFoundError(f"model {card.name!r} is not on this machine ({names})", hint=hint)
