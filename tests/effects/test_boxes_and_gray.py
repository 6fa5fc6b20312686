import numpy as np
import pytest
from object_masks import seen
from scenes import as_i420, flat_frame, half_mask, make

from rimlight.core.errors import ConfigError
from rimlight.effects.boxes import BoxesEffect
from rimlight.effects.gray import GrayEffect

GRAY = (100, 100, 100)
DOG = seen(("dog", 10, 5, 30, 15))
"""In a grid of 40 by 20."""


@pytest.fixture(params=["bgr", "i420"])
def frame(request):
    flat = flat_frame(GRAY, (400, 200))
    return as_i420(flat) if request.param == "i420" else flat


def boxed(frame, mask=DOG, **options):
    plain = {"opacity": 0, "names": False, "scores": False}
    return make(BoxesEffect, **{**plain, **options}).apply(frame, mask).bgr.astype(int)


def changed(picture):
    return np.abs(picture - 100).max(axis=2) > 12


def test_a_box_is_drawn_round_its_object_and_nothing_else(frame):
    drawn = changed(boxed(frame))
    assert drawn[100, 100] and drawn[100, 299] and drawn[50, 200] and drawn[149, 200]
    assert not drawn[60:140, 110:290].any() and not drawn[:48].any() and not drawn[:, 302:].any()


def test_the_mask_is_painted_as_strongly_as_asked(frame):
    full = boxed(frame, opacity=1, boxes=False)[100, 200]
    half = boxed(frame, opacity=0.5, boxes=False)[100, 200]
    assert np.abs(half - (full + 100) / 2).max() < 4


def test_name_and_score_stand_above_the_box(frame):
    drawn = changed(boxed(frame, names=True, scores=True, boxes=False))
    assert drawn[36:48, 105:115].any() and not drawn[60:].any()


def test_a_name_stays_in_the_picture_where_there_is_no_room_above(frame):
    mask = seen(("dog", 30, 0, 40, 20))
    assert changed(boxed(frame, mask, names=True, boxes=False))[:12, 300:].any()


def test_a_number_decides_the_color(frame):
    first = boxed(frame, seen(("dog", 10, 5, 30, 15), ids=[3]))
    later = boxed(frame, seen(("person", 0, 0, 4, 4), ("dog", 10, 5, 30, 15), ids=[9, 3]))
    assert (first[100, 100] == later[100, 100]).all()


def test_only_named_classes_are_drawn_and_unknown_ones_are_refused(frame):
    assert not changed(boxed(frame, classes=("person",))).any()
    with pytest.raises(ConfigError, match="no class 'cow'"):
        boxed(frame, classes=("cow",))


def test_a_mask_without_objects_leaves_the_frame_as_it_is(frame):
    assert make(BoxesEffect).apply(frame, half_mask()) is frame


def test_only_the_background_loses_its_color():
    for given in (
        flat_frame((200, 60, 60), (64, 48)),
        as_i420(flat_frame((200, 60, 60), (64, 48))),
    ):
        made = make(GrayEffect).apply(given, half_mask()).bgr.astype(int)
        left, right = made[24, 8], made[24, 56]
        person, room = (left, right) if np.ptp(left) > np.ptp(right) else (right, left)
        assert np.abs(person - (200, 60, 60)).max() < 6
        assert np.ptp(room) <= 3
