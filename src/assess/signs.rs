//! What the image itself shows over the bodies: smear, grain, saturation, metal. Measured, not yet judged.
//!
//! - **Smear.** A patient who moved along the long axis leaves end-plates blurred and walls sharp. The sign is the
//!   logarithm of the power across the end-plates over that along them, at the frequencies of edges of one to two
//!   millimetres; noise is alike in both directions and draws it towards 0, never below. The median of the bodies counts.
//! - **Grain.** The decades by which coarse structure stands over the finest waves, which on a film are noise. Both are
//!   powers of the same pixels, so that window and tone curve cancel out.
//! - **Flat.** The share of the pixels over the neck that stand at black or at white, or at the one tone that a full detector
//!   leaves, wherever the display puts it: nothing is left there to see.
//! - **Rotation and lean**: `posture`.
//! - **Metal.** Things up to about 10 mm wide and brighter than their surroundings (white top-hat), on each body that no
//!   shoulder covers and on its front, against the two quietest of these bodies.
//!
//! A sign that could not be read is absent; nothing here fails.

use std::ops::Range;

use crate::domain::anatomy::{Corner, Keypoints, Vertebra};
use crate::domain::detection::{C7Visibility, Detection};
use crate::domain::radiograph::GrayImage;
use crate::domain::report::Signs;

use super::patch::{Patch, SIDE, clear_corners};
use super::posture;
use super::spectrum::{Direction, Spectrum};

/// Bands of edges one to two millimetres wide, cycles a depth: each counts alike.
const EDGES: [(f64, f64); 3] = [(4.0, 6.0), (6.0, 9.0), (9.0, 12.0)];
/// What a body and its cortex leave, cycles a depth.
const COARSE: (f64, f64) = (2.0, 5.0);
/// Finer than what detector and focal spot let through: noise.
const FINE: (f64, f64) = (17.0, 22.0);
/// Bodies needed to tell anything of the film.
const ENOUGH: usize = 2;
/// Power below this is the rounding of an 8-bit film.
const NOTHING: f64 = 1e-7;
/// Samples to either side of a narrow thing: 0.3 depths, about 5 mm.
const NARROW: usize = 15;
/// Where in a patch a body lies and what is fixed to its front: columns, which run forwards, and rows.
const BODY: (Range<usize>, Range<usize>) = (20..86, 20..76);
/// This quantile of the top-hat over a body stands for its brightest narrow thing.
const BRIGHTEST: f64 = 0.995;
/// How much more stands out on C2 than on the others without any metal: its dens, and the ring of the atlas before it.
const DENS: f64 = 1.6;
/// Within this share of the range from an end a pixel counts as flat: display curves level out there.
const END: u16 = u16::MAX / 200;
/// Fewer pixels over the neck than this tell nothing.
const ENOUGH_PIXELS: usize = 1024;

