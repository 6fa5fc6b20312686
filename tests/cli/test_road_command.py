"""`rimlight road` over the real command line."""

import json

import cv2
import numpy as np
import pytest
import yaml

from rimlight.system import app_paths


def first_frames(shared, path, name, count):
    """Copy the first frames of a clip into a small video."""
    from rimlight.system.av import av  # before cv2 opens a window, which it never does here

    with av.open(str(shared / "clips" / name)) as clip, av.open(str(path), "w") as out:
        shape = clip.streams.video[0]
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = shape.width, shape.height, "yuv420p"
        for index, frame in enumerate(clip.decode(video=0)):
            if index == count:
                break
            frame.pts = None
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.slow
def test_a_fresh_machine_finds_the_road_of_the_sample_without_a_download(rimlight, tmp_path):
    alone = {"RIMLIGHT_SHARED": "/nowhere", "RIMLIGHT_CACHE": str(tmp_path / "cache")}
    drive = app_paths.find_data_folder("samples") / "road.mp4"
    done = rimlight("road", drive, "--report", "out", "-o", "painted.mp4", env=alone)
    assert done.returncode == 0, done.stderr
    assert "model: road-lite" in done.stdout + done.stderr
    data = json.loads((tmp_path / "out" / "drive.json").read_text())
    assert data["frames"] == 120 and min(data["series"]["share.road"]) > 0.35
    assert max(data["series"]["share.road"]) < 0.6 and min(data["series"]["share.mark"]) > 0.01


def test_people_are_asked_of_a_model_that_knows_them(refused, clip, tmp_path):
    alone = {"RIMLIGHT_SHARED": "/nowhere", "RIMLIGHT_CACHE": str(tmp_path / "cache")}
    args = ("road", clip, "--redact", "person", "-o", "out.mp4")
    refused(*args, env=alone, code=4, says="cityscapes", hint="models pull cityscapes")


def test_a_report_holds_page_figures_and_every_frame(shared, rimlight, tmp_path):
    first_frames(shared, tmp_path / "drive.mp4", "road-city-360p.mp4", 12)
    done = rimlight("road", "drive.mp4", "--model", "cityscapes", "--report", "out", "-q")
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "out" / "drive.json").read_text())
    assert data["frames"] == 12 and data["series"]["share.road"][0] > 0.2
    assert '[["../drive.mp4", 0.0]]' in (tmp_path / "out" / "index.html").read_text()


def test_people_are_redacted_and_their_pictures_stay_out_of_the_report(shared, rimlight, tmp_path):
    first_frames(shared, tmp_path / "drive.mp4", "road-city-360p.mp4", 6)
    args = ("--model", "cityscapes", "--redact", "person,rider", "--report", "out", "-q")
    done = rimlight("road", "drive.mp4", *args, "--set", "effects=[]", "-o", "shown/")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert '"videos": []' in page and "data:image" not in page
    shown = cv2.imread(str(sorted((tmp_path / "shown").iterdir())[0]))
    capture = cv2.VideoCapture(str(tmp_path / "drive.mp4"))
    before = capture.read()[1]
    capture.release()
    changed = np.abs(shown.astype(int) - before).max(axis=2) > 40
    assert 0.005 < changed.mean() < 0.5


def test_rules_with_an_unknown_key_are_refused(refused, clip, tmp_path):
    (tmp_path / "rules.yaml").write_text("rules: [{name: x, metric: road, abov: 1}]")
    args = ("road", clip, "--model", "selfie", "--report", "out", "--rules", "rules.yaml")
    refused(*args, code=2, says="abov", hint="correct")


def test_files_are_joined_in_time_and_events_get_places(shared, rimlight, tmp_path):
    loops = tmp_path / "DCIM"
    loops.mkdir()
    for name in ("20260501_101500", "20260501_101501"):
        first_frames(shared, loops / f"{name}.mp4", "road-city-360p.mp4", 6)
    fixes = "".join(
        f'<trkpt lat="5{n}" lon="13"><time>2026-05-01T10:15:0{n}Z</time></trkpt>' for n in range(3)
    )
    (tmp_path / "track.gpx").write_text(f"<gpx><trk><trkseg>{fixes}</trkseg></trk></gpx>")
    (tmp_path / "rules.yaml").write_text("rules: [{name: road, metric: share.road, above: 0.1}]")
    args = ("--model", "cityscapes", "--report", "out", "-q", "--rules", "rules.yaml")
    done = rimlight("road", "DCIM", *args, "--gpx", "track.gpx")
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "out" / "drive.json").read_text())
    assert [one["file"] for one in data["files"]] == ["20260501_101500.mp4", "20260501_101501.mp4"]
    assert data["frames"] == 12 and data["files"][1]["latitude"] == 51
    places = json.loads((tmp_path / "out" / "events.geojson").read_text())
    assert places["features"][1]["geometry"]["type"] == "Point"


