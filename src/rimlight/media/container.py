"""Open a video file, pipe or stream; errors name the cause."""

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
from rimlight.media.paths import parse_host, strip_file_scheme
from rimlight.system.av import av

DEFAULT_TIMEOUT_S = 10.0

# Formats that reference other files or streams. A downloaded file must not make FFmpeg read its
# neighbors or the network.
_PLAYLIST_FORMATS = frozenset(
    {"concat", "dash", "ffmetadata", "hls", "imf", "lavfi", "sdp", "vobsub", "webm_dash_manifest"}
)
_PLAYLIST_SUFFIXES = {".m3u8": "hls", ".m3u": "hls", ".mpd": "dash"}
_NETWORK_PLAYLISTS = frozenset({"hls", "dash", "sdp"})

_LOCAL_HOST = re.compile(r"localhost|127\.[\d.]+|::1")

# FFmpeg's native decoders of these formats drop alpha; those of libvpx keep it.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class MediaLocation:
    """A local file, a pipe or a network stream.

    Attributes:
        name: display name, without secrets.
        address: the URL that FFmpeg opens.
        path: the local file or pipe; None for a network stream.
    """

    name: str
    address: str
    path: Path | None

    @classmethod
    def parse(cls, text: str) -> MediaLocation:
        """Parse a local path, its `file://` address, or an address with "://"."""
        text = strip_file_scheme(text)
        if "://" not in text:
            path = Path(os.path.expanduser(text))
            # Without the prefix, FFmpeg would read "talk:1.mp4" as an unknown protocol.
            name = text if text.startswith("/dev/") else path.name
            return cls(name or text, f"file:{path}", path)
        return cls(hide_secrets(text), text, None)

    @property
    def scheme(self) -> str:
        """The protocol; "" for a local file."""
        return "" if self.path else self.address.partition("://")[0].lower()

    @property
    def is_pipe(self) -> bool:
        """True for a named pipe, `<(...)` or piped standard input: it can be read only once."""
        try:
            return self.path is not None and stat.S_ISFIFO(self.path.stat().st_mode)
        except OSError:
            return False

    @property
    def reopenable_path(self) -> Path | None:
        """The file, if it can be opened repeatedly; else None."""
        return None if self.is_pipe else self.path


def open_container(
    location: MediaLocation,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    transport: str = "tcp",
    pipe: PipeReader | None = None,
) -> av.container.InputContainer:
    """Open `location`.

    Args:
        location: the file or stream.
        timeout_s: maximum wait for a network stream, on opening and on each read.
        transport: "tcp" or "udp", for RTSP.
        pipe: the open pipe; see `open_pipe`.

    Raises:
        SourceOpenError: the location is missing, empty, unreadable, or not a video.
    """
    if location.path:
        _check_file(location.path)
    if location.is_pipe and pipe is None:
        raise SourceOpenError(
            f"{location.path} is a pipe, which can be read only once",
            hint="write it to a file first and use that file",
        )
    try:
        return av.open(
            pipe or location.address,
            mode="r",
            options=_make_options(location, transport),
            timeout=None if location.path else (timeout_s, timeout_s),
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError) as exc:
        raise _make_open_error(location, exc, timeout_s) from exc


def open_pipe(location: MediaLocation, timeout_s: float = DEFAULT_TIMEOUT_S) -> PipeReader | None:
    """Open `location` if it is a pipe; return None otherwise.

    Raises:
        SourceOpenError: no data arrived within `timeout_s`.
    """
    if location.path is None or not location.is_pipe:
        return None
    try:
        pipe = PipeReader(location.path)
    except OSError as exc:
        raise _make_file_error(location.path, exc) from exc
    if pipe.wait_for_data(timeout_s):
        return pipe
    pipe.close()
    raise SourceOpenError(
        f"{location.path} is a pipe that received no data for {timeout_s:g} s",
        hint="start the program that writes to it first, or use a file",
    )


