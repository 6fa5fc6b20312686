"""Opens a camera again: where it is now, and at the size that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rimlight.core.config import PartConfig
from rimlight.system import v4l2
from rimlight.system.camera_identity import make_camera_finder

if TYPE_CHECKING:  # parts are below the pipeline; they only share its words
    from rimlight.core.protocols import Source


class CameraAgain:
    """A `Reopener` of a camera that is open now.

    Args:
        part: what it was opened from.
        size: (width, height) of its pictures.
        opener: opens a source by its description.

    Raises:
        OSError: it cannot be asked who it is.
    """

    def __init__(
        self, part: PartConfig, size: tuple[int, int], opener: Callable[[PartConfig], Source]
    ) -> None:
        self._part = part
        self._size = size
        self._opener = opener
        self._where = make_camera_finder(part.options.get("device", 0))
        self._smaller: tuple[int, int] | None = None

    def __call__(self) -> Source:
        """Open it where it is now.

        Raises:
            SourceOpenError: it is not there, or busy.
        """
        size = {"size": "{}x{}".format(*self._smaller)} if self._smaller else {}
        return self._opener(self._part.model_copy(update={"device": self._where(), **size}))

    def can_shrink(self) -> bool:
        """Say whether it has a smaller size of the same shape."""
        return self._found() is not None

    def shrink(self, *, on: bool) -> None:
        """Open it at that size from now on, or as the part says."""
        self._smaller = self._found() if on else None

    def _found(self) -> tuple[int, int] | None:
        with suppress(OSError):  # it is gone just now, or cannot be asked on this system
            named = str(self._where())
            path = Path(f"/dev/video{named}" if named.isdecimal() else named)
            return v4l2.find_smaller_size(path, self._size)
        return None
