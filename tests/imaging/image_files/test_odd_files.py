"""Picture files as the world writes them: odd kinds, hidden alpha, films behind them, bombs."""

import os
import random
import struct
from contextlib import suppress

import cv2
import numpy as np
import odd_pictures
import pytest
from PIL import Image

from rimlight.imaging.image_files.read import check_complete, read_image_file

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)


def placed(path, content):
    path.write_bytes(content)
    return path


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".gif", ".avif", ".jfif", ".jpe", ".mpo", ".dib"])
def test_more_kinds_of_pictures_are_read(tmp_path, suffix):
    image = Image.new("RGB", (24, 16), (200, 0, 0))
    named = {".jfif": "JPEG", ".jpe": "JPEG", ".dib": "BMP"}.get(suffix)
    read = read_image_file(saved(tmp_path / f"a{suffix}", image, format=named))
    assert read.bgr.shape == (16, 24, 3) and read.alpha is None
    assert abs(read.bgr.astype(int) - (0, 0, 200)).max() < 30


def test_the_alpha_of_a_webp_that_does_not_announce_it_is_read(tmp_path):
    image = Image.new("RGBA", (24, 16), (200, 0, 0, 255))
    image.paste((0, 0, 200, 0), (0, 0, 12, 16))
    content = bytearray(saved(tmp_path / "a.webp", image).read_bytes())
    assert content[12:16] == b"VP8X" and content[20] & 0x10
    content[20] &= ~0x10
    read = read_image_file(placed(tmp_path / "b.webp", content))
    assert read.alpha is not None and read.alpha[2, 2] == 0 and read.alpha[2, 20] == 255


def test_a_tiff_of_lab_colors_is_not_tinted(tmp_path):
    image = Image.new("RGB", (24, 16), (200, 200, 200)).convert("LAB")
    read = read_image_file(saved(tmp_path / "a.tif", image))
    assert np.abs(read.bgr.astype(int) - 200).max() <= 3


