//! How high the discs are, after the convention of CSXA (Ran et al., Scientific Data 2024): corner to corner.

use super::frame::Point;

/// Height of a disc at one margin, in pixels: the distance between the facing corners of the two bodies.
///
/// Points: inferior corner of the upper body, superior corner of the lower one; both anterior or both posterior.
pub fn height_at_margin([upper, lower]: [Point; 2]) -> f64 {
    upper.distance(lower)
}

/// Height of a disc in its middle, in pixels: the distance between the mid-points of the facing end-plates.
///
/// Points: antero-inferior and postero-inferior corner of the upper body, antero-superior and postero-superior of the lower.
pub fn height_in_the_middle([upper_a, upper_p, lower_a, lower_p]: [Point; 4]) -> f64 {
    upper_a.midpoint(upper_p).distance(lower_a.midpoint(lower_p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disc_that_opens_to_the_front_on_squared_paper() {
        let [ua, up, la, lp] =
            [Point::new(16.0, 6.0), Point::new(0.0, 4.0), Point::new(16.0, 0.0), Point::new(0.0, 0.0)];
        assert!((height_at_margin([ua, la]) - 6.0).abs() < 1e-12);
        assert!((height_in_the_middle([ua, up, la, lp]) - 5.0).abs() < 1e-12);
        assert!((height_at_margin([up, lp]) - 4.0).abs() < 1e-12);
    }
}
