#!/usr/bin/env python3
"""Training films from research meshes, a second source beside `sagitta phantom`: real bones, posed and photographed.

    python3 scripts/train/meshes.py --anatomy DIR --count 1000 --seed 40000000 --out meshes --pixel-mm 0.35 --look meshes.png

Writes NAME.png (16 bits, bone bright) and NAME.truth.json as docs/training.md describes them; docs/training.md also says what
an anatomy folder holds and where to get it. The same seed gives the same film with the same versions of numpy and OpenCV. Films
that are there already are passed over, so an interrupted run goes on. `--look` draws some with their truth: look at it.

The bones are those of `anatomy.py`, the shadow that of `solids.py`; from there on a film is made as `src/phantom/film.rs` and
`technique.rs` make it (two energies, scatter, quanta, logarithm, latitude and detail, window, tone, collimator), from wide
limits, and what counts as visible is decided as in `src/phantom/sight.rs`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from anatomy import CORNERS, LEVELS, Anatomy, Neck, Pose, drawn_person, drawn_pose, posed
from solids import Beam, Surface, normals, shell, thickness, window

# Attenuation a millimetre at about 40 and 62 keV, and the beam's share of each: as in `film.rs`, which names the sources.
WATER = np.array([0.0268, 0.0204], np.float32)
BONE = np.array([0.128 - 0.0268, 0.060 - 0.0204], np.float32)
WEIGHT = np.array([0.4, 0.6], np.float32)
QUANTA = 2.4e4  # a square millimetre behind the neck at the dose aimed at
ELECTRONIC = 60.0  # noise, as quanta a square millimetre
NECK_WATER = 115.0  # mm, behind which the dose is regulated
ROSE = 4.0  # contrast to noise that a detail needs to be seen
COARSE = 4  # soft tissue is drawn on every fourth pixel


@dataclass
class Look:
    """Dose, sharpness, collimation and the vendor's processing; the fields of `film.rs`."""

    dose: float
    scatter: float
    blur: float  # mm
    latitude: float
    detail: tuple[float, float]
    clip: tuple[float, float]
    gamma: float
    sigmoid: float
    collimation: tuple[float, float, float, float]  # left, top, right, bottom, shares of the film
    black: bool


def drawn_look(rng) -> Look:
    odd, even = rng.random(), rng.uniform
    cropped = rng.random() < 0.45
    edge = lambda far: even(0.01, 0.04 + far) if cropped else -0.01
    return Look(
        dose=float(np.exp(rng.normal(0, 0.35 + 0.5 * odd))), scatter=even(0.12, 0.6 + 0.4 * odd), blur=even(0.08, 0.35),
        latitude=even(0.15, 1.0), detail=(even(0, 0.9), even(0, 2.0)), clip=(even(-0.25, 0.08), even(-0.55, 0.05 + 0.04 * odd)),
        gamma=even(0.75, 1.5), sigmoid=even(1, 5) if rng.random() < 0.6 else 0.0,
        collimation=(edge(0.08), edge(0.05), 1 - edge(0.08), 1 - edge(0.05)), black=bool(rng.random() < 0.75),
    )


def drawn_beam(neck: Neck, pixel: float, rng) -> Beam:
    """Where tube and film are: head films, head and neck, little more than the neck, as usual, the largest cassette."""
    middle = lambda name: neck.solid[name].vertices.mean(0)[[0, 2]]
    c4, skull = middle("C4") - [8, 0], neck.sheets["skull"].vertices.mean(0)[[0, 2]]
    share, wide, high = {
        "head": ((0.75, 1.05), (200, 250), (245, 300)),
        "head and neck": ((0.35, 0.7), (190, 250), (220, 290)),
        "tight": ((-0.05, 0.05), (130, 180), (185, 240)),
        "usual": ((-0.05, 0.2), (190, 300), (240, 340)),
        "wide": ((-0.1, 0.4), (300, 360), (340, 400)),
    }[str(rng.choice(["head", "head and neck", "tight", "usual", "wide"], p=[0.08, 0.15, 0.17, 0.48, 0.12]))]
    aim = c4 + rng.uniform(*share) * (skull - c4) + rng.normal(0, 9, 2)
    size = (int(rng.uniform(*wide) / pixel), int(rng.uniform(*high) / pixel))
    return Beam(
        source_to_detector=(1500.0 if rng.random() < 0.7 else 1800.0) + rng.normal(0, 20),
        patient_to_detector=float(np.clip(rng.normal(250, 45), 140, 400)), foot=(float(aim[0]), float(aim[1])),
        centre=(size[0] * (0.5 + rng.normal(0, 0.02)), size[1] * (0.5 + rng.normal(0, 0.02))), pixel=pixel,
        left=bool(rng.random() < 0.5), size=size,
    )


