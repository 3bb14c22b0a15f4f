#!/usr/bin/env python3
"""Writes models/ here: a detector of a few kilobytes that looks like a model to everything around it, for machines on which a
real one would take minutes: scripts/check/cross runs it in an emulator.

It sees a neck in the same place of every film, a little drawn towards what is bright. Needs the package onnx; afterwards

    cd tests/data/emulated && sagitta self-test --write

stores what it says of the golden films.
"""

import hashlib
import math
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MODELS = Path(__file__).resolve().parent / "models"
SIDE, MAP, SIGMA, PEAK = 256, 128, 1.5, 15.0
LEVELS = ["C2", "C3", "C4", "C5", "C6", "C7"]
PARTS = [("antero_superior", -7.0, -4.5), ("antero_inferior", -7.0, 4.5), ("postero_superior", 7.0, -4.5), ("postero_inferior", 7.0, 4.5)]
LAMINA = [("spinolaminar_superior", 17.0, -3.0), ("spinolaminar_inferior", 17.0, 3.0)]


def places() -> list[tuple[str, float, float]]:
    """Name, x and y in pixels of the map: a column that bulges forward by five pixels."""
    def at(level: int, parts: list) -> list[tuple[str, float, float]]:
        middle_x, middle_y, tilt = 64 - 5 * math.sin(math.pi * level / 5), 32 + 13 * level, math.radians(10 - 4 * level)
        return [(f"{LEVELS[level]}.{name}", middle_x + x * math.cos(tilt) - y * math.sin(tilt),
                 middle_y + x * math.sin(tilt) + y * math.cos(tilt)) for name, x, y in parts]
    corners = [one for level in range(6) for one in at(level, PARTS)]
    return corners + [one for level in range(1, 6) for one in at(level, LAMINA)]


def tensor(name: str, values, shape: list[int]):
    return numpy_helper.from_array(np.asarray(values, dtype=np.float32).reshape(shape), name)


def detector(names: list[tuple[str, float, float]]) -> onnx.ModelProto:
    """heatmaps = PEAK − ((x − cx)² + (y − cy)²) / 2σ² + bright; quality is the same for every film."""
    count, line = len(names), np.arange(MAP) + 0.5
    constants = [
        tensor("cx", [x for _, x, _ in names], [1, count, 1, 1]), tensor("cy", [y for _, _, y in names], [1, count, 1, 1]),
        tensor("x", line, [1, 1, 1, MAP]), tensor("y", line, [1, 1, MAP, 1]),
        tensor("steep", [1 / (2 * SIGMA**2)], [1]), tensor("peak", [PEAK], [1]), tensor("none", [0.0], [1]),
        tensor("told", [6.0, 6.0, -6.0, -6.0, 0.0], [1, 5]),
    ]
    node = helper.make_node
    nodes = [
        node("AveragePool", ["image"], ["bright"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Sub", ["x", "cx"], ["dx"]), node("Mul", ["dx", "dx"], ["dx2"]),
        node("Sub", ["y", "cy"], ["dy"]), node("Mul", ["dy", "dy"], ["dy2"]),
        node("Add", ["dx2", "dy2"], ["d2"]), node("Mul", ["d2", "steep"], ["fall"]),
        node("Sub", ["peak", "fall"], ["hill"]), node("Add", ["hill", "bright"], ["heatmaps"]),
        node("ReduceMean", ["bright"], ["mean4"], axes=[1, 2], keepdims=0), node("ReduceMean", ["mean4"], ["mean"], axes=[1], keepdims=1),
        node("Mul", ["mean", "none"], ["nothing"]), node("Add", ["nothing", "told"], ["quality"]),
    ]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "emulated", [value("image", [1, 1, SIDE, SIDE])],
                              [value("heatmaps", [1, count, MAP, MAP]), value("quality", [1, 5])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    names = places()
    MODELS.mkdir(exist_ok=True)
    onnx.save(detector(names), MODELS / "detector.onnx")
    sha256 = hashlib.sha256((MODELS / "detector.onnx").read_bytes()).hexdigest()
    landmarks = "".join(f'    "{name}",\n' for name, _, _ in names)
    (MODELS / "manifest.toml").write_text(f"""# Written by make.py: measures nothing, and is for tests alone.
schema = 1

[detector]
file = "detector.onnx"
sha256 = "{sha256}"
licence = "Apache-2.0"
trained_on = "nothing; it sees the same neck on every film, for tests in an emulator"
input = {{ name = "image", shape = [1, 1, {SIDE}, {SIDE}] }}
outputs = [
    {{ name = "heatmaps", shape = [1, {len(names)}, {MAP}, {MAP}] }},
    {{ name = "quality", shape = [1, 5] }},
]
normalisation = {{ low_quantile = 0.005, high_quantile = 0.995, black = 0.0, white = 1.0 }}

[detector.heatmaps]
output = "heatmaps"
landmarks = [
{landmarks}]
decoder = "softmax"
absent_logit = {math.log(SIDE**2)}
window = 4
target_sigma = {SIGMA}
sigma_factor = 1.0
sigma_floor = 0.4

[detector.quality]
output = "quality"
channels = ["lateral_cervical", "c7_full", "c7_partial", "c7_hidden", "rotation_deg"]
""")


if __name__ == "__main__":
    main()
