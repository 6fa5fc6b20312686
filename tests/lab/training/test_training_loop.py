"""The loop with a tiny network: what it keeps, how it goes on, and when it stops."""

import resource

import keras
import numpy as np
import pytest
import tensorflow as tf

from rimlight.core.errors import ConfigError, ModelError
from rimlight.core.options import validate
from rimlight.lab.training.losses import compute_cross_entropy
from rimlight.lab.training.metrics import Epoch, Scorer, find_best_epoch
from rimlight.lab.training.optimizer import WeightEma, use_precision
from rimlight.lab.training.options import LoopOptions
from rimlight.lab.training.trainer import BEST, STATE, Trainer, TrainingCallbacks, save_model

# Keras 3.15 saves its variables in a way that NumPy 2.4 calls outdated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class BrightOrDark:
    """Class 1 is where the picture is bright; the pictures of an epoch depend on its number."""

    def steps(self, batch):
        return 8 // batch

    def training(self, epoch, batch):
        pictures = np.random.default_rng(epoch).random((8, 8, 8, 3), np.float32)
        labels = (pictures.mean(-1) > 0.5).astype(np.int32)
        return [(pictures[i : i + batch], labels[i : i + batch]) for i in range(0, 8, batch)]

    def validation(self, batch):
        return self.training(99, batch)


def tiny(seed=1):
    keras.utils.set_random_seed(seed)
    picture = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(momentum=0.5)(keras.layers.Conv2D(4, 1)(picture))
    x = keras.layers.Dropout(0.1)(keras.layers.ReLU()(x))
    return keras.Model(picture, keras.layers.Conv2D(2, 1, activation="softmax", dtype="float32")(x))


def make(out, *, model=None, loss=compute_cross_entropy, identity="a", **keys):
    keys = {
        "epochs": 4,
        "batch_size": 4,
        "ema_decay": 0.5,
        "optimizer": {"learning_rate": 0.05},
        **keys,
    }
    return Trainer(
        model or tiny(),
        BrightOrDark(),
        loss=loss,
        validation_loss=compute_cross_entropy,
        options=validate(LoopOptions, keys, where="test"),
        out=out,
        identity={"what": identity},
    )


def curve(loop):
    return [(e.loss, e.validation_loss, e.miou, e.rate) for e in loop.epochs]


def test_it_learns(tmp_path):
    loop = make(tmp_path, epochs=15)
    assert loop.run(TrainingCallbacks()) == "epochs"
    assert loop.epochs[-1].validation_loss < 0.6 * loop.epochs[0].validation_loss
    assert loop.epochs[-1].miou > 0.85


def test_a_run_that_goes_on_is_the_run_that_was_never_ended(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = make(tmp_path / "whole")
    whole.run(TrainingCallbacks())
    (tmp_path / "parts").mkdir()
    make(tmp_path / "parts", epochs=2, schedule={"cycle": 3}).run(TrainingCallbacks())
    parts = make(tmp_path / "parts", model=tiny(seed=7))
    parts.run(TrainingCallbacks())
    assert np.allclose(curve(parts), curve(whole), rtol=1e-5)


def test_the_best_epoch_is_what_is_kept(tmp_path):
    loop = make(tmp_path)
    loop.run(TrainingCallbacks())
    kept = keras.saving.load_model(tmp_path / BEST)
    scorer = Scorer(2)
    for pictures, labels in BrightOrDark().validation(8):
        for found, truth in zip(kept.predict(pictures, verbose=0).argmax(-1), labels, strict=True):
            scorer.add(found.astype(np.uint8), truth.astype(np.uint8))
    assert scorer.compute_scores().miou == pytest.approx(
        find_best_epoch(loop.epochs).miou, abs=1e-3
    )


def test_another_training_in_the_folder_is_refused(tmp_path):
    make(tmp_path)
    with pytest.raises(ConfigError, match="another what"):
        make(tmp_path, identity="b")


def test_a_file_that_is_no_state_is_refused(tmp_path):
    (tmp_path / STATE).write_bytes(b"PK nonsense")
    with pytest.raises(ConfigError, match="not the state"):
        make(tmp_path)


def test_a_state_that_is_damaged_is_refused(tmp_path):
    make(tmp_path)
    whole = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match="not the state"):
        make(tmp_path)


def test_a_state_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    loop = make(tmp_path)
    (tmp_path / STATE).unlink()
    (tmp_path / STATE).mkdir()  # no file takes a folder's place
    with pytest.raises(ModelError, match=r"cannot write .*last\.npz"):
        loop.run(TrainingCallbacks())
    assert not list(tmp_path.glob(".*"))


