import cv2
import numpy as np
import pytest

from rimlight.imaging.compositing.blend import composite_bgr

RNG = np.random.default_rng(4)


def pictures(shape):
    return (RNG.integers(0, 256, (*shape, 3), np.uint8) for _ in range(2))


def soft_disc(shape):
    alpha = np.zeros(shape, np.uint8)
    cv2.circle(alpha, (shape[1] // 2, shape[0] // 2), min(shape) // 3, 255, -1)
    return cv2.GaussianBlur(alpha, (0, 0), 4)


@pytest.mark.parametrize("shape", [(200, 300), (64, 64), (65, 129), (1, 1), (1, 200), (200, 1)])
@pytest.mark.parametrize("kind", ["disc", "noise", "none", "all"])
def test_every_pixel_is_mixed_by_its_alpha(shape, kind):
    front, back = pictures(shape)
    alpha = {
        "disc": soft_disc(shape), "noise": RNG.integers(0, 256, shape, np.uint8),
        "none": np.zeros(shape, np.uint8), "all": np.full(shape, 255, np.uint8),
    }[kind]  # fmt: skip
    share = alpha[..., None] / 255
    made = composite_bgr(front, back, alpha, np.full_like(front, 7))
    assert np.abs(made - (front * share + back * (1 - share))).max() <= 0.51


def test_a_cut_out_of_a_larger_picture_is_mixed_like_any_other():
    (front, back), alpha = pictures((80, 90)), soft_disc((70, 70))
    made = composite_bgr(front[5:75, 9:79], back[5:75, 9:79], alpha)
    whole = [np.ascontiguousarray(picture[5:75, 9:79]) for picture in (front, back)]
    assert (made == composite_bgr(*whole, alpha)).all()


def test_the_inputs_stay_as_they_are():
    front, back = pictures((70, 70))
    kept = front.copy(), back.copy()
    made = composite_bgr(front, back, soft_disc((70, 70)))
    assert (front == kept[0]).all() and (back == kept[1]).all()
    assert made is not front and made is not back
