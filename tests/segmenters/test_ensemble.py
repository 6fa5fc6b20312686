"""Who was seen surely by one look is not taken away by another."""

import numpy as np
import pytest
from scenes import as_i420, flat_frame

from rimlight.core.frame import Mask
from rimlight.segmenters.ensemble import EnsembleSegmenter, resolve_disagreement
from rimlight.segmenters.roi import REFRESH_INTERVAL, RoiSegmenter


def scores(*boxes, shape=(90, 160)):
    """Scores with (left, top, right, bottom, score) boxes in 0.02."""
    made = np.full((*shape, 1), 0.02, np.float32)
    for left, top, right, bottom, score in boxes:
        made[top:bottom, left:right] = score
    return made


def test_a_person_whom_one_look_gives_up_stays():
    sure, other = scores((40, 20, 80, 80, 0.9)), scores((100, 30, 120, 50, 0.8))
    made = resolve_disagreement(other, sure)
    assert (made[20:80, 40:80] == np.float32(0.9)).all()
    assert (made[30:50, 100:120] == np.float32(0.8)).all()
    assert made.max() < 1 and made[0, 0] == np.float32(0.02)


@pytest.mark.parametrize(
    "sure",
    [
        scores((40, 20, 48, 28, 0.9)),  # small
        scores((40, 0, 42, 90, 0.95)),  # a rim
        scores((40, 20, 80, 80, 0.55)),  # not sure
        scores(),
    ],
)
def test_what_is_small_thin_or_unsure_is_left_to_the_closer_look(sure):
    seen = scores((100, 30, 120, 50, 0.8))
    assert resolve_disagreement(seen, sure) is seen


def test_a_room_that_one_look_half_takes_for_a_person_goes():
    seen, sure = scores((0, 0, 100, 90, 0.55)), scores((100, 20, 130, 80, 0.95))
    made = resolve_disagreement(seen, sure)
    assert made[:, :100].max() < 0.05 and made[30, 110] > 0.9


@pytest.mark.parametrize(
    ("score", "whole"), [(0.8, 0.02), (0.7, 0.35)], ids=["surely seen", "both unsure"]
)
def test_what_a_closer_look_finds_more_stays(score, whole):
    seen = scores((0, 0, 100, 90, score))
    assert resolve_disagreement(seen, np.full_like(seen, whole)) is seen


def test_looks_that_agree_stay_as_they_are():
    seen = scores((40, 20, 80, 80, 0.7))
    assert resolve_disagreement(seen, scores((40, 20, 81, 80, 0.99))) is seen


class Eyes:
    """A model that finds the bright part of a picture, in frames of some sizes only."""

    def __init__(self, sees):
        self.sees, self.looks = sees, []

    def segment(self, frame):
        self.looks.append(frame.size)
        gray = frame.bgr[..., 1].astype(np.float32) / 255
        small = gray[:: max(1, frame.size[1] // 90), :: max(1, frame.size[0] // 160)]
        found = np.where(small > 0.5, 0.95, 0.02) if self.sees(frame.size) else small * 0
        return Mask(found[..., None].astype(np.float32), ("person",))

    def close(self): ...


SIZE = (320, 180)


def scene(index=0):
    image = np.full((180, 320, 3), 30, np.uint8)
    image[40:180, 110:210] = 220
    return flat_frame(size=SIZE, index=index, pts=index / 30).with_bgr(image)


def found(mask):
    rows, columns = mask.shape
    return float(
        mask.alpha()[
            int(rows * 0.3) : int(rows * 0.95), int(columns * 0.4) : int(columns * 0.6)
        ].mean()
    )


@pytest.mark.parametrize("layout", [lambda frame: frame, as_i420], ids=["bgr", "i420"])
def test_a_second_model_that_sees_nobody_does_not_veto_the_first(layout):
    one, blind = Eyes(lambda _: True), Eyes(lambda _: False)
    segmenter = RoiSegmenter(EnsembleSegmenter([blind, one]), lambda size: one)
    assert found(segmenter.segment(layout(scene()))) > 0.9


def test_a_closer_look_that_loses_the_person_does_not_replace_the_whole():
    far = Eyes(lambda size: size == SIZE)
    segmenter = RoiSegmenter(far, lambda size: far)
    masks = [segmenter.segment(scene(index)) for index in range(2 * REFRESH_INTERVAL)]
    assert min(map(found, masks)) > 0.9


def test_a_stream_whose_closer_looks_are_good_is_looked_at_closer():
    good = Eyes(lambda size: True)
    segmenter = RoiSegmenter(good, lambda size: good)
    for index in range(5):
        segmenter.segment(scene(index))
    assert SIZE not in good.looks[-3:]
