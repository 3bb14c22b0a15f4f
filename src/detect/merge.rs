//! Two estimates of one landmark become one.
//!
//! Both come from the same film, so their errors are correlated to an unknown degree: taking them as independent would claim
//! more than is known. Covariance intersection (Julier & Uhlmann 1997) is honest for every correlation: the inverse
//! covariances are mixed with the weight that leaves the smallest spread. With spreads of like shape that is the better of the two;
//! where one is sharp across an end-plate and the other along it, each gives what it knows.
//!
//! What the locator reckons is different: it saw no film, so its errors are its own, and its landmarks of one vertebra err together: where
//! the upper end-plate is seen, it tells how the lower one must be tilted. [`steadied`] takes it as what was known before the film was
//! looked at (Bayes).
//!
//! Estimates further apart than their spreads allow are not mixed at all: the one that is kept is widened until the other is
//! no surprise. The landmark is **disputed** where they are too far apart whatever the direction: a heatmap that is narrow across an
//! edge claims more there than it knows. On 120 held-out phantoms 4 % of the corners were too far apart along the narrow axis of a
//! spread, and none of those was more than 2 mm off; 0.3 % were too far apart for the size of the spreads.

use crate::domain::anatomy::{Landmark, LandmarkId};
use crate::domain::geometry::{Covariance, PointPx};
use crate::domain::matrix::Symmetric;

/// The squared distance, in units of the joint spread, that one pair of honest estimates in a thousand exceeds (χ² with 2
/// degrees of freedom).
const DISPUTED: f64 = 13.8;
/// The weights that are tried; a finer search changes the spread by less than a hundredth.
const STEPS: u32 = 8;

/// What two estimates amount to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Merged {
    /// With the stage and the confidence of the one that weighs more.
    pub landmark: Landmark,
    /// Whether they contradict each other, whatever the direction.
    pub disputed: bool,
}

/// `first` and `second` as one; where they contradict each other `second`, the one that saw more, is kept.
pub(super) fn merge(first: Landmark, second: Landmark) -> Merged {
    let apart = second.position.from(first.position);
    let joint = add(first.covariance, second.covariance);
    let Some(squared) = squared(apart, joint).filter(|squared| squared.is_finite()) else {
        return Merged { landmark: second, disputed: false };
    };
    if squared > DISPUTED {
        let covariance = add(second.covariance, outer(apart, 0.25));
        let round = apart.x.hypot(apart.y).powi(2) / ((joint.xx + joint.yy) / 2.0);
        return Merged { landmark: Landmark { covariance, ..second }, disputed: round > DISPUTED };
    }
    let better = |w: f64| intersected(&first, &second, w).map(|l| (l.covariance.sigma(), w, l));
    let best = (0..=STEPS)
        .filter_map(|step| better(f64::from(step) / f64::from(STEPS)))
        .min_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    Merged { landmark: best.map_or(second, |(_, _, landmark)| landmark), disputed: false }
}

/// Where the landmarks of a vertebra must lie before the film is looked at.
#[derive(Debug, Clone)]
pub(super) struct Prior {
    /// Each with its expected place.
    pub places: Vec<(LandmarkId, PointPx)>,
    /// Of x and y of each place in turn, in square pixels: a body is rather misplaced and tilted than misshapen.
    pub covariance: Symmetric,
}

/// A landmark that was found and of which something was known before.
struct Known {
    id: LandmarkId,
    found: Landmark,
    /// Its number in [`Prior::places`].
    place: usize,
    /// Found minus expected.
    apart: PointPx,
}

