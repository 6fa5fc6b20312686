"""Preprocess frames: resize, convert colors linearly, fill input tensors."""

from __future__ import annotations

from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame
from rimlight.core.tensor_specs import InputSpec
from rimlight.imaging import jit
from rimlight.imaging.color import ColorSpace, compute_yuv_to_bgr_matrix, split_planes
from rimlight.imaging.compositing.i420 import make_grid
from rimlight.imaging.geometry import Rect, letterbox
from rimlight.segmenters.runtime import TensorInfo

Weights = NDArray[np.float32]
Image = NDArray[np.uint8]

MAX_ASPECT = 4
"""Inputs whose size depends on the frame are at most this many times as long as they are short."""


class FrameResizer:
    """Resizes frames into one reused buffer. Not thread-safe."""

    def __init__(self) -> None:
        self._small: Image = np.empty((0, 0, 3), np.uint8)

    def resize(self, frame: Frame, size: tuple[int, int]) -> Image:
        """Resize `frame` to `size`; the next call overwrites the result.

        Args:
            frame: any; it is not changed.
            size: (width, height) of the result.

        Returns:
            uint8 (height, width, 3): B, G, R of a "bgr" frame, Y, Cb, Cr of an "i420" one.
        """
        if self._small.shape[:2] != (size[1], size[0]):
            self._small = np.empty((size[1], size[0], 3), np.uint8)
        if frame.layout == "bgr":
            # LINEAR, not AREA: eight times as fast from 1080p, and no worse an input (the tests).
            cv2.resize(frame.image, size, dst=self._small, interpolation=cv2.INTER_LINEAR)
            return self._small
        return cast(Image, cv2.merge(resize_planes(frame, size), dst=self._small))


def resize_planes(frame: Frame, size: tuple[int, int]) -> list[Image]:
    """Return Y, Cb and Cr of an "i420" frame, each uint8 at `size` (width, height)."""
    width, height = frame.size
    luma, *chroma = split_planes(frame.image)
    kernels = jit.get_kernels()
    if kernels is None or chroma[0].shape[1] < 2:
        # LINEAR for the same reason as above.
        return [cast(Image, cv2.resize(plane, size)) for plane in (luma[:height, :width], *chroma)]
    small: list[Image] = [np.empty(size[::-1], np.uint8) for _ in range(3)]
    half = chroma[0].shape[1], chroma[0].shape[0]
    kernels.resample(frame.image, width, make_grid(size, frame.size), make_grid(size, half), *small)
    return small


class ColorResizer:
    """Resizes frames to uint8 colors in RGB or BGR order."""

    def __init__(self, order: Literal["rgb", "bgr"]) -> None:
        self._resizer = FrameResizer()
        self._transform = ColorTransform(make_color_weights(order))
        self._plain = order == "bgr"
        self._colors: Image = np.empty((0, 0, 3), np.uint8)

    def resize(self, frame: Frame, size: tuple[int, int]) -> Image:
        """Resize `frame` to `size` (width, height); the next call overwrites the result.

        Returns:
            uint8 (height, width, 3).
        """
        small = self._resizer.resize(frame, size)
        if self._colors.shape != small.shape:
            self._colors = np.empty_like(small)
        if frame.layout == "i420":
            return cast(
                Image, cv2.transform(small, self._transform.get_matrix(frame), dst=self._colors)
            )
        if self._plain:
            return small
        return cast(Image, cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=self._colors))


class FrameSampler:
    """Resizes frames and transforms their colors to float32 channels.

    An I420 frame is not converted at full size: its three planes are resized, then one matrix does
    YUV -> BGR and the transform. Not thread-safe.

    Args:
        weights: float32 (channels, 4): result = weights @ [B, G, R, 1], colors in 0..255.
    """

    def __init__(self, weights: Weights) -> None:
        self._transform = ColorTransform(weights)
        self._resizer = FrameResizer()

    def sample(self, frame: Frame, size: tuple[int, int]) -> NDArray[np.float32]:
        """Resize `frame` to `size` (width, height) and transform its colors.

        Returns:
            A new float32 (height, width, channels). Colors outside the RGB cube, which YUV can
            name, are not clipped.
        """
        values = self._resizer.resize(frame, size).astype(np.float32)
        mixed = cv2.transform(values, self._transform.get_matrix(frame))
        return cast(NDArray[np.float32], mixed.reshape(size[1], size[0], -1))


