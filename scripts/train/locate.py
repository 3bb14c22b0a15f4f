#!/usr/bin/env python3
"""Trains the locator: from the corners of C2–C6 to where C2 and C7 must lie, seen or not (paper B's MLP).

    python3 scripts/train/locate.py --films DIR [--films DIR …] --work WORK/locator

Only the truth files are read. The corners come in the frame of the column (`features`, the same as `src/detect/locate.rs`), with
errors as the models before it make them, and with corners and whole levels left out. The answer is a place and a spread for
each corner; the loss is the likelihood of the truth under them, so a spread that is too small costs as much as one that is too large. How C7's landmarks err together is
measured on necks that are held out; `export.py` writes it into the manifest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from films import CORNERS, ENDS, VERTEBRAE, held_out, landmarks
from loop import Loop
from network import LOCATED, Locator
from patches import faces_left

GIVEN = 5  # C2–C6
LEAST_GIVEN = 3
HALF_TRUSTED = 0.05  # level heights
TARGETS = [*range(4), *range(20, 24), 32, 33]  # C2's and C7's corners, C7's spinolaminar ends
NAMES = [f"{VERTEBRAE[i // 4]}.{CORNERS[i % 4]}" for i in TARGETS[:8]] + [f"C7.spinolaminar_{e}" for e in ENDS]
assert len(TARGETS) == LOCATED
CORRELATION = "c7_correlation.npy"  # beside the checkpoint, for `export.py`


def frame(points: np.ndarray):
    """(origin, [2, 2] rows backward and down, level height) of the column that C2–C6 make, or None with too few of them."""
    corners = points[: 4 * GIVEN].reshape(GIVEN, 4, 2)
    whole = np.flatnonzero(np.isfinite(corners).all((1, 2)))
    if len(whole) < LEAST_GIVEN:
        return None
    centres = corners[whole].mean(1)
    level = np.linalg.norm(np.diff(centres, axis=0), axis=1).sum() / (whole[-1] - whole[0])
    down = (centres[-1] - centres[0]) / np.linalg.norm(centres[-1] - centres[0])
    left = 2 * sum(faces_left(corners[i]) for i in whole) > len(whole)
    hand = 1.0 if left else -1.0
    return centres[-1], np.array([[hand * down[1], -hand * down[0]], down]), level


def trust(spread: np.ndarray) -> np.ndarray:
    """How far a corner of this spread (level heights) is to be believed: 1 for a sharp one, 0.5 at `HALF_TRUSTED`."""
    return 1 / (1 + (spread / HALF_TRUSTED) ** 2)


def features(points: np.ndarray, frame, spread: float) -> np.ndarray:
    """[60]: x, y and trust for each corner of C2–C6 that is known, three times 0 for each that is not; `spread` in film pixels."""
    origin, axes, level = frame
    local = (points[: 4 * GIVEN] - origin) @ axes.T / level
    known = np.isfinite(local).all(1)
    told = known * trust(spread / level)
    return np.concatenate([np.where(known[:, None], local, 0), told[:, None]], 1).ravel().astype(np.float32)


def load(folders: list[Path]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The landmarks of every neck, for training and held out."""
    parts = [], []
    for folder in folders:
        for path in sorted(folder.rglob("*.truth.json")):
            truth = json.loads(path.read_text())
            if truth.get("kind", "lateral_cervical") != "lateral_cervical":
                continue
            points, _ = landmarks(truth)
            if frame(points) is not None and np.isfinite(points[TARGETS]).any():
                parts[held_out(path.name.replace(".truth.json", ".png"))].append(points)
    return parts


