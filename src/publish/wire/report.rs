//! `P/report`: one film, measured and judged.
//!
//! A report is stored before it is sent, and only when it is sent is it known whether it comes late and what has been
//! decided. So [`report`] makes the stored form, a JSON object without `seq`, `historical` and `decision`, and [`deliver`]
//! puts these in front of it. A stored
//! report of an older version is delivered as it was stored.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::repeat::Decision;
use super::words::{
    Certainty, ExposureState, Facing, Format, MeasurementStatus, Position, SpacingSource, Stage, ToldBy, Unit, Verdict,
    Visibility,
};
use super::{Moment, Number, bytes, names};
use crate::domain::convention::Convention;
use crate::domain::decision;
use crate::domain::measurement as measured;
use crate::domain::report as domain;
use crate::domain::report::NOTICE;

const PIXEL_DECIMALS: u8 = 2;
const SHARE_DECIMALS: u8 = 3;
const SPACING_DECIMALS: u8 = 5;
const INDEX_DECIMALS: u8 = 2;

/// One film, measured and judged, as it is delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Counts the reports of this device 1, 2, 3 …: a gap means a report that has not come yet. The same film delivered
    /// twice bears the same number. After the ledger was lost it begins again at 1.
    pub seq: u64,
    /// Whether it comes late: the film was complete more than a minute ago, or the service was restarted since.
    pub historical: bool,
    /// What the radiographer has decided about the film; `null` where nobody has. A later decision is told on
    /// `repeat/response`, not by sending the report again.
    pub decision: Option<Decision>,
    /// The rest.
    #[serde(flatten)]
    pub body: Body,
}

/// What is known of a report before it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Body {
    /// `sagitta.report/1`.
    #[schemars(extend("const" = names::REPORT))]
    pub schema: String,
    /// A function of device and content: the same film gives the same id, also after a crash.
    pub report_id: String,
    /// The device that measured it.
    pub device: String,
    /// The film, without anything that names the patient.
    pub source: Source,
    /// When it was taken: the modality's local time without a zone, ISO 8601, as in the header.
    pub acquired_at: Option<String>,
    /// When it was complete in the folder.
    pub received_at: Moment,
    /// The film as decoded.
    pub image: Film,
    /// How the patient stands.
    pub view: View,
    /// The landmarks that were found, in continuous pixels of the film as decoded: (0, 0) is the top left corner of the
    /// top left pixel, y runs down (DICOM PS3.3 C.18.6.1.2).
    pub landmarks: Vec<Landmark>,
    /// The numbers; each is defined in `docs/measurements.md`.
    pub measurements: Vec<Measurement>,
    /// What the numbers cross.
    pub findings: Vec<Finding>,
    /// The film as a photograph.
    pub quality: Quality,
    /// What computed it.
    pub engine: Engine,
    /// How long it took, in milliseconds.
    pub timing_ms: Timing,
    /// That this is a measuring aid and no diagnosis.
    pub notice: String,
}

/// Where a film came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The path below the watched folder.
    pub file: String,
    /// SHA-256 of its content, 64 hexadecimal digits.
    pub sha256: String,
    /// The container.
    pub format: Format,
    /// SOPInstanceUID.
    pub sop_instance_uid: Option<String>,
    /// A keyed pseudonym of the study, the same for all films of one patient and study on one device: the last level of the
    /// study's topic.
    pub study_key: Option<String>,
    /// A keyed pseudonym of the patient, or the patient's id where the configuration lets it out.
    pub patient: Option<String>,
}

/// The film as decoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Film {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Millimetres a pixel; `null` withholds every length.
    pub spacing_mm: Option<Number>,
    /// The rule that gave them.
    pub spacing_source: Option<SpacingSource>,
}

/// How the patient stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct View {
    /// Of the neck: the header's word, else what the neck clearly looks like.
    pub position: Position,
    /// The side of the film towards which the patient looks.
    pub facing: Option<Facing>,
    /// Who told the position; `null` where nobody did.
    #[serde(default)]
    pub told_by: Option<ToldBy>,
    /// The position that the header names.
    #[serde(default = "unknown")]
    pub header: Position,
    /// The position that the neck on this film looks like.
    #[serde(default = "unknown")]
    pub anatomy: Position,
    /// Whether the header speaks of an examination in flexion and extension.
    #[serde(default)]
    pub functional: bool,
    /// What to check where header and neck contradict each other; else `null`.
    #[serde(default)]
    pub disagreement: Option<String>,
}

/// For reports from before header and anatomy were told apart.
const fn unknown() -> Position {
    Position::Unknown
}

/// A landmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Landmark {
    /// `C2` … `C7`.
    pub vertebra: String,
    /// `antero_superior`, `antero_inferior`, `postero_superior`, `postero_inferior`, `spinolaminar_superior`, `spinolaminar_inferior`.
    pub corner: String,
    /// To the right, in pixels.
    pub x: Number,
    /// Downwards, in pixels.
    pub y: Number,
    /// The root mean square spread of one coordinate, in pixels.
    pub sigma_px: Option<Number>,
    /// 0…1.
    pub confidence: Option<Number>,
    /// The pass that placed it.
    pub stage: Stage,
}

