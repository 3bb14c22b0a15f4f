//! From the outbox to the broker.
//!
//! ```text
//! ledger's outbox ──next──► driver ──send──► link (rumqttc) ──► broker
//!        ▲                    │ ▲                │
//!        └──── delivered ─────┘ └── acked/lost ──┘        the machine says what is done when
//! ```
//!
//! - [`machine`] decides, without sockets and without a clock: what is sent next, what an answer means, when to try again.
//! - [`mqtt`] does it: the only place that knows rumqttc.
//! - [`desk`] deals with radiographers' requests, which [`mqtt::requests`] brings on a connection of their own.
//! - [`relay`] opens ways to the broker for pages.
//! - [`topics`] is the only place where the name of a topic is made.
//! - [`wire`] is the only place where JSON that leaves is made.
//! - [`broker`] is a small broker for the demonstration and for sites that have none.
//!
//! Invariants: one message is in flight at a time; a row is deleted on its PUBACK and on nothing else; after every
//! CONNACK the retained topics go first, `status` last. On failure nothing is lost: the row waits in the ledger and is
//! sent again, under the same report id (at least once). `docs/mqtt.md` tells the whole story to an integrator.

pub mod broker;
pub mod desk;
pub mod machine;
pub mod mqtt;
pub mod relay;
pub mod topics;
pub mod wire;

use std::path::PathBuf;
use std::time::Duration;

/// The default of [`Settings::port`] without TLS.
pub const DEFAULT_PORT: u16 = 1883;
/// The usual port with TLS.
pub const DEFAULT_TLS_PORT: u16 = 8883;
/// The default of [`Settings::prefix`].
pub const DEFAULT_PREFIX: &str = "sagitta";
/// The default of [`Settings::keep_alive`].
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The shortest keep-alive that the client library takes.
pub const MIN_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// The longest keep-alive that the protocol can say (MQTT 5, 3.1.2.10).
pub const MAX_KEEP_ALIVE: Duration = Duration::from_secs(u16::MAX as u64);
/// Where Debian keeps the certificate authorities that the machine trusts.
pub const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How the broker is reached and what the topics are called.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Host name or IPv4 address of the broker; with TLS the name that its certificate bears.
    pub host: String,
    /// Its port; [`DEFAULT_PORT`].
    pub port: u16,
    /// The levels before the device in every topic; [`DEFAULT_PREFIX`].
    pub prefix: String,
    /// The device: one level of every topic, and the client id `sagitta-<device>`.
    pub device: String,
    /// The pause after which a silent connection is probed; [`DEFAULT_KEEP_ALIVE`], at least [`MIN_KEEP_ALIVE`].
    pub keep_alive: Duration,
    /// Encryption; `None` for plain TCP.
    pub tls: Option<Tls>,
    /// Name and password; `None` for an anonymous connection or one with a client certificate.
    pub login: Option<Login>,
    /// The first levels of the topic under which the device is announced to home automation; `None` does not announce it.
    pub discovery: Option<String>,
    /// How a study is made anew when a radiographer decides about one of its films; `None` leaves studies as they are.
    pub studies: Option<wire::StudyContext>,
}

impl Settings {
    /// The defaults for a broker on this machine.
    pub fn local(port: u16, device: impl Into<String>) -> Self {
        Self {
            host: "127.0.0.1".into(),
            port,
            prefix: DEFAULT_PREFIX.into(),
            device: device.into(),
            keep_alive: DEFAULT_KEEP_ALIVE,
            tls: None,
            login: None,
            discovery: None,
            studies: None,
        }
    }
}

/// Encryption, and who the two sides are. The files are read anew for every connection, so that certificates may be renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authorities that may have signed the broker's certificate; [`SYSTEM_AUTHORITIES`].
    pub ca_file: PathBuf,
    /// PEM files of this client's certificate chain and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// A name and, in a file of its own, the password; the file is read anew for every connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// A file with the password; one line end at its end is not part of it.
    pub password_file: Option<PathBuf>,
}

/// Why publishing cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Prefix or device cannot stand in a topic.
    #[error(transparent)]
    Topic(#[from] topics::TopicError),
    /// The keep-alive is outside what the protocol and the library take.
    #[error("[mqtt] keep_alive is {0:?}; give 5 to 65535 seconds")]
    KeepAlive(Duration),
    /// No host.
    #[error("[mqtt] host is empty; name the broker")]
    NoHost,
    /// A certificate, key or password cannot be read or used.
    #[error("{path}: {problem}")]
    Credential {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The broker did not take a message.
    #[error("{topic}: {problem}")]
    NotTaken {
        /// Its topic.
        topic: String,
        /// What the broker or the connection said.
        problem: String,
    },
    /// A port cannot be opened, or a thread cannot be started.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The outbox cannot be read.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
}
