//! The program as its callers have it: arguments in, output and exit code out.

#![allow(clippy::unwrap_used, missing_docs)]

use std::process::{Command, Output};

pub(crate) fn sagitta(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sagitta"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
