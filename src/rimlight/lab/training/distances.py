"""How far every pixel is from the outline of a class."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def signed_distances(labels: NDArray[np.int32], *, classes: int) -> NDArray[np.float32]:
    """Return the signed distance map of each class, as Kervadec et al. (MIDL 2019) define it.

    Args:
        labels: int (batch, h, w); values from `classes` up belong to no class.
        classes: how many classes there are.

    Returns:
        float32 (batch, h, w, classes): outside of a class the distance to its nearest pixel,
        above 0; inside the distance to the nearest pixel outside, less 1, below or equal to 0, so
        that the outermost pixels of a class are at 0. In units of the picture's longer side, that
        the size of the pictures does not change the weight of a loss. 0 everywhere for a class
        that a picture lacks, or that fills it.
    """
    result = np.zeros((*labels.shape, classes), np.float32)
    for picture, maps in zip(labels, result, strict=True):
        for label in range(classes):
            _fill(maps[..., label], picture == label)
    result /= max(labels.shape[1:])
    return result


def _fill(distances_px: NDArray[np.float32], inside: NDArray[np.bool_]) -> None:
    if not inside.any() or inside.all():
        return
    solid = inside.astype(np.uint8)
    distances_px[...] = np.where(inside, 1 - _distances(solid), _distances(1 - solid))


def _distances(solid: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how far each pixel of uint8 (h, w) is from the nearest 0, the same in every run.

    OpenCV's result differs from run to run in its last digits; its square is a whole number.
    """
    rough = cv2.distanceTransform(solid, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    exact: NDArray[np.float32] = np.sqrt(np.rint(np.square(rough)))
    return exact
