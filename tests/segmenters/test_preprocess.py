import cv2
import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.frame import Frame
from rimlight.imaging import jit
from rimlight.segmenters.preprocess import resize_planes


def planar(size):
    """A frame of noise, which differs most between ways to mix it."""
    template = make_frame(0, size)
    noise = np.random.default_rng(6).integers(0, 256, template.i420.shape).astype(np.uint8)
    return Frame.from_i420(noise, size=size, index=0, pts=template.pts, captured_at=0.0)


@pytest.mark.parametrize("small", [(256, 144), (33, 17), (1, 1)], ids=str)
@pytest.mark.parametrize(
    "size", [(640, 360), (319, 181), (100, 60), (4, 2), (3, 5), (1, 1)], ids=str
)
def test_compiled_and_opencv_planes_are_rounded_differently_at_most(size, small):
    made = []
    for on in (True, False):
        with jit.use_jit(enabled=on):
            made.append(resize_planes(planar(size), small))
    for compiled, plain in zip(*made, strict=True):
        assert compiled.shape == plain.shape == small[::-1]
        assert cv2.absdiff(compiled, plain).max() <= 2
