from dataclasses import replace
from pathlib import Path

import pytest

from rimlight.doctor.checks import (
    Level,
    check_cameras,
    check_devices,
    check_models,
    check_processor,
    check_screen,
    check_virtual_cameras,
    has_no_problem,
    make_ok,
    make_problem,
    make_warning,
    run_checks,
)
from rimlight.doctor.machine import LOAD, RELOAD, Machine, get_install_command, make_setup_steps
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


def test_without_the_module_the_fix_installs_and_loads_it(machine):
    give(machine, "etc/os-release", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n')
    found = first(check_virtual_cameras(machine))
    assert found.level is Level.PROBLEM
    assert found.fix == f"{get_install_command(machine)} && {LOAD}"
    assert "apt-get install -y v4l2loopback-dkms" in found.fix


def test_without_the_module_a_camera_of_pipewire_is_enough(machine):
    found = first(check_virtual_cameras(machine, has_pipewire=True))
    assert found.level is Level.WARNING
    assert "PipeWire" in found.text


def test_a_module_that_is_there_but_not_loaded_is_loaded(machine):
    give(machine, "lib/modules/6.1.0/updates/dkms/v4l2loopback.ko.xz")
    assert first(check_virtual_cameras(machine)).fix == LOAD


def test_a_module_for_another_kernel_does_not_count(machine):
    give(machine, "lib/modules/5.10.0/updates/dkms/v4l2loopback.ko")
    assert "not installed" in first(check_virtual_cameras(machine)).text


def test_secure_boot_is_named_where_it_stands_in_the_way(machine):
    give(machine, "lib/modules/6.1.0/v4l2loopback.ko")
    path = machine.root / "sys/firmware/efi/efivars/SecureBoot-8be4df61"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x06\0\0\0\x01")
    assert "mokutil" in first(check_virtual_cameras(machine)).fix


def test_an_old_module_is_a_warning(machine):
    load_module(machine, "0.12.7")
    assert first(check_virtual_cameras(machine)).level is Level.WARNING


def test_a_module_without_exclusive_caps_is_a_problem(machine):
    load_module(machine, exclusive="N,N")
    fixes = [found.fix for found in check_virtual_cameras(machine)]
    assert RELOAD in fixes


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
    assert command in get_install_command(machine)


def test_setting_up_a_bare_machine_takes_all_steps(machine):
    commands = [step.command for step in make_setup_steps(machine)]
    assert len(commands) == 4
    assert commands[-1] == LOAD


def test_a_machine_that_is_set_up_needs_no_steps(machine):
    load_module(machine)
    start_module(machine)
    assert make_setup_steps(machine) == ()


def test_a_module_that_starts_without_options_gets_them(machine):
    load_module(machine)
    give(machine, "etc/modules-load.d/v4l2loopback.conf", "v4l2loopback\n")
    (step,) = make_setup_steps(machine)
    assert "/etc/modprobe.d/rimlight.conf" in step.command


def test_a_distribution_with_a_stray_quote_in_its_name_is_known(machine):
    give(machine, "etc/os-release", "PRETTY_NAME=Bob's Linux\nID='debian'\n")
    assert "apt-get" in get_install_command(machine)


def test_a_module_that_browsers_refuse_is_loaded_again(machine):
    load_module(machine, exclusive="N")
    start_module(machine)
    assert [step.command for step in make_setup_steps(machine)] == [RELOAD]


def test_an_old_processor_is_a_warning(machine):
    give(machine, "proc/cpuinfo", "flags\t\t: fpu sse sse2\n")
    assert check_processor(machine).level is Level.WARNING
    give(machine, "proc/cpuinfo", "flags\t\t: fpu sse sse2 avx2\n")
    assert check_processor(machine).level is Level.OK


def test_the_shipped_models_are_there():
    assert [found.level for found in check_models()] == [Level.OK, Level.OK]


def test_no_display_is_a_warning(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    assert check_screen().level is Level.WARNING


def test_whatever_is_wrong_has_a_command_that_fixes_it(machine):
    found = run_checks(machine)
    assert all(each.fix for each in found if each.level is not Level.OK)
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
    found = [*check_cameras(), *check_virtual_cameras(machine)]
    assert {each.level for each in found} == {Level.OK}
    assert sum("rimlight ctl status" in each.text for each in found) == 2


def test_another_program_that_has_the_camera_is_named(busy):
    busy("ffmpeg (65)")
    (found,) = check_cameras()
    assert (found.level, "ffmpeg (65)" in found.text) == (Level.WARNING, True)
    assert found.fix.startswith("fuser -k /dev/video0")


def test_only_problems_make_a_machine_unwell():
    assert has_no_problem([make_ok("a", ""), make_warning("b", "", "c")])
    assert not has_no_problem([make_ok("a", ""), make_problem("b", "", "c")])


def test_the_devices_of_onnx_runtime_are_listed():
    (finding,) = check_devices()
    assert finding.level is Level.OK and finding.text.endswith("cpu")
