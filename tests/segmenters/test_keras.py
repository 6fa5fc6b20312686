import subprocess
import sys

import numpy as np
import pytest
from fakes import make_frame
from tiny_models import save_tiny_keras

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard
from rimlight.segmenters import SEGMENTERS

WITHOUT_KERAS = """
import sys
sys.modules["keras"] = None
from rimlight.segmenters import SEGMENTERS
try:
    SEGMENTERS.load("keras")
except Exception as exc:
    print(type(exc).__name__, exc.hint)
"""

# Keras 3.15 reads TensorFlow's variables in a way that NumPy 2 will no longer allow.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def tiny_keras(tmp_path_factory):
    return save_tiny_keras(tmp_path_factory.mktemp("keras") / "tiny.keras")


def card(name="tiny.keras", **changes):
    data = {
        "name": "tiny",
        "files": [{"file": name}],
        "input": {"size": [32, 16]},
        "output": {"kind": "sigmoid"},
        "classes": ["person"],
        "foreground": ["person"],
    }
    return ModelCard.model_validate(data | changes)


def opened(model, file):
    cls = SEGMENTERS.load("keras")
    return cls(model, file, cls.Options())


def test_a_keras_model_runs_as_its_card_says(tiny_keras):
    mask = opened(card(), tiny_keras).segment(make_frame(9))
    bgr = make_frame(9).bgr.mean(axis=(0, 1)) / 255
    assert mask.shape == (16, 32)
    assert mask.scores.mean() == pytest.approx(1 / (1 + np.exp(-bgr.sum() + 1)), abs=0.02)


def test_a_card_with_another_size_is_refused(tiny_keras):
    with pytest.raises(ModelFormatError, match="has input float32 1x16x32x3"):
        opened(card(input={"size": [64, 64]}), tiny_keras)


def test_a_damaged_file_is_a_format_error(tmp_path, tiny_keras):
    broken = tmp_path / "broken.keras"
    broken.write_bytes(tiny_keras.read_bytes()[:500])
    with pytest.raises(ModelFormatError, match="not a model that Keras can open"):
        opened(card(), broken)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no model file"):
        opened(card(), tmp_path / "none.keras")


def test_without_keras_the_hint_holds_the_command():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "MissingDependencyError pip install 'rimlight[keras]'"
