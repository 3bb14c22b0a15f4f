//! One landmark's heatmap: a distribution over the picture, and the places where it is gathered.
//!
//! The mean of a whole map (DSNT, paper A eq. 5) is right only while the map has one mode; with two it lies in the disc between two
//! bodies. Here the maxima are found first, and mean and covariance are taken within a window about each. A landmark
//! behind the shoulders has no sharp place: its mass lies spread over half a level. Once the height of a level is known, such a
//! map is read again with a wider window that still cannot reach from one level to the next.

use crate::domain::geometry::{Covariance, PointPx};
use crate::inference::manifest::{Decoder, Heatmaps};

use super::honest::widening;

/// A landmark has at most this many places worth weighing: itself, and a level above and below.
const MOST_MODES: usize = 4;
/// A maximum below this share of the highest one is noise.
const LEAST_PEAK: f32 = 0.02;
/// A place with less of the whole mass than this is not worth weighing.
const LEAST_MASS: f64 = 0.01;

/// A map whose heaviest place holds less than this share of what is on the film is spread.
const ENOUGH: f64 = 0.5;

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
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    /// The places, the heaviest first.
    pub modes: Vec<Mode>,
    /// 0…1: the share of the mass that says "not on this film".
    pub absent: f64,
}

impl Reading {
    /// Of a landmark that the model does not know.
    pub(super) const fn nothing() -> Self {
        Self { modes: Vec::new(), absent: 1.0 }
    }

    /// Whether the landmark is on the film, but in no one place.
    pub(super) fn is_spread(&self) -> bool {
        let heaviest = self.modes.first().map_or(0.0, |mode| mode.mass);
        self.absent < 0.5 && heaviest < ENOUGH * (1.0 - self.absent)
    }
}

/// Reads a map of `side` × `side` numbers; mass within `window` pixels of a maximum belongs to it.
pub(super) fn read(map: &[f32], side: usize, decoder: Decoder, window: usize) -> Reading {
    let Distribution { weights, total, absent } = distribution(map, decoder);
    let share = |mode: Mode| Mode { mass: mode.mass / total, ..mode };
    let mut modes: Vec<Mode> = peaks(&weights, side, window)
        .into_iter()
        .map(|(x, y)| gather(&weights, side, x, y, window))
        .map(|mode| centred(&weights, side, mode, window))
        .map(share)
        .filter(|mode| mode.mass >= LEAST_MASS)
        .collect();
    modes.sort_by(|a, b| b.mass.total_cmp(&a.mass));
    Reading { modes, absent }
}

/// `mode` gathered again about its own mean: a window about the maximum of a lopsided map cuts off its longer side.
fn centred(weights: &[f32], side: usize, mode: Mode, window: usize) -> Mode {
    let cell = |v: f64| (v.max(0.0) as usize).min(side - 1);
    gather(weights, side, cell(mode.position.x), cell(mode.position.y), window)
}

/// A map as weights that are proportional to its distribution.
struct Distribution {
    weights: Vec<f32>,
    /// What the weights and the weight of "not on this film" come to; more than 0.
    total: f64,
    /// The share of "not on this film".
    absent: f64,
}

/// A logit this far below the highest adds less than a millionth of the mass even if every cell had it.
const NEGLIGIBLE: f32 = -26.0;

fn distribution(map: &[f32], decoder: Decoder) -> Distribution {
    match decoder {
        Decoder::Softmax { absent_logit } => {
            // Logits beyond f32 would be a broken manifest; as an f32 they only saturate.
            let absent_logit = absent_logit.map(|logit| logit as f32);
            let highest = map.iter().copied().chain(absent_logit).fold(f32::NEG_INFINITY, f32::max);
            let weigh = |logit: f32| if logit - highest < NEGLIGIBLE { 0.0 } else { (logit - highest).exp() };
            let weights: Vec<f32> = map.iter().map(|&logit| weigh(logit)).collect();
            let absent = absent_logit.map_or(0.0, |logit| f64::from(weigh(logit)));
            // The highest of all weighs 1, so the total is never 0. Lines are summed first: f32 keeps their digits.
            let total = weights.chunks(256).map(|line| f64::from(line.iter().sum::<f32>())).sum::<f64>() + absent;
            Distribution { weights, total, absent: absent / total }
        }
        Decoder::Gaussian { threshold } => {
            let highest = map.iter().copied().fold(0.0, f32::max);
            if f64::from(highest) <= threshold {
                return Distribution { weights: vec![0.0; map.len()], total: 1.0, absent: 1.0 };
            }
            // A peak of 1 is full belief; what a lower one lacks counts as "not on this film".
            let belief = f64::from(highest.min(1.0));
            let weights: Vec<f32> = map.iter().map(|&v| v.max(0.0)).collect();
            let sum: f64 = weights.iter().map(|&v| f64::from(v)).sum();
            Distribution { weights, total: sum / belief, absent: 1.0 - belief }
        }
    }
}

