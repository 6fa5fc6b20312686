"""HDR video to SDR images and back, with lookup tables in FFmpeg's filters."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.hdr_image import HdrImage, HdrInfo
from rimlight.imaging.color import round_up_to_even
from rimlight.imaging.geometry import Orientation
from rimlight.imaging.hdr import (
    DEFAULT_PEAK_NITS,
    HdrFormat,
    HdrMapping,
    Transfer,
    make_cube,
)
from rimlight.system.av import av

HDR_PIXELS = "yuv420p10le"
HDR_PRIMARIES = 9
HDR_MATRIX = 9
HDR_TRANSFERS: dict[Transfer, int] = {"pq": 16, "hlg": 18}
"""ITU-T H.273 code points."""

_CURVES: dict[int, Transfer] = {code: name for name, code in HDR_TRANSFERS.items()}
_LIMITED, _FULL = 1, 2
_BT709 = 1
_MIN_PEAK_NITS = 300.0
_MASTERING = "MASTERING_DISPLAY_METADATA"
_LIGHT_LEVEL = "CONTENT_LIGHT_LEVEL"
_FLAGS = "flags=bicubic+accurate_rnd+full_chroma_int"


def read_hdr_info(frame: av.VideoFrame) -> HdrInfo | None:
    """Return what a decoded frame declares about HDR; None if it is SDR."""
    transfer = _CURVES.get(int(frame.color_trc))
    if transfer is None:
        return None
    mastering = tuple(_read_mastering(frame))
    light_level = _read_light_level(frame)
    peak = mastering[8] / 10_000 if mastering else DEFAULT_PEAK_NITS
    if light_level is not None and light_level[0]:
        peak = float(light_level[0])
    if transfer == "hlg":
        peak = DEFAULT_PEAK_NITS
    form = HdrFormat(transfer, max(_MIN_PEAK_NITS, peak), int(frame.color_range) == _FULL)
    return HdrInfo(form, mastering, light_level)


def _read_mastering(frame: av.VideoFrame) -> Iterator[int]:
    """Yield ten numbers in the order and units of `HdrInfo.mastering`; none if not declared."""
    data = frame.side_data.get(_MASTERING)
    if data is None:
        return
    numbers = struct.unpack("=20i2i", bytes(cast(bytes, data))[:88])
    if not (numbers[20] and numbers[21]):
        return
    ratios = [Fraction(numbers[n], numbers[n + 1] or 1) for n in range(0, 20, 2)]
    red, green, blue, white = ratios[0:2], ratios[2:4], ratios[4:6], ratios[6:8]
    yield from (round(value * 50_000) for value in (*green, *blue, *red, *white))
    yield from (round(value * 10_000) for value in (ratios[9], ratios[8]))


def _read_light_level(frame: av.VideoFrame) -> tuple[int, int] | None:
    data = frame.side_data.get(_LIGHT_LEVEL)
    if data is None:
        return None
    most, average = struct.unpack("=II", bytes(cast(bytes, data))[:8])
    return most, average


class HdrMapper:
    """Maps frames of one size and pixel format between HDR and SDR.

    Args:
        form: what the HDR samples mean.
        mapping: see `HdrMapping`.
        size: (width, height).
        pixel_format: FFmpeg's name of the frames to map.
    """

    def __init__(
        self, form: HdrFormat, mapping: HdrMapping, size: tuple[int, int], pixel_format: str
    ) -> None:
        self._expands = mapping == "expand"
        self._form = form
        self._count = 0
        hdr_range = "pc" if form.full_range else "tv"
        hdr, sdr = ("bt2020nc", hdr_range, HDR_PIXELS), ("bt709", "tv", "yuv420p")
        source, result = (sdr, hdr) if self._expands else (hdr, sdr)
        with tempfile.NamedTemporaryFile("w", suffix=".cube") as table:
            table.write(make_cube(form, mapping))
            table.flush()
            self._graph = _open_graph(
                size,
                pixel_format,
                (
                    "scale",
                    f"in_color_matrix={source[0]}:in_range={source[1]}:out_range=pc:{_FLAGS}",
                ),
                ("format", "gbrp16le"),
                ("lut3d", f"file={_escape(table.name)}:interp=tetrahedral"),
                (
                    "scale",
                    f"out_color_matrix={result[0]}:in_range=pc:out_range={result[1]}:{_FLAGS}",
                ),
                ("format", result[2]),
            )

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the mapped frame, its color tagged; its time stamp means nothing."""
        pts = frame.pts
        frame.pts, self._count = self._count, self._count + 1
        self._graph.vpush(frame)
        frame.pts = pts
        mapped = self._graph.vpull()
        if self._expands:
            tag_hdr(mapped, self._form)
        else:
            mapped.color_primaries = mapped.color_trc = mapped.colorspace = _BT709
            mapped.color_range = _LIMITED
        return mapped


