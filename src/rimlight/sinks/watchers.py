"""Who watches a virtual camera: by v4l2loopback's own event, else by looking who has it open."""

from __future__ import annotations

import fcntl
import os
import select
import struct
from contextlib import suppress
from pathlib import Path

# linux/videodev2.h: struct v4l2_event_subscription (32 bytes), struct v4l2_event (136 bytes)
_SUBSCRIBE = 0x4020565A
_DEQUEUE = 0x80885659
_SUBSCRIPTION = struct.Struct("<III20x")
_EVENT_BYTES = 136
_USAGE_AT = 8
_SEND_NOW = 1

CLIENT_USAGE = 0x10E00001
"""v4l2loopback.h: V4L2_EVENT_PRI_CLIENT_USAGE, from 0.13 on; its data is how many watch."""


class Watchers:
    """Counts the programs that watch the virtual camera `device`, this one left out.

    Before v4l2loopback 0.13 only programs of the same user can be counted, or all if we are root.

    Raises:
        OSError: the device cannot be opened.
    """

    def __init__(self, device: str) -> None:
        self._device = os.path.realpath(device)
        self._count = 0
        self._handle: int | None = os.open(device, os.O_RDWR | os.O_NONBLOCK)
        question = _SUBSCRIPTION.pack(CLIENT_USAGE, 0, _SEND_NOW)
        try:
            fcntl.ioctl(self._handle, _SUBSCRIBE, question)
        except OSError:  # EINVAL: a module without this event
            self.close()

    def count(self) -> int:
        """Return how many there are now. Does not wait."""
        if self._handle is None:
            return count_holders(self._device)
        while select.select([], [], [self._handle], 0)[2]:
            event = fcntl.ioctl(self._handle, _DEQUEUE, bytes(_EVENT_BYTES))
            (self._count,) = struct.unpack_from("<I", event, _USAGE_AT)
        return self._count

    def close(self) -> None:
        """Let go of the device."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


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
