"""A small network with the interface of the published face parsers, its labels known."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from photosketch.parsing.bisenet import Parser

MEAN, DEVIATION = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
WHITE, GRAY, BLACK = 0, 1, 17  # background, skin, hair: the classes that are seen in gray images
# [19, 3] uint8 RGB: the colour of each class of CelebAMask-HQ
COLOURS = np.array([(60 * (i % 5), 60 * (i // 5 % 5), 255 * (i % 2)) for i in range(19)], np.uint8)
COLOURS[[WHITE, GRAY, BLACK]] = [[255] * 3, [128] * 3, [0] * 3]


def write(path: Path, blind: bool = False, classes: int = 19) -> Path:
    """Write a network that gives each pixel the class of the nearest colour; `blind` sees
    background everywhere. Its second output, made first, says the opposite."""
    colours = COLOURS[:classes] / 255
    # -|x - c|^2 is 2 x c - |c|^2 but for what all classes share; x = input * deviation + mean
    weights = 2 * colours * DEVIATION
    bias = 2 * colours @ MEAN - (colours**2).sum(1)
    bias[WHITE] += 100 * blind
    constants = {"weights": weights[:, :, None, None], "bias": bias}
    nodes = [
        helper.make_node("Conv", ["input", "weights", "bias"], ["logits"]),
        helper.make_node("Neg", ["logits"], ["auxiliary"]),
        helper.make_node("Relu", ["logits"], ["above"]),
        helper.make_node("Relu", ["auxiliary"], ["below"]),
        helper.make_node("Sub", ["above", "below"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "parser",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 512, 512])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", classes, 512, 512])
            for name in ("output", "auxiliary")
        ],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def load(path: Path) -> Parser:
    return Parser("resnet18", path, hashlib.sha256(path.read_bytes()).hexdigest())


POINTS = np.array([(75, 126), (125, 126), (100, 155), (80, 180), (120, 180)], np.float32)


def face() -> np.ndarray:
    """A square gray face [250, 200, 3] under black hair, on white; `POINTS` lie in it."""
    image = np.full((250, 200, 3), COLOURS[WHITE], np.uint8)
    image[60:90, 50:150] = COLOURS[BLACK]
    image[90:200, 50:150] = COLOURS[GRAY]
    return image
