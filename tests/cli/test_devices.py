from fractions import Fraction
from pathlib import Path

from rimlight.cli.doctor import _describe_camera
from rimlight.system.v4l2 import CameraDescription, CameraFormat, CameraMode


def camera(formats=(), **more):
    fields = {"can_capture": True, "can_output": False, **more}
    return CameraDescription(
        Path("/dev/video0"), "Desk Cam", "uvcvideo", "usb-1", formats=formats, **fields
    )


def test_a_camera_is_told_with_its_sizes_and_rates():
    modes = (CameraMode((1280, 720), (Fraction(30), Fraction(15, 2))), CameraMode((640, 480), ()))
    lines = list(_describe_camera(camera((CameraFormat("MJPG", modes),))))
    assert lines == [
        "/dev/video0  Desk Cam (uvcvideo, usb-1): camera",
        "    MJPG   1280x720 at 30/7.5 fps, 640x480",
    ]


def test_a_virtual_camera_is_named_as_one():
    line = next(_describe_camera(camera(can_capture=False, can_output=True)))
    assert line.endswith(": virtual camera")


def test_hundreds_of_formats_are_counted_not_listed():
    lines = list(_describe_camera(camera(tuple(CameraFormat(f"F{n}", ()) for n in range(100)))))
    assert lines[-1].strip() == "and 94 more formats" and len(lines) == 8


def test_a_machine_without_cameras_is_told_so(rimlight):
    done = rimlight("devices")
    assert done.returncode == 0
    assert done.stdout.startswith(("no cameras found", "/dev/video"))
