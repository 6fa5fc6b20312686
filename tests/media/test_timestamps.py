from fractions import Fraction

from rimlight.media.timestamps import TimestampNormalizer

TICK = Fraction(1, 90000)


def times(stamps, rate=Fraction(30), time_base=TICK):
    timeline = TimestampNormalizer(time_base, rate)
    return [timeline.normalize(*stamp) / time_base for stamp in stamps]


def test_rising_stamps_come_out_untouched_even_below_zero():
    stamps = [-6000, -3000, 0, 1, 90000]
    assert times([(stamp, None) for stamp in stamps]) == stamps


def test_a_frame_without_pts_takes_its_dts():
    assert times([(0, 0), (None, 2999)]) == [0, 2999]


def test_a_frame_without_any_stamp_comes_one_step_later():
    assert times([(0, 0), (None, None), (None, None)]) == [0, 3000, 6000]


def test_without_a_rate_the_step_is_one_tick():
    assert times([(5, 5), (None, None)], rate=None) == [5, 6]


def test_a_repeated_stamp_moves_by_one_tick_only():
    assert times([(0, 0), (3000, 0), (3000, 0), (6000, 0)]) == [0, 3000, 3001, 6000]


def test_a_clock_that_starts_again_goes_on_where_it_was():
    assert times([(900_000, 0), (0, 0), (3000, 0)]) == [900_000, 903_000, 906_000]
