"""Necks from research meshes: a statistical model of people's necks, real bones bent to fit it, and a pose. Needs numpy.

`docs/training.md` says what the files are and where they come from. The model (Reed & Jones 2017) draws a neck's mid-sagittal
landmarks from sex, stature, sitting height and age; each mean bone is bent until its own landmarks lie there. The landmarks of
a truth file are points of the bones' mid-sagittal outline, found once on the mean bones, and follow the bone from there.

Frame: that of the model, x backwards, z up, millimetres; y from side to side, 0 in the mid-sagittal plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solids import Material, Surface, read_obj, read_stl, section, smoothed

LEVELS = ["C1", "C2", "C3", "C4", "C5", "C6", "C7"]
CORNERS = {"antero_superior": "AntSupBod", "antero_inferior": "AntInfBod", "postero_superior": "PosSupBod", "postero_inferior": "PosInfBod"}
# Of a corner: the next one along the end-plate, and along the wall.
BESIDE = {"AntSupBod": ("PosSupBod", "AntInfBod"), "AntInfBod": ("PosInfBod", "AntSupBod"), "PosSupBod": ("AntSupBod", "PosInfBod"), "PosInfBod": ("AntInfBod", "PosSupBod")}
# Share of the variance of the first components, as the model's authors give it; of the others it is taken to fall on.
VARIANCE = [0.649, 0.269, 0.031, 0.008, 0.007, 0.006, *(0.005 * 0.8**i for i in range(14))]
# The authors give no absolute size. This one, of the third component, lets the curve from C2 to C7 spread by 10°,
# as it does among seated people.
THIRD = 30.0
# Motion of C2-3 … C6-7 as parts of that from head to T1, as the model's authors cite it.
MOTION = np.array([0.038, 0.104, 0.197, 0.181, 0.160])
# Height of the axes of motion of C2-3 … C6-7 in the lower body, after Amevo et al. 1991 (*Clin Biomech* 6:111).
AXES = [0.36, 0.52, 0.60, 0.78, 0.95]
# Corners of the body in thoracic1_s.stl and thoracic2_s.stl (forwards, up), read off their mid-sagittal section, mm.
THORACIC = {"AntSupBod": (9.3, 17.0), "AntInfBod": (9.5, 0.8), "PosSupBod": (-10.0, 17.5), "PosInfBod": (-11.2, 1.0)}


@dataclass
class Bone:
    """A mean bone."""

    surface: Surface
    marks: dict[str, int]  # vertices that the model has landmarks for
    truth: list[str]  # `antero_superior` …, `superior`, `inferior`: what the points are
    points: Material


@dataclass
class Person:
    """Who a neck belongs to."""

    female: bool
    stature: float  # mm
    sitting: float  # sitting height as a share of the stature
    age: float


@dataclass
class Pose:
    """How it is held; degrees, extension positive, and mm."""

    view: str  # `neutral` …
    discs: np.ndarray  # [5] change at C2-3 … C6-7 against how the person sits
    slips: np.ndarray  # [5] of the upper body backwards
    atlas: float  # C1 on C2
    head: float  # the head on C1
    torso: float  # of ribs against C7
    twist: float  # the head against the trunk
    yaw: float
    roll: float
    tilt: float  # backwards positive


@dataclass
class Neck:
    """Bones as they are held in front of the film; y = 0 is the patient's middle."""

    solid: dict[str, Surface]  # C1 … C7, T1, T2
    sheets: dict[str, Surface]  # skull, jaw, ribs
    truth: dict[tuple[str, str], np.ndarray]  # (vertebra, `antero_superior` …) → [3]


