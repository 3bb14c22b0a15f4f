//! The publisher: a thread of its own that brings the outbox to the broker, and the handle by which the rest of the
//! service speaks to it. The only place that knows rumqttc.
//!
//! The thread owns the state machine, the connection and the timers; its runtime has one thread, so that the ledger's
//! disk writes hold up nobody else. The handle tells it what is wished through one `watch` value, which cannot fill up:
//! a newer status replaces an older one that was not sent yet.
//!
//! On failure: whatever happens to the connection, the machine says when to try again, and [`Link`] tells what was last
//! wrong. If the thread's runtime cannot start, [`spawn`] says so. If the handle is dropped without [`Handle::stop`],
//! the connection is dropped too, and the broker publishes the last will.

pub(super) mod credentials;
pub mod discovery;
mod driver;
mod link;
pub mod requests;
pub mod subscriber;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::topics::{Retained, Topics};
use super::wire::{self, StatusState};
use super::{MAX_KEEP_ALIVE, MIN_KEEP_ALIVE, PublishError, Settings};
use crate::ledger::Ledger;

/// A report that is delivered later than this after its film was complete is `historical`.
pub const LATE_AFTER: Duration = Duration::from_secs(60);
/// How many times from film to acknowledgement [`Link`] remembers.
pub const LATENCIES_KEPT: usize = 256;
/// The share of a stop's deadline in which rows are still delivered; the rest is for the farewell.
const DRAIN_SHARE: f64 = 0.7;

/// How the connection is, for health, metrics and tests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Whether a connection stands.
    pub connected: bool,
    /// Rows that the broker has acknowledged since the start.
    pub delivered: u64,
    /// Messages that the broker has refused since the start.
    pub refused: u64,
    /// What went wrong last, and when.
    pub problem: Option<(DateTime<Utc>, String)>,
    /// From file complete to acknowledgement, the newest last; late reports are not counted.
    pub latencies: VecDeque<Duration>,
}

/// What the service wishes of the publisher.
#[derive(Debug, Clone, Default)]
struct Wishes {
    /// The newest payload of each retained topic, with a number that grows.
    payloads: [Option<(u64, Arc<[u8]>)>; Retained::ALL.len()],
    /// Grows when rows were added to the outbox.
    outbox: u64,
    /// When a graceful end must be over.
    stop: Option<Instant>,
    /// What the status says now, and since when.
    status: Option<(StatusState, DateTime<Utc>)>,
}

/// Speaks to the publisher. Its calls never block and never fail: what cannot be sent now is sent when it can.
#[derive(Debug)]
pub struct Handle {
    wishes: watch::Sender<Wishes>,
    link: watch::Receiver<Link>,
    done: Option<oneshot::Receiver<()>>,
}

/// Checks settings and credentials without a connection.
///
/// # Errors
/// What is wrong, with the key or the file and the remedy.
pub fn check(settings: &Settings) -> Result<Topics, PublishError> {
    if settings.host.trim().is_empty() {
        return Err(PublishError::NoHost);
    }
    if !(MIN_KEEP_ALIVE..=MAX_KEEP_ALIVE).contains(&settings.keep_alive) {
        return Err(PublishError::KeepAlive(settings.keep_alive));
    }
    let topics = topics(settings)?;
    link::options(settings, &topics, &[])?;
    Ok(topics)
}

/// The topics that `settings` mean.
///
/// # Errors
/// A prefix or a device that no topic may hold.
pub fn topics(settings: &Settings) -> Result<Topics, PublishError> {
    let topics = Topics::new(&settings.prefix, &settings.device)?;
    Ok(match &settings.discovery {
        None => topics,
        Some(prefix) => topics.announced_below(prefix)?,
    })
}

/// Starts the publisher on a thread of its own. Spawn it before the first film is recorded: what stands in the outbox
/// from an earlier run is offered to the broker again at once, also what it had refused.
///
/// # Errors
/// Wrong settings or credentials, an outbox that cannot be read, or a thread that cannot be started.
pub fn spawn(settings: Settings, ledger: Ledger) -> Result<Handle, PublishError> {
    let topics = check(&settings)?;
    ledger.retry(None)?;
    let failed = |source| PublishError::System { what: "the publisher's thread cannot be started".into(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (wishes, wished) = watch::channel(Wishes::default());
    let (link_sender, link) = watch::channel(Link::default());
    let (done_sender, done) = oneshot::channel();
    let driver = driver::Driver::new(settings, topics, ledger, wished, link_sender);
    thread::Builder::new()
        .name("publish".into())
        .spawn(move || {
            runtime.block_on(driver.run());
            // Nobody may wait any more.
            let _ = done_sender.send(());
        })
        .map_err(failed)?;
    Ok(Handle { wishes, link, done: Some(done) })
}

impl Handle {
    /// Rows were added to the outbox.
    pub fn outbox_changed(&self) {
        self.wishes.send_modify(|wishes| wishes.outbox += 1);
    }

    /// Publishes the status; `since` is the moment of the last change of `state`.
    pub fn set_status(&self, state: StatusState, detail: Option<&str>) {
        self.wishes.send_modify(|wishes| {
            let since = wishes.status.filter(|(old, _)| *old == state).map_or_else(Utc::now, |(_, since)| since);
            wishes.status = Some((state, since));
            wishes.announce(Retained::Status, wire::status(state, since, detail));
        });
    }

    /// Publishes what [`wire::info`] made.
    pub fn set_info(&self, payload: Vec<u8>) {
        self.wishes.send_modify(|wishes| wishes.announce(Retained::Info, payload));
    }

    /// Publishes what [`wire::discovery`] made.
    pub fn set_discovery(&self, payload: Vec<u8>) {
        self.wishes.send_modify(|wishes| wishes.announce(Retained::Discovery, payload));
    }

    /// Publishes what [`wire::health`] made.
    pub fn set_health(&self, payload: Vec<u8>) {
        self.wishes.send_modify(|wishes| wishes.announce(Retained::Health, payload));
    }

    /// Publishes what [`wire::rejects`] made.
    pub fn set_rejects(&self, payload: Vec<u8>) {
        self.wishes.send_modify(|wishes| wishes.announce(Retained::Rejects, payload));
    }

    /// How the connection is, and every change of it.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Delivers what is due, publishes the status `offline`, disconnects; whatever is not done after `deadline` is
    /// left: rows stay in the outbox, and the broker publishes the last will.
    pub async fn stop(mut self, deadline: Duration) {
        self.wishes.send_modify(|wishes| wishes.stop = Some(Instant::now() + deadline));
        if let Some(done) = self.done.take() {
            // An error means that the thread is gone, which is what is waited for.
            let _ = done.await;
        }
    }
}

impl Wishes {
    fn announce(&mut self, what: Retained, payload: Vec<u8>) {
        for (topic, slot) in Retained::ALL.into_iter().zip(&mut self.payloads) {
            if topic == what {
                let version = slot.as_ref().map_or(0, |(version, _)| version + 1);
                *slot = Some((version, payload.into()));
                return;
            }
        }
    }

    fn payload(&self, what: Retained) -> Option<Arc<[u8]>> {
        let slots = Retained::ALL.into_iter().zip(&self.payloads);
        slots
            .filter(|(topic, _)| *topic == what)
            .find_map(|(_, slot)| slot.as_ref().map(|(_, payload)| payload.clone()))
    }
}
