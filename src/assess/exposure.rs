//! Was the dose right? The deviation index where the header carries it, the image over the neck where it does not.
//!
//! IEC 62494-1: DI = 10 · log₁₀(EI / EI_T); 0 is on target, −3 is half the dose, +3 twice. The display window hides dose
//! on a digital film, so that the image alone can only tell what is lost: tone that ran into black or white over the
//! vertebrae, and noise that drowns their contrast.

use crate::domain::anatomy::Keypoints;
use crate::domain::radiograph::{GrayImage, Radiograph};
use crate::domain::report::{Exposure, ExposureState};

/// Limits of the exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Below this deviation index the film is under-exposed: −3 is half the dose intended (AAPM TG-116's band for a repeat).
    pub deviation_low: f64,
    /// Above this deviation index it is over-exposed: +3 is twice the dose intended.
    pub deviation_high: f64,
    /// More than this share (0…1) of the pixels over the neck at black or at white has lost its bone edges.
    pub clipped_share: f64,
    /// Noise over the neck beyond this share of its contrast hides end-plates.
    pub noise_share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deviation_low: -3.0, deviation_high: 3.0, clipped_share: 0.25, noise_share: 0.12 }
    }
}

/// Pixels within this share of the range from an end count as clipped: display curves flatten there.
const END: u16 = u16::MAX / 200;
/// Fewer pixels over the neck than this tell nothing.
const ENOUGH_PIXELS: usize = 1024;

/// What the header says: `Unknown` without a deviation index and without an index and its target.
pub fn from_header(radiograph: &Radiograph, limits: &Limits) -> Exposure {
    let header = &radiograph.acquisition;
    let computed = || match (header.exposure_index, header.target_exposure_index) {
        (Some(index), Some(target)) if index > 0.0 && target > 0.0 => Some(10.0 * (index / target).log10()),
        _ => None,
    };
    let deviation_index = header.deviation_index.or_else(computed).filter(|d| d.is_finite());
    let state = match deviation_index {
        None => ExposureState::Unknown,
        Some(d) if d < limits.deviation_low => ExposureState::Under,
        Some(d) if d > limits.deviation_high => ExposureState::Over,
        Some(_) => ExposureState::Good,
    };
    Exposure { state, exposure_index: header.exposure_index, deviation_index, clipped: radiograph.clipped }
}

/// What header and image say together: what is lost over the neck counts whatever the header says.
pub fn of(radiograph: &Radiograph, keypoints: &Keypoints, limits: &Limits) -> Exposure {
    let header = from_header(radiograph, limits);
    let image = Window::over(&radiograph.image, keypoints).map(|w| w.state(&radiograph.image, limits));
    let state = match (header.state, image) {
        (ExposureState::Unknown | ExposureState::Good, Some(image)) => image,
        (told, _) => told,
    };
    Exposure { state, ..header }
}

/// The rectangle around the landmarks, in whole pixels.
#[derive(Debug, Clone, Copy)]
struct Window {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Window {
    fn over(image: &GrayImage, keypoints: &Keypoints) -> Option<Self> {
        let clamp = |v: f64, size: usize| if v > 0.0 { (v as usize).min(size) } else { 0 };
        let whole = |value: &dyn Fn(f64, f64) -> f64, pick: fn(f64, f64) -> f64| {
            keypoints.iter().map(|(_, l)| value(l.position.x, l.position.y)).reduce(pick)
        };
        let window = Self {
            left: clamp(whole(&|x, _| x, f64::min)?, image.width()),
            top: clamp(whole(&|_, y| y, f64::min)?, image.height()),
            right: clamp(whole(&|x, _| x, f64::max)?, image.width()),
            bottom: clamp(whole(&|_, y| y, f64::max)?, image.height()),
        };
        ((window.right - window.left) * (window.bottom - window.top) >= ENOUGH_PIXELS).then_some(window)
    }

    fn rows(self, image: &GrayImage) -> impl Iterator<Item = &[u16]> {
        image
            .pixels()
            .chunks_exact(image.width())
            .take(self.bottom)
            .skip(self.top)
            .filter_map(move |row| row.get(self.left..self.right))
    }

    fn state(self, image: &GrayImage, limits: &Limits) -> ExposureState {
        let mut values: Vec<u16> = self.rows(image).flatten().copied().collect();
        values.sort_unstable();
        let share = |count: usize| count as f64 / values.len() as f64;
        let black = share(values.partition_point(|v| *v <= END));
        let white = share(values.len() - values.partition_point(|v| *v < u16::MAX - END));
        let at = |share: f64| values.get((share * values.len() as f64) as usize).map_or(0.0, |v| f64::from(*v));
        let contrast = at(0.95) - at(0.05);
        // Bone is bright: what ran into black got too much dose, what stayed white too little.
        if black > limits.clipped_share {
            ExposureState::Over
        } else if white > limits.clipped_share || self.noise(image) > limits.noise_share * contrast {
            ExposureState::Under
        } else {
            ExposureState::Good
        }
    }

    /// The standard deviation of the noise: the response to a mask that is blind to planes and straight edges
    /// (Immerkær 1996), so that anatomy counts for little.
    fn noise(self, image: &GrayImage) -> f64 {
        let rows: Vec<&[u16]> = self.rows(image).collect();
        let second = |row: &[u16]| -> Vec<f64> {
            row.windows(3)
                .map(|w| match w {
                    [a, b, c] => f64::from(*a) - 2.0 * f64::from(*b) + f64::from(*c),
                    _ => 0.0,
                })
                .collect()
        };
        let curved: Vec<Vec<f64>> = rows.iter().map(|row| second(row)).collect();
        let (mut sum, mut count) = (0.0, 0usize);
        for lines in curved.windows(3) {
            let [above, here, below] = lines else { continue };
            for ((a, b), c) in above.iter().zip(here).zip(below) {
                sum += (a - 2.0 * b + c).abs();
                count += 1;
            }
        }
        if count == 0 { 0.0 } else { (std::f64::consts::PI / 2.0).sqrt() * sum / (6.0 * count as f64) }
    }
}
