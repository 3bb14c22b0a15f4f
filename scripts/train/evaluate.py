#!/usr/bin/env python3
"""How well the whole detector (model, decoding, second pass) names levels and places corners on films with truth.

    sagitta measure --json FILM… > reports.jsonl
    python3 scripts/train/evaluate.py reports.jsonl [--root DIR] [--overlay DIR]
    python3 scripts/train/evaluate.py reports.jsonl --cephalograms labels_c2_c4.json

A level is named right when the found body's centre lies within 0.4 of a level's height of the true one; a film is whole when
every level that lies on the picture is named right. Truth files lie beside the films. `sagitta evaluate` tells more (docs/accuracy.md).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

import films
from augment import bodies

NAMES = [f"{v}.{c}" for v in films.VERTEBRAE for c in films.CORNERS] + [
    f"{v}.spinolaminar_{e}" for v in films.VERTEBRAE[1:] for e in films.ENDS
]
CEPHALOGRAM = {
    "C2.inf_post": "C2.postero_inferior", "C2.inf_ant": "C2.antero_inferior",
    **{f"{v}.{s}_{e}": f"{v}.{'postero' if e == 'post' else 'antero'}_{'superior' if s == 'sup' else 'inferior'}"
       for v in ("C3", "C4") for s in ("sup", "inf") for e in ("post", "ant")},
}


def found(report: dict) -> tuple[np.ndarray, np.ndarray]:
    """Positions [34, 2] and spreads [34] of a report, NaN where a landmark was not found."""
    points, sigma = np.full((34, 2), np.nan), np.full(34, np.nan)
    for mark in report.get("landmarks", []):
        index = NAMES.index(f"{mark['vertebra']}.{mark['corner']}")
        points[index], sigma[index] = (mark["x"], mark["y"]), mark.get("sigma_px", np.nan)
    return points, sigma


def overlay(image: Path, points: np.ndarray, truth: np.ndarray | None, out: Path, note: str) -> None:
    picture = cv2.cvtColor((films.read_image(image) >> 8).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    scale = 1100 / max(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    at = lambda p: tuple(int(v) for v in p * scale)
    for k in range(34):
        if truth is not None and np.isfinite(truth[k]).all():
            cv2.drawMarker(picture, at(truth[k]), (255, 160, 0), cv2.MARKER_CROSS, 7, 1)
        if np.isfinite(points[k]).all():
            cv2.circle(picture, at(points[k]), 2, (0, 255, 0) if k < 24 else (0, 160, 255), -1, cv2.LINE_AA)
    for v in range(6):
        corners = points[4 * v : 4 * v + 4]
        if np.isfinite(corners).all():
            ring = corners[[0, 1, 3, 2]] * scale
            cv2.polylines(picture, [ring.astype(np.int32)], True, (0, 220, 0), 1, cv2.LINE_AA)
            cv2.putText(picture, films.VERTEBRAE[v], at(corners.mean(0) - [10 / scale, -4 / scale]), 0, 0.5, (0, 255, 255), 1, cv2.LINE_AA)
    cv2.putText(picture, note, (6, 18), 0, 0.5, (0, 200, 255), 1, cv2.LINE_AA)
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), picture)


def table(rows: list[dict]) -> None:
    """Prints what the rows say together, and for each visibility of C7."""
    def line(name: str, chosen: list[dict]) -> None:
        if not chosen:
            return
        named = np.concatenate([r["named"] for r in chosen])
        whole = np.mean([r["named"].all() for r in chosen if len(r["named"])])
        mm = np.concatenate([r["mm"] for r in chosen])
        told = f"mean {np.mean(mm):.2f}, median {np.median(mm):.2f}, 95 % {np.percentile(mm, 95):.2f} mm" if len(mm) else "no spacing"
        print(f"{name:>22}: {len(chosen):4d} films, levels {named.mean():6.1%}, whole {whole:6.1%}, corners {told}")

    line("all", rows)
    for state in films.C7:
        line(f"C7 {state}", [r for r in rows if r["c7"] == state])
    judged = [r for r in rows if r["c7"] and r["c7_found"]]
    if judged:
        print(f"{'C7 judged right':>22}: {np.mean([r['c7'] == r['c7_found'] for r in judged]):.1%}")
    z = np.concatenate([r["z"] for r in rows])
    z = z[np.isfinite(z)]
    if len(z):
        print(f"{'spread':>22}: 90 % of the errors lie below {np.percentile(z, 90):.2f} sigma (2.15 is right): "
              f"multiply sigma_factor by {np.percentile(z, 90) / 2.146:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", type=Path)
    parser.add_argument("--root", type=Path, default=Path("."), help="folder to which the reports' file names are relative")
    parser.add_argument("--overlay", type=Path)
    parser.add_argument("--cephalograms", type=Path, help="labels of C2 inferior, C3 and C4 corners by film, 0.1 mm a pixel")
    parser.add_argument("--worst", type=int, default=10**9, help="draw only so many, those with the most wrong levels first")
    args = parser.parse_args()
    labels = json.loads(args.cephalograms.read_text()) if args.cephalograms else None
    rows = []
    for text in args.reports.read_text().splitlines():
        report = json.loads(text)
        image = args.root / report["source"]["file"]
        points, sigma = found(report)
        truth_path = image.with_name(image.name.rsplit(".", 1)[0] + ".truth.json")
        truth, mm, c7 = None, None, None
        if labels:
            truth, mm = np.full((34, 2), np.nan), labels["pixel_spacing_mm"]
            for name, p in labels["points"].get(image.stem, {}).items():
                if name in CEPHALOGRAM:
                    truth[NAMES.index(CEPHALOGRAM[name])] = (p["x"], p["y"])
        elif truth_path.exists():
            stored = json.loads(truth_path.read_text())
            truth, mm, c7 = films.landmarks(stored)[0], stored.get("spacing_mm"), stored.get("c7_visibility")
        row = dict(image=image, points=points, truth=truth, named=np.array([], bool), mm=np.array([]), z=np.array([]), c7=c7)
        row["c7_found"] = (report.get("quality") or {}).get("c7_visibility")
        row["lateral"] = report.get("lateral_cervical")
        if truth is not None:
            picture = cv2.imread(str(image), cv2.IMREAD_REDUCED_GRAYSCALE_8)
            size = np.array(cv2.imread(str(image), cv2.IMREAD_GRAYSCALE).shape[::-1]) if picture is not None else np.array([1e9, 1e9])
            inside = (truth >= 0).all(1) & (truth < size).all(1)
            centre = bodies(truth)
            known = np.isfinite(centre).all(1) & (inside | np.isnan(truth[:, 0]))[:24].reshape(6, 4).all(1)
            step = np.linalg.norm(np.diff(centre[np.isfinite(centre).all(1)], axis=0), axis=1).mean()
            off = bodies(np.where(np.isfinite(truth), points, np.nan) - truth)
            row["named"] = np.array([np.isfinite(off[v]).all() and np.linalg.norm(off[v]) < 0.4 * step for v in range(6) if known[v]])
            error = np.linalg.norm(points - truth, axis=1)
            right = inside & np.isfinite(error)
            row["mm"] = error[:24][right[:24]] * (mm or np.nan)
            row["z"] = (error / sigma)[right]
        rows.append(row)
    told = [r for r in rows if r["truth"] is not None]
    if told:
        table(told)
    for row in rows:
        wrong = int((~row["named"]).sum())
        if row["truth"] is None or wrong:
            print(f"{row['image'].name}: {wrong} of {len(row['named'])} levels wrong, {int(np.isfinite(row['points'][:24, 0]).sum())} corners found, lateral {row['lateral']}")
    if args.overlay:
        for row in sorted(rows, key=lambda r: -int((~r["named"]).sum()))[: args.worst]:
            note = f"{row['image'].name} C7 {row['c7']} found {row['c7_found']} lateral {row['lateral']}"
            overlay(row["image"], row["points"], row["truth"], args.overlay / (row["image"].stem + ".png"), note)


if __name__ == "__main__":
    main()
