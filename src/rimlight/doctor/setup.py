"""How v4l2loopback is set up on a distribution, as commands."""

from __future__ import annotations

from dataclasses import dataclass

from rimlight.doctor.machine import Machine, user

OPTIONS = 'exclusive_caps=1 card_label="Rimlight" video_nr=10'
LOAD = f"sudo modprobe v4l2loopback {OPTIONS}"
RELOAD = f"sudo modprobe -r v4l2loopback && {LOAD}"
JOIN = "sudo usermod -aG video {user} && newgrp video"

_INSTALL = {
    "debian": "sudo apt-get install -y v4l2loopback-dkms linux-headers-$(uname -r)",
    "fedora": "sudo dnf install -y akmod-v4l2loopback && sudo akmods --force",
    "arch": "sudo pacman -S --needed v4l2loopback-dkms linux-headers",
    "suse": "sudo zypper install v4l2loopback-kmp-default",
    "gentoo": "sudo emerge media-video/v4l2loopback",
    "void": "sudo xbps-install -S v4l2loopback",
}
_ALIKE = {"ubuntu": "debian", "rhel": "fedora", "opensuse": "suse"}
_ELSEWHERE = (
    "git clone https://github.com/v4l2loopback/v4l2loopback && cd v4l2loopback && "
    "make && sudo make install && sudo depmod -a"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One command for a POSIX shell, and why."""

    command: str
    why: str


def install_command(machine: Machine) -> str:
    """Return what installs v4l2loopback on the distribution."""
    system = machine.system
    names = [system.get("ID", ""), *system.get("ID_LIKE", "").split()]
    for name in names:
        family = _ALIKE.get(name.split("-")[0], name.split("-")[0])
        if family in _INSTALL:
            return _INSTALL[family]
    return _ELSEWHERE


def camera_steps(machine: Machine) -> tuple[Step, ...]:
    """Return what is left to do until there is a virtual camera, now and after each start."""
    steps = []
    if not (machine.module_installed or machine.module_loaded):
        steps.append(Step(install_command(machine), "install the kernel module"))
    if not machine.starts_module:
        load = "echo v4l2loopback | sudo tee /etc/modules-load.d/v4l2loopback.conf"
        steps.append(Step(load, "load it whenever the machine starts"))
    if not machine.sets_options:
        options = f"echo 'options v4l2loopback {OPTIONS}' | sudo tee /etc/modprobe.d/rimlight.conf"
        steps.append(Step(options, "with a device that browsers accept, always /dev/video10"))
    if not machine.module_loaded:
        steps.append(Step(LOAD, "load it now"))
    elif not any(machine.exclusive_caps):
        steps.append(Step(RELOAD, "load it again, so that browsers accept the device"))
    return tuple(steps)


def join_command() -> str:
    """Return what lets the user open cameras."""
    return JOIN.format(user=user())
