"""Many video files as one: the loops of a dashcam, joined in time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil, gcd, lcm
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from rimlight.core import options
from rimlight.core.errors import SourceError, SourceOpenError, SourceReadError
from rimlight.core.frame import Frame
from rimlight.core.protocols import SourceTraits
from rimlight.core.wording import format_count, join_names
from rimlight.media.container import MediaLocation, find_video_stream, open_container
from rimlight.media.stream_metadata import find_clock_origin, read_stream_metadata
from rimlight.media.timestamps import DEFAULT_TIME_BASE
from rimlight.sources.dashcam_files import list_inputs, select_drive
from rimlight.sources.recording_time import (
    RecordingTime,
    parse_plausible_time,
    parse_time_in_name,
    sort_by_time,
)
from rimlight.sources.video import VideoSource

_log = logging.getLogger(__name__)


def _expand_paths(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return tuple(str(file) for file in list_inputs(value))
    except SourceOpenError as exc:
        raise ValueError(f"{exc}; {exc.hint}") from exc


class ConcatSource(SourceTraits):
    """Reads video files one after the other, each frame at its own time within its file.

    A file that is damaged or of another size is left out, or ends early; after the last one an
    error names them all. There is no sound: it belongs to the single files.

    Raises:
        SourceOpenError: not one of the files opens.
    """

    has_media_clock = True

    class Options(options.Options):
        """Which files."""

        positional: ClassVar[str | None] = "paths"

        paths: Annotated[
            tuple[options.FileName, ...],
            BeforeValidator(_expand_paths),
            Field(min_length=1, description="video files in any order, a folder, or one glob"),
        ]

    def __init__(self, options: Options) -> None:
        paths = [Path(os.path.expanduser(name)) for name in options.paths]
        footage = select_drive(paths)
        paths, layout = list(footage.files), order_clips(footage.files)
        self._clips, self._unread = layout.clips, list(layout.unread)
        self._closed = False
        self._open = self._open_first()
        first = self._open.info
        counts = [part.frames for part in self._clips]
        self.info = replace(
            first,
            name=first.name if len(paths) == 1 else f"{first.name} and {len(paths) - 1} more",
            count=None if self._unread or None in counts else sum(count or 0 for count in counts),
            time_base=find_common_tick([part.tick for part in self._clips]),
            duration_s=float(sum(part.length for part in self._clips)),
            media_path=None,
            start_offset=Fraction(0),
            notes=(*footage.notes, *layout.notes, *first.notes),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames of all files.

        Raises:
            SourceReadError: some of them could not be read to their end; all else was yielded.
        """
        index, free = 0, Fraction(0)
        tick = self.info.time_base or Fraction(1)
        for part in self._clips:
            start = max(part.start, ceil(free / tick) * tick)
            for frame in self._read_clip(part, start):
                free = frame.pts + (frame.duration or tick)
                yield replace(frame, index=index)
                index += 1
        if self._unread and not self._closed:
            raise SourceReadError(
                f"{format_count(len(self._unread), 'file')} of the drive could not be read whole: "
                + "; ".join(self._unread),
                hint="what could be read of them, and all others, were processed",
            )

    def close(self) -> None:
        """Close the file that is being read."""
        self._closed = True
        self._open.close()

    def _open_first(self) -> VideoSource:
        """Open the first file that gives a picture; those before it are left out."""
        while True:
            try:
                return _open_clip(self._clips[0])
            except SourceOpenError as exc:
                self._unread.append(str(exc))
                if len(self._clips) == 1:
                    raise
                self._clips = self._clips[1:]

    def _read_clip(self, part: Clip, start: Fraction) -> Iterator[Frame]:
        """Yield what can be read of one file, its first frame at `start`."""
        if self._closed:
            return
        try:
            if part is not self._clips[0]:
                self._open = _open_clip(part)
            with closing(self._open) as source:
                if source.info.size != self.info.size or source.info.color != self.info.color:
                    self._leave_out(f"{part.path.name} has another size or colors than the first")
                    return
                first: Fraction | None = None
                for frame in source:
                    first = frame.pts if first is None else first
                    yield replace(frame, pts=start + frame.pts - first)
        except SourceError as exc:
            self._leave_out(str(exc))

    def _leave_out(self, reason: str) -> None:
        self._unread.append(reason)
        _log.warning("%s", reason)


def _open_clip(part: Clip) -> VideoSource:
    return VideoSource(VideoSource.Options(path=str(part.path)))


@dataclass(frozen=True)
class Clip:
    """One file of a drive.

    Attributes:
        path: the file.
        start: when its first frame comes, in seconds of the drive.
        length: how long it says it is, in seconds.
        tick: the unit of its time stamps.
        frames: how many it announces; None when unknown.
        recorded: when its first frame was taken, by the clock that the whole drive goes by.
        codec: what its video is coded with.
        pix_fmt: and its pixels.
        has_sound: it holds sound, which no drive takes along.
    """

    path: Path
    start: Fraction
    length: Fraction
    tick: Fraction
    frames: int | None
    recorded: datetime | None
    codec: str = ""
    pix_fmt: str = ""
    has_sound: bool = False


