"""How late a picture is, from the webcam to the virtual camera, by numbers painted into it.

Needs the rig, as test_live_rig.py does. The figures are printed (pytest -s): the rig's machine has
one slow processor, so they are an upper bound for real ones.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from painted import painted

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(
        "rig" not in os.environ.get("RIMLIGHT_REQUIRE", ""),
        reason='boots the rig, and only where RIMLIGHT_REQUIRE contains "rig"',
    ),
]

SIZE = (640, 360)
PICTURES = 1200


@pytest.fixture(scope="module")
def report(shared, tmp_path_factory):
    """Boot the rig with a webcam that shows numbers; give what was measured."""
    folder = tmp_path_factory.mktemp("rig")
    clip = folder / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 30, SIZE)
    for picture in painted(PICTURES, SIZE):
        writer.write(picture)
    writer.release()
    rig = [shared / "rig" / "rig", "run", "--timeout", "380", "--share", folder]
    rig += ["--clip", clip, "--clip-size", "640x360"]
    command = [sys.executable, "-u", Path(__file__).with_name("live_latency.py"), folder]
    done = subprocess.run(
        [str(word) for word in (*rig, "--", *command)],
        capture_output=True,
        text=True,
        timeout=450,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "latency.json").read_text())


@pytest.mark.parametrize("masks", ["newest mask", "own mask (--mask-sync exact)"])
def test_pictures_arrive_within_the_budget(report, masks, capsys):
    found = report[masks]
    stages = found["status"]["stages"]
    with capsys.disabled():
        figures = f"median {found['median_ms']:.0f} ms, p95 {found['p95_ms']:.0f} ms"
        print(f"\n{masks}: {figures} over {found['pictures']} pictures; stages in ms: {stages}")  # noqa: T201
    assert found["pictures"] > 200
    assert found["median_ms"] < 200
