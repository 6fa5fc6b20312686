"""What `rimlight process` writes beside the result: mattes, foregrounds, previews."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from media_files import frame_times

from rimlight.factory.presets import build_config
from rimlight.imaging.edge_color import estimate_foreground
from rimlight.offline.preview import get_preview_path
from rimlight.system.av import av


def last_picture(path):
    with av.open(str(path)) as clip:
        return [p.to_ndarray(format="bgr24") for p in clip.decode(video=0)][-1]


@pytest.fixture
def made(rimlight, tmp_path, clip):
    done = rimlight(
        "process", clip, "-b", "#00ff00", "-o", "out.mp4", "--end", "1",
        "--matte", "matte.mp4", "--foreground", "front.mp4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_matte_and_foreground_go_with_the_result(made):
    matte = last_picture(made / "matte.mp4").astype(float)[..., :1] / 255
    front = last_picture(made / "front.mp4").astype(float)
    mixed = matte * front + (1 - matte) * np.array([0, 255, 0])
    result = last_picture(made / "out.mp4").astype(float)
    assert np.abs(mixed - result).mean() < 6
    assert 0.05 < matte.mean() < 0.95 and matte.min() < 0.02 and matte.max() > 0.98
    times = frame_times(made / "out.mp4")
    assert times == frame_times(made / "matte.mp4") == frame_times(made / "front.mp4")


def test_a_foreground_has_no_background_in_it():
    alpha = np.zeros((100, 1000), np.uint8)
    alpha[:, :500] = 255
    alpha[:, 497:503] = 128
    share = alpha[..., None] / 255
    mixed = (share * (40, 60, 220) + (1 - share) * (30, 220, 30)).astype(np.uint8)
    found = estimate_foreground(mixed, alpha)[:, :503].astype(int)
    assert np.abs(mixed[:, 500].astype(int) - (40, 60, 220)).max() > 75
    assert np.abs(found - (40, 60, 220)).max() < 30


def test_a_preview_shows_pairs_and_leaves_the_work_for_later(rimlight, tmp_path, clip):
    done = rimlight("process", clip, "-b", "none", "-o", "out.mov", "--preview", "3")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["out.preview.png"]
    sheet = cv2.imread(str(tmp_path / "out.preview.png"))
    assert sheet.shape[1] == 960 and sheet.shape[0] % 3 == 0


@pytest.mark.parametrize(
    ("output", "place"),
    [
        ("out/a.mov", "out/a.preview.png"),
        ("video:out/a.mov", "out/a.preview.png"),
        ("shop/", "shop.preview.png"),
        ("./", "rimlight.preview.png"),
        ("../", "rimlight.preview.png"),
        ("/", "rimlight.preview.png"),
        ("null", "rimlight.preview.png"),
    ],
)
def test_a_preview_lies_beside_the_result(output, place):
    run = build_config("process", source="a.mp4", sinks=[output])
    assert get_preview_path(run) == Path(place)


def test_a_preview_without_a_folder_is_refused_before_it_is_made(refused, clip):
    args = ("process", clip, "-b", "white", "-o", "no/out.mp4", "--preview", "3")
    refused(*args, code=5, says="there is no folder no", hint="mkdir")


@pytest.mark.parametrize("flag", ["--start", "--end"])
def test_times_that_make_no_sense_are_refused(refused, clip, flag):
    refused("process", clip, "-b", "white", "-o", "o.mp4", flag, "soon", code=2,
            says="source 'video'", hint="")  # fmt: skip
