"""A film as a live source, with a clock that only the waits move."""

from dataclasses import replace
from fractions import Fraction

from fakes import ListSource, make_frame

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


def played(times, slow=()):
    clock = Clock()
    source = PacedSource(Film(clock, times, slow), clock=clock, wait=clock.wait)
    return [frame.captured_at - 100 for frame in source]


def test_frames_come_at_their_own_uneven_times():
    assert played([5, 5.5, 7, 7.25]) == [0, 0.5, 2, 2.25]


def test_a_little_delay_is_made_up_for():
    assert played([0, 1, 2, 3], slow={1: 1.5}) == [0, 1.5, 2, 3]


def test_after_a_long_sleep_the_film_goes_on_from_there():
    assert played([0, 1, 2, 3], slow={1: 21}) == [0, 21, 22, 23]


def test_it_counts_as_live_and_ends_at_once_when_told():
    source = PacedSource(ListSource(3))
    assert source.info.is_live
    source.stop_waiting()
    assert len(list(source)) == 1
