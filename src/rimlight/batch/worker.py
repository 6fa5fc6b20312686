"""What a worker does: one run, with its frames counter and a picture of the result kept."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, MutableSequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rimlight.core.config import RunConfig, parse_run
from rimlight.core.errors import RimlightError, SinkError
from rimlight.core.printable import keep_log_printable
from rimlight.system.atomic_io import write_bytes

if TYPE_CHECKING:
    from rimlight.batch.caches import ModelCache
    from rimlight.core.frame import Frame
    from rimlight.pipeline.live import LivePipeline
    from rimlight.pipeline.pipeline import Pipeline

_log = logging.getLogger(__name__)

_LOOK_S = 0.25
_THUMBNAIL_SIDE_PX = 240
_SHOWN_FRAMES = (0, 30, 300)
"""The last of these that there is becomes the thumbnail: first frames are often black."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one task ended; `error` is empty when it went well.

    `retryable` marks a failure that is not the input's: there was no room, or no right to write.
    """

    frames: int = 0
    elapsed_s: float = 0.0
    error: str = ""
    hint: str = ""
    retryable: bool = False


class FrameCounter:
    """Counts the frames of a run, and keeps a small picture of the result.

    Args:
        thumbnail: where to write it, a JPEG; None for no picture.
        counters: may be shared with other processes.
        index: which of them to raise.
    """

    def __init__(
        self, thumbnail: Path | None, counters: MutableSequence[int], index: int = 0
    ) -> None:
        self._thumbnail = thumbnail
        self._counters = counters
        self._index = index

    @property
    def frames(self) -> int:
        """How many there were."""
        return self._counters[self._index]

    def __call__(self, frame: Frame) -> None:
        """Count one frame."""
        if self._thumbnail and self._counters[self._index] in _SHOWN_FRAMES:
            _write_thumbnail(frame, self._thumbnail)
        self._counters[self._index] += 1


def run_worker(
    run: dict[str, Any],
    counter: FrameCounter,
    threads: int,
    connection: Connection,
) -> None:
    """Process one task and send its Outcome; the whole of a worker process.

    Args:
        run: a RunConfig as data.
        counter: sees every frame.
        threads: for what OpenCV does; 0 for as many as it likes.
        connection: takes the Outcome.
    """
    for number in (signal.SIGINT, signal.SIGHUP):  # the main process decides, and sends SIGTERM
        signal.signal(number, signal.SIG_IGN)
    keep_log_printable()
    _exit_with_parent()
    use_threads(threads)

    def run_task() -> Outcome:
        return run_config(parse_run(run, where="the batch"), counter, on_open=_obey_sigterm)

    outcome = capture_errors(run_task, counter)
    with suppress(BrokenPipeError):  # the main process was killed: nobody asks any more
        connection.send(outcome)


def _exit_with_parent() -> None:
    """Die soon after the main process was killed, so that the next one finds the files free."""
    parent = os.getppid()
    main = multiprocessing.parent_process()
    if main is not None:  # it may have died before this process began
        parent = main.pid or parent

    def check_parent(*_: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGALRM, check_parent)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_S, _LOOK_S)


def use_threads(count: int) -> None:
    """Limit OpenCV to `count` threads; 0 changes nothing."""
    import cv2

    if count:
        cv2.setNumThreads(count)


def capture_errors(act: Callable[[], Outcome], counter: FrameCounter) -> Outcome:
    """Return what `act` returns, or an Outcome that tells why it failed."""
    try:
        return act()
    except RimlightError as exc:
        retryable = isinstance(exc, SinkError)
        return Outcome(counter.frames, error=str(exc), hint=exc.hint or "", retryable=retryable)
    except Exception as exc:  # a fault of ours must not stop the other files
        return Outcome(counter.frames, error=f"{type(exc).__name__}: {exc}")


def run_config(
    run: RunConfig,
    counter: FrameCounter,
    *,
    until: Fraction | None = None,
    on_open: Callable[[Pipeline | LivePipeline], list[int]] | None = None,
    models: ModelCache | None = None,
) -> Outcome:
    """Do one run.

    Args:
        run: the run.
        counter: sees every frame.
        until: a frame that is not before this is the last one; None for all frames.
        on_open: gets the pipeline; what it returns holds something when the run was to end early.
        models: keeps the model open for the next run; None: it is closed with this one.

    Raises:
        RimlightError: whatever went wrong.
    """
    from rimlight.factory.pipeline import open_pipeline
    from rimlight.factory.resume import count_frames
    from rimlight.factory.segmenter import open_segmenter

    def on_frame(frame: Frame) -> None:
        counter(frame)
        if until is not None and frame.pts >= until:
            opened.pipeline.stop()

    opener = models.open if models else open_segmenter
    with open_pipeline(run, on_frame=on_frame, open_model=opener) as opened:
        # What folders hold besides images, the plan has already reported for all of them.
        for note in () if opened.info.is_image_sequence else opened.info.notes:
            _log.warning("%s: %s", opened.info.name, note.removeprefix(f"{opened.info.name}: "))
        stopped = on_open(opened.pipeline) if on_open else []
        stats = count_frames(opened.pipeline.run(), opened.sinks)
    frames = stats.earlier + stats.frames
    if stopped:
        return Outcome(frames, stats.elapsed_s, error="stopped before its end", retryable=True)
    return Outcome(frames, stats.elapsed_s)


def _obey_sigterm(pipeline: Pipeline | LivePipeline) -> list[int]:
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
    write_bytes(path, cv2.imencode(".jpg", small)[1].tobytes())
