import numpy as np
import pytest

from rimlight.lab.evaluation.labels import CAMVID, COMMA10K, COMMA10K_OUTSIDE, SCHEMES, VOID

CITYSCAPES = ("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light")


def test_other_names_of_a_class_are_translated():
    table = CAMVID.make_translation_table(CITYSCAPES)
    names = [CAMVID.classes[table[i]] for i in range(len(CITYSCAPES))]
    assert names == ["road", "pavement", "building", "building", "fence", "pole", "sign"]


def test_what_the_scheme_does_not_know_is_void():
    table = CAMVID.make_translation_table(("background", "road"))
    assert table[0] == VOID and table[1] == CAMVID.classes.index("road")
    assert (table[2:] == VOID).all()


def test_a_hyphen_in_a_name_is_a_space():
    table = CAMVID.make_translation_table(("traffic-sign", "traffic sign"))
    assert [CAMVID.classes[label] for label in table[:2]] == ["sign", "sign"]


def test_without_the_own_car_its_pixels_are_void():
    bonnet = np.full((1, 1, 3), (0xFF, 0x00, 0xCC), np.uint8)
    assert COMMA10K_OUTSIDE.decode(bonnet).tolist() == [[VOID]]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_every_translation_leads_to_a_class_of_the_scheme(scheme):
    assert set(scheme.also.values()) <= set(scheme.classes)


def test_colors_with_an_opaque_channel_are_read():
    mask = np.full((1, 2, 4), 255, np.uint8)
    mask[0, 0, :3] = (0xFF, 0x00, 0xCC)
    assert COMMA10K.decode(mask).tolist() == [[4, VOID]]


def test_ids_are_not_colors():
    with pytest.raises(ValueError, match="'comma10k' hold colors"):
        COMMA10K.decode(np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="'camvid' hold ids"):
        CAMVID.decode(np.zeros((2, 2, 3), np.uint8))
