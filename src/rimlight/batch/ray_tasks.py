"""What a worker on any machine does with a job whose files are somewhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from rimlight.batch import caches, storage
from rimlight.batch.caches import ModelCache, open_cached_input
from rimlight.batch.chunks import Chunk, join_chunks, make_chunk, split_into_chunks
from rimlight.batch.plan import list_images
from rimlight.batch.staging import Staging, upload_result
from rimlight.batch.worker import FrameCounter, Outcome, capture_errors, run_config, use_threads
from rimlight.core.config import RunConfig, parse_run

Files = Mapping[str, bytes]
"""What the run names next to its input, such as a background: path -> content."""

_MODELS = ModelCache()
"""This worker's; Ray gives a worker process one task after the other."""


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job as a worker gets it.

    Attributes:
        run: a RunConfig as data; source and sink as the user named them, paths from the root on.
        threads: what one task may use.
        staging: takes the chunks of this very run.
        chunk_s: about how long a chunk is.
    """

    run: dict[str, Any]
    threads: int
    staging: Staging
    chunk_s: Fraction


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came of a step.

    Attributes:
        outcome: how it ended; None where `chunks` are to be made first.
        chunks: what the job was split into.
        thumbnail: a small JPEG of the result, or nothing.
    """

    outcome: Outcome | None
    chunks: tuple[Chunk, ...] = ()
    thumbnail: bytes = b""


def split_or_run(job: RemoteJob, files: Files) -> TaskResult:
    """Split a job; do one that is not worth splitting, or cannot be, at once."""
    found: list[Chunk] = []

    def act(run: RunConfig, counter: FrameCounter) -> Outcome:
        found.extend(split_into_chunks(run, job.chunk_s) if run.source.kind == "video" else ())
        return Outcome() if len(found) > 1 else run_config(run, counter, models=_MODELS)

    result = _run_on_worker(job, files, act, is_result=lambda: len(found) < 2)
    split_up = len(found) > 1 and result.outcome is not None and not result.outcome.error
    return TaskResult(None, tuple(found)) if split_up else result


def process_chunk(job: RemoteJob, chunk: Chunk, files: Files) -> TaskResult:
    """Make one chunk."""
    result = _run_on_worker(
        job,
        files,
        lambda run, counter: make_chunk(run, chunk, job.staging, counter=counter, models=_MODELS),
        is_result=lambda: False,
    )
    return result if chunk.number == 0 else TaskResult(result.outcome)


def concat_chunks(job: RemoteJob, chunks: Sequence[Chunk], files: Files) -> TaskResult:
    """Join the chunks, and put the result where the run wants it."""
    return _run_on_worker(
        job,
        files,
        lambda run, counter: join_chunks(run, chunks, job.staging, counter),
        is_result=lambda: True,
    )


def _run_on_worker(
    job: RemoteJob,
    files: Files,
    act: Callable[[RunConfig, FrameCounter], Outcome],
    *,
    is_result: Callable[[], bool],
) -> TaskResult:
    """Bring what `act` needs to this machine, let it act, and take the result away."""
    use_threads(job.threads)
    with TemporaryDirectory(prefix="rimlight-") as name, ExitStack() as stack:
        folder = Path(name)
        picture = folder / "thumbnail.jpg"
        counter = FrameCounter(picture, [0])
        local: dict[str, Any] = {}

        def run_job() -> Outcome:
            local.update(_localize(job.run, files, folder, stack))
            run = parse_run(local, where="the batch")
            outcome = act(run, counter)
            if is_result():
                _deliver(run, job)
            return outcome

        outcome = _restore_names(capture_errors(run_job, counter), local, job.run)
        return TaskResult(outcome, thumbnail=picture.read_bytes() if picture.exists() else b"")


def _restore_names(outcome: Outcome, local: Mapping[str, Any], given: Mapping[str, Any]) -> Outcome:
    """Name a copy that was made here by the address that it is a copy of."""
    if not local:
        return outcome
    error = outcome.error.replace(local["source"]["path"], given["source"]["path"])
    return replace(
        outcome, error=error.replace(local["sinks"][0]["path"], given["sinks"][0]["path"])
    )


def _localize(
    run: Mapping[str, Any], files: Files, folder: Path, stack: ExitStack
) -> dict[str, Any]:
    """Return `run` with paths on this machine; `stack` lets go of what was fetched."""
    source, (sink, *more) = dict(run["source"]), run["sinks"]
    if storage.is_url(source["path"]):
        if sink["kind"] == "images":  # a copy here has another name each time
            sink = {**sink, "recorded_name": source["path"]}
        source["path"] = str(_fetch_source(source, folder, stack))
    if storage.is_url(sink["path"]):
        sink = {**sink, "path": str(folder / "result" / PurePosixPath(sink["path"]).name)}
        (folder / "result").mkdir()
    effects = [_write_files(effect, files, folder) for effect in run["effects"]]
    return {**run, "source": source, "sinks": [sink, *more], "effects": effects}


def _fetch_source(source: Mapping[str, Any], folder: Path, stack: ExitStack) -> Path:
    location = source["path"]
    if not storage.is_folder(location):
        return stack.enter_context(open_cached_input(location, caches.get_input_cache_folder()))
    pictures = folder / "input"
    pictures.mkdir()
    for picture in list_images(location):
        storage.fetch(picture, pictures / PurePosixPath(picture).name)
    return pictures


def _write_files(effect: Mapping[str, Any], files: Files, folder: Path) -> dict[str, Any]:
    """Return an effect that names files on this machine."""
    changed = dict(effect)
    for number, (key, value) in enumerate(effect.items()):
        if isinstance(value, str) and value in files:
            path = folder / f"{effect['kind']}-{number}{Path(value).suffix}"
            path.write_bytes(files[value])
            changed[key] = str(path)
    return changed


def _deliver(run: RunConfig, job: RemoteJob) -> None:
    """Put a result where the user wants it, where that is not on this machine."""
    sink = job.run["sinks"][0]
    if storage.is_url(sink["path"]):
        made, overwrite = run.sinks[0].options.path, bool(sink.get("overwrite"))
        upload_result(made, sink["path"], job.staging, overwrite=overwrite)
