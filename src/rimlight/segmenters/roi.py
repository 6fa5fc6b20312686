"""Segment the region of interest (ROI) around people at the model's full resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask, is_continuous
from rimlight.core.protocols import Segmenter, read_notes
from rimlight.imaging.geometry import Rect
from rimlight.imaging.roi import contains, find_mask_bounds, pad_roi, paste_roi, to_even_pixels
from rimlight.segmenters.crop_detect import crop_frame
from rimlight.segmenters.ensemble import resize_scores, resolve_disagreement
from rimlight.segmenters.motion_gate import MaskPropagator

Scores = NDArray[np.float32]

MIN_FOREGROUND = 0.002
"""Minimum foreground, as a share of the frame."""
MAX_ROUNDS = 2
"""Maximum refinements of the ROI within one frame."""
MAX_ROI_AREA = 0.6
"""ROIs of this share of the frame or more gain nothing over the full frame."""
REFRESH_INTERVAL = 10
"""Frames between two inferences on the full frame, which detect people outside of the ROI."""
MIN_ROI_FILL = 0.6
"""The ROI shrinks when the people fill less than this share of it."""
FULL_FRAME_WEIGHT = 0.25
"""Weight of the full-frame mask where the people fill the frame."""

TILES_PER_SIDE = 3
"""Tiles in each direction; each has half the ROI's sides, so they overlap by half."""
MAX_TILE_WEIGHT = 0.3
"""Weight of the tiles where a score is 0.5: a tile shows details, but little context."""

_MIN_TILE_WEIGHT = 0.02
"""Weight at the edge of a tile; above 0, so that every pixel has one."""


