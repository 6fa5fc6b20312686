import numpy as np
import pytest
from coco import enlarged, plain_decode, truths
from labeled import as_frame

from rimlight.core.errors import ModelFormatError
from rimlight.core.frame import Mask
from rimlight.core.model_card import ModelCard
from rimlight.core.tensor_specs import InputSpec, OutputSpec
from rimlight.imaging.geometry import Rect, letterbox
from rimlight.models.catalog import Catalog
from rimlight.segmenters.yolo import DetectionLimits, InstanceSegmenter, decode

CARD = ModelCard(
    name="toy",
    files=({"file": "toy.tflite"},),
    input=InputSpec(size=(64, 64), fit="letterbox"),
    output=OutputSpec(kind="instances"),
    classes=("person", "dog"),
    foreground=("person",),
)
WHOLE = Rect(0, 0, 64, 64)


def candidates(*rows):
    """Each row: x, y, width, height in pixels, person, dog; one mask coefficient of 1."""
    table = np.array([(*row, 1.0) for row in rows], np.float32).reshape(-1, 7)
    table[:, :4] /= 64
    return table.T.copy()


def found(rows, *, place=WHOLE, prototypes=None, limits=None, card=CARD):
    full = np.full((16, 16, 1), 8, np.float32) if prototypes is None else prototypes
    limits = limits or DetectionLimits(0.25, 0.5, 10)
    return decode(candidates(*rows), full, card=card, place=place, limits=limits)


@pytest.fixture(scope="module")
def yolo(shared):
    options = InstanceSegmenter.Options(threads=1)
    with_closing = InstanceSegmenter(*Catalog().resolve("yolov8n-seg"), options)
    yield with_closing
    with_closing.close()


def test_of_two_boxes_of_one_class_the_surer_stays():
    objects = found([(32, 32, 20, 20, 0.6, 0), (33, 32, 20, 20, 0.9, 0)])
    assert len(objects) == 1 and objects.scores[0] == pytest.approx(0.9)


def test_objects_of_different_classes_may_lie_on_each_other():
    objects = found([(32, 32, 20, 20, 0.6, 0), (32, 32, 20, 20, 0, 0.9)])
    assert objects.names == ("dog", "person")


def test_the_letterbox_is_undone_to_the_pixel():
    objects = found([(32, 32, 32, 16, 0.9, 0)], place=Rect(0, 16, 64, 32))
    assert objects.shape == (32, 64) and objects.mask_boxes == ((16, 8, 48, 24),)
    assert objects.boxes[0] == pytest.approx([0.25, 0.25, 0.75, 0.75])


def test_a_mask_follows_the_prototypes_zero_line():
    ramp = np.tile(np.arange(16) - 7.5, (16, 1)).astype(np.float32)[..., None]
    levels = found([(32, 32, 64, 64, 0.9, 0)], prototypes=ramp).merge_masks()
    assert (levels[:, :32] < 128).all() and (levels[:, 32:] > 127).all()


def test_boxes_in_pixels_are_read_as_such():
    pixels = CARD.model_copy(update={"output": OutputSpec(kind="instances", boxes="pixels")})
    shares = np.array([0.5, 0.5, 32 / 64, 16 / 64])
    rows = [(*(shares * 64 * 64), 0.9, 0)]
    assert found(rows, card=pixels).mask_boxes == ((16, 24, 48, 40),)


def with_margin():
    output = OutputSpec(kind="instances", margin_px=4, margin_share=0.2)
    return CARD.model_copy(update={"output": output})


def bar(*columns):
    """Prototypes of 16 by 16 cells that are sure of some columns."""
    values = np.full((16, 16, 1), -8, np.float32)
    values[:, columns] = 8
    return values


def test_a_mask_reaches_beyond_a_coarse_box_and_moves_it():
    objects = found([(32, 32, 24, 64, 0.9, 0)], prototypes=bar(*range(4, 12)), card=with_margin())
    assert objects.boxes[0] == pytest.approx([0.25, 0, 0.75, 1], abs=0.02)


def test_a_neighbor_that_begins_in_the_margin_is_left_alone():
    prototypes = bar(6, 7, 8, 11, 12)
    objects = found([(32, 32, 24, 64, 0.9, 0)], prototypes=prototypes, card=with_margin())
    levels = objects.merge_masks()
    assert levels[32, 30] > 200 and not (levels[:, 44:] > 60).any()


def test_there_are_never_more_than_the_limit():
    rows = [(8 * n + 8, 32, 6, 6, 0.5 + n / 20, 0) for n in range(6)]
    assert len(found(rows, limits=DetectionLimits(0.25, 0.5, 3))) == 3


def test_an_object_in_the_padding_alone_is_none():
    assert len(found([(32, 4, 20, 6, 0.9, 0)], place=Rect(0, 16, 64, 32))) == 0


def test_no_candidates_give_an_empty_mask():
    mask = Mask.from_instances(found([(32, 32, 20, 20, 0.1, 0)]))
    assert not mask.alpha().any() and (mask.labels == 2).all()


def test_a_choice_of_objects_gives_a_mask_of_these_alone():
    objects = found([(16, 32, 16, 16, 0.9, 0), (48, 32, 16, 16, 0.8, 0)])
    alpha = Mask.from_instances(objects.select([1])).alpha()
    assert alpha[32, 48] > 0.9 and alpha[32, 16] == 0


def test_instances_may_not_have_a_class_background():
    with pytest.raises(ValueError, match="no class background"):
        ModelCard.model_validate(CARD.model_dump() | {"classes": ("person", "background")})


def test_a_card_for_another_model_is_refused_with_both(shared):
    card, file = Catalog().resolve("yolov8n-seg")
    fewer = card.model_copy(update={"classes": card.classes[:-1]})
    with pytest.raises(ModelFormatError, match="candidates of 1x115xn"):
        InstanceSegmenter(fewer, file, InstanceSegmenter.Options(threads=1))


def test_real_pictures_decode_as_the_plain_way_does(shared, yolo):
    card = yolo.card.model_copy(update={"output": OutputSpec(kind="instances")})
    for _, picture, _ in truths(shared / "data" / "coco128", 4):
        frame = as_frame(picture)
        first = yolo._engine.run(yolo._input.to_tensor(frame), 0)[0].copy()
        tensors = first, yolo._engine.read_output(1)[0].copy()
        place = letterbox(frame.size, (640, 640))
        ours = decode(*tensors, card=card, place=place, limits=DetectionLimits(0.25, 0.5, 100))
        known = {"picture": picture, "place": place, "confidence": 0.25, "iou_threshold": 0.5}
        plain = plain_decode(*tensors, **known, max_objects=100)
        assert set(ours.class_ids) == {class_id for class_id, _, mask in plain if mask.any()}
        covered = np.zeros(picture.shape[:2], bool)
        for _, _, mask in plain:
            covered |= mask
        same = np.zeros_like(covered)
        for item in ours:
            same |= enlarged(item, ours.shape, picture)
        assert (covered & same).sum() > 0.97 * (covered | same).sum()


def test_the_people_of_a_photograph_are_found(shared, yolo):
    pictures = {path.stem: picture for path, picture, _ in truths(shared / "data" / "coco128", 4)}
    objects = yolo.detect(as_frame(pictures["000000000036"]))
    assert {"person", "umbrella"} <= set(objects.names)
    assert objects.areas[objects.names.index("person")] > 0.15
