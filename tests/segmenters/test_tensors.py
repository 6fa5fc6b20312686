import numpy as np
import pytest
from fakes import make_frame
from labeled import as_frame

from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import ModelCard
from rimlight.core.tensor_specs import InputSpec
from rimlight.imaging import jit
from rimlight.segmenters.postprocess import Postprocessor
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.runtime import TensorInfo

FLOAT = TensorInfo((1, -1, -1, 3), "float32")


def flat(color, size=(64, 48)):
    """A picture of one BGR color."""
    return np.full((size[1], size[0], 3), color, np.uint8)


def made(bgr, info=FLOAT, layout="bgr", size=(8, 8), **spec):
    return Preprocessor(InputSpec(size=size, **spec), info).to_tensor(as_frame(bgr, layout))[0]


def card(kind, classes=3, size=(8, 8), **more):
    names = tuple(f"c{n}" for n in range(classes))
    spec = {"size": size, **more}
    fields = {"files": [{"file": "m.tflite"}], "classes": names, "foreground": names[:1]}
    return ModelCard(name="m", input=spec, output={"kind": kind}, **fields)


def mask_of(kind, values, info=FLOAT, frame_size=(8, 8), **more):
    values = np.asarray(values)
    classes = more.pop("classes", values.shape[-1] if kind != "labels" else 3)
    model = card(kind, classes, **more)
    place = Preprocessor(model.input, FLOAT).locate_frame(frame_size)
    return Postprocessor(model, info).to_mask(values, place, model.input.size)


def test_rgb_models_see_red_first():
    assert made(flat((0, 0, 255)))[4, 4] == pytest.approx([1, 0, 0], abs=1e-6)


def test_bgr_models_see_blue_first():
    assert made(flat((255, 0, 0)), color="bgr")[4, 4] == pytest.approx([1, 0, 0], abs=1e-6)


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_scale_and_offset_may_differ_by_channel_in_the_order_of_color(layout):
    spec = {"scale": (1, 2, 3), "offset": (10, 20, 30)}
    tensor = made(flat((30, 60, 90)), layout=layout, **spec)
    assert tensor[4, 4] == pytest.approx([90 + 10, 120 + 20, 90 + 30], abs=6)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (10, 200, 90), (255, 0, 0)])
def test_both_layouts_give_nearly_the_same_input(color):
    from_bgr, from_i420 = (made(flat(color), layout=each) for each in ("bgr", "i420"))
    assert from_i420 == pytest.approx(from_bgr, abs=3 / 255)


def test_input_stays_within_what_black_and_white_become():
    wild = np.random.default_rng(1).integers(0, 256, (72, 64), np.uint8)
    frame = make_frame().with_i420(wild)
    tensor = Preprocessor(InputSpec(size=(8, 8), scale=1 / 127.5, offset=-1), FLOAT).to_tensor(
        frame
    )
    assert (tensor.min(), tensor.max()) == pytest.approx((-1, 1), abs=1e-6)


def test_quantized_input_carries_the_steps_of_the_file():
    info = TensorInfo((1, 8, 8, 3), "uint8", scale=1 / 128, zero=128)
    tensor = made(flat((1, 128, 255)), info, scale=1 / 128, offset=-1)
    assert tensor.dtype == np.uint8 and tensor[4, 4].tolist() == [255, 128, 1]


def test_signed_quantized_input_is_clipped_to_its_range():
    info = TensorInfo((1, 8, 8, 3), "int8", scale=1 / 255, zero=-128)
    tensor = made(flat((0, 128, 255)), info, scale=2 / 255)
    assert tensor[4, 4].tolist() == [127, 127, -128]


def test_a_letterboxed_frame_keeps_its_shape_between_bars_of_the_padding():
    tensor = made(flat((255, 255, 255), (64, 32)), fit="letterbox", pad=51)
    assert tensor[:2] == pytest.approx(0.2)
    assert tensor[2:6] == pytest.approx(1)
    assert tensor[6:] == pytest.approx(0.2)