def grain(rng, shape, cell: float) -> np.ndarray:
    """Noise of unit spread whose grains are about `cell` pixels wide."""
    small = rng.standard_normal((max(2, int(shape[0] / cell) + 2), max(2, int(shape[1] / cell) + 2)), np.float32)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def skeleton(neck: Neck, beam: Beam, rng) -> np.ndarray:
    """Cortical bone along each ray, mm: a cortex over cancellous bone for what is solid, walls for what is known as a sheet."""
    bone = np.zeros((beam.size[1], beam.size[0]), np.float32)
    cortex, cancellous = rng.uniform(0.5, 1.3), float(np.clip(rng.normal(0.25, 0.06), 0.12, 0.45))
    for surface in neck.solid.values():
        where = window(beam.project(surface.vertices), beam.size)
        inner = Surface(surface.vertices - cortex * normals(surface), surface.faces)
        whole = thickness(surface, beam, where)
        if whole.size:
            core = np.minimum(thickness(inner, beam, where), whole)
            bone[where] += rng.uniform(0.9, 1.1) * (whole - (1 - cancellous) * core)
    # Cancellous bone is uneven, coarsely and finely.
    bone *= 1 + 0.08 * grain(rng, bone.shape, 4.0 / beam.spacing) + 0.07 * grain(rng, bone.shape, 1.2 / beam.spacing)
    wall = rng.uniform(1.2, 3.0)
    walls = {"skull": wall, "jaw": wall * rng.uniform(0.5, 1.2), "ribs": rng.uniform(0.3, 1.0)}
    for name, surface in neck.sheets.items():
        where = window(beam.project(surface.vertices), beam.size)
        sheet = shell(surface, beam, walls[name], where).astype(np.float32)
        if sheet.size:
            # Facets are an artefact of coarse meshes.
            bone[where] += cv2.GaussianBlur(sheet, (0, 0), 0.7 / beam.spacing)
    return np.maximum(bone, 0)


