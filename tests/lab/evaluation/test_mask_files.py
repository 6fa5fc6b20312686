"""Masks are read as what they mean."""

import numpy as np
import pytest
from PIL import Image

from rimlight.core.errors import ConfigError
from rimlight.lab.evaluation.datasets import FolderDataset, open_dataset
from rimlight.lab.evaluation.mask_files import read_mask, reduce_to_one_channel
from rimlight.lab.training.data.find import find_samples
from rimlight.lab.training.data.options import DataOptions

SHAPE = np.zeros((6, 8), np.uint8)
SHAPE[1:4, 2:7] = 255


def saved(tmp_path, image):
    image.save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


@pytest.mark.parametrize("level", [0, 255])
def test_a_shape_in_the_alpha_of_one_color_is_the_mask(tmp_path, level):
    rgba = np.dstack([np.full((6, 8, 3), level, np.uint8), SHAPE])
    assert (read_mask(saved(tmp_path, Image.fromarray(rgba))) == SHAPE).all()


def test_what_cut_out_a_photo_is_the_mask(tmp_path):
    photo = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)
    alpha = np.kron(SHAPE, np.ones((10, 10), np.uint8))
    found = read_mask(saved(tmp_path, Image.fromarray(np.dstack([photo, alpha]))))
    assert (found == alpha).all()


def test_colors_with_a_transparent_ground_are_colors_on_black(tmp_path):
    rgba = np.zeros((6, 8, 4), np.uint8)
    rgba[..., 0] = 77
    rgba[1:3, 2:7] = (200, 0, 0, 255)
    rgba[3:5, 2:7] = (0, 200, 0, 255)
    found = read_mask(saved(tmp_path, Image.fromarray(rgba)), colors=True)
    assert found[1, 3].tolist() == [0, 0, 200] and not found[0].any()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_values_behind_a_palette_are_ids(tmp_path, bits):
    ids = (SHAPE > 0).astype(np.uint8)
    image = Image.fromarray(ids)
    image.putpalette([0, 0, 0, 128, 0, 0])
    image.save(tmp_path / "mask.png", bits=bits)
    assert (read_mask(tmp_path / "mask.png") == ids).all()
    assert read_mask(tmp_path / "mask.png", colors=True)[2, 3].tolist() == [0, 0, 128]


def test_a_gray_palette_is_what_it_shows(tmp_path):
    image = Image.fromarray((SHAPE > 0).astype(np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    assert (read_mask(saved(tmp_path, image)) == SHAPE).all()


def test_gray_in_three_channels_is_one_and_a_color_counts_by_its_brightest(tmp_path):
    assert read_mask(saved(tmp_path, Image.fromarray(np.dstack([SHAPE] * 3)))).shape == (6, 8)
    red = np.dstack([SHAPE, 0 * SHAPE, 0 * SHAPE])
    assert (reduce_to_one_channel(read_mask(saved(tmp_path, Image.fromarray(red)))) == SHAPE).all()


def test_16_bits_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="not an 8-bit"):
        read_mask(saved(tmp_path, Image.fromarray(SHAPE.astype(np.uint16))))


def turned_pair(folder, size, *, tag=6, drawn_upright=False):
    """A bright corner, stored lying on its side, and a mask of that corner."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    upright = np.zeros((size[1], size[0]), np.uint8)
    upright[: size[1] // 2, : size[0] // 2] = 255
    stored = np.rot90(upright, {6: 1, 3: 2}[tag])
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(np.dstack([stored] * 3)).save(folder / "images/a.jpg", exif=exif)
    mask = upright if drawn_upright else stored
    Image.fromarray(np.ascontiguousarray(mask)).save(folder / "masks/a_mask.png")
    return folder


@pytest.mark.parametrize(
    ("drawn", "is_unsure"),
    [
        ({"size": (32, 16)}, False),
        ({"size": (32, 16), "drawn_upright": True}, False),
        ({"size": (16, 16)}, True),
        ({"size": (32, 16), "tag": 3}, True),
    ],
)
def test_masks_are_turned_as_their_pictures_are(tmp_path, caplog, drawn, is_unsure):
    folder = turned_pair(tmp_path / "set", **drawn)
    found = find_samples(DataOptions(paths=(folder,), classes=("a", "b"), validation=0))
    image, labels = found.train[0].read()
    assert ((image[..., 0] > 128) == (labels == 1)).all()
    assert bool(found.problems) == is_unsure
    (sample,) = FolderDataset(folder)
    assert ((sample.frame.bgr[..., 0] > 128) == (sample.alpha > 0.5)).all()
    assert bool(caplog.records) == is_unsure


def test_a_folder_that_is_split_says_what_lies_in_it(tmp_path):
    turned_pair(tmp_path / "set/train", (32, 16))
    with pytest.raises(ConfigError, match=r"set holds no pictures: there is train/") as caught:
        open_dataset(str(tmp_path / "set"))
    assert "recursive" not in caught.value.hint
