//! What the network sees through a view: resampled, stretched between two quantiles, black outside the film.
//!
//! The film is taken as piecewise constant and read with a box of `max(1, 1/scale)` film pixels a side: an area average
//! when shrinking, bilinear when enlarging. A turned view is read bilinearly from an upright one of the same scale and centre,
//! large enough for its corners. A tensor pixel of which less than half lies on the film counts as outside. The quantiles are taken over the pixels inside, nearest rank, rounded down. `scripts/train/view.py` does the same: a test compares.

use crate::domain::radiograph::GrayImage;
use crate::inference::engine::Tensor;
use crate::inference::manifest::Normalisation;

use super::view::View;

/// A tensor pixel that lies half on the film counts, however the half was rounded.
const LEAST_COVERAGE: f32 = 0.4999;
/// Quantiles nearer than this (of 65 535 grey values) are a blank film: stretching them would show rounding errors.
const LEAST_CONTRAST: f32 = 1.0;

/// The network's input `[1, 1, side, side]` for one view of `film`.
pub fn see(film: &GrayImage, view: &View, normalisation: &Normalisation) -> Option<Tensor> {
    let (values, covered) = resample(film, view);
    stretched(values, &covered, view, normalisation)
}

/// The same, and the same of the film with bright and dark exchanged.
pub(super) fn either(film: &GrayImage, view: &View, normalisation: &Normalisation) -> Option<(Tensor, Tensor)> {
    let (values, covered) = resample(film, view);
    let exchanged = values.iter().map(|value| f32::from(u16::MAX) - value).collect();
    Some((stretched(values, &covered, view, normalisation)?, stretched(exchanged, &covered, view, normalisation)?))
}

fn stretched(mut values: Vec<f32>, covered: &[bool], view: &View, normalisation: &Normalisation) -> Option<Tensor> {
    let inside: Vec<f32> = values.iter().zip(covered).filter_map(|(&v, &c)| c.then_some(v)).collect();
    let (low, high) = quantiles(inside, normalisation);
    let span = normalisation.white - normalisation.black;
    for (value, covered) in values.iter_mut().zip(covered) {
        let share = if *covered && high - low >= LEAST_CONTRAST {
            ((*value - low) / (high - low)).clamp(0.0, 1.0)
        } else {
            0.0
        };
        *value = normalisation.black + share * span;
    }
    Tensor::new(vec![1, 1, view.side(), view.side()], values)
}

fn quantiles(mut inside: Vec<f32>, normalisation: &Normalisation) -> (f32, f32) {
    let mut at = |quantile: f64| {
        let last = inside.len().checked_sub(1)?;
        // Truncation is the definition: nearest rank, rounded down.
        let rank = ((quantile * last as f64) as usize).min(last);
        Some(*inside.select_nth_unstable_by(rank, f32::total_cmp).1)
    };
    let low = at(normalisation.low_quantile).unwrap_or(0.0);
    let high = at(normalisation.high_quantile).unwrap_or(0.0);
    (low, high)
}

/// The share of each film pixel in each tensor pixel along one axis.
struct Axis {
    /// For each tensor pixel: the first film pixel it touches and how much of each from there on.
    taps: Vec<(usize, Vec<f32>)>,
    /// For each tensor pixel: how much of it lies on the film, 0…1.
    coverage: Vec<f32>,
}

impl Axis {
    fn new(length: usize, side: usize, scale: f64, shift: f64) -> Self {
        let half = (1.0 / scale).max(1.0) / 2.0;
        let mut axis = Self { taps: Vec::with_capacity(side), coverage: Vec::with_capacity(side) };
        for cell in 0..side {
            let centre = (cell as f64 + 0.5 - shift) / scale;
            let (low, high) = ((centre - half).max(0.0), (centre + half).min(length as f64));
            let mut weights = Vec::new();
            let first = low as usize;
            if high > low {
                let last = (high.ceil() as usize).min(length);
                weights.extend((first..last).map(|pixel| {
                    let pixel = pixel as f64;
                    ((high.min(pixel + 1.0) - low.max(pixel)).max(0.0) / (2.0 * half)) as f32
                }));
            }
            axis.coverage.push(weights.iter().sum());
            axis.taps.push((first, weights));
        }
        axis
    }

    /// For each film pixel: the tensor pixels it has a share in.
    fn by_film_pixel(&self, length: usize) -> Vec<Vec<(usize, f32)>> {
        let mut shares = vec![Vec::new(); length];
        for (cell, (first, weights)) in self.taps.iter().enumerate() {
            for (shares, &weight) in shares.iter_mut().skip(*first).zip(weights) {
                if weight > 0.0 {
                    shares.push((cell, weight));
                }
            }
        }
        shares
    }
}

