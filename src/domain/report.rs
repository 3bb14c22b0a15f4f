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
use super::measurement::{Level, Measurements};
use super::radiograph::{Clipped, Format};

/// The sentence every report carries.
pub const NOTICE: &str = "A measuring aid, not a diagnosis. The models were trained on synthetic films and are not \
                          cleared for clinical use; a qualified reader must check every number on the film.";

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
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Accept, Self::Review, Self::Repeat, Self::NotApplicable];

    /// The verdict of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

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
    /// What the image itself shows over the bodies.
    pub signs: Signs,
}

/// What the image shows over the bodies, before it is judged; `assess::signs` defines each. Absent where too few bodies
/// were found to tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signs {
    /// Natural logarithm of the power across the end-plates over that along them; below zero the end-plates are smeared.
    pub smear: Option<f64>,
    /// Decades by which the bodies' structure stands over the noise.
    pub grain: Option<f64>,
    /// Share (0…1) of the pixels over the neck that are black.
    pub black: Option<f64>,
    /// Share (0…1) of the pixels over the neck that are white.
    pub white: Option<f64>,
    /// The brightest narrow thing over each body, as a multiple of the usual.
    pub metal: Vec<(Vertebra, f64)>,
    /// Rotation about the long axis, degrees without sign: by the double contours or by the models, whichever is more.
    pub rotation: Option<f64>,
    /// Lean out of the film's plane, towards the detector or away from it, degrees without sign, by the double contours.
    pub lean: Option<f64>,
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
    /// Every position.
    pub const ALL: [Self; 4] = [Self::Neutral, Self::Flexion, Self::Extension, Self::Unknown];

    /// The position of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|position| position.name() == name)
    }

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

/// What tells the position of the neck: the words of the header, and the shape of the neck; kept apart, so that they can be
/// compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionEvidence {
    /// What the header names.
    pub header: Position,
    /// What the neck on this film alone looks like; `Unknown` between the typical ranges.
    pub anatomy: Position,
    /// Whether the header speaks of an examination in flexion and extension.
    pub functional: bool,
}

impl PositionEvidence {
    /// Nothing is known.
    pub const NONE: Self = Self { header: Position::Unknown, anatomy: Position::Unknown, functional: false };

    /// The header's word, because whoever took the film saw the patient; without one, what the neck looks like.
    pub fn position(self) -> Position {
        if self.header == Position::Unknown { self.anatomy } else { self.header }
    }

    /// Who told it; `None` where nobody did.
    pub fn told_by(self) -> Option<ToldBy> {
        match (self.header, self.anatomy) {
            (Position::Unknown, Position::Unknown) => None,
            (Position::Unknown, _) => Some(ToldBy::Anatomy),
            _ => Some(ToldBy::Header),
        }
    }

    /// Whether header and neck contradict each other. A flexion or an extension that looks neutral does not: the patient
    /// may just have moved little.
    pub fn disagree(self) -> bool {
        use Position::{Extension, Flexion, Neutral};
        matches!(
            (self.header, self.anatomy),
            (Flexion, Extension) | (Extension, Flexion) | (Neutral, Flexion | Extension)
        )
    }
}

/// Who told the position of the neck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// The words of the header.
    Header,
    /// The shape of the neck.
    Anatomy,
}

impl ToldBy {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Anatomy => "anatomy",
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
    /// A keyed pseudonym of the study, the same for all films of one patient and study on one device.
    pub study_key: Option<String>,
    /// A keyed pseudonym of the patient by which films are joined; it does not leave the device by itself.
    pub patient_key: Option<String>,
    /// A keyed pseudonym of the patient, or the patient's id where the configuration lets it out.
    pub patient: Option<String>,
    /// A keyed pseudonym of who took the film, or the name where the configuration lets it out. Not published with the
    /// report: it is counted in the repeat analysis.
    pub operator: Option<String>,
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
    /// The position of the neck, and who says so.
    pub position: PositionEvidence,
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