/// What `image` shows over the bodies of `detection`.
pub fn read(image: &GrayImage, detection: &Detection) -> Signs {
    let keypoints = &detection.keypoints;
    let patches = Patch::all(image, keypoints);
    let spectra: Vec<Spectrum> = patches.iter().map(Spectrum::of).collect();
    let posture = posture::read(image, keypoints);
    let by_model = detection.rotation.map(f64::abs).filter(|r| r.is_finite());
    let enough = |values: Vec<f64>| (values.len() >= ENOUGH).then_some(values);
    let flat = Window::over(image, keypoints).map(|window| window.flat(image));
    Signs {
        smear: enough(spectra.iter().filter_map(smear).collect()).and_then(median),
        grain: enough(spectra.iter().filter_map(grain).collect()).map(|g| g.iter().sum::<f64>() / g.len() as f64),
        black: flat.map(|(black, _)| black),
        white: flat.map(|(_, white)| white),
        metal: metal(&patches, detection),
        rotation: [by_model, posture.map(|p| p.rotation)].into_iter().flatten().reduce(f64::max),
        lean: posture.map(|p| p.lean),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied()?;
    let lower = values.get((values.len() - 1) / 2).copied()?;
    Some((lower + upper) / 2.0)
}

fn smear(spectrum: &Spectrum) -> Option<f64> {
    let ratio = |(low, high): (f64, f64)| {
        let (across, along) =
            (spectrum.power(Direction::Across, low, high), spectrum.power(Direction::Along, low, high));
        (along > NOTHING && across > NOTHING).then(|| (across / along).ln())
    };
    let ratios: Vec<f64> = EDGES.into_iter().filter_map(ratio).collect();
    (ratios.len() == EDGES.len()).then(|| ratios.iter().sum::<f64>() / EDGES.len() as f64)
}

fn grain(spectrum: &Spectrum) -> Option<f64> {
    let power = |(low, high)| spectrum.power(Direction::Any, low, high);
    let (coarse, fine) = (power(COARSE), power(FINE).max(NOTHING));
    (coarse > NOTHING).then(|| (coarse / fine).log10())
}

/// The brightest narrow thing of each body that no shoulder covers, as a multiple of what the two quietest show of those
/// whose corners are all clear.
fn metal(patches: &[Patch], detection: &Detection) -> Vec<(Vertebra, f64)> {
    let covered: &[Vertebra] = match detection.c7_visibility.0 {
        C7Visibility::Full => &[],
        C7Visibility::Partial => &[Vertebra::C7],
        C7Visibility::Hidden => &[Vertebra::C6, Vertebra::C7],
    };
    let clear = |v| v != Vertebra::C2 && clear_corners(&detection.keypoints, v) == Corner::ALL.len();
    let without = |v| if v == Vertebra::C2 { DENS } else { 1.0 };
    let free = patches.iter().filter(|p| !covered.contains(&p.vertebra));
    let shown: Vec<(Vertebra, f64)> = free.map(|p| (p.vertebra, brightest(&p.values) / without(p.vertebra))).collect();
    let mut quietest: Vec<f64> = shown.iter().filter(|(v, _)| clear(*v)).map(|(_, s)| *s).collect();
    quietest.sort_by(f64::total_cmp);
    quietest.truncate(ENOUGH);
    let usual = quietest.iter().sum::<f64>() / ENOUGH as f64;
    if quietest.len() < ENOUGH || usual <= 0.0 {
        return Vec::new();
    }
    shown.into_iter().map(|(vertebra, s)| (vertebra, s / usual)).collect()
}

fn brightest(values: &[f32]) -> f64 {
    let smooth = mean_of_nine(values);
    let opened = pass(&pass(&smooth, f32::min, f32::MAX), f32::max, f32::MIN);
    let mut hats: Vec<f32> = smooth
        .iter()
        .zip(&opened)
        .enumerate()
        .filter(|(i, _)| BODY.0.contains(&(i % SIDE)) && BODY.1.contains(&(i / SIDE)))
        .map(|(_, (v, o))| v - o)
        .collect();
    hats.sort_by(f32::total_cmp);
    hats.get((BRIGHTEST * hats.len() as f64) as usize).map_or(0.0, |h| f64::from(*h))
}

/// Each sample with its neighbours: less noise, which an opening would take for structure.
fn mean_of_nine(values: &[f32]) -> Vec<f32> {
    let about = |i: usize| i.saturating_sub(1)..(i + 2).min(SIDE);
    let mean = |i: usize| {
        let (rows, columns) = (about(i / SIDE), about(i % SIDE));
        let count = (rows.len() * columns.len()) as f32;
        rows.flat_map(|y| columns.clone().map(move |x| y * SIDE + x)).filter_map(|at| values.get(at)).sum::<f32>()
            / count
    };
    (0..SIDE * SIDE).map(mean).collect()
}

/// The least or the greatest of the square about each sample.
fn pass(values: &[f32], pick: fn(f32, f32) -> f32, start: f32) -> Vec<f32> {
    let about = |i: usize| i.saturating_sub(NARROW)..(i + NARROW + 1).min(SIDE);
    let rows: Vec<f32> = values
        .chunks_exact(SIDE)
        .flat_map(|row| {
            (0..SIDE).map(move |x| row.iter().take(about(x).end).skip(about(x).start).copied().fold(start, pick))
        })
        .collect();
    (0..SIDE * SIDE)
        .map(|i| about(i / SIDE).filter_map(|y| rows.get(y * SIDE + i % SIDE).copied()).fold(start, pick))
        .collect()
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

    /// The shares of its pixels that are lost at the dark end and at the bright one: black and white, or of the one tone that
    /// is commonest, which is dark where it lies below the mean.
    fn flat(self, image: &GrayImage) -> (f64, f64) {
        let mut values: Vec<u16> = self.rows(image).flatten().copied().collect();
        values.sort_unstable();
        let share = |count: usize| count as f64 / values.len().max(1) as f64;
        let black = share(values.partition_point(|v| *v <= END));
        let white = share(values.len() - values.partition_point(|v| *v < u16::MAX - END));
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64;
        let commonest = values.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
        match commonest.and_then(|run| Some((f64::from(*run.first()?), share(run.len())))) {
            Some((tone, same)) if tone < mean => (black.max(same), white),
            Some((_, same)) => (black, white.max(same)),
            None => (black, white),
        }
    }
}
