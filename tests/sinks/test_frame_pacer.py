"""The turns of a steady sink, on a clock that is a number."""

import pytest

from rimlight.sinks.threaded import MAX_BEHIND, MAX_DRIFT, MIN_WAIT, FramePacer

INTERVAL_S = 0.1


def turns(pace, count, now_s=0.0):
    """Times of the next turns, where nothing but waiting takes time."""
    times = []
    for _ in range(count):
        now_s += pace.advance(now_s)
        times.append(now_s)
    return times


def nudged(waited, *, is_new=True):
    """By how much of an interval a turn moves, when the newest frame has waited so long for it."""
    pace = FramePacer(1, 0.0)
    pace.advance(0.0)
    pace.adjust(1.0 - waited, is_new=is_new)
    return pace.advance(1.0) - 1.0


def test_turns_are_an_interval_apart():
    assert turns(FramePacer(10, 5.0), 3, 5.0) == pytest.approx([5.1, 5.2, 5.3])


def test_what_a_turn_takes_is_no_part_of_the_wait():
    assert FramePacer(10, 5.0).advance(5.07) == pytest.approx(0.03)


def test_late_turns_are_made_up_for():
    pace = FramePacer(10, 0.0)
    assert [pace.advance(0.25) for _ in range(3)] == pytest.approx([0.0, 0.0, 0.05])


def test_what_is_far_behind_is_given_up():
    pace = FramePacer(10, 0.0)
    waits = [pace.advance(1000.0) for _ in range(MAX_BEHIND + 2)]
    assert waits[MAX_BEHIND] == pytest.approx(0.0)
    assert waits[-1] == pytest.approx(INTERVAL_S)


def test_turns_come_later_for_frames_that_would_almost_miss_them():
    assert nudged(MIN_WAIT / 2) == pytest.approx(MAX_DRIFT)


def test_turns_come_sooner_for_frames_that_wait_long():
    assert nudged(2 * MIN_WAIT) == pytest.approx(-MAX_DRIFT)


def test_a_turn_without_a_new_frame_came_too_soon():
    assert nudged(1.5, is_new=False) == pytest.approx(MAX_DRIFT)


def test_turns_stay_where_no_frames_come():
    assert nudged(2.5, is_new=False) == pytest.approx(0.0)
