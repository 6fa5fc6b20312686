"""Every command of docs/from-pixellib.md, and its lines of Python."""

import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "from-pixellib.md"
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


def test_python_gets_boxes_scores_and_masks(shared):
    from fractions import Fraction

    from rimlight.build import open_segmenter
    from rimlight.config import PartConfig
    from rimlight.frame import Frame

    picture = cv2.imread(str(shared / "data" / "coco128" / "images" / "000000000036.jpg"))
    frame = Frame.from_bgr(picture, index=0, pts=Fraction(0), captured=0.0)
    segmenter = open_segmenter(PartConfig(kind="model", model="yolov8n-seg"))
    found = segmenter.segment(frame).instances
    segmenter.close()
    person = next(item for item in found if item.name == "person")
    assert person.score > 0.5 and 0 <= person.box[0] < person.box[2] <= 1
    assert person.mask.max() > 200
