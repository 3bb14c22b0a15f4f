#!/usr/bin/env python3
"""Fits the templates that tell rotation and lean from the double contours (src/assess/posture.rs).

    sagitta phantom --count 16 --seed 9710100 --out films/yaw20 --difficulty typical --format png --pixel-mm 0.3 --fault yaw=20
    sagitta measure films/yaw20/*.png --json > films/yaw20.jsonl        # and so for other angles, lean, and other faults
    scripts/train/posture.py films/* --out src/assess/templates.rs

Each FOLDER holds films with their truth; FOLDER.jsonl the reports. What the program sees is what is learned from: the
landmarks are those that were found. `features` must do what `posture::square` does.
"""

import argparse
import json
import pathlib
import re

import numpy as np
from PIL import Image
from scipy import ndimage

LEVELS = ["C3", "C4", "C5", "C6", "C7"]
CORNERS = ["antero_superior", "antero_inferior", "postero_superior", "postero_inferior"]
CELLS, PLACES, SPAN, BACKWARDS, ABOUT, ENOUGH = 24, 3, 2.6, 2, 3, 3
KEPT = CELLS - 2 * ABOUT
# Degrees from which a film counts as turned or leaning; both halves then weigh the same.
FAR = 8.0
RIDGE = 0.6


def square(film, quad):
    """One body drawn onto a square, without shading, of unit contrast; None where it leaves the film."""
    at = ((np.arange(CELLS * PLACES) + 0.5) / (CELLS * PLACES) - 0.5) * SPAN + 0.5
    along, down = np.meshgrid(at - BACKWARDS * SPAN / CELLS, at)
    along, down = along[..., None], down[..., None]
    front = (1 - down) * quad[0] + down * quad[1]
    back = (1 - down) * quad[2] + down * quad[3]
    place = (1 - along) * back + along * front
    x, y = place[..., 0], place[..., 1]
    height, width = film.shape
    if ((x < 0) | (x > width) | (y < 0) | (y > height)).mean() > 0.05:
        return None
    value = ndimage.map_coordinates(film, [y - 0.5, x - 0.5], order=1, mode="nearest")
    cells = value.reshape(CELLS, PLACES, CELLS, PLACES).mean((1, 3))
    shade = ndimage.uniform_filter(cells, 2 * ABOUT + 1)
    kept = (cells - shade)[ABOUT:-ABOUT, ABOUT:-ABOUT]
    kept = kept - kept.mean()
    return kept / (np.linalg.norm(kept) + 1e-9)


def features(film, report):
    """The mean square of C3…C7, or None where too few bodies were found."""
    found = {(l["vertebra"], l["corner"]): np.array([l["x"], l["y"]]) for l in report["landmarks"]}
    quads = [[found.get((level, corner)) for corner in CORNERS] for level in LEVELS]
    squares = [square(film, quad) for quad in quads if all(p is not None for p in quad)]
    squares = [s for s in squares if s is not None]
    if len(squares) < ENOUGH or report["quality"]["c7_visibility"] == "hidden":
        return None
    mean = np.mean(squares, axis=0)
    return (mean / np.linalg.norm(mean)).ravel()


def collect(folders):
    """Features of every film and its true rotation and lean, degrees without sign."""
    rows, angles = [], []
    for folder in folders:
        for line in folder.with_suffix(".jsonl").read_text().splitlines():
            report = json.loads(line)
            path = folder / pathlib.Path(report["source"]["file"]).name
            truth = json.loads(path.with_suffix(".truth.json").read_text())
            row = features(np.asarray(Image.open(path), np.float32) / 65535, report)
            if row is not None:
                rows.append(row)
                angles.append((abs(truth["rotation_deg"]), abs(truth["roll_deg"])))
    return np.array(rows), np.array(angles)


def ridge(rows, target):
    """Weights and offset; films beyond FAR weigh together as much as the others."""
    far = target > FAR
    weight = np.where(far, (~far).sum() / max(far.sum(), 1), 1.0)
    middle, mean = np.average(rows, axis=0, weights=weight), np.average(target, weights=weight)
    root = np.sqrt(weight)
    a, b = (rows - middle) * root[:, None], (target - mean) * root
    weights = a.T @ np.linalg.solve(a @ a.T + RIDGE * np.eye(len(a)), b)
    return weights, mean - middle @ weights


def written(name, what, weights, offset):
    rows = "\n".join("    " + " ".join(f"{w:.2f}," for w in row) for row in weights.reshape(KEPT, KEPT))
    return (
        f"/// What tells {what}.\n#[rustfmt::skip]\npub(super) const {name}: [f32; KEPT * KEPT] = [\n{rows}\n];\n"
        f"/// Degrees at no contrast.\npub(super) const {name}_OFFSET: f32 = {offset:.2f};\n"
    )


def kept(name, text):
    """The part of the file at hand that tells `name`."""
    return re.search(rf"/// What tells [^\n]*\n#\[rustfmt::skip\]\npub\(super\) const {name}:.*?{name}_OFFSET[^\n]*\n", text, re.S).group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", choices=["ROTATION", "LEAN"], help="the other one stays as it stands in --out")
    arguments = parser.parse_args()
    rows, angles = collect([f for f in arguments.folders if f.is_dir()])
    head = (
        "//! The templates of `posture`, made by `scripts/train/posture.py` from phantoms: 18 × 18 weights each, row by row "
        "from the top,\n//! the front to the right, in degrees a unit of contrast.\n\nuse super::posture::KEPT;\n\n"
    )
    parts = [
        written(name, what, *ridge(rows, angles[:, i])) if arguments.only in (None, name) else kept(name, arguments.out.read_text())
        for i, (name, what) in enumerate([("ROTATION", "rotation about the long axis"), ("LEAN", "lean out of the film's plane")])
    ]
    arguments.out.write_text(head + "\n".join(parts))
    print(f"{len(rows)} films")


if __name__ == "__main__":
    main()
