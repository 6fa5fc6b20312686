"""v4l2loopback devices: what they report, how to reset one, and who reads from them.

Under `exclusive_caps=1`, v4l2loopback 0.12 announces neither capture nor output after a producer
that used only write() has closed, and then cannot be opened again (v4l2loopback issue 442).
STREAMON marks the opener as a writer, even if the call itself is refused. When such a writer
closes, the device announces output again. Fixed in v4l2loopback 0.13.
"""

from __future__ import annotations

import os
import select
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rimlight.system.locks import O_NONBLOCK
from rimlight.system.v4l2 import (
    describe_device,
    find_holder_pids,
    ioctl,
    list_device_paths,
)

# linux/videodev2.h: struct v4l2_event_subscription (32 bytes), struct v4l2_event (136 bytes)
_STREAMON = 0x40045612
_SUBSCRIBE_EVENT = 0x4020565A
_DQEVENT = 0x80885659
_BUF_TYPE_VIDEO_OUTPUT = 2
_SUBSCRIPTION = struct.Struct("<III20x")
_EVENT_BYTES = 136
_USAGE_OFFSET = 8
_SEND_INITIAL = 1

SYSFS = Path("/sys/class/video4linux")

CLIENT_USAGE = 0x10E00001
"""v4l2loopback.h: V4L2_EVENT_PRI_CLIENT_USAGE, since 0.13; its data is the number of consumers."""


@dataclass(frozen=True, slots=True)
class LoopbackDevice:
    """One v4l2loopback device.

    Attributes:
        path: its node, for example /dev/video10.
        label: the name that programs show.
        can_output: it can be opened as a virtual camera now.
        is_stuck: it announces no capability; see `reset_stuck_device`.
    """

    path: str
    label: str
    can_output: bool
    is_stuck: bool


def list_loopbacks() -> list[LoopbackDevice]:
    """Return the v4l2loopback devices that can be opened."""
    devices = (query_loopback(str(path)) for path in list_device_paths())
    return [device for device in devices if device is not None]


def query_loopback(path: str) -> LoopbackDevice | None:
    """Describe a v4l2loopback device; None for other files and those that cannot be opened."""
    try:
        device = describe_device(Path(path), with_formats=False)
    except OSError:
        return None
    if device.driver != "v4l2 loopback":
        return None
    is_stuck = not (device.can_output or device.can_capture)
    return LoopbackDevice(path, device.card, device.can_output, is_stuck)


def reset_stuck_device(path: str) -> None:
    """Make a device that `is_stuck` announce output again.

    Raises:
        OSError: it cannot be opened.
    """
    fd = os.open(path, os.O_RDWR)
    try:
        with suppress(OSError):  # the mark is set before the call is refused
            ioctl(fd, _STREAMON, struct.pack("<i", _BUF_TYPE_VIDEO_OUTPUT))
    finally:
        os.close(fd)


class ConsumerCounter:
    """Counts the other processes that read from the virtual camera `device`.

    The first available of these is used: the event of v4l2loopback 0.13; the count that some
    builds of the module show in sysfs (v4l2loopback pull request 592); the open files of all
    processes that this user may inspect. `state` and `format` in sysfs, which every module has,
    describe the producer only.

    Args:
        device: its node, such as /dev/video10.
        sysfs: where the kernel shows its devices.

    Raises:
        OSError: the device cannot be opened.
    """

    interval_s = 0.5
    """Looking at the open files of all processes takes some milliseconds."""

    def __init__(self, device: str, *, sysfs: Path = SYSFS) -> None:
        self._device = os.path.realpath(device)
        self._readers_file = sysfs / Path(self._device).name / "active_readers"
        self._count = 0
        self._fd: int | None = os.open(device, os.O_RDWR | O_NONBLOCK)
        try:
            ioctl(self._fd, _SUBSCRIBE_EVENT, _SUBSCRIPTION.pack(CLIENT_USAGE, 0, _SEND_INITIAL))
        except OSError:  # EINVAL: a module without this event
            self.close()

    def count(self) -> int:
        """Return the current number, without waiting."""
        if self._fd is None:
            with suppress(OSError, ValueError):  # no such file, or not a number
                return int(self._readers_file.read_text())
            return count_holders(self._device)
        while select.select([], [], [self._fd], 0)[2]:
            event = ioctl(self._fd, _DQEVENT, bytes(_EVENT_BYTES))
            (self._count,) = struct.unpack_from("<I", event, _USAGE_OFFSET)
        return self._count

    def close(self) -> None:
        """Close the device."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def count_holders(path: str) -> int:
    """Return how many processes other than this one have `path` open."""
    return len(find_holder_pids(Path(path)) - {os.getpid()})
