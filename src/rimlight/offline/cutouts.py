"""Each object of a frame as a picture of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rimlight.core.frame import Frame, Instance, Mask
from rimlight.effects.alpha import full_alpha
from rimlight.imaging.edge_color import without_room_bgr

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class CutOut:
    """An object as a picture.

    Attributes:
        item: the object.
        number: its place among those of the frame, from 1; the surest is the first.
        frame: its pixels and their alpha, trimmed to what can be seen.
        box: (left, top, right, bottom) of `frame` in the whole picture, in pixels.
    """

    item: Instance
    number: int
    frame: Frame
    box: Box

    @property
    def label(self) -> str:
        """The class, the score and the number, as a file may be called: "person-0.91-01"."""
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.item.name)
        number = self.item.id or self.number
        return f"{name}-{self.item.score:.2f}-{number:02d}"


def cut_outs(frame: Frame, mask: Mask) -> Iterator[CutOut]:
    """Yield each object of `mask` with a transparent background, trimmed, the surest first.

    Nothing of what is around an object is left in the colors below.

    Objects whose masks cover no pixel of the frame are left out, as are all of a mask that was
    not made of single objects.
    """
    if mask.instances is None:
        return
    classes = mask.instances.classes
    for number, item in enumerate(mask.instances):
        one = mask.instances.select([number])
        alone = Mask.from_instances(one, foreground=classes, alpha_range=mask.alpha_range)
        alpha = full_alpha(frame, alone, None)
        box = _extent(alpha)
        if box is not None:
            left, top, right, bottom = box
            part = np.s_[top:bottom, left:right]
            seen = np.ascontiguousarray(alpha[part])
            own = without_room_bgr(np.ascontiguousarray(frame.bgr[part]), seen, (0.0, 1.0))
            cut = frame.with_bgr(own, seen).blank_transparent()
            yield CutOut(item, number + 1, cut, box)


def _extent(alpha: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Box | None:
    """Return (left, top, right, bottom) of what can be seen, None where that is nothing."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
