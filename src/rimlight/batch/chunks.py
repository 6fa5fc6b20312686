"""A long video in chunks that are made anywhere, in any order, and joined exactly.

A video sink writes segments of a fixed length, each with an encoder of its own, and smoothing
depends on nothing before the second that leads up to a segment (see `rimlight.factory.resume`).
So a chunk, which is some whole segments in a row, needs nothing of the others: its worker reads on
from the input's key frame before that second. The segments are the ones that a run on one machine
makes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rimlight.batch.caches import ModelCache
from rimlight.batch.staging import Staging
from rimlight.batch.worker import FrameCounter, Outcome, run_config
from rimlight.core.config import RunConfig
from rimlight.core.errors import SourceReadError
from rimlight.factory import resume
from rimlight.media.container import MediaLocation, find_video_stream, open_container
from rimlight.sinks.video.segment_index import (
    Segment,
    SegmentIndex,
    get_index_folder,
)
from rimlight.system.av import av

_NAME = "chunks"
"""What the segments' list is called; staging folders have a name of their own for each run."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole segments of a video.

    Attributes:
        number: its index among the chunks.
        begin: when its first frame is shown, None for the first chunk.
        end: where the next chunk's segments begin, None for the last chunk.
    """

    number: int
    begin: Fraction | None
    end: Fraction | None


def split_into_chunks(run: RunConfig, length_s: Fraction) -> list[Chunk]:
    """Return the chunks of a run that reads a local file; fewer than two: it stays whole.

    Args:
        run: with the input's path on this machine.
        length_s: about how long a chunk is; at least one segment.
    """
    segment_s = resume.segment_length_s(resume.assign_run_ids(run))
    if segment_s is None or not _is_plain(run):
        return []
    step = max(1, round(length_s / segment_s)) * segment_s
    begins = _find_first_of_each(_read_frame_times(Path(run.source.path)), step)
    ends = [number * step for number, _ in begins[1:]]
    return [
        Chunk(number, begin if number else None, end)
        for number, ((_, begin), end) in enumerate(zip(begins, [*ends, None], strict=True))
    ]


def make_chunk(
    run: RunConfig, chunk: Chunk, staging: Staging, *, counter: FrameCounter, models: ModelCache
) -> Outcome:
    """Make the segments of one chunk and put them into `staging`; one that is there is kept.

    Args:
        run: with the input's path on this machine; its sink names the file that all chunks make.
        chunk: what to make.
        staging: takes them.
        counter: sees the frames.
        models: keeps the model open for the next chunk.

    Raises:
        RimlightError: it cannot be made. A damaged input makes an empty chunk.
    """
    known = staging.read_segments(chunk)
    if known is not None:
        return Outcome(frames=sum(segment.frames for segment in known))
    began = time.monotonic()
    with TemporaryDirectory(prefix="rimlight-") as folder:
        path = Path(folder, f"chunk{run.sinks[0].options.path.suffix}")
        try:
            run_config(_configure_chunk(run, chunk, path), counter, until=chunk.end, models=models)
            segments = _read_segments(path)
        except SourceReadError:
            segments = []
        staging.store_segments(chunk, segments, get_index_folder(path))
    return Outcome(sum(segment.frames for segment in segments), time.monotonic() - began)


def join_chunks(
    run: RunConfig, chunks: Sequence[Chunk], staging: Staging, counter: FrameCounter
) -> Outcome:
    """Join what is in `staging` to the file that the run's sink names, a path on this machine.

    Where the chunks do not fit, as those of a damaged input, or somebody changed one, all is done
    again in one go.

    Raises:
        RimlightError: the result cannot be made.
    """
    segments = [one for chunk in chunks for one in staging.read_segments(chunk) or ()]
    if len(segments) < len(chunks) or not _is_seamless(segments):
        return run_config(run, counter)
    path = run.sinks[0].options.path
    with closing(SegmentIndex(path, _NAME)) as journal:
        are_own = all(staging.fetch(one, journal.folder / one.name) for one in segments)
        journal.segments, journal.is_complete = (segments, True) if are_own else ([], False)
        journal.save()
    if not are_own:
        return run_config(run, counter)
    outcome = run_config(_replace_sink_options(run, {"resume": _NAME}), counter)
    return Outcome(sum(segment.frames for segment in segments), outcome.elapsed_s)


def _is_plain(run: RunConfig) -> bool:
    """Say whether all of the input is written to a single video."""
    options = run.source.given
    whole = not options.get("start_s") and not options.get("end_s")
    return whole and options.get("stride", 1) == 1 and len(run.sinks) == 1


def _read_frame_times(path: Path) -> list[Fraction]:
    """Return when each frame is shown, rising; nothing where a frame does not say."""
    target = MediaLocation.parse(str(path))
    times: list[Fraction] = []
    with open_container(target, timeout_s=1.0, transport="tcp") as container:
        try:
            for packet in container.demux(find_video_stream(container, target)):
                if packet.size and packet.pts is None:
                    return []
                if packet.size and packet.pts is not None:
                    times.append(packet.pts * packet.time_base)
        except av.error.FFmpegError:
            return []
    return sorted(times)


def _find_first_of_each(times: Sequence[Fraction], step: Fraction) -> list[tuple[int, Fraction]]:
    """Return (number, first time) of each stretch of `step` seconds that has a frame."""
    first: dict[int, Fraction] = {}
    for at in times:
        first.setdefault(at // step, at)
    return sorted(first.items())


def _configure_chunk(run: RunConfig, chunk: Chunk, path: Path) -> RunConfig:
    """Return the run that makes a chunk; the sound comes when all is joined."""
    part = [None if at is None else str(at) for at in (chunk.begin, chunk.end)]
    changed = {"path": str(path), "resume": _NAME, "part": part, "audio": "none"}
    return _replace_sink_options(run, changed)


def _replace_sink_options(run: RunConfig, changed: Mapping[str, Any]) -> RunConfig:
    return run.model_copy(update={"sinks": (run.sinks[0].model_copy(update=changed),)})


def _read_segments(path: Path) -> list[Segment]:
    journal = SegmentIndex(path, _NAME)
    segments = list(journal.segments)
    journal.close()
    return segments


def _is_seamless(segments: Sequence[Segment]) -> bool:
    """Say whether each segment begins with the frame that ended the one before."""
    return all(one.end == other.begin for one, other in pairwise(segments))
