"""Reading OpenVINO's files, without TensorFlow and without OpenVINO."""

import subprocess
import sys

import numpy as np
import pytest

from rimlight.core.errors import ModelFormatError, ModelNotFoundError
from rimlight.lab.importers.openvino import (
    ROAD_FP16,
    ROAD_FP32,
    collect_weights,
    identify_road,
    list_steps,
)
from rimlight.lab.importers.openvino_ir import read_ir


@pytest.fixture(params=["FP32", "FP16"])
def files(request, shared):
    base = shared / "models/road-segmentation-adas-0001" / request.param
    return [base / f"road-segmentation-adas-0001.{end}" for end in ("xml", "bin")]


def edited(files, folder, old, new):
    """A copy of the graph in which the last `old` is `new`, beside the weights as they are."""
    head, found, tail = files[0].read_text().rpartition(old)
    assert found
    path = folder / "edited.xml"
    path.write_text(head + new + tail)
    return path, files[1]


TINY = """<net name="tiny" version="11"><layers>
<layer id="0" name="data" type="Parameter"><data element_type="f32" shape="1,2"/>
<output><port id="0"><dim>1</dim><dim>2</dim></port></output></layer>
<layer id="1" name="half" type="Const">
<data element_type="f16" offset="4" shape="1,2" size="4"/>
<output><port id="0"><dim>1</dim><dim>2</dim></port></output></layer>
<layer id="2" name="sum" type="Add"><input><port id="0"/><port id="1"/></input>
<output><port id="2"><dim>1</dim><dim>2</dim></port></output></layer>
</layers><edges>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
</edges></net>"""

WEIGHTS = np.array([9, 9, 0.5, -2], "<f2").tobytes()


@pytest.fixture
def tiny(tmp_path):
    def read(graph=TINY, content=WEIGHTS):
        (tmp_path / "tiny.xml").write_text(graph)
        (tmp_path / "tiny.bin").write_bytes(content)
        return read_ir(tmp_path / "tiny.xml", tmp_path / "tiny.bin")

    return read


def test_a_layer_names_what_it_reads_in_port_order(tiny):
    assert tiny().layers["sum"].inputs == ("data", "half")


def test_a_constant_comes_from_its_place_in_the_weights(tiny):
    constant = tiny().constant("half")
    assert constant.dtype == np.float16
    assert constant.tolist() == [[0.5, -2]]


def test_weights_that_are_cut_short_are_refused(tiny):
    with pytest.raises(ModelFormatError, match="outside the 6 bytes"):
        tiny(content=bytes(6)).constant("half")


def test_a_constant_of_another_size_than_its_shape_is_refused(tiny):
    with pytest.raises(ModelFormatError, match="must hold 4 bytes, its size is 8"):
        tiny(TINY.replace('size="4"', 'size="8"')).constant("half")


def test_an_unknown_element_type_is_named(tiny):
    with pytest.raises(ModelFormatError, match="'u1'"):
        tiny(TINY.replace('"f16"', '"u1"')).constant("half")


def test_what_is_no_constant_has_no_values(tiny):
    with pytest.raises(ModelFormatError, match="no constant 'sum'"):
        tiny().constant("sum")


@pytest.mark.parametrize(
    "graph",
    [
        "not xml",
        "<html/>",
        "<net><layers/></net>",
        TINY.replace('to-port="1"', 'to-port="7"'),
        TINY.replace("<dim>2</dim>", "<dim>two</dim>"),
        TINY.replace('name="half"', 'name="data"'),
    ],
)
def test_what_is_no_graph_is_refused(tiny, graph):
    with pytest.raises(ModelFormatError):
        tiny(graph)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"gone\.xml"):
        read_ir(tmp_path / "gone.xml", tmp_path / "gone.bin")


def test_the_published_files_are_known(files):
    known = {"FP32": ROAD_FP32, "FP16": ROAD_FP16}[files[0].parent.name]
    assert identify_road(*files) == known


def test_a_single_changed_byte_is_another_file(files, tmp_path):
    changed = bytearray(files[1].read_bytes())
    changed[1000] ^= 1
    (tmp_path / "changed.bin").write_bytes(changed)
    with pytest.raises(ModelFormatError, match="not a published"):
        identify_road(files[0], tmp_path / "changed.bin")


def test_all_parameters_of_the_road_network_are_read(files):
    found = collect_weights(read_ir(*files))
    assert len(found) == 137
    assert sum(kernel.size + bias.size for kernel, bias in found.values()) == 184_284


def test_both_precisions_are_one_network(shared):
    base = shared / "models/road-segmentation-adas-0001"
    one, other = (
        list_steps(read_ir(*(base / p / f"{base.name}.{end}" for end in ("xml", "bin"))))
        for p in ("FP32", "FP16")
    )
    assert one == other


def test_another_way_to_resize_is_refused(files, tmp_path):
    fp32 = files[0].parent.name == "FP32"
    asked = '"align_corners"' if fp32 else 'align_corners="1"'
    given = '"half_pixel"' if fp32 else 'align_corners="0"'
    ir = read_ir(*edited(files, tmp_path, asked, given))
    with pytest.raises(ModelFormatError, match="L0316_Upsample"):
        list_steps(ir)


def test_reading_loads_no_tensorflow():
    code = "import sys, rimlight.lab.importers.openvino as o; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
