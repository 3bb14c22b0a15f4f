#!/usr/bin/env python3
"""Writes a checkpoint as `models/detector.onnx`, checks it against PyTorch, and brings `models/manifest.toml` up to date.

    python3 scripts/train/export.py WORK/checkpoint.pt [--models models]

The averaged weights are exported, batch normalisation folded into the convolutions, opset 17, static shapes. Weights are
stored in 16 bits and cast back when the model is loaded: half the file, computed in 32 bits as before. The check runs
both on the same pictures, noise and structure, and refuses to write if a heatmap differs by more than a thousandth of its range.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from network import Detector


def check(net: Detector, path: Path, side: int) -> float:
    """The largest difference between PyTorch and ONNX Runtime, as a share of the range of the answers."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(5)
    ramp = np.linspace(0, 1, side, dtype=np.float32)
    pictures = [rng.random((side, side), np.float32), np.outer(ramp, ramp), np.zeros((side, side), np.float32)]
    pictures.append((0.5 + 0.5 * np.sin(np.outer(ramp * 40, ramp * 30))).astype(np.float32))
    worst = 0.0
    for picture in pictures:
        x = picture[None, None]
        with torch.no_grad():
            ours = [o.numpy() for o in net(torch.from_numpy(x))]
        theirs = session.run(["heatmaps", "quality"], {"image": x})
        for a, b in zip(ours, theirs):
            worst = max(worst, float(np.abs(a - b).max() / max(1e-6, np.ptp(a))))
    return worst


def halve(model: onnx.ModelProto) -> None:
    """Stores large weights in 16 bits, each with a Cast behind it that ONNX Runtime folds when it loads."""
    graph, casts = model.graph, []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size >= 4096:
            stored = weight.name + "_half"
            graph.initializer.remove(weight)
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), stored))
            casts.append(helper.make_node("Cast", [stored], [weight.name], to=TensorProto.FLOAT, name=f"restore_{weight.name}"))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--models", type=Path, default=Path(__file__).resolve().parents[2] / "models")
    parser.add_argument("--side", type=int, default=256, help="of the input; the manifest must say the same")
    args = parser.parse_args()
    saved = torch.load(args.checkpoint, weights_only=True)
    net = Detector()
    net.load_state_dict(saved["average"])
    net.eval()
    part = args.models / "detector.onnx.part"
    torch.onnx.export(
        net, (torch.zeros(1, 1, args.side, args.side),), str(part), input_names=["image"], output_names=["heatmaps", "quality"],
        opset_version=17, do_constant_folding=True, dynamo=False,
    )
    model = onnx.load(part)
    for prop in list(model.metadata_props):
        model.metadata_props.remove(prop)
    model.producer_name, model.doc_string, model.graph.doc_string = "sagitta", "", ""
    for node in model.graph.node:
        node.doc_string = ""
    halve(model)
    onnx.checker.check_model(model)
    onnx.save(model, part)
    worst = check(net, part, args.side)
    print(f"largest difference between PyTorch and ONNX Runtime: {worst:.2e} of the range")
    if worst > 1e-3:
        raise SystemExit("the exported model is not the trained one; nothing was written")
    target = args.models / "detector.onnx"
    part.replace(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    manifest = args.models / "manifest.toml"
    text, count = re.subn(r'(?m)^(\[detector\][^\[]*?^sha256 = )"[0-9a-f]*"', rf'\1"{digest}"', manifest.read_text())
    if count != 1:
        raise SystemExit(f"{manifest}: no sha256 under [detector] to bring up to date; set it to {digest}")
    manifest.write_text(text)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, opset {model.opset_import[0].version}, sha256 {digest}, {saved['seen']} pictures")


if __name__ == "__main__":
    main()
