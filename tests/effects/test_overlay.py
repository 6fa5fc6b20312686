import numpy as np
import pytest
from scenes import as_i420, disc_mask, flat_frame, half_mask, make

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.effects.overlay import OverlayEffect

CLASSES = ("background", "road", "car")
THIRDS = Mask.from_labels(np.repeat(np.arange(3, dtype=np.uint8), 4)[None].repeat(9, 0), CLASSES)
GRAY = (100, 100, 100)


def painted(mask=THIRDS, frame=None, **options):
    effect = make(OverlayEffect, **{"legend": False, **options})
    return effect.apply(frame or flat_frame(GRAY, (60, 45)), mask)


def thirds(frame):
    """The color in the middle of each third."""
    return [tuple(frame.bgr[22, column].tolist()) for column in (10, 30, 50)]


def test_classes_are_painted_and_the_background_is_not():
    made = painted(opacity=1, palette={"road": "#010203", "car": "#040506"})
    assert thirds(made) == [GRAY, (3, 2, 1), (6, 5, 4)]


def test_opacity_mixes_the_color_with_the_picture():
    made = painted(opacity=0.5, palette={"road": "black", "car": "white"})
    assert np.allclose(thirds(made), [GRAY, (50,) * 3, (178,) * 3], atol=1)


def test_only_the_classes_that_were_named_are_painted():
    made = painted(opacity=1, classes=("background",), palette={"background": "#010203"})
    assert thirds(made) == [(3, 2, 1), GRAY, GRAY]


def test_scores_and_labels_are_painted_alike():
    scores = Mask(THIRDS.scores, CLASSES)
    assert (painted(scores).bgr == painted(THIRDS).bgr).all()


def test_a_single_class_is_as_opaque_as_it_is_certain():
    mask = Mask(np.full((4, 4, 1), 0.5, np.float32), ("person",))
    made = painted(mask, opacity=1, palette={"person": "black"})
    assert np.abs(made.bgr.astype(int) - 50).max() <= 1


def test_a_border_between_two_classes_shows_no_third_color():
    made = painted(opacity=1, palette={"background": "white", "road": "red", "car": "blue"})
    colors = {tuple(pixel) for pixel in made.bgr.reshape(-1, 3).tolist()}
    assert colors == {GRAY, (0, 0, 255), (255, 0, 0)}


def test_contours_are_drawn_in_full_color_along_the_inside():
    made = painted(half_mask(), opacity=0, contours=True, palette={"person": "red"})
    row = made.bgr[22].tolist()
    assert row[29] == [0, 0, 255] and row[0] == row[20] == row[31] == list(GRAY)


def test_the_legend_names_classes_with_their_share_and_color():
    plain = painted(palette={"road": "#010203"})
    made = painted(palette={"road": "#010203"}, legend=True)
    assert (made.bgr != plain.bgr).any()
    assert [3, 2, 1] in made.bgr.reshape(-1, 3).tolist()


def test_a_picture_without_the_classes_has_no_legend():
    none = Mask.from_labels(np.zeros((4, 4), np.uint8), CLASSES)
    assert (painted(none, legend=True).bgr == GRAY).all()


def test_a_class_that_was_seen_stays_in_the_legend():
    effect = make(OverlayEffect, opacity=0)
    effect.apply(flat_frame(GRAY, (200, 100)), THIRDS)
    none = Mask.from_labels(np.zeros((4, 4), np.uint8), CLASSES)
    assert (effect.apply(flat_frame(GRAY, (200, 100)), none).bgr != GRAY).any()


@pytest.mark.parametrize("option", [{"classes": ("raod",)}, {"palette": {"raod": "red"}}], ids=str)
def test_a_class_the_model_lacks_is_refused_with_a_suggestion(option):
    with pytest.raises(ConfigError, match="no class 'raod'") as caught:
        painted(**option)
    assert "did you mean 'road'" in caught.value.hint


def test_a_palette_color_that_is_none_is_refused_at_once():
    with pytest.raises(ConfigError, match="palette: road: 'rad' is no color"):
        make(OverlayEffect, palette={"road": "rad"})


def test_transparency_stays():
    alpha = np.full((45, 60), 90, np.uint8)
    frame = flat_frame(GRAY, (60, 45), alpha=alpha)
    assert (painted(frame=frame).alpha == alpha).all()
    assert (painted(disc_mask(), as_i420(frame).with_alpha(alpha)).alpha == alpha).all()


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_the_path_ahead_is_outlined_and_its_inside_is_left_alone(layout):
    frame = flat_frame(GRAY, (120, 90))
    frame = frame if layout == "bgr" else as_i420(frame)
    mask = half_mask()
    made = painted(mask, frame, opacity=0, ego_path=(0.1, 0.9, 0.9, 0.4, 0.6, 0.5)).bgr
    near, inside = made[round(0.9 * 89), 60].astype(int), made[60, 60].astype(int)
    assert near[2] - near[0] > 150 and np.abs(inside - 100).max() <= 2
