"""Heat maps and plain boxes decoded, and .onnx detectors with and without a card."""

import numpy as np
import onnx
import pytest
from fakes import make_frame
from onnx import TensorProto, helper

from rimlight.core.errors import ModelFormatError
from rimlight.core.model_card import load_card
from rimlight.models.catalog import Catalog
from rimlight.redaction.models import open_detectors
from rimlight.segmenters.detection_decoders import (
    choose_decoder,
    decode_boxes,
    decode_corners,
    decode_heatmap,
)
from rimlight.segmenters.onnx_shapes import drop_shapes
from rimlight.system import app_paths

MODELS = app_paths.find_data_folder("models")


def save_detector(path, table, *, size=64, names=None):
    """Save a model that finds the boxes of `table` (rows, n) in every frame of size x size."""
    values = onnx.numpy_helper.from_array(table[None].astype(np.float32), "table")
    zero = onnx.numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["table", "nothing"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, *table.shape])],
        [values, zero],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names:
        helper.set_model_props(model, {"names": repr(dict(enumerate(names)))})
    onnx.save(model, path)
    return path


def one_box(rows=5, cells=84, score=0.9):
    table = np.zeros((rows, cells), np.float32)
    table[:5, 7] = [32, 16, 16, 8, score]
    return table


def test_a_peak_of_a_heat_map_is_a_box_around_its_center():
    heat = np.zeros((1, 4, 8), np.float32)
    heat[0, 1, 3] = 0.8
    sizes = np.log(np.stack([np.full((4, 8), 2.0), np.full((4, 8), 4.0)])).astype(np.float32)
    offsets = np.zeros((2, 4, 8), np.float32)
    found = decode_heatmap(heat, sizes, offsets, confidence=0.5)
    assert found.scores.tolist() == pytest.approx([0.8])
    assert found.boxes[0].tolist() == pytest.approx([1.5 / 8, 0.5 / 4, 5.5 / 8, 2.5 / 4])


def test_boxes_of_center_and_size_have_the_class_of_their_best_score():
    table = np.array([[50, 50, 20, 10, 0.2, 0.7], [0, 0, 1, 1, 0.1, 0.1]], np.float32)
    found = decode_boxes(table, unit=(100, 100), confidence=0.5)
    assert found.boxes[0].tolist() == pytest.approx([0.4, 0.45, 0.6, 0.55])
    assert found.class_ids.tolist() == [1]


def test_boxes_after_suppression_are_taken_as_they_are():
    table = np.array([[10, 20, 30, 40, 0.9, 2], [0, 0, 0, 0, 0, 0]], np.float32)
    found = decode_corners(table, unit=(100, 200), confidence=0.5)
    assert found.boxes[0].tolist() == pytest.approx([0.1, 0.1, 0.3, 0.2])
    assert found.class_ids.tolist() == [2]


def test_a_detector_without_a_card_is_read_by_its_shape_and_names(tmp_path):
    path = save_detector(tmp_path / "plates.onnx", one_box(), names=["license plate"])
    card, _ = Catalog().resolve(str(path))
    assert card.output.kind == "boxes" and card.classes == ("license-plate",)
    detectors = open_detectors([str(path)], tiles=0, threads=1)
    found = detectors.detect(make_frame(0, (64, 64)))
    detectors.close()
    assert found.boxes[0].tolist() == pytest.approx([0.375, 0.1875, 0.625, 0.3125])


def test_classes_without_names_are_numbered(tmp_path):
    path = save_detector(tmp_path / "two.onnx", one_box(rows=6))
    assert Catalog().resolve(str(path))[0].classes == ("object_0", "object_1")


def test_outputs_that_are_not_those_of_the_card_are_refused():
    card = load_card(MODELS / "centerface.yaml")
    decode = choose_decoder(card, MODELS / "centerface.onnx")
    with pytest.raises(ModelFormatError, match="a heat map"):
        decode([np.zeros((1, 1, 4, 4), np.float32)], (16, 16), 0.5)


def test_a_file_without_shapes_keeps_all_else(tmp_path):
    path = save_detector(tmp_path / "plates.onnx", one_box())
    opened = onnx.load_from_string(drop_shapes(path.read_bytes()))
    assert not opened.graph.input[0].type.tensor_type.HasField("shape")
    assert opened.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT
    assert [node.op_type for node in opened.graph.node] == ["ReduceMean", "Mul", "Add"]
    assert opened.graph.initializer == onnx.load(path).graph.initializer


def test_a_file_that_is_cut_off_is_no_message(tmp_path):
    data = save_detector(tmp_path / "plates.onnx", one_box()).read_bytes()
    with pytest.raises(ValueError, match="cut off"):
        drop_shapes(data[: len(data) // 2])


def test_centerface_finds_the_face_that_blazeface_finds(shared, clip_frame):
    boxes = []
    for name in ("blazeface", "centerface"):
        detectors = open_detectors([name], tiles=0, threads=1)
        boxes.append(detectors.detect(clip_frame).boxes)
        detectors.close()
    (one,), (other,) = boxes
    centers = [(box[:2] + box[2:]) / 2 for box in (one, other)]
    assert np.abs(centers[0] - centers[1]).max() < 0.05


@pytest.fixture
def clip_frame():
    from rimlight.system.av import av

    with av.open(str(app_paths.find_data_folder("samples") / "portrait.mp4")) as film:
        picture = next(film.decode(video=0)).to_ndarray(format="bgr24")
    return make_frame(0, picture.shape[1::-1]).with_bgr(picture)
