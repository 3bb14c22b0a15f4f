//! One landmark's heatmap: a distribution over the picture, and the places where it is gathered.
//!
//! The mean of a whole map (DSNT, paper A eq. 5) is right only while the map has one mode; with two it lies in the disc between two
//! bodies. Here the maxima are found first, and mean and covariance are taken within a window about each.

use crate::domain::geometry::{Covariance, PointPx};
use crate::inference::manifest::{Decoder, Heatmaps};

/// A landmark has at most this many places worth weighing: itself, and a level above and below.
const MOST_MODES: usize = 4;
/// A maximum below this share of the highest one is noise.
const LEAST_PEAK: f32 = 0.02;
/// A place with less of the whole mass than this is not worth weighing.
const LEAST_MASS: f64 = 0.01;

/// A place where a map's mass is gathered, in pixels of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mode {
    /// The mean within the window.
    pub position: PointPx,
    /// The spread within the window.
    pub covariance: Covariance,
    /// 0…1: the share of the map's mass, "not on this film" included, that lies in the window.
    pub mass: f64,
}

/// What one map says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reading {
    /// The places, the heaviest first.
    pub modes: Vec<Mode>,
    /// 0…1: the share of the mass that says "not on this film".
    pub absent: f64,
}

/// Reads a map of `side` × `side` numbers.
pub(super) fn read(map: &[f32], side: usize, settings: &Heatmaps) -> Reading {
    let (shares, absent) = distribution(map, settings.decoder);
    let mut modes: Vec<Mode> = peaks(&shares, side, settings.window)
        .into_iter()
        .map(|(x, y)| gather(&shares, side, x, y, settings.window))
        .filter(|mode| mode.mass >= LEAST_MASS)
        .collect();
    modes.sort_by(|a, b| b.mass.total_cmp(&a.mass));
    Reading { modes, absent }
}

/// The map as shares of one, and the share that is left for "not on this film".
fn distribution(map: &[f32], decoder: Decoder) -> (Vec<f32>, f64) {
    match decoder {
        Decoder::Softmax { absent_logit } => {
            // Logits beyond f32 would be a broken manifest; as an f32 they only saturate.
            let absent_logit = absent_logit.map(|logit| logit as f32);
            let highest = map.iter().copied().chain(absent_logit).fold(f32::NEG_INFINITY, f32::max);
            let mut shares: Vec<f32> = map.iter().map(|logit| (logit - highest).exp()).collect();
            let absent = absent_logit.map_or(0.0, |logit| f64::from((logit - highest).exp()));
            let total = shares.iter().map(|&s| f64::from(s)).sum::<f64>() + absent;
            shares.iter_mut().for_each(|share| *share = (f64::from(*share) / total) as f32);
            (shares, absent / total)
        }
        Decoder::Gaussian { threshold } => {
            let highest = map.iter().copied().fold(0.0, f32::max);
            if f64::from(highest) <= threshold {
                return (vec![0.0; map.len()], 1.0);
            }
            // A peak of 1 is full belief; what a lower one lacks counts as "not on this film".
            let belief = f64::from(highest.min(1.0));
            let total: f64 = map.iter().map(|&v| f64::from(v.max(0.0))).sum();
            let shares = map.iter().map(|&v| (f64::from(v.max(0.0)) / total * belief) as f32).collect();
            (shares, 1.0 - belief)
        }
    }
}

