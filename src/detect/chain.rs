//! Which body is C2, which is C3 …: the six chosen together.
//!
//! Neighbouring bodies look alike, so single maps confuse them; but the neck is a chain. From level to level the
//! distance, the depth and the tilt change slowly, and what is cut off is cut off at an end. Every path through the
//! proposals (at most five bodies or "absent" for each of six vertebrae) is weighed by depth-first search; a branch
//! that cannot beat the best path any more is left.

use crate::domain::geometry::PointPx;

use super::bodies::{Body, Shape, cost};

/// What a gap costs (nats): a vertebra missing between two that are there is a failure of the maps, not anatomy.
const GAP: f64 = -8.0;

/// What is known of one vertebra before the choice.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Candidates {
    /// Its possible bodies, the best first.
    pub bodies: Vec<Body>,
    /// The score of "not on this film".
    pub absent: f64,
}

/// One body or none for each of C2…C7.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chain {
    /// In the order of [`crate::domain::anatomy::Vertebra::ALL`].
    pub bodies: [Option<Body>; 6],
    /// The logarithm of how well maps, shapes and neighbours agree; higher is better.
    pub score: f64,
}

impl Chain {
    /// The shapes that were found, from the head downwards, with their place in the chain.
    pub(super) fn shapes(&self) -> impl Iterator<Item = (usize, Shape)> + '_ {
        self.bodies.iter().enumerate().filter_map(|(i, body)| body.as_ref().map(|b| (i, b.shape())))
    }

    /// The mean distance from one level to the next; `None` with fewer than two.
    pub(super) fn level_height(&self) -> Option<f64> {
        let shapes: Vec<_> = self.shapes().collect();
        let (first, last) = (shapes.first()?, shapes.last()?);
        let along: f64 = shapes.windows(2).map(|w| w[0].1.centre.distance(w[1].1.centre)).sum();
        (last.0 > first.0).then(|| along / (last.0 - first.0) as f64)
    }

    /// The turn, in radians from x towards y, that would stand the column upright with the head above.
    pub(super) fn lean(&self) -> Option<f64> {
        let shapes: Vec<_> = self.shapes().collect();
        let (first, last) = (shapes.first()?.1, shapes.last()?.1);
        let down = last.centre.from(first.centre);
        (down.x != 0.0 || down.y != 0.0).then(|| down.x.atan2(down.y))
    }

    /// Where the middle of C2…C7 lies, carried on from the ends where some are missing.
    pub(super) fn middle(&self) -> Option<PointPx> {
        let height = self.level_height()?;
        let shapes: Vec<_> = self.shapes().collect();
        let (first, last) = (shapes.first()?, shapes.last()?);
        let step = PointPx::new(last.1.centre.x - first.1.centre.x, last.1.centre.y - first.1.centre.y);
        let length = step.x.hypot(step.y).max(f64::MIN_POSITIVE);
        let along = |from: PointPx, levels: f64| {
            let d = levels * height / length;
            PointPx::new(from.x + step.x * d, from.y + step.y * d)
        };
        let top = along(first.1.centre, -(first.0 as f64));
        let bottom = along(last.1.centre, (5 - last.0) as f64);
        Some(top.midpoint(bottom))
    }
}

/// The best path through `candidates`.
pub(super) fn choose(candidates: &[Candidates; 6]) -> Chain {
    let mut search = Search { candidates, best: Chain { bodies: Default::default(), score: f64::NEG_INFINITY } };
    search.descend(&mut Vec::with_capacity(6), 0.0);
    search.best
}

struct Search<'a> {
    candidates: &'a [Candidates; 6],
    best: Chain,
}

impl<'a> Search<'a> {
    fn descend(&mut self, path: &mut Vec<Option<&'a Body>>, score: f64) {
        let Some(next) = self.candidates.get(path.len()) else {
            if score > self.best.score {
                let mut bodies: [Option<Body>; 6] = Default::default();
                for (slot, body) in bodies.iter_mut().zip(path.iter()) {
                    *slot = body.cloned();
                }
                self.best = Chain { bodies, score };
            }
            return;
        };
        // No term is positive, so a branch can only lose from here on.
        if score <= self.best.score {
            return;
        }
        for body in next.bodies.iter().map(Some).chain([None]) {
            let own = body.map_or(next.absent, |b| b.score);
            let joined = score + own.min(0.0) + neighbours(path, body);
            path.push(body);
            self.descend(path, joined);
            path.pop();
        }
    }
}

/// How well `next` carries on the chain above it.
fn neighbours(path: &[Option<&Body>], next: Option<&Body>) -> f64 {
    let started = path.iter().any(Option::is_some);
    let (Some(next), true) = (next, started) else { return 0.0 };
    let Some(Some(above)) = path.last() else { return GAP };
    let (above, here) = (above.shape(), next.shape());
    let step = here.centre.from(above.centre);
    let distance = step.x.hypot(step.y).max(1e-3);
    let mut total = cost((distance / (above.depth + here.depth) * 2.0 / USUAL_STEP).ln(), 0.22);
    // C2's own proportions differ; from C3 on depth and height change slowly.
    let spread = if path.len() == 1 { 0.3 } else { 0.18 };
    total += cost((here.depth / above.depth).ln(), spread);
    total += cost((here.height / above.height).ln(), spread * 1.4);
    // The step goes down the bodies' own axis, and the next body is tilted little against this one.
    let axis = PointPx::new(above.down.x + here.down.x, above.down.y + here.down.y);
    total += cost(angle(step, axis), 14.0);
    total += cost(angle(above.forward, here.forward), 12.0);
    if let Some(Some(before)) = path.len().checked_sub(2).and_then(|i| path.get(i)) {
        let last = above.centre.distance(before.shape().centre).max(1e-3);
        total += cost((distance / last).ln(), 0.18);
    }
    total
}

