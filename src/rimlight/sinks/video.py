"""A video file, with the input's exact times, its sound and, where possible, transparency."""

from __future__ import annotations

import errno
import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar, NoReturn

from pydantic import Field

from rimlight import options
from rimlight.errors import ConfigError, SinkError
from rimlight.frame import Frame, SourceInfo
from rimlight.libav import av
from rimlight.sinks.codecs import CodecName, Plan, Preset, plan_for
from rimlight.sinks.encoder import Encoder
from rimlight.sinks.paths import check_folder, check_not_source, temporary
from rimlight.sinks.sound import Sound

_USUAL_RATE = Fraction(30)


class VideoSink:
    """Writes a video with PyAV. The first frame fixes its size.

    The file is written beside its place under a temporary name and moved there by `close`. mp4
    and mov keep the input's time stamps exactly; mkv and webm count in milliseconds.

    Raises:
        ConfigError: the container cannot hold the codec, or the transparency, asked for.
        SinkError: the place cannot be written to, is the input itself, or the container cannot
            hold the input's sound.
    """

    class Options(options.Options):
        """Options of a video file."""

        main: ClassVar[str | None] = "path"

        path: Annotated[Path, Field(description="the video; its suffix names the container")]
        codec: Annotated[CodecName, Field(description="auto: the container's usual one")] = "auto"
        crf: Annotated[
            int | None, Field(ge=0, le=63, description="quality, lower is better; None: usual")
        ] = None
        preset: Annotated[Preset, Field(description="speed of the encoder")] = "veryfast"
        audio: Annotated[bool, Field(description="copy the input's sound and subtitles")] = True
        overwrite: Annotated[bool, Field(description="replace a file of that name")] = True
        transparent: Annotated[bool, Field(description="keep the frames' alpha")] = False
        threads: Annotated[int, Field(ge=0, le=64, description="of the encoder; 0: auto")] = 0

    def __init__(self, options: Options, info: SourceInfo) -> None:
        self._options = options
        self._info = info
        self._path = options.path
        self._plan = plan_for(
            options.path,
            codec=options.codec,
            transparent=options.transparent,
            crf=options.crf,
            preset=options.preset,
        )
        _check_codec(self._plan, options.path)
        check_folder(options.path, overwrite=options.overwrite)
        check_not_source(options.path, info)
        self._part = temporary(options.path)
        self._sound = self._open_sound()
        self._encoder: Encoder | None = None
        self._held: Frame | None = None
        self._gap = 1 / (info.rate or _USUAL_RATE)
        self._start = Fraction(0)
        self._done = False

    def _open_sound(self) -> Sound | None:
        if self._info.container is None or not self._options.audio:
            return None
        return Sound(self._info.container, self._plan.format)

    def write(self, frame: Frame) -> None:
        """Encode `frame`, or rather the one before: only now is it known how long it is shown.

        Raises:
            SinkError: the frame differs in size from the first, has alpha that the video has no
                room for, or is not later than the one before; or the file cannot be written.
        """
        self._check(frame)
        try:
            if self._encoder is None:
                self._encoder = self._open(frame)
            if self._held is not None:
                self._gap = frame.pts - self._held.pts
                self._encoder.write(self._held, self._gap)
        except av.error.FFmpegError as exc:
            self._fail(exc)
        self._held = frame

    def _check(self, frame: Frame) -> None:
        if self._done:
            raise ValueError("write to a closed sink")
        if frame.alpha is not None and not self._options.transparent:
            raise SinkError(
                f"{self._path} is written without alpha, and the frames have it",
                hint="set transparent: true for this sink, or put a background behind the person",
            )
        if self._held is None or self._encoder is None:
            return
        if frame.size != self._held.size:
            raise SinkError(
                f"frame {frame.index} is {frame.size}, the video {self._path} is {self._held.size}",
                hint="a video has one size; write a folder of pictures instead",
            )
        if self._encoder.ticks(frame.pts) <= self._encoder.ticks(self._held.pts):
            raise SinkError(
                f"frame {frame.index} at {float(frame.pts):.6f} s does not come after "
                f"{float(self._held.pts):.6f} s; a video's times must rise"
            )

    def _open(self, first: Frame) -> Encoder:
        self._start = first.pts
        return Encoder(
            self._part,
            self._plan,
            first=first,
            info=self._info,
            sound=self._sound,
            threads=self._options.threads,
        )

    def close(self) -> None:
        """Finish the video and give it its name. Without a frame there is no video.

        Raises:
            SinkError: the end of the file cannot be written; nothing is left of it then.
        """
        if self._done:
            return
        if self._encoder is None or self._held is None:
            self.abort()
            return
        try:
            shown_s = self._last_duration_s(self._held)
            self._encoder.write(self._held, shown_s)
            self._encoder.finish(self._held.pts, self._held.pts + shown_s)
            os.replace(self._part, self._path)
        except (av.error.FFmpegError, OSError) as exc:
            self._fail(exc)
        self._done = True
        self._held = None

    def abort(self) -> None:
        """Close and remove the unfinished file."""
        if self._done:
            return
        self._done = True
        self._held = None
        try:
            if self._encoder is not None:
                self._encoder.close()
            elif self._sound is not None:
                self._sound.close()
        except av.error.FFmpegError:
            pass  # the file's end could not be written; the file goes anyway
        finally:
            self._part.unlink(missing_ok=True)

    def _last_duration_s(self, last: Frame) -> Fraction:
        """Return how long the last frame is shown: to the stream's end, if that is near."""
        if self._info.duration_s is not None:
            left = self._start + Fraction(self._info.duration_s) - last.pts
            if 0 < left < 2 * self._gap:
                return left
        return self._gap

    def _fail(self, exc: Exception) -> NoReturn:
        """Remove what there is of the file and say what went wrong."""
        self.abort()
        code = getattr(exc, "errno", None)
        reason = getattr(exc, "strerror", None) or str(exc)
        hint = "check the folder's permissions, and the space on its disk"
        if code == errno.ENOSPC:
            hint = "free some space, or write to another disk"
        elif code == errno.EINVAL:
            hint = f"{self._plan.codec.name} may not do this picture size; try a .webm, or images"
        raise SinkError(f"cannot write {self._path}: {reason}", hint=hint) from exc


def _check_codec(plan: Plan, path: Path) -> None:
    """Ask FFmpeg whether the container takes the codec; nothing is written."""
    try:
        with av.open(io.BytesIO(), "w", format=plan.format) as trial:
            trial.add_stream(plan.codec.encoder, rate=_USUAL_RATE)
    except ValueError as exc:
        raise ConfigError(
            f"{path.suffix[1:]} cannot hold {plan.codec.name}: {path}",
            hint="write a .mkv, or leave the codec out",
        ) from exc
