#!/usr/bin/env python3
"""Fits what makes spreads and intervals honest: of the global model, and `[calibration]`, of all models together.

    python3 scripts/train/honest.py reset                       # spreads = [] and factors of 1
    sagitta measure --json HELDOUT/*.png > global.jsonl         # with a manifest of [detector] alone
    python3 scripts/train/honest.py detector global.jsonl
    sagitta measure --json HELDOUT/*.png > reports.jsonl        # with all models
    python3 scripts/train/honest.py spreads reports.jsonl       # how far landmarks err for the spread they claim
    sagitta evaluate HELDOUT --json accuracy.json               # again, with these spreads
    python3 scripts/train/honest.py intervals accuracy.json     # and how far numbers err for their intervals

HELDOUT are films with truth files that no model was trained on; judge the result on others. Each step writes into the manifest.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path

import numpy as np

import films
from evaluate import found
from patches import pitch_of

INSIDE = 2.146  # nine of ten errors of a round normal distribution lie within so many spreads
BINS = [0.0, 0.5, 0.75, 0.88, 0.95, 0.985, 1.0]  # of the claimed spreads, as quantiles
LEAST = 60  # errors a bin


def errors(reports: Path) -> tuple[np.ndarray, np.ndarray]:
    """(spread claimed, error) of every landmark that was found and whose place the truth tells, both in level heights."""
    claimed, off = [], []
    for line in reports.read_text().splitlines():
        report = json.loads(line)
        image = Path(report["source"]["file"])
        truth = json.loads(image.with_suffix(".truth.json").read_text())
        true, _ = films.landmarks(truth)
        points, sigma = found(report)
        level = pitch_of(true)
        if not np.isfinite(level):
            continue
        size = films.read_image(image).shape
        on = np.isfinite(points).all(1) & (true >= 0).all(1) & (true[:, 0] < size[1]) & (true[:, 1] < size[0])
        error = np.linalg.norm(points - true, axis=1) / level
        near = on & (error < 0.5)  # a level named wrongly is not a matter of spreads
        claimed.append(sigma[near] / level)
        off.append(error[near])
    return np.concatenate(claimed), np.concatenate(off)


def spreads(claimed: np.ndarray, off: np.ndarray) -> list[tuple[float, float]]:
    """(spread, factor) for each bin with enough errors."""
    edges = np.quantile(claimed, BINS)
    knots = []
    for low, high in zip(edges, edges[1:]):
        here = (claimed >= low) & (claimed <= high)
        if here.sum() >= LEAST and (not knots or np.median(claimed[here]) > knots[-1][0] * 1.05):
            knots.append((float(np.median(claimed[here])), float(np.quantile(off[here] / claimed[here], 0.9) / INSIDE)))
    return knots


def level_of_map(detector: dict) -> float:
    """The height of a level in heatmap pixels of the closer view, from which the landmarks come."""
    output = detector["heatmaps"]["output"]
    side = next(o["shape"][-1] for o in detector["outputs"] if o["name"] == output)
    return side * detector["second_pass"]["level_height"]


def intervals(accuracy: dict) -> dict[str, float]:
    """For each unit what the intervals' ratios come to, numbers weighed alike."""
    group = next(g for g in accuracy["figures"]["groups"] if g["group"] == "all")
    ratios: dict[str, list[float]] = {}
    for row in group["measurements"]:
        if row["level"] is None and row["interval_ratio"] and row["n"] >= LEAST:
            ratios.setdefault(row["unit"], []).append(row["interval_ratio"])
    return {unit: float(np.exp(np.mean(np.log(values)))) for unit, values in ratios.items()}


def with_spreads(table: str, knots: list[tuple[float, float]]) -> str:
    """The manifest's `[detector.heatmaps]` and what follows, with these spreads; with none, without the key."""
    own, after = (table.split("\n[", 1) + [""])[:2]
    own = re.sub(r"(?m)^spreads = .*\n", "", own)
    if knots:
        rows = ", ".join(f"[{at:.3f}, {factor:.2f}]" for at, factor in knots)
        own = re.sub(r"(?m)^(sigma_floor = .*)$", rf"\1\nspreads = [{rows}]", own)
    return own + "\n[" + after


def fitted(step: str, file: Path | None, text: str) -> str:
    """The manifest after `step`."""
    if "[calibration]" not in text:
        text = text.rstrip() + "\n\n[calibration]\nspreads = []\nangles = 1.0\nlengths = 1.0\nratios = 1.0\n"
    head, table = text.split("[calibration]")
    above, heatmaps = head.split("[detector.heatmaps]")
    if step == "reset":
        heatmaps = with_spreads(heatmaps, [])
        table = re.sub(r"(?m)^spreads = .*$", "spreads = []", table)
        table = re.sub(r"(?m)^(angles|lengths|ratios) = \S+", r"\1 = 1.0", table)
    elif step == "detector":
        level = level_of_map(tomllib.loads(text)["detector"])
        heatmaps = with_spreads(heatmaps, [(at * level, factor) for at, factor in spreads(*errors(file))])
    elif step == "spreads":
        rows = ", ".join(f"[{at:.4f}, {factor:.2f}]" for at, factor in spreads(*errors(file)))
        table = re.sub(r"(?m)^spreads = .*$", f"spreads = [{rows}]", table)
    else:
        for unit, ratio in intervals(json.loads(file.read_text())).items():
            key = {"deg": "angles", "mm": "lengths", "ratio": "ratios"}[unit]
            old = float(re.search(rf"(?m)^{key} = (\S+)", table)[1])
            table = re.sub(rf"(?m)^{key} = \S+", f"{key} = {old * ratio:.2f}", table)
    return above + "[detector.heatmaps]" + heatmaps + "[calibration]" + table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["reset", "detector", "spreads", "intervals"])
    parser.add_argument("file", type=Path, nargs="?", help="what the command above wrote; none for `reset`")
    parser.add_argument("--models", type=Path, default=Path(__file__).resolve().parents[2] / "models")
    args = parser.parse_args()
    if (args.file is None) != (args.step == "reset"):
        parser.error("every step but `reset` takes a file")
    manifest = args.models / "manifest.toml"
    text = fitted(args.step, args.file, manifest.read_text())
    manifest.write_text(text)
    print("\n".join(line for line in text.splitlines() if re.match(r"spreads|angles|lengths|ratios", line)))


if __name__ == "__main__":
    main()
