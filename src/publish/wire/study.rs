//! `P/study/<study_key>`: the films of one patient and study together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::repeat::Decision;
use super::report::{Measurement, reading};
use super::words::{Certainty, Effort, Position, ToldBy, Verdict, Visibility};
use super::{Moment, Number, bytes, names, recall};
use crate::domain::convention::Convention;
use crate::domain::measurement::Unit;
use crate::domain::report::NOTICE;
use crate::ledger::StudyRow;
use crate::study as domain;
use crate::study::summary::{self, Language};

/// Angles, lengths and thresholds.
const DECIMALS: u8 = 2;

/// The films of one patient and study together: retained, made anew with each film, expires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Study {
    /// `sagitta.study/1`.
    #[schemars(extend("const" = names::STUDY))]
    pub schema: String,
    /// As in the reports of its films, and in the topic.
    pub study_key: String,
    /// The device that measured the films.
    pub device: String,
    /// A keyed pseudonym of the patient, or the patient's id where the configuration lets it out.
    pub patient: Option<String>,
    /// How the films were joined.
    pub joined_by: JoinedBy,
    /// When the last film was added.
    pub updated_at: Moment,
    /// After this the appliance has forgotten the study; the broker drops the message at the same time.
    pub expires_at: Moment,
    /// Every film in the order taken, replaced ones too.
    pub films: Vec<Film>,
    /// `flexion`, `extension`: views without which the motion cannot be told.
    pub missing: Vec<Position>,
    /// Flexion and extension compared; `null` while one of them is missing.
    pub dynamic: Option<Dynamic>,
    /// The language of `summary`, a tag after BCP 47.
    pub language: String,
    /// The study in plain words, a paragraph an entry, in the first language of the configuration.
    pub summary: Vec<String>,
    /// The same in every language of the configuration, by its tag.
    pub summaries: BTreeMap<String, Vec<String>>,
    /// That this is a measuring aid and no diagnosis.
    pub notice: String,
}

/// How the films of a study were joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum JoinedBy {
    /// By patient and StudyInstanceUID.
    StudyInstanceUid,
    /// By patient and time, because the films have no StudyInstanceUID.
    PatientAndTime,
}

/// A film of the study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Film {
    /// Its report.
    pub report_id: String,
    /// Its position among the others.
    pub position: Position,
    /// Who told it; `null` where nobody did.
    pub told_by: Option<ToldBy>,
    /// The position that its header names.
    pub header: Position,
    /// The position that its neck looks like.
    pub anatomy: Position,
    /// Where header and anatomy contradict each other, and how; else `null`.
    pub disagreement: Option<Disagreement>,
    /// Whether it counts, or another film has taken its place.
    pub status: FilmStatus,
    /// The report of the next film in the same position.
    pub replaced_by: Option<String>,
    /// When it was taken: the modality's local time without a zone.
    pub acquired_at: Option<String>,
    /// When it was complete in the folder.
    pub received_at: Moment,
    /// What to do with it.
    pub verdict: Verdict,
    /// How much of C7 can be seen.
    pub c7_visibility: Option<Visibility>,
    /// What the radiographer has decided; `null` until they have.
    pub decision: Option<Decision>,
}

/// Whether a film counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum FilmStatus {
    /// The one that counts in its position.
    Current,
    /// A later film of the same position has taken its place.
    Replaced,
    /// Its position is not known: it takes no part in the motion.
    Unplaced,
}

/// How header and anatomy contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Disagreement {
    /// The neck looks like another position than the header names.
    Looks,
    /// The flexion is more lordotic than the extension: their names may be swapped.
    Swapped,
    /// Another film of the same name lies far apart.
    SameName,
}

/// Flexion and extension compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dynamic {
    /// The report of the flexion.
    pub flexion: String,
    /// The report of the extension.
    pub extension: String,
    /// Absolute difference of the Cobb angles: `level` is `C2-C7`, or `C2-C6` where C7 cannot be relied on.
    pub range_of_motion: Measurement,
    /// Whether that is enough to call anything stable.
    pub effort: Effort,
    /// The five segments from the head downwards.
    pub levels: Vec<Motion>,
    /// The thresholds that were used.
    pub thresholds: Thresholds,
}

/// What one segment does between flexion and extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Motion {
    /// `C5-C6`.
    pub level: String,
    /// Absolute difference of the slip distances, millimetres.
    pub slip_change: Measurement,
    /// Absolute difference of the slip angles, degrees.
    pub angle_change: Measurement,
    /// What follows.
    pub stability: Stability,
    /// How surely; `null` where no side was taken.
    pub certainty: Option<Certainty>,
}

/// What can be said of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Stability {
    /// Slip or angle change beyond their thresholds.
    Unstable,
    /// Both were measured, the neck moved enough, and neither crosses its threshold.
    Stable,
    /// Neither crosses its threshold, but the neck did not move enough to say stable.
    InsufficientEffort,
    /// A number is missing, so that stable cannot be said.
    Undetermined,
}

