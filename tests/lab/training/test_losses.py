"""Each loss against values worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from rimlight.core.errors import ConfigError
from rimlight.core.options import validate
from rimlight.lab.training.losses import (
    compute_boundary,
    compute_cross_entropy,
    compute_dice,
    compute_focal,
    compute_signed_distances,
    make_weighted_loss,
)
from rimlight.lab.training.options import LoopOptions, LossOptions

# Two pixels of class 0 and 1, given 0.8 and 0.25 to their own class; a third is not counted.
LABELS = tf.constant([[[0, 1, 255]]])
GIVEN = tf.constant([[[[0.8, 0.2], [0.75, 0.25], [0.9, 0.1]]]])


def test_cross_entropy_is_the_mean_of_the_logarithms():
    expected = -(math.log(0.8) + math.log(0.25)) / 2
    assert float(compute_cross_entropy(LABELS, GIVEN)) == pytest.approx(expected)


def test_class_weights_weigh_pixels_and_divide_by_their_sum():
    expected = -(1 * math.log(0.8) + 3 * math.log(0.25)) / 4
    assert float(compute_cross_entropy(LABELS, GIVEN, [1, 3])) == pytest.approx(expected)


def test_focal_counts_what_is_almost_right_less():
    expected = -(0.2**2 * math.log(0.8) + 0.75**2 * math.log(0.25)) / 2
    assert float(compute_focal(LABELS, GIVEN, 2.0)) == pytest.approx(expected)


def test_focal_without_gamma_is_the_cross_entropy():
    assert float(compute_focal(LABELS, GIVEN, 0.0)) == pytest.approx(
        float(compute_cross_entropy(LABELS, GIVEN))
    )


def test_dice_compares_areas():
    # Class 0: overlap 0.8, areas 1 + 1.55; class 1: overlap 0.25, areas 1 + 0.45.
    expected = 1 - ((1.6 + 1) / (2.55 + 1) + (0.5 + 1) / (1.45 + 1)) / 2
    assert float(compute_dice(LABELS, GIVEN)) == pytest.approx(expected)


def test_dice_of_the_truth_itself_is_zero():
    labels = tf.constant([[[0, 1, 1]]])
    assert float(compute_dice(labels, tf.one_hot(labels, 2))) == pytest.approx(0)


def test_distances_are_zero_on_the_outermost_pixels_and_negative_inside():
    row = np.array([[[0, 1, 1, 1, 0, 0]]])
    maps = compute_signed_distances(row, classes=2)[0, 0] * 6
    assert maps[:, 1] == pytest.approx([1, 0, -1, 0, 1, 2])
    assert maps[:, 0] == pytest.approx([0, 1, 2, 1, 0, -1])


def test_a_class_that_is_nowhere_or_everywhere_has_no_distances():
    assert not compute_signed_distances(np.zeros((1, 4, 4), np.int32), classes=2).any()


def test_boundary_is_the_mean_product_of_probability_and_distance():
    labels = tf.constant([[[0, 1, 1, 1, 0, 0]]])
    person = np.array([0.5, 0.9, 1.0, 0.2, 0.0, 0.3])
    given = tf.constant(np.stack([1 - person, person], -1)[None, None], tf.float32)
    of_person = 0.5 * 1 - 1.0 * 1 + 0.3 * 2
    of_rest = 0.1 * 1 + 0.0 * 2 + 0.8 * 1 - 0.7 * 1
    assert float(compute_boundary(labels, given)) == pytest.approx(
        (of_person + of_rest) / 2 / 6 / 6
    )


def test_a_batch_without_any_label_costs_nothing():
    nothing = tf.fill((1, 1, 3), 255)
    for loss in (compute_cross_entropy, compute_focal, compute_boundary):
        assert float(loss(nothing, GIVEN)) == 0


def test_the_sum_weighs_its_parts():
    loss = make_weighted_loss(LossOptions(cross_entropy=0.6, dice=0.3, boundary=0.1))
    parts = 0.6 * compute_cross_entropy(LABELS, GIVEN) + 0.3 * compute_dice(LABELS, GIVEN)
    assert float(loss(LABELS, GIVEN)) == pytest.approx(
        float(parts + 0.1 * compute_boundary(LABELS, GIVEN)), rel=1e-5
    )


def test_a_loss_can_be_called_by_name():
    options = validate(LoopOptions, {"loss": "focal"}, where="test")
    assert (options.loss.focal, options.loss.cross_entropy) == (1, 0)


def test_an_unknown_name_of_a_loss_is_refused():
    with pytest.raises(ConfigError, match="mixed"):
        validate(LoopOptions, {"loss": "best"}, where="test")


def test_all_losses_have_gradients_within_a_compiled_step():
    scores = tf.Variable(np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32))
    labels = tf.constant(np.random.default_rng(1).integers(0, 3, (2, 8, 8)))
    loss = make_weighted_loss(LossOptions(cross_entropy=1, focal=1, dice=1, boundary=1))

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            value = loss(labels, tf.nn.softmax(scores))
        return tape.gradient(value, scores)

    assert np.abs(gradient().numpy()).min() > 0
