"""Small makers of picture files that are not quite what they seem."""

import struct
import zlib

import cv2
import numpy as np
from PIL import Image


def chunk(name, content):
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def png_header(size):
    """A PNG that promises `size` and holds next to nothing."""
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg(size=(24, 16), level=90):
    pixels = np.full((size[1], size[0], 3), level, np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def motion_photo(trailer=200_000):
    """A JPEG with a film behind it, as phones write; the film holds no end of a JPEG."""
    return jpeg() + b"\0\0\0\x18ftypmp42" + b"\x55" * trailer


def bmp_without_alpha(level=90):
    """A 32-bit BMP, the fourth byte of whose pixels was never set."""
    pixels = np.zeros((16, 24, 4), np.uint8)
    pixels[..., :3] = level
    header = struct.pack("<IiiHHIIiiII", 108, 24, 16, 1, 32, 3, pixels.nbytes, 2835, 2835, 0, 0)
    header += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    start = struct.pack("<IHHI", 14 + len(header) + pixels.nbytes, 0, 0, 14 + len(header))
    return b"BM" + start + header + pixels.tobytes()


def tiff(samples, *, photometric, extra=(), dtype="u1"):
    """An uncompressed TIFF of 6 x 4 pixels, each with these `samples`."""
    data = np.full((4, 6, len(samples)), samples, dtype).tobytes()
    bits = np.dtype(dtype).itemsize * 8
    short, long = 3, 4
    entries = [
        (256, long, (6,)), (257, long, (4,)), (258, short, (bits,) * len(samples)),
        (259, short, (1,)), (262, short, (photometric,)), (273, long, (8,)),
        (277, short, (len(samples),)), (278, long, (4,)), (279, long, (len(data),)),
    ]  # fmt: skip
    entries += [(338, short, extra)] if extra else []
    more_at = 8 + len(data) + 2 + 12 * len(entries) + 4
    directory, more = struct.pack("<H", len(entries)), b""
    for tag, kind, values in entries:
        packed = struct.pack("<" + {short: "H", long: "I"}[kind] * len(values), *values)
        directory += struct.pack("<HHI", tag, kind, len(values))
        directory += (
            packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", more_at + len(more))
        )
        more += packed if len(packed) > 4 else b""
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory + bytes(4) + more


def animation(path, times_ms=(50, 60, 1000)):
    """Frames of growing red inside a transparent border, in the format that the suffix names."""
    shots = []
    for number in range(len(times_ms)):
        pixels = np.zeros((16, 24, 4), np.uint8)
        pixels[4:12, 4:20] = (80 + 50 * number, 0, 0, 255)
        shots.append(Image.fromarray(pixels, "RGBA"))
    more = {"disposal": 2} if path.suffix == ".gif" else {}
    shots[0].save(
        path, save_all=True, append_images=shots[1:], duration=list(times_ms), loop=0, **more
    )
    return path
