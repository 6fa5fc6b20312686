"""Masks made better. To add one: write one file here, add one line below."""

from rimlight.core.registry import Entry, Registry

REFINERS = Registry(
    "refiner",
    {
        "select": Entry("rimlight.refiners.select:SelectRefiner", summary="who and what stays"),
        "clean": Entry("rimlight.refiners.spatial:CleanRefiner", summary="no specks, no holes"),
        "feather": Entry("rimlight.refiners.spatial:FeatherRefiner", summary="softer edges"),
        "match-sharpness": Entry(
            "rimlight.refiners.match_sharpness:MatchSharpnessRefiner",
            summary="edges as sharp as the picture",
        ),
        "hair": Entry(
            "rimlight.refiners.hair:HairRefiner", summary="soft hair, in single pictures"
        ),
        "smooth": Entry("rimlight.refiners.smooth:SmoothRefiner", summary="steady in time"),
        "flow-smooth": Entry(
            "rimlight.refiners.flow_smoothing:FlowSmoothRefiner",
            summary="steady along the picture's motion",
        ),
        "track": Entry("rimlight.refiners.track:TrackRefiner", summary="numbers for objects"),
    },
)