/// The highest maxima, none within `window` of a higher one.
fn peaks(weights: &[f32], side: usize, window: usize) -> Vec<(usize, usize)> {
    let at = |x: usize, y: usize| weights.get(y * side + x).copied().unwrap_or(0.0);
    let highest = weights.iter().copied().fold(0.0, f32::max);
    let mut found: Vec<(f32, usize, usize)> = Vec::new();
    for (i, &weight) in weights.iter().enumerate() {
        if weight <= 0.0 || weight < highest * LEAST_PEAK {
            continue;
        }
        let (x, y) = (i % side, i / side);
        let around = (y.saturating_sub(1)..=(y + 1).min(side - 1))
            .flat_map(|v| (x.saturating_sub(1)..=(x + 1).min(side - 1)).map(move |u| (u, v)));
        if around.into_iter().all(|(u, v)| at(u, v) <= weight) {
            found.push((weight, x, y));
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
fn gather(weights: &[f32], side: usize, x: usize, y: usize, window: usize) -> Mode {
    let (mut mass, mut sx, mut sy, mut sxx, mut sxy, mut syy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    let (left, right) = (x.saturating_sub(window), (x + window).min(side - 1));
    for v in y.saturating_sub(window)..=(y + window).min(side - 1) {
        let line = weights.get(v * side + left..=v * side + right).unwrap_or(&[]);
        for (u, &weight) in (left..).zip(line).filter(|(_, weight)| **weight > 0.0) {
            let weight = f64::from(weight);
            // Offsets from the maximum keep the sums well conditioned.
            let (dx, dy) = (u as f64 - x as f64, v as f64 - y as f64);
            mass += weight;
            sx += weight * dx;
            sy += weight * dy;
            sxx += weight * dx * dx;
            sxy += weight * dx * dy;
            syy += weight * dy * dy;
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

/// The spread of a landmark's error, from the spread of its mode on the map of `channel`: the drawn Gaussian taken off, calibrated,
/// never below the floor, and widened as far as spreads of its size turned out to be too small.
pub(super) fn calibrated(mode: Covariance, settings: &Heatmaps, channel: usize) -> Covariance {
    let drawn = settings.target_sigma * settings.target_sigma;
    let factor = settings.sigma_factor * settings.sigma_factor;
    let own = |variance: f64, floor: f64| (variance - drawn).max(0.0) * factor + floor * floor;
    let fitted = settings.floors.as_ref().and_then(|floors| floors.get(channel)).copied();
    let [x, y] = fitted.unwrap_or([settings.sigma_floor; 2]);
    let (xx, yy) = (own(mode.xx, x), own(mode.yy, y));
    // A correlation cannot exceed what the two variances allow.
    let most = (xx * yy).sqrt() * 0.99;
    let spread = Covariance { xx, xy: (mode.xy * factor).clamp(-most, most), yy };
    spread.widened(widening(spread.sigma(), &settings.spreads))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOFTMAX: Decoder = Decoder::Softmax { absent_logit: None };

    fn settings() -> Heatmaps {
        Heatmaps {
            output: "heatmaps".into(),
            landmarks: vec![],
            decoder: SOFTMAX,
            window: 6,
            target_sigma: 1.5,
            sigma_factor: 1.0,
            sigma_floor: 0.2,
            floors: None,
            spreads: vec![],
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
        let reading = read(&map, 64, SOFTMAX, 6);
        let found: Vec<_> = reading.modes.iter().map(|m| (m.position.x.round(), m.position.y.round())).collect();
        assert_eq!(found, [(20.0, 20.0), (20.0, 40.0)]);
        assert!((reading.modes[0].mass - 0.6).abs() < 0.01 && (reading.modes[1].mass - 0.4).abs() < 0.01);
    }

    #[test]
    fn a_hidden_landmark_is_one_wide_place() {
        let map = mixture(96, &[(48.0, 50.0, 8.0, 1.0)]);
        assert!(read(&map, 96, SOFTMAX, 6).is_spread());
        let mode = read(&map, 96, SOFTMAX, 14).modes[0];
        assert!(mode.mass > 0.7 && mode.position.distance(PointPx::new(48.0, 50.0)) < 0.5, "{mode:?}");
        assert!(mode.covariance.sigma() > 5.0);
    }

    #[test]
    fn an_even_map_says_absent_where_the_model_has_a_cell_for_it() {
        let map = vec![-5.0_f32; 32 * 32];
        let reading = read(&map, 32, Decoder::Softmax { absent_logit: Some(6.0) }, 6);
        assert!(reading.absent > 0.95, "{reading:?}");
        assert!(reading.modes.iter().all(|m| m.mass < 0.05));
    }

    #[test]
    fn a_gaussian_map_below_the_threshold_says_absent() {
        let mut map = vec![0.0_f32; 32 * 32];
        map[5 * 32 + 9] = 0.2;
        let low = read(&map, 32, Decoder::Gaussian { threshold: 0.3 }, 6);
        assert_eq!((low.modes.len(), low.absent), (0, 1.0));
        let high = read(&map, 32, Decoder::Gaussian { threshold: 0.1 }, 6);
        assert_eq!(high.modes[0].position, PointPx::new(9.5, 5.5));
        assert!((high.modes[0].mass - 0.2).abs() < 1e-6);
    }

    #[test]
    fn the_drawn_gaussian_does_not_count_as_doubt() {
        let map = mixture(64, &[(30.0, 30.0, 1.5, 1.0)]);
        let sigma = calibrated(read(&map, 64, SOFTMAX, 6).modes[0].covariance, &settings(), 0).sigma();
        assert!((0.2..0.35).contains(&sigma), "{sigma}");
    }

    #[test]
    fn each_landmark_has_its_own_floor_along_each_axis() {
        let settings = Heatmaps { floors: Some(vec![[0.3, 0.1], [0.5, 0.4]]), ..settings() };
        let drawn = Covariance::isotropic(1.5);
        let sharp = calibrated(drawn, &settings, 0);
        assert!((sharp.xx - 0.09).abs() < 1e-12 && (sharp.yy - 0.01).abs() < 1e-12);
        assert!((calibrated(drawn, &settings, 1).yy - 0.16).abs() < 1e-12);
    }

    #[test]
    fn wide_spreads_are_widened_more_than_sharp_ones() {
        let settings = Heatmaps { spreads: vec![(0.2, 1.0), (2.0, 3.0)], ..settings() };
        let sigma = |own: f64| calibrated(Covariance::isotropic((own * own + 1.5 * 1.5).sqrt()), &settings, 0).sigma();
        assert!((sigma(0.0) - 0.2).abs() < 1e-9 && (sigma(4.0) - 3.0 * 4.0_f64.hypot(0.2)).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_gaussian_is_found_to_a_twentieth_of_a_pixel(x in 8.0..56.0, y in 8.0..56.0, sigma in 1.2..2.2) {
            let reading = read(&mixture(64, &[(x, y, sigma, 1.0)]), 64, SOFTMAX, 6);
            prop_assert!(reading.modes[0].position.distance(PointPx::new(x, y)) < 0.05);
            prop_assert!((reading.modes[0].covariance.sigma() - sigma).abs() < 0.1);
        }

        #[test]
        fn any_map_gives_finite_modes_and_masses_below_one(values in proptest::collection::vec(-30.0_f32..30.0, 16 * 16)) {
            for decoder in [Decoder::Softmax { absent_logit: Some(3.0) }, Decoder::Gaussian { threshold: 0.1 }] {
                let reading = read(&values, 16, decoder, 3);
                prop_assert!((0.0..=1.0).contains(&reading.absent));
                for mode in reading.modes {
                    prop_assert!(mode.position.is_finite() && mode.mass > 0.0 && mode.mass < 1.0 + 1e-4);
                    let spread = calibrated(mode.covariance, &settings(), 0);
                    prop_assert!(spread.xx > 0.0 && spread.xx * spread.yy > spread.xy * spread.xy);
                }
            }
        }
    }
}