def reopen_file(path: Path) -> av.container.InputContainer:
    """Open a file another time, e.g. for its audio, with the same restrictions.

    Raises:
        av.error.FFmpegError: the file cannot be read.
    """
    location = MediaLocation.parse(str(path))
    return av.open(
        location.address, options=_make_options(location, "tcp"), metadata_errors="replace"
    )


def find_video_stream(
    container: av.container.InputContainer, location: MediaLocation
) -> av.VideoStream:
    """Return the main video stream of `container`, ignoring cover art.

    Raises:
        SourceOpenError: there is no video stream, or FFmpeg has no decoder for it.
    """
    cover = av.stream.Disposition.attached_pic
    moving = [s for s in container.streams.video if not s.disposition & cover]
    decodable = [stream for stream in moving if stream.codec_context is not None]
    best = container.streams.best("video")
    if decodable:
        return next((stream for stream in decodable if stream is best), decodable[0])
    if moving:
        raise SourceOpenError(
            f"{location.name} contains video of a codec that this FFmpeg cannot decode",
            hint="convert it to H.264 with the program that made it",
        )
    raise SourceOpenError(
        f"{location.name} contains no video", hint="it may be an audio file: use a video file"
    )


class VideoInput:
    """An open video; see `open_video`.

    Attributes:
        location: what was opened.
        container: the open container.
        stream: the main video stream.
        context: its decoder.
    """

    def __init__(
        self,
        location: MediaLocation,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        pipe: PipeReader | None,
    ) -> None:
        self.location = location
        self.container = container
        self.stream = stream
        self.context = _open_decoder(stream)
        self._pipe = pipe

    @property
    def is_live(self) -> bool:
        """True if frames arrive in real time: a network stream without a duration."""
        if self.location.path:
            return False
        return not self.location.scheme.startswith("http") or not self.container.duration

    def set_threads(self, thread_type: Literal["SLICE", "AUTO"], count: int) -> None:
        """Set the decoder threads; call it before the first frame.

        Args:
            thread_type: "AUTO" may decode several frames in parallel, which adds latency; "SLICE"
                does not.
            count: the number of threads.
        """
        self.context.thread_type = thread_type
        self.context.thread_count = count

    def stop_waiting(self) -> None:
        """End a read that waits for a pipe's writer. Thread-safe."""
        if self._pipe is not None:
            self._pipe.stop()

    def close(self) -> None:
        """Close the container and its pipe."""
        self.container.close()
        if self._pipe is not None:
            self._pipe.close()


def open_video(
    location: MediaLocation, *, timeout_s: float = DEFAULT_TIMEOUT_S, transport: str = "tcp"
) -> VideoInput:
    """Open a video and its decoder.

    Args:
        location: the file, pipe or stream.
        timeout_s: maximum wait for a network stream, or a pipe without a writer.
        transport: "tcp" or "udp", for RTSP.

    Raises:
        SourceOpenError: the location is missing, unreadable, or not a video.
    """
    pipe = open_pipe(location, timeout_s)
    container = open_container(location, timeout_s=timeout_s, transport=transport, pipe=pipe)
    try:
        return VideoInput(location, container, find_video_stream(container, location), pipe)
    except BaseException:
        container.close()
        raise


def _make_options(location: MediaLocation, transport: str) -> dict[str, str]:
    """Return FFmpeg's options, including the allowed formats."""
    options = {"format_whitelist": _list_allowed_formats(location), "pattern_type": "none"}
    if location.scheme.startswith("rtsp"):
        options["rtsp_transport"] = transport
    if location.scheme.startswith("http") and _LOCAL_HOST.fullmatch(parse_host(location.address)):
        options["http_proxy"] = ""  # no proxy can reach addresses of this host
    return options


def _list_allowed_formats(location: MediaLocation) -> str:
    """Return the formats that `location` may have, for FFmpeg's `format_whitelist`."""
    lists = _PLAYLIST_FORMATS - _NETWORK_PLAYLISTS
    if location.path:
        lists = _PLAYLIST_FORMATS - {_PLAYLIST_SUFFIXES.get(location.path.suffix.lower(), "")}
    return ",".join(sorted(av.formats_available - lists))


