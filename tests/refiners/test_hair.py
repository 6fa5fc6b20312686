"""Strands of hair that stand off from the mask."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from strands import draw_strands

from rimlight.core.frame import Frame, Mask
from rimlight.effects.alpha import compute_frame_alpha
from rimlight.effects.cutout import CutoutEffect
from rimlight.effects.replace import ReplaceEffect
from rimlight.refiners.hair import HairRefiner

WALL, HAIR = (200, 190, 170), (30, 40, 60)


@pytest.fixture(scope="module")
def truth():
    """A dark head before a light wall, with strands; as in a photo, both are a little noisy."""
    noise = np.random.default_rng(0).normal(0, 2, (360, 480, 3))
    picture = np.clip(np.full((360, 480, 3), WALL) + noise, 0, 255).astype(np.uint8)
    mask = np.zeros((360, 480), np.uint8)
    for target, color in ((picture, HAIR), (mask, 255)):
        cv2.ellipse(target, (240, 200), (80, 110), 0, 0, 360, color, -1)
        cv2.ellipse(target, (240, 400), (180, 130), 0, 0, 360, color, -1)
    return draw_strands(picture, mask, seed=3)


def make_frame(picture, name="head.png"):
    return Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=0, name=name)


def make_mask(truth):
    """What a model sees of it: the head without its strands."""
    solid = cv2.GaussianBlur((truth.alpha >= 1).astype(np.float32), (0, 0), 2)
    return Mask(cv2.resize(solid, (240, 180))[..., None], ("person",), alpha_range=(0.25, 0.75))


@pytest.fixture(scope="module")
def refined(truth):
    return HairRefiner(HairRefiner.Options()).refine(make_mask(truth), make_frame(truth.picture))


def measure_error(truth, mask):
    alpha = compute_frame_alpha(make_frame(truth.picture), mask, None) / 255
    return np.abs(alpha - truth.alpha)[truth.unknown].mean()


def test_half_of_the_error_in_the_strands_goes(truth, refined):
    assert measure_error(truth, refined) < 0.5 * measure_error(truth, make_mask(truth))


def test_frames_of_a_video_pass_unchanged(truth):
    mask = make_mask(truth)
    refiner = HairRefiner(HairRefiner.Options())
    assert refiner.refine(mask, make_frame(truth.picture, name="")) is mask


def test_very_small_pictures_pass_unchanged(truth):
    mask = make_mask(truth)
    refiner = HairRefiner(HairRefiner.Options())
    assert refiner.refine(mask, make_frame(cv2.resize(truth.picture, (240, 180)))) is mask


def test_nothing_apart_from_the_mask_is_added(truth):
    picture = truth.picture.copy()
    cv2.line(picture, (400, 40), (470, 60), HAIR, 2)
    cv2.circle(picture, (60, 60), 12, HAIR, -1)
    refiner = HairRefiner(HairRefiner.Options())
    made = refiner.refine(make_mask(truth), make_frame(picture))
    alpha = compute_frame_alpha(make_frame(picture), made, None)
    assert not alpha[30:80, 30:90].any() and not alpha[30:70, 395:].any()


def test_someone_too_small_for_single_hairs_keeps_the_mask(truth):
    picture = np.full((360, 480, 3), WALL, np.uint8)
    picture[130:280, 140:340] = cv2.resize(truth.picture, (200, 150), interpolation=cv2.INTER_AREA)
    scores = np.zeros((360, 480, 1), np.float32)
    scores[130:280, 140:340, 0] = cv2.resize((truth.alpha >= 1).astype(np.float32), (200, 150))
    mask = Mask(scores, ("person",))
    assert HairRefiner(HairRefiner.Options()).refine(mask, make_frame(picture)) is mask


def test_the_outline_below_the_hair_is_no_staircase(truth, refined):
    alpha = compute_frame_alpha(make_frame(truth.picture), refined, None)[320:350]
    assert ((alpha > 25) & (alpha < 230)).any(axis=1).all()


def test_an_empty_mask_stays_empty(truth):
    empty = Mask(np.zeros((180, 240, 1), np.float32), ("person",))
    refiner = HairRefiner(HairRefiner.Options())
    assert refiner.refine(empty, make_frame(truth.picture)) is empty


@pytest.mark.parametrize("effect", [ReplaceEffect, CutoutEffect])
def test_next_to_none_of_the_room_shows_through_strands(truth, refined, effect):
    options = effect.Options() if effect is CutoutEffect else effect.Options(background="lime")
    half = (truth.alpha > 0.1) & (truth.alpha < 0.9)
    shown = [
        effect(options).apply(make_frame(truth.picture), mask)
        for mask in (refined, replace(refined, is_matte=False))
    ]
    reds = [frame.bgr[..., 2][half].mean() for frame in shown]
    assert reds[0] < 0.7 * WALL[2] and reds[0] <= reds[1]


def test_a_large_photo_gets_a_mask_of_bounded_size(truth):
    large = cv2.resize(truth.picture, (1920, 1440))
    refiner = HairRefiner(HairRefiner.Options())
    made = refiner.refine(make_mask(truth), make_frame(large))
    assert made.shape == (600, 800) and made.is_matte
