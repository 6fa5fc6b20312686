"""Data sets as the tools of others write them."""

import json

import cv2
import numpy as np
import pytest
from made_data import blob, options, write_blobs, write_pair

from rimlight.core.errors import ConfigError
from rimlight.lab.training.checkpoint import lock_folder
from rimlight.lab.training.data.find import check_classes, find_samples
from rimlight.lab.training.metrics import Epoch, find_best_epoch

RING = "0 0.1 0.1 0.6 0.1 0.6 0.6 0.1 0.6"


def outlined(images, labels, name):
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(images / f"{name}.jpg"), np.zeros((20, 40, 3), np.uint8))
    (labels / f"{name}.txt").write_text(RING)


def ultralytics(folder):
    for part, names in (("train", "ab"), ("val", "c")):
        for name in names:
            outlined(folder / "images" / part, folder / "labels" / part, name)
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: {0: blob}\n")


def backslashes(folder):
    ultralytics(folder)
    text = "path: .\ntrain: images\\train\nval: images\\val\nnames: [blob]\n"
    (folder / "data.yaml").write_text(text)


def roboflow(folder):
    for part, names in (("train", "ab"), ("valid", "c"), ("test", "d")):
        for name in names:
            outlined(folder / part / "images", folder / part / "labels", name)
    text = "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['blob']\n"
    (folder / "data.yaml").write_text(text)


def coco(folder, file, images, names, segmentation):
    places = [folder / images / f"{name}.jpg" for name in names]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place), np.zeros((20, 40, 3), np.uint8))
    named = [
        {"id": number, "file_name": f"{name}.jpg", "width": 40, "height": 20}
        for number, name in enumerate(names)
    ]
    shapes = [
        {"image_id": number, "category_id": 1, "segmentation": segmentation}
        for number in range(len(names))
    ]
    data = {"images": named, "annotations": shapes, "categories": [{"id": 1, "name": "blob"}]}
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(json.dumps(data))


FLAT = [4, 2, 24, 2, 24, 12, 4, 12]


def roboflow_coco(folder):
    coco(folder, "train/_annotations.coco.json", "train", "ab", [FLAT])
    coco(folder, "valid/_annotations.coco.json", "valid", "c", [FLAT])
    (folder / "train/._annotations.coco.json").write_bytes(b"\0")


def coco_2017(folder):
    coco(folder, "annotations/instances_train2017.json", "train2017", "ab", [FLAT])
    coco(folder, "annotations/instances_val2017.json", "val2017", "c", [FLAT])


YAML = "data.yaml"
LAYOUTS = [
    *((write, named) for write in (ultralytics, backslashes, roboflow) for named in ("", YAML)),
    (roboflow_coco, ""),
    (coco_2017, ""),
]


@pytest.mark.parametrize(("write", "named"), LAYOUTS)
def test_a_data_set_is_found_and_split_as_its_tool_writes_it(tmp_path, write, named):
    write(tmp_path / "set")
    found = find_samples(options(tmp_path / "set" / named, validation=0.5))
    assert [sample.name[-1] for sample in found.train] == ["a", "b"]
    assert [sample.name[-1] for sample in found.validation] == ["c"]
    assert found.problems == () and found.train[0].shown == {0, 1}


@pytest.mark.parametrize("outline", [FLAT, [FLAT], [[4, 2], [24, 2], [24, 12], [4, 12]]])
def test_an_outline_is_read_in_whatever_list_it_stands(tmp_path, outline):
    coco(tmp_path, "all.json", "images", "a", outline)
    labels = find_samples(options(tmp_path / "all.json")).train[0].read()[1]
    assert labels[6, 12] == 1 and labels[16, 30] == 0


@pytest.mark.parametrize("name", ["images\\a.jpg", "C:\\data\\images\\a.jpg", "/home/me/a.jpg"])
def test_a_picture_is_found_by_the_name_that_another_system_gave_it(tmp_path, name):
    coco(tmp_path, "all.json", "images", "a", [FLAT])
    data = json.loads((tmp_path / "all.json").read_text())
    data["images"][0]["file_name"] = name
    (tmp_path / "all.json").write_text(json.dumps(data))
    assert len(find_samples(options(tmp_path)).train) == 1


