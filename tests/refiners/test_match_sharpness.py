"""Edges as sharp as the picture."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from scenes import make
from soft_discs import SIZE, disc, frame_of, mask_of, seen_through

from rimlight.core.frame import Mask
from rimlight.effects.replace import ReplaceEffect
from rimlight.imaging.compositing.i420 import quantize, upscale_mask
from rimlight.refiners.match_sharpness import MatchSharpnessRefiner

WALL = np.full((SIZE[1], SIZE[0], 3), 60, np.float32)


def mask(edges=(0.25, 0.75)):
    return Mask(mask_of(disc())[..., None], ("person",), alpha_range=edges)


def blurred(blur_px, pts=0, layout="bgr"):
    """The disc before a wall, in a picture blurred by so many pixels."""
    return frame_of(seen_through(cv2.GaussianBlur(disc(), (0, 0), blur_px), WALL), layout, pts)


def width_px(matched):
    """Sigma of the Gaussian whose step rises as alpha does on the way out of the disc."""
    alpha = upscale_mask(quantize(matched.alpha()), SIZE, matched.alpha_range)[180, 320:] / 255
    slopes = -np.diff(alpha)
    at = np.arange(slopes.size)
    middle = (slopes * at).sum() / slopes.sum()
    return np.sqrt((slopes * (at - middle) ** 2).sum() / slopes.sum())


@pytest.mark.parametrize("layout", ["bgr", "i420"])
@pytest.mark.parametrize("blur_px", [0.7, 1.5, 3.0, 5.0])
def test_alpha_rises_as_the_picture_does(blur_px, layout):
    matched = make(MatchSharpnessRefiner, min_width=0.05).refine(
        mask(), blurred(blur_px, layout=layout)
    )
    assert width_px(matched) == pytest.approx(blur_px, rel=0.1)


@pytest.mark.parametrize("blur_px", [0.7, 5.0])
def test_a_picture_sharper_or_softer_than_the_mask_is_shown_more_truly(blur_px):
    coverage = cv2.GaussianBlur(disc(), (0, 0), blur_px)
    truth, frame = seen_through(coverage, np.zeros_like(WALL)), blurred(blur_px)
    effect = ReplaceEffect(ReplaceEffect.Options(background="black", decontaminate_edges=True))
    plain, matched = mask(), make(MatchSharpnessRefiner, min_width=0.05).refine(mask(), frame)
    before, after = (np.abs(effect.apply(frame, m).bgr - truth).mean() for m in (plain, matched))
    assert after < 0.75 * before


def test_an_edge_is_never_sharper_than_the_least():
    low, high = make(MatchSharpnessRefiner, min_width=0.4).refine(mask(), blurred(0.5)).alpha_range
    assert high - low == pytest.approx(0.4, abs=1 / 64)


def test_the_outline_stays_where_it_is():
    low, high = make(MatchSharpnessRefiner).refine(mask((0.2, 0.6)), blurred(1)).alpha_range
    assert (low + high) / 2 == pytest.approx(0.4)
    assert low >= 0


def test_where_the_picture_shows_no_edge_the_mask_keeps_its_own():
    given = mask()
    assert make(MatchSharpnessRefiner).refine(given, frame_of(WALL)) is given


def test_the_last_look_holds_where_the_picture_shows_no_edge():
    refiner = make(MatchSharpnessRefiner, interval_s=0.5)
    first = refiner.refine(mask(), blurred(2))
    assert (
        refiner.refine(mask(), frame_of(WALL, pts=Fraction(3, 4))).alpha_range == first.alpha_range
    )


def test_it_looks_again_after_a_while_and_follows_gently():
    refiner = make(MatchSharpnessRefiner, interval_s=0.5)
    first = refiner.refine(mask(), blurred(1.5)).alpha_range
    assert refiner.refine(mask(), blurred(2.5, pts=Fraction(2, 5))).alpha_range == first
    later = refiner.refine(mask(), blurred(2.5, pts=Fraction(4, 5))).alpha_range
    fresh = make(MatchSharpnessRefiner).refine(mask(), blurred(2.5)).alpha_range
    assert fresh[0] < later[0] < first[0]


@pytest.mark.parametrize("pts", [Fraction(-1), Fraction(2)])
def test_it_forgets_what_it_saw_in_another_picture(pts):
    refiner = make(MatchSharpnessRefiner)
    refiner.refine(mask(), blurred(1))
    there = refiner.refine(mask(), blurred(3, pts=pts)).alpha_range
    assert there == make(MatchSharpnessRefiner).refine(mask(), blurred(3)).alpha_range


def test_labels_and_several_classes_pass_unchanged():
    labels = Mask.from_labels(np.zeros((4, 4), np.uint8), ("person", "car"))
    several = Mask(np.zeros((4, 4, 2), np.float32), ("person", "car"))
    refiner = make(MatchSharpnessRefiner)
    assert refiner.refine(labels, blurred(1)) is labels
    assert refiner.refine(several, blurred(1)) is several
