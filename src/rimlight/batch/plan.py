"""From what the user names to a list of tasks, each with a place for its result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path, PurePosixPath
from typing import Literal

from rimlight.batch import storage
from rimlight.core.addresses import hide_secrets
from rimlight.core.errors import ConfigError, SourceOpenError
from rimlight.sinks.output_paths import NameKey, find_name_key, generate_names, plan_names
from rimlight.sources import guess_source
from rimlight.system.file_kinds import choose_result_suffix, is_image, is_video
from rimlight.system.folders import (
    describe_skipped,
    is_below_companion,
    is_companion,
    list_folder,
)

_WILD = "*?["
Kind = Literal["video", "picture", "folder"]


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: a video, a picture, or all pictures that lie directly in one folder.

    Attributes:
        source: the file or folder; a path, or an address such as "s3://bucket/talk.mp4".
        target: the file or folder to make, likewise.
        kind: what the source is.
    """

    source: str
    target: str
    kind: Kind

    @property
    def shown(self) -> str:
        """The source as the manifest and reports have it: without secrets.

        Addresses that differ in what is hidden only stay different by a short hash.
        """
        shown = hide_secrets(self.source)
        if shown == self.source:
            return shown
        return f"{shown} ({hashlib.sha256(self.source.encode()).hexdigest()[:8]})"

    def identity(self) -> str:
        """Return a hash of what the source's files are: names, sizes and times of change.

        A source that is not there, as behind a link that leads nowhere, has none: "".
        """
        try:
            files = pictures_in(self.source) if self.kind == "folder" else [self.source]
            facts = [storage.facts(file) for file in files]
        except OSError:
            return ""
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def make_plan(
    inputs: Sequence[str], out: str, *, suffix: str, still: str | None = None
) -> list[Task]:
    """Find all videos and pictures that `inputs` stand for, in folders below them too.

    No two results have one place: the second "talk.mp4" is made as "talk-2.mp4".

    Args:
        inputs: files, folders, globs and addresses; what lies in two of them counts once.
        out: where results go; files in a folder keep their place below it.
        suffix: of the videos to make, such as ".mp4".
        still: of the pictures to make, None for that of each.

    Raises:
        SourceOpenError: one of the inputs does not exist, or there is nothing to do.
        ConfigError: the results would lie among the inputs, or `suffix` is none.
        MissingDependencyError: an address needs a package that is not installed.
    """
    if len(suffix) < 2 or not suffix.startswith(".") or "/" in suffix:
        raise ConfigError(f"{suffix!r} is no suffix of a file", hint="such as .mp4")
    endings = {"video": suffix, "picture": still}
    taken: set[str] = set()
    tasks = []
    found = list(_deduplicate([one for text in inputs for one in _found(text, out)]))
    key = _key(found, out)
    for one in found:
        place = _unique_output(one, endings.get(one.kind), still, taken, key)
        tasks.append(Task(one.source, storage.below(out, place), one.kind))
    if not tasks:
        raise SourceOpenError(
            f"there are no videos or pictures in {', '.join(inputs)}", hint="name other folders"
        )
    return tasks


def _key(found: Sequence[_Input], out: str) -> NameKey:
    """Return how the output folder compares names; object stores take each letter as it is."""
    if storage.is_url(out):
        return str
    places = [str(PurePosixPath(one.place, name)) for one in found for name in one.pictures or [""]]
    return find_name_key(
        Path(out), [*places, *(str(PurePosixPath(p).with_suffix("")) for p in places)]
    )


def pictures_in(folder: str) -> list[str]:
    """Return the pictures that lie directly in `folder`, sorted."""
    if storage.is_url(folder):
        files = storage.files_below(folder)
        shown = [f for f in files if storage.parent(f) == folder.rstrip("/")]
        return [f for f in shown if is_image(f) and not is_companion(PurePosixPath(f).name)]
    return [str(path) for path in list_folder(Path(folder)).files if is_image(path)]


def left_out(inputs: Sequence[str], out: str) -> list[str]:
    """Say for each folder and glob what in it is neither a video nor a picture, with numbers."""
    notes = []
    for place in map(_place, inputs):
        if storage.is_url(place):
            continue
        files = list(_listed(place, out)) if storage.is_folder(place) else []
        if not storage.exists(place):
            files = [Path(name) for name in storage.matching(place)]
        others = [path for path in files if not _is_taken(path)]
        notes.append(describe_skipped(others, where=place))
    return [note for note in notes if note]


@dataclass(frozen=True, slots=True)
class _Input:
    """What an input stands for; `place` is where its result lies below the output folder.

    Of a folder, `pictures` are the names of those that lie directly in it.
    """

    source: str
    place: str
    kind: Kind
    pictures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", _inside(self.place))


def _deduplicate(found: Sequence[_Input]) -> Iterator[_Input]:
    """Leave out what is there already; what is named as a picture is there with its folder."""
    folders = {_identified(one.source) for one in found if one.kind == "folder"}
    seen: set[str] = set()
    for one in found:
        name = _identified(one.source)
        is_inside = is_image(name) and one.kind == "picture" and storage.parent(name) in folders
        if name not in seen and not is_inside:
            seen.add(name)
            yield one


