"""Track objects through a film in both directions, to cover them between detections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import is_continuous
from rimlight.imaging.geometry import compute_iou
from rimlight.refiners.track import BoxFilter
from rimlight.segmenters.detections import Detections

Boxes = NDArray[np.float64]

START_SCORE = 0.5
"""Score from which a detection begins a track; a weaker one only continues one (ByteTrack, Zhang et
al., ECCV 2022)."""
HOLD_FRAMES = 12
"""Frames for which an object stays covered before it is first and after it is last detected."""
HOLD_S = 0.6
"""The same in seconds, where that is longer."""
_MIN_IOU = 0.15
_SEARCH = 0.4
"""How much larger than its box an object is searched for, in shares of the box's sides."""
_GROWTH = 0.03
"""How much a held box grows with each frame, in shares of its sides."""
_SPEED_FRAMES = 5
"""Detections from which the speed at the end of a track is taken."""


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """What a detector found in one frame.

    Attributes:
        pts: time of the frame in seconds.
        found: boxes as shares of the frame.
    """

    pts: Fraction
    found: Detections


@dataclass(frozen=True, slots=True)
class Cover:
    """One covered object of a frame.

    Attributes:
        box: (left, top, right, bottom) as shares of the frame.
        class_id: its class.
        score: of the detection; 0 for an object that is held.
        is_held: it was not detected in this frame, but in one before or after it.
    """

    box: tuple[float, float, float, float]
    class_id: int
    score: float
    is_held: bool


@dataclass
class _Track:
    """One object: where it was detected, by the number of the frame."""

    class_id: int
    filter: BoxFilter
    hits: dict[int, tuple[Boxes, float]] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """Number of the last frame in which it was detected."""
        return next(reversed(self.hits))


def cover_tracks(
    frames: Sequence[FoundFrame], *, start_score: float = START_SCORE
) -> list[list[Cover]]:
    """Return what is covered in each frame: what is detected there, before or after.

    Objects are followed forwards and backwards. Between two detections a box moves in a straight
    line; beyond the last one in each direction, it is held for a while where it was and where its
    speed would take it.

    Args:
        frames: of one film, in order.
        start_score: minimum score of at least one detection of a track.
    """
    covers: list[list[Cover]] = [[] for _ in frames]
    count = len(frames)
    for step in (1, -1):
        for track in _link(frames[::step], start_score):
            for number, cover in _extend(track, [frame.pts for frame in frames[::step]]):
                covers[number if step > 0 else count - 1 - number].append(cover)
    return [_drop_repeated(found) for found in covers]


def compute_hold_frames(interval_s: float) -> int:
    """Return for how many frames of that interval an object is held."""
    return max(HOLD_FRAMES, round(HOLD_S / max(interval_s, 1e-3)))


def _link(frames: Sequence[FoundFrame], start_score: float) -> list[_Track]:
    """Return the tracks of a film; `frames` may run backwards."""
    active: list[_Track] = []
    done: list[_Track] = []
    for number, frame in enumerate(frames):
        if number and not _is_continuous(frames[number - 1].pts, frame.pts):
            done, active = done + active, []
        for track in active:
            track.filter.predict()
        left = _continue_tracks(active, number, frame.found)
        for index in left:
            if frame.found.scores[index] >= start_score:
                box = frame.found.boxes[index].astype(np.float64)
                track = _Track(int(frame.found.class_ids[index]), BoxFilter(box))
                track.hits[number] = box, float(frame.found.scores[index])
                active.append(track)
        limit = _hold_at(frames, number)
        done += [track for track in active if number - track.last > limit]
        active = [track for track in active if number - track.last <= limit]
    return done + active


def _is_continuous(before: Fraction, after: Fraction) -> bool:
    """Return True if two frames follow each other in either direction."""
    return is_continuous(min(before, after), max(before, after))


