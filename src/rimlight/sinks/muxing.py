"""Times and settings that a video is muxed with, whether it is encoded or joined from pieces."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from rimlight.core.frame import SourceInfo
from rimlight.sinks.codecs import EncodingPlan
from rimlight.system.av import av

MICROSECOND = Fraction(1, 1_000_000)
DEFAULT_RATE = Fraction(30)
_MIN_TICKS_PER_S = 10_000
_MAX_TICKS = (1 << 31) - 1
_QUICKTIME = ("mp4", "mov")
_TAGS = {("hevc", None): "hvc1", ("prores", "4"): "ap4h", ("prores", "2"): "apcn"}


def is_quicktime(plan: EncodingPlan) -> bool:
    """Say whether the container takes the sum of the decoding steps for the duration."""
    return plan.format in _QUICKTIME


def choose_time_base(info: SourceInfo) -> Fraction:
    """Return the unit of the written time stamps: the input's own where it has one."""
    if info.time_base is not None:
        return info.time_base
    if info.is_live or info.rate is None:
        return MICROSECOND
    return 1 / info.rate


def set_codec_tag(stream: av.VideoStream, plan: EncodingPlan) -> None:
    """Call the codec in mp4 and mov what players look for: libav's own choice may not play."""
    tag = _TAGS.get((plan.codec.standard, plan.options.get("profile")))
    if is_quicktime(plan) and tag:
        stream.codec_context.codec_tag = tag


def build_faststart_options(plan: EncodingPlan) -> dict[str, str]:
    """Return muxer options of a finished file: mp4 and mov begin with their index.

    The file is read and written once more for that; browsers then play before they have all of it.
    """
    return {"movflags": "+faststart"} if is_quicktime(plan) else {}


def build_muxer_options(
    plan: EncodingPlan, base: Fraction, others: Sequence[Fraction] = ()
) -> dict[str, str]:
    """Return muxer options that keep every pts, and every start offset, as exact as can be.

    Args:
        plan: the container.
        base: the unit of the video's time stamps.
        others: the units of the sound's and the subtitles' ones.
    """
    if not is_quicktime(plan):
        # Sound often starts a little before zero; mkv would move the pictures along with it.
        return {"avoid_negative_ts": "disabled"}
    ticks = base.denominator
    while ticks < _MIN_TICKS_PER_S:
        ticks *= 2
    # In mp4 the tracks' start offsets are counted in units of the whole file.
    common = lcm(ticks, *(unit.denominator for unit in others))
    movie = common if common <= _MAX_TICKS else ticks
    return {"video_track_timescale": str(ticks), "movie_timescale": str(movie)}
