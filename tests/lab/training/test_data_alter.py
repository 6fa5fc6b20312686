"""Alterations come in pairs: where the picture goes, its mask goes."""

import itertools

import cv2
import numpy as np
import pytest
from made_data import blob, options, write_blobs, write_pair

from rimlight.core.errors import ConfigError
from rimlight.lab.training.data.augment import (
    add_noise,
    blur,
    distort,
    draw_random_view,
    make_whole_view,
    paste,
    recolor,
    recompress,
)
from rimlight.lab.training.data.find import find_samples
from rimlight.lab.training.data.loader import Loader
from rimlight.lab.training.data.options import IGNORED, AugmentOptions

ALONE = {"flip": 1.0, "crop": 0.6, "scale": 0.8, "stretch": 0.5, "rotate": 40.0}
SIZES = [((60, 40), (60, 40)), ((60, 40), (32, 32)), ((600, 400), (48, 27)), ((40, 90), (64, 36))]


def follows(picture, labels):
    """The share of pixels off every edge where picture and labels say the same."""
    counted = labels != IGNORED
    edges = cv2.dilate(labels, np.ones((3, 3))) != cv2.erode(labels, np.ones((3, 3)))
    sure = counted & ~edges
    return ((picture[..., 2] > 130) == (labels == 1))[sure].mean()


def augment(**strengths):
    return AugmentOptions(preset="none", **strengths)


