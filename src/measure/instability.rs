//! How one body stands on the next: slip distance and slip angle of a segment.
//!
//! What is judged as instability is their change between flexion and extension (`study`), or a static slip.

use super::frame::{Point, angle_between};

/// Slip in pixels: the signed distance from the lower body's postero-superior corner to the line of the upper body's
/// posterior wall, positive where the upper body stands forward (anterolisthesis).
///
/// Points: postero-superior and postero-inferior corner of the upper body (C5–C6: p15, p16), postero-superior corner of
/// the lower body (p19). Paper A's text; its (20) and (21) are misprinted, see `docs/measurements.md`.
pub fn slip_distance([p15, p16, p19]: [Point; 3]) -> f64 {
    let up = p15.from(p16);
    // up × (p16 − p19) = |up| · the distance, positive where the wall lies anterior of (clockwise from) the corner.
    p16.from(p19).cross(up) / up.length()
}

/// Slip angle in degrees: between the posterior walls of adjacent bodies, lordosis positive.
///
/// Points: postero-superior and postero-inferior corner of the upper body, the same of the lower one (C5–C6: p15, p16,
/// p19, p20; paper A (22), (23), both misprinted).
pub fn slip_angle([p15, p16, p19, p20]: [Point; 4]) -> f64 {
    angle_between(p19.from(p20), p15.from(p16))
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: fn(f64, f64) -> Point = Point::new;

    #[test]
    fn an_upper_body_four_forward_slips_by_plus_four() {
        // The upper wall is upright at x = 4; the lower body's corner stands at x = 0.
        assert!((slip_distance([P(4.0, 30.0), P(4.0, 18.0), P(0.0, 12.0)]) - 4.0).abs() < 1e-12);
        assert!((slip_distance([P(-3.0, 30.0), P(-3.0, 18.0), P(0.0, 12.0)]) + 3.0).abs() < 1e-12, "retrolisthesis");
    }

    #[test]
    fn the_distance_is_square_to_a_leaning_wall() {
        // A wall through (0, 0) and (−3, 4), leaning back; the corner at (−5, −10) is (4, 3)/5 · (5, 10) = 10 behind it.
        assert!((slip_distance([P(-3.0, 4.0), P(0.0, 0.0), P(-5.0, -10.0)]) - 10.0).abs() < 1e-12);
    }

    #[test]
    fn an_upper_wall_that_leans_back_is_lordotic() {
        let angle = slip_angle([P(-10.0, 30.0), P(0.0, 20.0), P(0.0, 12.0), P(0.0, 0.0)]);
        assert!((angle - 45.0).abs() < 1e-12);
    }

    #[test]
    fn a_wall_without_length_gives_no_number() {
        assert!(slip_distance([P(1.0, 1.0), P(1.0, 1.0), P(0.0, 0.0)]).is_nan());
    }
}
