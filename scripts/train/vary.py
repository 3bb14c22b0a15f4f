#!/usr/bin/env python3
"""Writes variants of films with truth files: turned, cropped, toned, spoilt, each kind in a folder of its own.

    python3 scripts/train/vary.py FILMS OUT                      # every kind
    python3 scripts/train/vary.py FILMS OUT --only inverted --only turned-20
    for kind in OUT/*; do sagitta evaluate "$kind" --json "$kind.json"; done

Few real films with a reader's points are at hand. What makes them fail tells more than that they succeed: these are the ways in
which films of other rooms differ. The truth goes along with the picture. A film is NAME.png (or JPEG, TIFF) beside NAME.truth.json; the
variants are 8-bit PNG. The same film and kind give the same picture.
"""

from __future__ import annotations

import argparse
import json
import zlib
from pathlib import Path

import cv2
import numpy as np

import films

# A variant: (image 0..1, corners [N, 2], random numbers) → (image, a map of points or None, scale of the pixels).


def turned(degrees: float):
    def make(x, corners, rng):
        h, w = x.shape
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        linear = np.array([[c, -s], [s, c]])
        size = np.ceil(np.abs(linear) @ [w, h]).astype(int)
        shift = size / 2 - linear @ np.array([w, h]) / 2
        # cv2 counts pixel centres from 0, we from 0.5.
        matrix = np.hstack([linear, (shift + linear @ [0.5, 0.5] - 0.5)[:, None]])
        return cv2.warpAffine(x, matrix, tuple(int(v) for v in size)), lambda p: p @ linear.T + shift, 1.0

    return make


def mirrored(x, corners, rng):
    return x[:, ::-1], lambda p: np.array([x.shape[1], 0]) + p * [-1, 1], 1.0


def toned(change):
    return lambda x, corners, rng: (change(x, rng), None, 1.0)


