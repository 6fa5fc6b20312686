import subprocess
import sys

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from fakes import make_frame
from labeled import as_frame, labeled
from tiny_models import save_tiny_onnx

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard
from rimlight.models.catalog import Catalog
from rimlight.segmenters import SEGMENTERS

WITHOUT_ONNX = """
import sys
sys.modules["onnxruntime"] = None
from rimlight.segmenters import SEGMENTERS
try:
    SEGMENTERS.load("onnx")
except Exception as exc:
    print(type(exc).__name__, exc.hint)
"""


def card(**changes):
    data = {
        "name": "tiny",
        "files": [{"file": "tiny.onnx"}],
        "input": {"short_side": 16, "multiple": 4, "layout": "nchw"},
        "output": {"kind": "sigmoid"},
        "classes": ["person"],
        "foreground": ["person"],
    }
    return ModelCard.model_validate(data | changes)


def opened(model, file, **options):
    cls = SEGMENTERS.load("onnx")
    return cls(model, file, cls.Options(**options))


def flat_frame(bgr, size=(40, 20)):
    frame = make_frame(0, size)
    return frame.with_bgr(np.full((size[1], size[0], 3), bgr, np.uint8))


def mean_score(model, file, frame):
    return float(opened(model, file).segment(frame).scores.mean())


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_both_orders_of_the_axes_give_the_scores_of_the_network(tmp_path, layout):
    file = save_tiny_onnx(tmp_path / "tiny.onnx", layout=layout, size=(32, 16))
    model = card(input={"size": [32, 16], "layout": layout})
    mask = opened(model, file).segment(make_frame(9))
    total = make_frame(9).bgr.mean(axis=(0, 1)).sum() / 255
    assert mask.shape == (16, 32)
    assert mask.scores.mean() == pytest.approx(1 / (1 + np.exp(1 - total)), abs=0.02)


@pytest.mark.parametrize(
    ("size", "shape"), [((64, 32), (16, 32)), ((30, 90), (48, 16)), ((1000, 10), (16, 64))]
)
def test_a_network_of_any_size_sees_the_shape_of_each_frame(tmp_path, size, shape):
    segmenter = opened(card(), save_tiny_onnx(tmp_path / "tiny.onnx"))
    segmenter.segment(make_frame(1, size[::-1]))
    assert segmenter.segment(make_frame(2, size)).shape == shape


def test_mean_and_deviation_of_each_channel_are_applied_in_the_order_of_the_colors(tmp_path):
    spec = {
        "short_side": 16,
        "layout": "nchw",
        "mean": [0.5, 0.25, 0.0],
        "deviation": [0.5, 1.0, 2.0],
    }
    model = card(input=spec, output={"kind": "probability"})
    file = save_tiny_onnx(tmp_path / "tiny.onnx", bias=0.0)
    expected = (204 / 255 - 0.5) / 0.5 + (51 / 255 - 0.25) + (102 / 255) / 2
    frame = flat_frame((102, 51, 204))
    assert mean_score(model, file, frame) == pytest.approx(expected, abs=1e-3)
    assert mean_score(model, file, as_frame(frame.bgr, "i420")) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_a_scale_of_max_divides_by_the_brightest_value_of_the_frame(tmp_path, layout):
    model = card(
        input={"short_side": 16, "layout": "nchw", "scale": "max"}, output={"kind": "probability"}
    )
    file = save_tiny_onnx(tmp_path / "tiny.onnx", bias=-1.5)
    frame = as_frame(flat_frame((50, 50, 100)).bgr, layout)
    assert mean_score(model, file, frame) == pytest.approx(0.5, abs=0.03)
    black = as_frame(flat_frame((0, 0, 0)).bgr, layout)
    assert mean_score(model, file, black) == 0


def test_min_max_stretches_the_scores_of_each_frame(tmp_path):
    model = card(output={"kind": "probability", "rescale": "min-max"})
    file = save_tiny_onnx(tmp_path / "tiny.onnx")
    segmenter = opened(model, file)
    ramp = np.tile(np.linspace(60, 190, 64).astype(np.uint8)[None, :, None], (32, 1, 3))
    scores = segmenter.segment(as_frame(ramp, "bgr")).scores
    assert scores.min() == 0 and scores.max() == 1
    assert not segmenter.segment(flat_frame((9, 9, 9))).scores.any()


def test_several_classes_keep_their_order(tmp_path):
    classes = ["background", "hair", "skin"]
    model = card(output={"kind": "logits"}, classes=classes, foreground=["hair", "skin"])
    file = save_tiny_onnx(tmp_path / "tiny.onnx", channels=3)
    mask = opened(model, file).segment(make_frame(1, (64, 32)))
    assert mask.scores.shape == (16, 32, 3)
    assert mask.scores == pytest.approx(1 / 3, abs=1e-6)


def test_more_threads_give_the_same_mask(tmp_path):
    file = save_tiny_onnx(tmp_path / "tiny.onnx")
    one, two = (opened(card(), file, threads=n).segment(make_frame(1)) for n in (1, 2))
    assert one.scores == pytest.approx(two.scores, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": {"size": [64, 64]}}, r"has input float32 1x3x\?x\?, .* says 1x64x64x3"),
        ({"output": {"kind": "sigmoid", "index": 1}}, "output number 1"),
        ({"output": {"kind": "labels"}}, "labels, which are integers"),
        (
            {"classes": ["a", "b"], "foreground": ["a"]},
            r"says 2 class\(es\), 1 x 2 x height x width",
        ),
    ],
)
def test_a_card_that_disagrees_with_its_file_is_refused_with_both(tmp_path, changes, message):
    with pytest.raises(ModelFormatError, match=message):
        opened(card(**changes), save_tiny_onnx(tmp_path / "tiny.onnx"))


def test_a_file_of_one_size_is_refused_by_a_card_of_any_size(tmp_path):
    file = save_tiny_onnx(tmp_path / "tiny.onnx", size=(32, 16))
    with pytest.raises(ModelFormatError, match=r"has input float32 1x3x16x32, .* 1x3x\?x\?"):
        opened(card(), file)


@pytest.mark.parametrize("kept", [0, 7, 100])
def test_a_truncated_file_is_a_format_error(tmp_path, kept, capfd):
    whole = save_tiny_onnx(tmp_path / "tiny.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(whole.read_bytes()[:kept])
    with pytest.raises(ModelFormatError, match="not a model that ONNX Runtime can open"):
        opened(card(), broken)
    assert capfd.readouterr() == ("", "")


def test_an_unknown_operation_is_named(tmp_path):
    file = save_tiny_onnx(tmp_path / "tiny.onnx", op="MagicConv")
    with pytest.raises(ModelFormatError, match="ONNX Runtime lacks: MagicConv"):
        opened(card(), file)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no model file"):
        opened(card(), tmp_path / "none.onnx")


def test_without_onnx_runtime_the_hint_holds_the_command():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ONNX], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "MissingDependencyError pip install 'rimlight[onnx]'"


def test_u2netp_sees_what_its_authors_program_feeds_it(shared):
    bgr, _ = next(labeled(shared / "data" / "portraits", 1))
    model, file = Catalog().resolve("u2netp")
    scores = opened(model, file, threads=1).segment(as_frame(bgr, "bgr")).scores[..., 0]
    rgb = cv2.resize(bgr, (320, 320))[..., ::-1].astype(np.float64)
    tensor = (rgb / rgb.max() - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    found = session.run(None, {name: tensor.transpose(2, 0, 1)[None].astype(np.float32)})[0][0, 0]
    assert scores == pytest.approx((found - found.min()) / (found.max() - found.min()), abs=1e-3)
