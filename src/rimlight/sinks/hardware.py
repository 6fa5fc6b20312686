"""Encoders in graphics cards and processors: which are there, and how they are spoken to."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from rimlight.core.errors import ConfigError
from rimlight.sinks.codecs import CODECS, Codec
from rimlight.system.av import av

_TRIAL_SIDE_PX = 256  # some encoders refuse pictures that are much smaller
_TRIAL_RATE = Fraction(30)


def check_available(codec: Codec) -> None:
    """Check that an encoder can be opened on this machine; those of software always can.

    Raises:
        ConfigError: the card, its driver, or FFmpeg's part for it is missing; the hint names the
            hardware encoders that there are.
    """
    if codec.vendor is None:
        return
    reason = _try_open(codec)
    if reason is None:
        return
    usual = codec.name.removesuffix(f"-{codec.vendor}")
    there = find_available()
    others = f"here: {', '.join(there)}" if there else "no hardware encoder works here"
    raise ConfigError(
        f"there is no {codec.name} on this machine: {reason}", hint=f"{others}; or take {usual}"
    )


def find_available() -> list[str]:
    """Return the names of the hardware encoders that can be opened here."""
    return [codec.name for codec in CODECS.values() if codec.vendor and _try_open(codec) is None]


@lru_cache(maxsize=32)
def _try_open(codec: Codec) -> str | None:
    """Open the encoder and close it again; return why that fails, None if it does not."""
    try:
        context = av.CodecContext.create(codec.encoder, "w")
    except ValueError:
        return f"this FFmpeg is built without {codec.encoder}"
    assert isinstance(context, av.VideoCodecContext)
    context.width = context.height = _TRIAL_SIDE_PX
    context.pix_fmt, context.framerate = codec.pixel_format, _TRIAL_RATE
    context.time_base = 1 / _TRIAL_RATE
    try:
        context.open()
    except (av.error.FFmpegError, OSError) as exc:
        return f"{codec.encoder} does not open ({str(exc.strerror or exc).lower()})"
    return None
