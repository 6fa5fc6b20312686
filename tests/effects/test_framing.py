"""Auto-framing: how the viewport moves, and that frame and mask stay together."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from scenes import as_i420, make

from rimlight.core.config import EffectConfig
from rimlight.core.frame import Frame, Instances, Mask
from rimlight.effects.camera_move import CameraMove
from rimlight.effects.framing import FramingEffect, find_person
from rimlight.effects.mask_move import move_mask
from rimlight.imaging.viewport import WHOLE, Viewport, enlarge_plane
from rimlight.live.effect_edits import toggle_effect
from rimlight.pipeline.effects import apply_effects

STEP_S = 1 / 30
NEAR = Viewport(0.3, 0.1, 0.5)


def follow(move, wanted, seconds):
    """Return the viewports of the next seconds."""
    return [move.follow(wanted, STEP_S) for _ in range(round(seconds / STEP_S))]


def settled(wanted=NEAR):
    move = CameraMove(0.08, 1.0)
    follow(move, wanted, 20)
    return move


def test_a_move_arrives_without_overshoot():
    views = follow(CameraMove(0.08, 1.0), NEAR, 20)
    scales = [view.scale for view in views]
    assert scales == sorted(scales, reverse=True)
    assert views[-1].scale == pytest.approx(0.5, abs=0.02)
    assert views[-1].left == pytest.approx(0.3, abs=0.02)


def test_between_moves_the_viewport_stands_still():
    move = settled()
    assert len(set(follow(move, NEAR, 5))) == 1


def test_small_movements_are_ignored():
    move = settled()
    before = move.view
    for turn in range(20):
        follow(move, Viewport(0.3 + 0.03 * (-1) ** turn, 0.1, 0.5), 0.4)
    assert move.view == before


def test_waving_arms_do_not_pump():
    move = settled()
    waves = [follow(move, Viewport(0.2, 0.1, 0.7 if n % 2 else 0.5), 0.5) for n in range(40)]
    late = [view.scale for wave in waves[20:] for view in wave]
    assert max(late) - min(late) < 1e-9


def test_a_person_who_moves_away_is_followed_within_seconds():
    move = settled()
    follow(move, Viewport(0.5, 0.1, 0.5), 3)
    assert move.view.left == pytest.approx(0.5, abs=0.02)


def test_no_frame_jumps():
    views = follow(CameraMove(0.08, 1.0), NEAR, 5)
    steps = [abs(b.scale - a.scale) for a, b in zip([WHOLE, *views], views, strict=False)]
    assert max(steps) < 0.02


def test_the_viewport_never_leaves_the_picture():
    random = np.random.default_rng(1)
    move = CameraMove(0.08, 0.5)
    for _ in range(200):
        scale = random.uniform(0.25, 1)
        left, top = random.uniform(0, 1 - scale, 2)
        for view in follow(move, Viewport(left, top, scale), 0.3):
            assert min(view.left, view.top) >= 0
            assert max(view.left, view.top) + view.scale <= 1 + 1e-9


def person_mask(left=0.4, top=0.3, right=0.6, bottom=1.0, shape=(90, 160)):
    scores = np.zeros((*shape, 1), np.float32)
    rows = slice(round(top * shape[0]), round(bottom * shape[0]))
    scores[rows, round(left * shape[1]) : round(right * shape[1])] = 1
    return Mask(scores, ("person",))


def room_with_person(mask, pts, size=(320, 180)):
    """A bright room, and a dark person who is a little larger than the mask of them."""
    person = cv2.resize(mask.alpha(), size, interpolation=cv2.INTER_LINEAR) > 0
    person = cv2.dilate(person.astype(np.uint8), np.ones((13, 13), np.uint8))
    image = np.where(person[..., None] > 0, np.uint8(20), np.uint8(250)).repeat(3, axis=2)
    return Frame.from_bgr(image, index=0, pts=pts, captured_at=0.0)


def test_the_box_of_a_person_and_the_middle_of_the_head_are_found():
    alpha = np.zeros((100, 200), np.uint8)
    alpha[20:50, 80:100] = 255  # head
    alpha[50:100, 40:120] = 255
    alpha[5, 5] = 255  # a speck
    box = find_person(alpha)
    assert (box.left, box.right, box.top, box.bottom) == (0.2, 0.6, 0.2, 1.0)
    assert box.head == pytest.approx(0.45, abs=0.01)
    assert find_person(np.zeros((100, 200), np.uint8)) is None


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_nothing_of_the_room_is_seen_while_the_viewport_moves(layout):
    effects = [
        EffectConfig.model_validate(part).open()
        for part in ({"kind": "framing"}, {"kind": "replace", "background": "#000000"})
    ]
    for index in range(150):
        offset = 0.3 * np.sin(index / 25)
        mask = person_mask(0.4 + offset, 0.3, 0.6 + offset)
        frame = room_with_person(mask, Fraction(index, 30))
        shown = apply_effects(effects, as_i420(frame) if layout == "i420" else frame, mask)
        assert shown.bgr.max() < 60
    assert effects[0].view.scale < 0.9


def test_a_person_is_enlarged_and_later_effects_get_their_mask():
    effect = make(FramingEffect, move_s=0.2)
    mask = person_mask()
    for index in range(90):
        shown = effect.apply(room_with_person(mask, Fraction(index, 30)), mask)
    moved = effect.transform_mask(mask)
    assert moved.alpha().mean() > 1.3 * mask.alpha().mean()
    dark = shown.bgr[..., 0] < 128
    large = cv2.resize(moved.alpha(), shown.size) > 0.5
    assert (dark & large).sum() >= 0.99 * large.sum()


def test_after_seconds_without_a_person_the_whole_picture_is_shown():
    effect = make(FramingEffect, move_s=0.2)
    mask, empty = person_mask(), Mask(np.zeros((90, 160, 1), np.float32), ("person",))
    for index in range(60):
        effect.apply(room_with_person(mask, Fraction(index, 30)), mask)
    for index in range(60, 300):
        effect.apply(room_with_person(empty, Fraction(index, 30)), empty)
        if index < 60 + 45:
            assert effect.view.scale < 0.75
    assert effect.view.scale > 0.95


def test_a_plane_is_enlarged_around_its_middle():
    plane = np.tile(np.arange(100, dtype=np.uint8), (50, 1))
    out = np.empty_like(plane)
    enlarge_plane(plane, Viewport(0.25, 0.25, 0.5), out)
    assert out[25, 0] == 25
    assert abs(int(out[25, 50]) - 50) <= 1


def test_the_mask_of_single_objects_and_of_labels_moves_too():
    labels = np.zeros((90, 160), np.uint8)
    labels[45:, 80:] = 1
    moved = move_mask(Mask.from_labels(labels, ("rest", "person")), Viewport(0.5, 0.5, 0.5))
    assert moved.alpha()[2:, 2:].min() == 1
    box = np.array([[0.5, 0.5, 1, 1]], np.float32)
    grid = ((80, 45, 160, 90),)
    dots = (np.full((45, 80), 255, np.uint8),)
    single = Instances(
        box, np.array([0]), np.ones(1, np.float32), grid, dots, (90, 160), ("person",)
    )
    moved = move_mask(Mask.from_instances(single), Viewport(0.5, 0.5, 0.5))
    assert moved.alpha()[2:, 2:].min() == 1


def test_framing_comes_first_and_toggles():
    effects = (EffectConfig.model_validate({"kind": "blur", "radius_px": 20}),)
    on = toggle_effect(effects, "framing", on=None)
    assert [part.kind for part in on] == ["framing", "blur"]
    assert toggle_effect(on, "framing", on=True) == on
    assert toggle_effect(on, "framing", on=None) == effects
