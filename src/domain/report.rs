//! The report: what was measured on one film, what it may mean, and how far it can be trusted.
//!
//! These are the inside's own types; `publish::wire` turns them into the JSON of the contract.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::anatomy::{Facing, Keypoints, Vertebra};
use super::arrival::ContentHash;
use super::detection::C7Visibility;
use super::geometry::PixelSpacing;
use super::radiograph::{Clipped, Format};

/// The sentence every report carries.
pub const NOTICE: &str = "A measuring aid, not a diagnosis. The models were trained on synthetic films and are not \
                          cleared for clinical use; a qualified reader must check every number on the film.";

/// A vertebra, a segment or a run of levels: `C5`, `C5-C6`, `C3-C5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level {
    upper: Vertebra,
    lower: Vertebra,
}

impl Level {
    /// One vertebra.
    pub const fn vertebra(vertebra: Vertebra) -> Self {
        Self { upper: vertebra, lower: vertebra }
    }

    /// From `upper` down to `lower`; `None` where the order is wrong.
    pub fn span(upper: Vertebra, lower: Vertebra) -> Option<Self> {
        (upper < lower).then_some(Self { upper, lower })
    }

    /// The five segments C2-C3 … C6-C7, from the head downwards.
    pub fn segments() -> impl Iterator<Item = (Vertebra, Vertebra, Self)> {
        Vertebra::ALL
            .into_iter()
            .zip(Vertebra::ALL.into_iter().skip(1))
            .map(|(u, l)| (u, l, Self { upper: u, lower: l }))
    }

    /// The upper end.
    pub const fn upper(self) -> Vertebra {
        self.upper
    }

    /// The lower end; the same as the upper one for a single vertebra.
    pub const fn lower(self) -> Vertebra {
        self.lower
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.upper == self.lower {
            f.write_str(self.upper.name())
        } else {
            write!(f, "{}-{}", self.upper.name(), self.lower.name())
        }
    }
}

/// The unit of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Degrees.
    Degrees,
    /// Millimetres; withheld where the film has no trustworthy spacing.
    Millimetres,
    /// A ratio.
    Ratio,
}

impl Unit {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Degrees => "deg",
            Self::Millimetres => "mm",
            Self::Ratio => "ratio",
        }
    }
}

/// What is measured; each is defined, with its source, in `docs/measurements.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Quantity {
    C2C7Cobb,
    C2C6Cobb,
    C2Slope,
    C7Slope,
    Sva,
    SegmentalAngle,
    SlipDistance,
    SlipAngle,
    Sdvb,
    Sdvc,
    Pavlov,
    DiscHeightAnterior,
    DiscHeightMiddle,
    DiscHeightPosterior,
    BodyWedge,
}

impl Quantity {
    /// Every quantity, in the order of a report.
    pub const ALL: [Self; 15] = [
        Self::C2C7Cobb,
        Self::C2C6Cobb,
        Self::C2Slope,
        Self::C7Slope,
        Self::Sva,
        Self::SegmentalAngle,
        Self::SlipDistance,
        Self::SlipAngle,
        Self::Sdvb,
        Self::Sdvc,
        Self::Pavlov,
        Self::DiscHeightAnterior,
        Self::DiscHeightMiddle,
        Self::DiscHeightPosterior,
        Self::BodyWedge,
    ];

    /// The name on the wire, as in the table of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C2C7Cobb => "c2_c7_cobb",
            Self::C2C6Cobb => "c2_c6_cobb",
            Self::C2Slope => "c2_slope",
            Self::C7Slope => "c7_slope",
            Self::Sva => "sva",
            Self::SegmentalAngle => "segmental_angle",
            Self::SlipDistance => "slip_distance",
            Self::SlipAngle => "slip_angle",
            Self::Sdvb => "sdvb",
            Self::Sdvc => "sdvc",
            Self::Pavlov => "pavlov",
            Self::DiscHeightAnterior => "disc_height_anterior",
            Self::DiscHeightMiddle => "disc_height_middle",
            Self::DiscHeightPosterior => "disc_height_posterior",
            Self::BodyWedge => "body_wedge",
        }
    }

    /// Its unit.
    pub const fn unit(self) -> Unit {
        match self {
            Self::C2C7Cobb
            | Self::C2C6Cobb
            | Self::C2Slope
            | Self::C7Slope
            | Self::SegmentalAngle
            | Self::SlipAngle
            | Self::BodyWedge => Unit::Degrees,
            Self::Pavlov => Unit::Ratio,
            _ => Unit::Millimetres,
        }
    }
}

/// A value with the interval that holds the truth in nine films of ten; all three are finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    value: f64,
    low: f64,
    high: f64,
}

impl Estimate {
    /// An estimate, or `None` where a number is not finite or the value lies outside its interval.
    pub fn new(value: f64, low: f64, high: f64) -> Option<Self> {
        (low.is_finite() && high.is_finite() && low <= value && value <= high).then_some(Self { value, low, high })
    }

    /// The value.
    pub const fn value(self) -> f64 {
        self.value
    }

    /// The 90 % interval, low before high.
    pub const fn ci90(self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Whether the interval holds `threshold` inside.
    pub fn straddles(self, threshold: f64) -> bool {
        self.low < threshold && threshold < self.high
    }
}

/// What became of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A number to use.
    Ok(Estimate),
    /// A number to distrust, and why.
    Unreliable(Estimate, String),
    /// No number, and why.
    Withheld(String),
}

