//! The bodies that were found, on the film: what places a patch, and what the locator starts from.

use crate::domain::anatomy::{Corner, Keypoints, Vertebra};
use crate::domain::geometry::PointPx;

use super::view::turned;

/// From one body to the next no neck steps further than this many times the median of its other steps: of 8 000 phantoms of all ages
/// and postures one in a thousand exceeds 1.38 below C2 and 1.28 further down.
const GAP: f64 = 1.4;
/// No two bodies stand in one another: of 12 450 steps in phantoms of all ages and postures the shortest is 0.87 times the mean of the two
/// bodies' heights.
const OVERLAP: f64 = 0.85;
/// Steps needed to know what is usual in this neck.
const ENOUGH_STEPS: usize = 2;

/// Where a vertebra stands on the film and which way it looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stance {
    /// Between its corners.
    pub centre: PointPx,
    /// Unit vector from posterior to anterior, square to the body's own axis.
    pub forward: PointPx,
    /// Whether the patient looks to the left of the film, were the column upright: true at any lean.
    pub left: bool,
    /// The height of a level of this neck, in film pixels.
    pub level: f64,
}

impl Stance {
    /// Of a body with these corners (antero-superior, antero-inferior, postero-superior, postero-inferior) in a neck whose levels
    /// are `level` pixels high; `None` where the corners span no area.
    pub fn of([a, b, c, d]: [PointPx; 4], level: f64) -> Option<Self> {
        let forward = a.midpoint(b).from(c.midpoint(d));
        let down = b.midpoint(d).from(a.midpoint(c));
        let hand = forward.x * down.y - forward.y * down.x;
        // `down` turned by a quarter towards the front: end-plates and walls tell the tilt together.
        let quarter = PointPx::new(hand.signum() * down.y, -hand.signum() * down.x);
        let (one, other) = (unit(forward)?, unit(quarter)?);
        let forward = unit(PointPx::new(one.x + other.x, one.y + other.y))?;
        let sane = hand != 0.0 && level > 0.0 && level.is_finite();
        sane.then_some(Self { centre: a.midpoint(d).midpoint(b.midpoint(c)), forward, left: hand < 0.0, level })
    }
}

pub(super) fn unit(v: PointPx) -> Option<PointPx> {
    let length = v.x.hypot(v.y);
    (length > 0.0 && length.is_finite()).then(|| PointPx::new(v.x / length, v.y / length))
}

/// The corners of each body of which three or four are known; a missing one completes the parallelogram.
pub(super) struct Column([Option<[PointPx; 4]>; 6]);

impl Column {
    pub(super) fn of(keypoints: &Keypoints) -> Self {
        Self(Vertebra::ALL.map(|vertebra| complete(Corner::ALL.map(|corner| keypoints.corner(vertebra, corner)))))
    }

