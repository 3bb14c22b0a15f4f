//! The last word on spreads: what all stages together say of a landmark, brought to what held-out films say of them.
//!
//! Each stage is calibrated by itself; chosen and mixed, their answers are surer than they should be, most of all where a
//! landmark is hardly shown. So the larger the spread, in level heights, the more it is widened: by the factors of the manifest's
//! `[calibration] spreads`, between two of them along the logarithm of the spread.

use crate::domain::anatomy::{LANDMARKS, Landmark};

/// `landmarks` with honest spreads; `level` is the height of a level in film pixels, `factors` rise.
pub(super) fn honest(
    landmarks: [Option<Landmark>; LANDMARKS],
    level: f64,
    factors: &[(f64, f64)],
) -> [Option<Landmark>; LANDMARKS] {
    landmarks.map(|slot| {
        slot.map(|landmark| {
            let factor = widening(landmark.covariance.sigma() / level, factors);
            Landmark { covariance: landmark.covariance.widened(factor), ..landmark }
        })
    })
}

/// The factor for a spread, in the unit of `factors`; 1 without any, and for a spread that is no number.
pub(super) fn widening(spread: f64, factors: &[(f64, f64)]) -> f64 {
    let above = factors.iter().position(|(at, _)| spread < *at);
    match (above, factors.first(), factors.last()) {
        (Some(0), Some((_, first)), _) => *first,
        (Some(i), ..) => match (factors.get(i - 1), factors.get(i)) {
            (Some((a, low)), Some((b, high))) => low + (high - low) * (spread / a).ln() / (b / a).ln(),
            _ => 1.0,
        },
        (None, _, Some((_, last))) if spread.is_finite() => *last,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_spreads_the_factor_runs_along_the_logarithm() {
        let factors = [(0.01, 1.0), (0.1, 2.0), (0.4, 3.0)];
        for (spread, expected) in
            [(0.001, 1.0), (0.01, 1.0), (0.1_f64.sqrt() / 10.0, 1.5), (0.1, 2.0), (0.2, 2.5), (9.0, 3.0)]
        {
            assert!((widening(spread, &factors) - expected).abs() < 1e-9, "{spread}: {}", widening(spread, &factors));
        }
    }

    #[test]
    fn without_factors_and_without_a_spread_nothing_changes() {
        assert_eq!(widening(0.3, &[]), 1.0);
        assert_eq!(widening(f64::NAN, &[(0.1, 2.0)]), 1.0);
        assert_eq!(widening(f64::INFINITY, &[(0.1, 2.0)]), 1.0);
    }
}
