"""A training picture from a packed film: framing, tone, dirt, and what the network is to answer.

`docs/training.md` says what each part is for. The order is that of the world: the patient and the tube (framing),
the detector and the vendor (tone, sharpness, noise), the archive (letters, borders, JPEG), and last the very
normalisation of `view.py` that the service applies.
"""

from __future__ import annotations

import cv2
import numpy as np

from films import Film
from view import normalise

cv2.setNumThreads(0)

# Of the tensor's side: the height of one level when C2–C7 has the scale of the second pass.
TRAINING_PITCH = 0.092


def bodies(points):
    """The centres of C2–C7 as far as their corners are known: [6, 2]; NaN for a body of which fewer than two are."""
    corners = points[:24].reshape(6, 4, 2)
    known = np.isfinite(corners).all(2)
    total = np.where(known[..., None], corners, 0).sum(1)
    count = known.sum(1)[:, None]
    return np.where(count >= 2, total / np.maximum(count, 1), np.nan)


def pitch_of(points):
    """The mean height of a level in film pixels; NaN with fewer than two neighbours known.

    Where some neighbours have all their corners, only those count: with two of its corners a body's centre is a guess.
    """
    column = bodies(points)
    whole = np.isfinite(points[:24].reshape(6, 8)).all(1)
    if (whole[1:] & whole[:-1]).any():
        column[~whole] = np.nan
    steps = np.linalg.norm(np.diff(column, axis=0), axis=1)
    return float(np.nanmean(steps)) if np.isfinite(steps).any() else np.nan


def _choose_framing(rng, film: Film, points, side):
    """(pitch in tensor pixels, where the anchor of the column falls, the anchor, rotation in degrees)."""
    kind = rng.choice(5, p=[0.34, 0.22, 0.20, 0.14, 0.10])
    angle = rng.normal(0, 9) if rng.random() < 0.75 else rng.uniform(-35, 35)
    column = bodies(points)
    centre = (column[0] + column[5]) / 2
    if kind == 0:  # the second pass: centred, at the scale of training
        pitch = side * np.exp(rng.uniform(np.log(0.078), np.log(0.108)))
        where = side * (0.5 + rng.uniform(-0.1, 0.1, 2))
    elif kind == 1:  # the letterboxed film as it is
        natural = np.linalg.norm(column[5] - column[0]) / 5 * side / max(film.width, film.height)
        pitch = natural * np.exp(rng.uniform(-0.08, 0.08))
        film_centre = np.array([film.width, film.height]) / 2
        return pitch, np.array([side / 2, side / 2]) + rng.uniform(-0.03, 0.03, 2) * side, film_centre, angle * 0.5
    elif kind == 2:  # a wide film: the neck is small and anywhere
        pitch = side * np.exp(rng.uniform(np.log(0.042), np.log(0.078)))
        where = side * rng.uniform(0.22, 0.78, 2)
    elif kind == 3:  # a head film: C2 to C3…C5 at the lower edge
        pitch = side * np.exp(rng.uniform(np.log(0.045), np.log(0.095)))
        where, centre = side * np.array([rng.uniform(0.1, 0.9), rng.uniform(0.68, 0.92)]), column[0]
    else:  # a tight film: the neck fills it and may be cut off at either end
        pitch = side * np.exp(rng.uniform(np.log(0.1), np.log(0.14)))
        where = side * rng.uniform(0.38, 0.62, 2)
    return pitch, where, centre, angle


def frame(rng, image, film: Film, side: int):
    """The film seen through a random similarity: raw grey values, the film's own area, points in tensor pixels, level height."""
    points = film.points.astype(np.float64)
    source = image
    if np.isnan(bodies(points)).any():  # negatives, and site films with gaps: the whole film, shaken
        scale = side / max(film.width, film.height) * np.exp(rng.uniform(-0.15, 0.4))
        where, anchor, angle = side * rng.uniform(0.4, 0.6, 2), np.array([film.width, film.height]) / 2, rng.normal(0, 10)
        pitch = 0.09 * side
    else:
        pitch, where, anchor, angle = _choose_framing(rng, film, points, side)
        scale = pitch / pitch_of(points)
    flip = rng.random() < 0.5
    shrink = 1.0
    if scale < 0.75:  # shrink by area first, as the service does
        shrink = scale * 1.15
        source = cv2.resize(source, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        shrink = np.array([source.shape[1] / film.width, source.shape[0] / film.height])
    c, s = np.cos(np.radians(angle)) * scale, np.sin(np.radians(angle)) * scale
    linear = np.array([[c, -s], [s, c]])
    if flip:
        linear = np.diag([-1.0, 1.0]) @ linear
    shift = where - linear @ anchor
    # cv2 counts pixel centres from 0, we from 0.5.
    inner = linear @ np.diag(1 / (np.ones(2) * shrink))
    matrix = np.hstack([inner, (shift + inner @ [0.5, 0.5] - 0.5)[:, None]])
    seen = cv2.warpAffine(source.astype(np.float32), matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=0)
    inside = cv2.warpAffine(np.ones(source.shape, np.uint8), matrix, (side, side), flags=cv2.INTER_NEAREST, borderValue=0) > 0
    return seen, inside, points @ linear.T + shift, pitch


def _curve(rng, x):
    """A random rising tone curve through (0, 0) and (1, 1)."""
    knots = np.concatenate([[0], np.sort(rng.uniform(0, 1, 3)), [1]])
    even = np.linspace(0, 1, 5)
    mix = rng.uniform(0, 0.7)
    return np.interp(x, even, (1 - mix) * even + mix * knots).astype(np.float32)


def _smooth_field(rng, side, cells):
    field = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    return cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)


