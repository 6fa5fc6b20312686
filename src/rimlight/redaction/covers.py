"""The segmenters of a redaction: one that searches a film, one that covers what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import cv2
import numpy as np

from rimlight.core.errors import SourceReadError
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import Segmenter
from rimlight.imaging.compositing.i420 import quantize
from rimlight.redaction.tracking import Cover, FoundFrame, cover_tracks
from rimlight.segmenters.detections import Detections, concat_detections
from rimlight.segmenters.detector import draw_mask

MIN_LEVEL = 48
"""Levels (of 255) from which a pixel of a class counts as found: rather too much is covered."""


class Detector(Protocol):
    """What finds objects; see `DetectorSegmenter`."""

    def detect(self, frame: Frame) -> Detections:
        """Return the objects of a frame, boxes as shares of it."""
        ...

    def close(self) -> None:
        """Release the model."""
        ...


class DetectorGroup:
    """Several detectors as one, whose classes are numbered through.

    Args:
        members: (detector, its classes); owned and closed.
    """

    def __init__(self, members: Sequence[tuple[Detector, tuple[str, ...]]]) -> None:
        self._members = tuple(members)
        self.classes = tuple(dict.fromkeys(name for _, names in members for name in names))

    def detect(self, frame: Frame) -> Detections:
        """Return what all of them find in `frame`; class ids are positions in `classes`."""
        parts = []
        for detector, names in self._members:
            found = detector.detect(frame)
            numbers = np.array([self.classes.index(name) for name in names], np.intp)
            parts.append(Detections(found.boxes, found.scores, numbers[found.class_ids]))
        return concat_detections(parts)

    def close(self) -> None:
        """Close every detector."""
        for detector, _ in self._members:
            detector.close()


class SearchSegmenter:
    """Records what a detector finds in each frame; its masks are empty.

    Args:
        detector: owned and closed.
    """

    def __init__(self, detector: DetectorGroup) -> None:
        self._detector = detector
        self.found: dict[int, FoundFrame] = {}

    def segment(self, frame: Frame) -> Mask:
        """Record the objects of `frame`."""
        self.found[frame.index] = FoundFrame(frame.pts, self._detector.detect(frame))
        classes = self._detector.classes
        return Mask(np.zeros((1, 1, len(classes)), np.float32), classes)

    def close(self) -> None:
        """Close the detector; what was found stays."""
        self._detector.close()


class CoverSegmenter:
    """Turns detections and classes of a mask model into the mask that a redaction covers.

    Args:
        detect: returns the objects of a frame, boxes as shares of it.
        classes: the names of their class ids.
        areas: a mask model for other classes; owned and closed. None for no more.
        names: the classes of `areas` that are covered.
        close: called when the segmenter is closed.
    """

    def __init__(
        self,
        detect: Callable[[Frame], Detections],
        classes: tuple[str, ...],
        *,
        areas: Segmenter | None = None,
        names: tuple[str, ...] = (),
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._detect = detect
        self._classes = classes
        self._areas = areas
        self._names = names
        self._close = close

    def segment(self, frame: Frame) -> Mask:
        """Return the objects and areas of `frame` as one mask."""
        mask = draw_mask(self._detect(frame), self._classes, frame.size)
        if self._areas is None:
            return mask
        return add_areas(mask, self._areas.segment(frame), self._names)

    def close(self) -> None:
        """Close the models."""
        self._close()
        if self._areas is not None:
            self._areas.close()


def add_areas(mask: Mask, areas: Mask, names: tuple[str, ...]) -> Mask:
    """Return `mask`, which has single objects, with classes of another mask added as labels.

    A mask that is not finite covers everything with its first class.
    """
    classes = (*mask.classes[:-1], *names, "background")
    labels = np.full(mask.shape, len(classes) - 1, np.uint8)
    first = len(mask.classes) - 1
    for number, name in enumerate(names):
        if not areas.is_finite:
            labels[...] = first
            break
        alpha = quantize(areas.alpha([name]))
        large = cv2.resize(alpha, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
        labels[large >= MIN_LEVEL] = first + number
    return Mask(labels, classes, classes[:-1], instances=mask.instances)


def cover_film(found: Mapping[int, FoundFrame]) -> dict[int, list[Cover]]:
    """Return what is covered in each frame of a film that was searched, by index."""
    order = sorted(found)
    return dict(zip(order, cover_tracks([found[index] for index in order]), strict=True))


def look_up_covers(covers: Mapping[int, Sequence[Cover]]) -> Callable[[Frame], Detections]:
    """Return what gives the covers of a frame.

    The function raises SourceReadError for a frame that was not searched: it would not be covered.
    """

    def look_up(frame: Frame) -> Detections:
        if frame.index not in covers:
            raise SourceReadError(
                f"frame {frame.index} was not there when the film was searched",
                hint="redact a copy that nobody writes to",
            )
        return _to_detections(covers[frame.index])

    return look_up


def _to_detections(covers: Sequence[Cover]) -> Detections:
    return Detections(
        np.array([cover.box for cover in covers], np.float32).reshape(-1, 4),
        np.array([cover.score for cover in covers], np.float32),
        np.array([cover.class_id for cover in covers], np.intp),
    )
