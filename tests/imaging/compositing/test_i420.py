import cv2
import numpy as np
import pytest

from rimlight.imaging import jit
from rimlight.imaging.color import split_planes
from rimlight.imaging.compositing.i420 import Compositor, composite_i420, quantize, upscale_mask

SIZES = [(64, 48), (640, 360), (642, 362), (256, 96), (2, 2), (2, 40), (200, 14), (34, 1080)]
MASKS = [(144, 256), (9, 16), (1, 1), (3, 700), (10, 51)]  # the last: weights to be rounded at .5


def pictures(size, seed=0):
    rng = np.random.default_rng(seed)
    shape = (size[1] * 3 // 2, size[0])
    return [rng.integers(0, 256, shape).astype(np.uint8) for _ in range(2)]


def masks(shape, seed=1):
    """A random one, a soft disc, all, nothing."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    far = np.hypot(y / shape[0] - 0.5, x / shape[1] - 0.5)
    disc = (255 * np.clip((0.4 - far) * 20, 0, 1)).astype(np.uint8)
    noise = rng.integers(0, 256, shape).astype(np.uint8)
    return [noise, disc, np.full(shape, 255, np.uint8), np.zeros(shape, np.uint8)]


def exact(front, back, mask, edges):
    """The definition, in floating point."""
    out = np.empty_like(front)
    for f, b, target in zip(
        split_planes(front), split_planes(back), split_planes(out), strict=True
    ):
        alpha = upscale_mask(mask, (f.shape[1], f.shape[0]), edges) / 255
        target[...] = np.rint(f * alpha + b * (1 - alpha))
    return out


@pytest.mark.parametrize("on", [True, False], ids=["compiled", "opencv"])
@pytest.mark.parametrize("edges", [(0.0, 1.0), (0.1, 0.9), (0.45, 0.55)])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_both_paths_are_within_one_level_of_the_definition(size, edges, on):
    front, back = pictures(size)
    for shape in MASKS:
        for mask in masks(shape):
            with jit.use_jit(enabled=on):
                made = composite_i420(front, back, mask, edges, np.empty_like(front))
            wrong = np.abs(made.astype(int) - exact(front, back, mask, edges))
            assert wrong.max() <= 1, (shape, wrong.max())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_both_paths_agree_on_a_small_back(size):
    front, _ = pictures(size)
    _, back = pictures((max(2, size[0] // 16 * 2), max(2, size[1] // 16 * 2)))
    for shape in MASKS:
        for mask in masks(shape):
            made = []
            for on in (True, False):
                with jit.use_jit(enabled=on):
                    dst = np.empty_like(front)
                    made.append(composite_i420(front, back, mask, (0.1, 0.9), dst).astype(int))
            assert np.abs(made[0] - made[1]).max() <= 1


def test_quantize_rounds_to_the_nearest_level():
    alpha = np.array([[0.0, 0.001, 0.5, 0.999, 1.0]], np.float32)
    assert quantize(alpha).tolist() == [[0, 0, 128, 255, 255]]


def test_enlarge_is_the_bilinear_mask_through_a_smooth_step():
    mask = np.array([[0, 255]], np.uint8)
    row = upscale_mask(mask, (8, 1), (0.0, 1.0))[0]
    line = np.clip((np.arange(8) + 0.5) / 4 - 0.5, 0, 1)
    assert np.abs(row - 255 * line**2 * (3 - 2 * line)).max() <= 1.5


def test_edges_sharpen():
    mask = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (4, 1))
    soft, sharp = (upscale_mask(mask, (64, 4), e) for e in ((0.0, 1.0), (0.4, 0.6)))
    assert ((sharp > 0) & (sharp < 255)).mean() < 0.3 < ((soft > 0) & (soft < 255)).mean()


def test_numba_is_there_to_be_compared():
    assert jit.get_kernels() is not None
    assert cv2.__version__


@pytest.mark.parametrize("on", [True, False], ids=["compiled", "opencv"])
@pytest.mark.parametrize("scale", [1, 8], ids=["whole", "small"])
def test_a_picture_used_again_shows_nothing_of_what_it_held(on, scale):
    size = (642, 362)
    made, expected = Compositor(), np.empty((543, 642), np.uint8)
    backs = [pictures((size[0] // scale // 2 * 2, size[1] // scale // 2 * 2), s)[1] for s in (5, 6)]
    held = []
    for step in range(24):
        front, _ = pictures(size, seed=step)
        mask = masks((144, 256), seed=step)[step % 4]
        mask = np.roll(mask, step * 9, axis=1)
        back = backs[step // 5 % 2]
        with jit.use_jit(enabled=on):
            shown = made.composite(front, back, mask, (0.1, 0.9))
            composite_i420(front, back, mask, (0.1, 0.9), expected)
        assert np.array_equal(shown, expected), step
        held = [*held[-2:], shown]  # as a sink does that is a little behind


def test_a_picture_that_is_still_held_is_left_alone():
    made = Compositor()
    front, back = pictures((64, 48))
    first = made.composite(front, back, np.zeros((9, 16), np.uint8), (0.0, 1.0))
    copy = first.copy()
    made.composite(front, back, np.full((9, 16), 255, np.uint8), (0.0, 1.0))
    assert np.array_equal(first, copy)


def test_the_same_background_is_not_written_twice():
    made = Compositor()
    front, back = pictures((64, 48))
    empty = np.zeros((9, 16), np.uint8)
    first = made.composite(front, back, empty, (0.0, 1.0))
    first[0, 0] ^= 255  # nobody may do this; it shows that the pixel is not touched again
    marked = int(first[0, 0])
    del first
    assert made.composite(front, back, empty, (0.0, 1.0))[0, 0] == marked
