//! The frame in which everything is measured: anterior = +x, up = +y, still in pixels of the film.
//!
//! A film has y running down and the patient looking to either side. [`AnatomicalFrame`] turns one into the other and
//! back; it is the only place that knows about it, so that no formula carries a sign for the side faced. The film's
//! vertical stays vertical: the patient is taken to stand or sit upright, as paper A does for the SVA.

use crate::domain::anatomy::Facing;
use crate::domain::geometry::{Covariance, PointPx};

/// A position or a vector in the anatomical frame, in pixels: x towards anterior, y upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Towards anterior.
    pub x: f64,
    /// Upwards.
    pub y: f64,
}

impl Point {
    /// A point at (`x`, `y`).
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The vector from `origin` to this point.
    pub fn from(self, origin: Self) -> Self {
        Self::new(self.x - origin.x, self.y - origin.y)
    }

    /// The point `share` of the way to `other`.
    pub fn towards(self, other: Self, share: f64) -> Self {
        Self::new(self.x + share * (other.x - self.x), self.y + share * (other.y - self.y))
    }

    /// The point half way to `other`.
    pub fn midpoint(self, other: Self) -> Self {
        self.towards(other, 0.5)
    }

    /// The distance to `other`, in pixels.
    pub fn distance(self, other: Self) -> f64 {
        self.from(other).length()
    }

    /// The length of this vector, in pixels.
    pub fn length(self) -> f64 {
        self.x.hypot(self.y)
    }

    /// The scalar product.
    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    /// The z of the vector product: positive where `other` lies counter-clockwise of this vector.
    pub fn cross(self, other: Self) -> f64 {
        self.x * other.y - self.y * other.x
    }
}

/// The angle by which `from` has to be turned to point along `to`, in degrees, counter-clockwise positive, −180…180.
///
/// `atan2(cross, dot)`: no slopes, so upright walls are nothing special. A vector without length has no direction:
/// the answer is then NaN, and the reading is withheld.
pub fn angle_between(from: Point, to: Point) -> f64 {
    if from.length() > 0.0 && to.length() > 0.0 { from.cross(to).atan2(from.dot(to)).to_degrees() } else { f64::NAN }
}

/// Turns positions on the film into the anatomical frame and back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnatomicalFrame {
    anterior: f64,
}

impl AnatomicalFrame {
    /// The frame of a patient who looks to the side `facing`.
    ///
    /// Where it is not known the film is taken as it lies. What has no sign – lengths, ratios – comes out the same in
    /// the mirror; what has one is withheld by the caller.
    pub fn new(facing: Option<Facing>) -> Self {
        Self { anterior: facing.map_or(1.0, Facing::sign) }
    }

    /// From the film into the frame.
    pub fn place(self, film: PointPx) -> Point {
        Point::new(self.anterior * film.x, -film.y)
    }

    /// From the frame back onto the film.
    pub fn film(self, point: Point) -> PointPx {
        PointPx::new(self.anterior * point.x, -point.y)
    }

    /// A covariance on the film, seen in the frame.
    pub fn covariance(self, film: Covariance) -> Covariance {
        Covariance { xx: film.xx, xy: -self.anterior * film.xy, yy: film.yy }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn anterior_is_plus_x_whichever_way_the_patient_looks() {
        let nose_left = PointPx::new(10.0, 50.0).from(PointPx::new(90.0, 50.0));
        assert!(AnatomicalFrame::new(Some(Facing::Left)).place(nose_left).x > 0.0);
        let nose_right = PointPx::new(90.0, 50.0).from(PointPx::new(10.0, 50.0));
        assert!(AnatomicalFrame::new(Some(Facing::Right)).place(nose_right).x > 0.0);
    }

    #[test]
    fn turning_left_is_positive_and_nothing_has_no_direction() {
        let (east, north) = (Point::new(2.0, 0.0), Point::new(0.0, 3.0));
        assert!((angle_between(east, north) - 90.0).abs() < 1e-12);
        assert!((angle_between(north, east) + 90.0).abs() < 1e-12);
        assert!(angle_between(Point::new(0.0, 0.0), east).is_nan());
    }

    #[test]
    fn a_mirrored_covariance_changes_the_sign_of_its_mixed_part_only() {
        let film = Covariance { xx: 4.0, xy: 1.5, yy: 9.0 };
        // Facing right only y turns over; facing left both axes do, which leaves the mixed part alone.
        assert_eq!(AnatomicalFrame::new(Some(Facing::Right)).covariance(film).xy, -1.5);
        assert_eq!(AnatomicalFrame::new(Some(Facing::Left)).covariance(film), film);
    }

    proptest! {
        #[test]
        fn into_the_frame_and_back_is_where_one_was(x in -1e4..1e4f64, y in -1e4..1e4f64, left: bool) {
            let facing = if left { Facing::Left } else { Facing::Right };
            let frame = AnatomicalFrame::new(Some(facing));
            let film = PointPx::new(x, y);
            prop_assert_eq!(frame.film(frame.place(film)), film);
        }
    }
}
