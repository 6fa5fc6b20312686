"""Another background."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from rimlight import options as opt
from rimlight.effects.backgrounds import open_background
from rimlight.effects.keep import Keep, full_alpha, small_alpha
from rimlight.errors import ConfigError
from rimlight.frame import Frame, Mask
from rimlight.imaging.composite import Compositor, composite_bgr
from rimlight.imaging.fit import Fit
from rimlight.imaging.palette import Bgr, parse_colour


class ReplaceEffect:
    """Shows a colour, a picture or a repeating video behind the foreground.

    Raises:
        ConfigError: the background is none of these, or cannot be read.
    """

    class Options(opt.Options):
        """What stands behind."""

        main: ClassVar[str | None] = "background"

        background: Annotated[str, Field(description="a colour, or a picture or video file")]
        fit: Annotated[Fit, Field(description="how a picture meets the frame")] = "fill"
        backdrop: Annotated[
            str, Field(description="colour beside and behind a picture that leaves some free")
        ] = "black"
        keep: Annotated[
            Keep, Field(description="classes that stay; none: the model's own choice")
        ] = None

    def __init__(self, options: Options) -> None:
        self._keep = options.keep
        backdrop = _colour(options.backdrop)
        self._background = open_background(options.background, fit=options.fit, backdrop=backdrop)
        self._compositor = Compositor()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the other background, which also shows where it was transparent."""
        if frame.alpha is not None:
            frame = frame.with_bgr(frame.bgr, frame.alpha)  # I420 is for opaque pictures
        back = self._background.behind(frame)
        if frame.layout == "bgr":
            alpha = full_alpha(frame, mask, self._keep)
            return frame.with_bgr(composite_bgr(frame.image, back, alpha))
        small = small_alpha(mask, self._keep)
        return frame.with_i420(self._compositor.composite(frame.image, back, small, mask.edges))

    def close(self) -> None:
        """Close the background."""
        self._background.close()


def _colour(text: str) -> Bgr:
    try:
        return parse_colour(text)
    except ValueError as exc:
        raise ConfigError(f"effect 'replace': backdrop: {exc}") from exc
