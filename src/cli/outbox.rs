//! `sagitta outbox`: what waits for the broker.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::Config;
use crate::ledger::{Ledger, Limits};

/// Rows that a listing shows.
const SHOWN: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The configuration [default: /etc/sagitta/sagitta.toml]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Action {
    /// One line for each message that waits, oldest first
    List,
    /// Offer what the broker has refused once more, now
    Retry,
}

/// Works on the ledger beside a running service.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let ledger = Ledger::open(&config.store.path, Limits::default())?;
    match arguments.action {
        Action::List => {
            let rows = ledger.outbox(SHOWN)?;
            for row in &rows {
                let since = row.created_at.to_rfc3339();
                let refused = row.last_error.as_deref().unwrap_or("not refused");
                println!(
                    "{}\t{}\t{}\t{} bytes\t{since}\t{} tries\t{refused}",
                    row.id.0, row.kind, row.key, row.bytes, row.attempts
                );
            }
            eprintln!("{} messages wait for the broker.", rows.len());
        }
        Action::Retry => println!("{} messages are offered again.", ledger.retry(None)?),
    }
    Ok(ExitCode::SUCCESS)
}
