"""A long video in pieces that are made anywhere, in any order, and joined exactly.

A video sink writes segments of a fixed length, each with an encoder of its own, and smoothing
depends on nothing before the second that leads up to a segment (see `rimlight.resume`). So a piece,
which is some whole segments in a row, needs nothing of the others: its worker reads on from the
input's key frame before that second. The segments are the ones that a run on one machine makes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rimlight import resume
from rimlight.batch import storage
from rimlight.batch.held import HeldModels
from rimlight.batch.work import Counted, Outcome, carry_out
from rimlight.config import RunConfig
from rimlight.errors import SourceReadError
from rimlight.libav import av
from rimlight.media.opening import Target, open_container, video_stream
from rimlight.sinks.journal import Journal, Segment, folder_of

_NAME = "pieces"
"""What the segments' list is called; staging folders have a name of their own for each run."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some whole segments of a video.

    Attributes:
        number: its place among the pieces.
        begin: when its first frame is shown, None for the first piece.
        end: where the next piece's segments begin, None for the last piece.
    """

    number: int
    begin: Fraction | None
    end: Fraction | None


def split(run: RunConfig, length_s: Fraction) -> list[Piece]:
    """Return the pieces of a run that reads a local file; fewer than two: it stays whole.

    Args:
        run: with the input's path on this machine.
        length_s: about how long a piece is; at least one segment.
    """
    segment_s = resume.segment_length_s(resume.named(run))
    if segment_s is None or not _is_plain(run):
        return []
    step = max(1, round(length_s / segment_s)) * segment_s
    begins = _first_of_each(_frame_times(Path(run.source.options["path"])), step)
    ends = [number * step for number, _ in begins[1:]]
    return [
        Piece(place, begin if place else None, end)
        for place, ((_, begin), end) in enumerate(zip(begins, [*ends, None], strict=True))
    ]


def make_piece(
    run: RunConfig, piece: Piece, staging: str, *, counted: Counted, models: HeldModels
) -> Outcome:
    """Make the segments of one piece and put them into `staging`; one that is there is kept.

    Args:
        run: with the input's path on this machine; its sink names the file that all pieces make.
        piece: what to make.
        staging: a folder that all workers can reach.
        counted: sees the frames.
        models: keeps the model open for the next piece.

    Raises:
        RimlightError: it cannot be made. A damaged input makes an empty piece.
    """
    known = _known(staging, piece)
    if known is not None:
        return Outcome(frames=sum(segment.frames for segment in known))
    began = time.monotonic()
    with TemporaryDirectory(prefix="rimlight-") as folder:
        path = Path(folder, f"piece{Path(run.sinks[0].options['path']).suffix}")
        try:
            carry_out(_for_piece(run, piece, path), counted, until=piece.end, models=models)
            segments = _left_in(path)
        except SourceReadError:
            segments = []
        for segment in segments:
            local = folder_of(path) / segment.name
            storage.store(local, storage.below(staging, segment.name))
    listed = json.dumps([asdict(segment) for segment in segments])
    storage.write(_list_of(staging, piece), listed.encode())
    return Outcome(sum(segment.frames for segment in segments), time.monotonic() - began)


def join_pieces(run: RunConfig, pieces: Sequence[Piece], staging: str, counted: Counted) -> Outcome:
    """Join what is in `staging` to the file that the run's sink names, a path on this machine.

    Where the pieces do not fit, as those of a damaged input, all is done again in one go.

    Raises:
        RimlightError: the result cannot be made.
    """
    segments = [one for piece in pieces for one in _known(staging, piece) or ()]
    if len(segments) < len(pieces) or not _is_seamless(segments):
        return carry_out(run, counted)
    path = Path(run.sinks[0].options["path"])
    with closing(Journal(path, _NAME)) as journal:
        for segment in segments:
            storage.fetch(storage.below(staging, segment.name), journal.folder / segment.name)
        journal.segments, journal.complete = segments, True
        journal.save()
    outcome = carry_out(_with_sink(run, {"resume": _NAME}), counted)
    return Outcome(sum(segment.frames for segment in segments), outcome.elapsed_s)


def _is_plain(run: RunConfig) -> bool:
    """Say whether all of the input is written to a single video."""
    options = run.source.options
    whole = not options.get("start_s") and not options.get("end_s")
    return whole and options.get("every", 1) == 1 and len(run.sinks) == 1


def _frame_times(path: Path) -> list[Fraction]:
    """Return when each frame is shown, rising; nothing where a frame does not say."""
    target = Target.parse(str(path))
    times: list[Fraction] = []
    with open_container(target, timeout_s=1.0, transport="tcp") as container:
        try:
            for packet in container.demux(video_stream(container, target)):
                if packet.size and packet.pts is None:
                    return []
                if packet.size and packet.pts is not None:
                    times.append(packet.pts * packet.time_base)
        except av.error.FFmpegError:
            return []
    return sorted(times)


def _first_of_each(times: Sequence[Fraction], step: Fraction) -> list[tuple[int, Fraction]]:
    """Return (number, first time) of each stretch of `step` seconds that has a frame."""
    first: dict[int, Fraction] = {}
    for at in times:
        first.setdefault(at // step, at)
    return sorted(first.items())


def _for_piece(run: RunConfig, piece: Piece, path: Path) -> RunConfig:
    """Return the run that makes a piece; the sound comes when all is joined."""
    part = [None if at is None else str(at) for at in (piece.begin, piece.end)]
    changed = {"path": str(path), "resume": _NAME, "part": part, "audio": False}
    return _with_sink(run, changed)


def _with_sink(run: RunConfig, changed: Mapping[str, Any]) -> RunConfig:
    return run.model_copy(update={"sinks": (run.sinks[0].model_copy(update=changed),)})


def _left_in(path: Path) -> list[Segment]:
    journal = Journal(path, _NAME)
    segments = list(journal.segments)
    journal.close()
    return segments


def _is_seamless(segments: Sequence[Segment]) -> bool:
    """Say whether each segment begins with the frame that ended the one before."""
    return all(one.end == other.begin for one, other in pairwise(segments))


def _list_of(staging: str, piece: Piece) -> str:
    return storage.below(staging, f"piece-{piece.number:06d}.json")


def _known(staging: str, piece: Piece) -> list[Segment] | None:
    content = storage.read(_list_of(staging, piece))
    return None if content is None else list(_parsed(content))


def _parsed(content: bytes) -> Iterator[Segment]:
    for data in json.loads(content):
        yield Segment(**{**data, "early": tuple(data["early"])})
