import os

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.errors import ConfigError, ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import load_card
from rimlight.core.options import validate
from rimlight.segmenters.runtime import choose_thread_count
from rimlight.segmenters.tflite import TfliteRuntime, TfliteSegmenter
from rimlight.system import app_paths

MODELS = app_paths.find_data_folder("models")
SELFIE = load_card(MODELS / "selfie.yaml")
FILE = MODELS / SELFIE.files[0].file
ONE = TfliteSegmenter.Options(threads=1)


def changed(**changes):
    data = SELFIE.model_dump()
    data["input"] |= changes.pop("input", {})
    return type(SELFIE).model_validate(data | changes)


def test_the_mask_carries_what_the_card_recommends():
    mask = TfliteSegmenter(SELFIE, FILE, ONE).segment(make_frame())
    assert mask.classes == ("person",) and mask.foreground == ("person",)
    assert mask.alpha_range == SELFIE.alpha_range and mask.shape == (256, 256)


def test_more_threads_give_the_same_mask():
    one, two = (TfliteSegmenter(SELFIE, FILE, TfliteSegmenter.Options(threads=n)) for n in (1, 2))
    frame = make_frame()
    assert one.segment(frame).scores == pytest.approx(two.segment(frame).scores, abs=1e-4)


def test_auto_threads_leave_cores_for_the_rest():
    assert 1 <= choose_thread_count() <= max(1, len(os.sched_getaffinity(0)) // 2)


@pytest.mark.parametrize("threads", [0, "many", 1.5])
def test_a_wrong_number_of_threads_is_refused(threads):
    with pytest.raises(ConfigError, match="threads"):
        validate(TfliteSegmenter.Options, {"threads": threads}, where="segmenter")


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"none\.tflite"):
        TfliteSegmenter(SELFIE, tmp_path / "none.tflite", ONE)


@pytest.mark.parametrize("kept", [0, 7, 1000, 200_000])
def test_a_truncated_file_is_a_format_error(tmp_path, kept):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(FILE.read_bytes()[:kept])
    with pytest.raises(ModelFormatError, match="not a model that LiteRT can open"):
        TfliteSegmenter(SELFIE, broken, ONE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": {"size": (256, 144)}}, "has input float32 1x256x256x3, .* says 1x144x256x3"),
        ({"classes": ("a", "b"), "foreground": ("a",), "palette": {}}, "says 2 class"),
        ({"output": {"kind": "labels"}}, "labels, which are integers"),
        ({"output": {"kind": "probability", "index": 1}}, "output number 1"),
    ],
)
def test_a_card_that_disagrees_with_its_file_is_refused_with_both(changes, message):
    with pytest.raises(ModelFormatError, match=message):
        TfliteSegmenter(changed(**changes), FILE, ONE)


def test_a_model_that_needs_a_missing_part_is_refused():
    with pytest.raises(ModelError, match="cannot run yet"):
        TfliteSegmenter(changed(needs="import-openvino"), FILE, ONE)


def test_a_closed_segmenter_says_so():
    segmenter = TfliteSegmenter(SELFIE, FILE, ONE)
    segmenter.close()
    with pytest.raises(ValueError, match="is closed"):
        segmenter.segment(make_frame())


def test_opening_prints_nothing(capfd):
    TfliteSegmenter(SELFIE, FILE, ONE).segment(make_frame())
    assert capfd.readouterr() == ("", "")


def test_a_letterboxed_model_covers_only_the_frame():
    card = changed(input={"fit": "letterbox"})
    mask = TfliteSegmenter(card, FILE, ONE).segment(make_frame(size=(640, 320)))
    assert mask.shape == (128, 256) and np.isfinite(mask.scores).all()


def test_an_input_made_in_the_models_own_memory_gives_the_same_as_one_that_is_copied():
    engine = TfliteRuntime(FILE, threads=1)
    tensor = np.random.default_rng(0).random(engine.input.shape, np.float32)
    copied = engine.run(tensor, 0).copy()
    assert engine.input_buffer is not None
    engine.input_buffer[...] = 0
    assert not np.array_equal(engine.run(engine.input_buffer, 0), copied)
    engine.input_buffer[...] = tensor
    assert np.array_equal(engine.run(engine.input_buffer, 0), copied)
    engine.close()