@pytest.mark.parametrize("what", [*ALONE, "all"])
@pytest.mark.parametrize("fit", ["stretch", "letterbox", "cover"])
@pytest.mark.parametrize("sizes", SIZES)
def test_the_mask_follows_the_picture(what, fit, sizes):
    source, size = sizes
    image, labels = blob(source, (source[0] // 2, source[1] // 2), (source[0] // 3, source[1] // 3))
    asked = augment(**(ALONE if what == "all" else {what: ALONE[what]}))
    seen = 0
    for seed in range(4):
        view = draw_random_view(np.random.default_rng(seed), source, size, fit=fit, augment=asked)
        picture, mask = view.picture(image), view.labels(labels)
        assert picture.shape == (size[1], size[0], 3) and mask.shape == picture.shape[:2]
        assert follows(picture, mask) > 0.995
        seen += np.count_nonzero(mask == 1)
    assert seen > 200


@pytest.mark.parametrize("seed", range(4))
def test_scores_of_another_resolution_follow_too(seed):
    image, labels = blob((120, 80), (60, 40), (30, 20))
    small = cv2.resize((labels == 1).astype(np.float32), (60, 40), interpolation=cv2.INTER_AREA)
    scores = np.dstack([1 - small, small] + [small * 0] * 9)
    rng = np.random.default_rng(seed)
    view = draw_random_view(rng, (120, 80), (64, 48), fit="stretch", augment=augment(**ALONE))
    seen = view.scores(scores)
    assert seen.shape == (48, 64, 11)
    assert follows(view.picture(image), (seen[..., 1] > 0.5).astype(np.uint8)) > 0.99


def test_a_mirrored_view_is_the_mirror_image():
    image, _ = blob()
    plain = draw_random_view(
        np.random.default_rng(0), (60, 40), (60, 40), fit="stretch", augment=augment()
    )
    mirrored = draw_random_view(
        np.random.default_rng(0), (60, 40), (60, 40), fit="stretch", augment=augment(flip=1)
    )
    assert (plain.picture(image) == image).all()
    assert (mirrored.picture(image) == image[:, ::-1]).all()


def test_what_lies_beside_a_letterboxed_picture_does_not_count():
    labels = make_whole_view((60, 40), (60, 60), "letterbox").labels(np.ones((40, 60), np.uint8))
    assert (labels[:10] == IGNORED).all() and (labels[-10:] == IGNORED).all()
    assert (labels[10:-10] == 1).all()


def test_cover_shows_the_middle_in_its_own_shape():
    image = np.zeros((90, 40, 3), np.uint8)
    cv2.circle(image, (20, 45), 10, (255, 255, 255), -1)
    seen = make_whole_view((40, 90), (80, 40), "cover").picture(image)[..., 0] > 127
    assert np.ptp(np.flatnonzero(seen.any(0))) == pytest.approx(40, abs=1)
    assert seen.any(1).all()


def test_a_whole_view_averages_what_it_shrinks():
    stripes = np.tile(np.array([0, 255], np.uint8), 200)[None, :, None].repeat(300, 0).repeat(3, 2)
    seen = make_whole_view((400, 300), (40, 30), "stretch").picture(stripes)
    assert np.abs(seen.astype(int) - 127).max() <= 3


@pytest.mark.parametrize("change", [blur, add_noise, recompress])
def test_a_camera_changes_the_picture_and_not_its_light(change):
    image, labels = blob((120, 80), (50, 40), (30, 20))
    changed = change(np.random.default_rng(0), image)
    assert changed.dtype == np.uint8 and changed.shape == image.shape
    assert (changed != image).any() and follows(changed, labels) > 0.97
    assert changed.mean() == pytest.approx(image.mean(), abs=3)


def test_colors_change_the_same_everywhere():
    image, _ = blob()
    changed = recolor(np.random.default_rng(1), image, 1.0)
    assert (changed != image).any() and len(np.unique(changed.reshape(-1, 3), axis=0)) == 2


def test_nothing_asked_for_changes_nothing():
    image, _ = blob()
    assert distort(np.random.default_rng(0), image, augment()) is image


def test_pasted_things_bring_their_labels_and_leave_the_rest():
    front, mask = blob(center=(15, 20))
    back = np.full_like(front, 100)
    others = np.zeros_like(mask)
    others[:, 50:] = 2
    picture, labels = paste(front, mask, back, others)
    assert (labels[mask == 1] == 1).all() and (labels[:, 50:] == 2).all()
    assert (picture[20, 15] == front[20, 15]).all() and (picture[5, 50] == 100).all()


def test_what_is_ignored_is_not_pasted():
    front, mask = blob()
    _, labels = paste(front, np.full_like(mask, IGNORED), front, mask)
    assert (labels == mask).all()


def test_copy_paste_can_take_its_backgrounds_from_a_folder(tmp_path):
    (tmp_path / "walls").mkdir()
    cv2.imwrite(str(tmp_path / "walls/a.png"), np.full((30, 30, 3), (0, 200, 0), np.uint8))
    asked = augment(copy_paste=1.0, backgrounds=(tmp_path / "walls",))
    said = options(write_blobs(tmp_path / "set", 1), augment=asked)
    loader = Loader(find_samples(said).train, size=(60, 40), options=said, training=True)
    picture, labels = loader.load(0)
    assert picture[35, 55].tolist() == [0, 200, 0] and (labels == blob(center=(12, 14))[1]).all()


def test_presets_can_be_named_alone_or_changed():
    assert AugmentOptions.model_validate("none") == AugmentOptions(preset="none")
    changed = AugmentOptions(preset="heavy", flip=0.1)
    assert changed.flip == 0.1 and changed.jpeg == AugmentOptions(preset="heavy").jpeg > 0


@pytest.fixture
def loader(tmp_path):
    said = options(
        write_blobs(tmp_path / "set"), augment=AugmentOptions(preset="heavy", copy_paste=0.5)
    )
    samples = find_samples(said).train

    def make(chosen=samples, **more):
        return Loader(chosen, size=(32, 24), options=said, **{"training": True, **more})

    return make


def same(one, other):
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def test_an_epoch_can_be_had_again(loader):
    assert all(same(loader(epoch=3).load(n), loader(epoch=3).load(n)) for n in range(8))


def test_a_sample_does_not_depend_on_what_was_read_before(loader):
    used = loader(epoch=1)
    used.load(2)
    assert same(used.load(5), loader(epoch=1).load(5))


def test_epochs_and_seeds_differ(loader):
    kinds = [loader(seed=seed, epoch=epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    assert not any(same(a.load(0), b.load(0)) for a, b in itertools.combinations(kinds, 2))
    orders = {tuple(kind.order()) for kind in kinds}
    assert len(orders) == 3 and all(sorted(order) == list(range(8)) for order in orders)


def test_validation_shows_all_pictures_as_they_are_and_in_order(loader, tmp_path):
    plain = loader(training=False)
    assert plain.order().tolist() == list(range(8))
    image = cv2.imread(str(tmp_path / "set/images/0003.png"))
    expected = cv2.resize(image, (32, 24), interpolation=cv2.INTER_LINEAR)[..., ::-1]
    assert np.abs(plain.load(3)[0].astype(int) - expected).mean() < 3


def test_batches_are_rgb_shares_and_whole_labels(tmp_path):
    from rimlight.lab.training.data.loader import make_batches

    red = np.full((20, 20, 3), (0, 0, 255), np.uint8)
    for name in "abc":
        write_pair(tmp_path / "set", name, red, np.full((20, 20), 255, np.uint8))
    said = options(tmp_path / "set", augment=augment(), masks="gray")
    samples = find_samples(said).train
    pairs = list(make_batches(samples, size=(8, 6), batch=2, options=said, training=False))
    assert [pictures.shape for pictures, _ in pairs] == [(2, 6, 8, 3), (1, 6, 8, 3)]
    pictures, labels = pairs[0]
    assert pictures.numpy()[0, 3, 4].tolist() == [1, 0, 0] and pictures.dtype == "float32"
    assert (labels.numpy() == 1).all() and labels.dtype == "int32"


def test_a_picture_that_breaks_in_the_middle_of_training_is_named(tmp_path):
    from rimlight.lab.training.data.loader import make_batches

    said = options(write_blobs(tmp_path / "set", 3))
    samples = find_samples(said).train
    samples[1].picture.write_bytes(b"no picture any more")
    made = make_batches(samples, size=(16, 16), batch=1, options=said, training=True)
    with pytest.raises(ConfigError, match=r"cannot read .*0001\.png"):
        list(made)


def test_a_folder_of_backgrounds_that_is_not_there_is_named(tmp_path):
    augment = {"copy_paste": 1, "backgrounds": (tmp_path / "nowhere",)}
    said = options(write_blobs(tmp_path / "set", 3), augment=augment)
    with pytest.raises(ConfigError, match=r"cannot read the folder .*nowhere"):
        Loader(find_samples(said).train, size=(8, 8), options=said, training=True)


def test_training_batches_are_full_and_come_again(tmp_path):
    from rimlight.lab.training.data.loader import make_batches

    said = options(write_blobs(tmp_path / "set", 7), augment="heavy")
    samples = find_samples(said).train

    def epoch(number):
        made = make_batches(
            samples, size=(16, 16), batch=3, options=said, training=True, seed=1, epoch=number
        )
        return [tuple(each.numpy() for each in pair) for pair in made]

    first, again, second = epoch(0), epoch(0), epoch(1)
    assert [len(labels) for _, labels in first] == [3, 3]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not same(first[0], second[0])
