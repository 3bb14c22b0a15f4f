//! The service: wires the rooms together, and drains them in order.
//!
//! ```text
//!  ingest thread ──landings──► films thread ──transaction──► ledger ◄──outbox── publish thread ──► broker
//!                               │ pipeline                     ▲
//!                               └── standing (watch) ──► main: status, health, rejects, page
//!  requests thread ◄──radiographers── broker; word and answer ──transaction──► ledger
//! ```
//!
//! Invariants: one thread measures, so films are measured one after the other in the order they landed; a film is in the
//! ledger before anything is published; the queue between ingest and films holds `ingest::QUEUE` and what does not fit
//! stays in its folder.
//!
//! Stopping: ingest ends and closes its channel, the films thread finishes the film in hand and ends, the publisher
//! delivers what is due and says `offline`. Whatever is not done by then is found again after the next start.

pub mod board;
mod films;
mod lock;
pub mod models;
mod page;
mod pictures;
mod rejects;
mod settings;
mod standing;
mod systemd;
mod vigil;
pub mod workshop;

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::Utc;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::bundle::Sets;
use crate::detect::Detector;
use crate::domain::anatomy::Vertebra;
use crate::domain::report::EngineFacts;
use crate::golden::{self, Stored};
use crate::inference::engine::Engine;
use crate::inference::manifest::{Manifest, Model};
use crate::inference::onnx;
use crate::ledger::Ledger;
use crate::pipeline::Pipeline;
use crate::publish::{mqtt, wire};
use crate::{decode, ingest, serve};

pub use settings::{Settings, models_folder};

use films::Films;
use models::{Loaded, Trouble};
use pictures::Pictures;
use standing::Standing;
use vigil::Vigil;
use workshop::News;

/// How long the films thread and the publisher have to finish.
const DRAIN: Duration = Duration::from_secs(20);
/// The pause between two messages on `health`.
const HEALTH_EVERY: Duration = Duration::from_secs(60);

/// What `sagitta --version` says, and `info`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The git revision it was built from.
pub const REVISION: &str = env!("SAGITTA_REVISION");

/// Loads the models and runs them once, so that the first film is as fast as the hundredth. Builds engines where they are
/// missing; what does not run as it should is told in the log.
///
/// # Errors
/// A missing library, a model that is not the manifest's, or a provider that fails; each says what to do.
pub fn detector(settings: &Settings) -> anyhow::Result<Detector> {
    detector_of(&Manifest::load(&settings.models)?, settings)
}

/// The same with the models of `manifest`, which may be a part of those installed.
///
/// # Errors
/// As [`detector`].
pub fn detector_of(manifest: &Manifest, settings: &Settings) -> anyhow::Result<Detector> {
    let trouble: models::Trouble = Arc::new(|role, why| {
        if let Some(why) = why {
            tracing::warn!(role, why, "a model does not run as it should");
        }
    });
    let told = |news| tracing::info!(?news, "engines");
    Ok(models::load(manifest, settings, &told, &trouble)?.detector)
}

/// The hierarchy of `manifest`, each model run by what `engine` makes of it.
///
/// # Errors
/// What `engine` says, and a manifest that does not fit its engines.
pub fn assembled(
    manifest: Manifest,
    mut engine: impl FnMut(&Model) -> anyhow::Result<Box<dyn Engine>>,
) -> anyhow::Result<Detector> {
    let Manifest { detector: global, locator, refiner_c2, refiner_body, refiner_c7, calibration } = manifest;
    let mut detector = Detector::new(engine(&global.model)?, global)?;
    if let Some(locator) = locator {
        detector = detector.with_locator(engine(&locator.model)?, locator)?;
    }
    let bodies = [Vertebra::C3, Vertebra::C4, Vertebra::C5, Vertebra::C6];
    let specialists = [(&bodies[..], refiner_body), (&[Vertebra::C2], refiner_c2), (&[Vertebra::C7], refiner_c7)];
    for (levels, model) in specialists.into_iter().filter_map(|(levels, model)| Some((levels, model?))) {
        detector = detector.with_specialist(levels, engine(&model.model)?, model)?;
    }
    Ok(detector.with_calibration(calibration))
}

