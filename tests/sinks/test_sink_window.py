"""Windows on a real X server without a screen, each in a process of its own where it may end."""

import os
import shutil
import socket
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from xvfb import display

from rimlight.core.errors import SinkError
from rimlight.live.commands import KEY_LINE, KEYS
from rimlight.sinks.window import blend_over_checkerboard, draw_key_line
from rimlight.system.display import check_display

TESTS = os.path.dirname(os.path.dirname(__file__))
START = f"""
import subprocess, sys
sys.path.insert(0, {TESTS!r})
from fakes import make_frame, make_info
from rimlight.core.errors import RimlightError, StopStream
from rimlight.sinks.window import WindowSink
sink = WindowSink(WindowSink.Options(), make_info())
"""


def python(code, name):
    environment = {k: v for k, v in os.environ.items() if k != "WAYLAND_DISPLAY"}
    environment["DISPLAY"] = name
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_cv2_shows_windows_although_av_is_imported():
    result = python(
        "from rimlight.system.av import av\n"
        "import cv2, numpy as np\n"
        "cv2.imshow('w', np.zeros((48, 64, 3), np.uint8)); cv2.waitKey(1); print('shown')",
        display(),
    )
    assert result.stdout == "shown\n", result.stderr


def test_closing_the_window_ends_the_run():
    result = python(
        START + "import cv2\n"
        "sink.write(make_frame(0)); cv2.destroyAllWindows(); cv2.waitKey(1)\n"
        "try: sink.write(make_frame(1))\n"
        "except StopStream: print('stopped')\n"
        "sink.close()",
        display(),
    )
    assert result.stdout == "stopped\n", result.stderr


@pytest.mark.skipif(not shutil.which("xdotool"), reason="needs xdotool")
@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_key_ends_the_run(key):
    result = python(
        START + "try:\n"
        "    for index in range(500):\n"
        "        sink.write(make_frame(index % 8, (400, 300)))\n"
        "        if index % 20 == 5:\n"
        f"            subprocess.run(['xdotool', 'mousemove', '100', '100', 'key', {key!r}])\n"
        "except StopStream: print('stopped')\n"
        "sink.close()",
        display(),
    )
    assert result.stdout == "stopped\n", result.stderr


@pytest.mark.skipif(not shutil.which("xdotool"), reason="needs xdotool")
def test_the_window_holds_the_picture_and_a_line_of_keys_alone_and_says_nothing():
    result = python(
        START + "sink.describe_keys('b next background   q quit')\n"
        "find = ['xdotool', 'search', '--name', '^rimlight$', 'getwindowgeometry', '--shell']\n"
        "for index in range(200):  # until it has its size\n"
        "    sink.write(make_frame(index, (400, 300)))\n"
        "    found = subprocess.run(find, capture_output=True, text=True).stdout\n"
        "    if 'WIDTH=400' in found: break\n"
        "print(found)\n"
        "sink.close()",
        display(),
    )
    assert "WIDTH=400\nHEIGHT=332\n" in result.stdout
    assert result.stderr == ""


def test_the_line_of_keys_is_legible_and_fits_into_a_narrow_picture():
    wide, narrow = draw_key_line("b next   q quit", 640), draw_key_line("b next   q quit", 100)
    assert wide.shape[1], narrow.shape[1] == (640, 100)
    assert wide.max() == 255
    assert narrow[:, -8:].max() == narrow.min()


def test_every_key_of_a_live_run_is_in_the_line():
    words = KEY_LINE.split()
    assert all(key in words for key in KEYS if key != " ")


@pytest.mark.parametrize("name", ["", ":4711", "nonsense", "127.0.0.1:59"])
def test_no_display_is_an_error_and_not_the_end_of_the_process(name):
    result = python(
        START.replace("sink = ", "try: sink = ")
        + "except RimlightError as error: print(error.exit_code, error.hint)",
        name,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("5 log in to a desktop")


def test_a_display_that_nobody_serves_is_named():
    with pytest.raises(SinkError, match="display ':4711' does not answer"):
        check_display({"DISPLAY": ":4711"})


def test_wayland_alone_is_not_enough():
    with pytest.raises(SinkError, match="Wayland"):
        check_display({"WAYLAND_DISPLAY": "wayland-0"})


def test_a_display_over_the_network_is_asked():
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1] - 6000
        check_display({"DISPLAY": f"127.0.0.1:{number}.0"})


def test_transparent_pixels_show_a_checkerboard():
    bgr = np.full((40, 40, 3), 200, np.uint8)
    alpha = np.zeros((40, 40), np.uint8)
    alpha[:, :20] = 255
    shown = blend_over_checkerboard(bgr, alpha)
    assert (shown[:, :20] == 200).all()
    assert set(np.unique(shown[:, 20:])) == {102, 153}
