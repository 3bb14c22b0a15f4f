//! From the shadow to the film: attenuation, scatter, noise, blur, and the vendor's processing.
//!
//! The physics works on detector values; what a PACS receives is processed (`FOR PRESENTATION`): logarithm, less of the
//! broad differences, more of the fine ones, a window and a tone curve. Each vendor does that differently, so every
//! step here is drawn within wide limits.

use super::beam::{Beam, Shadow, Thickness};
use super::draw::Draw;

/// Attenuation a millimetre at two energies, about 40 and 62 keV, that stand for a filtered 70 kV beam (NIST XCOM).
const WATER: [f32; 2] = [0.0268, 0.0204];
/// Cortical bone (ICRU-44) less the water it replaces.
const BONE: [f32; 2] = [0.128 - 0.0268, 0.060 - 0.0204];
/// The beam's share at each energy.
const WEIGHT: [f32; 2] = [0.4, 0.6];

/// Everything between the patient and the image in the PACS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Dose at the detector behind the neck as a share of what the room aims at.
    pub dose: f32,
    /// Scattered for each primary quantum, behind the neck.
    pub scatter: f32,
    /// Blur of detector and focal spot, detector millimetres.
    pub blur: f32,
    /// Contrast of the moving patient's ghost, millimetres of travel; 0 for a patient who held still.
    pub motion: f32,
    /// What remains of broad differences (1: all).
    pub latitude: f32,
    /// What is added of differences finer than about 15 mm and about 1.5 mm.
    pub detail: (f32, f32),
    /// Share of the neck's pixels that the window lets go black and white; below zero, how much wider than the neck's
    /// range the window is, as a share of that range.
    pub clip: (f32, f32),
    /// Exponent of the tone curve.
    pub gamma: f32,
    /// Steepness of the tone curve's S, 0 for none.
    pub sigmoid: f32,
    /// Contrast of the lines of an anti-scatter grid, share of the signal.
    pub grid_lines: f32,
    /// The collimator's edges as shares of the film: left, top, right, bottom.
    pub collimation: [f32; 4],
    /// Whether the shutter is black (else white, as an unexposed detector).
    pub shutter_black: bool,
}

impl Look {
    /// A film of another part of the body as a good department takes it.
    pub(super) fn plain(draw: &mut Draw) -> Self {
        Self {
            dose: draw.normal(0.0, 0.3).exp() * 6.0,
            scatter: draw.even(0.2, 0.6),
            blur: 0.15,
            motion: 0.0,
            latitude: draw.even(0.6, 1.0),
            detail: (draw.even(0.0, 0.6), draw.even(0.0, 1.5)),
            clip: (draw.even(0.002, 0.02), draw.even(0.002, 0.02)),
            gamma: draw.even(0.8, 1.3),
            sigmoid: draw.even(0.0, 3.0),
            grid_lines: 0.0,
            collimation: [-0.01, -0.01, 1.01, 1.01],
            shutter_black: true,
        }
    }
}

/// Quanta for each square millimetre behind the neck at the dose the room aims at.
const QUANTA: f32 = 2.4e4;
/// Electronic noise, as quanta for each square millimetre.
const ELECTRONIC: f32 = 60.0;
/// What fills a detector element, as multiples of the signal that the room aims at behind the neck.
const SATURATION: f32 = 40.0;
/// Multiples of the dose from which saturation is looked at.
const HIGH_DOSE: f32 = 4.0;
/// Width of the collimator's soft edge, detector mm.
const PENUMBRA: f32 = 1.2;
/// Water, mm, behind which the dose is regulated.
const NECK: f32 = 115.0;

/// An image before quantisation: 0 black, 1 white.
#[derive(Debug, Clone)]
pub struct Developed {
    /// Row by row.
    pub pixels: Vec<f32>,
    /// What the detector saw behind the neck, relative to the aim: the exposure index follows it.
    pub signal: f32,
    /// Signal to noise of a 5 mm bone over one square millimetre, at each landmark asked for.
    pub contrast_to_noise: Vec<f32>,
}

fn primary(bone: f32, soft: f32) -> f32 {
    let at = |e: usize| WEIGHT[e] * (-WATER[e] * soft - BONE[e] * bone).exp();
    at(0) + at(1)
}

