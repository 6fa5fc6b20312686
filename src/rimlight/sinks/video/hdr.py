"""Write HDR video: the source's samples where effects left them alone, SDR mapped elsewhere."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame
from rimlight.core.hdr_image import HdrInfo
from rimlight.imaging.color import ColorSpace, Image, bgr_to_i420, pad_even, split_planes
from rimlight.media.hdr_conversion import (
    HDR_PIXELS,
    HdrMapper,
    split_hdr_planes,
    tag_hdr,
    view_plane_16,
)
from rimlight.sinks.video.codecs import CODECS, Codec, EncodingPlan
from rimlight.system.av import av

_PIXELS = {
    "h265": HDR_PIXELS,
    "av1": HDR_PIXELS,
    "ffv1": HDR_PIXELS,
    "prores": "yuv422p10le",
}
_USUAL = {"mp4": "h265", "mov": "h265", "matroska": "h265", "webm": "av1"}
_SDR = ColorSpace("bt709")
_HINT = "take --codec h265, or set tone_map=true for an SDR result"


def choose_hdr_codec(container: str) -> Codec:
    """Return the usual codec of HDR in a container, by FFmpeg's name of it."""
    return CODECS[_USUAL[container]]


def adapt_to_hdr(plan: EncodingPlan, info: HdrInfo) -> EncodingPlan:
    """Return `plan` with 10 bits and the metadata of HDR.

    Raises:
        ConfigError: the codec holds 8 bits only.
    """
    codec = plan.codec
    if codec.name not in _PIXELS:
        raise ConfigError(f"{codec.name} is not written as HDR", hint=_HINT)
    if plan.pixel_format in ("yuva444p10le", "bgra", "yuva420p"):
        raise ConfigError("HDR is not written with alpha", hint="set tone_map=true")
    if info.form.full_range and plan.is_limited_range:
        raise ConfigError(f"{codec.name} cannot hold HDR of full range", hint=_HINT)
    options = dict(plan.options)
    if codec.name == "h265":
        lossless = ["lossless=1"] if options.get("crf") == "0" else []  # 0 is not, with 10 bits
        params = [options["x265-params"], *_list_x265_params(info), *lossless]
        options["x265-params"] = ":".join(params)
    if codec.name == "av1" and (params := _list_svt_params(info)):
        options["svtav1-params"] = ":".join(params)
    return replace(plan, pixel_format=_PIXELS[codec.name], options=options, hdr=info)


def _list_x265_params(info: HdrInfo) -> list[str]:
    params = ["repeat-headers=1"]
    if info.mastering:
        g, b, r, w = (info.mastering[n : n + 2] for n in (0, 2, 4, 6))
        light = info.mastering[8:10]
        pairs = zip("GBR", (g, b, r), strict=True)
        display = "".join(f"{name}({x},{y})" for name, (x, y) in pairs)
        params.append(f"master-display={display}WP({w[0]},{w[1]})L({light[0]},{light[1]})")
    if info.light_level is not None:
        params.append(f"max-cll={info.light_level[0]},{info.light_level[1]}")
    return params


def _list_svt_params(info: HdrInfo) -> list[str]:
    params = []
    if info.mastering:
        g, b, r, w = (
            tuple(value / 50_000 for value in info.mastering[n : n + 2]) for n in (0, 2, 4, 6)
        )
        most, least = (value / 10_000 for value in info.mastering[8:10])
        pairs = (("G", g), ("B", b), ("R", r), ("WP", w))
        display = "".join(f"{name}({x:.4f},{y:.4f})" for name, (x, y) in pairs)
        params.append(f"mastering-display={display}L({most:.4f},{least:.4f})")
    if info.light_level is not None:
        params.append(f"content-light={info.light_level[0]},{info.light_level[1]}")
    return params


class HdrFrameConverter:
    """Makes encoder pictures of HDR.

    Args:
        info: what the samples mean.
        pixel_format: FFmpeg's name of what the encoder takes.
        size: (width, height) of the pictures, even.
    """

    def __init__(self, info: HdrInfo, pixel_format: str, size: tuple[int, int]) -> None:
        self._info = info
        self._pixel_format = pixel_format
        self._size = size
        self._mapper: HdrMapper | None = None

    def convert(self, frame: Frame) -> av.VideoFrame:
        """Return `frame` as a picture, its color tagged, without a time stamp."""
        picture = self._make_picture(frame)
        self.set_color_tags(picture)
        if self._pixel_format == HDR_PIXELS:
            return picture
        picture = picture.reformat(format=self._pixel_format)
        self.set_color_tags(picture)
        return picture

    def set_color_tags(self, target: av.VideoFrame | av.VideoCodecContext) -> None:
        """Write down on a picture or the encoder what its colors mean."""
        tag_hdr(target, self._info.form)

    def _make_picture(self, frame: Frame) -> av.VideoFrame:
        width, height = self._size
        samples = frame.hdr
        fits = samples is not None and samples.image.shape == (height * 3 // 2, width)
        untouched = samples.untouched if samples is not None and fits else None
        is_all = untouched is not None and cv2.countNonZero(untouched) == untouched.size
        picture = av.VideoFrame(width, height, HDR_PIXELS) if is_all else self._expand(frame)
        if samples is not None and untouched is not None:
            self._paste(picture, split_hdr_planes(samples.image), untouched)
        return picture

    def _paste(
        self, picture: av.VideoFrame, planes: tuple[np.ndarray, ...], untouched: Image
    ) -> None:
        """Put the source's samples where they are untouched."""
        large = np.repeat(np.repeat(untouched, 2, 0), 2, 1)
        for index, plane in enumerate(planes):
            target = view_plane_16(picture, index)
            np.copyto(target, plane, where=(untouched if index else large) > 0)

    def _expand(self, frame: Frame) -> av.VideoFrame:
        """Return the SDR image as HDR."""
        if self._mapper is None:
            self._mapper = HdrMapper(self._info.form, "expand", self._size, "yuv420p")
        i420 = frame.i420 if frame.color == _SDR else bgr_to_i420(pad_even(frame.bgr), _SDR)
        picture = av.VideoFrame(*self._size, "yuv420p")
        for plane, value in zip(picture.planes, split_planes(i420), strict=True):
            rows = np.asarray(memoryview(plane)).reshape(-1, plane.line_size)
            rows[: plane.height, : plane.width] = value
        return self._mapper.convert(picture)
