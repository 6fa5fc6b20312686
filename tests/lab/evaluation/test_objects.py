"""Single objects measured: with a fake model that finds what it is told, and with a real one."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from rimlight.cli import app
from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ConfigError, ModelNotFoundError
from rimlight.core.frame import Instances, Mask
from rimlight.lab.evaluation.objects import ObjectDataset, apply_rules, evaluate_objects
from rimlight.lab.evaluation.report import to_html
from rimlight.lab.evaluation.results import Evaluation
from rimlight.lab.evaluation.setups import Setup, SetupConfig
from rimlight.lab.evaluation.yolo_polygons import is_outlined


@pytest.fixture
def folder(tmp_path):
    """One picture of 80 by 40 with two squares: classes 0 and 1."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((40, 80, 3), np.uint8))
    lines = "0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n1 0.5 0.2 0.7 0.2 0.7 0.6 0.5 0.6\n"
    (tmp_path / "labels" / "a.txt").write_text(lines)
    return tmp_path


class Finder:
    """Finds a square of each (class, left)."""

    def __init__(self, *found):
        self.found = found

    def segment(self, frame):
        places = tuple((left, 8, left + 16, 24) for _, left in self.found)
        count = len(places)
        boxes = np.array(places, np.float32).reshape(-1, 4) / (80, 40, 80, 40)
        return Mask.from_instances(
            Instances(
                boxes.astype(np.float32),
                np.array([c for c, _ in self.found], np.intp),
                np.linspace(0.9, 0.5, count).astype(np.float32),
                places,
                tuple(np.full((16, 16), 255, np.uint8) for _ in places),
                (40, 80),
                ("person", "dog"),
            )
        )

    def close(self): ...


def score(folder, *found):
    (result,) = evaluate_objects(ObjectDataset(folder), [Setup("fake", Finder(*found))])
    return result.figures


def test_all_found_is_one_and_half_is_half(folder):
    assert score(folder, (0, 8), (1, 40))["map50"] == pytest.approx(1)
    assert score(folder, (0, 8))["map50"] == pytest.approx(0.5)


def test_the_right_place_of_the_wrong_class_is_nothing(folder):
    assert score(folder, (1, 8), (0, 40))["map50"] == 0


def test_nothing_found_is_nothing(folder):
    figures = score(folder)
    assert (figures["map50"], figures["objects"]) == (0, 2)


def test_a_line_that_is_no_object_is_refused_with_its_file(folder):
    (folder / "labels" / "a.txt").write_text("0 0.1 0.2 x\n")
    with pytest.raises(ConfigError, match=r"a\.txt"):
        list(ObjectDataset(folder))


def test_a_model_without_single_objects_is_refused():
    part = SegmenterConfig(kind="model", model="selfie")
    with pytest.raises((ConfigError, ModelNotFoundError), match="no single objects"):
        apply_rules(SetupConfig(name="person", segmenter=part))


@pytest.mark.parametrize("flag", [("--video", "a.mp4"), ("--crop", "upper-body")])
def test_what_is_for_masks_is_refused_for_objects(folder, flag):
    done = CliRunner().invoke(app, ["eval", str(folder), *flag])
    assert isinstance(done.exception, ConfigError)
    assert f"{flag[0]} needs masks" in str(done.exception)


def test_figures_of_objects_make_a_page(folder, tmp_path):
    (result,) = evaluate_objects(ObjectDataset(folder), [Setup("fake", Finder((0, 8)))])
    assert "mAP@0.5" in to_html(Evaluation((result,), {}))


def test_the_command_measures_the_usual_model(shared, tmp_path):
    data = shared / "data" / "coco128"
    assert is_outlined(Path(data))
    out = tmp_path / "out.json"
    reports = ["--json", str(out), "--html", str(tmp_path / "out.html")]
    done = CliRunner().invoke(app, ["eval", str(data), "--limit", "3", *reports])
    assert done.exit_code == 0, done.output
    assert "coco128" in (tmp_path / "out.html").read_text()
    (result,) = json.loads(out.read_text())["results"]
    assert result["figures"]["map50"] > 0.3
