#!/usr/bin/env python3
"""Checks `solids.py` on bodies whose shadow is known. Needs nothing but numpy: python3 scripts/train/test_solids.py"""

import unittest

import numpy as np

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


if __name__ == "__main__":
    unittest.main()
