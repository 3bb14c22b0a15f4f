#!/usr/bin/env python3
"""Checks `solids.py` and `anatomy.py` on made-up bones whose shadow and corners are known; no anatomy folder is needed.

    python3 scripts/train/test_meshes.py        # needs nothing but numpy
"""

import unittest

import numpy as np

from anatomy import LEVELS, Pose, bent, fitted, mean_bone, moves, similarity
from solids import Beam, Surface, normals, outward, section, shell, smoothed, thickness, window

BOX = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]


def box(half, centre=(0.0, 0.0, 0.0)) -> Surface:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    return outward(Surface(corners * half + centre, np.array(BOX)))


def beam(**other) -> Beam:
    usual = dict(source_to_detector=1500.0, patient_to_detector=250.0, foot=(0.0, 0.0), centre=(60.0, 80.0), pixel=0.5, left=True, size=(120, 160))
    return Beam(**(usual | other))


class Shadows(unittest.TestCase):
    def test_a_point_falls_where_the_ray_through_it_does(self):
        grown = 1500 / 1250 / 0.5
        np.testing.assert_allclose(beam().project(np.array([10.0, 0.0, 20.0])), [60 + 10 * grown, 80 - 20 * grown])
        np.testing.assert_allclose(beam(left=False).project(np.array([10.0, 0.0, 20.0])), [60 - 10 * grown, 80 - 20 * grown])
        self.assertAlmostEqual(beam().spacing, 1 / grown)
        # What is nearer to the tube is larger.
        np.testing.assert_allclose(beam().project(np.array([10.0, -250.0, 0.0]))[0], 60 + 10 * 1500 / 1000 / 0.5)

    def test_a_box_is_as_thick_as_it_is(self):
        for left in (True, False):
            for centre in ((0, 0, 0), (2, 30, -3)):
                solid, ray = box((8, 5, 6), centre), beam(left=left)
                where = (slice(0, 160), slice(0, 120))
                image = thickness(solid, ray, where)
                column, row = np.round(ray.project(np.array(centre, float)) - 0.5).astype(int)
                self.assertAlmostEqual(image[row, column], 10.0, delta=0.05)
                # The shadow of the box lies between those of its near and its far face.
                corners = ray.project(solid.vertices)
                self.assertEqual(image[: int(corners[:, 1].min()) - 1].max(), 0)
                self.assertEqual(image[:, int(corners[:, 0].max()) + 2 :].max(), 0)
                self.assertAlmostEqual(image.sum() * ray.spacing**2 / (16 * 10 * 12), (1250 / (1250 + centre[1])) ** 2, delta=0.05)

    def test_a_part_of_the_film_shows_the_same(self):
        solid, ray = smoothed(box((8, 5, 6))), beam()
        whole = thickness(solid, ray, (slice(0, 160), slice(0, 120)))
        rows, columns = window(ray.project(solid.vertices), ray.size)
        np.testing.assert_allclose(thickness(solid, ray, (rows, columns)), whole[rows, columns], atol=1e-9)
        self.assertEqual(whole.sum(), whole[rows, columns].sum())

    def test_a_solid_that_is_cut_by_the_edge_of_the_film_is_whole_up_to_it(self):
        image = thickness(box((30, 5, 50)), beam(), (slice(0, 160), slice(0, 120)))
        self.assertAlmostEqual(image.min(), 10.0, delta=0.1)
        self.assertAlmostEqual(image.max(), 10.0, delta=0.1)

    def test_a_sheet_weakens_twice_and_its_edge_more(self):
        image = shell(box((8, 5, 6)), beam(), 2.0, (slice(0, 160), slice(0, 120)))
        self.assertAlmostEqual(image[80, 60], 4.0)
        self.assertLessEqual(image.max(), 4 * 5 * 2.0)


class Surfaces(unittest.TestCase):
    def test_smoothing_closes_no_hole_and_opens_none(self):
        once = smoothed(box((8, 5, 6)))
        self.assertEqual(len(once.faces), 4 * 12)
        edges = np.sort(np.stack([once.faces, np.roll(once.faces, -1, 1)], -1).reshape(-1, 2), 1)
        self.assertTrue((np.unique(edges, axis=0, return_counts=True)[1] == 2).all())
        self.assertTrue((np.abs(once.vertices) <= [8, 5, 6]).all())

    def test_normals_point_outwards(self):
        solid = smoothed(smoothed(box((8, 5, 6))))
        self.assertGreater((normals(solid) * solid.vertices).sum(1).min(), 0)

    def test_points_of_a_section_lie_in_its_plane_and_follow_the_bone(self):
        solid = box((8, 5, 6))
        cut = section(solid, 1.0)
        points = cut.on(solid.vertices)
        np.testing.assert_allclose(points[:, 1], 1.0)
        self.assertTrue(np.isclose(np.abs(points[:, [0, 2]]) / [8, 6], 1).any(1).all())
        np.testing.assert_allclose(cut.on(solid.vertices * [2, 1, 3] + 7), points * [2, 1, 3] + 7)


