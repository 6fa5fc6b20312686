"""Interlaced pictures made progressive, by FFmpeg's bwdif."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from rimlight.system.av import av

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
