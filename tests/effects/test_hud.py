from dataclasses import replace

import numpy as np
from scenes import as_i420, disc_mask, flat_frame

from rimlight.effects.hud import HudEffect

MASK = disc_mask()


class Clock:
    """Stands still unless it is moved."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def shown(indices, step_s=0.04, latency_s=0.02):
    """The text after those frames, which came `step_s` apart."""
    clock = Clock()
    effect = HudEffect(HudEffect.Options(), clock=clock)
    for index in indices:
        clock.now += step_s
        frame = replace(flat_frame(size=(320, 180), index=index), captured_at=clock.now - latency_s)
        effect.apply(frame, MASK)
    return effect.text


def test_the_rate_is_that_of_the_intervals():
    assert shown(range(100)).startswith("25.0 fps")
    assert shown(range(100), step_s=1 / 60).startswith("60.0 fps")


def test_the_first_frame_has_no_rate_yet():
    assert shown([0]).startswith("0.0 fps")


def test_latency_is_the_time_since_the_frame_was_captured():
    assert "42 ms" in shown(range(30), latency_s=0.042)


def test_gaps_in_the_index_are_drops():
    assert shown([*range(20), *range(23, 40), *range(41, 60)]).endswith("4 dropped")
    assert shown(range(1000, 1060)).endswith("0 dropped")


def test_the_text_holds_still_for_half_a_second():
    clock = Clock()
    effect = HudEffect(HudEffect.Options(), clock=clock)
    texts = []
    for index in range(0, 60, 2):
        effect.apply(flat_frame(size=(320, 180), index=index), MASK)
        texts.append(effect.text)
        clock.now += 0.125
    changes = [i for i in range(1, len(texts)) if texts[i] != texts[i - 1]]
    assert changes == [4, 8, 12, 16, 20, 24, 28]


def test_the_figures_stand_in_the_top_right_corner_and_nowhere_else():
    frame = flat_frame((90, 90, 90), (640, 360))
    for given in (frame, as_i420(frame)):
        made = HudEffect(HudEffect.Options()).apply(given, MASK)
        changed = np.abs(made.bgr.astype(int) - 90).max(axis=2) > 8
        assert changed[2, -2] and not changed[40:].any() and not changed[:, :300].any()


def test_transparency_stays():
    frame = flat_frame(alpha=np.full((48, 64), 9, np.uint8))
    assert (HudEffect(HudEffect.Options()).apply(frame, MASK).alpha == 9).all()