/// The thresholds of the motion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Thresholds {
    /// Of the slip's change, millimetres.
    pub slip_mm: Option<Number>,
    /// Of the angle's change, degrees.
    pub angle_deg: Option<Number>,
    /// Less motion than this, degrees, is insufficient effort.
    pub effort_deg: Option<Number>,
}

/// What a payload needs to know beside the films.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyContext {
    /// The device.
    pub device: String,
    /// Thresholds of the motion.
    pub settings: domain::Settings,
    /// The first is that of `summary`; English where there is none.
    pub languages: Vec<Language>,
    /// The largest factor by which lengths in the plane of the detector are too long.
    pub magnification: f64,
}

/// The payload of the study `row`. A film whose stored report does not read is left out.
pub fn study(row: &StudyRow, context: &StudyContext) -> Vec<u8> {
    let films = row.films.iter().filter_map(|film| recall::film(film, context.magnification)).collect();
    let study = domain::Study::of(films, &context.settings);
    let lines = summary::lines(&study, &context.settings);
    let said = |language: Language| -> Vec<String> { lines.iter().map(|line| language.say(line)).collect() };
    let language = context.languages.first().copied().unwrap_or(Language::English);
    bytes(&Study {
        schema: names::STUDY.into(),
        study_key: row.key.clone(),
        device: context.device.clone(),
        patient: study.films.last().and_then(|placed| placed.film.patient.clone()),
        joined_by: if row.by_time { JoinedBy::PatientAndTime } else { JoinedBy::StudyInstanceUid },
        updated_at: row.updated_at.into(),
        expires_at: row.expires_at.into(),
        films: study.films.iter().map(film).collect(),
        missing: study.missing.iter().copied().map(Into::into).collect(),
        dynamic: dynamic(&study, &context.settings),
        language: language.tag().into(),
        summary: said(language),
        summaries: context.languages.iter().map(|language| (language.tag().into(), said(*language))).collect(),
        notice: NOTICE.into(),
    })
}

fn film(placed: &domain::Placed) -> Film {
    let film = &placed.film;
    Film {
        report_id: film.report_id.0.clone(),
        position: placed.position.into(),
        told_by: placed.told_by.map(Into::into),
        header: film.evidence.header.into(),
        anatomy: film.evidence.anatomy.into(),
        disagreement: placed.disagreement.as_ref().map(|disagreement| match disagreement {
            domain::Disagreement::Looks { .. } => Disagreement::Looks,
            domain::Disagreement::Swapped(_) => Disagreement::Swapped,
            domain::Disagreement::SameName(_) => Disagreement::SameName,
        }),
        status: match (&placed.replaced_by, placed.told_by) {
            (Some(_), _) => FilmStatus::Replaced,
            (None, Some(_)) => FilmStatus::Current,
            (None, None) => FilmStatus::Unplaced,
        },
        replaced_by: placed.replaced_by.as_ref().map(|id| id.0.clone()),
        acquired_at: film.acquired_at.clone(),
        received_at: film.received_at.into(),
        verdict: film.verdict.into(),
        c7_visibility: film.c7.map(Into::into),
        decision: film.decision.as_ref().map(Into::into),
    }
}

fn dynamic(study: &domain::Study, settings: &domain::Settings) -> Option<Dynamic> {
    use crate::domain::report::Position::{Extension, Flexion};
    let dynamic = study.dynamic.as_ref()?;
    let id = |position| study.current(position).map(|placed| placed.film.report_id.0.clone());
    let over = summary::span(dynamic.range_over).map(|level| level.to_string());
    Some(Dynamic {
        flexion: id(Flexion)?,
        extension: id(Extension)?,
        range_of_motion: reading(
            "range_of_motion",
            over,
            Unit::Degrees,
            &dynamic.range_of_motion,
            Convention::RANGE_OF_MOTION,
        ),
        effort: dynamic.effort.into(),
        levels: dynamic.levels.iter().map(motion).collect(),
        thresholds: Thresholds {
            slip_mm: Number::new(settings.slip_mm, DECIMALS),
            angle_deg: Number::new(settings.angle_deg, DECIMALS),
            effort_deg: Number::new(settings.effort_deg, DECIMALS),
        },
    })
}

fn motion(motion: &domain::Motion) -> Motion {
    let level = motion.level.to_string();
    Motion {
        slip_change: reading(
            "slip_change",
            Some(level.clone()),
            Unit::Millimetres,
            &motion.slip,
            Convention::SLIP_CHANGE,
        ),
        angle_change: reading(
            "angle_change",
            Some(level.clone()),
            Unit::Degrees,
            &motion.angle,
            Convention::ANGLE_CHANGE,
        ),
        level,
        stability: match motion.stability {
            domain::Stability::Unstable(_) => Stability::Unstable,
            domain::Stability::Stable(_) => Stability::Stable,
            domain::Stability::InsufficientEffort => Stability::InsufficientEffort,
            domain::Stability::Undetermined => Stability::Undetermined,
        },
        certainty: motion.stability.certainty().map(Into::into),
    }
}
