import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import make_info
from object_masks import seen
from scenes import as_i420, flat_frame, half_mask

from rimlight.core.errors import SinkError
from rimlight.offline.objects import CutoutWriter, ObjectCounter, ObjectLog, cut_out_objects
from rimlight.sinks.images import ImagesSink

RED = (40, 40, 200)
TWO = seen(("dog", 10, 5, 30, 15), ("person", 30, 0, 40, 20))
"""In a grid of 40 by 20."""
FRAME = replace(flat_frame(RED, (400, 200), index=7), name="park/walk.jpg")


def written(folder, frame, mask):
    writer = CutoutWriter(ImagesSink(ImagesSink.Options(path=folder, format="png"), make_info()))
    assert writer.refine(mask, frame) is mask
    writer.close()
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))


@pytest.mark.parametrize("frame", [FRAME, as_i420(FRAME)], ids=["bgr", "i420"])
def test_an_object_is_cut_to_what_can_be_seen_of_it(frame):
    dog, person = cut_out_objects(frame, TWO)
    assert (dog.item.name, person.item.name) == ("dog", "person")
    assert np.abs(np.array(dog.box) - (100, 50, 300, 150)).max() <= 10
    left, top, right, bottom = dog.box
    assert dog.frame.size == (right - left, bottom - top)
    assert dog.frame.alpha[50, 100] == 255 and np.abs(dog.frame.bgr[50, 100] - RED).max() < 6


def test_what_lies_in_front_of_an_object_is_not_cut_out_of_it():
    mask = seen(("dog", 10, 5, 30, 15), ("person", 15, 0, 20, 20))
    _, person = cut_out_objects(FRAME, mask)
    assert person.frame.alpha[100, 25] == 255


def test_a_mask_without_objects_gives_no_cut_outs():
    assert list(cut_out_objects(FRAME, half_mask())) == []


def test_files_are_called_by_picture_class_score_and_number(tmp_path):
    names = written(tmp_path, FRAME, TWO)
    assert names == ["park/walk/dog-0.90-01.png", "park/walk/person-0.50-02.png"]
    picture = cv2.imread(str(tmp_path / names[0]), cv2.IMREAD_UNCHANGED)
    assert picture.shape[2] == 4 and picture[50, 100].tolist() == [*RED, 255]


def test_frames_of_a_video_get_folders_and_objects_their_own_numbers(tmp_path):
    mask = seen(("dog", 10, 5, 30, 15), ids=[12])
    assert written(tmp_path, flat_frame(RED, (400, 200), index=7), mask) == [
        "frame_000007/dog-0.90-12.png"
    ]


def test_the_log_holds_boxes_in_pixels_and_an_empty_list_for_nothing(tmp_path):
    log = ObjectLog(tmp_path / "found.jsonl")
    log.refine(TWO, FRAME)
    log.refine(half_mask(), flat_frame(index=8))
    log.close()
    first, second = map(json.loads, (tmp_path / "found.jsonl").read_text().splitlines())
    assert first["name"] == "park/walk.jpg" and second["objects"] == []
    dog = first["objects"][0]
    assert (dog["class"], dog["box"]) == ("dog", [100.0, 50.0, 300.0, 150.0])
    assert dog["area"] == pytest.approx(0.25)


def test_a_log_that_cannot_be_written_is_said_so(tmp_path):
    with pytest.raises(SinkError, match="cannot write"):
        ObjectLog(tmp_path / "none" / "found.jsonl").refine(TWO, FRAME)


def test_a_run_that_fails_before_its_first_frame_leaves_the_log_of_the_last(tmp_path):
    (tmp_path / "found.jsonl").write_text("the last")
    ObjectLog(tmp_path / "found.jsonl").close()
    assert (tmp_path / "found.jsonl").read_text() == "the last"


def test_a_disk_that_is_full_before_the_log_is_done_is_said_so():
    log = ObjectLog(Path("/dev/full"))
    log.refine(TWO, FRAME)
    with pytest.raises(SinkError, match="No space left"):
        log.close()


def test_the_tally_counts_all_and_the_most_at_once():
    tally = ObjectCounter()
    tally.refine(TWO, FRAME)
    tally.refine(seen(("dog", 0, 0, 4, 4), ("dog", 10, 5, 30, 15)), FRAME)
    assert tally.counts == {"dog": (3, 2), "person": (1, 1)}
