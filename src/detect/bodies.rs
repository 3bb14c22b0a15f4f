//! Four corners make a body: which of their modes belong together, and whether the shape could be a vertebra.
//!
//! All priors are on ratios and angles, so that neither the film's scale nor the side the patient faces matters; they are
//! wide, because pathology is what the films are taken for. A body that fails them costs, it is not forbidden.

use crate::domain::anatomy::Vertebra;
use crate::domain::geometry::PointPx;

use super::heatmap::{Mode, Reading};

/// A vertebra is weighed with at most this many bodies: the right one and its neighbours' places.
pub(super) const MOST_BODIES: usize = 5;
/// A corner whose map says nothing there still costs no more than this (nats), so that one bad map does not veto a body.
const WORST: f64 = -5.0;

/// Four modes taken as the corners of one vertebra, in the map's pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Body {
    /// Antero-superior, antero-inferior, postero-superior, postero-inferior.
    pub corners: [Option<Mode>; 4],
    /// The logarithm of how well maps and shape agree; 0 is perfect.
    pub score: f64,
    shape: Shape,
}

/// What the chain needs to know of a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    /// Between the corners.
    pub centre: PointPx,
    /// From the posterior to the anterior wall.
    pub depth: f64,
    /// From the inferior to the superior end-plate.
    pub height: f64,
    /// Unit vector from posterior to anterior.
    pub forward: PointPx,
    /// Unit vector from superior to inferior.
    pub down: PointPx,
}

impl Body {
    /// Its shape.
    pub(super) const fn shape(&self) -> Shape {
        self.shape
    }
}

/// The logarithm of a normal density without its constant: a deviation in units of its usual spread, with heavy tails.
pub(super) fn cost(deviation: f64, spread: f64) -> f64 {
    let z = deviation / spread;
    // Beyond three spreads it grows linearly: a rare shape is rare, not impossible.
    if z.abs() <= 3.0 { -0.5 * z * z } else { -3.0 * (z.abs() - 1.5) }
}

/// The likeliest bodies that the four corners' maps allow, the best first.
pub(super) fn propose(vertebra: Vertebra, corners: [&Reading; 4]) -> Vec<Body> {
    let mut bodies: Vec<Body> = Vec::new();
    let choices: Vec<Vec<Option<Mode>>> =
        corners.iter().map(|r| r.modes.iter().copied().map(Some).chain([None]).collect()).collect();
    let [a, b, c, d] = &choices[..] else { return bodies };
    for &antero_superior in a {
        for &antero_inferior in b {
            for &postero_superior in c {
                for &postero_inferior in d {
                    let chosen = [antero_superior, antero_inferior, postero_superior, postero_inferior];
                    if let Some(body) = join(vertebra, chosen, corners) {
                        bodies.push(body);
                    }
                }
            }
        }
    }
    bodies.sort_by(|x, y| y.score.total_cmp(&x.score));
    let mut kept: Vec<Body> = Vec::new();
    for body in bodies {
        let apart =
            |k: &Body| k.shape.centre.distance(body.shape.centre) > 0.35 * body.shape.height.min(k.shape.height);
        if kept.len() < MOST_BODIES && kept.iter().all(apart) {
            kept.push(body);
        }
    }
    kept
}

/// The logarithm of what all four maps give to "not on this film".
pub(super) fn absence(corners: [&Reading; 4]) -> f64 {
    corners.iter().map(|r| r.absent.max(1e-9).ln().max(WORST)).sum()
}

fn join(vertebra: Vertebra, corners: [Option<Mode>; 4], readings: [&Reading; 4]) -> Option<Body> {
    let shape = shape(corners.map(|m| m.map(|m| m.position)))?;
    let missing = corners.iter().filter(|c| c.is_none()).count();
    let seen: f64 = corners
        .iter()
        .zip(readings)
        .map(|(corner, reading)| corner.map_or(reading.absent, |mode| mode.mass).max(1e-9).ln().max(WORST))
        .sum();
    // A whole body is believed before one that lacks a corner.
    let score = seen + shape_cost(vertebra, corners, shape) - missing as f64;
    score.is_finite().then_some(Body { corners, score, shape })
}

/// The body's shape from three or four corners; a missing one completes the parallelogram.
fn shape(corners: [Option<PointPx>; 4]) -> Option<Shape> {
    let add = |p: PointPx, q: PointPx, r: PointPx| PointPx::new(p.x + q.x - r.x, p.y + q.y - r.y);
    let [a, b, c, d] = match corners {
        [Some(a), Some(b), Some(c), Some(d)] => [a, b, c, d],
        [None, Some(b), Some(c), Some(d)] => [add(b, c, d), b, c, d],
        [Some(a), None, Some(c), Some(d)] => [a, add(a, d, c), c, d],
        [Some(a), Some(b), None, Some(d)] => [a, b, add(a, d, b), d],
        [Some(a), Some(b), Some(c), None] => [a, b, c, add(b, c, a)],
        _ => return None,
    };
    let (front, back) = (a.midpoint(b), c.midpoint(d));
    let (top, bottom) = (a.midpoint(c), b.midpoint(d));
    let (depth, height) = (front.distance(back), top.distance(bottom));
    if depth < 1.0 || height < 1.0 {
        return None;
    }
    let unit = |v: PointPx, length: f64| PointPx::new(v.x / length, v.y / length);
    Some(Shape {
        centre: front.midpoint(back),
        depth,
        height,
        forward: unit(front.from(back), depth),
        down: unit(bottom.from(top), height),
    })
}