/// The found landmarks of one vertebra, each steadied by all that is known of it; `None` where the two contradict each other.
///
/// With the prior covariance P, the prior mean m and found places z of covariance R, found independently of each other, the posterior is
/// z − R(P + R)⁻¹(z − m), its covariance R − R(P + R)⁻¹R.
pub(super) fn steadied(found: &[(LandmarkId, Landmark)], prior: &Prior) -> Option<Vec<(LandmarkId, Landmark)>> {
    let known = |&(id, found): &(LandmarkId, Landmark)| {
        let (place, (_, expected)) = prior.places.iter().enumerate().find(|(_, (known, _))| *known == id)?;
        Some(Known { id, found, place, apart: found.position.from(*expected) })
    };
    let known: Vec<Known> = found.iter().filter_map(known).collect();
    let joint = Symmetric::from_fn(2 * known.len(), |i, j| {
        let (Some(one), Some(two)) = (known.get(i / 2), known.get(j / 2)) else { return 0.0 };
        let own = if i / 2 == j / 2 { entry(one.found.covariance, i % 2, j % 2) } else { 0.0 };
        own + prior.covariance.at(2 * one.place + i % 2, 2 * two.place + j % 2)
    });
    let has_spread = |k: &Known| k.found.covariance.xx > 0.0 && k.found.covariance.yy > 0.0;
    let inverse = joint.inverse().filter(|_| !known.is_empty() && known.iter().all(has_spread))?;
    let apart: Vec<f64> = known.iter().flat_map(|k| [k.apart.x, k.apart.y]).collect();
    let weighed = inverse.times(&apart);
    let surprise = apart.iter().zip(&weighed).map(|(a, w)| a * w).sum::<f64>() / known.len() as f64;
    let steady = |(n, k): (usize, &Known)| {
        let found = k.found.covariance;
        let weighed = |axis| weighed.get(2 * n + axis).copied().unwrap_or(0.0);
        let moved = apply(found, PointPx::new(weighed(0), weighed(1)));
        let at = |i, j| inverse.at(2 * n + i, 2 * n + j);
        let gained = within(found, Covariance { xx: at(0, 0), xy: at(0, 1), yy: at(1, 1) });
        let covariance = add(found, scaled(gained, -1.0));
        (k.id, Landmark { position: k.found.position.from(moved), covariance, ..k.found })
    };
    (surprise <= DISPUTED).then(|| known.iter().enumerate().map(steady).collect())
}

/// Covariance intersection with the weight `w` of the second.
fn intersected(first: &Landmark, second: &Landmark, w: f64) -> Option<Landmark> {
    let (one, two) = (inverse(first.covariance)?, inverse(second.covariance)?);
    let covariance = inverse(add(scaled(one, 1.0 - w), scaled(two, w)))?;
    let (a, b) = (apply(one, first.position), apply(two, second.position));
    let mixed = PointPx::new((1.0 - w) * a.x + w * b.x, (1.0 - w) * a.y + w * b.y);
    let heavier = if w >= 0.5 { second } else { first };
    Some(Landmark { position: apply(covariance, mixed), covariance, ..*heavier })
}

fn add(a: Covariance, b: Covariance) -> Covariance {
    Covariance { xx: a.xx + b.xx, xy: a.xy + b.xy, yy: a.yy + b.yy }
}

fn scaled(c: Covariance, by: f64) -> Covariance {
    Covariance { xx: c.xx * by, xy: c.xy * by, yy: c.yy * by }
}

fn outer(v: PointPx, by: f64) -> Covariance {
    Covariance { xx: v.x * v.x * by, xy: v.x * v.y * by, yy: v.y * v.y * by }
}

fn apply(c: Covariance, p: PointPx) -> PointPx {
    PointPx::new(c.xx * p.x + c.xy * p.y, c.xy * p.x + c.yy * p.y)
}

fn inverse(c: Covariance) -> Option<Covariance> {
    let determinant = c.xx * c.yy - c.xy * c.xy;
    (determinant > 0.0 && determinant.is_finite()).then(|| Covariance {
        xx: c.yy / determinant,
        xy: -c.xy / determinant,
        yy: c.xx / determinant,
    })
}

fn entry(c: Covariance, i: usize, j: usize) -> f64 {
    match (i, j) {
        (0, 0) => c.xx,
        (1, 1) => c.yy,
        _ => c.xy,
    }
}

/// R W R.
fn within(r: Covariance, w: Covariance) -> Covariance {
    let (x, y) = (apply(w, PointPx::new(r.xx, r.xy)), apply(w, PointPx::new(r.xy, r.yy)));
    let (x, y) = (apply(r, x), apply(r, y));
    Covariance { xx: x.x, xy: x.y, yy: y.y }
}

