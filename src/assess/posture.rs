//! Is the neck turned about its long axis, or does it lean towards the detector? Told from the double contours.
//!
//! On a true lateral film the left and the right half of each vertebra lie on each other. When the neck turns, joints and
//! pedicles part along the end-plates: rings appear over the bodies and the posterior wall fades. When it leans, the two
//! sides of each end-plate part. Both look alike on every level, so the bodies C3…C7 are drawn onto one square each
//! (their corners onto the same four points), freed of shading, brought to one contrast and averaged; what noise, size, tilt
//! and any single level contribute is then small. The mean is weighed with a template each for rotation and for lean, fitted
//! by ridge regression on phantoms (`scripts/train/posture.py`), which gives degrees without sign.
//!
//! Fewer than [`ENOUGH`] bodies, or bodies without contrast, tell nothing.

use crate::domain::anatomy::{Corner, Keypoints, Vertebra};
use crate::domain::geometry::PointPx;
use crate::domain::radiograph::GrayImage;

use super::patch::{bilinear, typical_depth};
use super::templates::{LEAN, LEAN_OFFSET, ROTATION, ROTATION_OFFSET};

/// Cells a side of the square.
const CELLS: usize = 24;
/// Places a side whose mean is a cell.
const PLACES: usize = 3;
/// The side of the square in sizes of the body.
const SPAN: f64 = 2.6;
/// The square lies so many cells further back than the body: behind it lies what parts first.
const BACKWARDS: f64 = 2.0;
/// The shading at a cell is the mean of so many cells to each side.
const ABOUT: usize = 3;
/// Cells a side of what is left where all those neighbours exist.
pub(super) const KEPT: usize = CELLS - 2 * ABOUT;
/// Bodies needed.
const ENOUGH: usize = 3;
/// A square of which more than this share lies off the film tells nothing.
const MOST_OUTSIDE: f64 = 0.05;
/// Root of the summed squares below which a square holds no more than rounding.
const NOTHING: f64 = 1e-3;

/// How the neck stands, degrees without sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posture {
    /// About the long axis.
    pub rotation: f64,
    /// Out of the film's plane.
    pub lean: f64,
}

/// The posture of the neck on `image`.
pub fn read(image: &GrayImage, keypoints: &Keypoints) -> Option<Posture> {
    typical_depth(keypoints)?;
    let squares: Vec<Vec<f64>> =
        Vertebra::ALL.into_iter().skip(1).filter_map(|v| square(image, keypoints, v)).collect();
    if squares.len() < ENOUGH {
        return None;
    }
    let mut mean = vec![0.0; KEPT * KEPT];
    for square in &squares {
        mean.iter_mut().zip(square).for_each(|(m, v)| *m += v);
    }
    let mean = normed(mean)?;
    let degrees = |template: &[f32], offset: f32| {
        let sum: f64 = template.iter().zip(&mean).map(|(t, v)| f64::from(*t) * v).sum();
        (sum + f64::from(offset)).max(0.0)
    };
    Some(Posture { rotation: degrees(&ROTATION, ROTATION_OFFSET), lean: degrees(&LEAN, LEAN_OFFSET) })
}

/// The film about a body, drawn onto a square with the front to the right, without shading, of unit contrast.
fn square(image: &GrayImage, keypoints: &Keypoints, vertebra: Vertebra) -> Option<Vec<f64>> {
    let corner = |c| keypoints.corner(vertebra, c);
    let (front_top, front_bottom) = (corner(Corner::AnteroSuperior)?, corner(Corner::AnteroInferior)?);
    let (back_top, back_bottom) = (corner(Corner::PosteroSuperior)?, corner(Corner::PosteroInferior)?);
    let between = |a: PointPx, b: PointPx, t: f64| PointPx::new(a.x + t * (b.x - a.x), a.y + t * (b.y - a.y));
    let count = CELLS * PLACES;
    let at = |i: usize| ((i as f64 + 0.5) / count as f64 - 0.5) * SPAN + 0.5;
    let (mut cells, mut outside) = (vec![0.0; CELLS * CELLS], 0usize);
    for y in 0..count {
        let (front, back) = (between(front_top, front_bottom, at(y)), between(back_top, back_bottom, at(y)));
        for x in 0..count {
            let place = between(back, front, at(x) - BACKWARDS * SPAN / CELLS as f64);
            let (value, inside) = bilinear(image, place);
            outside += usize::from(!inside);
            if let Some(cell) = cells.get_mut(y / PLACES * CELLS + x / PLACES) {
                *cell += value / (PLACES * PLACES) as f64;
            }
        }
    }
    if outside as f64 > MOST_OUTSIDE * (count * count) as f64 {
        return None;
    }
    let about = |i: usize| i - ABOUT..=i + ABOUT;
    let size = (2 * ABOUT + 1) as f64;
    let kept = (0..KEPT * KEPT).map(|i| {
        let (x, y) = (i % KEPT + ABOUT, i / KEPT + ABOUT);
        let shade: f64 = about(y).flat_map(|y| about(x).map(move |x| y * CELLS + x)).filter_map(|k| cells.get(k)).sum();
        cells.get(y * CELLS + x).map_or(0.0, |cell| cell - shade / (size * size))
    });
    let kept: Vec<f64> = kept.collect();
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    normed(kept.into_iter().map(|v| v - mean).collect())
}

/// The same with unit length.
fn normed(mut values: Vec<f64>) -> Option<Vec<f64>> {
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    if !(length.is_finite() && length > NOTHING) {
        return None;
    }
    values.iter_mut().for_each(|v| *v /= length);
    Some(values)
}
