//! How wide the bony canal is: the depth of body and canal, and the Pavlov ratio, which needs no calibration.

use super::frame::Point;

/// SDVB in pixels: the distance between the mid-points of the anterior and the posterior wall (paper A (25)–(29)).
///
/// Points: antero-superior, antero-inferior, postero-superior, postero-inferior corner (C3: p5…p8).
pub fn sdvb([p5, p6, p7, p8]: [Point; 4]) -> f64 {
    p5.midpoint(p6).distance(p7.midpoint(p8))
}

/// SDVC in pixels: the shortest distance from the posterior wall's mid-point to the spinolaminar line M (paper A (30)).
///
/// Points: postero-superior and postero-inferior corner, superior and inferior end of M. M is the stretch between its
/// ends and no longer: paper A takes the nearest of its points.
pub fn sdvc([p7, p8, superior, inferior]: [Point; 4]) -> f64 {
    let wall = p7.midpoint(p8);
    wall.distance(nearest(wall, superior, inferior))
}

/// The point of the stretch from `superior` to `inferior` that lies nearest to `wall`.
pub fn nearest(wall: Point, superior: Point, inferior: Point) -> Point {
    let line = inferior.from(superior);
    let square = line.dot(line);
    let share = if square > 0.0 { (wall.from(superior).dot(line) / square).clamp(0.0, 1.0) } else { 0.0 };
    superior.towards(inferior, share)
}

/// Pavlov ratio SDVC / SDVB (paper A (24)).
///
/// Points: the four corners as for [`sdvb`], then the two ends of the spinolaminar line.
pub fn pavlov([p5, p6, p7, p8, superior, inferior]: [Point; 6]) -> f64 {
    sdvc([p7, p8, superior, inferior]) / sdvb([p5, p6, p7, p8])
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: fn(f64, f64) -> Point = Point::new;
    const BODY: [Point; 4] =
        [Point::new(16.0, 12.0), Point::new(16.0, 0.0), Point::new(0.0, 12.0), Point::new(0.0, 0.0)];

    #[test]
    fn a_body_of_sixteen_before_a_canal_of_twelve_has_a_pavlov_ratio_of_three_quarters() {
        let [p5, p6, p7, p8] = BODY;
        assert!((sdvb(BODY) - 16.0).abs() < 1e-12);
        assert!((sdvc([p7, p8, P(-12.0, 11.0), P(-12.0, 1.0)]) - 12.0).abs() < 1e-12);
        assert!((pavlov([p5, p6, p7, p8, P(-12.0, 11.0), P(-12.0, 1.0)]) - 0.75).abs() < 1e-12);
    }

    #[test]
    fn the_line_ends_at_its_ends() {
        let [_, _, p7, p8] = BODY;
        // The line begins 12 below the mid-point and 9 behind it, and runs down: its upper end is the nearest.
        let nearest = sdvc([p7, p8, P(-9.0, -6.0), P(-9.0, -20.0)]);
        assert!((nearest - 15.0).abs() < 1e-12, "{nearest}");
    }

    #[test]
    fn a_line_without_length_is_a_point() {
        let [_, _, p7, p8] = BODY;
        assert!((sdvc([p7, p8, P(-3.0, 2.0), P(-3.0, 2.0)]) - 5.0).abs() < 1e-12);
    }
}
