"""`rimlight process`, from files to files, over the real command line."""

import json
import shutil
import signal
import subprocess
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest

from rimlight.system import app_paths

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffprobe"), reason="needs ffmpeg's ffprobe")
CLIPS = (
    "desk-540p", "outdoor-360p", "portrait-720p", "selfie-handheld",
    "walking-432p", "road-highway-540p", "road-highway-720p", "road-city-360p",
)  # fmt: skip


def probe(path, *what):
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", *what, path], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def frame_times(path):
    what = ("-select_streams", "v:0", "-show_entries", "frame=pts_time")
    return [frame["pts_time"] for frame in probe(path, *what)["frames"]]


def sound_packets(path):
    what = ("-select_streams", "a", "-show_entries", "packet=pts_time,size,data_hash")
    return probe(path, *what, "-show_data_hash", "md5").get("packets", [])


def video_stream(path):
    return probe(path, "-show_streams", "-select_streams", "v:0")["streams"][0]


@needs_ffmpeg
def test_times_and_sound_are_those_of_the_input(rimlight, tmp_path, clip):
    done = rimlight("process", clip, "--background", "white", "-o", "out.mp4")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out.mp4"
    assert frame_times(out) == frame_times(clip)
    packets = sound_packets(clip)
    assert packets and sound_packets(out) == packets
    assert video_stream(out)["duration"] == video_stream(clip)["duration"]


@needs_ffmpeg
@pytest.mark.slow
@pytest.mark.parametrize("effect", [("-b", "BACKGROUND"), ("--blur", "20")], ids=["b", "blur"])
@pytest.mark.parametrize("name", CLIPS)
def test_every_shared_clip_keeps_times_and_sound(rimlight, tmp_path, shared, name, effect):
    source, out = shared / "clips" / f"{name}.mp4", tmp_path / "out.mp4"
    background = app_paths.find_data_folder("samples") / "background.jpg"
    effect = [str(background) if word == "BACKGROUND" else word for word in effect]
    done = rimlight("process", source, *effect, "-o", out, timeout=300)
    assert done.returncode == 0, done.stderr
    assert frame_times(out) == frame_times(source)
    assert video_stream(out)["duration"] == video_stream(source)["duration"]
    assert sound_packets(out) == sound_packets(source)


def test_the_person_stays_and_the_room_goes(rimlight, tmp_path, clip):
    rimlight("process", clip, "--background", "#00ff00", "-o", "out.mp4")
    video = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    picture = [video.read()[1] for _ in range(30)][-1]
    green = (picture[..., 1] > 150) & (picture[..., 0] < 90) & (picture[..., 2] < 90)
    height, width = green.shape
    assert green[: height // 4, -width // 4 :].mean() > 0.95
    assert green[height // 4 : height // 2, width // 3 : width // 2].mean() < 0.3


def test_no_background_makes_a_transparent_video(rimlight, tmp_path, clip):
    done = rimlight("process", clip, "--background", "none", "--end", "1", "-o", "cut.mov")
    assert done.returncode == 0, done.stderr
    assert video_stream(tmp_path / "cut.mov")["pix_fmt"].startswith("yuva444")


def test_a_folder_of_pictures_keeps_names_and_sub_folders(rimlight, tmp_path, clip):
    video = cv2.VideoCapture(str(clip))
    for name in ("photos/a.jpg", "photos/sub/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), video.read()[1])
    done = rimlight("process", "photos", "--background", "white", "-o", "cutouts/")
    assert done.returncode == 0, done.stderr
    made = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "cutouts").rglob("*.*"))
    assert made[0] == "cutouts/a.jpg"
    picture = cv2.imread(str(tmp_path / "cutouts/a.jpg"))
    assert (picture[:60, -60:] > 245).all()


def test_raw_frames_in_and_out(rimlight, clip, tmp_path):
    raw = tmp_path / "in.raw"
    raw.write_bytes(np.full((3, 48, 64, 3), 90, np.uint8).tobytes())
    with raw.open("rb") as stdin:
        done = rimlight(
            "process", "-", "-b", "white", "-o", "-", "--set", "source.size=64x48",
            stdin=stdin, text=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, 48, 64, 3)
    assert frames.shape[0] == 3 and (frames[:, 0, 0] > 200).all()


@needs_ffmpeg
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_playable_file(tmp_path, number):
    out = tmp_path / "out.mp4"
    command = (
        "process", "test-pattern:320x180", "-b", "white", "-o", out,
        "--set", "sinks.0.preset=ultrafast", "--set", "source.count=100000",
    )  # fmt: skip
    running = subprocess.Popen(
        [sys.executable, "-m", "rimlight", *map(str, command)], stderr=subprocess.PIPE, text=True
    )
    while running.poll() is None and not any(p.stat().st_size for p in tmp_path.glob(".*")):
        pass
    assert running.poll() is None, running.communicate()
    running.send_signal(number)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert "stopped before the end" in told and "Traceback" not in told
    times = [float(t) for t in frame_times(out)]
    assert times and all(a < b for a, b in pairwise(times))
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(rimlight, tmp_path, clip):
    done = rimlight(
        "process", clip, "--blur", "8", "-o", "out.mp4", "--set", "segmenter.threads=2", "--dry-run"
    )
    assert done.returncode == 0, done.stderr
    assert "threads: 2" in done.stdout and "radius_px: 8" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_user_config_goes_over_the_defaults(rimlight, tmp_path, clip):
    (tmp_path / "mine.yaml").write_text("effects: [{kind: replace, background: red}]\n")
    done = rimlight("process", clip, "-c", "mine.yaml", "-o", "out.mp4", "--dry-run")
    assert "background: red" in done.stdout and "kind: flow-smooth" in done.stdout
