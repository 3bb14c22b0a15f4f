//! `P/status`, `P/info`, `P/health`: the appliance itself.

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Moment, Number, bytes, names};
use crate::domain::report::NOTICE;
use crate::ledger::Room;

/// Whether the appliance works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StatusState {
    /// It has been started and is not ready yet.
    Starting,
    /// Engines are being built; films wait.
    BuildingEngines,
    /// It measures.
    Online,
    /// It measures, but not as it should; the detail says why.
    Degraded,
    /// It does not run. Also the last will.
    Offline,
}

/// Whether the appliance works: retained, and the last will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// `sagitta.status/1`.
    #[schemars(extend("const" = names::STATUS))]
    pub schema: String,
    /// The state.
    pub state: StatusState,
    /// Since when; in a last will, since when the appliance had been connected.
    pub since: Moment,
    /// What a person should know; `null` where there is nothing to add.
    pub detail: Option<String>,
}

/// The payload of a status.
pub fn status(state: StatusState, since: DateTime<Utc>, detail: Option<&str>) -> Vec<u8> {
    bytes(&Status { schema: names::STATUS.into(), state, since: since.into(), detail: detail.map(Into::into) })
}

/// A model in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    /// Its part: `detector`, `locator`, `refiner_c2`, …
    pub role: String,
    /// SHA-256 of its file, 64 hexadecimal digits.
    pub sha256: String,
}

/// What the appliance is: retained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Info {
    /// `sagitta.info/1`.
    #[schemars(extend("const" = names::INFO))]
    pub schema: String,
    /// The device.
    pub device: String,
    /// Of the program.
    pub version: String,
    /// The source revision it was built from.
    pub revision: String,
    /// What computes: `cpu`, `cuda` or `tensorrt`; `null` until the models are loaded.
    pub provider: Option<String>,
    /// `fp32`, `fp16` or `int8`; `null` until the models are loaded.
    pub precision: Option<String>,
    /// The models in use.
    pub models: Vec<Model>,
    /// The schemas of the payloads, by name; the documents lie in `docs/schemas/` of the release.
    pub schemas: Vec<String>,
    /// The sentence every report carries.
    pub notice: String,
}

/// The payload that tells what the appliance is; `engine` is `None` until the models are loaded.
pub fn info(
    device: &str,
    version: &str,
    revision: &str,
    engine: Option<&crate::domain::report::EngineFacts>,
) -> Vec<u8> {
    let models = engine.map(|engine| engine.models.as_slice()).unwrap_or_default();
    bytes(&Info {
        schema: names::INFO.into(),
        device: device.into(),
        version: version.into(),
        revision: revision.into(),
        provider: engine.map(|engine| engine.provider.clone()),
        precision: engine.map(|engine| engine.precision.clone()),
        models: models.iter().map(|(role, sha256)| Model { role: role.clone(), sha256: sha256.clone() }).collect(),
        schemas: names::ALL.into_iter().map(Into::into).collect(),
        notice: NOTICE.into(),
    })
}

/// What waits for the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutboxHealth {
    /// Messages.
    pub waiting: usize,
    /// Of these, messages that the broker has refused.
    pub set_aside: usize,
    /// Their payloads.
    pub bytes: u64,
    /// Since when the oldest waits.
    pub oldest_at: Option<Moment>,
}

/// From a file complete to the broker's acknowledgement, over the last films that were not late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// How many films.
    pub films: usize,
    /// Half of the films were faster, in milliseconds.
    pub p50: u64,
    /// Nine in ten.
    pub p90: u64,
    /// Ninety-nine in a hundred.
    pub p99: u64,
}

impl Latency {
    /// The percentiles (nearest rank) of `times`; `None` without any.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut millis: Vec<u64> =
            times.into_iter().map(|t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX)).collect();
        millis.sort_unstable();
        let at = |percent: usize| millis.get((millis.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { films: millis.len(), p50: at(50)?, p90: at(90)?, p99: at(99)? })
    }
}

/// One sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Temperature {
    /// As the system names it.
    pub sensor: String,
    /// Degrees Celsius.
    pub celsius: Number,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastError {
    /// When.
    pub at: Moment,
    /// What, in plain words; never a patient's data.
    pub text: String,
}

/// How the appliance is: retained, every minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `sagitta.health/1`.
    #[schemars(extend("const" = names::HEALTH))]
    pub schema: String,
    /// When this was looked at.
    pub at: Moment,
    /// Since when the service runs.
    pub started_at: Moment,
    /// Films that have landed and are not measured yet.
    pub films_waiting: usize,
    /// Films measured since the start.
    pub reports: u64,
    /// Files that could not be measured since the start.
    pub faults: u64,
    /// Films of today (local) that are no lateral necks.
    pub passed_over_today: u64,
    /// What waits for the broker.
    pub outbox: OutboxHealth,
    /// Bytes free where the ledger lies; `null` where the system does not tell.
    pub disk_free_bytes: Option<u64>,
    /// What the system's sensors tell; empty where there are none.
    pub temperatures: Vec<Temperature>,
    /// Milliseconds from file complete to acknowledgement; `null` before the first film.
    pub latency_ms: Option<Latency>,
    /// `null` where nothing went wrong since the start.
    pub last_error: Option<LastError>,
}

/// What [`health`] is told by the rest of the service.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// When this was looked at.
    pub at: DateTime<Utc>,
    /// Since when the service runs.
    pub started_at: DateTime<Utc>,
    /// Films that have landed and are not measured yet.
    pub films_waiting: usize,
    /// Films measured since the start.
    pub reports: u64,
    /// Files that could not be measured since the start.
    pub faults: u64,
    /// Films of today that are no lateral necks.
    pub passed_over_today: u64,
    /// The ledger's outbox.
    pub outbox: Room,
    /// Bytes free where the ledger lies.
    pub disk_free_bytes: Option<u64>,
    /// Sensor and degrees Celsius.
    pub temperatures: Vec<(String, f64)>,
    /// The last times from file complete to acknowledgement.
    pub latencies: Vec<Duration>,
    /// What went wrong last, and when; never a patient's data.
    pub last_error: Option<(DateTime<Utc>, String)>,
}

/// The payload of `health`.
pub fn health(facts: &Facts) -> Vec<u8> {
    bytes(&Health {
        schema: names::HEALTH.into(),
        at: facts.at.into(),
        started_at: facts.started_at.into(),
        films_waiting: facts.films_waiting,
        reports: facts.reports,
        faults: facts.faults,
        passed_over_today: facts.passed_over_today,
        outbox: OutboxHealth {
            waiting: facts.outbox.waiting,
            set_aside: facts.outbox.set_aside,
            bytes: facts.outbox.bytes,
            oldest_at: facts.outbox.oldest.map(Moment::from),
        },
        disk_free_bytes: facts.disk_free_bytes,
        temperatures: facts
            .temperatures
            .iter()
            .filter_map(|(sensor, celsius)| {
                Number::new(*celsius, 1).map(|celsius| Temperature { sensor: sensor.clone(), celsius })
            })
            .collect(),
        latency_ms: Latency::of(facts.latencies.iter().copied()),
        last_error: facts.last_error.as_ref().map(|(at, text)| LastError { at: (*at).into(), text: text.clone() }),
    })
}
