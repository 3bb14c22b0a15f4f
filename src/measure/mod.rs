//! From landmarks to numbers: pure functions, each with its source.
//!
//! [`measure`] fills the whole table of `docs/measurements.md`; every row is always there. A row is
//! - **withheld** where a landmark is missing, the side faced is not known and the number has a sign, the landmarks
//!   contradict each other (`consistency`), the film has no trustworthy spacing and the number is a length, or the
//!   formula gives no finite number;
//! - **unreliable** where a landmark rests on a hidden C7 or on a heatmap without a favourite;
//! - **ok** otherwise. Each with its reason, in plain words.
//!
//! ```text
//! Keypoints ──AnatomicalFrame──▶ Neck ──consistency──▶ conflicts
//!                                  └──formula of a row──▶ value ──uncertainty──▶ 90 % interval
//! ```
//!
//! Nothing here fails: what cannot be said is withheld. Millimetres are those of the spacing given: with
//! `SpacingSource::ImagerDetectorPlane` they lie in the plane of the detector and are too long by the magnification.

pub mod balance;
pub mod canal;
pub mod consistency;
pub mod curvature;
pub mod disc;
pub mod frame;
pub mod instability;
pub mod neck;
mod table;
pub mod uncertainty;

use crate::domain::anatomy::{Facing, Keypoints};
use crate::domain::detection::{C7Visibility, Detection};
use crate::domain::geometry::PixelSpacing;
use crate::domain::measurement::{Calibration, Measurements};

pub use table::hardly_known;

/// What a neck is measured from.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The landmarks, on the film as decoded.
    pub keypoints: &'a Keypoints,
    /// The side towards which the patient looks; `None` withholds every number that has a sign.
    pub facing: Option<Facing>,
    /// Millimetres a pixel; `None` withholds every length.
    pub spacing: Option<PixelSpacing>,
    /// How much of C7 can be seen; where it is hidden, what rests on it is unreliable.
    pub c7: C7Visibility,
}

impl<'a> Subject<'a> {
    /// What the models saw on a film, and the spacing its header gave.
    pub fn of(detection: &'a Detection, spacing: Option<PixelSpacing>) -> Self {
        let Detection { keypoints, facing, c7_visibility: (c7, _), .. } = detection;
        Self { keypoints, facing: *facing, spacing, c7: *c7 }
    }
}

/// What may be set about measuring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Below this confidence (0…1) of any of its landmarks a number is unreliable.
    pub min_confidence: f64,
    /// What the half widths of intervals are multiplied by: the models' own, from their manifest.
    pub calibration: Calibration,
}

impl Settings {
    /// Two heatmap modes that compete share the mass half and half; below about a third no place stands out.
    pub const MIN_CONFIDENCE: f64 = 0.35;
}

impl Default for Settings {
    fn default() -> Self {
        Self { min_confidence: Self::MIN_CONFIDENCE, calibration: Calibration::NONE }
    }
}

/// Every measurement of `docs/measurements.md` on one film, in the order of `Quantity::ALL` and then from the head downwards.
pub fn measure(subject: &Subject<'_>, settings: &Settings) -> Measurements {
    table::fill(&table::Reader::new(subject, settings))
}
