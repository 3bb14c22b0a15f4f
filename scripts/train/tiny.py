#!/usr/bin/env python3
"""Writes the models of a few hundred bytes under tests/data/ with which the tests of the inference room run.

`tiny.onnx`: image [1,1,8,8] → double = 2 · image, root = sqrt(mean of image) [1,1]: not finite where the mean is negative.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def main() -> None:
    two = helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])
    nodes = [
        helper.make_node("Mul", ["image", "two"], ["double"]),
        helper.make_node("Flatten", ["image"], ["flat"], axis=1),
        helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Sqrt", ["mean"], ["root"]),
    ]
    float_tensor = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        nodes, "tiny", [float_tensor("image", [1, 1, 8, 8])],
        [float_tensor("double", [1, 1, 8, 8]), float_tensor("root", [1, 1])], [two],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, Path(__file__).resolve().parents[2] / "tests/data/tiny.onnx")


if __name__ == "__main__":
    main()
