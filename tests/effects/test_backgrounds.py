import cv2
import numpy as np
import pytest
from scenes import BLACK, WHITE, as_i420, flat_frame, half_mask, make

from rimlight.effects.backgrounds import open_background
from rimlight.effects.replace import ReplaceEffect
from rimlight.errors import ConfigError
from rimlight.imaging.colour import ColourSpace

HD = ColourSpace("bt709", full_range=False)


def right_edge(frame):
    """The colour of the right edge, the same from top to bottom."""
    pixels = frame.bgr[:, -4:].reshape(-1, 3)
    assert np.ptp(pixels, axis=0).max() <= 2
    return pixels[0].astype(int)


@pytest.mark.parametrize("colour", [ColourSpace(), HD, ColourSpace("bt2020", full_range=True)])
def test_the_colour_is_the_same_in_every_yuv(colour):
    frame = as_i420(flat_frame((10, 20, 30)), colour)
    made = make(ReplaceEffect, background="#2040c0").apply(frame, half_mask())
    assert np.allclose(right_edge(made), (0xC0, 0x40, 0x20), atol=3)
    assert made.colour == colour


def test_a_colour_has_no_bars_whatever_the_fit():
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
    opened = open_background(str(path), fit="fill", backdrop=BLACK)
    first = opened.behind(flat_frame(size=(20, 20)))
    assert opened.behind(flat_frame((1, 1, 1), (20, 20))) is first
    assert opened.behind(flat_frame(size=(20, 22))) is not first


def test_a_colour_comes_before_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "white").write_bytes(b"not a video")
    opened = open_background("white", fit="fill", backdrop=BLACK)
    assert (opened.behind(flat_frame()) == 255).all()
    with pytest.raises(ConfigError, match="cannot be read"):
        open_background("./white", fit="fill", backdrop=BLACK)
