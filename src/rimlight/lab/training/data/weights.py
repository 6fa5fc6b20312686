"""How much each class counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.data.samples import Sample

_MOST = 10.0  # times the middle class: a class of a few pixels must not drown out all others
_LOOKED_AT = 300  # samples


def class_weights(samples: Sequence[Sample], options: DataOptions) -> NDArray[np.float32]:
    """Return a weight for each class, rarer ones heavier: float32 (classes,), 1 in the middle.

    Median frequency balancing (D. Eigen and R. Fergus, "Predicting Depth, Surface Normals and
    Semantic Labels with a Common Multi-Scale Convolutional Architecture", ICCV 2015): the median
    frequency over the class's own, where a frequency counts only the pictures that show the
    class. Limited to a factor of 10 either way; a class that no picture shows weighs 1.
    """
    seen = np.zeros(len(options.classes))
    shown = np.zeros(len(options.classes))
    for sample in samples[:: max(1, len(samples) // _LOOKED_AT)]:
        _, labels = sample.read()
        counts = np.bincount(labels.ravel(), minlength=256)[: len(options.classes)]
        seen += counts
        shown += (counts > 0) * counts.sum()
    frequency = np.divide(seen, shown, out=np.zeros_like(seen), where=shown > 0)
    middle = np.median(frequency[frequency > 0]) if frequency.any() else 1.0
    weights = np.divide(middle, frequency, out=np.ones_like(seen), where=frequency > 0)
    return weights.clip(1 / _MOST, _MOST).astype(np.float32)
