"""Copy-paste: what is not background moves into another picture.

After G. Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation", CVPR 2021, for labels in place of instances.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.lab.training.data.options import IGNORED

Image = NDArray[np.uint8]
_RIM_SIGMA_PX = 0.7  # a cut edge as sharp as no lens draws it would be what the network learns


def paste(
    front: Image, front_labels: Image, back: Image, back_labels: Image
) -> tuple[Image, Image]:
    """Return what is not background in `front`, before `back`, and the labels of both.

    Args:
        front: BGR uint8 (h, w, 3).
        front_labels: uint8 (h, w); label 0 and what is ignored stay behind.
        back: as `front`, of the same size.
        back_labels: as `front_labels`.
    """
    taken = (front_labels != 0) & (front_labels != IGNORED)
    labels = np.where(taken, front_labels, back_labels)
    alpha = cv2.GaussianBlur(taken.astype(np.float32), (0, 0), _RIM_SIGMA_PX)[..., None]
    mixed = back + alpha * (front.astype(np.float32) - back)
    return cast(Image, np.rint(mixed).astype(np.uint8)), labels
