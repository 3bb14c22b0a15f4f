"""Surfaces of triangles: reading, smoothing, cutting, and their shadow in a diverging beam. Needs nothing but numpy.

Patient frame: x backwards, y across (from the tube to the detector), z up, millimetres. Film: continuous pixels, (0.5, 0.5) the
centre of the first, as everywhere here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Surface:
    vertices: np.ndarray  # [n, 3] mm
    faces: np.ndarray  # [m, 3] indices; seen from outside they run anticlockwise if the surface is closed


@dataclass
class Material:
    """Points on edges of a surface, by which they stay where they are on the bone however it is bent."""

    first: np.ndarray  # [k] index of one end of the edge
    second: np.ndarray  # [k] and of the other
    share: np.ndarray  # [k] how far from the one to the other

    def on(self, vertices: np.ndarray) -> np.ndarray:
        return vertices[self.first] + self.share[:, None] * (vertices[self.second] - vertices[self.first])

    def __getitem__(self, which) -> Material:
        return Material(self.first[which], self.second[which], self.share[which])


@dataclass
class Beam:
    """The tube stands at the negative end of y, the detector at the other."""

    source_to_detector: float  # mm
    patient_to_detector: float  # mm, from the plane y = 0
    foot: tuple[float, float]  # (x, z) of the ray that meets the detector at a right angle
    centre: tuple[float, float]  # where it meets it, pixels
    pixel: float  # mm on the detector
    left: bool  # whether the patient looks to the left of the film
    size: tuple[int, int]  # columns, rows

    @property
    def spacing(self) -> float:
        """Millimetres a pixel in the plane y = 0."""
        return self.pixel * (self.source_to_detector - self.patient_to_detector) / self.source_to_detector

    def project(self, points: np.ndarray) -> np.ndarray:
        """[…, 3] → [..., 2] pixels."""
        grow = self.source_to_detector / (self.source_to_detector - self.patient_to_detector + points[..., 1]) / self.pixel
        across = (points[..., 0] - self.foot[0]) * grow
        column = self.centre[0] + (across if self.left else -across)
        return np.stack([column, self.centre[1] - (points[..., 2] - self.foot[1]) * grow], -1)

    def slant(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Length of a ray for each millimetre of y."""
        away = np.hypot(columns - self.centre[0], rows - self.centre[1]) * self.pixel
        return np.hypot(1.0, away / self.source_to_detector)


def read_obj(path: Path) -> Surface:
    """Vertices and triangles of a Wavefront file, in the order of the file."""
    lines = [line.split() for line in path.read_text().splitlines()]
    vertices = np.array([line[1:4] for line in lines if line[:1] == ["v"]], float)
    faces = np.array([[part.split("/")[0] for part in line[1:4]] for line in lines if line[:1] == ["f"]], int) - 1
    return outward(Surface(vertices, faces))


def read_stl(path: Path) -> Surface:
    """A binary STL file; corners in the same place become one vertex."""
    raw = path.read_bytes()
    count = int(np.frombuffer(raw, "<u4", 1, 80)[0])
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")])
    if len(raw) < 84 + count * record.itemsize:
        raise ValueError(f"{path}: not a whole binary STL file")
    corners = np.frombuffer(raw, record, count, 84)["corners"].reshape(-1, 3).astype(float)
    size = np.abs(corners).max()
    _, first, index = np.unique(np.round(corners / size * 1e6).astype(np.int64), axis=0, return_index=True, return_inverse=True)
    faces = index.reshape(-1, 3)
    distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return outward(Surface(corners[first], faces[distinct]))


def outward(surface: Surface) -> Surface:
    """The same with faces that run anticlockwise from outside: the enclosed volume is positive."""
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    volume = np.einsum("ij,ij->", a, np.cross(b, c))
    return surface if volume >= 0 else Surface(surface.vertices, surface.faces[:, ::-1].copy())


def smoothed(surface: Surface) -> Surface:
    """Each triangle in four, on Loop's smooth surface (Loop 1987). The old vertices keep their index; edges of holes stay."""
    v, f = surface.vertices, surface.faces
    edges = np.stack([f, np.roll(f, -1, 1)], -1).reshape(-1, 2)
    opposite = np.roll(f, 1, 1).reshape(-1)  # of edge (f0, f1) it is f2
    unique, index, count = np.unique(np.sort(edges, 1), axis=0, return_inverse=True, return_counts=True)
    index = index.reshape(-1)
    across = np.zeros((len(unique), 3))
    np.add.at(across, index, v[opposite])
    ends = v[unique].sum(1)
    middle = np.where((count == 2)[:, None], 0.375 * ends + 0.125 * across, 0.5 * ends)
    neighbours, total = np.zeros(len(v)), np.zeros_like(v)
    for a, b in ((0, 1), (1, 0)):
        np.add.at(neighbours, unique[:, a], 1)
        np.add.at(total, unique[:, a], v[unique[:, b]])
    share = np.where(neighbours == 3, 3 / 16, 0.375 / np.maximum(neighbours, 1))[:, None]
    moved = (1 - neighbours[:, None] * share) * v + share * total
    hole = np.unique(unique[count != 2])
    moved[hole] = v[hole]
    new = len(v) + index.reshape(-1, 3)  # the middles of (f0, f1), (f1, f2), (f2, f0)
    corner = lambda i: np.stack([f[:, i], new[:, i], new[:, i - 1]], 1)
    return Surface(np.concatenate([moved, middle]), np.concatenate([corner(0), corner(1), corner(2), new]))


