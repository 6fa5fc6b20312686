"""How a run is led: what travels between its threads, and what a live one promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from rimlight.core.frame_queue import FrameBuffer, Policy
from rimlight.pipeline.fallback import WhenUnsure

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Settings:
    """How frames travel between the threads.

    Attributes:
        policy: what a full buffer does.
        masks: "own" gives every frame its own mask; "newest" never waits for a slow model and
            uses the newest mask there is. "newest" needs the LATEST policy.
        capacity: frames between two stages.
        max_bytes: bytes of pictures between two stages.
        max_mask_age_s: with "newest", a frame whose mask would be older waits for a new one.
    """

    policy: Policy = Policy.WAIT
    masks: Literal["own", "newest"] = "own"
    capacity: int = 4
    max_bytes: int = 64 << 20
    max_mask_age_s: float = 0.5

    def buffer(self, size_of: Callable[[Item], int], *, through_model: bool) -> FrameBuffer[Item]:
        """Return a buffer between two stages.

        Args:
            size_of: the bytes that an item holds.
            through_model: it leads to the model or away from it, not past it.
        """
        one = self.masks == "newest" and through_model
        return FrameBuffer(
            1 if one else self.capacity, self.policy, max_bytes=self.max_bytes, size_of=size_of
        )


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What a live run promises.

    Attributes:
        when_unsure: what is shown while no frame may be.
        hold_after_s: from this long without a new frame on, that is shown too.
        max_latency_s: a frame older than this is left out when a newer one is there.
        most_changed: the share of the picture that may look other than in the picture which the
            mask was made of; see `privacy.covers`.
    """

    when_unsure: WhenUnsure = "last"
    hold_after_s: float = 0.5
    max_latency_s: float = 0.1
    most_changed: float = 0.1