def block() -> tuple[Surface, dict[str, int]]:
    """A bar of 16 × 10 × 12 mm with the corners of a body on its middle slice, x backwards."""
    turns = np.array([(-8, -6), (8, -6), (8, 6), (-8, 6), (-8, -6)], float)
    outline = np.concatenate([np.linspace(turns[i], turns[i + 1], 8, endpoint=False) for i in range(4)])
    count, slices = len(outline), [-5.0, -2.5, 0.0, 2.5, 5.0]
    vertices = [(x, y, z) for y in slices for x, z in outline] + [(0, -5, 0), (0, 5, 0)]
    faces = []
    for i in range(count):
        j = (i + 1) % count
        for k in range(len(slices) - 1):
            a, b, c, d = k * count + i, k * count + j, (k + 1) * count + i, (k + 1) * count + j
            faces += [(a, b, d), (a, d, c)]
        last = (len(slices) - 1) * count
        faces += [(len(vertices) - 2, j, i), (len(vertices) - 1, last + i, last + j)]
    marks = {"C4_AntInfBod": 0, "C4_PosInfBod": 8, "C4_PosSupBod": 16, "C4_AntSupBod": 24}
    return outward(Surface(np.array(vertices, float), np.array(faces))), {name: 2 * count + i for name, i in marks.items()}


def column() -> dict[str, np.ndarray]:
    """A straight neck of equal bodies."""
    goals = {}
    for k, level in enumerate(LEVELS[1:]):
        z = 18.0 * (5 - k)
        for short, x, up in (("AntInfBod", 0, 0), ("AntSupBod", 0, 13), ("PosInfBod", 16, 0), ("PosSupBod", 16, 13)):
            goals[f"{level}_{short}"] = np.array([x, z + up], float)
    top = goals["C2_AntSupBod"][1]
    goals |= {"C1C2_AntInt": np.array([2.0, top + 8]), "C1C2_PosInt": np.array([14.0, top + 8])}
    return goals | {"AntOccCon": np.array([2.0, top + 25]), "PosOccCon": np.array([14.0, top + 25])}


class Bones(unittest.TestCase):
    def test_a_similarity_is_found_again(self):
        rng = np.random.default_rng(1)
        points, linear, shift = rng.normal(0, 9, (7, 2)), np.array([[1.2, -0.5], [0.5, 1.2]]), np.array([4.0, -7.0])
        found = similarity(points, points @ linear.T + shift)
        np.testing.assert_allclose(found[0], linear)
        np.testing.assert_allclose(found[1], shift)

    def test_a_bent_bone_has_its_marks_where_they_belong_and_a_plain_motion_does_not_bend_it(self):
        rng = np.random.default_rng(2)
        source = rng.normal(0, 9, (8, 2))
        target = source + rng.normal(0, 1, (8, 2))
        np.testing.assert_allclose(bent(source, source, target), target, atol=1e-9)
        other = rng.normal(0, 20, (30, 2))
        np.testing.assert_allclose(bent(other, source, source @ [[0.9, 0.2], [-0.2, 0.9]] + 3), other @ [[0.9, 0.2], [-0.2, 0.9]] + 3, atol=1e-6)

    def test_corners_are_found_on_the_bone_and_follow_it_onto_the_film(self):
        solid, marks = block()
        goals = {name: np.array([x, z], float) for name, x, z in (("C4_AntSupBod", -9, 5), ("C4_AntInfBod", -9, -9), ("C4_PosSupBod", 9, 8), ("C4_PosInfBod", 8, -8))}
        middle = {name: solid.vertices[i][[0, 2]] for name, i in marks.items()}
        bone = mean_bone("C4", solid, marks, middle)
        self.assertEqual(bone.truth, ["antero_superior", "antero_inferior", "postero_superior", "postero_inferior"])
        vertices = fitted(bone.surface.vertices, bone.marks, goals)
        for name, point in zip(bone.truth, bone.points.on(vertices)):
            front, low = name.startswith("antero"), name.endswith("inferior")
            goal = goals["C4_" + ("Ant" if front else "Pos") + ("Inf" if low else "Sup") + "Bod"]
            self.assertLess(np.linalg.norm(point[[0, 2]] - goal), 0.8, name)
            self.assertAlmostEqual(point[1], 0)
            # On the film bone lies inwards of the corner and none outwards.
            for left in (True, False):
                ray = beam(left=left, pixel=0.25, centre=(120.0, 160.0), size=(240, 320))
                image = thickness(Surface(vertices, bone.surface.faces), ray, (slice(0, 320), slice(0, 240)))
                away = np.array([-1.0 if front else 1.0, 0, -1.0 if low else 1.0])
                bright = [image[tuple(np.floor(ray.project(point + step * away)).astype(int)[::-1])] for step in (-1.0, 1.0)]
                self.assertGreater(bright[0], 1.0, name)
                self.assertEqual(bright[1], 0, name)

    def test_extension_carries_the_head_backwards_by_the_angle_asked_for(self):
        pose = Pose("extension", np.array([2.0, 4, 6, 5, 3]), np.zeros(5), 1.0, 7.0, 0, 0, 0, 0, 0)
        goals = column()
        found = moves(goals, pose)
        for name, angle in (("C7", 0), ("C6", 3), ("C2", 20), ("C1", 21), ("head", 28)):
            linear, _ = found[name]
            self.assertAlmostEqual(np.degrees(np.arctan2(linear[0, 1], linear[0, 0])), angle)
        linear, shift = found["head"]
        self.assertGreater((linear @ goals["AntOccCon"] + shift)[0], goals["AntOccCon"][0] + 10)

    def test_a_slip_runs_along_the_end_plate(self):
        pose = Pose("neutral", np.zeros(5), np.array([0, 0, 2.5, 0, 0]), 0, 0, 0, 0, 0, 0, 0)
        found = moves(column(), pose)
        np.testing.assert_allclose(found["C5"][1], [0, 0], atol=1e-12)
        np.testing.assert_allclose(found["C4"][1], [2.5, 0], atol=1e-12)
        np.testing.assert_allclose(found["head"][1], [2.5, 0], atol=1e-12)


if __name__ == "__main__":
    unittest.main()
