//! The films of one patient and study together: which is which, what moves between them, what is still missing, and what
//! all of it says in plain words.
//!
//! ```text
//! films in the order taken ──place──► neutral, flexion, extension ──motion──► what moves ──summary──► lines of words
//! ```
//!
//! Everything here is a pure function of the films' reports; which films belong together is kept by the ledger. So a study
//! says nothing that its films' reports do not carry, and the same films give the same study, in whatever order they came
//! and however often the service was restarted in between.
//!
//! Invariants: of several films in one position the one taken last counts, the others stay in the list; nothing is called
//! stable without both ends of the motion; what cannot be said is told with its reason. Nothing here fails.

pub mod motion;
mod place;
pub mod summary;

pub use motion::{Dynamic, Effort, Motion, Settings, Stability, dynamic};
pub use place::{Disagreement, REPEAT_APART_DEG};

use chrono::{DateTime, Utc};

use crate::domain::decision::Decision;
use crate::domain::detection::C7Visibility;
use crate::domain::measurement::{Level, Measurements};
use crate::domain::report::{Certainty, Position, PositionEvidence, ReportId, ToldBy, Verdict};

/// A measured film, as its report tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Film {
    /// Its report.
    pub report_id: ReportId,
    /// The patient as the report names them.
    pub patient: Option<String>,
    /// When it was taken, as the header says.
    pub acquired_at: Option<String>,
    /// When it was complete in the folder.
    pub received_at: DateTime<Utc>,
    /// What to do with it.
    pub verdict: Verdict,
    /// What the radiographer has decided about it.
    pub decision: Option<Decision>,
    /// How much of C7 can be seen.
    pub c7: Option<C7Visibility>,
    /// What tells its position.
    pub evidence: PositionEvidence,
    /// The largest factor by which its lengths may be too long; 1 where they are the patient's own.
    pub magnification: f64,
    /// The numbers.
    pub measurements: Measurements,
    /// What its numbers cross.
    pub signs: Vec<Sign>,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignKind {
    /// `severe_kyphosis`.
    Kyphosis,
    /// `sagittal_imbalance`.
    Imbalance,
    /// `instability`: the slip of a level on one film.
    Slip,
    /// `developmental_canal_stenosis`.
    Stenosis,
}

impl SignKind {
    /// The kind of the finding `name`; `None` for one that a study does not use.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "severe_kyphosis" => Some(Self::Kyphosis),
            "sagittal_imbalance" => Some(Self::Imbalance),
            "instability" => Some(Self::Slip),
            "developmental_canal_stenosis" => Some(Self::Stenosis),
            _ => None,
        }
    }
}

/// A finding of one film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sign {
    /// About what.
    pub kind: SignKind,
    /// Where.
    pub level: Option<Level>,
    /// Whether the number lies beyond the threshold.
    pub present: bool,
    /// How surely.
    pub certainty: Certainty,
    /// The threshold.
    pub threshold: f64,
}

/// A film in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The film.
    pub film: Film,
    /// Its position among the others.
    pub position: Position,
    /// Who told it; `None` where nobody did.
    pub told_by: Option<ToldBy>,
    /// Where header and anatomy contradict each other.
    pub disagreement: Option<Disagreement>,
    /// The next film in the same position, which counts in its place.
    pub replaced_by: Option<ReportId>,
}

/// The films of one patient and study.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// Every film in the order taken, replaced ones too.
    pub films: Vec<Placed>,
    /// Views without which the motion cannot be told, flexion before extension.
    pub missing: Vec<Position>,
    /// Flexion and extension compared, where both are there.
    pub dynamic: Option<Dynamic>,
}

impl Study {
    /// The study of `films`, which stand in the order they were taken.
    pub fn of(films: Vec<Film>, settings: &Settings) -> Self {
        let places = place::places(&films, settings.effort_deg);
        let mut films: Vec<Placed> = films
            .into_iter()
            .zip(places)
            .map(|(film, place)| Placed {
                film,
                position: place.position,
                told_by: place.told_by,
                disagreement: place.disagreement,
                replaced_by: None,
            })
            .collect();
        replace(&mut films);
        let mut study = Self { missing: missing(&films), films, dynamic: None };
        study.dynamic = study.current(Position::Flexion).zip(study.current(Position::Extension)).map(|(f, e)| {
            let magnification = f.film.magnification.max(e.film.magnification);
            dynamic(&f.film.measurements, &e.film.measurements, magnification, settings)
        });
        study
    }

    /// The film that counts in `position`; never one whose position is unknown.
    pub fn current(&self, position: Position) -> Option<&Placed> {
        self.films.iter().find(|f| position != Position::Unknown && f.position == position && f.replaced_by.is_none())
    }

    /// Films whose position nobody tells.
    pub fn unplaced(&self) -> impl Iterator<Item = &Placed> {
        self.films.iter().filter(|f| f.position == Position::Unknown)
    }
}

/// Lets each film give way to the next one in its position.
fn replace(films: &mut [Placed]) {
    let mut later: Vec<(Position, ReportId)> = Vec::new();
    for placed in films.iter_mut().rev().filter(|f| f.position != Position::Unknown) {
        let id = placed.film.report_id.clone();
        match later.iter_mut().find(|(position, _)| *position == placed.position) {
            Some((_, next)) => placed.replaced_by = Some(std::mem::replace(next, id)),
            None => later.push((placed.position, id)),
        }
    }
}

/// The partner of a flexion or an extension; both, where the header speaks of an examination of motion.
fn missing(films: &[Placed]) -> Vec<Position> {
    let has = |position| films.iter().any(|f| f.position == position);
    let (flexion, extension) = (has(Position::Flexion), has(Position::Extension));
    let due = flexion || extension || films.iter().any(|f| f.film.evidence.functional);
    [(Position::Flexion, flexion), (Position::Extension, extension)]
        .into_iter()
        .filter(|(_, there)| due && !there)
        .map(|(position, _)| position)
        .collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
