from fractions import Fraction

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.frame import Frame, Mask
from rimlight.factory.api import open_effect, open_refiner, open_segmenter
from rimlight.imaging import jit
from rimlight.imaging.jit import warm_up

LOOPS = ("clip", "composite", "composite_over_small", "fetch", "fill_tensor", "resample", "smooth")


def signatures():
    kernels = jit.get_kernels()
    return {name: len(getattr(kernels, name).signatures) for name in LOOPS}


@pytest.mark.parametrize("effect", [("replace", {"background": "white"}), ("blur", {})])
def test_after_it_a_frame_compiles_nothing(effect):
    warm_up()
    ready = signatures()
    assert all(ready.values())
    segmenter, refiner = open_segmenter("selfie-landscape"), open_refiner("smooth")
    shown = open_effect(*effect)
    for index in range(3):
        source = make_frame(index, (320, 180))
        frame = Frame.from_i420(
            np.array(source.i420),
            size=(320, 180),
            index=index,
            pts=Fraction(index, 30),
            captured_at=0.0,
        )
        mask = refiner.refine(segmenter.segment(frame), frame)
        assert isinstance(mask, Mask)
        shown.apply(frame, mask)
    segmenter.close()
    assert signatures() == ready


def test_without_compiled_loops_there_is_nothing_to_do():
    with jit.use_jit(enabled=False):
        warm_up()
