"""How much work a mask is worth: `--quality`."""

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
import yaml

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame
from rimlight.factory.presets import Quality, build_config
from rimlight.factory.segmenter import open_segmenter
from rimlight.factory.validation import validate_config


def described(quality, **more):
    return build_config("process", source="test-pattern", sinks=["null"], quality=quality, **more)


@pytest.mark.parametrize("quality", get_args(Quality))
def test_each_quality_is_a_run_that_can_be_opened(quality):
    run = described(quality)
    validate_config(run)
    assert run.refiners


def test_an_unknown_quality_is_refused_with_what_there_is():
    with pytest.raises(ConfigError, match="unknown quality 'bset'") as caught:
        described("bset")
    assert "best" in str(caught.value.hint)


def test_a_config_of_the_users_own_goes_over_the_quality(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({"segmenter": {"roi": "none"}}))
    run = described("best", config=own)
    assert run.segmenter.given["roi"] == "none"
    assert run.refiners[0].given["flow_weight"] == 0.97


def test_a_quality_keeps_the_model_that_was_named():
    run = described("balanced", segmenter={"model": "selfie"})
    assert run.segmenter.given == {"model": "selfie", "roi": "track"}


@pytest.mark.parametrize("roi", ["none", "track", "multi"])
@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_an_empty_picture_gives_an_empty_mask(roi, layout):
    segmenter = open_segmenter(SegmenterConfig(kind="model", model="auto", roi=roi))
    frame = Frame.from_bgr(
        np.full((180, 320, 3), 90, np.uint8), index=0, pts=Fraction(0), captured_at=0.0
    )
    given = frame if layout == "bgr" else frame.with_i420(frame.i420)
    assert segmenter.segment(given).alpha().max() < 0.5
    segmenter.close()