def test_an_avif_keeps_its_turn_its_profile_and_its_alpha(tmp_path):
    image = Image.new("RGBA", (24, 16), (200, 0, 0, 255))
    image.paste((0, 0, 200, 0), (0, 0, 12, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = bytes(16) + b"RGB " + bytes(108)
    path = saved(tmp_path / "a.avif", image, exif=exif, icc_profile=profile)
    read = read_image_file(path)
    assert read.bgr.shape == (24, 16, 3)
    assert read.alpha is not None and read.alpha[2, 8] == 0 and read.alpha[20, 8] == 255
    assert read.metadata.icc == profile


def test_a_heic_is_read_whole_where_its_reader_is_installed(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (64, 32), (200, 0, 0))
    read = read_image_file(saved(tmp_path / "a.heic", image, exif=exif.tobytes()))
    assert read.bgr.shape == (64, 32, 3)


def test_a_bmp_whose_alpha_was_never_set_is_opaque(tmp_path):
    read = read_image_file(placed(tmp_path / "a.bmp", odd_pictures.bmp_without_alpha(90)))
    assert read.alpha is None and (read.bgr == 90).all()


@pytest.mark.parametrize(
    ("name", "content", "bgr", "alpha"),
    [
        ("gray and alpha", odd_pictures.tiff((90, 128), photometric=1, extra=(2,)), 90, 128),
        (
            "multiplied with its alpha",
            odd_pictures.tiff((50, 50, 50, 128), photometric=2, extra=(1,)),
            100,
            128,
        ),
        (
            "not multiplied",
            odd_pictures.tiff((50, 50, 50, 128), photometric=2, extra=(2,)),
            50,
            128,
        ),
    ],
)
def test_the_alpha_of_a_tiff_is_read_and_its_colors_are_its_own(
    tmp_path, name, content, bgr, alpha
):
    read = read_image_file(placed(tmp_path / "a.tif", content))
    assert read.alpha is not None and (read.alpha == alpha).all(), name
    assert abs(read.bgr.astype(int) - bgr).max() <= 1


def test_a_tiff_of_16_bit_cmyk_is_read(tmp_path):
    content = odd_pictures.tiff((0, 65535, 65535, 0), photometric=5, dtype="<u2")
    assert read_image_file(placed(tmp_path / "a.tif", content)).bgr[0, 0].tolist() == list(RED)


def test_a_tiff_that_cannot_be_read_is_named_by_its_kind(tmp_path):
    content = odd_pictures.tiff((0, 255, 255, 0, 128), photometric=5, extra=(2,))
    with pytest.raises(ValueError, match=r"8-bit CMYK, with alpha, 5 samples.*magick"):
        read_image_file(placed(tmp_path / "a.tif", content))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_transparent_level_of_a_gray_png_is_alpha(tmp_path, dtype):
    levels = np.arange(24, dtype=dtype).reshape(4, 6)
    path = saved(tmp_path / "a.png", Image.fromarray(levels))
    data = path.read_bytes()
    path.write_bytes(data[:33] + odd_pictures.chunk(b"tRNS", struct.pack(">H", 7)) + data[33:])
    alpha = read_image_file(path).alpha
    assert alpha is not None and (alpha == np.where(levels == 7, 0, 255)).all()


def test_pages_and_further_pictures_are_counted(tmp_path):
    shots = [Image.new("RGB", (24, 16), (level, 0, 0)) for level in (0, 100, 200)]
    for name in ("a.tif", "b.mpo", "c.gif", "d.png", "e.webp", "f.avif"):
        path = saved(tmp_path / name, shots[0], save_all=True, append_images=shots[1:])
        assert read_image_file(path).count == 3, name


def test_a_gain_map_behind_a_photo_is_no_further_picture(tmp_path):
    shots = [Image.new("L", (24, 16), level) for level in (0, 100)]
    path = saved(tmp_path / "a.mpo", shots[0], save_all=True, append_images=shots[1:])
    start = path.read_bytes().rindex(b"\xff\xd8\xff")
    data = path.read_bytes()
    xmp = b"\xff\xe1" + struct.pack(">H", 12) + b"hdrgm:Vers"
    path.write_bytes(data[: start + 2] + xmp + data[start + 2 :])
    assert read_image_file(path).count == 1


def test_what_lies_behind_the_end_of_a_picture_is_no_harm(tmp_path):
    behind = b"\x55" * 100_000
    check_complete(placed(tmp_path / "a.jpg", odd_pictures.motion_photo()))
    image = Image.new("RGB", (24, 16))
    for name in ("a.png", "a.webp", "a.gif", "a.avif"):
        whole = saved(tmp_path / name, image).read_bytes()
        check_complete(placed(tmp_path / name, whole + behind))
        with pytest.raises(ValueError, match="end is missing"):
            check_complete(placed(tmp_path / name, whole[: len(whole) * 3 // 4]))


def test_a_jpeg_that_is_cut_is_not_whole_whatever_its_thumbnail_says(tmp_path):
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(odd_pictures.jpeg())) + odd_pictures.jpeg()
    data = odd_pictures.jpeg()
    for cut in (len(data) - 1, len(data) - 30):
        content = data[:2] + thumbnail + data[2:cut]
        with pytest.raises(ValueError, match="end is missing"):
            check_complete(placed(tmp_path / "a.jpg", content))


@pytest.mark.parametrize("size", [(32000, 32000), (2**31 - 1, 1), (65535, 65535)])
def test_a_picture_over_the_limit_is_refused_before_it_is_decoded(tmp_path, size):
    with pytest.raises(ValueError, match="more than the limit of 256 million"):
        read_image_file(placed(tmp_path / "a.png", odd_pictures.png_header(size)))


def test_the_limit_can_be_raised_and_lowered(tmp_path):
    path = saved(tmp_path / "a.gif", Image.new("L", (2000, 1000)))
    with pytest.raises(ValueError, match="limit of 1 million"):
        read_image_file(path, max_megapixels=1)
    assert read_image_file(path, max_megapixels=2).bgr.shape == (1000, 2000, 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7", "a PDF"),
        (b"<!DOCTYPE html><html>404", "an HTML page"),
        (b'<?xml version="1.0"?><svg/>', "an SVG"),
        (b"\0\0\0\x20ftypisom", "a video"),
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
        (b"\0\x05\x16\x07", "companion"),
    ],
)
def test_what_is_no_picture_is_called_by_what_it_is(tmp_path, content, said):
    with pytest.raises(ValueError, match=said):
        read_image_file(placed(tmp_path / "a.jpg", content))


def test_a_raw_photo_is_not_read_as_its_thumbnail(tmp_path):
    content = odd_pictures.tiff((9, 9, 9), photometric=2)
    with pytest.raises(ValueError, match="raw photo"):
        read_image_file(placed(tmp_path / "a.dng", content))


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("/dev/zero")
    (tmp_path / "c.jpg").mkdir()
    for name, said in (("a", "a pipe"), ("b", "a device"), ("c", "a folder")):
        with pytest.raises(ValueError, match=said):
            read_image_file(tmp_path / f"{name}.jpg")


def test_a_tag_without_a_value_is_left_out(tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 3)
    exif += struct.pack("<HHII", 0x011A, 5, 1, 50) + struct.pack("<HHII", 0x011B, 5, 1, 50)
    exif += struct.pack("<HHII", 0x0128, 3, 0, 0) + bytes(4) + struct.pack("<II", 300, 1)
    data = odd_pictures.jpeg()
    block = b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif
    assert read_image_file(placed(tmp_path / "a.jpg", data[:2] + block + data[20:])).count == 1


def test_damaged_files_raise_nothing_but_an_error_with_a_reason(tmp_path):
    chance = random.Random(5)
    shots = [Image.new("RGB", (24, 16), (level, 0, 0)) for level in (0, 100)]
    for name in ("a.tif", "a.mpo", "a.gif", "a.png", "a.webp", "a.avif", "a.bmp"):
        more = {} if name == "a.bmp" else {"save_all": True, "append_images": shots[1:]}
        whole = saved(tmp_path / name, shots[0], **more).read_bytes()
        for _ in range(40):
            damaged = bytearray(whole)
            for _ in range(4):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            path = placed(tmp_path / name, bytes(damaged[: chance.randrange(8, len(damaged) * 2)]))
            for look in (read_image_file, check_complete):
                with suppress(ValueError):
                    look(path)


def test_a_chunk_that_is_longer_than_its_file_is_not_made_room_for(tmp_path):
    png = bytearray(cv2.imencode(".png", np.zeros((16, 24, 3), np.uint8))[1].tobytes())
    at = png.index(b"IDAT") - 4
    png[at : at + 4] = struct.pack(">I", 0x7FFFFF00)
    with pytest.raises(ValueError, match="its end is missing"):
        read_image_file(placed(tmp_path / "a.png", bytes(png)))
