"""Compiled loops made ready before the first frame: once on a machine that takes seconds."""

from __future__ import annotations

import numpy as np

from rimlight.imaging import fast
from rimlight.imaging.compositing.i420 import composite_i420, make_grid


def warm_up() -> None:
    """Run every compiled loop on a few pixels, so that none is compiled or loaded later."""
    kernels = fast.kernels()
    if kernels is None:
        return
    picture, small = np.zeros((12, 8), np.uint8), np.zeros((6, 4), np.uint8)
    mask = np.full((2, 2), 128, np.uint8)
    for back in (picture.copy(), small):
        composite_i420(picture, back, mask, (0.0, 1.0), np.empty_like(picture))
    grids = make_grid((4, 4), (8, 8)), make_grid((4, 4), (4, 4))
    kernels.fetch(picture)
    kernels.resample(picture, 8, *grids, *np.zeros((3, 4, 4), np.uint8))
    plane, line = np.zeros((1, 1), np.uint8), np.zeros(3, np.float32)
    matrix, tensor = np.zeros((3, 4), np.float32), np.zeros((1, 1, 3), np.float32)
    kernels.fill_tensor(plane, plane, plane, matrix, line, line, tensor, 0, 0)
    scores = np.zeros((1, 1, 1), np.float32)
    levels = np.zeros((1, 1, 1), np.uint8)
    kernels.clip(scores, scores.copy())
    kernels.smooth(scores, scores, (np.float32(0),) * 7, scores.copy(), levels)
