//! How the service stands: what it has done, what troubles it; and how the broker is told. [`page`](super::page) tells the rest.
//!
//! The films thread is the only writer; everyone else looks at the newest value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::domain::fault::FaultCode;
use crate::domain::report::{Timing, Verdict};
use crate::ingest::{Backlog, WatchState};
use crate::ledger::Ledger;
use crate::publish::{mqtt, wire};
use crate::serve;

/// The shortest pause between two messages on `health` and on `status`.
const HEALTH_PAUSE: Duration = Duration::from_secs(1);

/// What became of one film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tally {
    /// Measured.
    Report(Verdict),
    /// Not measured.
    Fault(FaultCode),
    /// No lateral neck.
    PassedOver,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    started_at: DateTime<Utc>,
    pub(super) verdicts: BTreeMap<&'static str, u64>,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) passed_over: u64,
    /// How long each stage took, by its name.
    pub(super) stages: BTreeMap<&'static str, serve::Histogram>,
    folder: Option<WatchState>,
    cannot_record: Option<String>,
    last_error: Option<(DateTime<Utc>, String)>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            started_at: Utc::now(),
            verdicts: BTreeMap::new(),
            faults: BTreeMap::new(),
            passed_over: 0,
            stages: BTreeMap::new(),
            folder: None,
            cannot_record: None,
            last_error: None,
        }
    }
}

impl Standing {
    /// The folder came into view or went out of it.
    pub(super) fn watched(&mut self, state: WatchState) {
        match &state {
            WatchState::Watching => tracing::info!("the folder is watched"),
            WatchState::PollingOnly(why) => tracing::warn!(%why, "the folder is only polled"),
            WatchState::Partly(why) | WatchState::Waiting(why) => {
                tracing::error!(%why, "the folder cannot be seen");
                self.last_error = Some((Utc::now(), why.clone()));
            }
        }
        self.folder = Some(state);
    }

    /// A film is in the ledger; `after_trouble` where it had to wait for it.
    pub(super) fn recorded(&mut self, tally: &Tally, after_trouble: bool) {
        match tally {
            Tally::Report(verdict) => *self.verdicts.entry(verdict.name()).or_default() += 1,
            Tally::Fault(code) => *self.faults.entry(code.name()).or_default() += 1,
            Tally::PassedOver => self.passed_over += 1,
        }
        if after_trouble {
            tracing::info!("films can be recorded again");
        }
        self.cannot_record = None;
    }

    /// How long the stages of a film took that has just been recorded.
    pub(super) fn timed(&mut self, timing: Timing) {
        let Timing { settle, decode, detect, measure, total } = timing;
        let stages =
            [("settle", settle), ("decode", decode), ("detect", detect), ("measure", measure), ("total", total)];
        for (stage, time) in stages {
            self.stages.entry(stage).or_default().observe(time.as_secs_f64());
        }
    }

    /// A film could not be written into the ledger.
    pub(super) fn cannot_record(&mut self, why: String) {
        self.last_error = Some((Utc::now(), why.clone()));
        self.cannot_record = Some(why);
    }

    /// What `status` says.
    pub(super) fn status(&self) -> (wire::StatusState, Option<&str>) {
        if let Some(why) = &self.cannot_record {
            return (wire::StatusState::Degraded, Some(why));
        }
        match &self.folder {
            None => (wire::StatusState::Starting, Some("looking for the folder")),
            Some(WatchState::Watching | WatchState::PollingOnly(_)) => (wire::StatusState::Online, None),
            Some(WatchState::Partly(why) | WatchState::Waiting(why)) => (wire::StatusState::Degraded, Some(why)),
        }
    }

    pub(super) fn reports(&self) -> u64 {
        self.verdicts.values().sum()
    }
}

/// What `health` reads at the moment it is told.
pub(super) struct Gauges {
    pub(super) ledger: Ledger,
    pub(super) backlog: Backlog,
    /// The folder that must not run full.
    pub(super) store: PathBuf,
}

/// Tells the broker whenever the state changes, and `health` every so often and soon after each film. Runs until it is
/// aborted.
pub(super) async fn announce(
    mut standing: watch::Receiver<Standing>,
    publisher: Arc<mqtt::Handle>,
    gauges: Gauges,
    every: Duration,
) {
    let mut told: Option<(wire::StatusState, Option<String>)> = None;
    loop {
        let now = standing.borrow_and_update().clone();
        let (state, detail) = now.status();
        let status = (state, detail.map(str::to_owned));
        if told.as_ref() != Some(&status) {
            publisher.set_status(state, detail);
            told = Some(status);
        }
        publisher.set_health(health(&now, &publisher, &gauges));
        // A backlog changes the standing many times a second: the broker need not hear each of them.
        tokio::time::sleep(HEALTH_PAUSE).await;
        if let Ok(Err(_)) = tokio::time::timeout(every, standing.changed()).await {
            return;
        }
    }
}

fn health(standing: &Standing, publisher: &mqtt::Handle, gauges: &Gauges) -> Vec<u8> {
    let link = publisher.link().borrow().clone();
    let at = Utc::now();
    let newest = [standing.last_error.clone(), link.problem.clone()].into_iter().flatten().max_by_key(|(at, _)| *at);
    wire::health(&wire::Facts {
        at,
        started_at: standing.started_at,
        films_waiting: gauges.backlog.files(),
        reports: standing.reports(),
        faults: standing.faults.values().sum(),
        passed_over_today: gauges.ledger.passed_over(at.date_naive()).unwrap_or(standing.passed_over),
        outbox: gauges.ledger.room().unwrap_or_default(),
        disk_free_bytes: disk_free(&gauges.store),
        temperatures: temperatures(),
        latencies: link.latencies.into_iter().collect(),
        last_error: newest,
    })
}

/// Bytes that an unprivileged process may still write below `folder`; `None` where the file system does not tell.
pub(super) fn disk_free(folder: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(folder).ok()?;
    room.f_bavail.checked_mul(room.f_frsize)
}

/// Every thermal zone that Linux names, in degrees Celsius; on a Jetson these are CPU, GPU and the rest of the module.
pub(super) fn temperatures() -> Vec<(String, f64)> {
    let read = |path: PathBuf| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let zones = std::fs::read_dir("/sys/class/thermal").into_iter().flatten().filter_map(Result::ok);
    zones
        .filter_map(|zone| {
            let name = read(zone.path().join("type"))?;
            let millis: f64 = read(zone.path().join("temp"))?.parse().ok()?;
            Some((name, millis / 1000.0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_cannot_write_degrades_until_it_can() {
        let mut standing = Standing::default();
        assert_eq!(standing.status().0, wire::StatusState::Starting);
        standing.watched(WatchState::Watching);
        assert_eq!(standing.status().0, wire::StatusState::Online);
        standing.cannot_record("disk full".into());
        assert_eq!(standing.status(), (wire::StatusState::Degraded, Some("disk full")));
        standing.recorded(&Tally::PassedOver, true);
        assert_eq!(standing.status().0, wire::StatusState::Online);
        standing.watched(WatchState::Waiting("unmounted".into()));
        assert_eq!(standing.status(), (wire::StatusState::Degraded, Some("unmounted")));
    }
}
