"""Distillation: the soft loss by hand, a teacher's classes, what is kept, and what is learnt."""

import math

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.core.options import validate
from rimlight.lab.training.compression_options import DistillOptions, TeacherOptions, load_distill
from rimlight.lab.training.data.samples import Sample
from rimlight.lab.training.data.unlabeled import NoTruth
from rimlight.lab.training.distill import DistillationFeed, RepeatedSamples, distill
from rimlight.lab.training.losses import (
    compute_soft_loss,
    make_distillation_loss,
    select_taught_pixels,
    soften,
)
from rimlight.lab.training.teacher import TeacherPredictions, convert_to_classes, map_columns

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_softening_divides_the_scores():
    scores = np.array([2.0, -1.0, 0.5])
    found = soften(tf.nn.softmax(scores), 3.0)
    assert found.numpy() == pytest.approx(tf.nn.softmax(scores / 3.0).numpy(), rel=1e-5)


def test_the_soft_loss_is_the_divergence_times_the_squared_temperature():
    taught, given = tf.constant([[[[0.64, 0.36]]]]), tf.constant([[[[0.5, 0.5]]]])
    # At a temperature of 2 the roots count: 0.8 and 0.6 of 1.4, against a half each.
    high, low = 0.8 / 1.4, 0.6 / 1.4
    expected = 4 * (high * math.log(high / 0.5) + low * math.log(low / 0.5))
    found = compute_soft_loss(taught, given, tf.ones((1, 1, 1)), temperature=2.0)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_student_that_agrees_costs_nothing():
    taught = tf.constant([[[[0.7, 0.2, 0.1]]]])
    assert float(compute_soft_loss(taught, taught, tf.ones((1, 1, 1)), temperature=2.0)) == 0


def test_a_label_silences_a_teacher_that_says_otherwise():
    # Right, wrong, not labeled, beside the picture.
    labels = tf.constant([[[0, 1, 255, 255]]])
    answers = tf.constant([[[[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.0, 0.0]]]])
    assert select_taught_pixels(
        labels, answers, teacher_filter="agree-with-labels"
    ).numpy().tolist() == [[[1, 0, 1, 0]]]
    assert select_taught_pixels(labels, answers, teacher_filter="always").numpy().tolist() == [
        [[1, 1, 1, 0]]
    ]


def test_soft_and_hard_losses_are_weighed():
    options = options_of(soft_weight=0.5, hard_weight=2.0)
    answers = tf.constant([[[[0.9, 0.1]]]])
    labels = tf.constant([[[0]]])
    loss = make_distillation_loss(options, lambda y, p: tf.constant(3.0))
    assert float(loss((labels, answers), answers)) == pytest.approx(6.0)


def options_of(**keys):
    data = {"classes": ["background", "person"]}
    return validate(DistillOptions, {"teacher": {"model": "x"}, "data": data, **keys}, where="test")


def test_a_model_of_one_class_teaches_two():
    mask = Mask(np.full((1, 1, 1), 0.8, np.float32), ("person",), ("person",))
    found = convert_to_classes(mask, map_columns(("person",), ("background", "person"), {}), 2)
    assert found[0, 0] == pytest.approx([0.2, 0.8])


def test_classes_of_several_names_add_up_and_unknown_ones_are_the_first():
    taught, learnt = ("sky", "lane", "asphalt"), ("rest", "road")
    found = map_columns(taught, learnt, {"lane": "road", "asphalt": "road"})
    mask = Mask(np.array([[[0.5, 0.2, 0.3]]], np.float32), taught, ("lane",))
    assert convert_to_classes(mask, found, 2)[0, 0] == pytest.approx([0.5, 0.5])


def test_a_meaning_of_an_unknown_class_is_refused():
    with pytest.raises(ConfigError, match="'street' -> 'road'") as error:
        map_columns(("asphalt",), ("rest", "road"), {"street": "road"})
    assert "asphalt" in error.value.hint


def test_the_shipped_student_is_valid():
    from rimlight.system import app_paths

    options = load_distill(app_paths.find_data_folder("configs") / "distill-road-lite.yaml")
    assert options.built_network.classes == 4


def test_a_training_becomes_a_distillation_by_naming_a_teacher():
    from rimlight.system import app_paths

    student = app_paths.find_data_folder("configs") / "train-person.yaml"
    assert load_distill(student, teacher="selfie").teacher.model == "selfie"