def tissue(neck: Neck, beam: Beam, rng) -> np.ndarray:
    """Water along each ray, mm: neck, head, jaw, airway, shoulders, uneven throughout."""
    shape = (-(-beam.size[1] // COARSE), -(-beam.size[0] // COARSE))
    mm = beam.spacing * COARSE
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    on = lambda p: beam.project(np.asarray(p)) / COARSE
    back = 1.0 if beam.left else -1.0
    bodies = np.array([on(np.mean([neck.truth[f"C{k}", c] for c in ("antero_inferior", "postero_inferior")], axis=0)) for k in range(2, 8)])
    skull, jaw = on(neck.sheets["skull"].vertices.mean(0)), on(neck.sheets["jaw"].vertices.mean(0))
    order = np.argsort(bodies[:, 1])
    column = np.interp(np.arange(shape[0]), bodies[order, 1], bodies[order, 0]).astype(np.float32)
    column = cv2.GaussianBlur(column[:, None], (1, 0), sigmaX=0.01, sigmaY=max(20 / mm, 0.5))
    behind = (columns - column) * back * mm  # of the bodies' middle, mm

    front, nape = rng.uniform(38, 62), rng.uniform(55, 95)
    across = (2 * behind - nape + front) / (nape + front)
    depth = rng.uniform(90, 135) * np.sqrt(np.clip(1 - across**2, 0, 1)) / (1 + np.exp(-(rows - skull[1]) * mm / 15))
    # The airway runs close before C2 to C4, further before C6 and C7.
    low = np.clip((rows - bodies[3, 1]) / max(bodies[5, 1] - bodies[3, 1], 1.0), 0, 1.5)
    gap, lumen = rng.uniform(15, 20) + rng.uniform(6, 12) * low, rng.uniform(5, 9)
    depth -= rng.uniform(8, 24) * np.exp(-(((behind + gap + lumen) / lumen) ** 4)) * (depth > 0)
    ellipse = lambda p, a, b: np.sqrt(np.clip(1 - ((columns - p[0]) * mm / a) ** 2 - ((rows - p[1]) * mm / b) ** 2, 0, 1))
    depth = np.maximum(depth, rng.uniform(115, 150) * ellipse(skull, 98, 104))
    depth = np.maximum(depth, rng.uniform(60, 110) * ellipse(jaw, 52, 56))

    c7 = on(neck.truth["C7", "antero_superior"])
    level = abs(bodies[5, 1] - bodies[4, 1])
    kind = rng.choice(3, p=[0.5, 0.28, 0.22])  # below C7, across it, above it
    top = c7[1] + level * rng.uniform(*[(1.0, 4.0), (0.1, 0.9), (-1.3, 0.0)][kind])
    slope, soft = rng.normal(0, 0.25), level * rng.uniform(0.12, 0.7)
    ramp = 1 / (1 + np.exp(-np.clip((rows - top - slope * (columns - c7[0])) / soft, -30, 30)))
    depth = depth + ramp * rng.uniform(60, 300) + np.clip((rows - top) / level, 0, 4) * rng.uniform(0, 12)
    depth *= 1 + 0.03 * grain(rng, shape, 18 / mm) + 0.015 * grain(rng, shape, 6 / mm)
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), rng.uniform(1.5, 5) / mm)
    return np.maximum(cv2.resize(depth, beam.size, interpolation=cv2.INTER_LINEAR), 0)


