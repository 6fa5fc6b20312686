"""What every source promises, tried on each that can be opened here."""

import os
from itertools import islice, pairwise

import cv2
import numpy as np
import pytest
from clip_maker import write_video
from PIL import Image
from xvfb import display

from rimlight.core.frame import SourceInfo
from rimlight.sources import SOURCES

SOME = 40


def options_of(kind, folder):
    """Options that give a source of `kind` with a few frames."""
    if kind == "camera":
        if "RIG_CAM" not in os.environ:
            pytest.skip("needs a camera (the rig has one)")
        return {"device": os.environ["RIG_CAM"]}
    if kind == "video":
        return {"path": str(write_video(folder / "clip.mkv", size=(65, 47)))}
    if kind == "animation":
        shots = [Image.new("RGB", (65, 47), (index * 20, 0, 0)) for index in range(10)]
        shots[0].save(folder / "a.gif", save_all=True, append_images=shots[1:], duration=50)
        return {"path": str(folder / "a.gif")}
    if kind == "concat":
        for name in ("a", "b"):
            write_video(folder / f"{name}.mkv", size=(65, 47))
        return {"paths": str(folder / "*.mkv")}
    if kind in {"images", "watch-folder"}:
        for index in range(10):
            pixels = np.full((47, 65, 3), index * 20, np.uint8)
            cv2.imwrite(str(folder / f"{index}.png"), pixels)
        return {"path": str(folder)}
    return options_without_files(kind)


def options_without_files(kind):
    if kind == "screen":
        return {"display": display(), "area": "65x47+100+50", "rate": 500}
    return {"size": "65x47"} | ({"count": 10} if kind == "test-pattern" else {})


class Looks:
    """Waits in no time, so often."""

    def __init__(self, count):
        self.left = count

    def __call__(self, _):
        self.left -= 1
        return self.left > 0


@pytest.fixture(params=SOURCES.names())
def source(request, tmp_path):
    part = SOURCES.load(request.param)
    more = {}
    if request.param == "pipe":
        raw = tmp_path / "raw"
        raw.write_bytes(os.urandom(10 * 65 * 47 * 3))
        more["fd"] = os.open(raw, os.O_RDONLY)
    if request.param == "watch-folder":
        more["wait"] = Looks(2)
    opened = part(part.Options(**options_of(request.param, tmp_path)), **more)
    yield opened
    opened.close()
    if "fd" in more:
        os.close(more["fd"])


def test_index_and_pts_rise(source):
    frames = list(islice(source, SOME))
    assert len(frames) >= 10
    assert frames[0].index == 0
    assert all(a.index < b.index and a.pts < b.pts for a, b in pairwise(frames))
    assert all(a.captured_at <= b.captured_at for a, b in pairwise(frames))


def test_info_says_what_the_frames_are(source):
    info = source.info
    frames = list(islice(source, SOME))
    assert isinstance(info, SourceInfo) and info.name
    assert info.count in (None, len(frames))
    assert all(frame.size == info.size for frame in frames)
    assert all((frame.pts / info.time_base).denominator == 1 for frame in frames)
    assert all(frame.color == info.color for frame in frames)


def test_nobody_writes_into_a_frame_that_was_handed_out(source):
    frames = iter(source)
    kept = list(islice(frames, 3))
    before = [frame.image.copy() for frame in kept]
    for frame in islice(frames, SOME):
        assert all(frame.image is not other.image for other in kept)
    assert all((frame.image == copy).all() for frame, copy in zip(kept, before, strict=True))


def test_closing_ends_the_iteration_and_twice_is_fine(source):
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


def test_frames_can_be_read_in_both_layouts(source):
    frame = next(iter(source))
    width, height = source.info.size
    assert frame.bgr.shape == (height, width, 3)
    assert frame.i420.shape == ((height + height % 2) * 3 // 2, width + width % 2)