class RoiSegmenter:
    """Tracks people: segments the ROI around them and pastes the result into the frame's mask.

    The first frame of a stream and every still image are segmented twice: the full frame, then the
    ROI of the result. Later frames are segmented only in the ROI of the last mask. The full frame
    is segmented every 10 frames, when the ROI contains nobody, and when the people fill the frame.
    ROI masks keep the people of whom the full-frame mask is confident; see `resolve_disagreement`.
    The ROI has hysteresis, because one that moves in every frame makes the mask flicker: it changes
    only when people are about to leave it or fill little of it.

    Args:
        ensemble: the segmenter for first frames and still images; owned and closed.
        select_model: returns the segmenter for a region of (width, height): `ensemble`, or one that
            it closes.
        margins: margins around the people, as shares of their sides. First frames average them
            all; tracking uses the first one.
        mask_side: longer side in pixels of a pasted mask.
        track_side: the same while tracking; None for `mask_side`.
        propagate: while optical flow explains the change, run inference on every second frame only
            and warp the mask in between.
        tiling: on first frames and still images, blend in overlapping tiles where scores are
            uncertain.
        select_plain_model: returns the model whose full-frame mask protects people on such frames;
            None for `select_model`.
    """

    def __init__(
        self,
        ensemble: Segmenter,
        select_model: Callable[[tuple[int, int]], Segmenter],
        *,
        margins: Sequence[float] = (0.2,),
        mask_side: int = 512,
        track_side: int | None = None,
        propagate: bool = False,
        tiling: bool = False,
        select_plain_model: Callable[[tuple[int, int]], Segmenter] | None = None,
    ) -> None:
        self._ensemble, self._select_model, self._select_plain_model = (
            ensemble,
            select_model,
            select_plain_model or select_model,
        )
        self._margins = tuple(margins)
        self._mask_side, self._track_side = mask_side, track_side or mask_side
        self._tracker = _RoiTracker(margins[0])
        self._propagator, self._propagate, self._tiling = MaskPropagator(), propagate, tiling
        self._frames_since_refresh = 0
        self._full_frames_left = 0
        """Remaining frames that use the full frame, because the ROI lost somebody."""
        self._last: Mask
        self._pts = Fraction(0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the models within."""
        return read_notes(self._ensemble)

    def segment(self, frame: Frame) -> Mask:
        """Return a mask of the whole of `frame`.

        Raises:
            ConfigError: the model has more than one class.
        """
        new = frame.size != self._tracker.size or not is_continuous(self._pts, frame.pts)
        self._pts = frame.pts
        if new:
            self._tracker.reset(frame.size)
            self._propagator.reset()
            self._full_frames_left = 0
            return self._segment_new(frame)
        return self._track_people(frame)

    def close(self) -> None:
        """Close `ensemble` and the segmenters that it owns."""
        self._ensemble.close()

    def _segment_new(self, frame: Frame) -> Mask:
        whole = sure = _check_one_class(self._ensemble.segment(frame))
        model = self._select_plain_model(frame.size)
        if model is not self._ensemble:
            sure = _check_one_class(model.segment(frame))
            whole = _resolve(whole, sure)
        self._last, self._frames_since_refresh = whole, 0
        self._tracker.extend(find_mask_bounds(whole.alpha(), min_share=MIN_FOREGROUND))
        people = self._tracker.people
        if people is None:
            return whole
        near = self._average_margins(frame, people)
        for _ in range(MAX_ROUNDS):
            self._tracker.update(find_mask_bounds(near[..., 0], min_share=MIN_FOREGROUND))
            if self._tracker.people is None or self._tracker.people == people:
                break
            # The ROI often reveals more of a person: extend it and segment again.
            people = self._tracker.people
            near = self._average_margins(frame, people)
        if self._tiling:
            near = blend_tiles(near, self._segment_tiles(frame, people))
        part = pad_roi(people, self._margins[0], frame.size)
        far = resize_scores(whole.scores, near.shape[:2])
        # The smaller the people, the less reliable the full-frame mask is.
        share = np.float32(FULL_FRAME_WEIGHT * part.width * part.height)
        return self._restore_lost(whole.with_scores(near + share * (far - near)), sure)

    def _restore_lost(self, mask: Mask, whole: Mask) -> Mask:
        """Return an ROI mask with the people whom it lost against the full-frame mask.

        If it lost any, the full frame is used for the next frames.
        """
        checked = _resolve(mask, whole)
        self._full_frames_left = 0 if checked is mask else REFRESH_INTERVAL
        return checked

    def _segment_tiles(self, frame: Frame, people: Rect) -> Iterator[tuple[Scores, Scores]]:
        """Yield the scores and the weight of each tile, pasted into the full frame."""
        weight = make_tile_weight()
        for tile in split_into_tiles(pad_roi(people, min(self._margins), frame.size)):
            box = _to_pixels(tile, frame)
            there = paste_roi(weight, box, frame.size, self._mask_side)[..., None]
            yield self._segment_region(frame, tile, self._ensemble, self._mask_side), there

    def _average_margins(self, frame: Frame, people: Rect) -> Scores:
        parts = [pad_roi(people, margin, frame.size) for margin in self._margins]
        looks = [
            self._segment_region(frame, part, self._ensemble, self._mask_side) for part in parts
        ]
        return cast(Scores, np.mean(looks, axis=0, dtype=np.float32))

    def _track_people(self, frame: Frame) -> Mask:
        rect = self._tracker.roi
        self._frames_since_refresh += 1
        if rect is None:
            self._propagator.reset()
            return self._segment_full_frame(frame)
        whole = None
        if self._frames_since_refresh >= REFRESH_INTERVAL or self._full_frames_left:
            self._full_frames_left = max(0, self._full_frames_left - 1)
            whole = self._segment_full_frame(frame)
            # Other people appeared, or the ROI would lose somebody.
            if self._tracker.roi != rect or self._full_frames_left:
                self._propagator.reset()
                return whole
        moved = self._propagator.propagate(frame, rect)
        near = self._segment_roi(frame, rect) if moved is None else moved
        return near if whole is None else self._restore_lost(near, whole)

    def _segment_roi(self, frame: Frame, rect: Rect) -> Mask:
        left, top, right, bottom = _to_pixels(rect, frame)
        model = self._select_model((right - left, bottom - top))
        near = self._last.with_scores(self._segment_region(frame, rect, model, self._track_side))
        found = find_mask_bounds(near.alpha(), min_share=MIN_FOREGROUND)
        if found is None:
            return self._segment_full_frame(frame)
        self._tracker.update(found)
        if self._propagate:
            self._propagator.update(near, frame)
        return near

    def _segment_full_frame(self, frame: Frame) -> Mask:
        self._frames_since_refresh = 0
        mask = self._last = _check_one_class(self._select_model(frame.size).segment(frame))
        self._tracker.update(find_mask_bounds(mask.alpha(), min_share=MIN_FOREGROUND))
        return mask

    def _segment_region(self, frame: Frame, rect: Rect, model: Segmenter, side: int) -> Scores:
        """Return the scores of the region `rect`, pasted into the full frame."""
        box = _to_pixels(rect, frame)
        mask = model.segment(crop_frame(frame, box))
        return paste_roi(mask.alpha(), box, frame.size, side)[..., None]


def split_into_tiles(part: Rect) -> Iterator[Rect]:
    """Yield the overlapping tiles of a region."""
    step = 0.5 / (TILES_PER_SIDE - 1)
    for row in range(TILES_PER_SIDE):
        for column in range(TILES_PER_SIDE):
            left = part.left + column * step * part.width
            top = part.top + row * step * part.height
            yield Rect(left, top, part.width / 2, part.height / 2)


def make_tile_weight(side: int = 64) -> Scores:
    """Return the weights of a tile's pixels, float32 (side, side), highest in the center."""
    ramp = np.minimum(np.arange(side), np.arange(side)[::-1]) / side + _MIN_TILE_WEIGHT
    weight: Scores = np.minimum(ramp[:, None], ramp[None]).astype(np.float32)
    return weight


def blend_tiles(near: Scores, looks: Iterable[tuple[Scores, Scores]]) -> Scores:
    """Blend scores with those of tiles, weighted by the square of their uncertainty.

    Args:
        near: float32 (h, w, 1).
        looks: scores of the tiles, pasted into the frame, and their weights, both of the shape of
            `near`.
    """
    total, count = np.zeros_like(near), np.zeros_like(near)
    for scores, weight in looks:
        total += weight * scores
        count += weight
    seen = np.divide(total, count, out=near.copy(), where=count > 0)
    unsure = 1 - np.abs(2 * near - 1)
    mixed: Scores = near + np.float32(MAX_TILE_WEIGHT) * unsure * unsure * (seen - near)
    return mixed


class _RoiTracker:
    """The ROI of the people, with hysteresis."""

    def __init__(self, margin: float) -> None:
        self._margin = margin
        self.people: Rect | None = None
        self.size = (1, 1)

    @property
    def roi(self) -> Rect | None:
        """The ROI; None for the full frame."""
        if self.people is None:
            return None
        part = pad_roi(self.people, self._margin, self.size)
        return part if part.width * part.height < MAX_ROI_AREA else None

    def update(self, found: Rect | None) -> None:
        """Update the people's box; None: nobody is visible."""
        if found is None or self.people is None or not self._is_still_valid(self.people, found):
            self.people = found

    def extend(self, found: Rect | None) -> None:
        """Extend the people's box by a detection in the full frame; keep it if it fits."""
        if found is None or (self.people and self._is_still_valid(self.people, found, least=0)):
            return
        self.people = found

    def _is_still_valid(self, people: Rect, found: Rect, *, least: float = MIN_ROI_FILL) -> bool:
        roomy = found.width * found.height < least * people.width * people.height
        return contains(pad_roi(people, self._margin / 2, self.size), found) and not roomy

    def reset(self, size: tuple[int, int]) -> None:
        """Start a stream of frames of (width, height) `size`."""
        self.people, self.size = None, size


def _to_pixels(rect: Rect, frame: Frame) -> tuple[int, int, int, int]:
    """Return `rect` as (left, top, right, bottom) in pixels, valid for the frame's layout."""
    left, top, right, bottom = to_even_pixels(rect, frame.size)
    if frame.layout == "i420":
        return left, top, right, bottom
    return left, top, min(right, frame.size[0]), min(bottom, frame.size[1])


def _resolve(mask: Mask, other: Mask) -> Mask:
    """Return `mask` with disagreements resolved by `other`; itself if there are none."""
    scores = resolve_disagreement(mask.scores, resize_scores(other.scores, mask.shape))
    return mask if scores is mask.scores else mask.with_scores(scores)


def _check_one_class(mask: Mask) -> Mask:
    if len(mask.classes) != 1 or mask.data.dtype == np.uint8:
        raise ConfigError(
            f"roi requires a model with scores of one class, got {len(mask.classes)} classes",
            hint="choose the model selfie or selfie-landscape, or set roi to none",
        )
    return mask
