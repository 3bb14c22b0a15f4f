//! The ledger itself: opening it, and the transactions that the rest of the service asks for.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Local, NaiveDate, Utc};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::decisions;
use super::outbox::{self, Kind, NewRow, Next, Room, RowFacts, RowId};
use super::{LedgerError, schema};
use crate::domain::arrival::ContentHash;
use crate::domain::decision::Decision;
use crate::domain::fault::FaultCode;
use crate::domain::report::{Report, ReportId};

/// The file below the folder of `[store] path`.
const FILE: &str = "ledger.sqlite";
/// How long a call waits for another process (`sagitta outbox`) that holds the file.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// The pages that the write-ahead log holds before it is folded back: about 4 MB.
const CHECKPOINT_PAGES: i64 = 1000;

/// How much the ledger keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Payloads of the newest reports, for `/api`; about 12 KB each.
    pub reports_kept: usize,
    /// Reports and faults that may wait for the broker. When full, no film is recorded: it stays in its folder.
    pub outbox_rows: usize,
    /// Bytes of overlays that may wait. When full, the oldest overlays are dropped.
    pub overlay_bytes: u64,
    /// Bytes of one payload.
    pub payload_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { reports_kept: 5_000, outbox_rows: 20_000, overlay_bytes: 64 * 1024 * 1024, payload_bytes: 256 * 1024 }
    }
}

/// How a film is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'a> {
    /// By its content, under any name.
    Content(&'a ContentHash),
    /// By its path below the watched folder, and what was wrong: for a file whose content could not be read or was too
    /// large to read. It is told once.
    Unread(&'a str, FaultCode),
}

impl Identity<'_> {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Content(hash) => hash.0.to_vec(),
            Self::Unread(file, code) => format!("file:{file}:{}", code.name()).into_bytes(),
        }
    }
}

/// What became of a film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Seen<'a> {
    /// It was measured; the payload is kept for `/api`.
    Report {
        /// Its report: the id, and what repeat analysis counts.
        report: &'a Report,
        /// As made by `publish::wire`, without `seq` and `historical`.
        payload: &'a [u8],
    },
    /// It could not be measured.
    Fault(FaultCode),
    /// It is no lateral neck; how that was told.
    PassedOver(&'a str),
}

/// A film to be remembered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Film<'a> {
    /// How it is known again.
    pub identity: Identity<'a>,
    /// Its path below the watched folder.
    pub file: &'a str,
    /// When it was complete in its folder.
    pub received_at: DateTime<Utc>,
    /// What became of it.
    pub seen: Seen<'a>,
}

/// What [`Ledger::record`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The film is remembered and its rows wait for the broker.
    New {
        /// The number of its report, if it has one.
        seq: Option<u64>,
        /// Overlays that gave way.
        overlays_dropped: usize,
    },
    /// It was known; nothing has changed.
    Known,
}

/// A stored report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub id: ReportId,
    /// As made by `publish::wire`, without `seq`, `historical` and `decision`.
    pub payload: Vec<u8>,
    /// What the radiographer has decided.
    pub decision: Option<Decision>,
}

/// A handle on the ledger; clones share one connection.
#[derive(Debug, Clone)]
pub struct Ledger {
    sql: Arc<Mutex<Connection>>,
    path: PathBuf,
    limits: Limits,
    /// The last outbox row that an earlier run has recorded.
    earlier: i64,
}

