"""Zeros that stay zero, filters that go for good, and the training after either."""

import json

import cv2
import numpy as np
import pytest

from rimlight.core.errors import ConfigError, ModelError, ModelFormatError, ModelNotFoundError
from rimlight.lab.training.compression_options import PruneOptions, load_tuning
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.networks.options import NetworkOptions
from rimlight.lab.training.options import TrainOptions

keras = pytest.importorskip("keras", reason="needs rimlight[keras]")

from rimlight.lab.training.pruning_methods import (  # noqa: E402  # noqa: E402
    Masks,
    compute_polynomial_sparsity,
    find_blocks,
    list_kernels,
    measure_zero_share,
    remove_filters,
)

# Keras 3.15 saves its variables in a way that NumPy 2.4 calls outdated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = (48, 32)


def light(width=0.25):
    keras.utils.set_random_seed(1)
    return build_network(NetworkOptions(size=SIZE, width_multiplier=width))


def noise():
    return np.random.default_rng(0).random((2, SIZE[1], SIZE[0], 3), np.float32)


@pytest.mark.parametrize(("progress", "share"), [(0, 0), (0.5, 0.35), (1, 0.4), (7, 0.4)])
def test_the_share_of_zeros_rises_along_a_cubic(progress, share):
    assert compute_polynomial_sparsity(progress, 0.4) == pytest.approx(share)


def test_the_smallest_weights_of_each_kernel_become_zero():
    model = light()
    before = [np.abs(np.asarray(kernel)) for kernel in list_kernels(model)]
    Masks(model).prune(0.3)
    for old, kernel in zip(before, list_kernels(model), strict=True):
        gone = np.asarray(kernel) == 0
        assert gone.sum() == round(0.3 * gone.size)
        assert old[gone].max() <= old[~gone].min()


def test_zeros_outlive_the_steps_of_an_optimizer_until_they_are_released():
    model = light()
    masks = Masks(model)
    masks.prune(0.5)
    optimizer = keras.optimizers.Adam(0.01)
    step(model, optimizer)
    assert measure_zero_share(model) == pytest.approx(0.5, abs=0.01)
    masks.release()
    step(model, optimizer)
    assert measure_zero_share(model) < 0.1


def step(model, optimizer):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(noise(), training=True)[..., 1] ** 2)
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)


def test_more_zeros_keep_those_that_are_there():
    model = light()
    masks = Masks(model)
    masks.prune(0.2)
    first = [np.asarray(kernel) == 0 for kernel in list_kernels(model)]
    masks.prune(0.4)
    assert all(
        (np.asarray(k)[gone] == 0).all() for k, gone in zip(list_kernels(model), first, strict=1)
    )


def test_a_narrowed_network_has_fewer_parameters_and_the_same_result_shape():
    model = light(width=1.0)
    smaller = remove_filters(model, 0.5)
    assert smaller.count_params() < 0.65 * model.count_params()
    assert smaller(noise(), training=False).shape == model(noise(), training=False).shape


def test_filters_that_add_nothing_can_go_without_a_trace():
    model = light(width=1.0)
    for block in find_blocks(model):
        kernel = np.array(block.narrow.kernel)
        kernel[:, :, ::2] = 0
        block.narrow.kernel.assign(kernel)
    before, after = (
        np.asarray(m(noise(), training=False)) for m in (model, remove_filters(model, 0.5))
    )
    assert np.abs(before - after).max() < 1e-6


def test_deeplab_is_narrowed_too():
    options = NetworkOptions(
        name="deeplab-mobilenetv2", size=SIZE, width_multiplier=0.35, dilation_rates=(2,)
    )
    model = build_network(options)
    assert remove_filters(model, 0.5).count_params() < model.count_params()
    assert len(find_blocks(model)) >= 16


