"""The training loop of the hierarchy's smaller networks: rate, averaged weights, log, checkpoints, resume."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch


class Loop:
    """Steps a network; `run` goes on from `work/checkpoint.pt` where it was interrupted.

    Another `length` ends the same phase sooner or later: the rate falls to the new end. A phase that has ended starts anew.
    """

    def __init__(self, net: torch.nn.Module, work: Path, length: int, rate: float, start: Path | None = None, decay: float = 0.02):
        self.net, self.work, self.length, self.rate = net, work, length, rate
        self.optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=decay)
        self.average = {k: v.clone() for k, v in net.state_dict().items()}
        self.seen = self.done = 0
        work.mkdir(parents=True, exist_ok=True)
        self.checkpoint = work / "checkpoint.pt"
        if self.checkpoint.exists():
            saved = torch.load(self.checkpoint, weights_only=True)
            net.load_state_dict(saved["net"])
            self.average, self.seen = saved["average"], saved["seen"]
            if saved["done"] < length:  # interrupted, or to be ended sooner or later than was planned
                self.done = saved["done"]
                self.optimiser.load_state_dict(saved["optimiser"])
            print(f"goes on after {self.seen} samples, {self.done} of {length} of this phase", flush=True)
        elif start is not None:
            saved = torch.load(start, weights_only=True)
            net.load_state_dict(saved["average"])
            self.average, self.seen = {k: v.clone() for k, v in saved["average"].items()}, saved["seen"]
            print(f"starts from {start}, {self.seen} samples", flush=True)

    def judged(self) -> torch.nn.Module:
        """The network with the averaged weights."""
        net = copy.deepcopy(self.net)
        net.load_state_dict(self.average)
        return net.eval()

    def save(self) -> None:
        part = self.checkpoint.with_suffix(".part")
        state = dict(net=self.net.state_dict(), average=self.average, optimiser=self.optimiser.state_dict())
        torch.save(state | dict(seen=self.seen, done=self.done), part)
        os.replace(part, self.checkpoint)

    def run(self, batches, loss_of, between, every: float = 180.0) -> None:
        """`loss_of(batch)` → (loss, parts, count); `between(net)` → what to log at each checkpoint, from the averaged weights."""
        began, first, last_log, last_save, running = time.time(), self.done, time.time(), time.time(), {}
        for step, batch in enumerate(batches):
            fraction = min(1.0, self.done / self.length)
            rate = self.rate * min(1.0, (fraction + 1e-3) / 0.03) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fraction)))
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            loss, parts, count = loss_of(batch)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            if torch.isfinite(norm):
                self.optimiser.step()
            self.seen, self.done = self.seen + count, self.done + count
            keep = min(0.998, 1 - 1 / (step + 10))
            for name, value in self.net.state_dict().items():
                if value.dtype.is_floating_point:
                    self.average[name].lerp_(value, 1 - keep)
                else:
                    self.average[name].copy_(value)
            for name, value in parts.items() | {("loss", float(loss.detach()))}:
                running.setdefault(name, []).append(value)
            now, over = time.time(), self.done >= self.length
            if now - last_log > 30 or over:
                means = {k: round(float(np.mean(v)), 4) for k, v in sorted(running.items())}
                speed = round((self.done - first) / (now - began), 1)
                print(json.dumps(dict(seen=self.seen, fraction=round(self.done / self.length, 3), per_second=speed, **means)), flush=True)
                running, last_log = {}, now
            if now - last_save > every or over:
                self.save()
                print(json.dumps(dict(seen=self.seen, held_out=between(self.judged()))), flush=True)
                last_save = time.time()
            if over:
                break