impl Ledger {
    /// Opens the ledger in `folder`, makes folder and file (mode 0600) where they are missing, checks the file and
    /// brings it to today's version.
    ///
    /// # Errors
    /// [`LedgerError::Open`], [`LedgerError::Corrupt`], [`LedgerError::Newer`] or whatever SQLite said.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        prepare_file(folder, &path).map_err(|source| LedgerError::Open { path: path.clone(), source })?;
        let sorted = |source| LedgerError::sort(&path, source);
        let mut sql = Connection::open(&path).map_err(sorted)?;
        sql.busy_timeout(BUSY_WAIT).map_err(sorted)?;
        let found = schema::version(&sql).map_err(sorted)?;
        if found > schema::VERSION {
            return Err(LedgerError::Newer { path, found, known: schema::VERSION });
        }
        let verdict: String = sql.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sorted)?;
        if verdict != "ok" {
            return Err(LedgerError::Corrupt { path, detail: verdict });
        }
        let earlier = set_up(&mut sql).map_err(sorted)?;
        Ok(Self { sql: Arc::new(Mutex::new(sql)), path, limits, earlier })
    }

    /// Whether there is a ledger in `folder`; makes none.
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether content with this hash has been recorded.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn knows(&self, hash: &ContentHash) -> Result<bool, LedgerError> {
        self.knows_identity(Identity::Content(hash))
    }

    /// Whether a film of this identity has been recorded.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn knows_identity(&self, identity: Identity<'_>) -> Result<bool, LedgerError> {
        self.call(|sql| {
            sql.prepare_cached("SELECT 1 FROM film WHERE identity = ?1")?
                .query_row([identity.bytes()], |_| Ok(()))
                .optional()
                .map(|found| found.is_some())
        })
    }

    /// Remembers a film and puts its messages into the outbox, all or nothing.
    ///
    /// # Errors
    /// [`LedgerError::OutboxFull`], [`LedgerError::DiskFull`]: the film stays unseen, try again later.
    /// [`LedgerError::Oversize`]: a row is larger than any message may be. Otherwise whatever SQLite said.
    pub fn record(&self, film: &Film<'_>, rows: &[NewRow], now: DateTime<Utc>) -> Result<Recorded, LedgerError> {
        self.record_with(film, rows, now, |_| Ok(()))
    }

    /// [`Ledger::record`] with something more in the same transaction.
    pub(super) fn record_with(
        &self,
        film: &Film<'_>,
        rows: &[NewRow],
        now: DateTime<Utc>,
        more: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<Recorded, LedgerError> {
        let limit = self.limits.payload_bytes;
        if let Some(row) = rows.iter().find(|row| row.payload.len() > limit) {
            return Err(LedgerError::Oversize { kind: row.kind.name(), bytes: row.payload.len(), limit });
        }
        let mut sql = self.lock();
        let sorted = |source| LedgerError::sort(&self.path, source);
        let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sorted)?;
        if !insert_film(&transaction, film).map_err(sorted)? {
            return Ok(Recorded::Known);
        }
        if !rows.is_empty() {
            let waiting = outbox::lasting(&transaction).map_err(sorted)?;
            if waiting >= self.limits.outbox_rows {
                return Err(LedgerError::OutboxFull { rows: waiting });
            }
        }
        let recorded = self.insert_outcome(&transaction, film, rows, now).map_err(sorted)?;
        more(&transaction).map_err(sorted)?;
        transaction.commit().map_err(sorted)?;
        Ok(recorded)
    }

    fn insert_outcome(
        &self,
        sql: &Transaction<'_>,
        film: &Film<'_>,
        rows: &[NewRow],
        now: DateTime<Utc>,
    ) -> rusqlite::Result<Recorded> {
        let mut seq = None;
        match film.seen {
            Seen::Report { report, payload } => {
                sql.prepare_cached("INSERT INTO report (report_id, received_at, payload) VALUES (?1, ?2, ?3)")?
                    .execute(params![report.id.0, film.received_at.timestamp_millis(), payload])?;
                let last = sql.last_insert_rowid();
                let kept = i64::try_from(self.limits.reports_kept).unwrap_or(i64::MAX);
                sql.prepare_cached("DELETE FROM report WHERE seq <= ?1")?.execute([last.saturating_sub(kept)])?;
                decisions::insert_film(sql, report, film.received_at)?;
                seq = Some(last);
            }
            Seen::PassedOver(_) => {
                let day = film.received_at.with_timezone(&Local).date_naive().to_string();
                sql.prepare_cached(
                    "INSERT INTO passed_over (day, count) VALUES (?1, 1) ON CONFLICT (day) DO UPDATE SET count = count + 1",
                )?
                .execute([day])?;
            }
            Seen::Fault(_) => {}
        }
        for row in rows {
            outbox::insert(sql, row, seq.filter(|_| row.kind == Kind::Report), now)?;
        }
        let overlays_dropped = outbox::make_room(sql, self.limits.overlay_bytes)?;
        Ok(Recorded::New { seq: seq.and_then(|seq| u64::try_from(seq).ok()), overlays_dropped })
    }

    /// The message whose turn it is.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn next(&self, now: DateTime<Utc>) -> Result<Next, LedgerError> {
        self.call(|sql| outbox::next(sql, now, self.earlier))
    }

    /// Forgets a message that the broker has acknowledged; a row that is gone already changes nothing.
    ///
    /// # Errors
    /// Whatever SQLite said; the row is then sent again.
    pub fn delivered(&self, row: RowId) -> Result<(), LedgerError> {
        self.call(|sql| outbox::delete(sql, row).map(drop))
    }

    /// Keeps a message that the broker has refused, says why, and offers it again at `until`.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn set_aside(&self, row: RowId, until: DateTime<Utc>, why: &str) -> Result<(), LedgerError> {
        self.call(|sql| outbox::set_aside(sql, row, until, why).map(drop))
    }

    /// Offers refused messages again at once: `row`, or all; returns how many.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn retry(&self, row: Option<RowId>) -> Result<usize, LedgerError> {
        self.call(|sql| outbox::retry(sql, row))
    }

    /// The first `limit` messages that wait, in the order they would go.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn outbox(&self, limit: usize) -> Result<Vec<RowFacts>, LedgerError> {
        self.call(|sql| outbox::list(sql, limit))
    }

    /// How full the outbox is.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn room(&self) -> Result<Room, LedgerError> {
        self.call(outbox::room)
    }

    /// Stored reports, newest first: up to `limit` of those before number `before`.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn reports(&self, before: Option<u64>, limit: usize) -> Result<Vec<ReportRow>, LedgerError> {
        let before = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.call(|sql| {
            sql.prepare_cached("SELECT seq, report_id, payload FROM report WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2")?
                .query_map([before, limit], report)?
                .map(|row| with_decision(sql, row?))
                .collect()
        })
    }

    /// The stored report `id`, if it was ever made and has not aged out.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn report(&self, id: &ReportId) -> Result<Option<ReportRow>, LedgerError> {
        self.call(|sql| {
            sql.prepare_cached("SELECT seq, report_id, payload FROM report WHERE report_id = ?1")?
                .query_row([&id.0], report)
                .optional()?
                .map(|row| with_decision(sql, row))
                .transpose()
        })
    }

    /// How many films were passed over on `day` (local) because they are no lateral necks.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn passed_over(&self, day: NaiveDate) -> Result<u64, LedgerError> {
        self.call(|sql| {
            sql.prepare_cached("SELECT count FROM passed_over WHERE day = ?1")?
                .query_row([day.to_string()], |row| row.get::<_, i64>(0))
                .optional()
                .map(|count| count.and_then(|c| u64::try_from(c).ok()).unwrap_or(0))
        })
    }

    /// The device's secret for pseudonyms: random, made with the ledger, never shown or sent. Who has it can test a
    /// guessed patient id against a pseudonym, so the file has mode 0600.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn pseudonym_key(&self) -> Result<[u8; 32], LedgerError> {
        self.call(|sql| {
            sql.query_row("SELECT value FROM meta WHERE name = 'pseudonym_key'", [], |row| row.get::<_, [u8; 32]>(0))
        })
    }

    pub(super) fn call<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        work(&self.lock()).map_err(|source| LedgerError::sort(&self.path, source))
    }

    /// One transaction: all of `work`, or nothing.
    pub(super) fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let mut sql = self.lock();
        let sorted = |source| LedgerError::sort(&self.path, source);
        let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sorted)?;
        let done = work(&transaction).map_err(sorted)?;
        transaction.commit().map_err(sorted)?;
        Ok(done)
    }

    /// A thread that panicked inside a call has rolled its transaction back, so the connection stays good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.sql.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(row: &rusqlite::Row<'_>) -> rusqlite::Result<ReportRow> {
    Ok(ReportRow {
        seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        id: ReportId(row.get(1)?),
        payload: row.get(2)?,
        decision: None,
    })
}

