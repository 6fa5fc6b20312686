"""What is already written of a video, kept next to it until the video is whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shlex
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from rimlight.core.errors import SinkError
from rimlight.system.atomic_io import make_hidden_name, move_into_place
from rimlight.system.fingerprints import compute_fingerprint, compute_sha256
from rimlight.system.locks import (
    O_NOFOLLOW,
    O_NONBLOCK,
    LockResult,
    flush_to_disk,
    is_open_file_at,
    try_lock,
)

_VERSION = 3
_STATE = "state.json"
_LOCK = "lock"
_TRIES = 20
"""How often the folder is made again that another run removes at this very moment."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One whole piece of the video; times are in ticks of the written time base.

    Attributes:
        name: its file in the journal's folder.
        begin: when its first picture is shown.
        last: when its last picture is shown.
        end: when that is no longer shown.
        frames: how many pictures it holds.
        early: decoding times before `begin`, one for each picture that the encoder reorders by.
        size: of its file, in bytes.
        sha256: of its file, in hex.
    """

    name: str
    begin: int
    last: int
    end: int
    frames: int
    early: tuple[int, ...] = ()
    size: int = 0
    sha256: str = ""

    def add_digest(self, file: Path) -> Segment:
        """Return this segment with size and hash of its file.

        Raises:
            OSError: the file cannot be read.
        """
        return replace(self, size=file.stat().st_size, sha256=compute_sha256(file))

    def is_intact_in(self, file: Path) -> bool:
        """Return True if `file` holds this segment, byte for byte."""
        try:
            status = file.lstat()
            is_plain = stat.S_ISREG(status.st_mode) and status.st_size == self.size
            return is_plain and compute_sha256(file) == self.sha256
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class _Result:
    """The video that a run put under its final name; `whole` tells whether it is all of it."""

    content: list[Any]
    whole: bool


@dataclass(frozen=True, slots=True)
class _State:
    """What `state.json` says."""

    run: str
    segments: tuple[Segment, ...]
    complete: bool
    results: tuple[_Result, ...]


def get_index_folder(result: Path) -> Path:
    """Return the folder of the journal of a video."""
    return result.with_name(make_hidden_name(result, ".rimlight"))


def is_partial_result(result: Path) -> bool:
    """Return True if `result` is the part that a stopped run left, and nobody changed it since."""
    state = _read_state(get_index_folder(result) / _STATE, result.suffix)
    there = _find_result(result, () if state is None else state.results)
    return there is not None and not there.whole


class SegmentIndex:
    """The folder `.NAME.rimlight` next to a result, with segments and a list of the whole ones.

    The list is replaced in one step after each segment, so a crash at any moment leaves the list
    of before or of after, and a segment that is on it is on the disk. A list that is damaged is
    not believed, nor is a segment whose file is not as it was written: it is made again, with
    all that follow. Only files with names that rimlight gives are ever removed.

    Args:
        result: the video that is being made.
        run: names the run; segments of another run are thrown away.

    Raises:
        SinkError: another process works on the same result, or the folder cannot be made, or
            it is a link.
    """

    def __init__(self, result: Path, run: str) -> None:
        self.folder = get_index_folder(result)
        self._result_path = result
        self._run = run
        self.segments: list[Segment] = []
        self.is_complete = False
        """All of the video is in the segments."""
        self.notes: list[str] = []
        """What the user should know about what an earlier run left."""
        self._result: _Result | None = None
        """What lies under the final name, where an earlier run put it there."""
        self._lock = self._lock_folder()
        self._open = True
        try:
            self._load()
        except OSError as exc:
            self.close()
            raise _make_folder_error(self.folder, exc) from exc

    @property
    def is_finished(self) -> bool:
        """The whole video has its final name; only this folder is left to remove."""
        return self._result is not None and self._result.whole

    @property
    def can_replace_result(self) -> bool:
        """The file under the video's final name was put there by an earlier, unfinished run."""
        return self._result is not None

    def add(self, segment: Segment) -> None:
        """Put a segment, whose file is complete, on the list.

        Raises:
            OSError: the list cannot be written; it is as before then.
        """
        file = self.folder / segment.name
        self._sync(file)
        self.segments.append(segment if segment.sha256 else segment.add_digest(file))
        try:
            self.save()
        except OSError:
            self.segments.pop()
            raise

    def publish(self, file: Path, *, whole: bool, overwrite: bool) -> None:
        """Give a joined video its final name.

        The list says so before it happens: then after a crash, too, it is known whose file it is.

        Args:
            file: the video, in this folder.
            whole: it is all of the video, not the part up to a stop.
            overwrite: replace a file of that name, whoever wrote it.

        Raises:
            FileExistsError: a file of that name must stay.
            OSError: the disk is full, or the name cannot be taken.
        """
        placed = _Result(compute_fingerprint(file), whole)
        before = _find_result(self._result_path, () if self._result is None else (self._result,))
        # Until the name is given, and after a crash, what lies there is still that of before.
        self._save((placed,) if before is None else (placed, before))
        move_into_place(file, self._result_path, overwrite=overwrite or before is not None)
        self._result = placed

    def save(self) -> None:
        """Write down the list.

        Raises:
            OSError: the disk is full; the list is as before then.
        """
        self._save(() if self._result is None else (self._result,))

    def _save(self, results: tuple[_Result, ...]) -> None:
        state = _State(self._run, tuple(self.segments), self.is_complete, results)
        part = self.folder / f"{_STATE}.part"
        part.unlink(missing_ok=True)
        with part.open("x", encoding="utf-8") as file:
            file.write(_format_state(state))
        self._sync(part)
        part.replace(self.folder / _STATE)
        self._sync(self.folder)

    def close(self) -> None:
        """Leave the folder for a later run; one that holds nothing of use to it goes."""
        if not self._open:
            return
        if not self.segments and self._result is None:
            self.remove()
            return
        self._open = False
        os.close(self._lock)

    def remove(self) -> None:
        """Remove the folder: the result is whole, or nothing of it is worth keeping.

        A file that is not rimlight's stays, and the folder with it.
        """
        if not self._open:
            return
        self._open = False
        with suppress(OSError):
            self._remove_files({_STATE})
            for name in (_STATE, _LOCK):
                (self.folder / name).unlink(missing_ok=True)
            self.folder.rmdir()
        os.close(self._lock)

    def _lock_folder(self) -> int:
        """Make the folder and lock it; return the open lock."""
        for _ in range(_TRIES):
            try:
                _make_folder(self.folder)
                flags = os.O_RDWR | os.O_CREAT | O_NOFOLLOW | O_NONBLOCK
                lock = os.open(self.folder / _LOCK, flags, 0o644)
            except SinkError:
                raise
            except OSError as exc:
                gone = exc
                if exc.errno == errno.ENOENT:  # the run that had it may just have removed it
                    continue
                break
            if self._try_lock(lock):
                return lock
            gone = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        raise _make_folder_error(self.folder, gone) from gone

    def _try_lock(self, lock: int) -> bool:
        """Lock the open file `lock`, or close it; return False where it is not there any more.

        Raises:
            SinkError: another process holds it.
        """
        asked = try_lock(lock)
        if asked is LockResult.BUSY:
            os.close(lock)
            raise SinkError(
                f"another run is writing {self._result_path}",
                hint="wait for it, or choose another name",
            )
        if asked is LockResult.UNSUPPORTED:
            self._add_note(
                f"the disk of {self._result_path} knows no locks: "
                "start no second run with this result"
            )
            return True
        if not is_open_file_at(lock, self.folder / _LOCK):
            os.close(lock)
            return False
        return True

    def _load(self) -> None:
        """Take over what an earlier run of the same name left; clear away all else."""
        state = _read_state(self.folder / _STATE, self._result_path.suffix)
        if state is None:
            if os.path.lexists(self.folder / _STATE):
                self._add_note(
                    f"the record of an earlier run of {self._result_path} cannot be used; "
                    "starting over"
                )
        else:
            there = _find_result(self._result_path, state.results)
            if state.run == self._run:
                self._result = there
                self._adopt_segments(state)
            elif there is not None and not there.whole:
                self._result = there
                self._add_note(
                    f"{self._result_path} is a part, left by an earlier run with another input "
                    "or other settings; starting over"
                )
        self._remove_files({_STATE, *(segment.name for segment in self.segments)})
        self._sync(self.folder)

    def _adopt_segments(self, state: _State) -> None:
        """Keep the segments of `state` up to the first whose file is not as it was written."""
        if self.is_finished:
            return
        for segment in state.segments:
            if not segment.is_intact_in(self.folder / segment.name):
                break
            self.segments.append(segment)
        lost = len(state.segments) - len(self.segments)
        self.is_complete = state.complete and not lost
        if lost:
            self._add_note(
                f"{lost} of {len(state.segments)} segments of {self._result_path} are damaged or "
                "follow a damaged one; making them again"
            )

    def _remove_files(self, keep: set[str]) -> None:
        """Remove the files in this folder that rimlight made, but those in `keep`."""
        own = _make_file_pattern(self._result_path.suffix)
        for name in sorted(os.listdir(self.folder)):
            path = self.folder / name
            if name not in keep and own.fullmatch(name) and not _is_folder(path):
                path.unlink(missing_ok=True)

    def _sync(self, path: Path) -> None:
        """Wait until a file, or the names in a folder, are on the disk itself."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            is_flushed = flush_to_disk(descriptor)
        finally:
            os.close(descriptor)
        if not is_flushed:
            self._add_note(
                f"the disk of {self._result_path} does not say when data is on it: "
                "after a power cut the run may have to start over"
            )

    def _add_note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _make_folder_error(folder: Path, exc: OSError) -> SinkError:
    return SinkError(f"cannot write {folder}: {exc.strerror}", hint="choose another folder")


def _make_folder(folder: Path) -> None:
    """Make the journal's folder, or check that it is one.

    Raises:
        SinkError: it is a link or a file.
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        folder.mkdir()
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        what = "a link" if stat.S_ISLNK(status.st_mode) else "not a folder"
        raise SinkError(
            f"{folder} is {what}: segments are not kept there",
            hint=f"remove it: rm {shlex.quote(str(folder))}",
        )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def make_segment_pattern(suffix: str) -> re.Pattern[str]:
    """Return what the names of segments look like; `suffix` is that of the video."""
    return re.compile(rf"-?\d{{7,12}}{re.escape(suffix)}", re.ASCII)


