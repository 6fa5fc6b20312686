"""How much there is to do, and how long that will take here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rimlight.batch import storage
from rimlight.batch.plan import Task, list_images
from rimlight.core.config import RunConfig, SourceConfig
from rimlight.core.errors import RimlightError
from rimlight.factory.pipeline import open_source
from rimlight.media.container import MediaLocation
from rimlight.offline.estimate import estimate_run
from rimlight.sources import guess_source

_LOOKED_AT = 300
"""Of more videos than this, an even choice is opened, and the rest taken to be like them."""

_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class Workload:
    """How much there is to do.

    Attributes:
        frames: of all videos, and pictures.
        megapixels: of all frames of videos.
        seconds: of video.
        unreadable: of each video that does not open: its name and why.
    """

    frames: int = 0
    megapixels: float = 0.0
    seconds: float = 0.0
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EstimatedCost:
    """What videos take: seconds of one processor, and bytes of the results."""

    cpu_s: float
    bytes: float


def measure_workload(tasks: Sequence[Task]) -> Workload:
    """Open the videos of `tasks` that are on this machine, or some of them, and add up.

    A video that does not open counts as nothing.
    """
    videos = [task for task in tasks if task.kind == "video"]
    near = [task for task in videos if not storage.is_url(task.source)]
    some = near[:: max(1, len(near) // _LOOKED_AT)]
    found = [_measure_video(task) for task in some]
    scale = len(videos) / len(some) if some else 0.0
    pictures = sum(_count_images(task) for task in tasks if task.kind != "video")
    return Workload(
        frames=round(scale * sum(one.frames for one in found)) + pictures,
        megapixels=scale * sum(one.megapixels for one in found),
        seconds=scale * sum(one.seconds for one in found),
        unreadable=tuple(why for one in found for why in one.unreadable),
    )


def estimate_cost(run: RunConfig, task: Task, megapixels: float) -> EstimatedCost | None:
    """Try some frames of one video; estimate from them what its megapixels take.

    Returns:
        None where this video does not open, or fails.
    """
    facts = _measure_video(task)
    try:
        made = estimate_run(run, clock=time.process_time) if facts.megapixels else None
    except RimlightError:
        return None
    if made is None:
        return None
    share = megapixels / facts.megapixels
    return EstimatedCost(share * made.seconds, share * made.size_bytes)


def _measure_video(task: Task) -> Workload:
    """Return the extent of one video as its container announces it."""
    if MediaLocation.parse(task.source).is_pipe:  # what is read of it now would be missing later
        return Workload()
    try:
        moves = guess_source(task.source).get("kind") == "animation"
        source = open_source(SourceConfig(kind="animation" if moves else "video", path=task.source))
    except Exception as exc:  # whatever is wrong with one file must not stop the plan
        why = str(exc) or type(exc).__name__
        return Workload(unreadable=(why if task.shown in why else f"{task.shown}: {why}",))
    info = source.info
    source.close()
    seconds = info.duration_s or (float(info.count / info.rate) if info.count and info.rate else 0)
    frames = info.count or round(seconds * float(info.rate or 0))
    return Workload(frames, frames * info.size[0] * info.size[1] / _MEGA, float(seconds))


def _count_images(task: Task) -> int:
    is_near_folder = task.kind == "folder" and not storage.is_url(task.source)
    return len(list_images(task.source)) if is_near_folder else 1
