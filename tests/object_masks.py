"""Instances made by hand: rectangles with a class, in a grid of 40 by 20."""

from fractions import Fraction

import numpy as np
from fakes import make_frame

from rimlight.core.frame import Instances, Mask

CLASSES = ("person", "dog", "chair")


def objects(*rows, ids=()):
    """Each row: class, left, top, right, bottom in pixels of the grid."""
    boxes = np.array([row[1:] for row in rows], np.float32).reshape(-1, 4) / (40, 20, 40, 20)
    masks = tuple(
        np.full((bottom - top, right - left), 255, np.uint8) for _, left, top, right, bottom in rows
    )
    return Instances(
        boxes.astype(np.float32),
        np.array([CLASSES.index(row[0]) for row in rows], np.intp),
        np.linspace(0.9, 0.5, len(rows)).astype(np.float32),
        tuple(row[1:] for row in rows),
        masks,
        (20, 40),
        CLASSES,
        np.array(ids, np.int64),
    )


def seen(*rows, ids=()):
    return Mask.from_instances(objects(*rows, ids=ids))


def at(index):
    frame = make_frame(index)
    assert frame.pts == index / Fraction(30)
    return frame
