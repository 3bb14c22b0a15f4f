//! The outbox: what waits for the broker, in order, and what gives way when there is no room.
//!
//! Order: reports, faults and studies first, in the order they were recorded; overlays after them, so that a backlog of pictures
//! never holds up a number; answers to requests go with the overlays, so that nobody who asks holds one up either. A row that
//! the broker refused is **set aside**: it stays, says why, and is offered again
//! after a while; the others overtake it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, params};

use super::decisions;
use crate::domain::decision::Decision;

/// Which topic a row goes to; the key tells which message of that topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A report; the key is its report id. Gets a `seq`.
    Report,
    /// A file that could not be measured; the key is its path below the watched folder.
    Fault,
    /// The answer to a radiographer's request; the key is the report id, or empty. Gives way when too many wait.
    Response,
    /// The picture of a report; the key is the report id. The first to give way.
    Overlay,
    /// A study, retained; the key is its key. A newer one takes the place of one that waits.
    Study,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Report, Self::Fault, Self::Response, Self::Overlay, Self::Study];

    /// The name in the ledger and in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Fault => "fault",
            Self::Response => "response",
            Self::Overlay => "overlay",
            Self::Study => "study",
        }
    }

    /// 0 goes before 1.
    const fn rank(self) -> i64 {
        match self {
            Self::Report | Self::Fault | Self::Study => 0,
            Self::Response | Self::Overlay => 1,
        }
    }

    /// Whether the broker keeps it for those who come later.
    pub const fn retained(self) -> bool {
        matches!(self, Self::Study)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The number of a row; later rows have larger ones, and none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub i64);

/// A message to be kept until the broker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// Its topic.
    pub kind: Kind,
    /// Which message of that topic.
    pub key: String,
    /// What `publish::wire` made.
    pub payload: Vec<u8>,
    /// When the film was complete in its folder: what `historical` is judged by.
    pub received_at: DateTime<Utc>,
    /// How long it is worth delivering; `None` for ever.
    pub expires_in: Option<Duration>,
}

/// A message whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub id: RowId,
    /// Its topic.
    pub kind: Kind,
    /// Which message of that topic.
    pub key: String,
    /// The report's number, for a report.
    pub seq: Option<u64>,
    /// What `publish::wire` made.
    pub payload: Vec<u8>,
    /// When the film was complete in its folder.
    pub received_at: DateTime<Utc>,
    /// How often the broker has refused it.
    pub attempts: u32,
    /// When it is not worth delivering any more; `None` for ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// Where it goes, if not to the topic of its kind.
    pub topic: Option<String>,
    /// What the request wanted to find in its answer.
    pub correlation: Option<Vec<u8>>,
    /// What the radiographer has decided about the film, for a report.
    pub decision: Option<Decision>,
    /// Whether it was recorded before this ledger was opened: by an earlier run.
    pub from_earlier_run: bool,
}

/// What the outbox answers when asked for the next message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This one.
    Row(Box<Row>),
    /// All that wait are set aside; the first may be tried again after this time.
    Later(Duration),
    /// Nothing waits.
    Empty,
}

/// A row as a person sees it in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFacts {
    /// Its number.
    pub id: RowId,
    /// `report`, `fault`, `overlay`, `study`.
    pub kind: String,
    /// Report id, file or study key.
    pub key: String,
    /// Size of the payload.
    pub bytes: usize,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
    /// How often the broker has refused it.
    pub attempts: u32,
    /// When it is tried again, if it is set aside.
    pub not_before: Option<DateTime<Utc>>,
    /// Why it was refused.
    pub last_error: Option<String>,
}

/// How full the outbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Rows that wait, all kinds.
    pub waiting: usize,
    /// Of these, rows the broker has refused.
    pub set_aside: usize,
    /// Bytes of all payloads.
    pub bytes: u64,
    /// Since when the oldest waits.
    pub oldest: Option<DateTime<Utc>>,
}

/// The longest a row may stay set aside; a clock that was put back must not make it longer.
pub const MAX_SET_ASIDE: Duration = Duration::from_secs(3600);

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}

pub(super) fn insert(sql: &Connection, row: &NewRow, seq: Option<i64>, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let created = now.timestamp_millis();
    sql.prepare_cached(
        "INSERT INTO outbox (kind, key, seq, rank, retain, bytes, payload, received_at, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        row.kind.name(),
        row.key,
        seq,
        row.kind.rank(),
        row.kind.retained(),
        i64::try_from(row.payload.len()).unwrap_or(i64::MAX),
        row.payload,
        row.received_at.timestamp_millis(),
        created,
        row.expires_in.map(|d| created.saturating_add(millis(d))),
    ])?;
    Ok(())
}

/// How many reports and faults wait. Studies are never more than the reports that made them.
pub(super) fn lasting(sql: &Connection) -> rusqlite::Result<usize> {
    sql.prepare_cached("SELECT count(*) FROM outbox WHERE rank = 0 AND kind <> 'study'")?
        .query_row([], |row| row.get::<_, i64>(0))
        .map(size)
}

