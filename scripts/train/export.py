#!/usr/bin/env python3
"""Writes a checkpoint as `models/ROLE.onnx`, checks it against PyTorch, and brings `models/manifest.toml` up to date.

    python3 scripts/train/export.py WORK/checkpoint.pt [--models models]
    python3 scripts/train/export.py WORK/checkpoint.pt --keep 0.5       # half way back to the model that training started from
    python3 scripts/train/export.py WORK/body/checkpoint.pt --role refiner_body
    python3 scripts/train/export.py WORK/c7/checkpoint.pt WORK/c7-again/checkpoint.pt --role refiner_c7   # a committee
    python3 scripts/train/export.py WORK/locator/checkpoint.pt --role locator

The averaged weights are exported, batch normalisation folded into the convolutions, opset 17, static shapes. Weights are
stored in 16 bits and cast back when the model is loaded: half the file, computed in 32 bits as before. The check runs
both on the same inputs, noise and structure, and refuses to write if an answer differs by more than a thousandth of its range.
With `--keep` the weights lie between those of `--start` and those reached: what was learnt on other films is forgotten less
(Wortsman et al. 2022, *Robust fine-tuning*). Several checkpoints of a specialist become one file that gives the mean of their logits. A role that the manifest does not know yet is appended to it, with spreads that are still to be calibrated.
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

import patches
from losses import TARGET_SIGMA
from locate import CORRELATION, NAMES
from network import DETECTORS, LOCATED, REFINER_ABSENT_LOGIT, Committee, Locator, Refiner

REFINERS = {"refiner_c2": (["C2"], 4, 1), "refiner_body": (["C3", "C4", "C5", "C6"], 6, 4), "refiner_c7": (["C7"], 6, 1)}
MARKS = ["antero_superior", "antero_inferior", "postero_superior", "postero_inferior", "spinolaminar_superior", "spinolaminar_inferior"]
TRAINED_ON = "synthetic films only (src/phantom and projected research meshes); no patient's film"


class Marks(torch.nn.Module):
    """A specialist with the maps of its first `count` marks only: C2 has no spinolaminar line of its own."""

    def __init__(self, net: Refiner | Committee, count: int):
        super().__init__()
        self.net, self.count = net, count

    def forward(self, patch):
        return self.net(patch)[:, : self.count]


def pictures(shape: list[int]) -> list[np.ndarray]:
    """Noise, a ramp, nothing, and waves, in every place of the batch."""
    rng = np.random.default_rng(5)
    if len(shape) == 2:
        return [rng.normal(0, 1, shape).astype(np.float32), np.zeros(shape, np.float32)]
    side = shape[-1]
    ramp = np.linspace(0, 1, side, dtype=np.float32)
    plain = [np.outer(ramp, ramp), np.zeros((side, side), np.float32), (0.5 + 0.5 * np.sin(np.outer(ramp * 40, ramp * 30))).astype(np.float32)]
    return [rng.random(shape, np.float32)] + [np.broadcast_to(p, shape).copy() for p in plain]


def check(net: torch.nn.Module, path: Path, name: str, shape: list[int], outputs: list[str]) -> float:
    """The largest difference between PyTorch and ONNX Runtime, as a share of the range of the answers."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for x in pictures(shape):
        with torch.no_grad():
            ours = net(torch.from_numpy(x))
        ours = [o.numpy() for o in (ours if isinstance(ours, tuple) else (ours,))]
        for a, b in zip(ours, session.run(outputs, {name: x})):
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


def reached(checkpoint: Path, keep: float) -> dict:
    """The averaged weights, mixed with `keep` of those that training started from, and what else the checkpoint tells."""
    saved = torch.load(checkpoint, weights_only=True)
    if keep and not saved.get("begun"):
        raise SystemExit(f"{checkpoint} does not know what it started from; --keep needs a training with --start")
    if keep:
        saved["average"] = {k: v.lerp(saved["begun"][k], keep) if v.dtype.is_floating_point else v for k, v in saved["average"].items()}
    return saved


def specialist(members: list[dict]) -> Refiner | Committee:
    """The specialist of one checkpoint, or the committee of several."""
    nets = []
    for saved in members:
        nets.append(Refiner())
        nets[-1].load_state_dict(saved["average"])
    return (nets[0] if len(nets) == 1 else Committee(nets)).eval()


def network(role: str, side: int, members: list[dict]) -> tuple[torch.nn.Module, str, list[int], list[str]]:
    """(what is exported, name and shape of its input, names of its outputs)."""
    if role in REFINERS:
        _, marks, batch = REFINERS[role]
        net = Marks(specialist(members), marks).eval()
        return net, "patch", [batch, 1, patches.SIDE, patches.SIDE], ["heatmaps"]
    (saved,) = members
    net = Locator() if role == "locator" else DETECTORS[saved.get("network", "unet")]()
    net.load_state_dict(saved["average"])
    if role == "locator":
        return net.eval(), "levels", [1, 60], ["places"]
    return net.eval(), "image", [1, 1, side, side], ["heatmaps", "quality"]


