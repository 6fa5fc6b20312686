"""Verify a video file by decoding it: against what it says itself, and against its input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2

from rimlight.core.errors import SourceReadError
from rimlight.core.wording import format_count, join_names
from rimlight.imaging.color import round_up_to_even
from rimlight.media.inspection import (
    ColorTags,
    Inspection,
    SoundFacts,
    VideoFacts,
    inspect_video,
    read_alpha,
)

MAX_ALPHA_LEVELS = 1
"""Maximum difference of alpha, in levels of 255."""

_MILLISECOND = Fraction(1, 1000)
_MAX_SOUND_SHIFT_S = Fraction(1, 10)
"""Packets of converted sound have another length than those of the input."""

_MATRICES = {0: "RGB", 1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
_PRIMARIES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 12: "display-p3"}
_TRANSFERS = {
    1: "bt709",
    6: "smpte170m",
    8: "linear",
    13: "srgb",
    14: "bt2020",
    16: "PQ",
    18: "HLG",
}
_UNRANGED = ("prores",)
"""Codecs that store no range: always limited."""


@dataclass(frozen=True)
class Verification:
    """The result of a verification.

    Attributes:
        facts: what the file holds; None if no frame decodes.
        differences: one line for each thing that is wrong; empty if all is well.
    """

    facts: VideoFacts | None
    differences: tuple[str, ...]


def verify_video(path: Path, *, against: Path | None = None) -> Verification:
    """Decode all of `path` and compare it with its own header and with `against`.

    Args:
        path: the file.
        against: the file that it was made of; frames, times, size, color tags, the shape of
            pixels, sound and (where both have it) alpha must be equal.

    Raises:
        SourceOpenError: a file does not open, or holds no video.
    """
    if against is None:
        facts = inspect_video(path)
        return Verification(facts, tuple(list_faults(facts)))
    facts, given, alpha = _inspect_both(path, against)
    if given is None:
        raise SourceReadError(f"no frame of {against} decodes", hint="compare with another file")
    found = list(list_faults(facts))
    if facts is not None:
        found += list_differences(facts, given)
        if alpha > MAX_ALPHA_LEVELS:
            found.append(f"alpha: differs by {alpha} of 255 levels from {given.name}")
    return Verification(facts, tuple(found))


def list_faults(facts: VideoFacts | None) -> Iterator[str]:
    """Yield what contradicts itself in one file."""
    if facts is None:
        yield "frames: not one decodes"
        return
    if facts.errors:
        yield f"frames: {format_count(facts.errors, 'error')} in decoding"
    if facts.stored_count not in (None, len(facts.times)):
        yield f"frames: {len(facts.times)} decode, the header says {facts.stored_count}"
    for before, after in pairwise(facts.times):
        if after <= before:
            yield f"times: {format_time(after)} follows {format_time(before)}"
            break
    if len(facts.sizes) > 1:
        yield f"size: changes: {join_names([format_size(size) for size in facts.sizes])}"
    if facts.has_changing_colors:
        yield "color: the tags change within the file"
    for number, sound in enumerate(facts.sounds, 1):
        if sound.errors:
            broken = format_count(sound.errors, "packet")
            yield f"sound {number}: {broken} of {sound.codec} cannot be decoded"


def list_differences(facts: VideoFacts, given: VideoFacts) -> Iterator[str]:
    """Yield what differs between a file and its input."""
    yield from _compare_times(facts, given)
    size, wanted = facts.sizes[0], given.sizes[0]
    if size not in (wanted, round_up_to_even(wanted)):
        yield f"size: {format_size(size)}, not {format_size(wanted)}"
    if facts.sample_aspect != given.sample_aspect:
        yield f"pixel aspect: {facts.sample_aspect}, not {given.sample_aspect}"
    yield from _compare_colors(facts, given.colors)
    if given.is_transparent and not facts.is_transparent:
        yield "alpha: opaque, not transparent"
    yield from _compare_sounds(facts.sounds, given.sounds)


def _compare_times(facts: VideoFacts, given: VideoFacts) -> Iterator[str]:
    if len(facts.times) != len(given.times):
        yield f"frames: {len(facts.times)}, not {len(given.times)}"
        return
    slack = get_time_slack(facts)
    moved = [
        (at, wanted)
        for at, wanted in zip(facts.times, given.times, strict=True)
        if abs(at - wanted) > slack
    ]
    if moved:
        at, wanted = moved[0]
        count = format_count(len(moved), "frame")
        yield f"times: {count} moved, the first to {format_time(at)} from {format_time(wanted)}"
    elif abs(facts.end - given.end) > slack + _MILLISECOND:
        yield f"duration: ends at {format_time(facts.end)}, not {format_time(given.end)}"


def get_time_slack(facts: VideoFacts) -> Fraction:
    """Return by how much times may differ: a tick where they are counted in milliseconds."""
    return facts.tick if facts.tick == _MILLISECOND else Fraction(0)


def _compare_colors(facts: VideoFacts, wanted: ColorTags) -> Iterator[str]:
    colors = facts.colors
    if wanted.range and colors.range != wanted.range and facts.codec not in _UNRANGED:
        yield f"color range: {colors.range or 'not declared'}, not {wanted.range}"
    for what, names, value, given in (
        ("matrix", _MATRICES, colors.matrix, wanted.matrix),
        ("primaries", _PRIMARIES, colors.primaries, wanted.primaries),
        ("transfer", _TRANSFERS, colors.transfer, wanted.transfer),
    ):
        named, expected = (_name_code_point(names, code) for code in (value, given))
        if given is not None and named != expected:
            yield f"color {what}: {named}, not {expected}"


def _name_code_point(names: Mapping[int, str], code: int | None) -> str:
    return "not declared" if code is None else names.get(code, str(code))


def _compare_sounds(sounds: Sequence[SoundFacts], given: Sequence[SoundFacts]) -> Iterator[str]:
    if len(sounds) != len(given):
        yield f"sound: {format_count(len(sounds), 'track')}, not {len(given)}"
        return
    for number, (sound, wanted) in enumerate(zip(sounds, given, strict=True), 1):
        for what, at, other in (
            ("begins", sound.begin, wanted.begin),
            ("ends", sound.end, wanted.end),
        ):
            if abs(at - other) > _MAX_SOUND_SHIFT_S:
                yield f"sound {number}: {what} at {format_time(at)}, not {format_time(other)}"


def _inspect_both(path: Path, against: Path) -> tuple[VideoFacts | None, VideoFacts | None, int]:
    """Decode two files in step; return their facts and the largest difference of alpha."""
    inspection = Inspection(path)
    try:
        other = Inspection(against)
    except BaseException:
        inspection.close()
        raise
    try:
        alpha = 0
        frames, others = iter(inspection), iter(other)
        for (_, frame), (_, wanted) in zip(frames, others, strict=False):
            have, want = read_alpha(frame), read_alpha(wanted)
            if have is not None and want is not None and have.shape == want.shape:
                alpha = max(alpha, int(cv2.absdiff(have, want).max()))
        for rest in (frames, others):
            for _ in rest:
                pass
        return inspection.finish(), other.finish(), alpha
    finally:
        inspection.close()
        other.close()


def describe_video(facts: VideoFacts) -> str:
    """Return the facts of a file in one line."""
    colors = facts.colors
    names = [
        _MATRICES.get(colors.matrix or -1),
        _PRIMARIES.get(colors.primaries or -1),
        _TRANSFERS.get(colors.transfer or -1),
    ]
    tags = "/".join(str(name or "?") for name in names) + f" {colors.range or '?'} range"
    parts = [
        f"{format_count(len(facts.times), 'frame')}, "
        f"{format_time(facts.times[0])} to {format_time(facts.end)}",
        f"{format_size(facts.sizes[0])} {facts.codec} {facts.pixel_format}",
        tags,
        "transparent" if facts.is_transparent else "opaque",
    ]
    parts += [
        f"sound {sound.codec}, {format_count(sound.channels, 'channel')}, "
        f"to {format_time(sound.end)}"
        for sound in facts.sounds
    ] or ["no sound"]
    if facts.subtitles:
        parts.append(f"subtitles: {facts.subtitles}")
    return "; ".join(parts)


def format_time(time_s: Fraction) -> str:
    """Return seconds in a form that shows a single tick."""
    return f"{float(time_s):.6g} s"


def format_size(size: tuple[int, int]) -> str:
    """Return a size as users write it."""
    return f"{size[0]}x{size[1]}"