def test_the_bars_follow_a_frame_that_changes_its_shape():
    maker = Preprocessor(InputSpec(size=(8, 8), fit="letterbox", pad=51), FLOAT)
    maker.to_tensor(as_frame(flat((255, 255, 255), (64, 32))))
    tensor = maker.to_tensor(as_frame(flat((255, 255, 255), (32, 64))))[0]
    assert tensor[:, :2] == pytest.approx(0.2)
    assert tensor[:, 2:6] == pytest.approx(1)


def test_the_input_is_float32_as_the_file_asks():
    assert made(flat((1, 2, 3))).dtype == np.float32


def test_logits_become_shares_that_add_up_to_1():
    logits = np.random.default_rng(0).normal(0, 60, (1, 8, 8, 5)).astype(np.float32)
    scores = mask_of("logits", logits).scores
    exact = np.exp(logits[0] - logits[0].max(axis=2, keepdims=True).astype(np.float64))
    assert scores == pytest.approx(exact / exact.sum(axis=2, keepdims=True), abs=1e-6)


def test_sigmoid_turns_any_number_into_a_score():
    values = np.array([-500, -1, 0, 1, 500], np.float32).reshape(1, 1, 5, 1)
    scores = mask_of("sigmoid", values).scores
    assert scores.ravel() == pytest.approx([0, 0.268941, 0.5, 0.731059, 1], abs=1e-6)


def test_probabilities_a_little_out_of_range_are_clipped():
    values = np.array([-0.01, 0.5, 1.01], np.float32).reshape(1, 1, 3, 1)
    assert mask_of("probability", values).scores.ravel() == pytest.approx([0, 0.5, 1])


def test_quantized_probabilities_are_scaled_back():
    values = np.array([-128, 0, 127], np.int8).reshape(1, 1, 3, 1)
    info = TensorInfo((1, 1, 3, 1), "int8", scale=1 / 256, zero=-128)
    scores = mask_of("probability", values, info).scores
    assert scores.ravel() == pytest.approx([0, 0.5, 255 / 256])


def test_a_single_channel_may_come_without_its_axis():
    assert mask_of("probability", np.ones((1, 4, 6), np.float32), classes=1).shape == (4, 6)


def test_labels_become_a_mask_of_labels():
    values = np.arange(6, dtype=np.int64).reshape(1, 2, 3) % 3
    assert mask_of("labels", values).labels.tolist() == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_without_a_class_is_an_error(label):
    with pytest.raises(ModelFormatError, match="its card names 3 classes"):
        mask_of("labels", np.full((1, 2, 2), label, np.int64))


