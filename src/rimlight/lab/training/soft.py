"""The loss of a student: the teacher's softened answer, and the labels where there are any."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from rimlight.lab.training.distill_options import DistillOptions
from rimlight.lab.training.losses import Loss

_LEAST = 1e-6


def soft_loss(answers: Any, probabilities: Any, counted: Any, *, temperature: float) -> Any:
    """Return the mean divergence (Kullback-Leibler) of the student from the teacher.

    Both are softened first: p^(1/T), normalized, is what the softmax gives for scores divided by
    T. Times T^2, so that T does not change how strong the gradients are (Hinton et al. 2015).

    Args:
        answers: the teacher's probabilities, float32 (batch, h, w, classes).
        probabilities: the student's.
        counted: float32 (batch, h, w), 0 where it does not count.
        temperature: T, 1 or more.
    """
    taught, given = softened(answers, temperature), softened(probabilities, temperature)
    each = tf.reduce_sum(taught * (tf.math.log(taught) - tf.math.log(given)), axis=-1)
    mean = tf.math.divide_no_nan(tf.reduce_sum(each * counted), tf.reduce_sum(counted))
    return temperature**2 * mean


def softened(probabilities: Any, temperature: float) -> Any:
    """Return what a softmax of the same scores divided by `temperature` gives; never quite 0."""
    powers = tf.clip_by_value(probabilities, _LEAST, 1.0) ** (1 / temperature)
    return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


def where_it_counts(labels: Any, answers: Any, *, trust: str) -> Any:
    """Return 1.0 where the teacher is listened to, float32 (batch, h, w).

    Not beside the picture, where all answers are 0; and, if trusted only "where-right", not
    where a label says otherwise.
    """
    inside = tf.reduce_sum(answers, axis=-1) > 0.5
    if trust == "where-right":
        unlabeled = labels >= answers.shape[-1]
        right = tf.argmax(answers, axis=-1, output_type=tf.int32) == labels
        inside = tf.logical_and(inside, tf.logical_or(unlabeled, right))
    return tf.cast(inside, tf.float32)


def mixed_loss(options: DistillOptions, by_labels: Loss) -> Loss:
    """Return the loss of ((labels, answers), probabilities)."""

    def loss(targets: Any, probabilities: Any) -> Any:
        labels, answers = targets
        counted = where_it_counts(labels, answers, trust=options.trust)
        taught = soft_loss(answers, probabilities, counted, temperature=options.temperature)
        return options.soft * taught + options.hard * by_labels(labels, probabilities)

    return loss
