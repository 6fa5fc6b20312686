from object_masks import at, seen

from rimlight.refiners.track import TrackRefiner


def followed(frames, **options):
    """The numbers of each frame's objects."""
    refiner = TrackRefiner(TrackRefiner.Options(**options))
    return [refiner.refine(mask, at(index)).instances.ids.tolist() for index, mask in frames]


def walker(left):
    return ("person", left, 4, left + 8, 16)


def test_a_moving_object_keeps_its_number():
    assert followed((i, seen(walker(i * 2))) for i in range(14)) == [[1]] * 14


def test_numbers_follow_the_objects_when_their_order_changes():
    one, other = walker(2), walker(30)
    assert followed([(0, seen(one, other)), (1, seen(other, one))]) == [[1, 2], [2, 1]]


def test_two_that_pass_each_other_keep_their_numbers():
    frames = [
        (i, seen(walker(2 * i), ("person", 30 - 2 * i, 0, 38 - 2 * i, 12))) for i in range(15)
    ]
    assert all(ids == [1, 2] for ids in followed(frames))


def test_an_object_that_was_hidden_gets_its_number_back_where_it_is_expected():
    hidden = range(6, 10)
    frames = [(i, seen() if i in hidden else seen(walker(2 * i))) for i in range(14)]
    numbers = followed(frames)
    assert numbers[13] == [1] and numbers[7] == []


def test_beyond_its_memory_an_object_is_a_new_one():
    frames = [(0, seen(walker(4))), *((i, seen()) for i in range(1, 6)), (6, seen(walker(4)))]
    assert followed(frames, max_age=3)[-1] == [2]


def test_another_class_at_the_same_place_is_another_object():
    assert followed([(0, seen(walker(4))), (1, seen(("dog", 4, 4, 12, 16)))]) == [[1], [2]]


def test_after_a_cut_objects_are_numbered_anew():
    assert followed([(0, seen(walker(4))), (60, seen(walker(4)))]) == [[1], [2]]