/// A number with its interval, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    /// `c2_c7_cobb`, `sva`, … More may be added.
    pub name: String,
    /// `C5`, `C5-C6`; `null` for the whole neck.
    pub level: Option<String>,
    /// The number; `null` where withheld.
    pub value: Option<Number>,
    /// Its unit.
    pub unit: Unit,
    /// The interval that holds the truth in nine films of ten: low, high; `null` where withheld.
    pub ci90: Option<[Number; 2]>,
    /// Whether to use it.
    pub status: MeasurementStatus,
    /// Why not; `null` where it is to be used.
    pub reason: Option<String>,
    /// How it is defined, with the meaning of its sign; reports of earlier builds lack it.
    #[serde(default)]
    pub convention: Option<String>,
    /// Who defined it so: paper and equation; reports of earlier builds lack it.
    #[serde(default)]
    pub source: Option<String>,
}

/// What a number crosses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// `severe_kyphosis`, `sagittal_imbalance`, … More may be added.
    pub name: String,
    /// `C5`, `C5-C6`, `C3-C5`; `null` for the whole neck.
    pub level: Option<String>,
    /// Whether the value lies beyond the threshold.
    pub present: bool,
    /// How surely.
    pub certainty: Certainty,
    /// The threshold that was used, in the measurement's unit.
    pub threshold: Option<Number>,
    /// What else a reader should know.
    pub detail: Option<String>,
}

/// The film as a photograph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quality {
    /// What to do with it.
    pub verdict: Verdict,
    /// Why, the gravest first.
    pub reasons: Vec<Reason>,
    /// How much of C7 can be seen.
    pub c7_visibility: Option<Visibility>,
    /// The exposure.
    pub exposure: Exposure,
}

/// Why a film should be looked at or repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// A word for machines: `c7_hidden`, `level_cut_off`, … More may be added.
    pub code: String,
    /// The code of DICOM CID 7011 that says nearest the same.
    pub dicom_code: String,
    /// What is wrong and what to do differently.
    pub text: String,
}

/// The exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exposure {
    /// In one word.
    pub state: ExposureState,
    /// ExposureIndex of the header (IEC 62494-1).
    pub exposure_index: Option<Number>,
    /// DeviationIndex (IEC 62494-1).
    pub deviation_index: Option<Number>,
    /// The share of the pixels, 0…1, at the end that shows black.
    pub clipped_black: Option<Number>,
    /// The share of the pixels, 0…1, at the end that shows white.
    pub clipped_white: Option<Number>,
}

/// What computed a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Engine {
    /// `cpu`, `cuda` or `tensorrt`.
    pub provider: String,
    /// `fp32`, `fp16` or `int8`.
    pub precision: String,
    /// The models that ran.
    pub models: Vec<EngineModel>,
}

/// A model that ran.
pub type EngineModel = super::device::Model;

/// How long each step took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// From the last write to the file being taken as complete.
    pub settle: u64,
    /// Reading the film.
    pub decode: u64,
    /// Finding the landmarks.
    pub detect: u64,
    /// Measuring and judging.
    pub measure: u64,
    /// From the file being taken as complete to the report.
    pub total: u64,
}

/// The stored form of a report: a JSON object without `seq`, `historical` and `decision`.
pub fn report(report: &domain::Report) -> Vec<u8> {
    bytes(&Body {
        schema: names::REPORT.into(),
        report_id: report.id.0.clone(),
        device: report.device.clone(),
        source: source(&report.source),
        acquired_at: report.acquired_at.clone(),
        received_at: report.received_at.into(),
        image: Film {
            width: report.width,
            height: report.height,
            spacing_mm: report.spacing.and_then(|s| Number::new(s.mm_per_pixel(), SPACING_DECIMALS)),
            spacing_source: report.spacing.map(|s| s.source().into()),
        },
        view: view(report.position, report.facing),
        landmarks: report.keypoints.iter().filter_map(|(id, landmark)| self::landmark(id, landmark)).collect(),
        measurements: report.measurements.0.iter().map(measurement).collect(),
        findings: report.assessment.findings.iter().map(finding).collect(),
        quality: quality(&report.assessment.quality),
        engine: Engine {
            provider: report.engine.provider.clone(),
            precision: report.engine.precision.clone(),
            models: report
                .engine
                .models
                .iter()
                .map(|(role, sha256)| EngineModel { role: role.clone(), sha256: sha256.clone() })
                .collect(),
        },
        timing_ms: timing(report.timing),
        notice: NOTICE.into(),
    })
}

