"""A drive on record: every frame in a CSV file, every second in memory, events with pictures."""

from __future__ import annotations

import csv
from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np

from rimlight.core.frame import Frame, Mask
from rimlight.core.interchange import csv_cell
from rimlight.reporting.pages import jpeg_uri
from rimlight.road.ahead import AHEAD, Trapezoid
from rimlight.road.measures import Measurer
from rimlight.road.rules import Event, Rule, Watch
from rimlight.system.atomic_io import open_text, translate_os_errors

THUMBNAIL_PX = 320
MAX_THUMBNAILS = 300
UNSURE_FROM = 0.2
"""Mean entropy above which a second's figures are unreliable (docs/guide/road.md)."""


class DriveRecorder:
    """A refiner that changes nothing and writes down what it sees.

    Memory grows by some figures for each second, and one small picture for each event.

    Args:
        folder: takes frames.csv from the first frame on; made when it is missing.
        rules: what is an event.
        ahead: the path in front of the bonnet.
        pictures: keep one of each event; not where something in them must not be seen.
        starts: when each file of the drive begins, in seconds of the drive.
    """

    def __init__(
        self,
        folder: Path,
        rules: Sequence[Rule] = (),
        *,
        ahead: Trapezoid = AHEAD,
        pictures: bool = True,
        starts: Sequence[float] = (),
    ) -> None:
        self.folder = folder
        self.ahead = ahead
        self._file = folder / "frames.csv"
        self._stream: TextIO | None = None
        self._writer: csv.DictWriter[str] | None = None
        self._measurer = Measurer(ahead)
        self._watches = [Watch(rule) for rule in rules]
        self._pictures = pictures
        self._peaks: dict[str, str] = {}
        self._sums: dict[str, list[float]] = {}
        self._second = -1
        self.classes: tuple[str, ...] = ()
        self.seconds = array("d")
        self.series: dict[str, array[float]] = {}
        self.events: list[tuple[Event, str]] = []
        self.frames = 0
        self._starts = tuple(starts)
        self.seen: set[int] = set()

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Write down `mask` and return it.

        Raises:
            SinkError: the folder cannot be written.
        """
        self.classes = mask.classes
        self.frames += 1
        at_s = float(frame.pts)
        self.seen.add(max(0, bisect_right(self._starts, at_s) - 1))
        measures = self._measurer.measure(mask)
        self._write(at_s, measures)
        self._add(at_s, measures)
        for watch in self._watches:
            over, peak = watch.step(at_s, measures)
            if peak and self._pictures:
                self._peaks[watch.rule.name] = _thumbnail(frame)
            self._keep(over)
        return mask

    def close(self) -> None:
        """Finish what is under way; twice is fine.

        Raises:
            SinkError: the last frames cannot be written.
        """
        for watch in self._watches:
            self._keep(watch.finish())
        self._end_second()
        if self._stream is not None:
            with translate_os_errors(self._file):
                self._stream.close()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the rules whose measure the model does not have."""
        return tuple(watch.rule.name for watch in self._watches if not watch.seen)

    @property
    def found(self) -> list[Event]:
        """The events, by their start."""
        return sorted((event for event, _ in self.events), key=lambda event: event.start_s)

    @property
    def unsure_seconds(self) -> int | None:
        """How many seconds are not to be trusted; None when the model does not say."""
        unsure = self.series.get("unsure")
        return None if unsure is None else sum(value > UNSURE_FROM for value in unsure)

    def data(self) -> dict[str, Any]:
        """Return all but the single frames, ready for JSON; pictures are left out."""
        return {
            "frames": self.frames,
            "ahead": list(self.ahead),
            "classes": list(self.classes),
            "seconds": [round(second, 3) for second in self.seconds],
            "series": {name: [round(v, 5) for v in values] for name, values in self.series.items()},
            "events": [asdict(event) for event in self.found],
            "rules_left_out": list(self.left_out),
            "unsure_from": UNSURE_FROM,
            "unsure_seconds": self.unsure_seconds,
        }

    def _keep(self, event: Event | None) -> None:
        if event is not None:
            full = len(self.events) >= MAX_THUMBNAILS
            self.events.append((event, "" if full else self._peaks.get(event.name, "")))

    def _write(self, at_s: float, measures: Mapping[str, float]) -> None:
        counts = {name: value for name, value in measures.items() if name.startswith("count.")}
        row: dict[str, Any] = {"time_s": f"{at_s:.4f}"}
        row |= {name: f"{v:.5f}" for name, v in measures.items() if name not in counts}
        found = " ".join(f"{name[6:]}:{v:.0f}" for name, v in sorted(counts.items()))
        row["objects"] = csv_cell(found)
        with translate_os_errors(self._file):
            self._writer = self._writer or self._opened(list(row))
            self._writer.writerow(row)

    def _opened(self, columns: list[str]) -> csv.DictWriter[str]:
        """Begin the file, once there is a frame: a run that fails early leaves the last report."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stream = open_text(self._file)
        writer = csv.DictWriter(self._stream, columns)
        writer.writeheader()
        return writer

    def _add(self, at_s: float, measures: Mapping[str, float]) -> None:
        if int(at_s) != self._second:
            self._end_second()
            self._second = int(at_s)
        for name, value in measures.items():
            self._sums.setdefault(name, []).append(value)
        self._sums.setdefault("", []).append(0.0)

    def _end_second(self) -> None:
        """Put the means of the second's frames into the series; what was not seen counts as 0."""
        if not self._sums:
            return
        frames = len(self._sums.pop(""))
        for name in self._sums:
            self.series.setdefault(name, array("d", [0.0]) * len(self.seconds))
        self.seconds.append(self._second)
        for name, values in self.series.items():
            values.append(sum(self._sums.get(name, ())) / frames)
        self._sums = {}


def _thumbnail(frame: Frame) -> str:
    """Return a small JPEG of a frame as a data URI."""
    width, height = frame.size
    size = (THUMBNAIL_PX, max(1, round(THUMBNAIL_PX * height / width)))
    small = cv2.resize(frame.bgr, size, interpolation=cv2.INTER_AREA)
    return jpeg_uri(small.astype(np.uint8, copy=False), quality=75)