impl Reading {
    /// The number, unless withheld.
    pub const fn estimate(&self) -> Option<Estimate> {
        match self {
            Self::Ok(estimate) | Self::Unreliable(estimate, _) => Some(*estimate),
            Self::Withheld(_) => None,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// What.
    pub quantity: Quantity,
    /// Where; `None` for those of the whole neck.
    pub level: Option<Level>,
    /// How much, or why not.
    pub reading: Reading,
}

/// All measurements of one film, in the order of [`Quantity::ALL`] and then from the head downwards.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measurements(pub Vec<Measurement>);

impl Measurements {
    /// The reading of `quantity` at `level`.
    pub fn get(&self, quantity: Quantity, level: Option<Level>) -> Option<&Reading> {
        self.0.iter().find(|m| m.quantity == quantity && m.level == level).map(|m| &m.reading)
    }

    /// The number of `quantity` at `level`, unless withheld.
    pub fn estimate(&self, quantity: Quantity, level: Option<Level>) -> Option<Estimate> {
        self.get(quantity, level).and_then(Reading::estimate)
    }
}

/// Whether a finding's number is clear of its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The whole interval lies on one side.
    Clear,
    /// The interval crosses the threshold.
    Borderline,
}

impl Certainty {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Borderline => "borderline",
        }
    }
}

/// What a number crosses.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// `severe_kyphosis`, `sagittal_imbalance`, …: `docs/measurements.md`.
    pub name: &'static str,
    /// Where; `None` for the whole neck.
    pub level: Option<Level>,
    /// Whether the value lies beyond the threshold.
    pub present: bool,
    /// How surely.
    pub certainty: Certainty,
    /// The threshold that was used, in the measurement's unit.
    pub threshold: f64,
    /// What else a reader should know, in plain words.
    pub detail: Option<String>,
}

/// What the radiographer should do with the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Keep it.
    Accept,
    /// Keep it, but someone should look before the numbers are used.
    Review,
    /// Take it again while the patient is there.
    Repeat,
    /// Not a lateral cervical radiograph: nothing to measure.
    NotApplicable,
}

impl Verdict {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Review => "review",
            Self::Repeat => "repeat",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// Why a film should be looked at or repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A word for machines: `c7_hidden`, `level_cut_off`, …: `docs/quality.md`.
    pub code: &'static str,
    /// The code of DICOM CID 7011 that says nearest the same.
    pub dicom_code: &'static str,
    /// A sentence for the radiographer: what is wrong and what to do differently.
    pub text: String,
}

/// What the film's exposure looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// In one word.
    pub state: ExposureState,
    /// ExposureIndex of the header.
    pub exposure_index: Option<f64>,
    /// DeviationIndex of the header, or computed from the index and its target (IEC 62494-1).
    pub deviation_index: Option<f64>,
    /// How much of the film has no information left.
    pub clipped: Clipped,
}

/// An exposure in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExposureState {
    /// As it should be.
    Good,
    /// Too little dose.
    Under,
    /// Too much dose.
    Over,
    /// Neither the header nor the image tells.
    Unknown,
}

impl ExposureState {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Under => "under",
            Self::Over => "over",
            Self::Unknown => "unknown",
        }
    }
}

/// The film as a photograph: to be kept, looked at or taken again.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// What to do.
    pub verdict: Verdict,
    /// Why, the gravest first; empty for a film to be accepted.
    pub reasons: Vec<Reason>,
    /// How much of C7 can be seen.
    pub c7_visibility: Option<C7Visibility>,
    /// The exposure.
    pub exposure: Exposure,
}

/// The judgement on one film.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// Of the film.
    pub quality: Quality,
    /// Of the neck.
    pub findings: Vec<Finding>,
}

/// The position of the neck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Position {
    Neutral,
    Flexion,
    Extension,
    Unknown,
}

impl Position {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Flexion => "flexion",
            Self::Extension => "extension",
            Self::Unknown => "unknown",
        }
    }
}

/// The name of a report: a function of the device and the film's content, so the same film always bears the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReportId(pub String);

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a film came from, without anything that names the patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path below the watched folder.
    pub file: String,
    /// Of its content.
    pub sha256: ContentHash,
    /// The container.
    pub format: Format,
    /// SOPInstanceUID, where the film has one.
    pub sop_instance_uid: Option<String>,
    /// A keyed pseudonym of the study, the same for all films of one study on one device.
    pub study_key: Option<String>,
    /// A keyed pseudonym of the patient, or the patient's id where the configuration lets it out.
    pub patient: Option<String>,
}

/// What computed the landmarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// `cpu`, `cuda` or `tensorrt`: the one that really ran.
    pub provider: String,
    /// `fp32`, `fp16` or `int8`.
    pub precision: String,
    /// Role and SHA-256 of each model.
    pub models: Vec<(String, String)>,
}

/// How long each step took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Timing {
    pub settle: Duration,
    pub decode: Duration,
    pub detect: Duration,
    pub measure: Duration,
    pub total: Duration,
}

/// One film, measured and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Always the same for the same film on the same device.
    pub id: ReportId,
    /// The device that measured it.
    pub device: String,
    /// The film.
    pub source: Source,
    /// When it was taken, as the header says: local time without a zone, ISO 8601.
    pub acquired_at: Option<String>,
    /// When it was complete in the folder.
    pub received_at: DateTime<Utc>,
    /// Columns of the film.
    pub width: usize,
    /// Rows of the film.
    pub height: usize,
    /// Millimetres a pixel and the rule that gave them.
    pub spacing: Option<PixelSpacing>,
    /// The position of the neck.
    pub position: Position,
    /// The side towards which the patient looks.
    pub facing: Option<Facing>,
    /// On the film as decoded.
    pub keypoints: Keypoints,
    /// The numbers.
    pub measurements: Measurements,
    /// The judgement.
    pub assessment: Assessment,
    /// What computed it.
    pub engine: EngineFacts,
    /// How long it took.
    pub timing: Timing,
}
