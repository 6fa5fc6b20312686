"""What the video devices of a Linux machine say of themselves (V4L2 ioctls, <linux/videodev2.h>).

Off Linux there are none. Nothing here starts a stream.
"""

from __future__ import annotations

import errno
import os
import re
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

if sys.platform == "linux":
    import fcntl

# _IOC(direction, 'V', number, size of the struct)
_QUERYCAP = 0x80685600
_ENUM_FMT = 0xC0405602
_G_FMT = 0xC0D05604
_S_FMT = 0xC0D05605
_ENUM_FRAMESIZES = 0xC02C564A
_ENUM_FRAMEINTERVALS = 0xC034564B

_CAPTURE = 0x0000_0001 | 0x0000_1000
_OUTPUT = 0x0000_0002 | 0x0000_2000
_MULTIPLANAR = 0x0000_1000
_HAS_DEVICE_CAPS = 0x8000_0000

_TYPE_CAPTURE = 1
_TYPE_CAPTURE_MULTIPLANAR = 9
_DISCRETE = 1

MAX_SMALLER_SHARE = 0.6
"""The share of the pixels from which on smaller pictures are worth the change."""


@dataclass(frozen=True, slots=True)
class CameraMode:
    """One picture size of a format.

    Attributes:
        size: (width, height) in pixels; of a device with free sizes, the smallest and the largest.
        rates: frames a second that it offers there, fastest first.
    """

    size: tuple[int, int]
    rates: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class CameraFormat:
    """One pixel format, such as MJPG or YUYV, and its sizes."""

    fourcc: str
    modes: tuple[CameraMode, ...]


@dataclass(frozen=True, slots=True)
class CameraDescription:
    """One /dev/video* node.

    Attributes:
        path: the node.
        card: the name of the device, for people.
        driver: the kernel module, such as "uvcvideo" or "v4l2 loopback".
        bus: where it is plugged in.
        can_capture: frames can be read from it now.
        can_output: frames can be written to it now: it is a virtual camera.
        formats: what it can capture.
    """

    path: Path
    card: str
    driver: str
    bus: str
    can_capture: bool
    can_output: bool
    formats: tuple[CameraFormat, ...] = ()


def list_cameras(*, with_formats: bool = True) -> tuple[CameraDescription, ...]:
    """Describe every video device that may be opened, in the order of their numbers.

    Args:
        with_formats: some have hundreds; without them it is quick.
    """
    found = []
    for path in list_device_paths():
        with suppress(OSError):  # a node of somebody else, or one that has just been unplugged
            found.append(describe_device(path, with_formats=with_formats))
    return tuple(found)


def list_device_paths() -> tuple[Path, ...]:
    """Return the /dev/video* nodes in the order of their numbers."""
    nodes = [p for p in Path("/dev").glob("video*") if re.fullmatch(r"video\d+", p.name)]
    return tuple(sorted(nodes, key=lambda path: int(path.name.removeprefix("video"))))


def describe_device(path: Path, *, with_formats: bool = True) -> CameraDescription:
    """Ask one device what it is; `formats` stays empty if they are not wanted.

    Raises:
        OSError: it cannot be opened, or is not a video device.
    """
    with _open_device(path) as fd:
        answer = _ioctl(fd, _QUERYCAP, bytes(104))
        driver, card, bus, _, every, own = struct.unpack_from("=16s32s32sIII", answer)
        able = own if every & _HAS_DEVICE_CAPS else every
        kind = _TYPE_CAPTURE_MULTIPLANAR if able & _MULTIPLANAR else _TYPE_CAPTURE
        formats = tuple(_read_formats(fd, kind)) if with_formats and able & _CAPTURE else ()
    return CameraDescription(
        path,
        _decode_text(card),
        _decode_text(driver),
        _decode_text(bus),
        can_capture=bool(able & _CAPTURE),
        can_output=bool(able & _OUTPUT),
        formats=formats,
    )


