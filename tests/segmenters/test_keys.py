"""The two segmenters without a model: chroma key and threshold."""

import cv2
import numpy as np
import pytest
from labeled import as_frame

from rimlight.core.errors import ConfigError
from rimlight.core.options import validate
from rimlight.segmenters.chroma import ChromaSegmenter
from rimlight.segmenters.threshold import ThresholdSegmenter

SKIN, GRAY, WHITE, BLACK = (140, 170, 220), (128, 128, 128), (255, 255, 255), (0, 0, 0)
GREENS = [(0, 255, 0), (64, 160, 32), (70, 200, 90), (20, 80, 15)]


def disc(front, back, size=(320, 240)):
    """A disc of one color before another, and where it is."""
    truth = np.zeros((size[1], size[0]), np.uint8)
    cv2.circle(truth, (size[0] // 2, size[1] // 2), size[1] // 4, 255, -1)
    return np.where(truth[..., None] > 0, np.uint8(front), np.uint8(back)), truth > 0


def keyed(picture, layout="i420", **options):
    mask = ChromaSegmenter(ChromaSegmenter.Options(**options)).segment(as_frame(picture, layout))
    return cv2.resize(mask.alpha(), picture.shape[1::-1])


def bright(level, **options):
    picture = np.full((40, 60, 3), level, np.uint8)
    mask = ThresholdSegmenter(ThresholdSegmenter.Options(**options)).segment(as_frame(picture))
    return float(mask.scores.mean())


@pytest.mark.parametrize("layout", ["bgr", "i420"])
@pytest.mark.parametrize("front", [SKIN, GRAY, WHITE, BLACK])
def test_what_is_not_green_is_the_person(front, layout):
    picture, truth = disc(front, (0, 255, 0))
    alpha = keyed(picture, layout) > 0.5
    assert np.mean(alpha == truth) > 0.99


@pytest.mark.parametrize("green", GREENS)
def test_uneven_light_on_the_screen_is_still_screen(green):
    picture, truth = disc(SKIN, green)
    assert np.mean((keyed(picture, tolerance=0.85, softness=0.1) > 0.5) == truth) > 0.98


def test_the_screen_may_have_another_color():
    picture, truth = disc((0, 255, 0), (255, 0, 0))
    assert np.mean((keyed(picture, color="#0000ff") > 0.5) == truth) > 0.99


@pytest.mark.parametrize("color", ["#808080", "#ffffff", "#000000"])
def test_gray_is_no_key(color):
    with pytest.raises(ConfigError, match="too little color"):
        validate(ChromaSegmenter.Options, {"color": color}, where="segmenter")


def test_a_color_must_be_hexadecimal():
    with pytest.raises(ConfigError, match="color"):
        validate(ChromaSegmenter.Options, {"color": "green"}, where="segmenter")


def test_a_large_frame_is_keyed_at_a_smaller_size_of_the_same_shape():
    segmenter = ChromaSegmenter(ChromaSegmenter.Options(longest_px=160))
    assert segmenter.segment(as_frame(disc(SKIN, GRAY, (640, 360))[0])).shape == (90, 160)


def test_brightness_rises_from_low_to_high():
    assert [bright(n, low=100, high=200) for n in (50, 100, 150, 200, 250)] == pytest.approx(
        [0, 0, 0.5, 1, 1], abs=1e-3
    )


def test_inverted_the_dark_is_the_person():
    assert bright(20, invert=True) == 1 and bright(240, invert=True) == 0


def test_low_must_be_below_high():
    with pytest.raises(ConfigError, match="low must be below high"):
        validate(ThresholdSegmenter.Options, {"low": 200, "high": 100}, where="segmenter")
