"""Make a list of tasks of what the user names, each with a location for its result."""

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

    def compute_identity(self) -> str:
        """Return a hash of what the source's files are: names, sizes and times of change.

        A source that is not there, as behind a link that leads nowhere, has none: "".
        """
        try:
            files = list_images(self.source) if self.kind == "folder" else [self.source]
            facts = [storage.read_facts(file) for file in files]
        except OSError:
            return ""
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def make_plan(
    inputs: Sequence[str], out: str, *, suffix: str, still: str | None = None
) -> list[Task]:
    """Find all videos and pictures that `inputs` stand for, in folders below them too.

    No two results have one location: the second "talk.mp4" is made as "talk-2.mp4".

    Args:
        inputs: files, folders, globs and addresses; what lies in two of them counts once.
        out: where results go; files in a folder keep their relative path.
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
    found = list(_deduplicate([one for text in inputs for one in _find_inputs(text, out)]))
    key = _choose_name_key(found, out)
    for one in found:
        location = _choose_output(one, endings.get(one.kind), still, taken, key)
        tasks.append(Task(one.source, storage.join(out, location), one.kind))
    if not tasks:
        raise SourceOpenError(
            f"there are no videos or pictures in {', '.join(inputs)}", hint="name other folders"
        )
    return tasks


def _choose_name_key(found: Sequence[_Input], out: str) -> NameKey:
    """Return how the output folder compares names; object stores take each letter as it is."""
    if storage.is_url(out):
        return str
    outputs = [
        str(PurePosixPath(one.output, name)) for one in found for name in one.pictures or [""]
    ]
    return find_name_key(
        Path(out), [*outputs, *(str(PurePosixPath(p).with_suffix("")) for p in outputs)]
    )


def list_images(folder: str) -> list[str]:
    """Return the pictures that lie directly in `folder`, sorted."""
    if storage.is_url(folder):
        files = storage.list_files(folder)
        shown = [f for f in files if storage.get_parent(f) == folder.rstrip("/")]
        return [f for f in shown if is_image(f) and not is_companion(PurePosixPath(f).name)]
    return [str(path) for path in list_folder(Path(folder)).files if is_image(path)]


def describe_left_out(inputs: Sequence[str], out: str) -> list[str]:
    """Say for each folder and glob what in it is neither a video nor a picture, with numbers."""
    notes = []
    for location in map(_expand_user, inputs):
        if storage.is_url(location):
            continue
        files = list(_list_below(location, out)) if storage.is_folder(location) else []
        if not storage.exists(location):
            files = [Path(name) for name in storage.expand_glob(location)]
        others = [path for path in files if not _is_taken(path)]
        notes.append(describe_skipped(others, where=location))
    return [note for note in notes if note]


@dataclass(frozen=True, slots=True)
class _Input:
    """What an input stands for; `output` is the path of its result below the output folder.

    Of a folder, `pictures` are the names of those that lie directly in it.
    """

    source: str
    output: str
    kind: Kind
    pictures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "output", _normalize(self.output))


def _deduplicate(found: Sequence[_Input]) -> Iterator[_Input]:
    """Leave out what is there already; what is named as a picture is there with its folder."""
    folders = {_resolve(one.source) for one in found if one.kind == "folder"}
    seen: set[str] = set()
    for one in found:
        name = _resolve(one.source)
        is_inside = is_image(name) and one.kind == "picture" and storage.get_parent(name) in folders
        if name not in seen and not is_inside:
            seen.add(name)
            yield one


def _resolve(location: str) -> str:
    return location if storage.is_url(location) else os.path.realpath(location)


def plan_result_names(
    pictures: Sequence[str], still: str | None, *, key: NameKey = str
) -> list[str]:
    """Return the names of the results of the pictures in a folder.

    Args:
        pictures: their names.
        still: the suffix of the results, None for that of each.
        key: tells which names the folder of the results takes for one.
    """
    planned = plan_names(pictures, lambda name: still or choose_result_suffix(name), key=key)
    return list(planned.values())


def _choose_output(
    one: _Input, ending: str | None, still: str | None, taken: set[str], key: NameKey
) -> str:
    """Return a location where no other result lies, and note it in `taken`."""
    names = plan_result_names(one.pictures, still, key=key)
    own = choose_result_suffix(one.output) if ending is None else ending
    for location in (
        _generate_folders(one) if one.kind == "folder" else generate_names(one.output, own)
    ):
        files = {key(str(PurePosixPath(location, name))) for name in names or [""]}
        if files.isdisjoint(taken):
            break
    taken |= files
    return location


def _normalize(location: str) -> str:
    """Return `location` without the parts that would lead out of the output folder."""
    parts = [part for part in location.split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "."


def _generate_folders(one: _Input) -> Iterator[str]:
    """Yield names for the results of a folder: its output path, then numbered ones."""
    yield one.output
    name = PurePosixPath(one.source.rstrip("/")).name if one.output == "." else one.output
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _expand_user(text: str) -> str:
    return text if storage.is_url(text) else str(Path(os.path.expanduser(text)))


def _find_inputs(text: str, out: str) -> Iterator[_Input]:
    location = _expand_user(text)
    if storage.is_folder(location):
        yield from (_find_at_url if storage.is_url(location) else _find_in_folder)(location, out)
    elif storage.exists(location):
        yield _take_file(location)
    elif any(sign in text for sign in _WILD):
        names = storage.expand_glob(location)
        yield from (_take_file(name) for name in names if is_image(name) or is_video(name))
    else:
        raise SourceOpenError(f"no such file or folder: {location}", hint="check its spelling")


def _take_file(location: str) -> _Input:
    """Take one file for what its content is; of an address only the name is known."""
    far = storage.is_url(location)
    is_one = is_image(location) if far else guess_source(location).get("kind") == "images"
    return _Input(location, PurePosixPath(location).name, "picture" if is_one else "video")


def _find_in_folder(top: str, out: str) -> Iterator[_Input]:
    if not storage.is_url(out) and os.path.realpath(top) == os.path.realpath(out):
        raise _make_among_inputs_error(out)
    files = sorted(filter(_is_taken, _list_below(top, out)), key=lambda path: str(path.parent))
    for here, inside in groupby(files, key=lambda path: path.parent):
        location = here.relative_to(top).as_posix()
        yield from _group_files(str(here), location, sorted(path.name for path in inside))


def _list_below(top: str, out: str) -> Iterator[Path]:
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


def _make_among_inputs_error(out: str) -> ConfigError:
    return ConfigError(
        f"the results would lie among the inputs, in {out}",
        hint=f"choose another folder; one inside is fine: {storage.join(out, 'results')}",
    )


def _find_at_url(top: str, out: str) -> Iterator[_Input]:
    top, own = top.rstrip("/"), out.rstrip("/")
    if top == own:
        raise _make_among_inputs_error(out)
    files = (
        f
        for f in storage.list_files(top)
        if not f.startswith(f"{own}/") and not is_below_companion(f[len(top) :])
    )
    for here, inside in groupby(sorted(files, key=storage.get_parent), key=storage.get_parent):
        names = sorted(file.rpartition("/")[2] for file in inside)
        yield from _group_files(here, here[len(top) + 1 :] or ".", names)


def _group_files(here: str, location: str, names: Sequence[str]) -> Iterator[_Input]:
    """Yield what lies directly in a folder; its pictures are one piece of work."""
    for name in names:
        if is_video(name):
            found = _take_file(storage.join(here, name))
            yield _Input(found.source, str(PurePosixPath(location, name)), found.kind)
    pictures = tuple(name for name in names if is_image(name))
    if pictures:
        yield _Input(here, location, "folder", pictures)
