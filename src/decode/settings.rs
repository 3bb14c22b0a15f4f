//! The limits of this room.

use super::error::DecodeError;
use crate::domain::geometry::{PixelSpacing, SpacingSource};

/// What may be decoded, and the spacing of films that carry none.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The largest file, and the largest data set that a deflated file may grow to, in bytes.
    pub max_bytes: u64,
    /// The largest film, in pixels. Decoding needs 2 bytes a pixel beside the file, JPEG 2000 about 12.
    pub max_pixels: u64,
    /// The shortest side that a film may have, in pixels.
    pub min_side: usize,
    /// The spacing of films that carry none; [`Settings::with_spacing`] makes one from a number.
    pub spacing: Option<PixelSpacing>,
}

impl Default for Settings {
    /// 200 MB, 30 megapixels (the largest detectors for films have about 20), sides of 128 pixels, no spacing.
    fn default() -> Self {
        Self { max_bytes: 200_000_000, max_pixels: 30_000_000, min_side: 128, spacing: None }
    }
}

impl Settings {
    /// The same settings with a spacing for films that carry none, in millimetres a pixel; `None` where
    /// `mm_per_pixel` is not one that a detector has ([`PixelSpacing::new`]).
    pub fn with_spacing(self, mm_per_pixel: f64) -> Option<Self> {
        let spacing = PixelSpacing::new(mm_per_pixel, SpacingSource::Configured)?;
        Some(Self { spacing: Some(spacing), ..self })
    }

    /// Checks the size that a file claims, before anything is allocated for it.
    pub(super) fn check_size(&self, width: usize, height: usize) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            return Err(DecodeError::Corrupt(format!("the film is {width} × {height} pixels")));
        }
        let pixels = (width as u64).saturating_mul(height as u64);
        if pixels > self.max_pixels {
            return Err(DecodeError::TooLarge {
                what: "the film's size in pixels",
                actual: pixels,
                limit: self.max_pixels,
            });
        }
        if width.min(height) < self.min_side {
            return Err(DecodeError::TooSmall { width, height, limit: self.min_side });
        }
        Ok(())
    }

    /// Checks a number of bytes.
    pub(super) fn check_bytes(&self, what: &'static str, actual: u64) -> Result<(), DecodeError> {
        if actual > self.max_bytes {
            return Err(DecodeError::TooLarge { what, actual, limit: self.max_bytes });
        }
        Ok(())
    }
}
