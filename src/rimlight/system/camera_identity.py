"""Which camera it was: its number may change when it is plugged in again, its identity does not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rimlight.core.errors import SourceOpenError
from rimlight.system import v4l2

_BY_ID = Path("/dev/v4l/by-id")


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """What stays of a camera while it is gone.

    Attributes:
        card: its own name.
        bus: where it is plugged in.
        link: the link that udev makes from its serial number; None where there is no udev.
    """

    card: str
    bus: str
    link: Path | None


def identify_camera(path: Path) -> CameraIdentity:
    """Return who the camera at `path` is.

    Raises:
        OSError: it cannot be opened, or is not a video device.
    """
    camera = v4l2.describe_device(path, with_formats=False)
    real = path.resolve()
    links = sorted(link for link in _list_links() if link.resolve() == real)
    return CameraIdentity(camera.card, camera.bus, links[0] if links else None)


def find_camera(identity: CameraIdentity) -> Path:
    """Return where that camera is now.

    The link decides; without one the name and the plug do, and then the name alone, if only one
    camera has it.

    Raises:
        SourceOpenError: it is not there, or cannot be read now.
    """
    if identity.link is not None and identity.link.exists():
        return identity.link.resolve()
    cameras = [each for each in v4l2.list_cameras(with_formats=False) if each.can_capture]
    alike = [each for each in cameras if each.card == identity.card]
    same = [each for each in alike if each.bus == identity.bus]
    if not same and len(alike) != 1:
        raise SourceOpenError(f"the camera {identity.card} is not there", hint="plug it in again")
    return (same or alike)[0].path


def make_camera_finder(device: int | str) -> Callable[[], int | str]:
    """Return a function that says where the camera that is at `device` now will be then.

    Off Linux it stays where it is.

    Raises:
        OSError: it cannot be opened, or is not a video device.
    """
    if sys.platform != "linux":
        return lambda: device
    named = str(device)
    identity = identify_camera(Path(f"/dev/video{named}" if named.isdecimal() else named))
    return lambda: str(find_camera(identity))


def _list_links() -> list[Path]:
    with suppress(OSError):
        return list(_BY_ID.iterdir())
    return []