def test_a_model_for_which_there_is_no_room_is_an_error_and_leaves_nothing_behind(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(ModelError, match=r"cannot write .*best\.keras"):
            save_model(tiny(), tmp_path / BEST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_run_goes_on_with_another_batch_where_one_is_asked_for(tmp_path):
    make(tmp_path, batch_size=8, epochs=1, loss=hungry(4)).run(TrainingCallbacks())
    same, other = make(tmp_path, batch_size=8, epochs=2), make(tmp_path, batch_size=2, epochs=2)
    same.run(TrainingCallbacks())
    assert same.epochs[-1].batch == 4  # what memory holds is remembered
    other.run(TrainingCallbacks())
    assert other.epochs[-1].batch == 2


def test_validation_pictures_without_a_label_that_counts_are_refused(tmp_path):
    loop = make(tmp_path)
    loop.feed.validation = lambda batch: [(np.zeros((1, 8, 8, 3)), np.full((1, 8, 8), 255))]
    with pytest.raises(ConfigError, match="no pixel of the validation pictures") as error:
        loop.run(TrainingCallbacks())
    assert "data.remap" in error.value.hint


def test_a_batch_that_memory_does_not_hold_is_halved_and_said(tmp_path, caplog):
    loop = make(tmp_path, batch_size=8, epochs=1, loss=hungry(4))
    loop.run(TrainingCallbacks())
    assert loop.epochs[0].batch == 4
    assert "batch of 8 does not fit" in caplog.text


def test_one_picture_that_memory_does_not_hold_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="one picture"):
        make(tmp_path, batch_size=2, loss=hungry(0)).run(TrainingCallbacks())


def hungry(most):
    def loss(labels, probabilities):
        fits = tf.shape(labels)[0] <= most
        with tf.control_dependencies([tf.py_function(eat, [fits], [])]):
            return compute_cross_entropy(labels, probabilities)

    return loss


def eat(fits):
    if not fits:
        raise MemoryError  # which TensorFlow tells of as it tells of its own


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    loop = make(tmp_path, loss=lambda y, p: compute_cross_entropy(y, p) * float("nan"))
    with pytest.raises(ModelError, match="loss is nan in epoch 1"):
        loop.run(TrainingCallbacks())


def test_no_epoch_begins_that_would_end_too_late(tmp_path):
    loop = make(tmp_path, max_minutes=1e-9)
    assert loop.run(TrainingCallbacks()) == "minutes"
    assert not loop.epochs


def test_it_stops_when_nothing_gets_better(tmp_path):
    loop = make(
        tmp_path,
        epochs=40,
        early_stopping_patience=2,
        loss=lambda y, p: 0 * compute_cross_entropy(y, p),
    )
    assert loop.run(TrainingCallbacks()) == "early"
    assert len(loop.epochs) - find_best_epoch(loop.epochs).number == 2


def test_accumulated_batches_make_one_step(tmp_path):
    whole, parts = linear(), linear()
    for folder, model, keys in (
        ("a", whole, {"batch_size": 8}),
        ("b", parts, {"gradient_accumulation": 2}),
    ):
        (tmp_path / folder).mkdir()
        make(tmp_path / folder, model=model, epochs=2, schedule=CONSTANT, **keys).run(
            TrainingCallbacks()
        )
    assert np.allclose(whole.get_weights()[0], parts.get_weights()[0], atol=1e-5)


CONSTANT = {"name": "constant", "warmup": 0}


def linear():
    keras.utils.set_random_seed(3)
    picture = keras.Input((8, 8, 3))
    return keras.Model(picture, keras.layers.Conv2D(2, 1, activation="softmax")(picture))


def test_mixed_precision_learns_and_keeps_float32_weights(tmp_path):
    with use_precision(mixed=True):
        model = tiny()
    loop = make(tmp_path, model=model, epochs=6, mixed_precision=True)
    loop.run(TrainingCallbacks())
    assert model.layers[1].compute_dtype == "float16"
    assert {str(w.dtype) for w in model.trainable_variables} == {"float32"}
    assert loop.epochs[-1].validation_loss < loop.epochs[0].validation_loss


def test_networks_after_mixed_precision_are_built_as_before():
    with use_precision(mixed=True):
        pass
    assert keras.config.dtype_policy().name == "float32"


def test_the_running_mean_is_in_place_for_a_while_only():
    model = linear()
    mean = WeightEma(model, 0.9)
    before = model.get_weights()[0]
    model.set_weights([weights + 1 for weights in model.get_weights()])
    mean.update()
    with mean.apply_temporarily():
        # After one step the mean keeps 2 / 11 of the start.
        assert np.allclose(model.get_weights()[0], before + 9 / 11, atol=1e-6)
    assert np.allclose(model.get_weights()[0], before + 1)


def test_the_first_of_equal_epochs_is_the_best():
    epochs = [Epoch(n, 1, 1, miou, 1, 1, (), 1, 1, 1) for n, miou in ((1, 0.5), (2, 0.7), (3, 0.7))]
    assert find_best_epoch(epochs).number == 2
