import numpy as np
import pytest

from rimlight.core.frame import Instances
from rimlight.segmenters.instance_masks import boxes_from_masks, mask_nms, rescore_by_mask


def disc(radius, side=20):
    """A mask of `side` pixels with a solid square of 2 * radius in its middle."""
    mask = np.zeros((side, side), np.uint8)
    mask[side // 2 - radius : side // 2 + radius, side // 2 - radius : side // 2 + radius] = 255
    return mask


def instances(*rows):
    """Each row: class, score, left, top, mask; the box is that of the mask array."""
    places = tuple((x, y, x + m.shape[1], y + m.shape[0]) for _, _, x, y, m in rows)
    return Instances(
        (np.array(places) / 100).astype(np.float32),
        np.array([row[0] for row in rows], np.intp),
        np.array([row[1] for row in rows], np.float32),
        places,
        tuple(row[4] for row in rows),
        (100, 100),
        ("person", "dog"),
    )


def test_of_two_masks_alike_the_surer_stays():
    found = mask_nms(
        instances((0, 0.5, 10, 10, disc(8)), (0, 0.9, 11, 10, disc(8))),
        iou_threshold=0.5,
        max_objects=9,
    )
    assert found.scores.tolist() == pytest.approx([0.9])


def test_boxes_that_share_much_are_two_objects_when_their_masks_share_nothing():
    upper, lower = np.triu(disc(10)), np.tril(disc(10), -1)
    rows = (0, 0.5, 10, 10, upper), (0, 0.9, 10, 10, lower)
    assert len(mask_nms(instances(*rows), iou_threshold=0.5, max_objects=9)) == 2


def test_another_class_is_no_rival():
    rows = (0, 0.5, 10, 10, disc(8)), (1, 0.9, 10, 10, disc(8))
    found = mask_nms(instances(*rows), iou_threshold=0.5, max_objects=9)
    assert found.names == ("dog", "person")


def test_an_empty_mask_is_no_object():
    found = mask_nms(instances((0, 0.9, 10, 10, disc(0))), iou_threshold=0.5, max_objects=9)
    assert len(found) == 0


def test_a_mask_that_fills_its_box_keeps_its_score():
    assert rescore_by_mask(instances((0, 0.8, 10, 10, disc(10)))).scores[0] == pytest.approx(0.8)


def test_a_mask_that_leaves_its_box_empty_loses_score():
    found = rescore_by_mask(instances((0, 0.8, 10, 10, disc(5)), (0, 0.8, 10, 10, disc(0))))
    assert found.scores.tolist() == pytest.approx([0.2, 0])


def test_a_box_is_that_round_the_mask_unless_there_is_none():
    boxed = boxes_from_masks(instances((0, 0.8, 10, 10, disc(5)), (0, 0.8, 40, 40, disc(0))))
    assert boxed.boxes[0] == pytest.approx([0.15, 0.15, 0.25, 0.25])
    assert boxed.boxes[1] == pytest.approx([0.4, 0.4, 0.6, 0.6])
