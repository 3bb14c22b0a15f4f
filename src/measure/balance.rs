//! Where the head stands over the shoulders: the C2–C7 sagittal vertical axis.

use super::frame::Point;

/// C2–C7 SVA in pixels, positive where C2 stands forward of C7.
///
/// Points: C2's four corners (antero-superior p1, antero-inferior p2, postero-superior p3, postero-inferior p4) and
/// C7's postero-superior corner p23. The plumb line falls from the crossing of C2's diagonals p1–p4 and p2–p3; the
/// distance is horizontal on the film (paper A (13)–(17); (16) is a misprint, see `docs/measurements.md`). Diagonals
/// that do not cross give a number that is not finite.
pub fn sva([p1, p2, p3, p4, p23]: [Point; 5]) -> f64 {
    centre([p1, p2, p3, p4]).x - p23.x
}

/// The crossing of a body's diagonals, antero-superior to postero-inferior and antero-inferior to postero-superior.
pub fn centre([p1, p2, p3, p4]: [Point; 4]) -> Point {
    let (one, other) = (p4.from(p1), p3.from(p2));
    p1.towards(p4, p2.from(p1).cross(other) / one.cross(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: fn(f64, f64) -> Point = Point::new;

    #[test]
    fn the_plumb_line_of_a_slanted_body_on_squared_paper() {
        // A trapezoid: (16, 20), (20, 0), (4, 20), (0, 0). Its diagonals cross at x = 10, y = 12.5.
        let corners = [P(16.0, 20.0), P(20.0, 0.0), P(4.0, 20.0), P(0.0, 0.0)];
        let middle = centre(corners);
        assert!((middle.x - 10.0).abs() < 1e-12 && (middle.y - 12.5).abs() < 1e-12, "{middle:?}");
        let [p1, p2, p3, p4] = corners;
        assert!((sva([p1, p2, p3, p4, P(-15.0, -90.0)]) - 25.0).abs() < 1e-12);
        assert!((sva([p1, p2, p3, p4, P(12.0, -90.0)]) + 2.0).abs() < 1e-12, "behind C7 is negative");
    }

    #[test]
    fn parallel_diagonals_give_no_number() {
        assert!(!sva([P(0.0, 0.0), P(0.0, 1.0), P(5.0, 1.0), P(5.0, 0.0), P(0.0, 0.0)]).is_finite());
    }
}
