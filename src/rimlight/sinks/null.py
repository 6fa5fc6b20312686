"""Takes frames and forgets them."""

from __future__ import annotations

from rimlight.core import options
from rimlight.core.frame import Frame, SourceInfo


class NullSink:
    """For measuring everything but the output."""

    class Options(options.Options):
        """None."""

    def __init__(self, options: Options, info: SourceInfo) -> None: ...

    def write(self, frame: Frame) -> None:
        """Forget `frame`."""

    def close(self) -> None:
        """There is nothing to release."""

    def abort(self) -> None:
        """There is nothing to release."""