def tag_hdr(target: av.VideoFrame | av.VideoCodecContext, form: HdrFormat) -> None:
    """Write on a frame or an encoder what HDR samples mean."""
    target.color_primaries, target.colorspace = HDR_PRIMARIES, HDR_MATRIX
    target.color_trc = HDR_TRANSFERS[form.transfer]
    target.color_range = _FULL if form.full_range else _LIMITED


class HdrReader:
    """Reads HDR frames as SDR frames, and keeps their samples.

    Args:
        first: the first frame.
        info: what it declares.
        tone_map: compress the light to SDR; else the light above SDR white is cut off, and the
            samples can be kept.
    """

    def __init__(self, first: av.VideoFrame, info: HdrInfo, *, tone_map: bool) -> None:
        self._info = info
        self._mapping: HdrMapping = "tone-map" if tone_map else "clip"
        self._mappers: dict[tuple[int, int, str], HdrMapper] = {}
        self._scaler = av.video.reformatter.VideoReformatter()
        self._size = (first.width, first.height)

    def to_sdr(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return an SDR frame, BT.709 of limited range."""
        key = (frame.width, frame.height, frame.format.name)
        if key not in self._mappers:
            self._mappers[key] = HdrMapper(self._info.form, self._mapping, key[:2], key[2])
        return self._mappers[key].convert(frame)

    def read_samples(
        self, frame: av.VideoFrame, size: tuple[int, int], orientation: Orientation
    ) -> HdrImage | None:
        """Return the samples of a frame; None if it has another size than the first one.

        Args:
            frame: the HDR frame.
            size: (width, height) to scale to, before it is turned upright.
            orientation: turns it upright.
        """
        if (frame.width, frame.height) != self._size:
            return None
        full = _FULL if self._info.form.full_range else _LIMITED
        made = self._scaler.reformat(
            frame,
            width=size[0],
            height=size[1],
            format=HDR_PIXELS,
            src_colorspace=HDR_MATRIX,
            dst_colorspace=HDR_MATRIX,
            src_color_range=full,
            dst_color_range=full,
        )
        turn: Any = orientation.apply  # written for 8 bits; flips and transposes any
        columns, rows = round_up_to_even(orientation.transform_size(size))
        out = np.empty((rows * 3 // 2, columns), np.uint16)
        for index, target in enumerate(split_hdr_planes(out)):
            upright = np.ascontiguousarray(turn(view_plane_16(made, index)))
            height, width = upright.shape
            target[:height, :width] = upright
            target[:height, width:] = target[:height, width - 1 : width]
            target[height:] = target[height - 1]
        return HdrImage(out, np.full((rows // 2, columns // 2), 255, np.uint8))


def split_hdr_planes(
    image: NDArray[np.uint16],
) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint16]]:
    """Return views of Y (h, w), Cb and Cr (h/2, w/2) of uint16 (h*3/2, w)."""
    rows, columns = image.shape
    height = rows * 2 // 3
    flat, half = image.reshape(-1), (height // 2, columns // 2)
    quarter, begin = half[0] * half[1], height * columns
    return (
        image[:height],
        flat[begin : begin + quarter].reshape(half),
        flat[begin + quarter :].reshape(half),
    )


def view_plane_16(frame: av.VideoFrame, index: int) -> NDArray[np.uint16]:
    """Return a writable view of a plane of 16-bit samples; the frame must outlive it."""
    plane = frame.planes[index]
    rows = np.asarray(memoryview(plane)).view("<u2").reshape(-1, plane.line_size // 2)
    return rows[: plane.height, : plane.width]


def _open_graph(
    size: tuple[int, int], pixel_format: str, *filters: tuple[str, str]
) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 2
    nodes = [
        graph.add_buffer(
            width=size[0],
            height=size[1],
            format=av.VideoFormat(pixel_format, *size),
            time_base=Fraction(1, 1000),
        )
    ]
    nodes += [graph.add(name, options) for name, options in filters]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph


def _escape(path: str) -> str:
    """Escape a path as an option of a filter."""
    return "".join(f"\\{sign}" if sign in "\\:',;[]" else sign for sign in os.fspath(path))
