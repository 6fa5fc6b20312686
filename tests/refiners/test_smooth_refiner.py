from fractions import Fraction

import numpy as np
import pytest
from flats import flat

from rimlight.frame import Mask
from rimlight.refiners.smooth import SmoothRefiner

FIFTH_BITS = 0.7219280949  # entropy of p = 0.2: -(0.2 * log2(0.2) + 0.8 * log2(0.8))


def score(*levels, classes=("person",)):
    """A mask of one row, whose pixels have those scores in every class."""
    row = np.array(levels, np.float32)[None, :, None]
    return Mask(np.repeat(row, len(classes), axis=2), classes, foreground=classes[:1])


def refined(*steps, ratio=0.7):
    """Refine (seconds, mask) one after the other; the scores of the last."""
    refiner = SmoothRefiner(SmoothRefiner.Options(ratio=ratio))
    for pts, mask in steps:
        made = refiner.refine(mask, flat(pts=Fraction(pts)))
    return made.scores[0, :, 0]


def test_the_first_mask_passes_as_it_is():
    assert refined((0, score(0.3, 0.5, 0.8))) == pytest.approx([0.3, 0.5, 0.8])


def test_sure_pixels_follow_at_once():
    assert refined((0, score(1, 0)), ("1/30", score(0, 1))) == pytest.approx([0, 1], abs=1e-9)


def test_unsure_pixels_hold_by_the_ratio():
    held = refined((0, score(1, 0)), ("1/30", score(0.5, 0.5)))
    assert held == pytest.approx([0.5 + 0.7 * 0.5, 0.5 - 0.7 * 0.5], abs=1e-3)


@pytest.mark.parametrize("ratio", [0.0, 0.4, 0.7, 0.9])
def test_the_past_weighs_ratio_times_entropy_squared(ratio):
    held = refined((0, score(0.8)), ("1/30", score(0.2)), ratio=ratio)
    assert held == pytest.approx([0.2 + 0.6 * ratio * FIFTH_BITS**2], abs=1e-6)


def test_what_counts_as_past_is_the_refined_mask_not_the_given_one():
    first = 0.2 + 0.6 * 0.7 * FIFTH_BITS**2
    second = 0.2 + (first - 0.2) * 0.7 * FIFTH_BITS**2
    steps = [(Fraction(n, 30), score(level)) for n, level in enumerate((0.8, 0.2, 0.2))]
    assert refined(*steps) == pytest.approx([second], abs=1e-6)


def test_a_flickering_edge_moves_less_and_its_mean_stays():
    refiner = SmoothRefiner(SmoothRefiner.Options())
    levels = [0.4 if n % 2 else 0.6 for n in range(40)]
    made = [
        float(refiner.refine(score(level), flat(pts=Fraction(n, 30))).scores[0, 0, 0])
        for n, level in enumerate(levels)
    ][20:]
    assert max(made) - min(made) < 0.1
    assert np.mean(made) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("first", "second"), [(5, 4), (5, 5), (0, 1), (0, 60)], ids=["back", "same", "1 s", "a minute"]
)
def test_the_past_is_forgotten_when_time_does_not_go_on_or_jumps(first, second):
    assert refined((first, score(1)), (second, score(0.5))) == pytest.approx([0.5])


def test_the_past_still_counts_just_below_a_second():
    assert refined((0, score(1)), ("29/30", score(0.5)))[0] > 0.8


@pytest.mark.parametrize(
    "other", [score(1, 1), score(1, classes=("sky", "person"))], ids=["size", "classes"]
)
def test_the_past_is_forgotten_when_the_mask_changes_its_form(other):
    assert refined((0, other), ("1/30", score(0.5))) == pytest.approx([0.5])


def test_each_class_holds_by_its_own_score():
    refiner = SmoothRefiner(SmoothRefiner.Options())
    names = ("sky", "person")
    refiner.refine(Mask(np.array([[[1, 0]]], np.float32), names), flat())
    new = Mask(np.array([[[0.0, 0.5]]], np.float32), names)
    made = refiner.refine(new, flat(pts=Fraction(1, 30))).scores[0, 0]
    assert made == pytest.approx([0, 0.15], abs=1e-3)


def test_closing_forgets_the_past():
    refiner = SmoothRefiner(SmoothRefiner.Options())
    refiner.refine(score(1), flat())
    refiner.close()
    made = refiner.refine(score(0.5), flat(pts=Fraction(1, 30)))
    assert made.scores[0, 0, 0] == 0.5