/// The highest maxima, none within `window` of a higher one.
fn peaks(shares: &[f32], side: usize, window: usize) -> Vec<(usize, usize)> {
    let at = |x: usize, y: usize| shares.get(y * side + x).copied().unwrap_or(0.0);
    let highest = shares.iter().copied().fold(0.0, f32::max);
    let mut found: Vec<(f32, usize, usize)> = Vec::new();
    for (i, &share) in shares.iter().enumerate() {
        if share <= 0.0 || share < highest * LEAST_PEAK {
            continue;
        }
        let (x, y) = (i % side, i / side);
        let around = (y.saturating_sub(1)..=(y + 1).min(side - 1))
            .flat_map(|v| (x.saturating_sub(1)..=(x + 1).min(side - 1)).map(move |u| (u, v)));
        if around.into_iter().all(|(u, v)| at(u, v) <= share) {
            found.push((share, x, y));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut kept: Vec<(usize, usize)> = Vec::new();
    for (_, x, y) in found {
        if kept.len() < MOST_MODES && kept.iter().all(|&(u, v)| x.abs_diff(u).max(y.abs_diff(v)) > window) {
            kept.push((x, y));
        }
    }
    kept
}

/// Mass, mean and covariance within `window` of (`x`, `y`).
fn gather(shares: &[f32], side: usize, x: usize, y: usize, window: usize) -> Mode {
    let (mut mass, mut sx, mut sy, mut sxx, mut sxy, mut syy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for v in y.saturating_sub(window)..=(y + window).min(side - 1) {
        for u in x.saturating_sub(window)..=(x + window).min(side - 1) {
            let share = f64::from(shares.get(v * side + u).copied().unwrap_or(0.0));
            // Offsets from the maximum keep the sums well conditioned.
            let (dx, dy) = (u as f64 - x as f64, v as f64 - y as f64);
            mass += share;
            sx += share * dx;
            sy += share * dy;
            sxx += share * dx * dx;
            sxy += share * dx * dy;
            syy += share * dy * dy;
        }
    }
    if mass <= 0.0 {
        let position = PointPx::new(x as f64 + 0.5, y as f64 + 0.5);
        return Mode { position, covariance: Covariance::isotropic(0.0), mass: 0.0 };
    }
    let (mx, my) = (sx / mass, sy / mass);
    let covariance = Covariance { xx: sxx / mass - mx * mx, xy: sxy / mass - mx * my, yy: syy / mass - my * my };
    Mode { position: PointPx::new(x as f64 + 0.5 + mx, y as f64 + 0.5 + my), covariance, mass }
}

/// The spread of a landmark's error, from the spread of its mode: the drawn Gaussian taken off, calibrated, and never below the floor.
pub(super) fn calibrated(mode: Covariance, settings: &Heatmaps) -> Covariance {
    let drawn = settings.target_sigma * settings.target_sigma;
    let floor = settings.sigma_floor * settings.sigma_floor;
    let factor = settings.sigma_factor * settings.sigma_factor;
    let own = |variance: f64| (variance - drawn).max(0.0) * factor + floor;
    let (xx, yy) = (own(mode.xx), own(mode.yy));
    // A correlation cannot exceed what the two variances allow.
    let most = (xx * yy).sqrt() * 0.99;
    Covariance { xx, xy: (mode.xy * factor).clamp(-most, most), yy }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn settings(decoder: Decoder) -> Heatmaps {
        Heatmaps {
            output: "heatmaps".into(),
            landmarks: vec![],
            decoder,
            window: 6,
            target_sigma: 1.5,
            sigma_factor: 1.0,
            sigma_floor: 0.2,
        }
    }

    /// Logits of a mixture of Gaussians (x, y, sigma, weight).
    fn mixture(side: usize, parts: &[(f64, f64, f64, f64)]) -> Vec<f32> {
        let cell = |i: usize| ((i % side) as f64 + 0.5, (i / side) as f64 + 0.5);
        (0..side * side)
            .map(|i| {
                let (x, y) = cell(i);
                let p: f64 = parts
                    .iter()
                    .map(|&(cx, cy, s, w)| w * (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * s * s)).exp() / (s * s))
                    .sum();
                (p + 1e-12).ln() as f32
            })
            .collect()
    }

    #[test]
    fn two_modes_stay_two_and_neither_lies_between() {
        let map = mixture(64, &[(20.0, 20.0, 1.5, 0.6), (20.0, 40.0, 1.5, 0.4)]);
        let reading = read(&map, 64, &settings(Decoder::Softmax { absent_logit: None }));
        let found: Vec<_> = reading.modes.iter().map(|m| (m.position.x.round(), m.position.y.round())).collect();
        assert_eq!(found, [(20.0, 20.0), (20.0, 40.0)]);
        assert!((reading.modes[0].mass - 0.6).abs() < 0.01 && (reading.modes[1].mass - 0.4).abs() < 0.01);
    }

    #[test]
    fn an_even_map_says_absent_where_the_model_has_a_cell_for_it() {
        let map = vec![-5.0_f32; 32 * 32];
        let reading = read(&map, 32, &settings(Decoder::Softmax { absent_logit: Some(6.0) }));
        assert!(reading.absent > 0.95, "{reading:?}");
        assert!(reading.modes.iter().all(|m| m.mass < 0.05));
    }

    #[test]
    fn a_gaussian_map_below_the_threshold_says_absent() {
        let mut map = vec![0.0_f32; 32 * 32];
        map[5 * 32 + 9] = 0.2;
        let low = read(&map, 32, &settings(Decoder::Gaussian { threshold: 0.3 }));
        assert_eq!((low.modes.len(), low.absent), (0, 1.0));
        let high = read(&map, 32, &settings(Decoder::Gaussian { threshold: 0.1 }));
        assert_eq!(high.modes[0].position, PointPx::new(9.5, 5.5));
        assert!((high.modes[0].mass - 0.2).abs() < 1e-6);
    }

    #[test]
    fn the_drawn_gaussian_does_not_count_as_doubt() {
        let map = mixture(64, &[(30.0, 30.0, 1.5, 1.0)]);
        let settings = settings(Decoder::Softmax { absent_logit: None });
        let sigma = calibrated(read(&map, 64, &settings).modes[0].covariance, &settings).sigma();
        assert!((0.2..0.35).contains(&sigma), "{sigma}");
    }

    proptest! {
        #[test]
        fn a_gaussian_is_found_to_a_twentieth_of_a_pixel(x in 8.0..56.0, y in 8.0..56.0, sigma in 1.2..2.2) {
            let reading = read(&mixture(64, &[(x, y, sigma, 1.0)]), 64, &settings(Decoder::Softmax { absent_logit: None }));
            prop_assert!(reading.modes[0].position.distance(PointPx::new(x, y)) < 0.05);
            prop_assert!((reading.modes[0].covariance.sigma() - sigma).abs() < 0.1);
        }

        #[test]
        fn any_map_gives_finite_modes_and_masses_below_one(values in proptest::collection::vec(-30.0_f32..30.0, 16 * 16)) {
            for decoder in [Decoder::Softmax { absent_logit: Some(3.0) }, Decoder::Gaussian { threshold: 0.1 }] {
                let settings = Heatmaps { window: 3, ..settings(decoder) };
                let reading = read(&values, 16, &settings);
                prop_assert!((0.0..=1.0).contains(&reading.absent));
                for mode in reading.modes {
                    prop_assert!(mode.position.is_finite() && mode.mass > 0.0 && mode.mass < 1.0 + 1e-4);
                    let spread = calibrated(mode.covariance, &settings);
                    prop_assert!(spread.xx > 0.0 && spread.xx * spread.yy > spread.xy * spread.xy);
                }
            }
        }
    }
}
