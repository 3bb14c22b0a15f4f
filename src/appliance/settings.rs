//! From the configuration to what each room needs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bundle::Sets;
use crate::config::{self, Config, Provider};
use crate::inference::guard::Patience;
use crate::inference::onnx;
use crate::inference::passport::{Options, Precision};
use crate::ingest::{self, after::After, sidecar};
use crate::publish::wire;
use crate::{assess, decode, ledger, measure, pipeline, publish, serve, study};

/// Where a package installs the models.
const SYSTEM_MODELS: &str = "/usr/share/sagitta/models";
/// How many folders above the program are searched for `models/`: enough for `target/debug/deps` in a checkout.
const FOLDERS_ABOVE_PROGRAM: usize = 5;

/// Everything the service is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The watched folder.
    pub ingest: ingest::Settings,
    /// What happens to a recorded file.
    pub after: After,
    /// Sidecars of faults.
    pub faults: sidecar::Settings,
    /// The stages.
    pub pipeline: pipeline::Settings,
    /// What runs the models.
    pub inference: onnx::Settings,
    /// What takes over where the provider cannot, in this order.
    pub fallback: Vec<onnx::Provider>,
    /// How long is waited for a model.
    pub patience: Patience,
    /// The pause between two self-tests.
    pub self_test: Duration,
    /// The folder of the models' manifest.
    pub models: PathBuf,
    /// The folder of the ledger.
    pub store: PathBuf,
    /// How much the ledger keeps.
    pub ledger: ledger::Limits,
    /// How films are joined into studies.
    pub study: Studies,
    /// The broker.
    pub publish: publish::Settings,
    /// Whether overlays are drawn and published.
    pub overlays: bool,
    /// Whether films that are no lateral neck are published as reports.
    pub report_not_applicable: bool,
    /// Where the page is served.
    pub http: serve::Settings,
    /// What the page must know.
    pub page: serve::PageConfig,
    /// As whom the page is let in at the broker, where it reaches it through this service.
    pub page_login: Option<publish::Login>,
}

/// How films are joined into studies.
#[derive(Debug, Clone, PartialEq)]
pub struct Studies {
    /// Films of one patient without StudyInstanceUID belong together when they were taken within this time.
    pub window: Duration,
    /// How long a study is remembered after its last film.
    pub expires: Duration,
    /// What its payload needs to know.
    pub context: wire::StudyContext,
}

impl Settings {
    /// What `config` means to each room.
    pub fn of(config: &Config) -> Self {
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let publish = publish(config);
        Self {
            ingest: config.ingest.clone(),
            after: config.after.clone(),
            faults: config.faults.clone(),
            pipeline: pipeline(config),
            inference: inference(config),
            fallback: config.inference.fallback.iter().map(|name| provider(*name)).collect(),
            patience: Patience {
                deadline: config.inference.deadline,
                last_deadline: config.inference.deadline.max(Patience::default().last_deadline),
                ..Patience::default()
            },
            self_test: config.inference.self_test,
            models: models_in_use(config.inference.models.as_deref(), &config.store.path),
            store: config.store.path.clone(),
            ledger: ledger::Limits {
                reports_kept: count(config.store.reports_kept),
                outbox_rows: count(config.store.outbox_rows),
                overlay_bytes: config.store.overlay_bytes,
                ..ledger::Limits::default()
            },
            study: studies(config),
            overlays: config.mqtt.overlays,
            report_not_applicable: config.mqtt.report_not_applicable,
            http: serve::Settings {
                listen: config.http.listen,
                token_file: config.http.token_file.clone(),
                tls: config.http.tls.clone().map(|tls| serve::Tls {
                    cert_file: tls.cert_file,
                    key_file: tls.key_file,
                    client_ca_file: tls.client_ca_file,
                }),
                ..serve::Settings::default()
            },
            page: page(config, &publish),
            page_login: config.mqtt.page_login.as_ref().map(login),
            publish,
        }
    }
}

/// The rooms that the page shows, this one first, and its way to the broker.
fn page(config: &Config, publish: &publish::Settings) -> serve::PageConfig {
    let others = config.http.rooms.iter().filter(|room| **room != publish.device).cloned();
    let address = config.mqtt.websocket.clone().map_or(serve::BrokerAddress::Here, serve::BrokerAddress::Url);
    serve::PageConfig {
        prefix: publish.prefix.clone(),
        devices: [publish.device.clone()].into_iter().chain(others).collect(),
        broker: Some(serve::Broker { address, version: serve::MqttVersion::V5 }),
    }
}

fn login(login: &config::Login) -> publish::Login {
    publish::Login { username: login.username.clone(), password_file: login.password_file.clone() }
}

