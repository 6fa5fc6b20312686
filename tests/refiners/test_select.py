import numpy as np
import pytest
from object_masks import at, seen

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.core.options import validate
from rimlight.refiners.select import SelectRefiner

SMALL, LARGE = ("person", 18, 8, 22, 12), ("person", 0, 0, 12, 20)
DOG = ("dog", 30, 0, 40, 10)


def chosen(mask, index=0, **options):
    return SelectRefiner(SelectRefiner.Options(**options)).refine(mask, at(index))


def left(mask):
    return {(item.name, item.mask_box[0]) for item in mask.instances}


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({"keep": ("person", "dog")}, {18, 0, 30}),
        ({"keep": ("dog",)}, {30}),
        ({"keep": ("largest",)}, {0}),
        ({"keep": ("center",)}, {18}),
        ({"keep": ("largest", "dog")}, {30}),
        ({"keep": ("id:3",)}, {30}),
        ({"keep": ("id:9",)}, set()),
        ({"exclude": ("person",)}, {30}),
        ({"keep": ("largest",), "exclude": ("person",)}, {30}),
    ],
)
def test_objects_are_chosen_by_class_size_place_and_number(options, places):
    mask = chosen(seen(SMALL, LARGE, DOG, ids=(1, 2, 3)), **options)
    assert {place for _, place in left(mask)} == places
    assert mask.alpha().any() == bool(places)


def test_an_empty_scene_gives_an_empty_mask():
    assert not chosen(seen(), keep=("largest",)).alpha().any()


def test_the_largest_stays_the_same_until_another_is_clearly_larger():
    refiner = SelectRefiner(SelectRefiner.Options(keep=("largest",)))
    sizes = [(10, 9), (10, 11), (10, 12), (10, 16)]
    kept = []
    for index, (one, other) in enumerate(sizes):
        mask = seen(("person", 0, 0, one, 10), ("person", 20, 0, 20 + other, 10), ids=(1, 2))
        kept += list(refiner.refine(mask, at(index)).instances.ids)
    assert kept == [1, 1, 1, 2]


def test_classes_of_a_semantic_model_are_chosen_and_the_rest_is_rest():
    labels = np.array([[0, 1, 2, 2]], np.uint8)
    mask = chosen(Mask.from_labels(labels, ("sky", "road", "car")), keep=("car", "road"))
    assert mask.classes == ("car", "road", "rest") and mask.labels.tolist() == [[2, 1, 0, 0]]
    assert mask.alpha().tolist() == [[0, 1, 1, 1]]


def test_scores_of_a_semantic_model_keep_their_softness():
    scores = np.array([[[0.2, 0.5, 0.3]]], np.float32)
    mask = chosen(Mask(scores, ("background", "road", "car"), ("road",)), exclude=("car",))
    assert mask.classes == ("road", "rest") and mask.scores[0, 0] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("word", "column"), [("largest", 2), ("center", 20)])
def test_one_region_of_a_person_mask_stays(word, column):
    scores = np.zeros((20, 40, 1), np.float32)
    scores[:, :10], scores[8:12, 18:22] = 1, 1
    alpha = chosen(Mask(scores, ("person",)), keep=(word,)).alpha()
    assert alpha[10, column] == 1 and np.count_nonzero(alpha[10, [2, 20]]) == 1


def test_no_region_at_all_gives_an_empty_mask():
    mask = Mask(np.zeros((20, 40, 1), np.float32), ("person",))
    assert not chosen(mask, keep=("largest",)).alpha().any()


def test_an_unknown_class_suggests_the_nearest():
    with pytest.raises(ConfigError, match="no class 'persn'") as caught:
        chosen(seen(SMALL), keep=("persn",))
    assert "person" in caught.value.hint


def test_a_number_needs_a_model_that_knows_objects():
    with pytest.raises(ConfigError, match="no single objects"):
        chosen(Mask(np.zeros((2, 2, 1), np.float32), ("person",)), keep=("id:3",))


def test_an_id_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="id: and a number"):
        validate(SelectRefiner.Options, {"keep": ("id:x",)}, where="select")
