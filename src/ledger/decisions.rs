//! What radiographers said, and what repeat analysis counts.
//!
//! Invariants:
//! - The newest word about a film counts, unless it withdraws. A word that says what already stands changes nothing.
//! - A word and its answers are one transaction.
//! - Nobody who floods us with requests fills the disk: a film keeps its [`WORDS_KEPT`] newest words, the outbox its
//!   [`ANSWERS_KEPT`] newest answers, and an answer waits for [`ANSWER_EXPIRES`] at most.

use std::time::Duration;

use chrono::{DateTime, Days, Local, NaiveDate, NaiveTime, TimeZone as _, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::outbox::{self, Kind, NewRow};
use super::{Compose, Ledger, LedgerError, studies};
use crate::domain::decision::{Action, Decision, JudgedFilm, RejectReason, Word};
use crate::domain::report::{Position, Report, ReportId, Verdict};

/// The words that are kept of one film.
const WORDS_KEPT: i64 = 100;
/// The answers that may wait for the broker; the oldest give way.
const ANSWERS_KEPT: i64 = 500;
/// Who asked does not wait for longer.
const ANSWER_EXPIRES: Duration = Duration::from_secs(3600);

/// What became of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// No report of this id was ever made here; nothing has changed.
    UnknownReport,
    /// This stands now.
    Changed(Option<Decision>),
    /// This stood before, and stands.
    Unchanged(Option<Decision>),
}

/// An answer to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The report it is about; may be empty.
    pub report: String,
    /// Where it goes, if not to the topic of all answers.
    pub topic: Option<String>,
    /// What the request wanted to find in it.
    pub correlation: Option<Vec<u8>>,
    /// What `publish::wire` made.
    pub payload: Vec<u8>,
}

/// Local days, both included; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Range {
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
}

impl Range {
    /// Its first millisecond and the first one after it.
    fn millis(self) -> (i64, i64) {
        let from = self.first.map_or(i64::MIN, start_of);
        let to = self.last.and_then(|day| day.checked_add_days(Days::new(1))).map_or(i64::MAX, start_of);
        (from, to)
    }
}

/// The first moment of a local day; where the clocks skip midnight, the first after it.
fn start_of(day: NaiveDate) -> i64 {
    let midnight = day.and_time(NaiveTime::MIN);
    let hours = (0..4).map(|hour| midnight + chrono::Duration::hours(hour));
    hours
        .filter_map(|at| Local.from_local_datetime(&at).earliest())
        .map(|at| at.timestamp_millis())
        .next()
        .unwrap_or_else(|| midnight.and_utc().timestamp_millis())
}

impl Ledger {
    /// Keeps a radiographer's word, makes the study of its film anew with `compose` where the word has changed something, and
    /// puts the answers that `answer` makes of the outcome into the outbox, all or nothing.
    ///
    /// # Errors
    /// [`LedgerError::DiskFull`] or whatever SQLite said; nothing has changed, and the request must be taken again.
    pub fn decide(
        &self,
        word: &Word,
        now: DateTime<Utc>,
        compose: Option<Compose<'_>>,
        answer: impl FnOnce(&Settled) -> Vec<Answer>,
    ) -> Result<Settled, LedgerError> {
        self.transact(|sql| {
            let settled = settle(sql, word, now)?;
            if let (Settled::Changed(_), Some(compose)) = (&settled, compose) {
                studies::compose_of(sql, &word.report, compose, now)?;
            }
            insert_answers(sql, answer(&settled), now)?;
            Ok(settled)
        })
    }

    /// Puts the answers to a request that was refused into the outbox.
    ///
    /// # Errors
    /// As [`Ledger::decide`].
    pub fn answer(&self, answers: Vec<Answer>, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.transact(|sql| insert_answers(sql, answers, now))
    }

    /// What stands about the film of this report.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn decision(&self, report: &ReportId) -> Result<Option<Decision>, LedgerError> {
        self.call(|sql| current(sql, &report.0))
    }

    /// Every film with a report that came in `range`, the oldest first.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn judged(&self, range: Range) -> Result<Vec<JudgedFilm>, LedgerError> {
        let (from, to) = range.millis();
        self.call(|sql| {
            sql.prepare_cached(
                "SELECT received_at, position, verdict, judged.reason, deviation_index, operator,
                        word.action, word.reason AS why, word.given_by, word.given_at
                 FROM judged LEFT JOIN word
                   ON word.id = (SELECT max(id) FROM word WHERE word.report_id = judged.report_id)
                 WHERE received_at >= ?1 AND received_at < ?2 ORDER BY received_at, judged.report_id",
            )?
            .query_map([from, to], judged)?
            .collect()
        })
    }

    /// How many films of `range` were passed over because they are no lateral necks, and how many could not be measured.
    /// Films without a neck that were published as reports are among [`Ledger::judged`].
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn beside(&self, range: Range) -> Result<(u64, u64), LedgerError> {
        let (from, to) = range.millis();
        self.call(|sql| {
            let mut count =
                sql.prepare_cached("SELECT count(*) FROM film WHERE outcome = ?1 AND seen_at >= ?2 AND seen_at < ?3")?;
            let mut of = |outcome: &str| {
                let number = count.query_row(params![outcome, from, to], |row| row.get::<_, i64>(0));
                number.map(|n| u64::try_from(n).unwrap_or(0))
            };
            Ok((of("passed_over")?, of("fault")?))
        })
    }
}

