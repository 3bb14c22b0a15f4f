//! The configuration: file and environment → settings of each room, or every problem with key, value and remedy.
//!
//! ```text
//!   /etc/sagitta/sagitta.toml ─┐
//!                              ├─► merged ──read──► Config ──surroundings──► problems with folders and files
//!   SAGITTA_SECTION__KEY=… ────┘      └──► problems with keys and values
//! ```
//!
//! Invariants
//! - A [`Config`] that exists is sound: every number lies in its range, no folder lies in another where it must not.
//! - Nothing is written, made or connected to: a configuration can be checked on any machine, by anyone.
//! - No secret stands in the configuration; passwords and keys lie in files that it names. See [`problem`].
//! - A key that does not exist is a problem, never passed over.
//!
//! On failure: [`Problems`], all of them at once.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Environment, FileFormat};

use crate::domain::geometry::PixelSpacing;
use crate::ingest::{self, after::After, sidecar};
use crate::study::summary::Language;

mod http;
mod inference;
mod keys;
pub mod problem;
mod read;
pub mod reference;
mod surroundings;
mod table;
mod values;

pub use inference::{Build, Inference, Models, Precision, Provider};
pub use problem::{Problem, Problems};
pub use read::{Fallback, Key};

/// Where the configuration lies unless another file is named; it need not exist when the environment says enough.
pub const DEFAULT_PATH: &str = "/etc/sagitta/sagitta.toml";

/// Everything that may be set, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The name of this device: one level of every topic.
    pub device: String,
    /// The watched folder.
    pub ingest: ingest::Settings,
    /// What happens to a file once it is recorded.
    pub after: After,
    /// Sidecars of faults.
    pub faults: sidecar::Settings,
    /// Limits of decoding.
    pub decode: Decode,
    /// Models and what runs them.
    pub inference: Inference,
    /// Bundles of models.
    pub models: Models,
    /// Thresholds of the findings.
    pub thresholds: Thresholds,
    /// Studies.
    pub study: Study,
    /// The ledger.
    pub store: Store,
    /// The broker.
    pub mqtt: Mqtt,
    /// Where the page is served.
    pub http: Http,
    /// What may leave.
    pub privacy: Privacy,
    /// The log.
    pub log: Log,
}

/// Limits of decoding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decode {
    /// Bytes of a file.
    pub max_bytes: u64,
    /// Pixels of a film.
    pub max_pixels: u64,
    /// Pixels of a film's shorter side, at least.
    pub min_side: u64,
    /// For films that carry no spacing.
    pub spacing: Option<PixelSpacing>,
}

/// Thresholds of the findings; the defaults are paper A's (docs/measurements.md).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// C2–C7 Cobb below this, degrees: severe kyphosis.
    pub severe_kyphosis_deg: f64,
    /// SVA above this, millimetres: sagittal imbalance.
    pub sagittal_imbalance_mm: f64,
    /// SVA below this, millimetres, is told as well.
    pub sagittal_band_mm: f64,
    /// A slip beyond this, millimetres: instability.
    pub slip_mm: f64,
    /// A difference of the slip angle between flexion and extension beyond this, degrees: instability.
    pub slip_angle_deg: f64,
    /// A Pavlov ratio below this on three consecutive levels: developmental canal stenosis.
    pub pavlov: f64,
    /// Less motion than this between flexion and extension, degrees: insufficient effort.
    pub effort_deg: f64,
}

/// How films are joined into studies, and how long these are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Study {
    /// Films of one patient without StudyInstanceUID belong together when they were taken within this time.
    pub window: Duration,
    /// How long a study is remembered after its last film.
    pub expires: Duration,
    /// Languages of the summary; at least one.
    pub languages: Vec<Language>,
}

/// The ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its folder; made by `run` when it is missing.
    pub path: PathBuf,
    /// Reports kept for the page.
    pub reports_kept: u64,
    /// Reports and faults that may wait for the broker.
    pub outbox_rows: u64,
    /// Bytes of overlays that may wait for the broker.
    pub overlay_bytes: u64,
}

/// The broker and what is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mqtt {
    /// Host name or address.
    pub host: String,
    /// Port, never 0.
    pub port: u16,
    /// The levels before the device in every topic.
    pub prefix: String,
    /// The pause after which a silent connection is probed.
    pub keep_alive: Duration,
    /// Encryption; `None` for plain TCP.
    pub tls: Option<Tls>,
    /// Name and password; `None` for neither.
    pub login: Option<Login>,
    /// The broker's own WebSocket listener; `None` lets the page reach the broker through this service.
    pub websocket: Option<String>,
    /// As whom this service lets the page in at the broker.
    pub page_login: Option<Login>,
    /// Where the device is announced to home automation; `None` does not announce it.
    pub discovery: Option<String>,
    /// Where it would be announced; known also while it is not, so that an announcement can be taken back.
    pub discovery_prefix: String,
    /// Whether overlays are published.
    pub overlays: bool,
    /// Whether films that are no lateral neck are published as reports rather than only counted.
    pub report_not_applicable: bool,
}

