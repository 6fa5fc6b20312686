"""Sound that a container cannot hold, decoded and encoded again in a codec that it can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from rimlight.sinks.video.pcm import MIN_GAP_S
from rimlight.system.av import av

Packet: TypeAlias = "av.Packet[Any]"  # a class that cannot be subscripted when it runs
Stream: TypeAlias = "av.stream.Stream"

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_LOSSLESS = ("pcm_", "adpcm_", "g72", "alac", "ape", "tta", "wavpack", "flac")
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


@dataclass(frozen=True)
class AudioCodec:
    """What sound is encoded with.

    Attributes:
        encoder: what FFmpeg calls the encoder.
        title: what users call it.
        samples: the sample format that it takes.
        rates: samples a second that it takes; empty: any.
        bits: a second and channel; 0 for lossless ones.
    """

    encoder: str
    title: str
    sample_format: str
    rates: tuple[int, ...] = ()
    bit_rate: int = 0


AAC = AudioCodec("aac", "AAC", "fltp", _AAC_RATES, 96_000)
OPUS = AudioCodec("libopus", "Opus", "flt", (48_000,), 64_000)
FLAC = AudioCodec("flac", "FLAC", "s16")
PCM = AudioCodec("pcm_s16le", "PCM", "s16")
AUDIO_CODECS = {"aac": AAC, "opus": OPUS, "flac": FLAC, "pcm": PCM}


def choose_audio_codec(stream: av.AudioStream, container: str) -> AudioCodec:
    """Return what the sound of `stream` becomes in `container`, by FFmpeg's name of it."""
    if container in ("mp4", "mov"):
        return AAC
    exact = stream.codec_context.name.startswith(_LOSSLESS)
    return FLAC if exact and container == "matroska" else OPUS


class ConvertedAudioTrack:
    """A sound track in another codec. Holes are filled with silence, so it stays in step.

    Args:
        stream: the input's; its decoder is used.
        codec: what to encode with.
    """

    def __init__(self, stream: av.AudioStream, codec: AudioCodec) -> None:
        self.stream: Stream = stream
        self._decoder_stream = stream
        self.codec = codec
        self._decoder = stream.codec_context
        self._rate = _choose_rate(stream.codec_context.sample_rate, codec)
        self._layout = _LAYOUTS.get(stream.codec_context.channels, "stereo")
        self._resampler: av.AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._out: av.AudioStream | None = None
        self._start: int | None = None
        self._written = 0

    @property
    def title(self) -> str:
        """What users call the new codec."""
        return self.codec.title

    @property
    def is_same_codec(self) -> bool:
        """The stream is in that codec already."""
        name = self.codec.title.lower()
        return self._decoder.codec.canonical_name.partition("_")[0] == name

    @property
    def time_base(self) -> Fraction:
        """The unit of the new track's time stamps."""
        return Fraction(1, self._rate)

    def make_fresh_copy(self) -> ConvertedAudioTrack:
        """Return the track as it was before the first packet."""
        self._decoder.flush_buffers()
        return ConvertedAudioTrack(self._decoder_stream, self.codec)

    def attach(
        self, output: av.container.OutputContainer, *, tags: dict[str, str]
    ) -> av.AudioStream:
        """Add the track, with an encoder, to `output`."""
        out = output.add_stream(self.codec.encoder, rate=self._rate)
        assert isinstance(out, av.AudioStream)
        out.codec_context.layout = self._layout
        out.codec_context.format = self.codec.sample_format
        if self.codec.bit_rate:
            channels = out.codec_context.channels
            out.codec_context.bit_rate = channels * min(self.codec.bit_rate, 4 * self._rate)
        out.metadata.update(tags)
        out.disposition = self.stream.disposition
        self._out = out
        return out

    def convert(self, packet: Packet) -> Sequence[Packet]:
        """Return what is encoded once `packet` is decoded; one that does not decode is silence."""
        try:
            frames = self._decoder.decode(packet)
        except av.error.FFmpegError:
            return ()
        return [made for frame in frames for made in self._convert_frame(frame)]

    def flush(self) -> Sequence[Packet]:
        """Return what decoder, resampler and encoder still hold."""
        assert self._out is not None
        try:
            frames = self._decoder.decode(None)
        except av.error.FFmpegError:
            frames = []
        made = [packet for frame in frames for packet in self._convert_frame(frame)]
        if self._start is None:
            return made
        if self._resampler is not None:
            made += self._encode(self._resampler.resample(None))
        return [*made, *self._out.encode(None)]

    def _convert_frame(self, frame: av.AudioFrame) -> Iterator[Packet]:
        shift = self._measure_gap(frame)
        if shift < 0 and -shift >= frame.samples * self._rate // frame.sample_rate:
            return
        if shift > 0:
            yield from self._encode(self._make_silence(shift))
        frame.pts = None
        yield from self._encode(self._resample(frame))

    def _measure_gap(self, frame: av.AudioFrame) -> int:
        """Return how many samples are missing before `frame`; below 0: it comes too early."""
        if frame.pts is None or frame.time_base is None:
            self._start = 0 if self._start is None else self._start
            return 0
        at = round(frame.pts * frame.time_base * self._rate)
        if self._start is None:
            self._start = at
        missing = at - (self._start + self._written)
        return missing if abs(missing) > MIN_GAP_S * self._rate else 0

    def _resample(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        rest: list[av.AudioFrame] = []
        if shape != self._shape:
            if self._resampler is not None:
                rest = self._resampler.resample(None)
            self._resampler = av.AudioResampler(self.codec.sample_format, self._layout, self._rate)
            self._shape = shape
        assert self._resampler is not None
        return [*rest, *self._resampler.resample(frame)]

    def _make_silence(self, samples: int) -> Iterator[av.AudioFrame]:
        """Yield frames of nothing, a second at most in each."""
        layout, form = av.AudioLayout(self._layout), av.AudioFormat(self.codec.sample_format)
        rows = layout.nb_channels if form.is_planar else 1
        kind = np.int16 if self.codec.sample_format == "s16" else np.float32
        for begin in range(0, samples, self._rate):
            count = min(self._rate, samples - begin) * layout.nb_channels // rows
            frame = av.AudioFrame.from_ndarray(
                np.zeros((rows, count), kind), format=self.codec.sample_format, layout=self._layout
            )
            frame.sample_rate = self._rate
            yield frame

    def _encode(self, frames: Sequence[av.AudioFrame] | Iterator[av.AudioFrame]) -> list[Packet]:
        assert self._out is not None
        made: list[Packet] = []
        for frame in frames:
            frame.pts = (self._start or 0) + self._written
            frame.time_base = self.time_base
            self._written += frame.samples
            made += self._out.encode(frame)
        return made


def _choose_rate(rate: int, codec: AudioCodec) -> int:
    """Return the lowest rate of `codec` that loses nothing of `rate`, else its highest."""
    if not codec.rates or rate in codec.rates:
        return rate
    return min((known for known in codec.rates if known >= rate), default=max(codec.rates))
