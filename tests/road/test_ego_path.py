import numpy as np
import pytest

from rimlight.core.config import RunConfig, SegmenterConfig, SinkConfig, SourceConfig
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.road.ego_path import (
    DEFAULT_EGO_PATH,
    crop_ego_path,
    estimate_ego_path,
    fit_ego_path,
    parse_ego_path,
)

CLASSES = ("background", "road")


def street(bonnet_from, car_from=100):
    """Road from the middle down to the bonnet; a car may stand on it. Heights in 0..100."""
    labels = np.zeros((100, 90), np.uint8)
    labels[50 : min(bonnet_from, car_from)] = 1
    return Mask.from_labels(labels, CLASSES, foreground=("road",))


def test_the_near_edge_is_raised_above_the_bonnet():
    near = fit_ego_path([street(80)] * 5)[2]
    assert near == pytest.approx(0.79, abs=0.011)


def test_a_raised_edge_is_as_wide_as_the_path_is_there():
    assert crop_ego_path(0.77) == pytest.approx((0.285, 0.715, 0.77, 0.42, 0.58, 0.62))


def test_a_road_down_to_the_picture_s_end_leaves_the_path_as_it_is():
    assert fit_ego_path([street(100)] * 5) == DEFAULT_EGO_PATH


def test_a_car_in_front_now_and_then_is_no_bonnet():
    assert fit_ego_path([street(100)] * 2 + [street(100, car_from=60)] * 3) == DEFAULT_EGO_PATH


def test_a_bonnet_does_not_reach_up_to_the_horizon():
    assert fit_ego_path([street(100, car_from=55)] * 5)[2] == 0.7


def test_nothing_is_guessed_from_no_road_or_a_model_that_knows_none():
    cat = Mask.from_labels(np.zeros((4, 4), np.uint8), ("cat", "dog"))
    assert (
        fit_ego_path([street(50)] * 3)
        == fit_ego_path([cat])
        == fit_ego_path([])
        == DEFAULT_EGO_PATH
    )


def test_a_live_source_is_not_opened_for_a_guess():
    part, sink = SegmenterConfig(kind="model"), SinkConfig(kind="null")
    for source in ({"kind": "camera", "device": 99}, {"kind": "video", "path": "rtsp://x/y"}):
        run = RunConfig(source=SourceConfig(**source), segmenter=part, sinks=(sink,))
        assert estimate_ego_path(run) == DEFAULT_EGO_PATH


def test_what_the_user_says_is_read():
    assert parse_ego_path("0.1,0.9,1,0.4,0.6,0.5") == (0.1, 0.9, 1, 0.4, 0.6, 0.5)


@pytest.mark.parametrize(
    "text", ["", "1,2", "a,b,c,d,e,f", "0,1,0.5,0,1,0.9", "0.9,0.1,1,0.4,0.6,0.5", "-1,1,1,0,1,0"]
)
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ConfigError, match="not a valid ego path"):
        parse_ego_path(text)
