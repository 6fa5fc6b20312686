"""The settings of a run: queues between its threads, and the limits of a live run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from rimlight.core.frame_queue import FrameQueue, Overflow
from rimlight.imaging.jit import is_enabled as is_jit_enabled

FallbackKind = Literal["last", "blur", "background"]
"""What is shown while no frame may be: the last safe frame, that frame blurred beyond recognition,
or the background alone."""

MaskSync = Literal["exact", "latest"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Settings:
    """How frames travel between the threads.

    Attributes:
        overflow: what a full queue does.
        mask_sync: "exact" gives every frame its own mask; "latest" never waits for a slow model
            and uses the latest mask. "latest" needs DROP_OLDEST.
        queue_size: frames between two stages.
        max_bytes: bytes of frames between two stages.
        max_mask_age_s: with "latest", a frame whose mask would be older waits for a new one.
        jit: use compiled loops, where they are available; by default, as in the calling context.
    """

    overflow: Overflow = Overflow.BLOCK
    mask_sync: MaskSync = "exact"
    queue_size: int = 4
    max_bytes: int = 64 << 20
    max_mask_age_s: float = 0.5
    jit: bool = field(default_factory=is_jit_enabled)

    def make_queue(
        self, size_of: Callable[[Item], int], *, through_model: bool
    ) -> FrameQueue[Item]:
        """Return a queue between two stages.

        Args:
            size_of: returns the bytes of an item.
            through_model: the queue leads to the model or away from it, not past it.
        """
        size = 1 if self.mask_sync == "latest" and through_model else self.queue_size
        return FrameQueue(size, self.overflow, max_bytes=self.max_bytes, size_of=size_of)


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """The limits of a live run.

    Attributes:
        fallback: what is shown while no frame may be.
        hold_after_s: the fallback is also shown this long after the last frame.
        max_latency_s: an older frame is dropped when a newer one is available.
        max_scene_change: maximum share (0..1) of the image that may have changed since the frame
            that the mask was computed from; see `fallback.is_mask_valid_for`.
    """

    fallback: FallbackKind = "last"
    hold_after_s: float = 0.5
    max_latency_s: float = 0.1
    max_scene_change: float = 0.1
