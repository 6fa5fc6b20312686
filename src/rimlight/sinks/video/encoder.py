"""One video file being written with PyAV: pictures in, packets and copied sound out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, cast

import cv2
import numpy as np

from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import (
    ColorSpace,
    Image,
    bgr_to_i420,
    pad_even,
    round_up_to_even,
    split_planes,
)
from rimlight.imaging.pool import ArrayPool
from rimlight.sinks.video.codecs import (
    DEFAULT_RATE,
    EncodingPlan,
    build_muxer_options,
    choose_time_base,
    is_quicktime,
    set_codec_tag,
)
from rimlight.sinks.video.hdr import HdrFrameConverter
from rimlight.sinks.video.metadata import copy_metadata, reserve_pixel_aspect
from rimlight.sinks.video.palette_filter import PaletteFilter
from rimlight.sinks.video.stream_copy import StreamCopy
from rimlight.sinks.video.vp9_alpha import ALPHA_TAGS, Vp9AlphaEncoder
from rimlight.system.av import av

log = logging.getLogger(__name__)

# ITU-T H.273 code points: (primaries, transfer, matrix) of each family.
_CODE_POINTS = {"bt601": (6, 6, 6), "bt709": (1, 1, 1), "bt2020": (9, 14, 9)}
_LIMITED, _FULL = 1, 2


class Writable(Protocol):
    """A file that libav can write to."""

    def write(self, data: bytes, /) -> int:
        """Write all of `data`; return how many bytes that were."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to `offset`, as in any file."""
        ...

    def tell(self) -> int:
        """Return the position, as in any file."""
        ...