/// The distance between two bodies' centres, in units of their depth, in adults' necks.
const USUAL_STEP: f64 = 1.13;

/// The angle between two vectors, in degrees, 0…180.
fn angle(a: PointPx, b: PointPx) -> f64 {
    (a.x * b.y - a.y * b.x).abs().atan2(a.x * b.x + a.y * b.y).to_degrees()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bodies::propose;
    use super::super::bodies::tests::corners;
    use super::super::heatmap::{Mode, Reading};
    use super::*;
    use crate::domain::anatomy::Vertebra;

    const LEVEL: f64 = 17.5;

    /// Candidates for vertebra `v` whose maps have the given masses at the given places of the column (0 is C2's).
    fn seen(v: usize, places: &[(f64, f64)], absent: f64) -> Candidates {
        let quads: Vec<[Mode; 4]> = places.iter().map(|&(at, mass)| corners(60.0, 30.0 + LEVEL * at, mass)).collect();
        let r: [Reading; 4] = [0, 1, 2, 3].map(|c| Reading { modes: quads.iter().map(|q| q[c]).collect(), absent });
        Candidates {
            bodies: propose(Vertebra::ALL[v], [&r[0], &r[1], &r[2], &r[3]]),
            absent: 4.0 * absent.max(1e-9).ln(),
        }
    }

    fn levels(chain: &Chain) -> Vec<Option<i64>> {
        chain.bodies.iter().map(|b| b.as_ref().map(|b| ((b.shape().centre.y - 30.0) / LEVEL).round() as i64)).collect()
    }

    #[test]
    fn where_single_maps_jump_a_level_the_chain_does_not() {
        // C3's and C4's maps lean to the body below; C2, C5, C6 and C7 are sure.
        let candidates = [
            seen(0, &[(0.0, 0.95)], 0.01),
            seen(1, &[(2.0, 0.6), (1.0, 0.35)], 0.01),
            seen(2, &[(3.0, 0.55), (2.0, 0.4)], 0.01),
            seen(3, &[(3.0, 0.9)], 0.01),
            seen(4, &[(4.0, 0.9)], 0.01),
            seen(5, &[(5.0, 0.9)], 0.01),
        ];
        assert_eq!(levels(&choose(&candidates)), (0..6).map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_cut_off_below_is_absent() {
        let candidates = [
            seen(0, &[(0.0, 0.9)], 0.01),
            seen(1, &[(1.0, 0.9)], 0.01),
            seen(2, &[(2.0, 0.8)], 0.1),
            seen(3, &[(2.0, 0.1)], 0.85),
            seen(4, &[(2.0, 0.03)], 0.95),
            seen(5, &[], 1.0),
        ];
        let chain = choose(&candidates);
        assert_eq!(levels(&chain), [Some(0), Some(1), Some(2), None, None, None]);
        assert!((chain.level_height().unwrap() - LEVEL).abs() < 1e-9);
        assert!((chain.middle().unwrap().y - (30.0 + 2.5 * LEVEL)).abs() < 1e-9);
    }

    #[test]
    fn a_column_that_leans_is_told_how_to_stand() {
        for lean in [-0.6_f64, 0.0, 0.3] {
            // A column whose lower end lies at (sin, cos) of its lean, turned by `lean` from x towards y, points straight down.
            let bodies = std::array::from_fn(|v| {
                let (x, y) = (90.0 + 17.0 * v as f64 * lean.sin(), 30.0 + 17.0 * v as f64 * lean.cos());
                let r = corners(x, y, 0.9).map(|m| Reading { modes: vec![m], absent: 0.0 });
                propose(Vertebra::ALL[v], [&r[0], &r[1], &r[2], &r[3]]).into_iter().next()
            });
            let chain = Chain { bodies, score: 0.0 };
            let turn = chain.lean().unwrap();
            let shapes: Vec<_> = chain.shapes().map(|(_, s)| s.centre).collect();
            let stood = super::super::view::turned(shapes[5].from(shapes[0]), turn);
            assert!(stood.x.abs() < 1e-9 && stood.y > 0.0, "{lean}: {stood:?}");
        }
    }

    #[test]
    fn a_film_without_a_neck_gives_an_empty_chain() {
        let chain = choose(&std::array::from_fn(|v| seen(v, &[], 1.0)));
        assert_eq!(chain.shapes().count(), 0);
        assert!(chain.level_height().is_none() && chain.middle().is_none());
    }

    proptest! {
        /// Branches are left only when they cannot win: the search finds what weighing every path finds.
        #[test]
        fn the_search_finds_the_best_of_all_paths(
            places in proptest::collection::vec(proptest::collection::vec((0.0..6.0, 0.05..0.9), 0..3), 6),
            absent in 0.001..0.9,
        ) {
            let candidates: [Candidates; 6] = std::array::from_fn(|v| seen(v, &places[v], absent));
            let mut best = f64::NEG_INFINITY;
            let counts: Vec<usize> = candidates.iter().map(|c| c.bodies.len() + 1).collect();
            for mut code in 0..counts.iter().product::<usize>() {
                let (mut path, mut score): (Vec<Option<&Body>>, f64) = (vec![], 0.0);
                for (c, n) in candidates.iter().zip(&counts) {
                    let body = c.bodies.get(code % n);
                    code /= n;
                    score += body.map_or(c.absent, |b| b.score).min(0.0) + neighbours(&path, body);
                    path.push(body);
                }
                best = best.max(score);
            }
            prop_assert!((choose(&candidates).score - best).abs() < 1e-9);
        }
    }
}