/// Develops `shadow`. `neck` is the film's rectangle around C1–C7 in pixels
/// (left, top, right, bottom), by which the window is set; `probes` are pixels whose contrast is wanted.
pub fn develop(
    shadow: &Shadow,
    beam: &Beam,
    look: &Look,
    neck: [f32; 4],
    probes: &[(f32, f32)],
    seed: u64,
) -> Developed {
    let width = beam.size.0;
    let reference = primary(0.0, NECK);
    let at = |x: usize, y: usize| {
        let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
        primary(shadow.fine.at(x, y) + shadow.broad.at(x, y), shadow.soft.at(x, y)) / reference
    };
    let mut signal = Thickness::empty(beam.size);
    for (y, row) in signal.mm.chunks_exact_mut(width).enumerate() {
        for (x, s) in row.iter_mut().enumerate() {
            // A detector saturates far above the neck.
            *s = at(x, y).min(40.0);
        }
    }
    let scatter = scattered(&signal, beam.pixel, look.scatter);
    let contrast_to_noise = probes.iter().map(|&(x, y)| probe(&signal, &scatter, look, x, y)).collect();
    expose(&mut signal, &scatter, beam, look, seed);
    let exposed = mean_within(&signal, neck);
    let mut image = logarithm(signal);
    enhance(&mut image, beam.pixel, look);
    window(&mut image, look, neck);
    shut(&mut image, look, beam.pixel);
    Developed { pixels: image.mm, signal: exposed, contrast_to_noise }
}

/// Scatter: a broad blur of what passed, more where the patient is thick.
fn scattered(signal: &Thickness, pixel: f32, share: f32) -> Small {
    // Scatter is made inside the patient: what arrives unattenuated in the air beside the neck makes none.
    let capped = Thickness { mm: signal.mm.iter().map(|s| s.min(2.5) * share).collect(), ..signal.clone() };
    blurred_small(&capped, 28.0 / pixel)
}

/// Contrast to noise of 5 mm cancellous-filled bone (3 mm cortical) over 1 mm² at a pixel.
fn probe(signal: &Thickness, scatter: &Small, look: &Look, x: f32, y: f32) -> f32 {
    if x < 0.0 || y < 0.0 || x >= signal.width as f32 || y >= signal.height as f32 {
        return 0.0;
    }
    let p = signal.at(x, y);
    let s = scatter.at(x, y, signal);
    let contrast = p * (1.0 - (-0.06f32 * 3.0).exp());
    let quanta = look.dose * QUANTA;
    contrast * quanta / ((p + s) * quanta + ELECTRONIC).sqrt()
}

/// Adds scatter, blurs, draws the quanta and the grid's lines. Rows have streams of their own, so the film does not
/// depend on the number of threads.
fn expose(signal: &mut Thickness, scatter: &Small, beam: &Beam, look: &Look, seed: u64) {
    let (width, height) = (signal.width, signal.height);
    let whole = signal.clone();
    for (y, row) in signal.mm.chunks_exact_mut(width).enumerate() {
        for (x, s) in row.iter_mut().enumerate() {
            *s += scatter.at(x as f32 + 0.5, y as f32 + 0.5, &whole);
        }
    }
    gaussian(signal, look.blur / beam.pixel);
    if look.motion > 0.0 {
        smear(signal, look.motion / beam.pixel);
    }
    let area = beam.pixel * beam.pixel;
    let quanta = look.dose * QUANTA * area;
    let full = saturation(look.dose);
    let pitch = 0.62 / beam.pixel;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let lines = height.div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        for (i, part) in signal.mm.chunks_mut(lines * width).enumerate() {
            scope.spawn(move || {
                for (j, row) in part.chunks_mut(width).enumerate() {
                    let mut draw = Draw::new(seed, 1000 + (i * lines + j) as u64);
                    for (k, pair) in row.chunks_mut(2).enumerate() {
                        let (a, b) = draw.standard_pair();
                        for ((m, s), n) in pair.iter_mut().enumerate().zip([a, b]) {
                            let line =
                                1.0 + look.grid_lines * ((2 * k + m) as f32 / pitch * std::f32::consts::TAU).sin();
                            let mean = *s * line * quanta;
                            *s = ((mean + n * (mean + ELECTRONIC * area).sqrt()) / quanta).min(full);
                        }
                    }
                }
            });
        }
    });
}

/// The signal at which the detector is full. At a usual dose only air saturates, and the cap on the primary stands for it.
fn saturation(dose: f32) -> f32 {
    if dose > HIGH_DOSE { SATURATION / dose } else { f32::MAX }
}

