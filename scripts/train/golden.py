#!/usr/bin/env python3
"""Writes tests/data/preprocess.json: what `view.py` sees on a computed film, for the Rust test that compares."""

import json
from pathlib import Path

import numpy as np

from view import letterbox, see

WIDTH, HEIGHT, SIDE = 61, 47, 24


def main() -> None:
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    film = ((x * 7919 + y * 10007 + x * y * 31) % 60000).astype(np.uint16)
    views = [(*letterbox(WIDTH, HEIGHT, SIDE), 0.0), (1.7, (50.3, 20.9), 0.0), (0.31, (29.0, 15.2), 0.0), (0.6, (20.0, 30.0), 0.45)]
    golden = dict(
        about="scripts/train/golden.py; film[y, x] = (7919 x + 10007 y + 31 x y) mod 60000",
        width=WIDTH, height=HEIGHT, side=SIDE,
        views=[
            dict(scale=s, x=c[0], y=c[1], turn=t, pixels=[round(float(v), 5) for v in see(film, s, c, t, SIDE).ravel()])
            for s, c, t in views
        ],
    )
    path = Path(__file__).resolve().parents[2] / "tests/data/preprocess.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