    /// The centres that are known, each with its place in the order of the levels.
    pub(super) fn centres(&self) -> impl Iterator<Item = (usize, PointPx)> + '_ {
        let centre = |[a, b, c, d]: [PointPx; 4]| a.midpoint(d).midpoint(b.midpoint(c));
        self.0.iter().enumerate().filter_map(move |(i, body)| body.map(|corners| (i, centre(corners))))
    }

    /// The mean height of a level in film pixels; `None` with fewer than two bodies.
    pub(super) fn level(&self) -> Option<f64> {
        level(&self.centres().collect::<Vec<_>>())
    }

    /// How `vertebra` stands; `None` where it or every other body is missing.
    pub(super) fn stance(&self, vertebra: Vertebra) -> Option<Stance> {
        Stance::of(self.0.get(vertebra as usize).copied().flatten()?, self.level()?)
    }

    /// The vertebra of C3…C6 above which the column leaves room for one more: its centre lies further from that of the vertebra above
    /// than [`GAP`] times the median of the other steps.
    pub(super) fn gap(&self) -> Option<Vertebra> {
        let centres: Vec<(usize, PointPx)> = self.centres().collect();
        let steps: Vec<(usize, f64)> = centres
            .windows(2)
            .filter_map(|pair| match pair {
                [above, below] if below.0 == above.0 + 1 => Some((below.0, above.1.distance(below.1))),
                _ => None,
            })
            .collect();
        let (at, widest) = steps.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let mut others: Vec<f64> = steps.iter().filter(|(i, _)| *i != at).map(|(_, step)| *step).collect();
        others.sort_by(f64::total_cmp);
        let usual = others.get(others.len() / 2).filter(|_| others.len() >= ENOUGH_STEPS)?;
        let inner = Vertebra::ALL.get(at).copied().filter(|v| *v != Vertebra::C7)?;
        (widest > GAP * usual).then_some(inner)
    }

    /// The uppermost two neighbours that stand in one another, nearer than [`OVERLAP`]: of these one at most is a body.
    pub(super) fn overlap(&self) -> Option<(Vertebra, Vertebra)> {
        let height = |[a, b, c, d]: [PointPx; 4]| a.midpoint(c).distance(b.midpoint(d));
        let centre = |[a, b, c, d]: [PointPx; 4]| a.midpoint(d).midpoint(b.midpoint(c));
        let neighbours = Vertebra::ALL.iter().zip(self.0).zip(Vertebra::ALL.iter().zip(self.0).skip(1));
        neighbours.into_iter().find_map(|((one, above), (other, below))| {
            let (above, below) = (above?, below?);
            let room = 0.5 * (height(above) + height(below));
            (centre(above).distance(centre(below)) < OVERLAP * room).then_some((*one, *other))
        })
    }

    /// How `vertebra`, which was not found, must stand between the two that were.
    pub(super) fn between(&self, vertebra: Vertebra) -> Option<Stance> {
        let at = |i: Option<usize>| i.and_then(|i| self.0.get(i).copied().flatten());
        let (above, below) = (at((vertebra as usize).checked_sub(1))?, at(Some(vertebra as usize + 1))?);
        let [a, b, c, d] = above;
        let [e, f, g, h] = below;
        Stance::of([a.midpoint(e), b.midpoint(f), c.midpoint(g), d.midpoint(h)], self.level()?)
    }

    /// The first of C4…C6 that was not found below two that were, and how it must stand: one more step down, turned once more as far
    /// as from the last but one to the last.
    pub(super) fn next_below(&self) -> Option<(Vertebra, Stance)> {
        let lowest = self.0.iter().rposition(Option::is_some)?;
        let next = Vertebra::ALL.get(lowest + 1).copied().filter(|v| *v != Vertebra::C7)?;
        let stance = |i: usize| self.stance(Vertebra::ALL.get(i).copied()?);
        let (above, last) = (stance(lowest.checked_sub(1)?)?, stance(lowest)?);
        let (one, other) = (above.forward, last.forward);
        let turn = (one.x * other.y - one.y * other.x).atan2(one.x * other.x + one.y * other.y);
        let step = turned(last.centre.from(above.centre), turn);
        let centre = PointPx::new(last.centre.x + step.x, last.centre.y + step.y);
        Some((next, Stance { centre, forward: turned(other, turn), ..last }))
    }

    /// Whether the patient looks to the left, by the orientation of most bodies; `None` where none is known.
    pub(super) fn looks_left(&self) -> Option<bool> {
        let sides: Vec<bool> = self.0.iter().flatten().filter_map(|c| Stance::of(*c, 1.0)).map(|s| s.left).collect();
        let left = sides.iter().filter(|left| **left).count();
        (!sides.is_empty()).then_some(2 * left > sides.len())
    }
}

/// The mean distance from one level to the next, of centres with their places.
pub(super) fn level(centres: &[(usize, PointPx)]) -> Option<f64> {
    let (first, last) = (centres.first()?, centres.last()?);
    let along: f64 = centres.windows(2).filter_map(|w| Some(w.first()?.1.distance(w.last()?.1))).sum();
    (last.0 > first.0 && along > 0.0).then(|| along / (last.0 - first.0) as f64)
}

