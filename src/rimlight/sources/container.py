"""Opening a video file or a stream, with an error that says what is wrong with it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

from rimlight.addresses import ENCODE, hide_secrets
from rimlight.errors import SourceOpenError
from rimlight.libav import av

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Target:
    """What the user asked to open.

    Attributes:
        name: what to call it in messages; never holds a password.
        address: what FFmpeg opens.
        path: the local file, None for a network stream.
    """

    name: str
    address: str
    path: Path | None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Tell a local path from an address with "://"."""
        if "://" not in text:
            path = Path(os.path.expanduser(text))
            # Without the prefix FFmpeg takes "talk:1.mp4" for an unknown protocol.
            return cls(path.name or text, f"file:{path}", path)
        return cls(hide_secrets(text), text, None)

    @property
    def scheme(self) -> str:
        """The protocol, "" for a local file."""
        return "" if self.path else urlsplit(self.address).scheme.lower()


@dataclass(frozen=True)
class Announced:
    """What the container promises of its video.

    Attributes:
        frames: their exact number, None when the container does not know.
        end: when the last one ends, in seconds after the first one starts.
        rate: how many a second, on average.
    """

    frames: int | None
    end: Fraction | None
    rate: Fraction | None

    @property
    def count(self) -> int | None:
        """How many frames to expect, estimated if need be."""
        if self.frames is not None or self.end is None or self.rate is None:
            return self.frames
        return max(1, round(self.end * self.rate))

    def is_short(self, frames: int, end: Fraction) -> bool:
        """Say whether `frames` frames until `end` are markedly less than promised.

        Containers are a little wrong now and then, so 5 % (at least two frames, or a second where
        only the duration is known) may be missing.
        """
        if self.frames is not None:
            return self.frames - frames > max(2, self.frames * 0.05)
        return self.end is not None and self.end - end > max(Fraction(1), self.end / 20)


def open_container(
    target: Target, *, timeout_s: float, transport: str
) -> av.container.InputContainer:
    """Open `target`.

    Args:
        target: the file or stream.
        timeout_s: how long a network stream may keep us waiting, for opening and for each read.
        transport: "tcp" or "udp", for RTSP.

    Raises:
        SourceOpenError: it is absent, empty, unreadable, or not a video.
    """
    if target.path:
        _check_file(target.path)
    rtsp = {"rtsp_transport": transport} if target.scheme.startswith("rtsp") else {}
    try:
        return av.open(
            target.address,
            mode="r",
            options=rtsp,
            timeout=None if target.path else (timeout_s, timeout_s),
        )
    except (av.error.FFmpegError, OSError) as exc:
        raise _open_error(target, exc, timeout_s) from exc


def video_stream(container: av.container.InputContainer, target: Target) -> av.VideoStream:
    """Return the main moving picture of `container`.

    Raises:
        SourceOpenError: there is none; a cover picture of a song does not count.
    """
    cover = av.stream.Disposition.attached_pic
    moving = [s for s in container.streams.video if not s.disposition & cover]
    best = container.streams.best("video")
    if moving:
        return next((stream for stream in moving if stream is best), moving[0])
    raise SourceOpenError(
        f"{target.name} holds no video", hint="it may be a sound file: give a file with a picture"
    )


def announced(container: av.container.InputContainer, stream: av.VideoStream) -> Announced:
    """Read from the headers how much video to expect."""
    rate = stream.average_rate or stream.guessed_rate or None
    entries = stream.index_entries
    frames = stream.frames or None
    if frames and len(entries) == frames:
        # An MP4 cut without re-encoding counts the frames before the cut, and hides them.
        frames = sum(not entry.is_discard for entry in entries)
    return Announced(frames, _duration(container, stream), rate)


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska counts from zero, wherever the first frame is
        end = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        return end - (stream.start_time or 0) * (stream.time_base or 0)
    if container.duration and len(container.streams) == 1:  # else the sound may be the longer one
        return Fraction(container.duration, _MICROSECONDS)
    return None


def _check_file(path: Path) -> None:
    """Name the plain reasons first: FFmpeg calls most of them "invalid data"."""
    try:
        status = path.stat()
    except OSError as exc:
        raise _file_error(path, exc) from exc
    if path.is_dir():
        raise SourceOpenError(
            f"{path} is a folder, not a video", hint=f"for its pictures give images:{path}"
        )
    if path.is_file() and status.st_size == 0:
        raise SourceOpenError(
            f"{path} is empty (0 bytes)", hint="the recording or the download failed: get it again"
        )


def _file_error(path: Path, exc: OSError) -> SourceOpenError:
    if isinstance(exc, FileNotFoundError):
        return SourceOpenError(f"no such file: {path}", hint="check the path and its spelling")
    if isinstance(exc, PermissionError):
        return SourceOpenError(
            f"no permission to read {path}", hint=f"chmod +r {path}, or run as its owner"
        )
    return SourceOpenError(f"cannot read {path}: {exc.strerror}", hint="check the disk and path")


def _open_error(target: Target, exc: Exception, timeout_s: float) -> SourceOpenError:
    reason = str(getattr(exc, "strerror", None) or exc)
    if target.path is None:
        if isinstance(exc, av.error.ExitError):
            reason = f"no answer within {timeout_s:g} s"
        return SourceOpenError(
            f"cannot open {target.name}: {reason.lower()}",
            hint="check the address, the network, and user and password in the address; " + ENCODE,
        )
    if isinstance(exc, OSError):
        return _file_error(target.path, exc)
    return SourceOpenError(
        f"{target.path} is not a video that can be read",
        hint="its name says video, its bytes do not: it may be damaged, cut short, or another "
        "kind of file",
    )
