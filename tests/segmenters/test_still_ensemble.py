"""Single pictures are looked at by a second model as well; frames of a video are not."""

from fractions import Fraction

import numpy as np
import pytest

from rimlight.core.config import SegmenterConfig
from rimlight.core.frame import Frame, Mask
from rimlight.factory.segmenter import open_segmenter
from rimlight.segmenters.still_ensemble import StillEnsembleSegmenter


class Constant:
    """Finds a person of one score in the middle of whatever it sees; counts its looks."""

    def __init__(self, score):
        self.score, self.looks, self.closed = score, 0, False

    def segment(self, frame):
        self.looks += 1
        scores = np.zeros((40, 60, 1), np.float32)
        scores[10:30, 20:40] = self.score
        return Mask(scores, ("person",))

    def close(self):
        self.closed = True


def make_frame(name=""):
    picture = np.full((80, 120, 3), 90, np.uint8)
    return Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=0, name=name)


def test_a_picture_gets_a_third_of_each_look():
    first, larger = Constant(0.6), Constant(0.9)
    both = StillEnsembleSegmenter(first, lambda: larger)
    alpha = both.segment(make_frame("a.jpg")).alpha()
    assert larger.looks == 3
    assert alpha[20, 30] == pytest.approx((0.6 + 0.9 + 0.9) / 3, abs=0.01)
    assert alpha[2, 2] == 0
    both.close()
    assert first.closed and larger.closed


def test_frames_of_a_video_never_open_the_larger_model():
    opened = []
    both = StillEnsembleSegmenter(Constant(0.6), lambda: opened.append(1) or Constant(0.9))
    assert both.segment(make_frame()).alpha()[20, 30] == np.float32(0.6)
    both.close()
    assert not opened


def test_where_nobody_is_only_the_whole_is_looked_at():
    larger = Constant(0.0)
    both = StillEnsembleSegmenter(Constant(0.0), lambda: larger)
    assert not both.segment(make_frame("a.jpg")).alpha().any()
    assert larger.looks == 2


def test_an_odd_picture_with_the_shipped_models_gets_a_finite_mask():
    picture = np.random.default_rng(0).integers(0, 255, (75, 113, 3)).astype(np.uint8)
    frame = Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=0, name="noise.png")
    segmenter = open_segmenter(SegmenterConfig(kind="model", model="auto", roi="multi"))
    assert segmenter.segment(frame).is_finite
    segmenter.close()
