"""Compiled loops do not check their indices, so what they may read is checked here."""

import numpy as np
import pytest

from rimlight.imaging import fast

kernels = fast.kernels()
pytestmark = pytest.mark.skipif(kernels is None, reason="needs numba")


@pytest.mark.parametrize("size", [(2, 2), (64, 2), (2, 64), (258, 146), (1280, 720)])
@pytest.mark.parametrize("rows", [1, 7, 144, 513])
def test_fetching_stays_within_the_plane(size, rows):
    width, height = (np.uint64(side) for side in size)
    flat = np.zeros(width * height, np.uint8)
    line = kernels._fetch_plane.py_func(flat, np.uint64(0), width, height, np.uint64(rows))
    assert line == 0
