"""Times of live streams whose clocks are right, wrong, late, or jump."""

import random
from fractions import Fraction
from itertools import pairwise

import pytest

from rimlight.media.timestamps import MIN_ARRIVAL_STEP, ArrivalClock


def given(stamps, arrivals, **more):
    times = ArrivalClock(**more)
    return [times.estimate(Fraction(s), a) for s, a in zip(stamps, arrivals, strict=True)]


def test_a_camera_of_5_fps_whose_stamps_say_25_keeps_its_own_pace():
    arrivals = [100 + i / 5 for i in range(54)]
    times = given([Fraction(i, 25) for i in range(54)], arrivals)
    assert times == pytest.approx([i / 5 for i in range(54)], abs=1e-6)


def test_a_stream_that_is_joined_at_ten_hours_begins_at_zero():
    times = given([36000 + Fraction(i, 30) for i in range(90)], [i / 30 for i in range(90)])
    assert times[0] == 0
    assert float(times[-1]) == pytest.approx(89 / 30, abs=0.001)


@pytest.mark.parametrize("jump_s", [2, 60, 1000, 36000, -60, -36000])
def test_a_clock_that_jumps_makes_no_hole(jump_s):
    stamps = [Fraction(i, 30) + (jump_s if i >= 90 else 0) for i in range(180)]
    times = given(stamps, [i / 30 for i in range(180)])
    assert times == pytest.approx([i / 30 for i in range(180)], abs=0.002)


def test_delays_on_the_way_are_smoothed_while_the_clocks_agree():
    chance = random.Random(0)
    late = [chance.uniform(0, 0.02) for _ in range(30)]
    late += [chance.uniform(0, 0.3) for _ in range(270)]
    arrivals = [i / 30 + delay for i, delay in enumerate(late)]
    times = given([Fraction(i, 30) for i in range(300)], sorted(arrivals))
    steps = [float(b - a) for a, b in pairwise(times[60:])]
    assert max(steps) < 0.05
    assert min(steps) > 0.02


def test_a_pause_of_the_sender_stays_as_long_as_it_was():
    stamps = [Fraction(i, 30) + (20 if i >= 90 else 0) for i in range(180)]
    arrivals = [i / 30 + (20 if i >= 90 else 0) for i in range(180)]
    times = given(stamps, arrivals)
    assert float(times[90] - times[89]) == pytest.approx(20 + 1 / 30, abs=0.01)


def test_times_rise_whatever_comes():
    chance = random.Random(1)
    stamps = [Fraction(chance.randint(-(10**6), 10**6), 1000) for _ in range(500)]
    arrivals = sorted(chance.uniform(0, 3) for _ in range(500))
    times = given(stamps, arrivals)
    assert times[0] == 0
    assert all(b - a >= MIN_ARRIVAL_STEP for a, b in pairwise(times))


def test_two_clocks_that_drift_apart_stay_together():
    seconds = range(4 * 3600)
    times = given(
        [Fraction(i) * Fraction(10003, 10000) for i in seconds], [float(i) for i in seconds]
    )
    assert max(abs(float(t) - i) for t, i in zip(times, seconds, strict=True)) < 0.2


def test_segments_that_come_six_seconds_at_once_keep_their_pace():
    arrivals = [6.0 * (i // 150) for i in range(600)]
    times = given([Fraction(i, 25) for i in range(600)], arrivals, slack_s=30.0, is_trusted=True)
    assert times == sorted(times)
    steps = [float(b - a) for a, b in pairwise(times)]
    assert 0.03 < min(steps) <= max(steps) < 0.6
