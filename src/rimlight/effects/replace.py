"""Another background."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from rimlight.core import options as opt
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.protocols import EffectTraits
from rimlight.effects.alpha import Keep, compute_frame_alpha, compute_mask_alpha
from rimlight.effects.backgrounds import is_screen, open_background
from rimlight.effects.light_matcher import LightMatcher
from rimlight.imaging.color import bgr_to_i420, i420_to_bgr, pad_even
from rimlight.imaging.compositing.blend import composite_bgr
from rimlight.imaging.compositing.i420 import Compositor, Edges, Image
from rimlight.imaging.edge_color import apply_light_wrap, decontaminate_edges
from rimlight.imaging.geometry import Fit
from rimlight.imaging.hair.colors import take_room_out
from rimlight.imaging.palette import Bgr, parse_color
from rimlight.imaging.pool import ArrayPool


class ReplaceEffect(EffectTraits):
    """Shows a color, a picture or a repeating video behind the foreground.

    Where the mask is a matte (refiner hair), the old background's color is always taken out of
    half-transparent pixels.

    Raises:
        ConfigError: the background is none of these, or cannot be read.
    """

    hides_background = True
    composites = True
    person_only = True
    is_repeatable = True

    class Options(opt.Options):
        """What stands behind."""

        positional: ClassVar[str | None] = "background"

        background: Annotated[
            opt.FileName,
            Field(description="a color, a picture, a video, a folder of slides, or screen"),
        ]
        fit: Annotated[Fit, Field(description="how a picture meets the frame")] = "fill"
        pad_color: Annotated[
            str, Field(description="color of the area that the image does not cover")
        ] = "black"
        keep: Annotated[
            Keep, Field(description="classes that stay; none: the model's own choice")
        ] = None

        decontaminate_edges: Annotated[
            bool, Field(description="take the old background's colors out of the soft edge")
        ] = False
        light_wrap: Annotated[
            float, Field(ge=0, le=1, description="light of the background on the edge; 0: none")
        ] = 0.0

        match_light: Annotated[
            float,
            Field(ge=0, le=1, description="give the person the light of the background; 0: none"),
        ] = 0.0

    @classmethod
    def outputs_alpha(cls, options: Any, *, has_alpha: bool) -> bool:
        """Return False: its frames are opaque, also where the source is transparent."""
        return False

    @classmethod
    def is_stateful(cls, options: Any) -> bool:
        """Return True if the light follows that of earlier frames."""
        return bool(options.match_light)

    def __init__(self, options: Options) -> None:
        self._keep = options.keep
        self.shows_screen = is_screen(options.background)
        """True if the background is what a screen shows."""
        self._decontaminate, self._light_wrap = options.decontaminate_edges, options.light_wrap
        self._light = LightMatcher(options.match_light) if options.match_light else None
        self._pool = ArrayPool()
        pad_color = _color(options.pad_color)
        self._background = open_background(options.background, fit=options.fit, pad_color=pad_color)
        self._compositor = Compositor()

    def apply(self, frame: Frame, mask: Mask) -> Frame:
        """Return `frame` with the other background, which also shows where it was transparent."""
        if frame.alpha is not None:
            frame = frame.with_bgr(frame.bgr, frame.alpha)  # I420 is for opaque pictures
        back = self._background.fit_to(frame)
        if frame.layout == "bgr":
            alpha = compute_frame_alpha(frame, mask, self._keep)
            if mask.is_matte:
                frame = frame.with_bgr(take_room_out(frame.image, alpha), frame.alpha)
            front = self._front_bgr(frame, back, mask)
            return frame.with_bgr(
                composite_bgr(front, back, alpha, self._pool.acquire(front.shape))
            )
        small = compute_mask_alpha(mask, self._keep)
        front = self._front(frame, back, small, mask.alpha_range)
        return frame.with_i420(self._compositor.composite(front, back, small, mask.alpha_range))

    def _front(self, frame: Frame, back: Image, alpha: Image, edges: Edges) -> Image:
        """Return the I420 image of `frame` with its light and edge as the options ask for it."""
        image = frame.i420
        if self._light:
            image = self._light.match(frame, back, alpha, self._pool.acquire(image.shape))
        if self._decontaminate:
            image = decontaminate_edges(image, alpha, edges, self._pool.acquire(image.shape))
        if self._light_wrap:
            image = apply_light_wrap(
                image, back, alpha, self._light_wrap, self._pool.acquire(image.shape)
            )
        return image

    def _front_bgr(self, frame: Frame, back: Image, mask: Mask) -> Image:
        """Return BGR `frame` with its light and edge as the options ask for it."""
        if not (self._decontaminate or self._light_wrap or self._light):
            return frame.image
        small, behind = (
            compute_mask_alpha(mask, self._keep),
            bgr_to_i420(pad_even(back), frame.color),
        )
        edged = self._front(frame, behind, small, mask.alpha_range)
        width, height = frame.size
        return i420_to_bgr(edged, frame.color)[:height, :width]

    def close(self) -> None:
        """Close the background."""
        self._background.close()


def _color(text: str) -> Bgr:
    try:
        return parse_color(text)
    except ValueError as exc:
        raise ConfigError(f"effect 'replace': pad_color: {exc}") from exc