def _make_file_pattern(suffix: str) -> re.Pattern[str]:
    others = rf"(part|joined){re.escape(suffix)}|{re.escape(_STATE)}(\.part)?"
    return re.compile(f"{make_segment_pattern(suffix).pattern}|{others}", re.ASCII)


def _find_result(path: Path, results: Sequence[_Result]) -> _Result | None:
    """Return the one of `results` that lies at `path`."""
    return next((one for one in results if _is_content(path, one.content)), None)


def _is_content(path: Path, content: list[Any]) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) and compute_fingerprint(path) == content
    except OSError:
        return False


def _format_state(state: _State) -> str:
    """Return a state as a text that ends with a hash of itself."""
    data = {"version": _VERSION, **asdict(state)}
    return json.dumps({**data, "check": _compute_checksum(data)})


def _compute_checksum(data: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _read_state(path: Path, suffix: str) -> _State | None:
    """Return what a list says, None where there is none or it is not as it was written."""
    try:
        descriptor = os.open(path, os.O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        with open(descriptor, encoding="utf-8") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return _parse_state(json.load(file), suffix)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _parse_state(data: Any, suffix: str) -> _State:
    """Return the state that `data` describes.

    Raises:
        ValueError, TypeError or KeyError: it is not what `_written` wrote.
    """
    if not isinstance(data, dict):
        raise TypeError("not an object")
    check = data.pop("check")
    if data["version"] != _VERSION or check != _compute_checksum(data):
        raise ValueError("not as it was written")
    segments = parse_segments(data["segments"], suffix)
    results = tuple(_Result(list(r["content"]), bool(r["whole"])) for r in data["results"])
    return _State(str(data["run"]), segments, data["complete"] is True, results)


def parse_segments(listed: Sequence[dict[str, Any]], suffix: str) -> tuple[Segment, ...]:
    """Return the segments that a list names; `suffix` is that of the video.

    Raises:
        ValueError, TypeError or KeyError: one is not what rimlight writes, or they do not
            follow each other.
    """
    segments = tuple(_parse_segment(dict(data), make_segment_pattern(suffix)) for data in listed)
    if any(one.end > other.begin for one, other in pairwise(segments)):
        raise ValueError("segments overlap")
    return segments


def _parse_segment(data: dict[str, Any], names: re.Pattern[str]) -> Segment:
    segment = Segment(**{**data, "early": tuple(data["early"])})
    numbers = (segment.begin, segment.last, segment.end, segment.frames, segment.size)
    is_sound = (
        len(data) == len(fields(Segment))
        and names.fullmatch(segment.name)
        and all(type(number) is int for number in (*numbers, *segment.early))
        and segment.begin <= segment.last <= segment.end
        and segment.frames > 0
        and re.fullmatch(r"[0-9a-f]{64}", segment.sha256)
    )
    if not is_sound:
        raise ValueError(f"no segment: {data}")
    return segment
