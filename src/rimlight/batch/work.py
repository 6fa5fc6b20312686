"""What a worker does: one run, with its frames counted and a picture of the result kept."""

from __future__ import annotations

import signal
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rimlight.config import load_run
from rimlight.errors import RimlightError

if TYPE_CHECKING:
    from rimlight.frame import Frame
    from rimlight.pipeline.runner import Pipeline

_THUMBNAIL_SIDE_PX = 240
_SHOWN_FRAMES = (0, 30, 300)
"""The last of these that there is becomes the thumbnail: first frames are often black."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one task ended; `error` is empty when it went well."""

    frames: int = 0
    elapsed_s: float = 0.0
    error: str = ""
    hint: str = ""


def work(
    run: dict[str, Any],
    thumbnail: Path,
    place: int,
    counters: MutableSequence[int],
    answer: Connection,
) -> None:
    """Process one task and send its Outcome; the whole of a worker process.

    Args:
        run: a RunConfig as data.
        thumbnail: where to write a small JPEG of the result.
        place: the counter to raise with every frame.
        counters: shared by all workers.
        answer: takes the Outcome.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides, and sends SIGTERM

    def on_frame(frame: Frame) -> None:
        if counters[place] in _SHOWN_FRAMES:
            _write_thumbnail(frame, thumbnail)
        counters[place] += 1

    try:
        outcome = _run(run, on_frame)
    except RimlightError as exc:
        outcome = Outcome(counters[place], error=str(exc), hint=exc.hint or "")
    except Exception as exc:  # a fault of ours must not stop the other files
        outcome = Outcome(counters[place], error=f"{type(exc).__name__}: {exc}")
    answer.send(outcome)


def _run(run: dict[str, Any], on_frame: Callable[[Frame], None]) -> Outcome:
    from rimlight.build import open_run

    with open_run(load_run(run, where="the batch"), on_frame=on_frame) as opened:
        stopped = _stop_on_sigterm(opened.pipeline)
        stats = opened.pipeline.run()
    if stopped:
        return Outcome(stats.frames, stats.elapsed_s, error="stopped before its end")
    return Outcome(stats.frames, stats.elapsed_s)


def _stop_on_sigterm(pipeline: Pipeline) -> list[int]:
    """Let SIGTERM end the run in order; the list then holds the signal."""
    received: list[int] = []

    def stop(number: int, _: object) -> None:
        received.append(number)
        pipeline.stop()

    signal.signal(signal.SIGTERM, stop)
    return received


def _write_thumbnail(frame: Frame, path: Path) -> None:
    import cv2

    width, height = frame.size
    scale = _THUMBNAIL_SIDE_PX / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame.bgr, size, interpolation=cv2.INTER_AREA)
    path.write_bytes(cv2.imencode(".jpg", small)[1].tobytes())