fn with_decision(sql: &Connection, row: ReportRow) -> rusqlite::Result<ReportRow> {
    let decision = decisions::current(sql, &row.id.0)?;
    Ok(ReportRow { decision, ..row })
}

/// Whether the film is new.
fn insert_film(sql: &Transaction<'_>, film: &Film<'_>) -> rusqlite::Result<bool> {
    let (outcome, detail) = match film.seen {
        Seen::Report { report, .. } => ("report", report.id.0.as_str()),
        Seen::Fault(code) => ("fault", code.name()),
        Seen::PassedOver(how) => ("passed_over", how),
    };
    let added = sql
        .prepare_cached(
            "INSERT INTO film (identity, file, seen_at, outcome, detail) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (identity) DO NOTHING",
        )?
        .execute(params![film.identity.bytes(), film.file, film.received_at.timestamp_millis(), outcome, detail])?;
    Ok(added == 1)
}

/// The folder and an empty file, readable by the service's user alone. SQLite gives the -wal and -shm files the same mode.
fn prepare_file(folder: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

/// Turns the write-ahead log on. While another process does the same to a new ledger SQLite says "busy" at once, whatever
/// the timeout: the lock it wants is one that two could wait for in vain.
fn write_ahead(sql: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match sql.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && begun.elapsed() < BUSY_WAIT =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            outcome => return outcome,
        }
    }
}

