"""Real labeled pictures as frames, in either layout, and how well a mask covers a truth."""

import time
from fractions import Fraction

import cv2
import numpy as np

from rimlight.core.frame import Frame


def as_frame(bgr, layout="bgr"):
    frame = Frame.from_bgr(bgr, index=0, pts=Fraction(0), captured_at=time.monotonic())
    if layout == "bgr":
        return frame
    stamp = {"index": 0, "pts": frame.pts, "captured_at": frame.captured_at}
    return Frame.from_i420(frame.i420, size=frame.size, **stamp)


def labeled(folder, count=None):
    """Yield (BGR picture, mask file's gray values) of the first `count` pictures."""
    for path in sorted((folder / "images").glob("*.jpg"))[:count]:
        truth = cv2.imread(str(folder / "masks" / f"{path.stem}_mask.png"), cv2.IMREAD_GRAYSCALE)
        yield cv2.imread(str(path)), truth


def set_iou(pairs):
    """Intersection over union of (found, truth) pairs of boolean arrays, counted as one set."""
    both = either = 0
    for found, truth in pairs:
        both += np.count_nonzero(found & truth)
        either += np.count_nonzero(found | truth)
    return both / either


def at_size(alpha, truth):
    """A mask's alpha above one half, at the size of the truth."""
    return cv2.resize(alpha, (truth.shape[1], truth.shape[0])) > 0.5