def broad(image: np.ndarray, sigma: float) -> np.ndarray:
    """A wide Gaussian blur, `sigma` pixels, made on a reduced copy."""
    factor = min(32, max(1, int(sigma / 3)))
    small = cv2.resize(image, (max(2, -(-image.shape[1] // factor)), max(2, -(-image.shape[0] // factor))), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(sigma / factor, 0.3), borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def develop(bone, soft, beam: Beam, look: Look, marks: np.ndarray, rng) -> tuple[np.ndarray, np.ndarray]:
    """The film, 0 black to 1 white, and whether a reader can see what lies at `marks` [n, 2]."""
    signal = sum(w * np.exp(-m * soft - b * bone) for w, m, b in zip(WEIGHT, WATER, BONE))
    signal = np.minimum(signal / (WEIGHT * np.exp(-WATER * NECK_WATER)).sum(), 40).astype(np.float32)
    scatter = broad(np.minimum(signal, 2.5) * np.float32(look.scatter), 28 / beam.pixel)
    contrast = probe(signal, scatter, look, marks)
    image = cv2.GaussianBlur(signal + scatter, (0, 0), max(look.blur / beam.pixel, 0.3))
    area = beam.pixel**2
    quanta = look.dose * QUANTA * area
    image += rng.standard_normal(image.shape, np.float32) * np.sqrt(image * np.float32(quanta) + np.float32(ELECTRONIC * area)) / np.float32(quanta)
    image = -np.log(np.maximum(image, 0) + np.float32(4e-4))
    base, fine = broad(image, 16 / beam.pixel), cv2.GaussianBlur(image, (0, 0), 1.4 / beam.pixel)
    image = look.latitude * base + (fine - base) * (1 + look.detail[0]) + (image - fine) * (1 + look.detail[1])
    image = toned(image, look, marks)
    seen = contrast & ~burnt(image, marks, 2.0 / beam.pixel) & inside(marks, look, beam)
    return shut(image, look, beam), seen


def probe(signal, scatter, look: Look, marks) -> np.ndarray:
    """Whether 3 mm of cortical bone at each mark meet Rose's criterion over a square millimetre."""
    rows, columns = (np.clip(np.floor(marks[:, i]).astype(int), 0, signal.shape[1 - i] - 1) for i in (1, 0))
    p, s, quanta = signal[rows, columns], scatter[rows, columns], look.dose * QUANTA
    return p * (1 - np.exp(-0.06 * 3.0)) * quanta / np.sqrt((p + s) * quanta + ELECTRONIC) >= ROSE


def toned(image, look: Look, marks) -> np.ndarray:
    """The window, set by the neck, and the tone curve."""
    size = np.array(image.shape[::-1])
    room = 0.6 * np.ptp(marks, 0).max() * np.array([0.8, 0.3])
    low = np.clip(marks.min(0) - room, 0, size - 2).astype(int)
    high = np.maximum(np.clip(marks.max(0) + room, 0, size).astype(int), low + 2)
    neck = image[low[1] : high[1] : 3, low[0] : high[0] : 3]
    dark, bright = np.quantile(neck, [np.clip(look.clip[0], 0, 1), 1 - np.clip(look.clip[1], 0, 1)])
    spread = max(bright - dark, 0.05)
    dark, bright = dark + min(look.clip[0], 0) * spread, bright - min(look.clip[1], 0) * spread
    t = np.clip((image - np.float32(dark)) / np.float32(max(bright - dark, 0.05)), 0, 1) ** np.float32(look.gamma)
    if look.sigmoid > 0.05:
        f = lambda v: 1 / (1 + np.exp(-look.sigmoid * (v - 0.5)))
        t = (f(t) - f(0.0)) / (f(1.0) - f(0.0))
    return t.astype(np.float32)


def burnt(image, marks, reach: float) -> np.ndarray:
    """Whether the display shows nothing but white around each mark."""
    mean = cv2.blur(image, (2 * int(np.ceil(reach)) + 1,) * 2)
    rows, columns = (np.clip(np.floor(marks[:, i]).astype(int), 0, image.shape[1 - i] - 1) for i in (1, 0))
    return mean[rows, columns] > 0.985


def inside(marks, look: Look, beam: Beam) -> np.ndarray:
    """Whether each mark lies on the film and in the collimator's field."""
    share = marks / np.array(beam.size)
    left, top, right, bottom = look.collimation
    return (share >= [max(left, 0), max(top, 0)]).all(1) & (share < [min(right, 1), min(bottom, 1)]).all(1)


def shut(image, look: Look, beam: Beam) -> np.ndarray:
    """The collimator's shadow over the developed film."""
    left, top, right, bottom = look.collimation
    def open_(count, low, high):
        at = np.arange(count) + 0.5
        return np.clip(0.5 + np.minimum(at - low * count, high * count - at) * beam.pixel / 1.2, 0, 1)
    share = np.minimum.outer(open_(beam.size[1], top, bottom), open_(beam.size[0], left, right)).astype(np.float32)
    outside = np.float32(0 if look.black else 1)
    return outside + (image - outside) * share


def told(neck: Neck, pose: Pose, beam: Beam, look: Look, names, marks, seen) -> dict:
    """The truth file."""
    row = lambda i, key: {"vertebra": names[i][0], key: names[i][1], "x": round(float(marks[i, 0]), 2), "y": round(float(marks[i, 1]), 2), "visible": bool(seen[i])}
    corners = [i for i, name in enumerate(names) if name[1] in CORNERS]
    lamina = [i for i, name in enumerate(names) if name[1] not in CORNERS]
    shown = sum(bool(seen[i]) for i in corners if names[i][0] == "C7")
    field = inside(marks, look, beam)
    return {
        "kind": "lateral_cervical",
        "landmarks": [row(i, "corner") for i in corners],
        "spinolaminar": [row(i, "end") for i in lamina],
        "spacing_mm": round(beam.spacing, 6),
        "facing": "left" if beam.left else "right",
        "view": pose.view,
        "c7_visibility": {4: "full", 0: "hidden"}.get(shown, "partial"),
        "rotation_deg": round(abs(pose.yaw), 2),
        "roll_deg": round(abs(pose.roll), 2),
        "tilt_deg": round(pose.tilt, 2),
        "exposure": round(look.dose, 3),
        "clipped": [level for level in LEVELS[1:] if not all(field[i] for i in corners if names[i][0] == level)],
    }


def film(anatomy: Anatomy, seed: int, pixel: float) -> tuple[np.ndarray, dict]:
    """One film, 16 bits, and its truth."""
    rng = np.random.default_rng(seed)
    pose = drawn_pose(rng)
    neck = posed(anatomy, drawn_person(rng), pose, rng)
    beam, look = drawn_beam(neck, pixel, rng), drawn_look(rng)
    names = list(neck.truth)
    marks = beam.project(np.array([neck.truth[name] for name in names]))
    bone, soft = skeleton(neck, beam, rng), tissue(neck, beam, rng)
    image, seen = develop(bone, soft, beam, look, marks, rng)
    return np.round(np.clip(image, 0, 1) * 65535).astype(np.uint16), told(neck, pose, beam, look, names, marks, seen)


def drawn(image: np.ndarray, truth: dict, side: int = 620) -> np.ndarray:
    """A film with its truth: green can be seen, red cannot, blue is spinolaminar."""
    scale = side / max(image.shape)
    small = cv2.resize((image >> 8).astype(np.uint8), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.zeros((side, side, 3), np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small[..., None]
    for mark in truth["landmarks"] + truth["spinolaminar"]:
        at = (int(mark["x"] * scale * 16), int(mark["y"] * scale * 16))
        colour = ((0, 255, 0) if "corner" in mark else (255, 160, 0)) if mark["visible"] else (0, 0, 255)
        cv2.circle(tile, at, 24, colour, -1, cv2.LINE_AA, 4)
        if mark.get("corner") == "antero_inferior":
            cv2.putText(tile, mark["vertebra"], (at[0] // 16 - 22, at[1] // 16 + 4), 0, 0.4, (0, 255, 255), 1, cv2.LINE_AA)
    note = f"{truth['view']} {truth['facing']} C7 {truth['c7_visibility']} yaw {truth['rotation_deg']:.0f}"
    cv2.putText(tile, note, (4, side - 6), 0, 0.45, (0, 200, 255), 1, cv2.LINE_AA)
    return tile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anatomy", type=Path, required=True, help="folder with umtri/ and occluders/, see docs/training.md")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=40_000_000, help="of the first film; the next has the next")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pixel-mm", type=float, default=0.35, help="detector millimetres a pixel")
    parser.add_argument("--look", type=Path, help="draw the first twelve with their truth into this picture")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    anatomy = Anatomy(args.anatomy)
    args.out.mkdir(parents=True, exist_ok=True)
    made, begin, tiles = 0, time.process_time(), []
    for seed in range(args.seed, args.seed + args.count):
        path = args.out / f"mesh-{seed:09d}.png"
        told_in = path.with_suffix(".truth.json")
        if not told_in.exists():
            image, truth = film(anatomy, seed, args.pixel_mm)
            cv2.imwrite(str(path), image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            part = path.with_suffix(".part")
            part.write_text(json.dumps(truth))
            os.replace(part, told_in)  # comes last: a film with its truth is whole
            made += 1
        if args.look and len(tiles) < 12:
            tiles.append(drawn(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), json.loads(told_in.read_text())))
    if tiles:
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
        cv2.imwrite(str(args.look), np.vstack([np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)]))
    print(f"{made} films, {(time.process_time() - begin) / max(made, 1):.2f} s of one core each")


if __name__ == "__main__":
    main()