def turn(degrees: float) -> np.ndarray:
    """In the plane (x backwards, z up): extension, which carries what is above backwards."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s], [-s, c]])


class Anatomy:
    """The files of a folder, read once."""

    def __init__(self, folder: Path):
        model, girdle = folder / "umtri" / "data", folder / "occluders"
        for path in (model / "MeanModel.tsv", girdle / "hat_skull.stl"):
            if not path.exists():
                raise SystemExit(f"{path} is missing: docs/training.md says what an anatomy folder holds")
        rows = [line.split("\t") for line in (model / "MeanModel.tsv").read_text().splitlines() if line.strip()]
        self.names = [row[2].strip() for row in rows]
        self.mean = np.array([row[:2] for row in rows], float)
        self.components = np.loadtxt(model / "PCMatrix.tsv")
        self.regression = np.loadtxt(model / "RegressionCoefficients_sex+interactions.tsv")
        names = [line.split() for line in (model / "landmark_vertex_names.tsv").read_text().splitlines()]
        index = [[int(word) - 1 for word in line.split()] for line in (model / "landmark_vertex_positions.tsv").read_text().splitlines()]
        middle = dict(zip(self.names, self.mean))
        self.bones = {}
        for level, words, vertices in zip(LEVELS, names, index):
            marks = {word: vertex for word, vertex in zip(words, vertices) if word in middle}
            self.bones[level] = mean_bone(level, read_obj(model / f"{level}_mean.obj"), marks, middle)
        self.thoracic = [thoracic(read_stl(girdle / f"thoracic{i}_s.stl")) for i in (1, 2)]
        self.sheets = sheets(girdle, np.concatenate([bone.surface.vertices for bone in self.bones.values()]))

    def landmarks(self, person: Person, rng) -> dict[str, np.ndarray]:
        """The mid-sagittal landmarks of one of the people like `person`."""
        sex = 1.0 if person.female else -1.0
        own = np.array([person.stature, person.sitting, person.age])
        scores = self.regression @ np.concatenate([[sex], own, sex * own, [1.0]])
        spread = THIRD * np.sqrt(np.array(VARIANCE) / VARIANCE[2])
        # Where the neck stands on the trunk, which the first two tell, the person explains in part.
        spread[:2] *= 0.7
        scores = scores + spread * np.clip(rng.normal(0, 1, len(scores)), -2.5, 2.5)
        points = (self.mean.reshape(-1) + scores @ self.components).reshape(-1, 2)
        return dict(zip(self.names, points))


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares (linear, shift) of the plane that turns, shifts and scales `source` onto `target`: [n, 2] each."""
    a, b = (p[:, 0] + 1j * p[:, 1] for p in (source, target))
    z = ((a - a.mean()).conj() * (b - b.mean())).sum() / (np.abs(a - a.mean()) ** 2).sum()
    linear = np.array([[z.real, -z.imag], [z.imag, z.real]])
    return linear, target.mean(0) - linear @ source.mean(0)


