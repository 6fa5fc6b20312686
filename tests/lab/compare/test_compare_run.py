"""Contenders here are small scripts in processes of their own, as the real ones are."""

import sys
from contextlib import closing, suppress
from fractions import Fraction

import cv2
import numpy as np
import pytest

from rimlight.core.errors import ConfigError, RimlightError
from rimlight.core.frame import Frame
from rimlight.lab.compare.moments import MAX_MOMENTS, Moments
from rimlight.lab.compare.run import Comparison, open_workers
from rimlight.lab.compare.worker import Contender, Worker
from rimlight.lab.evaluation.datasets import Sample

BRIGHT = "answer('1', lambda frame, head: frame[..., 0] > 127)"
NOTHING = "answer('1', lambda frame, head: np.zeros(frame.shape[:2]))"
CHATTY = "print('loading')\n" + BRIGHT
FAILING = """
def segment(frame, head):
    raise ValueError("no such weights")

answer('1', segment)
"""


def contender(script=BRIGHT, name="bright", python=sys.executable):
    return Contender(name, python, script, {}, "install it")


def make_frame(index=0):
    image = np.zeros((48, 64, 3), np.uint8)
    cv2.circle(image, (16 + index, 24), 10, (255, 255, 255), -1)
    return Frame.from_bgr(image, index=index, pts=Fraction(index, 30), captured_at=0.0)


class Clip:
    """A bright disc that walks to the right; its truth is not told."""

    name, scheme, size = "clip", None, (64, 48)
    rate, count = Fraction(30), 20

    def __init__(self, stop_at=None):
        self._stop_at = stop_at

    def __iter__(self):
        for index in range(self.count):
            if index == self._stop_at:
                raise KeyboardInterrupt
            yield Sample(make_frame(index))


def compare(contenders, data):
    with open_workers(contenders) as workers:
        comparison = Comparison(data, workers)
        with suppress(KeyboardInterrupt):
            comparison.run(lambda data: None)
        return comparison


def test_a_worker_answers_with_the_alpha_and_its_costs():
    with closing(Worker(contender(CHATTY))) as worker:
        answer = worker.segment(make_frame(), is_new=True)
    assert ((answer.alpha > 0.5) == (make_frame().bgr[..., 0] > 127)).all()
    assert answer.cpu_ms >= 0 and answer.wall_ms > 0


def test_a_contender_that_fails_is_named_with_its_reason():
    why = "brittle failed: ValueError: no such weights"
    with (
        closing(Worker(contender(FAILING, "brittle"))) as worker,
        pytest.raises(RimlightError, match=why) as error,
    ):
        worker.segment(make_frame(), is_new=True)
    assert error.value.hint == "install it"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (contender("import nowhere_to_be_found"), "No module named 'nowhere_to_be_found'"),
        (contender(python="/nowhere/python"), "cannot start /nowhere/python"),
    ],
)
def test_what_does_not_start_is_told_with_a_hint(wrong, says):
    with pytest.raises(RimlightError, match=says) as error:
        Worker(wrong)
    assert error.value.hint == "install it"


def test_contenders_are_measured_on_the_same_frames():
    comparison = compare([contender(), contender(NOTHING, "nothing")], Clip())
    bright, nothing = comparison.results()
    assert bright.figures["pictures"] == nothing.figures["pictures"] == 20
    assert bright.figures["edge_stability"] > 0.9 and nothing.figures["flicker"] == 0
    assert list(next(iter(comparison.moments)).panels) == ["image", "bright", "nothing"]


def test_what_was_measured_before_an_interruption_counts():
    comparison = compare([contender()], Clip(stop_at=7))
    assert comparison.results()[0].figures["pictures"] == comparison.count == 7


def test_two_contenders_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="different names"), open_workers([contender()] * 2):
        pass


def test_a_long_video_keeps_few_frames_and_the_one_that_differs_most():
    moments = Moments()
    image, none = make_frame().bgr, np.zeros((48, 64), np.float32)
    for index in range(1000):
        other = none + np.float32(index == 613)
        moments.add(str(index), image, {"one": none, "other": other})
    kept = [moment.name for moment in moments]
    assert "613" in kept and len(kept) <= MAX_MOMENTS
    assert kept == sorted(kept, key=int) and int(kept[-1]) > 800