/// A stored report as it is delivered: `seq`, `historical` and `decision` in front of what was stored. `None` where `stored`
/// is no JSON object with a member.
pub fn deliver(stored: &[u8], seq: u64, historical: bool, decision: Option<&decision::Decision>) -> Option<Vec<u8>> {
    let members = stored.strip_prefix(b"{")?;
    if !members.starts_with(b"\"") || !members.ends_with(b"}") {
        return None;
    }
    let mut delivered = format!("{{\"seq\":{seq},\"historical\":{historical},\"decision\":").into_bytes();
    delivered.extend(bytes(&decision.map(Decision::from)));
    delivered.push(b',');
    delivered.extend_from_slice(members);
    Some(delivered)
}

fn view(position: domain::PositionEvidence, facing: Option<crate::domain::anatomy::Facing>) -> View {
    let (header, anatomy) = (position.header, position.anatomy);
    View {
        position: position.position().into(),
        facing: facing.map(Into::into),
        told_by: position.told_by().map(Into::into),
        header: header.into(),
        anatomy: anatomy.into(),
        functional: position.functional,
        disagreement: position.disagree().then(|| {
            let (header, anatomy) = (header.name(), anatomy.name());
            format!("The header calls this film {header}, but the neck looks like {anatomy}: check the label.")
        }),
    }
}

fn source(source: &domain::Source) -> Source {
    Source {
        file: source.file.clone(),
        sha256: source.sha256.hex(),
        format: source.format.into(),
        sop_instance_uid: source.sop_instance_uid.clone(),
        study_key: source.study_key.clone(),
        patient: source.patient.clone(),
    }
}

/// `None` for a landmark without a place; the domain never makes one.
fn landmark(id: crate::domain::anatomy::LandmarkId, landmark: &crate::domain::anatomy::Landmark) -> Option<Landmark> {
    Some(Landmark {
        vertebra: id.vertebra().name().into(),
        corner: id.part().into(),
        x: Number::new(landmark.position.x, PIXEL_DECIMALS)?,
        y: Number::new(landmark.position.y, PIXEL_DECIMALS)?,
        sigma_px: Number::new(landmark.covariance.sigma(), PIXEL_DECIMALS),
        confidence: Number::new(landmark.confidence, SHARE_DECIMALS),
        stage: landmark.stage.into(),
    })
}

fn measurement(measurement: &measured::Measurement) -> Measurement {
    let level = measurement.level.map(|level| level.to_string());
    let quantity = measurement.quantity;
    reading(quantity.name(), level, quantity.unit(), &measurement.reading, quantity.convention())
}

/// A number called `name`, with all that belongs to it.
pub(super) fn reading(
    name: &str,
    level: Option<String>,
    unit: measured::Unit,
    reading: &measured::Reading,
    convention: Convention,
) -> Measurement {
    let decimals = decimals(unit);
    let estimate = reading.estimate();
    let (status, reason) = match reading {
        measured::Reading::Ok(_) => (MeasurementStatus::Ok, None),
        measured::Reading::Unreliable(_, why) => (MeasurementStatus::Unreliable, Some(why.clone())),
        measured::Reading::Withheld(why) => (MeasurementStatus::Withheld, Some(why.clone())),
    };
    Measurement {
        name: name.into(),
        level,
        value: estimate.and_then(|e| Number::new(e.value(), decimals)),
        unit: unit.into(),
        ci90: estimate.and_then(|e| {
            let (low, high) = e.ci90();
            Some([Number::new(low, decimals)?, Number::new(high, decimals)?])
        }),
        status,
        reason,
        convention: Some(convention.definition.into()),
        source: Some(convention.source.into()),
    }
}

const fn decimals(unit: measured::Unit) -> u8 {
    match unit {
        measured::Unit::Degrees | measured::Unit::Millimetres => 2,
        measured::Unit::Ratio => 3,
    }
}

fn finding(finding: &domain::Finding) -> Finding {
    Finding {
        name: finding.name.into(),
        level: finding.level.map(|level| level.to_string()),
        present: finding.present,
        certainty: finding.certainty.into(),
        threshold: Number::new(finding.threshold, SHARE_DECIMALS),
        detail: finding.detail.clone(),
    }
}

fn quality(quality: &domain::Quality) -> Quality {
    let exposure = &quality.exposure;
    Quality {
        verdict: quality.verdict.into(),
        reasons: quality
            .reasons
            .iter()
            .map(|r| Reason { code: r.code.into(), dicom_code: r.dicom_code.into(), text: r.text.clone() })
            .collect(),
        c7_visibility: quality.c7_visibility.map(Into::into),
        exposure: Exposure {
            state: exposure.state.into(),
            exposure_index: exposure.exposure_index.and_then(|x| Number::new(x, INDEX_DECIMALS)),
            deviation_index: exposure.deviation_index.and_then(|x| Number::new(x, INDEX_DECIMALS)),
            clipped_black: Number::new(exposure.clipped.black, SHARE_DECIMALS),
            clipped_white: Number::new(exposure.clipped.white, SHARE_DECIMALS),
        },
    }
}

fn timing(timing: domain::Timing) -> Timing {
    let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    Timing {
        settle: millis(timing.settle),
        decode: millis(timing.decode),
        detect: millis(timing.detect),
        measure: millis(timing.measure),
        total: millis(timing.total),
    }
}