class ColorTransform:
    """A linear color transform, as a matrix for the channels of a frame's layout."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._matrices: dict[tuple[str, ColorSpace], Weights] = {}

    def get_matrix(self, frame: Frame) -> Weights:
        """Return float32 (channels, 4) for homogeneous pixels (c0, c1, c2, 1) of `frame`."""
        key = (frame.layout, frame.color)
        if key not in self._matrices:
            self._matrices[key] = _fold_color_conversion(self._weights, frame.layout, frame.color)
        return self._matrices[key]


def make_color_weights(order: Literal["rgb", "bgr"]) -> Weights:
    """Return the weights of the identity, in `order`."""
    identity = np.eye(3, 4, dtype=np.float32)
    return identity[::-1].copy() if order == "rgb" else identity


def limit_size(size: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """Scale `size` (width, height) down proportionally so that no side exceeds `longest_px`."""
    ratio = min(1.0, longest_px / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


class Preprocessor:
    """Converts frames to the input tensor of one model.

    A frame is resized first. One lookup table then applies scale, offset, mean, deviation,
    quantization and type conversion to each of the 256 levels.

    Args:
        spec: the input as described by the card.
        info: the input tensor of the file; its quantization is folded into the table.
        buffer: memory of the tensor, (1, h, w, 3) of the file's type; None allocates it.
    """

    def __init__(
        self, spec: InputSpec, info: TensorInfo, buffer: NDArray[Any] | None = None
    ) -> None:
        self._spec, self._info = spec, info
        self._table = _make_level_table(spec, info)
        self._padding = self._table[0, spec.pad]
        self._made_for: tuple[int, int] | None = None
        self._resizer = ColorResizer(spec.color)
        self._planar: NDArray[Any] = np.empty(0)
        self._dtype = info.dtype
        self._transform = ColorTransform(make_color_weights(spec.color))
        self._line = tuple(np.float32(part) for part in _compute_scale_offset(spec))
        self._place = Rect(0, 0, 1, 1)
        self._allocate(spec.size or (1, 1), buffer)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the last tensor."""
        return self._tensor.shape[2], self._tensor.shape[1]

    def to_tensor(self, frame: Frame) -> NDArray[Any]:
        """Return `frame` as a tensor (1, h, w, 3) or (1, 3, h, w) that the next call overwrites."""
        if self._made_for != frame.size:
            self._prepare_for(frame.size)
        rect = self._place
        left, top, width, height = int(rect.left), int(rect.top), int(rect.width), int(rect.height)
        kernels = jit.get_kernels()
        fast = kernels and frame.layout == "i420" and self._spec.scale != "max"
        if kernels and fast and self._dtype == "float32":
            kernels.fetch(frame.image)
            small = resize_planes(frame, (width, height))
            matrix = self._transform.get_matrix(frame)
            kernels.fill_tensor(*small, matrix, *self._line, self._tensor[0], top, left)
            return self._order_axes()
        window = self._tensor[0, top : top + height, left : left + width]
        colors = self._resizer.resize(frame, (width, height))
        if self._spec.scale == "max":
            self._table = _make_level_table(self._spec, self._info, peak=int(colors.max()))
            self._tensor[...] = self._table[0, self._spec.pad]
        cv2.LUT(colors, self._table, dst=window)
        return self._order_axes()

    def locate_frame(self, size: tuple[int, int]) -> Rect:
        """Return where a frame of `size` (width, height) lies in the input, in whole pixels."""
        if size == self._made_for:
            return self._place
        whole = choose_input_size(self._spec, size)
        letterboxed = self._spec.fit == "letterbox"
        return letterbox(size, whole) if letterboxed else Rect(0, 0, *whole)

    def _allocate(self, size: tuple[int, int], buffer: NDArray[Any] | None = None) -> None:
        if buffer is None or buffer.dtype != self._table.dtype:
            buffer = np.empty((1, size[1], size[0], 3), self._table.dtype)
        self._tensor = buffer

    def _prepare_for(self, size: tuple[int, int]) -> None:
        whole = choose_input_size(self._spec, size)
        if whole != self.size:
            self._allocate(whole)
        self._tensor[...] = self._padding
        self._place = self.locate_frame(size)
        self._made_for = size

    def _order_axes(self) -> NDArray[Any]:
        if self._spec.layout == "nhwc":
            return self._tensor.astype(self._dtype, copy=False)
        if self._planar.shape[2:] != self._tensor.shape[1:3]:
            self._planar = np.empty((1, 3, *self._tensor.shape[1:3]), self._dtype)
        np.copyto(self._planar[0], self._tensor[0].transpose(2, 0, 1), casting="unsafe")
        return self._planar


def choose_input_size(spec: InputSpec, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) of the input for a frame of `size`.

    With `short_side`, the shape of the frame is kept up to `MAX_ASPECT` to 1 and to whole multiples
    of `multiple`.
    """
    if spec.short_side is None:
        return spec.fixed_size
    ratio = spec.short_side / min(size)
    longest = spec.short_side * MAX_ASPECT
    width, height = (
        max(1, round(min(side * ratio, longest) / spec.multiple)) * spec.multiple for side in size
    )
    return width, height


def _fold_color_conversion(weights: Weights, layout: str, color: ColorSpace) -> Weights:
    if layout == "bgr":
        return weights
    to_bgr1 = np.vstack([compute_yuv_to_bgr_matrix(color), [0, 0, 0, 1]])
    return cast(Weights, (weights @ to_bgr1).astype(np.float32))


def _compute_scale_offset(
    spec: InputSpec, peak: int = 255
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scale and offset, each (3,), from colors (0..255) to real input values."""
    given = 1 / max(1, peak) if spec.scale == "max" else spec.scale
    deviation = np.broadcast_to(np.asarray(spec.deviation, np.float64), 3)
    scale = np.asarray(given, np.float64) / deviation
    offset = (np.asarray(spec.offset, np.float64) - np.asarray(spec.mean, np.float64)) / deviation
    return scale, offset


def _make_level_table(spec: InputSpec, info: TensorInfo, peak: int = 255) -> NDArray[Any]:
    """Return the lookup table of levels 0..255, (1, 256, 3) of the input's type.

    Args:
        spec: the input as described by the card.
        info: the input tensor of the file.
        peak: the largest value of the frame, for the scale "max".
    """
    scale, offset = _compute_scale_offset(spec, peak)
    if info.scale:
        scale, offset = scale / info.scale, offset / info.scale + info.zero
    values = np.arange(256)[:, None] * scale + offset
    if np.issubdtype(np.dtype(info.dtype), np.integer):
        limits = np.iinfo(info.dtype)
        return np.rint(values).clip(limits.min, limits.max).astype(info.dtype)[None]
    return values.astype(np.float32)[None]  # OpenCV has no tables of float16
