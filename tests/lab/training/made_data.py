"""Data sets small enough to be made by a test."""

import cv2
import numpy as np

from rimlight.lab.training.data.options import DataOptions


def blob(size=(60, 40), center=(20, 15), axes=(12, 8)):
    """A bright ellipse on a dark ground, and its labels of 0 and 1."""
    labels = np.zeros((size[1], size[0]), np.uint8)
    cv2.ellipse(labels, center, axes, 20, 0, 360, 1, -1)
    return np.where(labels[..., None] > 0, (90, 150, 240), (60, 40, 20)).astype(np.uint8), labels


def write_pair(folder, name, image, mask):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
    cv2.imwrite(str(folder / "masks" / f"{name}_mask.png"), mask)


def write_blobs(folder, count=8, full=255):
    """Write pairs of blobs at different places; `full` is what the masks call the blob."""
    for index in range(count):
        image, labels = blob(center=(12 + 4 * index, 14 + index))
        write_pair(folder, f"{index:04d}", image, labels * full)
    return folder


def options(*paths, **more):
    return DataOptions(**{"paths": paths, "classes": ("ground", "blob"), "validation": 0, **more})
