"""Records a drive: each frame in a CSV file, each second in memory, events with thumbnails."""

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
from rimlight.core.interchange import escape_csv_cell
from rimlight.reporting.pages import jpeg_uri
from rimlight.road.ego_path import DEFAULT_EGO_PATH, Trapezoid
from rimlight.road.frame_metrics import Measurer
from rimlight.road.rules import Event, Rule, RuleMonitor
from rimlight.system.atomic_io import open_text, translate_os_errors

THUMBNAIL_PX = 320
MAX_THUMBNAILS = 300
UNSURE_ENTROPY = 0.2
"""Mean entropy above which a second's figures are unreliable (docs/guide/road.md)."""


class DriveRecorder:
    """A refiner that passes masks through and records their metrics.

    Memory grows by a few numbers for each second and a thumbnail for each event.

    Args:
        folder: receives frames.csv; created with the first frame.
        rules: define the events.
        ego_path: the ego path, the area ahead of the vehicle.
        keep_images: keep a thumbnail of each event; False if frames show what must be hidden.
        starts: the start of each file of the drive, in seconds of the drive.
    """

    def __init__(
        self,
        folder: Path,
        rules: Sequence[Rule] = (),
        *,
        ego_path: Trapezoid = DEFAULT_EGO_PATH,
        keep_images: bool = True,
        starts: Sequence[float] = (),
    ) -> None:
        self.folder = folder
        self.ego_path = ego_path
        self._file = folder / "frames.csv"
        self._stream: TextIO | None = None
        self._writer: csv.DictWriter[str] | None = None
        self._measurer = Measurer(ego_path)
        self._monitors = [RuleMonitor(rule) for rule in rules]
        self._keep_images = keep_images
        self._peaks: dict[str, str] = {}
        self._sums: dict[str, list[float]] = {}
        self._second = -1
        self.classes: tuple[str, ...] = ()
        self.seconds = array("d")
        self.series: dict[str, array[float]] = {}
        self.events: list[tuple[Event, str]] = []
        self.frames = 0
        self._starts = tuple(starts)
        self.seen_clips: set[int] = set()

    def refine(self, mask: Mask, frame: Frame) -> Mask:
        """Record `mask` and return it.

        Raises:
            SinkError: the folder cannot be written.
        """
        self.classes = mask.classes
        self.frames += 1
        at_s = float(frame.pts)
        self.seen_clips.add(max(0, bisect_right(self._starts, at_s) - 1))
        measures = self._measurer.measure(mask)
        self._write_row(at_s, measures)
        self._add_to_second(at_s, measures)
        for monitor in self._monitors:
            ended, is_peak = monitor.update(at_s, measures)
            if is_peak and self._keep_images:
                self._peaks[monitor.rule.name] = _encode_thumbnail(frame)
            self._add_event(ended)
        return mask

    def close(self) -> None:
        """End the current events and close the file; may be called twice.

        Raises:
            SinkError: the last frames cannot be written.
        """
        for monitor in self._monitors:
            self._add_event(monitor.finish())
        self._end_second()
        if self._stream is not None:
            with translate_os_errors(self._file):
                self._stream.close()

    @property
    def skipped_rules(self) -> tuple[str, ...]:
        """Names of the rules whose metric the model lacks."""
        return tuple(monitor.rule.name for monitor in self._monitors if not monitor.has_data)

    @property
    def sorted_events(self) -> list[Event]:
        """The events, sorted by start."""
        return sorted((event for event, _ in self.events), key=lambda event: event.start_s)

    @property
    def unsure_seconds(self) -> int | None:
        """Number of unreliable seconds; None for models without scores."""
        unsure = self.series.get("unsure")
        return None if unsure is None else sum(value > UNSURE_ENTROPY for value in unsure)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON data, without the single frames and thumbnails."""
        return {
            "frames": self.frames,
            "ego_path": list(self.ego_path),
            "classes": list(self.classes),
            "seconds": [round(second, 3) for second in self.seconds],
            "series": {name: [round(v, 5) for v in values] for name, values in self.series.items()},
            "events": [asdict(event) for event in self.sorted_events],
            "skipped_rules": list(self.skipped_rules),
            "unsure_entropy": UNSURE_ENTROPY,
            "unsure_seconds": self.unsure_seconds,
        }

    def _add_event(self, event: Event | None) -> None:
        if event is not None:
            is_full = len(self.events) >= MAX_THUMBNAILS
            self.events.append((event, "" if is_full else self._peaks.get(event.name, "")))

    def _write_row(self, at_s: float, measures: Mapping[str, float]) -> None:
        counts = {name: value for name, value in measures.items() if name.startswith("count.")}
        row: dict[str, Any] = {"time_s": f"{at_s:.4f}"}
        row |= {name: f"{v:.5f}" for name, v in measures.items() if name not in counts}
        objects = " ".join(f"{name[6:]}:{v:.0f}" for name, v in sorted(counts.items()))
        row["objects"] = escape_csv_cell(objects)
        with translate_os_errors(self._file):
            self._writer = self._writer or self._open_file(list(row))
            self._writer.writerow(row)

    def _open_file(self, columns: list[str]) -> csv.DictWriter[str]:
        """Open the file for the first frame, so a run that fails early keeps the last report."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stream = open_text(self._file)
        writer = csv.DictWriter(self._stream, columns)
        writer.writeheader()
        return writer

    def _add_to_second(self, at_s: float, measures: Mapping[str, float]) -> None:
        if int(at_s) != self._second:
            self._end_second()
            self._second = int(at_s)
        for name, value in measures.items():
            self._sums.setdefault(name, []).append(value)
        self._sums.setdefault("", []).append(0.0)

    def _end_second(self) -> None:
        """Add the means of the second's frames to the series; absent metrics count as 0."""
        if not self._sums:
            return
        frames = len(self._sums.pop(""))
        for name in self._sums:
            self.series.setdefault(name, array("d", [0.0]) * len(self.seconds))
        self.seconds.append(self._second)
        for name, values in self.series.items():
            values.append(sum(self._sums.get(name, ())) / frames)
        self._sums = {}


def _encode_thumbnail(frame: Frame) -> str:
    """Return a small JPEG of a frame as a data URI."""
    width, height = frame.size
    size = (THUMBNAIL_PX, max(1, round(THUMBNAIL_PX * height / width)))
    small = cv2.resize(frame.bgr, size, interpolation=cv2.INTER_AREA)
    return jpeg_uri(small.astype(np.uint8, copy=False), quality=75)
