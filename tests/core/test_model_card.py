import pytest

from rimlight.core.errors import ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard, check_runnable, load_card
from rimlight.core.options import validate

MINIMAL = {
    "name": "mine",
    "files": [{"file": "mine.tflite"}],
    "input": {"size": [256, 144]},
    "output": {"kind": "probability"},
    "classes": ["person"],
    "foreground": ["person"],
}


def card(**changes):
    return ModelCard.model_validate(MINIMAL | changes)


def written(path, text):
    path.write_text(text)
    return path


def test_a_minimal_card_means_rgb_in_0_to_1_stretched():
    spec = card().input
    assert (spec.color, spec.fit, spec.offset) == ("rgb", "stretch", 0)
    assert spec.scale * 255 == pytest.approx(1)


def test_a_card_says_which_segmenter_opens_it():
    assert card().runtime == "tflite"
    assert card(files=[{"file": "mine.keras"}]).runtime == "keras"
    assert card(files=[{"file": "mine.onnx"}]).runtime == "onnx"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": {}}, "either size or short_side"),
        ({"input": {"size": [64, 64], "short_side": 64}}, "either size or short_side"),
        ({"input": {"size": [64, 64], "multiple": 32}}, "multiple belongs to short_side"),
        ({"input": {"short_side": 64, "fit": "letterbox"}}, "leave fit out"),
        ({"input": {"size": [64, 64], "deviation": [1, 0, 1]}}, "greater than 0"),
        ({"output": {"kind": "sigmoid", "rescale": "min-max"}}, "rescale belongs to probability"),
        ({"output": {"kind": "probability", "calibration": [[0.1, 0], [0.9, 0.5]]}}, "end with 1"),
        (
            {"output": {"kind": "probability", "calibration": [[0.1, 0], [0.1, 1]]}},
            "calibration must rise",
        ),
        (
            {
                "output": {"kind": "softmax", "calibration": [[0.1, 0], [0.9, 1]]},
                "classes": ["background", "person"],
            },
            "calibration belongs to a single class",
        ),
        (
            {"input": {"short_side": 64}, "output": {"kind": "instances"}},
            "an input of a fixed size",
        ),
    ],
)
def test_inputs_and_outputs_that_contradict_themselves_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        card(**changes)


def test_other_kinds_of_files_are_refused_with_what_would_do():
    with pytest.raises(ModelFormatError, match=r"\.tflite, \.keras or \.onnx"):
        _ = card(files=[{"file": "mine.pt"}]).runtime


def test_a_missing_card_is_not_found(tmp_path):
    with pytest.raises(ModelNotFoundError, match="No such file"):
        load_card(tmp_path / "none.yaml")


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path):
    path = written(tmp_path / "m.yaml", "name: m\nclases: [person]\n")
    with pytest.raises(ModelFormatError, match="clases: unknown key") as caught:
        load_card(path)
    assert "did you mean 'classes'" in caught.value.hint


@pytest.mark.parametrize("text", ["just words", "- a\n- list", "a: [", ""])
def test_what_is_no_card_is_refused(tmp_path, text):
    with pytest.raises(ModelFormatError, match="not a model card"):
        load_card(written(tmp_path / "m.yaml", text))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"foreground": ["cat"]}, "foreground names 'cat'"),
        ({"palette": {"cat": "#ffffff"}}, "palette names 'cat'"),
        ({"palette": {"person": "white"}}, "palette"),
        ({"classes": ["person", "person"]}, "same name"),
        ({"alpha_range": [0.7, 0.7]}, "alpha_range must rise"),
        ({"output": {"kind": "softmax"}}, "say sigmoid for one"),
        ({"files": []}, "files"),
        ({"files": [{"file": "../m.tflite"}]}, "pattern"),
        ({"files": [{"file": "m.tflite", "url": "https://x/m"}]}, "needs sha256 and size_bytes"),
        ({"input": {"size": [0, 144]}}, "size"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(Exception, match=message):
        validate(ModelCard, MINIMAL | changes, where="card")


def test_a_card_that_needs_a_missing_part_cannot_run():
    with pytest.raises(ModelError, match="must be imported first"):
        check_runnable(card(needs="import-openvino"))
