//! From stored values to the picture: 16 bits, bone bright.
//!
//! The order is that of the standard (PS3.4 N.2): Modality LUT, VOI LUT, polarity. All of it together is one table
//! over the stored values, so that a film is transformed in place in a single pass.
//!
//! **Where neither a window nor a table stands in the header**, or where the window shows nothing of the film, the
//! picture is stretched linearly between two percentiles of the modality's values ([`DARKEST`], [`BRIGHTEST`]), which
//! neither a burned-in marker, dead pixels nor a few grains of metal can move. The film's own extremes are never used
//! for it. Pixel padding takes no part in any of this and comes out black.

use super::lut::{Modality, Voi};
use super::stored::Stored;
use crate::domain::radiograph::Clipped;

/// The share of the pixels that the percentile presentation shows as black.
const DARKEST: f64 = 0.005;
/// The share of the pixels that the percentile presentation shows below white.
const BRIGHTEST: f64 = 0.995;
/// A window that shows a smaller share of the film than this between its black and its white contradicts the pixels.
/// A blank or saturated film has nothing between either: for it the outcome is the same by both ways.
const SHOWN: f64 = 0.01;

/// How a film is to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Presentation {
    pub(super) modality: Modality,
    pub(super) voi: Option<Voi>,
    /// Whether low values are to be bright.
    pub(super) inverse: bool,
}

impl Presentation {
    /// Turns the stored bit patterns `pixels` into the picture, in place, and tells how much of the film stands at
    /// the ends of the range that can be stored.
    pub(super) fn apply(&self, pixels: &mut [u16], stored: Stored) -> Clipped {
        let counts = histogram(pixels, stored.bits);
        let levels: Vec<Level> = counts
            .iter()
            .zip(0_u16..=u16::MAX)
            .map(|(&count, code)| {
                let value = stored.value(code);
                let padding = stored.is_padding(value);
                Level { value: self.modality.apply(value), count: if padding { 0 } else { count }, padding }
            })
            .collect();
        let shown = self.voi.as_ref().map(|voi| brightness(&levels, |v| voi.apply(v)));
        let shown = shown.filter(|b| shows_the_film(b, &levels)).unwrap_or_else(|| {
            let (black, white) = percentiles(&levels);
            brightness(&levels, |v| if white > black { ((v - black) / (white - black)).clamp(0.0, 1.0) } else { 0.0 })
        });
        let table: Vec<u16> = shown.iter().zip(&levels).map(|(b, level)| self.grey(*b, level.padding)).collect();
        for pixel in &mut *pixels {
            *pixel = table.get(usize::from(*pixel)).copied().unwrap_or(0);
        }
        self.clipped(&levels, &shown, stored)
    }

    fn grey(&self, brightness: f64, padding: bool) -> u16 {
        let brightness = if self.inverse { 1.0 - brightness } else { brightness };
        if padding { 0 } else { (brightness * f64::from(u16::MAX)).round() as u16 }
    }

    fn clipped(&self, levels: &[Level], shown: &[f64], stored: Stored) -> Clipped {
        let total: u64 = levels.iter().map(|l| u64::from(l.count)).sum();
        let share = |code: u16| levels.get(usize::from(code)).map_or(0.0, |l| f64::from(l.count) / total.max(1) as f64);
        let bright = |code: u16| shown.get(usize::from(code)).copied().unwrap_or(0.0);
        let (low, high) = stored.extremes();
        let rising = bright(low) <= bright(high);
        if rising == self.inverse {
            Clipped { black: share(high), white: share(low) }
        } else {
            Clipped { black: share(low), white: share(high) }
        }
    }
}

/// A stored value: what the modality makes of it, and how many pixels of the film (without padding) have it.
struct Level {
    value: f64,
    count: u32,
    padding: bool,
}

fn histogram(pixels: &[u16], bits: u16) -> Vec<u32> {
    let mut counts = vec![0_u32; 1 << bits];
    for pixel in pixels {
        if let Some(count) = counts.get_mut(usize::from(*pixel)) {
            *count += 1;
        }
    }
    counts
}

fn brightness(levels: &[Level], of: impl Fn(f64) -> f64) -> Vec<f64> {
    levels.iter().map(|l| of(l.value)).collect()
}

/// Whether at least [`SHOWN`] of the film's pixels are neither black nor white.
fn shows_the_film(brightness: &[f64], levels: &[Level]) -> bool {
    let (mut grey, mut all) = (0, 0);
    for (brightness, level) in brightness.iter().zip(levels) {
        all += u64::from(level.count);
        // a sigmoid never quite arrives at 0 and 1: one step of the picture counts as there
        if (1.0 / 65535.0..=65534.0 / 65535.0).contains(brightness) {
            grey += u64::from(level.count);
        }
    }
    all > 0 && grey as f64 >= SHOWN * all as f64
}

