//! Repeat analysis after AAPM TG-151 and TG-305: how many films are rejected, why, from which view and by whom; whether
//! Sagitta's verdict and the radiographer agree; and whether the exposures are on target.
//!
//! Pure functions of [`JudgedFilm`]s; every figure is defined, with its source, in `docs/rejects.md`.
//!
//! Invariants: a film whose verdict is `not_applicable` is in no rate; a figure that the films are too few for is `None`,
//! never 0; the groups of a breakdown hold every film once, so that their counts add up to the total.

pub mod csv;
pub mod statistics;
pub mod table;

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};

use crate::domain::decision::{JudgedFilm, RejectReason};
use crate::domain::report::{Position, Verdict};

pub use statistics::{Agreement, DeviationIndex};

/// The figures of one group of films.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// Lateral necks with a report.
    pub films: u64,
    /// Of these, films that Sagitta suggested to repeat.
    pub suggested: u64,
    /// Of these, films that the radiographer rejected.
    pub repeated: u64,
    /// Of these, films that the radiographer expressly kept.
    pub accepted: u64,
    /// The verdict against the radiographer, over the films about which one has spoken.
    pub agreement: Agreement,
    /// The exposures, over the films that tell.
    pub deviation: DeviationIndex,
}

impl Tally {
    /// The figures of `films`, without those that are no lateral neck.
    pub fn of<'a>(films: impl IntoIterator<Item = &'a JudgedFilm>) -> Self {
        let mut tally = Self::default();
        let mut indices = Vec::new();
        for film in films.into_iter().filter(|film| counts(film)) {
            let suggested = film.verdict == Verdict::Repeat;
            tally.films += 1;
            tally.suggested += u64::from(suggested);
            if let Some(decision) = &film.decision {
                tally.repeated += u64::from(decision.repeat);
                tally.accepted += u64::from(!decision.repeat);
                tally.agreement.count(suggested, decision.repeat);
            }
            indices.extend(film.deviation_index);
        }
        tally.deviation = DeviationIndex::of(&indices);
        tally
    }

    /// Rejected films, as a share (0…1) of all; `None` without films.
    pub fn repeat_rate(&self) -> Option<f64> {
        share(self.repeated, self.films)
    }

    /// Films that Sagitta suggested to repeat, as a share (0…1) of all; `None` without films.
    pub fn suggested_rate(&self) -> Option<f64> {
        share(self.suggested, self.films)
    }

    /// Films about which nobody has spoken.
    pub const fn undecided(&self) -> u64 {
        self.films.saturating_sub(self.repeated + self.accepted)
    }
}

/// How often one reason was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonCount {
    /// The reason.
    pub reason: RejectReason,
    /// Films rejected for it.
    pub repeated: u64,
    /// Films whose suggested repeat had it as the gravest reason.
    pub suggested: u64,
}

/// Everything that is told of a span of days.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// All films.
    pub total: Tally,
    /// Each local day with films.
    pub days: Vec<(NaiveDate, Tally)>,
    /// Each month with films, by its first day.
    pub months: Vec<(NaiveDate, Tally)>,
    /// Each position that occurs.
    pub views: Vec<(Position, Tally)>,
    /// Each operator; `None` for films that name none.
    pub operators: Vec<(Option<String>, Tally)>,
    /// Each reason that was given or suggested, the most frequent first.
    pub reasons: Vec<ReasonCount>,
    /// Films that are no lateral neck.
    pub passed_over: u64,
    /// Files that could not be measured.
    pub faults: u64,
}

impl Analysis {
    /// The analysis of `films`; `passed_over` and `faults` are those of the same days that have no report.
    pub fn of(films: &[JudgedFilm], passed_over: u64, faults: u64) -> Self {
        let no_neck = films.iter().filter(|film| !counts(film)).count() as u64;
        Self {
            total: Tally::of(films),
            days: grouped(films, |film| film.day),
            months: grouped(films, |film| film.day.with_day(1).unwrap_or(film.day)),
            views: by_view(films),
            operators: grouped(films, |film| film.operator.clone()),
            reasons: reasons(films),
            passed_over: passed_over + no_neck,
            faults,
        }
    }
}

/// `part` of `whole` (0…1); `None` of nothing.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn counts(film: &JudgedFilm) -> bool {
    film.verdict != Verdict::NotApplicable
}

fn grouped<K: Ord>(films: &[JudgedFilm], key: impl Fn(&JudgedFilm) -> K) -> Vec<(K, Tally)> {
    let mut groups: BTreeMap<K, Vec<&JudgedFilm>> = BTreeMap::new();
    for film in films.iter().filter(|film| counts(film)) {
        groups.entry(key(film)).or_default().push(film);
    }
    groups.into_iter().map(|(key, films)| (key, Tally::of(films))).collect()
}

fn by_view(films: &[JudgedFilm]) -> Vec<(Position, Tally)> {
    let of = |position| Tally::of(films.iter().filter(|film| film.position == position));
    Position::ALL.map(|position| (position, of(position))).into_iter().filter(|(_, tally)| tally.films > 0).collect()
}

fn reasons(films: &[JudgedFilm]) -> Vec<ReasonCount> {
    let count = |reason| {
        let mut count = ReasonCount { reason, repeated: 0, suggested: 0 };
        for film in films.iter().filter(|film| counts(film)) {
            let rejected = film.decision.as_ref().filter(|decision| decision.repeat);
            count.repeated += u64::from(rejected.is_some_and(|decision| decision.reason == Some(reason)));
            count.suggested += u64::from(film.verdict == Verdict::Repeat && film.suggested == Some(reason));
        }
        count
    };
    let mut all: Vec<ReasonCount> = RejectReason::ALL.map(count).into();
    all.retain(|count| count.repeated + count.suggested > 0);
    all.sort_by_key(|count| (std::cmp::Reverse((count.repeated, count.suggested)), count.reason));
    all
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
