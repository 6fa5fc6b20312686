"""One open film: its container, its main moving picture, and what decodes that."""

from __future__ import annotations

from typing import Literal, cast

from rimlight.media.opening import (
    USUAL_TIMEOUT_S,
    Target,
    open_container,
    open_pipe,
    video_stream,
)
from rimlight.media.pipes import PipeReader
from rimlight.system.av import av

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