/// Loads the models for the service: what it is given are the settings, who hears of builds, who hears of troubles.
pub type Loader = Arc<dyn Fn(&Settings, &(dyn Fn(News) + Sync), &Trouble) -> anyhow::Result<Loaded> + Send + Sync>;

/// Runs the service until `shutdown` is ready. `ready` is sent once films are taken.
///
/// # Errors
/// What keeps it from starting: a store that another process holds, a ledger that cannot be opened, models that cannot be
/// loaded, an address that is taken.
pub async fn run(
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
    ready: Option<oneshot::Sender<()>>,
) -> anyhow::Result<()> {
    let loader: Loader = Arc::new(|settings, told, trouble| {
        let load = |settings: &Settings| models::load(&Manifest::load(&settings.models)?, settings, told, trouble);
        load(settings).or_else(|error| rolled_back(settings, error, trouble, load))
    });
    run_with(settings, loader, shutdown, ready).await
}

/// Where a set of models that was installed cannot be loaded: the set before it, loaded, and the reason told.
fn rolled_back(
    settings: &Settings,
    error: anyhow::Error,
    trouble: &Trouble,
    load: impl Fn(&Settings) -> anyhow::Result<Loaded>,
) -> anyhow::Result<Loaded> {
    let sets = Sets::below(&settings.store);
    let in_use = sets.current().ok().flatten().is_some_and(|folder| folder == settings.models);
    let Some(state) = in_use.then(|| sets.roll_back().ok()).flatten() else { return Err(error) };
    let folder = sets.place(&state.current).unwrap_or_else(|| models_folder(None));
    let why = format!("the installed set cannot be loaded ({error:#}); gone back to {}", state.current);
    trouble("models", Some(&why));
    load(&Settings { models: folder, ..settings.clone() })
}

/// The same with models that `loader` loads.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    settings: Settings,
    loader: Loader,
    shutdown: impl Future<Output = ()> + Send + 'static,
    ready: Option<oneshot::Sender<()>>,
) -> anyhow::Result<()> {
    let mut shutdown = std::pin::pin!(shutdown);
    let _held = lock::hold(&settings.store)?;
    let ledger = Ledger::open(&settings.store, settings.ledger)?;
    let publisher = Arc::new(mqtt::spawn(settings.publish.clone(), ledger.clone())?);
    publisher.set_status(wire::StatusState::Starting, Some("loading the models"));
    let (standing_sender, standing) = watch::channel(Standing::default());
    let listener = serve::bind(&settings.http).await?;
    let decided = Arc::new(Notify::new());
    let rejects = tokio::spawn(rejects::announce(
        settings.publish.device.clone(),
        ledger.clone(),
        publisher.clone(),
        standing.clone(),
        decided.clone(),
    ));
    let (answering, counting) = (publisher.clone(), decided.clone());
    let requests = mqtt::requests::spawn(settings.publish.clone(), ledger.clone(), move || {
        answering.outbox_changed();
        counting.notify_one();
    })?;
    let pictures = Pictures::new(&settings.store);
    // Before the models are loaded: who asks meanwhile hears "not ready". It ends when `stop_page` is used or dropped.
    let (stop_page, page_stopped) = oneshot::channel::<()>();
    let later = page::Later::default();
    let source = page::source(&settings, &ledger, &pictures, &standing, publisher.link(), later.clone());
    let (http, page) = (settings.http.clone(), settings.page.clone());
    let page = tokio::spawn(async move {
        serve::run(listener, &http, page, source, async {
            let _ = page_stopped.await;
        })
        .await
    });
    if settings.publish.discovery.is_some() {
        publisher.set_discovery(wire::discovery(&mqtt::topics(&settings.publish)?, &settings.publish.device, VERSION));
    }
    let backlog = later.backlog.clone();
    let gauges = standing::Gauges { ledger: ledger.clone(), backlog, store: settings.store.clone() };
    let watching = tokio::spawn(standing::announce(standing.clone(), publisher.clone(), gauges, HEALTH_EVERY));
    let around = Around { publisher, watching, rejects, requests, stop_page, page };

    // Films that arrive meanwhile wait in their folder: nobody looks into it before the models are there.
    let loaded = tokio::select! {
        loaded = loading(&settings, &loader, &standing_sender) => loaded,
        () = &mut shutdown => {
            around.stop().await;
            return Ok(());
        }
    };
    let publisher = &around.publisher;
    let rooms =
        Rooms { settings: &settings, ledger, pictures, publisher, standing: standing_sender, engine: &later.engine };
    let measuring = match loaded.and_then(|loaded| Measuring::start(rooms, loaded, loader)) {
        Ok(measuring) => {
            let _ = later.backlog.set(measuring.ingest.backlog());
            measuring
        }
        Err(error) => {
            around.stop().await;
            return Err(error);
        }
    };
    if let Some(ready) = ready {
        let _ = ready.send(());
    }
    systemd::ready();
    tracing::info!(device = %settings.pipeline.device, listen = %settings.http.listen, "taking films");

    shutdown.await;
    tracing::info!("stopping");
    systemd::stopping();
    let began = Utc::now();
    measuring.stop().await;
    around.stop().await;
    tracing::info!(seconds = (Utc::now() - began).num_milliseconds() as f64 / 1000.0, "stopped");
    Ok(())
}

