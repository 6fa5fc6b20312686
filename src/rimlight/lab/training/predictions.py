"""What a network makes of validation pictures, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as counted
from typing import Any, cast

import cv2
import numpy as np

from rimlight.lab.training.loop import Batches
from rimlight.lab.training.metrics import as_truth
from rimlight.lab.training.page import SHOWN, Image, Prediction


def predictions(model: Any, batches: Batches, *, count: int) -> Iterator[Prediction]:
    """Yield up to `SHOWN` pictures, spread over all of them.

    Args:
        model: from pictures to probabilities.
        batches: pictures RGB float32 in 0..1 and labels.
        count: how many pictures the batches hold.
    """
    step = max(1, count // SHOWN)
    numbers = counted()
    for pictures, labels in batches:
        wanted = [at for at in range(len(labels)) if next(numbers) % step == 0]
        if not wanted:
            continue
        found = np.argmax(model(pictures, training=False), axis=-1).astype(np.uint8)
        truth = as_truth(np.asarray(labels))
        for at in wanted:
            yield Prediction(_bgr(np.asarray(pictures[at])), truth[at], found[at])


def _bgr(picture: Any) -> Image:
    eighths = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    return cast(Image, cv2.cvtColor(eighths, cv2.COLOR_RGB2BGR))
