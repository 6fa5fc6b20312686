"""Facts about a Linux machine, and the commands that set up v4l2loopback on it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MODULE = "v4l2loopback"
OPTIONS = 'exclusive_caps=1 card_label="Rimlight" video_nr=10'
LOAD = f"sudo modprobe v4l2loopback {OPTIONS}"
RELOAD = f"sudo modprobe -r v4l2loopback && {LOAD}"
_JOIN = "sudo usermod -aG video {user} && newgrp video"

_INSTALL = {
    "debian": "sudo apt-get install -y v4l2loopback-dkms linux-headers-$(uname -r)",
    "fedora": "sudo dnf install -y akmod-v4l2loopback && sudo akmods --force",
    "arch": "sudo pacman -S --needed v4l2loopback-dkms linux-headers",
    "suse": "sudo zypper install v4l2loopback-kmp-default",
    "gentoo": "sudo emerge media-video/v4l2loopback",
    "void": "sudo xbps-install -S v4l2loopback",
}
_FAMILIES = {"ubuntu": "debian", "rhel": "fedora", "opensuse": "suse"}
_FROM_SOURCE = (
    "git clone https://github.com/v4l2loopback/v4l2loopback && cd v4l2loopback && "
    "make && sudo make install && sudo depmod -a"
)


@dataclass(frozen=True, slots=True)
class Machine:
    """A Linux machine as its file system describes it.

    Attributes:
        root: "/" except in tests.
        release: of the running kernel.
    """

    root: Path = Path("/")
    release: str = platform.release()

    @property
    def system(self) -> dict[str, str]:
        """The entries of /etc/os-release, such as ID and ID_LIKE."""
        lines = self._read("etc/os-release").splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line)
        return {name: value.strip("\"'") for name, _, value in pairs}

    @property
    def cpu_flags(self) -> frozenset[str]:
        """Features of the processor, such as "avx2" or "asimd"."""
        for line in self._read("proc/cpuinfo").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return frozenset(value.split())
        return frozenset()

    @property
    def is_module_loaded(self) -> bool:
        """True if the kernel has loaded v4l2loopback."""
        return (self.root / "sys/module" / MODULE).is_dir()

    @property
    def is_module_installed(self) -> bool:
        """True if v4l2loopback is installed for the running kernel."""
        folder = self.root / "lib/modules" / self.release
        return any(folder.rglob(f"{MODULE}.ko*"))

    @property
    def module_version(self) -> tuple[int, ...]:
        """Such as (0, 13, 2); () if it is not loaded or unknown."""
        text = self._read(f"sys/module/{MODULE}/version").strip()
        return tuple(int(part) for part in text.split(".") if part.isdecimal())

    @property
    def exclusive_caps(self) -> tuple[bool, ...]:
        """The module option of each device; () if unknown."""
        text = self._read(f"sys/module/{MODULE}/parameters/exclusive_caps").strip()
        return tuple(value == "Y" for value in text.split(",") if value)

    @property
    def has_secure_boot(self) -> bool:
        """True if the kernel may load signed modules only."""
        folder = self.root / "sys/firmware/efi/efivars"
        for path in folder.glob("SecureBoot-*"):
            with suppress(OSError):
                return path.read_bytes()[-1:] == b"\x01"
        return False

    @property
    def is_module_autoloaded(self) -> bool:
        """True if v4l2loopback is loaded at boot."""
        return any(line == [MODULE] for line in self._read_lines("etc/modules-load.d"))

    @property
    def has_module_options(self) -> bool:
        """True if options for v4l2loopback are configured."""
        return any(line[:2] == ["options", MODULE] for line in self._read_lines("etc/modprobe.d"))

    def _read_lines(self, folder: str) -> Iterator[list[str]]:
        """Yield the words of each line of a folder's *.conf files."""
        for path in (self.root / folder).glob("*.conf"):
            for line in self._read(f"{folder}/{path.name}").splitlines():
                yield line.split()

    def _read(self, name: str) -> str:
        with suppress(OSError):
            return (self.root / name).read_text(errors="replace")
        return ""


def get_user_name() -> str:
    """Return the name of the user, for commands."""
    return os.environ.get("USER") or "$(id -un)"


@dataclass(frozen=True, slots=True)
class Step:
    """A command for a POSIX shell and its reason."""

    command: str
    reason: str


def get_install_command(machine: Machine) -> str:
    """Return the command that installs v4l2loopback on the distribution."""
    system = machine.system
    names = [system.get("ID", ""), *system.get("ID_LIKE", "").split()]
    for name in names:
        family = _FAMILIES.get(name.split("-")[0], name.split("-")[0])
        if family in _INSTALL:
            return _INSTALL[family]
    return _FROM_SOURCE


def make_setup_steps(machine: Machine) -> tuple[Step, ...]:
    """Return the remaining steps until there is a virtual camera, now and after each boot."""
    steps = []
    if not (machine.is_module_installed or machine.is_module_loaded):
        steps.append(Step(get_install_command(machine), "install the kernel module"))
    if not machine.is_module_autoloaded:
        load = "echo v4l2loopback | sudo tee /etc/modules-load.d/v4l2loopback.conf"
        steps.append(Step(load, "load it at boot"))
    if not machine.has_module_options:
        options = f"echo 'options v4l2loopback {OPTIONS}' | sudo tee /etc/modprobe.d/rimlight.conf"
        steps.append(Step(options, "create /dev/video10, in the mode that browsers accept"))
    if not machine.is_module_loaded:
        steps.append(Step(LOAD, "load it now"))
    elif not any(machine.exclusive_caps):
        steps.append(Step(RELOAD, "load it again, so that browsers accept the device"))
    return tuple(steps)


def get_join_command() -> str:
    """Return the command that lets the user open cameras."""
    return _JOIN.format(user=get_user_name())
