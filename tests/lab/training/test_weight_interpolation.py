"""The start of a network in the result: the mixture, what is refused, and going on."""

import keras
import numpy as np
import pytest
from made_data import write_blobs

from rimlight.core.errors import ConfigError
from rimlight.core.options import validate
from rimlight.lab.training import train, weight_interpolation
from rimlight.lab.training.metrics import score_network
from rimlight.lab.training.options import TrainOptions
from rimlight.lab.training.weight_interpolation import InitialWeights, snapshot

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def known(_=None):
    """A tiny network whose weights are the same each time, as if they came from a file."""
    picture = keras.Input((32, 32, 3))
    head = keras.layers.Conv2D(2, 1, kernel_initializer="ones", activation="softmax")
    return keras.Model(picture, head(picture))


def options_of(folder=None, **keys):
    data = {"classes": ["ground", "blob"], "paths": [str(folder)] if folder else []}
    data |= {"validation": 0.3, "augment": "none"}
    said = {"network": {"size": "32x32"}, "data": data, "batch_size": 2, "epochs": 2}
    said |= {"optimizer": {"learning_rate": 0.1}, "initial_weight_share": 0.25, **keys}
    return validate(TrainOptions, said, where="test")


@pytest.fixture
def from_weights(monkeypatch):
    for module in (train, weight_interpolation):
        monkeypatch.setattr(module, "build_network", known)


def test_the_share_of_the_start_remains():
    model = known()
    InitialWeights([np.full(w.shape, 9, np.float32) for w in model.get_weights()], 0.25).mix_into(
        model
    )
    kernel, bias = model.get_weights()
    assert kernel == pytest.approx(0.25 * 9 + 0.75 * 1) and bias == pytest.approx(0.25 * 9)


def test_nothing_is_remembered_where_nothing_is_kept():
    assert snapshot(known(), options_of(initial_weight_share=0.0)) is None


def test_a_network_that_starts_at_random_is_refused(tmp_path):
    folder = write_blobs(tmp_path / "blobs")
    with pytest.raises(ConfigError, match="starts at random") as error:
        train.train(
            options_of(folder, network={"size": "32x32", "width_multiplier": 0.25}),
            tmp_path / "out",
        )
    assert "backbone_weights" in error.value.hint
    assert not (tmp_path / "out").exists()


def test_the_result_is_the_mixture_and_has_figures_of_its_own(tmp_path, from_weights):
    options = options_of(write_blobs(tmp_path / "blobs"))
    result = train.train(options, tmp_path / "out")
    assert result.model == tmp_path / "out/interpolated.keras"
    made, tuned = weights(result.model), weights(tmp_path / "out/best.keras")
    for found, new, old in zip(made, tuned, known().get_weights(), strict=True):
        assert found == pytest.approx(0.25 * old + 0.75 * new, abs=1e-6)
        assert not np.allclose(new, old)
    feed = train.LabelFeed(train.find_usable_samples(options), options)
    assert score_network(keras.saving.load_model(result.model), feed.validation(2)) == result.mixed
    assert f"mIoU {result.mixed.miou:.4f}" in (tmp_path / "out/interpolated.yaml").read_text()


def test_a_run_that_goes_on_mixes_once_whatever_share_it_had(tmp_path, from_weights):
    folder = write_blobs(tmp_path / "blobs")
    whole = train.train(options_of(folder), tmp_path / "whole")
    train.train(options_of(folder, epochs=1, initial_weight_share=0.5), tmp_path / "parts")
    parts = train.train(options_of(folder), tmp_path / "parts")
    for one, other in zip(weights(parts.model), weights(whole.model), strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert parts.mixed.miou == pytest.approx(whole.mixed.miou, abs=1e-3)


def weights(path):
    return keras.saving.load_model(path).get_weights()
