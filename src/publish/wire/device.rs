//! `P/status`, `P/info`, `P/health`: the appliance itself.

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Moment, Number, bytes, names};
use crate::domain::board::Board;
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

/// What the passport of a TensorRT engine says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnginePassport {
    /// The model's part.
    pub role: String,
    /// `fp32`, `fp16` or `int8`.
    pub precision: String,
    /// When it was built, RFC 3339.
    pub built_at: String,
    /// The device it was built on.
    pub device: Option<String>,
    /// Of TensorRT.
    pub tensorrt: Option<String>,
    /// Of CUDA.
    pub cuda: Option<String>,
    /// Of the driver; on JetPack 5 of Jetson Linux.
    pub driver: Option<String>,
    /// The build of ONNX Runtime.
    pub onnxruntime: String,
    /// How far its landmarks lie from those of FP32 on the CPU, on average over the golden films, in pixels.
    pub landmark_mean_px: Option<Number>,
    /// The largest such distance.
    pub landmark_max_px: Option<Number>,
}

/// What the appliance is: retained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// The TensorRT engines in use; empty where none is.
    #[serde(default)]
    pub engines: Vec<EnginePassport>,
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
    engines: Vec<EnginePassport>,
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
        engines,
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

/// A clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clock {
    /// Now.
    pub mhz: Number,
    /// What it may reach in this power mode.
    pub max_mhz: Number,
}

/// The machine: what its sensors tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// As NVIDIA names it, such as `15W` or `MAXN`; `null` off a Jetson.
    pub power_mode: Option<String>,
    /// Watts that all measured rails together draw; `null` where none is measured.
    pub power_w: Option<Number>,
    /// The fastest core.
    pub cpu: Option<Clock>,
    /// The graphics processor.
    pub gpu: Option<Clock>,
    /// What slows the machine down just now, as the kernel names it; empty where nothing does.
    pub throttled_by: Vec<String>,
    /// Bytes of memory that can still be had.
    pub memory_available_bytes: Option<u64>,
    /// Bytes of memory in all; on a Jetson the graphics processor shares them.
    pub memory_bytes: Option<u64>,
}

/// The last self-test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SelfTest {
    /// When it ended.
    pub at: Moment,
    /// Whether every golden film was measured as it must be.
    pub passed: bool,
    /// Why not.
    pub reason: Option<String>,
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
    /// The machine.
    #[serde(default)]
    pub machine: Machine,
    /// `null` before the first, and where no answers are stored for the models.
    pub self_test: Option<SelfTest>,
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
    /// What the sensors tell.
    pub board: Board,
    /// When the last self-test ended, and why it was failed, if it was.
    pub self_test: Option<(DateTime<Utc>, Option<String>)>,
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
            .board
            .temperatures
            .iter()
            .filter_map(|(sensor, celsius)| {
                Number::new(*celsius, 1).map(|celsius| Temperature { sensor: sensor.clone(), celsius })
            })
            .collect(),
        machine: machine(&facts.board),
        self_test: facts.self_test.as_ref().map(|(at, failure)| SelfTest {
            at: (*at).into(),
            passed: failure.is_none(),
            reason: failure.clone(),
        }),
        latency_ms: Latency::of(facts.latencies.iter().copied()),
        last_error: facts.last_error.as_ref().map(|(at, text)| LastError { at: (*at).into(), text: text.clone() }),
    })
}

fn machine(board: &Board) -> Machine {
    let clock = |clock: Option<(f64, f64)>| {
        clock.and_then(|(now, max)| Some(Clock { mhz: Number::new(now, 0)?, max_mhz: Number::new(max, 0)? }))
    };
    Machine {
        power_mode: board.power_mode.clone(),
        power_w: board.power_w.and_then(|watts| Number::new(watts, 1)),
        cpu: clock(board.cpu_mhz),
        gpu: clock(board.gpu_mhz),
        throttled_by: board.throttled_by.clone(),
        memory_available_bytes: board.memory.map(|(available, _)| available),
        memory_bytes: board.memory.map(|(_, total)| total),
    }
}
