//! The tables, and the steps that bring an older ledger to today's version.
//!
//! `user_version` counts the steps that were taken. A step is never changed once released; a new one is added. Each
//! runs in its own transaction, so that a power cut leaves the version before or the version after.

use rusqlite::{Connection, TransactionBehavior};

/// What a first ledger holds.
///
/// - `film`: every content that was seen. `identity` is its SHA-256 (32 bytes), or, for a file whose content could not
///   be read, `file:<path>:<code>`. Times are milliseconds since 1970, UTC. It is kept for ever, about 200 bytes a film.
/// - `report`: the payloads of the newest reports. `AUTOINCREMENT` makes `seq` never return, even when the last is removed.
/// - `outbox`: what waits. `rank` 0 goes before 1 (overlays); `not_before` is 0 unless the broker refused the row.
/// - `stamp`: how each file looked when it was dealt with, so that a restart does not read all of them again.
/// - `passed_over`: films that are no lateral neck, by local day.
const FIRST: &str = "
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE film (
    id       INTEGER PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,
    file     TEXT NOT NULL,
    seen_at  INTEGER NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('report', 'fault', 'passed_over')),
    detail   TEXT NOT NULL
);
CREATE TABLE report (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    report_id   TEXT NOT NULL UNIQUE,
    received_at INTEGER NOT NULL,
    payload     BLOB NOT NULL
);
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    key         TEXT NOT NULL,
    seq         INTEGER,
    rank        INTEGER NOT NULL,
    retain      INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    payload     BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    not_before  INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT
);
CREATE INDEX outbox_order ON outbox (rank, id, not_before);
CREATE INDEX outbox_room ON outbox (rank, bytes);
CREATE INDEX outbox_expiry ON outbox (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE stamp (
    file        TEXT PRIMARY KEY,
    size        INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    changed_ns  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE passed_over (
    day   TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;
";

/// Studies: the films of one patient and study, with copies of their reports (some 12 kB each), until the study expires.
///
/// - `study`: `patient` is a pseudonym, `by_time` whether it is joined by patient and time, `payload` what was made last.
/// - `study_film`: `taken_at` is the modality's local time in milliseconds, as if it were UTC.
const STUDIES: &str = "
CREATE TABLE study (
    key        TEXT PRIMARY KEY,
    patient    TEXT,
    by_time    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    payload    BLOB NOT NULL
);
CREATE INDEX study_patient ON study (patient) WHERE by_time;
CREATE INDEX study_expiry ON study (expires_at);
CREATE TABLE study_film (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    study_key TEXT NOT NULL REFERENCES study (key) ON DELETE CASCADE,
    report_id TEXT NOT NULL UNIQUE,
    taken_at  INTEGER NOT NULL,
    report    BLOB NOT NULL
);
CREATE INDEX study_film_order ON study_film (study_key, taken_at, id);
CREATE INDEX outbox_study ON outbox (key) WHERE kind = 'study';
";

/// The radiographer's word.
///
/// - `judged`: every film with a report, as repeat analysis counts it. Kept for ever, about 100 bytes a film; `report` keeps
///   only the newest. `reason` is the CID 7011 code of the gravest reason of the verdict. Reports that an older Sagitta
///   stored are taken in.
/// - `word`: what radiographers said of a film; the newest counts, older ones are its history.
/// - `outbox.topic` and `outbox.correlation`: where an answer goes besides its own topic, and what it must carry.
const WORD: &str = "
CREATE TABLE judged (
    report_id       TEXT PRIMARY KEY,
    received_at     INTEGER NOT NULL,
    position        TEXT NOT NULL,
    verdict         TEXT NOT NULL,
    reason          TEXT,
    deviation_index REAL,
    operator        TEXT
) WITHOUT ROWID;
CREATE INDEX judged_time ON judged (received_at);
CREATE TABLE word (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    report_id TEXT NOT NULL,
    action    TEXT NOT NULL CHECK (action IN ('repeat', 'accept', 'withdraw')),
    reason    TEXT,
    given_by  TEXT NOT NULL,
    given_at  INTEGER NOT NULL
);
CREATE INDEX word_film ON word (report_id, id);
CREATE INDEX film_time ON film (outcome, seen_at);
ALTER TABLE outbox ADD COLUMN topic TEXT;
ALTER TABLE outbox ADD COLUMN correlation BLOB;
INSERT INTO judged (report_id, received_at, position, verdict, reason, deviation_index)
SELECT report_id, received_at,
       coalesce(json_extract(text, '$.view.position'), 'unknown'),
       json_extract(text, '$.quality.verdict'),
       json_extract(text, '$.quality.reasons[0].dicom_code'),
       json_extract(text, '$.quality.exposure.deviation_index')
FROM (SELECT report_id, received_at, CAST(payload AS TEXT) AS text FROM report)
WHERE CASE WHEN json_valid(text) THEN json_extract(text, '$.quality.verdict') IS NOT NULL ELSE 0 END;
";

/// Each step leads from the version of its index to the next.
const STEPS: [&str; 3] = [FIRST, STUDIES, WORD];

/// The version that this program writes.
#[allow(clippy::cast_possible_wrap)] // a handful of steps
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The version that stands in the file; 0 for an empty one.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes every step that is still missing. Two processes may open a new ledger at once (the service, and somebody who looks at
/// the outbox): the version is read under the lock that the step is taken under.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    for (from, step) in (0_i64..).zip(STEPS) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&transaction)? == from {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", from + 1)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An older ledger's reports are counted; what is no report, or no JSON, is left out and ends nothing.
    #[test]
    fn the_reports_of_a_first_ledger_are_taken_into_the_repeat_analysis() {
        let mut sql = Connection::open_in_memory().unwrap();
        sql.execute_batch(FIRST).unwrap();
        sql.pragma_update(None, "user_version", 1).unwrap();
        let whole = r#"{"view":{"position":"flexion"},"quality":{"verdict":"repeat","reasons":[{"dicom_code":"111211"},
                        {"dicom_code":"111209"}],"exposure":{"deviation_index":-4.5}}}"#;
        let bare = r#"{"quality":{"verdict":"accept","reasons":[],"exposure":{"deviation_index":null}}}"#;
        let payloads = [whole.as_bytes(), bare.as_bytes(), b"{}", b"[", b"", b"\xff\xfe"];
        for (n, payload) in payloads.into_iter().enumerate() {
            sql.execute(
                "INSERT INTO report (report_id, received_at, payload) VALUES (?1, ?2, ?3)",
                (n.to_string(), n as i64, payload),
            )
            .unwrap();
        }
        migrate(&mut sql).unwrap();
        assert_eq!(version(&sql).unwrap(), VERSION);
        let mut rows = sql
            .prepare("SELECT report_id, position, verdict, reason, deviation_index, operator FROM judged ORDER BY 1")
            .unwrap();
        type Row = (String, String, String, Option<String>, Option<f64>, Option<String>);
        let rows: Vec<Row> = rows
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(
            rows,
            [
                ("0".into(), "flexion".into(), "repeat".into(), Some("111211".into()), Some(-4.5), None),
                ("1".into(), "unknown".into(), "accept".into(), None, None, None),
            ]
        );
    }
}