/// The grey values through `view`, and which of them lie on the film.
fn resample(film: &GrayImage, view: &View) -> (Vec<f32>, Vec<bool>) {
    let (mut values, coverage) = if view.turn() == 0.0 { level(film, view) } else { askew(film, view) };
    let covered: Vec<bool> = coverage.iter().map(|&share| share >= LEAST_COVERAGE).collect();
    for ((value, share), covered) in values.iter_mut().zip(coverage).zip(&covered) {
        *value = if *covered { *value / share } else { 0.0 };
    }
    (values, covered)
}

/// The view without its turn on a square of `side` pixels with the same middle: for each pixel the grey values of its
/// share of the film, summed, and how much of it lies on the film, across times down.
fn upright(film: &GrayImage, view: &View, side: usize) -> Upright {
    let shift = |centre: f64| side as f64 / 2.0 - view.scale() * centre;
    let across = Axis::new(film.width(), side, view.scale(), shift(view.centre().x));
    let down = Axis::new(film.height(), side, view.scale(), shift(view.centre().y));
    let mut values = vec![0.0_f32; side * side];
    let mut line = vec![0.0_f32; side];
    // Each film row is reduced to the tensor's width once, and then added to the one or two tensor rows that share it.
    for (row, shares) in film.pixels().chunks_exact(film.width()).zip(down.by_film_pixel(film.height())) {
        if shares.is_empty() {
            continue;
        }
        for (out, (first, weights)) in line.iter_mut().zip(&across.taps) {
            let pixels = row.get(*first..).unwrap_or(&[]);
            *out = pixels.iter().zip(weights).map(|(&pixel, &weight)| f32::from(pixel) * weight).sum();
        }
        for (cell, weight) in shares {
            for (value, reduced) in values.iter_mut().skip(cell * side).zip(&line) {
                *value += weight * reduced;
            }
        }
    }
    Upright { values, across: across.coverage, down: down.coverage }
}

/// What an upright view shows, line by line, and how much of each column and of each line lies on the film, 0…1.
struct Upright {
    values: Vec<f32>,
    across: Vec<f32>,
    down: Vec<f32>,
}

/// A view without a turn.
fn level(film: &GrayImage, view: &View) -> (Vec<f32>, Vec<f32>) {
    let Upright { values, across, down } = upright(film, view, view.side());
    (values, down.iter().flat_map(|&dy| across.iter().map(move |&dx| dy * dx)).collect())
}

