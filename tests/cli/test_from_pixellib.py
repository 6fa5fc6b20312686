"""Every command of docs/guide/from-pixellib.md, and its lines of Python."""

import json
import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "from-pixellib.md"
COMMANDS = re.findall(r"\| `rimlight ([^`]+)` \|", PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def desk(shared, clip, tmp_path):
    """The files that the page names."""
    pictures = shared / "data" / "coco128" / "images"
    shutil.copy(pictures / "000000000036.jpg", tmp_path / "street.jpg")
    (tmp_path / "photos").mkdir()
    shutil.copy(pictures / "000000000049.jpg", tmp_path / "photos" / "a.jpg")
    cv2.imwrite(str(tmp_path / "back.png"), np.full((90, 160, 3), (200, 120, 40), np.uint8))
    shutil.copy(clip, tmp_path / "clip.mp4")
    return tmp_path


def test_the_table_has_a_command_in_every_row():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    assert len(COMMANDS) == len(rows) - 1 > 10


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_makes_what_it_names(desk, rimlight, command):
    words = shlex.split(command)
    done = rimlight(*words, "--quiet")
    assert done.returncode == 0, done.stderr
    made = desk / words[words.index("-o") + 1]
    assert (next(made.iterdir()) if made.is_dir() else made).stat().st_size > 500


def test_extraction_leaves_a_picture_for_each_object(desk, rimlight):
    done = rimlight("objects", "street.jpg", "--cutouts", "out", "--json", "found.jsonl", "--quiet")
    assert done.returncode == 0, done.stderr
    pictures = sorted((desk / "out" / "street").glob("*.png"))
    assert any(path.name.startswith("person-") for path in pictures)
    line = json.loads((desk / "found.jsonl").read_text())
    assert len(line["objects"]) == len(pictures) >= 2


def test_an_empty_choice_leaves_nothing_in_front(desk, rimlight):
    done = rimlight(
        "process", "street.jpg", "--model", "yolov8n-seg", "--keep", "elephant", "--background",
        "none", "-o", "none.png", "--quiet",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not cv2.imread(str(desk / "none.png"), cv2.IMREAD_UNCHANGED)[..., 3].any()


def test_python_gets_the_values_as_the_page_says(desk, monkeypatch, capsys):
    page = PAGE.read_text(encoding="utf-8")
    lines = re.findall(
        r"^    (.*)$|^$", page.split("## Values in Python")[1].split("## Speed")[0], re.M
    )
    monkeypatch.chdir(desk)
    exec("\n".join(lines))  # the lines as a reader would type them
    printed = capsys.readouterr().out
    assert "person 0." in printed and "person-0." in printed
