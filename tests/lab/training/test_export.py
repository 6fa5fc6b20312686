"""From a .keras file to a .tflite file that sees the same, or to none."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from fakes import make_frame
from made_data import blob, write_blobs

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ConfigError, ModelError, ModelFormatError
from rimlight.core.model_card import load_card
from rimlight.factory.segmenter import open_segmenter
from rimlight.lab.training.cards import write_card
from rimlight.lab.training.export import export
from rimlight.models.catalog import Catalog
from rimlight.segmenters.tflite import TfliteRuntime

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NUMBERS = ("float32", "float16", "dynamic", "int8")


def reds(path, size=(60, 40)):
    """Save a network that finds what is red: two convolutions, so that one result lies between."""
    picture = keras.Input((size[1], size[0], 3))
    bright = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(picture)
    scores = keras.layers.Conv2D(2, 1, activation="softmax")(bright)
    model = keras.Model(picture, scores)
    first, second = np.zeros((3, 3, 3, 4)), np.zeros((1, 1, 4, 2))
    first[1, 1, 0], second[0, 0, 0, 1] = 1, 20
    model.set_weights([first, np.zeros(4), second, np.array([0, -10])])
    model.save(path)
    write_card(path, size=size, classes=("ground", "blob"), license="CC0-1.0", summary="reds")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with best.keras, its card, and pictures in `set`."""
    folder = tmp_path_factory.mktemp("trained")
    reds(folder / "best.keras")
    write_blobs(folder / "set")
    return folder


@pytest.fixture(scope="module", params=NUMBERS)
def exported(request, place):
    out = place / f"{request.param}.tflite"
    calibration = [place / "set"] if request.param == "int8" else []
    check = [place / "set"]
    return export(
        place / "best.keras", out, number=request.param, calibration=calibration, check=check
    )


def test_the_pipeline_sees_with_the_file_what_was_trained(exported):
    image, labels = blob()
    segmenter = open_segmenter(SegmenterConfig(kind="model", model=str(exported.card)))
    mask = segmenter.segment(make_frame().with_bgr(image))
    segmenter.close()
    assert mask.classes == ("ground", "blob")
    assert ((mask.alpha() > 0.5) == (labels == 1)).all()


def test_the_file_agrees_and_its_card_says_so(exported):
    card = load_card(exported.card)
    assert exported.sameness.argmax == 1 and exported.sameness.pictures == 8
    assert exported.sameness.difference < 0.03
    assert "100.000% of the pixels of 8 pictures" in card.notes
    assert (card.license, card.summary) == ("CC0-1.0", "reds")


def test_the_card_knows_its_files_bytes(exported):
    card, file = Catalog().resolve(str(exported.card))
    assert file == exported.file and card.name == file.stem
    exported_bytes = file.read_bytes()
    assert card.files[0].size_bytes == len(exported_bytes) and card.files[0].sha256


def test_int8_takes_and_gives_int8(place):
    out = place / "small.tflite"
    export(place / "best.keras", out, number="int8", calibration=[place / "set"])
    engine = TfliteRuntime(out, threads=1)
    assert (engine.input.dtype, engine.outputs[0].dtype) == ("int8", "int8")
    engine.close()


def test_a_file_that_disagrees_is_not_written(place, tmp_path):
    cv2.imwrite(str(tmp_path / "night.png"), np.full((40, 60, 3), 3, np.uint8))
    with pytest.raises(ModelError, match="int8 file disagrees with the network") as caught:
        export(
            place / "best.keras",
            tmp_path / "made.tflite",
            number="int8",
            calibration=[tmp_path],  # all that is red is out of the range seen here
            check=[place / "set"],
        )
    assert "calibrate on more pictures" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["night.png"]


def test_less_agreement_can_be_accepted(place, tmp_path):
    (tmp_path / "dark").mkdir()
    cv2.imwrite(str(tmp_path / "dark/night.png"), np.full((40, 60, 3), 3, np.uint8))
    done = export(
        place / "best.keras",
        tmp_path / "made.tflite",
        number="int8",
        calibration=[tmp_path / "dark"],
        check=[place / "set"],
        least=0.5,
    )
    assert 0.5 <= done.sameness.worst <= done.sameness.argmax < 0.985


