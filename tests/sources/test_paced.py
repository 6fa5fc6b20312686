"""A film as a live source, with a clock that only the waits move."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest
from fakes import ListSource, make_frame

from rimlight.core.errors import SourceReadError
from rimlight.sources.images import ImagesSource
from rimlight.sources.paced import PacedSource


class Clock:
    """Goes on by what is waited for, and by what a test adds."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds
        return False


class Film(ListSource):
    """Frames at uneven times; reading one takes the seconds in `slow`."""

    def __init__(self, clock, times, slow=()):
        super().__init__(len(times))
        self.clock, self.times, self.slow = clock, times, dict(slow)

    def __iter__(self):
        for index, time in enumerate(self.times):
            self.clock.now += self.slow.get(index, 0)
            yield replace(make_frame(index), pts=Fraction(time))


def play(times, slow=()):
    """Play a film; return the frames, and when each was delivered."""
    clock = Clock()
    source = PacedSource(Film(clock, times, slow), clock=clock, wait=clock.wait)
    return [(frame, frame.captured_at - 100) for frame in source]


def played(times, slow=()):
    """Return when each frame of the film was first delivered."""
    return [at for frame, at in play(times, slow) if frame.pts in times]


def test_frames_come_at_their_own_uneven_times():
    assert played([5, 5.5, 7, 7.25]) == [0, 0.5, 2, 2.25]


def test_a_little_delay_is_made_up_for():
    assert played([0, 1, 2, 3], slow={1: 1.5}) == [0, 1.5, 2, 3]


def test_after_a_long_sleep_the_film_goes_on_from_there():
    assert played([0, 1, 2, 3], slow={1: 21}) == [0, 21, 22, 23]


def test_a_frame_that_lasts_is_repeated_at_the_rate_of_the_source():
    frames = [frame for frame, _ in play([0, 0.1, 1.1])]
    assert [frame.index for frame in frames] == list(range(len(frames)))
    steps = {b.pts - a.pts for a, b in pairwise(frames[1:31])}
    assert steps == {Fraction(1, 30)}
    assert all(np.array_equal(frame.image, frames[1].image) for frame in frames[1:31])


def test_the_last_frame_is_shown_as_long_as_the_one_before():
    frames, delivered = zip(*play([0, 1]), strict=True)
    assert len(frames) == 60
    assert delivered[-1] == pytest.approx(2 - 1 / 30)


def test_a_damaged_film_raises_after_its_last_frame_was_shown():
    clock = Clock()
    film = ListSource(1, SourceReadError("cut short"))
    film.info = replace(film.info, rate=None)
    frames = []
    with pytest.raises(SourceReadError):
        frames.extend(PacedSource(film, clock=clock, wait=clock.wait))
    assert clock.now == pytest.approx(100.8)


def test_slides_of_other_sizes_are_fitted_into_the_size_of_the_first(tmp_path):
    for name, size in (("a", (64, 48)), ("b", (48, 64))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((*size[::-1], 3), 200, np.uint8))
    clock = Clock()
    images = ImagesSource(ImagesSource.Options(path=str(tmp_path), interval_s=2))
    source = PacedSource(images, clock=clock, wait=clock.wait)
    assert source.info.is_live
    assert source.info.rate == 30
    frames = list(source)
    assert {frame.size for frame in frames} == {(64, 48)}
    assert len(frames) == 120
    assert not frames[-1].bgr[:, 0].any()


def test_it_counts_as_live_and_ends_at_once_when_told():
    source = PacedSource(ListSource(3))
    assert source.info.is_live
    source.stop_waiting()
    assert len(list(source)) <= 1