@pytest.fixture
def pictures(tmp_path):
    """Bright halves on dark, no masks."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        picture = np.random.default_rng(number).integers(0, 80, (32, 32, 3), np.uint8)
        picture[:, 2 * number :] += 150
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


@pytest.fixture
def teacher(tmp_path):
    """A network without training that knows what is bright, and its card."""
    picture = keras.Input((32, 32, 3))
    head = keras.layers.Conv2D(2, 1, activation="softmax")
    model = keras.Model(picture, head(picture))
    head.set_weights([np.array([[[[-4.0, 4.0]] * 3]]).reshape(1, 1, 3, 2), np.array([5.0, -5.0])])
    model.save(tmp_path / "bright.keras")
    card = {
        "name": "bright",
        "files": [{"file": "bright.keras"}],
        "input": {"size": [32, 32]},
        "output": {"kind": "softmax"},
        "classes": ["dark", "bright"],
        "foreground": ["bright"],
    }
    (tmp_path / "bright.yaml").write_text(yaml.safe_dump(card))
    return tmp_path / "bright.yaml"


def test_answers_are_kept_and_not_asked_for_again(tmp_path, pictures, teacher):
    samples = [Sample(path.stem, path, NoTruth()) for path in sorted(pictures.iterdir())]
    answers = TeacherPredictions(
        tmp_path / "kept", TeacherOptions(model=str(teacher)), ("dark", "bright")
    )
    asked = []
    answers.prepare(samples[:3], lambda done, count: asked.append((done, count)))
    answers.prepare(samples[:4], lambda done, count: asked.append((done, count)))
    assert asked == [(1, 3), (2, 3), (3, 3), (1, 1)]
    assert answers.read(samples[0]).sum(-1) == pytest.approx(1, abs=1e-3)
    with pytest.raises(ConfigError, match="is not there"):
        answers.read(samples[5])


def test_what_is_altered_takes_its_answer_along(tmp_path, pictures, teacher):
    options = options_of(
        network={"size": "32x32"},
        teacher={"model": str(teacher)},
        data={"classes": ["dark", "bright"], "augment": {"flip": 1, "rotate": 9, "copy_paste": 1}},
    )
    samples = tuple(Sample(path.stem, path, NoTruth()) for path in pictures.iterdir())
    answers = TeacherPredictions(tmp_path / "kept", options.teacher, options.data.classes)
    answers.prepare(samples)
    feed = DistillationFeed([RepeatedSamples(samples, 1)], samples, options, answers)
    (shown, (labels, taught)) = next(iter(feed.training(0, 12)))
    inside = taught.numpy().sum(-1) > 0.99
    bright = shown.numpy().mean(-1) > 0.5
    assert inside.mean() > 0.8 and (labels.numpy() == 255).all()
    assert np.mean((taught.numpy()[..., 1] > 0.5)[inside] == bright[inside]) > 0.95


def test_a_mirrored_teacher_gives_the_mean_of_both_looks(tmp_path, pictures, teacher):
    sample = Sample("a", pictures / "5.png", NoTruth())
    both = TeacherOptions(model=str(teacher), flip_tta=True)
    once = TeacherOptions(model=str(teacher))
    found = []
    for options in (both, once):
        answers = TeacherPredictions(tmp_path / "kept", options, ("dark", "bright"))
        answers.prepare([sample])
        found.append(answers.read(sample))
    assert found[0] == pytest.approx(found[1], abs=2e-3)  # it looks at single pixels only


@pytest.mark.slow
def test_a_student_learns_what_its_teacher_knows(tmp_path, pictures, teacher):
    said = {
        "network": {"name": "light", "size": "32x32", "width_multiplier": 0.25},
        "data": {"classes": ["dark", "bright"], "augment": {"preset": "none", "flip": 0.5}},
        "optimizer": {"learning_rate": 0.01},
        "ema_decay": 0.5,
        "epochs": 10,
        "passes": 10,
        "batch_size": 4,
        "teacher": {"model": str(teacher)},
        "pictures": [str(pictures)],
    }
    result = distill(validate(DistillOptions, said, where="test"), tmp_path / "out")
    assert result.best.miou > 0.8
    assert (tmp_path / "out/best.yaml").exists()
