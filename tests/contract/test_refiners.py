"""What `pipeline.parts.Refiner` promises, tested over every registered refiner."""

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.frame import Mask
from rimlight.refiners import REFINERS

SHAPES = [(36, 64), (1, 1), (1, 20), (20, 1), (144, 256)]


@pytest.fixture(params=REFINERS.names())
def refiner(request):
    cls = REFINERS.load(request.param)
    opened = cls(cls.Options())
    yield opened
    opened.close()


def noise(shape, classes=("person",), seed=0):
    scores = np.random.default_rng(seed).random((*shape, len(classes)), np.float32)
    return Mask(scores, classes, foreground=classes[:1], alpha_range=(0.1, 0.8))


@pytest.mark.parametrize("classes", [("person",), ("sky", "road", "car")], ids=len)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_keep_their_form_and_stay_in_0_to_1(refiner, shape, classes):
    for index in range(3):
        given = noise(shape, classes, seed=index)
        made = refiner.refine(given, make_frame(index))
        assert (made.data.shape, made.data.dtype) == (given.data.shape, np.float32)
        assert made.scores.min() >= 0 and made.scores.max() <= 1
        said = (given.classes, given.foreground, given.alpha_range)
        assert (made.classes, made.foreground, made.alpha_range) == said


def test_labels_stay_labels_of_the_same_classes(refiner):
    labels = np.random.default_rng(0).integers(0, 3, (20, 30)).astype(np.uint8)
    given = Mask.from_labels(labels, ("sky", "road", "car"))
    made = refiner.refine(given, make_frame())
    assert made.shape == given.shape and made.classes == given.classes


def test_never_changes_what_it_is_given(refiner):
    masks = [noise((36, 64), seed=seed) for seed in range(3)]
    frame = make_frame()
    before = [mask.data.copy() for mask in masks], frame.image.copy()
    for index, mask in enumerate(masks):
        refiner.refine(mask, make_frame(index))
    assert all((mask.data == old).all() for mask, old in zip(masks, before[0], strict=True))
    assert (frame.image == before[1]).all()


def test_a_result_is_not_changed_by_later_frames(refiner):
    first = refiner.refine(noise((36, 64), seed=0), make_frame(0))
    before = first.data.copy()
    for index in range(1, 6):
        refiner.refine(noise((36, 64), seed=index), make_frame(index))
    assert (first.data == before).all()


def test_masks_may_change_in_size_and_classes(refiner):
    for index, (shape, classes) in enumerate(
        [((36, 64), ("person",)), ((64, 36), ("person",)), ((64, 36), ("sky", "car"))]
    ):
        made = refiner.refine(noise(shape, classes), make_frame(index))
        assert made.data.shape == (*shape, len(classes))


def test_an_empty_and_a_full_mask_stay_what_they_are(refiner):
    for index, level in enumerate((0, 0, 0, 1, 1)):
        mask = Mask(np.full((36, 64, 1), level, np.float32), ("person",))
        assert (refiner.refine(mask, make_frame(index)).scores == level).all()


def test_works_on_after_closing_twice_as_if_new(refiner):
    given = noise((36, 64))
    fresh = refiner.refine(given, make_frame(0))
    refiner.close()
    refiner.close()
    assert (refiner.refine(given, make_frame(1)).data == fresh.data).all()
