"""Models small enough to be made by a test."""

import numpy as np


def save_tiny_keras(path, bias=-1.0):
    """Save a model for 32x16 float input in 0..1 whose output is red + green + blue + `bias`."""
    import keras

    inputs = keras.Input((16, 32, 3))
    outputs = keras.layers.Conv2D(1, 1)(inputs)
    model = keras.Model(inputs, outputs)
    model.set_weights([np.ones((1, 1, 3, 1)), np.array([bias])])
    model.save(path)
    return path


def save_tiny_onnx(path, *, layout="nchw", size=None, bias=-1.0, channels=1, op="Conv"):
    """Save a model whose output is red + green + blue + `bias`, in each of `channels`.

    `size` is (width, height); None leaves the sides open.
    """
    import onnx
    from onnx import TensorProto, helper

    width, height = size or ("width", "height")
    planar = layout == "nchw"

    def describe(name, depth):
        sides = (depth, height, width) if planar else (height, width, depth)
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *sides])

    def transpose(source, target, order):
        return helper.make_node("Transpose", [source], [target], perm=order)

    weights = np.ones((channels, 3, 1, 1), np.float32)
    biases = np.full(channels, bias, np.float32)
    inner = ["x", "y"] if planar else ["planar", "sums"]
    nodes = [helper.make_node(op, [inner[0], "w", "b"], [inner[1]])]
    if not planar:
        nodes = [
            transpose("x", "planar", [0, 3, 1, 2]),
            *nodes,
            transpose("sums", "y", [0, 2, 3, 1]),
        ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [describe("x", 3)],
        [describe("y", channels)],
        [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(biases, "b")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def save_recurrent_onnx(path):
    """Save a network with the inputs and outputs of RobustVideoMatting's published file.

    pha is the mean of the channels of src times downsample_ratio, plus half of the pha before.
    """
    import onnx
    from onnx import TensorProto, helper

    def describe(name, *sides):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, sides)

    def describe_state(name):
        return describe(name, *(f"{name}_{axis}" for axis in ("batch", "depth", "rows", "columns")))

    states = [f"r{number}" for number in range(1, 5)]
    nodes = [
        helper.make_node("Conv", ["src", "w"], ["sum"]),
        helper.make_node("Mul", ["sum", "downsample_ratio"], ["scaled"]),
        helper.make_node("Mul", ["r1i", "half"], ["past"]),
        helper.make_node("Add", ["scaled", "past"], ["pha"]),
        helper.make_node("Identity", ["pha"], ["r1o"]),
        helper.make_node("Identity", ["src"], ["fgr"]),
        *(helper.make_node("Identity", [f"{name}i"], [f"{name}o"]) for name in states[1:]),
    ]
    picture = ("batch", "height", "width")
    graph = helper.make_graph(
        nodes,
        "recurrent",
        [
            describe("src", picture[0], 3, *picture[1:]),
            *(describe_state(f"{name}i") for name in states),
            describe("downsample_ratio", 1),
        ],
        [
            describe("fgr", picture[0], 3, *picture[1:]),
            describe("pha", picture[0], 1, *picture[1:]),
            *(describe_state(f"{name}o") for name in states),
        ],
        [
            onnx.numpy_helper.from_array(np.full((1, 3, 1, 1), 1 / 3, np.float32), "w"),
            onnx.numpy_helper.from_array(np.float32(0.5), "half"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path
