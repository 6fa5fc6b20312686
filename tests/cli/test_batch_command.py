"""`rimlight batch` over the real command line."""

import json
import shutil
import subprocess
import sys

import pytest
from media_files import frame_times, sound_packets


@pytest.fixture
def folder(tmp_path, clip):
    (tmp_path / "in").mkdir()
    shutil.copy(clip, tmp_path / "in" / "talk.mp4")
    (tmp_path / "in" / "broken.mp4").write_bytes(b"not a video at all")
    return tmp_path / "in"


def test_a_batch_does_what_it_can_and_names_what_failed(rimlight, tmp_path, clip, folder):
    done = rimlight("batch", "in", "-o", "out", "-b", "white", "--max-size", "320x320")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "to do: 2 videos" in done.stderr and "failed: in/broken.mp4" in done.stderr
    assert frame_times(tmp_path / "out/talk.mp4") == frame_times(clip)
    assert sound_packets(tmp_path / "out/talk.mp4") == sound_packets(clip)
    lines = (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    assert {json.loads(line)["state"] for line in lines} == {"done", "failed"}
    assert "1 of 2 done, 1 failed" in (tmp_path / "out/summary.html").read_text()
    again = rimlight("batch", "in", "-o", "out", "-b", "white", "--max-size", "320x320")
    assert again.returncode == 1 and "to do: nothing" in again.stderr


def test_a_batch_that_is_asked_to_stop_says_how_to_go_on(tmp_path, clip, folder):
    command = [sys.executable, "-m", "rimlight", "batch", clip, "-b", "white", "-o", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as batch:
        while not (tmp_path / "out/.portrait.mp4.rimlight").exists():
            assert batch.poll() is None
        batch.terminate()
        _, told = batch.communicate(timeout=60)
    assert batch.returncode == 130 and "Traceback" not in told
    assert "the same command resumes here" in told
    assert (tmp_path / "out/summary.html").exists()


def test_a_dry_run_plans_and_does_nothing(rimlight, tmp_path, folder):
    done = rimlight("batch", "in", "-o", "out", "-b", "white", "--jobs", "3", "--dry-run")
    assert done.returncode == 0 and "2 videos, 3 at once" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_wrong_option_is_refused_before_any_work(rimlight, tmp_path, folder):
    done = rimlight("batch", "in", "-o", "out", "-b", "no-such.jpg", "--set", "effects.0.fit=wide")
    assert done.returncode == 2 and "error: " in done.stderr
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
