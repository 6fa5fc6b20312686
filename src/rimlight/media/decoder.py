"""Decode one video stream: skip damaged packets, deinterlace interlaced frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeAlias

from rimlight.media.container import VideoInput
from rimlight.media.interruptible import ReleaseGuard
from rimlight.media.timestamps import track_discontinuities
from rimlight.system.av import av

Packet: TypeAlias = "av.Packet[av.VideoStream]"

FrameFormat = tuple[int, int, str]


class Decoder:
    """Iterates the decoded frames in display order and skips undecodable packets.

    It never raises for bad data; the attributes report it after the iteration.

    Args:
        video: the open video; decoding starts at its current position.
        deinterlace: make interlaced frames progressive.

    Attributes:
        skipped_packets: incomplete or undecodable packets after the first frame.
        damaged_frames: frames that were decoded with visible errors.
        empty_end: end time of the packets without data, which repeat the frame before them.
        has_discontinuities: the clock restarted, so the header's duration is meaningless.
        is_interlaced: a frame was stored as two fields.
        error: the error that ended the stream early, or None.
    """

    def __init__(self, video: VideoInput, *, deinterlace: bool = True) -> None:
        self._video = video
        self._deinterlace = deinterlace
        self._packets = self._read_complete_packets()
        self._guard = ReleaseGuard(video.close)
        self._started = False
        self.skipped_packets = 0
        self.damaged_frames = 0
        self.is_interlaced = False
        self.has_discontinuities = False
        self.empty_end = Fraction(0)
        self.error: av.error.FFmpegError | None = None

    def __iter__(self) -> Iterator[av.VideoFrame]:
        frames = self._decode_all()
        return deinterlace(frames) if self._deinterlace else frames

    def _decode_all(self) -> Iterator[av.VideoFrame]:
        while (frames := self._decode_next()) is not None:
            for frame in frames:
                self._started = True
                self.damaged_frames += frame.is_corrupt
                self.is_interlaced |= frame.interlaced_frame
                yield frame

    @property
    def is_closed(self) -> bool:
        """True after `close()`."""
        return self._guard.is_closed

    def close(self) -> None:
        """Close the container now, or when the current read returns."""
        self._video.stop_waiting()
        self._guard.close()

    def _decode_next(self) -> list[av.VideoFrame] | None:
        """Return the frames that the next packet completes; None at the end."""
        with self._guard as is_open:
            if not is_open:
                return None
            for packet in self._packets:
                return self._decode_packet(packet)
        return None

    def _decode_packet(self, packet: Packet | None) -> list[av.VideoFrame]:
        try:
            return self._video.context.decode(packet)
        except av.error.FFmpegError:
            self.skipped_packets += self._started
            return []

    def _extend_end(self, packet: Packet) -> None:
        at = packet.pts if packet.pts is not None else packet.dts or 0
        end = (at + (packet.duration or 0)) * packet.time_base
        self.empty_end = max(self.empty_end, Fraction(end))

    def _read_complete_packets(self) -> Iterator[Packet | None]:
        """Yield packets, except a final one that is truncated.

        Decoding that one in a frame thread would lose the intact frames of the other threads.
        """
        packets = self._read_packets()
        for packet in packets:
            if packet is None or not packet.is_corrupt:
                yield packet
                continue
            following = next(packets)
            if _is_last(following):
                self.skipped_packets += self._started
            else:
                yield packet
            yield following

    def _read_packets(self) -> Iterator[Packet | None]:
        """Yield packets with rising times; the last one (None after an error) drains the decoder.

        Packets without data mean "repeat the last frame". Decoding one would drain the decoder.
        """
        tracker = track_discontinuities(self._video.container, self._video.stream)
        try:
            for packet in self._video.container.demux(self._video.stream):
                if packet.pts is not None or packet.dts is not None:
                    offset = tracker.add_packet(packet.pts, packet.dts)
                    if offset:
                        self.has_discontinuities = True
                        _shift_timestamps(packet, offset)
                    if not packet.size:
                        self._extend_end(packet)
                        continue
                yield packet
        except av.error.FFmpegError as exc:
            self.error = exc
            yield None


def deinterlace(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield one progressive frame for each of `frames`, with its timestamps (FFmpeg's bwdif).

    Progressive frames pass unchanged. The filter is opened at the first interlaced frame, so
    progressive videos do not pay for it.
    """
    active: _Deinterlacer | None = None
    for frame in frames:
        if active is not None and active.format != _get_format(frame):
            yield from active.flush()
            active = None
        if active is None and frame.interlaced_frame:
            active = _open_filter(frame)
        if active is None:
            yield frame
        else:
            yield from active.push(frame)
    if active is not None:
        yield from active.flush()


def _shift_timestamps(packet: Packet, ticks: int) -> None:
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks


def _is_last(packet: Packet | None) -> bool:
    return packet is None or not packet.size


def _open_filter(first: av.VideoFrame) -> _Deinterlacer | None:
    """Return a filter for frames like `first`; None if bwdif cannot process them."""
    try:
        return _Deinterlacer(first)
    except (av.error.FFmpegError, ValueError):  # fewer than three rows, or an odd pixel format
        return None


class _Deinterlacer:
    """bwdif for frames of one size and format; it returns each frame after the next one."""

    def __init__(self, first: av.VideoFrame) -> None:
        self.format = _get_format(first)
        self._unit = first.time_base
        self._stamps: deque[tuple[int | None, int | None, int]] = deque()
        graph = av.filter.Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=first.time_base
        )
        graph.link_nodes(
            source,
            graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"),
            graph.add("format", f"pix_fmts={first.format.name}"),
            graph.add("buffersink"),
        ).configure()
        self._graph = graph

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Filter one frame; yield the frames that are complete."""
        self._stamps.append((frame.pts, frame.dts, frame.duration))
        self._graph.vpush(frame)
        yield from self._pull()

    def flush(self) -> Iterator[av.VideoFrame]:
        """Yield the remaining frames at the end of the stream."""
        self._graph.vpush(None)
        yield from self._pull()

    def _pull(self) -> Iterator[av.VideoFrame]:
        while self._stamps:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            # The filter counts in half ticks of the time base.
            frame.time_base = self._unit
            frame.pts, frame.dts, frame.duration = self._stamps.popleft()
            yield frame


def _get_format(frame: av.VideoFrame) -> FrameFormat:
    return frame.width, frame.height, frame.format.name
