//! The films of each patient and study, and the payload that was made of them last.
//!
//! A study is written in the transaction of the film that belongs to it: whoever sees the film's report in the ledger sees the
//! study with it. The payload is made by the caller from the stored reports of all its films, inside that transaction, so
//! that no other film or decision can come between reading and writing.
//!
//! A study is remembered until it expires: its row, the copies of its films' reports and a message that still waits go
//! together. A film that comes later begins the study anew. The reports themselves are kept as ever.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::outbox::{self, Kind, NewRow, millis, time};
use super::{Film, Ledger, LedgerError, Recorded, decisions};
use crate::domain::decision::Decision;
use crate::domain::report::ReportId;

/// Films kept of one study; beyond, the one that was recorded first goes. A modality that writes the same StudyInstanceUID and
/// patient into everything must not make each film slower than the last.
pub const FILMS_KEPT: i64 = 48;

/// To which study a film belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership<'a> {
    /// The key of the study.
    pub key: &'a str,
    /// A pseudonym of the patient.
    pub patient: Option<&'a str>,
    /// Whether the study is joined by patient and time, because its films carry no identifier of it.
    pub by_time: bool,
    /// When the film was taken, local time.
    pub taken_at: NaiveDateTime,
    /// How long the study is remembered from now on.
    pub expires_in: Duration,
}

/// What a payload is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyRow {
    /// Its key.
    pub key: String,
    /// Whether it is joined by patient and time.
    pub by_time: bool,
    /// When it was changed last: now.
    pub updated_at: DateTime<Utc>,
    /// When it is forgotten.
    pub expires_at: DateTime<Utc>,
    /// Its films in the order they were taken; of two at the same second, the first recorded first.
    pub films: Vec<StudyFilm>,
}

/// A film of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyFilm {
    /// Its report as stored.
    pub report: Vec<u8>,
    /// What the radiographer has decided about it.
    pub decision: Option<Decision>,
}

/// The message of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyMessage {
    /// Its key.
    pub key: String,
    /// What `publish::wire` made last.
    pub payload: Vec<u8>,
    /// When it is forgotten.
    pub expires_at: DateTime<Utc>,
}

/// Makes the payload of a study.
pub type Compose<'a> = &'a dyn Fn(&StudyRow) -> Vec<u8>;

impl Ledger {
    /// As [`Ledger::record`], and in the same transaction joins the film, which must have a report, to its study, makes the
    /// study's payload anew and puts it into the outbox in place of an older one that still waits.
    ///
    /// # Errors
    /// As [`Ledger::record`].
    pub fn record_in_study(
        &self,
        film: &Film<'_>,
        rows: &[NewRow],
        study: &Membership<'_>,
        compose: Compose<'_>,
        now: DateTime<Utc>,
    ) -> Result<Recorded, LedgerError> {
        self.record_with(film, rows, now, |sql| join(sql, film, study, compose, now))
    }

    /// The study of `patient`, joined by time, that holds a film taken within `window` of `taken_at`; of several the nearest.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn study_near(
        &self,
        patient: &str,
        taken_at: NaiveDateTime,
        window: Duration,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, LedgerError> {
        let at = taken_at.and_utc().timestamp_millis();
        self.call(|sql| {
            sql.prepare_cached(
                "SELECT study.key FROM study JOIN study_film ON study_film.study_key = study.key
                 WHERE study.patient = ?1 AND study.by_time AND study.expires_at > ?2
                   AND abs(study_film.taken_at - ?3) <= ?4
                 ORDER BY abs(study_film.taken_at - ?3), study_film.id LIMIT 1",
            )?
            .query_row(params![patient, now.timestamp_millis(), at, millis(window)], |row| row.get(0))
            .optional()
        })
    }