def smaller(longest: int, jpeg: int | None = None):
    def make(x, corners, rng):
        small = cv2.resize(x, None, fx=longest / max(x.shape), fy=longest / max(x.shape), interpolation=cv2.INTER_AREA)
        if jpeg:
            code = cv2.imencode(".jpg", (small * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1]
            small = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        scale = np.array([small.shape[1] / x.shape[1], small.shape[0] / x.shape[0]])
        return small, lambda p: p * scale, float(scale.mean())

    return make


def framed(share: float, grey: float):
    def make(x, corners, rng):
        border = int(share * max(x.shape))
        return cv2.copyMakeBorder(x, *[border] * 4, cv2.BORDER_CONSTANT, value=grey), lambda p: p + border, 1.0

    return make


def cropped(above: float, below: float, beside: float):
    """The corners and so many times their own height above, below and beside them; a negative number cuts into them."""

    def make(x, corners, rng):
        low, high = corners.min(0), corners.max(0)
        height = high[1] - low[1]
        left, top = np.maximum(low - height * np.array([beside, above]), 0).astype(int)
        right, bottom = np.minimum(high + height * np.array([beside, below]), x.shape[::-1]).astype(int)
        return x[top:bottom, left:right], lambda p: p - [left, top], 1.0

    return make


def equalised(limit: float, tiles: int):
    def make(x, corners, rng):
        even = cv2.createCLAHE(limit, (tiles, tiles)).apply((x * 65535).astype(np.uint16))
        return even.astype(np.float32) / 65535, None, 1.0

    return make


def shoulders(x, corners, rng):
    """Dense and soft from the last tenth of the corners downwards."""
    low, high = corners[:, 1].min(), corners[:, 1].max()
    y = np.arange(x.shape[0], dtype=np.float32)[:, None]
    ramp = 0.93 / (1 + np.exp(-(y - high + 0.12 * (high - low)) / (0.04 * (high - low))))
    return x * (1 - ramp) + 0.95 * ramp, None, 1.0


def lettered(x, corners, rng):
    ink = np.zeros(x.shape, np.uint8)
    for _ in range(6):
        at = tuple(int(v) for v in rng.uniform([0, 0.05], [0.9, 1]) * x.shape[::-1])
        cv2.putText(ink, "".join(rng.choice(list("LRSEAT0123"), 4)), at, 0, x.shape[1] / 700, 255, max(2, x.shape[1] // 400), cv2.LINE_AA)
    return np.maximum(x, ink / np.float32(255)), None, 1.0


def blurred(x, share: float):
    return cv2.GaussianBlur(x, (0, 0), share * max(x.shape))


def grainy(sd: float):
    return toned(lambda x, rng: x + 2 * sd * cv2.GaussianBlur(rng.standard_normal(x.shape, np.float32), (0, 0), 1.0))


def shaded(x, rng):
    return x + 0.25 * cv2.resize(rng.normal(0, 1, (4, 4)).astype(np.float32), x.shape[::-1], interpolation=cv2.INTER_CUBIC)


KINDS = {
    "as-it-is": toned(lambda x, rng: x), "mirrored": mirrored,
    **{f"turned{angle:+d}": turned(angle) for angle in (-30, -20, -10, 10, 20, 30)},
    "brighter": toned(lambda x, rng: x**0.4), "darker": toned(lambda x, rng: x**2.5), "inverted": toned(lambda x, rng: 1 - x),
    "600-pixels": smaller(600), "400-pixels": smaller(400), "250-pixels": smaller(250), "500-pixels-jpeg-25": smaller(500, 25),
    "black-frame": framed(0.3, 0.0), "white-frame": framed(0.15, 1.0), "grey-frame": framed(0.2, 0.5),
    "close-crop": cropped(0.25, 0.2, 0.35), "tight-crop": cropped(0.1, 0.1, 0.2),
    "cut-below": cropped(2, -0.12, 1), "cut-above": cropped(-0.05, 1, 1),
    "equalised": equalised(4, 8), "equalised-hard": equalised(12, 12), "shading-removed": toned(lambda x, rng: 0.5 + 1.5 * (x - blurred(x, 0.06))),
    "sharpened": toned(lambda x, rng: x + 2.5 * (x - blurred(x, 0.003))), "blurred": toned(lambda x, rng: blurred(x, 0.003)),
    "blurred-hard": toned(lambda x, rng: blurred(x, 0.006)), "grainy": grainy(0.04), "grainy-hard": grainy(0.1),
    "shaded": toned(shaded), "shoulders": shoulders, "lettered": lettered,
}


def write(image_file: Path, truth_file: Path, kind: str, out: Path) -> None:
    truth = json.loads(truth_file.read_text())
    name = truth_file.name.removesuffix(".truth.json")
    x = films.read_image(image_file).astype(np.float32) / 65535
    marks = truth.get("landmarks", []) + truth.get("spinolaminar", [])
    corners = np.array([[m["x"], m["y"]] for m in truth.get("landmarks", [])])
    picture, move, scale = KINDS[kind](x, corners, np.random.default_rng(zlib.crc32(f"{name} {kind}".encode())))
    for mark in marks if move else []:
        mark["x"], mark["y"] = (float(v) for v in move(np.array([mark["x"], mark["y"]])))
    if truth.get("spacing_mm"):
        truth["spacing_mm"] /= scale
    truth.pop("measurements", None)  # they follow from the landmarks
    if kind == "mirrored" and truth.get("facing") in ("left", "right"):
        truth["facing"] = {"left": "right", "right": "left"}[truth["facing"]]
    cv2.imwrite(str(out / f"{name}.png"), (np.clip(picture, 0, 1) * 255).round().astype(np.uint8))
    (out / f"{name}.truth.json").write_text(json.dumps(truth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", choices=list(KINDS), action="append", help="a kind; may be repeated")
    args = parser.parse_args()
    for kind in args.only or KINDS:
        folder = args.out / kind
        folder.mkdir(parents=True, exist_ok=True)
        for truth in sorted(args.films.glob("*.truth.json")):
            stem = truth.name.removesuffix(".truth.json")
            image = next((p for p in (truth.with_name(stem + e) for e in (".png", ".jpg", ".jpeg", ".tif", ".tiff")) if p.exists()), None)
            if image is None:
                raise SystemExit(f"{truth}: no PNG, JPEG or TIFF of that name beside it")
            write(image, truth, kind, folder)
        print(f"{folder}: {len(list(folder.glob('*.png')))} films", flush=True)


if __name__ == "__main__":
    main()
