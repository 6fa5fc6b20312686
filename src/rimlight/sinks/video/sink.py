"""A video file, with the input's exact times, its sound and, where possible, transparency."""

from __future__ import annotations

import errno
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar, NoReturn, cast

from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import ConfigError, SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.sinks.delivery import check_suffix, find_target
from rimlight.sinks.output_paths import check_not_source, check_writable_file
from rimlight.sinks.result_record import can_replace
from rimlight.sinks.video.codecs import (
    DEFAULT_RATE,
    CodecName,
    EncodingPlan,
    Preset,
    check_available,
    plan_encoding,
)
from rimlight.sinks.video.delivery_check import DeliveryCheck
from rimlight.sinks.video.hdr import adapt_to_hdr, choose_hdr_codec
from rimlight.sinks.video.metadata import log_tags
from rimlight.sinks.video.recording import RecordingWriter
from rimlight.sinks.video.segment_index import SegmentIndex
from rimlight.sinks.video.segmented import SegmentedWriter
from rimlight.sinks.video.single_file import SingleFileWriter
from rimlight.sinks.video.stream_copy import StreamCopy
from rimlight.sinks.video.tracks import AudioMode
from rimlight.system.av import av
from rimlight.system.cpu import count_usable_cores

_MAX_GIF_RATE = 50
"""GIF counts hundredths of a second, and players show a single one as ten."""

_SMALL_PX = 16  # a side from which every encoder takes a frame