    /// The first study after `key` in the order of keys that has not expired: to go through all of them.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn study_after(&self, key: Option<&str>, now: DateTime<Utc>) -> Result<Option<StudyMessage>, LedgerError> {
        self.call(|sql| {
            sql.prepare_cached(
                "SELECT key, payload, expires_at FROM study
                 WHERE expires_at > ?1 AND (?2 IS NULL OR key > ?2) ORDER BY key LIMIT 1",
            )?
            .query_row(params![now.timestamp_millis(), key], message)
            .optional()
        })
    }

    /// The message of the study `key`, unless it has expired.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn study(&self, key: &str, now: DateTime<Utc>) -> Result<Option<StudyMessage>, LedgerError> {
        self.call(|sql| {
            sql.prepare_cached("SELECT key, payload, expires_at FROM study WHERE key = ?1 AND expires_at > ?2")?
                .query_row(params![key, now.timestamp_millis()], message)
                .optional()
        })
    }
}

fn message(row: &rusqlite::Row<'_>) -> rusqlite::Result<StudyMessage> {
    Ok(StudyMessage { key: row.get(0)?, payload: row.get(1)?, expires_at: time(row.get(2)?) })
}

fn join(
    sql: &Transaction<'_>,
    film: &Film<'_>,
    study: &Membership<'_>,
    compose: Compose<'_>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let super::Seen::Report { report, payload } = film.seen else { return Ok(()) };
    forget_expired(sql, now)?;
    let expires_at = now.timestamp_millis().saturating_add(millis(study.expires_in));
    sql.prepare_cached(
        "INSERT INTO study (key, patient, by_time, expires_at, payload) VALUES (?1, ?2, ?3, ?4, x'')
         ON CONFLICT (key) DO UPDATE SET expires_at = max(expires_at, ?4)",
    )?
    .execute(params![study.key, study.patient, study.by_time, expires_at])?;
    sql.prepare_cached("INSERT INTO study_film (study_key, report_id, taken_at, report) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![study.key, report.id.0, study.taken_at.and_utc().timestamp_millis(), payload])?;
    sql.prepare_cached(
        "DELETE FROM study_film WHERE study_key = ?1 AND id <= (
             SELECT id FROM study_film WHERE study_key = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![study.key, FILMS_KEPT])?;
    publish(sql, study.key, compose, now)
}

/// Makes the payload of the study that holds the report `report_id` anew; without such a study nothing happens.
pub(super) fn compose_of(
    sql: &Connection,
    report_id: &ReportId,
    compose: Compose<'_>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    forget_expired(sql, now)?;
    let key: Option<String> = sql
        .prepare_cached("SELECT study_key FROM study_film WHERE report_id = ?1")?
        .query_row([&report_id.0], |row| row.get(0))
        .optional()?;
    key.map_or(Ok(()), |key| publish(sql, &key, compose, now))
}

/// Makes the payload of the study `key` and lets it take the place of one that still waits.
fn publish(sql: &Connection, key: &str, compose: Compose<'_>, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let (by_time, expires_at) = sql
        .prepare_cached("SELECT by_time, expires_at FROM study WHERE key = ?1")?
        .query_row([key], |row| Ok((row.get(0)?, time(row.get(1)?))))?;
    let films = sql
        .prepare_cached("SELECT report, report_id FROM study_film WHERE study_key = ?1 ORDER BY taken_at, id")?
        .query_map([key], |row| {
            let decision = decisions::current(sql, &row.get::<_, String>(1)?)?;
            Ok(StudyFilm { report: row.get(0)?, decision })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let payload = compose(&StudyRow { key: key.to_owned(), by_time, updated_at: now, expires_at, films });
    sql.prepare_cached("UPDATE study SET payload = ?2 WHERE key = ?1")?.execute(params![key, payload])?;
    sql.prepare_cached("DELETE FROM outbox WHERE kind = ?1 AND key = ?2")?.execute([Kind::Study.name(), key])?;
    let expires_in = (expires_at - now).to_std().ok();
    let row = NewRow { kind: Kind::Study, key: key.to_owned(), payload, received_at: now, expires_in };
    outbox::insert(sql, &row, None, now)
}

/// Messages that wait have an expiry of their own, which is the same.
fn forget_expired(sql: &Connection, now: DateTime<Utc>) -> rusqlite::Result<usize> {
    sql.prepare_cached("DELETE FROM study WHERE expires_at <= ?1")?.execute([now.timestamp_millis()])
}