/// The models, loaded on a thread that is left behind where the service ends before it does: a build cannot be called back.
async fn loading(settings: &Settings, loader: &Loader, standing: &watch::Sender<Standing>) -> anyhow::Result<Loaded> {
    let (settings, loader, standing) = (settings.clone(), loader.clone(), standing.clone());
    let (done, loaded) = oneshot::channel();
    std::thread::Builder::new().name("load".into()).spawn(move || {
        let telling = standing.clone();
        let told = move |news: News| {
            tracing::info!(?news, "engines");
            if let News::Building { engine, step: (step, of), elapsed, estimate } = news {
                let about = estimate.map_or_else(String::new, |e| format!(" of about {:.0} s", e.as_secs_f64()));
                let text = format!("{step} of {of}: {engine}, {:.0} s{about}", elapsed.as_secs_f64());
                systemd::building(&text);
                telling.send_modify(|standing| standing.building(Some(text)));
            }
        };
        let result = loader(&settings, &told, &troubles(&standing));
        standing.send_modify(|standing| standing.building(None));
        let _ = done.send(result);
    })?;
    loaded.await?
}

/// Who hears of models that do not run as they should.
fn troubles(standing: &watch::Sender<Standing>) -> Trouble {
    let standing = standing.clone();
    Arc::new(move |role, why| {
        if let Some(why) = why {
            tracing::error!(role, why, "a model does not run as it should");
        }
        standing.send_modify(|standing| standing.model(role, why));
    })
}

/// What runs from the first moment to the last: broker, page, figures.
struct Around {
    publisher: Arc<mqtt::Handle>,
    watching: JoinHandle<()>,
    rejects: JoinHandle<()>,
    requests: mqtt::requests::Requests,
    stop_page: oneshot::Sender<()>,
    page: JoinHandle<Result<(), serve::ServeError>>,
}

impl Around {
    async fn stop(self) {
        for task in [self.watching, self.rejects] {
            task.abort();
            let _ = task.await;
        }
        let requests = self.requests;
        let _ = tokio::task::spawn_blocking(move || requests.stop()).await;
        let _ = self.stop_page.send(());
        if let Ok(Err(error)) = self.page.await {
            tracing::warn!(%error, "the page stopped with an error");
        }
        if let Ok(publisher) = Arc::try_unwrap(self.publisher) {
            publisher.stop(DRAIN).await;
        }
    }
}

