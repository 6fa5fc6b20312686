"""The video devices of a Linux machine: formats, holders and identity (V4L2 ioctls).

Struct layouts and request numbers are those of <linux/videodev2.h>. Other systems have no such
devices. Nothing here starts a stream.
"""

from __future__ import annotations

import errno
import os
import re
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rimlight.core.errors import SourceOpenError
from rimlight.system.locks import O_NONBLOCK

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

_LINKS_BY_ID = Path("/dev/v4l/by-id")

MAX_SMALLER_SHARE = 0.6
"""Maximum fraction of the pixels at which a smaller size is worth switching to."""


@dataclass(frozen=True, slots=True)
class CameraMode:
    """One frame size of a format.

    Attributes:
        size: (width, height) in pixels; a device with free sizes lists its minimum and maximum.
        rates: frames per second at this size, highest first.
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
        card: the display name of the device.
        driver: the kernel module, such as "uvcvideo" or "v4l2 loopback".
        bus: the port that it is plugged into.
        can_capture: frames can be read from it now.
        can_output: frames can be written to it now, as to a virtual camera.
        formats: the formats that it can capture.
    """

    path: Path
    card: str
    driver: str
    bus: str
    can_capture: bool
    can_output: bool
    formats: tuple[CameraFormat, ...] = ()


def list_cameras(*, with_formats: bool = True) -> tuple[CameraDescription, ...]:
    """Describe every video device that can be opened, in numeric order.

    Args:
        with_formats: read the formats too, which takes longer: some devices have hundreds.
    """
    found = []
    for path in list_device_paths():
        with suppress(OSError):  # no permission, or just unplugged
            found.append(describe_device(path, with_formats=with_formats))
    return tuple(found)


def list_device_paths() -> tuple[Path, ...]:
    """Return the /dev/video* nodes in numeric order."""
    nodes = [p for p in Path("/dev").glob("video*") if re.fullmatch(r"video\d+", p.name)]
    return tuple(sorted(nodes, key=lambda path: int(path.name.removeprefix("video"))))


def describe_device(path: Path, *, with_formats: bool = True) -> CameraDescription:
    """Describe one device; `formats` stays empty without `with_formats`.

    Raises:
        OSError: it cannot be opened, or is not a video device.
    """
    with _open_device(path) as fd:
        answer = ioctl(fd, _QUERYCAP, bytes(104))
        driver, card, bus, _, device, node = struct.unpack_from("=16s32s32sIII", answer)
        capabilities = node if device & _HAS_DEVICE_CAPS else device
        can_capture = bool(capabilities & _CAPTURE)
        is_multiplanar = capabilities & _MULTIPLANAR
        buffer_type = _TYPE_CAPTURE_MULTIPLANAR if is_multiplanar else _TYPE_CAPTURE
        formats = tuple(_read_formats(fd, buffer_type)) if with_formats and can_capture else ()
    return CameraDescription(
        path,
        _decode_text(card),
        _decode_text(driver),
        _decode_text(bus),
        can_capture=can_capture,
        can_output=bool(capabilities & _OUTPUT),
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
    """Return True if another program streams from `path`, which locks its format.

    Raises:
        OSError: it cannot be opened, or is not a capture device.
    """
    with _open_device(path) as fd:
        current = ioctl(fd, _G_FMT, struct.pack("=I", _TYPE_CAPTURE) + bytes(204))
        try:
            ioctl(fd, _S_FMT, current)
        except OSError as exc:
            if exc.errno == errno.EBUSY:
                return True
            raise
    return False


def list_holders(path: Path) -> tuple[str, ...]:
    """Return the programs that have `path` open, as "ffmpeg (123)".

    Only processes that this user may inspect are found. A run of rimlight is "rimlight (123)",
    whatever its interpreter is called.
    """
    pids = sorted(find_holder_pids(path))
    return tuple(f"{_get_program_name(pid)} ({pid})" for pid in pids)


def find_holder_pids(path: Path) -> set[int]:
    """Return the processes, of those that this user may inspect, that have `path` open."""
    device = os.path.realpath(path)
    pids: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or belongs to another user
            if any(_is_link_to(link, device) for link in (process / "fd").iterdir()):
                pids.add(int(process.name))
    return pids


def _is_link_to(link: Path, device: str) -> bool:
    try:
        return os.readlink(link) == device
    except OSError:
        return False


def _get_program_name(pid: int) -> str:
    try:
        words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
        if any(os.path.basename(word) == b"rimlight" for word in words[:3]):
            return "rimlight"
        return Path("/proc", str(pid), "comm").read_text().strip()
    except OSError:
        return "a program that just ended"


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """The properties that identify a camera after it was unplugged.

    Attributes:
        card: the display name.
        bus: the port that it is plugged into.
        link: the udev link with its serial number; None without udev.
    """

    card: str
    bus: str
    link: Path | None


def identify_camera(path: Path) -> CameraIdentity:
    """Return the identity of the camera at `path`.

    Raises:
        OSError: it cannot be opened, or is not a video device.
    """
    camera = describe_device(path, with_formats=False)
    real = path.resolve()
    links = sorted(link for link in _list_links() if link.resolve() == real)
    return CameraIdentity(camera.card, camera.bus, links[0] if links else None)


def find_camera(identity: CameraIdentity) -> Path:
    """Return the current node of a camera, whose number may have changed.

    The udev link is used if there is one, otherwise name and port, otherwise the name alone if
    only one camera has it.

    Raises:
        SourceOpenError: it is not connected, or cannot be read now.
    """
    if identity.link is not None and identity.link.exists():
        return identity.link.resolve()
    cameras = [each for each in list_cameras(with_formats=False) if each.can_capture]
    alike = [each for each in cameras if each.card == identity.card]
    same = [each for each in alike if each.bus == identity.bus]
    if not same and len(alike) != 1:
        raise SourceOpenError(
            f"the camera {identity.card} is not connected", hint="plug it in again"
        )
    return (same or alike)[0].path


def make_camera_finder(device: int | str) -> Callable[[], int | str]:
    """Return a function that finds the camera now at `device`, wherever it is later.

    On other systems than Linux it returns `device`.

    Raises:
        OSError: it cannot be opened, or is not a video device.
    """
    if sys.platform != "linux":
        return lambda: device
    named = str(device)
    identity = identify_camera(Path(f"/dev/video{named}" if named.isdecimal() else named))
    return lambda: str(find_camera(identity))


@contextmanager
def _open_device(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def ioctl(fd: int, request: int, argument: bytes) -> bytes:
    """Send a request to a device and return the changed argument.

    Raises:
        OSError: the driver refuses, or this is not Linux.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "V4L2 devices exist on Linux only")
    import fcntl

    return fcntl.ioctl(fd, request, argument)


def _enumerate(fd: int, request: int, size: int, rest: tuple[int, ...]) -> Iterator[bytes]:
    """Yield the results for index 0, 1, ... until the driver has no more."""
    index = 0
    while True:
        argument = struct.pack(f"={1 + len(rest)}I", index, *rest)
        try:
            result = ioctl(fd, request, argument.ljust(size, b"\0"))
        except OSError:  # EINVAL is the end; ENOTTY: the driver does not list these at all
            return
        yield result
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


def _list_links() -> list[Path]:
    with suppress(OSError):
        return list(_LINKS_BY_ID.iterdir())
    return []
