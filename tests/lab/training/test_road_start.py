"""The road network as a start for other networks."""

import numpy as np
import pytest

from rimlight.lab.importers.openvino_ir import read_ir
from rimlight.lab.importers.road import load_road
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.networks.options import NetworkOptions
from rimlight.lab.training.networks.road import build_road
from rimlight.system.av import av


@pytest.fixture(scope="module")
def weights(shared):
    base = shared / "models/road-segmentation-adas-0001/FP32/road-segmentation-adas-0001"
    return base.with_suffix(".xml")


@pytest.fixture(scope="module")
def picture(shared):
    with av.open(str(shared / "clips/road-highway-540p.mp4")) as video:
        frame = next(video.decode(video=0))
        return frame.reformat(width=448, height=256).to_ndarray(format="rgb24")


@pytest.mark.slow
def test_it_starts_with_what_the_road_network_knows(weights, picture):
    start = build_network(
        NetworkOptions(name="road", size=(448, 256), classes=4, backbone_weights=weights)
    )
    known = load_road(read_ir(weights, weights.with_suffix(".bin")), (448, 256))
    ours = start(picture[None] / np.float32(255), training=False).numpy().argmax(-1)
    theirs = known(picture[None, ..., ::-1].astype(np.float32), training=False).numpy().argmax(-1)
    # Keras enlarges by areas, the original by corners: outlines move by a pixel or two.
    assert np.mean(ours == theirs) > 0.98


@pytest.mark.slow
def test_other_classes_keep_the_encoder_only(weights):
    options = NetworkOptions(name="road", size=(64, 64), classes=11, backbone_weights=weights)
    start, random = build_network(options), build_network(options)
    first, last = start.layers[3].name, start.layers[-3].name
    for name, same in ((first, True), (last, False)):
        one, other = (m.get_layer(name).get_weights() for m in (start, random))
        assert bool(one) and np.array_equal(one[0], other[0]) == same


@pytest.mark.parametrize("downscale", [1, 2])
def test_probabilities_are_as_large_as_the_picture(downscale):
    made = build_network(
        NetworkOptions(name="road", size=(128, 64), classes=3, downscale=downscale)
    )
    found = made(np.zeros((1, 64, 128, 3), np.float32), training=False).numpy()
    assert found.shape == (1, 64, 128, 3)
    assert found.sum(-1) == pytest.approx(1, abs=1e-5)


def test_a_size_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiples of 64, got"):
        build_road((96, 64), classes=2, downscale=2)
