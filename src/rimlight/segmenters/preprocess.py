"""Frames at another size, in any linear mix of their colors, without converting them first."""

from __future__ import annotations

from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame
from rimlight.core.model_card import InputSpec
from rimlight.imaging import jit
from rimlight.imaging.color import ColorSpace, compute_yuv_to_bgr_matrix, split_planes
from rimlight.imaging.compositing.i420 import make_grid
from rimlight.imaging.geometry import Rect, letterbox
from rimlight.segmenters.runtime import TensorInfo

Weights = NDArray[np.float32]
Image = NDArray[np.uint8]


class Shrinker:
    """Makes small pictures of frames in one buffer. One shrinker belongs to one thread."""

    def __init__(self) -> None:
        self._small: Image = np.empty((0, 0, 3), np.uint8)

    def shrink(self, frame: Frame, size: tuple[int, int]) -> Image:
        """Return `frame` stretched to `size`, which the next call overwrites.

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
        return cast(Image, cv2.merge(small_planes(frame, size), dst=self._small))


def small_planes(frame: Frame, size: tuple[int, int]) -> list[Image]:
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


class ColorShrinker:
    """Makes small pictures of frames, as uint8 colors in one order."""

    def __init__(self, order: Literal["rgb", "bgr"]) -> None:
        self._shrinker = Shrinker()
        self._mixer = Mixer(color_weights(order))
        self._plain = order == "bgr"
        self._colors: Image = np.empty((0, 0, 3), np.uint8)

    def shrink(self, frame: Frame, size: tuple[int, int]) -> Image:
        """Return `frame` stretched to `size` (width, height), which the next call overwrites.

        Returns:
            uint8 (height, width, 3).
        """
        small = self._shrinker.shrink(frame, size)
        if self._colors.shape != small.shape:
            self._colors = np.empty_like(small)
        if frame.layout == "i420":
            return cast(Image, cv2.transform(small, self._mixer.matrix(frame), dst=self._colors))
        if self._plain:
            return small
        return cast(Image, cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=self._colors))


class Sampler:
    """Makes small float pictures of frames.

    An I420 frame is never converted at its own size: its three planes are made small, and one
    matrix then does YUV -> BGR and the mix together. One sampler belongs to one thread.

    Args:
        weights: float32 (channels, 4): result = weights @ [B, G, R, 1], colors in 0..255.
    """

    def __init__(self, weights: Weights) -> None:
        self._mixer = Mixer(weights)
        self._shrinker = Shrinker()

    def sample(self, frame: Frame, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return `frame` stretched to `size` (width, height) and mixed.

        Returns:
            A new float32 (height, width, channels). Colors outside the RGB cube, which YUV can
            name, are not clipped.
        """
        values = self._shrinker.shrink(frame, size).astype(np.float32)
        mixed = cv2.transform(values, self._mixer.matrix(frame))
        return cast(NDArray[np.float32], mixed.reshape(size[1], size[0], -1))


class Mixer:
    """One linear mix of colors, as a matrix for the values that a frame's layout holds."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._matrices: dict[tuple[str, ColorSpace], Weights] = {}

    def matrix(self, frame: Frame) -> Weights:
        """float32 (channels, 4) for the pixels of `frame`, with a 1 as their fourth value."""
        key = (frame.layout, frame.color)
        if key not in self._matrices:
            self._matrices[key] = _folded(self._weights, frame.layout, frame.color)
        return self._matrices[key]


def color_weights(order: Literal["rgb", "bgr"]) -> Weights:
    """Return the weights that give the colors themselves, in `order`."""
    identity = np.eye(3, 4, dtype=np.float32)
    return identity[::-1].copy() if order == "rgb" else identity


def limit_size(size: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """Return `size` (width, height), made smaller in proportion if a side exceeds `longest_px`."""
    ratio = min(1.0, longest_px / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _folded(weights: Weights, layout: str, color: ColorSpace) -> Weights:
    if layout == "bgr":
        return weights
    to_bgr1 = np.vstack([compute_yuv_to_bgr_matrix(color), [0, 0, 0, 1]])
    return cast(Weights, (weights @ to_bgr1).astype(np.float32))


class InputMaker:
    """Turns frames into the input tensor of one model.

    A frame becomes a small picture first; one table then does scale, offset, quantization and
    the change of type, for each of the 256 levels of a color.

    Args:
        spec: what the card says of the input.
        info: what the file says of it; its quantization is folded into the table.
        memory: where tensors are made: (1, h, w, 3) of the file's type. None for memory of its own.
    """

    def __init__(
        self, spec: InputSpec, info: TensorInfo, memory: NDArray[Any] | None = None
    ) -> None:
        width, height = spec.size
        self._size = spec.size
        self._letterbox = spec.fit == "letterbox"
        self._table = _level_table(spec, info)
        self._padding = self._table[0, spec.pad]
        self._made_for: tuple[int, int] | None = None
        self._place = Rect(0, 0, *self._size)
        self._shrinker = ColorShrinker(spec.color)
        if memory is None or memory.dtype != self._table.dtype:
            memory = np.empty((1, height, width, 3), self._table.dtype)
        self._tensor = memory
        self._dtype = info.dtype
        self._mixer = Mixer(color_weights(spec.color))
        self._line = tuple(
            np.float32(np.broadcast_to(part, 3)) for part in (spec.scale, spec.offset)
        )

    def make(self, frame: Frame) -> NDArray[Any]:
        """Return `frame` as a tensor (1, h, w, 3) that the next call overwrites."""
        if self._made_for != frame.size:
            self._tensor[...] = self._padding
            self._made_for, self._place = frame.size, self.place(frame.size)
        rect = self._place
        left, top, width, height = int(rect.left), int(rect.top), int(rect.width), int(rect.height)
        kernels = jit.get_kernels()
        if kernels and frame.layout == "i420" and self._dtype == "float32":
            kernels.fetch(frame.image)
            small = small_planes(frame, (width, height))
            matrix = self._mixer.matrix(frame)
            kernels.fill_tensor(*small, matrix, *self._line, self._tensor[0], top, left)
            return self._tensor
        window = self._tensor[0, top : top + height, left : left + width]
        cv2.LUT(self._shrinker.shrink(frame, (width, height)), self._table, dst=window)
        return self._tensor.astype(self._dtype, copy=False)

    def place(self, size: tuple[int, int]) -> Rect:
        """Return where a frame of `size` (width, height) lies in the input, in whole pixels."""
        if size == self._made_for:
            return self._place
        return letterbox(size, self._size) if self._letterbox else Rect(0, 0, *self._size)


def _line_of(spec: InputSpec, info: TensorInfo) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scale and offset, three each, from a color (0..255) to the tensor's own values."""
    scale = np.broadcast_to(np.asarray(spec.scale, np.float64), 3)
    offset = np.broadcast_to(np.asarray(spec.offset, np.float64), 3)
    if info.scale:
        return scale / info.scale, offset / info.scale + info.zero
    return scale, offset


def _level_table(spec: InputSpec, info: TensorInfo) -> NDArray[Any]:
    """Return what each level 0..255 of each channel becomes: (1, 256, 3) of the input's type."""
    scale, offset = _line_of(spec, info)
    values = np.arange(256)[:, None] * scale + offset
    if np.issubdtype(np.dtype(info.dtype), np.integer):
        limits = np.iinfo(info.dtype)
        return np.rint(values).clip(limits.min, limits.max).astype(info.dtype)[None]
    return values.astype(np.float32)[None]  # OpenCV has no tables of float16