/// The logarithm of the signal, so that thickness counts evenly; bone becomes bright.
fn logarithm(mut signal: Thickness) -> Thickness {
    for s in &mut signal.mm {
        *s = -(s.max(0.0) + 4e-4).ln();
    }
    signal
}

/// Less of what is broad, more of what is fine.
fn enhance(image: &mut Thickness, pixel: f32, look: &Look) {
    let broad = blurred_small(image, 16.0 / pixel);
    let mut fine = image.clone();
    gaussian(&mut fine, 1.4 / pixel);
    let source = image.clone();
    let width = image.width;
    for (y, row) in image.mm.chunks_exact_mut(width).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let base = broad.at(x as f32 + 0.5, y as f32 + 0.5, &source);
            let (v, f) = (*value, fine.mm[y * width + x]);
            *value = look.latitude * base + (f - base) * (1.0 + look.detail.0) + (v - f) * (1.0 + look.detail.1);
        }
    }
}

/// The window, set by the neck as a technologist's preset would, and the tone curve.
fn window(image: &mut Thickness, look: &Look, neck: [f32; 4]) {
    let mut sample = within(image, neck);
    sample.sort_by(f32::total_cmp);
    let at = |share: f32| {
        let i = (share.clamp(0.0, 1.0) * (sample.len().saturating_sub(1)) as f32) as usize;
        sample.get(i).copied().unwrap_or(0.0)
    };
    let (darkest, brightest) = (at(look.clip.0), at(1.0 - look.clip.1));
    let spread = (brightest - darkest).max(0.05);
    let low = darkest + look.clip.0.min(0.0) * spread;
    let range = brightest - look.clip.1.min(0.0) * spread - low;
    for value in &mut image.mm {
        let t = ((*value - low) / range).clamp(0.0, 1.0).powf(look.gamma);
        let s = if look.sigmoid > 0.05 {
            let f = |t: f32| 1.0 / (1.0 + (-look.sigmoid * (t - 0.5)).exp());
            (f(t) - f(0.0)) / (f(1.0) - f(0.0))
        } else {
            t
        };
        *value = s;
    }
}

/// Lays the collimator's shadow over the developed film. It comes last because a vendor's processing finds the
/// collimated field first and takes no notice of what lies outside.
fn shut(image: &mut Thickness, look: &Look, pixel: f32) {
    let (w, h) = (image.width as f32, image.height as f32);
    let [left, top, right, bottom] = look.collimation;
    let (width, outside) = (image.width, if look.shutter_black { 0.0 } else { 1.0 });
    let open = |d: f32| (0.5 + d * pixel / PENUMBRA).clamp(0.0, 1.0);
    for (y, row) in image.mm.chunks_exact_mut(width).enumerate() {
        let y = y as f32 + 0.5;
        let vertical = open((y - top * h).min(bottom * h - y));
        for (x, value) in row.iter_mut().enumerate() {
            let x = x as f32 + 0.5;
            let share = vertical.min(open((x - left * w).min(right * w - x)));
            *value = outside + (*value - outside) * share;
        }
    }
}

fn within(image: &Thickness, [left, top, right, bottom]: [f32; 4]) -> Vec<f32> {
    let clamp = |v: f32, n: usize| v.clamp(0.0, n as f32) as usize;
    let (x0, x1) = (clamp(left, image.width), clamp(right, image.width));
    let (y0, y1) = (clamp(top, image.height), clamp(bottom, image.height));
    // A few ten thousand pixels say as much as all.
    let step = (((x1 - x0.min(x1)) * (y1 - y0.min(y1))) as f32 / 4e4).sqrt().max(1.0) as usize;
    let inside: Vec<f32> = (y0..y1)
        .step_by(step)
        .flat_map(|y| (x0..x1).step_by(step).map(move |x| (x, y)))
        .map(|(x, y)| image.mm[y * image.width + x])
        .collect();
    if inside.is_empty() { image.mm.iter().step_by(97).copied().collect() } else { inside }
}

