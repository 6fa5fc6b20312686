"""The frames of one video stream, as far as they can be decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeAlias

from rimlight.media.container import Film
from rimlight.media.interruptible import ReadGuard
from rimlight.media.timestamps import seams_of
from rimlight.system.av import av

Packet: TypeAlias = "av.Packet[av.VideoStream]"


class Decoder:
    """Yields decoded frames in the order they are shown; what does not decode is skipped.

    It never raises for bad data: the attributes say afterwards what went wrong.

    Args:
        film: what to decode, from where it is now.
        deinterlace: make interlaced frames progressive.

    Attributes:
        skipped: packets that were incomplete or could not be decoded, after the first frame.
        damaged: frames that were decoded with visible errors.
        empty_end: until when packets without bytes ask to show the picture before them.
        has_seams: the clock started again, so the header tells no length.
        interlaced: a frame was stored as two fields.
        error: what ended the stream before its end, if anything did.
    """

    def __init__(self, film: Film, *, deinterlace: bool = True) -> None:
        self._film = film
        self._deinterlace = deinterlace
        self._packets = self._whole_packets()
        self._guard = ReadGuard(film.close)
        self._started = False
        self.skipped = 0
        self.damaged = 0
        self.interlaced = False
        self.has_seams = False
        self.empty_end = Fraction(0)
        self.error: av.error.FFmpegError | None = None

    def __iter__(self) -> Iterator[av.VideoFrame]:
        pictures = self._pictures()
        return deinterlaced(pictures) if self._deinterlace else pictures

    def _pictures(self) -> Iterator[av.VideoFrame]:
        while (pictures := self._step()) is not None:
            for picture in pictures:
                self._started = True
                self.damaged += picture.is_corrupt
                self.interlaced |= picture.interlaced_frame
                yield picture

    @property
    def closed(self) -> bool:
        """`close()` ended the stream."""
        return self._guard.closed

    def close(self) -> None:
        """Close the container, now or when the read that is under way returns."""
        self._film.stop_waiting()
        self._guard.close()

    def _step(self) -> list[av.VideoFrame] | None:
        """Return the frames that the next packet completes, None at the end."""
        with self._guard as is_open:
            if not is_open:
                return None
            for packet in self._packets:
                return self._decode(packet)
        return None

    def _decode(self, packet: Packet | None) -> list[av.VideoFrame]:
        try:
            return self._film.context.decode(packet)
        except av.error.FFmpegError:
            self.skipped += self._started
            return []

    def _pass_over(self, packet: Packet) -> None:
        at = packet.pts if packet.pts is not None else packet.dts or 0
        end = (at + (packet.duration or 0)) * packet.time_base
        self.empty_end = max(self.empty_end, Fraction(end))

    def _whole_packets(self) -> Iterator[Packet | None]:
        """Yield packets, but not the one in the middle of which a file ends.

        Decoding that one in a frame thread would cost the healthy frames in the other threads.
        """
        packets = self._all_packets()
        for packet in packets:
            if packet is None or not packet.is_corrupt:
                yield packet
                continue
            following = next(packets)
            if _is_last(following):
                self.skipped += self._started
            else:
                yield packet
            yield following

    def _all_packets(self) -> Iterator[Packet | None]:
        """Yield packets, the last of which (None after an error) drains the decoder.

        Their times rise where the clock starts again. Packets without bytes mean "show the last
        picture": decoding one would drain the decoder for good.
        """
        seams = seams_of(self._film.container, self._film.stream)
        try:
            for packet in self._film.container.demux(self._film.stream):
                if packet.pts is not None or packet.dts is not None:
                    shift = seams.shift(packet.pts, packet.dts)
                    if shift:
                        self.has_seams = True
                        _move(packet, shift)
                    if not packet.size:
                        self._pass_over(packet)
                        continue
                yield packet
        except av.error.FFmpegError as exc:
            self.error = exc
            yield None


def _move(packet: Packet, ticks: int) -> None:
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks


def _is_last(packet: Packet | None) -> bool:
    return packet is None or not packet.size


Form = tuple[int, int, str]


def deinterlaced(pictures: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield one progressive picture for each of `pictures`, with its time stamps.

    Pictures that are not flagged as interlaced pass unchanged. The filter comes in with the first
    one that is, so ordinary films do not pay for it.
    """
    comb: _Comb | None = None
    for picture in pictures:
        if comb is not None and comb.form != _form(picture):
            yield from comb.rest()
            comb = None
        if comb is None and picture.interlaced_frame:
            comb = _comb(picture)
        if comb is None:
            yield picture
        else:
            yield from comb.take(picture)
    if comb is not None:
        yield from comb.rest()


def _comb(first: av.VideoFrame) -> _Comb | None:
    """Return a filter for pictures like `first`, None where there is none for such."""
    try:
        return _Comb(first)
    except (av.error.FFmpegError, ValueError):  # fewer than three rows, or an odd pixel format
        return None


class _Comb:
    """A filter for pictures of one form; it gives each back when it has seen the next."""

    def __init__(self, first: av.VideoFrame) -> None:
        self.form = _form(first)
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

    def take(self, picture: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Take one picture; yield those that are done."""
        self._stamps.append((picture.pts, picture.dts, picture.duration))
        self._graph.vpush(picture)
        yield from self._done()

    def rest(self) -> Iterator[av.VideoFrame]:
        """Yield those that still wait: nothing comes after them."""
        self._graph.vpush(None)
        yield from self._done()

    def _done(self) -> Iterator[av.VideoFrame]:
        while self._stamps:
            try:
                picture = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            # The filter counts in half ticks.
            picture.time_base = self._unit
            picture.pts, picture.dts, picture.duration = self._stamps.popleft()
            yield picture


def _form(picture: av.VideoFrame) -> Form:
    return picture.width, picture.height, picture.format.name
