"""The frames of one video stream, as far as they can be decoded."""

from __future__ import annotations

from collections.abc import Iterator

from rimlight.libav import av
from rimlight.sources.guard import ReadGuard


class Decoder:
    """Yields decoded frames in the order they are shown; what does not decode is skipped.

    It never raises for bad data: the attributes say afterwards what went wrong.

    Attributes:
        skipped: packets that were incomplete or could not be decoded, after the first frame.
        damaged: frames that were decoded with visible errors.
        error: what ended the stream before its end, if anything did.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self._stream = stream
        self._packets = container.demux(stream)
        self._guard = ReadGuard(container.close)
        self._started = False
        self._ended = False
        self.skipped = 0
        self.damaged = 0
        self.error: av.error.FFmpegError | None = None

    def __iter__(self) -> Iterator[av.VideoFrame]:
        while (pictures := self._step()) is not None:
            for picture in pictures:
                self._started = True
                self.damaged += picture.is_corrupt
                yield picture

    @property
    def closed(self) -> bool:
        """`close()` ended the stream."""
        return self._guard.closed

    def close(self) -> None:
        """Close the container, now or when the read that is under way returns."""
        self._guard.close()

    def _step(self) -> list[av.VideoFrame] | None:
        """Return the frames that the next packet completes, None at the end."""
        with self._guard as is_open:
            if not is_open or self._ended:
                return None
            packet = self._next_packet()
            if packet is not None and packet.is_corrupt:
                # Such as the last one of a truncated file. Decoding it in a frame thread would
                # also cost the healthy frames that are in the other threads.
                self.skipped += self._started
                return []
            try:
                # None drains the frames that the decoder still holds back.
                return self._stream.decode(packet)
            except av.error.EOFError:
                return []  # drained before
            except av.error.FFmpegError:
                self.skipped += self._started
                return []

    def _next_packet(self) -> av.Packet[av.VideoStream] | None:
        try:
            packet = next(self._packets, None)
        except av.error.FFmpegError as exc:
            self.error = exc
            packet = None
        self._ended = packet is None
        return packet
