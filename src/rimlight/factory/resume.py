"""Going on with a run that broke off: what is written is kept, what is missing is made.

A video sink with `resume: auto` writes whole segments and keeps a list of them. The same run, by
its configuration and its input, finds the list and reads on where it ends.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rimlight import __version__
from rimlight.core.config import RunConfig, SinkConfig
from rimlight.core.errors import SourceReadError
from rimlight.core.protocols import Refiner, Segmenter, Sink, Source
from rimlight.factory.identity import describe_contents
from rimlight.factory.segmenter import is_stateful
from rimlight.pipeline.stats import Stats
from rimlight.system.fingerprints import compute_fingerprint, compute_identity

WARM_S = Fraction(1)
"""Masks are refined from this long before a segment on; see `RestartingRefiner`."""

_NOT_OF_THE_RESULT = frozenset(
    {"path", "overwrite", "record", "resume", "thread", "optional", "threads"}
)
_OF_THE_RESULT = frozenset({"overflow", "mask_sync", "max_mask_age_s", "jit"})
"""Of the pipeline's options."""


@runtime_checkable
class Resumable(Protocol):
    """A sink that can go on with what an earlier run left."""

    @property
    def resume_at(self) -> Fraction | None:
        """When the first frame that is still wanted is shown; None when all are."""
        ...

    @property
    def is_complete(self) -> bool:
        """Nothing is missing but the last step of `close`."""
        ...

    @property
    def frames(self) -> tuple[int, int]:
        """How many frames earlier runs wrote, and how many this one has taken."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know about what an earlier run left."""
        ...

    def mark_partial(self) -> None:
        """Say that what was written is not all."""
        ...


@runtime_checkable
class Pausable(Protocol):
    """A sink that wants to know when it did not receive all frames."""

    def mark_partial(self) -> None:
        """Tell it so."""
        ...


@runtime_checkable
class Seekable(Protocol):
    """A source that can leave out what is done already."""

    @property
    def is_exhausted(self) -> bool:
        """Its frames were all taken."""
        ...

    def resume(self, pts: Fraction, *, lead_s: Fraction) -> None:
        """Leave out what lies between the first frame and `lead_s` seconds before `pts`."""
        ...


def assign_run_ids(config: RunConfig) -> RunConfig:
    """Return `config` with the run's name in every video sink that asks for "auto".

    Only a local video file can be gone on with, and not where objects are numbered from the start
    on; all else is written in one go.
    """
    sinks = tuple(_named(sink, config) for sink in config.sinks)
    return config if sinks == config.sinks else config.model_copy(update={"sinks": sinks})


def open_refiners(config: RunConfig) -> Sequence[Refiner]:
    """Open the refiners of `config`; their state ends with a segment where that matters."""

    def open_chain() -> Sequence[Refiner]:
        return [refiner.open() for refiner in config.refiners]

    length = segment_length_s(config)
    if length is None or not config.refiners:
        return open_chain()
    from rimlight.refiners.restarts import RestartingRefiner

    return [RestartingRefiner(open_chain, segment_s=length, warm_s=WARM_S)]


def open_segmenter(config: RunConfig, open_segmenter: Callable[[], Segmenter]) -> Segmenter:
    """Open the segmenter; one that depends on earlier frames restarts with each segment."""
    length = segment_length_s(config)
    if length is None or not _follows(config):
        return open_segmenter()
    from rimlight.factory.segment_state import PerSegmentSegmenter

    return PerSegmentSegmenter(open_segmenter, segment_s=length)


def skip_finished(config: RunConfig, source: Source, sinks: Sequence[Sink]) -> list[str]:
    """Let `source` leave out what all `sinks` have already; return what the user should know."""
    states = [sink for sink in sinks if isinstance(sink, Resumable)]
    notes = [note for state in states for note in state.notes]
    if len(states) < len(sinks) or not isinstance(source, Seekable):
        return notes
    if all(state.is_complete for state in states):
        source.close()
        return [*notes, "all frames were written by an earlier run; joining them"]
    moments = [state.resume_at for state in states if not state.is_complete]
    known = [moment for moment in moments if moment is not None]
    if not known or len(known) < len(moments):
        return notes
    at = min(known)
    length = segment_length_s(config) or Fraction(0)
    # Refiners are warmed up by masks, and the masks of one that follows need its whole segment.
    warm_s = length if _follows(config) else WARM_S
    source.resume(at, lead_s=at % length + warm_s)
    return [*notes, f"an earlier run got as far as {_clock(at)}; going on from there"]


