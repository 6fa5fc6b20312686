import shutil

import pytest
from tiny_models import save_tiny_keras, save_tiny_onnx

from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import load_card
from rimlight.models.infer_card import infer_card
from rimlight.system import app_paths

SHIPPED = app_paths.find_data_folder("models")


def facts(card):
    """What a guess can get right: sizes, kind of output, number of classes."""
    return card.input.size, card.input.color, card.output.kind, len(card.classes)


@pytest.mark.parametrize("name", ["selfie", "selfie-landscape"])
def test_a_single_channel_is_taken_as_person(name):
    known = load_card(SHIPPED / f"{name}.yaml")
    card = infer_card(SHIPPED / known.files[0].file)
    assert facts(card) == facts(known)
    assert card.foreground == ("person",) and "Inferred" in card.notes


def test_several_channels_before_the_softmax_are_seen_as_logits(shared):
    known = load_card(SHIPPED / "deeplab-voc.yaml")
    card = infer_card(shared / "models" / known.files[0].file)
    assert facts(card) == facts(known)
    assert card.classes[:2] == ("class_0", "class_1") and card.foreground == card.classes[1:]


def test_whole_numbers_are_labels_and_quantized_inputs_take_pixels_as_they_are(shared):
    known = load_card(SHIPPED / "cityscapes.yaml")
    card = infer_card(shared / "models" / known.files[0].file)
    assert card.output.kind == "labels"
    assert (card.input.scale, card.input.offset) == (known.input.scale, known.input.offset)


def test_a_detector_is_no_segmentation_model(shared):
    with pytest.raises(ModelFormatError, match="cannot infer the output of yolov8n"):
        infer_card(shared / "models" / "yolov8n-seg_integer_quant.tflite")


def test_a_file_name_that_no_card_could_have_is_cleaned(tmp_path):
    odd = tmp_path / "my model (1).tflite"
    shutil.copy(SHIPPED / "selfie_segmentation.tflite", odd)
    assert infer_card(odd).name == "my-model--1-"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_keras_file_is_read_too(tmp_path):
    card = infer_card(save_tiny_keras(tmp_path / "tiny.keras"))
    assert facts(card) == ((32, 16), "rgb", "sigmoid", 1)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_the_order_of_the_axes_of_an_onnx_file_is_seen(tmp_path, layout):
    card = infer_card(save_tiny_onnx(tmp_path / "tiny.onnx", layout=layout, size=(32, 16)))
    assert facts(card) == ((32, 16), "rgb", "sigmoid", 1) and card.input.layout == layout


def test_an_onnx_file_that_leaves_its_size_open_gets_frames_in_their_own_shape(tmp_path):
    card = infer_card(save_tiny_onnx(tmp_path / "tiny.onnx", channels=3))
    assert (card.input.size, card.input.short_side, card.input.multiple) == (None, 512, 32)
    assert (card.output.kind, len(card.classes)) == ("logits", 3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_whose_scores_are_no_numbers_is_refused(tmp_path):
    with pytest.raises(ModelFormatError, match="NaN"):
        infer_card(save_tiny_keras(tmp_path / "tiny.keras", bias=float("nan")))


@pytest.mark.slow
def test_a_model_fed_with_large_whole_numbers_is_refused_by_its_own_type(tmp_path):
    import keras

    inputs = keras.Input((16, 32, 3), dtype="int32")
    made = keras.Model(inputs, keras.layers.Rescaling(1 / 255)(inputs))
    made.save(tmp_path / "whole.keras")
    with pytest.raises(ModelFormatError, match=r"cannot feed whole\.keras: its input is int32"):
        infer_card(tmp_path / "whole.keras")
