"""Frames and masks whose result under an effect can be told in advance."""

from fractions import Fraction

import cv2
import numpy as np

from rimlight.core.frame import Frame, Mask
from rimlight.imaging.color import BT601

GREEN, WHITE, BLACK = (0, 128, 0), (255, 255, 255), (0, 0, 0)


def flat_frame(color=(200, 120, 40), size=(64, 48), *, index=0, pts=Fraction(0), alpha=None):
    """A BGR frame of one color."""
    image = np.full((size[1], size[0], 3), color, np.uint8)
    return Frame.from_bgr(image, index=index, pts=pts, captured_at=0.0, alpha=alpha)


def smooth_frame(seed=0, size=(320, 180), *, pts=Fraction(0)):
    """A picture without detail finer than the chroma of I420 can carry."""
    small = np.random.default_rng(seed).integers(20, 236, (3, 4, 3), np.uint8)
    bgr = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    return Frame.from_bgr(bgr, index=seed, pts=pts, captured_at=0.0)


def as_i420(frame, color=BT601):
    """The same picture in the other layout."""
    stamp = {"index": frame.index, "pts": frame.pts, "captured_at": frame.captured_at}
    if color != BT601:
        frame = Frame(frame.image, "bgr", frame.size, **stamp, color=color)
    return Frame.from_i420(frame.i420, size=frame.size, color=color, **stamp)


def half_mask(shape=(12, 16), classes=("person",)):
    """The left half is the first class, the right half the last one, or none of it."""
    scores = np.zeros((*shape, len(classes)), np.float32)
    scores[:, : shape[1] // 2, 0] = 1
    if len(classes) > 1:
        scores[:, shape[1] // 2 :, -1] = 1
    return Mask(scores, classes, foreground=classes[:1])


def disc_mask(shape=(36, 64)):
    """A soft disc in the middle."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    far = np.hypot(y / shape[0] - 0.5, x / shape[1] - 0.5)
    return Mask(np.clip((0.35 - far) * 10 + 0.5, 0, 1).astype(np.float32)[..., None], ("person",))


def make(cls, **options):
    """A part of `cls` with these options."""
    return cls(cls.Options(**options))
