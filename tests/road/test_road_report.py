"""The folder that a drive leaves, over two files and along a track."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.errors import SinkError
from rimlight.core.frame import Instances, Mask
from rimlight.road.frame_metrics import ClassCoverage
from rimlight.road.gpx import Fix, Track
from rimlight.road.recorder import DriveRecorder
from rimlight.road.report import find_unplayable_reason, write_report
from rimlight.road.rules import Rule
from rimlight.road.timeline import Clip, DriveTimeline

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def street(road):
    """Road in so many of ten rows."""
    labels = np.zeros((10, 10), np.uint8)
    labels[10 - road :] = 1
    return Mask.from_labels(labels, ("background", "road"), foreground=("road",))


@pytest.fixture
def recorder(tmp_path):
    """Two seconds of 30 frames; the road is wide in the last half second."""
    rules = [Rule(name="wide road", metric="share.road", above=0.6)]
    recorder = DriveRecorder(tmp_path, rules)
    for index in range(60):
        recorder.refine(street(8 if index >= 45 else 4), make_frame(index))
    recorder.close()
    return recorder


@pytest.fixture
def journey():
    clips = [Clip(Path("a.mp4"), 0.0, NOON), Clip(Path("b.mp4"), 1.0, NOON.replace(second=1))]
    fixes = [Fix(NOON.timestamp() + n, 50 + n, 13) for n in range(4)]
    return DriveTimeline(clips, Track(fixes))


def test_an_event_has_its_file_its_time_of_day_and_its_place(recorder, journey, tmp_path):
    write_report(recorder, journey, title="drive")
    (event,) = json.loads((tmp_path / "drive.json").read_text())["events"]
    assert (event["file"], event["file_s"], event["latitude"]) == ("b.mp4", 0.5, 51.5)
    assert event["time"] == "2026-05-01T12:00:01.500+00:00"


def test_the_page_says_where_an_event_was_and_when_each_file_begins(recorder, journey, tmp_path):
    write_report(recorder, journey, title="drive")
    page = (tmp_path / "index.html").read_text()
    assert "b.mp4 at 0:00.5" in page and "51.50000, 13.00000" in page
    assert "<td>0:01.0</td><td>b.mp4</td><td>2026-05-01 12:00:01 UTC</td>" in page
    assert "Known in 2 of 2 seconds" in page


def test_the_way_and_the_events_are_a_map(recorder, journey, tmp_path):
    write_report(recorder, journey, title="drive")
    way, event = json.loads((tmp_path / "events.geojson").read_text())["features"]
    assert way["geometry"]["coordinates"] == [[[13, 50], [13, 51]]]
    assert event["geometry"] == {"type": "Point", "coordinates": [13, 51.5]}


def test_a_drive_without_files_or_a_track_makes_no_map_and_no_list(recorder, tmp_path):
    write_report(recorder, DriveTimeline(), title="camera")
    assert not (tmp_path / "events.geojson").exists()
    assert "<h2>Files" not in (tmp_path / "index.html").read_text()


def test_a_page_that_cannot_be_written_is_said_so(recorder, tmp_path):
    (tmp_path / "index.html").mkdir()
    with pytest.raises(SinkError, match=r"cannot write .*index\.html"):
        write_report(recorder, DriveTimeline(), title="drive")


def test_shares_are_means_over_all_frames_the_largest_first():
    tally = ClassCoverage()
    assert tally.shares == {}
    for road in (4, 10):
        tally.refine(street(road), make_frame(0))
    assert list(tally.shares.items()) == [("road", pytest.approx(0.7)), ("background", 0.3)]


def test_files_that_gave_no_frame_are_not_in_the_report(tmp_path):
    clips = [Clip(Path(f"{name}.mp4"), float(at)) for at, name in enumerate("abc")]
    recorder = DriveRecorder(tmp_path, starts=[clip.start_s for clip in clips])
    for index in (0, 70):  # 30 frames a second: the middle file is left out
        recorder.refine(street(4), make_frame(index))
    recorder.close()
    write_report(recorder, DriveTimeline(clips).select_clips(recorder.seen_clips), title="drive")
    files = json.loads((tmp_path / "drive.json").read_text())["files"]
    assert [file["file"] for file in files] == ["a.mp4", "c.mp4"]


def test_a_class_that_looks_like_a_formula_is_none_in_the_table(tmp_path):
    boxes, dots = np.zeros((1, 4), np.float32), (np.full((1, 1), 255, np.uint8),)
    names = ("=HYPERLINK(1)",)
    grid = ((0, 0, 1, 1),)
    scores = np.ones(1, np.float32)
    found = Instances(boxes, np.array([0]), scores, grid, dots, (4, 4), names)
    recorder = DriveRecorder(tmp_path)
    recorder.refine(Mask.from_instances(found), make_frame(0))
    recorder.close()
    row = (tmp_path / "frames.csv").read_text().splitlines()[1]
    assert ",'=HYPERLINK(1):1" in row


@pytest.mark.parametrize(
    ("name", "coded", "plays"),
    [
        ("a.mp4", ("h264", "yuv420p"), True),
        ("a.webm", ("vp9", "yuv420p"), True),
        ("a.ts", ("h264", "yuv420p"), False),
        ("a.AVI", ("mpeg4", "yuv420p"), False),
        ("a.mp4", ("hevc", "yuv420p"), False),
        ("a.mp4", ("h264", "yuv422p10le"), False),
    ],
)
def test_videos_that_browsers_do_not_play_are_known(name, coded, plays):
    assert (find_unplayable_reason(Path(name), *coded) == "") == plays


def test_the_page_has_room_to_say_that_a_video_does_not_play(recorder, journey, tmp_path):
    write_report(recorder, journey, title="drive", videos=journey.clips)
    page = (tmp_path / "index.html").read_text()
    assert 'id="unplayable" class="warn" hidden' in page and "video.onerror" in page
