"""The second look: what is visible is found, what is covered is not."""

import cv2
import numpy as np
import pytest
from fakes import make_frame

from rimlight.redaction.check import CheckSegmenter, is_flat, open_looks
from rimlight.redaction.report import CheckedResult, format_check, write_report
from rimlight.redaction.tracking import Cover
from rimlight.system import app_paths
from rimlight.system.av import av

WHOLE = np.array([0, 0, 1, 1], np.float32)


@pytest.fixture(scope="module")
def picture():
    with av.open(str(app_paths.find_data_folder("samples") / "portrait.mp4")) as film:
        return next(film.decode(video=0)).to_ndarray(format="bgr24")


@pytest.fixture
def checker():
    opened = CheckSegmenter(open_looks(threads=1))
    yield opened
    opened.close()


def check(checker, picture):
    checker.segment(make_frame(0, picture.shape[1::-1]).with_bgr(picture))
    return checker.result


def find_top_face(picture):
    looks = open_looks(threads=1)
    found = looks[0].detect(make_frame(0, picture.shape[1::-1]).with_bgr(picture))
    for look in looks:
        look.detectors.close()
    height, width = picture.shape[:2]
    return (found.boxes[0] * [width, height, width, height]).astype(int)


def test_a_face_is_visible_to_every_look(checker, picture):
    result = check(checker, picture)
    assert result.visible_frames == 1 and {"smaller tiles", "mirrored"} <= set(result.by_look)
    assert result.worst[0].score > 0.7
    assert "visible in 1 of 1 frames" in format_check("a.mp4", result)


def test_an_empty_picture_has_nothing_visible(checker):
    result = check(checker, np.full((270, 480, 3), 120, np.uint8))
    assert result.visible_frames == 0
    assert "nothing visible" in format_check("a.mp4", result)


@pytest.mark.parametrize("style", ["blur", "pixelate", "fill"])
def test_what_is_covered_has_no_detail(picture, style):
    left, top, right, bottom = find_top_face(picture)
    face = picture[top:bottom, left:right]
    assert not is_flat(face, WHOLE)
    coarse = cv2.resize(face, (1 if style == "fill" else 6,) * 2, interpolation=cv2.INTER_AREA)
    how = cv2.INTER_LINEAR if style == "blur" else cv2.INTER_NEAREST
    assert is_flat(cv2.resize(coarse, face.shape[1::-1], interpolation=how), WHOLE)


@pytest.mark.parametrize("scale", [2, 4])
def test_a_large_face_is_not_taken_for_a_covered_one(picture, scale):
    left, top, right, bottom = find_top_face(picture)
    large = cv2.resize(picture[top:bottom, left:right], None, fx=scale, fy=scale)
    assert not is_flat(large, WHOLE)


def test_the_page_has_the_counts_and_pictures(checker, picture, tmp_path):
    result = check(checker, picture)
    covers = [[Cover((0.1, 0.1, 0.2, 0.2), 0, 0.8, is_held=False)]]
    write_report(tmp_path / "page.html", [CheckedResult("walk.mp4", covers, result)])
    page = (tmp_path / "page.html").read_text()
    assert "walk.mp4" in page and "data:image/jpeg" in page and "Do not share it" in page