/// What `config` means to the stages; also for `measure`, which has no broker.
fn pipeline(config: &Config) -> pipeline::Settings {
    pipeline::Settings {
        device: config.device.clone(),
        decode: decode::Settings {
            max_bytes: config.decode.max_bytes,
            max_pixels: config.decode.max_pixels,
            min_side: usize::try_from(config.decode.min_side).unwrap_or(usize::MAX),
            spacing: config.decode.spacing,
        },
        measure: measure::Settings::default(),
        assess: assess::Settings { findings: limits(config), ..assess::Settings::default() },
        patient_id: config.privacy.patient_id,
        operator_names: config.privacy.operator_names,
        file_names: config.privacy.file_names,
    }
}

fn studies(config: &Config) -> Studies {
    let t = config.thresholds;
    Studies {
        window: config.study.window,
        expires: config.study.expires,
        context: wire::StudyContext {
            device: config.device.clone(),
            settings: study::Settings { slip_mm: t.slip_mm, angle_deg: t.slip_angle_deg, effort_deg: t.effort_deg },
            languages: config.study.languages.clone(),
            magnification: assess::findings::MAX_MAGNIFICATION,
        },
    }
}

fn limits(config: &Config) -> assess::findings::Limits {
    let t = config.thresholds;
    assess::findings::Limits {
        kyphosis_deg: t.severe_kyphosis_deg,
        sva_high_mm: t.sagittal_imbalance_mm,
        sva_low_mm: t.sagittal_band_mm,
        slip_mm: t.slip_mm,
        pavlov: t.pavlov,
    }
}

fn inference(config: &Config) -> onnx::Settings {
    let (wanted, build) = (&config.inference, &config.inference.build);
    onnx::Settings {
        library: wanted.library.clone(),
        provider: provider(wanted.provider),
        threads: usize::try_from(wanted.threads).unwrap_or(0),
        precision: match build.precision {
            config::Precision::Fp32 => Precision::Fp32,
            config::Precision::Fp16 => Precision::Fp16,
            config::Precision::Int8 => Precision::Int8,
        },
        options: Options {
            workspace: build.workspace,
            optimisation_level: build.optimisation_level.and_then(|level| u8::try_from(level).ok()),
            dla_core: build.dla_core.and_then(|core| u32::try_from(core).ok()),
            cuda_graph: build.cuda_graph,
            timing_cache: build.timing_cache,
            calibration: build.calibration.clone(),
        },
        timings: wanted.engines.join("timings"),
        engines: wanted.engines.clone(),
    }
}

const fn provider(name: Provider) -> onnx::Provider {
    match name {
        Provider::Cpu => onnx::Provider::Cpu,
        Provider::Cuda => onnx::Provider::Cuda,
        Provider::TensorRt => onnx::Provider::TensorRt,
    }
}

fn publish(config: &Config) -> publish::Settings {
    let mqtt = &config.mqtt;
    publish::Settings {
        host: mqtt.host.clone(),
        port: mqtt.port,
        prefix: mqtt.prefix.clone(),
        device: config.device.clone(),
        keep_alive: mqtt.keep_alive,
        tls: mqtt.tls.as_ref().map(|tls| publish::Tls {
            ca_file: tls.ca_file.clone().unwrap_or_else(|| publish::SYSTEM_AUTHORITIES.into()),
            client: tls.client.clone(),
        }),
        login: mqtt.login.as_ref().map(login),
        discovery: mqtt.discovery.clone(),
        studies: Some(studies(config).context),
    }
}

/// The folder with `manifest.toml`: the one named, else the set that was installed into `store`, else as [`models_folder`].
fn models_in_use(named: Option<&Path>, store: &Path) -> PathBuf {
    let installed = named.is_none().then(|| Sets::below(store).current());
    match installed {
        Some(Ok(Some(folder))) => folder,
        Some(Err(error)) => {
            tracing::error!(%error, "which models were installed cannot be read; those of the program are used");
            models_folder(None)
        }
        Some(Ok(None)) | None => models_folder(named),
    }
}

/// The folder with `manifest.toml`: the one named, else `models/` here or above the program, else the package's.
pub fn models_folder(named: Option<&Path>) -> PathBuf {
    if let Some(named) = named {
        return named.to_owned();
    }
    let here = std::env::current_dir().into_iter();
    let program = std::env::current_exe().unwrap_or_default();
    let above = program.ancestors().skip(1).take(FOLDERS_ABOVE_PROGRAM).map(Path::to_path_buf);
    here.chain(above)
        .map(|folder| folder.join("models"))
        .find(|folder| folder.join("manifest.toml").is_file())
        .unwrap_or_else(|| SYSTEM_MODELS.into())
}
