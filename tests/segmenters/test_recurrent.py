"""Recurrent networks: what a card feeds back, and when it is forgotten."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from labeled import as_frame
from tiny_models import save_recurrent_onnx

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import ModelCard
from rimlight.factory.segmenter import is_stateful
from rimlight.segmenters import SEGMENTERS
from rimlight.segmenters.scene_cuts import SceneCutDetector

RVM = {
    "name": "rvm",
    "files": [{"file": "rvm.onnx"}],
    "input": {"short_side": 16, "layout": "nchw"},
    "output": {"kind": "probability", "index": 1},
    "recurrent": [{"input": f"r{n}i", "output": f"r{n}o"} for n in range(1, 5)],
    "constants": {"downsample_ratio": 0.5},
    "classes": ["person"],
    "foreground": ["person"],
}


@pytest.fixture
def file(tmp_path):
    return save_recurrent_onnx(tmp_path / "rvm.onnx")


def opened(file, **changes):
    cls = SEGMENTERS.load("onnx")
    return cls(ModelCard.model_validate(RVM | changes), file, cls.Options(threads=1))


def picture(seed=0, size=(32, 16)):
    """Something with contrast, of a mean of about 100."""
    small = np.random.default_rng(seed).integers(60, 140, (4, 8, 3)).astype(np.uint8)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)


def at(pts, bgr):
    return replace(as_frame(bgr), pts=Fraction(pts))


def means(segmenter, frames):
    return [float(segmenter.segment(frame).scores.mean()) for frame in frames]


def test_a_state_is_fed_back_and_constants_are_given(file):
    bgr = picture()
    first = bgr.mean() / 255 / 2
    found = means(opened(file), [at(Fraction(n, 25), bgr) for n in range(3)])
    assert found == pytest.approx([first, 1.5 * first, 1.75 * first], abs=0.002)


@pytest.mark.parametrize(
    "later",
    [
        at(10, picture()),
        at(0, picture()),
        at(Fraction(2, 25), picture(seed=1)),
        at(Fraction(2, 25), picture(size=(64, 16))),
    ],
    ids=["a jump in time", "time that goes back", "a cut", "another size"],
)
def test_the_state_is_forgotten_where_a_scene_ends(file, later):
    segmenter = opened(file)
    means(segmenter, [at(0, picture()), at(Fraction(1, 25), picture())])
    assert means(segmenter, [later]) == pytest.approx(means(opened(file), [later]), abs=1e-6)


def test_a_picture_that_gets_brighter_is_no_cut():
    cuts = SceneCutDetector()
    bgr = picture()
    cuts.begins_scene(at(0, bgr))
    assert not cuts.begins_scene(at(Fraction(1, 25), cv2.convertScaleAbs(bgr, alpha=1.5)))


def test_a_uniform_picture_is_a_cut_only_if_its_level_changes():
    cuts = SceneCutDetector()
    frames = [
        at(Fraction(n, 25), np.full((16, 32, 3), v, np.uint8)) for n, v in enumerate((9, 12, 90))
    ]
    assert [cuts.begins_scene(frame) for frame in frames] == [True, False, True]


@pytest.mark.parametrize("name", ["dance-twirl", "breakdance"])
def test_fast_motion_is_no_cut(shared, name):
    cuts = SceneCutDetector()
    paths = sorted((shared / "data" / "video" / name / "images").glob("*.jpg"))[:40]
    found = [
        cuts.begins_scene(at(Fraction(n, 24), cv2.imread(str(path))))
        for n, path in enumerate(paths)
    ]
    assert found[0] and not any(found[1:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recurrent": [{"input": "r9i", "output": "r1o"}]}, "has no input 'r9i'"),
        ({"recurrent": [{"input": "r1i", "output": "r9o"}], "constants": {}}, "must be 1"),
        ({"constants": {"ratio": 1}}, "has no input 'ratio'"),
        (
            {"recurrent": [*RVM["recurrent"][:3], {"input": "r4i", "output": "r9o"}]},
            "no output 'r9o'",
        ),
        ({"constants": {}}, r"has 2 inputs \(src, downsample_ratio\), must be 1"),
        ({"input": {**RVM["input"], "name": "rsc"}}, "has no input 'rsc'"),
    ],
)
def test_a_card_that_names_what_the_file_lacks_is_refused(file, changes, message):
    with pytest.raises(ModelFormatError, match=message):
        opened(file, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": [{"file": "rvm.tflite"}]}, "for .onnx files only"),
        ({"constants": {"r1i": 0.0}}, "named twice"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ModelCard.model_validate(RVM | changes)


def test_a_run_knows_that_its_masks_depend_on_earlier_frames(file):
    import yaml

    (file.parent / "rvm.yaml").write_text(yaml.safe_dump(RVM))
    part = {"kind": "model", "model": str(file.parent / "rvm.yaml")}
    assert is_stateful(SegmenterConfig.model_validate(part))
    assert not is_stateful(SegmenterConfig.model_validate(part | {"model": "selfie"}))
