"""A video written in one go, under a temporary name until it is complete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.sinks.output_paths import generate_names
from rimlight.sinks.result_record import can_replace, record_result
from rimlight.sinks.video.codecs import EncodingPlan, build_faststart_options, choose_time_base
from rimlight.sinks.video.encoder import Encoder
from rimlight.sinks.video.metadata import write_pixel_aspect
from rimlight.sinks.video.stream_copy import StreamCopy
from rimlight.system.atomic_io import create_partial_file, move_into_place


class SingleFileWriter:
    """Writes `path` with one encoder.

    Args:
        path: the file that `finish` makes.
        plan: container and codec.
        info: the run's source.
        sound: streams to copy along with the frames.
        threads: of the encoder.
        overwrite: replace a file of that name.
        record: see `record_result`; a file of that name that it lists is replaced.
    """

    resume_at: Fraction | None = None
    is_complete = False
    notes: Sequence[str] = ()
    earlier_frames = 0

    def __init__(
        self,
        path: Path,
        plan: EncodingPlan,
        *,
        info: SourceInfo,
        sound: StreamCopy | None,
        threads: int,
        overwrite: bool = False,
        record: Path | None = None,
    ) -> None:
        self._path = path
        self._overwrite = overwrite
        self._record = record
        self._part: Path | None = None
        self._plan = plan
        self._info = info
        self._sound = sound
        self._threads = threads
        self._base = choose_time_base(info)
        self._encoder: Encoder | None = None
        self._last_s = Fraction(0)

    def to_ticks(self, time_s: Fraction) -> int:
        """Return `time_s` in units of the video's time base."""
        return round(time_s / self._base)

    def open(self, first: Frame) -> None:
        """Open the encoder for frames like `first`.

        Raises:
            av.error.FFmpegError: the encoder refuses.
            OSError: the file cannot be created.
        """
        if self._encoder is None:
            self._part = create_partial_file(self._path)
            self._encoder = Encoder(
                self._part,
                self._plan,
                first=first,
                info=self._info,
                sound=self._sound,
                threads=self._threads,
                container_options=build_faststart_options(self._plan),
            )

    def write(self, frame: Frame, duration_s: Fraction) -> None:
        """Encode `frame`, shown for `duration_s`.

        Raises:
            av.error.FFmpegError: it cannot be encoded, or the disk is full.
        """
        self.open(frame)
        assert self._encoder is not None
        self._encoder.write(frame, duration_s)
        self._last_s = frame.pts

    def finish(self, end_s: Fraction | None, *, is_all: bool) -> None:
        """End the file and give it its name; whether that `is_all` makes no difference.

        Args:
            end_s: until when the last picture is shown; None when none was written.
            is_all: the source has ended.
        """
        assert self._encoder is not None
        assert self._part is not None
        assert end_s is not None
        self._encoder.finish(self._last_s, end_s)
        write_pixel_aspect(self._part, self._plan, self._info)
        try:
            record_result(self._record, self._path, self._part)
            may = can_replace(self._path, self._record, overwrite=self._overwrite)
            move_into_place(self._part, self._path, overwrite=may)
        except FileExistsError as exc:
            kept = self._move_to_free_name()
            raise SinkError(
                f"{self._path} was written by somebody else during the run",
                hint=f"this run's result is {kept}",
            ) from exc

    def _move_to_free_name(self) -> Path:
        """Give the file the first free name next to the one that is taken, and return that."""
        assert self._part is not None
        for name in generate_names(self._path.name, self._path.suffix):
            with suppress(FileExistsError):
                move_into_place(self._part, self._path.with_name(name), overwrite=False)
                return self._path.with_name(name)
        raise AssertionError("names have no end")

    def close(self) -> None:
        """Close and remove the unfinished file."""
        try:
            if self._encoder is not None:
                self._encoder.close()
            elif self._sound is not None:
                self._sound.close()
        finally:
            if self._part is not None:
                self._part.unlink(missing_ok=True)
