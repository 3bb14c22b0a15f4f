"""A specialist's patch: one vertebra upright in its middle, cut from the film at full resolution.

The same rules as `src/detect/patch.rs`. The patch's x runs backwards from the anterior wall (the patient looks to the
left, whichever side the film shows), y down the body's own axis, and one level has `PITCH` pixels: a body always has
about the same size and stands the same way. The middle lies `BEHIND` level heights behind the body's centre, so that the
spinolaminar line is on the patch too.

In training the patch is misplaced as the global model misplaces it; a patch that shows another level, or no body at all,
teaches "absent".
"""

from __future__ import annotations

import cv2
import numpy as np

from augment import bodies, dirt, pitch_of, tone
from films import Film
from view import normalise

SIDE = 128
PITCH = 46.0  # pixels of one level height
BEHIND = 0.45  # level heights from the body's centre to the patch's middle
MARKS = 6  # antero-superior, antero-inferior, postero-superior, postero-inferior, spinolaminar superior, inferior

# The spread of (centre in level heights, turn in degrees, logarithm of the scale) about the truth, and how often it is thrice as large.
JITTER = {"body": (0.07, 4.0, 0.06, 0.15), "c2": (0.08, 4.0, 0.06, 0.2), "c7": (0.10, 5.0, 0.07, 0.25)}
# How often a patch keeps its film's own tone, where a corner can be seen and where none can: what little the shoulders leave of C7
# does not survive more blur and noise.
PLAIN = {"body": (0.0, 0.0), "c2": (0.3, 0.3), "c7": (0.4, 0.8)}
# What a mark that no reader could see counts: C7's specialist is asked for little else.
HIDDEN = {"body": 0.4, "c2": 0.4, "c7": 0.8}
ROLES = {"body": [0, 1, 2, 3, 4, 5], "c2": [0], "c7": [5]}
# C2's upper corners above its lower ones, in lengths of the lower end-plate along it (forwards) and across (upwards): the mean of 324 phantoms.
ABOVE = ((-0.42, 1.03), (-0.17, 0.77))


def marks_of(points: np.ndarray, level: int) -> np.ndarray:
    """[6, 2]: the four corners and the two spinolaminar ends of one level; NaN where there is none."""
    lamina = points[24 + 2 * (level - 1) : 26 + 2 * (level - 1)] if level > 0 else np.full((2, 2), np.nan)
    return np.concatenate([points[4 * level : 4 * level + 4], lamina])


def completed(corners: np.ndarray, level: int) -> np.ndarray:
    """The four corners; C2's upper ones, where nobody told them, about where they are, so that its patch can be placed."""
    corners = np.array(corners, np.float64)
    if level == 0 and np.isfinite(corners[[1, 3]]).all() and np.isnan(corners[[0, 2]]).any():
        along = corners[1] - corners[3]
        across = np.array([-along[1], along[0]])
        across *= 1.0 if across[1] < 0 else -1.0  # films are read with the head above
        for upper, lower, (forwards, upwards) in ((0, 1, ABOVE[0]), (2, 3, ABOVE[1])):
            corners[upper] = corners[lower] + forwards * along + upwards * across
    return corners


