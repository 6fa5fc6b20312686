"""What `pipeline.parts.Segmenter` promises, tested over every registered segmenter."""

import cv2
import numpy as np
import pytest
from fakes import make_frame
from tiny_models import save_tiny_keras, save_tiny_onnx

from rimlight.core.frame import Frame
from rimlight.models.catalog import Catalog
from rimlight.segmenters import SEGMENTERS

# Keras 3.15 reads TensorFlow's variables in a way that NumPy 2 will no longer allow.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def tiny_keras(tmp_path_factory):
    return save_tiny_keras(tmp_path_factory.mktemp("keras") / "tiny.keras")


@pytest.fixture(scope="module")
def tiny_onnx(tmp_path_factory):
    return save_tiny_onnx(tmp_path_factory.mktemp("onnx") / "tiny.onnx")


@pytest.fixture(params=SEGMENTERS.names())
def segmenter(request):
    cls = SEGMENTERS.load(request.param)
    if request.param == "instances":
        request.getfixturevalue("shared")
        opened = cls(*Catalog().resolve("yolov8n-seg"), cls.Options(confidence=0.6))
    elif request.param == "detector":
        opened = cls(*Catalog().resolve("blazeface"), cls.Options())
    elif request.param in ("tflite", "keras", "onnx"):
        tiny = request.param != "tflite"
        fixture = f"tiny_{request.param}"
        model = str(request.getfixturevalue(fixture)) if tiny else "selfie-landscape"
        opened = cls(*Catalog().resolve(model), cls.Options())
    else:
        opened = cls(cls.Options())
    yield opened
    opened.close()


def smooth_frame(seed, size=(320, 180)):
    """A picture without detail finer than the chroma of I420 can carry."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 8, 3), np.uint8)
    bgr = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    frame = make_frame(seed, size)
    return frame.with_bgr(bgr)


def as_i420(frame):
    stamp = {"index": frame.index, "pts": frame.pts, "captured_at": frame.captured_at}
    return Frame.from_i420(frame.i420, size=frame.size, **stamp)


def check_mask(mask):
    assert mask.scores.shape == (*mask.shape, len(mask.classes))
    assert mask.scores.min() >= 0 and mask.scores.max() <= 1
    assert set(mask.foreground) <= set(mask.classes)


@pytest.mark.parametrize("layout", ["bgr", "i420"])
@pytest.mark.parametrize("size", [(320, 180), (641, 361), (1, 48), (48, 1), (1, 1), (90, 200)])
def test_any_frame_gets_a_mask_of_scores_in_0_to_1(segmenter, size, layout):
    frame = make_frame(3, size)
    check_mask(segmenter.segment(frame if layout == "bgr" else as_i420(frame)))


def test_a_mask_does_not_change_when_later_frames_are_segmented(segmenter):
    first = segmenter.segment(smooth_frame(1))
    before = first.scores.copy()
    later = [segmenter.segment(smooth_frame(seed)) for seed in range(2, 6)]
    assert (first.scores == before).all()
    assert not any(np.shares_memory(first.data, mask.data) for mask in later)


def test_the_frame_is_not_changed(segmenter):
    frame = smooth_frame(1)
    before = frame.image.copy()
    segmenter.segment(frame)
    assert (frame.image == before).all()


def test_both_layouts_of_one_picture_give_nearly_the_same_mask(segmenter):
    frame = smooth_frame(4)
    given, converted = segmenter.segment(frame), segmenter.segment(as_i420(frame))
    assert np.abs(given.scores - converted.scores).mean() < 0.02


def test_the_same_frame_gives_the_same_mask_after_others(segmenter):
    first = segmenter.segment(smooth_frame(1)).scores
    segmenter.segment(make_frame(5, (90, 200)))
    assert np.allclose(segmenter.segment(smooth_frame(1)).scores, first, atol=1e-5)


def test_closing_twice_is_fine(segmenter):
    segmenter.close()
    segmenter.close()
