"""What a worker on any machine does with a job whose files are somewhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from rimlight.batch import input_cache, storage, stored
from rimlight.batch.chunks import Chunk, Staging, join_chunks, make_chunk, split
from rimlight.batch.model_cache import ModelCache
from rimlight.batch.plan import pictures_in
from rimlight.batch.worker import FrameCounter, Outcome, capture_errors, run_config, use_threads
from rimlight.core.config import RunConfig, parse_run

Files = Mapping[str, bytes]
"""What the run names beside its input, such as a background: path -> content."""

_MODELS = ModelCache()
"""This worker's; Ray gives a worker process one task after the other."""


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job as a worker gets it.

    Attributes:
        run: a RunConfig as data; source and sink as the user named them, paths from the root on.
        threads: what one task may use.
        staging: takes the pieces of this very run.
        piece_s: about how long a piece is.
    """

    run: dict[str, Any]
    threads: int
    staging: Staging
    piece_s: Fraction


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came of a step.

    Attributes:
        outcome: how it ended; None where `pieces` are to be made first.
        pieces: what the job was split into.
        thumbnail: a small JPEG of the result, or nothing.
    """

    outcome: Outcome | None
    pieces: tuple[Chunk, ...] = ()
    thumbnail: bytes = b""


def split_or_run(order: RemoteJob, files: Files) -> TaskResult:
    """Split a job; do one that is not worth splitting, or cannot be, at once."""
    found: list[Chunk] = []

    def act(run: RunConfig, counted: FrameCounter) -> Outcome:
        found.extend(split(run, order.piece_s) if run.source.kind == "video" else ())
        return Outcome() if len(found) > 1 else run_config(run, counted, models=_MODELS)

    answer = _done(order, files, act, is_result=lambda: len(found) < 2)
    split_up = len(found) > 1 and answer.outcome is not None and not answer.outcome.error
    return TaskResult(None, tuple(found)) if split_up else answer


def process_chunk(order: RemoteJob, piece: Chunk, files: Files) -> TaskResult:
    """Make one piece."""
    answer = _done(
        order,
        files,
        lambda run, counted: make_chunk(run, piece, order.staging, counted=counted, models=_MODELS),
        is_result=lambda: False,
    )
    return answer if piece.number == 0 else TaskResult(answer.outcome)


def concat_chunks(order: RemoteJob, pieces: Sequence[Chunk], files: Files) -> TaskResult:
    """Join the pieces, and put the result in its place."""
    return _done(
        order,
        files,
        lambda run, counted: join_chunks(run, pieces, order.staging, counted),
        is_result=lambda: True,
    )


def _done(
    order: RemoteJob,
    files: Files,
    act: Callable[[RunConfig, FrameCounter], Outcome],
    *,
    is_result: Callable[[], bool],
) -> TaskResult:
    """Bring what `act` needs to this machine, let it act, and take the result away."""
    use_threads(order.threads)
    with TemporaryDirectory(prefix="rimlight-") as name, ExitStack() as stack:
        folder = Path(name)
        picture = folder / "thumbnail.jpg"
        counted = FrameCounter(picture, [0])
        local: dict[str, Any] = {}

        def whole() -> Outcome:
            local.update(_at_hand(order.run, files, folder, stack))
            run = parse_run(local, where="the batch")
            outcome = act(run, counted)
            if is_result():
                _take_away(run, order)
            return outcome

        outcome = _in_the_users_words(capture_errors(whole, counted), local, order.run)
        return TaskResult(outcome, thumbnail=picture.read_bytes() if picture.exists() else b"")


def _in_the_users_words(
    outcome: Outcome, local: Mapping[str, Any], said: Mapping[str, Any]
) -> Outcome:
    """Name a copy that was made here by the address that it is a copy of."""
    if not local:
        return outcome
    error = outcome.error.replace(local["source"]["path"], said["source"]["path"])
    return replace(
        outcome, error=error.replace(local["sinks"][0]["path"], said["sinks"][0]["path"])
    )


def _at_hand(
    run: Mapping[str, Any], files: Files, folder: Path, stack: ExitStack
) -> dict[str, Any]:
    """Return `run` with paths on this machine; `stack` lets go of what was fetched."""
    source, (sink, *more) = dict(run["source"]), run["sinks"]
    if storage.is_url(source["path"]):
        if sink["kind"] == "images":  # a copy here has another name each time
            sink = {**sink, "recorded_name": source["path"]}
        source["path"] = str(_fetched(source, folder, stack))
    if storage.is_url(sink["path"]):
        sink = {**sink, "path": str(folder / "result" / PurePosixPath(sink["path"]).name)}
        (folder / "result").mkdir()
    effects = [_with_files(effect, files, folder) for effect in run["effects"]]
    return {**run, "source": source, "sinks": [sink, *more], "effects": effects}


def _fetched(source: Mapping[str, Any], folder: Path, stack: ExitStack) -> Path:
    place = source["path"]
    if not storage.is_folder(place):
        return stack.enter_context(input_cache.cached_input(place, input_cache.folder()))
    pictures = folder / "input"
    pictures.mkdir()
    for picture in pictures_in(place):
        storage.fetch(picture, pictures / PurePosixPath(picture).name)
    return pictures


def _with_files(effect: Mapping[str, Any], files: Files, folder: Path) -> dict[str, Any]:
    """Return an effect that names files on this machine."""
    changed = dict(effect)
    for number, (key, value) in enumerate(effect.items()):
        if isinstance(value, str) and value in files:
            path = folder / f"{effect['kind']}-{number}{Path(value).suffix}"
            path.write_bytes(files[value])
            changed[key] = str(path)
    return changed


def _take_away(run: RunConfig, order: RemoteJob) -> None:
    """Put a result where the user wants it, where that is not on this machine."""
    sink = order.run["sinks"][0]
    if storage.is_url(sink["path"]):
        made, overwrite = run.sinks[0].options.path, bool(sink.get("overwrite"))
        stored.deliver(made, sink["path"], order.staging, overwrite=overwrite)
