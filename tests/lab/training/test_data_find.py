"""What is found in a data set, what its masks mean, and what is said to be wrong with it."""

import json

import cv2
import numpy as np
import pytest
from made_data import blob, options, write_blobs, write_pair

from rimlight.core.errors import ConfigError
from rimlight.lab.training.data.find import find_samples
from rimlight.lab.training.data.polygons import decode_run_lengths
from rimlight.lab.training.data.splits import split
from rimlight.lab.training.train import compute_class_weights

PALE = (200, 200, 200)


def labels_in(found, index=0):
    return np.unique(found.train[index].read()[1]).tolist()


def square(colors, size=(8, 6)):
    """A mask whose columns hold `colors` by turns."""
    mask = np.zeros((size[1], size[0], *np.shape(colors[0])), np.uint8)
    for column in range(size[0]):
        mask[:, column] = colors[column % len(colors)]
    return mask


def one_pair(folder, mask):
    write_pair(folder, "a", np.full((*mask.shape[:2], 3), PALE, np.uint8), mask)
    return folder


def test_black_and_white_masks_tell_the_second_class(tmp_path):
    found = find_samples(options(write_blobs(tmp_path / "set")))
    image, labels = found.train[0].read()
    assert found.problems == () and len(found.train) == 8
    assert (labels == blob(center=(12, 14))[1]).all() and image.shape == (40, 60, 3)


def test_masks_of_ids_keep_their_ids(tmp_path):
    assert labels_in(find_samples(options(write_blobs(tmp_path / "set", full=1)))) == [0, 1]


def test_255_among_ids_does_not_count(tmp_path):
    folder = one_pair(tmp_path / "set", square([0, 1, 2, 255]))
    assert labels_in(find_samples(options(folder, classes=("a", "b", "c")))) == [0, 1, 2, 255]


def test_an_empty_mask_is_background_however_it_is_written(tmp_path):
    folder = one_pair(tmp_path / "set", np.zeros((6, 8), np.uint8))
    assert labels_in(find_samples(options(folder))) == [0]


def test_ids_can_be_remapped_merged_and_ignored(tmp_path):
    folder = one_pair(tmp_path / "set", square([3, 4, 7, 9]))
    said = {"remap": {3: "blob", 4: "blob", "*": "ground"}, "ignore": (9,)}
    assert labels_in(find_samples(options(folder, **said))) == [0, 1, 255]


def test_an_unknown_id_is_named_and_ignored(tmp_path):
    found = find_samples(options(one_pair(tmp_path / "set", square([0, 1, 9])), masks="ids"))
    assert found.problems == ("set/a: unknown id 9 in a_mask.png is ignored",)
    assert labels_in(found) == [0, 1, 255]


def test_colors_become_classes(tmp_path):
    road, other = (0x20, 0x20, 0x40), (0x60, 0x80, 0x80)  # blue, green, red
    folder = one_pair(tmp_path / "set", square([road, other]))
    said = {"remap": {"#402020": "blob", "*": "ground"}}
    assert labels_in(find_samples(options(folder, **said))) == [0, 1]


def test_an_unknown_color_is_named_and_ignored(tmp_path):
    folder = one_pair(tmp_path / "set", square([(0x20, 0x20, 0x40), (1, 2, 3)]))
    found = find_samples(options(folder, remap={"#402020": "blob"}))
    assert found.problems == ("set/a: unknown color #030201 in a_mask.png is ignored",)
    assert labels_in(found) == [1, 255]


def test_comma10k_is_known_by_the_names_of_its_colors(shared):
    said = {"classes": ("ground", "road"), "remap": {"lane": "road", "*": "ground"}}
    found = find_samples(options(shared / "data/comma10k", **said))
    assert len(found.train) == 11 and labels_in(found) == [0, 1]


def test_camvid_is_split_as_its_folders_are_and_its_void_does_not_count(shared):
    said = {"format": "camvid", "classes": ("ground", "road"), "remap": {"*": "ground"}}
    found = find_samples(options(shared / "data/camvid", check=False, **said))
    assert (len(found.train), len(found.validation)) == (367, 101)
    assert labels_in(found) == [0, 1, 255]


def test_a_remap_to_an_unknown_class_suggests_one(tmp_path):
    with pytest.raises(ConfigError, match="'blop', which is no class") as caught:
        find_samples(options(write_blobs(tmp_path / "set"), remap={3: "blop"}))
    assert "did you mean 'blob'" in caught.value.hint


