"""Losses of a batch, from labels and probabilities, as one number.

Every loss takes labels int (batch, h, w), where values from the number of classes up (255) are not
counted, and probabilities float32 (batch, h, w, classes) that add up to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rimlight.lab.training.compression_options import DistillOptions
from rimlight.lab.training.options import LossOptions

Loss = Callable[[Any, Any], Any]
Weights = Sequence[float] | NDArray[np.float32]

_MIN_SOFTENED = 1e-6  # before it is raised to 1/T


def compute_cross_entropy(labels: Any, probabilities: Any, weights: Weights | None = None) -> Any:
    """Return the mean of -log p of the true class.

    Args:
        labels: see the module.
        probabilities: see the module.
        weights: float32 (classes,): how much a pixel of each class counts; None: all the same.
            The mean is divided by the sum of the weights, so that their scale does not matter.
    """
    truth, counted = _encode_one_hot(labels, probabilities)
    if weights is not None:
        counted *= tf.gather(
            tf.constant(weights, tf.float32), _replace_ignored(labels, probabilities)
        )
    return _average(keras.losses.categorical_crossentropy(truth, probabilities), counted)


def compute_focal(labels: Any, probabilities: Any, gamma: float = 2.0) -> Any:
    """Return the mean of -(1 - p)^gamma log p of the true class (Lin et al., ICCV 2017).

    What is almost right already hardly counts; with gamma 0 it is the cross-entropy.
    """
    truth, counted = _encode_one_hot(labels, probabilities)
    each = keras.losses.categorical_focal_crossentropy(truth, probabilities, alpha=1.0, gamma=gamma)
    return _average(each, counted)


def compute_dice(labels: Any, probabilities: Any, smooth: float = 1.0) -> Any:
    """Return 1 - the soft Dice coefficient, averaged over the classes.

    The loss of V-Net (Milletari et al., 3DV 2016). Of each class (2 * overlap + smooth) /
    (both areas + smooth), summed over the whole batch: `smooth`, in pixels, keeps a class that
    is nowhere from being a division by zero. Keras' Dice has no such term: with it, a class that
    a batch lacks would cost 1.
    """
    truth, counted = _encode_one_hot(labels, probabilities)
    given = probabilities * counted[..., None]
    overlap = tf.reduce_sum(truth * given, axis=(0, 1, 2))
    areas = tf.reduce_sum(truth + given, axis=(0, 1, 2))
    return 1 - tf.reduce_mean((2 * overlap + smooth) / (areas + smooth))


def compute_boundary(labels: Any, probabilities: Any) -> Any:
    """Return the mean product of probability and signed distance (Kervadec et al., MIDL 2019).

    What is given to a class far outside of it costs most, what is given far inside earns most; it
    may be negative. See `distances.compute_signed_distances` for sign and unit.
    """
    classes = probabilities.shape[-1]
    distances = tf.numpy_function(
        lambda given: compute_signed_distances(given, classes=classes),
        [labels],
        tf.float32,
        stateful=False,
    )
    distances.set_shape(probabilities.shape)
    _, counted = _encode_one_hot(labels, probabilities)
    return _average(tf.reduce_mean(distances * probabilities, axis=-1), counted)


def make_weighted_loss(options: LossOptions, class_weights: Weights | None = None) -> Loss:
    """Return the loss that `options` describe; parts of weight 0 are not computed.

    Args:
        options: the weight of each part.
        class_weights: for the cross-entropy; None: all classes count the same.
    """
    parts: list[tuple[float, Loss]] = [
        (options.cross_entropy, lambda y, p: compute_cross_entropy(y, p, class_weights)),
        (options.focal, lambda y, p: compute_focal(y, p, options.gamma)),
        (options.dice, compute_dice),
        (options.boundary, compute_boundary),
    ]
    used = [(weight, part) for weight, part in parts if weight]

    def loss(labels: Any, probabilities: Any) -> Any:
        return tf.add_n([weight * part(labels, probabilities) for weight, part in used])

    return loss


def _replace_ignored(labels: Any, probabilities: Any) -> Any:
    """Return the labels with a class in place of what is not counted."""
    return tf.minimum(tf.cast(labels, tf.int32), probabilities.shape[-1] - 1)


def _encode_one_hot(labels: Any, probabilities: Any) -> tuple[Any, Any]:
    """Return the truth as 0 and 1 for each class, 0 where not counted, and what is counted."""
    classes = probabilities.shape[-1]
    counted = tf.cast(labels < classes, tf.float32)
    return tf.one_hot(labels, classes), counted


def _average(values: Any, counted: Any) -> Any:
    """Return the mean of what is counted; 0 where nothing is."""
    return tf.math.divide_no_nan(tf.reduce_sum(values * counted), tf.reduce_sum(counted))


def compute_signed_distances(labels: NDArray[np.int32], *, classes: int) -> NDArray[np.float32]:
    """Return the signed distance map of each class, as Kervadec et al. (MIDL 2019) define it.

    Args:
        labels: int (batch, h, w); values from `classes` up belong to no class.
        classes: how many classes there are.

    Returns:
        float32 (batch, h, w, classes): outside of a class the distance to its nearest pixel,
        above 0; inside the distance to the nearest pixel outside, less 1, below or equal to 0, so
        that the outermost pixels of a class are at 0. In units of the picture's longer side, that
        the size of the pictures does not change the weight of a loss. 0 everywhere for a class
        that a picture lacks, or that fills it.
    """
    result = np.zeros((*labels.shape, classes), np.float32)
    for picture, maps in zip(labels, result, strict=True):
        for label in range(classes):
            _fill(maps[..., label], picture == label)
    result /= max(labels.shape[1:])
    return result


def _fill(distances_px: NDArray[np.float32], inside: NDArray[np.bool_]) -> None:
    if not inside.any() or inside.all():
        return
    solid = inside.astype(np.uint8)
    distances_px[...] = np.where(
        inside, 1 - _compute_distances(solid), _compute_distances(1 - solid)
    )


def _compute_distances(solid: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how far each pixel of uint8 (h, w) is from the nearest 0, the same in every run.

    OpenCV's result differs from run to run in its last digits; its square is a whole number.
    """
    rough = cv2.distanceTransform(solid, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    exact: NDArray[np.float32] = np.sqrt(np.rint(np.square(rough)))
    return exact


def compute_soft_loss(answers: Any, probabilities: Any, counted: Any, *, temperature: float) -> Any:
    """Return the mean divergence (Kullback-Leibler) of the student from the teacher.

    Both are softened first: p^(1/T), normalized, is what the softmax gives for scores divided by
    T. Times T^2, so that T does not change how strong the gradients are (Hinton et al. 2015).

    Args:
        answers: the teacher's probabilities, float32 (batch, h, w, classes).
        probabilities: the student's.
        counted: float32 (batch, h, w), 0 where it does not count.
        temperature: T, 1 or more.
    """
    taught, given = soften(answers, temperature), soften(probabilities, temperature)
    return temperature**2 * _average(keras.losses.kl_divergence(taught, given), counted)


def soften(probabilities: Any, temperature: float) -> Any:
    """Return what a softmax of the same scores divided by `temperature` gives; never quite 0."""
    powers = tf.clip_by_value(probabilities, _MIN_SOFTENED, 1.0) ** (1 / temperature)
    return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


def select_taught_pixels(labels: Any, answers: Any, *, teacher_filter: str) -> Any:
    """Return 1.0 where the teacher is listened to, float32 (batch, h, w).

    Not beside the picture, where all answers are 0; and, with "agree-with-labels", not
    where a label says otherwise.
    """
    inside = tf.reduce_sum(answers, axis=-1) > 0.5
    if teacher_filter == "agree-with-labels":
        unlabeled = labels >= answers.shape[-1]
        right = tf.argmax(answers, axis=-1, output_type=tf.int32) == labels
        inside = tf.logical_and(inside, tf.logical_or(unlabeled, right))
    return tf.cast(inside, tf.float32)


def make_distillation_loss(options: DistillOptions, by_labels: Loss) -> Loss:
    """Return the loss of ((labels, answers), probabilities)."""

    def loss(targets: Any, probabilities: Any) -> Any:
        labels, answers = targets
        counted = select_taught_pixels(labels, answers, teacher_filter=options.teacher_filter)
        taught = compute_soft_loss(answers, probabilities, counted, temperature=options.temperature)
        return options.soft_weight * taught + options.hard_weight * by_labels(labels, probabilities)

    return loss
