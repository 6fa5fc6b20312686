"""Reduce frames to 256 colors, each with a palette of its own, for GIF."""

from __future__ import annotations

from fractions import Fraction

from rimlight.system.av import av

_ALPHA_THRESHOLD = 128
"""GIF pixels are opaque or transparent, nothing in between."""


class PaletteFilter:
    """FFmpeg's palettegen and paletteuse for frames of one size.

    Args:
        size: (width, height) of the frames.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=size[0],
            height=size[1],
            format=av.VideoFormat("bgra", *size),
            time_base=Fraction(1, 100),
        )
        split = graph.add("split")
        make = graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
        use = graph.add("paletteuse", f"new=1:alpha_threshold={_ALPHA_THRESHOLD}")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(make, 0, 0)
        split.link_to(use, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        self._graph = graph
        self._count = 0

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a BGRA frame as pal8; its time stamp means nothing."""
        frame.pts, self._count = self._count, self._count + 1
        self._graph.vpush(frame)
        return self._graph.vpull()
