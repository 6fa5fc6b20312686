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
