//! Which millimetres a film's pixels have, and by which rule (PS3.3 10.7.1).
//!
//! | in the header | rule |
//! |---|---|
//! | PixelSpacing with a PixelSpacingCalibrationType | corrected to the patient |
//! | PixelSpacing finer than ImagerPixelSpacing, no type | corrected to the patient: 10.7.1.1 says that values that differ have been corrected |
//! | ImagerPixelSpacing (PixelSpacing absent or the same) and a magnification factor | corrected by the factor |
//! | ImagerPixelSpacing (PixelSpacing absent or the same) | plane of the detector |
//! | PixelSpacing alone, no type | undetermined: 10.7.1.1 says that it cannot be known whether it was corrected |
//! | PixelSpacing coarser than ImagerPixelSpacing, or finer than any magnification explains, no type | none: one of them is wrong, and nothing tells which |
//! | none of these, but the configuration names one | as configured |
//!
//! A value that does not parse, is zero, negative or absurd counts as not there, and the next rule is asked. Nothing is
//! ever guessed. A film whose two directions differ by more than 1 % is refused: not only its lengths would be wrong.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::error::DecodeError;
use super::header::{Header, named};
use crate::domain::geometry::{PixelSpacing, SpacingSource};

/// Two spacings that differ by more than this share are different; pixels whose sides do are not square.
const TOLERANCE: f64 = 0.01;
/// Magnifications of a neck: 1 with the detector at the skin, about 1.8 for a long air gap on a short film-focus
/// distance. A factor beyond is a mistake.
const MAGNIFICATION: std::ops::RangeInclusive<f64> = 1.0..=2.0;

/// The spacing of a DICOM film; `configured` is for films that carry none.
pub(super) fn from_header(header: &Header<'_>, configured: Option<PixelSpacing>) -> Option<PixelSpacing> {
    let calibration = header.ascii(tags::PIXEL_SPACING_CALIBRATION_TYPE);
    Claims {
        patient: header.pair_if_valid(tags::PIXEL_SPACING).and_then(square),
        calibrated: matches!(calibration.as_deref(), Some("GEOMETRY" | "FIDUCIAL")),
        imager: header.pair_if_valid(tags::IMAGER_PIXEL_SPACING).and_then(square),
        magnification: header
            .decimal_if_valid(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR)
            .filter(|m| MAGNIFICATION.contains(m)),
    }
    .decide()
    .or(configured)
}

/// Refuses a film whose pixels are not square, by its spacings or by PixelAspectRatio (0028,0034): its angles and ratios
/// would be distorted, and no number would show it.
pub(super) fn check_square(header: &Header<'_>) -> Result<(), DecodeError> {
    let oblong = |&tag: &Tag| {
        let sides = header.pair_if_valid(tag);
        sides.is_some_and(|(row, column)| row > 0.0 && column > 0.0 && !same(row, column))
    };
    let claims = [tags::PIXEL_SPACING, tags::IMAGER_PIXEL_SPACING, tags::PIXEL_ASPECT_RATIO];
    claims.iter().find(|tag| oblong(tag)).map_or(Ok(()), |tag| Err(DecodeError::OblongPixels(named(*tag))))
}

/// What a header says of its spacing, each value already plausible by itself.
#[derive(Debug, Clone, Copy, Default)]
struct Claims {
    patient: Option<f64>,
    calibrated: bool,
    imager: Option<f64>,
    magnification: Option<f64>,
}

impl Claims {
    fn decide(self) -> Option<PixelSpacing> {
        use SpacingSource::{
            ImagerDetectorPlane, ImagerMagnificationCorrected, PixelSpacingCalibrated, PixelSpacingUndetermined,
        };
        let by_imager = |imager: f64| match self.magnification {
            Some(factor) => PixelSpacing::new(imager / factor, ImagerMagnificationCorrected),
            None => PixelSpacing::new(imager, ImagerDetectorPlane),
        };
        match (self.patient, self.imager) {
            (Some(patient), _) if self.calibrated => PixelSpacing::new(patient, PixelSpacingCalibrated),
            (Some(patient), Some(imager)) if same(patient, imager) => by_imager(imager),
            (Some(patient), Some(imager)) if MAGNIFICATION.contains(&(imager / patient)) => {
                PixelSpacing::new(patient, PixelSpacingCalibrated)
            }
            (Some(_), Some(_)) | (None, None) => None,
            (Some(patient), None) => PixelSpacing::new(patient, PixelSpacingUndetermined),
            (None, Some(imager)) => by_imager(imager),
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.max(b)
}

/// The spacing of pixels that are square and of a size that a detector has.
fn square((row, column): (f64, f64)) -> Option<f64> {
    let mean = f64::midpoint(row, column);
    let plausible = (PixelSpacing::MIN_MM..=PixelSpacing::MAX_MM).contains(&mean);
    (row > 0.0 && column > 0.0 && plausible && same(row, column)).then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(claims: Claims) -> Option<(f64, SpacingSource)> {
        claims.decide().map(|s| (s.mm_per_pixel(), s.source()))
    }

    #[test]
    fn every_row_of_the_table() {
        use SpacingSource::*;
        let none = Claims::default();
        let cases = [
            (
                Claims { patient: Some(0.13), calibrated: true, imager: Some(0.15), ..none },
                Some((0.13, PixelSpacingCalibrated)),
            ),
            (Claims { patient: Some(0.13), imager: Some(0.15), ..none }, Some((0.13, PixelSpacingCalibrated))),
            (
                Claims { patient: Some(0.13), imager: Some(0.15), magnification: Some(1.1), ..none },
                Some((0.13, PixelSpacingCalibrated)),
            ),
            (
                Claims { imager: Some(0.15), magnification: Some(1.2), ..none },
                Some((0.125, ImagerMagnificationCorrected)),
            ),
            (
                Claims { patient: Some(0.15), imager: Some(0.15), magnification: Some(1.2), ..none },
                Some((0.125, ImagerMagnificationCorrected)),
            ),
            (Claims { imager: Some(0.15), ..none }, Some((0.15, ImagerDetectorPlane))),
            (Claims { patient: Some(0.15), imager: Some(0.15), ..none }, Some((0.15, ImagerDetectorPlane))),
            (Claims { patient: Some(0.2), ..none }, Some((0.2, PixelSpacingUndetermined))),
            (Claims { patient: Some(0.3), imager: Some(0.15), ..none }, None),
            (Claims { patient: Some(0.05), imager: Some(0.15), ..none }, None),
            (Claims { magnification: Some(1.2), calibrated: true, ..none }, None),
        ];
        for (claims, expected) in cases {
            let found = decided(claims);
            assert_eq!(found.map(|f| f.1), expected.map(|e| e.1), "{claims:?}");
            assert!(found.zip(expected).is_none_or(|(f, e)| (f.0 - e.0).abs() < 1e-12), "{claims:?}");
        }
    }

    #[test]
    fn what_is_not_square_or_not_possible_is_none() {
        for bad in [(0.1, 0.102), (0.0, 0.0), (-0.1, -0.1), (0.1, -0.1), (0.001, 0.001), (3.0, 3.0), (f64::MAX, 0.1)] {
            assert_eq!(square(bad), None, "{bad:?}");
        }
        assert!(square((0.1, 0.1009)).is_some_and(|s| (s - 0.10045).abs() < 1e-12));
    }
}