fn shape_cost(vertebra: Vertebra, corners: [Option<Mode>; 4], shape: Shape) -> f64 {
    // C2 is measured from the base of the dens: it may be taller than it is deep.
    let (usual, spread) = if vertebra == Vertebra::C2 { (1.0, 0.35) } else { (0.82, 0.28) };
    let mut total = cost((shape.height / shape.depth / usual).ln(), spread);
    // End-plates and walls stand about square to each other.
    let skew = shape.forward.x * shape.down.x + shape.forward.y * shape.down.y;
    total += cost(skew.clamp(-1.0, 1.0).asin().to_degrees(), 15.0);
    if let [Some(a), Some(b), Some(c), Some(d)] = corners.map(|m| m.map(|m| m.position)) {
        let ratio = |one: f64, other: f64| (one.max(0.5) / other.max(0.5)).ln();
        total += cost(ratio(a.distance(b), c.distance(d)), 0.25);
        total += cost(ratio(a.distance(c), b.distance(d)), 0.25);
        // A quadrilateral whose sides cross is no body: both diagonals must leave the corners on the right sides.
        let turn = |p: PointPx, q: PointPx, r: PointPx| (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x);
        let signs = [turn(a, c, d), turn(c, d, b), turn(d, b, a), turn(b, a, c)];
        if !(signs.iter().all(|&s| s > 0.0) || signs.iter().all(|&s| s < 0.0)) {
            total -= 12.0;
        }
    }
    total
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::geometry::Covariance;

    pub(in super::super) fn mode(x: f64, y: f64, mass: f64) -> Mode {
        Mode { position: PointPx::new(x, y), covariance: Covariance::isotropic(1.5), mass }
    }

    /// Readings for a body 15 deep and 12 high about (`x`, `y`), anterior to the left, with `mass` in each corner.
    pub(in super::super) fn corners(x: f64, y: f64, mass: f64) -> [Mode; 4] {
        [(-7.5, -6.0), (-7.5, 6.0), (7.5, -6.0), (7.5, 6.0)].map(|(dx, dy)| mode(x + dx, y + dy, mass))
    }

    fn readings(places: &[[Mode; 4]], absent: f64) -> [Reading; 4] {
        [0, 1, 2, 3].map(|c| Reading { modes: places.iter().map(|p| p[c]).collect(), absent })
    }

    #[test]
    fn modes_of_two_places_make_two_bodies_and_no_mixture_first() {
        let r = readings(&[corners(50.0, 50.0, 0.6), corners(50.0, 68.0, 0.35)], 0.01);
        let bodies = propose(Vertebra::C4, [&r[0], &r[1], &r[2], &r[3]]);
        assert!(bodies[0].shape().centre.distance(PointPx::new(50.0, 50.0)) < 1e-9);
        let second = bodies.iter().position(|b| b.shape().centre.distance(PointPx::new(50.0, 68.0)) < 1e-9);
        let tall = bodies.iter().position(|b| b.shape().height > 20.0);
        assert!(second.is_some() && tall.is_none_or(|t| second.is_some_and(|s| s < t)), "{bodies:?}");
    }

    #[test]
    fn one_corner_under_a_border_does_not_lose_the_body() {
        let mut r = readings(&[corners(50.0, 50.0, 0.9)], 0.02);
        r[1] = Reading { modes: vec![], absent: 0.9 };
        let bodies = propose(Vertebra::C7, [&r[0], &r[1], &r[2], &r[3]]);
        assert!(bodies[0].corners[1].is_none());
        assert!(bodies[0].shape().centre.distance(PointPx::new(50.0, 50.0)) < 1e-9);
    }

    #[test]
    fn a_crossed_quadrilateral_scores_below_a_straight_one() {
        let straight = corners(50.0, 50.0, 0.5);
        let [a, b, c, d] = straight;
        let score = |m: [Mode; 4]| {
            let r = readings(&[m], 0.0);
            propose(Vertebra::C5, [&r[0], &r[1], &r[2], &r[3]])[0].score
        };
        assert!(score(straight) > score([b, a, c, d]) + 5.0);
    }

    #[test]
    fn nothing_to_join_gives_no_body() {
        let r = readings(&[], 1.0);
        assert!(propose(Vertebra::C3, [&r[0], &r[1], &r[2], &r[3]]).is_empty());
        assert_eq!(absence([&r[0], &r[1], &r[2], &r[3]]), 0.0);
    }
}