def test_without_pictures_the_samples_are_compared_on(place, tmp_path):
    done = export(place / "best.keras", tmp_path / "made.tflite", number="float16")
    assert done.sameness.pictures > 20


def test_int8_needs_pictures(place, tmp_path):
    with pytest.raises(ConfigError, match="needs pictures to calibrate on"):
        export(place / "best.keras", tmp_path / "made.tflite", number="int8")


def test_the_card_of_the_network_is_not_replaced(place):
    with pytest.raises(ConfigError, match=r"is the card of best\.keras") as caught:
        export(place / "best.keras", place / "best.tflite", number="float16")
    assert "best-export.tflite" in caught.value.hint


def test_another_yaml_file_is_not_replaced(place, tmp_path):
    (tmp_path / "reds.yaml").write_text("epochs: 60")
    with pytest.raises(ConfigError, match=r"reds\.yaml would be replaced .* and is no card"):
        export(place / "best.keras", tmp_path / "reds.tflite", number="float16")


def test_another_ending_is_refused(place, tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.tflite"):
        export(place / "best.keras", tmp_path / "made.onnx", number="float16")


def two_headed(folder):
    """The network that finds what is red, with a first output of something else."""
    model = keras.saving.load_model(reds(folder / "reds.keras"), compile=False)
    other = keras.layers.Conv2D(3, 1)(model.inputs[0])
    keras.Model(model.inputs[0], [other, model.outputs[0]]).save(folder / "reds.keras")
    card = yaml.safe_load((folder / "reds.yaml").read_text())
    return folder / "reds.keras", card


@pytest.mark.parametrize("number", ["float32", "int8"])
def test_of_several_outputs_only_the_one_of_the_card_is_exported(place, tmp_path, number):
    file, card = two_headed(tmp_path)
    card["output"]["index"] = 1
    file.with_suffix(".yaml").write_text(yaml.safe_dump(card))
    done = export(file, tmp_path / "made.tflite", number=number, calibration=[place / "set"])
    engine = TfliteRuntime(done.file, threads=1)
    assert [output.shape for output in engine.outputs] == [(1, 40, 60, 2)]
    engine.close()
    assert done.sameness.argmax == 1 and load_card(done.card).output.index == 0


def test_an_output_that_is_not_there_is_refused(tmp_path):
    file, card = two_headed(tmp_path)
    card["output"]["index"] = 2
    file.with_suffix(".yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(ModelFormatError, match="output 2, and the network has 2"):
        export(file, tmp_path / "made.tflite", number="float32")


def test_only_keras_files_are_exported(exported, tmp_path):
    with pytest.raises(ConfigError, match=r"is no \.keras file"):
        export(exported.file, tmp_path / "made.tflite", number="float16")


@pytest.mark.parametrize(
    ("extra", "said"),
    [({"SELECT_TF_OPS": True}, "Flex: Erf"), ({"custom": True}, "makers' program knows: Erf")],
)
def test_an_operation_that_the_interpreter_lacks_is_named(tmp_path, extra, said):
    spec = tf.TensorSpec((1, 8, 8, 3), tf.float32)
    made = tf.function(tf.math.erf).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([made])
    converter.allow_custom_ops = "custom" in extra
    if "SELECT_TF_OPS" in extra:
        ops = tf.lite.OpsSet
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS, ops.SELECT_TF_OPS]
    (tmp_path / "odd.tflite").write_bytes(converter.convert())
    with pytest.raises(ModelFormatError, match=said):
        TfliteRuntime(tmp_path / "odd.tflite", threads=1)


def test_a_few_pictures_to_calibrate_on_are_told(place, tmp_path, caplog):
    write_blobs(tmp_path / "one", 1)
    one, out = [tmp_path / "one"], tmp_path / "made.tflite"
    export(place / "best.keras", out, number="int8", calibration=one, least=0)
    assert "calibrated on 1 picture, and checked on no others" in caplog.text


def test_an_empty_folder_of_pictures_says_what_it_lacks(place, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"empty holds no pictures: there is nothing") as caught:
        export(
            place / "best.keras",
            tmp_path / "a.tflite",
            number="float16",
            check=[tmp_path / "empty"],
        )
    assert "recursive" not in caught.value.hint