def tone(rng, x, inside, points, pitch, unit=None, noise=1.0):
    """What detector and vendor do to the grey values; x is 0..1 and stays so.

    `unit` pixels is the grain of what is added: one pixel of a film seen on 512². `noise` scales the quantum noise: a
    patch is stretched over its own few grey values afterwards, a whole film is not.
    """
    side = x.shape[0]
    unit = unit or side / 512
    x = x ** np.exp(rng.normal(0, 0.35))
    if rng.random() < 0.5:
        x = _curve(rng, x)
    if rng.random() < 0.6:  # multi-scale enhancement: a share of the slow shading taken out (or scatter put in)
        blurred = cv2.blur(cv2.blur(x, (int(pitch) | 1,) * 2), (int(pitch * rng.uniform(0.7, 2)) | 1,) * 2)
        x = x - rng.uniform(-0.25, 1.1) * (blurred - 0.5)
    if rng.random() < 0.35:
        x = x + rng.uniform(0.05, 0.3) * _smooth_field(rng, side, rng.integers(3, 6))
    if rng.random() < 0.25:  # something dense and soft over the lower neck: shoulders, a collar, an arm
        low = points[rng.integers(12, 24)] if np.isfinite(points[12:24]).all() else rng.uniform(0, side, 2)
        y = np.arange(side, dtype=np.float32)[:, None]
        xx = np.arange(side, dtype=np.float32)[None, :]
        slope = rng.normal(0, 0.3)
        ramp = 1 / (1 + np.exp(-(y - low[1] - slope * (xx - low[0])) / (pitch * rng.uniform(0.1, 0.8))))
        strength = rng.uniform(0.3, 0.97)
        x = x * (1 - ramp * strength) + ramp * strength * rng.uniform(0.7, 1.1)
    if rng.random() < 0.4:
        sharp = cv2.GaussianBlur(x, (0, 0), rng.uniform(1, 4) * unit)
        x = x + rng.uniform(0.3, 2.5) * (x - sharp)
    if rng.random() < 0.4:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.6) * unit)
    if rng.random() < 0.1:  # motion
        length = rng.uniform(2, 7) * unit
        n = int(length) * 2 + 3
        kernel = cv2.warpAffine(
            np.pad(np.ones((1, max(1, int(length))), np.float32), ((n // 2, n // 2), ((n - max(1, int(length))) // 2, n))),
            cv2.getRotationMatrix2D((n / 2, n / 2), rng.uniform(0, 180), 1), (n, n),
        )
        x = cv2.filter2D(x, -1, kernel / max(kernel.sum(), 1e-3))
    if rng.random() < 0.7:
        grain = rng.standard_normal(x.shape, np.float32) * noise * np.exp(rng.uniform(np.log(0.004), np.log(0.06)))
        if rng.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.5, 1.2)) * 2
        x = x + grain * (0.4 + x if rng.random() < 0.5 else 1)
    window = rng.uniform(-0.08, 0.12), 1 - rng.uniform(-0.08, 0.15)
    if rng.random() < 0.5:
        x = (x - window[0]) / (window[1] - window[0])
    return np.clip(x, 0, 1).astype(np.float32)


def dirt(rng, x, inside, unit=None):
    """What collimator and archive add: borders, letters, rulers, JPEG; returns the picture and what is still exposed."""
    side = x.shape[0]
    unit = unit or side / 512
    exposed = inside.copy()
    fill = float(rng.choice([0.0, 0.0, 0.0, rng.uniform(0, 1), 1.0]))
    if rng.random() < 0.3:
        widest = 0.3 if rng.random() < 0.25 else 0.18  # some archives put a film into the middle of a large black square
        left, top = rng.uniform(0, widest, 2) * side
        right, bottom = side - rng.uniform(0, widest, 2) * side
        keep = np.zeros_like(exposed)
        keep[int(top) : int(bottom), int(left) : int(right)] = True
        exposed &= keep
    x = np.where(exposed, x, fill)
    for _ in range(rng.poisson(1.2)):
        where = (int(rng.uniform(0, 0.9) * side), int(rng.uniform(0.05, 1) * side))
        word = "".join(rng.choice(list("LRSEATDXOP0123456789mAkVs. :"), rng.integers(1, 9)))
        ink = np.zeros(x.shape, np.uint8)
        cv2.putText(ink, word, where, int(rng.integers(0, 8)), float(rng.uniform(0.3, 1.6)) * unit, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
        x = x + (rng.choice([0.0, 1.0, 1.0]) - x) * (ink / np.float32(255))
    if rng.random() < 0.06:
        at, width = int(rng.uniform(0, 1) * side), int(rng.integers(1, 9))
        x[:, at : at + width] = rng.uniform(0.3, 1)
    if rng.random() < 0.15:  # a dense object: filling, clip, ear-ring, plate
        centre = tuple(int(v) for v in rng.uniform(0.1, 0.9, 2) * side)
        axes = tuple(int(v) for v in rng.uniform(2, 16, 2) * unit)
        ink = np.zeros(x.shape, np.uint8)
        cv2.ellipse(ink, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1 if rng.random() < 0.7 else 2, cv2.LINE_AA)
        x = x + (rng.uniform(0.8, 1.0) - x) * (ink / np.float32(255))
    if rng.random() < 0.2:
        code = cv2.imencode(".jpg", (np.clip(x, 0, 1) * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(25, 92))])[1]
        x = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    if rng.random() < 0.07:  # exported inverted
        x = 1 - x
    return x.astype(np.float32), exposed


def _spoil(rng, x):
    """A picture that is no lateral neck, made from one: upside-down or on its side, blank, noise, a crop of nothing."""
    side = x.shape[0]
    kind = rng.integers(0, 6)
    if kind <= 1:
        return np.ascontiguousarray(np.rot90(x, int(rng.integers(1, 4)))), kind
    if kind == 2:
        return np.clip(rng.uniform(0, 1) + 0.1 * _smooth_field(rng, side, 4) + rng.normal(0, 0.02, x.shape), 0, 1).astype(np.float32), kind
    if kind == 3:
        return np.clip(0.5 + 0.3 * _smooth_field(rng, side, int(rng.integers(4, 40))), 0, 1).astype(np.float32), kind
    if kind == 4:  # pieces in the wrong places
        n = int(rng.integers(3, 7))
        edge = side // n
        tiles = [(i, j) for i in range(n) for j in range(n)]
        out = x.copy()
        for (i, j), k in zip(tiles, rng.permutation(len(tiles))):
            a, b = tiles[k]
            out[i * edge : (i + 1) * edge, j * edge : (j + 1) * edge] = x[a * edge : (a + 1) * edge, b * edge : (b + 1) * edge]
        return out, kind
    out = np.zeros(x.shape, np.uint8)
    for _ in range(int(rng.integers(2, 30))):
        a, b = rng.integers(0, side, 2), rng.integers(0, side, 2)
        cv2.line(out, tuple(map(int, a)), tuple(map(int, b)), int(rng.integers(50, 256)), int(rng.integers(1, 40)), cv2.LINE_AA)
    return cv2.GaussianBlur(out.astype(np.float32) / 255, (0, 0), rng.uniform(0.5, 12)), kind


def sample(rng, image, film: Film, side: int):
    """One training picture and its answer: see `losses.total` for the keys."""
    seen, inside, points, pitch = frame(rng, image, film, side)
    low, high = np.percentile(image[::4, ::4], [0.2, 99.8])
    x = np.clip((seen - low) / max(high - low, 1), 0, 1).astype(np.float32)
    negative = film.lateral and rng.random() < 0.08
    if negative:
        x, _ = _spoil(rng, x)
        inside = np.ones_like(inside)
    x = tone(rng, x, inside, points, pitch)
    x, exposed = dirt(rng, x, inside)
    lateral = film.lateral and not negative
    state, weight = np.ones(34, np.float32), np.ones(34, np.float32)
    if not lateral:
        points, state[:], weight[:] = np.full((34, 2), side / 2), 0, 0.5
    else:
        unknown = np.isnan(points).any(1)
        points = np.where(unknown[:, None], side / 2, points)
        cell = np.floor(points).astype(int)
        on = ((cell >= 0) & (cell < side)).all(1)
        shown = np.zeros(34, bool)
        shown[on] = exposed[cell[on, 1], cell[on, 0]]
        margin = 0.12 * pitch
        edge = (points < -margin).any(1) | (points > side + margin).any(1)
        # Clearly off the picture: "absent". On it but under a border: it says nothing, unless far under.
        state[:] = np.where(shown, 1, np.where(edge, 0, -1))
        deep = cv2.dilate(exposed.astype(np.uint8), np.ones((2 * int(margin) + 1,) * 2, np.uint8)) > 0
        state[on] = np.where(~shown[on] & ~deep[cell[on, 1], cell[on, 0]], 0, state[on])
        state[unknown] = -1
        # A hidden landmark is to be inferred, but it must not outweigh those that can be seen.
        weight[~film.visible] = 0.5
    in_frame = state[20:24] > 0.5
    c7 = film.c7 if lateral and in_frame.all() else -1
    if lateral and not in_frame.any():
        c7 = 2
    if lateral and (state[:8] > 0.5).sum() < 4:  # a lateral neck needs C2 and C3
        lateral_label = 0.5
    else:
        lateral_label = float(lateral)
    image_in = normalise(x, inside, least=1e-3)
    return dict(
        image=image_in[None], points=points.astype(np.float32), state=state, weight=weight, pitch=np.float32(pitch),
        lateral=np.float32(lateral_label), c7=np.int64(c7), rotation=np.float32(film.rotation if lateral else -1),
    )
