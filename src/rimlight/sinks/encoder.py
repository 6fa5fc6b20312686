"""One video file being written with PyAV: pictures in, packets and copied sound out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import even_size
from rimlight.sinks.avframes import AvFrameConverter
from rimlight.sinks.codecs import EncodingPlan
from rimlight.sinks.extras import copy_metadata
from rimlight.sinks.muxing import (
    DEFAULT_RATE,
    build_muxer_options,
    choose_time_base,
    is_quicktime,
    set_codec_tag,
)
from rimlight.sinks.pixel_shape import reserve_pixel_aspect
from rimlight.sinks.sound import StreamCopy
from rimlight.system.av import av

log = logging.getLogger(__name__)


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
        color = replace(first.color, full_range=False) if plan.codec.is_limited_range else None
        self._pictures = AvFrameConverter(
            plan.pixel_format,
            self._size,
            color or first.color,
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
            pix_fmt=plan.pixel_format,
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
        return packets

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            if self._sound is not None and packet.dts is not None:
                self._sound.copy_until(packet.dts * packet.time_base)
            self._output.mux(packet)


def _set_missing_dts(packets: list[av.Packet[Any]]) -> None:
    """Give the packets of a whole video of one or two pictures their decoding times.

    x265 counts back from the third picture, and leaves the times unset where there is none.
    """
    if len(packets) < 3:
        for packet in packets:  # so few are never reordered
            packet.dts = packet.pts


def _choose_size(plan: EncodingPlan, first: Frame) -> tuple[int, int]:
    """Return the size to encode, padded to even sides where the encoder cannot do without."""
    even = even_size(first.size)
    if plan.codec.has_odd_sizes or even == first.size:
        return first.size
    log.info("%s needs even sides: %s is written as %s", plan.codec.name, first.size, even)
    return even
