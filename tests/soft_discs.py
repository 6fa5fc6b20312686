"""A bright disc whose edge is as soft as a test wants it, and a model's idea of it."""

from fractions import Fraction

import cv2
import numpy as np

from rimlight.core.frame import Frame

SIZE = (640, 360)
COLOR = (150, 160, 190)


def disc():
    """Coverage of a disc, float32 (360, 640) in [0, 1]; its edge lies between two pixels."""
    large = np.zeros((SIZE[1] * 4, SIZE[0] * 4), np.float32)
    cv2.circle(large, (320 * 4, 180 * 4), 110 * 4, 1, -1)
    return cv2.resize(large, SIZE, interpolation=cv2.INTER_AREA)


def mask_of(coverage):
    """The disc as a model sees it: small, with a soft edge of about two of its pixels."""
    return cv2.resize(
        cv2.GaussianBlur(coverage, (0, 0), 4), (160, 90), interpolation=cv2.INTER_AREA
    )


def seen_through(coverage, back):
    """The disc before float32 (h, w, 3) `back`."""
    part = coverage[..., None]
    return part * np.array(COLOR, np.float32) + (1 - part) * back


def pixels_of(picture):
    """Any (h, w, 3) in 0..255 as uint8."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def luma_of(picture):
    """The same in gray, uint8 (h, w)."""
    return cv2.cvtColor(pixels_of(picture), cv2.COLOR_BGR2GRAY)


def frame_of(picture, layout="bgr", pts=0):
    """A frame of any (h, w, 3) in 0..255."""
    frame = Frame.from_bgr(pixels_of(picture), index=0, pts=Fraction(pts), captured_at=0.0)
    return frame if layout == "bgr" else frame.with_i420(frame.i420)
