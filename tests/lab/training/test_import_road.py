"""The road network against OpenVINO's own results, and its way into files that rimlight runs."""

import itertools
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.errors import ModelError, ModelFormatError
from rimlight.core.model_card import load_card
from rimlight.lab.importers import road as importer
from rimlight.lab.importers.openvino import list_steps
from rimlight.lab.importers.openvino_ir import read_ir
from rimlight.lab.importers.road import import_road, load_road
from rimlight.segmenters.tflite import TfliteSegmenter
from rimlight.system.av import av

SIZES = [(448, 256), (672, 384)]
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def files(shared):
    base = shared / "models/road-segmentation-adas-0001/FP32/road-segmentation-adas-0001"
    return base.with_suffix(".xml"), base.with_suffix(".bin")


@pytest.fixture(scope="module")
def ir(files):
    return read_ir(*files)


@pytest.fixture(scope="module")
def road(shared):
    with av.open(str(shared / "clips/road-highway-540p.mp4")) as video:
        frame = next(itertools.islice(video.decode(video=0), 50, None))
        return frame.to_ndarray(format="bgr24")


@pytest.fixture(scope="module", params=SIZES, ids="{0[0]}x{0[1]}".format)
def networks(request, files, ir):
    """For one size: the Keras model and OpenVINO's, each answering with every layer's result."""
    openvino = pytest.importorskip("openvino", reason="needs openvino to compare with")
    width, height = request.param
    theirs = openvino.Core().read_model(*files)
    theirs.reshape([1, 3, height, width])
    named = {ours: name for name, ours in openvino_names(ir).items()}
    theirs.add_outputs([(named[name], 0) for name in list(list_steps(ir))[1:-1]])
    compiled = openvino.compile_model(theirs, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return load_road(ir, request.param), compiled, named


def openvino_names(ir):
    """Layer names in the graph -> ours: a bias is a layer of its own there."""
    return {name: re.sub("/Fused_Add_$", "", name) for name in ir.layers}


def every_result(networks, picture):
    """Pairs of (Keras's, OpenVINO's) float32 (1, h, w, channels) by layer name."""
    import keras

    model, compiled, named = networks
    names = [
        layer.name
        for layer in model.layers
        if layer.name.startswith("L") and "_pad" not in layer.name
    ]
    every = keras.Model(model.input, [model.get_layer(name).output for name in names])
    ours = every.predict_on_batch(picture[None])
    results = compiled([picture[None].transpose(0, 3, 1, 2)])
    theirs = {producer(port): value for port, value in results.items()}
    return {
        name: (mine, theirs[named[name]].transpose(0, 2, 3, 1))
        for name, mine in zip(names, ours, strict=True)
    }


def producer(port):
    return port.get_node().input_value(0).get_node().get_friendly_name()


def worst(results):
    return max(
        (float(np.abs(ours - theirs).max()), name) for name, (ours, theirs) in results.items()
    )


def noise(size):
    return np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("picture", ["noise", "road"])
def test_every_layer_agrees_with_openvino(networks, road, picture):
    size = networks[0].input_shape[2], networks[0].input_shape[1]
    shown = noise(size) if picture == "noise" else cv2.resize(road, size).astype(np.float32)
    results = every_result(networks, shown)
    assert len(results) == 318
    assert worst(results) < (TOLERANCE, "")


@pytest.fixture(scope="module")
def imported(files, road, tmp_path_factory):
    out = tmp_path_factory.mktemp("models")
    return import_road(*files, out, sizes=[(448, 256), (224, 128)], pictures=[road])


@pytest.mark.slow
def test_a_card_for_each_size_lies_beside_its_model(imported):
    assert [card.name for card in imported] == ["road.yaml", "road-224x128.yaml"]
    assert [load_card(card).input.size for card in imported] == [(448, 256), (224, 128)]


@pytest.mark.slow
def test_the_pipeline_finds_the_road_below_the_sky(imported, road):
    card = load_card(imported[0])
    file = imported[0].with_name(card.files[0].file)
    segmenter = TfliteSegmenter(card, file, TfliteSegmenter.Options(threads=1))
    mask = segmenter.segment(make_frame().with_bgr(road))
    segmenter.close()
    alpha = mask.alpha()
    assert alpha[:100].mean() < 0.02 and alpha[200:, 150:300].mean() > 0.9


@pytest.mark.slow
def test_float16_halves_the_weights(imported, files, tmp_path):
    [card] = import_road(*files, tmp_path, sizes=[(224, 128)], float16=False)
    assert card.name == "road-224x128-float32.yaml"
    sizes = [load_card(path).size_bytes for path in (card, imported[1])]
    assert sizes[0] - sizes[1] > 300_000


@pytest.mark.slow
def test_importing_twice_gives_the_same_bytes(imported, files, tmp_path):
    [card] = import_road(*files, tmp_path, sizes=[(224, 128)])
    assert load_card(card).files == load_card(imported[1]).files


@pytest.mark.slow
def test_a_file_that_disagrees_gets_no_card(files, tmp_path, monkeypatch):
    monkeypatch.setattr(importer, "MAX_DIFFERENCE", 1e-9)
    with pytest.raises(ModelError, match="disagrees"):
        import_road(*files, tmp_path, sizes=[(224, 128)])
    assert not list(tmp_path.iterdir())


def test_weights_of_ones_own_are_imported_with_a_warning(files, tmp_path, caplog):
    trained = bytearray(files[1].read_bytes())
    trained[0] ^= 1
    (tmp_path / "own.bin").write_bytes(trained)
    import_road(files[0], tmp_path / "own.bin", tmp_path, sizes=[])
    assert "importing it as your own" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kernel="4, 4"', 'kernel="2, 2"', "window of layer 'L0292_AvgPool2d'"),
        ('dilations="8, 8"', 'dilations="4, 4"', "dilation of layer 'L0273_Conv2d_BN'"),
        ('name="L0314_ReLU" type="ReLU"', 'name="L0314_ReLU" type="Tanh"', "kind of layer 'L0314"),
        ('name="L0314_ReLU"', 'name="other"', "inputs of layer|no layer 'L0314_ReLU'"),
        ('name="data"', 'name="picture"', "its input 'data' is missing"),
    ],
)
def test_another_network_is_refused_by_what_differs(files, tmp_path, old, new, said):
    head, found, tail = files[0].read_text().rpartition(old)
    (tmp_path / "other.xml").write_text(head + new + tail)
    with pytest.raises(ModelFormatError, match=said):
        load_road(read_ir(tmp_path / "other.xml", files[1]), (224, 128))
    assert found


@pytest.mark.slow
def test_a_size_off_the_grid_is_refused(ir):
    with pytest.raises(ValueError, match="multiples of 32"):
        load_road(ir, (450, 256))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15's
def test_the_network_survives_saving(ir, tmp_path):
    import keras

    model = load_road(ir, (224, 128))
    model.save(tmp_path / "road.keras")
    loaded = keras.models.load_model(tmp_path / "road.keras")
    x = noise((224, 128))[None]
    assert (loaded.predict_on_batch(x) == model.predict_on_batch(x)).all()


def test_without_tensorflow_the_missing_package_and_its_extra_are_named(files):
    code = (
        "import sys; sys.modules['keras'] = None\n"
        "from pathlib import Path\n"
        "from rimlight.lab.importers.openvino_ir import read_ir\n"
        "from rimlight.lab.importers.road import load_road\n"
        "load_road(read_ir(*map(Path, sys.argv[1:])), (448, 256))\n"
    )
    run = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, check=False)
    assert b"MissingDependencyError: importing a network needs keras" in run.stderr