def frames(given: np.ndarray, left: np.ndarray):
    """`frame` of many columns at once: [B, 34, 2] → origins [B, 2], axes [B, 2, 2], levels [B], and which have a frame at all."""
    centres = given[:, : 4 * GIVEN].reshape(-1, GIVEN, 4, 2).mean(2)
    known = np.isfinite(centres).all(2)
    first, last = known.argmax(1), GIVEN - 1 - known[:, ::-1].argmax(1)
    rows = np.arange(len(given))
    along, before = np.zeros(len(given)), centres[rows, first]
    for level in range(1, GIVEN):
        here = known[:, level, None]
        step = np.where(here, centres[:, level] - before, 0)
        along += np.linalg.norm(step, axis=1) * (level > first)
        before = np.where(here, centres[:, level], before)
    start, end = centres[rows, first], centres[rows, last]
    with np.errstate(invalid="ignore", divide="ignore"):
        down = (end - start) / np.linalg.norm(end - start, axis=1)[:, None]
        level = along / (last - first)
    hand = np.where(left, 1.0, -1.0)
    backward = np.stack([hand * down[:, 1], -hand * down[:, 0]], 1)
    return end, np.stack([backward, down], 1), level, known.sum(1) >= LEAST_GIVEN


class Necks:
    """Necks to draw batches from, with the errors of the models before the locator."""

    def __init__(self, necks: list[np.ndarray]):
        self.points = np.stack(necks)
        corners = self.points[:, : 4 * GIVEN].reshape(-1, GIVEN, 4, 2)
        self.left = np.array([np.mean([faces_left(c) for c in column if np.isfinite(c).all()]) > 0.5 for column in corners])
        self.level = frames(self.points, self.left)[2]

    def batch(self, rng, size: int) -> dict:
        """What `loss_of` takes; necks that lost too many levels are drawn again."""
        which = rng.integers(len(self.points), size=2 * size)
        points, left = self.points[which], self.left[which]
        given = points.copy()
        corners = given[:, : 4 * GIVEN].reshape(-1, GIVEN, 4, 2)
        # Sharp corners, and bodies that the shoulders or the jaw hide more and more; what is claimed is not quite what is.
        spread = 0.013 * np.exp(rng.normal(0, 0.4, (len(which), 1, 1))) * np.exp(rng.normal(0, 0.3, corners.shape[:3]))
        dim = (rng.random(len(which)) < 0.4) * rng.uniform(0, 2.5, len(which))
        spread[:, 4] *= np.exp(dim)[:, None]
        spread[:, 3] *= np.exp(dim * rng.uniform(0, 0.7, len(which)))[:, None]
        spread[:, 0] *= np.exp((rng.random(len(which)) < 0.2) * rng.uniform(0, 1.5, len(which)))[:, None]
        error = (spread * self.level[which][:, None, None])[..., None]
        corners += rng.normal(0, 1, corners.shape) * error + rng.normal(0, 0.6, (len(which), GIVEN, 1, 2)) * error
        claimed = trust(spread * np.exp(rng.normal(0, 0.3, spread.shape))).reshape(len(which), -1)
        corners[rng.random(corners.shape[:3]) < 0.01] = np.nan
        corners[rng.random(len(which)) < 0.3, 0] = np.nan  # C2 is asked for, too
        corners[rng.random(len(which)) < 0.12, 4] = np.nan
        lost = rng.random(len(which)) < 0.08
        corners[lost, rng.integers(1, 4, lost.sum())] = np.nan
        origin, axes, level, sound = frames(given, left)
        kept = np.flatnonzero(sound)[:size]
        local = lambda p: np.einsum("bkj,bij->bki", p[kept] - origin[kept, None], axes[kept]) / level[kept, None, None]
        seen, target = local(given[:, : 4 * GIVEN]), local(points[:, TARGETS])
        known, counts = np.isfinite(seen).all(2), np.isfinite(target).all(2)
        told = (known * claimed[kept])[..., None]
        levels = np.concatenate([np.where(known[..., None], seen, 0), told], 2).reshape(len(kept), -1)
        tensor = lambda v: torch.from_numpy(v.astype(np.float32))
        return dict(levels=tensor(levels), target=tensor(np.where(counts[..., None], target, 0)), counts=tensor(counts))


