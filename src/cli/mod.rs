//! The command line: one file a verb. Results go to stdout, everything else to stderr; an error says what to do.
//!
//! Exit codes: 0 done, 1 something could not be done (each with its reason), 2 wrong usage.

mod check_config;
mod demo;
mod discovery;
mod engines;
mod evaluate;
mod measure;
mod models;
mod outbox;
mod phantom;
mod rejects;
mod run;
mod self_test;
mod support_bundle;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::appliance::{REVISION, VERSION};
use crate::config::Level;

/// Measures the neck on lateral cervical radiographs and publishes the result over MQTT. A measuring aid, not a diagnosis.
#[derive(Debug, Parser)]
#[command(name = "sagitta", version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SAGITTA_REVISION"), ")"))]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the service; SIGTERM finishes the film in hand and exits 0
    Run {
        /// The configuration [default: /etc/sagitta/sagitta.toml]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Measure films without a broker
    Measure(measure::Arguments),
    /// Tell how accurate Sagitta is on films whose truth is known: a table, JSON, plots
    Evaluate(evaluate::Arguments),
    /// Run the real service on synthetic patients, with a broker and a page of its own
    Demo(demo::Arguments),
    /// Tell every problem of the configuration; touches nothing
    CheckConfig {
        /// The configuration [default: /etc/sagitta/sagitta.toml]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Build, list, verify and prune TensorRT engines
    Engines(engines::Arguments),
    /// Install models from a signed bundle, or go back to those before
    Models(models::Arguments),
    /// Compare what the models say of golden films with what they must say
    SelfTest(self_test::Arguments),
    /// Write what whoever helps needs to know into one file, without patients' data
    SupportBundle(support_bundle::Arguments),
    /// Write synthetic films with their truth; the same seed gives the same bytes
    Phantom(phantom::Arguments),
    /// Tell how many films are repeated, why and by whom, and whether verdict and radiographer agree
    Rejects(rejects::Arguments),
    /// Show or retry what waits for the broker
    Outbox(outbox::Arguments),
    /// Take the announcement to home automation back
    Discovery(discovery::Arguments),
}

/// The command line as manual pages and completions are made from it; without the git revision, which changes all the time.
pub fn command() -> clap::Command {
    Arguments::command().version(env!("CARGO_PKG_VERSION"))
}

/// Parses, runs, and says how it went.
pub fn main() -> ExitCode {
    let verb = Arguments::parse().verb;
    let done = match verb {
        Verb::Run { config } => run::run(config.as_deref()),
        Verb::Measure(arguments) => measure::run(&arguments),
        Verb::Evaluate(arguments) => evaluate::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::CheckConfig { config } => Ok(check_config::run(config.as_deref())),
        Verb::Engines(arguments) => engines::run(&arguments),
        Verb::Models(arguments) => models::run(&arguments),
        Verb::SelfTest(arguments) => self_test::run(&arguments),
        Verb::SupportBundle(arguments) => support_bundle::run(&arguments),
        Verb::Phantom(arguments) => phantom::run(&arguments),
        Verb::Rejects(arguments) => rejects::run(&arguments),
        Verb::Outbox(arguments) => outbox::run(&arguments),
        Verb::Discovery(arguments) => discovery::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("sagitta: {error:#}");
        ExitCode::FAILURE
    })
}

/// Logs go to stderr, where journald or a terminal takes them; `RUST_LOG` overrides `level`.
fn log_to_stderr(level: Level, json: bool) {
    let word = match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // ONNX Runtime reports its own loading line by line.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{word},ort=warn")));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if json { subscriber.json().try_init() } else { subscriber.try_init() };
    if set.is_err() {
        eprintln!("sagitta: a log is set up already");
    }
    tracing::debug!(version = VERSION, revision = REVISION, "sagitta");
}
