"""What v4l2loopback devices say of themselves, and the cure for one that is stuck.

Under `exclusive_caps=1`, v4l2loopback 0.12 announces neither capture nor output once a producer
that only used write() has closed, and then cannot be opened again (v4l2loopback issue 442).
STREAMON marks the opener as a writer, even where the call itself is refused; when such a one
closes, the device announces output again. Fixed in v4l2loopback 0.13.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from glob import glob

if sys.platform == "linux":  # elsewhere there are no such devices, and no such module
    import fcntl

_QUERYCAP = 0x80685600
_STREAMON = 0x40045612
_BUF_TYPE_VIDEO_OUTPUT = 2
_CAPTURE, _OUTPUT = 1, 2
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_CAPABILITY = struct.Struct("<16s32s32sIII3I")  # linux/videodev2.h: struct v4l2_capability


@dataclass(frozen=True, slots=True)
class LoopbackDevice:
    """One v4l2loopback device.

    Attributes:
        path: its node, for example /dev/video10.
        label: the name that programs show.
        can_output: it can be opened as a virtual camera now.
        is_stuck: it announces nothing at all; see `reset_stuck_device`.
    """

    path: str
    label: str
    can_output: bool
    is_stuck: bool


def list_loopbacks() -> list[LoopbackDevice]:
    """Return the v4l2loopback devices of this machine that may be opened."""
    found = (query_loopback(path) for path in sorted(glob("/dev/video*")))
    return [device for device in found if device is not None]


def query_loopback(path: str) -> LoopbackDevice | None:
    """Return what `path` is, or None when it is no v4l2loopback device that may be opened."""
    try:
        handle = os.open(path, os.O_RDWR | _NONBLOCK)
    except OSError:
        return None
    try:
        answer = _ask(handle, _QUERYCAP, bytes(_CAPABILITY.size))
    except OSError:
        return None
    finally:
        os.close(handle)
    driver, card, _, _, _, able, *_ = _CAPABILITY.unpack(answer)
    if driver.rstrip(b"\0") != b"v4l2 loopback":
        return None
    label = card.rstrip(b"\0").decode(errors="replace")
    return LoopbackDevice(path, label, bool(able & _OUTPUT), not able & (_OUTPUT | _CAPTURE))


def reset_stuck_device(path: str) -> None:
    """Make a stuck device announce output again. Only for one that `is_stuck`.

    Raises:
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDWR)
    try:
        with suppress(OSError):  # the mark is set before the call is refused
            _ask(handle, _STREAMON, struct.pack("<i", _BUF_TYPE_VIDEO_OUTPUT))
    finally:
        os.close(handle)


def _ask(handle: int, request: int, question: bytes) -> bytes:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "there are v4l2loopback devices on Linux only")
    return fcntl.ioctl(handle, request, question)
