"""How long a run will take and how large its result will be, from a few of its frames."""

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

_FRAMES = 64
_SECONDS = 4.0
_LEAST = 8
_FILES = frozenset({"video", "images"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will come to.

    Attributes:
        frames: that it has.
        seconds: that it takes on this machine, as busy as it is now.
        size_bytes: of all its files, without sound.
        measured: frames that the figures come from.
    """

    frames: int
    seconds: float
    size_bytes: int
    measured: int


def estimate(config: RunConfig, *, clock: Callable[[], float] = time.monotonic) -> Estimate | None:
    """Run a few frames of `config` into a folder that is thrown away.

    Of a video they come from its middle, of pictures they are the first; at most 64, and no more
    than some seconds of work.

    Args:
        config: a run; nothing that it names is written.
        clock: monotonic seconds.

    Returns:
        None where it is not known how many frames there will be.

    Raises:
        RimlightError: a part of the run does not open, or fails.
    """
    if config.source.kind not in {"video", "images", "animation"}:
        return None
    with closing(open_source(config.source)) as source:
        info = source.info
    total = _count(info)
    if info.is_live or not total:
        return None
    with TemporaryDirectory(prefix="rimlight-") as folder:
        trial = _trial(config, info, Path(folder))
        measured, seconds = _measure(trial, clock)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return Estimate(total, total * seconds / measured, total * size // measured, measured)


def _count(info: SourceInfo) -> int | None:
    if info.count is not None or info.rate is None or info.duration_s is None:
        return info.count
    return max(1, round(info.duration_s * info.rate))


def _trial(config: RunConfig, info: SourceInfo, folder: Path) -> RunConfig:
    """Return `config` with its results in `folder` and, of a video, from the middle on."""
    source = config.source
    if source.kind == "video" and info.duration_s and info.duration_s > _SECONDS:
        begin = float(info.start_offset) + info.duration_s / 2
        source = source.model_copy(update={"start_s": begin})
    sinks = tuple(_aside(sink, folder / str(n)) for n, sink in enumerate(config.sinks))
    return config.model_copy(update={"source": source, "sinks": sinks})


def _aside(sink: SinkConfig, folder: Path) -> SinkConfig:
    """Return `sink` writing into `folder`; one that is no file writes nowhere."""
    if sink.kind not in _FILES:
        return SinkConfig(kind="null", effects=sink.effects)
    folder.mkdir()
    place = folder / (Path(str(sink.options.get("path", "out"))).name or "out")
    update: dict[str, object] = {"path": str(place)}
    if sink.kind == "video":
        update |= {"resume": None, "audio": False}
    return sink.model_copy(update=update)


def _measure(trial: RunConfig, clock: Callable[[], float]) -> tuple[int, float]:
    """Return how many frames were made and the seconds they took, encoding to the end."""
    done: list[float] = []

    def on_frame(_: Frame) -> None:
        done.append(clock())
        enough = len(done) >= _FRAMES or done[-1] - begun > _SECONDS
        if enough and len(done) >= _LEAST:
            run.pipeline.stop()

    with open_pipeline(trial, on_frame=on_frame) as run:
        begun = clock()
        run.pipeline.run()
    return max(1, len(done)), clock() - begun
