//! A small MQTT broker inside the program: for the demonstration, for tests, and for one room whose page runs on the same
//! machine. A ward or a hospital runs a real one.
//!
//! It speaks MQTT 5 over TCP and WebSocket with QoS 0 and 1, retained messages, last wills, message expiry, no-local,
//! retain-as-published, retain handling and subscription identifiers, and hands on every property of a message. What it
//! lacks it says in CONNACK: QoS 2, shared subscriptions, sessions that outlive their connection. Retained messages live
//! in memory: the appliance in the same process publishes them anew when it starts. Clients that know no MQTT 5 may speak
//! 3.1.1 ([`v4`]).
//!
//! It knows no passwords and therefore listens on loopback only; a browser's page from elsewhere is refused by its Origin.
//!
//! ```text
//! listener ─► session (one task a connection) ──Command──► hub (one task: subscriptions, retained)
//!                        ▲                                       │
//!                        └────────────── Delivery ───────────────┘
//! ```
//!
//! Every queue has a limit ([`session`], [`hub`]); who does not keep up is disconnected with a reason code and, when it
//! comes back, receives the retained messages again.

mod hub;
mod session;
mod transport;
mod v4;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{debug, info};

use super::PublishError;
use hub::{Command, Hub};
use transport::Transport;

/// Connections at the same time; one more is closed at once.
const MAX_CONNECTIONS: usize = 128;
/// Commands that wait for the hub; sessions wait when it is full, and so do their clients.
const COMMANDS: usize = 256;

/// Where the broker listens; port 0 takes a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// MQTT over TCP.
    pub tcp: SocketAddr,
    /// MQTT over WebSocket (any path, subprotocol `mqtt`).
    pub websocket: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { tcp: free, websocket: free }
    }
}

/// A running broker; it ends when this is dropped or stopped.
#[derive(Debug)]
pub struct Broker {
    tcp: SocketAddr,
    websocket: SocketAddr,
    closing: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Broker {
    /// Starts to listen; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`PublishError::System`] where an address is no loopback address or cannot be listened on.
    pub async fn start(settings: Settings) -> Result<Self, PublishError> {
        let tcp = listen(settings.tcp).await?;
        let websocket = listen(settings.websocket).await?;
        let (closing, closed) = watch::channel(false);
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let addresses = (local(&tcp)?, local(&websocket)?);
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let tasks = vec![
            tokio::spawn(Hub::default().run(inbox)),
            tokio::spawn(accept(tcp, Kind::Tcp, commands.clone(), closed.clone(), room.clone())),
            tokio::spawn(accept(websocket, Kind::WebSocket, commands, closed, room)),
        ];
        info!(tcp = %addresses.0, websocket = %addresses.1, "the embedded broker listens");
        Ok(Self { tcp: addresses.0, websocket: addresses.1, closing, tasks })
    }

    /// Where MQTT over TCP is spoken.
    pub const fn tcp(&self) -> SocketAddr {
        self.tcp
    }

    /// Where MQTT over WebSocket is spoken.
    pub const fn websocket(&self) -> SocketAddr {
        self.websocket
    }

    /// Says goodbye to every client and ends.
    pub async fn stop(mut self) {
        self.closing.send_replace(true);
        for task in self.tasks.drain(..) {
            // A task that ended by itself has ended, which is what is waited for.
            let _ = task.await;
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Tcp,
    WebSocket,
}

fn failed(address: SocketAddr) -> impl FnOnce(io::Error) -> PublishError {
    move |source| PublishError::System { what: format!("the broker cannot listen on {address}"), source }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, PublishError> {
    if !address.ip().is_loopback() {
        let why = "it knows no passwords and listens on loopback only; use a broker of your own for other machines";
        return Err(failed(address)(io::Error::new(io::ErrorKind::PermissionDenied, why)));
    }
    TcpListener::bind(address).await.map_err(failed(address))
}

fn local(listener: &TcpListener) -> Result<SocketAddr, PublishError> {
    let what = || "the broker's own address is unknown".into();
    listener.local_addr().map_err(|source| PublishError::System { what: what(), source })
}

async fn accept(
    listener: TcpListener,
    kind: Kind,
    commands: mpsc::Sender<Command>,
    mut closed: watch::Receiver<bool>,
    room: Arc<Semaphore>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An error means that the broker was dropped.
            _ = closed.changed() => return,
        };
        match (accepted, room.clone().try_acquire_owned()) {
            (Ok((stream, peer)), Ok(permit)) => {
                let (commands, closed) = (commands.clone(), closed.clone());
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, kind, commands, closed).await {
                        debug!(%peer, %error, "a client's connection ended");
                    }
                    drop(permit);
                });
            }
            (Ok((_, peer)), Err(_)) => debug!(%peer, "too many connections"),
            (Err(error), _) => {
                debug!(%error, "a connection could not be accepted");
                // Out of file descriptors: trying again at once would only spin.
                tokio::time::sleep(session::ANSWER_WITHIN / 10).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    kind: Kind,
    commands: mpsc::Sender<Command>,
    closed: watch::Receiver<bool>,
) -> Result<(), session::SessionError> {
    stream.set_nodelay(true)?;
    let transport = match kind {
        Kind::Tcp => Transport::Tcp(stream),
        Kind::WebSocket => tokio::time::timeout(session::ANSWER_WITHIN, Transport::web_socket(stream))
            .await
            .map_err(|_| session::SessionError::TooSlow)??,
    };
    session::serve(transport, commands, closed).await
}
