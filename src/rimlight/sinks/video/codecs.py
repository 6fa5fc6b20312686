"""Which encoder writes which video, and what each container can hold. Data only, no FFmpeg."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import lcm
from pathlib import Path
from typing import Literal, get_args

from rimlight.core.errors import ConfigError
from rimlight.core.frame import SourceInfo
from rimlight.core.hdr_image import HdrInfo
from rimlight.system.av import av

CodecName = Literal[
    "auto", "h264", "h265", "av1", "vp9", "ffv1", "prores", "dnxhr", "dnxhr-444", "gif", "webp",
    "h264-nvenc", "h265-nvenc", "av1-nvenc", "h264-qsv", "h265-qsv", "av1-qsv",
    "h264-amf", "h265-amf", "av1-amf", "h264-videotoolbox", "h265-videotoolbox",
]  # fmt: skip
Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]
Vendor = Literal["nvenc", "qsv", "amf", "videotoolbox"]
_PRESETS = get_args(Preset)
_AVX512F = 13  # CPU_AVX_512F of OpenCV, which has no name in Python

_TRIAL_SIDE_PX = 256  # some encoders refuse pictures that are much smaller
_TRIAL_RATE = Fraction(30)
MICROSECOND = Fraction(1, 1_000_000)
DEFAULT_RATE = Fraction(30)
_MIN_TICKS_PER_S = 10_000
_MAX_TICKS = (1 << 31) - 1
_QUICKTIME = ("mp4", "mov")
_TAGS = {("hevc", None): "hvc1", ("prores", "4"): "ap4h", ("prores", "2"): "apcn"}


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoder.

    Attributes:
        name: what users call it.
        encoder: what FFmpeg calls it.
        pixels: the pixel format that opaque pictures are encoded in.
        alpha_pixels: the one for transparent pictures; None when it has none.
        odd_sizes: it can encode 4:2:0 pictures of odd width or height as they are.
        crf: the quality when none is asked for; None when it has no such setting.
        most_crf: the lowest quality that there is.
        vendor: whose hardware does the work; None for software.
    """

    name: str
    encoder: str
    pixel_format: str
    alpha_pixel_format: str | None = None
    has_odd_sizes: bool = True
    default_crf: int | None = None
    max_crf: int = 63
    vendor: Vendor | None = None

    @property
    def standard(self) -> str:
        """FFmpeg's name of what is coded, whoever does it."""
        names = {"h265": "hevc", "dnxhr": "dnxhd"}
        plain = self.name.partition("-")[0]
        return names.get(plain, plain)

    @property
    def is_limited_range(self) -> bool:
        """Readers take its luma for limited range: the codec cannot say otherwise."""
        return self.standard in ("prores", "dnxhd")

    @property
    def decoded_names(self) -> tuple[str, ...]:
        """What FFmpeg calls decoders of it, without "lib" and what follows a hyphen."""
        decoders = {"av1": ("av1", "dav1d", "aom"), "vp9": ("vp9", "vpx")}
        return decoders.get(self.standard, (self.standard,))


@dataclass(frozen=True, slots=True)
class Container:
    """One kind of file: FFmpeg's name of it and the codecs that "auto" means."""

    format: str
    codec: str
    alpha_codec: str | None = None


@dataclass(frozen=True, slots=True)
class EncodingPlan:
    """How one video is going to be written.

    Attributes:
        format: FFmpeg's name of the container.
        codec: the encoder.
        pixels: FFmpeg's name of the pixel format to encode.
        options: the encoder's own options.
        wants_limited_range: readers of the file expect the limited range.
        audio: the codec that all sound is converted to; None: as the option `audio` says.
        hdr: what HDR pictures mean; None: they are SDR.
    """

    format: str
    codec: Codec
    pixel_format: str
    options: dict[str, str]
    wants_limited_range: bool = False
    audio: str | None = None
    hdr: HdrInfo | None = None

    @property
    def is_limited_range(self) -> bool:
        """The pictures are written with the limited range, whatever the input has."""
        return self.wants_limited_range or self.codec.is_limited_range

    @property
    def is_animation(self) -> bool:
        """The file is an animated image: without sound, and written in one go."""
        return self.format in ("gif", "webp", "avif")

    @property
    def has_separate_alpha(self) -> bool:
        """Alpha is coded next to the colors, by `Vp9AlphaEncoder`."""
        return self.codec.name == "vp9" and self.pixel_format == "yuva420p"


