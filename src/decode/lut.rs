//! The grey scale transformations of DICOM as pure functions: Modality LUT, VOI LUT, windows.
//!
//! Sources: PS3.3 C.11.1 (Modality LUT), C.11.2 (VOI LUT). Every function here is total: what could be wrong with a
//! transformation is found when it is made from the header.

use dicom_dictionary_std::tags;

use super::error::DecodeError;
use super::header::{Header, named};
use super::stored::Stored;

/// From stored values to the values of the modality (PS3.3 C.11.1).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Modality {
    /// `value × slope + intercept`; slope 1 and intercept 0 where the header has neither.
    Rescale { slope: f64, intercept: f64 },
    /// A table.
    Lut(Lut),
}

impl Modality {
    /// The header's transformation: the table where there is one, else slope and intercept, each 1 and 0 where absent.
    ///
    /// # Errors
    /// `Corrupt` for a table that contradicts its descriptor and for a slope or an intercept that is not a number or
    /// a slope of 0: guessing there would move the window to another place of the scale.
    pub(super) fn from_header(header: &Header<'_>, signed: bool) -> Result<Self, DecodeError> {
        if header.bytes(tags::MODALITY_LUT_SEQUENCE).is_some() {
            let lut = header.first_item(tags::MODALITY_LUT_SEQUENCE).and_then(|item| Lut::from_item(&item, signed));
            let broken = || format!("{} holds no valid table", named(tags::MODALITY_LUT_SEQUENCE));
            return lut.map(Self::Lut).ok_or_else(|| DecodeError::Corrupt(broken()));
        }
        let slope = header.decimal(tags::RESCALE_SLOPE)?.unwrap_or(1.0);
        let intercept = header.decimal(tags::RESCALE_INTERCEPT)?.unwrap_or(0.0);
        if slope == 0.0 {
            return Err(DecodeError::Corrupt(format!("{} is 0", named(tags::RESCALE_SLOPE))));
        }
        Ok(Self::Rescale { slope, intercept })
    }

    /// Whether a value of the modality may be below 0.
    pub(super) fn may_be_negative(&self, stored: Stored) -> bool {
        let (low, high) = stored.extremes();
        self.apply(stored.value(low)) < 0.0 || self.apply(stored.value(high)) < 0.0
    }

    /// The modality's value of the stored value `stored`.
    pub(super) fn apply(&self, stored: i32) -> f64 {
        match self {
            Self::Rescale { slope, intercept } => f64::from(stored) * slope + intercept,
            Self::Lut(lut) => f64::from(lut.apply(f64::from(stored))),
        }
    }
}

/// A lookup table (PS3.3 C.11.1.1.1, C.11.2.1.1).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lut {
    first: i32,
    entries: Vec<u16>,
}

impl Lut {
    /// The table of an item with LUTDescriptor (0028,3002) and LUTData (0028,3006), or `None` where they do not fit
    /// each other. `signed` says whether its input may be negative, which tells how to read the first value mapped;
    /// the value representation is often wrong there.
    pub(super) fn from_item(item: &Header<'_>, signed: bool) -> Option<Self> {
        let descriptor = item.words(tags::LUT_DESCRIPTOR)?;
        let &[count, first, bits] = descriptor.as_slice() else { return None };
        let count = if count == 0 { 0x1_0000 } else { usize::from(count) };
        let first = if signed { i32::from(first.cast_signed()) } else { i32::from(first) };
        let data = item.bytes(tags::LUT_DATA)?;
        let entries: Vec<u16> = if data.len() >= 2 * count {
            item.words(tags::LUT_DATA)?.into_iter().take(count).collect()
        } else if bits <= 8 && data.len() >= count {
            // entries of 8 bits, two packed into a word
            data.iter().take(count).map(|b| u16::from(*b)).collect()
        } else {
            return None;
        };
        Some(Self { first, entries })
    }

    /// The entry for `value`; the first and the last entry stand for all values beyond them.
    pub(super) fn apply(&self, value: f64) -> u16 {
        // a table maps integers; a value between two belongs to the nearer
        let index = (value.round() - f64::from(self.first)).clamp(0.0, (self.entries.len() - 1) as f64);
        self.entries.get(index as usize).copied().unwrap_or(0)
    }

    /// What a full white is in this table: all ones in as many bits as its largest entry needs.
    ///
    /// The descriptor's third value says the same, where it is right; tables of 12 bits that claim 16 are common, and
    /// would come out black.
    pub(super) fn white(&self) -> u16 {
        let largest = self.entries.iter().copied().max().unwrap_or(0).max(1);
        u16::MAX >> largest.leading_zeros()
    }
}

/// VOILUTFunction (0028,1056).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Linear,
    LinearExact,
    Sigmoid,
}

/// A window on the modality's values (PS3.3 C.11.2.1.2 and C.11.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    function: Function,
    centre: f64,
    width: f64,
}

impl Window {
    /// A window, or `None` where the standard does not allow its width: at least 1 for LINEAR, above 0 for the others.
    pub(super) fn new(function: Function, centre: f64, width: f64) -> Option<Self> {
        let valid = if function == Function::Linear { width >= 1.0 } else { width > 0.0 };
        (valid && centre.is_finite() && width.is_finite()).then_some(Self { function, centre, width })
    }

    /// The first window of the header. One that is not a pair of numbers or has no valid width counts as absent:
    /// brightness then comes from the pixels, and no measurement depends on it.
    pub(super) fn from_header(header: &Header<'_>) -> Option<Self> {
        let function = match header.ascii(tags::VOILUT_FUNCTION).as_deref() {
            Some("LINEAR_EXACT") => Function::LinearExact,
            Some("SIGMOID") => Function::Sigmoid,
            _ => Function::Linear,
        };
        let centre = header.decimal_if_valid(tags::WINDOW_CENTER)?;
        Self::new(function, centre, header.decimal_if_valid(tags::WINDOW_WIDTH)?)
    }

