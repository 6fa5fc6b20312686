import threading
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from rimlight.sources.test_pattern import PatternSource


def pattern(**options):
    return PatternSource(PatternSource.Options(**options))


def test_the_same_options_draw_the_same_pictures():
    first, second = (pattern(size="64x48", count=5, seed=3) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert (one.bgr == other.bgr).all()


def test_the_truth_covers_what_moves():
    source = pattern(size="160x90", count=2, speed=5, rate=20)
    before, after = (frame.bgr.astype(int) for frame in source)
    changed = np.abs(after - before).any(axis=2)
    figure = (source.draw_mask(0) | source.draw_mask(1)) == 255
    assert changed.sum() > 500
    assert not (changed & ~figure).any()


def test_the_figure_differs_from_its_background_in_redness():
    source = pattern(size="160x90", count=1)
    red = next(iter(source)).bgr[..., 2]
    figure = source.draw_mask(0) == 255
    assert red[figure].mean() > red[~figure].mean() + 80


def test_the_figure_comes_and_goes():
    source = pattern(size="64x48", rate=10, empty_every_s=0.5)
    present = [bool(source.draw_mask(index).any()) for index in range(0, 20, 5)]
    assert present == [True, False, True, False]


@pytest.mark.parametrize("size", [(1, 1), (1, 48), (641, 361)])
def test_every_size_can_be_drawn(size):
    source = pattern(size=size, count=3)
    assert [frame.size for frame in source] == [size] * 3
    assert source.draw_mask(0).shape == (size[1], size[0])


def test_it_is_endless_unless_told_otherwise():
    frames = list(islice(pattern(size="8x8", rate="30000/1001"), 100))
    assert frames[99].pts == Fraction(99 * 1001, 30000)


def test_in_real_time_it_is_live_and_closing_ends_the_wait():
    source = pattern(size="8x8", rate=Fraction(1, 1000), realtime=True)
    assert source.info.is_live
    frames = iter(source)
    next(frames)
    threading.Timer(0, source.close).start()
    assert list(frames) == []
