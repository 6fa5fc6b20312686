import os
import subprocess
import sys

import pytest

from rimlight.live.on_demand import GRACE_S, OnDemandCamera
from rimlight.system.v4l2loopback import ConsumerCounter, count_holders


class Camera:
    def __init__(self):
        self.is_open = True

    def wake(self):
        self.is_open = True

    def suspend(self):
        self.is_open = False


CHECK_INTERVAL_S = 0.25


class Scene:
    """A camera, how many watch it, and a clock."""

    interval_s = CHECK_INTERVAL_S

    def __init__(self):
        self.camera, self.watching, self.now = Camera(), 0, 0.0
        self.demand = OnDemandCamera(self.camera, [self], clock=lambda: self.now)

    def count(self):
        return self.watching

    def after(self, seconds):
        self.now += seconds
        self.demand.poll()
        return self.camera.is_open


def test_the_camera_rests_from_the_start_when_nobody_watches():
    assert not Scene().after(0.0)


def test_it_opens_when_somebody_comes():
    scene = Scene()
    scene.after(0.0)
    scene.watching = 1
    assert scene.after(CHECK_INTERVAL_S)


def test_it_stays_open_for_a_while_when_they_leave():
    scene = Scene()
    scene.watching = 1
    scene.after(0.0)
    scene.watching = 0
    assert scene.after(GRACE_S - 0.1)
    assert not scene.after(CHECK_INTERVAL_S)


def test_it_looks_only_so_often():
    scene = Scene()
    scene.after(0.0)
    scene.watching = 1
    assert not scene.after(CHECK_INTERVAL_S / 2)


def test_other_programs_that_have_a_file_open_are_counted(tmp_path):
    path = tmp_path / "device"
    path.touch()
    real = os.path.realpath(path)
    with path.open():
        assert count_holders(real) == 0
    waits = "import sys; f = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", waits, real]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert count_holders(real) == 1
        other.stdin.close()
    assert count_holders(real) == 0


@pytest.fixture
def device(tmp_path):
    """A file in the place of a device without events, and its folder in sysfs."""
    path = tmp_path / "video10"
    path.touch()
    (tmp_path / "sys" / "video10").mkdir(parents=True)
    return path, tmp_path / "sys"


def test_the_count_that_the_module_shows_is_taken(device):
    path, sysfs = device
    watchers = ConsumerCounter(str(path), sysfs=sysfs)
    for count in (0, 2, 1):
        (sysfs / "video10" / "active_readers").write_text(f"{count}\n")
        assert watchers.count() == count


@pytest.mark.parametrize(
    "shown", ["state: capture", "format: YU12:640x480@30", "active_readers: ?"]
)
def test_who_feeds_a_device_is_not_taken_for_who_watches(device, shown):
    path, sysfs = device
    name, text = shown.split(": ")
    (sysfs / "video10" / name).write_text(text)
    assert ConsumerCounter(str(path), sysfs=sysfs).count() == 0


def test_virtual_cameras_can_be_imported_where_there_is_no_fcntl():
    code = (
        "import sys, rimlight.sinks; sys.modules['fcntl'] = None; sys.platform = 'win32'\n"
        "from rimlight.system import v4l2loopback\n"
        "assert v4l2loopback.list_loopbacks() == []"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
