//! How the neck is bent: Cobb angles, slopes, the angle of a segment and the wedge of a body.
//!
//! Degrees, lordosis positive. The direction of an end-plate runs from its posterior to its anterior corner. What is
//! measured adds up: C2–C7 Cobb = the five segmental angles + the five wedges of C3…C7.

use super::frame::{Point, angle_between};

/// The angle between two end-plates, θ(upper) − θ(lower): positive where the neck opens to the front (lordosis).
///
/// Points: anterior and posterior corner of the upper end-plate, anterior and posterior corner of the lower one.
/// Serves the Cobb angles (paper A (9)–(12): p2, p4, p22, p24), the segmental angles (facing end-plates, CSXA) and the
/// wedge of a body (its own end-plates, CSXA). Paper A's slopes and its δ are replaced by `atan2(cross, dot)`.
pub fn between_plates([upper_a, upper_p, lower_a, lower_p]: [Point; 4]) -> f64 {
    angle_between(lower_a.from(lower_p), upper_a.from(upper_p))
}

/// The slope of an end-plate against the film's horizontal, −θ: positive where it tilts forward and down (paper B).
///
/// Points: anterior and posterior corner.
pub fn slope([anterior, posterior]: [Point; 2]) -> f64 {
    -angle_between(Point::new(1.0, 0.0), anterior.from(posterior))
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: fn(f64, f64) -> Point = Point::new;

    #[test]
    fn a_lordosis_of_forty_five_degrees_on_squared_paper() {
        // Upper plate level (20 forward), lower plate falling 20 over 20: the plates open to the front by 45°.
        let lordosis = between_plates([P(20.0, 100.0), P(0.0, 100.0), P(20.0, 0.0), P(0.0, 20.0)]);
        assert!((lordosis - 45.0).abs() < 1e-12);
    }

    #[test]
    fn a_kyphosis_is_negative() {
        let kyphosis = between_plates([P(20.0, 90.0), P(0.0, 100.0), P(20.0, 0.0), P(0.0, 0.0)]);
        assert!((kyphosis + (0.5f64).atan().to_degrees()).abs() < 1e-12);
    }

    #[test]
    fn a_plate_that_falls_to_the_front_has_a_positive_slope() {
        assert!((slope([P(10.0, 0.0), P(0.0, 10.0)]) - 45.0).abs() < 1e-12);
        assert!((slope([P(10.0, 10.0), P(0.0, 10.0)])).abs() < 1e-12);
        assert!((slope([P(10.0, 20.0), P(0.0, 10.0)]) + 45.0).abs() < 1e-12);
    }

    #[test]
    fn a_plate_without_length_gives_no_number() {
        assert!(slope([P(1.0, 1.0), P(1.0, 1.0)]).is_nan());
    }
}
