//! From numbers to judgement: is the film good enough, and what do the numbers cross?
//!
//! - [`applicability`] looks at the header alone, before any model runs: a chest costs nothing.
//! - [`assess`] looks at film, landmarks and numbers: the rules of [`quality::RULES`] give the verdict, `findings` the
//!   thresholds crossed.
//!
//! Invariants: a film that is not applicable has no findings; `accept` is said only where C2–C7 Cobb was read without
//! reservation; a number that is unreliable is never called clear. Nothing here fails.

pub mod applicability;
pub mod cut_off;
pub mod exposure;
pub mod findings;
pub mod patch;
mod position;
pub mod posture;
pub mod quality;
mod reasons;
pub mod signs;
pub mod spectrum;
mod templates;
pub mod vocabulary;

pub use applicability::{Applicability, applicability};
pub use position::position;

use crate::domain::detection::Detection;
use crate::domain::measurement::Measurements;
use crate::domain::radiograph::Radiograph;
use crate::domain::report::{Assessment, Quality, Reason, Signs, Verdict};

/// What may be set about judging; each room of it has its own defaults with their sources.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Settings {
    /// Thresholds of the findings.
    pub findings: findings::Limits,
    /// Limits of the quality rules.
    pub quality: quality::Limits,
    /// Limits of the exposure.
    pub exposure: exposure::Limits,
}

/// The judgement on a film that was looked at.
pub fn assess(
    radiograph: &Radiograph,
    detection: &Detection,
    measurements: &Measurements,
    settings: &Settings,
) -> Assessment {
    let quality = quality::judge(radiograph, detection, measurements, settings);
    let findings = match quality.verdict {
        Verdict::NotApplicable => Vec::new(),
        _ => findings::find(measurements, radiograph.spacing, &settings.findings),
    };
    Assessment { quality, findings }
}

/// The judgement on a film that the header alone rules out, and that no model has looked at.
pub fn passed_over(radiograph: &Radiograph, reason: Reason, settings: &Settings) -> Assessment {
    let exposure = exposure::from_header(radiograph, &settings.exposure);
    let quality = Quality {
        verdict: Verdict::NotApplicable,
        reasons: vec![reason],
        c7_visibility: None,
        exposure,
        signs: Signs::default(),
    };
    Assessment { quality, findings: Vec::new() }
}
