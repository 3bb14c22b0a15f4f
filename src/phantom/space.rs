//! Vectors and rigid frames in millimetres: x anterior, y left, z up.

use std::ops::{Add, Mul, Neg, Sub};

/// A point or a direction, millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Vec3 {
    /// Anterior.
    pub x: f32,
    /// To the patient's left, along the beam.
    pub y: f32,
    /// Up.
    pub z: f32,
}

/// `Vec3 { x, y, z }`, short: shapes are tables of these.
pub const fn v(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    /// The inner product.
    pub fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    /// The length.
    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The mirror image across the mid-sagittal plane.
    pub fn mirrored(self) -> Self {
        v(self.x, -self.y, self.z)
    }

    /// Each component by itself.
    pub fn zip(self, o: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        v(f(self.x, o.x), f(self.y, o.y), f(self.z, o.z))
    }

    /// From `self` to `o`, the share `t` of the way.
    pub fn lerp(self, o: Self, t: f32) -> Self {
        self + (o - self) * t
    }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        v(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        v(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Self;
    fn mul(self, k: f32) -> Self {
        v(self.x * k, self.y * k, self.z * k)
    }
}

impl Neg for Vec3 {
    type Output = Self;
    fn neg(self) -> Self {
        self * -1.0
    }
}

/// A rigid placement: a rotation and where the origin goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// The images of the three axes.
    axes: [Vec3; 3],
    /// The image of the origin.
    pub origin: Vec3,
}

impl Frame {
    /// The world itself.
    pub const WORLD: Self =
        Self { axes: [v(1.0, 0.0, 0.0), v(0.0, 1.0, 0.0), v(0.0, 0.0, 1.0)], origin: v(0.0, 0.0, 0.0) };

    /// The placement at `origin` turned by three angles in radians, in this order: `roll` about x (head to the
    /// shoulder), `pitch` about y (extension positive: anterior rises), `yaw` about z (the face to the left).
    pub fn new(origin: Vec3, pitch: f32, yaw: f32, roll: f32) -> Self {
        let turn = |p: Vec3| {
            let (s, c) = roll.sin_cos();
            let p = v(p.x, c * p.y - s * p.z, s * p.y + c * p.z);
            let (s, c) = pitch.sin_cos();
            let p = v(c * p.x - s * p.z, p.y, s * p.x + c * p.z);
            let (s, c) = yaw.sin_cos();
            v(c * p.x - s * p.y, s * p.x + c * p.y, p.z)
        };
        Self { axes: Self::WORLD.axes.map(turn), origin }
    }

    /// The same rotation at another place.
    pub const fn moved_to(self, origin: Vec3) -> Self {
        Self { axes: self.axes, origin }
    }

    /// A direction of this frame, in the world.
    pub fn direction(&self, p: Vec3) -> Vec3 {
        let [a, b, c] = self.axes;
        a * p.x + b * p.y + c * p.z
    }

    /// A point of this frame, in the world.
    pub fn point(&self, p: Vec3) -> Vec3 {
        self.direction(p) + self.origin
    }

    /// A direction of the world, in this frame.
    pub fn direction_in(&self, p: Vec3) -> Vec3 {
        let [a, b, c] = self.axes;
        v(a.dot(p), b.dot(p), c.dot(p))
    }

    /// A point of the world, in this frame.
    pub fn point_in(&self, p: Vec3) -> Vec3 {
        self.direction_in(p - self.origin)
    }

    /// The placement `inner`, given in this frame, in the world.
    pub fn then(&self, inner: &Self) -> Self {
        Self { axes: inner.axes.map(|a| self.direction(a)), origin: self.point(inner.origin) }
    }
}

/// An axis-parallel box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The corner with the smallest coordinates.
    pub low: Vec3,
    /// The corner with the largest.
    pub high: Vec3,
}

impl Bounds {
    /// The box about `centre` that reaches `half` to each side.
    pub fn about(centre: Vec3, half: Vec3) -> Self {
        Self { low: centre - half, high: centre + half }
    }

    /// The smallest box around both.
    pub fn union(self, o: Self) -> Self {
        Self { low: self.low.zip(o.low, f32::min), high: self.high.zip(o.high, f32::max) }
    }

    /// The box grown by `margin` on every side.
    pub fn grown(self, margin: f32) -> Self {
        let m = v(margin, margin, margin);
        Self { low: self.low - m, high: self.high + m }
    }

    /// Its eight corners.
    pub fn corners(self) -> [Vec3; 8] {
        let (l, h) = (self.low, self.high);
        [0u8, 1, 2, 3, 4, 5, 6, 7].map(|i| {
            v(
                if i & 1 == 0 { l.x } else { h.x },
                if i & 2 == 0 { l.y } else { h.y },
                if i & 4 == 0 { l.z } else { h.z },
            )
        })
    }

    /// The stretch of the ray `from + t·along` inside the box, as `t` of entry and exit.
    pub fn clip(self, from: Vec3, along: Vec3) -> Option<(f32, f32)> {
        let mut span = (0.0f32, f32::INFINITY);
        for (f, a, l, h) in [
            (from.x, along.x, self.low.x, self.high.x),
            (from.y, along.y, self.low.y, self.high.y),
            (from.z, along.z, self.low.z, self.high.z),
        ] {
            if a.abs() < 1e-9 {
                if f < l || f > h {
                    return None;
                }
                continue;
            }
            let (t0, t1) = ((l - f) / a, (h - f) / a);
            span = (span.0.max(t0.min(t1)), span.1.min(t0.max(t1)));
        }
        (span.0 < span.1).then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_and_its_inverse_cancel() {
        let frame = Frame::new(v(3.0, -2.0, 7.0), 0.3, -0.2, 0.1);
        let p = v(1.0, 2.0, 3.0);
        assert!((frame.point_in(frame.point(p)) - p).length() < 1e-5);
    }

    #[test]
    fn extension_lifts_what_lies_in_front() {
        assert!(Frame::new(Vec3::default(), 0.2, 0.0, 0.0).point(v(10.0, 0.0, 0.0)).z > 1.0);
    }

    #[test]
    fn a_ray_is_clipped_to_the_box() {
        let b = Bounds::about(Vec3::default(), v(1.0, 2.0, 3.0));
        assert_eq!(b.clip(v(0.0, -10.0, 0.0), v(0.0, 1.0, 0.0)), Some((8.0, 12.0)));
        assert_eq!(b.clip(v(5.0, -10.0, 0.0), v(0.0, 1.0, 0.0)), None);
    }
}
