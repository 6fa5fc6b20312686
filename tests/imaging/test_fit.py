import numpy as np
import pytest

from rimlight.imaging.color import bgr_to_i420, i420_to_bgr
from rimlight.imaging.geometry import fit_image, stretch_i420

HOWS = ["fill", "fit", "stretch", "tile"]


def stripes(*levels, height=30, width=10):
    """Upright stripes of those gray levels, `width` pixels each."""
    row = np.repeat(np.array(levels, np.uint8), width)
    return np.repeat(np.tile(row, (height, 1))[..., None], 3, axis=2)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("size", [(64, 48), (1, 1), (1, 90), (90, 1), (641, 361)], ids=str)
@pytest.mark.parametrize("given", [(30, 50), (1, 1), (1, 400), (400, 1)], ids=str)
def test_the_result_has_the_size_asked_for(given, size, how):
    picture = np.full((*given, 3), 90, np.uint8)
    made = fit_image(picture, size, mode=how, pad_color=(90, 90, 90))
    assert made.shape == (size[1], size[0], 3) and (made == 90).all()


@pytest.mark.parametrize("how", HOWS)
def test_a_picture_of_the_right_size_is_left_alone(how):
    picture = stripes(10, 20, 30)
    assert (fit_image(picture, (30, 30), mode=how) == picture).all()


def test_fill_cuts_off_the_same_on_both_sides():
    made = fit_image(stripes(10, 100, 200), (10, 30), mode="fill")
    assert (made == 100).all()


def test_fill_cuts_off_above_and_below():
    picture = stripes(10, 100, 200).transpose(1, 0, 2)
    assert (fit_image(picture, (30, 10), mode="fill") == 100).all()


def test_fit_shows_all_between_bars_of_the_backdrop():
    made = fit_image(stripes(80, 160), (60, 60), mode="fit", pad_color=(1, 2, 3))
    assert (made[:, :10] == (1, 2, 3)).all() and (made[:, 50:] == (1, 2, 3)).all()
    assert (made[:, 10:26] == 80).all() and (made[:, 34:50] == 160).all()


def test_bars_stand_above_and_below_a_wide_picture():
    made = fit_image(stripes(80, 80), (20, 50), mode="fit", pad_color=(1, 2, 3))
    assert (made[:10] == (1, 2, 3)).all() and (made[40:] == (1, 2, 3)).all()
    assert (made[10:40] == 80).all()


def test_stretch_keeps_the_middle_in_the_middle():
    made = fit_image(stripes(0, 255), (80, 10), mode="stretch")
    assert (made[:, :38] < 10).all() and (made[:, 42:] > 245).all()


def test_tile_repeats_from_the_top_left():
    made = fit_image(stripes(10, 20, height=4), (50, 10), mode="tile")
    assert (made == stripes(10, 20, 10, 20, 10, height=10)).all()


def test_a_panorama_is_cut_before_it_is_enlarged():
    panorama = np.full((2, 30000, 3), 50, np.uint8)
    assert (fit_image(panorama, (1280, 720), mode="fill") == 50).all()


def test_a_planar_picture_is_stretched_plane_by_plane():
    bgr = np.zeros((24, 32, 3), np.uint8)
    bgr[:, :16] = (200, 60, 20)
    dst = np.empty((72, 64), np.uint8)
    stretched = i420_to_bgr(stretch_i420(bgr_to_i420(bgr), (64, 48), dst))
    expected = np.kron(bgr, np.ones((2, 2, 1), np.uint8))
    away = np.r_[0:28, 36:64]  # from the edge, which is softer
    assert abs(stretched[:, away].astype(int) - expected[:, away]).max() < 8
