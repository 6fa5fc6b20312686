"""A transparent background."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rimlight import options as opt
from rimlight.effects.keep import Keep, full_alpha
from rimlight.frame import Frame, Mask


class CutoutEffect:
    """Makes everything but the foreground transparent; the sink must be able to hold alpha."""

    class Options(opt.Options):
        """What stays."""

        keep: Annotated[
            Keep, Field(description="classes that stay; none: the model's own choice")
        ] = None

    def __init__(self, options: Options) -> None:
        self._keep = options.keep

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame`, seen through the mask."""
        return frame.with_alpha(full_alpha(frame, mask, self._keep))

    def close(self) -> None:
        """Nothing to release."""
