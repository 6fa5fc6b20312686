import itertools

import numpy as np
import pytest

from rimlight.imaging.palette import class_colours, is_colour, parse_colour


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
def test_hex_numbers_and_names_are_colours(text, bgr):
    assert parse_colour(text) == bgr and is_colour(text)


@pytest.mark.parametrize(
    "text",
    ["", "#", "#12", "#1234", "#12345g", "f80", "grene", "256,0,0", "1,2", "1,2,3,4",
     "-1,0,0", "٣,٢,١", "beach.jpg"],
)  # fmt: skip
def test_anything_else_is_refused_with_examples(text):
    assert not is_colour(text)
    with pytest.raises(ValueError, match=r"no colour; write '#00ff00', .* white"):
        parse_colour(text)


def test_said_colours_come_before_familiar_ones():
    colours = class_colours(["road", "person"], {"road": "#010203"})
    assert colours == [(3, 2, 1), (60, 20, 220)]


def test_classes_without_a_colour_of_their_own_get_colours_well_apart():
    colours = np.array(class_colours([f"class {n}" for n in range(20)], {}))
    apart = [np.abs(a - b).max() for a, b in itertools.combinations(colours, 2)]
    assert min(apart) >= 20


def test_a_said_colour_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'rad' is no colour"):
        class_colours(["road"], {"road": "rad"})