def loss_of(net, batch):
    """Negative logarithm of the likelihood of the truth, a round Gaussian in the plane for each target."""
    out = net(batch["levels"]).view(-1, LOCATED, 3)
    squared = (out[..., :2] - batch["target"]).square().sum(-1)
    nll = squared / 2 * torch.exp(-2 * out[..., 2]) + 2 * out[..., 2]
    counts = batch["counts"]
    loss = (nll * counts).sum() / counts.sum()
    return loss, dict(off=float((squared.detach().sqrt() * counts).sum() / counts.sum())), len(counts)


def correlation(net, necks: Necks) -> np.ndarray:
    """How x and y of each of C7's landmarks err together, in units of their spreads: [12, 12].

    A twentieth is taken off, so that no shape of C7 is thought impossible.
    """
    batch = necks.batch(np.random.default_rng(4), 16000)
    with torch.no_grad():
        out = net(batch["levels"]).view(-1, LOCATED, 3)[:, 4:]
    whole = (batch["counts"][:, 4:] > 0.5).all(1)
    standard = ((out[..., :2] - batch["target"][:, 4:]) / torch.exp(out[..., 2:]))[whole].flatten(1).numpy()
    usual = standard[(np.abs(standard) < 6).all(1)]
    return 0.95 * np.corrcoef(usual.T) + 0.05 * np.eye(standard.shape[1])


def validate(net, necks: Necks) -> dict:
    """Errors in level heights, how many truths lie inside the 90 % circle, and C7's slope's error in degrees."""
    batch = necks.batch(np.random.default_rng(3), 2000)
    with torch.no_grad():
        out = net(batch["levels"]).view(-1, LOCATED, 3)
    error = out[..., :2] - batch["target"]
    off, use = error.norm(dim=-1), batch["counts"] > 0.5
    inside = off < 2.146 * torch.exp(out[..., 2])
    part = lambda v, rows, s: round(float(v[:, s][rows[:, None] & use[:, s]].float().mean()), 4)
    every = torch.ones(len(off), dtype=torch.bool)
    hidden_c2 = batch["levels"][:, 2] == 0
    sharp = batch["levels"][:, 50] > 0.8  # C6 is well seen
    whole = use[:, 4:8].all(1)
    angle = lambda v: torch.rad2deg(torch.atan2(v[:, 6, 1] - v[:, 4, 1], v[:, 6, 0] - v[:, 4, 0]))
    slope = (angle(out[..., :2]) - angle(batch["target"])).abs()
    return dict(
        c7=part(off, every, slice(4, 8)), c7_inside=part(inside, every, slice(4, 8)), lamina=part(off, every, slice(8, 10)),
        c2=part(off, hidden_c2, slice(0, 4)), c2_inside=part(inside, hidden_c2, slice(0, 4)),
        c7_slope=round(float(slope[whole].mean()), 2), c7_slope_c6_seen=round(float(slope[whole & sharp].mean()), 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=Path, action="append", required=True, help="folder of truth files; may be repeated")
    parser.add_argument("--work", type=Path, required=True, help="where checkpoints and logs go")
    parser.add_argument("--necks", type=int, default=3000000, help="length of the training; the learning rate falls to its end")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="unused: there are no pictures to read")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    train, held = load(args.films)
    print(f"{len(train)} necks to train on, {len(held)} held out", flush=True)
    net = Locator()
    loop = Loop(net, args.work, args.necks, args.rate, decay=0.05)
    rng = np.random.default_rng([args.seed, loop.seen])
    necks, unseen = Necks(train), Necks(held)
    batches = iter(lambda: necks.batch(rng, args.batch), None)

    def between(judged):
        np.save(args.work / CORRELATION, correlation(judged, unseen))
        return validate(judged, unseen)

    loop.run(batches, lambda batch: loss_of(net, batch), between, every=60.0)


if __name__ == "__main__":
    main()
