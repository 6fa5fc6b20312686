"""What `pipeline.parts.Effect` promises, tested over every registered effect."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from scenes import as_i420, disc_mask, smooth_frame

from rimlight.core.frame import Mask
from rimlight.effects import EFFECTS

SIZES = [(320, 180), (641, 361), (1, 48), (48, 1), (1, 1), (2, 2), (90, 200)]
NEEDED = {"replace": {"background": "#2040c0"}}
LABELS = Mask.from_labels(np.arange(12, dtype=np.uint8).reshape(3, 4) % 3, ("sky", "person", "car"))
SEVERAL = Mask(LABELS.scores * np.float32(0.8) + np.float32(0.05), LABELS.classes)


VARIANTS = {
    "blur as a lens": ("blur", {"shape": "lens", "radius_px": 4}),
    "replace in its light": ("replace", {"background": "#e0a040", "match_light": 1}),
    "colormap of the background": ("colormap", {"where": "background"}),
}
"""Effects whose options lead to other code."""


@pytest.fixture(params=[*EFFECTS.names(), *VARIANTS])
def effect(request, tmp_path):
    kind, options = VARIANTS.get(request.param, (request.param, NEEDED.get(request.param, {})))
    if kind == "layer":
        image = np.zeros((9, 16, 4), np.uint8)
        image[5:8, 2:12] = (200, 60, 20, 180)
        cv2.imwrite(str(tmp_path / "layer.png"), image)
        options = {"image": str(tmp_path / "layer.png")}
    cls = EFFECTS.load(kind)
    opened = cls(cls.Options(**options))
    yield opened
    opened.close()


@pytest.fixture(params=["bgr", "i420"])
def shaped(request):
    """Brings a BGR frame into the layout under test."""
    return as_i420 if request.param == "i420" else lambda frame: frame


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "mask", [disc_mask(), LABELS, SEVERAL], ids=["scores", "labels", "several"]
)
def test_any_size_and_mask_gives_a_frame_of_the_same_size(effect, shaped, size, mask):
    made = effect.apply(shaped(smooth_frame(1, size)), mask)
    assert made.size == size
    assert made.bgr.shape == (size[1], size[0], 3)


def test_the_moment_and_the_name_stay(effect, shaped):
    frame = replace(shaped(smooth_frame(7, pts=Fraction(1001, 30000))), name="a/b.jpg")
    made = effect.apply(frame, disc_mask())
    before = (frame.index, frame.pts, frame.captured_at, frame.name, frame.color)
    assert (made.index, made.pts, made.captured_at, made.name, made.color) == before


def test_never_changes_what_it_is_given(effect, shaped):
    frame, mask = shaped(smooth_frame()), disc_mask()
    image, scores = frame.image.copy(), mask.data.copy()
    effect.apply(frame, mask)
    assert (frame.image == image).all() and (mask.data == scores).all()


def test_a_result_is_not_changed_by_later_frames(effect, shaped):
    first = effect.apply(shaped(smooth_frame(1)), disc_mask())
    before = first.image.copy()
    for seed in range(2, 6):
        effect.apply(shaped(smooth_frame(seed)), disc_mask())
    assert (first.image == before).all()


def test_frames_may_change_in_size(effect, shaped):
    for size in ((64, 48), (48, 64), (33, 17), (64, 48)):
        assert effect.apply(shaped(smooth_frame(0, size)), disc_mask()).size == size


@pytest.mark.parametrize("size", [(320, 180), (321, 181)], ids=str)
def test_both_layouts_give_nearly_the_same_picture(effect, size):
    frame = smooth_frame(3, size)
    planar = as_i420(frame)
    plain = frame.with_bgr(planar.bgr)
    far = np.abs(_seen(effect.apply(planar, disc_mask())) - _seen(effect.apply(plain, disc_mask())))
    assert far.mean() < 1.5 and np.percentile(far, 98) <= 8


def _seen(frame):
    """Over black: colors that are wholly transparent do not matter."""
    alpha = 255 if frame.alpha is None else frame.alpha[..., None]
    return frame.bgr.astype(int) * alpha / 255


def test_transparent_frames_in_either_layout_are_taken(effect, shaped):
    frame = shaped(smooth_frame())
    alpha = np.full((180, 320), 100, np.uint8)
    made = effect.apply(frame.with_alpha(alpha), disc_mask())
    assert made.alpha is None or made.alpha.shape == (180, 320)


def test_closing_twice_is_fine(effect):
    effect.close()
    effect.close()
