import numpy as np
import pytest

from rimlight.imaging.color import BT601, bgr_to_i420, i420_to_bgr
from rimlight.imaging.draw import INK, PAPER, draw_fitting_panel, draw_text_panel, paste_in_corner

LINES = [("road 31%", (128, 64, 128)), ("car 4%", (142, 0, 0))]


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (1280, 720), (3840, 2160), (720, 1280)])
def test_a_panel_fits_the_picture_and_stays_readable(size):
    panel = draw_fitting_panel(LINES, size)
    assert panel.shape[1] <= size[0] and panel.shape[0] <= size[1]
    assert panel.shape[0] >= min(size[1] / 20, 60)


def test_a_panel_holds_the_text_and_its_colors():
    panel = draw_text_panel(LINES, 32)
    pixels = {tuple(pixel) for pixel in panel.reshape(-1, 3).tolist()}
    assert {INK, PAPER, (128, 64, 128), (142, 0, 0)} <= pixels


def test_a_long_list_of_lines_is_made_smaller():
    many = [(f"class {n}", (1, 2, 3)) for n in range(12)]
    assert draw_fitting_panel(many, (640, 360)).shape[0] <= 360


def test_nothing_is_cut_off_by_the_panels_edge():
    panel = draw_text_panel([("gjpqy|Wm", None)], 40)
    frame = np.concatenate([panel[0], panel[-1], panel[:, 0], panel[:, -1]])
    assert (frame == PAPER).all()


@pytest.mark.parametrize("size", [(64, 48), (2, 2), (2, 40), (40, 2), (640, 360)], ids=str)
@pytest.mark.parametrize("corner", ["left", "right"])
def test_both_layouts_get_the_same_panel_cut_to_the_picture(size, corner):
    panel = draw_fitting_panel(LINES, size)
    bgr = np.full((size[1], size[0], 3), 90, np.uint8)
    planar = bgr_to_i420(bgr)
    paste_in_corner(bgr, panel, color=BT601, corner=corner)
    paste_in_corner(planar, panel, color=BT601, corner=corner)
    assert (bgr[0, 0 if corner == "left" else -1] == PAPER).all()
    assert np.abs(i420_to_bgr(planar).astype(int) - bgr).mean() < 6
