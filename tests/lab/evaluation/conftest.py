import cv2
import numpy as np
import pytest


@pytest.fixture
def make_folder(tmp_path):
    """Write pictures and masks as pairs: make_folder({"a": (picture, mask), ...})."""

    def make(pairs, name="set"):
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        (folder / "masks").mkdir()
        for stem, (picture, mask) in pairs.items():
            cv2.imwrite(str(folder / "images" / f"{stem}.png"), picture)
            cv2.imwrite(str(folder / "masks" / f"{stem}_mask.png"), mask)
        return folder

    return make


@pytest.fixture
def moving(make_folder):
    """A sequence of 24 frames in which a bright square walks to the right by 3 pixels a frame."""
    random = np.random.default_rng(3)
    back = cv2.resize(random.integers(0, 90, (9, 16, 3)).astype(np.uint8), (160, 90))
    front = cv2.resize(random.integers(150, 255, (6, 6, 3)).astype(np.uint8), (30, 30))
    pairs = {}
    for index in range(24):
        picture, mask = back.copy(), np.zeros((90, 160), np.uint8)
        place = (slice(30, 60), slice(10 + 3 * index, 40 + 3 * index))
        picture[place], mask[place] = front, 255
        pairs[f"{index:04d}"] = (picture, mask)
    return make_folder(pairs, "walk")
