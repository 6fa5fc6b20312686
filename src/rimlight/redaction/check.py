"""The second look: search a redacted film or photo for what is still visible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.util import find_spec
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.frame import Frame, Mask
from rimlight.models.catalog import Catalog
from rimlight.redaction.covers import DetectorGroup
from rimlight.redaction.models import FACE_MODEL, open_detectors
from rimlight.segmenters.detections import Detections

Image = NDArray[np.uint8]

OTHER_MODEL = "centerface"
"""The second detector of faces, where it is installed."""
TILES = 2
CHECK_CONFIDENCE = 0.5
MAX_PICTURES = 12
FLAT_DETAIL = 5.0
"""Detail in gray levels up to which a region counts as covered. Detail is how much two neighboring
steps from pixel to pixel differ, in both directions, below which 60 % of the pixels lie: a blur has
ramps without any, squares and one color have it at their edges only."""
_DETAIL_PERCENTILE = 60
_DETAIL_PX = 64
"""Longer side to which a region is reduced first: a sharp face that is large, or of soft light, has
little detail from pixel to pixel, and more than a cover of 8 cells when both are small."""
_CONTEXT = 1.0
_PICTURE_PX = 240


@dataclass(frozen=True, slots=True)
class Look:
    """One way to search a frame.

    Attributes:
        name: for people.
        detectors: what searches.
        is_mirrored: the frame is searched from right to left.
    """

    name: str
    detectors: DetectorGroup
    is_mirrored: bool = False

    def detect(self, frame: Frame) -> Detections:
        """Return what this look finds, boxes as shares of the frame."""
        if not self.is_mirrored:
            return self.detectors.detect(frame)
        flipped = frame.with_bgr(np.ascontiguousarray(frame.bgr[:, ::-1]))
        found = self.detectors.detect(flipped)
        boxes = found.boxes.copy()
        boxes[:, [0, 2]] = 1 - found.boxes[:, [2, 0]]
        return Detections(boxes, found.scores, found.class_ids)


@dataclass(frozen=True, slots=True)
class Visible:
    """Something that a look found uncovered.

    Attributes:
        index: of the frame.
        name: of the image; "" in a film.
        pts: time of the frame in seconds.
        look: the name of the look.
        score: how sure it is, 0..1.
        picture: uint8 BGR, the region and what is around it.
    """

    index: int
    name: str
    pts: Fraction
    look: str
    score: float
    picture: Image


@dataclass
class CheckResult:
    """What a second look found.

    Attributes:
        counts: things that are visible in each frame, the largest number of all looks.
        by_look: frames in which each look found something visible.
        covered: frames in which a look found something that is covered.
        worst: the surest finds, one for each frame.
    """

    counts: list[int] = field(default_factory=list)
    by_look: Counter[str] = field(default_factory=Counter)
    covered: int = 0
    worst: list[Visible] = field(default_factory=list)

    @property
    def visible_frames(self) -> int:
        """Number of frames in which something is visible."""
        return sum(count > 0 for count in self.counts)

    def add(self, found: Sequence[Visible], by_look: Counter[str], *, has_covered: bool) -> None:
        """Add one frame."""
        self.counts.append(max(by_look.values(), default=0))
        self.by_look.update(by_look.keys())
        self.covered += has_covered
        if found:
            surest = max(found, key=lambda one: one.score)
            ranked = sorted([*self.worst, surest], key=lambda one: -one.score)
            self.worst = ranked[:MAX_PICTURES]


class CheckSegmenter:
    """Searches each frame with several looks; its masks are empty.

    Args:
        looks: owned and closed.
    """

    def __init__(self, looks: Sequence[Look]) -> None:
        self._looks = tuple(looks)
        self.result = CheckResult()

    def segment(self, frame: Frame) -> Mask:
        """Search one frame and add it to the result."""
        found: list[Visible] = []
        by_look: Counter[str] = Counter()
        has_covered = False
        for look in self._looks:
            boxes = look.detect(frame)
            for box, score in zip(boxes.boxes, boxes.scores, strict=True):
                if is_flat(frame.bgr, box):
                    has_covered = True
                    continue
                by_look[look.name] += 1
                picture = cut_out(frame.bgr, box)
                visible = (frame.index, frame.name, frame.pts, look.name, float(score), picture)
                found.append(Visible(*visible))
        self.result.add(found, by_look, has_covered=has_covered)
        return Mask(np.zeros((1, 1, 1), np.float32), ("face",), foreground=("face",))

    def close(self) -> None:
        """Close the detectors."""
        for look in self._looks:
            look.detectors.close()


def open_looks(models: Sequence[str] = (), *, threads: int | None = None) -> list[Look]:
    """Open the looks of a check: smaller tiles, mirrored, and with other detectors.

    Args:
        models: detectors that the user named; none: CenterFace, where it is installed.
        threads: CPU threads of each model; None for the default.
    """
    options = {"confidence": CHECK_CONFIDENCE} | ({"threads": threads} if threads else {})
    others = models or ((OTHER_MODEL,) if _is_installed(OTHER_MODEL) else ())
    with ExitStack() as on_error:
        looks = [
            Look("smaller tiles", open_detectors([FACE_MODEL], tiles=TILES, **options)),
            Look("mirrored", open_detectors([FACE_MODEL], tiles=1, **options), is_mirrored=True),
        ]
        for look in looks:
            on_error.callback(look.detectors.close)
        looks += [Look(name, open_detectors([name], tiles=0, **options)) for name in others]
        on_error.pop_all()
    return looks


def _is_installed(name: str) -> bool:
    catalog = Catalog()
    return bool(find_spec("onnxruntime") and catalog.find_files(catalog.find_card(name)))


def is_flat(picture: Image, box: NDArray[np.float32]) -> bool:
    """Return True if a region has no detail, because it is blurred, pixelated or filled.

    Args:
        picture: uint8 (h, w, 3), BGR.
        box: left, top, right, bottom as shares of the picture.
    """
    height, width = picture.shape[:2]
    left, top, right, bottom = (box * [width, height, width, height]).round().astype(int)
    inner = picture[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if min(inner.shape[:2]) < 4:
        return True
    gray = cv2.cvtColor(inner, cv2.COLOR_BGR2GRAY).astype(np.float32)
    scale = _DETAIL_PX / max(gray.shape)
    if scale < 1:
        size = tuple(max(4, round(side * scale)) for side in gray.shape[::-1])
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    across = np.abs(np.diff(gray, 2, axis=1))[:-2]
    detail = across + np.abs(np.diff(gray, 2, axis=0))[:, :-2]
    return bool(np.percentile(detail, _DETAIL_PERCENTILE) <= FLAT_DETAIL)


def cut_out(picture: Image, box: NDArray[np.float32]) -> Image:
    """Return a region of a picture and what is around it, at most 240 pixels a side."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box * [width, height, width, height]
    more = _CONTEXT * max(right - left, bottom - top)
    x0, y0 = int(max(0, left - more)), int(max(0, top - more))
    x1, y1 = int(min(width, right + more)), int(min(height, bottom + more))
    part = picture[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)].copy()
    edge = (int(left) - x0, int(top) - y0), (int(right) - x0, int(bottom) - y0)
    cv2.rectangle(part, *edge, (0, 0, 255), max(1, part.shape[1] // 120))
    scale = _PICTURE_PX / max(part.shape[:2])
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    return cast(Image, cv2.resize(part, size, interpolation=cv2.INTER_LINEAR))
