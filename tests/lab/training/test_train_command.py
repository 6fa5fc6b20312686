"""`rimlight train` as a user runs it: to its end, and through kill -9."""

import csv
import os
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml
from fakes import make_frame

from rimlight.core.config import SegmenterConfig
from rimlight.factory.segmenter import open_segmenter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIZE = (64, 64)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Bright discs on dark noise."""
    folder = tmp_path_factory.mktemp("discs")
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for number in range(20):
        picture = random.integers(0, 90, (*SIZE, 3), np.uint8)
        mask = np.zeros(SIZE, np.uint8)
        center = random.integers(16, 48, 2).tolist()
        cv2.circle(mask, center, 14, 255, -1)
        picture[mask > 0] += 150
        cv2.imwrite(str(folder / f"images/{number}.png"), picture)
        cv2.imwrite(str(folder / f"masks/{number}_mask.png"), mask)
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory, data):
    said = {
        "name": "disc",
        "network": {"name": "light", "size": "32x32", "width_multiplier": 0.25},
        "data": {"paths": [str(data)], "classes": ["background", "disc"], "augment": "light"},
        "optimizer": {"learning_rate": 0.01},
        "ema_decay": 0.8,
        "epochs": 4,
        "batch_size": 4,
        "deterministic": True,
    }
    path = tmp_path_factory.mktemp("config") / "train-disc.yaml"
    path.write_text(yaml.safe_dump(said))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, config):
    out = tmp_path_factory.mktemp("finished")
    subprocess.run(command(config, out), check=True, capture_output=True)
    return out


def command(config, out):
    call = "import sys; from rimlight.cli import main; sys.argv[0] = 'rimlight'; main()"
    return [sys.executable, "-c", call, "train", "--config", str(config), "-o", str(out)]


def curve(out):
    with (out / "log.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_all_results_are_in_the_folder(finished):
    names = {"best.keras", "best.yaml", "last.npz", "log.csv", "curves.png", "report.html"}
    assert names <= {path.name for path in finished.iterdir()}
    assert list((finished / "tensorboard").glob("events*"))
    assert "<img" in (finished / "report.html").read_text()


def test_the_model_runs_in_the_pipeline_by_its_card(finished):
    segmenter = open_segmenter(SegmenterConfig(kind="model", model=str(finished / "best.yaml")))
    mask = segmenter.segment(make_frame(0, size=(64, 48)))
    segmenter.close()
    assert mask.classes == ("background", "disc") and mask.scores.shape == (32, 32, 2)


def test_a_killed_run_goes_on_to_the_very_same_curve(finished, config, tmp_path):
    running = subprocess.Popen(command(config, tmp_path), stderr=subprocess.PIPE, text=True)
    said = next(line for line in running.stderr if line.startswith("epoch   2"))
    os.kill(running.pid, signal.SIGKILL)
    running.stderr.close()
    assert running.wait() == -signal.SIGKILL and said
    subprocess.run(command(config, tmp_path), check=True, capture_output=True)
    assert curve(tmp_path) == curve(finished)


def test_ctrl_c_ends_a_run_with_a_line_that_says_how_it_goes_on(config, tmp_path):
    running = subprocess.Popen(command(config, tmp_path), stderr=subprocess.PIPE, text=True)
    said = [next(line for line in running.stderr if line.startswith("epoch   1"))]
    running.send_signal(signal.SIGINT)
    said += running.stderr
    running.stderr.close()
    assert running.wait() == 130
    assert said[-1] == "stopped; the same command resumes after the last complete epoch\n"


def test_a_finished_run_is_not_trained_again(finished, config):
    before = (finished / "last.npz").stat().st_mtime_ns
    subprocess.run(command(config, finished), check=True, capture_output=True)
    assert (finished / "last.npz").stat().st_mtime_ns == before
