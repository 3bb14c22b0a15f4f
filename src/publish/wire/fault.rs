//! `P/fault`: a file that could not be measured.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Moment, bytes, names};
use crate::domain;
use crate::domain::arrival::ContentHash;

/// A file that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// `sagitta.fault/1`.
    #[schemars(extend("const" = names::FAULT))]
    pub schema: String,
    /// The device that could not measure it.
    pub device: String,
    /// When the file was complete in the folder.
    pub received_at: Moment,
    /// Its path below the watched folder.
    pub file: String,
    /// SHA-256 of its content, 64 hexadecimal digits; `null` where it could not be read.
    pub sha256: Option<String>,
    /// What kind of trouble, a word for machines: `truncated`, `encrypted`, … More may be added.
    pub code: String,
    /// What happened, in plain words.
    pub reason: String,
    /// What can be done about it.
    pub remedy: String,
    /// Where the reason was written, or the file was put; `null` where neither was done.
    pub put: Option<String>,
}

/// The payload of `fault`. `put` is where the sidecar, or the moved file, lies.
pub fn fault(
    fault: &domain::fault::Fault,
    device: &str,
    received_at: DateTime<Utc>,
    sha256: Option<&ContentHash>,
    put: Option<&str>,
) -> Vec<u8> {
    bytes(&Fault {
        schema: names::FAULT.into(),
        device: device.into(),
        received_at: received_at.into(),
        file: fault.file.clone(),
        sha256: sha256.map(ContentHash::hex),
        code: fault.code.name().into(),
        reason: fault.reason.clone(),
        remedy: fault.code.remedy().into(),
        put: put.map(Into::into),
    })
}
