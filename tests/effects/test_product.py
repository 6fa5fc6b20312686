"""Product pictures, on a made object: a green ellipse before gray."""

import cv2
import numpy as np
import pytest
from flats import GRAY, GREEN, flat, person, save

from rimlight.core.errors import ConfigError
from rimlight.effects.product import Canvas, ProductEffect, add_shadow, find_bounds, place_on_canvas
from rimlight.factory.presets import background_effects

SIZE = (300, 200)
BOX = (100, 60, 81, 41)  # left, top, width, height


def ellipse():
    alpha = np.zeros(SIZE[::-1], np.uint8)
    cv2.ellipse(alpha, (140, 80), (40, 20), 0, 0, 360, 255, -1)
    return alpha


def cut_out(alpha=None):
    frame = flat(size=SIZE)
    picture = frame.bgr.copy()
    picture[ellipse() > 0] = GREEN
    return frame.with_bgr(picture, ellipse() if alpha is None else alpha)


def made(frame=None, **options):
    effect = ProductEffect(ProductEffect.Options(**options))
    shown = effect.apply(frame or cut_out(), person(1, 1))
    effect.close()
    return shown


def test_bounds_are_those_of_what_is_seen():
    assert find_bounds(ellipse()) == BOX


def test_a_speck_far_away_does_not_count():
    alpha = ellipse()
    alpha[5:8, 5:8] = 255
    assert find_bounds(alpha) == BOX


def test_where_nothing_is_seen_nothing_is_trimmed():
    assert find_bounds(np.zeros((20, 30), np.uint8)) == (0, 0, 30, 20)
    assert made(cut_out(np.zeros(SIZE[::-1], np.uint8)), trim=True).size == SIZE


def test_trimming_leaves_the_object_alone():
    shown = made(trim=True)
    assert shown.size == BOX[2:]
    assert (shown.alpha == ellipse()[60:101, 100:181]).all()


@pytest.mark.parametrize(("said", "share"), [("8%", 0.08), (0.2, 0.2), ("12.5 %", 0.125)])
def test_a_margin_is_a_share_of_the_longer_side(said, share):
    shown = made(trim=True, margin=said)
    left, top, width, height = find_bounds(shown.alpha)
    assert (width, height) == BOX[2:]
    assert left / shown.size[0] == pytest.approx(share, abs=0.01)
    assert shown.size[1] - height == shown.size[0] - width == 2 * top


@pytest.mark.parametrize("size_px", [37, 160, 999])
@pytest.mark.parametrize("margin", ["0%", "7%", "33%"])
def test_a_square_of_a_size_has_exactly_that_size_and_the_object_in_its_middle(size_px, margin):
    shown = made(trim=True, margin=margin, square=True, size_px=size_px)
    assert shown.size == (size_px, size_px)
    left, top, width, height = find_bounds(shown.alpha)
    assert left + width / 2 == pytest.approx(size_px / 2, abs=2)
    assert top + height / 2 == pytest.approx(size_px / 2, abs=2)
    assert width / height == pytest.approx(81 / 41, rel=0.12)


def test_without_a_square_the_longer_side_has_the_size():
    bgr, alpha = place_on_canvas(cut_out().bgr, ellipse(), Canvas(trim=True, size_px=400))
    assert alpha.shape == (202, 400) and bgr.shape == (202, 400, 3)


def test_a_shadow_lies_below_and_nowhere_on_the_object():
    bgr, alpha = add_shadow(cut_out().bgr, ellipse(), 0.5)
    assert (bgr[ellipse() > 0] == GREEN).all() and (alpha[ellipse() > 0] == 255).all()
    assert 20 < alpha[104, 140] < 128 and alpha[104, 140] > alpha[56, 140]
    assert (bgr[104, 140] == 0).all()
    assert alpha[10, 10] == 0


def test_the_room_does_not_shine_through_the_edge():
    soft = cv2.GaussianBlur(ellipse(), (0, 0), 3)
    share = soft[..., None] / 255
    mixed = np.rint(share * GREEN + (1 - share) * GRAY).astype(np.uint8)
    shown = made(flat(size=SIZE).with_bgr(mixed, soft), square=True)
    rim = (shown.alpha > 60) & (shown.alpha < 200)
    assert shown.bgr[rim][:, 2].mean() < 0.5 * mixed[(soft > 60) & (soft < 200)][:, 2].mean()


def test_a_color_or_a_picture_stands_behind(tmp_path):
    white = made(trim=True, margin="20%", background="white")
    assert white.alpha is None and (white.bgr[0, 0] == 255).all()
    assert (white.bgr[white.size[1] // 2, white.size[0] // 2] == GREEN).all()
    blue = save(tmp_path / "b.png", np.full((9, 9, 3), (255, 0, 0), np.uint8))
    assert (made(trim=True, margin="20%", background=blue).bgr[0, 0] == (255, 0, 0)).all()


def test_without_options_nothing_is_done():
    frame = cut_out()
    assert made(frame) is frame


@pytest.mark.parametrize("margin", ["50%", "-1%", "wide"])
def test_an_impossible_margin_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        ProductEffect.Options(margin=margin)


def test_a_blurred_room_is_no_background_for_a_product():
    with pytest.raises(ConfigError, match="needs a --background"):
        background_effects(background=None, blur=8, product={"trim": True})


def test_the_object_is_cut_out_first():
    effects = background_effects(background="white", blur=None, product={"trim": True})
    assert [effect["kind"] for effect in effects] == ["cutout", "product"]
    assert effects[1]["background"] == "white"
