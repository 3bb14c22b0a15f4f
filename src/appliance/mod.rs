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

mod films;
pub mod models;
mod pictures;
mod rejects;
mod settings;
mod standing;
pub mod workshop;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::{Notify, oneshot, watch};

use crate::detect::Detector;
use crate::domain::anatomy::Vertebra;
use crate::inference::engine::Engine;
use crate::inference::manifest::{Manifest, Model};
use crate::ledger::Ledger;
use crate::pipeline::Pipeline;
use crate::publish::{mqtt, wire};
use crate::{decode, ingest, serve};

pub use settings::{Settings, models_folder};

use films::Films;
use pictures::Pictures;
use standing::Standing;

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
    detector_of(Manifest::load(&settings.models)?, settings)
}

/// The same with the models of `manifest`, which may be a part of those installed.
///
/// # Errors
/// As [`detector`].
pub fn detector_of(manifest: Manifest, settings: &Settings) -> anyhow::Result<Detector> {
    let trouble: models::Trouble = Arc::new(|role, why| {
        if let Some(why) = why {
            tracing::warn!(role, why, "a model does not run as it should");
        }
    });
    let told = |news| tracing::info!(?news, "engines");
    Ok(models::load(&manifest, settings, &told, &trouble)?.detector)
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

/// Runs the service until `shutdown` is ready. `ready` is sent once films are taken.
///
/// # Errors
/// What keeps it from starting: a ledger that cannot be opened, models that cannot be loaded, an address that is taken.
pub async fn run(
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
    ready: Option<oneshot::Sender<()>>,
) -> anyhow::Result<()> {
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
    let key = ledger.pseudonym_key()?;
    let (films_settings, loading) = (settings.clone(), settings.clone());
    let detector = tokio::task::spawn_blocking(move || detector(&loading)).await??;
    let pipeline = Pipeline::new(settings.pipeline.clone(), Some(key), detector);
    publisher.set_info(wire::info(&settings.pipeline.device, VERSION, REVISION, Some(pipeline.engine())));

    let pictures = Pictures::new(&settings.store);
    let (ingest, landings) = ingest::start(settings.ingest.clone(), is_whole, known(&ledger))?;
    let films =
        Films::new(films_settings, pipeline, ledger.clone(), pictures.clone(), publisher.clone(), standing_sender, key);
    let (films_done, films_ended) = oneshot::channel();
    let stop_films = films.stopper();
    std::thread::Builder::new().name("films".into()).spawn(move || {
        films.run(&landings);
        let _ = films_done.send(());
    })?;

    let (stop_page, page_stopped) = oneshot::channel::<()>();
    let source = standing::source(&ledger, &pictures, &standing);
    let (http, page) = (settings.http.clone(), settings.page.clone());
    let page = tokio::spawn(async move {
        serve::run(listener, &http, page, source, async {
            let _ = page_stopped.await;
        })
        .await
    });
    let gauges = standing::Gauges { ledger: ledger.clone(), backlog: ingest.backlog(), store: settings.store.clone() };
    let watching = tokio::spawn(standing::announce(standing.clone(), publisher.clone(), gauges, HEALTH_EVERY));
    if let Some(ready) = ready {
        let _ = ready.send(());
    }
    tracing::info!(device = %settings.pipeline.device, listen = %settings.http.listen, "taking films");

    shutdown.await;
    tracing::info!("stopping");
    let began = Utc::now();
    for task in [watching, rejects] {
        task.abort();
        let _ = task.await;
    }
    let _ = tokio::task::spawn_blocking(move || requests.stop()).await;
    stop_films.stop();
    let _ = tokio::task::spawn_blocking(move || ingest.stop()).await;
    if tokio::time::timeout(DRAIN, films_ended).await.is_err() {
        tracing::warn!("the film in hand is not done; it is measured after the next start");
    }
    let _ = stop_page.send(());
    if let Ok(Err(error)) = page.await {
        tracing::warn!(%error, "the page stopped with an error");
    }
    if let Ok(publisher) = Arc::try_unwrap(publisher) {
        publisher.stop(DRAIN).await;
    }
    tracing::info!(seconds = (Utc::now() - began).num_milliseconds() as f64 / 1000.0, "stopped");
    Ok(())
}

/// Whether a file is complete, by its own structure.
fn is_whole(path: &std::path::Path) -> std::io::Result<ingest::Wholeness> {
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
