"""What pictures say beside their pixels, there and back."""

import struct
from io import BytesIO

import numpy as np
import pytest
from color_profiles import wide_profile
from PIL import Image, ImageCms

from rimlight.imaging.image_files.headers import read_first_directory
from rimlight.imaging.image_files.metadata import NO_METADATA, ImageMetadata, encode_image
from rimlight.imaging.image_files.read import check_complete, read_image_file

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PIXELS = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
KINDS = [".png", ".jpg", ".webp", ".tiff"]


def by_pillow(path, **more):
    Image.fromarray(PIXELS[..., ::-1]).save(path, **more)
    return path


@pytest.mark.parametrize("suffix", KINDS)
def test_profile_and_resolution_of_a_file_are_read(tmp_path, suffix):
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 300.0, 300.0, 2
    more = {"exif": exif} if suffix == ".webp" else {"dpi": (300, 300)}
    read = read_image_file(by_pillow(tmp_path / f"a{suffix}", icc_profile=SRGB, **more)).metadata
    assert read.icc == SRGB
    assert read.dpi == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("suffix", KINDS)
def test_another_program_finds_both_in_what_is_written(suffix):
    data = encode_image(suffix, PIXELS, ImageMetadata(SRGB, (300, 150)))
    opened = Image.open(BytesIO(data))
    opened.load()
    assert opened.info["icc_profile"] == SRGB
    exif = opened.getexif()
    dpi = opened.info.get("dpi") or (exif[282], exif[283])
    assert dpi == pytest.approx((300, 150), abs=0.1)


@pytest.mark.parametrize("suffix", KINDS)
def test_tags_come_back_and_leave_the_pixels_alone(tmp_path, suffix):
    tags = ImageMetadata(SRGB, (300, 150))
    (tmp_path / f"a{suffix}").write_bytes(encode_image(suffix, PIXELS, tags))
    (tmp_path / f"b{suffix}").write_bytes(encode_image(suffix, PIXELS, NO_METADATA))
    made, plain = (read_image_file(tmp_path / f"{name}{suffix}") for name in "ab")
    assert made.metadata.icc == tags.icc
    assert made.metadata.dpi == pytest.approx((300, 150), abs=0.1)
    assert (made.bgr == plain.bgr).all()


def test_where_no_profile_fits_in_the_colors_become_srgb():
    green = np.full((4, 6, 3), (68, 160, 93), np.uint8)  # in the wide space
    data = encode_image(".bmp", green, ImageMetadata(wide_profile()))
    assert np.abs(np.subtract(Image.open(BytesIO(data)).getpixel((2, 2)), (30, 160, 60))).max() <= 2


def test_another_program_takes_the_fourth_channel_of_a_tiff_for_alpha():
    opened = Image.open(
        BytesIO(encode_image(".tif", np.dstack([PIXELS, PIXELS[..., 0]]), ImageMetadata(SRGB)))
    )
    assert opened.mode == "RGBA" and opened.tag_v2[338] == (2,)
    assert opened.getpixel((3, 2)) == (*PIXELS[2, 3, ::-1], PIXELS[2, 3, 0])


def test_a_turned_picture_turns_its_resolution(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    path = by_pillow(tmp_path / "a.jpg", dpi=(300, 150), exif=exif)
    read = read_image_file(path)
    assert read.bgr.shape == (30, 20, 3)
    assert read.metadata.dpi == (150, 300)


def test_a_profile_of_other_colors_is_left_out(tmp_path):
    gray = SRGB[:16] + b"GRAY" + SRGB[20:]
    assert read_image_file(by_pillow(tmp_path / "a.png", icc_profile=gray)).metadata.icc == b""


@pytest.mark.parametrize("suffix", KINDS)
def test_a_file_that_says_nothing_has_no_tags(tmp_path, suffix):
    assert read_image_file(by_pillow(tmp_path / f"a{suffix}")).metadata.icc == b""


@pytest.mark.parametrize("block", [b"", b"II*", struct.pack("<2sHIH", b"II", 42, 8, 9)])
def test_a_damaged_directory_is_empty(block):
    assert read_first_directory(block) == {}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_missing_end_is_seen(tmp_path, suffix):
    path = by_pillow(tmp_path / f"a{suffix}")
    check_complete(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="end is missing"):
        check_complete(path)