def test_all_that_is_wrong_is_listed_and_the_rest_is_used(tmp_path):
    folder = write_blobs(tmp_path / "set")
    (folder / "masks/0001_mask.png").unlink()
    (folder / "images/0002.png").unlink()
    (folder / "images/0003.png").write_bytes(b"no picture")
    cv2.imwrite(str(folder / "masks/0004_mask.png"), np.zeros((9, 9), np.uint8))
    found = find_samples(options(folder))
    assert len(found.train) == 4
    said = "\n".join(found.problems)
    assert "0001.png has no mask" in said and "0002_mask.png has no picture" in said
    assert "set/0003: cannot read" in said
    assert "set/0004: the picture is 60x40, its mask 9x9; left out" in said


def test_no_usable_picture_is_an_error_that_says_why(tmp_path):
    folder = write_blobs(tmp_path / "set", 1)
    (folder / "images/0000.png").write_bytes(b"")
    with pytest.raises(ConfigError, match="it is empty"):
        find_samples(options(folder))


def test_notes_beside_the_masks_do_not_change_what_a_folder_is(tmp_path):
    folder = write_blobs(tmp_path / "set", 2)
    (folder / "notes.json").write_text("{}")
    (folder / "labels").mkdir()
    assert len(find_samples(options(folder)).train) == 2


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere"):
        find_samples(options(tmp_path / "nowhere"))


@pytest.mark.parametrize("text", ["", "[]", '{"images": []}', '{"categories": [{"id": 1}]}'])
def test_json_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / "all.json").write_text(text)
    with pytest.raises(ConfigError, match=r"all\.json is not"):
        find_samples(options(tmp_path / "all.json"))


def test_the_split_holds_when_pictures_are_added(tmp_path):
    few = find_samples(options(write_blobs(tmp_path / "set", 12), validation=0.3))
    many = find_samples(options(write_blobs(tmp_path / "set", 30), validation=0.3))
    kept = {sample.name for sample in few.validation}
    assert kept and kept <= {sample.name for sample in many.validation}
    assert len(many.train) + len(many.validation) == 30


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_both_parts_get_at_least_one(tmp_path, share):
    samples = find_samples(options(write_blobs(tmp_path / "set", 3))).train
    assert all(split(samples, share))


def test_folders_of_their_own_can_be_kept_back(tmp_path):
    one, other = write_blobs(tmp_path / "one", 3), write_blobs(tmp_path / "other", 2)
    found = find_samples(options(one, validation_paths=(other,), validation=0.5))
    assert (len(found.train), len(found.validation)) == (3, 2)


def write_yolo(folder, lines, names=None):
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    cv2.imwrite(str(folder / "images/a.png"), np.zeros((20, 40, 3), np.uint8))
    (folder / "labels/a.txt").write_text("\n".join(lines))
    if names:
        (folder / "data.yaml").write_text(f"names: {names}")
    return folder


HALF = "0 0 0 0.5 0 0.5 1 0 1"  # the left one


def test_yolo_outlines_are_filled_to_a_pixel(tmp_path):
    folder = write_yolo(tmp_path / "set", [HALF.replace("0", "1", 1)])
    labels = find_samples(options(folder)).train[0].read()[1]
    assert (labels[:, :20] == 1).all() and (labels[:, 21:] == 0).all()


def test_yolo_names_choose_the_classes(tmp_path):
    lines = [HALF, "1 0.5 0 1 0 1 1 0.5 1"]
    folder = write_yolo(tmp_path / "set", lines, "{0: blob, 1: car}")
    found = find_samples(options(folder, remap={"*": "ground"}))
    assert found.train[0].read()[1].mean() == pytest.approx(0.5, abs=0.03)


def test_a_small_thing_lies_before_a_large_one(tmp_path):
    small = "1 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3"
    folder = write_yolo(tmp_path / "set", [small, "2 0 0 1 0 1 1 0 1"])
    labels = find_samples(options(folder, classes=("g", "a", "b"))).train[0].read()[1]
    assert labels[4, 8] == 1 and labels[15, 30] == 2


