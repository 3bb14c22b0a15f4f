//! A square of the film about one body, turned and scaled with it: rows run along the end-plates, columns across.
//!
//! Every sign of the image is read off such patches, so that what is told does not depend on the pixels of the detector,
//! the size of the patient or the tilt of the body. Each of the [`SIDE`]² samples is the mean of the film over its own area.

use crate::domain::anatomy::{Corner, Keypoints, LandmarkId, Vertebra};
use crate::domain::geometry::PointPx;
use crate::domain::radiograph::GrayImage;

/// Samples a side.
pub const SIDE: usize = 96;
/// The side in depths of a body: the body, its discs, and what lies before and behind.
pub const SPAN: f64 = 1.9;
/// A patch of which more than this share lies off the film tells nothing.
const MOST_OUTSIDE: f64 = 0.05;
/// In body depths: a corner that is known to about a millimetre.
const CLEAR: f64 = 0.07;
/// A sample is the mean of at most so many places a side.
const MOST_PLACES: usize = 4;

/// The film about a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Whose body.
    pub vertebra: Vertebra,
    /// 0 black … 1 white, row by row.
    pub values: Vec<f32>,
}

/// The median length of the inferior end-plates that were found, in pixels.
pub fn typical_depth(keypoints: &Keypoints) -> Option<f64> {
    let plate = |v| {
        let anterior = keypoints.corner(v, Corner::AnteroInferior)?;
        Some(anterior.distance(keypoints.corner(v, Corner::PosteroInferior)?))
    };
    let mut depths: Vec<f64> = Vertebra::ALL.into_iter().filter_map(plate).collect();
    depths.sort_by(f64::total_cmp);
    depths.get(depths.len() / 2).copied()
}

/// How many corners of a body were found surely: to less than [`CLEAR`] of a body's depth.
pub fn clear_corners(keypoints: &Keypoints, vertebra: Vertebra) -> usize {
    let Some(depth) = typical_depth(keypoints) else { return 0 };
    let clear = |c: &Corner| {
        let landmark = keypoints.get(LandmarkId::Corner(vertebra, *c));
        landmark.is_some_and(|l| l.covariance.sigma() < CLEAR * depth)
    };
    Corner::ALL.iter().filter(|c| clear(c)).count()
}

impl Patch {
    /// The patch about `vertebra`, where its four corners were found and it lies on the film. `depth` is that of a
    /// typical body, pixels.
    pub fn of(image: &GrayImage, keypoints: &Keypoints, vertebra: Vertebra, depth: f64) -> Option<Self> {
        let corner = |c| keypoints.corner(vertebra, c);
        let (front_top, front_bottom) = (corner(Corner::AnteroSuperior)?, corner(Corner::AnteroInferior)?);
        let (back_top, back_bottom) = (corner(Corner::PosteroSuperior)?, corner(Corner::PosteroInferior)?);
        let centre = front_top.midpoint(back_bottom).midpoint(front_bottom.midpoint(back_top));
        let forwards = front_top.midpoint(front_bottom).from(back_top.midpoint(back_bottom));
        let length = forwards.x.hypot(forwards.y);
        let step = SPAN * depth / SIDE as f64;
        if !(length > 0.0 && step > 0.0 && step.is_finite()) {
            return None;
        }
        let along = (forwards.x / length, forwards.y / length);
        let places = (step.ceil() as usize).clamp(1, MOST_PLACES);
        let mut outside = 0usize;
        let mut values = Vec::with_capacity(SIDE * SIDE);
        let at = |i: usize, place: usize| (i as f64 + (place as f64 + 0.5) / places as f64 - SIDE as f64 / 2.0) * step;
        for row in 0..SIDE {
            for column in 0..SIDE {
                let mut sum = 0.0;
                for place in 0..places * places {
                    let (u, w) = (at(column, place % places), at(row, place / places));
                    let p = PointPx::new(centre.x + u * along.0 - w * along.1, centre.y + u * along.1 + w * along.0);
                    let (value, inside) = bilinear(image, p);
                    sum += value;
                    outside += usize::from(!inside);
                }
                values.push((sum / (places * places) as f64) as f32);
            }
        }
        let share = outside as f64 / (SIDE * SIDE * places * places) as f64;
        (share <= MOST_OUTSIDE).then_some(Self { vertebra, values })
    }

    /// The patches of all bodies that have one, from the head downwards.
    pub fn all(image: &GrayImage, keypoints: &Keypoints) -> Vec<Self> {
        let Some(depth) = typical_depth(keypoints) else { return Vec::new() };
        Vertebra::ALL.into_iter().filter_map(|v| Self::of(image, keypoints, v, depth)).collect()
    }
}

/// The film's value at `p` (0 … 1), its border continued outwards, and whether `p` lies on it.
pub(super) fn bilinear(image: &GrayImage, p: PointPx) -> (f64, bool) {
    let (width, height) = (image.width(), image.height());
    let split = |v: f64, size: usize| {
        let v = (v - 0.5).clamp(0.0, (size - 1) as f64);
        let low = v as usize;
        (low, (low + 1).min(size - 1), v.fract())
    };
    let ((left, right, fx), (top, bottom, fy)) = (split(p.x, width), split(p.y, height));
    let value = |x: usize, y: usize| image.pixels().get(y * width + x).map_or(0.0, |v| f64::from(*v));
    let line = |y: usize| value(left, y) * (1.0 - fx) + value(right, y) * fx;
    let inside = (0.0..=width as f64).contains(&p.x) && (0.0..=height as f64).contains(&p.y);
    ((line(top) * (1.0 - fy) + line(bottom) * fy) / f64::from(u16::MAX), inside)
}
