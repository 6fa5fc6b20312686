"""DeepLab rebuilt from the weights inside a TensorFlow Lite file, against that file itself."""

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.system.app_paths import find_data_folder

keras = pytest.importorskip("keras", reason="needs rimlight[keras]")
tf = pytest.importorskip("tensorflow", reason="needs rimlight[keras]")

from rimlight.lab.training.networks import build_network  # noqa: E402
from rimlight.lab.training.networks.from_tflite import build_deeplab_from_tflite  # noqa: E402
from rimlight.lab.training.networks.options import NetworkOptions  # noqa: E402


@pytest.fixture(scope="module")
def file(shared):
    return shared / "models/deeplabv3_257_mv_gpu.tflite"


@pytest.fixture(scope="module")
def rebuilt(file):
    """The network as the file was trained."""
    return build_deeplab_from_tflite(file, (257, 257), classes=21, stride=8)


@pytest.fixture(scope="module")
def person(shared):
    """RGB float32 (1, 257, 257, 3) in 0..1 of a person."""
    path = sorted((shared / "data/portraits/images").iterdir())[0]
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return (cv2.resize(picture, (257, 257)) / np.float32(255))[None]


def of_the_file(file, picture):
    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture * 2 - 1)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_the_rebuilt_network_gives_the_scores_of_the_file(file, rebuilt, person):
    last = rebuilt.get_layer("scores").output
    scores = keras.Model(rebuilt.input, last)(person, training=False)
    # The file enlarges corner pixels onto corner pixels, ours pixel areas onto pixel areas.
    ours = tf.raw_ops.ResizeBilinear(images=scores, size=[257, 257], align_corners=True)
    theirs = of_the_file(file, person)
    assert np.abs(np.asarray(ours) - theirs).max() < 1e-3
    assert np.mean(np.argmax(ours, -1) == theirs.argmax(-1)) > 0.999
    whole = np.argmax(rebuilt(person, training=False), -1)
    assert np.mean(whole == theirs.argmax(-1)) > 0.97


@pytest.mark.slow
def test_it_starts_a_network_of_other_classes_and_size(file, rebuilt):
    options = NetworkOptions(
        name="deeplab-mobilenetv2", size=(96, 64), dilation_rates=(2, 4), backbone_weights=file
    )
    model = build_network(options)
    assert model.output_shape == (None, 64, 96, 2)
    kernels = [
        next(x for x in m.layers if isinstance(x, keras.layers.Conv2D)).get_weights()[0]
        for m in (model, rebuilt)
    ]
    assert (kernels[0] == kernels[1]).all()


def test_another_network_is_refused():
    selfie = find_data_folder("models") / "selfie_segmentation.tflite"
    with pytest.raises(ModelFormatError, match=r"not DeepLab on MobileNetV2|cannot be read"):
        build_deeplab_from_tflite(selfie, (256, 256), classes=2)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        build_deeplab_from_tflite(tmp_path / "nowhere.tflite", (64, 64), classes=2)


def test_in_training_the_normalization_restores_what_it_takes_out(rebuilt, shared):
    norms = [x for x in rebuilt.layers if isinstance(x, keras.layers.BatchNormalization)]
    until = keras.Model(rebuilt.input, norms[10].output)
    road = cv2.imread(str(sorted((shared / "data/camvid/val/images").iterdir())[0]))
    picture = (cv2.resize(road, (257, 257))[:, :, ::-1] / np.float32(255))[None]
    kept, trained = (np.asarray(until(picture, training=mode)) for mode in (False, True))
    assert np.corrcoef(kept.ravel(), trained.ravel())[0, 1] > 0.8  # 0.96; of what was folded, 0.36