    /// Where `x` stands in the window: 0…1.
    pub(super) fn apply(self, x: f64) -> f64 {
        let Self { function, centre: c, width: w } = self;
        match function {
            Function::Linear if x <= c - 0.5 - (w - 1.0) / 2.0 => 0.0,
            Function::Linear if x > c - 0.5 + (w - 1.0) / 2.0 => 1.0,
            Function::Linear => (x - (c - 0.5)) / (w - 1.0) + 0.5,
            Function::LinearExact => ((x - c) / w + 0.5).clamp(0.0, 1.0),
            Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (x - c) / w).exp()),
        }
    }
}

/// From the modality's values to what a person is shown (PS3.3 C.11.2).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Voi {
    Lut(Lut),
    Window(Window),
}

impl Voi {
    /// The header's transformation, `None` where it has none that is valid.
    ///
    /// Where a table and a window both stand there they are alternatives (PS3.3 C.11.2.1); the table is the fuller
    /// description of the look that the maker intended, so it goes first. Of several, the first is the default one.
    /// `signed` says whether the modality's values may be negative.
    pub(super) fn from_header(header: &Header<'_>, signed: bool) -> Option<Self> {
        let lut = || header.first_item(tags::VOILUT_SEQUENCE).and_then(|item| Lut::from_item(&item, signed));
        lut().map(Self::Lut).or_else(|| Window::from_header(header).map(Self::Window))
    }

    /// The brightness of `value`: 0…1.
    pub(super) fn apply(&self, value: f64) -> f64 {
        match self {
            Self::Lut(lut) => f64::from(lut.apply(value)) / f64::from(lut.white()),
            Self::Window(window) => window.apply(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(function: Function, centre: f64, width: f64) -> impl Fn(f64) -> f64 {
        let window = Window::new(function, centre, width).expect("valid");
        move |x| window.apply(x) * 255.0
    }

    /// The examples of PS3.3 C.11.2.1.2.1 for y from 0 to 255.
    #[test]
    fn linear_as_in_the_standards_examples() {
        let y = window(Function::Linear, 2048.0, 4096.0);
        assert_eq!((y(0.0), y(-1.0), y(4096.0), y(5000.0)), (0.0, 0.0, 255.0, 255.0));
        assert!((y(1000.0) - ((1000.0 - 2047.5) / 4095.0 + 0.5) * 255.0).abs() < 1e-9);
        let y = window(Function::Linear, 2048.0, 1.0);
        assert_eq!((y(2047.5), y(2047.6)), (0.0, 255.0));
        let y = window(Function::Linear, 0.0, 100.0);
        assert_eq!((y(-50.0), y(49.1)), (0.0, 255.0));
        assert!((y(10.0) - ((10.0 + 0.5) / 99.0 + 0.5) * 255.0).abs() < 1e-9);
        let y = window(Function::Linear, 0.0, 1.0);
        assert_eq!((y(-0.5), y(-0.4)), (0.0, 255.0));
    }

    /// The examples of PS3.3 C.11.2.1.3.2 for y from 0 to 255.
    #[test]
    fn linear_exact_as_in_the_standards_examples() {
        let y = window(Function::LinearExact, 2048.0, 4096.0);
        assert_eq!((y(0.0), y(4096.1)), (0.0, 255.0));
        assert!((y(1000.0) - ((1000.0 - 2048.0) / 4096.0 + 0.5) * 255.0).abs() < 1e-9);
        let y = window(Function::LinearExact, 2048.0, 1.0);
        assert_eq!((y(2047.5), y(2048.6)), (0.0, 255.0));
        assert!((y(2048.0) - 127.5).abs() < 1e-9);
        let y = window(Function::LinearExact, 0.0, 100.0);
        assert_eq!((y(-50.0), y(50.1)), (0.0, 255.0));
    }

    /// PS3.3 C.11.2.1.3.1: half at the centre, 1 / (1 + e⁻²) half a width above it.
    #[test]
    fn sigmoid_as_the_formula_says() {
        let y = window(Function::Sigmoid, 2048.0, 4096.0);
        assert!((y(2048.0) - 127.5).abs() < 1e-9);
        assert!((y(4096.0) - 255.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-9);
    }

    #[test]
    fn a_window_without_width_is_none() {
        assert_eq!(Window::new(Function::Linear, 0.0, 0.9), None);
        assert_eq!(Window::new(Function::Sigmoid, 0.0, 0.0), None);
        assert_eq!(Window::new(Function::LinearExact, f64::NAN, 1.0), None);
        assert!(Window::new(Function::LinearExact, 0.0, 0.9).is_some());
    }

    #[test]
    fn a_table_stands_for_the_values_beyond_it() {
        let lut = Lut { first: -2, entries: vec![10, 20, 30] };
        let mapped: Vec<u16> = [-9.0, -2.0, -1.0, -0.6, 0.0, 9.0].into_iter().map(|v| lut.apply(v)).collect();
        assert_eq!(mapped, [10, 10, 20, 20, 30, 30]);
    }

    #[test]
    fn white_is_all_ones_in_the_bits_that_a_table_uses() {
        for (largest, white) in [(1, 1), (200, 255), (255, 255), (4000, 4095), (4096, 8191), (65535, 65535), (0, 1)] {
            assert_eq!(Lut { first: 0, entries: vec![0, largest] }.white(), white);
        }
    }
}
