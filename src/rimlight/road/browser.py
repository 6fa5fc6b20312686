"""Which videos browsers play."""

from __future__ import annotations

from pathlib import Path

_CONTAINERS = frozenset({".mp4", ".m4v", ".mov", ".webm"})
_CODECS = frozenset({"h264", "vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9"})
_PIXELS = frozenset({"", "yuv420p", "yuvj420p"})
"""H.264 with more bits or colors than these plays in hardly any browser."""


def unplayable(path: Path, codec: str = "", pix_fmt: str = "") -> str:
    """Return why most browsers do not play a video; "" where they do.

    Args:
        path: its file, of which only the name is looked at.
        codec: what it is coded with; "" when unknown.
        pix_fmt: and its pixels; "" when unknown.
    """
    if path.suffix.lower() not in _CONTAINERS:
        return f"files of the kind {path.suffix.lower() or path.name}"
    if codec and codec not in _CODECS:
        return f"video coded with {codec}"
    if codec == "h264" and pix_fmt not in _PIXELS:
        return f"{codec} with pixels of the kind {pix_fmt}"
    return ""
