"""Open a film file or a stream; an error says what is wrong with it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from rimlight.core.addresses import ENCODE, hide_secrets
from rimlight.core.errors import SourceOpenError
from rimlight.media.interruptible import PipeReader
from rimlight.media.paths import host_of, plain_path
from rimlight.system.av import av

USUAL_TIMEOUT_S = 10.0

# Formats that are lists of other files or streams. A file found somewhere must not make us read
# its neighbors, or the network.
_LISTS = frozenset(
    {"concat", "dash", "ffmetadata", "hls", "imf", "lavfi", "sdp", "vobsub", "webm_dash_manifest"}
)
_LISTS_BY_SUFFIX = {".m3u8": "hls", ".m3u": "hls", ".mpd": "dash"}
_LISTS_OF_ADDRESSES = frozenset({"hls", "dash", "sdp"})

_LOCAL_HOST = re.compile(r"localhost|127\.[\d.]+|::1")


@dataclass(frozen=True)
class Target:
    """What the user asked to open.

    Attributes:
        name: what to call it in messages; never holds a password.
        address: what FFmpeg opens.
        path: the local file or pipe, None for a network stream.
    """

    name: str
    address: str
    path: Path | None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Tell a local path, or its `file://` address, from an address with "://"."""
        text = plain_path(text)
        if "://" not in text:
            path = Path(os.path.expanduser(text))
            # Without the prefix FFmpeg takes "talk:1.mp4" for an unknown protocol.
            name = text if text.startswith("/dev/") else path.name
            return cls(name or text, f"file:{path}", path)
        return cls(hide_secrets(text), text, None)

    @property
    def scheme(self) -> str:
        """The protocol, "" for a local file."""
        return "" if self.path else self.address.partition("://")[0].lower()

    @property
    def is_pipe(self) -> bool:
        """It can be read once only: a named pipe, `<(...)` or a piped standard input."""
        try:
            return self.path is not None and stat.S_ISFIFO(self.path.stat().st_mode)
        except OSError:
            return False

    @property
    def file(self) -> Path | None:
        """The file, where it can be opened as often as one likes; else None."""
        return None if self.is_pipe else self.path


def open_container(
    target: Target,
    *,
    timeout_s: float = USUAL_TIMEOUT_S,
    transport: str = "tcp",
    pipe: PipeReader | None = None,
) -> av.container.InputContainer:
    """Open `target`.

    Args:
        target: the file or stream.
        timeout_s: how long a network stream may keep us waiting, for opening and for each read.
        transport: "tcp" or "udp", for RTSP.
        pipe: where the bytes of a pipe come from; see `open_pipe`.

    Raises:
        SourceOpenError: it is absent, empty, unreadable, or not a video.
    """
    if target.path:
        _check_file(target.path)
    if target.is_pipe and pipe is None:
        raise SourceOpenError(
            f"{target.path} is a pipe, which can be read once only",
            hint="write it to a file first, and give that",
        )
    try:
        return av.open(
            pipe or target.address,
            mode="r",
            options=_options(target, transport),
            timeout=None if target.path else (timeout_s, timeout_s),
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError) as exc:
        raise _open_error(target, exc, timeout_s) from exc


def open_pipe(target: Target, timeout_s: float = USUAL_TIMEOUT_S) -> PipeReader | None:
    """Return what reads `target` where it is a pipe, None for all else.

    Raises:
        SourceOpenError: nobody writes into it.
    """
    if target.path is None or not target.is_pipe:
        return None
    try:
        pipe = PipeReader(target.path)
    except OSError as exc:
        raise _file_error(target.path, exc) from exc
    if pipe.wait(timeout_s):
        return pipe
    pipe.close()
    raise SourceOpenError(
        f"{target.path} is a pipe, and nothing came through it for {timeout_s:g} s",
        hint="start the program that writes into it first, or give a file",
    )


def open_again(path: Path) -> av.container.InputContainer:
    """Open a file that was opened before, as for its sound, with the same rules.

    Raises:
        av.error.FFmpegError: it cannot be read.
    """
    target = Target.parse(str(path))
    return av.open(target.address, options=_options(target, "tcp"), metadata_errors="replace")


def video_stream(container: av.container.InputContainer, target: Target) -> av.VideoStream:
    """Return the main moving picture of `container`.

    Raises:
        SourceOpenError: there is none; a cover picture of a song does not count. Or FFmpeg does
            not know how to decode it.
    """
    cover = av.stream.Disposition.attached_pic
    moving = [s for s in container.streams.video if not s.disposition & cover]
    known = [stream for stream in moving if stream.codec_context is not None]
    best = container.streams.best("video")
    if known:
        return next((stream for stream in known if stream is best), known[0])
    if moving:
        raise SourceOpenError(
            f"{target.name} holds video of a codec that this FFmpeg does not know",
            hint="convert it to H.264 with the program that made it",
        )
    raise SourceOpenError(
        f"{target.name} holds no video", hint="it may be a sound file: give a file with a picture"
    )


def _options(target: Target, transport: str) -> dict[str, str]:
    """Return FFmpeg's options: what may be opened, and how."""
    options = {"format_whitelist": _allowed(target), "pattern_type": "none"}
    if target.scheme.startswith("rtsp"):
        options["rtsp_transport"] = transport
    if target.scheme.startswith("http") and _LOCAL_HOST.fullmatch(host_of(target.address)):
        options["http_proxy"] = ""  # no proxy can reach this machine's own addresses
    return options


