import cv2
import numpy as np
import pytest

from rimlight.core.frame import Frame, Mask
from rimlight.effects.cutout import CutoutEffect
from rimlight.effects.replace import ReplaceEffect
from rimlight.imaging.color import bgr_to_i420, i420_to_bgr
from rimlight.imaging.edge_color import apply_light_wrap, decontaminate_edges, extrapolate

SIZE = (128, 96)
RED, GREEN = np.array([40, 40, 200]), np.array([40, 200, 40])


def soft_mask():
    """A disc whose alpha falls from 1 to 0 over a dozen pixels."""
    hard = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(hard, (64, 48), 28, 255, -1)
    return cv2.GaussianBlur(hard, (0, 0), 4)


def red_before_green(mask):
    """A red thing before a green wall, mixed by its alpha: BGR uint8."""
    alpha = mask[..., None] / 255
    return np.rint(alpha * RED + (1 - alpha) * GREEN).astype(np.uint8)


def shown(options, layout="i420", background="black"):
    mask = soft_mask()
    picture = red_before_green(mask)
    frame = Frame.from_bgr(picture, index=0, pts=0, captured_at=0.0)
    frame = frame if layout == "bgr" else frame.with_i420(frame.i420)
    scores = (mask / np.float32(255)).astype(np.float32)[..., None]
    effect = ReplaceEffect(ReplaceEffect.Options(background=background, **options))
    return effect.apply(frame, Mask(scores, ("person",))).bgr.astype(int)


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_no_rim_of_the_old_background_is_left(layout):
    rim = (soft_mask() > 60) & (soft_mask() < 200)
    plain, clean = (shown({"decontaminate_edges": on}, layout)[..., 1][rim] for on in (False, True))
    assert plain.mean() > 45
    assert clean.mean() < 0.6 * plain.mean()


def green_over_red(layout, *, decontaminate_edges):
    """The green that a red thing before a green wall brings with it, cut out and laid over red."""
    mask = soft_mask()
    frame = Frame.from_bgr(red_before_green(mask), index=0, pts=0, captured_at=0.0)
    frame = frame if layout == "bgr" else frame.with_i420(frame.i420)
    scores = (mask / np.float32(255)).astype(np.float32)[..., None]
    cut = CutoutEffect(CutoutEffect.Options(decontaminate_edges=decontaminate_edges))
    made = cut.apply(frame, Mask(scores, ("person",)))
    share = made.alpha[..., None] / 255
    return np.abs(made.bgr * share + RED * (1 - share) - RED)[..., 1]


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_a_cut_out_brings_no_rim_with_it(layout):
    plain, clean = (green_over_red(layout, decontaminate_edges=own).max() for own in (False, True))
    assert plain > 40
    assert clean < 10


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_what_is_sure_keeps_its_colors(layout):
    sure = cv2.erode(soft_mask(), np.ones((9, 9))) == 255
    made = shown({"decontaminate_edges": True}, layout)[sure]
    assert np.abs(made - RED).max() <= 4


def test_light_comes_from_the_background_and_only_at_the_edge():
    plain, lit = shown({}, background="white"), shown({"light_wrap": 0.5}, background="white")
    inside = cv2.erode(soft_mask(), np.ones((15, 15))) == 255
    rim = (soft_mask() > 130) & (soft_mask() < 220)
    assert np.abs(lit - plain)[inside].max() <= 3
    assert (lit - plain)[rim].mean() > 8


def test_light_of_no_strength_changes_nothing():
    picture = bgr_to_i420(red_before_green(soft_mask()))
    back = np.full_like(picture, 200)
    made = apply_light_wrap(picture, back, soft_mask(), 0.0, np.empty_like(picture))
    assert (made == picture).all()


def test_an_empty_and_a_full_mask_are_no_trouble():
    picture = bgr_to_i420(red_before_green(soft_mask()))
    full = np.full((72, 96), 255, np.uint8)
    made = decontaminate_edges(picture, full, (0.25, 0.75), np.empty_like(picture))
    assert (made == picture).all()
    empty = decontaminate_edges(picture, full * 0, (0.25, 0.75), np.empty_like(picture))
    assert i420_to_bgr(empty).shape == (*SIZE[::-1], 3)


def test_unknown_places_take_the_mean_of_known_ones_nearby():
    values, weight = np.full((40, 40), 10, np.float32), np.zeros((40, 40), np.float32)
    values[:, :20], weight[:, :20] = 200, 1
    made = extrapolate(values, weight, values)
    assert (made[:, :20] == 200).all() and made[20, 24] == pytest.approx(200, abs=2)