def correlated(folder: Path) -> str:
    """The manifest's key of how C7's landmarks err together, as `locate.py` left it beside its checkpoint."""
    if not (folder / CORRELATION).exists():
        raise SystemExit(f"{folder / CORRELATION} is missing; nothing was written. Train on with locate.py: it is written with each checkpoint")
    rows = np.load(folder / CORRELATION)
    return "c7_correlation = [\n" + "".join(f"    [{', '.join(f'{v:.3f}' for v in row)}],\n" for row in rows) + "]\n"


def entry(role: str, digest: str) -> str:
    """What the manifest says of a role that it did not know."""
    head = f'\n[{role}]\nfile = "{role}.onnx"\nsha256 = "{digest}"\nlicence = "Apache-2.0"\ntrained_on = "{TRAINED_ON}"\n'
    lines = lambda names: "[\n" + "".join(f'    "{n}",\n' for n in names) + "]"
    if role == "locator":
        return head + (
            f'input = {{ name = "levels", shape = [1, 60] }}\noutputs = [{{ name = "places", shape = [1, {3 * LOCATED}] }}]\n'
            f'output = "places"\nlandmarks = {lines(NAMES)}\nsigma_factor = 1.0\nc7_correlation = []\n'
        )
    _, marks, batch = REFINERS[role]
    side = patches.SIDE
    return head + (
        f'input = {{ name = "patch", shape = [{batch}, 1, {side}, {side}] }}\n'
        f'outputs = [{{ name = "heatmaps", shape = [{batch}, {marks}, {side // 2}, {side // 2}] }}]\n'
        "normalisation = { low_quantile = 0.005, high_quantile = 0.995, black = 0.0, white = 1.0 }\n"
        f"patch = {{ level_height = {patches.PITCH / side}, behind = {patches.BEHIND} }}\n\n"
        f'[{role}.heatmaps]\noutput = "heatmaps"\nlandmarks = {lines(MARKS[:marks])}\ndecoder = "softmax"\n'
        f"absent_logit = {REFINER_ABSENT_LOGIT}   # ln(64²): an even map says half and half\n"
        f"window = 5                          # heatmap pixels\ntarget_sigma = {TARGET_SIGMA}\nsigma_factor = 1.0\nsigma_floor = 0.3\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="+", help="several of one specialist become a committee")
    parser.add_argument("--role", choices=["detector", "locator", *REFINERS], default="detector")
    parser.add_argument("--models", type=Path, default=Path(__file__).resolve().parents[2] / "models")
    parser.add_argument("--keep", type=float, default=0.0, help="share of the weights that training started from, with --start")
    parser.add_argument("--side", type=int, default=256, help="of the detector's input; the manifest must say the same")
    args = parser.parse_args()
    if len(args.checkpoint) > 1 and args.role not in REFINERS:
        parser.error(f"a {args.role} comes from one checkpoint")
    members = [reached(checkpoint, args.keep) for checkpoint in args.checkpoint]
    correlation = correlated(args.checkpoint[0].parent) if args.role == "locator" else None
    net, name, shape, outputs = network(args.role, args.side, members)
    part = args.models / f"{args.role}.onnx.part"
    torch.onnx.export(
        net, (torch.zeros(*shape),), str(part), input_names=[name], output_names=outputs,
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
    worst = check(net, part, name, shape, outputs)
    print(f"largest difference between PyTorch and ONNX Runtime: {worst:.2e} of the range")
    if worst > 1e-3:
        raise SystemExit("the exported model is not the trained one; nothing was written")
    target = args.models / f"{args.role}.onnx"
    part.replace(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    manifest = args.models / "manifest.toml"
    text, count = re.subn(rf'(?m)^(\[{args.role}\][^\[]*?^sha256 = )"[0-9a-f]*"', rf'\1"{digest}"', manifest.read_text())
    if count == 0 and args.role != "detector":
        text, count = text.rstrip() + "\n" + entry(args.role, digest), 1
        print(f"{manifest}: [{args.role}] was appended; calibrate its spreads")
    if correlation:  # a manifest from before December 2026 has one number in its place
        text = re.sub(r"(?ms)^(correlation = [^\n]*|c7_correlation = \[(\]|.*?^\]))\n", lambda _: correlation, text)
    if count != 1:
        raise SystemExit(f"{manifest}: no sha256 under [{args.role}] to bring up to date; set it to {digest}")
    manifest.write_text(text)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, opset {model.opset_import[0].version}, sha256 {digest}, {' and '.join(str(m['seen']) for m in members)} samples")


if __name__ == "__main__":
    main()
