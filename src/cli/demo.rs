//! `sagitta demo`: the real service on synthetic patients.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use crate::config::Level;
use crate::demo;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End with 0 when a subscriber has received what is due for every film, else with 1
    #[arg(long)]
    once: bool,
    /// How many of the demo's films are exposed [default: all]
    #[arg(long, value_name = "N")]
    films: Option<usize>,
    /// Where the page is served; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where the broker takes MQTT over TCP; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    mqtt: SocketAddr,
    /// Where the broker takes MQTT over WebSocket; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    websocket: SocketAddr,
}

/// Runs until Ctrl-C, or with `--once` until every film has its report.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    super::log_to_stderr(Level::Warn, false);
    let settings = demo::Settings {
        once: arguments.once,
        films: arguments.films.unwrap_or(usize::MAX),
        http: arguments.http,
        mqtt: arguments.mqtt,
        websocket: arguments.websocket,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let complete = runtime.block_on(demo::run(settings))?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
