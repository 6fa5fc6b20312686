"""The folder that a drive leaves, over two files and along a track."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fakes import make_frame

from rimlight.errors import SinkError
from rimlight.frame import Mask
from rimlight.road.gpx import Fix, Track
from rimlight.road.places import Clip, Journey
from rimlight.road.record import DriveRecorder
from rimlight.road.report import write_report
from rimlight.road.rules import Rule
from rimlight.road.shares import ShareTally

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def street(road):
    """Road in so many of ten rows."""
    labels = np.zeros((10, 10), np.uint8)
    labels[10 - road :] = 1
    return Mask.from_labels(labels, ("background", "road"), foreground=("road",))


@pytest.fixture
def recorder(tmp_path):
    """Two seconds of 30 frames; the road is wide in the last half second."""
    rules = [Rule(name="wide road", measure="share.road", above=0.6)]
    recorder = DriveRecorder(tmp_path, rules)
    for index in range(60):
        recorder.refine(street(8 if index >= 45 else 4), make_frame(index))
    recorder.close()
    return recorder


@pytest.fixture
def journey():
    clips = [Clip(Path("a.mp4"), 0.0, NOON), Clip(Path("b.mp4"), 1.0, NOON.replace(second=1))]
    fixes = [Fix(NOON.timestamp() + n, 50 + n, 13) for n in range(4)]
    return Journey(clips, Track(fixes))


def test_an_event_has_its_file_its_time_of_day_and_its_place(recorder, journey, tmp_path):
    write_report(recorder, journey, title="drive")
    (event,) = json.loads((tmp_path / "drive.json").read_text())["events"]
    assert (event["file"], event["file_s"], event["north"]) == ("b.mp4", 0.5, 51.5)
    assert event["time"] == "2026-05-01T12:00:01.500+00:00"


def test_the_page_says_where_an_event_was_and_when_each_file_begins(recorder, journey, tmp_path):
    write_report(recorder, journey, title="drive")
    page = (tmp_path / "index.html").read_text()
    assert "b.mp4 at 0:00.5" in page and "51.50000, 13.00000" in page
    assert "<td>0:01.0<td>b.mp4<td>2026-05-01 12:00:01 UTC" in page
    assert "Known in 2 of 2 seconds" in page


def test_the_way_and_the_events_are_a_map(recorder, journey, tmp_path):
    write_report(recorder, journey, title="drive")
    way, event = json.loads((tmp_path / "events.geojson").read_text())["features"]
    assert way["geometry"]["coordinates"] == [[[13, 50], [13, 51]]]
    assert event["geometry"] == {"type": "Point", "coordinates": [13, 51.5]}


def test_a_drive_without_files_or_a_track_makes_no_map_and_no_list(recorder, tmp_path):
    write_report(recorder, Journey(), title="camera")
    assert not (tmp_path / "events.geojson").exists()
    assert "<h2>Files" not in (tmp_path / "index.html").read_text()


def test_a_page_that_cannot_be_written_is_said_so(recorder, tmp_path):
    (tmp_path / "index.html").mkdir()
    with pytest.raises(SinkError, match=r"cannot write .*index\.html"):
        write_report(recorder, Journey(), title="drive")


def test_shares_are_means_over_all_frames_the_largest_first():
    tally = ShareTally()
    assert tally.shares == {}
    for road in (4, 10):
        tally.refine(street(road), make_frame(0))
    assert list(tally.shares.items()) == [("road", pytest.approx(0.7)), ("background", 0.3)]