class Encoder:
    """Writes one file. The first frame, given here, fixes size and color.

    Args:
        path: the file to write; its name need not have the container's suffix.
        plan: container and codec.
        first: a frame like those that will come.
        info: the run's source.
        sound: streams to copy, not yet attached; closed with the encoder.
        threads: of the encoder; 0 lets it choose.
        file: written to in the place of `path`.
        container_options: more options of the muxer.

    Raises:
        av.error.FFmpegError: the encoder refuses, or the file cannot be created.
    """

    def __init__(
        self,
        path: Path,
        plan: EncodingPlan,
        *,
        first: Frame,
        info: SourceInfo,
        sound: StreamCopy | None,
        threads: int,
        file: Writable | None = None,
        container_options: Mapping[str, str] | None = None,
    ) -> None:
        self._base = choose_time_base(info)
        self._plan = plan
        self._sound = sound
        self._durations: dict[int | None, int] = {}  # by pts, of what is in the encoder
        self._size = _choose_size(plan, first)
        self._first_pts = self.to_ticks(first.pts)
        self._first_dts: int | None = None
        self._early: list[int] = []
        same_colors = first.color.matrix == info.color.matrix
        color = choose_color(plan, first.color)
        self._pictures: HdrFrameConverter | AvFrameConverter
        if plan.hdr is not None:
            self._pictures = HdrFrameConverter(plan.hdr, plan.pixel_format, self._size)
        else:
            self._pictures = AvFrameConverter(
                "yuv420p" if plan.has_separate_alpha else plan.pixel_format,
                self._size,
                color,
                primaries=info.primaries if same_colors else None,
                transfer=info.transfer if same_colors else None,
            )
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 has no other switch for its banner
        options = build_muxer_options(plan, self._base, sound.time_bases if sound else ())
        self._output = av.open(
            file or str(path.resolve()),
            "w",
            format=plan.format,
            container_options={**options, **(container_options or {})},
        )
        self._stream = self._add_stream(plan, info, threads)
        self._pictures.set_color_tags(self._stream.codec_context)
        self._alpha: Vp9AlphaEncoder | None = None
        if plan.has_separate_alpha:
            self._stream.metadata.update(ALPHA_TAGS)
            self._alpha = Vp9AlphaEncoder(self._size, self._base, threads)
        if info.media_path is not None:
            copy_metadata(info.media_path, self._output, info.start_offset)
        if sound is not None:
            sound.add_streams(self._output)
        self._output.start_encoding()

    def _add_stream(self, plan: EncodingPlan, info: SourceInfo, threads: int) -> av.VideoStream:
        stream = self._output.add_stream(
            plan.codec.encoder,
            rate=info.rate or DEFAULT_RATE,
            options=plan.options,
            width=self._size[0],
            height=self._size[1],
            pix_fmt="yuv420p" if plan.has_separate_alpha else plan.pixel_format,
            time_base=self._base,
        )
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = "AUTO"
        if info.sample_aspect != 1:
            stream.codec_context.sample_aspect_ratio = info.sample_aspect
        reserve_pixel_aspect(stream, plan, info)
        set_codec_tag(stream, plan)
        return stream

    @property
    def early_dts(self) -> tuple[int, ...]:
        """Decoding times before the first picture's own time, in ticks of the time base."""
        return tuple(self._early)

    def to_ticks(self, time_s: Fraction) -> int:
        """Return `time_s` in units of the video's time base."""
        return round(time_s / self._base)

    def write(self, frame: Frame, duration_s: Fraction) -> None:
        """Encode `frame`, shown for `duration_s`."""
        picture = self._pictures.convert(frame)
        picture.pts = self.to_ticks(frame.pts)
        self._durations[picture.pts] = self.to_ticks(frame.pts + duration_s) - picture.pts
        picture.time_base = self._base
        if self._alpha is not None:
            self._alpha.push(picture.pts, _get_alpha(frame))
        self._mux(self._set_durations(self._stream.encode(picture)))

    def finish(self, last_s: Fraction, end_s: Fraction) -> None:
        """Write what the encoder still holds and the rest of the sound, then the file's end."""
        rest = self._stream.encode(None)
        if self._plan.codec.name == "h265" and self._first_dts is None:
            _set_missing_dts(rest)
        packets = self._set_durations(rest)
        if packets and is_quicktime(self._plan):
            self._stretch_last(packets[-1], self.to_ticks(end_s))
        self._mux(packets)
        if self._sound is not None:
            self._sound.finish(last_s, end_s)
        self.close()

    def _stretch_last(self, last: av.Packet[Any], end: int) -> None:
        """Stretch the last packet: mp4 takes the sum of the decoding steps for the duration."""
        if last.dts is not None and self._first_dts is not None:
            last.duration = (end - self._first_pts) - (last.dts - self._first_dts)

    def close(self) -> None:
        """Close input and output; what the encoder still holds is lost."""
        if self._sound is not None:
            self._sound.close()
        self._output.close()

    def _set_durations(self, packets: list[av.Packet[Any]]) -> list[av.Packet[Any]]:
        for packet in packets:  # not every encoder passes them on
            packet.duration = self._durations.pop(packet.pts)
            if self._first_dts is None:
                self._first_dts = packet.dts
            if packet.dts is not None and packet.dts < self._first_pts:
                self._early.append(packet.dts)
        return [self._alpha.attach(packet) for packet in packets] if self._alpha else packets

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            if self._sound is not None and packet.dts is not None:
                self._sound.copy_until(packet.dts * packet.time_base)
            self._output.mux(packet)


def choose_color(plan: EncodingPlan, color: ColorSpace) -> ColorSpace:
    """Return the color space that frames of `color` are written in."""
    matrix = color.matrix
    if plan.codec.standard == "dnxhd" and matrix == "bt601":
        matrix = "bt709"  # its header can say BT.709 and BT.2020 only (SMPTE ST 2019-1)
    return ColorSpace(matrix, full_range=color.full_range and not plan.is_limited_range)


def _set_missing_dts(packets: list[av.Packet[Any]]) -> None:
    """Give the packets of a whole video of one or two pictures their decoding times.

    x265 counts back from the third picture, and leaves the times unset where there is none.
    """
    if len(packets) < 3:
        for packet in packets:  # so few are never reordered
            packet.dts = packet.pts


def _choose_size(plan: EncodingPlan, first: Frame) -> tuple[int, int]:
    """Return the size to encode, padded to even sides where the encoder cannot do without."""
    even = round_up_to_even(first.size)
    if (plan.codec.has_odd_sizes and plan.hdr is None) or even == first.size:
        return first.size
    log.info("%s needs even sides: %s is written as %s", plan.codec.name, first.size, even)
    return even