def mark_partial(source: Source, sinks: Sequence[Sink], *, cut_short: bool = False) -> None:
    """Before the sinks are closed: let them know when they have not got all of the source.

    Args:
        source: tells whether its frames were all taken.
        sinks: those of the run.
        cut_short: some frames were taken and did not come to the sinks.
    """
    for sink in _unfinished(source, sinks, cut_short=cut_short):
        sink.mark_partial()
    if isinstance(source, Seekable) and (cut_short or not source.is_exhausted):
        for one in sinks:
            if isinstance(one, Pausable) and not isinstance(one, Resumable):
                one.mark_partial()


def is_unfinished(source: Source, sinks: Sequence[Sink], *, cut_short: bool) -> bool:
    """Return True if a sink that can be resumed has not received all of the source."""
    return bool(_unfinished(source, sinks, cut_short=cut_short))


def count_frames(stats: Stats, sinks: Sequence[Sink]) -> Stats:
    """Return the figures of a run that was resumed: frames of the lead are not counted."""
    counts = [sink.frames for sink in sinks if isinstance(sink, Resumable)]
    earlier, now = counts[0] if counts else (0, 0)
    return replace(stats, frames=now, earlier=earlier) if earlier else stats


@contextmanager
def check_input_unchanged(
    config: RunConfig, source: Source, sinks: Sequence[Sink]
) -> Iterator[None]:
    """Find out whether the input changes while the block reads it.

    Then what the sinks have is a part only, and the next run starts over.

    Raises:
        SourceReadError: it was read to its end, and is another file now.
    """
    before = _input_content(config)
    try:
        yield
    except SourceReadError:
        if _input_content(config) != before:
            _pause(sinks)
        raise
    if isinstance(source, Seekable) and source.is_exhausted and _input_content(config) != before:
        _pause(sinks)
        name = config.source.path
        raise SourceReadError(
            f"{name} changed while it was read: what came later is missing",
            hint="when the file is complete, run the same command again: it starts over",
        )


def _input_content(config: RunConfig) -> list[Any]:
    """Return what tells a video file from another; nothing of any other source."""
    path = Path(os.path.expanduser(config.source.path))
    with suppress(OSError):
        if config.source.kind == "video" and os.path.isfile(path):
            return compute_fingerprint(path)
    return []


def _pause(sinks: Sequence[Sink]) -> None:
    for sink in sinks:
        if isinstance(sink, Resumable):
            sink.mark_partial()


def _unfinished(source: Source, sinks: Sequence[Sink], *, cut_short: bool) -> list[Resumable]:
    if not isinstance(source, Seekable) or (source.is_exhausted and not cut_short):
        return []
    return [sink for sink in sinks if isinstance(sink, Resumable) and not sink.is_complete]


def segment_length_s(config: RunConfig) -> Fraction | None:
    """Return how long a segment is, None when nothing is written in segments."""
    return min(
        (length for sink in config.sinks if (length := _segment_s(sink)) is not None), default=None
    )


def _named(sink: SinkConfig, config: RunConfig) -> SinkConfig:
    if sink.kind != "video" or sink.options.resume != "auto":
        return sink
    path = Path(os.path.expanduser(config.source.path))
    is_file = config.source.kind == "video" and os.path.isfile(path) and not sink.thread
    is_file = is_file and os.access(path, os.R_OK)
    lasting = any(part.component_class.stateful for part in config.refiners) or any(
        part.component_class.is_stateful(part.options) for part in config.effects
    )
    name = _fingerprint(sink, config, path) if is_file and not lasting else None
    return sink.with_options(resume=name)


def _follows(config: RunConfig) -> bool:
    """Say whether a mask depends on the frames before."""
    return is_stateful(config.segmenter)


def _segment_s(sink: SinkConfig) -> Fraction | None:
    if sink.kind != "video" or sink.options.resume is None:
        return None
    length: Fraction = sink.options.segment_s
    return length


def _fingerprint(sink: SinkConfig, config: RunConfig, source: Path) -> str:
    """Return a hash of all that decides over the pictures: input, parts, files and versions."""
    run = config.model_dump(mode="json", exclude={"sinks", "source"})
    read = config.source.model_dump(mode="json")
    for part in (read, run["segmenter"]):
        part.pop("threads", None)
    run["pipeline"] = {k: v for k, v in run["pipeline"].items() if k in _OF_THE_RESULT}
    own = {k: v for k, v in sink.model_dump(mode="json").items() if k not in _NOT_OF_THE_RESULT}
    named = describe_contents({**run, "sink": own})
    facts = [__version__, read, run, own, source.suffix, compute_identity(source), named]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _clock(time_s: Fraction) -> str:
    minutes, seconds = divmod(int(time_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