class VideoSink:
    """Writes a video with PyAV. The first frame fixes its size.

    The file is written beside its place under a temporary name and moved there by `close`. mp4
    and mov keep the input's time stamps exactly; mkv and webm count in milliseconds.

    A live recording grows under its own name, and is kept whatever ends it. It replaces an earlier
    one only where `overwrite` says so; else it is called NAME-2, NAME-3 and so on.

    Raises:
        ConfigError: the container cannot hold what is asked for, or hardware for it is missing.
        SinkError: the place cannot be written to, is the input itself, or the container cannot
            hold the input's sound.
    """

    class Options(options.Options):
        """Options of a video file."""

        positional: ClassVar[str | None] = "path"

        path: Annotated[
            options.FilePath, Field(description="the video; its suffix names the container")
        ]
        codec: Annotated[CodecName, Field(description="auto: the container's usual one")] = "auto"
        crf: Annotated[
            int | None, Field(ge=0, le=63, description="quality, lower is better; None: usual")
        ] = None
        deliver: Annotated[
            str | None,
            Field(
                description="the program that gets the result, as `rimlight options deliver` lists "
                "them; sets codec, sound and range, and decodes the result to verify it"
            ),
        ] = None
        preset: Annotated[Preset, Field(description="speed of the encoder")] = "veryfast"
        audio: Annotated[
            AudioMode,
            Field(
                description="the input's sound and subtitles; copy: as they are, converted only "
                "where the container cannot hold them; convert: sound in the container's usual "
                "codec (AAC, Opus, FLAC); none: left out"
            ),
        ] = "copy"
        private: Annotated[
            bool, Field(description="leave out tags, chapters, subtitles, whatever is not sound")
        ] = False
        overwrite: Annotated[bool, Field(description="replace a file of that name")] = False
        transparent: Annotated[bool, Field(description="keep the frames' alpha")] = False
        threads: Annotated[int, Field(ge=0, le=64, description="of the encoder; 0: one a core")] = 0
        resume: Annotated[
            str | None,
            Field(description="auto: an interrupted run can be resumed; or a run's name"),
        ] = None
        segment_s: Annotated[
            options.Seconds, Field(ge=1, description="seconds that are lost when it breaks off")
        ] = Fraction(10)
        record: Annotated[
            Path | None,
            Field(description="a file that says which results were made; they may be replaced"),
        ] = None
        part: Annotated[
            tuple[options.Seconds | None, options.Seconds | None] | None,
            Field(description="with resume: make segments from one to another, do not join them"),
        ] = None

    def __init__(self, options: Options, info: SourceInfo) -> None:
        self._options = options
        self._info = info
        self._path = options.path
        self._plan = _plan_for_source(self.plan(options), options, info)
        self._can_resume = options.resume is not None and not self._plan.is_animation
        self._is_recording = info.is_live and not self._can_resume and not self._plan.is_animation
        check_not_source(options.path, info)
        knows_what_is_there = self._is_recording or self._can_resume
        check_writable_file(options.path, overwrite=knows_what_is_there or self._can_replace())
        sound = self._open_sound()
        self._sounds = sound.sound_count if sound is not None else 0
        self._writer = self._open_writer(sound)
        self._check_result = (
            DeliveryCheck(self._plan, info) if options.deliver and options.part is None else None
        )
        self._held: Frame | None = None
        self._taken = 0
        self._gap = 1 / (info.rate or DEFAULT_RATE)
        self._start: Fraction | None = None
        self._size: tuple[int, int] | None = None
        self._is_opening = False
        self._is_all = True
        self._done = False

    @staticmethod
    def plan(options: Options) -> EncodingPlan:
        """Return container and codec.

        Raises:
            ConfigError: the container cannot hold what is asked for, or hardware is missing.
        """
        form = None
        if options.deliver is not None:
            name = options.deliver
            form = check_suffix(str(options.path), name, transparent=options.transparent)
        plan = plan_encoding(
            options.path,
            codec=cast(CodecName, form.codec)
            if form and options.codec == "auto"
            else options.codec,
            transparent=options.transparent,
            crf=options.crf,
            preset=options.preset,
        )
        if form is not None:
            limited = form.range == "limited"
            plan = replace(plan, wants_limited_range=limited, audio=form.audio)
        check_available(plan.codec)
        _check_codec(plan, options.path)
        return plan

    def _open_writer(
        self, sound: StreamCopy | None
    ) -> SingleFileWriter | SegmentedWriter | RecordingWriter:
        options, info = self._options, self._info
        if options.private:
            info = replace(info, media_path=None)
        threads = options.threads or count_usable_cores()
        if self._is_recording:
            recording = RecordingWriter(
                self._path,
                self._plan,
                info=info,
                sound=sound,
                threads=threads,
                may_replace=options.overwrite,
            )
            self._path = recording.path
            return recording
        if options.resume is None or not self._can_resume:
            return SingleFileWriter(
                self._path,
                self._plan,
                info=info,
                sound=sound,
                threads=threads,
                overwrite=options.overwrite,
                record=options.record,
            )
        journal: SegmentIndex | None = None
        try:
            journal = SegmentIndex(self._path, options.resume)
            if not journal.can_replace_result:
                check_writable_file(self._path, overwrite=self._can_replace())
        except SinkError:
            for opened in (journal, sound):
                if opened is not None:
                    opened.close()
            raise
        return SegmentedWriter(
            self._path,
            self._plan,
            info=info,
            sound=sound,
            threads=threads,
            segment_s=options.segment_s,
            journal=journal,
            part=options.part,
            overwrite=options.overwrite,
            record=options.record,
        )

    def _can_replace(self) -> bool:
        options = self._options
        return can_replace(self._path, options.record, overwrite=options.overwrite)

    def _open_sound(self) -> StreamCopy | None:
        container, private = self._info.media_path, self._options.private
        if container is None:
            return None
        log_tags(container, private=private)
        if self._options.audio == "none":
            return None
        return StreamCopy(
            container,
            self._plan.format,
            origin=self._info.start_offset,
            private=private,
            convert=self._options.audio == "convert",
            codec=self._plan.audio,
        )

    @property
    def path(self) -> Path:
        """Where the video is, or will be."""
        return self._path

    @property
    def resume_at(self) -> Fraction | None:
        """When the first frame that is not yet written is shown; None when all are wanted."""
        return self._writer.resume_at

    @property
    def is_complete(self) -> bool:
        """Every frame is written already; only `close` is left to do."""
        return self._writer.is_complete

    @property
    def frames(self) -> tuple[int, int]:
        """How many frames earlier runs wrote, and how many this one has taken."""
        return self._writer.earlier_frames, self._taken

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know about what an earlier run left."""
        return self._writer.notes

    def write(self, frame: Frame) -> None:
        """Encode `frame`, or rather the one before: only now is it known how long it is shown.

        Frames before `resume_at` are passed over.

        Raises:
            SinkError: the frame differs in size from the first, has alpha that the video has no
                room for, or is not later than the one before; or the file cannot be written.
        """
        self._check(frame)
        self._start = frame.pts if self._start is None else self._start
        if self.is_complete or (self.resume_at is not None and frame.pts < self.resume_at):
            return
        self._taken += 1
        try:
            if self._held is None:
                self._size, self._is_opening = frame.size, True
                self._writer.open(frame)
                self._is_opening = False
            else:
                self._gap = frame.pts - self._held.pts
                self._writer.write(self._held, self._gap)
        except (av.error.FFmpegError, OSError) as exc:
            self._fail(exc)
        self._held = frame
        if self._check_result is not None:
            self._check_result.add(frame)

    def _check(self, frame: Frame) -> None:
        if self._done:
            raise ValueError("write to a closed sink")
        if frame.alpha is not None and not self._options.transparent:
            raise SinkError(
                f"{self._path} is written without alpha, and the frames have it",
                hint="set transparent: true for this sink, or put a background behind the person",
            )
        if self._held is None:
            return
        if frame.size != self._held.size:
            raise SinkError(
                f"frame {frame.index} is {frame.size}, the video {self._path} is {self._held.size}",
                hint="a video has one size; write a folder of pictures instead",
            )
        if self._writer.to_ticks(frame.pts) <= self._writer.to_ticks(self._held.pts):
            raise SinkError(
                f"frame {frame.index} at {float(frame.pts):.6f} s does not come after "
                f"{float(self._held.pts):.6f} s; a video's times must rise"
            )

    def mark_partial(self) -> None:
        """Say that the frames so far are not all: `close` keeps what it needs to go on later."""
        self._is_all = False

    def close(self) -> None:
        """Finish the video and give it its name. Without a frame there is no video.

        Raises:
            SinkError: the end of the file cannot be written; nothing is left of it then. Or the
                result for a program, decoded, is not what was written; it is kept.
        """
        if self._done:
            return
        if self._held is None and self.resume_at is None and not self.is_complete:
            self.abort()
            return
        try:
            self._writer.finish(self._write_last_frame(), is_all=self._is_all)
        except (av.error.FFmpegError, OSError) as exc:
            self._fail(exc)
        self._done = True
        self._held = None
        if self._check_result is not None and self._is_all:
            earlier = self._writer.earlier_frames
            self._check_result.run(self._path, earlier_frames=earlier, sounds=self._sounds)

    def _write_last_frame(self) -> Fraction | None:
        """Write the last frame; return until when it is shown, None where there is none."""
        if self._held is None:
            return None
        shown_s = self._compute_last_duration(self._held)
        self._writer.write(self._held, shown_s)
        return self._held.pts + shown_s

    def abort(self) -> None:
        """Close and remove the unfinished file; a live recording is kept."""
        if self._done:
            return
        self._done = True
        # The file's end could perhaps not be written; the file goes anyway, unless it is live.
        if self._is_recording:
            with suppress(av.error.FFmpegError, OSError):
                self._write_last_frame()
        self._held = None
        with suppress(av.error.FFmpegError, OSError):
            self._writer.close()

    def _compute_last_duration(self, last: Frame) -> Fraction:
        """Return how long the last frame is shown: as it says, or to the stream's end if near."""
        if last.duration is not None:
            return last.duration
        if self._info.duration_s is not None:
            left = (self._start or 0) + Fraction(self._info.duration_s) - last.pts
            if 0 < left < 2 * self._gap:
                return left
        return self._gap

    def _is_size_suspect(self) -> bool:
        """Return True if an encoder's refusal is likely one of the frames' size.

        Some encoders say so when they are opened, others with the first frame they encode.
        """
        return self._is_opening or (self._size is not None and min(self._size) < _SMALL_PX)

    def _fail(self, exc: Exception) -> NoReturn:
        """Remove what there is of the file, unless it is live, and say what went wrong."""
        self.abort()
        if isinstance(exc, SinkError):
            raise exc
        code = getattr(exc, "errno", None)
        reason = getattr(exc, "strerror", None) or str(exc)
        hint = "check the folder's permissions, and the space on its disk"
        if self._is_recording and self._start is not None and self._path.exists():
            hint = f"what was recorded until then is in {self._path}"
        elif code == errno.ENOSPC:
            hint = "free some space, or write to another disk"
            if self.resume_at is not None:
                hint = "free some space and run the same command again: it goes on from there"
        elif code == errno.EFBIG:
            hint = "free some space, or raise the limit of a file's size (ulimit -f)"
        elif code == errno.EEXIST:
            hint = "it appeared during the run; move it, or set overwrite=true, and repeat"
        elif code == errno.EINVAL and self._size is not None and self._is_size_suspect():
            width, height = self._size
            size, codec = f"{width}x{height}", self._plan.codec.name
            hint = f"{codec} may not do the size {size}; try a .mkv, or images"
        elif code == errno.EINVAL:
            hint = "try a .mkv, or set audio=none"
        raise SinkError(f"cannot write {self._path}: {reason}", hint=hint) from exc


