"""Models of a person's parts, and means of several models, as a run opens them."""

import pytest
from fakes import make_frame

from rimlight.core.config import SegmenterConfig, parse_run
from rimlight.core.errors import ConfigError
from rimlight.factory.segmenter import (
    find_lighter,
    list_model_names,
    open_segmenter,
    read_foreground,
    separate_parts,
    split_ensemble,
)

MULTICLASS = "selfie-multiclass"


def segmenter(model=MULTICLASS, **options):
    return SegmenterConfig.model_validate({"kind": "model", "model": model, **options})


def run(model=MULTICLASS, effects=(), refiners=(), **options):
    data = {
        "source": {"kind": "test-pattern"},
        "segmenter": {"kind": "model", "model": model, **options},
        "refiners": list(refiners),
        "effects": list(effects),
        "sinks": [{"kind": "null"}],
    }
    return parse_run(data, where="test")


def asks_for_parts(config):
    return separate_parts(config).segmenter.given.get("parts", False)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"effects": [{"kind": "replace", "background": "white"}]}, False),
        ({"effects": [{"kind": "replace", "background": "white", "keep": ["person"]}]}, False),
        ({"effects": [{"kind": "replace", "background": "white", "keep": ["hair"]}]}, True),
        ({"refiners": [{"kind": "select", "exclude": ["clothes"]}]}, True),
        ({"effects": [{"kind": "overlay"}]}, True),
    ],
)
def test_a_run_that_names_or_paints_parts_gets_them(parts, expected):
    assert asks_for_parts(run(**parts)) == expected


def test_a_run_that_says_what_it_wants_is_left_alone():
    config = run(parts=False, effects=[{"kind": "overlay"}])
    assert separate_parts(config) is config


def test_a_model_without_parts_is_left_alone():
    assert not asks_for_parts(run("selfie", effects=[{"kind": "overlay"}]))


@pytest.mark.parametrize("roi", ["none", "track", "multi"])
def test_a_model_of_parts_gives_one_person_and_can_look_closer(roi):
    opened = open_segmenter(segmenter(roi=roi, threads=1))
    assert opened.segment(make_frame()).classes == ("person",)
    opened.close()


def test_with_parts_every_class_has_scores():
    opened = open_segmenter(segmenter(parts=True, threads=1))
    assert opened.segment(make_frame()).classes[1:3] == ("hair", "body-skin")
    opened.close()


def test_models_joined_by_commas_are_averaged():
    frame = make_frame(4, (320, 180))
    opened = [open_segmenter(segmenter(name, threads=1)) for name in ("selfie", MULTICLASS)]
    one, other = (each.segment(frame).scores for each in opened)
    both = open_segmenter(segmenter(f"selfie,{MULTICLASS}", threads=1)).segment(frame)
    assert both.classes == ("person",)
    assert both.scores == pytest.approx((one + other) / 2, abs=1e-4)


def test_a_mean_can_be_one_of_two_merged_models():
    assert list_model_names("road-lite+selfie,selfie-multiclass") == (
        "road-lite",
        "selfie",
        "selfie-multiclass",
    )


@pytest.mark.parametrize("name", ["selfie,", ",selfie", "a,,b"])
def test_a_mean_with_a_missing_name_is_refused(name):
    with pytest.raises(ConfigError, match="joined by commas"):
        split_ensemble(name)


def test_a_model_of_parts_finds_people_so_that_a_live_run_can_trade_it_for_a_lighter_one():
    assert read_foreground(segmenter()) == ("person",)
    lighter = find_lighter(segmenter(threads=1), (1280, 720))
    assert lighter.given["model"] == "selfie-landscape"
    assert find_lighter(segmenter(parts=True), (1280, 720)) is None