/// The page, and who may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    /// A file with the secret that callers must give; `None` asks for none.
    pub token_file: Option<PathBuf>,
    /// Encryption; `None` for plain HTTP.
    pub tls: Option<HttpTls>,
    /// Further devices that the page shows; `+` stands for all.
    pub rooms: Vec<String>,
}

/// Encryption of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTls {
    /// PEM file of the certificate chain.
    pub cert_file: PathBuf,
    /// PEM file of its key.
    pub key_file: PathBuf,
    /// PEM file of the authorities that must have signed a caller's certificate; `None` asks for none.
    pub client_ca_file: Option<PathBuf>,
}

/// Encryption of the connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authorities that may have signed the broker's certificate; `None` trusts the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM files of this client's certificate chain and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Who we are to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
}

/// What may leave the machine or stand in the log. The sidecars and the ledger stay on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privacy {
    /// Publish the patient's id as it is, rather than a keyed pseudonym.
    pub patient_id: bool,
    /// Count films by the operator's name, rather than under a keyed pseudonym.
    pub operator_names: bool,
    /// Publish file names as they are, rather than only the film's hash.
    pub file_names: bool,
    /// Write file names into the log.
    pub file_names_in_log: bool,
}

/// The log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The least grave lines to write.
    pub level: Level,
    /// One JSON object a line rather than text for people.
    pub json: bool,
}

/// How grave a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Config {
    /// The configuration in `path` (or [`DEFAULT_PATH`], where there is one) and the environment. Looks at keys and
    /// values only, not at whether folders and files exist: the service waits for those that may come later.
    ///
    /// # Errors
    /// Every problem.
    pub fn load(path: Option<&Path>) -> Result<Self, Problems> {
        let (text, place) = read_file(path)?;
        Self::from_text(&text, &place, environment())
    }

    /// The configuration in the TOML `text` and in `variables` (`SAGITTA_SECTION__KEY` and their values; others are
    /// passed over); `place` is how the text is called in problems.
    ///
    /// # Errors
    /// Every problem.
    pub fn from_text(
        text: &str,
        place: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let merged = merge(text, place, variables)?;
        let (config, outcome) = keys::read(&merged, place);
        conclude(config, outcome.problems)
    }
}

/// Everything that is wrong with the configuration in `path` (or [`DEFAULT_PATH`]), with the environment, and with the
/// folders and files they name. Touches nothing.
///
/// # Errors
/// Every problem.
pub fn check(path: Option<&Path>) -> Result<Config, Problems> {
    let (text, place) = read_file(path)?;
    let merged = merge(&text, &place, environment())?;
    let (config, mut outcome) = keys::read(&merged, &place);
    outcome.problems.extend(outcome.named.iter().filter_map(|named| surroundings::look(named, &place)));
    conclude(config, outcome.problems)
}

fn conclude(config: Option<Config>, problems: Vec<Problem>) -> Result<Config, Problems> {
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Problems(problems)),
    }
}

fn read_file(path: Option<&Path>) -> Result<(String, String), Problems> {
    let place = path.unwrap_or(Path::new(DEFAULT_PATH));
    match fs::read_to_string(place) {
        Ok(text) => Ok((text, place.display().to_string())),
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok((String::new(), format!("{DEFAULT_PATH}, which does not exist")))
        }
        Err(error) => Err(of_the_file(
            &place.display().to_string(),
            format!("the configuration cannot be read: {error}"),
            "Name the file with --config, and make sure that the service's user may read it.",
        )),
    }
}

fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

fn merge(
    text: &str,
    place: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<config::Value, Problems> {
    // Parsed here first: this parser's message is said without the line itself, which may hold a password.
    if let Err(error) = toml::from_str::<toml::Table>(text) {
        let line = error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.split('\n').count());
        let what = format!("line {line} is not TOML: {}", error.message().trim().replace('\n', ", "));
        return Err(of_the_file(place, what, "Write [section] lines, and below each key = value; texts in quotes."));
    }
    // Others that begin with SAGITTA_ belong to scripts.
    let ours: HashMap<_, _> =
        variables.into_iter().filter(|(name, _)| name.starts_with("SAGITTA_") && name.contains("__")).collect();
    let environment =
        Environment::with_prefix("SAGITTA").prefix_separator("_").separator("__").ignore_empty(true).source(Some(ours));
    config::Config::builder()
        .add_source(config::File::from_str(text, FileFormat::Toml))
        .add_source(environment)
        .build()
        .map(|merged| merged.cache)
        .map_err(|error| of_the_file(place, format!("it cannot be used: {error}"), "Look at the keys' names."))
}

fn of_the_file(place: &str, what: String, remedy: &str) -> Problems {
    let (key, place, remedy) = (String::new(), place.to_owned(), remedy.to_owned());
    Problems(vec![Problem { key, value: None, place, what, remedy }])
}