@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (4, 4)])
def test_the_letterbox_is_cut_off_the_mask_at_any_resolution(shape):
    scores = np.zeros((1, *shape, 1), np.float32)
    scores[:, shape[0] // 4 : -shape[0] // 4] = 1
    mask = mask_of("probability", scores, frame_size=(64, 32), fit="letterbox")
    assert mask.shape == (shape[0] // 2, shape[1]) and mask.scores.min() == 1


def test_a_letterbox_that_ends_between_two_mask_pixels_is_cut_exactly():
    ramp = np.broadcast_to(np.arange(5, dtype=np.float32)[:, None] / 5 + 0.1, (5, 5))
    mask = mask_of("probability", ramp[None, ..., None], frame_size=(64, 32), fit="letterbox")
    middle = mask.scores[..., 0].mean()
    assert mask.shape == (2, 5) and middle == pytest.approx(0.5, abs=1e-3)


def test_letterboxed_labels_stay_whole_labels():
    labels = np.repeat(np.array([0, 2, 2, 0, 0], np.int64)[:, None], 5, axis=1)[None]
    mask = mask_of("labels", labels, frame_size=(64, 32), fit="letterbox")
    assert set(np.unique(mask.labels)) <= {0, 2}


def test_masks_are_not_overwritten_by_later_ones():
    maker = Postprocessor(card("probability", 1), FLOAT)
    place = Preprocessor(card("probability", 1).input, FLOAT).locate_frame((8, 8))
    masks = [
        maker.to_mask(np.full((1, 8, 8, 1), n / 9, np.float32), place, (8, 8)) for n in range(10)
    ]
    assert [mask.scores[0, 0, 0] for mask in masks] == pytest.approx([n / 9 for n in range(10)])


@pytest.mark.parametrize("size", [(90, 50), (90, 60)], ids=["whole", "letterbox"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_compiled_and_opencv_colors_agree(color, size):
    noise = np.random.default_rng(4).integers(0, 256, (50, 90, 3), np.uint8)
    tensors = []
    for on in (True, False):
        with jit.use_jit(enabled=on):
            spec = {"color": color, "scale": (1, 2, 3), "offset": (-5, 0, 9)}
            tensors.append(made(noise, layout="i420", size=size, fit="letterbox", **spec))
    wrong = np.abs(tensors[0] - tensors[1])
    assert wrong.max() <= 9.01  # a level of Cb or Cr is up to two of a color; three times enlarged


@pytest.mark.parametrize("on", [True, False], ids=["compiled", "plain"])
def test_what_is_no_number_is_not_made_a_score(on):
    values = np.full((1, 8, 8, 1), np.nan, np.float32)
    values[0, 0, :2, 0] = -0.5, 1.5
    with jit.use_jit(enabled=on):
        scores = mask_of("probability", values).scores
    assert scores[0, :2, 0].tolist() == [0, 1] and np.isnan(scores[1:]).all()


def parts_card(**output):
    fields = {"files": [{"file": "m.tflite"}], "input": {"size": (4, 4)}}
    classes = ("background", "hair", "clothes")
    output = {"kind": "softmax", **output}
    return ModelCard(name="m", classes=classes, foreground=classes[1:], output=output, **fields)


def parts_mask(values, parts, **output):
    maker = Postprocessor(parts_card(**output), FLOAT, parts=parts)
    values = np.broadcast_to(np.array(values, np.float32), (1, 4, 4, 3))
    return maker.to_mask(
        values, Preprocessor(parts_card().input, FLOAT).locate_frame((4, 4)), (4, 4)
    )


def test_the_parts_of_a_person_add_up_to_one_class():
    mask = parts_mask([0.3, 0.5, 0.2], parts=False)
    assert mask.classes == mask.foreground == ("person",)
    assert mask.scores == pytest.approx(0.7, abs=1e-6)


def test_parts_that_are_wanted_stay_separate():
    mask = parts_mask([0.3, 0.5, 0.2], parts=True)
    assert mask.classes == ("background", "hair", "clothes")
    assert mask.alpha() == pytest.approx(0.7, abs=1e-6)


@pytest.mark.parametrize(
    ("person", "calibrated"), [(0.05, 0), (0.1, 0), (0.25, 0.25), (0.4, 0.5), (0.9, 1), (0.95, 1)]
)
def test_a_calibration_maps_the_score_of_the_person_and_keeps_the_shares_of_its_parts(
    person, calibrated
):
    curve = [[0.1, 0], [0.4, 0.5], [0.9, 1]]
    values = [1 - person, 0.75 * person, 0.25 * person]
    whole, parts = (parts_mask(values, parts=parts, calibration=curve) for parts in (False, True))
    assert whole.scores == pytest.approx(calibrated, abs=1e-6)
    assert parts.alpha() == pytest.approx(calibrated, abs=1e-6)
    assert parts.alpha(["hair"]) == pytest.approx(0.75 * calibrated, abs=1e-6)
    assert parts.scores.sum(axis=2) == pytest.approx(1, abs=1e-6)


def test_a_temperature_divides_what_comes_before_the_sigmoid():
    fields = {"files": [{"file": "m.tflite"}], "classes": ["c"], "foreground": ["c"]}
    output = {"kind": "sigmoid", "temperature": 0.5}
    model = ModelCard(name="m", input={"size": (4, 4)}, output=output, **fields)
    place = Preprocessor(model.input, FLOAT).locate_frame((4, 4))
    values = np.full((1, 4, 4, 1), 1.5, np.float32)
    scores = Postprocessor(model, FLOAT).to_mask(values, place, (4, 4)).scores
    assert scores == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-6)