def _allowed(target: Target) -> str:
    """Return the formats that `target` may have, as FFmpeg's option wants them."""
    lists = _LISTS - _LISTS_OF_ADDRESSES
    if target.path:
        lists = _LISTS - {_LISTS_BY_SUFFIX.get(target.path.suffix.lower(), "")}
    return ",".join(sorted(av.formats_available - lists))


def _check_file(path: Path) -> None:
    """Name the plain reasons first: FFmpeg calls most of them "invalid data"."""
    try:
        status = path.stat()
    except OSError as exc:
        raise _file_error(path, exc) from exc
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise SourceOpenError(
            f"{path} is a folder, not a video", hint=f"for its pictures give images:{path}"
        )
    if kind not in (stat.S_IFREG, stat.S_IFIFO):
        raise SourceOpenError(
            f"{path} is a device or a socket, not a video", hint="give a file, an address or a pipe"
        )
    if kind == stat.S_IFREG and status.st_size == 0:
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
    if target.path is None:
        return _address_error(target, exc, timeout_s)
    if isinstance(exc, OSError):
        return _file_error(target.path, exc)
    if _is_list(target.path):
        return SourceOpenError(
            f"{target.path} is a list of other files, not a video",
            hint="give the files that it lists; `ffmpeg -f concat -i LIST -c copy OUT.mkv` "
            "joins them",
        )
    return SourceOpenError(
        f"{target.path} is not a video that can be read",
        hint="its name says video, its bytes do not: it may be damaged, cut short, or another "
        "kind of file",
    )


def _is_list(path: Path) -> bool:
    """Return True if FFmpeg's own reading of `path` would open other files."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(2048).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"ffconcat", b"#extm3u", b";ffmetadata", b"v=0")) or b"<mpd" in head


def _address_error(target: Target, exc: Exception, timeout_s: float) -> SourceOpenError:
    reason = str(getattr(exc, "strerror", None) or exc)
    if isinstance(exc, av.error.ExitError):
        reason = f"no answer within {timeout_s:g} s"
    elif isinstance(exc, av.error.ArgumentError):
        is_web = target.scheme.startswith("http")
        reason = "it is a list of other files, or no video" if is_web else "it is not valid"
    hint = "check the address, the network, and user and password in the address; " + ENCODE
    if _has_proxy(target):
        hint = (
            "it goes through the proxy in http_proxy: check that, or set "
            f"no_proxy={host_of(target.address)}"
        )
    return SourceOpenError(f"cannot open {target.name}: {reason.lower()}", hint=hint)


def _has_proxy(target: Target) -> bool:
    """Return True if FFmpeg asks a proxy for this address; it knows the lower-case name only."""
    from urllib.request import proxy_bypass  # slow to import, and seldom needed

    is_web = target.scheme in ("http", "https") and bool(os.environ.get("http_proxy"))
    return is_web and not proxy_bypass(host_of(target.address))


# FFmpeg's own decoders of these leave the alpha out; the library's do not.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class Film:
    """A film that was opened by `open_film`.

    Attributes:
        target: what was asked for.
        container: the open container.
        stream: the main moving picture.
        context: its decoder.
    """

    def __init__(
        self,
        target: Target,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        pipe: PipeReader | None,
    ) -> None:
        self.target = target
        self.container = container
        self.stream = stream
        self.context = _context(stream)
        self._pipe = pipe

    @property
    def is_live(self) -> bool:
        """Frames come in real time: a network stream that knows no end."""
        if self.target.path:
            return False
        return not self.target.scheme.startswith("http") or not self.container.duration

    def use_threads(self, kind: Literal["SLICE", "AUTO"], count: int) -> None:
        """Choose how many threads decode, before the first picture.

        Args:
            kind: "AUTO" may decode several frames at once, which delays them; "SLICE" does not.
            count: the number of threads.
        """
        self.context.thread_type = kind
        self.context.thread_count = count

    def stop_waiting(self) -> None:
        """Let a read that waits for a pipe's writer end. Any thread."""
        if self._pipe is not None:
            self._pipe.stop()

    def close(self) -> None:
        """Close the container, and the pipe it came through."""
        self.container.close()
        if self._pipe is not None:
            self._pipe.close()


def open_film(
    target: Target, *, timeout_s: float = USUAL_TIMEOUT_S, transport: str = "tcp"
) -> Film:
    """Open the film `target`.

    Args:
        target: the file, pipe or stream.
        timeout_s: how long a network stream, or a pipe without a writer, may keep us waiting.
        transport: "tcp" or "udp", for RTSP.

    Raises:
        SourceOpenError: it is absent, unreadable, or no video.
    """
    pipe = open_pipe(target, timeout_s)
    container = open_container(target, timeout_s=timeout_s, transport=transport, pipe=pipe)
    try:
        return Film(target, container, video_stream(container, target), pipe)
    except BaseException:
        container.close()
        raise


def _context(stream: av.VideoStream) -> av.VideoCodecContext:
    """Return the decoder of `stream`: another than FFmpeg's usual one where that drops alpha."""
    usual = stream.codec_context
    other = _WITH_ALPHA.get(usual.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if other is None or tags.get("alpha_mode") != "1":
        return usual
    try:
        context = cast(av.VideoCodecContext, av.CodecContext.create(other, "r"))
    except (av.error.FFmpegError, ValueError):  # an FFmpeg that was built without libvpx
        return usual
    for name in ("color_primaries", "color_trc", "colorspace", "color_range"):
        setattr(context, name, getattr(usual, name))
    return context
