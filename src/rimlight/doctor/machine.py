"""Facts about this machine, read from files: the system, the processor, kernel modules."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MODULE = "v4l2loopback"


@dataclass(frozen=True, slots=True)
class Machine:
    """A Linux machine, seen through its file system.

    Attributes:
        root: "/" but for tests.
        release: of the running kernel.
    """

    root: Path = Path("/")
    release: str = platform.release()

    @property
    def system(self) -> dict[str, str]:
        """What /etc/os-release says, such as ID and ID_LIKE."""
        lines = self._read("etc/os-release").splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line)
        return {name: value.strip("\"'") for name, _, value in pairs}

    @property
    def cpu_flags(self) -> frozenset[str]:
        """What the processor can do, such as "avx2" or "asimd"."""
        for line in self._read("proc/cpuinfo").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return frozenset(value.split())
        return frozenset()

    @property
    def module_loaded(self) -> bool:
        """The kernel has v4l2loopback."""
        return (self.root / "sys/module" / MODULE).is_dir()

    @property
    def module_installed(self) -> bool:
        """There is a v4l2loopback for the running kernel."""
        folder = self.root / "lib/modules" / self.release
        return any(folder.rglob(f"{MODULE}.ko*"))

    @property
    def module_version(self) -> tuple[int, ...]:
        """Such as (0, 13, 2); () when it is not loaded, or does not say."""
        text = self._read(f"sys/module/{MODULE}/version").strip()
        return tuple(int(part) for part in text.split(".") if part.isdecimal())

    @property
    def exclusive_caps(self) -> tuple[bool, ...]:
        """The module's option for each of its devices; () when it does not say."""
        text = self._read(f"sys/module/{MODULE}/parameters/exclusive_caps").strip()
        return tuple(each == "Y" for each in text.split(",") if each)

    @property
    def secure_boot(self) -> bool:
        """The firmware lets the kernel load signed modules only."""
        folder = self.root / "sys/firmware/efi/efivars"
        for path in folder.glob("SecureBoot-*"):
            with suppress(OSError):
                return path.read_bytes()[-1:] == b"\x01"
        return False

    @property
    def starts_module(self) -> bool:
        """v4l2loopback is loaded whenever the machine starts."""
        return any(line == [MODULE] for line in self._lines("etc/modules-load.d"))

    @property
    def sets_options(self) -> bool:
        """It is loaded with options then."""
        return any(line[:2] == ["options", MODULE] for line in self._lines("etc/modprobe.d"))

    def _lines(self, folder: str) -> Iterator[list[str]]:
        """Yield the words of each line of a folder's *.conf files."""
        for path in (self.root / folder).glob("*.conf"):
            for line in self._read(f"{folder}/{path.name}").splitlines():
                yield line.split()

    def _read(self, name: str) -> str:
        with suppress(OSError):
            return (self.root / name).read_text(errors="replace")
        return ""


def user() -> str:
    """The user's name, for commands."""
    return os.environ.get("USER") or "$(id -un)"
