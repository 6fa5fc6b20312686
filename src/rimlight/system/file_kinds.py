"""Detection of image and video files by suffix and by content."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from typing import Literal

Kind = Literal["picture", "video"]

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"})
"""Suffixes of JPEG files; only .jpg and .jpeg are written."""

WRITABLE_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".exr")
"""Suffixes of images that can be written."""

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif", ".heics", ".heifs"})
"""Suffixes of phone photos; readable if pillow-heif is installed."""

IMAGE_SUFFIXES = JPEG_SUFFIXES | frozenset(
    {".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".avif", ".avifs"}
)
"""Suffixes of images that can always be read."""

VIDEO_SUFFIXES = frozenset(
    {
        ".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".mpg", ".mpeg", ".mpe",
        ".m1v", ".m2v", ".mpv", ".vob", ".ts", ".mts", ".m2ts", ".m2t", ".tp", ".trp", ".flv",
        ".f4v", ".wmv", ".asf", ".3gp", ".3gpp", ".3g2", ".ogv", ".ogm", ".mxf", ".gxf", ".dv",
        ".dav", ".y4m", ".nut", ".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".ivf", ".obu",
        ".mjpg", ".mjpeg", ".rm", ".rmvb", ".wtv", ".nsv", ".amv", ".mk3d", ".lrv", ".lrf", ".insv",
        ".360", ".dvr-ms", ".ismv", ".mj2", ".bik", ".roq", ".fli", ".flc",
    }
)  # fmt: skip
"""Suffixes of videos that are searched for in folders: FFmpeg can open them."""

RAW_SUFFIXES = frozenset(
    {
        ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".orf", ".rw2",
        ".raf", ".pef", ".srw", ".x3f", ".3fr", ".iiq",
    }
)  # fmt: skip
"""Suffixes of raw photos. Most are TIFF files whose first image is a thumbnail."""

_RAW_STREAMS = frozenset({".mjpg", ".mjpeg"})  # JPEG after JPEG, so the content looks like one

HEADER_BYTES = 4096
"""Number of bytes at the start of a file that determine its kind."""

_FTYP_PICTURES = {
    b"avif": "avif", b"avis": "avif",
    b"heic": "heif", b"heix": "heif", b"heim": "heif", b"heis": "heif",
    b"hevc": "heif", b"hevx": "heif", b"mif1": "heif", b"msf1": "heif",
}  # fmt: skip


def get_suffix(name: str | os.PathLike[str]) -> str:
    """Return the suffix of a name in lower case, such as ".jpg"; "" without one."""
    return os.path.splitext(os.path.basename(os.fspath(name)))[1].lower()


def is_image(name: str | os.PathLike[str]) -> bool:
    """Return True if the suffix is that of an image that can be read here."""
    suffix = get_suffix(name)
    return suffix in IMAGE_SUFFIXES or (suffix in HEIF_SUFFIXES and can_read_heif())


def is_video(name: str | os.PathLike[str]) -> bool:
    """Return True if the suffix is that of a video."""
    return get_suffix(name) in VIDEO_SUFFIXES


def choose_result_suffix(name: str | os.PathLike[str]) -> str:
    """Return the default suffix of the output for an input image."""
    suffix = get_suffix(name)
    if suffix in WRITABLE_IMAGE_SUFFIXES:
        return suffix
    return ".jpg" if suffix in JPEG_SUFFIXES else ".png"


@cache
def can_read_heif() -> bool:
    """Return True if pillow-heif, the extra "heic", is installed."""
    return find_spec("pillow_heif") is not None


def detect_image_format(head: bytes) -> str:
    """Return the image format of a file that starts with `head`; "" for other files.

    The names are "jpeg", "png", "webp", "gif", "bmp", "tiff", "avif" and "heif".
    """
    if head[4:8] == b"ftyp":
        return _FTYP_PICTURES.get(head[8:12], "")
    if head[:4] == b"RIFF":
        return "webp" if head[8:12] == b"WEBP" else ""
    starts = {
        b"\xff\xd8\xff": "jpeg",
        b"\x89PNG\r\n\x1a\n": "png",
        b"GIF87a": "gif",
        b"GIF89a": "gif",
        b"II*\x00": "tiff",
        b"MM\x00*": "tiff",
        b"II+\x00": "tiff",  # BigTIFF
        b"MM\x00+": "tiff",
    }
    found = next((name for start, name in starts.items() if head.startswith(start)), "")
    is_bmp = head[:2] == b"BM" and head[6:10] == bytes(4) and len(head) >= 26
    return found or ("bmp" if is_bmp else "")


def describe_other_format(head: bytes) -> str:
    """Describe a file that is not an image, such as "a PDF"; "" if unknown."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if b"<svg" in text:
        return "an SVG drawing"
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if head[4:8] == b"ftyp":
        return "a raw photo" if head[8:11] == b"crx" else "a video"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "a video"
    starts = {
        b"%PDF": "a PDF",
        b"8BPS": "a Photoshop file",
        b"\xff\x0a": "a JPEG XL image",
        b"\x00\x00\x00\x0cJXL ": "a JPEG XL image",
        b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 image",
        b"\xff\x4f\xff\x51": "a JPEG 2000 image",
        b"\x1a\x45\xdf\xa3": "a video",
        b"PK\x03\x04": "a ZIP archive",
        b"\x00\x05\x16\x07": "a companion file of macOS, without an image",
    }
    return next((name for start, name in starts.items() if head.startswith(start)), "")


def is_animated(head: bytes) -> bool:
    """Return True if the header declares several frames (APNG, animated WebP, AVIF sequence).

    A GIF declares nothing, so every GIF counts.
    """
    kind = detect_image_format(head)
    if kind == "webp":
        return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 0x02)
    if kind == "png":
        before = head.partition(b"IDAT")[0]
        at = before.find(b"acTL")
        return at >= 0 and int.from_bytes(before[at + 4 : at + 8], "big") > 1
    return kind == "gif" or (kind == "avif" and head[8:12] == b"avis")


def detect_kind(path: str) -> Kind | None:
    """Return the kind of the regular file at `path`, by content, then by suffix.

    None: it is neither an image nor a video, or cannot be read.
    """
    suffix = get_suffix(path)
    named: Kind | None = "video" if suffix in VIDEO_SUFFIXES else None
    if suffix in IMAGE_SUFFIXES | HEIF_SUFFIXES | RAW_SUFFIXES:
        named = "picture"
    head = read_header(path)
    if suffix not in _RAW_STREAMS and detect_image_format(head):
        return "picture"
    return "video" if describe_other_format(head) == "a video" else named


def can_be_animated(path: str) -> bool:
    """Return True if the regular file at `path` is an animation or a GIF."""
    return is_animated(read_header(path))


def is_still_image(path: str) -> bool:
    """Return True if the regular file at `path` is a still image."""
    return detect_kind(path) == "picture" and not can_be_animated(path)


def read_header(path: str) -> bytes:
    """Return the first bytes of a regular file; b"" for anything else."""
    if not os.path.isfile(path):
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(HEADER_BYTES)
    except OSError:
        return b""
