"""Refiners that write or count the single objects of each frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, TextIO

import numpy as np

from rimlight.core.frame import Frame, Instance, Mask
from rimlight.core.interchange import to_json
from rimlight.core.protocols import Sink
from rimlight.effects.alpha import compute_frame_alpha
from rimlight.imaging.edge_color import fill_hidden_bgr
from rimlight.system.atomic_io import open_text, translate_os_errors

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Cutout:
    """The image of one object.

    Attributes:
        item: the object.
        number: its rank by score in the frame, starting at 1.
        frame: its pixels and their alpha, cropped to the visible area.
        box: (left, top, right, bottom) of `frame` in the whole frame, in pixels.
    """

    item: Instance
    number: int
    frame: Frame
    box: Box

    @property
    def label(self) -> str:
        """Class, score and number as a file name: "person-0.91-01"."""
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.item.name)
        number = self.item.id or self.number
        return f"{name}-{self.item.score:.2f}-{number:02d}"


def cut_out_objects(frame: Frame, mask: Mask) -> Iterator[Cutout]:
    """Yield each object of `mask` with a transparent background, cropped, by falling score.

    The colors of transparent pixels contain nothing of the surroundings. Objects without a visible
    pixel are skipped, and so are masks without instances.
    """
    if mask.instances is None:
        return
    classes = mask.instances.classes
    for number, item in enumerate(mask.instances):
        single = mask.instances.select([number])
        alone = Mask.from_instances(single, foreground=classes, alpha_range=mask.alpha_range)
        alpha = compute_frame_alpha(frame, alone, None)
        box = _find_bounds(alpha)
        if box is not None:
            left, top, right, bottom = box
            area = np.s_[top:bottom, left:right]
            visible = np.ascontiguousarray(alpha[area])
            colors = fill_hidden_bgr(np.ascontiguousarray(frame.bgr[area]), visible, (0.0, 1.0))
            cut = frame.with_bgr(colors, visible).blank_transparent()
            yield Cutout(item, number + 1, cut, box)


def _find_bounds(alpha: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Box | None:
    """Return (left, top, right, bottom) of the visible pixels, None without any."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


class CutoutWriter:
    """Writes each object as a separate image file.

    The image photos/cat.jpg gives cat/cat-0.91-01.png in the sink's folder, a frame of a video
    frame_000012/person-0.88-03.png. The last number is the object's track ID if it has one.

    Args:
        sink: receives the images; closed with this.
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
        for cut in cut_out_objects(frame, mask):
            # The suffix prevents the score's decimal point from being taken for one.
            self._sink.write(replace(cut.frame, name=f"{folder / cut.label}.png"))
            self.written += 1
        return mask

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()


class ObjectLog:
    """Writes a line of JSON for each frame: its name or time, and its objects.

    Boxes are left, top, right, bottom in pixels of the frame. The file is opened for the first
    frame, so a run that fails before it keeps an earlier file.
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
        text = to_json({**line, "objects": _describe_objects(mask, frame.size)})
        with translate_os_errors(self._path):
            self._file = self._file or open_text(self._path)
            self._file.write(text + "\n")
        return mask

    def close(self) -> None:
        """Close the file.

        Raises:
            SinkError: the last lines cannot be written.
        """
        if self._file is not None:
            with translate_os_errors(self._path):
                self._file.close()


class ObjectCounter:
    """Counts the objects of each class, in total and as the maximum per frame."""

    def __init__(self) -> None:
        self.frames = 0
        self._total: Counter[str] = Counter()
        self._max: Counter[str] = Counter()

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Count the objects; return `mask`."""
        self.frames += 1
        now = Counter(mask.instances.names if mask.instances is not None else ())
        self._total += now
        self._max |= now
        return mask

    def close(self) -> None:
        """Do nothing; the counts stay available."""

    @property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """Class -> (total, maximum per frame), the most frequent first."""
        return {name: (count, self._max[name]) for name, count in self._total.most_common()}


def _describe_objects(mask: Mask, size: tuple[int, int]) -> list[dict[str, Any]]:
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