def _check_file(path: Path) -> None:
    """Raise for the common reasons that FFmpeg reports as "invalid data"."""
    try:
        status = path.stat()
    except OSError as exc:
        raise _make_file_error(path, exc) from exc
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise SourceOpenError(
            f"{path} is a folder, not a video", hint=f"for its images use images:{path}"
        )
    if kind not in (stat.S_IFREG, stat.S_IFIFO):
        raise SourceOpenError(
            f"{path} is a device or a socket, not a video", hint="use a file, an address or a pipe"
        )
    if kind == stat.S_IFREG and status.st_size == 0:
        raise SourceOpenError(
            f"{path} is empty (0 bytes)", hint="the recording or download failed: repeat it"
        )


def _make_file_error(path: Path, exc: OSError) -> SourceOpenError:
    if isinstance(exc, FileNotFoundError):
        return SourceOpenError(f"no such file: {path}", hint="check the path and its spelling")
    if isinstance(exc, PermissionError):
        return SourceOpenError(
            f"no permission to read {path}", hint=f"chmod +r {path}, or run as its owner"
        )
    return SourceOpenError(f"cannot read {path}: {exc.strerror}", hint="check the disk and path")


def _make_open_error(location: MediaLocation, exc: Exception, timeout_s: float) -> SourceOpenError:
    if location.path is None:
        return _make_address_error(location, exc, timeout_s)
    if isinstance(exc, OSError):
        return _make_file_error(location.path, exc)
    if _is_playlist(location.path):
        return SourceOpenError(
            f"{location.path} is a list of other files, not a video",
            hint="use the files that it lists; `ffmpeg -f concat -i LIST -c copy OUT.mkv` "
            "joins them",
        )
    return SourceOpenError(
        f"{location.path} is not a readable video",
        hint="the file may be damaged, truncated, or of another type than its name indicates",
    )


def _is_playlist(path: Path) -> bool:
    """Return True if `path` is a format that references other files."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(2048).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"ffconcat", b"#extm3u", b";ffmetadata", b"v=0")) or b"<mpd" in head


def _make_address_error(
    location: MediaLocation, exc: Exception, timeout_s: float
) -> SourceOpenError:
    reason = str(getattr(exc, "strerror", None) or exc)
    if isinstance(exc, av.error.ExitError):
        reason = f"no response within {timeout_s:g} s"
    elif isinstance(exc, av.error.ArgumentError):
        is_web = location.scheme.startswith("http")
        reason = "it is a list of other files, or not a video" if is_web else "it is not valid"
    hint = "check the address, the network, and user and password in the address; " + ENCODE
    if _has_proxy(location):
        hint = (
            "the connection uses the proxy in http_proxy: check it, or set "
            f"no_proxy={parse_host(location.address)}"
        )
    return SourceOpenError(f"cannot open {location.name}: {reason.lower()}", hint=hint)


def _has_proxy(location: MediaLocation) -> bool:
    """Return True if FFmpeg uses a proxy for this address; it reads only the lowercase name."""
    from urllib.request import proxy_bypass  # slow to import and rarely needed

    is_web = location.scheme in ("http", "https") and bool(os.environ.get("http_proxy"))
    return is_web and not proxy_bypass(parse_host(location.address))


def _open_decoder(stream: av.VideoStream) -> av.VideoCodecContext:
    """Return the decoder of `stream`: the library's if FFmpeg's native one would drop alpha."""
    native = stream.codec_context
    library = _ALPHA_DECODERS.get(native.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if library is None or tags.get("alpha_mode") != "1":
        return native
    try:
        context = cast(av.VideoCodecContext, av.CodecContext.create(library, "r"))
    except (av.error.FFmpegError, ValueError):  # FFmpeg was built without libvpx
        return native
    for name in ("color_primaries", "color_trc", "colorspace", "color_range"):
        setattr(context, name, getattr(native, name))
    return context
