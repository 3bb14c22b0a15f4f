#!/usr/bin/env python3
"""Fits what makes spreads and intervals honest: of the global model, and `[calibration]`, of all models together.

    python3 scripts/train/honest.py reset                       # spreads = [] and factors of 1
    sagitta measure --json HELDOUT/*.png > global.jsonl         # with a manifest of [detector] alone
    python3 scripts/train/honest.py detector global.jsonl
    sagitta measure --json HELDOUT/*.png > reports.jsonl        # with all models
    python3 scripts/train/honest.py spreads reports.jsonl       # how far landmarks err for the spread they claim
    sagitta measure --json HELDOUT/*.png > again.jsonl          # again, with these spreads
    python3 scripts/train/honest.py steadied again.jsonl        # the same of C7 where it is hidden
    sagitta evaluate HELDOUT --json accuracy.json
    python3 scripts/train/honest.py intervals accuracy.json     # and how far numbers err for their intervals

HELDOUT are films with truth files that no model was trained on; judge the result on others. Each step writes into the manifest.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from pathlib import Path

import numpy as np

import films
from evaluate import found
from patches import pitch_of

INSIDE = 2.146  # nine of ten errors of a round normal distribution lie within so many spreads
BINS = [0.0, 0.5, 0.75, 0.88, 0.95, 0.985, 1.0]  # of the claimed spreads, as quantiles
LEAST = 60  # errors a bin
WITH_C7 = {"c2_c7_cobb", "c7_slope", "sva"}  # of the whole neck


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
    return np.concatenate([np.empty(0), *claimed]), np.concatenate([np.empty(0), *off])


def spreads(claimed: np.ndarray, off: np.ndarray) -> list[tuple[float, float]]:
    """(spread, factor) for each bin with enough errors; none where the models found too little to tell."""
    if claimed.size < LEAST:
        print(f"{claimed.size} landmarks found near their places, {LEAST} needed: spreads stay as the models tell them", file=sys.stderr)
        return []
    edges = np.quantile(claimed, BINS)
    knots = []
    for low, high in zip(edges, edges[1:]):
        here = (claimed >= low) & (claimed <= high)
        if here.sum() >= LEAST and (not knots or np.median(claimed[here]) > knots[-1][0] * 1.05):
            knots.append((float(np.median(claimed[here])), float(np.quantile(off[here] / claimed[here], 0.9) / INSIDE)))
    return knots


def steadied(reports: Path) -> float:
    """What C7's spreads lack where it is hidden; 1 where too few films tell."""
    standard = []
    for line in reports.read_text().splitlines():
        report = json.loads(line)
        truth = json.loads(Path(report["source"]["file"]).with_suffix(".truth.json").read_text())
        true, seen = films.landmarks(truth)
        points, sigma = found(report)
        c7 = slice(20, 24)
        if not seen[c7].any() and np.isfinite(points[c7]).all() and np.isfinite(true[c7]).all():
            if np.linalg.norm((points[c7] - true[c7]).mean(0)) < pitch_of(true) / 2:
                standard.append(np.linalg.norm(points[c7] - true[c7], axis=1) / sigma[c7])
    if len(standard) < LEAST // 4:
        print(f"{len(standard)} hidden C7 found near their places, {LEAST // 4} needed: nothing is made good for them", file=sys.stderr)
        return 1.0
    return float(np.quantile(np.stack(standard), 0.9) / INSIDE)


def level_of_map(detector: dict) -> float:
    """The height of a level in heatmap pixels of the closer view, from which the landmarks come."""
    output = detector["heatmaps"]["output"]
    side = next(o["shape"][-1] for o in detector["outputs"] if o["name"] == output)
    return side * detector["second_pass"]["level_height"]


def intervals(accuracy: dict) -> dict[str, list[float | None]]:
    """What the half widths of each measurement's intervals lack, [seen, where a hidden C7 takes part]; None where too few films tell."""
    used: dict[str, tuple[list[float], list[float]]] = {}
    for film in accuracy["films"]:
        for number in film["numbers"]:
            if number["value"] is None:
                continue
            error = number["truth"] - number["value"]
            low, high = number["ci90"]
            half = high - number["value"] if error > 0 else number["value"] - low
            if half <= 0:
                continue
            of_c7 = number["name"] in WITH_C7 if number["level"] is None else "C7" in number["level"]
            pools = used.setdefault(number["name"], ([], []))
            pools[film["c7_found"] == "hidden" and of_c7].append(abs(error) / half)
    return {name: [float(np.quantile(pool, 0.9)) if len(pool) >= LEAST else None for pool in pools] for name, pools in used.items()}


def with_intervals(table: str, lacking: dict[str, list[float | None]]) -> str:
    """The manifest's `[calibration]` with these factors; what the films cannot tell stays as it is."""
    old = tomllib.loads(f"[calibration]{table}")["calibration"].get("intervals", {})
    rows = []
    for name in sorted(old.keys() | lacking.keys()):
        before = old.get(name, {"seen": 1.0})
        seen, hidden = (ratio or 1.0 for ratio in lacking.get(name, [None, None]))
        row = f"seen = {before['seen'] * seen:.2f}"
        if "hidden" in before or lacking.get(name, [None, None])[1]:
            row += f", hidden = {before.get('hidden', before['seen']) * hidden:.2f}"
        rows.append(f"{name} = {{ {row} }}")
    return table.split("[calibration.intervals]")[0].rstrip() + "\n\n[calibration.intervals]\n" + "\n".join(rows) + "\n"


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
        text = text.rstrip() + "\n\n[calibration]\nspreads = []\nsteadied = 1.0\n"
    head, table = text.split("[calibration]")
    above, heatmaps = head.split("[detector.heatmaps]")
    if step == "reset":
        heatmaps = with_spreads(heatmaps, [])
        table = "\nspreads = []\nsteadied = 1.0\n"
    elif step == "detector":
        level = level_of_map(tomllib.loads(text)["detector"])
        heatmaps = with_spreads(heatmaps, [(at * level, factor) for at, factor in spreads(*errors(file))])
    elif step == "spreads":
        rows = ", ".join(f"[{at:.4f}, {factor:.2f}]" for at, factor in spreads(*errors(file)))
        table = re.sub(r"(?m)^spreads = .*$", f"spreads = [{rows}]", table)
    elif step == "steadied":
        table = re.sub(r"(?m)^steadied = .*$", f"steadied = {steadied(file):.2f}", table)
    else:
        table = with_intervals(table, intervals(json.loads(file.read_text())))
    return above + "[detector.heatmaps]" + heatmaps + "[calibration]" + table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["reset", "detector", "spreads", "steadied", "intervals"])
    parser.add_argument("file", type=Path, nargs="?", help="what the command above wrote; none for `reset`")
    parser.add_argument("--models", type=Path, default=Path(__file__).resolve().parents[2] / "models")
    args = parser.parse_args()
    if (args.file is None) != (args.step == "reset"):
        parser.error("every step but `reset` takes a file")
    manifest = args.models / "manifest.toml"
    text = fitted(args.step, args.file, manifest.read_text())
    manifest.write_text(text)
    print("\n".join(line for line in text.splitlines() if re.match(r"spreads|steadied|\w+ = \{ seen", line)))


if __name__ == "__main__":
    main()