def _make_hardware_codecs(vendor: Vendor, pixels: str, *standards: str) -> tuple[Codec, ...]:
    """Return the encoders of one vendor; they take even sizes and count quality like software."""
    crf = {"h264": 23, "h265": 28, "av1": 35}
    encoders = {"h264": "h264", "h265": "hevc", "av1": "av1"}
    return tuple(
        Codec(
            f"{name}-{vendor}",
            f"{encoders[name]}_{vendor}",
            pixels,
            has_odd_sizes=False,
            default_crf=crf[name],
            vendor=vendor,
        )
        for name in standards
    )


CODECS = {
    codec.name: codec
    for codec in (
        Codec("h264", "libx264", "yuv420p", has_odd_sizes=False, default_crf=23),
        Codec("h265", "libx265", "yuv420p", has_odd_sizes=False, default_crf=28, max_crf=51),
        Codec("av1", "libsvtav1", "yuv420p", default_crf=35),
        Codec("vp9", "libvpx-vp9", "yuv420p", "yuva420p", default_crf=31),
        Codec("ffv1", "ffv1", "yuv420p", "bgra"),
        Codec("prores", "prores_ks", "yuv422p10le", "yuva444p10le"),
        Codec("dnxhr", "dnxhd", "yuv422p10le"),
        Codec("dnxhr-444", "dnxhd", "yuv444p10le"),
        Codec("gif", "gif", "pal8", "pal8"),
        Codec("webp", "libwebp_anim", "bgra", "bgra"),
        *_make_hardware_codecs("nvenc", "yuv420p", "h264", "h265", "av1"),
        *_make_hardware_codecs("qsv", "nv12", "h264", "h265", "av1"),
        *_make_hardware_codecs("amf", "nv12", "h264", "h265", "av1"),
        *_make_hardware_codecs("videotoolbox", "nv12", "h264", "h265"),
    )
}

CONTAINERS = {
    ".mp4": Container("mp4", "h264"),
    ".m4v": Container("mp4", "h264"),
    ".mov": Container("mov", "h264", "prores"),
    ".mkv": Container("matroska", "h264", "ffv1"),
    ".webm": Container("webm", "vp9", "vp9"),
    ".gif": Container("gif", "gif", "gif"),
    ".webp": Container("webp", "webp", "webp"),
    ".avif": Container("avif", "av1"),
}


def plan_encoding(
    path: Path, *, codec: CodecName, transparent: bool, crf: int | None, preset: Preset
) -> EncodingPlan:
    """Choose how to write `path`.

    Args:
        path: the video; its suffix names the container.
        codec: the codec asked for, or "auto" for the container's usual one.
        transparent: the video has an alpha channel.
        crf: the quality asked for (lower is better), or None.
        preset: how much time the encoder may take.

    Raises:
        ConfigError: the container is unknown or cannot hold what is asked for.
    """
    container = _find_container(path)
    if transparent and container.alpha_codec is None:
        raise ConfigError(
            f"{path.suffix[1:]} cannot hold alpha: {path}",
            hint="write a .mov, a .webm, a .mkv or a folder of PNGs",
        )
    usual = container.alpha_codec if transparent else container.codec
    chosen = CODECS[(usual or container.codec) if codec == "auto" else codec]
    if transparent and chosen.alpha_pixel_format is None:
        raise ConfigError(f"{chosen.name} cannot hold alpha", hint=f"leave the codec to {path}")
    if crf is not None and chosen.default_crf is None:
        raise ConfigError(f"{chosen.name} has no crf", hint="leave crf out, or take another codec")
    if crf is not None and crf > chosen.max_crf:
        raise ConfigError(
            f"the crf of {chosen.name} ends at {chosen.max_crf}, got {crf}",
            hint="lower is better and larger",
        )
    pixels = (transparent and chosen.alpha_pixel_format) or chosen.pixel_format
    quality = crf if crf is not None else chosen.default_crf
    if chosen.vendor is not None and quality is not None:
        options = _build_hardware_options(chosen.vendor, quality, preset)
    else:
        options = _build_options(chosen, quality, preset, pixels)
    return EncodingPlan(container.format, chosen, pixels, options)