/// Pragmas, tables, secret; returns the last outbox row of an earlier run.
fn set_up(sql: &mut Connection) -> rusqlite::Result<i64> {
    write_ahead(sql)?;
    sql.pragma_update(None, "synchronous", "FULL")?;
    sql.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    sql.pragma_update(None, "foreign_keys", true)?;
    schema::migrate(sql)?;
    let known: bool = sql.query_row("SELECT count(*) FROM meta WHERE name = 'pseudonym_key'", [], |row| row.get(0))?;
    if !known {
        let key = random_key().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        sql.execute("INSERT INTO meta (name, value) VALUES ('pseudonym_key', ?1) ON CONFLICT DO NOTHING", [key])?;
    }
    let last: Option<i64> =
        sql.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'", [], |row| row.get(0)).optional()?;
    Ok(last.unwrap_or(0))
}

/// From the kernel's generator.
fn random_key() -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite says "full" when its page limit is reached, as it does when the disk is.
    #[test]
    fn a_full_disk_leaves_the_film_unseen_and_the_rest_readable() {
        let folder = tempfile::TempDir::new().unwrap();
        let ledger = Ledger::open(folder.path(), Limits::default()).unwrap();
        ledger.lock().pragma_update(None, "max_page_count", 200).unwrap();
        let now = Utc::now();
        let record = |n: u8| {
            let hash = ContentHash([n; 32]);
            let seen = Seen::Fault(FaultCode::Corrupt);
            let film = Film { identity: Identity::Content(&hash), file: "f", received_at: now, seen };
            let payload = vec![n; 50_000];
            let row = NewRow { kind: Kind::Fault, key: "f".into(), payload, received_at: now, expires_in: None };
            ledger.record(&film, &[row], now)
        };
        let (n, refused) = (0..=u8::MAX).map(|n| (n, record(n))).find(|(_, recorded)| recorded.is_err()).unwrap();
        assert!(n > 0 && matches!(refused, Err(LedgerError::DiskFull { .. })), "{n} {refused:?}");
        assert!(!ledger.knows(&ContentHash([n; 32])).unwrap(), "the film must be tried again");
        let Next::Row(row) = ledger.next(now).unwrap() else { panic!("the rows are gone") };
        ledger.delivered(row.id).unwrap();
        assert!(matches!(record(n), Ok(Recorded::New { .. })), "there is room again");
    }
}
