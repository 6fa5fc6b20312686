from dataclasses import replace
from pathlib import Path

import pytest

from rimlight.doctor.checks import (
    cameras,
    display,
    examine,
    models,
    processor,
    virtual_cameras,
)
from rimlight.doctor.findings import Level, is_well, ok, problem, warning
from rimlight.doctor.machine import Machine
from rimlight.doctor.setup import LOAD, RELOAD, camera_steps, install_command
from rimlight.system import v4l2


@pytest.fixture
def machine(tmp_path):
    """A machine with nothing; write into its files to give it something."""
    return Machine(tmp_path, "6.1.0")


def give(machine, name, text=""):
    path = machine.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def load_module(machine, version="0.13.2", exclusive="Y,N,N"):
    give(machine, "sys/module/v4l2loopback/version", version + "\n")
    give(machine, "sys/module/v4l2loopback/parameters/exclusive_caps", exclusive + "\n")


def start_module(machine):
    give(machine, "etc/modules-load.d/v4l2loopback.conf", "# for calls\nv4l2loopback\n")
    give(machine, "etc/modprobe.d/a.conf", "options v4l2loopback exclusive_caps=1\n")


def first(findings):
    return next(iter(findings))


def test_without_the_module_the_mend_installs_and_loads_it(machine):
    give(machine, "etc/os-release", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n')
    found = first(virtual_cameras(machine))
    assert found.level is Level.PROBLEM
    assert found.mend == f"{install_command(machine)} && {LOAD}"
    assert "apt-get install -y v4l2loopback-dkms" in found.mend


def test_a_module_that_is_there_but_not_loaded_is_loaded(machine):
    give(machine, "lib/modules/6.1.0/updates/dkms/v4l2loopback.ko.xz")
    assert first(virtual_cameras(machine)).mend == LOAD


def test_a_module_for_another_kernel_does_not_count(machine):
    give(machine, "lib/modules/5.10.0/updates/dkms/v4l2loopback.ko")
    assert "not installed" in first(virtual_cameras(machine)).text


def test_secure_boot_is_named_where_it_stands_in_the_way(machine):
    give(machine, "lib/modules/6.1.0/v4l2loopback.ko")
    path = machine.root / "sys/firmware/efi/efivars/SecureBoot-8be4df61"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x06\0\0\0\x01")
    assert "mokutil" in first(virtual_cameras(machine)).mend


def test_an_old_module_is_a_warning(machine):
    load_module(machine, "0.12.7")
    assert first(virtual_cameras(machine)).level is Level.WARNING


def test_a_module_without_exclusive_caps_is_a_problem(machine):
    load_module(machine, exclusive="N,N")
    mends = [found.mend for found in virtual_cameras(machine)]
    assert RELOAD in mends


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("ID=debian", "apt-get"),
        ("ID=ubuntu\nID_LIKE=debian", "apt-get"),
        ("ID=fedora", "dnf"),
        ("ID=manjaro\nID_LIKE=arch", "pacman"),
        ("ID=opensuse-tumbleweed\nID_LIKE='opensuse suse'", "zypper"),
        ("ID=something", "git clone"),
        ("", "git clone"),
    ],
)
def test_each_distribution_has_its_own_command(machine, system, command):
    give(machine, "etc/os-release", system)
    assert command in install_command(machine)


def test_setting_up_a_bare_machine_takes_all_steps(machine):
    commands = [step.command for step in camera_steps(machine)]
    assert len(commands) == 4
    assert commands[-1] == LOAD


def test_a_machine_that_is_set_up_needs_no_steps(machine):
    load_module(machine)
    start_module(machine)
    assert camera_steps(machine) == ()


def test_a_module_that_starts_without_options_gets_them(machine):
    load_module(machine)
    give(machine, "etc/modules-load.d/v4l2loopback.conf", "v4l2loopback\n")
    (step,) = camera_steps(machine)
    assert "/etc/modprobe.d/rimlight.conf" in step.command


def test_a_distribution_with_a_stray_quote_in_its_name_is_known(machine):
    give(machine, "etc/os-release", "PRETTY_NAME=Bob's Linux\nID='debian'\n")
    assert "apt-get" in install_command(machine)


def test_a_module_that_browsers_refuse_is_loaded_again(machine):
    load_module(machine, exclusive="N")
    start_module(machine)
    assert [step.command for step in camera_steps(machine)] == [RELOAD]


def test_an_old_processor_is_a_warning(machine):
    give(machine, "proc/cpuinfo", "flags\t\t: fpu sse sse2\n")
    assert processor(machine).level is Level.WARNING
    give(machine, "proc/cpuinfo", "flags\t\t: fpu sse sse2 avx2\n")
    assert processor(machine).level is Level.OK


def test_the_shipped_models_are_there():
    assert [found.level for found in models()] == [Level.OK, Level.OK]


def test_no_display_is_a_warning(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    assert display().level is Level.WARNING


def test_whatever_is_wrong_has_a_command_that_mends_it(machine):
    found = examine(machine)
    assert all(each.mend for each in found if each.level is not Level.OK)
    assert any("GPL" in each.text for each in found)


@pytest.fixture
def busy(monkeypatch):
    """A webcam and a virtual camera that the program `by` uses."""

    def busy(by):
        webcam = v4l2.CameraDescription(Path("/dev/video0"), "cam", "uvcvideo", "usb", True, False)
        fed = replace(webcam, path=Path("/dev/video10"), driver="v4l2 loopback")
        monkeypatch.setattr(v4l2, "list_cameras", lambda **_: (webcam, fed))
        monkeypatch.setattr(v4l2, "list_device_paths", lambda: ())
        monkeypatch.setattr(v4l2, "is_busy", lambda _: True)
        monkeypatch.setattr(v4l2, "list_holders", lambda _: (by,))

    return busy


def test_nobody_is_told_to_end_rimlight_by_force(busy, machine):
    busy("rimlight (64)")
    load_module(machine)
    found = [*cameras(), *virtual_cameras(machine)]
    assert {each.level for each in found} == {Level.OK}
    assert sum("rimlight ctl status" in each.text for each in found) == 2


def test_another_program_that_has_the_camera_is_named(busy):
    busy("ffmpeg (65)")
    (found,) = cameras()
    assert (found.level, "ffmpeg (65)" in found.text) == (Level.WARNING, True)
    assert found.mend.startswith("fuser -k /dev/video0")


def test_only_problems_make_a_machine_unwell():
    assert is_well([ok("a", ""), warning("b", "", "c")])
    assert not is_well([ok("a", ""), problem("b", "", "c")])