/// Remembers what repeat analysis counts of a film.
pub(super) fn insert_film(sql: &Connection, report: &Report, received_at: DateTime<Utc>) -> rusqlite::Result<()> {
    let quality = &report.assessment.quality;
    sql.prepare_cached(
        "INSERT INTO judged (report_id, received_at, position, verdict, reason, deviation_index, operator)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (report_id) DO NOTHING",
    )?
    .execute(params![
        report.id.0,
        received_at.timestamp_millis(),
        report.position.position().name(),
        quality.verdict.name(),
        quality.reasons.first().map(|reason| reason.dicom_code),
        quality.exposure.deviation_index.filter(|index| index.is_finite()),
        report.source.operator,
    ])
    .map(drop)
}

/// What stands about the film of this report.
pub(super) fn current(sql: &Connection, report: &str) -> rusqlite::Result<Option<Decision>> {
    sql.prepare_cached(
        "SELECT action, reason, given_by, given_at FROM word WHERE report_id = ?1 ORDER BY id DESC LIMIT 1",
    )?
    .query_row([report], |row| decision(row, 0))
    .optional()
    .map(Option::flatten)
}

fn settle(sql: &Connection, word: &Word, now: DateTime<Utc>) -> rusqlite::Result<Settled> {
    let known = sql.prepare_cached("SELECT 1 FROM judged WHERE report_id = ?1")?.exists([&word.report.0])?;
    if !known {
        return Ok(Settled::UnknownReport);
    }
    let stands = current(sql, &word.report.0)?;
    let wanted = (word.action != Action::Withdraw).then(|| Decision {
        repeat: word.action == Action::Repeat,
        reason: word.reason,
        by: word.by.clone(),
        at: outbox::time(now.timestamp_millis()),
    });
    let same = match (&stands, &wanted) {
        (None, None) => true,
        (Some(old), Some(new)) => (old.repeat, old.reason, &old.by) == (new.repeat, new.reason, &new.by),
        _ => false,
    };
    if same {
        return Ok(Settled::Unchanged(stands));
    }
    sql.prepare_cached("INSERT INTO word (report_id, action, reason, given_by, given_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            word.report.0,
            word.action.name(),
            word.reason.map(RejectReason::dicom_code),
            word.by,
            now.timestamp_millis(),
        ])?;
    sql.prepare_cached(
        "DELETE FROM word WHERE report_id = ?1 AND id <=
           (SELECT id FROM word WHERE report_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![word.report.0, WORDS_KEPT])?;
    Ok(Settled::Changed(wanted))
}

