import struct
import zlib
from base64 import b64decode

import cv2
import numpy as np
import pytest

from rimlight.imaging.geometry import UPRIGHT, Orientation, parse_display_matrix
from rimlight.imaging.image_files.metadata import parse_exif_orientation
from rimlight.imaging.image_files.read import read_image

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)

# A CMYK JPEG of 16x8 pixels, the left half red and the right half green (Adobe, inverted), made
# with Pillow: Image.fromarray(halves).convert("CMYK").save("cmyk.jpg", quality=30)
CMYK = (
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgWpxkHNbXY"
    "W1hpCeo6utq2eAvMm6pseZqKuk/8AAFAgACAAQBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgME"
    "BQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJCh"
    "YXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqi"
    "o6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASw"
    "AAPwDpq5muZrpq8zr0yiiv/9k="
)


def corners():
    """Red at the upper left, green at the upper right, blue at the lower left, else black."""
    picture = np.zeros((16, 24, 3), np.uint8)
    picture[:8, :12], picture[:8, 12:], picture[8:, :12] = RED, GREEN, BLUE
    return picture


def saved(path, pixels):
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


def exif(orientation, order="<"):
    mark = {"<": b"II", ">": b"MM"}[order]
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


def with_exif(path, orientation):
    """Put an eXIf chunk behind the header of a PNG."""
    data, block = path.read_bytes(), exif(orientation)
    crc = zlib.crc32(b"eXIf" + block)
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", crc)
    path.write_bytes(data[:33] + chunk + data[33:])
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".webp", ".jpg"])
def test_every_kind_of_file_gives_bgr(tmp_path, suffix):
    bgr, alpha = read_image(saved(tmp_path / f"a{suffix}", corners()))
    assert alpha is None
    assert bgr.shape == (16, 24, 3)
    assert abs(bgr.astype(int) - corners()).mean() < 8


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_alpha_is_kept(tmp_path, suffix):
    opacity = np.full((16, 24), 255, np.uint8)
    opacity[:, :5] = 7
    path = saved(tmp_path / f"a{suffix}", np.dstack([corners(), opacity]))
    bgr, alpha = read_image(path)
    assert (alpha == opacity).all()
    assert bgr.shape == (16, 24, 3)


def test_an_alpha_that_hides_nothing_is_none(tmp_path):
    opaque = np.dstack([corners(), np.full((16, 24), 255, np.uint8)])
    assert read_image(saved(tmp_path / "a.png", opaque))[1] is None


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_and_gray_become_8_bit_bgr(tmp_path, suffix):
    gray = np.linspace(0, 65535, 24 * 16).reshape(16, 24).astype(np.uint16)
    bgr, _ = read_image(saved(tmp_path / f"a{suffix}", gray))
    assert abs(bgr - gray[..., None] / 257).max() <= 1


def test_cmyk_becomes_bgr(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b64decode(CMYK))
    bgr, _ = read_image(path)
    assert np.abs(bgr[4, 3].astype(int) - RED).max() < 30
    assert np.abs(bgr[4, 12].astype(int) - GREEN).max() < 30


@pytest.mark.parametrize(
    ("tag", "turn"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (4, lambda p: p[::-1]),
        (5, lambda p: p.swapaxes(0, 1)),
        (6, lambda p: np.rot90(p, -1)),
        (7, lambda p: p.swapaxes(0, 1)[::-1, ::-1]),
        (8, np.rot90),
    ],
)
def test_the_exif_orientation_turns_picture_and_alpha(tmp_path, tag, turn):
    opacity = np.arange(16 * 24, dtype=np.uint8).reshape(16, 24)
    path = saved(tmp_path / "a.png", np.dstack([corners(), opacity]))
    bgr, alpha = read_image(with_exif(path, tag))
    assert (bgr == turn(corners())).all()
    assert (alpha == turn(opacity)).all()
    assert (bgr == cv2.imread(str(path), cv2.IMREAD_COLOR)).all()  # OpenCV agrees


def test_a_name_outside_ascii_is_read(tmp_path):
    assert read_image(saved(tmp_path / "Bücher 日本.png", corners()))[0].shape == (16, 24, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"no picture at all", "not a picture"), (None, "damaged")],
    ids=["empty", "text", "cut short"],
)
def test_what_is_no_whole_picture_is_refused(tmp_path, content, reason):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = saved(tmp_path / "a.png", noise)
    path.write_bytes(path.read_bytes()[:6000] if content is None else content)
    with pytest.raises(ValueError, match=reason):
        read_image(path)


def test_floating_point_pixels_are_refused(tmp_path):
    path = saved(tmp_path / "a.tiff", corners().astype(np.float32))
    with pytest.raises(ValueError, match="float32"):
        read_image(path)


def test_a_missing_picture_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_is_read_in_both_byte_orders(order):
    assert parse_exif_orientation(exif(6, order)) == Orientation(
        transpose=True, flip_horizontal=True
    )


@pytest.mark.parametrize("block", [b"", b"II*", exif(6)[:12], exif(99), b"XX" + exif(6)[2:]])
def test_damaged_exif_leaves_the_picture_as_it_is(block):
    assert parse_exif_orientation(block) == UPRIGHT


def test_a_small_tilt_in_a_display_matrix_is_ignored():
    tilted = struct.pack("=9i", 65000, 8000, 0, -8000, 65000, 0, 0, 0, 1 << 30)
    assert parse_display_matrix(tilted) == UPRIGHT


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("shape", [(4, 6), (1, 5), (5, 1), (4, 6, 3)])
def test_turning_into_an_array_equals_turning(tag, shape):
    orientation = parse_exif_orientation(exif(tag))
    picture = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    turned = orientation.apply(picture)
    wide = np.zeros((turned.shape[0], turned.shape[1] + 3, *shape[2:]), np.uint8)
    orientation.apply(picture, dst=wide[:, : turned.shape[1]])
    assert (wide[:, : turned.shape[1]] == turned).all()
    assert not wide[:, turned.shape[1] :].any()
