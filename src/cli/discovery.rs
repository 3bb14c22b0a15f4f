//! `sagitta discovery`: the announcement to home automation.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::appliance;
use crate::config::Config;
use crate::publish::mqtt::discovery;

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
    /// Take the announcement back: the device vanishes from Home Assistant and openHAB
    Remove,
}

/// Speaks to the broker beside a running service.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let Action::Remove = arguments.action;
    let settings = appliance::Settings::of(&config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let topic = runtime.block_on(discovery::remove(&settings.publish, &config.mqtt.discovery_prefix))?;
    println!("The announcement on {topic} is taken back.");
    if config.mqtt.discovery.is_some() {
        eprintln!("mqtt.discovery is true: a running service announces the device again with its next connection.");
    }
    Ok(ExitCode::SUCCESS)
}
