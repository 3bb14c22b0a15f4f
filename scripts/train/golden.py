#!/usr/bin/env python3
"""Writes tests/data/preprocess.json, patch.json and locator.json: what `view.py` and `patches.py` see on a computed film and what
`locate.py` makes of a column, for the Rust tests that compare."""

import json
from pathlib import Path

import numpy as np

import locate
import patches
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
    write("preprocess.json", golden)
    body = np.array([(-9.0, -6.0), (-10.0, 7.0), (10.0, -7.0), (9.0, 8.0)])
    turn = lambda a: np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    looks = [(body + [30, 24], 18.0), (body @ turn(0.5).T + [35, 20], 14.0), (body @ turn(-0.3).T * [-0.8, 0.8] + [28, 26], 21.0)]
    write("patch.json", dict(
        about="scripts/train/golden.py; the film of preprocess.json", width=WIDTH, height=HEIGHT, side=SIDE,
        level_height=patches.PITCH / patches.SIDE, behind=patches.BEHIND,
        patches=[patch(film, corners, level) for corners, level in looks],
    ))


    points = np.full((34, 2), np.nan)
    for v in range(6):  # a leaning, bent column that looks to the right, C4 lost
        points[4 * v : 4 * v + 4] = body @ turn(0.2 * v - 0.3).T * [-2.0, 2.0] + [100 + 3.0 * v * v, 50 + 36.0 * v]
    points[8:12] = np.nan
    write("locator.json", dict(
        about="scripts/train/golden.py; the corners of C2–C7 and the locator's input",
        corners=[None if np.isnan(x) else [round(float(x), 6), round(float(y), 6)] for x, y in points[:24]],
        features=[round(float(v), 6) for v in locate.features(points, locate.frame(points), 1.0)],
    ))


def patch(film, corners, level: float) -> dict:
    """A specialist's patch as `patches.py` places it, read as `view.py` reads."""
    centre, forward = patches.stance(corners)
    left, scale = patches.faces_left(corners), patches.PITCH / patches.SIDE * SIDE / level
    middle = centre - patches.BEHIND * level * forward
    linear = patches.linear_of(forward, left, scale)
    upright = linear if left else np.diag([-1.0, 1.0]) @ linear  # the turn without the mirror
    seen = see(film, scale, tuple(middle), float(np.arctan2(upright[1, 0], upright[0, 0])), SIDE)
    return dict(
        corners=np.round(corners, 9).tolist(), level=level, on_patch=((corners - middle) @ linear.T + SIDE / 2).tolist(),
        pixels=[round(float(v), 5) for v in (seen if left else seen[:, ::-1]).ravel()],
    )


def write(name: str, golden: dict) -> None:
    path = Path(__file__).resolve().parents[2] / "tests/data" / name
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
