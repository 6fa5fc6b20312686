"""Bars around a picture are nobody, and no model of people looks at them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scenes import as_i420, flat_frame

from rimlight.core.frame import Mask
from rimlight.models.catalog import Catalog
from rimlight.segmenters.crop_detect import BarDetector, crop_frame, uncrop_mask
from rimlight.segmenters.tflite import TfliteSegmenter

LAYOUTS = pytest.mark.parametrize("layout", [lambda frame: frame, as_i420], ids=["bgr", "i420"])


def room(size, seed=0):
    """A picture without any flat line."""
    grain = np.random.default_rng(seed).integers(0, 90, (size[1], size[0], 3))
    return (grain + np.linspace(40, 160, size[0])[None, :, None]).astype(np.uint8)


def barred(size, *, top=0, bottom=0, left=0, right=0, color=(9, 9, 9)):
    image = room(size)
    image[:top], image[size[1] - bottom :] = color, color
    image[:, :left], image[:, size[0] - right :] = color, color
    return flat_frame(size=size).with_bgr(image)


@LAYOUTS
@pytest.mark.parametrize(
    ("bars", "box"),
    [
        ({"top": 20, "bottom": 20}, (0, 20, 320, 160)),
        ({"left": 60, "right": 60}, (60, 0, 260, 180)),
        ({"bottom": 30}, (0, 0, 320, 150)),
        (
            {"top": 20, "bottom": 20, "left": 40, "right": 40, "color": (128,) * 3},
            (40, 20, 280, 160),
        ),
    ],
)
def test_bars_are_found_to_the_pixel(layout, bars, box):
    assert BarDetector().detect(layout(barred((320, 180), **bars))) == box


@LAYOUTS
@pytest.mark.parametrize("bars", [{}, {"top": 2}, {"left": 4}])
def test_a_picture_without_bars_is_looked_at_as_it_is(layout, bars):
    assert BarDetector().detect(layout(barred((320, 180), **bars))) is None


def test_a_wall_above_somebody_s_head_is_no_bar():
    image, (y, x) = np.full((180, 320, 3), 250, np.uint8), np.mgrid[:180, :320]
    person = ((x - 160) / 70) ** 2 + ((y - 180) / 130) ** 2 < 1
    image[person] = room((320, 180))[person]
    assert BarDetector().detect(flat_frame(size=(320, 180)).with_bgr(image)) is None
    assert BarDetector().detect(flat_frame(size=(320, 180))) is None


def test_bars_stay_found_where_the_picture_in_them_turns_dark():
    borders, frame = BarDetector(), barred((320, 180), top=20, bottom=20)
    assert borders.detect(frame) == (0, 20, 320, 160)
    dark = flat_frame((9, 9, 9), (320, 180))
    assert borders.detect(replace(dark, pts=Fraction(1, 30))) == (0, 20, 320, 160)
    assert borders.detect(replace(barred((320, 180)), pts=Fraction(2, 30))) is None


def test_single_pictures_do_not_depend_on_those_before_them():
    borders = BarDetector()
    assert borders.detect(barred((320, 180), top=20)) == (0, 20, 320, 180)
    assert borders.detect(barred((320, 180), top=60)) == (0, 60, 320, 180)
    assert borders.detect(flat_frame((9, 9, 9), (320, 180))) is None


@LAYOUTS
def test_a_mask_of_the_picture_stands_in_its_place_in_the_whole(layout):
    frame = layout(barred((320, 180), top=20, bottom=20))
    inner = crop_frame(frame, (0, 20, 320, 160))
    assert inner.size == (320, 140)
    mask = uncrop_mask(
        Mask(np.ones((64, 128, 1), np.float32), ("person",)), (0, 20, 320, 160), frame.size
    )
    rows = mask.alpha().mean(axis=1)
    assert (rows[:7] == 0).all() and (rows[-7:] == 0).all() and (rows[9:-9] == 1).all()


@LAYOUTS
def test_a_model_of_people_finds_nobody_in_a_bar(layout):
    from rimlight.imaging.image_files.read import read_image
    from rimlight.system import app_paths

    card, file = Catalog().resolve("selfie")
    segmenter = TfliteSegmenter(card, file, TfliteSegmenter.Options(threads=1))
    image, _ = read_image(app_paths.find_data_folder("samples") / "background.jpg")
    whole = np.zeros((240, 240, 3), np.uint8)
    whole[40:200] = image[:160, :240]
    frame = layout(flat_frame(size=(240, 240)).with_bgr(whole))
    mask = segmenter.segment(frame)
    segmenter.close()
    rows = round(mask.shape[0] * 38 / 240)
    assert (mask.alpha()[:rows] == 0).all() and (mask.alpha()[-rows:] == 0).all()
    assert mask.alpha_range == card.alpha_range
