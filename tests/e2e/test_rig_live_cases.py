"""A live run whose devices misbehave, on real V4L2 devices: see live_cases.py, which acts it out.

Needs the rig, as test_live_rig.py does.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(
        "rig" not in os.environ.get("RIMLIGHT_REQUIRE", ""),
        reason='boots the rig, and only where RIMLIGHT_REQUIRE contains "rig"',
    ),
]

BACK_WITHIN_S = 2.0
IN_FLIGHT = 3
"""Frames that the kernel and the reader hold already when a cover is sent."""


@pytest.fixture(scope="module")
def report(shared, tmp_path_factory):
    """Boot the rig, act out every case, give what was seen."""
    folder = tmp_path_factory.mktemp("rig")
    rig = [shared / "rig" / "rig", "run", "--timeout", "1500", "--share", folder]
    command = [sys.executable, "-u", Path(__file__).with_name("live_cases.py"), folder]
    done = subprocess.run(
        [str(word) for word in (*rig, "--", *command)],
        capture_output=True,
        text=True,
        timeout=1600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "report.json").read_text())


def test_a_webcam_that_is_pulled_out_is_noticed(report):
    assert report["pulled_out"]["noticed"]
    assert "stopped delivering" in report["pulled_out"]["while_lost"]["problem"]


def test_the_output_goes_on_while_the_webcam_is_gone(report):
    assert report["pulled_out"]["frames_while_lost"] >= 30
    assert report["pulled_out"]["longest_gap_s"] < 3  # the rig has one slow processor


def test_the_webcam_is_back_within_two_seconds(report):
    assert report["pulled_out"]["back"]
    assert report["pulled_out"]["back_s"] <= BACK_WITHIN_S


def test_no_frame_shows_the_room_while_the_webcam_comes_and_goes(report):
    assert report["pulled_out"]["most_room"] < 0.01


def test_panic_covers_everything_at_once(report):
    assert report["panicked"]["most_green_before"] < 0.9
    assert min(report["panicked"]["cover"][IN_FLIGHT:]) > 0.99


def test_a_background_may_be_deleted_while_it_is_shown(report):
    assert report["deleted"]["most_room"] < 0.01


def test_a_killed_run_can_be_started_again(report):
    assert report["killed"]["came_again"]


def test_somebody_may_come_late_and_leave_and_come_again_and_bring_another(report):
    assert report["watched"]["came"] == [True] * 4


def test_a_busy_device_is_an_error_that_says_so_and_harms_nobody(report):
    said = report["busy"]["said"]
    assert said["virtual"][0] == 5 and "busy" in said["virtual"][1]
    assert said["webcam"][0] == 3 and "busy" in said["webcam"][1]
    assert report["busy"]["frames_go_on"] == "live"


def test_the_doctor_finds_both_devices(report):
    for code, text in (report["examined"]["during"], report["examined"]["after"]):
        assert code == 0, text
        assert "/dev/video0 (vivid)" in text
        assert "/dev/video10" in text
    during = report["examined"]["during"][1]
    assert "is used by rimlight" in during
    assert "fuser -k" not in during


def test_on_demand_the_webcam_is_open_only_while_somebody_watches(report):
    seen = report["on_demand"]
    names = ("rested", "closed", "woken", "opened", "rested_again")
    assert [seen[name] for name in names] == [True] * len(names)


def test_what_cannot_be_held_gives_up_everything_and_the_size_of_the_webcam_last(report):
    seen = report["thrifty"]
    assert seen["gave_up"], seen["status"]
    assert seen["status"]["given_up"][-1] == "the camera's full size"
    assert (seen["back"], seen["goes_on"], seen["status"]["losses"]) == (True, True, 0)
    assert seen["most_room"] < 0.01


def test_a_signal_covers_everything_too(report):
    seen = report["signalled"]
    assert (seen["covered"], seen["shown"]) == (True, True)
    assert min(seen["cover"][IN_FLIGHT:]) > 0.99


def test_every_run_ends_in_order_when_it_is_told_to(report):
    names = ("pulled_out", "panicked", "deleted", "killed", "watched", "busy", "on_demand")
    names += ("thrifty", "signalled")
    assert [report[name]["exit"] for name in names] == [0] * len(names)


def test_twenty_runs_follow_each_other(report):
    assert report["again"]["codes"] == [0] * 20
