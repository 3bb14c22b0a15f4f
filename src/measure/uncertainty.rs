//! From the spread of the landmarks to the interval of a number: one mechanism for every formula.
//!
//! First-order propagation: σ² = Σ gᵢᵀ Σᵢ gᵢ, with the gradient gᵢ towards landmark i from central differences. The
//! errors of different landmarks are taken as independent. What that leaves out – corners that move together, a formula
//! that bends within the spread – is made good by the calibration factors, fitted on held-out phantoms so that nine truths
//! of ten lie inside.

use super::frame::Point;
use crate::domain::geometry::Covariance;

/// The two-sided 90 % quantile of the normal distribution.
pub const Z_90: f64 = 1.645;

/// The step of the central differences in pixels: far below any landmark's spread, far above rounding.
const STEP: f64 = 1e-3;

/// The standard deviation of `formula` at `points`, in the formula's unit. Not finite where the formula is not; never negative.
pub fn standard_deviation<const N: usize>(
    formula: impl Fn([Point; N]) -> f64,
    points: [Point; N],
    covariances: [Covariance; N],
) -> f64 {
    let slope = |index: usize, step: Point| {
        let at = |sign: f64| {
            let mut moved = points;
            if let Some(point) = moved.get_mut(index) {
                *point = Point::new(point.x + sign * step.x, point.y + sign * step.y);
            }
            formula(moved)
        };
        (at(1.0) - at(-1.0)) / (2.0 * STEP)
    };
    let gradients: [Point; N] = std::array::from_fn(|index| {
        Point::new(slope(index, Point::new(STEP, 0.0)), slope(index, Point::new(0.0, STEP)))
    });
    let own = |(g, c): (&Point, &Covariance)| g.x * g.x * c.xx + 2.0 * g.x * g.y * c.xy + g.y * g.y * c.yy;
    let variance: f64 = gradients.iter().zip(&covariances).map(own).sum();
    // A covariance that is not quite positive may come out a hair below zero; NaN stays NaN.
    if variance < 0.0 { 0.0 } else { variance.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::curvature;

    #[test]
    fn the_distance_between_two_blurred_points() {
        let length = |[a, b]: [Point; 2]| a.distance(b);
        let points = [Point::new(0.0, 0.0), Point::new(30.0, 0.0)];
        // Only the spread along the line counts: √(3² + 4²).
        let spreads = [Covariance { xx: 9.0, xy: 0.0, yy: 100.0 }, Covariance { xx: 16.0, xy: 0.0, yy: 49.0 }];
        assert!((standard_deviation(length, points, spreads) - 5.0).abs() < 1e-6);
    }

    #[test]
    fn a_plate_of_twenty_with_a_pixel_of_spread_at_each_end() {
        // σ(θ) = √2 · 1 / 20 rad = 4.051°.
        let points = [Point::new(20.0, 0.0), Point::new(0.0, 0.0)];
        let sigma = standard_deviation(curvature::slope, points, [Covariance::isotropic(1.0); 2]);
        assert!((sigma - (2f64.sqrt() / 20.0).to_degrees()).abs() < 1e-6);
    }

    #[test]
    fn the_mixed_part_counts() {
        let sum = |[p]: [Point; 1]| p.x + p.y;
        let along = Covariance { xx: 1.0, xy: 1.0, yy: 1.0 };
        let across = Covariance { xx: 1.0, xy: -1.0, yy: 1.0 };
        assert!((standard_deviation(sum, [Point::new(3.0, 4.0)], [along]) - 2.0).abs() < 1e-6);
        assert!(standard_deviation(sum, [Point::new(3.0, 4.0)], [across]).abs() < 1e-6);
    }
}
