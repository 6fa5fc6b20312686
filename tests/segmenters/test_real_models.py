"""The shipped and the pulled models on labeled photographs: what the cards say is true."""

import cv2
import numpy as np
import pytest
from labeled import as_frame, at_size, labeled, set_iou

from rimlight.imaging.image_files.read import read_image
from rimlight.lab.evaluation.files import find_pairs, read_mask
from rimlight.lab.evaluation.labels import CAMVID as CAMVID_SCHEME
from rimlight.lab.evaluation.labels import COMMA10K, VOID
from rimlight.models.catalog import Catalog
from rimlight.segmenters import SEGMENTERS
from rimlight.segmenters.tflite import TfliteSegmenter

# CamVid's ids and the Cityscapes classes that mean the same.
CAMVID = {0: "sky", 1: "building", 3: "road", 8: "car"}


def opened(name):
    card, file = Catalog().resolve(name)
    cls = SEGMENTERS.load(card.runtime)
    return cls(card, file, cls.Options(threads=1))


def person_iou(segmenter, pictures, layout):
    return set_iou(
        (at_size(segmenter.segment(as_frame(bgr, layout)).alpha(("person",)), truth), truth > 127)
        for bgr, truth in pictures
    )


@pytest.mark.parametrize("layout", ["bgr", "i420"])
@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("selfie", 0.9),
        ("selfie-landscape", 0.91),
        ("deeplab-voc", 0.85),
        ("selfie-multiclass", 0.9),
    ],
)
def test_people_are_found_in_portraits(shared, name, at_least, layout):
    pictures = labeled(
        shared / "data" / "portraits", 20 if name.endswith(("selfie", "landscape")) else 12
    )
    assert person_iou(opened(name), pictures, layout) > at_least


@pytest.mark.slow
def test_selfie_reaches_its_known_iou_on_all_portraits(shared):
    pictures = labeled(shared / "data" / "portraits")
    assert person_iou(opened("selfie"), pictures, "bgr") > 0.87


def test_the_small_multiclass_model_agrees_with_the_original(shared):
    card, file = Catalog().resolve("selfie-multiclass")
    options = SEGMENTERS.load("tflite").Options(threads=1)
    original = shared / "models" / "selfie_multiclass_256x256.tflite"
    small, large = (TfliteSegmenter(card, one, options) for one in (file, original))
    for bgr, _ in labeled(shared / "data" / "portraits", 6):
        one, other = (model.segment(as_frame(bgr)).alpha() > 0.5 for model in (small, large))
        assert (one & other).sum() / (one | other).sum() > 0.98


def test_the_multiclass_model_finds_nobody_in_empty_rooms(shared):
    segmenter = opened("selfie-multiclass")
    rooms = sorted((shared / "data" / "free-empty").rglob("*.jpg"))[::120]
    found = [segmenter.segment(as_frame(cv2.imread(str(path)))).alpha() for path in rooms]
    assert np.median(np.array(found)) == 0 and np.mean(np.array(found) > 0.5) < 0.001


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_cityscapes_finds_the_classes_of_a_street(shared, layout):
    segmenter = opened("cityscapes")
    pictures = list(labeled(shared / "data" / "camvid" / "val"))[::12]
    found = [(segmenter.segment(as_frame(bgr, layout)), truth) for bgr, truth in pictures]
    iou = {
        name: set_iou(
            ((at_size(mask.alpha((name,)), truth) & (truth != 11)), truth == number)
            for mask, truth in found
        )
        for number, name in CAMVID.items()
    }
    assert iou["road"] > 0.8 and iou["sky"] > 0.85 and iou["building"] > 0.65 and iou["car"] > 0.65


def road_iou(model, folder, scheme, *, step=1):
    """Of road and marks together; pixels that nobody is asked about do not count."""
    sums = np.zeros(2, int)
    wanted = [scheme.classes.index(name) for name in ("road", "lane") if name in scheme.classes]
    for pair in find_pairs(folder)[::step]:
        truth = scheme.decode(read_mask(pair.mask))
        mask = model.segment(as_frame(read_image(pair.image)[0], "bgr"))
        scores = cv2.resize(mask.scores, truth.shape[::-1])
        found = np.isin(scores.argmax(2), [1, 3]) & (truth != VOID)
        there = np.isin(truth, wanted)
        sums += (found & there).sum(), (found | there).sum()
    return sums[0] / sums[1]


def test_road_lite_keeps_its_bars(shared):
    model, data = opened("road-lite"), shared / "data"
    assert road_iou(model, data / "camvid" / "val", CAMVID_SCHEME, step=5) > 0.9
    assert road_iou(model, data / "comma10k", COMMA10K) > 0.8


def test_the_video_clip_of_a_woman_at_a_desk_shows_one_person(shared):
    capture = cv2.VideoCapture(str(shared / "clips" / "desk-540p.mp4"))
    picture = capture.read()[1]
    capture.release()
    person = opened("selfie-landscape").segment(as_frame(picture, "i420")).alpha() > 0.5
    count, _, stats, _ = cv2.connectedComponentsWithStats(person.astype(np.uint8))
    assert count >= 2 and 0.1 < person.mean() < 0.7
    assert stats[1:, cv2.CC_STAT_AREA].max() > 0.9 * person.sum()