fn complete(corners: [Option<PointPx>; 4]) -> Option<[PointPx; 4]> {
    let add = |p: PointPx, q: PointPx, r: PointPx| PointPx::new(p.x + q.x - r.x, p.y + q.y - r.y);
    match corners {
        [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
        [None, Some(b), Some(c), Some(d)] => Some([add(b, c, d), b, c, d]),
        [Some(a), None, Some(c), Some(d)] => Some([a, add(a, d, c), c, d]),
        [Some(a), Some(b), None, Some(d)] => Some([a, b, add(a, d, b), d]),
        [Some(a), Some(b), Some(c), None] => Some([a, b, c, add(b, c, a)]),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A body 20 deep and 15 high about (`x`, `y`), looking to the left, turned by `lean` radians from x towards y.
    pub(in super::super) fn body(x: f64, y: f64, lean: f64) -> [PointPx; 4] {
        [(-10.0, -7.5), (-10.0, 7.5), (10.0, -7.5), (10.0, 7.5)].map(|(dx, dy)| {
            let v = super::super::view::turned(PointPx::new(dx, dy), lean);
            PointPx::new(x + v.x, y + v.y)
        })
    }

    #[test]
    fn a_body_tells_its_side_at_any_lean() {
        for lean in [-1.4, -0.4, 0.0, 0.9, 2.0] {
            let left = body(50.0, 40.0, lean);
            let stance = Stance::of(left, 18.0).unwrap();
            assert!(stance.left && stance.centre.distance(PointPx::new(50.0, 40.0)) < 1e-9);
            assert!(stance.forward.distance(PointPx::new(-lean.cos(), -lean.sin())) < 1e-9, "{lean}: {stance:?}");
            let right = Stance::of(left.map(|p| PointPx::new(-p.x, p.y)), 18.0).unwrap();
            assert!(!right.left && right.forward.distance(PointPx::new(lean.cos(), -lean.sin())) < 1e-9);
        }
    }

    #[test]
    fn corners_on_one_point_or_line_have_no_stance() {
        let p = PointPx::new(3.0, 4.0);
        assert!(Stance::of([p; 4], 18.0).is_none());
        assert!(Stance::of([0.0, 1.0, 2.0, 3.0].map(|x| PointPx::new(x, x)), 18.0).is_none());
        assert!(Stance::of(body(0.0, 0.0, 0.0), 0.0).is_none());
    }

    #[test]
    fn three_corners_make_the_fourth() {
        let whole = body(30.0, 30.0, 0.3);
        for missing in 0..4 {
            let mut corners = whole.map(Some);
            corners[missing] = None;
            let made = complete(corners).unwrap()[missing];
            assert!(made.distance(whole[missing]) < 1e-9, "{missing}");
        }
        assert!(complete([Some(whole[0]), None, None, Some(whole[3])]).is_none());
    }

    #[test]
    fn a_column_has_a_gap_only_where_a_body_has_room() {
        let column = |ys: [Option<f64>; 6]| Column(ys.map(|y| y.map(|y| body(30.0, y, 0.1))));
        let gap = |ys: [f64; 6]| column(ys.map(Some)).gap();
        assert_eq!(gap([0.0, 18.0, 36.0, 54.0, 72.0, 90.0]), None);
        assert_eq!(gap([0.0, 18.0, 36.0, 72.0, 90.0, 108.0]), Some(Vertebra::C5));
        assert_eq!(gap([0.0, 36.0, 54.0, 72.0, 90.0, 108.0]), Some(Vertebra::C3));
        // C2 is tall, and some discs are wide.
        assert_eq!(gap([0.0, 22.0, 40.0, 62.0, 80.0, 98.0]), None);
        // Below C6 there is no name to move.
        assert_eq!(gap([0.0, 18.0, 36.0, 54.0, 72.0, 108.0]), None);
        // A missing body is no gap between neighbours, and two steps tell what is usual, one does not.
        assert_eq!(column([Some(0.0), Some(18.0), None, Some(54.0), Some(72.0), Some(90.0)]).gap(), None);
        assert_eq!(column([Some(0.0), Some(36.0), Some(54.0), None, None, None]).gap(), None);
        assert_eq!(column([Some(0.0), Some(36.0), Some(54.0), Some(72.0), None, None]).gap(), Some(Vertebra::C3));
    }

    #[test]
    fn two_bodies_in_one_place_overlap_and_narrow_discs_do_not() {
        // Bodies are 15 high.
        let overlap = |ys: [Option<f64>; 6]| Column(ys.map(|y| y.map(|y| body(30.0, y, 0.1)))).overlap();
        assert_eq!(overlap([0.0, 18.0, 33.5, 51.0, 69.0, 87.0].map(Some)), None);
        assert_eq!(overlap([0.0, 18.0, 36.0, 45.0, 54.0, 72.0].map(Some)), Some((Vertebra::C4, Vertebra::C5)));
        assert_eq!(overlap([0.0, 7.0, 25.0, 43.0, 61.0, 79.0].map(Some)), Some((Vertebra::C2, Vertebra::C3)));
        assert_eq!(overlap([None, None, None, Some(0.0), None, Some(3.0)]), None);
        assert_eq!(overlap([None; 6]), None);
    }

    #[test]
    fn what_was_passed_over_is_promised_half_way() {
        let column = Column([
            Some(body(30.0, 0.0, 0.0)),
            None,
            Some(body(34.0, 40.0, 0.2)),
            Some(body(36.0, 60.0, 0.2)),
            None,
            None,
        ]);
        let stance = column.between(Vertebra::C3).unwrap();
        assert!(stance.centre.distance(PointPx::new(32.0, 20.0)) < 1e-9 && stance.left);
        assert!(column.between(Vertebra::C6).is_none() && column.between(Vertebra::C2).is_none());
    }

    #[test]
    fn the_next_below_lies_one_step_on_and_turns_on() {
        // Two steps on a circle of radius 90 on which each body stands square to the line to the middle.
        for mirror in [1.0, -1.0] {
            let on_circle = |i: i32| {
                let angle = -0.2 * f64::from(i);
                let (sin, cos) = angle.sin_cos();
                body(200.0 - 90.0 * cos, 100.0 - 90.0 * sin, angle).map(|p| PointPx::new(mirror * p.x, p.y))
            };
            let found = |n: i32| Column([0, 1, 2, 3, 4, 5].map(|i| (i < n).then(|| on_circle(i))));
            let (next, stance) = found(4).next_below().unwrap();
            assert_eq!(next, Vertebra::C6);
            let expected = found(6).stance(Vertebra::C6).unwrap();
            assert!(stance.centre.distance(expected.centre) < 1e-9, "{stance:?} {expected:?}");
            assert!(stance.forward.distance(expected.forward) < 1e-9 && stance.left == expected.left);
            // C7 has its own specialist and the locator; from one body no step is known.
            assert_eq!(found(5).next_below(), None);
            assert_eq!(found(1).next_below(), None);
            assert_eq!(found(0).next_below(), None);
        }
    }

    #[test]
    fn a_gap_does_not_stretch_the_level() {
        let at = |i: usize| (i, PointPx::new(0.0, 18.0 * i as f64));
        assert_eq!(level(&[at(0), at(1), at(3), at(5)]), Some(18.0));
        assert_eq!(level(&[at(2)]), None);
    }
}
