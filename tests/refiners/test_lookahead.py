"""Masks that know of what comes after them."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from rimlight.core.frame import Frame, Mask
from rimlight.refiners.lookahead import MAX_BYTES, MaskLookahead, limit_frames

SIZE = (128, 96)


def texture(shift=0, seed=1):
    noise = np.random.default_rng(seed).integers(0, 256, (24, 64), np.uint8)
    large = cv2.resize(noise, (SIZE[0] * 2, SIZE[1]), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(large[:, 64 - shift : 64 - shift + SIZE[0]], cv2.COLOR_GRAY2BGR)


def frame(index, picture=None):
    made = np.ascontiguousarray(texture() if picture is None else picture)
    return Frame.from_bgr(made, index=index, pts=Fraction(index, 30), captured_at=0.0)


def square(left=40, level=1.0):
    scores = np.zeros((*SIZE[::-1], 1), np.float32)
    scores[32:64, left : left + 32] = level
    return Mask(scores, ("person",))


def looked(steps, frames=3, **options):
    """Run (frame, mask) pairs through; every pair that comes out, in order."""
    stage = MaskLookahead(MaskLookahead.Options(frames=frames, **options))
    made = [pair for step in steps for pair in stage.push(*step)]
    return [*made, *stage.flush()]


def noisy(count):
    rng = np.random.default_rng(0)
    for index in range(count):
        level = np.clip(square().scores + rng.normal(0, 0.2, (*SIZE[::-1], 1)), 0, 1)
        yield frame(index), square().with_scores(level.astype(np.float32))


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_every_frame_comes_out_once_and_in_order(count):
    assert [f.index for f, _ in looked(noisy(count))] == list(range(count))


def test_a_frame_waits_for_exactly_so_many():
    stage = MaskLookahead(MaskLookahead.Options(frames=3))
    counts = [len(stage.push(*step)) for step in noisy(6)]
    assert counts == [0, 0, 0, 1, 1, 1]


def test_a_mask_left_out_is_filled_from_the_frames_after_it():
    steps = [(frame(0), square(level=0.0)), *((frame(n), square()) for n in range(1, 4))]
    assert looked(steps)[0][1].scores[48, 56, 0] > 0.7


def test_masks_of_a_still_picture_become_steadier():
    steps = list(noisy(9))
    before = np.diff([mask.scores for _, mask in steps], axis=0)
    after = np.diff([mask.scores for _, mask in looked(steps, frames=6)[:3]], axis=0)
    assert np.abs(after).mean() < 0.3 * np.abs(before).mean()


def test_a_mask_that_moves_with_the_picture_keeps_its_place():
    steps = [(frame(n, texture(3 * n)), square(30 + 3 * n)) for n in range(6)]
    for (_, given), (_, made) in zip(steps, looked(steps), strict=True):
        assert np.abs(made.scores - given.scores).mean() < 0.01


def test_nothing_comes_back_over_a_cut():
    steps = [(frame(0), square(level=0.4)), (frame(1, texture(seed=2)), square(level=1.0))]
    assert (looked(steps)[0][1].scores == steps[0][1].scores).all()


def test_nothing_comes_back_over_a_gap_in_time():
    late = Frame.from_bgr(texture(), index=1, pts=Fraction(2), captured_at=0.0)
    steps = [(frame(0), square(level=0.4)), (late, square(level=1.0))]
    assert (looked(steps)[0][1].scores == steps[0][1].scores).all()


def test_an_empty_scene_stays_empty_until_shortly_before_somebody_comes():
    steps = [*((frame(n), square(level=0.0)) for n in range(4)), (frame(4), square())]
    made = [mask.scores.max() for _, mask in looked(steps, frames=4)]
    assert made[:2] == [0, 0]


def test_labels_and_changing_masks_pass_unchanged():
    labels = Mask.from_labels(np.zeros((9, 16), np.uint8), ("sky", "road"), foreground=("road",))
    steps = [(frame(0), labels), (frame(1), square()), (frame(2), labels)]
    assert all(made is given for (_, made), (_, given) in zip(looked(steps), steps, strict=True))


def test_a_result_depends_on_the_frames_ahead_alone():
    steps = list(noisy(12))
    whole = looked(steps)
    rest = looked(steps[5:])
    assert all((a.scores == b.scores).all() for (_, a), (_, b) in zip(whole[5:], rest, strict=True))


def test_large_pictures_are_looked_ahead_by_fewer():
    assert limit_frames(8, 1920 * 1080 * 3 // 2) == 8
    assert limit_frames(60, 3840 * 2160 * 3 // 2) == MAX_BYTES // (3840 * 2160 * 3 // 2)
    assert limit_frames(3, 10 * MAX_BYTES) == 1


def test_a_mask_without_numbers_stays_alone():
    steps = [(frame(n), square(level=np.nan if n == 2 else 1.0)) for n in range(5)]
    sound = [bool(np.isfinite(mask.scores).all()) for _, mask in looked(steps)]
    assert sound == [True, True, False, True, True]
