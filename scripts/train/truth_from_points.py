#!/usr/bin/env python3
"""Turns a reader's points into truth files, each beside a copy of its film, ready for `sagitta evaluate` and for training.

    python3 scripts/train/truth_from_points.py points.csv FILMS OUT --spacing-mm 0.1 --facing right
    python3 scripts/train/truth_from_points.py labels.json FILMS OUT

A CSV has the columns film, vertebra, landmark, x, y and, if it likes, visible: one line a point.

    film,vertebra,landmark,x,y,visible
    001,C3,antero_superior,550.0,1895.1,yes
    001,C5,spinolaminar_superior,310.2,2240.0,no

A JSON file is {"pixel_spacing_mm": 0.1, "faces": "right", "points": {"001": {"C3.sup_ant": {"x": …, "y": …, "visible": true}}}}
with points named LEVEL.(sup|inf)_(ant|post); its other names (such as the concavity of an end-plate) have no place in a
truth file and are counted. A point without "visible" counts as seen: its reader placed it on something. The film is FILMS/<film>.png, .jpg, .jpeg, .tif, .tiff or .dcm.

Coordinates are continuous pixels, (0.5, 0.5) the centre of the first; give --centre-zero where (0, 0) is that centre. Films
are copied, never changed. Needs nothing but Python 3.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import shutil
import sys
from pathlib import Path

VERTEBRAE = ("C2", "C3", "C4", "C5", "C6", "C7")
CORNERS = ("antero_superior", "antero_inferior", "postero_superior", "postero_inferior")
ENDS = ("spinolaminar_superior", "spinolaminar_inferior")
FILMS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm")
YES, NO = ("", "yes", "true", "1"), ("no", "false", "0")


def from_csv(path: Path) -> tuple[dict, dict]:
    """Points by film, as (vertebra, landmark, x, y, visible), and nothing more."""
    films: dict[str, list] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            visible = (row.get("visible") or "").strip().lower()
            if visible not in YES + NO:
                raise SystemExit(f"{path}: visible is {visible!r}; write yes or no")
            point = (row["vertebra"].strip(), row["landmark"].strip(), float(row["x"]), float(row["y"]), visible in YES)
            films.setdefault(row["film"].strip(), []).append(point)
    return films, {}


def from_json(path: Path) -> tuple[dict, dict]:
    """Points by film, and what the file says of all films."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    words = {"sup": "superior", "inf": "inferior", "ant": "antero", "post": "postero"}
    films = {}
    for film, points in stored["points"].items():
        films[film] = []
        for name, point in points.items():
            vertebra, _, part = name.partition(".")
            edge, _, side = part.partition("_")
            landmark = f"{words[side]}_{words[edge]}" if edge in words and side in words else part
            films[film].append((vertebra, landmark, point["x"], point["y"], bool(point.get("visible", True))))
    return films, {"spacing_mm": stored.get("pixel_spacing_mm"), "facing": stored.get("faces")}


def truth(points: list, known: dict, shift: float) -> tuple[dict, list[str]]:
    """A truth file's content, and the names that have no place in it."""
    corners, laminae, strange = [], [], []
    for vertebra, landmark, x, y, visible in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            raise SystemExit(f"{vertebra} {landmark}: ({x}, {y}) is no place")
        place = {"vertebra": vertebra, "x": round(x + shift, 3), "y": round(y + shift, 3), "visible": visible}
        if vertebra in VERTEBRAE and landmark in CORNERS:
            corners.append({**place, "corner": landmark})
        elif vertebra in VERTEBRAE[1:] and landmark in ENDS:
            laminae.append({**place, "end": landmark.removeprefix("spinolaminar_")})
        else:
            strange.append(f"{vertebra}.{landmark}")
    return {"kind": "lateral_cervical", "landmarks": corners, "spinolaminar": laminae, **known}, strange


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path, help="a .csv or .json file")
    parser.add_argument("films", type=Path, help="the folder of the films")
    parser.add_argument("out", type=Path, help="the folder to write to; it is made where it is missing")
    parser.add_argument("--spacing-mm", type=float, help="millimetres a pixel, in the plane of the neck")
    parser.add_argument("--facing", choices=("left", "right"))
    parser.add_argument("--view", choices=("neutral", "flexion", "extension"))
    parser.add_argument("--centre-zero", action="store_true", help="(0, 0) is the centre of the first pixel")
    args = parser.parse_args()
    films, known = (from_json if args.points.suffix == ".json" else from_csv)(args.points)
    given = {"spacing_mm": args.spacing_mm, "facing": args.facing, "view": args.view}
    known = {**known, **{key: value for key, value in given.items() if value is not None}}
    known = {key: value for key, value in known.items() if value is not None}
    args.out.mkdir(parents=True, exist_ok=True)
    written, missing, strange = 0, [], {}
    for name, points in sorted(films.items()):
        film = next((path for end in FILMS if (path := args.films / f"{name}{end}").is_file()), None)
        if film is None:
            missing.append(name)
            continue
        content, unknown = truth(points, known, 0.5 if args.centre_zero else 0.0)
        for what in unknown:
            strange[what] = strange.get(what, 0) + 1
        shutil.copyfile(film, args.out / film.name)
        (args.out / f"{name}.truth.json").write_text(json.dumps(content), encoding="utf-8")
        written += 1
    print(f"{written} films with their truth in {args.out}")
    for what, count in sorted(strange.items()):
        print(f"left out: {what}, {count} times", file=sys.stderr)
    for name in missing:
        print(f"no film: {name} is not in {args.films}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
