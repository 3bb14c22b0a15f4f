//! What was seen, and what waits for the broker: one SQLite file.
//!
//! Invariants:
//! - A film and its outbox rows are written in **one** transaction ([`Ledger::record`]), before anything is published.
//!   A film whose transaction failed is unseen: it is measured again, under the same report id.
//! - A film that belongs to a study is joined to it, and the study's payload is made anew, in that same transaction
//!   ([`Ledger::record_in_study`]).
//! - A row leaves the outbox when the broker has acknowledged it ([`Ledger::delivered`]), when its own expiry has
//!   passed, when a newer payload of the same study takes its place, or, for overlays alone, when the outbox needs room. A
//!   report or a fault never gives way.
//! - A film is recorded once: recording known content again changes nothing and says so ([`Recorded::Known`]).
//! - `seq` counts the reports of this ledger 1, 2, 3 … without gaps: it is given in the film's own transaction.
//! - A radiographer's word and the answer to it are written in **one** transaction ([`Ledger::decide`]): an answer that was
//!   sent is never forgotten, and a word that was kept is always answered.
//! - A commit that returned has reached the disk (`synchronous=FULL`): what a power cut can lose was never confirmed.
//!
//! Who may call it: anybody. [`Ledger`] is a cheap handle; one connection stands behind a mutex and every call is one
//! short transaction. It blocks for as long as a disk write takes, so an async task calls it from a thread that may
//! block (the publisher has its own).
//!
//! On failure: a full disk or a full outbox is an error of the call and the film stays unseen in its folder, which is
//! the queue that has no limit. A damaged file is told with what to do about it ([`LedgerError::Corrupt`]).

mod decisions;
mod outbox;
mod schema;
mod stamps;
mod store;
mod studies;

pub use decisions::{Answer, Range, Settled};
pub use outbox::{Kind, MAX_SET_ASIDE, NewRow, Next, Room, Row, RowFacts, RowId};
pub use store::{Film, Identity, Ledger, Limits, Recorded, ReportRow, Seen};
pub use studies::{Compose, FILMS_KEPT, Membership, StudyFilm, StudyMessage, StudyRow};

use std::path::{Path, PathBuf};

/// Why the ledger could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder or the file cannot be made or opened.
    #[error("the ledger {path} cannot be opened: {source}. Give the service's user the folder named by [store] path")]
    Open {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is no ledger any more. Films and reports are safe: only the memory of them is lost.
    #[error(
        "the ledger {path} is damaged ({detail}). Stop the service, move {path} and its -wal and -shm files aside and \
         start again: films still in the folder are measured anew under the same report ids; `seq` starts again at 1, \
         and what waited for the broker is in the file that was moved"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// A newer Sagitta has written it.
    #[error(
        "the ledger {path} has version {found}; this Sagitta knows {known}. Install the newer version again, or move the file aside"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// Nothing can be written; the film stays unseen and is tried again.
    #[error("no room left to write the ledger {path}. Free some space; films that arrive meanwhile are measured then")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The outbox holds as many reports and faults as it may; the film stays unseen and is tried again.
    #[error(
        "{rows} messages wait for the broker, as many as the outbox may hold. Bring the broker back; films stay in their folder until then"
    )]
    OutboxFull {
        /// How many wait.
        rows: usize,
    },
    /// A payload that no outbox row may have: a defect of the caller.
    #[error("a {kind} of {bytes} bytes is more than the {limit} a message may have")]
    Oversize {
        /// What it should have become.
        kind: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Anything else SQLite said; the call changed nothing.
    #[error("the ledger {path}: {source}")]
    Sql {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl LedgerError {
    /// Sorts what SQLite said by what the caller must do.
    fn sort(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Corrupt { path, detail: source.to_string() }
            }
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull { path },
            _ => Self::Sql { path, source },
        }
    }

    /// Whether the same call may succeed later without anybody touching the ledger itself.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::OutboxFull { .. } | Self::Sql { .. })
    }
}
