from fractions import Fraction

import cv2
import numpy as np
import pytest

from rimlight.core.frame import Frame, Mask
from rimlight.refiners.flow_smoothing import FlowSmoothRefiner

SIZE = (128, 96)


def texture(shift=0, seed=1):
    """A picture with plenty to follow, moved to the right by `shift` pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 64), np.uint8)
    large = cv2.resize(noise, (SIZE[0] * 2, SIZE[1]), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(large[:, 64 - shift : 64 - shift + SIZE[0]], cv2.COLOR_GRAY2BGR)


def frame(index, picture, rate=30):
    made = np.ascontiguousarray(picture)
    return Frame.from_bgr(made, index=index, pts=Fraction(index, rate), captured_at=0.0)


def square(left, level=1.0):
    scores = np.zeros((*SIZE[::-1], 1), np.float32)
    scores[32:64, left : left + 32] = level
    return Mask(scores, ("person",))


def refined(*steps, **options):
    refiner = FlowSmoothRefiner(FlowSmoothRefiner.Options(**options))
    for index, (picture, mask) in enumerate(steps):
        made = refiner.refine(mask, frame(index, picture))
    return made.scores[..., 0]


def test_where_the_picture_holds_still_so_does_the_mask():
    made = refined((texture(), square(40, 1.0)), (texture(), square(40, 0.2)), flow_weight=0.9)
    assert made[48, 56] == pytest.approx(0.9 * 1.0 + 0.1 * 0.2, abs=0.01)


def test_where_something_new_is_seen_the_mask_follows_at_once():
    made = refined((texture(seed=1), square(40, 1.0)), (texture(seed=2), square(40, 0.0)))
    assert made[36:60, 44:68].mean() < 0.35


def test_a_mask_that_moves_with_the_picture_keeps_its_place():
    steps = [(texture(3 * n), square(30 + 3 * n)) for n in range(6)]
    assert np.abs(refined(*steps) - steps[-1][1].scores[..., 0]).mean() < 0.01


def test_a_mask_left_out_for_one_frame_is_carried_to_where_the_picture_went():
    steps = [(texture(3 * n), square(30 + 3 * n)) for n in range(5)]
    made = refined(*steps, (texture(15), square(45, 0.0)), flow_weight=0.95) >= 0.5
    assert (made != (square(45).scores[..., 0] >= 0.5)).mean() < 0.02


def test_a_scene_without_anyone_is_empty_from_the_third_mask_on():
    nobody = [(texture(), square(40, 0.0))] * 3
    assert refined((texture(), square(40)), *nobody[:2]).max() > 0.5
    assert refined((texture(), square(40)), *nobody).max() == 0


def test_unsure_scores_hold_even_where_something_new_is_seen():
    changed = texture(seed=1)
    changed[24:72, :40] = texture(seed=2)[24:72, :40]
    steps = (texture(seed=1), square(0, 1.0)), (changed, square(0, 0.5))
    assert refined(*steps, previous_weight=0.7)[36:60, 4:28].min() >= 0.5 + 0.7 * 0.5 - 0.2


def test_at_a_cut_of_the_picture_even_unsure_scores_forget_the_past():
    unsure = square(0, 0.5)
    made = refined((texture(seed=1), square(0, 1.0)), (texture(seed=2), unsure))
    assert (made == unsure.scores[..., 0]).all()


def test_a_cut_of_the_mask_is_taken_over_at_once():
    whole, none = (Mask(np.full((36, 64, 1), level, np.float32), ("person",)) for level in (1, 0))
    assert (refined((texture(), whole), (texture(), none)) == 0).all()


@pytest.mark.parametrize("gap", [-1, 0, 30], ids=["back", "same", "1 s"])
def test_the_past_is_forgotten_when_time_does_not_go_on_or_jumps(gap):
    refiner = FlowSmoothRefiner(FlowSmoothRefiner.Options())
    refiner.refine(square(40, 1.0), frame(5, texture()))
    made = refiner.refine(square(40, 0.0), frame(5 + gap, texture()))
    assert (made.scores == 0).all()


def test_a_mask_of_another_size_still_knows_the_past():
    small = Mask(cv2.resize(square(40).scores, (64, 48))[..., None], ("person",))
    refiner = FlowSmoothRefiner(FlowSmoothRefiner.Options(flow_weight=0.9))
    refiner.refine(Mask(square(40).scores, ("person",)), frame(0, texture()))
    refiner.refine(small, frame(1, texture()))
    made = refiner.refine(small.with_scores(np.zeros_like(small.scores)), frame(2, texture()))
    assert made.scores[24, 28, 0] > 0.8


def test_scores_that_add_up_to_one_still_do():
    names = ("sky", "road", "car")
    refiner = FlowSmoothRefiner(FlowSmoothRefiner.Options())
    for index in range(4):
        noise = np.random.default_rng(index).random((96, 128, 3), np.float32)
        given = Mask(noise / noise.sum(axis=2, keepdims=True), names, foreground=("car",))
        made = refiner.refine(given, frame(index, texture(index)))
    assert made.scores.sum(axis=2) == pytest.approx(1, abs=1e-5)


def test_both_layouts_of_a_picture_give_nearly_the_same():
    results = []
    for layout in ("bgr", "i420"):
        refiner = FlowSmoothRefiner(FlowSmoothRefiner.Options())
        for index in range(4):
            given = frame(index, texture(2 * index))
            if layout == "i420":
                given = given.with_i420(given.i420)
            made = refiner.refine(square(30 + 2 * index, 0.9), given)
        results.append(made.scores)
    assert np.abs(results[0] - results[1]).mean() < 0.01
