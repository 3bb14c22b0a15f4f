//! How much of a patch is coarse or fine, along the end-plates or across them: its power spectrum.
//!
//! Frequencies are counted in cycles a body depth, so that 1 stands for about 16 mm. The patch is tapered (Hann), so that
//! its border adds nothing of its own. A direct transform of the frequencies that are asked for; no more are needed.

use std::f64::consts::TAU;

use super::patch::{Patch, SIDE, SPAN};

/// The highest wave number of the transform: 22 cycles a depth, just below what the samples can carry.
const HIGHEST: usize = 41;
/// Waves within this angle of a direction belong to it, degrees.
const WITHIN: f64 = 20.0;

/// The power of each wave.
#[derive(Debug, Clone)]
pub struct Spectrum {
    /// Cycles a depth, the angle between the wave's direction and the end-plates (0 … 90°), power.
    waves: Vec<(f64, f64, f64)>,
}

/// Which waves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those that run across the end-plates: what end-plates leave.
    Across,
    /// Those that run along them: what the walls leave.
    Along,
    /// All.
    Any,
}

impl Spectrum {
    /// The spectrum of `patch`.
    pub fn of(patch: &Patch) -> Self {
        let turn = |k: usize| (TAU * (k % SIDE) as f64 / SIDE as f64).sin_cos();
        let table: Vec<(f64, f64)> = (0..SIDE).map(turn).collect();
        let hann = |i: usize| 0.5 - 0.5 * (TAU * (i as f64 + 0.5) / SIDE as f64).cos();
        let shade = Plane::through(patch);
        let wave = |line: &[(f64, f64)], k: usize| {
            let mut sum = (0.0, 0.0);
            let mut turned = 0;
            for (re, im) in line {
                let (sin, cos) = table.get(turned).copied().unwrap_or_default();
                sum = (sum.0 + re * cos + im * sin, sum.1 + im * cos - re * sin);
                turned = (turned + k) % SIDE;
            }
            sum
        };
        // Along each row, then down each column of what that gave. Negative wave numbers k stand as SIDE − k.
        let numbers: Vec<usize> = (0..=HIGHEST).chain(SIDE - HIGHEST..SIDE).collect();
        let mut columns = vec![Vec::with_capacity(SIDE); numbers.len()];
        for (y, row) in patch.values.chunks_exact(SIDE).enumerate() {
            let line: Vec<(f64, f64)> = row
                .iter()
                .enumerate()
                .map(|(x, v)| ((f64::from(*v) - shade.at(x, y)) * hann(x) * hann(y), 0.0))
                .collect();
            for (column, k) in columns.iter_mut().zip(&numbers) {
                column.push(wave(&line, *k));
            }
        }
        let signed = |k: usize| if k > SIDE / 2 { k as f64 - SIDE as f64 } else { k as f64 };
        let mut waves = Vec::with_capacity(numbers.len() * (HIGHEST + 1));
        for (column, kx) in columns.iter().zip(&numbers) {
            for ky in 0..=HIGHEST {
                let (x, y) = (signed(*kx) / SPAN, ky as f64 / SPAN);
                let (re, im) = wave(column, ky);
                waves.push((x.hypot(y), y.atan2(x.abs()).to_degrees(), re * re + im * im));
            }
        }
        Self { waves }
    }

    /// The mean power of the waves of `direction` from `low` to below `high` cycles a depth.
    pub fn power(&self, direction: Direction, low: f64, high: f64) -> f64 {
        let wanted = |angle: f64| match direction {
            Direction::Across => angle > 90.0 - WITHIN,
            Direction::Along => angle < WITHIN,
            Direction::Any => true,
        };
        let chosen = self.waves.iter().filter(|(f, angle, _)| (low..high).contains(f) && wanted(*angle));
        let (sum, count) = chosen.fold((0.0, 0usize), |(sum, count), (_, _, p)| (sum + p, count + 1));
        if count == 0 { 0.0 } else { sum / count as f64 }
    }
}

/// The shading of a patch: the plane nearest to it. A slope would leak into every wave along its direction.
struct Plane {
    mean: f64,
    slope: (f64, f64),
}

impl Plane {
    fn through(patch: &Patch) -> Self {
        let count = (SIDE * SIDE) as f64;
        let (mut mean, mut moment) = (0.0, (0.0, 0.0));
        for (i, value) in patch.values.iter().enumerate() {
            let (value, x, y) = (f64::from(*value), Self::from_middle(i % SIDE), Self::from_middle(i / SIDE));
            mean += value / count;
            moment = (moment.0 + value * x, moment.1 + value * y);
        }
        // Σx² over a grid of n × n samples about its middle.
        let spread = count * ((SIDE * SIDE) as f64 - 1.0) / 12.0;
        Self { mean, slope: (moment.0 / spread, moment.1 / spread) }
    }

    fn from_middle(i: usize) -> f64 {
        i as f64 - (SIDE as f64 - 1.0) / 2.0
    }

    fn at(&self, x: usize, y: usize) -> f64 {
        self.mean + self.slope.0 * Self::from_middle(x) + self.slope.1 * Self::from_middle(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::anatomy::Vertebra;

    fn waves(along: f64, across: f64) -> Spectrum {
        let tone = |i: usize| {
            let (x, y) = ((i % SIDE) as f64 / SIDE as f64 * SPAN, (i / SIDE) as f64 / SIDE as f64 * SPAN);
            (0.5 + 0.1 * (TAU * along * x).sin() + 0.1 * (TAU * across * y).sin()) as f32
        };
        Spectrum::of(&Patch { vertebra: Vertebra::C4, values: (0..SIDE * SIDE).map(tone).collect() })
    }

    #[test]
    fn a_wave_stands_at_its_frequency_and_direction() {
        let spectrum = waves(4.0, 10.0);
        let power = |direction, low| spectrum.power(direction, low, low + 2.0);
        assert!(power(Direction::Along, 3.0) > 1e3 * power(Direction::Across, 3.0));
        assert!(power(Direction::Across, 9.0) > 1e3 * power(Direction::Along, 9.0));
        assert!(power(Direction::Along, 3.0) > 1e3 * power(Direction::Along, 15.0));
    }

    #[test]
    fn shading_has_no_power() {
        for (right, down) in [(0.0, 0.0), (0.004, 0.001), (-0.001, 0.005)] {
            let tone = |i: usize| (0.4 + right * (i % SIDE) as f64 + down * (i / SIDE) as f64) as f32;
            let shaded = Patch { vertebra: Vertebra::C4, values: (0..SIDE * SIDE).map(tone).collect() };
            assert!(Spectrum::of(&shaded).power(Direction::Any, 1.0, 22.0) < 1e-6);
        }
    }
}
