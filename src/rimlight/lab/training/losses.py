"""What training makes small: how wrong probabilities are, as one number for a batch.

Every loss takes labels int (batch, h, w), where values from the number of classes up (255) are not
counted, and probabilities float32 (batch, h, w, classes) that add up to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rimlight.lab.training.distances import signed_distances
from rimlight.lab.training.loop_options import LossOptions

Loss = Callable[[Any, Any], Any]
Weights = Sequence[float] | NDArray[np.float32]

_LEAST = 1e-7  # a probability of 0 has no logarithm


def cross_entropy(labels: Any, probabilities: Any, weights: Weights | None = None) -> Any:
    """Return the mean of -log p of the true class.

    Args:
        labels: see the module.
        probabilities: see the module.
        weights: float32 (classes,): how much a pixel of each class counts; None: all the same.
            The mean is divided by the sum of the weights, so that their scale does not matter.
    """
    share, counted = _of_the_truth(labels, probabilities)
    if weights is not None:
        counted *= tf.gather(tf.constant(weights, tf.float32), _known(labels, probabilities))
    return _mean(-tf.math.log(share), counted)


def focal(labels: Any, probabilities: Any, gamma: float = 2.0) -> Any:
    """Return the mean of -(1 - p)^gamma log p of the true class (Lin et al., ICCV 2017).

    What is almost right already hardly counts; with gamma 0 it is the cross-entropy.
    """
    share, counted = _of_the_truth(labels, probabilities)
    return _mean(-((1 - share) ** gamma) * tf.math.log(share), counted)


def dice(labels: Any, probabilities: Any, smooth: float = 1.0) -> Any:
    """Return 1 - the soft Dice coefficient, the mean over the classes (Milletari et al., 3DV 2016).

    Of each class (2 * overlap + smooth) / (both areas + smooth), summed over the whole batch:
    `smooth`, in pixels, keeps a class that is nowhere from being a division by zero.
    """
    truth, counted = _one_hot(labels, probabilities)
    given = probabilities * counted[..., None]
    overlap = tf.reduce_sum(truth * given, axis=(0, 1, 2))
    areas = tf.reduce_sum(truth + given, axis=(0, 1, 2))
    return 1 - tf.reduce_mean((2 * overlap + smooth) / (areas + smooth))


def boundary(labels: Any, probabilities: Any) -> Any:
    """Return the mean product of probability and signed distance (Kervadec et al., MIDL 2019).

    What is given to a class far outside of it costs most, what is given far inside earns most; it
    may be negative. See `distances.signed_distances` for sign and unit.
    """
    classes = probabilities.shape[-1]
    distances = tf.numpy_function(
        lambda given: signed_distances(given, classes=classes), [labels], tf.float32, stateful=False
    )
    distances.set_shape(probabilities.shape)
    _, counted = _one_hot(labels, probabilities)
    return _mean(tf.reduce_mean(distances * probabilities, axis=-1), counted)


def weighted_sum(options: LossOptions, class_weights: Weights | None = None) -> Loss:
    """Return the loss that `options` describe; parts of weight 0 are not computed.

    Args:
        options: the weight of each part.
        class_weights: for the cross-entropy; None: all classes count the same.
    """
    parts: list[tuple[float, Loss]] = [
        (options.cross_entropy, lambda y, p: cross_entropy(y, p, class_weights)),
        (options.focal, lambda y, p: focal(y, p, options.gamma)),
        (options.dice, dice),
        (options.boundary, boundary),
    ]
    used = [(weight, part) for weight, part in parts if weight]

    def loss(labels: Any, probabilities: Any) -> Any:
        return tf.add_n([weight * part(labels, probabilities) for weight, part in used])

    return loss


def _known(labels: Any, probabilities: Any) -> Any:
    """Return the labels with a class in place of what is not counted."""
    return tf.minimum(tf.cast(labels, tf.int32), probabilities.shape[-1] - 1)


def _one_hot(labels: Any, probabilities: Any) -> tuple[Any, Any]:
    """Return the truth as 0 and 1 for each class, 0 where not counted, and what is counted."""
    classes = probabilities.shape[-1]
    counted = tf.cast(labels < classes, tf.float32)
    return tf.one_hot(labels, classes), counted


def _of_the_truth(labels: Any, probabilities: Any) -> tuple[Any, Any]:
    """Return the probability of the true class of each pixel, and 1.0 where it counts."""
    truth, counted = _one_hot(labels, probabilities)
    share = tf.reduce_sum(truth * probabilities, axis=-1)
    return tf.clip_by_value(share, _LEAST, 1.0), counted


def _mean(values: Any, counted: Any) -> Any:
    """Return the mean of what is counted; 0 where nothing is."""
    return tf.math.divide_no_nan(tf.reduce_sum(values * counted), tf.reduce_sum(counted))
