"""Silence for uncompressed sound: mp4 and mov store no time of it, only samples one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from rimlight.system.av import av

Packet: TypeAlias = "av.Packet[Any]"  # a class that cannot be subscripted when it runs

MIN_GAP_S = Fraction(3, 100)
"""Sound that misses by less is a rounded time stamp; more is filled with silence or dropped."""

_CODED = re.compile(r"pcm_(?:[sf](\d+)[lb]e|(u8|s8|alaw|mulaw))")
_SILENT = {"u8": b"\x80", "alaw": b"\xd5", "mulaw": b"\xff"}


@dataclass
class PcmGapFiller:
    """Finds the holes between the packets of one track, by the samples in them.

    Attributes:
        rate: samples a second.
        sample: the bytes of one silent sample of all channels.
    """

    rate: int
    sample: bytes
    _end: Fraction | None = None
    _last: Fraction = Fraction(-1 << 40)

    @classmethod
    def from_stream(cls, stream: av.stream.Stream) -> PcmGapFiller | None:
        """Return those of `stream`; None where it is no PCM of a known kind."""
        if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
            return None
        found = _CODED.fullmatch(stream.codec_context.name)
        if found is None:
            return None
        silent = _SILENT.get(found[2] or "", bytes(int(found[1] or 8) // 8))
        return cls(stream.codec_context.sample_rate, silent * stream.codec_context.channels)

    def fill_gap(self, packet: Packet) -> Iterator[Packet]:
        """Yield the silence before `packet`, a second at most in each, and then the packet."""
        if packet.pts is None:
            yield packet
            return
        at = packet.pts * packet.time_base
        end = at if self._end is None else self._end
        missing = round((at - end) * self.rate) if at - end > MIN_GAP_S else 0
        while missing > 0:
            count = min(missing, self.rate)
            yield self._make_packet(count, max(end, self._last + Fraction(1, self.rate)))
            end += Fraction(count, self.rate)
            missing -= count
        self._end = end + Fraction(packet.size // len(self.sample), self.rate)
        self._last = at
        yield packet

    def _make_packet(self, count: int, at: Fraction) -> Packet:
        silence: Packet = av.Packet(self.sample * count)
        silence.time_base, silence.duration = Fraction(1, self.rate), count
        silence.pts = silence.dts = round(at * self.rate)
        return silence
