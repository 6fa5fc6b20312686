import itertools

import numpy as np
import pytest

from rimlight.imaging.palette import assign_class_colors, is_color, parse_color


@pytest.mark.parametrize(
    ("text", "bgr"),
    [
        ("#ff8000", (0, 128, 255)),
        ("#FF8000", (0, 128, 255)),
        ("#f80", (0, 136, 255)),
        ("ff8000", (0, 128, 255)),
        ("rgb(255, 128, 0)", (0, 128, 255)),
        ("255,128,0", (0, 128, 255)),
        ("255, 128, 0", (0, 128, 255)),
        ("green", (0, 128, 0)),
        ("Lime", (0, 255, 0)),
        (" white ", (255, 255, 255)),
    ],
)
def test_hex_numbers_and_names_are_colors(text, bgr):
    assert parse_color(text) == bgr and is_color(text)


@pytest.mark.parametrize(
    "text",
    ["", "#", "#12", "#1234", "#12345g", "f80", "grene", "256,0,0", "1,2", "1,2,3,4",
     "-1,0,0", "٣,٢,١", "beach.jpg"],
)  # fmt: skip
def test_anything_else_is_refused_with_examples(text):
    assert not is_color(text)
    with pytest.raises(ValueError, match=r"no color; write '#00ff00', .* white"):
        parse_color(text)


def test_said_colors_come_before_familiar_ones():
    colors = assign_class_colors(["road", "person"], {"road": "#010203"})
    assert colors == [(3, 2, 1), (60, 20, 220)]


def test_classes_without_a_color_of_their_own_get_colors_well_apart():
    colors = np.array(assign_class_colors([f"class {n}" for n in range(20)], {}))
    apart = [np.abs(a - b).max() for a, b in itertools.combinations(colors, 2)]
    assert min(apart) >= 20


def test_a_said_color_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'rad' is no color"):
        assign_class_colors(["road"], {"road": "rad"})
