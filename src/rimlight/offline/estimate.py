"""Estimates the duration and the output size of a run from a few frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rimlight.core.config import RunConfig, SinkConfig
from rimlight.core.frame import Frame, SourceInfo
from rimlight.factory.pipeline import open_pipeline, open_source

_MAX_FRAMES = 64
_MAX_S = 4.0
_MIN_FRAMES = 8
_FILES = frozenset({"video", "images"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """The expected cost of a run.

    Attributes:
        frames: their number.
        seconds: the duration on this machine under its current load.
        size_bytes: of all output files, without audio.
        measured: number of frames that the estimate is based on.
    """

    frames: int
    seconds: float
    size_bytes: int
    measured: int


def estimate_run(
    config: RunConfig, *, clock: Callable[[], float] = time.monotonic
) -> Estimate | None:
    """Estimate a run by processing a few frames into a temporary folder.

    They are taken from the middle of a video, or from the start of a folder of images; at most 64,
    and no more than a few seconds of work.

    Args:
        config: the run; none of its outputs is written.
        clock: monotonic seconds.

    Returns:
        None if the number of frames is unknown.

    Raises:
        RimlightError: a component of the run does not open, or fails.
    """
    if config.source.kind not in {"video", "images", "animation"}:
        return None
    with closing(open_source(config.source)) as source:
        info = source.info
    total = _count_frames(info)
    if info.is_live or not total:
        return None
    with TemporaryDirectory(prefix="rimlight-") as folder:
        trial = _make_trial(config, info, Path(folder))
        measured, seconds = _measure(trial, clock)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return Estimate(total, total * seconds / measured, total * size // measured, measured)


def _count_frames(info: SourceInfo) -> int | None:
    if info.count is not None or info.rate is None or info.duration_s is None:
        return info.count
    return max(1, round(info.duration_s * info.rate))


def _make_trial(config: RunConfig, info: SourceInfo, folder: Path) -> RunConfig:
    """Return `config` with its outputs in `folder`, and a long video starting at its middle."""
    source = config.source
    if source.kind == "video" and info.duration_s and info.duration_s > _MAX_S:
        begin = float(info.start_offset) + info.duration_s / 2
        source = source.model_copy(update={"start_s": begin})
    sinks = tuple(_redirect_sink(sink, folder / str(n)) for n, sink in enumerate(config.sinks))
    return config.model_copy(update={"source": source, "sinks": sinks})


def _redirect_sink(sink: SinkConfig, folder: Path) -> SinkConfig:
    """Return `sink` writing into `folder`; a null sink for other kinds than files."""
    if sink.kind not in _FILES:
        return SinkConfig(kind="null", effects=sink.effects)
    folder.mkdir()
    path = folder / ((sink.path or Path("out")).name or "out")
    update: dict[str, object] = {"path": str(path)}
    if sink.kind == "video":
        update |= {"resume": None, "audio": "none"}
    return sink.model_copy(update=update)


def _measure(trial: RunConfig, clock: Callable[[], float]) -> tuple[int, float]:
    """Return the number of frames and the seconds they took, including the final encoding."""
    done: list[float] = []

    def on_frame(_: Frame) -> None:
        done.append(clock())
        is_enough = len(done) >= _MAX_FRAMES or done[-1] - began > _MAX_S
        if is_enough and len(done) >= _MIN_FRAMES:
            run.pipeline.stop()

    with open_pipeline(trial, on_frame=on_frame) as run:
        began = clock()
        run.pipeline.run()
    return max(1, len(done)), clock() - began
