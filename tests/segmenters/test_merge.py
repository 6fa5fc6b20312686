"""Two models at once, on fakes that give a mask each, and on the real pair."""

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Instances, Mask
from rimlight.factory.segmenter import (
    check_segmenter,
    open_segmenter,
    read_palette,
    split_model_names,
)
from rimlight.segmenters.merge import MergedSegmenter

ROAD = ("background", "road", "mark")
STREET = ("road", "building", "car")


class Gives:
    """Gives the same mask for every frame, and counts."""

    def __init__(self, mask):
        self.mask, self.asked, self.closed = mask, 0, False

    def segment(self, frame):
        self.asked += 1
        return self.mask

    def close(self):
        self.closed = True


def labels(rows, classes):
    return Mask.from_labels(np.array(rows, np.uint8), classes, foreground=classes[1:2])


def joined(first, second):
    return MergedSegmenter(Gives(first), Gives(second)).segment(make_frame())


def names(mask):
    return [[mask.classes[number] for number in row] for row in mask.labels.tolist()]


def test_the_first_decides_over_the_ground_and_what_moves_covers_it():
    first = labels([[0, 1, 2], [0, 1, 2]], ROAD)
    second = labels([[1, 1, 1], [2, 2, 2]], STREET)
    assert names(joined(first, second)) == [["building", "road", "mark"], ["car", "car", "car"]]


def test_a_vehicle_needs_a_doubt_of_the_first_model_a_person_does_not():
    scores = np.zeros((1, 4, 3), np.float32)
    scores[..., 1], scores[..., 0] = [[0.9, 0.7, 0.9, 0.7]], [[0.1, 0.3, 0.1, 0.3]]
    second = labels([[0, 0, 1, 1]], ("car", "person"))
    assert names(joined(Mask(scores, ROAD), second)) == [["road", "car", "person", "person"]]


def test_what_the_first_model_denies_is_not_taken_from_the_second():
    assert names(joined(labels([[0]], ROAD), labels([[0]], STREET))) == [["background"]]


def test_classes_of_both_come_once_and_the_foreground_is_the_firsts():
    mask = joined(labels([[0]], ROAD), labels([[0]], STREET))
    assert mask.classes == ("background", "road", "mark", "building", "car")
    assert mask.foreground == ("road",)


def test_the_result_is_as_large_as_the_larger_in_each_direction():
    mask = joined(labels([[1] * 8] * 2, ROAD), labels([[2] * 3] * 6, STREET))
    assert mask.shape == (6, 8)


def test_the_scores_of_a_smaller_mask_give_a_straight_border():
    scores = np.zeros((2, 2, 3), np.float32)
    scores[0, :, 0] = scores[1, :, 1] = 1
    mask = joined(Mask(scores, ROAD), labels([[1] * 8] * 8, STREET))
    assert [row[0] for row in names(mask)] == ["building"] * 4 + ["road"] * 4


def test_single_objects_cover_the_ground_and_can_be_counted():
    cup = Instances(
        np.array([[0, 0, 0.5, 1]], np.float32),
        np.array([0]),
        np.ones(1, np.float32),
        ((0, 0, 1, 2),),
        (np.full((2, 1), 255, np.uint8),),
        (2, 2),
        ("cup",),
    )
    mask = joined(labels([[1]], ROAD), Mask.from_instances(cup, foreground=("cup",)))
    assert names(mask) == [["cup", "road"]] * 2 and mask.instances.names == ("cup",)
    assert mask.alpha(("road",)).tolist() == [[0, 1]] * 2


def test_how_unsure_the_first_model_is_stays_known():
    even = Mask(np.full((4, 4, 3), 1 / 3, np.float32), ROAD)
    assert joined(even, labels([[1]], STREET)).mean_entropy == pytest.approx(1)


def test_in_turn_each_frame_costs_one_model():
    first, second = Gives(labels([[0]], ROAD)), Gives(labels([[1]], STREET))
    segmenter = MergedSegmenter(first, second, alternate=True)
    for index in range(5):
        assert names(segmenter.segment(make_frame(index))) == [["building"]]
    assert (first.asked, second.asked) == (3, 3)


def test_closing_closes_both():
    pair = Gives(labels([[0]], ROAD)), Gives(labels([[1]], STREET))
    MergedSegmenter(*pair).close()
    assert all(one.closed for one in pair)


def test_a_first_model_without_background_is_refused():
    with pytest.raises(ConfigError, match="background"):
        joined(labels([[0]], STREET), labels([[0]], ROAD))


@pytest.mark.parametrize("model", ["a+b+c", "road+", "+"])
def test_more_or_fewer_than_two_names_are_refused(model):
    with pytest.raises(ConfigError, match="one model, or two"):
        split_model_names(model)


def test_a_file_may_have_a_plus_in_its_name(tmp_path):
    file = tmp_path / "a+b.tflite"
    file.touch()
    assert split_model_names(str(file)) == (str(file),)


def test_two_real_models_give_the_classes_and_colors_of_both(shared):
    part = SegmenterConfig(kind="model", model="deeplab-voc+cityscapes", threads=1)
    check_segmenter(part)
    segmenter = open_segmenter(part)
    mask = segmenter.segment(make_frame(3, (320, 180)))
    segmenter.close()
    assert {"sofa", "road"} <= set(mask.classes) and mask.shape == (513, 513)
    assert read_palette(part)["road"] == "#804080"
