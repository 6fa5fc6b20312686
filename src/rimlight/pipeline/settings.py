"""How a run is led: what travels between its threads, and what a live one promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from rimlight.core.frame_queue import FrameQueue, Overflow
from rimlight.pipeline.fallback import WhenUnsure

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Settings:
    """How frames travel between the threads.

    Attributes:
        overflow: what a full queue does.
        mask_sync: "exact" gives every frame its own mask; "latest" never waits for a slow model and
            uses the newest mask there is. "latest" needs DROP_OLDEST.
        queue_size: frames between two stages.
        max_bytes: bytes of pictures between two stages.
        max_mask_age_s: with "latest", a frame whose mask would be older waits for a new one.
    """

    overflow: Overflow = Overflow.BLOCK
    mask_sync: Literal["exact", "latest"] = "exact"
    queue_size: int = 4
    max_bytes: int = 64 << 20
    max_mask_age_s: float = 0.5

    def buffer(self, size_of: Callable[[Item], int], *, through_model: bool) -> FrameQueue[Item]:
        """Return a buffer between two stages.

        Args:
            size_of: the bytes that an item holds.
            through_model: it leads to the model or away from it, not past it.
        """
        one = self.mask_sync == "latest" and through_model
        return FrameQueue(
            1 if one else self.queue_size, self.overflow, max_bytes=self.max_bytes, size_of=size_of
        )


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What a live run promises.

    Attributes:
        fallback: what is shown while no frame may be.
        hold_after_s: from this long without a new frame on, that is shown too.
        max_latency_s: a frame older than this is left out when a newer one is there.
        max_scene_change: the share of the picture that may look other than in the picture which the
            mask was made of; see `privacy.covers`.
    """

    fallback: WhenUnsure = "last"
    hold_after_s: float = 0.5
    max_latency_s: float = 0.1
    max_scene_change: float = 0.1
