import numpy as np
import pytest

from rimlight.imaging.compositing.blend import blend


def noise(shape, seed):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("shape", [(48, 64), (361, 641), (1, 1), (1, 9), (9, 1), (30, 20, 3)])
def test_is_within_one_level_of_the_definition(shape):
    front, back, alpha = (noise(shape, seed) for seed in range(3))
    exact = (front * (alpha / 255)) + back * (1 - alpha / 255)
    made = blend(front, back, alpha, dst=np.empty_like(front))
    assert np.abs(made - exact).max() <= 1


def test_takes_either_picture_whole_at_the_ends():
    front, back = noise((300, 400), 0), noise((300, 400), 1)
    alpha = np.zeros_like(front)
    alpha[:, 200:] = 255
    made = blend(front, back, alpha, dst=np.empty_like(front))
    assert (made[:, :200] == back[:, :200]).all() and (made[:, 200:] == front[:, 200:]).all()


def test_a_picture_over_itself_stays_what_it_is_at_every_opacity():
    levels, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    made = blend(levels, levels, alpha, dst=np.empty_like(levels))
    assert (made == levels).all()


def test_writes_into_the_array_it_is_given_and_nowhere_else():
    front, back, alpha = (noise((5, 7), seed) for seed in range(3))
    before = front.copy(), back.copy(), alpha.copy()
    dst = np.empty_like(front)
    assert blend(front, back, alpha, dst=dst) is dst
    kept = zip((front, back, alpha), before, strict=True)
    assert all((now == old).all() for now, old in kept)
