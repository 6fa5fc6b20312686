from fractions import Fraction

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.frame import Frame, Mask
from rimlight.imaging.color import ColorSpace


def test_i420_of_a_bgr_frame_comes_back_nearly_the_same():
    frame = make_frame(5, (64, 48))
    again = Frame.from_i420(frame.i420, size=(64, 48), index=5, pts=frame.pts, captured_at=0.0)
    assert np.abs(again.bgr.astype(int) - frame.bgr).max() <= 6


@pytest.mark.parametrize("size", [(641, 361), (1, 37), (2, 1), (1, 1)])
def test_odd_sizes_keep_their_size_and_pad_i420(size):
    frame = make_frame(3, size)
    width, height = size
    assert frame.i420.shape == ((height + height % 2) * 3 // 2, width + width % 2)
    again = frame.with_i420(frame.i420)
    assert again.size == size and again.bgr.shape == (height, width, 3)


def test_a_conversion_is_made_once():
    frame = make_frame()
    assert frame.i420 is frame.i420
    assert frame.bgr is frame.image


def test_a_frame_says_what_it_expected():
    with pytest.raises(TypeError, match="must be uint8, got float32"):
        Frame.from_bgr(np.zeros((4, 4, 3), np.float32), index=0, pts=Fraction(0), captured_at=0.0)
    with pytest.raises(ValueError, match=r"must be \(6, 4\), got \(4, 4\)"):
        Frame.from_i420(
            np.zeros((4, 4), np.uint8), size=(4, 4), index=0, pts=Fraction(0), captured_at=0.0
        )


def test_alpha_must_cover_the_picture():
    with pytest.raises(ValueError, match="alpha"):
        make_frame(0, (8, 6)).with_alpha(np.zeros((6, 9), np.uint8))


def test_a_full_range_frame_keeps_its_white():
    frame = make_frame(0, (4, 4))
    white = Frame(
        image=np.repeat(np.array([255] * 4 + [128] * 2, np.uint8), 4).reshape(6, 4),
        layout="i420",
        size=(4, 4),
        index=0,
        pts=frame.pts,
        captured_at=0.0,
        color=ColorSpace("bt709", full_range=True),
    )
    assert white.bgr.min() >= 254


def test_labels_and_scores_are_two_views_of_one_mask():
    labels = np.array([[0, 2], [1, 1]], np.uint8)
    mask = Mask.from_labels(labels, ("road", "car", "sky"), foreground=("car",))
    assert (mask.scores.argmax(axis=2) == labels).all()
    assert mask.alpha().tolist() == [[0, 0], [1, 1]]
    assert mask.alpha(("road", "sky")).tolist() == [[1, 1], [0, 0]]


def test_alpha_of_several_classes_adds_up_to_one_at_most():
    scores = np.full((2, 2, 3), 0.6, np.float32)
    mask = Mask(scores, ("a", "b", "c"), foreground=("a", "b"))
    assert mask.alpha().max() == 1
    assert mask.alpha(("c",))[0, 0] == np.float32(0.6)


def test_an_unknown_class_is_named_with_the_known_ones():
    mask = Mask(np.zeros((2, 2, 1), np.float32), ("person",))
    with pytest.raises(KeyError, match="no class 'dog'; this mask has person"):
        mask.alpha(("dog",))


@pytest.mark.parametrize(
    "given", [np.zeros((2, 2, 3), np.float32), np.zeros((2, 2), np.float32), np.zeros(4, np.uint8)]
)
def test_a_mask_refuses_what_does_not_fit_its_classes(given):
    with pytest.raises(ValueError, match="a mask must be"):
        Mask(given, ("person",))


def test_the_alpha_range_of_a_mask_must_rise():
    with pytest.raises(ValueError, match="alpha_range must rise"):
        Mask(np.zeros((2, 2, 1), np.float32), ("person",), alpha_range=(0.7, 0.3))