def planned(rimlight, *args):
    """What a command would do."""
    done = rimlight("road", *args, "--dry-run")
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def test_settings_reach_what_covers_people(rimlight, clip):
    args = ("--model", "selfie", "--redact", "person", "-o", "out.mp4")
    plan = planned(rimlight, clip, *args, "--set", "effects.0.max_age=25")
    cover = {"kind": "redact", "classes": ["person"], "max_age": 25}
    assert plan["effects"] == [cover, {"kind": "overlay", "legend": True}]


def test_settings_do_not_uncover_anybody(rimlight, clip):
    args = ("--model", "selfie", "--redact", "person", "-o", "out.mp4")
    plan = planned(rimlight, clip, *args, "--set", "effects=[{kind: hud}]")
    assert [part["kind"] for part in plan["effects"]] == ["redact", "hud"]


def test_a_config_that_names_the_output_is_painted_there(rimlight, clip, tmp_path):
    (tmp_path / "mine.yaml").write_text("sinks: [{kind: video, path: painted.mp4}]")
    for more in ((), ("--report", "out", "--ego-path", "0.1,0.9,0.9,0.4,0.6,0.6")):
        plan = planned(rimlight, clip, "--config", "mine.yaml", *more)
        assert [part["kind"] for part in plan["effects"]] == ["overlay"]
        assert plan["sinks"] == [{"kind": "video", "path": "painted.mp4"}]


def test_what_a_config_covers_stays_out_of_the_report_too(rimlight, tmp_path):
    drive = app_paths.find_data_folder("samples") / "road.mp4"
    (tmp_path / "mine.yaml").write_text("effects: [{kind: redact, classes: [road]}]")
    done = rimlight("road", drive, "--config", "mine.yaml", "--report", "out", "--set",
                    "source.end_s=0.2", "--ego-path", "0.1,0.9,0.9,0.4,0.6,0.6", "-q")  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert '"videos": []' in page and "data:image" not in page


def test_a_choice_that_would_leave_somebody_uncovered_is_refused(refused, clip):
    for choice in (("--exclude", "person"), ("--keep", "largest")):
        args = ("road", clip, "--model", "selfie", "--redact", "person", *choice, "-o", "o.mp4")
        refused(*args, code=2, says="--redact", hint="--keep")


def test_covering_with_the_mask_of_an_earlier_frame_is_refused(refused, clip):
    args = ("road", clip, "--model", "selfie", "--redact", "person", "-o", "out.mp4")
    newest = ("--set", "pipeline.mask_sync=latest")
    refused(*args, *newest, code=2, says="newest mask", hint="exact")


def test_flags_of_the_report_without_one_are_refused(refused, clip):
    shares = "0.1,0.9,0.9,0.4,0.6,0.6"
    for flag, value in (
        ("--rules", "rules.yaml"),
        ("--start-time", "2026-05-01"),
        ("--ego-path", shares),
    ):
        args = ("road", clip, "--model", "selfie", "-o", "out.mp4", flag, value)
        refused(*args, code=2, says=flag, hint="--report")


def test_a_run_that_cannot_begin_leaves_no_report(refused, clip):
    args = ("road", clip, "--model", "selfie", "--report", "out", "-o", "none/out.mp4")
    refused(*args, code=5, says="no folder", hint="mkdir")


def test_a_camera_joined_with_a_file_is_refused(refused, clip):
    refused("road", clip, "0", "--report", "out", code=2, says="'0'", hint="give it alone")


def test_a_track_without_a_report_is_refused(refused, clip):
    args = ("road", clip, "--model", "selfie", "-o", "out.mp4", "--gpx", "track.gpx")
    refused(*args, code=2, says="--gpx", hint="--report")


def test_a_path_ahead_that_is_none_is_refused(refused, clip):
    args = ("road", clip, "--model", "selfie", "--report", "out", "--ego-path", "1,2")
    refused(*args, code=2, says="not a valid ego path", hint="six shares")
