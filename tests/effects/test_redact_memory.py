"""Whoever was found within the memory window is covered, whatever the model does in between."""

import numpy as np
from fakes import make_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.core.frame import Frame, Mask
from rimlight.effects.redact import RedactEffect

SIZE, SHAPE = (48, 32), (16, 24)

boxes = st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(1, 8), st.integers(1, 8))
found = st.one_of(st.none(), boxes)
"""What the model finds in a frame: nobody, or somebody at left, top, width, height."""


def mask_of(box):
    scores = np.zeros((*SHAPE, 1), np.float32)
    if box is not None:
        left, top, width, height = box
        scores[top : top + height, left : left + width] = 1
    return Mask(scores, ("person",))


def as_i420(frame):
    stamp = {"index": frame.index, "pts": frame.pts, "captured_at": frame.captured_at}
    return Frame.from_i420(frame.i420, size=frame.size, **stamp)


@given(st.lists(found, min_size=1, max_size=12), st.integers(0, 5), st.booleans())
@settings(deadline=None, max_examples=60)
def test_nobody_shows_in_any_frame_of_the_window(finds, memory, planar):
    options = RedactEffect.Options(classes=("person",), style="fill", max_age=memory)
    effect = RedactEffect(options)
    masks = [mask_of(box) for box in finds]
    for number, mask in enumerate(masks):
        frame = make_frame(number, SIZE)
        bright = frame.with_bgr(np.full_like(frame.image, 200))
        bright = as_i420(bright) if planar else bright
        shown = effect.apply(bright, mask).bgr
        for recent in masks[max(0, number - memory) : number + 1]:
            there = np.kron(recent.scores[..., 0], np.ones((2, 2))) > 0
            assert shown[there].max(initial=0) < 24
