"""Looking closer: the part of the frame that holds the people, at the model's full resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask, is_continuous
from rimlight.core.protocols import Segmenter
from rimlight.imaging.geometry import Rect
from rimlight.imaging.roi import contains, find_mask_bounds, pad_roi, paste_roi, to_even_pixels
from rimlight.segmenters.crop_detect import cut_frame
from rimlight.segmenters.ensemble import enlarged, with_surer
from rimlight.segmenters.motion_gate import MovingMask

Scores = NDArray[np.float32]

LEAST = 0.002
"""A smaller share of the picture is nobody."""
ROUNDS = 2
"""So often a part is chosen anew within one frame."""
LARGE = 0.6
"""From this share of the picture on, looking closer gains nothing."""
REFRESH = 10
"""Every so many frames the whole frame is looked at for others."""
SMALL = 0.6
"""People who take less than this share of where they were before are looked at closer."""
FAR_WEIGHT = 0.25
"""What the look at the whole weighs beside the closer ones, where the people fill the frame."""


class FocusSegmenter:
    """Follows the people: segments the part of the frame around them, and puts it back.

    The first frame of a stream and every single picture get two looks: the whole, and what the
    first look found, closer. After that, `follow` looks only at the part around the last mask,
    and at the whole frame every 10 frames, when nobody is left in the part, and when the people
    fill the frame anyway. Closer looks do not lose whom the look at the whole is sure of: see
    `with_surer`. The part is moved only when they are about to leave it, or have become
    small in it: a part that follows every step would make the mask tremble.

    Args:
        first: for first frames and single pictures; taken over and closed.
        model: the segmenter for a part of (width, height): `first`, or one that it closes.
        margins: how much is added around the people, as shares of their sides; several are
            averaged in two looks, the first of them follows.
        side: pixels of the longer side of a mask that was put back.
        follow_side: the same where a part alone is looked at; None for `side`.
        carry: while motion explains what changes, look at every second frame only; the mask moves
            along with the picture in between.
        detail: on first frames and single pictures, mix in overlapping tiles where scores are
            unsure.
        plain: whose look at the whole of such a frame nobody is lost of; None for `model`.
    """

    def __init__(
        self,
        first: Segmenter,
        model: Callable[[tuple[int, int]], Segmenter],
        *,
        margins: Sequence[float] = (0.2,),
        side: int = 512,
        follow_side: int | None = None,
        carry: bool = False,
        detail: bool = False,
        plain: Callable[[tuple[int, int]], Segmenter] | None = None,
    ) -> None:
        self._first, self._model, self._plain = first, model, plain or model
        self._margins = tuple(margins)
        self._side, self._follow_side = side, follow_side or side
        self._track = _Track(margins[0])
        self._moving, self._carry, self._detail = MovingMask(), carry, detail
        self._since = 0
        self._doubts = 0
        """Frames for which a closer look is not trusted, as it lost somebody."""
        self._last: Mask
        self._pts = Fraction(0)

    def segment(self, frame: Frame) -> Mask:
        """Return a mask of the whole of `frame`.

        Raises:
            ConfigError: the model has more than one class.
        """
        new = frame.size != self._track.size or not is_continuous(self._pts, frame.pts)
        self._pts = frame.pts
        if new:
            self._track.forget(frame.size)
            self._moving.forget()
            self._doubts = 0
            return self._two_looks(frame)
        return self._followed(frame)

    def close(self) -> None:
        """Close the first segmenter, and so those it took over."""
        self._first.close()

    def _two_looks(self, frame: Frame) -> Mask:
        whole = sure = _one_class(self._first.segment(frame))
        model = self._plain(frame.size)
        if model is not self._first:
            sure = _one_class(model.segment(frame))
            whole = _surer(whole, sure)
        self._last, self._since = whole, 0
        self._track.include(find_mask_bounds(whole.alpha(), min_share=LEAST))
        people = self._track.people
        if people is None:
            return whole
        near = self._averaged(frame, people)
        for _ in range(ROUNDS):
            self._track.follow(find_mask_bounds(near[..., 0], min_share=LEAST))
            if self._track.people is None or self._track.people == people:
                break
            # A closer look often finds the arms of a head: look again, at all of them.
            people = self._track.people
            near = self._averaged(frame, people)
        if self._detail:
            near = detailed(near, self._tile_looks(frame, people))
        part = pad_roi(people, self._margins[0], frame.size)
        far = enlarged(whole.scores, near.shape[:2])
        # The smaller the people are, the less the look at the whole can see of them.
        share = np.float32(FAR_WEIGHT * part.width * part.height)
        return self._checked(whole.with_scores(near + share * (far - near)), sure)

    def _checked(self, mask: Mask, whole: Mask) -> Mask:
        """Return a mask of closer looks with whom the look at the whole found and they lost.

        In a stream the whole is looked at for some frames then.
        """
        checked = _surer(mask, whole)
        self._doubts = 0 if checked is mask else REFRESH
        return checked

    def _tile_looks(self, frame: Frame, people: Rect) -> Iterator[tuple[Scores, Scores]]:
        """Yield the scores and the weight of each tile, in their place in the whole frame."""
        weight = tile_weight()
        for tile in tiles(pad_roi(people, min(self._margins), frame.size)):
            box = _box(tile, frame)
            there = paste_roi(weight, box, frame.size, self._side)[..., None]
            yield self._near(frame, tile, self._first, self._side), there

    def _averaged(self, frame: Frame, people: Rect) -> Scores:
        parts = [pad_roi(people, margin, frame.size) for margin in self._margins]
        looks = [self._near(frame, part, self._first, self._side) for part in parts]
        return cast(Scores, np.mean(looks, axis=0, dtype=np.float32))

    def _followed(self, frame: Frame) -> Mask:
        rect = self._track.part
        self._since += 1
        if rect is None:
            self._moving.forget()
            return self._whole(frame)
        whole = None
        if self._since >= REFRESH or self._doubts:
            self._doubts = max(0, self._doubts - 1)
            whole = self._whole(frame)
            # Others came, or the people are about to leave the part, or it would lose them.
            if self._track.part != rect or self._doubts:
                self._moving.forget()
                return whole
        moved = self._moving.moved(frame, rect)
        near = self._closer(frame, rect) if moved is None else moved
        return near if whole is None else self._checked(near, whole)

    def _closer(self, frame: Frame, rect: Rect) -> Mask:
        left, top, right, bottom = _box(rect, frame)
        model = self._model((right - left, bottom - top))
        near = self._last.with_scores(self._near(frame, rect, model, self._follow_side))
        found = find_mask_bounds(near.alpha(), min_share=LEAST)
        if found is None:
            return self._whole(frame)
        self._track.follow(found)
        if self._carry:
            self._moving.keep(near, frame)
        return near

    def _whole(self, frame: Frame) -> Mask:
        self._since = 0
        mask = self._last = _one_class(self._model(frame.size).segment(frame))
        self._track.follow(find_mask_bounds(mask.alpha(), min_share=LEAST))
        return mask

    def _near(self, frame: Frame, rect: Rect, model: Segmenter, side: int) -> Scores:
        """Return the scores of what lies in `rect`, in their place in the whole frame."""
        box = _box(rect, frame)
        mask = model.segment(cut_frame(frame, box))
        return paste_roi(mask.alpha(), box, frame.size, side)[..., None]


class _Track:
    """Where the people are, with hysteresis."""

    def __init__(self, margin: float) -> None:
        self._margin = margin
        self.people: Rect | None = None
        self.size = (1, 1)

    @property
    def part(self) -> Rect | None:
        """What to look at; None for the whole."""
        if self.people is None:
            return None
        part = pad_roi(self.people, self._margin, self.size)
        return part if part.width * part.height < LARGE else None

    def follow(self, found: Rect | None) -> None:
        """Take note of where the people are now; None for nowhere."""
        if found is None or self.people is None or not self._still_fits(self.people, found):
            self.people = found

    def include(self, found: Rect | None) -> None:
        """Take note of where people are seen from afar, without giving up what is known."""
        if found is None or (self.people and self._still_fits(self.people, found, least=0)):
            return
        self.people = found

    def _still_fits(self, people: Rect, found: Rect, *, least: float = SMALL) -> bool:
        roomy = found.width * found.height < least * people.width * people.height
        return contains(pad_roi(people, self._margin / 2, self.size), found) and not roomy

    def forget(self, size: tuple[int, int]) -> None:
        """Know nothing yet of frames of (width, height) `size`."""
        self.people, self.size = None, size


def _box(rect: Rect, frame: Frame) -> tuple[int, int, int, int]:
    """Return `rect` as (left, top, right, bottom) pixels that `frame` has in its layout."""
    left, top, right, bottom = to_even_pixels(rect, frame.size)
    if frame.layout == "i420":
        return left, top, right, bottom
    return left, top, min(right, frame.size[0]), min(bottom, frame.size[1])


def _surer(mask: Mask, other: Mask) -> Mask:
    """Return `mask` with the large regions that only `other` is sure of; itself without such."""
    scores = with_surer(mask.scores, enlarged(other.scores, mask.shape))
    return mask if scores is mask.scores else mask.with_scores(scores)


def _one_class(mask: Mask) -> Mask:
    if len(mask.classes) != 1 or mask.data.dtype == np.uint8:
        raise ConfigError(
            f"only models of people can look closer, this one knows {len(mask.classes)} classes",
            hint="choose the model selfie or selfie-landscape, or leave `focus` out",
        )
    return mask


TILES = 3
"""Tiles in each direction; each is half as large as the part, so they overlap by half."""
MOST = 0.3
"""What the tiles weigh where a score is 0.5: a tile sees fingers, but not whose they are."""

_RIM = 0.02  # weight of a tile where it ends: never nothing


def tiles(part: Rect) -> Iterator[Rect]:
    """Yield the tiles of a part of a picture."""
    step = 0.5 / (TILES - 1)
    for row in range(TILES):
        for column in range(TILES):
            left = part.left + column * step * part.width
            top = part.top + row * step * part.height
            yield Rect(left, top, part.width / 2, part.height / 2)


def tile_weight(side: int = 64) -> Scores:
    """Return how much a tile's pixels count, float32 (side, side): most in the middle."""
    ramp = np.minimum(np.arange(side), np.arange(side)[::-1]) / side + _RIM
    weight: Scores = np.minimum(ramp[:, None], ramp[None]).astype(np.float32)
    return weight


def detailed(near: Scores, looks: Iterable[tuple[Scores, Scores]]) -> Scores:
    """Return scores mixed with those of tiles, by the square of how unsure they are.

    Args:
        near: float32 (h, w, 1).
        looks: scores of tiles in their place in the whole, and their weights there, both of the
            same shape as `near`.
    """
    total, count = np.zeros_like(near), np.zeros_like(near)
    for scores, weight in looks:
        total += weight * scores
        count += weight
    seen = np.divide(total, count, out=near.copy(), where=count > 0)
    unsure = 1 - np.abs(2 * near - 1)
    mixed: Scores = near + np.float32(MOST) * unsure * unsure * (seen - near)
    return mixed