def _identified(place: str) -> str:
    return place if storage.is_url(place) else os.path.realpath(place)


def result_names(pictures: Sequence[str], still: str | None, *, key: NameKey = str) -> list[str]:
    """Return the names of the results of the pictures in a folder.

    Args:
        pictures: their names.
        still: the suffix of the results, None for that of each.
        key: tells which names the folder of the results takes for one.
    """
    planned = plan_names(pictures, lambda name: still or choose_result_suffix(name), key=key)
    return list(planned.values())


def _unique_output(
    one: _Input, ending: str | None, still: str | None, taken: set[str], key: NameKey
) -> str:
    """Return a place where no other result lies, and note it in `taken`."""
    names = result_names(one.pictures, still, key=key)
    own = choose_result_suffix(one.place) if ending is None else ending
    for place in _folders(one) if one.kind == "folder" else generate_names(one.place, own):
        files = {key(str(PurePosixPath(place, name))) for name in names or [""]}
        if files.isdisjoint(taken):
            break
    taken |= files
    return place


def _inside(place: str) -> str:
    """Return `place` without what would lead out of the output folder, as keys of others may."""
    parts = [part for part in place.split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "."


def _folders(one: _Input) -> Iterator[str]:
    """Yield names for the results of a folder: its place, then its own name where that is none."""
    yield one.place
    name = PurePosixPath(one.source.rstrip("/")).name if one.place == "." else one.place
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _place(text: str) -> str:
    return text if storage.is_url(text) else str(Path(os.path.expanduser(text)))


def _found(text: str, out: str) -> Iterator[_Input]:
    place = _place(text)
    if storage.is_folder(place):
        yield from (_below_address if storage.is_url(place) else _below)(place, out)
    elif storage.exists(place):
        yield _single(place)
    elif any(sign in text for sign in _WILD):
        names = storage.matching(place)
        yield from (_single(name) for name in names if is_image(name) or is_video(name))
    else:
        raise SourceOpenError(f"no such file or folder: {place}", hint="check its spelling")


def _single(place: str) -> _Input:
    """Take one file for what its content is; of an address only the name is known."""
    far = storage.is_url(place)
    is_one = is_image(place) if far else guess_source(place).get("kind") == "images"
    return _Input(place, PurePosixPath(place).name, "picture" if is_one else "video")


def _below(top: str, out: str) -> Iterator[_Input]:
    if not storage.is_url(out) and os.path.realpath(top) == os.path.realpath(out):
        raise _among_inputs(out)
    files = sorted(filter(_is_taken, _listed(top, out)), key=lambda path: str(path.parent))
    for here, inside in groupby(files, key=lambda path: path.parent):
        place = here.relative_to(top).as_posix()
        yield from _in_folder(str(here), place, sorted(path.name for path in inside))


def _listed(top: str, out: str) -> Iterator[Path]:
    """Yield the files below a folder; what an earlier run made must not become its input."""
    own = [] if storage.is_url(out) else [Path(out)]
    try:
        yield from list_folder(Path(top), recursive=True, excluded=own).files
    except OSError as error:
        raise SourceOpenError(
            f"cannot read {error.filename}: {(error.strerror or str(error)).lower()}",
            hint="check the permissions of the folder (ls -ld shows them)",
        ) from error


def _is_taken(path: Path) -> bool:
    """Return True for videos and pictures; of videos, what is no file cannot be read twice."""
    is_odd = os.path.exists(path) and not os.path.isfile(path)
    return is_image(path) or (is_video(path) and not is_odd)


def _among_inputs(out: str) -> ConfigError:
    return ConfigError(
        f"the results would lie among the inputs, in {out}",
        hint=f"choose another folder; one inside is fine: {storage.below(out, 'results')}",
    )


def _below_address(top: str, out: str) -> Iterator[_Input]:
    top, own = top.rstrip("/"), out.rstrip("/")
    if top == own:
        raise _among_inputs(out)
    files = (
        f
        for f in storage.files_below(top)
        if not f.startswith(f"{own}/") and not is_below_companion(f[len(top) :])
    )
    for here, inside in groupby(sorted(files, key=storage.parent), key=storage.parent):
        names = sorted(file.rpartition("/")[2] for file in inside)
        yield from _in_folder(here, here[len(top) + 1 :] or ".", names)


def _in_folder(here: str, place: str, names: Sequence[str]) -> Iterator[_Input]:
    """Yield what lies directly in a folder; its pictures are one piece of work."""
    for name in names:
        if is_video(name):
            found = _single(storage.below(here, name))
            yield _Input(found.source, str(PurePosixPath(place, name)), found.kind)
    pictures = tuple(name for name in names if is_image(name))
    if pictures:
        yield _Input(here, place, "folder", pictures)
