"""Interpolation between the initial weights of a network and the trained ones (WiSE-FT).

After M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022: along the straight
line between the two sets of weights, accuracy on the new images rises a lot before accuracy on
what only the initial weights have seen falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.options import TrainOptions


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """The weights at the start, and how much of them remains.

    Attributes:
        weights: as `model.get_weights()` gives them.
        share: 0..1 of them in the mixture; the rest is what was trained.
    """

    weights: Sequence[NDArray[np.float32]]
    share: float

    def mix_into(self, model: Any) -> None:
        """Replace the weights of `model`, which has the same layers, by the mixture."""
        pairs = zip(self.weights, model.get_weights(), strict=True)
        model.set_weights([known + (1 - self.share) * (new - known) for known, new in pairs])


def snapshot(model: Any, options: TrainOptions) -> InitialWeights | None:
    """Return the start of a network that was just built; None where nothing of it is kept.

    Raises:
        ConfigError: a part of it is at random, and would spoil what is mixed with it.
    """
    if not options.initial_weight_share:
        return None
    weights = model.get_weights()
    again = build_network(options.built_network).get_weights()  # what is at random is another now
    if not all(np.array_equal(one, other) for one, other in zip(weights, again, strict=True)):
        raise ConfigError(
            "initial_weight_share: a part of this network starts at random",
            hint="network.backbone_weights must hold all its layers, the classes included",
        )
    return InitialWeights(weights, options.initial_weight_share)
