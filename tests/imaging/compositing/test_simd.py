"""What compiled loops do with vectors is what NumPy does with arrays."""

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit

from rimlight.imaging.compositing import simd

AT = np.uint64(3)  # vectors need not begin where memory is aligned
PART = slice(3, 19)


def numbers(seed):
    return np.random.default_rng(seed).random(40, np.float32) * np.float32(255)


@njit
def mixed(a, b, at, out):
    one, other = simd.load(a, at), simd.load(b, at)
    bright = simd.smaller(simd.larger(one - other, np.float32(0)), np.float32(100))
    simd.store(out, at, np.float32(255) - bright * other * np.float32(0.01))


@njit
def cut(values, at, out):
    simd.store(out, at, simd.whole(simd.load(values, at)))


@njit
def pairs(pixels, first, places, at, left, right):  # noqa: PLR0917 - as compiled loops are called
    one, other = simd.gather_pairs(pixels, first, places, at)
    simd.store(left, np.uint64(0), one)
    simd.store(right, np.uint64(0), other)


def test_formulas_of_vectors_and_numbers():
    a, b, out = numbers(1), numbers(2), np.zeros(40, np.float32)
    mixed(a, b, AT, out)
    bright = np.clip(a - b, 0, 100)
    assert out[PART] == pytest.approx((255 - bright * b * 0.01)[PART], rel=1e-5, abs=1e-3)
    assert not out[:3].any() and not out[19:].any()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_whole_numbers_are_cut_not_rounded(kind):
    values, out = numbers(3), np.zeros(40, kind)
    cut(values, AT, out)
    assert (out[PART] == np.floor(values[PART])).all()
    assert not out[:3].any() and not out[19:].any()


def test_pixels_are_read_as_numbers():
    pixels, out = np.arange(216, 256, dtype=np.uint8), np.zeros(40, np.float32)
    cut(pixels, AT, out)
    assert (out[PART] == pixels[PART]).all()


def test_pairs_are_neighbors():
    pixels = np.random.default_rng(4).integers(0, 256, 500).astype(np.uint8)
    places = np.random.default_rng(5).integers(0, 400, 40).astype(np.uint32)
    left, right = np.zeros(16, np.float32), np.zeros(16, np.float32)
    pairs(pixels, np.uint64(50), places, AT, left, right)
    assert (left == pixels[50 + places[PART]]).all() and (right == pixels[51 + places[PART]]).all()