/// What takes and measures films.
struct Measuring {
    ingest: ingest::Ingest,
    stop_films: films::Stopper,
    films_ended: oneshot::Receiver<()>,
}

/// What measuring rests on.
struct Rooms<'a> {
    settings: &'a Settings,
    ledger: Ledger,
    pictures: Pictures,
    publisher: &'a Arc<mqtt::Handle>,
    standing: watch::Sender<Standing>,
    engine: &'a OnceLock<EngineFacts>,
}

impl Measuring {
    fn start(rooms: Rooms<'_>, loaded: Loaded, loader: Loader) -> anyhow::Result<Self> {
        let Rooms { settings, ledger, pictures, publisher, standing, engine } = rooms;
        let key = ledger.pseudonym_key()?;
        let pipeline = Pipeline::new(settings.pipeline.clone(), Some(key), loaded.detector);
        let engines = loaded.passports.iter().map(models::told).collect();
        let device = &settings.pipeline.device;
        publisher.set_info(wire::info(device, VERSION, REVISION, Some(&pipeline.engine()), engines));
        let _ = engine.set(pipeline.engine());
        let mut alone = settings.clone();
        (alone.inference.provider, alone.fallback) = (onnx::Provider::Cpu, Vec::new());
        alone.models.clone_from(&loaded.folder);
        // What brings them in is told as long as they are used.
        let quiet: Trouble = Arc::new(|_, _| {});
        let measuring = films::Measures {
            pipeline,
            vigil: Vigil::new(settings.self_test, stored(&loaded.folder)),
            weaker: Box::new(move || Ok(loader(&alone, &|_| {}, &quiet)?.detector)),
        };
        let (ingest, landings) = ingest::start(settings.ingest.clone(), is_whole, known(&ledger))?;
        let films = Films::new(settings.clone(), measuring, ledger, pictures, publisher.clone(), standing, key);
        let (films_done, films_ended) = oneshot::channel();
        let stop_films = films.stopper();
        std::thread::Builder::new().name("films".into()).spawn(move || {
            films.run(&landings);
            let _ = films_done.send(());
        })?;
        Ok(Self { ingest, stop_films, films_ended })
    }

    async fn stop(self) {
        self.stop_films.stop();
        let ingest = self.ingest;
        let _ = tokio::task::spawn_blocking(move || ingest.stop()).await;
        if tokio::time::timeout(DRAIN, self.films_ended).await.is_err() {
            tracing::warn!("the film in hand is not done; it is measured after the next start");
        }
    }
}

/// What the models must say of the golden films; without it the service runs untested and says so in the log.
fn stored(folder: &Path) -> Option<Stored> {
    let stored = Manifest::load(folder).map_err(anyhow::Error::from);
    let stored = stored.and_then(|manifest| Ok(Stored::load(folder, &golden::models(&manifest))?));
    stored.map_err(|error| tracing::warn!(%error, "there will be no self-test")).ok()
}

/// Whether a file is complete, by its own structure.
fn is_whole(path: &Path) -> std::io::Result<ingest::Wholeness> {
    Ok(match decode::completeness_of_file(path)? {
        decode::Completeness::Whole => ingest::Wholeness::Whole,
        decode::Completeness::Partial => ingest::Wholeness::Partial,
        decode::Completeness::NotAnImage => ingest::Wholeness::Unrecognised,
    })
}

/// What the ledger remembers. A ledger that cannot be read answers "unknown": recording will tell, and changes nothing
/// for a film that is known after all.
fn known(ledger: &Ledger) -> ingest::Known {
    let (by_stamp, by_hash) = (ledger.clone(), ledger.clone());
    ingest::Known {
        by_stamp: Box::new(move |file, stamp| {
            by_stamp.knows_stamp(file, stamp.size, stamp.modified_ns, stamp.changed_ns).unwrap_or(false)
        }),
        by_hash: Box::new(move |hash| by_hash.knows(hash).unwrap_or(false)),
    }
}