def test_lines_that_are_no_outlines_are_named(tmp_path):
    lines = ["1 0.5 0.5 0.2 0.2", "7 0 0 1 0 1 1", "1 0 0 1", HALF, "-1 0 0 1 0 1 1"]
    folder = write_yolo(tmp_path / "set", [*lines, "1 0 0 200 0 200 90"])
    said = "\n".join(find_samples(options(folder)).problems)
    assert "line 1 of a.txt: it is a box" in said
    assert "line 2 of a.txt: unknown id 7; ignored" in said
    assert "line 3 of a.txt: 3 numbers are no outline" in said
    assert "line 5 of a.txt: unknown id -1" in said
    assert "line 6 of a.txt: its numbers must be shares" in said


def test_coco128_gives_people(shared):
    found = find_samples(options(shared / "data/coco128", remap={0: "blob", "*": "ground"}))
    assert len(found.train) == 62 and found.problems == ()
    assert compute_class_weights(found.train, options("x"))[1] > 1


def write_coco(folder, annotations, categories=((5, "blob"),)):
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.zeros((20, 40, 3), np.uint8))
    data = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 20}],
        "annotations": [{"image_id": 1, **each} for each in annotations],
        "categories": [{"id": number, "name": name} for number, name in categories],
    }
    (folder / "all.json").write_text(json.dumps(data))
    return folder / "all.json"


def test_coco_outlines_become_labels(tmp_path):
    left = {"category_id": 5, "segmentation": [[0, 0, 20, 0, 20, 20, 0, 20]]}
    labels = find_samples(options(write_coco(tmp_path / "set", [left]))).train[0].read()[1]
    assert (labels[:, :20] == 1).all() and (labels[:, 21:] == 0).all()


def test_a_crowd_does_not_count_but_what_stands_before_it_does(tmp_path):
    counts = [0, 20 * 20, 20 * 20]
    crowd = {"category_id": 5, "iscrowd": 1, "segmentation": {"counts": counts, "size": [20, 40]}}
    one = {"category_id": 5, "segmentation": [[4, 4, 10, 4, 10, 10, 4, 10]]}
    file = write_coco(tmp_path / "set", [crowd, one])
    labels = find_samples(options(file)).train[0].read()[1]
    assert labels[6, 6] == 1 and labels[15, 15] == 255 and labels[15, 30] == 0


def test_an_unknown_class_is_named(tmp_path):
    annotation = {"category_id": 6, "segmentation": [[0, 0, 9, 0, 9, 9]]}
    file = write_coco(tmp_path / "set", [annotation], [(6, "dog")])
    assert "unknown class 'dog'" in find_samples(options(file)).problems[0]


def test_outlines_of_a_picture_of_another_size_are_left_out(tmp_path):
    file = write_coco(tmp_path / "set", [])
    write_coco(tmp_path / "both", [])
    cv2.imwrite(str(tmp_path / "set/a.png"), np.zeros((9, 40, 3), np.uint8))
    found = find_samples(options(file, tmp_path / "both"))
    assert found.problems == ("all/a: the picture is 40x9, outlined was 40x20; left out",)
    assert len(found.train) == 1


@pytest.mark.parametrize("outline", [None, [], [[1, 2, 3]], {"counts": [7], "size": [20, 40]}])
def test_an_annotation_without_an_outline_is_named(tmp_path, outline):
    boxed = {"id": 9, "category_id": 5, "bbox": [0, 0, 9, 9], "segmentation": outline}
    found = find_samples(options(write_coco(tmp_path / "set", [boxed])))
    assert found.problems == ("all/a: annotation 9 has no outline; ignored",)
    assert not found.train[0].read()[1].any()


def test_run_lengths_are_read_as_pycocotools_writes_them():
    coco = pytest.importorskip("pycocotools.mask", reason="compares with pycocotools")
    mask = (np.random.default_rng(2).random((37, 53)) > 0.6).astype(np.uint8)
    mask[5:30, 8:40] = 1
    packed = coco.encode(np.asfortranarray(mask))
    assert (decode_run_lengths(packed["counts"].decode(), packed["size"]) == mask).all()


def test_rare_classes_weigh_more(tmp_path):
    found = find_samples(options(write_blobs(tmp_path / "set", full=1)))
    weights = compute_class_weights(found.train, options("x"))
    _, labels = found.train[0].read()
    shares = np.bincount(labels.ravel()) / labels.size
    assert weights[1] / weights[0] == pytest.approx(shares[0] / shares[1], rel=0.2)


def test_a_class_that_never_shows_weighs_1(tmp_path):
    said = options(write_blobs(tmp_path / "set", full=1), classes=("a", "b", "c"))
    assert compute_class_weights(find_samples(said).train, said)[2] == 1