fn insert_answers(sql: &Connection, answers: Vec<Answer>, now: DateTime<Utc>) -> rusqlite::Result<()> {
    for Answer { report, topic, correlation, payload } in answers {
        let (kind, expires_in) = (Kind::Response, Some(ANSWER_EXPIRES));
        outbox::insert(sql, &NewRow { kind, key: report, payload, received_at: now, expires_in }, None, now)?;
        sql.prepare_cached("UPDATE outbox SET topic = ?2, correlation = ?3 WHERE id = ?1")?.execute(params![
            sql.last_insert_rowid(),
            topic,
            correlation
        ])?;
    }
    sql.prepare_cached(
        "DELETE FROM outbox WHERE kind = 'response' AND id <=
           (SELECT id FROM outbox WHERE kind = 'response' ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([ANSWERS_KEPT])
    .map(drop)
}

fn judged(row: &Row<'_>) -> rusqlite::Result<JudgedFilm> {
    let position: String = row.get(1)?;
    let verdict: String = row.get(2)?;
    let reason: Option<String> = row.get(3)?;
    Ok(JudgedFilm {
        day: outbox::time(row.get(0)?).with_timezone(&Local).date_naive(),
        position: Position::from_name(&position).unwrap_or(Position::Unknown),
        verdict: Verdict::from_name(&verdict).ok_or_else(|| strange(2, &verdict))?,
        suggested: reason.and_then(|code| RejectReason::from_dicom_code(&code)),
        deviation_index: row.get(4)?,
        operator: row.get(5)?,
        decision: decision(row, 6)?,
    })
}

/// The decision that begins in column `first`; `None` for a word that withdraws, and where there is none.
fn decision(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Decision>> {
    let Some(action) = row.get::<_, Option<String>>(first)? else { return Ok(None) };
    let action = Action::from_name(&action).ok_or_else(|| strange(first, &action))?;
    if action == Action::Withdraw {
        return Ok(None);
    }
    let reason: Option<String> = row.get(first + 1)?;
    Ok(Some(Decision {
        repeat: action == Action::Repeat,
        reason: reason.and_then(|code| RejectReason::from_dicom_code(&code)),
        by: row.get(first + 2)?,
        at: outbox::time(row.get(first + 3)?),
    }))
}

fn strange(column: usize, word: &str) -> rusqlite::Error {
    let unknown = format!("the unknown word {word:?}");
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, unknown.into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::Limits;
    use super::*;

    fn ledger(folder: &tempfile::TempDir, films: &[&str]) -> Ledger {
        let ledger = Ledger::open(folder.path(), Limits::default()).unwrap();
        for (n, film) in films.iter().enumerate() {
            ledger
                .call(|sql| {
                    sql.execute(
                        "INSERT INTO judged (report_id, received_at, position, verdict) VALUES (?1, ?2, 'neutral', 'accept')",
                        params![film, n as i64],
                    )
                })
                .unwrap();
        }
        ledger
    }

    fn word(film: &str, action: Action, reason: RejectReason, by: &str) -> Word {
        let reason = (action == Action::Repeat).then_some(reason);
        Word { report: ReportId(film.into()), action, reason, by: by.into() }
    }

    fn count(ledger: &Ledger, table: &str) -> i64 {
        ledger.call(|sql| sql.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))).unwrap()
    }

    #[test]
    fn a_film_that_is_fought_over_keeps_its_newest_words_and_others_keep_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder, &["a", "b"]);
        let say = |film, action| {
            ledger.decide(&word(film, action, RejectReason::Grid, "x"), Utc::now(), None, |_| Vec::new()).unwrap()
        };
        say("b", Action::Repeat);
        for _ in 0..WORDS_KEPT {
            say("a", Action::Repeat);
            say("a", Action::Accept);
        }
        assert_eq!(count(&ledger, "word"), WORDS_KEPT + 1);
        assert!(ledger.decision(&ReportId("a".into())).unwrap().is_some_and(|decision| !decision.repeat));
        assert!(ledger.decision(&ReportId("b".into())).unwrap().is_some_and(|decision| decision.repeat));
    }

    #[test]
    fn a_day_is_a_local_day_with_both_its_ends() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();
        let (from, to) = Range { first: Some(day), last: Some(day) }.millis();
        for (at, expected) in
            [(from, day), (to - 1, day), (to, day.succ_opt().unwrap()), (from - 1, day.pred_opt().unwrap())]
        {
            assert_eq!(outbox::time(at).with_timezone(&Local).date_naive(), expected);
        }
        assert_eq!(Range::default().millis(), (i64::MIN, i64::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Against a model: the last word counts, a word that says what stands changes nothing, every word is answered once.
        #[test]
        fn the_ledger_agrees_with_a_map(
            said in proptest::collection::vec((0..3_usize, 0..3_usize, 0..2_usize, 0..2_usize), 0..24)
        ) {
            let films = ["a", "b", "unknown"];
            let folder = tempfile::tempdir().unwrap();
            let ledger = ledger(&folder, &films[..2]);
            let mut model: HashMap<&str, (bool, Option<RejectReason>, String)> = HashMap::new();
            let mut changes = 0;
            for (n, (film, action, reason, by)) in said.iter().enumerate() {
                let (film, action) = (films[*film], Action::ALL[*action]);
                let word = word(film, action, RejectReason::ALL[*reason], ["x", "y"][*by]);
                let answer = |_: &Settled| {
                    vec![Answer { report: film.into(), topic: None, correlation: None, payload: b"{}".to_vec() }]
                };
                let settled = ledger.decide(&word, Utc::now(), None, answer).unwrap();
                prop_assert_eq!(count(&ledger, "outbox"), n as i64 + 1);
                if film == "unknown" {
                    prop_assert_eq!(settled, Settled::UnknownReport);
                    continue;
                }
                let before = model.get(film).cloned();
                if action == Action::Withdraw {
                    model.remove(film);
                } else {
                    model.insert(film, (action == Action::Repeat, word.reason, word.by.clone()));
                }
                let changed = before.as_ref() != model.get(film);
                changes += i64::from(changed);
                prop_assert_eq!(matches!(settled, Settled::Changed(_)), changed);
                let stands = ledger.decision(&word.report).unwrap().map(|d| (d.repeat, d.reason, d.by));
                prop_assert_eq!(stands.as_ref(), model.get(film));
            }
            prop_assert_eq!(count(&ledger, "word"), changes);
            let repeated = ledger.judged(Range::default()).unwrap().iter()
                .filter(|film| film.decision.as_ref().is_some_and(|d| d.repeat)).count();
            prop_assert_eq!(repeated, model.values().filter(|(repeat, ..)| *repeat).count());
        }
    }
}
