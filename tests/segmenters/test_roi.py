from fractions import Fraction

import cv2
import numpy as np
import pytest
from labeled import as_frame, at_size, labeled, set_iou

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.factory.segmenter import open_segmenter
from rimlight.segmenters.ensemble import EnsembleSegmenter
from rimlight.segmenters.roi import REFRESH_INTERVAL, RoiSegmenter

SIZE = (320, 180)


class BrightIsPerson:
    """Looks at a small copy of the frame; remembers the sizes of what it was shown."""

    def __init__(self, side=64, classes=("person",)):
        self.seen, self.side, self.classes, self.closed = [], side, classes, 0

    def segment(self, frame):
        self.seen.append(frame.size)
        small = cv2.resize(frame.bgr[..., 1], (self.side, self.side)) / np.float32(255)
        scores = np.repeat(small[..., None], len(self.classes), axis=2)
        return Mask(scores, self.classes, foreground=self.classes[:1])

    def close(self):
        self.closed += 1


def scene(*boxes, index=0, layout="bgr", size=SIZE):
    """A dark frame with white boxes (left, top, right, bottom)."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, right, bottom in boxes:
        picture[top:bottom, left:right] = 255
    frame = Frame.from_bgr(picture, index=index, pts=Fraction(index, 30), captured_at=0.0)
    return frame if layout == "bgr" else frame.with_i420(frame.i420)


def follower(model=None, **options):
    model = model or BrightIsPerson()
    return RoiSegmenter(model, lambda _: model, **options), model


def solid(mask, size=SIZE):
    return cv2.resize(mask.alpha(), size) >= 0.5


def truth(*boxes, size=SIZE):
    return scene(*boxes, size=size).bgr[..., 1] > 0


SMALL = (100, 60, 140, 120)


@pytest.mark.parametrize("layout", ["bgr", "i420"])
@pytest.mark.parametrize("size", [SIZE, (321, 181)], ids=["even", "odd"])
def test_what_was_seen_closer_stands_in_its_place(layout, size):
    segmenter, model = follower()
    box = (101, 61, 140, size[1])
    made = solid(segmenter.segment(scene(box, layout=layout, size=size)), size)
    assert len(model.seen) == 2 and model.seen[1] < size
    assert set_iou([(made, truth(box, size=size))]) > 0.95


def test_a_closer_look_is_finer_than_the_whole():
    segmenter, model = follower(BrightIsPerson(side=12))
    box = (107, 64, 143, 111)
    whole = set_iou([(solid(model.segment(scene(box))), truth(box))])
    closer = set_iou([(solid(segmenter.segment(scene(box))), truth(box))])
    assert closer > whole + 0.03


def test_after_the_first_frame_only_the_part_is_looked_at():
    segmenter, model = follower()
    for index in range(5):
        segmenter.segment(scene(SMALL, index=index))
    assert len(model.seen) == 2 + 4 and SIZE not in model.seen[1:]


def test_the_part_stays_while_the_person_stays_within():
    segmenter, _ = follower()
    parts = []
    for index in range(8):
        segmenter.segment(scene((100 + index % 2, 60, 140 + index % 2, 120), index=index))
        parts.append(segmenter._tracker.roi)
    assert len(set(parts)) == 1


def test_a_person_who_walks_is_followed():
    segmenter, _ = follower()
    for index in range(30):
        box = (40 + 6 * index, 60, 80 + 6 * index, 120)
        made = solid(segmenter.segment(scene(box, index=index)))
        assert set_iou([(made, truth(box))]) > 0.8


def test_a_second_person_is_found_within_ten_frames():
    segmenter, _ = follower()
    both = (SMALL, (260, 60, 300, 120))
    for index in range(REFRESH_INTERVAL + 2):
        made = solid(segmenter.segment(scene(*(both if index else both[:1]), index=index)))
    assert set_iou([(made, truth(*both))]) > 0.8


def test_when_the_person_leaves_the_mask_is_empty_and_the_whole_is_watched():
    segmenter, model = follower()
    segmenter.segment(scene(SMALL))
    made = segmenter.segment(scene(index=1))
    assert made.alpha().max() == 0 and model.seen[-1] == SIZE


def test_people_who_fill_the_frame_are_not_looked_at_closer():
    segmenter, model = follower()
    for index in range(4):
        segmenter.segment(scene((10, 5, 310, 180), index=index))
    assert model.seen[2:] == [SIZE] * 3


def test_every_single_picture_gets_two_looks():
    segmenter, model = follower()
    for _ in range(3):
        segmenter.segment(scene(SMALL))
    assert [size == SIZE for size in model.seen] == [True, False] * 3


def test_a_model_of_several_classes_cannot_look_closer():
    segmenter, _ = follower(BrightIsPerson(classes=("road", "car")))
    with pytest.raises(ConfigError, match="2 classes"):
        segmenter.segment(scene(SMALL))


def test_an_average_is_the_mean_at_the_larger_size():
    made = EnsembleSegmenter([BrightIsPerson(64), BrightIsPerson(32)]).segment(scene(SMALL))
    assert made.shape == (64, 64)
    assert np.abs(solid(made).astype(int) - truth(SMALL)).mean() < 0.02


def test_a_mirrored_view_counts_in_its_own_place():
    segmenter = EnsembleSegmenter([BrightIsPerson()], flip_tta=True)
    assert set_iou([(solid(segmenter.segment(scene(SMALL))), truth(SMALL))]) > 0.9


def test_an_average_of_different_classes_is_refused():
    models = [BrightIsPerson(), BrightIsPerson(classes=("car",))]
    with pytest.raises(ConfigError, match="same classes"):
        EnsembleSegmenter(models).segment(scene())


def test_closing_closes_every_model_once_for_each_call():
    models = [BrightIsPerson(), BrightIsPerson()]
    RoiSegmenter(EnsembleSegmenter(models), lambda _: models[0]).close()
    assert [model.closed for model in models] == [1, 1]


@pytest.mark.parametrize("roi", ["track", pytest.param("multi", marks=pytest.mark.slow)])
def test_real_models_see_people_better_by_looking_closer(shared, roi):
    def measured(model="auto", **options):
        part = SegmenterConfig(kind="model", model=model, **options)
        segmenter = open_segmenter(part, (16, 9))
        shares = [
            set_iou([(at_size(segmenter.segment(as_frame(picture)).alpha(), mask), mask > 127)])
            for picture, mask in labeled(shared / "data" / "portraits", 12)
        ]
        segmenter.close()
        return np.mean(shares)

    assert measured(roi=roi) > measured("selfie") + 0.005
