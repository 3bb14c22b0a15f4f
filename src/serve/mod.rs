//! HTTP: the page, what it asks for, and what a monitoring system asks for.
//!
//! | path | answer |
//! |---|---|
//! | `/`, `/assets/…` | the page, read into memory once when the service starts ([`assets`]) |
//! | `/api/config` | where the page finds the broker, the prefix and the devices |
//! | `/api/reports?limit&before` | stored reports, newest first: `{"reports":[…],"next":seq or null}` |
//! | `/api/reports/<id>` | one report as it was published |
//! | `/api/reports/<id>/overlay`, `/api/reports/<id>/film` | JPEGs: with everything drawn on it; the bare film |
//! | `/api/mqtt` | the page's way to the broker ([`relay`]) |
//! | `/healthz`, `/readyz`, `/metrics` | the process lives; it takes films; Prometheus text |
//!
//! Invariants: it only reads. It knows neither the ledger nor the wire: what it shows comes from [`Source`], whose
//! functions may block and are called on threads that may. No path of a request ever touches the file system. Every
//! answer carries the headers of [`headers`], also an error. On a loopback address only loopback names are answered,
//! so that no foreign web page can read reports through a name that it points at this machine; on any other address only
//! those who know a secret or show a certificate ([`access`], [`tls`]). `/healthz` and `/readyz` are answered to anybody.
//!
//! On failure: a source that fails or is overrun gives 503 with a plain sentence, its detail goes to the log; a page
//! that is not built gives a sentence that says how. Nothing here can stop a film from being measured.

mod access;
mod api;
mod assets;
mod headers;
mod listener;
mod metrics;
mod relay;
mod tls;

use std::error::Error;
use std::future::{Future, IntoFuture as _};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::serve::Listener;
use axum::{Router, middleware};
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

pub use metrics::{Histogram, Kind, Metric, Sample};
pub use tls::Tls;

use access::Access;
use assets::Page;
use headers::Hosts;
use listener::Bounded;
use metrics::Requests;

/// What is still being answered when the service stops gets this long.
const DRAIN: Duration = Duration::from_secs(5);
/// Questions to the source that may run side by side; each may hold a thread and the ledger.
const QUESTIONS: usize = 4;
/// Pages that may be connected to the broker through this service at once; a ward has some ten screens.
const RELAYS: usize = 32;

/// The room's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen. Another address than loopback needs a secret or callers' certificates.
    pub listen: SocketAddr,
    /// A file with the secret that callers must give; `None` asks for none.
    pub token_file: Option<PathBuf>,
    /// Encryption; `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// The folder of the built page; `None` looks beside the checkout and then where the package puts it.
    pub page: Option<PathBuf>,
    /// Names (without port) by which the page is reached besides `localhost` and loopback addresses, for a reverse
    /// proxy on this machine that passes the browser's `Host` on. Without meaning on other addresses than loopback.
    pub hosts: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            token_file: None,
            tls: None,
            page: None,
            hosts: Vec::new(),
        }
    }
}

/// What the page must know to find the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageConfig {
    /// What stands before the device in every topic.
    pub prefix: String,
    /// The devices to show.
    pub devices: Vec<String>,
    /// The broker's WebSocket listener; `None` where there is none, and the page then shows stored reports only.
    pub broker: Option<Broker>,
}

/// A WebSocket listener of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Where it is.
    pub address: BrokerAddress,
    /// What it speaks there; the embedded broker and mosquitto speak 5.
    pub version: MqttVersion,
}

/// Where a browser finds the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerAddress {
    /// A whole address, `ws://…` or `wss://…`.
    Url(String),
    /// A port on the host by which the page itself is reached, and a path such as `/mqtt`.
    Port(u16, String),
    /// Through this service: [`Source::broker`].
    Here,
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttVersion {
    /// MQTT 3.1.1, protocol level 4.
    V3,
    /// MQTT 5, protocol level 5.
    V5,
}

/// What a question to the source gives; the error is logged, never shown.
pub type Answer<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A report as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number; larger is newer.
    pub seq: u64,
    /// One JSON object in UTF-8, with `seq` inside.
    pub json: Vec<u8>,
}

/// Whether the service takes films.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Models warm, folder watched.
    Ready,
    /// Not yet or not now, and why, in a few words.
    NotReady(String),
}

/// Lists reports: up to so many before a number, newest first.
pub type Listing = dyn Fn(Option<u64>, usize) -> Answer<Vec<Stored>> + Send + Sync;
/// Finds what belongs to a report id.
pub type Lookup<T> = dyn Fn(&str) -> Answer<Option<T>> + Send + Sync;