def bent(points: np.ndarray, source: np.ndarray, target: np.ndarray, smooth: float = 0.0) -> np.ndarray:
    """`points` [n, 2] carried along by the thin-plate spline (Bookstein 1989) from `source` onto `target`."""
    def kernel(p):
        square = ((p[:, None] - source[None]) ** 2).sum(2)
        return square * np.log(np.maximum(square, 1e-12))

    count = len(source)
    flat = np.concatenate([np.ones((count, 1)), source], 1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(source) + smooth * np.eye(count)
    system[:count, count:], system[count:, :count] = flat, flat.T
    weights = np.linalg.solve(system, np.concatenate([target, np.zeros((3, 2))]))
    return kernel(points) @ weights[:count] + np.concatenate([np.ones((len(points), 1)), points], 1) @ weights[count:]


def fitted(vertices: np.ndarray, marks: dict[str, int], goals: dict[str, np.ndarray]) -> np.ndarray:
    """A bone in the model's frame: laid onto the goals of its marks, then bent until the marks lie there."""
    flat, index = vertices[:, [0, 2]], [marks[name] for name in marks]
    target = np.array([goals[name] for name in marks])
    linear, shift = similarity(flat[index], target)
    laid = flat @ linear.T + shift
    if len(marks) > 3:
        laid = bent(laid, laid[index], target)
    return np.stack([laid[:, 0], vertices[:, 1] * np.sqrt(np.linalg.det(linear)), laid[:, 1]], 1)


def mean_bone(level: str, surface: Surface, marks: dict[str, int], middle: dict[str, np.ndarray]) -> Bone:
    """A bone in the frame of the mean model, with its landmarks found on its mid-sagittal outline."""
    surface = smoothed(surface)
    if level == "C1":  # Its one landmark in front lies beside the middle: the foremost vertex is the anterior tubercle.
        near = np.flatnonzero(np.abs(surface.vertices[:, 1]) < 3)
        marks = {"C1_SpiPro": marks["C1_SpiPro"], "C1_AntTub": int(near[surface.vertices[near, 0].argmin()])}
    surface = Surface(fitted(surface.vertices, marks, middle), surface.faces)
    cut = section(surface)
    outline = cut.on(surface.vertices)[:, [0, 2]]
    truth = {name: corner(outline, level, short, surface, marks, middle) for name, short in CORNERS.items() if f"{level}_{short}" in marks}
    if f"{level}_SupCan" in marks:
        ends = surface.vertices[marks[f"{level}_SupCan"]][[0, 2]], middle[f"{level}_InfCan"]
        truth |= zip(("superior", "inferior"), lamina(outline, *ends))
    return Bone(surface, marks, list(truth), cut[list(truth.values())])


def corner(outline, level, short, surface, marks, middle) -> int:
    """The point of the rounded outline that lies furthest out along the bisector of a body's corner, as in the phantoms."""
    at = lambda name: surface.vertices[marks[name]][[0, 2]] if name in marks else middle[name]
    here = at(f"{level}_{short}")
    plate, wall = BESIDE[short]
    # C2 has no upper corners; its wall goes up to the dens.
    above = f"{level}_{wall}" if level != "C2" else "C2_SupMidDen"
    ways = [here - at(f"{level}_{plate}"), here - at(above)]
    out = sum(way / np.linalg.norm(way) for way in ways)
    # A broad rounding has no corner to be found: the anatomist's vertex has the say.
    near = np.linalg.norm(outline - here, axis=1) < 1.5
    if not near.any():
        raise SystemExit(f"{level}_{short}: the landmark's vertex lies far from the bone's middle; are the mesh and the landmark files of one release?")
    return int(np.where(near, outline @ out, -np.inf).argmax())


def lamina(outline: np.ndarray, top: np.ndarray, foot: np.ndarray) -> list[int]:
    """The ends of the spinolaminar line on the outline: on the lamina's anterior face, short of its edges as in the phantoms."""
    length = np.linalg.norm(foot - top)
    down = (foot - top) / length
    front = np.array([down[1], -down[0]])  # towards the body
    along, off = (outline - top) @ down, (outline - top) @ front
    found = []
    for share in (0.075, 0.925):
        near = (np.abs(along - share * length) < 0.9) & (np.abs(off) < 4.0)
        if not near.any():
            raise SystemExit("no lamina where the model has one; are the mesh and the landmark files of one release?")
        found.append(int(np.where(near, off, -np.inf).argmax()))
    return found


def thoracic(surface: Surface) -> Surface:
    """T1 or T2 in its own frame, x backwards, millimetres."""
    v = surface.vertices * 1000
    return smoothed(smoothed(Surface(np.stack([-v[:, 0], v[:, 2], v[:, 1]], 1), surface.faces[:, ::-1])))


def sheets(folder: Path, neck: np.ndarray) -> dict[str, Surface]:
    """Skull, jaw and ribs (with scapulae and clavicles) where they belong on the mean neck: their own neck's box tells."""
    read = lambda name: read_stl(folder / f"hat_{name}.stl")
    placed = lambda v: np.stack([-v[:, 0], v[:, 2], v[:, 1]], 1) * 1000
    own = placed(read("cervical").vertices)
    low, high = own.min(0), own.max(0)
    to_low, to_high = neck.min(0), neck.max(0)
    grow = (to_high - to_low) / (high - low)
    grow[1] = grow[2]
    shift = to_low - low * grow
    shift[1] = 0.0
    found = {}
    for name, file in (("skull", "skull"), ("jaw", "jaw"), ("ribs", "ribs_scap")):
        surface = read(file)
        found[name] = Surface(placed(surface.vertices) * grow + shift, surface.faces)
    return found


def drawn_person(rng) -> Person:
    """A grown person: the model was made from adults."""
    female = bool(rng.random() < 0.5)
    stature = np.clip(rng.normal(1630 if female else 1755, 70), 1450, 1950)
    return Person(female, float(stature), float(np.clip(rng.normal(0.525, 0.012), 0.49, 0.56)), float(rng.uniform(18, 85)))


def drawn_pose(rng) -> Pose:
    """Neutral, or bent as far as phantoms are."""
    view = str(rng.choice(["neutral", "flexion", "extension"], p=[0.6, 0.2, 0.2]))
    total = {"neutral": rng.normal(0, 5), "flexion": -rng.uniform(14, 44), "extension": rng.uniform(10, 34)}[view]
    shares = MOTION * np.maximum(rng.normal(1, 0.25, 5), 0.2)
    head = {"neutral": 0.0, "flexion": -8.0, "extension": 10.0}[view]
    odd = rng.random()
    return Pose(
        view, total * shares / shares.sum() + rng.normal(0, 1.0, 5), rng.normal(0, 0.5 + 0.3 * odd, 5), rng.normal(0.3 * head, 3),
        rng.normal(0.7 * head, 5), rng.normal(0, 4), rng.normal(0, 2 + 6 * odd), rng.normal(0, 2 + 4 * odd),
        rng.normal(0, 1 + 3 * odd), rng.normal(0, 2 + 5 * odd) + 0.15 * total,
    )


def varied(goals: dict[str, np.ndarray], rng) -> dict[str, np.ndarray]:
    """What the model leaves out: bodies that are taller or deeper than their fellows, and every landmark a little off."""
    new, shared = dict(goals), rng.normal(1, 0.03, 2)
    for level in LEVELS[1:]:
        centre = (goals[f"{level}_AntInfBod"] + goals[f"{level}_PosInfBod"]) / 2
        grow = shared * np.clip(rng.normal(1, 0.025, 2), 0.93, 1.07)
        for name in goals:
            if name.startswith(f"{level}_"):
                new[name] = centre + (goals[name] - centre) * grow + rng.normal(0, 0.35, 2)
    return new


def moves(goals: dict[str, np.ndarray], pose: Pose) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(linear, shift) in the sagittal plane of each bone and of the head, from C7 upwards."""
    found = {"C7": (np.eye(2), np.zeros(2))}

    def hinge(below, centre, angle, slip=(0.0, 0.0)):
        linear, shift = found[below]
        own = turn(angle)
        return linear @ own, linear @ (centre - own @ centre + slip) + shift

    for k in range(4, -1, -1):
        upper, lower = LEVELS[k + 1], LEVELS[k + 2]
        at = lambda short: goals[f"{lower}_{short}"]
        rear = 0.6 * at("PosInfBod") + 0.4 * at("AntInfBod")
        roof = 0.6 * at("PosSupBod") + 0.4 * at("AntSupBod")
        along = at("PosSupBod") - at("AntSupBod")
        slip = pose.slips[k] * along / np.linalg.norm(along)
        found[upper] = hinge(lower, rear + AXES[k] * (roof - rear), pose.discs[k], slip)
    found["C1"] = hinge("C2", (goals["C1C2_AntInt"] + goals["C1C2_PosInt"]) / 2, pose.atlas)
    found["head"] = hinge("C1", (goals["AntOccCon"] + goals["PosOccCon"]) / 2, pose.head)
    return found


def carried(vertices: np.ndarray, linear: np.ndarray, shift: np.ndarray, wide: float = 1.0) -> np.ndarray:
    """A motion of the sagittal plane in space."""
    flat = vertices[:, [0, 2]] @ linear.T + shift
    return np.stack([flat[:, 0], vertices[:, 1] * wide, flat[:, 1]], 1)


def space(yaw: float, roll: float) -> np.ndarray:
    """About the long axis, then about the one from back to front."""
    a, b = np.radians([yaw, roll])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_x @ about_z


def thoracic_spine(anatomy: Anatomy, goals: dict[str, np.ndarray], rng) -> dict[str, Surface]:
    """T1 and T2 below C7, as large as it and each a little more bent forwards than the one above."""
    front, rear = goals["C7_AntInfBod"], goals["C7_PosInfBod"]
    own = {short: np.array([-forwards, up]) for short, (forwards, up) in THORACIC.items()}
    depth, found = np.linalg.norm(own["PosSupBod"] - own["AntSupBod"]), {}
    for name, surface in zip(("T1", "T2"), anatomy.thoracic):
        plate = turn(rng.normal(3.0, 1.5)) @ (rear - front)
        down = np.array([plate[1], -plate[0]]) / np.linalg.norm(plate)
        seat = (front + rear) / 2 + down * rng.uniform(3.5, 6.0)
        grow = np.linalg.norm(plate) * rng.uniform(1.0, 1.06) / depth
        linear, _ = similarity(np.array([own["AntSupBod"], own["PosSupBod"]]), np.array([-plate, plate]))
        linear *= grow / np.sqrt(np.linalg.det(linear))
        shift = seat - linear @ (own["AntSupBod"] + own["PosSupBod"]) / 2
        found[name] = Surface(carried(surface.vertices, linear, shift, grow), surface.faces)
        front, rear = (linear @ own[short] + shift for short in ("AntInfBod", "PosInfBod"))
    return found


def posed(anatomy: Anatomy, person: Person, pose: Pose, rng) -> Neck:
    """A neck of a person like `person`, held as `pose` says."""
    mean = dict(zip(anatomy.names, anatomy.mean))
    goals = varied(anatomy.landmarks(person, rng), rng)
    motion = moves(goals, pose)
    width = rng.normal(1, 0.04)
    middle = goals["C5_AntInfBod"] * 0.5 + goals["C5_PosSupBod"] * 0.5
    leaned = turn(pose.tilt)
    whole = space(pose.yaw, pose.roll)

    def place(vertices, name, twist):
        """Twists about the canal, moves with the column, then stands as the patient does."""
        axis = np.array([goals[f"{name}_PosInfBod"][0] if f"{name}_PosInfBod" in goals else goals["C2_PosInfBod"][0], 0, 0])
        vertices = (vertices - axis) @ space(twist, 0).T + axis
        moved = carried(vertices, *motion.get(name, motion["C7"]))
        return carried(moved - [middle[0], 0, middle[1]], leaned, np.zeros(2)) @ whole.T

    neck = Neck({}, {}, {})
    for k, (level, bone) in enumerate(anatomy.bones.items()):
        vertices = fitted(bone.surface.vertices, bone.marks, goals) * [1, width, 1]
        twist = pose.twist * (6 - k) / 6
        neck.solid[level] = Surface(place(vertices, level, twist), bone.surface.faces)
        placed = place(bone.points.on(vertices), level, twist)
        neck.truth |= {(level, name): point for name, point in zip(bone.truth, placed)}
    for name, surface in thoracic_spine(anatomy, goals, rng).items():
        neck.solid[name] = Surface(place(surface.vertices, "C7", 0.0), surface.faces)
    body = [f"{level}_{short}" for level in ("C6", "C7") for short in CORNERS.values()]
    head = ["Tragion", "Infraorbitale", "AntOccCon", "PosOccCon", "C1_AntTub", "C1_SpiPro"]
    for name, surface in anatomy.sheets.items():
        by = body if name == "ribs" else head
        linear, shift = similarity(np.array([mean[n] for n in by]), np.array([goals[n] for n in by]))
        vertices = carried(surface.vertices, linear, shift, np.sqrt(np.linalg.det(linear)))
        if name == "ribs":
            own = turn(pose.torso)
            vertices = carried(vertices, own, goals["C7_AntInfBod"] - own @ goals["C7_AntInfBod"] + rng.normal(0, 4, 2))
        neck.sheets[name] = Surface(place(vertices, "C7" if name == "ribs" else "head", 0.0 if name == "ribs" else pose.twist), surface.faces)
    return neck
