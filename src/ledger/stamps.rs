//! How files looked when they were dealt with: a restart over a hundred thousand old films reads none of them again.
//!
//! A stamp is a shortcut, never the truth: a file whose stamp is unknown is read, and its content tells whether it is known.

use rusqlite::{OptionalExtension as _, params};

use super::{Ledger, LedgerError};

impl Ledger {
    /// Remembers that the file of this path below the watched folder was dealt with as it looked then.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn remember_stamp(&self, file: &str, size: u64, modified_ns: i64, changed_ns: i64) -> Result<(), LedgerError> {
        self.call(|sql| {
            sql.prepare_cached(
                "INSERT INTO stamp (file, size, modified_ns, changed_ns) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (file) DO UPDATE SET size = ?2, modified_ns = ?3, changed_ns = ?4",
            )?
            .execute(params![file, i64::try_from(size).unwrap_or(i64::MAX), modified_ns, changed_ns])
            .map(drop)
        })
    }

    /// Whether the file of this path was dealt with when it looked like this.
    ///
    /// # Errors
    /// Whatever SQLite said.
    pub fn knows_stamp(&self, file: &str, size: u64, modified_ns: i64, changed_ns: i64) -> Result<bool, LedgerError> {
        self.call(|sql| {
            sql.prepare_cached(
                "SELECT 1 FROM stamp WHERE file = ?1 AND size = ?2 AND modified_ns = ?3 AND changed_ns = ?4",
            )?
            .query_row(params![file, i64::try_from(size).unwrap_or(i64::MAX), modified_ns, changed_ns], |_| Ok(()))
            .optional()
            .map(|found| found.is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ledger, Limits};

    #[test]
    fn a_file_is_known_by_how_it_looked_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path(), Limits::default()).unwrap();
        assert!(!ledger.knows_stamp("a.dcm", 10, 1, 2).unwrap());
        ledger.remember_stamp("a.dcm", 10, 1, 2).unwrap();
        drop(ledger);
        let ledger = Ledger::open(folder.path(), Limits::default()).unwrap();
        assert!(ledger.knows_stamp("a.dcm", 10, 1, 2).unwrap());
        assert!(!ledger.knows_stamp("a.dcm", 11, 1, 2).unwrap(), "it grew");
        ledger.remember_stamp("a.dcm", 11, 1, 3).unwrap();
        assert!(ledger.knows_stamp("a.dcm", 11, 1, 3).unwrap());
    }
}
