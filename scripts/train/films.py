"""Reads folders of films with truth files, and keeps them packed on disk for quick random access.

A film is `NAME.png|jpg|tif` (any depth, bone bright) beside `NAME.truth.json`, as `sagitta phantom --format png` writes
them and as a site would write its own (docs/training.md). Every landmark of the truth may be missing: what is missing
teaches nothing; what lies outside the picture teaches "absent".
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

VERTEBRAE = ["C2", "C3", "C4", "C5", "C6", "C7"]
CORNERS = ["antero_superior", "antero_inferior", "postero_superior", "postero_inferior"]
ENDS = ["superior", "inferior"]
C7 = {"full": 0, "partial": 1, "hidden": 2}
LONGEST = 1100  # by default films are packed with their long side reduced to this many pixels


@dataclass
class Film:
    name: str
    points: np.ndarray  # [34, 2], pixels of the packed film; NaN where the truth says nothing
    visible: np.ndarray  # [34] bool
    lateral: bool
    c7: int  # 0 full, 1 partial, 2 hidden, -1 unknown
    rotation: float  # degrees without sign, -1 unknown
    facing: str | None
    mm: float | None  # millimetres a packed pixel
    offset: int
    height: int
    width: int


def held_out(name: str) -> bool:
    """Whether a film of this name is kept from training: one in twenty."""
    return zlib.crc32(Path(name).name.encode()) % 20 == 19


def landmarks(truth: dict) -> tuple[np.ndarray, np.ndarray]:
    """[34, 2] positions and [34] visibility in the order of `src/domain/anatomy.rs`."""
    points, visible = np.full((34, 2), np.nan), np.zeros(34, bool)
    for mark in truth.get("landmarks", []):
        index = 4 * VERTEBRAE.index(mark["vertebra"]) + CORNERS.index(mark["corner"])
        points[index], visible[index] = (mark["x"], mark["y"]), mark.get("visible", True)
    for mark in truth.get("spinolaminar", []):
        index = 24 + 2 * (VERTEBRAE.index(mark["vertebra"]) - 1) + ENDS.index(mark["end"])
        points[index], visible[index] = (mark["x"], mark["y"]), mark.get("visible", True)
    return points, visible


def read_image(path: Path) -> np.ndarray:
    """Any raster film as 16-bit grey."""
    image = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise SystemExit(f"{path}: no readable PNG, JPEG or TIFF")
    return image if image.dtype == np.uint16 else image.astype(np.uint16) * 257


def find(folder: Path) -> list[tuple[Path, Path]]:
    """(image, truth) pairs of a folder, sorted by name."""
    pairs = []
    for truth in sorted(folder.rglob("*.truth.json")):
        stem = truth.name.removesuffix(".truth.json")
        image = next((p for e in ("png", "jpg", "jpeg", "tif", "tiff") if (p := truth.with_name(f"{stem}.{e}")).exists()), None)
        if image is None:
            print(f"{truth}: no image beside it, passed over", file=sys.stderr)
        else:
            pairs.append((image, truth))
    return pairs


def pack(folders: list[Path], out: Path, longest: int = LONGEST) -> None:
    """Packs every film of `folders` into `out`.u16 and `out`.npy (the index); adds only films that are not there yet.

    A film whose long side has more than `longest` pixels is reduced to that.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out.with_suffix(".u16"), "ab") as store:
        fcntl.flock(store, fcntl.LOCK_EX)  # two trainings may share their packs
        store.seek(0, os.SEEK_END)
        index = list(np.load(out.with_suffix(".npy"), allow_pickle=True)) if out.with_suffix(".npy").exists() else []
        known = {film.name for film in index}
        for image_path, truth_path in (pair for folder in folders for pair in find(folder)):
            if str(image_path) in known:
                continue
            truth = json.loads(truth_path.read_text())
            image = read_image(image_path)
            points, visible = landmarks(truth)
            scale = min(1.0, longest / max(image.shape))
            if scale < 1:
                size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
                points *= (size[0] / image.shape[1], size[1] / image.shape[0])
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            lateral = truth.get("kind", "lateral_cervical") == "lateral_cervical"
            mm = truth.get("spacing_mm")
            rotation = truth.get("rotation_deg")
            index.append(
                Film(
                    name=str(image_path), points=points.astype(np.float32), visible=visible, lateral=lateral,
                    c7=C7.get(truth.get("c7_visibility"), -1) if lateral else -1,
                    rotation=abs(rotation) if rotation is not None and lateral else -1.0,
                    facing=truth.get("facing"), mm=mm / scale if mm else None,
                    offset=store.tell() // 2, height=image.shape[0], width=image.shape[1],
                )
            )
            image.tofile(store)
        store.flush()
        if not index:
            raise SystemExit(f"{', '.join(map(str, folders))}: no film with a truth file beside it; see docs/training.md, Your own films")
        holder = np.empty(len(index), object)
        holder[:] = index
        part = out.with_suffix(".part.npy")
        np.save(part, holder, allow_pickle=True)
        os.replace(part, out.with_suffix(".npy"))  # a reader sees the old index or the new one


class Store:
    """The packed films."""

    def __init__(self, path: Path):
        self.path, self.stamp = path, path.with_suffix(".npy").stat().st_mtime_ns
        self.index: list[Film] = list(np.load(path.with_suffix(".npy"), allow_pickle=True))
        self.pixels = np.memmap(path.with_suffix(".u16"), np.uint16, "r")

    def image(self, film: Film) -> np.ndarray:
        return np.asarray(self.pixels[film.offset : film.offset + film.height * film.width]).reshape(film.height, film.width)

    def grown(self) -> bool:
        """Whether films were added since this store was opened."""
        return self.path.with_suffix(".npy").stat().st_mtime_ns != self.stamp