@dataclass(frozen=True)
class ClipOrder:
    """The files of a drive in order.

    Attributes:
        parts: one for each file that opens, in the order of recording.
        unread: why each of the others does not open.
        notes: what the user should know of clocks, gaps and overlaps.
    """

    clips: tuple[Clip, ...]
    unread: tuple[str, ...]
    notes: tuple[str, ...]


def order_clips(paths: Sequence[Path]) -> ClipOrder:
    """Put the files of a drive in the order of recording.

    They are sorted by the times that they were recorded at, where all tell these by the same kind
    of clock, else by name; see `in_order`. Each begins where the one before says it ends, and the
    first at its container's own start, so no time is left out between them; `Part.recorded` keeps
    the clock.

    Raises:
        SourceOpenError: not one of them opens.
    """
    parts: dict[Path, Clip] = {}
    found, unread = [], []
    for path in paths:
        try:
            parts[path], told = _probe(path)
            found.append(told)
        except SourceOpenError as exc:
            if len(paths) == 1:
                raise
            unread.append(str(exc))
    if not parts:
        raise SourceOpenError(
            f"none of {len(paths)} files opens: {'; '.join(unread)}",
            hint="check the paths; a drive is made of video files",
        )
    ordered, notes = sort_by_time(found)
    placed = _place_end_to_end([replace(parts[one.path], recorded=one.clock) for one in ordered])
    silent = _note_dropped_sound(placed) if len(placed) > 1 else ()
    return ClipOrder(tuple(placed), tuple(unread), (*notes, *_describe_gaps(placed), *silent))


def compute_gap_s(before: Clip, after: Clip) -> float | None:
    """Return the seconds between two files, negative where they overlap; None when unknown.

    Clocks tell whole seconds only, so what is less than one is none.
    """
    if before.recorded is None or after.recorded is None:
        return None
    end = before.recorded + timedelta(seconds=float(before.length))
    gap = round((after.recorded - end).total_seconds(), 1)
    return gap if abs(gap) >= 1 else 0.0


def find_common_tick(ticks: Sequence[Fraction]) -> Fraction:
    """Return the largest unit of which every one of `ticks` is a multiple."""
    return Fraction(gcd(*(t.numerator for t in ticks)), lcm(*(t.denominator for t in ticks)))


def _note_dropped_sound(parts: Sequence[Clip]) -> tuple[str, ...]:
    count = sum(part.has_sound for part in parts)
    return (
        (f"the sound of {format_count(count, 'file')} is left out of the drive",) if count else ()
    )


def _describe_gaps(parts: Sequence[Clip]) -> list[str]:
    """Describe the gaps and overlaps between files that follow each other."""
    gaps = [
        (compute_gap_s(before, after) or 0.0, before, after) for before, after in pairwise(parts)
    ]
    notes = []
    if missing := [(gap, before) for gap, before, _ in gaps if gap > 0]:
        named = [f"{gap:g} s after {before.path.name}" for gap, before in missing]
        notes.append(f"gaps between files, by their clocks: {join_names(named)}")
    if doubled := [(-gap, one, two) for gap, one, two in gaps if gap < 0]:
        named = [f"{one.path.name} and {two.path.name} by {gap:g} s" for gap, one, two in doubled]
        notes.append(
            f"files overlap, so what happened there comes twice: {join_names(named)} "
            "(from two cameras? Then give the files of one alone)"
        )
    return notes


def _place_end_to_end(parts: Sequence[Clip]) -> list[Clip]:
    tick = find_common_tick([part.tick for part in parts])
    start = parts[0].start
    placed = []
    for part in parts:
        placed.append(replace(part, start=start))
        start += ceil(part.length / tick) * tick
    return placed


def _probe(path: Path) -> tuple[Clip, RecordingTime]:
    target = MediaLocation.parse(str(path))
    with closing(open_container(target)) as container:
        stream = find_video_stream(container, target)
        whole, tick = (
            read_stream_metadata(container, stream, target.reopenable_path),
            stream.time_base or DEFAULT_TIME_BASE,
        )
        length = whole.duration or Fraction(0)
        begin = (stream.start_time or 0) * tick
        begin -= find_clock_origin(container, stream, begin)
        said = container.metadata.get("creation_time") or stream.metadata.get("creation_time", "")
        coded = (stream.codec_context.name, stream.codec_context.pix_fmt or "")
        has_sound = bool(container.streams.audio)
    told = RecordingTime(path, length, parse_plausible_time(said), parse_time_in_name(path.stem))
    return Clip(path, begin, length, tick, whole.estimated_count, None, *coded, has_sound), told
