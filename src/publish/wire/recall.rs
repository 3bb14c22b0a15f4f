//! Reads a stored report back into what a study needs of it.
//!
//! A study is made from the reports as they were published, so that it says nothing that they do not say, and survives a
//! restart and an upgrade with them. Only what is needed is read, and what a report of an older version lacks has a default:
//! a field that is added to reports later does no harm here.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::domain::detection::C7Visibility;
use crate::domain::geometry::SpacingSource;
use crate::domain::measurement::{Estimate, Level, Measurement, Measurements, Quantity, Reading};
use crate::domain::report::{Certainty, Position, PositionEvidence, ReportId, Verdict};
use crate::ledger::StudyFilm;
use crate::study::{Film, Sign, SignKind};

#[derive(Deserialize)]
struct Report {
    report_id: String,
    source: Source,
    acquired_at: Option<String>,
    received_at: String,
    image: Image,
    view: View,
    measurements: Vec<Number>,
    findings: Vec<Finding>,
    quality: Quality,
}

#[derive(Deserialize)]
struct Source {
    patient: Option<String>,
}

#[derive(Deserialize)]
struct Image {
    spacing_source: Option<String>,
}

#[derive(Deserialize)]
struct View {
    position: String,
    header: Option<String>,
    anatomy: Option<String>,
    #[serde(default)]
    functional: bool,
}

#[derive(Deserialize)]
struct Number {
    name: String,
    level: Option<String>,
    value: Option<f64>,
    ci90: Option<[f64; 2]>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Finding {
    name: String,
    level: Option<String>,
    present: bool,
    certainty: String,
    threshold: Option<f64>,
}

#[derive(Deserialize)]
struct Quality {
    verdict: String,
    c7_visibility: Option<String>,
}

/// The film of a study; `magnification` is the largest factor by which lengths in the plane of the
/// detector are too long. `None` where its report does not read.
pub(super) fn film(stored: &StudyFilm, magnification: f64) -> Option<Film> {
    let report: Report = serde_json::from_slice(&stored.report).ok()?;
    let header = report.view.header.as_deref().unwrap_or(&report.view.position);
    Some(Film {
        report_id: ReportId(report.report_id),
        patient: report.source.patient,
        acquired_at: report.acquired_at,
        received_at: DateTime::parse_from_rfc3339(&report.received_at).ok()?.with_timezone(&Utc),
        verdict: verdict(&report.quality.verdict)?,
        decision: stored.decision.clone(),
        c7: report.quality.c7_visibility.as_deref().and_then(visibility),
        evidence: PositionEvidence {
            header: position(header),
            anatomy: report.view.anatomy.as_deref().map_or(Position::Unknown, position),
            functional: report.view.functional,
        },
        magnification: if in_detector_plane(report.image.spacing_source.as_deref()) { magnification } else { 1.0 },
        measurements: Measurements(report.measurements.iter().filter_map(measurement).collect()),
        signs: report.findings.iter().filter_map(sign).collect(),
    })
}

fn position(word: &str) -> Position {
    [Position::Neutral, Position::Flexion, Position::Extension]
        .into_iter()
        .find(|p| p.name() == word)
        .unwrap_or(Position::Unknown)
}

fn verdict(word: &str) -> Option<Verdict> {
    [Verdict::Accept, Verdict::Review, Verdict::Repeat, Verdict::NotApplicable].into_iter().find(|v| v.name() == word)
}

fn visibility(word: &str) -> Option<C7Visibility> {
    [C7Visibility::Full, C7Visibility::Partial, C7Visibility::Hidden].into_iter().find(|v| v.name() == word)
}

/// Whether lengths may lie in the plane of the detector.
fn in_detector_plane(source: Option<&str>) -> bool {
    [SpacingSource::ImagerDetectorPlane, SpacingSource::PixelSpacingUndetermined]
        .into_iter()
        .any(|plane| source == Some(plane.name()))
}

fn level(name: Option<&str>) -> Option<Option<Level>> {
    name.map_or(Some(None), |name| Level::from_name(name).map(Some))
}

/// `None` for a quantity that is not known here.
fn measurement(number: &Number) -> Option<Measurement> {
    let (quantity, level) = (Quantity::from_name(&number.name)?, level(number.level.as_deref())?);
    let estimate = number.value.zip(number.ci90).and_then(|(value, [low, high])| {
        // The three were rounded one by one.
        Estimate::new(value, low.min(value), high.max(value))
    });
    let reading = match (estimate, &number.reason) {
        (Some(estimate), None) => Reading::Ok(estimate),
        (Some(estimate), Some(why)) => Reading::Unreliable(estimate, why.clone()),
        (None, why) => Reading::Withheld(why.clone().unwrap_or_default()),
    };
    Some(Measurement { quantity, level, reading })
}

fn sign(finding: &Finding) -> Option<Sign> {
    Some(Sign {
        kind: SignKind::from_name(&finding.name)?,
        level: level(finding.level.as_deref())?,
        present: finding.present,
        certainty: if finding.certainty == Certainty::Clear.name() { Certainty::Clear } else { Certainty::Borderline },
        threshold: finding.threshold?,
    })
}