def _hold_at(frames: Sequence[FoundFrame], number: int) -> int:
    if not number:
        return HOLD_FRAMES
    return compute_hold_frames(abs(float(frames[number].pts - frames[number - 1].pts)))


def _continue_tracks(active: Sequence[_Track], number: int, found: Detections) -> list[int]:
    """Add to each track the detection that overlaps it most; return the indices left over."""
    left = set(range(len(found)))
    if active and left:
        boxes = found.boxes.astype(np.float64)
        expected = np.array([track.filter.box for track in active])
        shared = compute_iou(_widen(expected, _SEARCH), _widen(boxes, _SEARCH))
        same = np.array([track.class_id for track in active])[:, None] == found.class_ids[None]
        shared = np.where(same, shared, 0.0)
        while shared.max() >= _MIN_IOU:
            row, column = map(int, np.unravel_index(int(shared.argmax()), shared.shape))
            active[row].filter.correct(boxes[column])
            active[row].hits[number] = boxes[column], float(found.scores[column])
            left.discard(column)
            shared[row, :], shared[:, column] = 0, 0
    return sorted(left)


def _widen(boxes: Boxes, share: float) -> Boxes:
    """Return boxes (n, 4) with a share of their sides more on each side."""
    more = (boxes[:, 2:] - boxes[:, :2]) * share
    return np.hstack([boxes[:, :2] - more, boxes[:, 2:] + more])


def _extend(track: _Track, times: Sequence[Fraction]) -> Iterable[tuple[int, Cover]]:
    """Yield the frames of a track and what covers it there, up to the end of its hold."""
    for number, (box, score) in track.hits.items():
        yield number, _make_cover(track, box, score)
    for before, after in pairwise(track.hits):
        start, end = track.hits[before][0], track.hits[after][0]
        for number in range(before + 1, after):
            share = (number - before) / (after - before)
            more = _GROWTH * min(number - before, after - number)
            box = start + share * (end - start)
            yield number, _make_cover(track, _widen(box[None], more)[0])
    last, speed = track.hits[track.last][0], _measure_speed(track)
    for number in range(track.last + 1, len(times)):
        interval = abs(float(times[number] - times[number - 1]))
        ahead = number - track.last
        if ahead > compute_hold_frames(interval) or not _is_continuous(
            times[number - 1], times[number]
        ):
            return
        moved = last + speed * ahead
        both = np.hstack([np.minimum(last, moved)[:2], np.maximum(last, moved)[2:]])
        yield number, _make_cover(track, _widen(both[None], _GROWTH * ahead)[0])


def _measure_speed(track: _Track) -> Boxes:
    """Return how far the box moves with each frame at the end of its track, (x, y, x, y)."""
    recent = list(track.hits)[-_SPEED_FRAMES:]
    if len(recent) < 3:
        return np.zeros(4)
    centers = np.array([(b[:2] + b[2:]) / 2 for b in (track.hits[n][0] for n in recent)])
    slope = np.polyfit(np.array(recent, np.float64), centers, 1)[0]
    size = track.hits[track.last][0][2:] - track.hits[track.last][0][:2]
    limited = np.clip(slope, -size / 3, size / 3)
    return np.hstack([limited, limited])


def _make_cover(track: _Track, box: Boxes, score: float = 0.0) -> Cover:
    left, top, right, bottom = (float(side) for side in box)
    return Cover((left, top, right, bottom), track.class_id, score, is_held=score == 0)


def _drop_repeated(found: Sequence[Cover]) -> list[Cover]:
    """Return covers without those that both directions have, and without hidden ones."""
    seen = [cover for cover in dict.fromkeys(found) if not cover.is_held]
    held = [cover for cover in dict.fromkeys(found) if cover.is_held]
    return seen + [one for one in held if not any(_is_within(one.box, other.box) for other in seen)]


def _is_within(
    inner: tuple[float, float, float, float], outer: tuple[float, float, float, float]
) -> bool:
    return (
        inner[0] >= outer[0]
        and inner[1] >= outer[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )
