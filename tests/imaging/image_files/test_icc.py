import numpy as np
from color_profiles import wide_profile

from rimlight.imaging.image_files.metadata import convert_profile

GREEN = np.full((2, 3, 3), (60, 160, 30), np.uint8)


def test_a_color_is_shown_the_same_in_a_wider_space():
    wide = convert_profile(GREEN, b"", wide_profile())
    assert np.abs(wide[0, 0].astype(int) - (68, 160, 93)).max() <= 2
    assert np.abs(convert_profile(wide, wide_profile(), b"").astype(int) - GREEN).max() <= 2


def test_the_same_space_or_a_damaged_profile_changes_nothing():
    assert convert_profile(GREEN, b"", b"") is GREEN
    assert convert_profile(GREEN, b"no profile", b"") is GREEN
