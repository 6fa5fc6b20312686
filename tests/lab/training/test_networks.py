"""Every network: what it gives, that it becomes a TensorFlow Lite file, that it is saved whole."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from rimlight.core.errors import ConfigError, ModelFormatError, ModelNotFoundError
from rimlight.core.options import validate
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.networks.options import NetworkOptions

NARROW = {
    "light": {"width_multiplier": 0.5},
    "fast-scnn": {"width_multiplier": 0.5},
    "deeplab-mobilenetv2": {"width_multiplier": 0.35},
    "deeplab-mobilenetv3": {"width_multiplier": 0.35},
    "deeplab-xception": {},
}
SIZE = (96, 64)
QUICK = "light"
NAMES = [pytest.param(name, marks=() if name == QUICK else pytest.mark.slow) for name in NARROW]

# Keras 3.15 saves arrays in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def build(name, **more):
    return build_network(NetworkOptions(name=name, size=SIZE, **NARROW[name], **more))


def noise(seed=0):
    return np.random.default_rng(seed).random((1, SIZE[1], SIZE[0], 3), np.float32)


@pytest.fixture(scope="module", params=NAMES)
def network(request):
    return as_if_trained(build(request.param, classes=3, dilation_rates=(2, 3)))


def as_if_trained(model):
    """Give batch normalization something to do: at first it passes everything on as it is."""
    import keras

    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            weights = layer.get_weights()
            layer.set_weights([w + random.uniform(-0.2, 0.2, w.shape) for w in weights])
    return model


def test_the_probabilities_of_every_pixel_add_up_to_one(network):
    result = np.asarray(network(noise(), training=False))
    assert result.shape == (1, 64, 96, 3) and result.dtype == np.float32
    assert np.allclose(result.sum(-1), 1, atol=1e-5)


@pytest.fixture(scope="module")
def converted(network):
    from rimlight.lab.training.conversion import to_tflite

    return to_tflite(network, float16=False)


def operations(content):
    return [op["op_name"] for op in Interpreter(model_content=content)._get_ops_details()]


def test_a_network_converts_with_builtin_operations_and_agrees(network, converted):
    from rimlight.lab.training.conversion import compare

    assert not [name for name in operations(converted) if name.startswith("Flex")]
    assert compare(network, converted, [noise()[0]]).difference < 1e-4


def test_batch_normalization_is_folded_into_the_convolutions(network, converted):
    names, kinds = operations(converted), [type(layer).__name__ for layer in network.layers]
    arithmetic = sum(kinds.count(kind) for kind in ("Multiply", "Rescaling"))
    assert names.count("MUL") <= arithmetic + kinds.count("Activation")
    assert kinds.count("BatchNormalization") > 20 and "RSQRT" not in names


def test_a_network_survives_saving(network, tmp_path):
    import keras

    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    before, after = (np.asarray(model(noise(), training=False)) for model in (network, loaded))
    assert np.abs(before - after).max() == 0


def test_a_saved_network_opens_as_a_model_of_the_pipeline(tmp_path):
    from rimlight.segmenters.keras import KerasRuntime

    network = build("light")
    network.save(tmp_path / "network.keras")
    engine = KerasRuntime(tmp_path / "network.keras")
    assert engine.input.shape == (1, 64, 96, 3)
    assert not any(type(layer).__module__.startswith("rimlight") for layer in network.layers)


def test_two_classes_are_the_two_sides_of_one_score():
    result = np.asarray(build("light")(noise(), training=False))
    assert result.shape[-1] == 2
    assert np.allclose(result.sum(-1), 1, atol=1e-6)


def test_results_stay_float32_under_mixed_precision(tmp_path):
    import keras

    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = build("light", classes=3)
    finally:
        keras.config.set_dtype_policy("float32")
    network.save(tmp_path / "mixed.keras")
    loaded = keras.saving.load_model(tmp_path / "mixed.keras")
    assert np.asarray(loaded(noise(), training=False)).dtype == np.float32
    assert "float16" in str(loaded.layers[1].output.dtype)


@pytest.mark.parametrize(("stride", "coarse"), [(16, (6, 4)), (32, (3, 2))])
def test_deeplab_keeps_its_coarse_map_at_the_stride(stride, coarse):
    from rimlight.lab.training.networks.deeplab import build_backbone

    fine, last = build_backbone("mobilenetv2", (96, 64), width=0.35, stride=stride).output
    assert fine.shape[1:3] == (16, 24)
    assert last.shape[1:3] == coarse[::-1]


def test_what_feeds_no_output_is_cut():
    names = {layer.name for layer in build("deeplab-mobilenetv2").layers}
    assert "block_16_project" in names and not names & {"Conv_1", "Conv_1_bn", "out_relu"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenetv3", "xception"])
def test_every_backbone_keeps_a_sixteenth(name):
    from rimlight.lab.training.networks.deeplab import build_backbone

    fine, coarse = build_backbone(name, (96, 64)).output
    assert (fine.shape[1:3], coarse.shape[1:3]) == ((16, 24), (4, 6))


@pytest.fixture(scope="module")
def original():
    import keras

    return keras.applications.MobileNetV2((64, 96, 3), alpha=0.35, include_top=False, weights=None)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_backbone_weights_of_a_file_are_taken(original, ending, tmp_path):
    path = tmp_path / f"backbone{ending}"
    original.save(path) if ending == ".keras" else original.save_weights(path)
    network = build("deeplab-mobilenetv2", backbone_weights=path)
    for name in ("Conv1", "block_9_expand", "block_16_project"):
        mine, theirs = (m.get_layer(name).get_weights()[0] for m in (network, original))
        assert (mine == theirs).all()


def test_weights_of_another_width_are_refused(original, tmp_path):
    original.save_weights(tmp_path / "narrow.weights.h5")
    options = NetworkOptions(
        name="deeplab-mobilenetv2",
        size=SIZE,
        width_multiplier=0.5,
        backbone_weights=tmp_path / "narrow.weights.h5",
    )
    with pytest.raises(ModelFormatError, match="does not hold the weights"):
        build_network(options)


def test_missing_backbone_weights_are_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"no file .*nowhere\.keras"):
        build("deeplab-mobilenetv2", backbone_weights=tmp_path / "nowhere.keras")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": "16x16"}, "at least 32"),
        ({"classes": 1}, "classes"),
        ({"dilation_rates": [0]}, "rates"),
    ],
)
def test_options_that_make_no_network_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        validate(NetworkOptions, wrong, where="network")
