import os
import sys
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.core.errors import ConfigError, SourceOpenError, SourceReadError
from rimlight.core.options import validate
from rimlight.sources.camera import CameraSource, read_capture
from rimlight.system import v4l2

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="V4L2 is Linux")

needs_camera = pytest.mark.skipif("RIG_CAM" not in os.environ, reason="needs the rig's webcam")


def camera(**options):
    return CameraSource(validate(CameraSource.Options, options, where="camera"))


@pytest.mark.parametrize("device", [98, "/dev/video98", "98"])
def test_an_absent_camera_is_named_with_what_there_is(device):
    with pytest.raises(SourceOpenError, match="there is no camera /dev/video98") as caught:
        camera(device=device)
    assert "camera" in caught.value.hint or "/dev/video" in caught.value.hint


def test_another_device_is_not_a_camera():
    with pytest.raises(SourceOpenError, match="/dev/null is not a camera"):
        camera(device="/dev/null")


def test_a_camera_of_somebody_else_tells_the_group(as_nobody):
    node = as_nobody / "video"
    node.touch(mode=0)
    with pytest.raises(SourceOpenError, match="no permission") as caught:
        camera(device=str(node))
    assert "usermod -aG video" in caught.value.hint


@pytest.mark.parametrize("fourcc", ["MJPEG", "ab", "äöüß"])
def test_a_fourcc_has_four_letters(fourcc):
    with pytest.raises(ConfigError, match="fourcc"):
        camera(fourcc=fourcc)


def test_a_format_of_three_letters_has_a_blank_behind():
    assert validate(CameraSource.Options, {"fourcc": "Y16"}, where="camera").fourcc == "Y16 "


class Capture:
    """An OpenCV capture that gives `picture`, or raises it."""

    def __init__(self, picture):
        self.picture = picture

    def read(self, _):
        if isinstance(self.picture, Exception):
            raise self.picture
        return True, self.picture

    def get(self, _):
        return int.from_bytes(b"RGBP", "little")


@pytest.mark.parametrize(
    "picture",
    [cv2.error("unsupported"), np.zeros((4, 4, 2), np.uint8), np.zeros((1, 99), np.uint8)],
)
def test_a_format_that_opencv_cannot_convert_is_named(picture):
    with pytest.raises(SourceReadError, match="the format RGBP") as caught:
        read_capture(Capture(picture), "cam", None)
    assert "fourcc=YUYV" in caught.value.hint


def test_the_programs_that_hold_a_file_are_found(tmp_path):
    path = tmp_path / "device"
    with path.open("w"):
        assert v4l2.list_holders(path)[0].endswith(f"({os.getpid()})")
    assert v4l2.list_holders(path) == ()


@pytest.mark.rig
@needs_camera
def test_frames_arrive_with_rising_times_in_the_size_that_was_asked_for():
    source = camera(device=os.environ["RIG_CAM"], size="640x480")
    frames = list(islice(source, 5))
    source.close()
    assert source.info.is_live and source.info.size == (640, 480) and not source.info.notes
    assert [frame.index for frame in frames] == list(range(5))
    assert frames[0].pts == 0 and all(a.pts < b.pts for a, b in pairwise(frames))
    assert {frame.size for frame in frames} == {(640, 480)}


@pytest.mark.rig
@needs_camera
def test_what_the_camera_does_not_give_is_noted():
    source = camera(device=os.environ["RIG_CAM"], size="1234x720", rate=50)
    source.close()
    first, second = source.info.notes
    assert first == "asked for 1234x720, the camera gives 1280x720"
    assert second.startswith("asked for 50 frames a second")


@pytest.mark.rig
@needs_camera
def test_a_busy_camera_names_who_uses_it():
    first = camera(device=os.environ["RIG_CAM"])
    with pytest.raises(SourceOpenError, match=rf"is busy: .*\({os.getpid()}\) uses it"):
        camera(device=os.environ["RIG_CAM"])
    first.close()


@pytest.mark.rig
@needs_camera
def test_a_virtual_camera_without_a_writer_is_no_camera():
    with pytest.raises(SourceOpenError, match="is not a camera that can be read now"):
        camera(device=os.environ["RIG_VCAM"])


@pytest.mark.rig
@needs_camera
def test_devices_are_described_with_their_formats():
    found = {c.path: c for c in v4l2.list_cameras()}
    webcam = found[Path(os.environ["RIG_CAM"])]
    assert webcam.can_capture and webcam.driver == "vivid"
    modes = {f.fourcc: f.modes for f in webcam.formats}["YUYV"]
    assert (640, 480) in [mode.size for mode in modes] and modes[0].rates
    assert found[Path(os.environ["RIG_VCAM"])].can_output


@pytest.mark.parametrize(
    ("size", "smaller"),
    [((1280, 720), (640, 360)), ((640, 480), (320, 240)), ((320, 240), None), ((500, 500), None)],
)
def test_a_smaller_size_has_the_same_shape(monkeypatch, size, smaller):
    sizes = [(1280, 720), (1024, 576), (640, 480), (640, 360), (320, 240)]
    modes = tuple(v4l2.CameraMode(each, ()) for each in sizes)
    camera = v4l2.CameraDescription(
        Path("/dev/video9"),
        "cam",
        "uvcvideo",
        "usb",
        True,
        False,
        (v4l2.CameraFormat("YUYV", modes),),
    )
    monkeypatch.setattr(v4l2, "describe_device", lambda path: camera)
    assert v4l2.find_smaller_size(camera.path, size) == smaller
