"""Reads a network's weights back out of an exported model, so that a training can start from the models of a release.

`export.py` folds each batch normalisation that follows a convolution into it and drops what only training needs. Here the
normalisations are put back: their statistics are measured on training pictures, their gains and offsets chosen so that the network
answers as the model does; then both learn on. Weights that the model does not hold (the coarse maps) stay as they were drawn.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

LAYERS = {"Conv": nn.Conv2d, "Gemm": nn.Linear, "BatchNormalization": nn.BatchNorm2d}


def stored(path: Path) -> list[tuple[str, list[np.ndarray]]]:
    """(kind, weights) of the model's layers in the order in which they are computed."""
    graph = onnx.load(path).graph
    values = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    for cast in (n for n in graph.node if n.op_type == "Cast" and n.input[0] in values):
        values[cast.output[0]] = values[cast.input[0]].astype(np.float32)
    return [(n.op_type, [values[i] for i in n.input[1:] if i]) for n in graph.node if n.op_type in LAYERS]


def computed(net: nn.Module, picture: torch.Tensor) -> list[nn.Module]:
    """The network's layers in the order in which they are computed."""
    order = []
    hooks = [m.register_forward_hook(lambda m, _, __: order.append(m)) for m in net.modules() if isinstance(m, tuple(LAYERS.values()))]
    with torch.no_grad():
        net(picture)
    for hook in hooks:
        hook.remove()
    return order


def fill(target: torch.Tensor, values: np.ndarray) -> None:
    """Copies the weights; a model with fewer maps than the network (C2's specialist) fills the first ones."""
    if target.shape[1:] != values.shape[1:] or len(target) < len(values):
        raise ValueError(f"weights of {list(values.shape)} where the network has {list(target.shape)}")
    with torch.no_grad():
        target[: len(values)] = torch.from_numpy(values.astype(np.float32))


def member(theirs: list[tuple[str, list[np.ndarray]]], ours: list[nn.Module], number: int) -> list[tuple[str, list[np.ndarray]]]:
    """The layers of member `number` of a committee, counted from 1; of a single network all of them."""
    convolutions = sum(kind == "Conv" for kind, _ in theirs), sum(isinstance(layer, nn.Conv2d) for layer in ours)
    count = convolutions[0] // max(1, convolutions[1])
    if count < 2 or convolutions[0] % convolutions[1] or len(theirs) % count:
        count = 1
    if not 1 <= number <= count:
        raise ValueError(f"{count} networks are in it, and number {number} was asked for")
    size = len(theirs) // count
    return theirs[(number - 1) * size : number * size]


def take(net: nn.Module, path: Path, picture: torch.Tensor, number: int) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Fills `net` from the model; returns the convolutions into which a normalisation had been folded, with that one."""
    layers = computed(net, picture)
    ours, folded, theirs = iter(layers), [], member(stored(path), layers, number)
    for kind, weights in theirs:
        layer = next(ours, None)
        if not isinstance(layer, LAYERS[kind]):
            raise ValueError(f"a {kind} where the network has {'no more layers' if layer is None else type(layer).__name__}")
        fill(layer.weight, weights[0])
        if kind == "BatchNormalization":
            for target, values in zip((layer.bias, layer.running_mean, layer.running_var), weights[1:]):
                fill(target, values)
        elif len(weights) == 2 and layer.bias is not None:
            fill(layer.bias, weights[1])
        elif len(weights) == 2:  # the network has its offset in the normalisation that follows
            norm = next(ours)
            fill(norm.bias, weights[1])
            fill(norm.weight, np.ones(len(weights[1])))
            fill(norm.running_mean, np.zeros(len(weights[1])))
            fill(norm.running_var, np.full(len(weights[1]), 1 - norm.eps))
            folded.append((layer, norm))
    if next(ours, None) is not None:
        raise ValueError("the network has more layers than the model")
    return folded


def restore(folded: list[tuple[nn.Conv2d, nn.BatchNorm2d]], net: nn.Module, pictures: torch.Tensor) -> None:
    """Gives each folded normalisation its statistics over `pictures`, without changing what the network answers."""
    seen: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}

    def watch(layer, _, out):
        seen[layer] = (out.mean((0, 2, 3)), out.var((0, 2, 3)))

    hooks = [layer.register_forward_hook(watch) for layer, _ in folded]
    with torch.no_grad():
        net(pictures)
        for hook in hooks:
            hook.remove()
        for layer, norm in folded:
            mean, variance = seen[layer]
            # Behind a normalisation a filter's size says nothing but how fast it learns: the size of a freshly drawn one.
            size = layer.weight.flatten(1).square().mean(1).sqrt().clamp_min(1e-8)
            scale = 1 / math.sqrt(3 * layer.weight[0].numel()) / size
            norm.bias.add_(mean)
            norm.running_mean.copy_(mean * scale)
            norm.running_var.copy_(variance * scale**2)
            norm.weight.copy_((norm.running_var + norm.eps).sqrt() / scale)
            layer.weight.mul_(scale[:, None, None, None])


def start(net: nn.Module, path: Path, pictures: torch.Tensor, number: int = 1) -> None:
    """Makes `net` answer as the exported model at `path` does, or as its member `number`; `pictures` are a batch or two it will be trained on."""
    training = net.training
    net.eval()
    try:
        folded = take(net, path, pictures[:1], number)
    except ValueError as reason:
        raise SystemExit(f"{path} is no model of this network: {reason}") from None
    before = answers(net, pictures[:2])
    restore(folded, net, pictures)
    worst = max(float((a - b).abs().max() / (b.max() - b.min())) for a, b in zip(answers(net, pictures[:2]), before))
    if worst > 1e-3:
        raise SystemExit(f"{path}: the network started from it answers otherwise than the model, by {worst:.1e} of the range")
    print(f"starts from {path}, member {number}: {len(folded)} normalisations restored on {len(pictures)} pictures", flush=True)
    net.train(training)


def answers(net: nn.Module, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        out = net(pictures)
    return out if isinstance(out, tuple) else (out,)