/// The values below which [`DARKEST`] and [`BRIGHTEST`] of the film's pixels lie.
fn percentiles(levels: &[Level]) -> (f64, f64) {
    let mut occupied: Vec<(f64, u32)> = levels.iter().filter(|l| l.count > 0).map(|l| (l.value, l.count)).collect();
    occupied.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: u64 = occupied.iter().map(|(_, count)| u64::from(*count)).sum();
    let at = |share: f64| {
        let rank = share * total as f64;
        let mut below = 0;
        let reached = occupied.iter().find(|(_, count)| {
            below += u64::from(*count);
            below as f64 >= rank
        });
        reached.map_or(0.0, |(value, _)| *value)
    };
    (at(DARKEST), at(BRIGHTEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::lut::{Function, Window};
    use super::*;

    const IDENTITY: Modality = Modality::Rescale { slope: 1.0, intercept: 0.0 };
    const TWELVE: Stored = Stored { bits: 12, signed: false, padding: None };

    fn linear(centre: f64, width: f64) -> Option<Voi> {
        Window::new(Function::Linear, centre, width).map(Voi::Window)
    }

    fn show(pixels: &[u16], stored: Stored, presentation: &Presentation) -> (Vec<u16>, Clipped) {
        let mut pixels = pixels.to_vec();
        let clipped = presentation.apply(&mut pixels, stored);
        (pixels, clipped)
    }

    #[test]
    fn signed_patterns_are_values_of_their_own_width() {
        let signed = Stored { bits: 12, signed: true, padding: None };
        assert_eq!([0, 0x7FF, 0x800, 0xFFF].map(|c| signed.value(c)), [0, 2047, -2048, -1]);
        assert_eq!(signed.extremes(), (0x800, 0x7FF));
        assert_eq!(TWELVE.value(0xFFF), 4095);
        assert_eq!(TWELVE.extremes(), (0, 0xFFF));
        let all = Stored { bits: 16, signed: true, padding: None };
        assert_eq!([0x8000, 0xFFFF].map(|c| all.value(c)), [-32768, -1]);
    }

    #[test]
    fn the_full_window_uses_the_full_range() {
        let presentation = Presentation { modality: IDENTITY, voi: linear(2048.0, 4096.0), inverse: false };
        let (shown, _) = show(&[0, 4095, 1000, 2000, 3000], TWELVE, &presentation);
        assert_eq!(shown, [0, 65535, 16004, 32007, 48011]);
        let (inverted, _) = show(&[0, 4095], TWELVE, &Presentation { inverse: true, ..presentation });
        assert_eq!(inverted, [65535, 0]);
    }

    #[test]
    fn padding_is_black_and_counts_for_nothing() {
        let stored = Stored { padding: Some((4000, 4095)), ..TWELVE };
        let film: Vec<u16> = (0..1000).map(|i| 1000 + i % 100).chain([4095; 9000]).collect();
        let inverse = Presentation { modality: IDENTITY, voi: None, inverse: true };
        let (shown, clipped) = show(&film, stored, &inverse);
        assert!(shown[1000..].iter().all(|p| *p == 0), "padding");
        assert_eq!((shown[0], shown[99]), (65535, 0), "the film itself fills the range");
        assert_eq!(clipped, Clipped::default());
    }

    #[test]
    fn a_marker_does_not_darken_a_film_without_a_window() {
        let film: Vec<u16> = (0..10_000).map(|i| if i % 250 == 0 { 4095 } else { 500 + i % 100 }).collect();
        let plain = Presentation { modality: IDENTITY, voi: None, inverse: false };
        let (shown, _) = show(&film, TWELVE, &plain);
        assert_eq!((shown[1], shown[99]), (662, 65535), "0.4 % at full white are cut off");
    }

    #[test]
    fn a_window_beside_the_film_is_set_aside() {
        let film: Vec<u16> = (0..4000).collect();
        let beside = Presentation { modality: IDENTITY, voi: linear(-5000.0, 100.0), inverse: false };
        let without = Presentation { voi: None, ..beside.clone() };
        assert_eq!(show(&film, TWELVE, &beside), show(&film, TWELVE, &without));
        assert!(show(&film, TWELVE, &beside).0.iter().any(|p| (20_000..40_000).contains(p)));
    }

    #[test]
    fn a_blank_film_stays_blank() {
        for voi in [None, linear(100.0, 20.0)] {
            let presentation = Presentation { modality: IDENTITY, voi, inverse: false };
            let (shown, clipped) = show(&[4095; 50], TWELVE, &presentation);
            assert!(shown.iter().all(|p| *p == shown[0]));
            assert!((clipped.white - 1.0).abs() < 1e-12 && clipped.black == 0.0);
        }
    }

    #[test]
    fn clipping_follows_the_polarity() {
        let film = [0, 0, 0, 4095, 100, 200, 300, 400];
        let falling = Modality::Rescale { slope: -1.0, intercept: 4095.0 };
        let shares =
            |modality, inverse| show(&film, TWELVE, &Presentation { modality, voi: linear(2048.0, 4096.0), inverse }).1;
        assert_eq!(shares(IDENTITY, false), Clipped { black: 0.375, white: 0.125 });
        assert_eq!(shares(IDENTITY, true), Clipped { black: 0.125, white: 0.375 });
        assert_eq!(shares(falling.clone(), false), Clipped { black: 0.125, white: 0.375 });
        assert_eq!(shares(falling, true), Clipped { black: 0.375, white: 0.125 });
    }

    proptest! {
        #[test]
        fn order_is_kept(
            film in prop::collection::vec(0_u16..1024, 2..200),
            centre in -500.0..1500.0,
            width in 1.0..3000.0,
        ) {
            let stored = Stored { bits: 10, signed: false, padding: None };
            let presentation = Presentation { modality: IDENTITY, voi: linear(centre, width), inverse: false };
            let (shown, clipped) = show(&film, stored, &presentation);
            let mut pairs: Vec<_> = film.iter().zip(&shown).collect();
            pairs.sort();
            prop_assert!(pairs.is_sorted_by_key(|(_, shown)| **shown), "brighter where more is stored");
            prop_assert!((0.0..=1.0).contains(&clipped.black) && (0.0..=1.0).contains(&clipped.white));
        }
    }
}