def _find_container(path: Path) -> Container:
    suffix = path.suffix.lower()
    if suffix in CONTAINERS:
        return CONTAINERS[suffix]
    known = ", ".join(CONTAINERS)
    if suffix == ".avi":
        raise ConfigError(f"avi cannot hold exact frame times: {path}", hint="write a .mp4 or .mkv")
    raise ConfigError(f"no video container is known by the ending of {path}", hint=f"use {known}")


@cache
def _build_x264_params() -> str:
    """Return x264's own options.

    It hands frames to its look-ahead one at a time: the same pictures in the same bytes as with
    its usual four, in less memory. Its AVX-512 loops for the look-ahead read memory that nobody
    wrote: about every second of some runs differed in bits and pictures. The AVX2 ones do not, and
    are as quick.
    """
    import cv2

    steady = ":asm=avx2" if cv2.checkHardwareSupport(_AVX512F) else ""
    return f"sync-lookahead=1{steady}"


def _build_options(codec: Codec, crf: int | None, preset: Preset, pixels: str) -> dict[str, str]:
    """Return the encoder's options; presets become numbers where the encoder counts them."""
    place = _PRESETS.index(preset)
    every: dict[str, dict[str, str]] = {
        "h264": {"preset": preset, "x264-params": _build_x264_params()},
        "h265": {"preset": preset, "x265-params": "log-level=error"},
        "av1": {"preset": str(12 - place)},
        "vp9": {"cpu-used": str(min(5, 8 - place)), "row-mt": "1", "b": "0"},
        "ffv1": {"slicecrc": "1"},
        "gif": {},
        "webp": {},
        "dnxhr": {"profile": "dnxhr_hqx"},
        "dnxhr-444": {"profile": "dnxhr_444"},
        "prores": {"profile": "4" if pixels.startswith("yuva") else "2", "vendor": "apl0"},
    }
    own = every[codec.name]
    if pixels == "yuva420p":  # each picture needs a packet of its own, to carry its alpha
        own["auto-alt-ref"] = "0"
    return own if crf is None else {**own, "crf": str(crf)}


def _build_hardware_options(vendor: Vendor, quality: int, preset: Preset) -> dict[str, str]:
    """Return what each vendor calls quality and speed: constant quality, as near as it has it."""
    place = _PRESETS.index(preset)
    every: dict[Vendor, dict[str, str]] = {
        "nvenc": {"preset": f"p{min(7, place + 1)}", "rc": "vbr", "cq": str(quality), "b": "0"},
        "qsv": {"preset": _PRESETS[max(2, place)], "global_quality": str(quality)},
        "amf": {
            "quality": ("speed", "balanced", "quality")[place // 3],
            "rc": "cqp", "qp_i": str(quality), "qp_p": str(quality),
        },
        # It counts upwards to 100, in FFmpeg's units of 118.
        "videotoolbox": {
            "flags": "+qscale", "global_quality": str(round(118 * max(1, 100 - 1.5 * quality)))
        },
    }  # fmt: skip
    return every[vendor]


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
    if tag := get_codec_tag(plan):
        stream.codec_context.codec_tag = tag


def get_codec_tag(plan: EncodingPlan) -> str | None:
    """Return what mp4 and mov call the codec; None where libav's choice plays everywhere."""
    tag = _TAGS.get((plan.codec.standard, plan.options.get("profile")))
    return tag if is_quicktime(plan) else None


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
    if plan.is_animation:
        return {"loop": "0"}
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