def test_a_network_without_such_blocks_is_refused():
    picture = keras.Input((8, 8, 3))
    model = keras.Model(picture, keras.layers.Conv2D(2, 1)(picture))
    with pytest.raises(ModelError, match="no inverted residuals"):
        remove_filters(model, 0.5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder as a training leaves it: pictures of bright squares, best.keras, last.npz."""
    from rimlight.lab.training.train import train

    folder = tmp_path_factory.mktemp("trained")
    for number in range(10):
        make_picture(folder / "data", number)
    options = TrainOptions.model_validate(
        {
            "network": {"size": SIZE, "width_multiplier": 0.25},
            "data": {"paths": [folder / "data"], "classes": ["background", "square"]},
            "epochs": 1,
            "batch_size": 4,
        }
    )
    return train(options, folder / "out").model


def make_picture(folder, number):
    random = np.random.default_rng(number)
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    x, y = random.integers(4, 24), random.integers(2, 16)
    cv2.rectangle(mask, (int(x), int(y)), (int(x) + 14, int(y) + 12), 255, -1)
    picture = random.integers(0, 90, (*mask.shape, 3), np.uint8) + mask[..., None] // 2
    for name, image in (("images/{}.jpg", picture), ("masks/{}_mask.png", mask)):
        path = folder / name.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)


def tuning(model, **keys):
    from rimlight.lab.training.prune import read_trained_options

    settings = [f"{key}={json.dumps(value)}" for key, value in keys.items()]
    return load_tuning(None, settings, trained=read_trained_options(model))


@pytest.mark.slow
def test_the_best_epoch_has_every_zero_and_compresses_better(trained, tmp_path):
    from rimlight.lab.training.prune import prune

    result = prune(trained, PruneOptions(sparsity=0.6), tuning(trained, epochs=2), tmp_path)
    model = keras.saving.load_model(tmp_path / "best.keras")
    assert measure_zero_share(model) == pytest.approx(0.6, abs=0.01)
    assert result.after.zeros == pytest.approx(measure_zero_share(model))
    assert result.after.packed_bytes < 0.8 * result.before.packed_bytes
    assert result.after.file_bytes == pytest.approx(result.before.file_bytes, rel=0.02)


@pytest.mark.slow
def test_a_pruning_that_is_done_is_not_done_again(trained, tmp_path):
    from rimlight.lab.training.prune import prune
    from rimlight.lab.training.trainer import TrainingCallbacks

    first = prune(trained, PruneOptions(), tuning(trained, epochs=2), tmp_path)
    steps = []
    watch = TrainingCallbacks(on_step=lambda *step: steps.append(step))
    again = prune(trained, PruneOptions(), tuning(trained, epochs=2), tmp_path, watch=watch)
    assert not steps
    assert again.after == first.after


@pytest.mark.slow
def test_filters_leave_a_smaller_file(trained, tmp_path):
    from rimlight.lab.training.prune import prune

    options = PruneOptions(sparsity=0.5, what="filters")
    result = prune(trained, options, tuning(trained, epochs=1), tmp_path)
    assert result.after.parameters < result.before.parameters
    assert result.after.file_bytes < result.before.file_bytes


@pytest.mark.slow
def test_a_model_of_another_size_is_refused(trained, tmp_path):
    from rimlight.lab.training.prune import prune

    options = tuning(trained, **{"network.size": "64x32"})
    with pytest.raises(ModelFormatError, match=r"\(32, 48, 2\).*\(32, 64, 2\)"):
        prune(trained, PruneOptions(), options, tmp_path)


@pytest.mark.slow
def test_pruning_into_the_folder_of_the_model_is_refused(trained):
    from rimlight.lab.training.prune import prune

    with pytest.raises(ConfigError, match="holds the model itself"):
        prune(trained, PruneOptions(), tuning(trained), trained.parent)


def test_a_missing_model_is_named(tmp_path):
    from rimlight.lab.training.prune import prune, read_trained_options

    options = load_tuning(None, trained={"data": {"paths": ["a"]}})
    with pytest.raises(ModelNotFoundError, match=r"no model file .*nowhere\.keras"):
        prune(tmp_path / "nowhere.keras", PruneOptions(), options, tmp_path / "out")
    with pytest.raises(ModelNotFoundError, match=r"no model file .*nowhere\.keras"):
        read_trained_options(tmp_path / "nowhere.keras")


def test_without_a_config_or_a_training_there_is_nothing_to_train_on():
    with pytest.raises(ConfigError, match="what the model was trained on"):
        load_tuning(None)


def test_what_was_distilled_or_pruned_before_can_be_pruned():
    kept = {"teacher": {"model": "x"}, "soft_weight": 0.7, "pruning": {"sparsity": 0.3}}
    trained = {**kept, "data": {"paths": ["a"]}, "seed": 5}
    assert load_tuning(None, trained=trained).seed == 5


def test_settings_go_over_the_milder_training(tmp_path):
    trained = {
        "data": {"paths": ["a"], "classes": ["a", "b"]},
        "optimizer": {"learning_rate": 0.01},
    }
    options = load_tuning(None, ["epochs=3"], trained=trained, data=[tmp_path])
    assert (options.epochs, options.optimizer.learning_rate) == (3, 5e-4)
    assert options.data.paths == (tmp_path,)
