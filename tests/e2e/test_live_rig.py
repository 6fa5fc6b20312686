"""The live job on real V4L2 devices: from a webcam to a virtual camera that ffmpeg reads.

Needs the rig, a small Linux with such devices, which takes a minute: it runs where RIMLIGHT_REQUIRE
contains "rig" and the shared folder holds `rig/rig`.
"""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.system import app_paths

SIZE = (1280, 720)  # what the rig's clip webcam delivers

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(
        "rig" not in os.environ.get("RIMLIGHT_REQUIRE", ""),
        reason='boots the rig, and only where RIMLIGHT_REQUIRE contains "rig"',
    ),
]


@pytest.fixture(scope="module")
def seen(shared, tmp_path_factory):
    """Boot the rig with the sample as its webcam; give the folder of what in_rig.py left."""
    folder = tmp_path_factory.mktemp("rig")
    rig = [shared / "rig" / "rig", "run", "--timeout", "300", "--share", folder]
    rig += ["--clip", app_paths.find_data_folder("samples") / "portrait.mp4"]
    command = [sys.executable, "-u", Path(__file__).with_name("in_rig.py"), folder]
    done = subprocess.run(
        [str(word) for word in (*rig, "--", *command)],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def report(seen):
    return json.loads((seen / "report.json").read_text())


@pytest.fixture(scope="module")
def raw(seen):
    """Every frame that ffmpeg read: I420, uint8 (frames, 1080, 1280)."""
    return np.fromfile(seen / "live.i420", np.uint8).reshape(-1, SIZE[1] * 3 // 2, SIZE[0])


@pytest.fixture(scope="module")
def green(raw):
    """Where each of the last two seconds' frames is background green: bool (60, 720, 1280)."""
    return np.stack([is_green(cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)) for i420 in raw[-60:]])


def is_green(bgr):
    return (bgr[..., 1] > 200) & (bgr[..., ::2] < 60).all(axis=-1)


def rate(arrivals_s):
    return (len(arrivals_s) - 1) / (arrivals_s[-1] - arrivals_s[0])


def test_the_virtual_camera_has_the_size_of_the_webcam(report):
    assert tuple(report["live"]["size"]) == SIZE


def test_another_program_reads_every_frame_that_it_asks_for(report, raw):
    assert len(report["live"]["arrivals_s"]) == len(raw) == 240


def test_frames_keep_coming_without_a_pause(report):
    assert max(b - a for a, b in pairwise(report["live"]["arrivals_s"])) < 1


def test_frames_come_at_half_the_rate_of_a_plain_copy_or_faster(report):
    assert rate(report["live"]["arrivals_s"]) > rate(report["plain"]["arrivals_s"]) / 2


def test_the_picture_moves(raw):
    assert len({frame.tobytes() for frame in raw[-60:]}) > 15


def test_what_is_beside_the_person_is_green(green):
    model_rocket, flag = green[:, :, 950:], green[:, :300, :300]
    assert model_rocket.mean(axis=(1, 2)).min() > 0.98
    assert flag.mean(axis=(1, 2)).min() > 0.98


def test_the_room_shows_in_no_frame_from_the_first_on(raw):
    # v4l2loopback does not lock its buffers, so a frame can be torn between the placeholder that
    # opens a run and the picture after it: each brightness is one of the two, never the room's.
    placeholder, green_luma = int(raw[0, 0, 0]), 145
    beside = raw[:, : SIZE[1], 950:].astype(np.int16)
    known = (abs(beside - placeholder) < 6) | (abs(beside - green_luma) < 6)
    assert known.mean(axis=(1, 2)).min() > 0.98


def test_the_person_is_not_green(green):
    face, suit = green[:, 150:350, 540:670], green[:, 660:, 400:700]
    assert face.mean(axis=(1, 2)).max() < 0.01
    assert suit.mean(axis=(1, 2)).max() < 0.02


def test_sigterm_ends_the_run_in_order(report, seen):
    assert report["live"]["exit"] == 0
    assert "Traceback" not in (seen / "live.log").read_text()


def test_the_devices_command_names_both_cameras(report):
    assert "/dev/video10" in report["devices"]
    assert "/dev/video11" in report["devices"]
