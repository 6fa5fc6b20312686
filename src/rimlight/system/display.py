"""A check for a display. Without one, OpenCV would abort the whole process."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping

from rimlight.core.errors import SinkError

_HINT = "log in to a desktop, or use the sink virtual-camera or video:out.mp4"
_TIMEOUT_S = 2.0
_FIRST_PORT = 6000


def check_display(environ: Mapping[str, str] = os.environ) -> None:
    """Check that an X server responds; other systems than Linux always have a display.

    OpenCV's Linux wheel supports X11 only, on a Wayland desktop through XWayland.

    Raises:
        SinkError: DISPLAY is unset, or that display does not respond.
    """
    if not sys.platform.startswith("linux"):
        return
    display = environ.get("DISPLAY", "")
    if not display:
        other = " (Wayland without XWayland)" if environ.get("WAYLAND_DISPLAY") else ""
        raise SinkError(f"there is no display to open a window on{other}", hint=_HINT)
    try:
        _connect(display)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise SinkError(f"display {display!r} does not answer: {reason}", hint=_HINT) from exc


def _connect(display: str) -> None:
    """Connect to the X server "host:number.screen" and disconnect; no host means this machine."""
    parts = re.fullmatch(r"(.*):(\d+)(?:\.\d+)?", display)
    if parts is None:
        raise OSError("it is not of the form host:number")
    host, number = parts[1], int(parts[2])
    if host not in ("", "unix"):
        socket.create_connection((host, _FIRST_PORT + number), _TIMEOUT_S).close()
        return
    path = f"/tmp/.X11-unix/X{number}"
    try:
        _connect_local(f"\0{path}")  # Linux's abstract name, tried first as Xlib does
    except OSError:
        _connect_local(path)


def _connect_local(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(_TIMEOUT_S)
        server.connect(address)
