"""A small feature network as ONNX, which gives the images that it is given, brighter."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FACTOR = 3.0


def write(
    path: Path,
    side: int = 16,
    factor: float = FACTOR,
    beside: bool = False,
    noise: str = "",
) -> Path:
    """Write a network for one image [1, 3, side, side]: its first output is the image times
    `factor`, the second, made first, is not. `beside`: the factor lies in a file of its own;
    `noise`: an operator with random output that the features go through."""
    image = [1, 3, side, side]
    nodes = [
        helper.make_node("Neg", ["image"], ["opposite"]),
        helper.make_node("Mul", ["image", "factor"], ["product" if noise else "features"]),
    ]
    if noise == "Dropout":
        nodes.append(helper.make_node("Dropout", ["product", "ratio", "on"], ["features"]))
    elif noise:
        nodes.append(helper.make_node(noise, ["product"], ["random"]))
        nodes.append(helper.make_node("Add", ["product", "random"], ["features"]))
    graph = helper.make_graph(
        nodes,
        "features",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, image)
            for name in ("features", "opposite")
        ],
        [
            numpy_helper.from_array(np.full(image, factor, np.float32), "factor"),
            numpy_helper.from_array(np.array(0.5, np.float32), "ratio"),
            numpy_helper.from_array(np.array(True), "on"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save_model(
        model, path, save_as_external_data=beside, location=f"{path.name}.data", size_threshold=0
    )
    return path
