"""What every training does: films drawn again and again, the rate, averaged weights, log, checkpoints, resume."""

from __future__ import annotations

import copy
import itertools
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import IterableDataset

import films
import weights


class Samples(IterableDataset):
    """Endless samples of the packed films that are not held out; each worker has its own stream of random numbers.

    `sample(rng, image, film)` makes one of a film for which `usable` holds. Films that are added to a pack are taken up.
    """

    def __init__(self, packs: list[Path], shares: list[float] | None, seed: int, sample, usable=lambda film: True):
        self.packs, self.shares, self.seed = packs, shares or [1.0] * len(packs), seed
        self.sample, self.usable = sample, usable

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0, time.time_ns() % 2**32])
        stores = None
        for count in itertools.count():
            if stores is None or (count % 500 == 0 and any(s.grown() for s in stores)):
                stores = [films.Store(p) for p in self.packs]
                kept = [[f for f in s.index if not films.held_out(f.name) and self.usable(f)] for s in stores]
                shares = np.array(self.shares) * [bool(k) for k in kept]
            which = rng.choice(len(stores), p=shares / shares.sum())
            film = kept[which][rng.integers(len(kept[which]))]
            yield self.sample(rng, stores[which].image(film), film)

    def images(self, count: int) -> torch.Tensor:
        """A batch of `count` images."""
        return torch.from_numpy(np.stack([sample["image"] for sample in itertools.islice(self, count)]))


class Loop:
    """Steps a network; `run` goes on from `work/checkpoint.pt` where it was interrupted.

    Another `length` ends the same phase sooner or later: the rate falls to the new end. A phase that has ended, and one of another
    name, starts anew with the weights reached. Without a checkpoint the weights come from `start`, a checkpoint or an exported model
    (`images` then gives pictures to measure its normalisations on, `member` says which network of a committee); `export.py --keep` can mix
    those in again.
    """

    def __init__(self, net: torch.nn.Module, work: Path, length: int, rate: float, start: Path | None = None, images=None, member: int = 1, phase: str = "", decay: float = 0.02, **kept):
        self.net, self.work, self.length, self.rate, self.phase, self.kept = net, work, length, rate, phase, kept
        self.optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=decay)
        self.seen, self.done, self.begun = 0, 0, None
        work.mkdir(parents=True, exist_ok=True)
        self.checkpoint = work / "checkpoint.pt"
        if self.checkpoint.exists():
            self.resume(torch.load(self.checkpoint, weights_only=True))
            return
        if start is not None and start.suffix == ".onnx":
            weights.start(net, start, images(128), member)
        elif start is not None:
            saved = torch.load(start, weights_only=True)
            net.load_state_dict(saved["average"])
            self.seen = saved["seen"]
            print(f"starts from {start}, {self.seen} samples", flush=True)
        self.average = {k: v.clone() for k, v in net.state_dict().items()}
        if start is not None:
            self.begun = {k: v.clone() for k, v in self.average.items()}

    def resume(self, saved: dict) -> None:
        for name, value in self.kept.items():
            if saved.get(name, value) != value:
                raise SystemExit(f"{self.checkpoint} was made with {name} {saved[name]}, not {value}: name that, or another --work")
        self.net.load_state_dict(saved["net"])
        self.average, self.seen, self.begun = saved["average"], saved["seen"], saved.get("begun")
        if saved.get("phase", "") == self.phase and saved["done"] < self.length:
            self.done = saved["done"]
            self.optimiser.load_state_dict(saved["optimiser"])
        print(f"goes on after {self.seen} samples, {self.done} of {self.length} of this phase", flush=True)

    def judged(self) -> torch.nn.Module:
        """The network with the averaged weights."""
        net = copy.deepcopy(self.net)
        net.load_state_dict(self.average)
        return net.eval()

    def save(self) -> None:
        part = self.checkpoint.with_suffix(".part")
        state = dict(net=self.net.state_dict(), average=self.average, begun=self.begun, optimiser=self.optimiser.state_dict())
        torch.save(state | dict(seen=self.seen, done=self.done, phase=self.phase) | self.kept, part)
        os.replace(part, self.checkpoint)

    def run(self, batches, loss_of, between, every: float = 240.0) -> None:
        """`loss_of(batch)` → (loss, parts, count); `between(net)` → what to log at each checkpoint, from the averaged weights."""
        began, first, last_log, last_save, running = time.time(), self.done, time.time(), time.time(), {}
        for step, batch in enumerate(batches):
            fraction = min(1.0, self.done / self.length)
            rate = self.rate * min(1.0, (fraction + 1e-3) / 0.04) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fraction)))
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
            if now - last_log > 60 or over:
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
