"""Who watches a virtual camera: by v4l2loopback's own event, its own count, or its open files."""

from __future__ import annotations

import os
import select
import struct
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "linux":
    import fcntl

# linux/videodev2.h: struct v4l2_event_subscription (32 bytes), struct v4l2_event (136 bytes)
_SUBSCRIBE = 0x4020565A
_DEQUEUE = 0x80885659
_SUBSCRIPTION = struct.Struct("<III20x")
_EVENT_BYTES = 136
_USAGE_AT = 8
_SEND_NOW = 1

SYSFS = Path("/sys/class/video4linux")

CLIENT_USAGE = 0x10E00001
"""v4l2loopback.h: V4L2_EVENT_PRI_CLIENT_USAGE, from 0.13 on; its data is how many watch."""


class ConsumerCounter:
    """Counts the programs that watch the virtual camera `device`, this one left out.

    The first of these that there is decides: the event of v4l2loopback 0.13; the count that some
    builds of the module show in sysfs (v4l2loopback pull request 592); the open files of all
    processes, which are seen of the same user only, or of all if we are root. What every module
    shows in sysfs, `state` and `format`, tells whether somebody feeds it, not whether one watches.

    Args:
        device: its node, such as /dev/video10.
        sysfs: where the kernel shows its devices.

    Raises:
        OSError: the device cannot be opened.
    """

    def __init__(self, device: str, *, sysfs: Path = SYSFS) -> None:
        self._device = os.path.realpath(device)
        self._readers_file = sysfs / Path(self._device).name / "active_readers"
        self._count = 0
        self._handle: int | None = os.open(device, os.O_RDWR | getattr(os, "O_NONBLOCK", 0))
        try:
            _ask(self._handle, _SUBSCRIBE, _SUBSCRIPTION.pack(CLIENT_USAGE, 0, _SEND_NOW))
        except OSError:  # EINVAL: a module without this event
            self.close()

    def count(self) -> int:
        """Return how many there are now. Does not wait."""
        if self._handle is None:
            shown = _read_number(self._readers_file)
            return count_holders(self._device) if shown is None else shown
        while select.select([], [], [self._handle], 0)[2]:
            event = _ask(self._handle, _DEQUEUE, bytes(_EVENT_BYTES))
            (self._count,) = struct.unpack_from("<I", event, _USAGE_AT)
        return self._count

    def close(self) -> None:
        """Let go of the device."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _ask(handle: int, request: int, question: bytes) -> bytes:
    if sys.platform != "linux":
        raise OSError("there are v4l2loopback devices on Linux only")
    return fcntl.ioctl(handle, request, question)


def _read_number(path: Path) -> int | None:
    with suppress(OSError, ValueError):  # not there, or not a number
        return int(path.read_text())
    return None


def count_holders(path: str) -> int:
    """Return how many processes other than this one have the real path `path` open."""
    own = str(os.getpid())
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == own:
            continue
        with suppress(OSError):  # it ended, or is not ours to see
            found += any(_leads_to(link, path) for link in (process / "fd").iterdir())
    return found


def _leads_to(link: Path, path: str) -> bool:
    with suppress(OSError):
        return os.readlink(link) == path
    return False
