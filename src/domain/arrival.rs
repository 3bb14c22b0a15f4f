//! A film that has landed whole in the watched folder, before anyone has looked inside.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// SHA-256 of a file's content: how a film is known again, under any name and after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// A complete file, ready to be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Where it lies.
    pub path: PathBuf,
    /// The path below the watched folder (for `measure`: the path as given), with `/` between folders.
    pub file: String,
    /// Of the bytes that were measured.
    pub sha256: ContentHash,
    /// When the service first saw the file complete.
    pub received_at: DateTime<Utc>,
    /// From the last write to the moment it was taken as complete.
    pub settle: Duration,
}
