"""Detections decoded and merged, and the shipped face detector on real pictures."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import load_card
from rimlight.imaging.geometry import Rect
from rimlight.segmenters.detection_decoders import decode_anchors, make_anchor_centers
from rimlight.segmenters.detections import Detections, drop_letterbox, suppress_duplicates
from rimlight.segmenters.detector import DetectorSegmenter, draw_mask, split_into_squares
from rimlight.system import app_paths

MODELS = app_paths.find_data_folder("models")
CARD = load_card(MODELS / "blazeface.yaml")
MODEL = MODELS / CARD.files[0].file


def found(*boxes, scores=None, classes=None):
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores or [0.9 - 0.1 * n for n in range(count)], np.float32),
        np.array(classes or [0] * count, np.intp),
    )


@pytest.fixture(scope="module")
def portrait():
    clip = app_paths.find_data_folder("samples") / "portrait.mp4"
    with av.open(str(clip)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="bgr24")
    return make_frame(0, picture.shape[1::-1]).with_bgr(picture)


@pytest.fixture
def detector():
    opened = DetectorSegmenter(CARD, MODEL, DetectorSegmenter.Options(threads=1))
    yield opened
    opened.close()


def test_anchors_lie_at_the_centers_of_their_cells_one_grid_after_the_other():
    centers = make_anchor_centers([(2, 1), (1, 2)])
    assert centers.tolist() == [
        [0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75], [0.5, 0.5], [0.5, 0.5],
    ]  # fmt: skip


def test_a_box_is_decoded_from_its_anchor_in_shares_of_the_input():
    values = np.array([[0, 0, 10, 10, 7], [10, -20, 40, 20, 7]], np.float32)
    logits = np.array([[-3], [2]], np.float32)
    boxes = decode_anchors(
        values, logits, np.array([[0.1, 0.1], [0.5, 0.5]], np.float32), size=(100, 200),
        confidence=0.5,
    )  # fmt: skip
    assert boxes.scores.tolist() == pytest.approx([1 / (1 + np.exp(-2))])
    assert boxes.boxes[0].tolist() == pytest.approx([0.4, 0.35, 0.8, 0.45])


def test_the_bars_of_a_letterbox_are_taken_off():
    got = drop_letterbox(found([0.5, 0.5, 0.75, 0.625]), Rect(0, 48, 192, 96), (192, 192))
    assert got.boxes[0].tolist() == pytest.approx([0.5, 0.5, 0.75, 0.75])


def test_of_boxes_of_one_object_the_surest_is_kept():
    boxes = found([0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], scores=[0.6, 0.8, 0.7])
    kept = suppress_duplicates(boxes, iou_threshold=0.3, limit=10)
    assert kept.boxes[:, 0].tolist() == [1, 20]


def test_a_part_of_an_object_that_a_tile_saw_is_its_duplicate():
    boxes = found([0, 0, 40, 40], [5, 5, 15, 15])
    assert len(suppress_duplicates(boxes, iou_threshold=0.3, limit=10)) == 1


def test_boxes_of_two_classes_at_one_place_are_both_kept():
    boxes = found([0, 0, 10, 10], [0, 0, 10, 10], classes=[0, 1])
    assert len(suppress_duplicates(boxes, iou_threshold=0.3, limit=10)) == 2


@pytest.mark.parametrize("size", [(768, 432), (433, 767), (1920, 1081)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_tiles_are_even_squares_that_cover_the_frame(size, count):
    seen = np.zeros(size[::-1], bool)
    for left, top, right, bottom in split_into_squares(size, count):
        assert right - left == bottom - top and not (left % 2 or top % 2 or right % 2)
        seen[top:bottom, left:right] = True
    assert seen[:-1, :-1].all()


def test_a_square_frame_has_no_tile_of_its_own_size():
    assert not list(split_into_squares((400, 400), 1))


def test_the_shape_of_a_face_reaches_beyond_its_box_and_stays_within_the_frame():
    mask = draw_mask(found([0.0, 0.0, 0.2, 0.2]), ("face",), (960, 480))
    covered = mask.alpha(["face"])
    assert covered.shape == (480, 960)
    assert covered[2:94, 2:190].all() and not covered[150:].any() and not covered[:, 260:].any()


def test_the_face_of_the_sample_is_found_where_it_is(detector, portrait):
    boxes = detector.detect(portrait)
    assert len(boxes) == 1 and boxes.scores[0] > 0.7
    left, top, right, bottom = boxes.boxes[0] * [960, 540, 960, 540]
    assert 30 < right - left < 400 and 0 < top < bottom < 540


def test_a_distant_face_is_found_in_tiles_only(portrait):
    far = np.full((1080, 1920, 3), 128, np.uint8)
    near = cv2.resize(portrait.bgr, (192, 108), interpolation=cv2.INTER_AREA)
    far[400:508, 1500:1692] = near
    frame = make_frame(0, (1920, 1080)).with_bgr(far)
    counts = []
    for tiles in (0, 4):
        options = DetectorSegmenter.Options(tiles=tiles, threads=1)
        segmenter = DetectorSegmenter(CARD, MODEL, options)
        counts.append(len(segmenter.detect(frame)))
        segmenter.close()
    assert counts == [0, 1]


def test_i420_and_bgr_frames_give_the_same_boxes(detector, portrait):
    stamp = {"index": 0, "pts": portrait.pts, "captured_at": 0.0}
    planar = type(portrait).from_i420(portrait.i420, size=portrait.size, **stamp)
    one, other = detector.detect(portrait).boxes, detector.detect(planar).boxes
    assert np.abs(one - other).max() < 0.01


def test_a_file_that_is_not_what_the_card_says_is_refused():
    other = MODELS / "selfie_segmentation.tflite"
    with pytest.raises(ModelFormatError, match="blazeface"):
        DetectorSegmenter(CARD, Path(other), DetectorSegmenter.Options())


def test_anchors_that_the_file_does_not_have_are_refused(portrait):
    output = CARD.output.model_copy(update={"anchors": ((16, 2), (8, 6))})
    card = CARD.model_copy(update={"output": output})
    segmenter = DetectorSegmenter(card, MODEL, DetectorSegmenter.Options())
    with pytest.raises(ModelFormatError, match="896 anchors"):
        segmenter.detect(portrait)
    segmenter.close()
