"""The virtual camera: its errors anywhere, its pictures where there is a v4l2loopback device."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_frame, make_info

from rimlight.core.errors import SinkError
from rimlight.imaging.color import ColorSpace
from rimlight.sinks.virtual_camera import MODPROBE, VirtualCameraSink
from rimlight.system.v4l2loopback import list_loopbacks, query_loopback

FREE = [device.path for device in list_loopbacks() if device.can_output or device.is_stuck]
needs_device = pytest.mark.skipif(not FREE, reason="needs a free v4l2loopback device")


def open_camera(info=None, **options):
    return VirtualCameraSink(VirtualCameraSink.Options(**options), info or make_info((320, 240)))


@pytest.mark.skipif(bool(FREE), reason="there is a virtual camera")
def test_no_virtual_camera_says_how_to_make_one():
    with pytest.raises(SinkError, match="no virtual camera") as caught:
        open_camera()
    assert caught.value.hint == MODPROBE


def test_a_missing_device_says_how_to_make_it():
    with pytest.raises(SinkError, match="no virtual camera /dev/video77") as caught:
        open_camera(device="/dev/video77")
    assert "modprobe v4l2loopback exclusive_caps=1" in caught.value.hint


def test_a_device_that_is_no_camera_is_refused():
    with pytest.raises(SinkError, match="does not open"):
        open_camera(device="/dev/null")


def test_what_is_no_loopback_device_is_not_taken_for_one(tmp_path):
    assert query_loopback("/dev/null") is None
    assert query_loopback(str(tmp_path / "nothing")) is None


@pytest.mark.rig
@needs_device
def test_a_camera_named_twice_is_called_busy():
    first = open_camera(device=FREE[0])
    with pytest.raises(SinkError, match="busy: this run feeds it twice"):
        open_camera(device=FREE[0])
    first.close()


@pytest.mark.rig
@needs_device
def test_a_camera_that_another_program_feeds_is_called_busy():
    code = (
        "import numpy, pyvirtualcam as p; c = p.Camera(320, 240, 30, device='%s');"
        "c.send(numpy.zeros((240, 320, 3), 'u1')); print('ready', flush=True); input()"
    )
    command = [sys.executable, "-c", code % FREE[0]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"ready\n"
        with pytest.raises(SinkError, match="busy: another program"):
            open_camera(device=FREE[0])
        with pytest.raises(SinkError, match="no virtual camera that is free"):
            open_camera()
        other.communicate(b"\n")


@pytest.mark.rig
@needs_device
def test_a_camera_can_be_opened_again_and_again():
    for index in range(3):
        sink = open_camera(device=FREE[0])
        sink.write(make_frame(index, (320, 240)))
        sink.close()


@pytest.mark.rig
@needs_device
def test_a_reader_sees_what_was_sent(tmp_path):
    sink = open_camera(device=FREE[0])
    frame = make_frame(9, (320, 240))
    sink.write(frame)
    one_picture = f"-f v4l2 -i {FREE[0]} -frames:v 1 -f rawvideo -pix_fmt yuv420p".split()
    reader = subprocess.Popen(["ffmpeg", "-v", "error", *one_picture, str(tmp_path / "raw")])
    while reader.poll() is None:
        sink.write(frame)
    shown = np.fromfile(tmp_path / "raw", np.uint8)
    sink.close()
    assert np.abs(shown.astype(int) - frame.i420.reshape(-1)).max() <= 2


@pytest.mark.rig
@needs_device
def test_frames_that_do_not_fit_are_stretched_and_converted():
    sink = open_camera(device=FREE[0])
    sink.write(make_frame(0, (641, 361)))
    sink.write(replace(make_frame(1, (320, 240)), color=ColorSpace("bt709", full_range=True)))
    sink.close()


@pytest.mark.rig
@needs_device
def test_transparency_is_refused():
    sink = open_camera(device=FREE[0])
    frame = make_frame(0, (320, 240)).with_alpha(np.zeros((240, 320), np.uint8))
    with pytest.raises(SinkError, match="transparency"):
        sink.write(frame)
    sink.close()
