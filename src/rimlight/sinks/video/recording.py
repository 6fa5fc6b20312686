"""A live recording: it grows in sight under its own name, and plays up to whatever ends it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.sinks.video.codecs import EncodingPlan, choose_time_base, is_quicktime
from rimlight.sinks.video.encoder import Encoder
from rimlight.sinks.video.stream_copy import StreamCopy
from rimlight.system.atomic_io import find_free_path
from rimlight.system.av import av
from rimlight.system.locks import LockResult, try_lock

_FRAGMENT_MS = 1000
"""What the file's end may miss when the run is killed, besides what the encoder still holds."""

_FRAGMENTS = (b"moof", b"moov")
"""What a fragment of mp4, or an index, begins with. Players read a broken mkv cluster."""

_FIRST = 2
"""The index of the first fragment and that fragment: without them nothing plays."""


class GrowingFile:
    """A new file that libav writes to and that can be protected from it; locked while open.

    libav converts the fragments into one indexed file at the end. Where a write has failed, that
    would destroy what plays: `freeze` first.

    Raises:
        FileExistsError: there is a file of that name.
        OSError: it cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        """Where it was created."""
        self._file = path.open("xb", buffering=0)
        try_lock(self._file.fileno())
        self._begun = 0
        self._whole: int | None = None
        self.is_frozen = False
        """Nothing changes the file any more."""

    def write(self, data: bytes) -> int:
        """Write all of `data`; nothing once it is frozen.

        Raises:
            OSError: the disk is full; an mp4 ends with its last whole fragment then.
        """
        if self.is_frozen:
            return len(data)
        if data[4:8] in _FRAGMENTS:
            self._begun += 1
            self._whole = self._file.tell() if self._begun > _FIRST else None
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self.freeze()
            if self._whole is not None:
                self._file.truncate(self._whole)
            raise
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to `offset`, as in any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position, as in any file."""
        return self._file.tell()

    def freeze(self) -> None:
        """Ignore what is written from now on."""
        self.is_frozen = True

    def is_at(self, path: Path) -> bool:
        """Return True if `path` still leads to this file."""
        try:
            return os.path.samestat(path.stat(), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def close(self) -> None:
        """Close it; what was written stays."""
        self._file.close()


class RecordingWriter:
    """Writes `path` in fragments (mp4, mov) or short clusters (mkv, webm), each playable at once.

    `finish` turns the fragments into one file with an index, without copying them. An error, or
    `close` before that, keeps what was recorded.

    Args:
        path: the file; an empty one holds its name until the first frame.
        plan: container and codec.
        info: the run's source.
        sound: streams to copy along; without them the first frame is at zero.
        threads: of the encoder.
        may_replace: the first frame replaces an existing file; else another name is found.

    Raises:
        SinkError: the file cannot be created.
    """

    resume_at: Fraction | None = None
    is_complete = False
    earlier_frames = 0

    def __init__(
        self,
        path: Path,
        plan: EncodingPlan,
        *,
        info: SourceInfo,
        sound: StreamCopy | None,
        threads: int,
        may_replace: bool,
    ) -> None:
        self._file = None if may_replace else _create_free(path)
        self.path = path if self._file is None else self._file.path
        """The file: `path`, or the first of NAME-2, NAME-3 and so on that was not taken."""
        is_other = self.path != path
        self.notes = [f"{path} is kept; this run records to {self.path}"] if is_other else []
        self._plan = plan
        self._info = info
        self._sound = sound
        self._threads = threads
        self._base = choose_time_base(info)
        self._is_open = False
        self._encoder: Encoder | None = None
        self._last_s = self._end_s = self._start_s = Fraction(0)

    def to_ticks(self, time_s: Fraction) -> int:
        """Return `time_s` in units of the video's time base."""
        return round(time_s / self._base)

    def open(self, first: Frame) -> None:
        """Open the encoder for frames like `first`, and the file if it replaces another.

        Raises:
            SinkError: another run records to the file that would be replaced.
            av.error.FFmpegError: the encoder refuses.
            OSError: the file cannot be created.
        """
        if self._encoder is not None:
            return
        if self._sound is None:  # nothing else counts on the source's clock
            self._start_s = first.pts
        if self._file is None:
            _remove_finished(self.path)
            self._file = GrowingFile(self.path)
        try:
            self._encoder = Encoder(
                self.path,
                self._plan,
                first=replace(first, pts=first.pts - self._start_s),
                info=self._info,
                sound=self._sound,
                threads=self._threads,
                file=self._file,
                container_options=_build_growing_options(self._plan),
            )
        except BaseException:
            self.close()
            raise
        self._is_open = True

    def write(self, frame: Frame, duration_s: Fraction) -> None:
        """Encode `frame`, shown for `duration_s`; nothing where that has failed before.

        Raises:
            av.error.FFmpegError: it cannot be encoded.
            OSError: the disk is full.
        """
        self.open(frame)
        assert self._encoder is not None
        assert self._file is not None
        if self._file.is_frozen:
            return
        try:
            self._encoder.write(replace(frame, pts=frame.pts - self._start_s), duration_s)
        except BaseException:
            self._file.freeze()
            raise
        self._last_s = frame.pts - self._start_s
        self._end_s = self._last_s + duration_s

    def finish(self, end_s: Fraction | None, *, is_all: bool) -> None:
        """End the file; whether that `is_all` makes no difference.

        Args:
            end_s: until when the last picture is shown; None when none was written.
            is_all: the source has ended.

        Raises:
            SinkError: it is not at its place any more.
            av.error.FFmpegError: the rest cannot be encoded.
            OSError: the disk is full.
        """
        assert self._encoder is not None
        assert self._file is not None
        assert end_s is not None
        file, self._end_s = self._file, end_s - self._start_s
        try:
            self._encoder.finish(self._last_s, self._end_s)
            self._encoder = None
            if not file.is_at(self.path):
                raise SinkError(
                    f"{self.path} was moved or deleted while it was recorded",
                    hint="if it was moved, with its folder or alone, the recording is whole there",
                )
        finally:
            self.close()

    def close(self) -> None:
        """End the file with what was recorded; without a frame there is none."""
        file, encoder, self._file, self._encoder = self._file, self._encoder, None, None
        if file is None:
            if self._sound is not None:
                self._sound.close()
            return
        try:
            if encoder is not None:
                self._end_file(encoder, file)
        finally:
            if not self._is_open and file.is_at(self.path):
                self.path.unlink()
            file.close()

    def _end_file(self, encoder: Encoder, file: GrowingFile) -> None:
        """Write the file's end as far as possible; what plays already stays as it is."""
        with suppress(av.error.FFmpegError, OSError):
            if not file.is_frozen:
                encoder.finish(self._last_s, self._end_s)
        file.freeze()
        with suppress(av.error.FFmpegError, OSError):
            encoder.close()


def _create_free(path: Path) -> GrowingFile:
    """Create `path`, or the first of NAME-2, NAME-3 and so on that is not taken.

    Raises:
        SinkError: it cannot be created.
    """
    while True:
        place = find_free_path(path)
        try:
            return GrowingFile(place)
        except FileExistsError:  # another run was faster
            continue
        except OSError as exc:
            raise SinkError(
                f"cannot write {place}: {exc.strerror}", hint="record to another folder or disk"
            ) from exc


def _remove_finished(path: Path) -> None:
    """Remove a file, unless another run is recording to it.

    Raises:
        SinkError: it is.
        OSError: it cannot be removed.
    """
    with suppress(FileNotFoundError), path.open("rb") as file:
        if try_lock(file.fileno()) is LockResult.BUSY:
            raise SinkError(
                f"another run is recording to {path}", hint="choose another name, or end that run"
            )
        path.unlink()


def _build_growing_options(plan: EncodingPlan) -> dict[str, str]:
    """Return muxer options for a file that plays at any moment."""
    if is_quicktime(plan):
        flags = "hybrid_fragmented+delay_moov"
        return {"movflags": flags, "frag_duration": str(_FRAGMENT_MS * 1000)}
    return {"cluster_time_limit": str(_FRAGMENT_MS), "flush_packets": "1"}
