"""Lossless alpha next to VP9 pictures, in the block additions of Matroska and WebM.

FFmpeg's own encoder of yuva420p codes alpha as coarsely as the colors: at the usual quality it was
off by 51 of 255 levels. The layout is that of the WebM project's "VP8/VP9 alpha" note: each block
carries a second VP9 picture whose luma is alpha, as block addition 1.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rimlight.system.av import av

Packet: TypeAlias = "av.Packet[Any]"  # a class that cannot be subscripted when it runs

ALPHA_TAGS = {"alpha_mode": "1"}
"""Tags of the stream: players look at them before they look for alpha in VP9."""

_BLOCK_ADDITIONAL = 15  # AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL
_ADD_ID = (1).to_bytes(8, "big")
_NEUTRAL = 128
_INTRA = 1


class Vp9AlphaEncoder:
    """Encodes alpha with an encoder of its own and adds it to the packets of the colors.

    Args:
        size: (width, height) of the pictures.
        time_base: the unit of their time stamps.
        threads: of the encoder; 0 lets it choose.

    Raises:
        av.error.FFmpegError: the encoder refuses the size.
    """

    def __init__(self, size: tuple[int, int], time_base: Fraction, threads: int) -> None:
        self._size = size
        self._waiting: deque[tuple[int, NDArray[np.uint8]]] = deque()
        encoder = av.CodecContext.create("libvpx-vp9", "w")
        encoder.width, encoder.height = size
        encoder.pix_fmt, encoder.time_base = "yuv420p", time_base
        encoder.thread_count = threads
        encoder.options = {"lossless": "1", "lag-in-frames": "0", "cpu-used": "5", "row-mt": "1"}
        encoder.open()
        self._encoder = encoder

    def push(self, pts: int, alpha: NDArray[np.uint8]) -> None:
        """Keep alpha, uint8 (height, width), until the packet of its picture comes."""
        self._waiting.append((pts, alpha))

    def attach(self, packet: Packet) -> Packet:
        """Add the alpha of the picture of `packet`, which comes in display order."""
        pts, alpha = self._waiting.popleft()
        assert pts == packet.pts, f"alpha of {pts}, picture of {packet.pts}"
        picture = self._make_picture(alpha)
        picture.pts = pts
        if packet.is_keyframe:  # a player that seeks starts both decoders there
            picture.pict_type = _INTRA
        coded = _ADD_ID + b"".join(bytes(made) for made in self._encoder.encode(picture))
        make: Any = av.packet.PacketSideData  # its stub leaves the arguments out
        addition = make(_BLOCK_ADDITIONAL, len(coded))
        addition.update(coded)
        packet.set_sidedata(addition)
        return packet

    def _make_picture(self, alpha: NDArray[np.uint8]) -> av.VideoFrame:
        picture = av.VideoFrame(*self._size, "yuv420p")
        for plane, value in zip(picture.planes, (alpha, _NEUTRAL, _NEUTRAL), strict=True):
            rows = np.asarray(memoryview(plane)).reshape(-1, plane.line_size)
            rows[: plane.height, : plane.width] = value
        return picture
