"""What the effects do that only change the look: lens blur, hologram, color map, layer, light."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from scenes import as_i420, disc_mask, flat_frame, half_mask, make, smooth_frame

from rimlight.core.config import EffectConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.effects.blur import BlurEffect
from rimlight.effects.colormap import ColormapEffect
from rimlight.effects.despill import DespillEffect
from rimlight.effects.hologram import HologramEffect
from rimlight.effects.layer import LayerEffect
from rimlight.effects.light_matcher import LightMatcher
from rimlight.imaging.color import bgr_to_i420, i420_to_bgr
from rimlight.imaging.compositing.i420 import upscale_mask
from rimlight.pipeline.effects import apply_effects

NOBODY = Mask(np.zeros((36, 64, 1), np.float32), ("person",))


def lamp(size=(320, 180)):
    """A dark room with one point of light."""
    image = np.full((size[1], size[0], 3), 30, np.uint8)
    cv2.circle(image, (size[0] // 2, size[1] // 2), 6, (255, 255, 255), -1)
    return flat_frame(size=size).with_bgr(image)


def test_a_point_of_light_becomes_a_disc_with_a_clear_rim():
    lens = make(BlurEffect, shape="lens", radius_px=10).apply(lamp(), NOBODY).bgr[..., 0]
    soft = make(BlurEffect, radius_px=10).apply(lamp(), NOBODY).bgr[..., 0]
    middle, near, out = lens[90, 160], lens[90, 160 + 14], lens[90, 160 + 30]
    assert int(middle) - int(near) <= 12
    assert near > int(out) + 20
    assert middle > soft.max()


def test_highlights_stand_out_by_as_much_as_they_are_told_to():
    plain = make(BlurEffect, shape="lens", radius_px=10, highlights=0).apply(lamp(), NOBODY)
    bright = make(BlurEffect, shape="lens", radius_px=10, highlights=20).apply(lamp(), NOBODY)
    assert bright.bgr[90, 160, 0] > int(plain.bgr[90, 160, 0]) + 20


def test_a_lens_blur_takes_no_color_of_the_person():
    frame = flat_frame((40, 40, 40), (320, 180))
    image = frame.bgr.copy()
    image[:, :160] = (0, 0, 255)
    shown = make(BlurEffect, shape="lens", radius_px=8).apply(
        frame.with_bgr(image), half_mask((36, 64))
    )
    assert np.abs(shown.bgr[:, 170:].astype(int) - 40).max() <= 6


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_a_hologram_is_cyan_and_the_background_shines_through(layout):
    frame = smooth_frame(2)
    frame = as_i420(frame) if layout == "i420" else frame
    chain = [
        make(HologramEffect, opacity=0.5),
        EffectConfig(kind="replace").with_options(background="#ff0000").open(),
    ]
    shown = apply_effects(chain, frame, disc_mask()).bgr.astype(int)
    center = shown[85:95, 155:165].mean(axis=(0, 1))
    assert 90 < center[2] < 170
    assert center[0] > 30
    assert (np.abs(shown[5, 5] - (0, 0, 255)) <= 6).all()


def test_a_hologram_is_nowhere_more_opaque_than_it_is_told():
    mask = Mask(disc_mask().data, ("person",), alpha_range=(0.3, 0.7))
    thin = make(HologramEffect, opacity=0.6).transform_mask(mask)
    alpha = upscale_mask((thin.alpha() * 255).astype(np.uint8), (64, 36), thin.alpha_range)
    assert alpha.max() == pytest.approx(0.6 * 255, abs=4)


def test_the_lines_of_a_hologram_run():
    effect = make(HologramEffect)
    first = effect.apply(as_i420(smooth_frame(2)), disc_mask())
    later = effect.apply(as_i420(smooth_frame(2, pts=Fraction(1, 10))), disc_mask())
    assert (first.image != later.image).any()
    assert (first.image[0, :8] == later.image[0, :8]).all()


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_a_color_map_paints_what_it_is_told_to(layout):
    frame = flat_frame((128, 128, 128), (320, 180))
    frame = as_i420(frame) if layout == "i420" else frame
    wanted = cv2.applyColorMap(np.full((1, 1), 128, np.uint8), cv2.COLORMAP_PLASMA)[0, 0]
    for where, (left, right) in {
        "person": (True, False),
        "background": (False, True),
        "all": (True, True),
    }.items():
        shown = make(ColormapEffect, colors="plasma", where=where).apply(frame, half_mask((36, 64)))
        for at, is_painted in ((20, left), (300, right)):
            color = wanted if is_painted else (128, 128, 128)
            assert np.abs(shown.bgr[90, at].astype(int) - color).max() <= 4


def write_layer(path, alpha=255):
    image = np.zeros((90, 160, 4), np.uint8)
    image[60:80, 20:100] = (0, 0, 255, alpha)
    cv2.imwrite(str(path), image)
    return str(path)


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_a_lower_third_lies_over_the_person(tmp_path, layout):
    frame = flat_frame((0, 255, 0), (320, 180))
    frame = as_i420(frame) if layout == "i420" else frame
    effect = make(LayerEffect, image=write_layer(tmp_path / "l.png"))
    shown = effect.apply(frame, disc_mask()).bgr.astype(int)
    assert np.abs(shown[140, 120] - (0, 0, 255)).max() <= 6
    assert (shown[20] == frame.bgr[20]).all()


def test_half_an_opacity_shows_half_of_both(tmp_path):
    effect = make(LayerEffect, image=write_layer(tmp_path / "l.png"), opacity=0.5)
    shown = effect.apply(flat_frame((0, 255, 0), (320, 180)), disc_mask()).bgr[140, 120].astype(int)
    assert np.abs(shown - (0, 127, 128)).max() <= 2


def test_an_anchored_image_keeps_its_shape_and_its_distance(tmp_path):
    cv2.imwrite(str(tmp_path / "logo.png"), np.full((50, 100, 3), 255, np.uint8))
    effect = make(LayerEffect, image=str(tmp_path / "logo.png"), anchor="bottom-right", width=0.25)
    shown = effect.apply(flat_frame((0, 0, 0), (320, 180)), disc_mask()).bgr[..., 0]
    rows, columns = np.nonzero(shown > 128)
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (80, 40)
    assert (319 - columns.max(), 179 - rows.max()) == (5, 5)


def test_a_layer_makes_a_transparent_frame_opaque_where_it_is(tmp_path):
    effect = make(LayerEffect, image=write_layer(tmp_path / "l.png"))
    clear = flat_frame(size=(160, 90)).with_alpha(np.zeros((90, 160), np.uint8))
    shown = effect.apply(clear, disc_mask())
    assert shown.alpha[70, 50] == 255
    assert shown.alpha[10, 10] == 0


def test_an_opaque_layer_would_hide_everything(tmp_path):
    cv2.imwrite(str(tmp_path / "all.png"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ConfigError, match="would hide the frame"):
        make(LayerEffect, image=str(tmp_path / "all.png"))


def test_a_layer_that_is_no_image_is_an_error(tmp_path):
    (tmp_path / "notes.png").write_text("no image")
    for name in ("notes.png", "gone.png", ""):
        with pytest.raises(ConfigError, match="cannot be read"):
            make(LayerEffect, image=str(tmp_path / name))


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_spill_goes_and_other_colors_stay(layout):
    colors = [(90, 180, 90), (60, 90, 200), (128, 128, 128), (200, 80, 60)]
    image = np.repeat(np.array(colors, np.uint8)[None], 8, axis=0).repeat(16, axis=1)
    frame = flat_frame(size=(64, 8)).with_bgr(np.ascontiguousarray(image))
    frame = as_i420(frame) if layout == "i420" else frame
    shown = make(DespillEffect).apply(frame, disc_mask()).bgr[4, 8::16].astype(int)
    blue, green, red = shown[0]
    assert green - max(blue, red) < 25
    assert np.abs(shown[1:] - np.array(colors[1:])).max() <= 6


def test_no_despill_changes_nothing():
    frame = as_i420(smooth_frame(4))
    shown = make(DespillEffect, amount=0).apply(frame, disc_mask())
    assert np.abs(shown.image.astype(int) - frame.image).max() <= 1


def light_on(frame, background, strength=1.0):
    """Return the mean BGR of a gray person before a background of one color."""
    back = bgr_to_i420(np.full((180, 320, 3), background, np.uint8))
    dst = np.empty_like(back)
    alpha = np.full((36, 64), 255, np.uint8)
    LightMatcher(strength).match(frame, back, alpha, dst)
    return i420_to_bgr(dst).mean(axis=(0, 1))


def test_a_person_gets_the_tint_and_brightness_of_the_background():
    gray = as_i420(flat_frame((128, 128, 128), (320, 180)))
    warm = light_on(gray, (60, 150, 220))
    assert warm[2] > warm[0] + 10
    dark, bright = light_on(gray, (20, 20, 20)), light_on(gray, (240, 240, 240))
    assert dark.mean() < 118
    assert bright.mean() > 138
    assert np.ptp(dark) < 4


def test_light_alike_changes_nothing():
    gray = as_i420(flat_frame((128, 128, 128), (320, 180)))
    assert np.abs(light_on(gray, (128, 128, 128)) - 128).max() < 3
    assert np.abs(light_on(gray, (40, 200, 240), strength=0) - 128).max() < 3


def test_the_light_follows_slowly_and_starts_over_after_a_cut():
    back = bgr_to_i420(np.full((180, 320, 3), 128, np.uint8))
    alpha, dst = np.full((36, 64), 255, np.uint8), np.empty_like(back)

    def match(matcher, level, pts):
        frame = as_i420(flat_frame((level,) * 3, (320, 180), pts=Fraction(pts)))
        return float(matcher.match(frame, back, alpha, dst)[:180].mean())

    matcher = LightMatcher(1.0)
    match(matcher, 128, 0)
    settled = match(LightMatcher(1.0), 60, 0)
    soon, cut = match(matcher, 60, Fraction(1, 30)), match(matcher, 60, 100)
    assert soon < cut - 5
    assert cut == pytest.approx(settled, abs=1)
