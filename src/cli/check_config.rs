//! `sagitta check-config`: every problem with its key, value and remedy.

use std::path::Path;
use std::process::ExitCode;

use crate::config;

/// 0 where the configuration is sound, 1 where it is not.
pub(super) fn run(path: Option<&Path>) -> ExitCode {
    match config::check(path) {
        Ok(config) => {
            println!(
                "The configuration is sound: device {}, watching {}.",
                config.device,
                config.ingest.watch.display()
            );
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::FAILURE
        }
    }
}
