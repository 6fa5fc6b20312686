import csv
import json
import re

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.config import read_yaml
from rimlight.core.errors import SinkError
from rimlight.core.frame import Instances, Mask
from rimlight.core.options import validate
from rimlight.road.frame_metrics import Measurer, compute_entropy
from rimlight.road.recorder import DriveRecorder
from rimlight.road.report import render_report
from rimlight.road.rules import Rule, Rules
from rimlight.road.timeline import Clip, DriveTimeline
from rimlight.system import app_paths

CLASSES = ("background", "road", "mark", "person")
PERSON = Rule(name="person in path", metric="path.person", above=0.01, for_s=0.2)


def street(person=0):
    """The lower half is road with a tenth of marks; `person` columns in its middle."""
    labels = np.zeros((40, 40), np.uint8)
    labels[20:], labels[20:, :4] = 1, 2
    labels[25:35, 20 : 20 + person] = 3
    return Mask.from_labels(labels, CLASSES, foreground=("road",))


def drive(folder, masks, rules=(PERSON,), **more):
    recorder = DriveRecorder(folder, rules, **more)
    for index, mask in enumerate(masks):
        recorder.refine(mask, make_frame(index))
    recorder.close()
    return recorder


def test_shares_marks_and_the_path_ahead_are_measured():
    found = Measurer().measure(street())
    assert found["share.road"] == pytest.approx(0.45) and found["marks"] == pytest.approx(0.1)
    assert found["drivable"] == 1 and found["path.person"] == 0
    assert 0.02 < Measurer().measure(street(person=4))["path.person"] < 0.5


def test_objects_are_counted():
    boxes, grid = np.zeros((2, 4), np.float32), ((0, 0, 1, 1),) * 2
    dots = (np.full((1, 1), 255, np.uint8),) * 2
    cars = Instances(boxes, np.array([0, 0]), np.ones(2, np.float32), grid, dots, (4, 4), ("car",))
    found = Measurer().measure(Mask.from_instances(cars))
    assert found["count.car"] == found["count.all"] == 2


def test_entropy_is_0_for_sure_1_for_even_and_unknown_for_labels():
    even = np.full((8, 8, 4), 0.25, np.float32)
    sure = np.zeros_like(even)
    sure[..., 1] = 1
    assert compute_entropy(Mask(even, CLASSES)) == pytest.approx(1)
    assert compute_entropy(Mask(sure, CLASSES)) == pytest.approx(0, abs=1e-4)
    assert compute_entropy(street()) is None


def test_every_frame_is_a_row_and_every_second_a_mean(tmp_path):
    recorder = drive(tmp_path, [street()] * 45)
    with (tmp_path / "frames.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 45 and float(rows[31]["time_s"]) == pytest.approx(31 / 30, abs=1e-3)
    assert list(recorder.seconds) == [0, 1]
    assert list(recorder.series["share.road"]) == pytest.approx([0.45, 0.45])


def test_an_event_comes_with_a_picture_unless_pictures_are_off(tmp_path):
    masks = [street()] * 10 + [street(person=4)] * 10 + [street()] * 20
    ((event, picture),) = drive(tmp_path / "a", masks).events
    assert event.start_s == pytest.approx(1 / 3) and len(picture) > 100
    ((_, hidden),) = drive(tmp_path / "b", masks, keep_images=False).events
    assert hidden == ""


def test_an_unsure_drive_is_said_to_be_so(tmp_path):
    even = Mask(np.full((8, 8, 4), 0.25, np.float32), CLASSES)
    recorder = drive(tmp_path, [even] * 40)
    shown = render_report(recorder, DriveTimeline(), title="night")
    assert recorder.to_dict()["unsure_seconds"] == 2 and "Unsure in 2 of 2 seconds" in shown


def test_the_page_holds_its_data_and_names_nothing_else_but_the_video(tmp_path):
    recorder = drive(tmp_path / "out", [street(person=4)] * 40)
    clips = [Clip(tmp_path / "my drive.mp4", 0.0)]
    shown = render_report(recorder, DriveTimeline(), title="<drive>", videos=clips)
    data = json.loads(re.search(r'application/json">(.*?)</script>', shown, re.DOTALL)[1])
    assert data["events"][0]["name"] == "person in path" and "&lt;drive&gt;" in shown
    assert data["videos"] == [["../my%20drive.mp4", 0.0]]
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', shown) == []


def test_rules_that_the_model_cannot_answer_are_named(tmp_path):
    cow = Rule(name="cow", metric="path.cow", above=0)
    assert drive(tmp_path, [street()], rules=(cow,)).skipped_rules == ("cow",)


def test_counting_is_left_out_where_the_model_knows_no_single_objects(tmp_path):
    crowd = Rule(name="crowd", metric="count.person", above=3)
    assert drive(tmp_path, [street()], rules=(crowd,)).skipped_rules == ("crowd",)


def test_without_a_frame_the_last_report_stays(tmp_path):
    (tmp_path / "frames.csv").write_text("of yesterday")
    drive(tmp_path, [])
    assert (tmp_path / "frames.csv").read_text() == "of yesterday"


def test_a_full_disk_is_said_so(tmp_path):
    (tmp_path / "frames.csv").symlink_to("/dev/full")
    with pytest.raises(SinkError, match="No space left") as caught:
        drive(tmp_path, [street()])
    assert "free some space" in caught.value.hint


def test_the_shipped_rules_are_in_order():
    path = app_paths.find_data_folder("configs") / "road-rules.yaml"
    assert len(validate(Rules, read_yaml(path), where=str(path)).rules) == 5


def test_the_series_of_a_report_come_in_the_order_of_its_columns(tmp_path):
    recorder = drive(tmp_path, [street()])
    with (tmp_path / "frames.csv").open() as file:
        columns = next(csv.reader(file))
    assert list(recorder.series) == [name for name in columns if name in recorder.series]
