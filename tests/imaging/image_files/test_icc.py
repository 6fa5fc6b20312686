import numpy as np
from color_profiles import wide_profile

from rimlight.imaging.image_files.metadata import converted

GREEN = np.full((2, 3, 3), (60, 160, 30), np.uint8)


def test_a_color_is_shown_the_same_in_a_wider_space():
    wide = converted(GREEN, b"", wide_profile())
    assert np.abs(wide[0, 0].astype(int) - (68, 160, 93)).max() <= 2
    assert np.abs(converted(wide, wide_profile(), b"").astype(int) - GREEN).max() <= 2


def test_the_same_space_or_a_damaged_profile_changes_nothing():
    assert converted(GREEN, b"", b"") is GREEN
    assert converted(GREEN, b"no profile", b"") is GREEN
