from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from color_profiles import wide_profile
from PIL import Image as PilImage
from scenes import BLACK, WHITE, as_i420, flat_frame, half_mask, make

from rimlight.core.errors import ConfigError
from rimlight.effects.backgrounds import open_background
from rimlight.effects.replace import ReplaceEffect
from rimlight.imaging.color import ColorSpace
from rimlight.imaging.geometry import fit_image
from rimlight.imaging.image_files.metadata import ImageMetadata, encode_image

HD = ColorSpace("bt709", full_range=False)


def right_edge(frame):
    """The color of the right edge, the same from top to bottom."""
    pixels = frame.bgr[:, -4:].reshape(-1, 3)
    assert np.ptp(pixels, axis=0).max() <= 2
    return pixels[0].astype(int)


@pytest.mark.parametrize("color", [ColorSpace(), HD, ColorSpace("bt2020", full_range=True)])
def test_the_color_is_the_same_in_every_yuv(color):
    frame = as_i420(flat_frame((10, 20, 30)), color)
    made = make(ReplaceEffect, background="#2040c0").apply(frame, half_mask())
    assert np.allclose(right_edge(made), (0xC0, 0x40, 0x20), atol=3)
    assert made.color == color


def test_a_color_has_no_bars_whatever_the_fit():
    effect = make(ReplaceEffect, background="white", fit="fit")
    assert (right_edge(effect.apply(flat_frame(BLACK), half_mask())) == WHITE).all()


def test_frames_of_another_form_get_their_own_background():
    effect = make(ReplaceEffect, background="#2040c0")
    wide = flat_frame(BLACK, (64, 20))
    frames = [wide, as_i420(wide), as_i420(wide, HD), flat_frame(BLACK, (20, 64)), wide]
    made = [right_edge(effect.apply(frame, half_mask())) for frame in frames]
    assert np.allclose(made, (0xC0, 0x40, 0x20), atol=3)


def test_a_fitted_background_is_made_once(tmp_path):
    path = tmp_path / "b.png"
    assert cv2.imwrite(str(path), np.full((24, 32, 3), 9, np.uint8))
    opened = open_background(str(path), fit="fill", pad_color=BLACK)
    first = opened.fit_to(flat_frame(size=(20, 20)))
    assert opened.fit_to(flat_frame((1, 1, 1), (20, 20))) is first
    assert opened.fit_to(flat_frame(size=(20, 22))) is not first


def test_a_color_comes_before_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "white").write_bytes(b"not a video")
    opened = open_background("white", fit="fill", pad_color=BLACK)
    assert (opened.fit_to(flat_frame()) == 255).all()
    with pytest.raises(ConfigError, match="cannot be read"):
        open_background("./white", fit="fill", pad_color=BLACK)


def test_a_background_keeps_its_shape_behind_pixels_that_are_not_square(tmp_path):
    disc = np.zeros((90, 160, 3), np.uint8)
    cv2.circle(disc, (80, 45), 30, WHITE, -1)
    cv2.imwrite(str(tmp_path / "disc.png"), disc)
    opened = open_background(str(tmp_path / "disc.png"), fit="fill", pad_color=BLACK)
    frame = replace(flat_frame(size=(120, 90)), sample_aspect=Fraction(4, 3))
    across, down = extent(opened.fit_to(frame))
    assert across * 4 / 3 == pytest.approx(down, abs=2)


def extent(picture):
    """How wide and how high what is white is."""
    rows, columns = np.nonzero(picture[..., 0] > 127)
    return np.ptp(columns) + 1, np.ptp(rows) + 1


@pytest.mark.parametrize("fit", ["fill", "fit", "tile"])
def test_a_film_of_wide_pixels_is_shown_in_its_shape(fit):
    squeezed = np.zeros((90, 80, 3), np.uint8)
    cv2.ellipse(squeezed, (40, 45), (15, 30), 0, 0, 360, WHITE, -1)
    made = fit_image(squeezed, (160, 90), mode=fit, aspect=Fraction(2))
    across, down = extent(made)
    assert across == pytest.approx(down, abs=2)


def test_a_background_takes_the_colors_of_the_photo_it_stands_behind(tmp_path):
    path = tmp_path / "green.png"
    cv2.imwrite(str(path), np.full((24, 32, 3), (60, 160, 30), np.uint8))
    photo = replace(flat_frame(size=(32, 24)), metadata=ImageMetadata(wide_profile()))
    for text in ("#1ea03c", str(path)):
        behind = open_background(text, fit="fill", pad_color=BLACK).fit_to(photo)
        assert np.abs(behind[0, 0].astype(int) - (68, 160, 93)).max() <= 2


def test_a_photo_with_a_profile_becomes_srgb_behind_a_film(tmp_path):
    wide = np.full((24, 32, 3), (68, 160, 93), np.uint8)
    (tmp_path / "wide.png").write_bytes(
        encode_image(".png", wide, ImageMetadata(wide_profile())) or b""
    )
    opened = open_background(str(tmp_path / "wide.png"), fit="fill", pad_color=BLACK)
    shown = opened.fit_to(flat_frame(size=(32, 24)))
    assert np.abs(shown[0, 0].astype(int) - (60, 160, 30)).max() <= 2


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_an_animated_picture_moves_and_repeats_on_the_backdrop(tmp_path, name):
    frames = [PilImage.new("RGBA", (32, 24), (n * 80, 0, 0, 255)) for n in range(3)]
    for frame in frames:
        frame.paste((0, 0, 0, 0), (0, 0, 8, 24))
    lossless = {"lossless": True} if name == "a.webp" else {}
    keep = {"save_all": True, "append_images": frames[1:], "duration": 100, "disposal": 2}
    frames[0].save(tmp_path / name, **keep, **lossless)
    opened = open_background(str(tmp_path / name), fit="fill", pad_color=(255, 0, 255))
    shown = []
    for tenth in (0, 1, 2, 3, 1):
        picture = opened.fit_to(replace(flat_frame(size=(32, 24)), pts=Fraction(tenth, 10)))
        assert tuple(picture[12, 2]) == (255, 0, 255)
        shown.append(round(int(picture[12, 20, 2]) / 80))
    assert shown == [0, 1, 2, 0, 1]
    opened.close()
