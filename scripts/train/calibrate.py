#!/usr/bin/env python3
"""Fits a specialist's spreads on the films that were held out of its training, so that nine errors of ten lie inside.

    python3 scripts/train/calibrate.py WORK/body/checkpoint.pt --role refiner_body --packs WORK [--models models]
    python3 scripts/train/calibrate.py WORK/c7/checkpoint.pt WORK/c7-again/checkpoint.pt --role refiner_c7 --packs WORK   # a committee

The maps are read as `src/detect/heatmap.rs` reads them. On each axis of the patch (x along the end-plates, y across) the error of a
sharp landmark should have the variance `spread of the map − drawn Gaussian + floor²`; the floor is fitted for each landmark and axis.
What is still too sure then, mostly of landmarks that are hardly shown, is widened by `spreads`, a factor for each size of spread.
Both are written into `models/manifest.toml`. The films keep their own tone: augmentation is harder than they are.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import torch

import films
import patches
from export import REFINERS, reached, specialist
from honest import spreads
from losses import TARGET_SIGMA
from network import REFINER_ABSENT_LOGIT

WINDOW, WIDE = 5, 13  # radii in heatmap pixels: the manifest's window, and 0.6 of a level
Z90 = 1.645
LEAST = 20  # errors of a mark from which its floor is fitted
SHARP = 0.7  # share of the landmarks, the sharpest, from which the floors are fitted


def read(map_: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """(mean, variance along x and y, mass, absent) of the highest mode of one map of logits."""
    top = max(map_.max(), REFINER_ABSENT_LOGIT)
    weights = np.exp(map_ - top)
    gone = np.exp(REFINER_ABSENT_LOGIT - top)
    total = weights.sum() + gone

    def gather(x, y, radius):
        x0, y0 = max(0, x - radius), max(0, y - radius)
        part = weights[y0 : y + radius + 1, x0 : x + radius + 1]
        mass = part.sum()
        u, v = np.arange(part.shape[1]) + x0 + 0.5, np.arange(part.shape[0]) + y0 + 0.5
        px, py = part.sum(0) / mass, part.sum(1) / mass
        mean = np.array([px @ u, py @ v])
        return mean, np.array([px @ (u - mean[0]) ** 2, py @ (v - mean[1]) ** 2]), mass / total

    y, x = np.unravel_index(map_.argmax(), map_.shape)
    for radius in (WINDOW, WIDE):
        mean, _, _ = gather(x, y, radius)
        mean, variance, mass = gather(int(mean[0]), int(mean[1]), radius)
        if mass > 0.5 * (1 - gone / total):
            break
    return mean, variance, mass, gone / total


def collect(net, packs: list[Path], role: str, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors and own variances (drawn Gaussian taken off), both [N, marks, 2] in heatmap pixels; NaN where there is no landmark."""
    levels = [films.VERTEBRAE.index(v) for v in REFINERS[role][0]]
    jitter = role.removeprefix("refiner_")
    rng, errors, variances = np.random.default_rng(11), [], []
    for pack in packs:
        store = films.Store(pack)
        for film in [f for f in store.index if films.held_out(f.name)]:
            for level in [v for v in levels if v in patches.usable(film, jitter)]:
                for _ in range(each):
                    one = patches.sample(rng, store.image(film), film, jitter, level, spoil=False)
                    if not one["promised"]:
                        continue
                    with torch.no_grad():
                        maps = net(torch.from_numpy(one["image"])[None])[0].numpy()
                    stride = patches.SIDE / maps.shape[-1]
                    error, variance = np.full((len(maps), 2), np.nan), np.full((len(maps), 2), np.nan)
                    for k in np.flatnonzero(one["state"] > 0.5):
                        mean, spread, _, absent = read(maps[k])
                        if absent < 0.5:
                            error[k] = mean - one["points"][k] / stride
                            variance[k] = np.maximum(spread - TARGET_SIGMA**2, 0)
                    errors.append(error)
                    variances.append(variance)
    return np.stack(errors), np.stack(variances)


