"""A run over single pictures: one that cannot be processed does not stop the others."""

from __future__ import annotations

import logging
from typing import Any

from rimlight.core.errors import RimlightError, SourceReadError, StopStream
from rimlight.core.frame import Frame, Mask
from rimlight.pipeline.pipeline import Pipeline

log = logging.getLogger(__name__)


class StillsPipeline(Pipeline):
    """Skips a picture at which a part fails, as one too large for the memory, and names it.

    What a part raises on purpose ends the run, and so does a failure at every picture.
    """

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._failed: list[tuple[str, Exception]] = []
        self._done = 0

    def _attempt(self, frame: Frame) -> Mask | None:
        try:
            return super()._attempt(frame)
        except (RimlightError, StopStream):
            raise
        except Exception as exc:  # whatever the size or content of one picture leads to
            self._skip(frame, exc)
            return None

    def _show(self) -> None:
        for frame, mask in self._masked:
            try:
                shown = self._applied(frame, mask)
            except (RimlightError, StopStream):
                raise
            except Exception as exc:  # as above
                self._skip(frame, exc)
                continue
            self._send(shown)
            self._done += 1
        self._tell()

    def _skip(self, frame: Frame, error: Exception) -> None:
        log.warning("skipped %s: %s", frame.name, _reason(error))
        self._failed.append((frame.name, error))

    def _tell(self) -> None:
        """Raise for the pictures that were skipped; a watched folder has no end to do that at."""
        if not self._failed:
            return
        if not self._done:
            raise self._failed[0][1]
        if self._source.info.count is not None:
            names = "; ".join(f"{name}: {_reason(error)}" for name, error in self._failed[:3])
            raise SourceReadError(
                f"{len(self._failed)} of {self._source.info.count} pictures could not be "
                f"processed: {names}" + ("; ..." if len(self._failed) > 3 else ""),
                hint="the others were processed; try these alone, or smaller",
            )


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    return " ".join(str(error).split()) or type(error).__name__
