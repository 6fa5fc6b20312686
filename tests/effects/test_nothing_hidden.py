"""Where nothing can be seen there is nothing: no effect leaves the room under low alpha."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import ListSource, RecordingSink
from object_masks import seen
from scenes import as_i420, flat_frame, make

from rimlight.core.frame import Mask
from rimlight.effects.blur import BlurEffect
from rimlight.effects.cutout import CutoutEffect, ForegroundEffect
from rimlight.effects.gray import GrayEffect
from rimlight.effects.product import ProductEffect
from rimlight.offline.objects import cut_out_objects
from rimlight.pipeline.pipeline import Pipeline

LAYOUTS = pytest.mark.parametrize("layout", [lambda frame: frame, as_i420], ids=["bgr", "i420"])
PERSON, FLAG = (60, 160, 40), (230, 20, 240)


def room_frame(size=(320, 180)):
    """A green person on the left; on the right a room of magenta and black squares."""
    y, x = np.mgrid[: size[1], : size[0]]
    image = np.where(((x // 8 + y // 8) % 2)[..., None], FLAG, (0, 0, 0)).astype(np.uint8)
    image[:, : size[0] // 2] = PERSON
    return flat_frame(size=size).with_bgr(image)


def of_room(picture):
    """How far the redness of a picture goes beyond the person's."""
    return int(picture[..., 2].max()) - PERSON[2]


def faint_mask(level, shape=(36, 64)):
    """A person on the left, and a faint idea of one wherever else."""
    scores = np.full((*shape, 1), level / 255, np.float32)
    scores[:, : shape[1] // 2] = 1
    return Mask(scores, ("person",))


@LAYOUTS
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("level", [0, 1, 63])
def test_nothing_of_the_room_is_left_where_a_cut_out_hides_it(layout, own, level):
    frame = layout(room_frame())
    made = make(CutoutEffect, decontaminate_edges=own).apply(frame, faint_mask(level))
    hidden = made.alpha <= 63
    assert hidden.mean() > 0.4
    assert of_room(made.bgr[hidden]) <= 24


@LAYOUTS
def test_a_cut_out_of_nobody_is_black(layout):
    mask = Mask(np.zeros((36, 64, 1), np.float32), ("person",))
    made = make(CutoutEffect).apply(layout(room_frame()), mask)
    assert made.bgr.max() <= 2


@LAYOUTS
def test_a_person_of_whom_a_model_is_half_sure_keeps_the_colors(layout):
    mask = Mask(np.full((36, 64, 1), 0.8, np.float32), ("person",))
    frame = layout(flat_frame(PERSON, (320, 180)))
    made = make(CutoutEffect).apply(frame, mask)
    assert np.abs(made.bgr.astype(int) - PERSON).max() <= 4


@pytest.mark.parametrize("level", [1, 63])
def test_nothing_of_the_room_is_left_in_the_foreground_s_colors(level):
    made = make(ForegroundEffect).apply(room_frame(), faint_mask(level))
    assert of_room(made.bgr[:, 180:]) <= 24


def test_nothing_of_the_room_is_left_in_a_product_picture():
    cut = make(CutoutEffect).apply(room_frame(), faint_mask(40))
    made = make(ProductEffect, margin=0.1, shadow=0.3).apply(cut, faint_mask(40))
    assert of_room(made.blank_transparent().bgr) <= 24


@LAYOUTS
def test_nothing_of_what_is_around_an_object_is_left_in_its_own_picture(layout):
    mask = seen(("dog", 10, 5, 30, 15))
    image = np.full((200, 400, 3), FLAG, np.uint8)
    image[45:155, 95:305] = PERSON
    (cut,) = cut_out_objects(layout(flat_frame(size=(400, 200)).with_bgr(image)), mask)
    assert of_room(cut.frame.bgr[cut.frame.alpha <= 63]) <= 24


class OneFrame(ListSource):
    """A source of one frame that was made before."""

    def __init__(self, frame):
        super().__init__(1, size=frame.size)
        self.frame = frame

    def __iter__(self):
        yield self.frame


class Nobody:
    """A model that finds nobody."""

    def segment(self, frame):
        return Mask(np.zeros((36, 64, 1), np.float32), ("person",))

    def close(self): ...


def cut_before(layout=lambda frame: frame):
    """A picture that was cut out before: half of it is transparent, with colors left below."""
    frame = layout(room_frame())
    alpha = np.zeros((180, 320), np.uint8)
    alpha[:, :160] = 255
    return replace(frame, alpha=alpha)


@LAYOUTS
def test_hidden_colors_are_the_continuation_of_the_seen_ones(layout):
    frame = cut_before(layout)
    made = frame.blank_transparent()
    assert np.abs(made.bgr.astype(int) - PERSON).max() <= 4
    assert (made.bgr[:, :158] == frame.bgr[:, :158]).all()
    assert (made.alpha == frame.alpha).all()


@LAYOUTS
def test_pictures_of_odd_sizes_lose_what_they_hide(layout):
    frame = layout(flat_frame(FLAG, (65, 47)))
    alpha = np.zeros((47, 65), np.uint8)
    made = replace(frame, alpha=alpha).blank_transparent()
    assert made.bgr.max() <= 2 and made.size == (65, 47)


def test_an_opaque_frame_stays_the_same_object():
    frame = flat_frame(alpha=np.full((48, 64), 1, np.uint8))
    assert frame.blank_transparent() is frame
    assert flat_frame().blank_transparent().alpha is None


@LAYOUTS
@pytest.mark.parametrize("effect", [(BlurEffect, {"radius_px": 8}), (GrayEffect, {})])
def test_colors_that_an_input_hides_come_back_in_no_effect(layout, effect):
    sink = RecordingSink()
    parts = OneFrame(cut_before(layout)), Nobody(), [sink]
    Pipeline(*parts, effects=[make(effect[0], **effect[1])]).run()
    (made,) = sink.frames
    assert of_room(made.bgr) <= (4 if effect[0] is BlurEffect else 120)
    assert made.alpha[0, 0] == 255 and made.alpha[0, 319] == 0


@LAYOUTS
def test_a_blur_counts_colors_as_much_as_they_are_seen(layout):
    alpha = np.full((180, 320), 255, np.uint8)
    alpha[:, 160:] = 8
    frame = replace(layout(room_frame()), alpha=alpha)
    made = make(BlurEffect, radius_px=8).apply(frame, Nobody().segment(frame))
    assert of_room(made.bgr[:, :150]) <= 12
    assert (made.alpha == alpha).all()
