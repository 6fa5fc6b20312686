"""Frames and masks of known colors, backgrounds on disk, for tests of effects and refiners."""

from fractions import Fraction

import cv2
import numpy as np

from rimlight.core.frame import Frame, Mask
from rimlight.system.av import av

GREEN, RED, BLUE, GRAY = (0, 255, 0), (0, 0, 255), (255, 0, 0), (90, 90, 90)


def as_i420(frame):
    """The same frame in the other layout, its transparency kept."""
    stamp = {"index": frame.index, "pts": frame.pts, "captured_at": frame.captured_at}
    planar = Frame.from_i420(frame.i420, size=frame.size, **stamp)
    return planar if frame.alpha is None else planar.with_alpha(frame.alpha)


def flat(color=GRAY, *, size=(64, 48), layout="bgr", index=0, pts=0, alpha=None):
    """A frame of one color. `alpha` is a level for all of it, or uint8 (h, w)."""
    image = np.full((size[1], size[0], 3), color, np.uint8)
    opacity = None if alpha is None else np.full((size[1], size[0]), alpha, np.uint8)
    stamp = {"index": index, "pts": Fraction(pts), "captured_at": 0.0}
    frame = Frame.from_bgr(image, alpha=opacity, **stamp)
    return frame if layout == "bgr" else as_i420(frame)


def person(left=0.0, right=0.0, *, shape=(12, 16)):
    """A mask of one class: one score for the left half, one for the right."""
    scores = np.full((*shape, 1), right, np.float32)
    scores[:, : shape[1] // 2] = left
    return Mask(scores, ("person",))


def labels(*columns, classes, shape=(12, 16)):
    """A label mask of equally wide upright stripes, each of a class given by its name."""
    row = np.repeat([classes.index(name) for name in columns], shape[1] // len(columns))
    return Mask.from_labels(np.tile(row, (shape[0], 1)).astype(np.uint8), classes)


def close_to(picture, color, within=3):
    """Whether every pixel of a BGR picture is that color, but for rounding between layouts."""
    return np.abs(picture.astype(int) - color).max() <= within


def save(path, pixels):
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return str(path)


def save_levels(path, count, *, rate=25, start_s=0, codec="ffv1", pix_fmt="bgr0"):
    """Write a video whose picture number n is gray of level 20 + 20 * n."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for index in range(count):
            pixels = np.full((48, 64, 3), 20 + 20 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(format=pix_fmt)
            frame.time_base = 1 / Fraction(rate)
            frame.pts = index + int(start_s * rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return str(path)


def number_of(picture):
    """Which picture of `save_levels` this is."""
    return round((float(picture.mean()) - 20) / 20)
