from fractions import Fraction

import numpy as np
import pytest

from rimlight.core.errors import ConfigError
from rimlight.lab.evaluation.datasets import (
    FolderDataset,
    SourceDataset,
    crop_upper_body,
    open_dataset,
)
from rimlight.lab.evaluation.files import find_problems
from rimlight.sources.test_pattern import PatternSource


def pair(size=(20, 10), value=255, level=90):
    picture = np.full((size[1], size[0], 3), level, np.uint8)
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[2:5, 3:9] = value
    return picture, mask


def test_pairs_come_in_the_order_of_their_names(make_folder):
    data = FolderDataset(make_folder({"b": pair(), "a": pair(level=10)}))
    assert [(s.frame.name, s.frame.bgr[0, 0, 0]) for s in data] == [("a", 10), ("b", 90)]


def test_a_mask_becomes_alpha_from_0_to_1(make_folder):
    (sample,) = FolderDataset(make_folder({"a": pair()}))
    assert sample.alpha.dtype == np.float32 and sample.labels is None
    assert sample.alpha.sum() == 3 * 6 and sample.alpha.max() == 1


def test_a_mask_of_zeros_and_ones_counts_as_full(make_folder):
    (sample,) = FolderDataset(make_folder({"a": pair(value=1)}))
    assert sample.alpha.max() == 1


def test_missing_partners_are_all_named(make_folder):
    folder = make_folder({"a": pair(), "b": pair(), "c": pair()})
    (folder / "images" / "a.png").unlink()
    (folder / "masks" / "c_mask.png").unlink()
    with pytest.raises(ConfigError, match=r"c.png has no mask; a_mask.png has no picture"):
        FolderDataset(folder)


def test_a_mask_of_another_size_is_named_with_both_sizes(make_folder):
    folder = make_folder({"a": pair(), "b": (pair()[0], pair((18, 10))[1])})
    with pytest.raises(ConfigError, match="b: the picture is 20x10, its mask 18x10"):
        list(FolderDataset(folder))


def test_problems_lists_what_cannot_be_read(make_folder):
    folder = make_folder({"a": pair(), "b": pair(), "c": pair()})
    (folder / "images" / "a.png").write_bytes(b"not a picture")
    (folder / "masks" / "b_mask.png").write_bytes(b"")
    first, second = find_problems(folder)
    assert first.startswith("a: ") and second.startswith("b: ")


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_folder_without_one_kind_is_refused(make_folder, kind):
    folder = make_folder({"a": pair()})
    (folder / kind).rename(folder / "elsewhere")
    with pytest.raises(ConfigError, match=f"has no folder '{kind}'"):
        FolderDataset(folder)


def test_numbered_pictures_that_look_alike_are_a_sequence(moving):
    data = FolderDataset(moving, rate=Fraction(25))
    frames = [sample.frame for sample in data]
    assert data.rate == 25
    assert [f.index for f in frames[:3]] == [0, 1, 2] and frames[2].pts == Fraction(2, 25)


def test_numbered_pictures_that_differ_are_single(make_folder):
    random = np.random.default_rng(0)
    noise = [random.integers(0, 255, (40, 60, 3)).astype(np.uint8) for _ in range(4)]
    masks = [np.zeros((40, 60), np.uint8)] * 4
    pairs = {f"{i}": both for i, both in enumerate(zip(noise, masks, strict=True))}
    data = FolderDataset(make_folder(pairs))
    assert data.rate is None
    assert [sample.frame.index for sample in data] == [0, 0, 0, 0]


def test_a_gap_in_the_numbers_makes_single_pictures(moving):
    for kind, end in (("images", ""), ("masks", "_mask")):
        (moving / kind / f"0005{end}.png").unlink()
    assert FolderDataset(moving).rate is None


def test_a_limit_takes_the_first_pictures(moving):
    data = FolderDataset(moving, limit=5)
    assert len(list(data)) == data.count == 5


def test_upper_body_cuts_from_above_the_head_to_the_hips(make_folder):
    # Person from row 40 to 139 of 200: 5 % of 200 above 40 is 30, 55 % of 100 below 40 is 95.
    mask = np.zeros((200, 50), np.uint8)
    mask[40:140, 10:30] = 255
    picture = np.repeat(np.arange(200, dtype=np.uint8)[:, None, None], 50, axis=1)
    folder = make_folder({"a": (np.repeat(picture, 3, axis=2), mask)})
    (sample,) = FolderDataset(folder, crop=crop_upper_body)
    assert sample.frame.size == (50, 65) and sample.alpha.shape == (65, 50)
    assert sample.frame.bgr[0, 0, 0] == 30 and sample.alpha[:10].max() == 0


def test_upper_body_leaves_out_empty_pictures(make_folder):
    folder = make_folder({"a": pair(value=0), "b": pair()})
    assert [s.frame.name for s in FolderDataset(folder, crop=crop_upper_body)] == ["b"]


def test_ids_become_labels_and_the_rest_void(make_folder):
    mask = np.array([[0, 3, 11], [8, 8, 200]], np.uint8)
    picture = np.zeros((2, 3, 3), np.uint8)
    (sample,) = open_dataset(str(make_folder({"a": (picture, mask)})), labels="camvid")
    assert sample.labels.tolist() == [[0, 3, 255], [8, 8, 255]] and sample.alpha is None


def test_camvid_and_comma10k_are_recognized(make_folder):
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    colors = np.full((3, 4, 3), (0x20, 0x20, 0x40), np.uint8)
    colors[0] = (0x66, 0xFF, 0x00)
    picture = np.zeros((3, 4, 3), np.uint8)
    camvid = FolderDataset(make_folder({"a": (picture, ids)}, "one"))
    comma = FolderDataset(make_folder({"a": (picture, colors)}, "two"))
    assert camvid.scheme.name == "camvid" and comma.scheme.name == "comma10k"
    assert next(iter(comma)).labels.tolist() == [[3] * 4, [0] * 4, [0] * 4]


def test_an_unknown_scheme_gets_a_suggestion(make_folder):
    with pytest.raises(ConfigError) as caught:
        open_dataset(str(make_folder({"a": pair()})), labels="camvit")
    assert "did you mean 'camvid'" in caught.value.hint


def test_the_pattern_source_tells_its_truth():
    options = PatternSource.Options(size=(64, 48), count=3)
    data = SourceDataset(lambda: PatternSource(options), name="test-pattern")
    samples = list(data)
    assert data.count == len(samples) == 3 and data.rate == 30
    assert (samples[1].alpha == PatternSource(options).draw_mask(1) / np.float32(255)).all()


def test_an_endless_source_is_cut():
    data = open_dataset("test-pattern", limit=4)
    assert len(list(data)) == 4
    assert open_dataset("test-pattern").count == 150


def test_a_live_source_is_refused():
    options = PatternSource.Options(size=(64, 48), count=3, realtime=True)
    with pytest.raises(ConfigError, match="is live"):
        SourceDataset(lambda: PatternSource(options), name="test-pattern")


def test_a_clip_has_no_masks_to_crop_by():
    with pytest.raises(ConfigError, match="has no masks"):
        open_dataset("test-pattern", crop="upper-body")


def test_the_shared_sets_are_what_they_are(shared):
    rates = {
        name: FolderDataset(shared / "data" / name, limit=1).rate
        for name in ("portraits", "video/breakdance", "video/dance-twirl", "comma10k")
    }
    assert rates == {
        "portraits": None,
        "video/breakdance": 30,
        "video/dance-twirl": 30,
        "comma10k": None,
    }
