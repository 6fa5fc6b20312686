"""How much there is to do, and how long that will take here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rimlight.batch import storage
from rimlight.batch.plan import Task, pictures_in
from rimlight.batch.work import Counted, carry_out
from rimlight.build import open_source
from rimlight.config import PartConfig, RunConfig
from rimlight.errors import RimlightError

_LOOKED_AT = 300
"""Of more videos than this, an even choice is opened, and the rest taken to be like them."""

_TRIAL_S = 3
_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to do.

    Attributes:
        frames: of all videos, and pictures.
        megapixels: of all frames of videos.
        seconds: of video.
        opened: how many videos these figures come from.
        videos: how many there are.
    """

    frames: int = 0
    megapixels: float = 0.0
    seconds: float = 0.0
    opened: int = 0
    videos: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What the first seconds of one video took.

    Attributes:
        cpu_s: seconds of one processor for a megapixel.
        bytes: of the result, for a megapixel.
    """

    cpu_s: float
    bytes: float


def extent_of(tasks: Sequence[Task]) -> Extent:
    """Open the videos of `tasks` that are on this machine, or some of them, and add up.

    A video that does not open counts as nothing; what is wrong with it shows when it is its turn.
    """
    videos = [task for task in tasks if task.kind == "video"]
    near = [task for task in videos if not storage.is_url(task.source)]
    some = near[:: max(1, len(near) // _LOOKED_AT)]
    found = [facts for facts in map(_facts, some) if facts is not None]
    scale = len(videos) / len(found) if found else 0.0
    pictures = sum(_pictures(task) for task in tasks if task.kind != "video")
    return Extent(
        frames=round(scale * sum(frames for frames, _, _ in found)) + pictures,
        megapixels=scale * sum(frames * pixels / _MEGA for frames, pixels, _ in found),
        seconds=scale * sum(seconds for _, _, seconds in found),
        opened=len(found),
        videos=len(videos),
    )


def try_out(run: RunConfig) -> Trial | None:
    """Process the first seconds of a video and throw them away; None where that does not work."""
    sink = run.sinks[0]
    with TemporaryDirectory(prefix="rimlight-") as folder:
        path = Path(folder, f"trial{Path(str(sink.options['path'])).suffix}")
        part = run.source.model_copy(update={"end_s": _TRIAL_S})
        trial = run.model_copy(
            update={
                "source": part,
                "sinks": (sink.model_copy(update={"path": str(path), "resume": None}),),
            }
        )
        try:
            width, height = open_size(part)
            began = time.process_time()
            frames = carry_out(trial, Counted(None, [0])).frames
        except RimlightError:
            return None
        megapixels = frames * width * height / _MEGA
        return Trial((time.process_time() - began) / megapixels, path.stat().st_size / megapixels)


def open_size(part: PartConfig) -> tuple[int, int]:
    """Return (width, height) of a video's frames.

    Raises:
        SourceOpenError: it does not open.
    """
    source = open_source(part)
    source.close()
    return source.info.size


def _facts(task: Task) -> tuple[int, int, float] | None:
    """Return (frames, pixels of each, seconds) as the container announces them."""
    try:
        source = open_source(PartConfig(kind="video", path=task.source))
    except (RimlightError, OSError):
        return None
    info = source.info
    source.close()
    seconds = info.duration_s or (float(info.count / info.rate) if info.count and info.rate else 0)
    frames = info.count or round(seconds * float(info.rate or 0))
    return frames, info.size[0] * info.size[1], float(seconds)


def _pictures(task: Task) -> int:
    is_near_folder = task.kind == "folder" and not storage.is_url(task.source)
    return len(pictures_in(task.source)) if is_near_folder else 1