@pytest.mark.parametrize("mask", ["A_MASK.PNG", "a.png", "a-mask.png", "a_mask.bmp"])
def test_a_mask_is_found_by_other_names_of_its_picture(tmp_path, mask):
    write_pair(tmp_path / "set", "a", *blob())
    (tmp_path / "set/masks/a_mask.png").rename(tmp_path / "set/masks" / mask)
    if mask.endswith(".bmp"):
        cv2.imwrite(str(tmp_path / "set/masks" / mask), blob()[1])
    assert len(find_samples(options(tmp_path / "set")).train) == 1


def test_masks_may_lie_next_to_their_pictures(tmp_path):
    write_pair(tmp_path / "set", "a", *blob())
    flat = tmp_path / "flat"
    flat.mkdir()
    for kind in ("images", "masks"):
        for path in (tmp_path / "set" / kind).iterdir():
            path.rename(flat / path.name)
    assert find_samples(options(flat)).train[0].shown == {0, 1}


def test_companions_are_passed_over(tmp_path):
    folder = write_blobs(tmp_path / "set", 3)
    (folder / "images/._0000.png").write_bytes(b"\0\5\x16\7")
    (folder / "masks/._0000_mask.png").write_bytes(b"\0\5\x16\7")
    found = find_samples(options(folder))
    assert len(found.train) == 3 and found.problems == ()


def test_a_message_says_what_was_expected_and_what_lies_there(tmp_path):
    folder = write_blobs(tmp_path / "set", 2)
    for path in (folder / "masks").iterdir():
        path.rename(path.with_name(f"label-{path.name}"))
    with pytest.raises(ConfigError, match=r"expected 0000_mask\.png .*label-0000_mask\.png"):
        find_samples(options(folder))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"no folder 'images'; found nothing"):
        find_samples(options(tmp_path / "empty"))


@pytest.mark.parametrize("full", [0, 255])
def test_a_class_that_no_picture_shows_is_refused(tmp_path, full):
    folder = write_blobs(tmp_path / "set", 4, full=0)
    for path in (folder / "masks").iterdir():
        cv2.imwrite(str(path), np.full((40, 60), full, np.uint8))
    said = options(folder, validation=0.3)
    with pytest.raises(ConfigError, match="to train on shows " + ("ground" if full else "blob")):
        check_classes(find_samples(said), said)


def test_a_misspelt_class_is_refused_with_what_is_wrong_with_the_files(tmp_path):
    ultralytics(tmp_path / "set")
    said = options(tmp_path / "set", classes=("ground", "blop"))
    with pytest.raises(ConfigError, match=r"shows blop .*unknown id 0"):
        check_classes(find_samples(said), said)


def test_a_rare_class_is_shown_by_both_parts(tmp_path):
    folder = write_blobs(tmp_path / "set", 12, full=0)
    for name in ("0003", "0007"):
        write_pair(folder, name, *blob())
    said = options(folder, validation=0.2)
    check_classes(find_samples(said), said)


def test_one_picture_is_never_held_back(tmp_path):
    for number in range(4):
        write_pair(tmp_path / f"{number}", f"{number}", *blob())
        found = find_samples(options(tmp_path / f"{number}", validation=0.9))
        assert (len(found.train), len(found.validation)) == (1, 0)


def test_an_epoch_without_numbers_is_never_the_best():
    def epoch(number, miou, validation_loss):
        return Epoch(number, 1.0, validation_loss, miou, 0, 0, (), 0, 1, 0)

    nan = float("nan")
    assert find_best_epoch([epoch(1, 0.9, nan), epoch(2, 0.5, 1.0)]).number == 2
    assert find_best_epoch([epoch(1, nan, 1.0), epoch(2, 0.5, 1.0)]).number == 2
    assert find_best_epoch([epoch(1, 0.9, nan)]) is None


def test_two_trainings_do_not_share_a_folder(tmp_path):
    with (
        lock_folder(tmp_path / "out"),
        pytest.raises(ConfigError, match="another training is writing"),
        lock_folder(tmp_path / "out"),
    ):
        pass
    with lock_folder(tmp_path / "out"):
        assert list((tmp_path / "out").iterdir()) == []