def _plan_for_source(
    plan: EncodingPlan, options: VideoSink.Options, info: SourceInfo
) -> EncodingPlan:
    """Return `plan` for the frames of a source: with the usual codec of HDR if it is HDR.

    Raises:
        ConfigError: the codec cannot hold it.
    """
    if plan.format == "gif" and info.rate is not None and info.rate > _MAX_GIF_RATE:
        raise ConfigError(
            f"gif holds {_MAX_GIF_RATE} frames a second at most, not {float(info.rate):g}",
            hint="write a .webp, or every second frame: --stride 2",
        )
    if info.hdr is None:
        return plan
    if options.codec == "auto" and not options.transparent:
        form = find_target(options.deliver).hdr if options.deliver else None
        usual = plan.codec if options.deliver else choose_hdr_codec(plan.format)
        codec = cast(CodecName, form.codec if form else usual.name)
        plan = VideoSink.plan(options.model_copy(update={"codec": codec}))
    return adapt_to_hdr(plan, info.hdr)


def _check_codec(plan: EncodingPlan, path: Path) -> None:
    if not _can_hold_codec(plan):
        raise ConfigError(
            f"{path.suffix[1:]} cannot hold {plan.codec.name}: {path}",
            hint="write a .mkv, or leave the codec out",
        )


def _can_hold_codec(plan: EncodingPlan) -> bool:
    """Ask FFmpeg whether the container takes the codec; nothing is written."""
    if plan.format == "mov" and plan.codec.standard in ("vp9", "av1"):
        return False  # the muxer says so only when it writes the header
    try:
        with av.open(io.BytesIO(), "w", format=plan.format) as trial:
            trial.add_stream(plan.codec.encoder, rate=DEFAULT_RATE)
    except ValueError:
        return False
    return True
