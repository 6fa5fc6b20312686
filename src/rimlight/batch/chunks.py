"""A long video in pieces that are made anywhere, in any order, and joined exactly.

A video sink writes segments of a fixed length, each with an encoder of its own, and smoothing
depends on nothing before the second that leads up to a segment (see `rimlight.factory.resume`).
So a piece, which is some whole segments in a row, needs nothing of the others: its worker reads on
from the input's key frame before that second. The segments are the ones that a run on one machine
makes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rimlight.batch import storage
from rimlight.batch.model_cache import ModelCache
from rimlight.batch.worker import FrameCounter, Outcome, run_config
from rimlight.core.config import RunConfig
from rimlight.core.errors import RimlightError, SourceReadError
from rimlight.factory import resume
from rimlight.media.container import MediaLocation, find_video_stream, open_container
from rimlight.sinks.video.segment_index import (
    Segment,
    SegmentIndex,
    get_index_folder,
    parse_segments,
)
from rimlight.system.av import av

_NAME = "pieces"
"""What the segments' list is called; staging folders have a name of their own for each run."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole segments of a video.

    Attributes:
        number: its place among the pieces.
        begin: when its first frame is shown, None for the first piece.
        end: where the next piece's segments begin, None for the last piece.
    """

    number: int
    begin: Fraction | None
    end: Fraction | None


def split(run: RunConfig, length_s: Fraction) -> list[Chunk]:
    """Return the pieces of a run that reads a local file; fewer than two: it stays whole.

    Args:
        run: with the input's path on this machine.
        length_s: about how long a piece is; at least one segment.
    """
    segment_s = resume.segment_length_s(resume.assign_run_ids(run))
    if segment_s is None or not _is_plain(run):
        return []
    step = max(1, round(length_s / segment_s)) * segment_s
    begins = _first_of_each(_frame_times(Path(run.source.path)), step)
    ends = [number * step for number, _ in begins[1:]]
    return [
        Chunk(place, begin if place else None, end)
        for place, ((_, begin), end) in enumerate(zip(begins, [*ends, None], strict=True))
    ]


@dataclass(frozen=True, slots=True)
class Staging:
    """Where the pieces of one run wait to be joined, and what proves that they are its own.

    Attributes:
        place: a folder that all workers can reach. Others may be able to write to it.
        key: a secret of the run that never lies in `place`; lists of segments are signed with it.
        suffix: of the video, and so of every segment.
    """

    place: str
    key: bytes
    suffix: str

    def known(self, piece: Chunk) -> list[Segment] | None:
        """Return the segments of a piece that is whole, None where it must be made.

        Only a list that a worker of this very run signed is believed, and only while files of the
        sizes that it names are there.
        """
        content = storage.read(self._list_of(piece))
        segments = None if content is None else self._opened(content, piece)
        if segments is None or not all(self._is_there(segment) for segment in segments):
            return None
        return segments

    def keep(self, piece: Chunk, segments: Sequence[Segment], folder: Path) -> None:
        """Store the segments of a piece, whose files lie in `folder`, and then their list.

        Raises:
            SinkError: they cannot be stored.
        """
        for segment in segments:
            storage.store(folder / segment.name, self._place_of(segment))
        listed = [asdict(segment) for segment in segments]
        sealed = {"segments": listed, "seal": self._seal(piece, listed)}
        storage.write(self._list_of(piece), json.dumps(sealed).encode())

    def fetch(self, segment: Segment, file: Path) -> bool:
        """Copy a segment to `file`; return False where it is not what was stored.

        Raises:
            SourceOpenError: it is not there.
        """
        storage.fetch(self._place_of(segment), file)
        return segment.is_intact_in(file)

    def _opened(self, content: bytes, piece: Chunk) -> list[Segment] | None:
        try:
            data = json.loads(content)
            if not hmac.compare_digest(str(data["seal"]), self._seal(piece, data["segments"])):
                return None
            return list(parse_segments(data["segments"], self.suffix))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def _seal(self, piece: Chunk, listed: Any) -> str:
        said = json.dumps([self.place, piece.number, listed], sort_keys=True)
        return hmac.new(self.key, said.encode(), hashlib.sha256).hexdigest()

    def _is_there(self, segment: Segment) -> bool:
        try:
            return bool(storage.facts(self._place_of(segment))[1] == segment.size)
        except (OSError, RimlightError):
            return False

    def _place_of(self, segment: Segment) -> str:
        return storage.below(self.place, segment.name)

    def _list_of(self, piece: Chunk) -> str:
        return storage.below(self.place, f"piece-{piece.number:06d}.json")


def make_chunk(
    run: RunConfig, piece: Chunk, staging: Staging, *, counted: FrameCounter, models: ModelCache
) -> Outcome:
    """Make the segments of one piece and put them into `staging`; one that is there is kept.

    Args:
        run: with the input's path on this machine; its sink names the file that all pieces make.
        piece: what to make.
        staging: takes them.
        counted: sees the frames.
        models: keeps the model open for the next piece.

    Raises:
        RimlightError: it cannot be made. A damaged input makes an empty piece.
    """
    known = staging.known(piece)
    if known is not None:
        return Outcome(frames=sum(segment.frames for segment in known))
    began = time.monotonic()
    with TemporaryDirectory(prefix="rimlight-") as folder:
        path = Path(folder, f"piece{run.sinks[0].options.path.suffix}")
        try:
            run_config(_for_piece(run, piece, path), counted, until=piece.end, models=models)
            segments = _left_in(path)
        except SourceReadError:
            segments = []
        staging.keep(piece, segments, get_index_folder(path))
    return Outcome(sum(segment.frames for segment in segments), time.monotonic() - began)


def join_chunks(
    run: RunConfig, pieces: Sequence[Chunk], staging: Staging, counted: FrameCounter
) -> Outcome:
    """Join what is in `staging` to the file that the run's sink names, a path on this machine.

    Where the pieces do not fit, as those of a damaged input, or somebody changed one, all is done
    again in one go.

    Raises:
        RimlightError: the result cannot be made.
    """
    segments = [one for piece in pieces for one in staging.known(piece) or ()]
    if len(segments) < len(pieces) or not _is_seamless(segments):
        return run_config(run, counted)
    path = run.sinks[0].options.path
    with closing(SegmentIndex(path, _NAME)) as journal:
        are_own = all(staging.fetch(one, journal.folder / one.name) for one in segments)
        journal.segments, journal.is_complete = (segments, True) if are_own else ([], False)
        journal.save()
    if not are_own:
        return run_config(run, counted)
    outcome = run_config(_with_sink(run, {"resume": _NAME}), counted)
    return Outcome(sum(segment.frames for segment in segments), outcome.elapsed_s)


def _is_plain(run: RunConfig) -> bool:
    """Say whether all of the input is written to a single video."""
    options = run.source.given
    whole = not options.get("start_s") and not options.get("end_s")
    return whole and options.get("stride", 1) == 1 and len(run.sinks) == 1


def _frame_times(path: Path) -> list[Fraction]:
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


def _first_of_each(times: Sequence[Fraction], step: Fraction) -> list[tuple[int, Fraction]]:
    """Return (number, first time) of each stretch of `step` seconds that has a frame."""
    first: dict[int, Fraction] = {}
    for at in times:
        first.setdefault(at // step, at)
    return sorted(first.items())


def _for_piece(run: RunConfig, piece: Chunk, path: Path) -> RunConfig:
    """Return the run that makes a piece; the sound comes when all is joined."""
    part = [None if at is None else str(at) for at in (piece.begin, piece.end)]
    changed = {"path": str(path), "resume": _NAME, "part": part, "audio": "none"}
    return _with_sink(run, changed)


def _with_sink(run: RunConfig, changed: Mapping[str, Any]) -> RunConfig:
    return run.model_copy(update={"sinks": (run.sinks[0].model_copy(update=changed),)})


def _left_in(path: Path) -> list[Segment]:
    journal = SegmentIndex(path, _NAME)
    segments = list(journal.segments)
    journal.close()
    return segments


def _is_seamless(segments: Sequence[Segment]) -> bool:
    """Say whether each segment begins with the frame that ended the one before."""
    return all(one.end == other.begin for one, other in pairwise(segments))
