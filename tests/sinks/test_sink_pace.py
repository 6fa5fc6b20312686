"""The turns of a steady sink, on a clock that is a number."""

import pytest

from rimlight.sinks.pace import FAR_BEHIND, FRESH, NUDGE, Pace

INTERVAL_S = 0.1


def turns(pace, count, now_s=0.0):
    """Times of the next turns, where nothing but waiting takes time."""
    times = []
    for _ in range(count):
        now_s += pace.wait_s(now_s)
        times.append(now_s)
    return times


def nudged(waited, *, is_new=True):
    """By how much of an interval a turn moves, when the newest frame has waited so long for it."""
    pace = Pace(1, 0.0)
    pace.wait_s(0.0)
    pace.follow(1.0 - waited, is_new=is_new)
    return pace.wait_s(1.0) - 1.0


def test_turns_are_an_interval_apart():
    assert turns(Pace(10, 5.0), 3, 5.0) == pytest.approx([5.1, 5.2, 5.3])


def test_what_a_turn_takes_is_no_part_of_the_wait():
    assert Pace(10, 5.0).wait_s(5.07) == pytest.approx(0.03)


def test_late_turns_are_made_up_for():
    pace = Pace(10, 0.0)
    assert [pace.wait_s(0.25) for _ in range(3)] == pytest.approx([0.0, 0.0, 0.05])


def test_what_is_far_behind_is_given_up():
    pace = Pace(10, 0.0)
    waits = [pace.wait_s(1000.0) for _ in range(FAR_BEHIND + 2)]
    assert waits[FAR_BEHIND] == pytest.approx(0.0)
    assert waits[-1] == pytest.approx(INTERVAL_S)


def test_turns_come_later_for_frames_that_would_almost_miss_them():
    assert nudged(FRESH / 2) == pytest.approx(NUDGE)


def test_turns_come_sooner_for_frames_that_wait_long():
    assert nudged(2 * FRESH) == pytest.approx(-NUDGE)


def test_a_turn_without_a_new_frame_came_too_soon():
    assert nudged(1.5, is_new=False) == pytest.approx(NUDGE)


def test_turns_stay_where_no_frames_come():
    assert nudged(2.5, is_new=False) == pytest.approx(0.0)
