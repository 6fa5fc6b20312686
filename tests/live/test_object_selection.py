import numpy as np
import pytest
from object_masks import at, seen

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.live.object_selection import DynamicSelection

SCENE = seen(("person", 0, 0, 10, 20), ("dog", 20, 5, 26, 15))
SEMANTIC = Mask.from_labels(np.tile(np.arange(3, dtype=np.uint8), (4, 1)), ("sky", "person", "car"))


def columns(mask):
    return np.flatnonzero(mask.alpha().any(axis=0)).tolist()


def test_without_a_choice_the_models_own_foreground_stays():
    assert columns(DynamicSelection().refine(SCENE, at(0))) == list(range(10))


def test_a_choice_holds_from_the_next_mask_on_and_ends_with_all():
    choice = DynamicSelection()
    choice.refine(SCENE, at(0))
    choice.select(("dog",))
    assert columns(choice.refine(SCENE, at(1))) == list(range(20, 26))
    choice.select(("all",))
    assert columns(choice.refine(SCENE, at(2))) == list(range(10))


def test_a_number_that_was_listed_can_be_chosen():
    choice = DynamicSelection()
    choice.refine(SCENE, at(0))
    assert choice.list_objects() == "id:1 person 0.90, id:2 dog 0.50"
    choice.select(("id:2",))
    assert columns(choice.refine(SCENE, at(1))) == list(range(20, 26))


def test_an_object_that_left_leaves_an_empty_mask():
    choice = DynamicSelection()
    choice.refine(SCENE, at(0))
    choice.select(("id:2",))
    assert columns(choice.refine(seen(("person", 0, 0, 10, 20)), at(1))) == []


def test_dropped_classes_go():
    choice = DynamicSelection()
    choice.select((), ("person",))
    assert columns(choice.refine(SCENE, at(0))) == list(range(20, 26))
    assert columns(choice.refine(SEMANTIC, at(1))) == [0, 2]


@pytest.mark.parametrize(("mask", "word"), [(SCENE, "cow"), (SEMANTIC, "id:1"), (SCENE, "id:x")])
def test_what_the_model_does_not_know_is_refused_and_changes_nothing(mask, word):
    choice = DynamicSelection()
    before = columns(choice.refine(mask, at(0)))
    with pytest.raises(ConfigError):
        choice.select((word,))
    assert columns(choice.refine(mask, at(1))) == before
