//! `sagitta run`: the service.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::appliance::{self, Settings};
use crate::config::Config;

/// Runs until SIGTERM or SIGINT.
pub(super) fn run(path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    super::log_to_stderr(config.log.level, config.log.json);
    let settings = Settings::of(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        };
        appliance::run(settings, shutdown, None).await
    })?;
    Ok(ExitCode::SUCCESS)
}