/// Opens a way to the broker; each page gets one of its own.
pub type Dial = dyn Fn() -> Pin<Box<dyn Future<Output = io::Result<DuplexStream>> + Send>> + Send + Sync;

/// Everything that is asked of the rest of the house. Each function may block for as long as a disk does.
pub struct Source {
    /// Up to `limit` reports before number `before`, newest first: `(before, limit)`.
    pub reports: Box<Listing>,
    /// The report of this id.
    pub report: Box<Lookup<Stored>>,
    /// The JPEG of the report of this id.
    pub overlay: Box<Lookup<Vec<u8>>>,
    /// The bare film of the report of this id, as JPEG.
    pub film: Box<Lookup<Vec<u8>>>,
    /// The way to the broker; `None` where pages have one of their own.
    pub broker: Option<Box<Dial>>,
    /// Whether films are taken; must not block.
    pub readiness: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// What `/metrics` tells beside this room's own.
    pub metrics: Box<dyn Fn() -> Vec<Metric> + Send + Sync>,
}

/// Why the room could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}. Choose another address for [http] listen, or stop what uses it")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others could reach the page, and nothing says who may look.
    #[error("{0} can be reached from other machines: name [http] token_file or client_ca_file, or listen on 127.0.0.1")]
    Unguarded(SocketAddr),
    /// A secret, a certificate or a key cannot be read or used.
    #[error("{path}: {problem}", path = path.display())]
    Credential {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The listener broke while it was used.
    #[error("the HTTP listener failed: {0}")]
    Listener(io::Error),
}

/// Everything a request may need.
struct Site {
    page: Page,
    config: PageConfig,
    source: Source,
    hosts: Hosts,
    access: Access,
    questions: Semaphore,
    relays: Arc<Semaphore>,
    requests: Requests,
    /// Becomes true when the service stops.
    closing: watch::Receiver<bool>,
}

/// Takes the address, so that a mistake is told before anything else starts.
///
/// # Errors
/// [`ServeError::Bind`]; [`ServeError::Unguarded`] where others reach the address and nothing says who may look.
pub async fn bind(settings: &Settings) -> Result<TcpListener, ServeError> {
    let address = settings.listen;
    let guarded =
        settings.token_file.is_some() || settings.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
    if !address.ip().is_loopback() && !guarded {
        return Err(ServeError::Unguarded(address));
    }
    if !address.ip().is_loopback() && settings.tls.is_none() {
        tracing::warn!(%address, "the page is served without encryption: put a proxy with HTTPS before it, or name [http] cert_file");
    }
    TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
}

/// Answers until `shutdown` is done and what was asked before is answered, or [`DRAIN`] has passed.
///
/// # Errors
/// [`ServeError::Listener`], [`ServeError::Credential`].
pub async fn run(
    listener: TcpListener,
    settings: &Settings,
    config: PageConfig,
    source: Source,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    let (close, closing) = watch::channel(false);
    let site = Arc::new(Site {
        page: Page::find(settings.page.as_deref()),
        config,
        source,
        hosts: Hosts::of(address.ip(), &settings.hosts),
        access: Access::read(settings.token_file.as_deref(), settings.tls.is_some())?,
        questions: Semaphore::new(QUESTIONS),
        relays: Arc::new(Semaphore::new(RELAYS)),
        requests: Requests::default(),
        closing,
    });
    let shutdown = async move {
        shutdown.await;
        let _ = close.send(true);
    };
    let bounded = Bounded::new(listener);
    match &settings.tls {
        None => answer(bounded, site, shutdown).await,
        Some(tls) => {
            let secured = tls::Secured::new(bounded, tls::acceptor(tls)?).map_err(ServeError::Listener)?;
            answer(secured, site, shutdown).await
        }
    }
}

async fn answer<L>(
    listener: L,
    site: Arc<Site>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let mut closing = site.closing.clone();
    let server = axum::serve(listener, router(site)).with_graceful_shutdown(shutdown);
    tokio::select! {
        done = server.into_future() => done.map_err(ServeError::Listener),
        () = async { let _ = closing.wait_for(|closing| *closing).await; tokio::time::sleep(DRAIN).await } => {
            tracing::warn!("some HTTP answers were cut short");
            Ok(())
        }
    }
}

fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/api/config", get(api::config))
        .route("/api/reports", get(api::reports))
        .route("/api/reports/{id}", get(api::report))
        .route("/api/reports/{id}/overlay", get(api::overlay))
        .route("/api/reports/{id}/film", get(api::film))
        .route("/api/mqtt", get(relay::broker))
        .route("/healthz", get(api::alive))
        .route("/readyz", get(api::ready))
        .route("/metrics", get(api::metrics))
        .fallback(assets::serve)
        .method_not_allowed_fallback(api::wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&site), headers::guard))
        .with_state(site)
}