def find_smaller_size(path: Path, size: tuple[int, int]) -> tuple[int, int] | None:
    """Return the largest size of that aspect with at most `MAX_SMALLER_SHARE` of its pixels.

    Raises:
        OSError: it cannot be opened, or is not a video device.
    """
    width, height = size
    sizes = {mode.size for each in describe_device(path).formats for mode in each.modes}
    alike = [s for s in sizes if s[0] * height == s[1] * width]
    return max(
        (s for s in alike if s[0] * s[1] <= MAX_SMALLER_SHARE * width * height), default=None
    )


def is_busy(path: Path) -> bool:
    """Say whether another program streams from `path`: its format cannot be set then.

    Raises:
        OSError: it cannot be opened, or is not a capture device.
    """
    with _open_device(path) as fd:
        current = _ioctl(fd, _G_FMT, struct.pack("=I", _TYPE_CAPTURE) + bytes(204))
        try:
            _ioctl(fd, _S_FMT, current)
        except OSError as exc:
            if exc.errno == errno.EBUSY:
                return True
            raise
    return False


def list_holders(path: Path) -> tuple[str, ...]:
    """Return the programs that have `path` open, as "ffmpeg (123)", as far as we may see.

    A run of ours is "rimlight (123)", whatever its interpreter is called.
    """
    device = os.path.realpath(path)
    pids = {entry.parent.parent.name for entry in _open_files() if _leads_to(entry, device)}
    return tuple(f"{_get_program_name(pid)} ({pid})" for pid in sorted(pids, key=int))


def _open_files() -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is not ours to see
            yield from list((process / "fd").iterdir())


def _leads_to(link: Path, device: str) -> bool:
    try:
        return os.readlink(link) == device
    except OSError:
        return False


def _get_program_name(pid: str) -> str:
    try:
        words = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        if any(os.path.basename(word) == b"rimlight" for word in words[:3]):
            return "rimlight"
        return Path("/proc", pid, "comm").read_text().strip()
    except OSError:
        return "a program that just ended"


@contextmanager
def _open_device(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def _ioctl(fd: int, request: int, question: bytes) -> bytes:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "video devices are described on Linux only")
    return fcntl.ioctl(fd, request, question)


def _enumerate(fd: int, request: int, size: int, rest: tuple[int, ...]) -> Iterator[bytes]:
    """Yield the answers for index 0, 1, ... until the driver has no more."""
    index = 0
    while True:
        question = struct.pack(f"={1 + len(rest)}I", index, *rest)
        try:
            answer = _ioctl(fd, request, question.ljust(size, b"\0"))
        except OSError:  # EINVAL is the end; ENOTTY: the driver does not list these at all
            return
        yield answer
        index += 1


def _read_formats(fd: int, kind: int) -> Iterator[CameraFormat]:
    for answer in _enumerate(fd, _ENUM_FMT, 64, (kind,)):
        (code,) = struct.unpack_from("=I", answer, 44)
        yield CameraFormat(_decode_text(struct.pack("=I", code)), tuple(_read_modes(fd, code)))


def _read_modes(fd: int, code: int) -> Iterator[CameraMode]:
    for answer in _enumerate(fd, _ENUM_FRAMESIZES, 44, (code,)):
        kind, *sides = struct.unpack_from("=I6I", answer, 8)
        # Stepwise sizes are (smallest width, largest, step, smallest height, largest, step).
        places = [(0, 1)] if kind == _DISCRETE else [(0, 3), (1, 4)]
        for size in [(sides[x], sides[y]) for x, y in places]:
            yield CameraMode(size, _read_rates(fd, code, size))


def _read_rates(fd: int, code: int, size: tuple[int, int]) -> tuple[Fraction, ...]:
    rates = set()
    for answer in _enumerate(fd, _ENUM_FRAMEINTERVALS, 52, (code, *size)):
        kind, *numbers = struct.unpack_from("=I4I", answer, 16)
        pairs = [numbers[:2]] if kind == _DISCRETE else [numbers[:2], numbers[2:]]
        rates |= {Fraction(below, above) for above, below in pairs if above and below}
    return tuple(sorted(rates, reverse=True))


def _decode_text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace").strip()