/// A turned view: the upright one, large enough for the turned corners, read bilinearly.
fn askew(film: &GrayImage, view: &View) -> (Vec<f32>, Vec<f32>) {
    let side = view.side();
    let (sin, cos) = view.turn().sin_cos();
    // Two pixels more than the corners need, so that four neighbours always exist.
    let canvas = (side as f64 * (sin.abs() + cos.abs())).ceil() as usize + 2;
    let Upright { values, across, down } = upright(film, view, canvas);
    let (mut out, mut shares) = (Vec::with_capacity(side * side), Vec::with_capacity(side * side));
    let (middle, origin) = (side as f64 / 2.0, canvas as f64 / 2.0 - 0.5);
    let between = |pair: Option<&[f32]>, share: f32| match pair {
        Some([one, other]) => one * (1.0 - share) + other * share,
        _ => 0.0,
    };
    for y in 0..side {
        for x in 0..side {
            let (dx, dy) = (x as f64 + 0.5 - middle, y as f64 + 0.5 - middle);
            let (u, v) = ((cos * dx + sin * dy + origin).max(0.0), (cos * dy - sin * dx + origin).max(0.0));
            let (i, j) = (u as usize, v as usize);
            let (fx, fy) = ((u - i as f64) as f32, (v - j as f64) as f32);
            let line = |j: usize| between(values.get(j * canvas + i..j * canvas + i + 2), fx);
            out.push(line(j) * (1.0 - fy) + line(j + 1) * fy);
            // What lies on the film is across times down, so that it is read between columns and lines one after the other.
            shares.push(between(across.get(i..i + 2), fx) * between(down.get(j..j + 2), fy));
        }
    }
    (out, shares)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::geometry::PointPx;

    const PLAIN: Normalisation = Normalisation { low_quantile: 0.0, high_quantile: 1.0, black: 0.0, white: 1.0 };

    fn film(width: usize, height: usize, grey: impl Fn(usize, usize) -> u16) -> GrayImage {
        let pixels = (0..width * height).map(|i| grey(i % width, i / width)).collect();
        GrayImage::new(width, height, pixels).unwrap()
    }

    #[test]
    fn at_scale_one_the_film_is_read_as_it_is() {
        let film = film(4, 4, |x, y| (x * 10 + y) as u16);
        let (values, covered) = resample(&film, &View::letterbox(4, 4, 4));
        assert!(covered.iter().all(|&c| c));
        assert_eq!(values[..4], [0.0, 10.0, 20.0, 30.0]);
    }

    #[test]
    fn shrinking_averages_areas() {
        let film = film(4, 4, |x, y| ((x / 2) * 100 + (y / 2) * 7) as u16 + (x % 2) as u16 * 2);
        let (values, _) = resample(&film, &View::letterbox(4, 4, 2));
        assert_eq!(values, [1.0, 101.0, 8.0, 108.0]);
    }

    #[test]
    fn enlarging_is_bilinear() {
        let film = film(2, 1, |x, _| x as u16 * 100);
        let view = View::around(PointPx::new(1.0, 0.5), 4.0, 0.0, 4).unwrap();
        let (values, _) = resample(&film, &view);
        assert_eq!(values[4..8], [12.5, 37.5, 62.5, 87.5]);
    }

    #[test]
    fn a_quarter_turn_moves_whole_pixels() {
        let film = film(4, 4, |x, y| (x * 10 + y) as u16);
        let view = View::around(PointPx::new(2.0, 2.0), 1.0, std::f64::consts::FRAC_PI_2, 4).unwrap();
        let (values, covered) = resample(&film, &view);
        assert!(covered.iter().all(|&c| c));
        for (i, value) in values.iter().enumerate() {
            let source = view.to_film(PointPx::new((i % 4) as f64 + 0.5, (i / 4) as f64 + 0.5));
            let expected = (source.x as usize * 10 + source.y as usize) as f32;
            assert!((value - expected).abs() < 1e-3, "{i}: {value} {expected}");
        }
    }

    #[test]
    fn outside_the_film_is_black_and_does_not_count() {
        let film = film(2, 4, |_, y| 1000 + y as u16);
        let tensor = see(&film, &View::letterbox(2, 4, 4), &PLAIN).unwrap();
        let rows: Vec<_> = tensor.data().chunks(4).map(<[f32]>::to_vec).collect();
        assert_eq!(rows[0], [0.0, 0.0, 0.0, 0.0]);
        assert_eq!(rows[3], [0.0, 1.0, 1.0, 0.0]);
        assert!((rows[1][1] - 1.0 / 3.0).abs() < 1e-5);
    }

    #[test]
    fn exchanged_is_what_the_negative_would_show() {
        let film = film(37, 61, |x, y| ((x * 7919 + y * 104_729) % 50_021) as u16);
        let normalisation = Normalisation { low_quantile: 0.01, high_quantile: 0.97, black: -1.0, white: 1.0 };
        let view = View::letterbox(37, 61, 24);
        let (one, other) = either(&film, &view, &normalisation).unwrap();
        assert_eq!(one.data(), see(&film, &view, &normalisation).unwrap().data());
        let negative = see(&film.negative(), &view, &normalisation).unwrap();
        for (a, b) in other.data().iter().zip(negative.data()) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn a_film_without_contrast_is_black_and_finite() {
        let film = film(30, 20, |_, _| 40_000);
        let tensor = see(&film, &View::letterbox(30, 20, 16), &PLAIN).unwrap();
        assert!(tensor.data().iter().all(|&v| v == 0.0));
    }

    proptest! {
        #[test]
        fn a_linear_change_of_the_grey_values_changes_nothing(seed in 0_u32..1000, gain in 1_u16..4, lift in 0_u16..1000) {
            let grey = |x: usize, y: usize| (x as u32 * 7919 + y as u32 * 104_729 + seed).wrapping_mul(2_654_435_761) as u16 % 9000;
            let n = Normalisation { low_quantile: 0.01, high_quantile: 0.99, black: -1.0, white: 1.0 };
            let view = View::letterbox(37, 61, 24);
            let one = see(&film(37, 61, grey), &view, &n).unwrap();
            let two = see(&film(37, 61, |x, y| grey(x, y) * gain + lift), &view, &n).unwrap();
            for (a, b) in one.data().iter().zip(two.data()) {
                prop_assert!((a - b).abs() < 1e-3);
            }
        }
    }
}
