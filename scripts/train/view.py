"""How a film becomes the network's input: the same rules as `src/detect/view.rs` and `src/detect/preprocess.rs`.

A *view* is a similarity, `tensor = scale * R(turn) * (film - centre) + size / 2`, both sides in continuous pixels
(the centre of the first pixel is (0.5, 0.5)). A turned one is read bilinearly from an upright one of the same scale and
centre; an upright one is read with a box filter of `max(1, 1 / scale)` film pixels over
the film as a piecewise constant function: an area average when shrinking, bilinear when enlarging. Tensor pixels of
which less than half lies on the film are outside. The covered pixels are stretched so that their `LOW` quantile
becomes 0 and their `HIGH` quantile 1, clipped to 0..1; outside is 0.
"""

from __future__ import annotations

import numpy as np

SIZE = 512
LOW, HIGH = 0.005, 0.995


def letterbox(width: int, height: int, size: int = SIZE) -> tuple[float, tuple[float, float]]:
    """(scale, centre) of the view that holds the whole film, centred, aspect kept."""
    return size / max(width, height), (width / 2, height / 2)


def _weights(film_length: int, size: int, scale: float, shift: float) -> np.ndarray:
    """[size, film_length]: the share of each film pixel in each tensor pixel, before division by the coverage."""
    centre = (np.arange(size) + 0.5 - shift) / scale
    half = max(1.0, 1.0 / scale) / 2
    low, high = (centre - half)[:, None], (centre + half)[:, None]
    cell = np.arange(film_length)[None, :]
    return np.clip(np.minimum(high, cell + 1) - np.maximum(low, cell), 0, None) / (2 * half)


def _upright(film: np.ndarray, scale: float, centre: tuple[float, float], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey values summed over each pixel's share of the film, and that share."""
    wx = _weights(film.shape[1], size, scale, size / 2 - scale * centre[0])
    wy = _weights(film.shape[0], size, scale, size / 2 - scale * centre[1])
    return wy @ film.astype(np.float64) @ wx.T, np.outer(wy.sum(1), wx.sum(1))


def sample(film: np.ndarray, scale: float, centre: tuple[float, float], turn: float = 0.0, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """The raw grey values seen through a view, and which of them lie on the film."""
    if turn == 0:
        value, coverage = _upright(film, scale, centre, size)
    else:
        s, c = np.sin(turn), np.cos(turn)
        canvas = int(np.ceil(size * (abs(s) + abs(c)))) + 2
        maps = _upright(film, scale, centre, canvas)
        y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
        u, v = c * x + s * y + canvas / 2 - 0.5, -s * x + c * y + canvas / 2 - 0.5
        i, j = np.floor(u).astype(int), np.floor(v).astype(int)
        fx, fy = u - i, v - j
        read = lambda m: (m[j, i] * (1 - fx) + m[j, i + 1] * fx) * (1 - fy) + (m[j + 1, i] * (1 - fx) + m[j + 1, i + 1] * fx) * fy
        value, coverage = read(maps[0]), read(maps[1])
    covered = coverage >= 0.4999  # a pixel that lies half on the film counts, however it was rounded
    return np.where(covered, value / np.maximum(coverage, 1e-9), 0).astype(np.float32), covered


def normalise(value: np.ndarray, covered: np.ndarray, least: float = 1.0) -> np.ndarray:
    """0..1 by quantiles of the covered pixels (nearest rank, rounded down); 0 outside and where the contrast is below `least`."""
    inside = np.sort(value[covered].ravel())
    if inside.size == 0:
        return np.zeros_like(value)
    low = inside[int(LOW * (inside.size - 1))]
    high = inside[int(HIGH * (inside.size - 1))]
    if not high - low >= least:
        return np.zeros_like(value)
    return np.where(covered, np.clip((value - low) / (high - low), 0, 1), 0).astype(np.float32)


def see(film: np.ndarray, scale: float, centre: tuple[float, float], turn: float = 0.0, size: int = SIZE) -> np.ndarray:
    """The network's input for one view of a film."""
    return normalise(*sample(film, scale, centre, turn, size))