/// Drops the oldest overlays until they take no more than `limit` bytes; returns how many went.
pub(super) fn make_room(sql: &Connection, limit: u64) -> rusqlite::Result<usize> {
    let mut dropped = 0;
    let taken: i64 = sql
        .prepare_cached("SELECT coalesce(sum(bytes), 0) FROM outbox WHERE kind = 'overlay'")?
        .query_row([], |row| row.get(0))?;
    let mut over = taken.saturating_sub(i64::try_from(limit).unwrap_or(i64::MAX));
    while over > 0 {
        let oldest: Option<(i64, i64)> = sql
            .prepare_cached("SELECT id, bytes FROM outbox WHERE kind = 'overlay' ORDER BY id LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((id, bytes)) = oldest else { break };
        dropped += delete(sql, RowId(id))?;
        over -= bytes.max(1);
    }
    Ok(dropped)
}

pub(super) fn delete(sql: &Connection, row: RowId) -> rusqlite::Result<usize> {
    sql.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([row.0])
}

/// The row whose turn it is at `now`; rows up to `earlier` were recorded by an earlier run.
pub(super) fn next(sql: &Connection, now: DateTime<Utc>, earlier: i64) -> rusqlite::Result<Next> {
    let now = now.timestamp_millis();
    sql.prepare_cached("DELETE FROM outbox WHERE expires_at IS NOT NULL AND expires_at <= ?1")?.execute([now])?;
    let due = sql
        .prepare_cached(
            "SELECT id, kind, key, seq, payload, received_at, attempts, topic, correlation, expires_at FROM outbox
             WHERE not_before <= ?1 OR not_before > ?1 + ?2 ORDER BY rank, id LIMIT 1",
        )?
        .query_row(params![now, millis(MAX_SET_ASIDE)], |row| read(row, earlier))
        .optional()?;
    if let Some(mut row) = due {
        if row.kind == Kind::Report {
            row.decision = decisions::current(sql, &row.key)?;
        }
        return Ok(Next::Row(Box::new(row)));
    }
    let soonest: Option<i64> =
        sql.prepare_cached("SELECT min(not_before) FROM outbox")?.query_row([], |row| row.get(0))?;
    Ok(soonest.map_or(Next::Empty, |at| {
        Next::Later(Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0)))
    }))
}

fn read(row: &SqlRow<'_>, earlier: i64) -> rusqlite::Result<Row> {
    let id: i64 = row.get(0)?;
    let name: String = row.get(1)?;
    let kind = Kind::from_name(&name).ok_or_else(|| {
        let unknown = format!("outbox row {id} has the unknown kind {name:?}");
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, unknown.into())
    })?;
    Ok(Row {
        id: RowId(id),
        kind,
        key: row.get(2)?,
        seq: row.get::<_, Option<i64>>(3)?.and_then(|seq| u64::try_from(seq).ok()),
        payload: row.get(4)?,
        received_at: time(row.get(5)?),
        attempts: row.get(6)?,
        topic: row.get(7)?,
        correlation: row.get(8)?,
        decision: None,
        expires_at: row.get::<_, Option<i64>>(9)?.map(time),
        from_earlier_run: id <= earlier,
    })
}

pub(super) fn set_aside(sql: &Connection, row: RowId, until: DateTime<Utc>, why: &str) -> rusqlite::Result<usize> {
    sql.prepare_cached("UPDATE outbox SET attempts = attempts + 1, not_before = ?2, last_error = ?3 WHERE id = ?1")?
        .execute(params![row.0, until.timestamp_millis(), why])
}

pub(super) fn retry(sql: &Connection, row: Option<RowId>) -> rusqlite::Result<usize> {
    sql.prepare_cached("UPDATE outbox SET not_before = 0 WHERE not_before <> 0 AND (?1 IS NULL OR id = ?1)")?
        .execute([row.map(|row| row.0)])
}

pub(super) fn list(sql: &Connection, limit: usize) -> rusqlite::Result<Vec<RowFacts>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    sql.prepare_cached(
        "SELECT id, kind, key, bytes, created_at, attempts, not_before, last_error FROM outbox ORDER BY rank, id LIMIT ?1",
    )?
    .query_map([limit], |row| {
        let not_before: i64 = row.get(6)?;
        Ok(RowFacts {
            id: RowId(row.get(0)?),
            kind: row.get(1)?,
            key: row.get(2)?,
            bytes: size(row.get(3)?),
            created_at: time(row.get(4)?),
            attempts: row.get(5)?,
            not_before: (not_before > 0).then(|| time(not_before)),
            last_error: row.get(7)?,
        })
    })?
    .collect()
}

pub(super) fn room(sql: &Connection) -> rusqlite::Result<Room> {
    sql.prepare_cached(
        "SELECT count(*), count(nullif(attempts, 0)), coalesce(sum(bytes), 0), min(created_at) FROM outbox",
    )?
    .query_row([], |row| {
        Ok(Room {
            waiting: size(row.get(0)?),
            set_aside: size(row.get(1)?),
            bytes: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
            oldest: row.get::<_, Option<i64>>(3)?.map(time),
        })
    })
}

pub(super) fn size(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}