def normals(surface: Surface) -> np.ndarray:
    """Outward unit vectors at the vertices, weighted by area."""
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    face, out = np.cross(b - a, c - a), np.zeros_like(surface.vertices)
    for axis in range(3):
        for corner in range(3):
            out[:, axis] += np.bincount(surface.faces[:, corner], face[:, axis], len(out))
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


def section(surface: Surface, y: float = 0.0) -> Material:
    """Where the plane at `y` cuts the surface's edges."""
    edges = np.unique(np.sort(np.stack([surface.faces, np.roll(surface.faces, -1, 1)], -1).reshape(-1, 2), 1), axis=0)
    side = surface.vertices[:, 1] - y
    cut = (side[edges[:, 0]] > 0) != (side[edges[:, 1]] > 0)
    first, second = edges[cut].T
    return Material(first, second, side[first] / (side[first] - side[second]))


# Triangles whose box has at most so many pixels a side are done together.
BOXES = [3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384]
ATONCE = 30_000  # pixels: what a processor keeps at hand


def pour(image: np.ndarray, corners: np.ndarray, values: np.ndarray, turned: bool) -> None:
    """Adds to each pixel whose centre lies in a triangle what its corners' `values` come to there.

    corners [n, 3, 2] pixels, values [n, 3]. With `turned`, triangles that run the other way count negative.
    """
    height, width = image.shape
    low = np.floor(corners.min(1) - 0.5).astype(int)
    high = np.ceil(corners.max(1) + 0.5).astype(int)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    keep = (np.abs(area) > 1e-9) & (high > 0).all(1) & (low < [width, height]).all(1)
    box = (high - low).max(1)
    least, where, what = 0, [], []
    for side in [*BOXES, 10**6]:
        which = np.flatnonzero(keep & (box > least) & (box <= side))
        least = side
        wide = side if side < 10**6 else int(box[which].max(initial=0))
        step = max(1, ATONCE // max(1, wide * wide))
        for begin in range(0, len(which), step):
            index, add = _pour(image.shape, corners, values, area, low, which[begin : begin + step], wide, turned)
            where.append(index)
            what.append(add)
    if where:
        image += np.bincount(np.concatenate(where), np.concatenate(what), image.size).reshape(image.shape)


def _pour(shape, corners, values, area, low, some, wide, turned) -> tuple[np.ndarray, np.ndarray]:
    """What the triangles `some`, each of which fits into `wide`² pixels, add where: index of the pixel, amount."""
    reach = np.arange(wide)
    # A hair beside the centre, so that no centre lies on an edge that two triangles share.
    a, b, c = (corners[some, i] - low[some] - [0.500013, 0.500029] for i in range(3))
    inverse = 1 / area[some]
    # The share of each corner is a plane over the box.
    shares = []
    for p, q in ((b, c), (c, a)):
        right, down = (p[:, 1] - q[:, 1]) * inverse, (q[:, 0] - p[:, 0]) * inverse
        start = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) * inverse
        shares.append(start[:, None, None] + right[:, None, None] * reach + down[:, None, None] * reach[:, None])
    first, second = shares
    hit = np.flatnonzero(np.minimum(np.minimum(first, second), 1 - first - second) >= 0)
    t, place = np.divmod(hit, wide * wide)
    column, row = low[some[t], 0] + place % wide, low[some[t], 1] + place // wide
    on = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    hit, t, column, row = hit[on], t[on], column[on], row[on]
    of = values[some] * np.sign(area[some])[:, None] if turned else values[some]
    first, second = first.reshape(-1)[hit], second.reshape(-1)[hit]
    return row * shape[1] + column, first * of[t, 0] + second * of[t, 1] + (1 - first - second) * of[t, 2]


def window(corners: np.ndarray, size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the film that points fall on."""
    low = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, size)
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, size)
    return slice(low[1], high[1]), slice(low[0], high[0])


def thickness(surface: Surface, beam: Beam, where: tuple[slice, slice]) -> np.ndarray:
    """Millimetres of a closed solid along the ray to each pixel of a part of the film."""
    image = np.zeros((where[0].stop - where[0].start, where[1].stop - where[1].start))
    if image.size:
        seen = beam.project(surface.vertices) - [where[1].start, where[0].start]
        depth = surface.vertices[:, 1] - surface.vertices[:, 1].mean()
        # Where a ray leaves the solid its depth counts, where it enters it counts against.
        pour(image, seen[surface.faces], depth[surface.faces], turned=True)
        rows, columns = np.mgrid[where] + 0.5
        image *= beam.slant(columns, rows) * (1 if image.sum() >= 0 else -1)
    return np.maximum(image, 0)


def shell(surface: Surface, beam: Beam, wall: float, where: tuple[slice, slice]) -> np.ndarray:
    """Millimetres of a sheet as thick as `wall`, of which only the surface is known; no ray runs along it for more than five walls."""
    image = np.zeros((where[0].stop - where[0].start, where[1].stop - where[1].start))
    if image.size:
        a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
        normal = np.cross(b - a, c - a)
        facing = np.abs(normal[:, 1]) / np.maximum(np.linalg.norm(normal, axis=1), 1e-9)
        seen = beam.project(surface.vertices) - [where[1].start, where[0].start]
        along = wall / np.maximum(facing, 0.2)
        pour(image, seen[surface.faces], np.repeat(along[:, None], 3, 1), turned=False)
    return image