class AvFrameConverter:
    """Makes encoder pictures of one pixel format, size and color space.

    An I420 frame of even size is wrapped, not copied: the picture keeps the frame's array alive
    until the encoder has let go of it.

    Args:
        pixels: FFmpeg's name of the pixel format.
        size: (width, height) of the pictures; an even size larger by one pixel takes the padding
            that I420 has.
        color: what YUV means in the video; frames in another one are converted.
        primaries: their H.273 code point; None for those usual with `color`.
        transfer: that of the transfer characteristics.
    """

    def __init__(
        self,
        pixel_format: str,
        size: tuple[int, int],
        color: ColorSpace,
        *,
        primaries: int | None = None,
        transfer: int | None = None,
    ) -> None:
        self._pixel_format = pixel_format
        self._size = size
        self._color = color
        self._primaries = primaries
        self._transfer = transfer
        self._pool = ArrayPool()
        self._palette: PaletteFilter | None = None

    def convert(self, frame: Frame) -> av.VideoFrame:
        """Return `frame` as a picture, its color tagged, without a time stamp."""
        make = {
            "yuv420p": self._to_yuv420p,
            "nv12": self._reformat,
            "yuv422p10le": self._reformat,
            "yuv444p10le": self._reformat,
            "bgra": self._to_bgra,
            "pal8": self._to_pal8,
            "yuva444p10le": self._to_yuva444p10,
        }[self._pixel_format]
        picture = make(frame)
        self.set_color_tags(picture)
        return picture

    def set_color_tags(self, target: av.VideoFrame | av.VideoCodecContext) -> None:
        """Write down on a picture or the encoder what its colors mean."""
        if self._pixel_format in ("bgra", "pal8"):
            return
        primaries, transfer, matrix = _CODE_POINTS[self._color.matrix]
        target.color_primaries = primaries if self._primaries is None else self._primaries
        target.color_trc = transfer if self._transfer is None else self._transfer
        target.colorspace = matrix
        target.color_range = _get_color_range(self._color)

    def _to_yuv420p(self, frame: Frame) -> av.VideoFrame:
        i420 = self._to_i420(frame)
        if self._size == round_up_to_even(frame.size):
            return av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")
        picture = av.VideoFrame(*self._size, "yuv420p")
        self._fill_planes(picture, split_planes(i420))
        return picture

    def _reformat(self, frame: Frame) -> av.VideoFrame:
        picture = av.VideoFrame(*self._size, "yuv420p")
        self._fill_planes(picture, split_planes(self._to_i420(frame)))
        self.set_color_tags(picture)
        return picture.reformat(format=self._pixel_format)

    def _to_bgra(self, frame: Frame) -> av.VideoFrame:
        return av.VideoFrame.from_numpy_buffer(self._add_alpha(frame), format="bgra")

    def _to_pal8(self, frame: Frame) -> av.VideoFrame:
        if self._palette is None:
            self._palette = PaletteFilter(self._size)
        return self._palette.convert(av.VideoFrame.from_ndarray(self._add_alpha(frame), "bgra"))

    def _to_yuva444p10(self, frame: Frame) -> av.VideoFrame:
        # Copied into memory of FFmpeg's own: its scaler wants aligned rows.
        picture = av.VideoFrame.from_ndarray(self._add_alpha(frame), format="bgra")
        return picture.reformat(
            format=self._pixel_format,
            dst_colorspace=_CODE_POINTS[self._color.matrix][2],
            dst_color_range=_get_color_range(self._color),
        )

    def _to_i420(self, frame: Frame) -> Image:
        if frame.color == self._color:
            return frame.i420
        width, height = round_up_to_even(frame.size)
        out = self._pool.acquire((height * 3 // 2, width))
        return bgr_to_i420(pad_even(frame.bgr), self._color, out)

    def _add_alpha(self, frame: Frame) -> Image:
        out = self._pool.acquire((*frame.bgr.shape[:2], 4))
        return cast(Image, cv2.merge([*cv2.split(frame.bgr), _get_alpha(frame)], out))

    def _fill_planes(self, picture: av.VideoFrame, values: tuple[Image, ...]) -> None:
        for plane, value in zip(picture.planes, values, strict=True):
            rows = np.asarray(memoryview(plane)).reshape(-1, plane.line_size)
            rows[: plane.height, : plane.width] = value[: plane.height, : plane.width]


def _get_color_range(color: ColorSpace) -> int:
    return _FULL if color.full_range else _LIMITED


def _get_alpha(frame: Frame) -> Image:
    if frame.alpha is not None:
        return frame.alpha
    return np.full(frame.bgr.shape[:2], 255, np.uint8)
