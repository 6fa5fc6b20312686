"""Validation figures against hand-computed ones, and the schedules against Keras's own."""

import math

import keras
import numpy as np
import pytest

from rimlight.lab.training.metrics import Scorer, as_truth
from rimlight.lab.training.optimizer import Schedule
from rimlight.lab.training.options import ScheduleOptions


def scored(labels, truth, classes=2):
    scorer = Scorer(classes)
    scorer.add(np.array(labels, np.uint8), np.array(truth, np.uint8))
    return scorer.compute_scores()


def test_iou_and_dice_by_hand():
    scores = scored([[0, 1, 1, 1]], [[0, 0, 1, 1]])
    assert scores.ious == pytest.approx((1 / 2, 2 / 3))
    assert scores.miou == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.dice == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_what_is_ignored_does_not_count():
    assert scored([[0, 1, 1, 0]], [[0, 1, 255, 255]]).miou == 1


def test_a_class_without_truth_is_not_in_the_mean():
    scores = scored([[0, 0, 1, 1]], [[0, 0, 1, 1]], classes=3)
    assert scores.miou == 1 and math.isnan(scores.ious[2])


def test_pictures_add_up_pixel_by_pixel():
    scorer = Scorer(2)
    scorer.add(np.ones((1, 3), np.uint8), np.ones((1, 3), np.uint8))
    scorer.add(np.ones((1, 1), np.uint8), np.zeros((1, 1), np.uint8))
    assert scorer.compute_scores().ious == pytest.approx((0, 3 / 4))


def test_boundary_f_is_of_the_foreground_only():
    truth = np.zeros((64, 64), np.uint8)
    truth[16:48, 16:48] = 1
    far = np.roll(truth, 10, axis=1)
    assert scored(truth, truth).boundary_f == 1
    assert scored(far, truth).boundary_f < 0.7


def test_labels_beyond_bytes_are_void():
    assert as_truth(np.array([0, 7, 255, 300, -1])).tolist() == [0, 7, 255, 255, 255]


def test_cosine_restarts_are_those_of_keras():
    options = ScheduleOptions(warmup=0, cycle=2, t_mul=2, m_mul=0.5, alpha=0.1)
    ours = Schedule(options, rate=1e-2, epochs=14)
    theirs = keras.optimizers.schedules.CosineDecayRestarts(
        1e-2, first_decay_steps=20, t_mul=2.0, m_mul=0.5, alpha=0.1
    )
    moments = [0.0, 0.7, 1.9, 2.1, 3.3, 5.9, 6.1, 13.0]
    expected = [float(theirs(10 * moment)) for moment in moments]
    assert [ours.compute_rate(moment) for moment in moments] == pytest.approx(expected, rel=1e-4)


def test_the_rate_rises_while_warming_up():
    schedule = Schedule(ScheduleOptions(warmup=2), rate=1.0, epochs=10)
    assert (
        schedule.compute_rate(0.0)
        < 0.01
        < schedule.compute_rate(1.0)
        == pytest.approx(0.5, abs=0.01)
    )
    assert schedule.compute_rate(2.0) == 1.0


def test_the_rate_falls_on_a_plateau_and_stops_falling_at_the_least():
    options = ScheduleOptions(name="plateau", warmup=0, patience=2, factor=0.1, alpha=0.05)
    schedule = Schedule(options, rate=1.0, epochs=10)
    rates = []
    for score in (0.5, 0.6, 0.6, 0.5, 0.7, 0.7, 0.7):
        schedule.judge(score)
        rates.append(schedule.compute_rate(3))
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.05])
