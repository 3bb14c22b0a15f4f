//! A specialist looks more than once. The same vertebra on patches that lie a little differently is read a little differently;
//! the mean of several readings is nearer to the truth than one, and how far they lie apart belongs to the spread.

use crate::domain::anatomy::Landmark;
use crate::domain::geometry::{Covariance, PointPx};
use crate::inference::manifest::MOST_LOOKS;

use super::column::Stance;
use super::refine::{MARKS, Opinion};

/// How a further patch lies beside where the first look found the vertebra.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nudge {
    /// Forwards, in level heights.
    forward: f64,
    /// Downwards, in level heights.
    down: f64,
    /// Turned by, in radians.
    turn: f64,
    /// How much higher a level is taken to be, as a share.
    larger: f64,
}

/// The further looks in their order: each pair stands on opposite sides of where the vertebra was found.
pub(super) const NUDGES: [Nudge; MOST_LOOKS - 1] = [
    Nudge { forward: 0.03, down: 0.03, turn: 0.05, larger: 0.05 },
    Nudge { forward: -0.03, down: -0.03, turn: -0.05, larger: -0.05 },
    Nudge { forward: 0.03, down: -0.03, turn: -0.05, larger: 0.05 },
    Nudge { forward: -0.03, down: 0.03, turn: 0.05, larger: -0.05 },
];

impl Nudge {
    /// Where the next patch lies; `None` where `first` does not show the vertebra well enough to look again.
    pub(super) fn from(self, first: &Opinion, promised: &Stance) -> Option<Stance> {
        let [a, b, c, d, ..] = first.landmarks.map(|landmark| landmark.map(|l| l.position));
        let found = Stance::of([a?, b?, c?, d?], promised.level)?;
        if found.left != promised.left {
            return None;
        }
        let Stance { centre, forward: f, level, .. } = found;
        let down = if found.left { PointPx::new(f.y, -f.x) } else { PointPx::new(-f.y, f.x) };
        let (forward, below) = (self.forward * level, self.down * level);
        let (sin, cos) = self.turn.sin_cos();
        Some(Stance {
            centre: PointPx::new(centre.x + forward * f.x + below * down.x, centre.y + forward * f.y + below * down.y),
            forward: PointPx::new(cos * f.x - sin * f.y, sin * f.x + cos * f.y),
            level: level * (1.0 + self.larger),
            ..found
        })
    }
}

/// What several looks at one vertebra amount to: of what the first one found, the mean of all that found it too. A spread is the
/// mean spread and how far the looks lie apart (the law of total variance).
pub(super) fn mean(looks: &[Opinion]) -> Option<Opinion> {
    let (first, _) = looks.split_first()?;
    let mut landmarks = [None; MARKS];
    for (mark, slot) in landmarks.iter_mut().enumerate() {
        let seen = |look: &Opinion| look.landmarks.get(mark).copied().flatten();
        *slot = seen(first).map(|first| middle(first, &looks.iter().filter_map(seen).collect::<Vec<_>>()));
    }
    Some(Opinion { landmarks, absent: first.absent })
}

fn middle(first: Landmark, all: &[Landmark]) -> Landmark {
    let mean = |of: &dyn Fn(&Landmark) -> f64| all.iter().map(of).sum::<f64>() / all.len().max(1) as f64;
    let position = PointPx::new(mean(&|l| l.position.x), mean(&|l| l.position.y));
    let apart = |l: &Landmark| l.position.from(position);
    let covariance = Covariance {
        xx: mean(&|l| l.covariance.xx + apart(l).x.powi(2)),
        xy: mean(&|l| l.covariance.xy + apart(l).x * apart(l).y),
        yy: mean(&|l| l.covariance.yy + apart(l).y.powi(2)),
    };
    Landmark { position, covariance, confidence: mean(&|l| l.confidence), ..first }
}

#[cfg(test)]
mod tests {
    use crate::domain::anatomy::Stage;

    use super::super::column::tests::body;
    use super::*;

    fn opinion(corners: [PointPx; 4], variance: f64) -> Opinion {
        let landmark = |position| {
            let covariance = Covariance { xx: variance, xy: 0.0, yy: variance };
            Some(Landmark { position, covariance, confidence: 0.8, stage: Stage::Refined })
        };
        let [a, b, c, d] = corners.map(landmark);
        Opinion { landmarks: [a, b, c, d, None, None], absent: 0.1 }
    }

    #[test]
    fn the_next_patch_lies_beside_what_was_found_whichever_way_the_patient_looks() {
        let found = body(100.0, 80.0, 0.0);
        let promised = Stance::of(body(97.0, 84.0, 0.2), 20.0).unwrap();
        let nudge = Nudge { forward: 0.1, down: 0.2, turn: 0.05, larger: 0.1 };
        let next = nudge.from(&opinion(found, 1.0), &promised).unwrap();
        // To the left is forwards: 2 pixels to the left, 4 down.
        assert!(next.centre.distance(PointPx::new(98.0, 84.0)) < 1e-9, "{next:?}");
        assert!((next.level - 22.0).abs() < 1e-9 && next.left);
        assert!((next.forward.x.hypot(next.forward.y) - 1.0).abs() < 1e-9);

        let mirrored = |corners: [PointPx; 4]| corners.map(|p| PointPx::new(200.0 - p.x, p.y));
        let promised = Stance::of(mirrored(body(97.0, 84.0, 0.2)), 20.0).unwrap();
        let next = nudge.from(&opinion(mirrored(found), 1.0), &promised).unwrap();
        assert!(next.centre.distance(PointPx::new(102.0, 84.0)) < 1e-9 && !next.left, "{next:?}");
    }

    #[test]
    fn what_was_not_found_whole_or_looks_the_other_way_is_not_looked_at_again() {
        let promised = Stance::of(body(100.0, 80.0, 0.0), 20.0).unwrap();
        let mut first = opinion(body(100.0, 80.0, 0.0), 1.0);
        first.landmarks[2] = None;
        assert_eq!(NUDGES[0].from(&first, &promised), None);
        let other_side = opinion(body(100.0, 80.0, 0.0).map(|p| PointPx::new(200.0 - p.x, p.y)), 1.0);
        assert_eq!(NUDGES[0].from(&other_side, &promised), None);
    }

    #[test]
    fn the_mean_is_wider_where_the_looks_disagree_and_adds_nothing_that_the_first_did_not_find() {
        let moved = |dx: f64| body(100.0 + dx, 80.0, 0.0);
        let mut first = opinion(moved(-1.0), 2.0);
        first.landmarks[1] = None;
        let all = mean(&[first.clone(), opinion(moved(1.0), 4.0)]).unwrap();
        let corner = all.landmarks[0].unwrap();
        assert!(corner.position.distance(body(100.0, 80.0, 0.0)[0]) < 1e-9);
        assert!((corner.covariance.xx - 4.0).abs() < 1e-9 && (corner.covariance.yy - 3.0).abs() < 1e-9, "{corner:?}");
        assert_eq!(all.landmarks[1], None);
        assert_eq!(mean(&[first.clone()]), Some(first));
        assert_eq!(mean(&[]), None);
    }
}
