//! What systemd is told: ready, alive, busy, stopping. Without systemd every call does nothing.
//!
//! The watchdog is fed where films are measured and nowhere else: a service whose films thread stands still is restarted,
//! however lively its other threads are.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Two signs of life this close together say no more than one.
const PAUSE: Duration = Duration::from_secs(1);
/// How much longer each piece of news from a build lets the start take.
const EXTENSION: Duration = Duration::from_secs(120);

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

/// Films are taken.
pub(super) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("taking films")]);
}

/// An engine is being built: the start takes longer, and goes on.
pub(super) fn building(text: &str) {
    let more = u32::try_from(EXTENSION.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::ExtendTimeoutUsec(more), NotifyState::Status(text)]);
}

/// The films thread goes on.
pub(super) fn alive() {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|at| at.elapsed() >= PAUSE) {
        tell(&[NotifyState::Watchdog]);
        *last = Some(Instant::now());
    }
}

/// The service drains.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}