/// vᵀ C⁻¹ v.
fn squared(v: PointPx, c: Covariance) -> Option<f64> {
    let p = apply(inverse(c)?, v);
    Some(v.x * p.x + v.y * p.y)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::anatomy::{Corner, Stage, Vertebra};

    fn landmark(x: f64, y: f64, covariance: Covariance, stage: Stage) -> Landmark {
        Landmark { position: PointPx::new(x, y), covariance, confidence: 0.9, stage }
    }

    #[test]
    fn of_two_round_spreads_the_smaller_stays_as_it_is() {
        let coarse = landmark(10.0, 10.0, Covariance::isotropic(3.0), Stage::Global);
        let fine = landmark(11.0, 12.0, Covariance::isotropic(1.0), Stage::Refined);
        for merged in [merge(coarse, fine), merge(fine, coarse)] {
            assert!(!merged.disputed);
            assert!(merged.landmark.position.distance(fine.position) < 1e-9);
            assert!((merged.landmark.covariance.sigma() - 1.0).abs() < 1e-9);
            assert_eq!(merged.landmark.stage, Stage::Refined);
        }
    }

    #[test]
    fn each_gives_the_direction_that_it_knows() {
        let across = landmark(0.0, 0.0, Covariance { xx: 25.0, xy: 0.0, yy: 0.25 }, Stage::Global);
        let along = landmark(4.0, 3.0, Covariance { xx: 0.25, xy: 0.0, yy: 25.0 }, Stage::Refined);
        let merged = merge(across, along).landmark;
        assert!((merged.position.x - 4.0).abs() < 0.1 && merged.position.y.abs() < 0.1, "{merged:?}");
        assert!(merged.covariance.sigma() < 0.8);
    }

    #[test]
    fn a_contradiction_keeps_the_specialist_widens_it_and_says_so() {
        let global = landmark(0.0, 0.0, Covariance::isotropic(1.0), Stage::Global);
        let special = landmark(12.0, 0.0, Covariance::isotropic(1.0), Stage::Refined);
        let merged = merge(global, special);
        assert!(merged.disputed && merged.landmark.position == special.position);
        // The other place lies two of the new spreads away, in the direction of the contradiction only.
        assert!((merged.landmark.covariance.xx - 37.0).abs() < 1e-9 && merged.landmark.covariance.yy == 1.0);
    }

    #[test]
    fn what_is_narrow_in_one_direction_only_is_widened_and_not_disputed() {
        let narrow = Covariance { xx: 9.0, xy: 0.0, yy: 0.04 };
        let global = landmark(0.0, 0.0, narrow, Stage::Global);
        let special = landmark(0.0, 3.0, Covariance { xx: 1.0, xy: 0.0, yy: 0.04 }, Stage::Refined);
        let merged = merge(global, special);
        assert!(!merged.disputed && merged.landmark.position == special.position);
        assert!((merged.landmark.covariance.yy - 2.29).abs() < 1e-9, "{:?}", merged.landmark.covariance);
        let far = landmark(0.0, 12.0, special.covariance, Stage::Refined);
        assert!(merge(global, far).disputed);
    }

    #[test]
    fn a_spread_that_is_none_does_not_lose_the_landmark() {
        let flat = landmark(1.0, 1.0, Covariance { xx: 0.0, xy: 0.0, yy: 0.0 }, Stage::Global);
        let nan = landmark(2.0, 2.0, Covariance::isotropic(f64::NAN), Stage::Refined);
        assert_eq!(merge(flat, nan).landmark.position, nan.position);
    }

    /// Four corners 20 by 15 about (`x`, `y`), tilted, each with its own error, of spread `sigma`.
    fn quad(x: f64, y: f64, tilt: f64, errors: [f64; 4], sigma: f64) -> Vec<Landmark> {
        let corners = [(-10.0, -7.5), (-10.0, 7.5), (10.0, -7.5), (10.0, 7.5)];
        let at = |((u, v), e): ((f64, f64), f64)| {
            let (s, c) = f64::sin_cos(tilt);
            landmark(x + c * u - s * v, y + s * u + c * v + e, Covariance::isotropic(sigma), Stage::Refined)
        };
        corners.into_iter().zip(errors).map(at).collect()
    }

    fn ids() -> [LandmarkId; 4] {
        Corner::ALL.map(|corner| LandmarkId::Corner(Vertebra::C7, corner))
    }

    /// A body at (100, 100) tilted by 0.1, known to `sigma`, whose coordinates err as alike as told.
    fn prior(sigma: f64, alike: impl Fn(usize, usize) -> f64) -> Prior {
        let places =
            ids().into_iter().zip(quad(100.0, 100.0, 0.1, [0.0; 4], sigma).iter().map(|l| l.position)).collect();
        let covariance = Symmetric::from_fn(8, |i, j| sigma * sigma * if i == j { 1.0 } else { alike(i, j) });
        Prior { places, covariance }
    }

    fn steady(found: &[Landmark], prior: &Prior) -> Option<Vec<Landmark>> {
        let found: Vec<_> = ids().into_iter().zip(found.iter().copied()).collect();
        Some(steadied(&found, prior)?.into_iter().map(|(_, landmark)| landmark).collect())
    }

    fn tilt(body: &[Landmark]) -> f64 {
        let v = body[2].position.from(body[0].position);
        v.y.atan2(v.x)
    }

    #[test]
    fn a_hardly_seen_body_takes_its_place_from_the_film_and_its_tilt_from_the_column() {
        let found = quad(103.0, 102.0, 0.0, [2.5, 0.0, -2.5, 0.0], 3.0);
        let steady = steady(&found, &prior(3.0, |i, j| if i % 2 == j % 2 { 0.95 } else { 0.0 })).unwrap();
        let centre = |b: &[Landmark]| b.iter().map(|l| l.position.x).sum::<f64>() / 4.0;
        assert!((tilt(&found) + 0.245).abs() < 0.01 && (tilt(&steady) - 0.1).abs() < 0.03, "{}", tilt(&steady));
        assert!((101.5..103.0).contains(&centre(&steady)), "{}", centre(&steady));
        assert!(steady.iter().all(|l| l.covariance.sigma() < 2.5));
    }

    #[test]
    fn where_the_upper_end_plate_is_seen_the_lower_one_is_tilted_like_it() {
        // A body that is turned errs in front one way and behind the other: antero- with antero-, postero- with postero-.
        let turned = |i: usize, j: usize| if i / 4 == j / 4 && i % 2 == j % 2 { 0.9 } else { 0.0 };
        let mut found = quad(100.0, 100.0, 0.3, [0.0; 4], 0.2);
        for lower in [1, 3] {
            found[lower] =
                Landmark { covariance: Covariance::isotropic(30.0), ..quad(100.0, 100.0, 0.0, [0.0; 4], 1.0)[lower] };
        }
        let steady = steady(&found, &prior(3.0, turned)).unwrap();
        let lower = steady[3].position.from(steady[1].position);
        assert!((tilt(&steady) - 0.3).abs() < 0.01, "what is seen stays: {}", tilt(&steady));
        assert!((0.2..0.35).contains(&lower.y.atan2(lower.x)), "{lower:?}");
    }

    #[test]
    fn a_clearly_seen_body_stays_where_it_is_and_a_contradiction_changes_nothing() {
        let prior = prior(3.0, |i, j| if i % 2 == j % 2 { 0.8 } else { 0.0 });
        let clear = quad(103.0, 102.0, 0.0, [0.0; 4], 0.1);
        for (steady, found) in steady(&clear, &prior).unwrap().iter().zip(&clear) {
            assert!(steady.position.distance(found.position) < 0.05);
        }
        assert!(steady(&quad(140.0, 100.0, 0.0, [0.0; 4], 1.0), &prior).is_none());
        assert!(
            steady(&quad(100.0, 100.0, 0.0, [0.0; 4], 0.0), &prior).is_none(),
            "a spread that is none is no spread"
        );
    }

    #[test]
    fn without_correlation_it_is_the_mean_weighed_by_inverse_variances() {
        let id = LandmarkId::Corner(Vertebra::C7, Corner::ALL[0]);
        let found = landmark(4.0, -2.0, Covariance { xx: 1.0, xy: 0.0, yy: 2.0 }, Stage::Refined);
        let covariance = Symmetric::from_fn(2, |i, j| [[3.0, 0.0], [0.0, 2.0]][i][j]);
        let prior = Prior { places: vec![(id, PointPx::new(0.0, 0.0))], covariance };
        let [(_, steady)] = steadied(&[(id, found)], &prior).unwrap()[..] else { panic!("one landmark") };
        assert!((steady.position.x - 3.0).abs() < 1e-12 && (steady.position.y + 1.0).abs() < 1e-12);
        assert!((steady.covariance.xx - 0.75).abs() < 1e-12 && (steady.covariance.yy - 1.0).abs() < 1e-12);
        let elsewhere = LandmarkId::Corner(Vertebra::C6, Corner::ALL[0]);
        assert!(steadied(&[(elsewhere, found)], &prior).is_none(), "nothing is known of it");
    }

    fn spread() -> impl Strategy<Value = Covariance> {
        (0.1..5.0, 0.1..5.0, -0.9..0.9).prop_map(|(a, b, r): (f64, f64, f64)| Covariance {
            xx: a * a,
            xy: r * a * b,
            yy: b * b,
        })
    }

    proptest! {
        #[test]
        fn what_is_merged_is_never_worse_than_the_better_and_stays_a_covariance(
            one in spread(), two in spread(), x in -2.0..2.0, y in -2.0..2.0,
        ) {
            let merged = merge(landmark(0.0, 0.0, one, Stage::Global), landmark(x, y, two, Stage::Refined));
            let c = merged.landmark.covariance;
            prop_assert!(c.xx > 0.0 && c.xx * c.yy > c.xy * c.xy);
            prop_assert!(merged.landmark.position.is_finite());
            let mixed = squared(PointPx::new(x, y), add(one, two)).is_some_and(|s| s <= DISPUTED);
            if mixed {
                prop_assert!(c.sigma() <= one.sigma().min(two.sigma()) + 1e-9);
            }
        }
    }
}
