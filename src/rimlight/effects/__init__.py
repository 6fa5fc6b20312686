"""What is shown: (frame, mask) -> frame. To add one: write one file here, add one line below.

Frames in the "i420" layout are worked on as they are, the fast way; frames in "bgr", such as
pictures, keep their full color resolution.
"""

from rimlight.core.registry import Entry, Registry

EFFECTS = Registry(
    "effect",
    {
        "blur": Entry("rimlight.effects.blur:BlurEffect", summary="a blurred background"),
        "boxes": Entry(
            "rimlight.effects.boxes:BoxesEffect", summary="objects with boxes and names"
        ),
        "colormap": Entry(
            "rimlight.effects.colormap:ColormapEffect", summary="brightness as color"
        ),
        "cutout": Entry("rimlight.effects.cutout:CutoutEffect", summary="a transparent one"),
        "despill": Entry(
            "rimlight.effects.despill:DespillEffect", summary="no light of a green screen"
        ),
        "flip": Entry("rimlight.effects.flip:FlipEffect", summary="mirrored or upside down"),
        "foreground": Entry(
            "rimlight.effects.cutout:ForegroundEffect", summary="its colors, without a rim"
        ),
        "framing": Entry(
            "rimlight.effects.framing:FramingEffect", summary="follows and enlarges the person"
        ),
        "gray": Entry("rimlight.effects.gray:GrayEffect", summary="a gray background"),
        "hologram": Entry(
            "rimlight.effects.hologram:HologramEffect", summary="the person as a hologram"
        ),
        "hud": Entry("rimlight.effects.hud:HudEffect", summary="rate, latency and drops"),
        "inset": Entry(
            "rimlight.effects.inset:InsetEffect", summary="the person small in a corner"
        ),
        "layer": Entry(
            "rimlight.effects.layer:LayerEffect", summary="an image with alpha over the frame"
        ),
        "matte": Entry("rimlight.effects.cutout:MatteEffect", summary="the mask, in gray"),
        "overlay": Entry("rimlight.effects.overlay:OverlayEffect", summary="painted classes"),
        "product": Entry("rimlight.effects.product:ProductEffect", summary="pictures for shops"),
        "redact": Entry("rimlight.effects.redact:RedactEffect", summary="covered regions"),
        "replace": Entry("rimlight.effects.replace:ReplaceEffect", summary="another background"),
    },
)

LIVE_REFRESH_HZ = 15
"""How often a live blur is made anew: its age of a frame or two is not seen."""