def floor_for(error: np.ndarray, variance: np.ndarray) -> float:
    """The smallest floor with which nine errors of ten lie inside, by bisection."""
    low, high = 0.02, 8.0
    for _ in range(30):
        middle = (low + high) / 2
        inside = (np.abs(error) <= Z90 * np.sqrt(variance + middle**2)).mean()
        low, high = (low, middle) if inside >= 0.9 else (middle, high)
    return high


def fit(errors: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """(floors [marks, 2], (spread, factor) rising): see above; not finite and none where no mark has enough errors."""
    marks = errors.shape[1]
    floors = np.full((marks, 2), np.nan)
    for k, axis in np.ndindex(marks, 2):
        known = np.isfinite(errors[:, k, axis])
        error, variance = errors[known, k, axis], variances[known, k, axis]
        if len(error) >= LEAST:
            sharp = variance <= np.quantile(variance, SHARP)
            floors[k, axis] = floor_for(error[sharp], variance[sharp])
    if np.isnan(floors).all():
        return floors, []
    floors = np.where(np.isnan(floors), np.nanmax(floors), floors)
    claimed = np.sqrt((variances + floors**2).mean(2)).ravel()
    off = np.linalg.norm(errors, axis=2).ravel()
    known = np.isfinite(off)
    return floors, spreads(claimed[known], off[known])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="+", help="as for export.py")
    parser.add_argument("--role", choices=list(REFINERS), required=True)
    parser.add_argument("--packs", type=Path, required=True, help="the folder in which refine.py packed its films")
    parser.add_argument("--skip", action="append", default=[], help="name of a pack to leave out; may be repeated")
    parser.add_argument("--keep", type=float, default=0.0, help="as for export.py")
    parser.add_argument("--each", type=int, default=2, help="patches of each vertebra")
    parser.add_argument("--models", type=Path, default=Path(__file__).resolve().parents[2] / "models")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="unused")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    net = specialist([reached(checkpoint, args.keep) for checkpoint in args.checkpoint])
    packs = [p.with_suffix("") for p in sorted(args.packs.glob("pack-*.u16")) if p.stem.removeprefix("pack-") not in args.skip]
    errors, variances = collect(net, packs, args.role, args.each)
    marks = REFINERS[args.role][1]
    errors, variances = errors[:, :marks], variances[:, :marks]
    floors, widened = fit(errors, variances)
    known = np.isfinite(floors).all()
    if not known:
        print(f"{len(errors)} patches are too few: [{args.role}.heatmaps] tells its spreads as the network does, uncalibrated")
    off = np.linalg.norm(errors, axis=2)
    print(f"{len(errors)} patches; errors in heatmap pixels: median {np.nanmedian(off):.3f}, mean {np.nanmean(off):.3f}")
    print(f"floors\n{np.round(floors, 3)}\nspreads {widened}")
    manifest = args.models / "manifest.toml"
    text = manifest.read_text()
    at = text.index(f"[{args.role}.heatmaps]")
    end = text.find("\n[", at) + 1 or len(text)
    part = re.sub(r"(?m)^(floors|spreads) = .*\n", "", text[at:end])
    part = re.sub(r"(?m)^sigma_factor = .*$", "sigma_factor = 1.0", part)
    rows = ", ".join(f"[{x:.3f}, {y:.3f}]" for x, y in floors)
    factors = ", ".join(f"[{spread:.3f}, {factor:.2f}]" for spread, factor in widened)
    if known:
        part = re.sub(r"(?m)^(sigma_floor = .*)$", rf"\1\nfloors = [{rows}]\nspreads = [{factors}]", part)
    manifest.write_text(text[:at] + part + text[end:])
    print(f"{manifest}: [{args.role}.heatmaps] is written")


if __name__ == "__main__":
    main()