def stance(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A body's centre and the unit vector from posterior to anterior, squared up with its vertical axis: [4, 2] → [2], [2]."""
    centre = corners.mean(0)
    forward = (corners[0] + corners[1]) / 2 - (corners[2] + corners[3]) / 2
    down = (corners[1] + corners[3]) / 2 - (corners[0] + corners[2]) / 2
    hand = np.sign(forward[0] * down[1] - forward[1] * down[0])
    # `down` turned by a quarter towards the front: end-plates and walls tell the tilt together.
    quarter = hand * np.array([down[1], -down[0]])
    both = forward / np.linalg.norm(forward) + quarter / np.linalg.norm(quarter)
    return centre, both / np.linalg.norm(both)


def linear_of(forward: np.ndarray, left: bool, scale: float) -> np.ndarray:
    """The linear part of film → patch: `forward` points to −x of the patch, mirrored unless the patient looks to the left."""
    backward = -forward
    across = np.array([-backward[1], backward[0]]) * (1.0 if left else -1.0)
    return scale * np.stack([backward, across])


def faces_left(corners: np.ndarray) -> bool:
    """Whether a body's orientation is that of a patient who looks to the left: unlike `forward.x`, true for any lean."""
    forward = (corners[0] + corners[1]) - (corners[2] + corners[3])
    down = (corners[1] + corners[3]) - (corners[0] + corners[2])
    return bool(forward[0] * down[1] - forward[1] * down[0] < 0)


def warp(image: np.ndarray, linear: np.ndarray, middle: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The film through `patch = linear · (film − middle) + side / 2`, and which patch pixels lie on the film."""
    scale = np.sqrt(abs(np.linalg.det(linear)))
    reach = side / scale  # what the turned patch can touch, generously
    low = np.maximum(np.floor(middle - reach), 0).astype(int)
    high = np.minimum(np.ceil(middle + reach), [image.shape[1], image.shape[0]]).astype(int)
    if (high - low < 2).any():
        return np.zeros((side, side), np.float32), np.zeros((side, side), bool)
    part, origin = image[low[1] : high[1], low[0] : high[0]], low.astype(float)
    shrink = np.ones(2)
    if scale < 0.8:  # by area first, as the service does
        size = np.maximum(np.round((high - low) * scale * 1.1), 2).astype(int)
        shrink = size / (high - low)
        part = cv2.resize(part, tuple(int(s) for s in size), interpolation=cv2.INTER_AREA)
    inner = linear @ np.diag(1 / shrink)
    shift = side / 2 + linear @ (origin - middle) + inner @ [0.5, 0.5] - 0.5  # cv2 counts pixel centres from 0
    matrix = np.hstack([inner, shift[:, None]])
    seen = cv2.warpAffine(part.astype(np.float32), matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones(part.shape, np.uint8), matrix, (side, side), flags=cv2.INTER_NEAREST, borderValue=0) > 0
    return np.where(inside, seen, 0), inside


def usable(film: Film, role: str) -> list[int]:
    """The levels of a film that the specialist is for and whose four corners are known: of C2 the lower two are enough."""
    if not film.lateral or not np.isfinite(pitch_of(film.points)):
        return []
    return [v for v in ROLES[role] if np.isfinite(completed(film.points[4 * v : 4 * v + 4], v)).all()]


def place(rng, film: Film, level: int, role: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """(linear, middle, the six marks on the film, whether they are what was promised) of a misplaced patch."""
    points = film.points.astype(np.float64)
    pitch, marks = pitch_of(points), marks_of(points, level)
    corners = completed(marks[:4], level)
    (centre, forward), left = stance(corners), faces_left(corners)
    move, turn, size, wild = JITTER[role]
    wide = 3.0 if rng.random() < wild else 1.0
    angle = np.radians(rng.normal(0, turn * min(wide, 2.0)))
    c, s = np.cos(angle), np.sin(angle)
    forward = np.array([[c, -s], [s, c]]) @ forward
    scale = PITCH / pitch * np.exp(rng.normal(0, size * min(wide, 2.0)))
    offset = rng.normal(0, move * wide, 2).clip(-0.45, 0.45)
    promised = True
    chance = rng.random()
    if role != "body" and chance < 0.1:  # the neighbour's place: C3 for C2; C6 or the one below for C7
        column = bodies(points)
        if role == "c2":
            centre = column[1]
        else:
            centre = column[4] if rng.random() < 0.5 else 2 * column[5] - column[4]
        promised = False
    elif chance < 0.14:  # no body: beside the column, or anywhere far from it
        away = rng.uniform(1.6, 5.0) * (1 if rng.random() < 0.5 else -1)
        centre = centre + forward * away * pitch + np.array([0, rng.uniform(-1, 1)]) * pitch
        promised = False
    middle = centre + pitch * (offset - BEHIND * forward)
    return linear_of(forward, left, scale), middle, marks, promised


def sample(rng, image: np.ndarray, film: Film, role: str, level: int | None = None, spoil: bool = True) -> dict:
    """One training patch and its answer: see `losses.refined` for the keys. Without `spoil` the film keeps its own tone."""
    levels = usable(film, role)
    level = levels[rng.integers(len(levels))] if level is None else level
    linear, middle, marks, promised = place(rng, film, level, role)
    spoil = spoil and rng.random() >= PLAIN[role][not film.visible[4 * level : 4 * level + 4].any()]
    seen, inside = warp(image, linear, middle, SIDE)
    low, high = np.percentile(image[::4, ::4], [0.2, 99.8])
    x = np.clip((seen - low) / max(high - low, 1), 0, 1).astype(np.float32)
    every = (film.points.astype(np.float64) - middle) @ linear.T + SIDE / 2
    if spoil:
        x = tone(rng, x, inside, every, PITCH, unit=PITCH / 47, noise=0.4)
    if spoil and rng.random() < 0.15:
        x, inside = dirt(rng, x, inside, unit=PITCH / 47)
    points = (marks - middle) @ linear.T + SIDE / 2
    state, weight = np.ones(MARKS, np.float32), np.ones(MARKS, np.float32)
    unknown = np.isnan(points).any(1)
    points = np.where(unknown[:, None], SIDE / 2, points)
    cell = np.floor(points).astype(int)
    on = ((cell >= 0) & (cell < SIDE)).all(1)
    state[~on] = 0
    state[on] = np.where(inside[cell[on, 1], cell[on, 0]], 1, -1)
    if not promised:
        state[:], weight[:] = 0, 0.5
    state[unknown] = -1
    visible = np.concatenate([film.visible[4 * level : 4 * level + 4], film.visible[22 + 2 * level : 24 + 2 * level] if level else [False, False]])
    weight[~visible & promised] = HIDDEN[role]
    return dict(
        image=normalise(x, inside, least=1e-3)[None], points=points.astype(np.float32), state=state, weight=weight,
        pitch=np.float32(PITCH), level=np.int64(level), promised=promised, visible=visible & (state > 0.5),
        mm=np.float32((film.mm or np.nan) / np.sqrt(abs(np.linalg.det(linear)))),
    )
