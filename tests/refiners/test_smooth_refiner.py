"""Where exactness matters: the weight by hand, what the past is, and where it ends."""

from fractions import Fraction

import numpy as np
import pytest
from fakes import make_frame
from flats import flat

from rimlight.core.frame import Mask
from rimlight.imaging import jit
from rimlight.imaging.compositing.i420 import quantize
from rimlight.refiners.smooth import SmoothRefiner

FIFTH_BITS = 0.7219280949  # entropy of p = 0.2: -(0.2 * log2(0.2) + 0.8 * log2(0.8))


def score(*levels):
    """A mask of one row, whose pixels have those scores."""
    row = np.array(levels, np.float32)[None, :, None]
    return Mask(row, ("person",))


def refined(*steps, ratio=0.7):
    """Refine (seconds, mask) one after the other; the scores of the last."""
    refiner = SmoothRefiner(SmoothRefiner.Options(previous_weight=ratio))
    for pts, mask in steps:
        made = refiner.refine(mask, flat(pts=Fraction(pts)))
    return made.scores[0, :, 0]


@pytest.mark.parametrize("ratio", [0.0, 0.4, 0.7, 0.9])
def test_the_past_weighs_ratio_times_entropy_squared(ratio):
    held = refined((0, score(0.8)), ("1/30", score(0.2)), ratio=ratio)
    assert held == pytest.approx([0.2 + 0.6 * ratio * FIFTH_BITS**2], abs=5e-4)


def test_what_counts_as_past_is_the_refined_mask_not_the_given_one():
    first = 0.2 + 0.6 * 0.7 * FIFTH_BITS**2
    second = 0.2 + (first - 0.2) * 0.7 * FIFTH_BITS**2
    steps = [(Fraction(n, 30), score(level)) for n, level in enumerate((0.8, 0.2, 0.2))]
    assert refined(*steps) == pytest.approx([second], abs=5e-4)


def test_the_past_still_counts_just_below_a_second():
    assert refined((0, score(1)), ("29/30", score(0.5)))[0] > 0.8


def test_closing_forgets_the_past():
    refiner = SmoothRefiner(SmoothRefiner.Options())
    refiner.refine(score(1), flat())
    refiner.close()
    made = refiner.refine(score(0.5), flat(pts=Fraction(1, 30)))
    assert made.scores[0, 0, 0] == 0.5


def test_compiled_and_opencv_smoothing_agree():
    made = []
    for on in (True, False):
        with jit.use_jit(enabled=on):
            refiner = SmoothRefiner(SmoothRefiner.Options())
            rng = np.random.default_rng(3)
            for index in range(4):
                scores = rng.random((9, 16, 2), np.float32)
                mask = Mask(scores, ("a", "b"), foreground=("a",))
                last = refiner.refine(mask, make_frame(index))
            made.append(last.scores)
    assert np.abs(made[0] - made[1]).max() < 0.01  # the level of a score may round either way


@pytest.mark.skipif(jit.get_kernels() is None, reason="needs numba")
def test_levels_of_a_steady_mask_are_its_scores_in_255ths():
    refiner = SmoothRefiner(SmoothRefiner.Options())
    rng = np.random.default_rng(3)
    for number in range(2):
        mask = Mask(rng.random((9, 7, 1), np.float32), ("person",))
        steady = refiner.refine(mask, make_frame(number))
    assert steady.alpha_u8 is not None
    assert np.array_equal(steady.alpha_u8, quantize(steady.alpha()))


def test_other_scores_forget_the_levels():
    mask = Mask(np.zeros((2, 2, 1), np.float32), ("person",), alpha_u8=np.zeros((2, 2), np.uint8))
    assert mask.with_scores(np.ones((2, 2, 1), np.float32)).alpha_u8 is None
