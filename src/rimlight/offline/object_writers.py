"""Refiners that change nothing and write down the single objects that they see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, TextIO

from rimlight.core.frame import Frame, Mask
from rimlight.core.interchange import to_json
from rimlight.core.protocols import Sink
from rimlight.offline.cutouts import cut_outs
from rimlight.system.atomic_io import open_text, translate_os_errors


class CutOutWriter:
    """Writes each object as a picture file of its own.

    The picture photos/cat.jpg gives cat/cat-0.91-01.png in the sink's folder, a frame of a video
    frame_000012/person-0.88-03.png; the last number is the object's own where a tracker gave one.

    Args:
        sink: takes the pictures; closed with this.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.written = 0

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Write the objects of `frame`; return `mask`.

        Raises:
            SinkError: a file cannot be written.
        """
        folder = PurePath(frame.name).with_suffix("") if frame.name else None
        folder = folder or PurePath(f"frame_{frame.index:06d}")
        for cut in cut_outs(frame, mask):
            # The suffix protects the dot of the score, which would pass for one.
            self._sink.write(replace(cut.frame, name=f"{folder / cut.label}.png"))
            self.written += 1
        return mask

    def close(self) -> None:
        """Each picture is complete as soon as it is written."""
        self._sink.close()


class ObjectLog:
    """Writes one line of JSON for each frame: its name or time, and its objects.

    Boxes are left, top, right, bottom in pixels of the frame. The file begins with the first frame:
    a run that fails before it leaves what was there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Write the line of `frame`; return `mask`.

        Raises:
            SinkError: the file cannot be written.
        """
        line = {"frame": frame.index, "time_s": round(float(frame.pts), 6), "name": frame.name}
        text = to_json({**line, "objects": _objects(mask, frame.size)})
        with translate_os_errors(self._path):
            self._file = self._file or open_text(self._path)
            self._file.write(text + "\n")
        return mask

    def close(self) -> None:
        """Finish the file.

        Raises:
            SinkError: the last lines cannot be written.
        """
        if self._file is not None:
            with translate_os_errors(self._path):
                self._file.close()


class ObjectTally:
    """Counts the objects of each class, and how many of them were in one frame at most."""

    def __init__(self) -> None:
        self.frames = 0
        self._total: Counter[str] = Counter()
        self._most: Counter[str] = Counter()

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Count the objects; return `mask`."""
        self.frames += 1
        now = Counter(mask.instances.names if mask.instances is not None else ())
        self._total += now
        self._most |= now
        return mask

    def close(self) -> None:
        """Nothing to release; the figures stay."""

    @property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """Class -> (in all frames together, in one frame at most), the most frequent first."""
        return {name: (count, self._most[name]) for name, count in self._total.most_common()}


def _objects(mask: Mask, size: tuple[int, int]) -> list[dict[str, Any]]:
    if mask.instances is None:
        return []
    sides, areas = (*size, *size), mask.instances.areas
    return [
        {
            "class": item.name,
            "score": round(item.score, 4),
            "id": item.id,
            "box": [round(share * side, 1) for share, side in zip(item.box, sides, strict=True)],
            "area": round(float(area), 6),
        }
        for item, area in zip(mask.instances, areas, strict=True)
    ]