fn mean_within(image: &Thickness, rect: [f32; 4]) -> f32 {
    let mut values = within(image, rect);
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A much smaller image for broad blurs, with its scale.
struct Small {
    image: Thickness,
}

impl Small {
    /// The value at a pixel of the large image `of`.
    fn at(&self, x: f32, y: f32, of: &Thickness) -> f32 {
        let (sx, sy) = (self.image.width as f32 / of.width as f32, self.image.height as f32 / of.height as f32);
        self.image.at(x * sx, y * sy)
    }
}

/// A broad blur (`sigma` pixels) on a copy reduced to what the blur leaves.
fn blurred_small(image: &Thickness, sigma: f32) -> Small {
    let factor = ((sigma / 3.0) as usize).clamp(1, 32);
    let (w, h) = (image.width.div_ceil(factor).max(2), image.height.div_ceil(factor).max(2));
    let mut small = Thickness::empty((w, h));
    for y in 0..h {
        for x in 0..w {
            let (x0, y0) = (x * image.width / w, y * image.height / h);
            let (x1, y1) = ((x + 1) * image.width / w, (y + 1) * image.height / h);
            let mut sum = 0.0;
            for line in y0..y1.max(y0 + 1) {
                sum += image.mm[line * image.width + x0..line * image.width + x1.max(x0 + 1)].iter().sum::<f32>();
            }
            small.mm[y * w + x] = sum / ((x1.max(x0 + 1) - x0) * (y1.max(y0 + 1) - y0)) as f32;
        }
    }
    gaussian(&mut small, sigma / factor as f32);
    Small { image: small }
}

/// A separable Gaussian blur, the border repeated.
fn gaussian(image: &mut Thickness, sigma: f32) {
    if sigma < 0.2 {
        return;
    }
    let reach = (2.6 * sigma).ceil() as usize;
    let kernel: Vec<f32> = {
        let raw: Vec<f32> = (0..=reach).map(|i| (-((i * i) as f32) / (2.0 * sigma * sigma)).exp()).collect();
        let total = raw[0] + 2.0 * raw[1..].iter().sum::<f32>();
        raw.into_iter().map(|k| k / total).collect()
    };
    let (width, height) = (image.width, image.height);
    let mut line = vec![0.0f32; width + 2 * reach];
    for row in image.mm.chunks_exact_mut(width) {
        line[..reach].fill(row[0]);
        line[reach..reach + width].copy_from_slice(row);
        line[reach + width..].fill(row[width - 1]);
        for (x, value) in row.iter_mut().enumerate() {
            let c = x + reach;
            *value = kernel[0] * line[c]
                + kernel.iter().enumerate().skip(1).map(|(i, k)| k * (line[c - i] + line[c + i])).sum::<f32>();
        }
    }
    // Down the columns, a whole row at a time: memory is read in order.
    let source = image.mm.clone();
    let row = |y: isize| {
        let y = y.clamp(0, height as isize - 1) as usize;
        &source[y * width..(y + 1) * width]
    };
    for (y, out) in image.mm.chunks_exact_mut(width).enumerate() {
        let y = y as isize;
        for (o, v) in out.iter_mut().zip(row(y)) {
            *o = kernel[0] * v;
        }
        for (i, k) in kernel.iter().enumerate().skip(1) {
            for ((o, a), b) in out.iter_mut().zip(row(y - i as isize)).zip(row(y + i as isize)) {
                *o += k * (a + b);
            }
        }
    }
}

/// A patient who swallowed or swayed: the mean of the film shifted downwards step by step.
fn smear(image: &mut Thickness, travel: f32) {
    let steps = (travel.ceil() as usize).clamp(1, 64);
    let source = image.mm.clone();
    let (width, height) = (image.width, image.height);
    for (y, out) in image.mm.chunks_exact_mut(width).enumerate() {
        for (x, o) in out.iter_mut().enumerate() {
            let sum: f32 = (0..=steps).map(|s| source[(y + s).min(height - 1) * width + x]).sum();
            *o = sum / (steps + 1) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bone_weakens_the_beam_more_than_water_and_hardens_it() {
        assert!(primary(5.0, 100.0) < primary(0.0, 100.0));
        let first = primary(1.0, 0.0) / primary(0.0, 0.0);
        let tenth = primary(10.0, 0.0) / primary(9.0, 0.0);
        assert!(tenth > first, "what passes through bone is harder");
    }

    #[test]
    fn a_blur_keeps_the_mean() {
        let mut image = Thickness::empty((41, 31));
        image.mm[15 * 41 + 20] = 100.0;
        gaussian(&mut image, 2.0);
        assert!((image.mm.iter().sum::<f32>() - 100.0).abs() < 0.1);
        assert!(image.mm[15 * 41 + 20] < 10.0);
    }
}
