import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rimlight.core.errors import ConfigError
from rimlight.road.gpx import Fix, Track
from rimlight.road.rules import Event
from rimlight.road.timeline import Clip, DriveTimeline, write_geojson

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
EVENT = Event("person", 1.0, 2.0, 1.5, 0.3)


def track(start=NOON, seconds=60):
    begin = start.timestamp()
    return Track([Fix(begin + s, 50 + s / 1000, 10.0) for s in range(0, seconds + 1, 10)])


def test_a_moment_has_a_file_a_clock_and_a_place():
    second = Clip(Path("b.mp4"), 20.0, NOON.replace(second=30))
    journey = DriveTimeline([Clip(Path("a.mp4"), 0.0, NOON), second], track())
    known = journey.describe_moment(25.0)
    assert (known["file"], known["file_s"]) == ("b.mp4", 5.0)
    assert known["time"] == "2026-05-01T12:00:35.000+00:00"
    assert (known["latitude"], known["longitude"]) == (50.035, 10.0)


def test_an_offset_corrects_the_cameras_clock():
    local = NOON.replace(hour=14)
    journey = DriveTimeline([Clip(Path("a.mp4"), 0.0, local)], track(), offset_s=-7200)
    assert journey.find_position(10.0) == pytest.approx((50.01, 10.0))


@pytest.mark.parametrize("offset_s", [float("nan"), float("inf"), -1e20])
def test_an_offset_that_no_clock_has_is_refused(offset_s):
    with pytest.raises(ConfigError, match="not a valid clock offset") as caught:
        DriveTimeline([Clip(Path("a.mp4"), 0.0, NOON)], track(), offset_s=offset_s)
    assert "--gpx-offset" in caught.value.hint


def test_without_a_time_of_recording_a_track_is_refused():
    with pytest.raises(ConfigError, match="no time of recording"):
        DriveTimeline([Clip(Path("a.mp4"), 0.0)], track())


def test_a_track_of_another_day_is_refused():
    with pytest.raises(ConfigError, match="recorded at 2026-05-01") as caught:
        DriveTimeline([Clip(Path("a.mp4"), 0.0, NOON)], track(NOON.replace(day=3)))
    assert "--gpx-offset" in caught.value.hint


def test_events_and_the_way_become_geojson(tmp_path):
    journey = DriveTimeline([Clip(Path("a.mp4"), 0.0, NOON)], track())
    write_geojson(tmp_path / "e.geojson", [EVENT], [0.0, 1.0, 2.0], journey)
    way, person = json.loads((tmp_path / "e.geojson").read_text())["features"]
    assert way["geometry"]["coordinates"] == [[[10.0, 50.0], [10.0, 50.001], [10.0, 50.002]]]
    assert person["geometry"] == {"type": "Point", "coordinates": [10.0, 50.0015]}
    assert person["properties"]["name"] == "person" and person["properties"]["file_s"] == 1.5


def test_an_event_at_an_unknown_place_has_no_geometry(tmp_path):
    journey = DriveTimeline([Clip(Path("a.mp4"), 0.0, NOON)], track())
    late = Event("person", 100.0, 101.0, 100.0, 0.3)
    write_geojson(tmp_path / "e.geojson", [late], [100.0], journey)
    assert json.loads((tmp_path / "e.geojson").read_text())["features"][1]["geometry"] is None
