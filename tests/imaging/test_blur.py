import cv2
import numpy as np
import pytest

from rimlight.imaging.blur import blur_bgr, blur_i420, choose_blur_factor
from rimlight.imaging.color import bgr_to_i420, i420_to_bgr, split_planes

NOBODY = np.zeros((9, 16), np.uint8)


def enlarged(small, size):
    parts = [cv2.resize(p, size) for p in split_planes(small)]
    return cv2.merge(parts)


def gray(level, size=(320, 180)):
    return np.full((size[1], size[0], 3), level, np.uint8)


@pytest.mark.parametrize("sigma_px", [1, 5, 20, 100, 500])
@pytest.mark.parametrize("size", [(320, 180), (2, 2), (2, 40), (642, 362)], ids=str)
def test_a_flat_picture_stays_flat(size, sigma_px):
    i420 = bgr_to_i420(gray(120, size))
    made = blur_i420(i420, NOBODY, sigma_px)
    for before, after in zip(split_planes(i420), split_planes(made), strict=True):
        assert (after == before[0, 0]).all()
    assert (blur_bgr(gray(120, size), NOBODY, sigma_px) == 120).all()


@pytest.mark.parametrize("sigma_px", [1.5, 6, 20, 70])
def test_is_as_soft_as_a_gaussian_of_the_full_picture(sigma_px):
    picture = gray(0, (640, 360))
    picture[:, 320:] = 255
    exact = cv2.GaussianBlur(picture, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    made = blur_bgr(picture, NOBODY, sigma_px)
    assert np.abs(made.astype(int) - exact).max() <= 12


@pytest.mark.parametrize("sigma_px", [2, 20, 60])
def test_both_layouts_are_blurred_alike(sigma_px):
    small = np.random.default_rng(0).integers(40, 200, (5, 8, 3)).astype(np.uint8)
    picture = cv2.resize(small, (320, 192))
    planar = blur_i420(bgr_to_i420(picture), NOBODY, sigma_px)
    large = cv2.resize(i420_to_bgr(planar), (320, 192))
    far = np.abs(large.astype(int) - blur_bgr(picture, NOBODY, sigma_px))
    assert far.mean() < 2


@pytest.mark.parametrize("sigma_px", [5, 20])
def test_the_persons_colors_do_not_smear_into_the_background(sigma_px):
    picture, mask = gray(50), np.zeros((180, 320), np.uint8)
    picture[:, 120:200], mask[:, 120:200] = 255, 255
    made = blur_bgr(picture, mask, sigma_px)
    outside = made[:, [*range(110), *range(210, 320)]]
    assert np.abs(outside.astype(int) - 50).max() <= 3
    plain = blur_bgr(picture, NOBODY, sigma_px)
    assert plain[:, 115].max() > 70


def test_a_person_everywhere_leaves_a_plain_blur():
    picture = cv2.resize(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, (320, 180))
    picture = cv2.merge([picture] * 3)
    everyone = np.full((9, 16), 255, np.uint8)
    made = blur_bgr(picture, everyone, 20).astype(int)
    assert np.abs(made - blur_bgr(picture, NOBODY, 20)).max() <= 1


@pytest.mark.parametrize(
    ("sigma_px", "factor"), [(0.5, 1), (3.9, 1), (4, 2), (20, 8), (64, 32), (500, 32)]
)
def test_softer_blurs_are_made_at_smaller_sizes(sigma_px, factor):
    assert choose_blur_factor(sigma_px) == factor
