"""What is wrong with a run is found before anything of it is opened."""

import pytest

from rimlight.core.config import EffectConfig, SinkConfig
from rimlight.core.errors import ConfigError, SinkError
from rimlight.factory.presets import build_config
from rimlight.factory.validation import validate_config


def run_to(*sinks):
    return build_config("process", source="a.mp4", sinks=sinks, segmenter={"kind": "threshold"})


@pytest.mark.parametrize(
    "sinks",
    [("o.mp4", "./o.mp4"), ("masks/", "images:masks"), ("o.mp4", "null", "video:o.mp4")],
)
def test_two_results_in_one_place_are_refused(sinks):
    with pytest.raises(ConfigError, match="two results would lie at"):
        validate_config(run_to(*sinks))


def test_results_that_lie_apart_are_fine():
    validate_config(run_to("o.mp4", "o.mov", "o/", "null", "null"))


def test_pictures_of_two_kinds_may_share_a_folder():
    sinks = [{"kind": "images", "path": "o", "format": kind} for kind in ("png", "webp")]
    said = run_to("o/").model_copy(update={"sinks": tuple(map(SinkConfig.model_validate, sinks))})
    validate_config(said)


def test_a_cut_out_to_raw_frames_needs_a_place_for_alpha():
    run = run_to("null", "-").model_copy(update={"effects": (EffectConfig(kind="cutout"),)})
    with pytest.raises(SinkError, match="cannot hold alpha") as caught:
        validate_config(run)
    assert "sinks.1.pixel_format=rgba" in caught.value.hint
    validate_config(
        run.model_copy(update={"sinks": (SinkConfig(kind="pipe", pixel_format="rgba"),)})
    )
