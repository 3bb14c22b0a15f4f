//! How the service stands: what it has done, what troubles it; and how the broker is told. [`page`](super::page) tells the rest.
//!
//! The films thread is the only writer; everyone else looks at the newest value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::domain::fault::FaultCode;
use crate::domain::report::{Timing, Verdict};
use crate::ingest::{Backlog, WatchState};
use crate::ledger::Ledger;
use crate::publish::{mqtt, wire};
use crate::serve;

use super::board;

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

/// What a film passes through, and the whole.
const STAGES: [&str; 5] = ["settle", "decode", "detect", "measure", "total"];

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
    building: Option<String>,
    cannot_record: Option<String>,
    cannot_measure: Option<String>,
    /// Models that do not run as they should, and why.
    pub(super) models: BTreeMap<String, String>,
    /// When, and why it was failed.
    pub(super) self_test: Option<(DateTime<Utc>, Option<String>)>,
    last_error: Option<(DateTime<Utc>, String)>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            started_at: Utc::now(),
            // All from zero: a series that begins with its first film would hide that film from Prometheus' `increase`.
            verdicts: Verdict::ALL
                .into_iter()
                .filter(|v| *v != Verdict::NotApplicable)
                .map(|v| (v.name(), 0))
                .collect(),
            faults: FaultCode::ALL.into_iter().map(|code| (code.name(), 0)).collect(),
            passed_over: 0,
            stages: STAGES.into_iter().map(|stage| (stage, serve::Histogram::default())).collect(),
            folder: None,
            building: None,
            cannot_record: None,
            cannot_measure: None,
            models: BTreeMap::new(),
            self_test: None,
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
        for (stage, time) in STAGES.into_iter().zip([settle, decode, detect, measure, total]) {
            self.stages.entry(stage).or_default().observe(time.as_secs_f64());
        }
    }

    /// A film could not be written into the ledger.
    pub(super) fn cannot_record(&mut self, why: String) {
        self.last_error = Some((Utc::now(), why.clone()));
        self.cannot_record = Some(why);
    }

    /// An engine is being built, or `None` once all are.
    pub(super) fn building(&mut self, what: Option<String>) {
        self.building = what;
    }

    /// No model can be run at all; films wait.
    pub(super) fn cannot_measure(&mut self, why: String) {
        self.last_error = Some((Utc::now(), why.clone()));
        self.cannot_measure = Some(why);
    }

    /// Why the model of `role` does not run as it should; `None` where it does.
    pub(super) fn model(&mut self, role: &str, why: Option<&str>) {
        match why {
            Some(why) => {
                self.last_error = Some((Utc::now(), format!("{role}: {why}")));
                self.models.insert(role.to_owned(), why.to_owned());
            }
            None => drop(self.models.remove(role)),
        }
    }

    /// A self-test has ended; why it was failed, if it was.
    pub(super) fn self_tested(&mut self, failure: Option<String>) {
        match &failure {
            None => tracing::info!("self-test passed"),
            Some(why) => {
                tracing::error!(%why, "self-test failed");
                self.last_error = Some((Utc::now(), why.clone()));
            }
        }
        self.self_test = Some((Utc::now(), failure));
    }

    /// What `status` says.
    pub(super) fn status(&self) -> (wire::StatusState, Option<String>) {
        use wire::StatusState::{BuildingEngines, Degraded, Online, Starting};
        if let Some(what) = &self.building {
            return (BuildingEngines, Some(what.clone()));
        }
        if let Some(why) = self.stands_still() {
            return (Degraded, Some(why.to_owned()));
        }
        match &self.folder {
            None => return (Starting, Some("loading the models, looking for the folder".into())),
            Some(WatchState::Partly(why) | WatchState::Waiting(why)) => return (Degraded, Some(why.clone())),
            Some(WatchState::Watching | WatchState::PollingOnly(_)) => {}
        }
        if let Some((_, Some(why))) = &self.self_test {
            return (Degraded, Some(format!("the self-test failed: {why}")));
        }
        self.troubled_models().map_or((Online, None), |why| (Degraded, Some(why)))
    }

    /// Why no film is measured or recorded.
    fn stands_still(&self) -> Option<&str> {
        self.cannot_record.as_deref().or(self.cannot_measure.as_deref())
    }

    /// Whether films are taken, perhaps not as they should be.
    pub(super) fn takes_films(&self) -> bool {
        let sees = matches!(self.folder, Some(WatchState::Watching | WatchState::PollingOnly(_)));
        sees && self.building.is_none() && self.stands_still().is_none()
    }

    /// Each reason once, with the models it holds for.
    fn troubled_models(&self) -> Option<String> {
        let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
        for (role, why) in &self.models {
            match by_reason.iter_mut().find(|(reason, _)| reason == why) {
                Some((_, roles)) => roles.push(role),
                None => by_reason.push((why, vec![role])),
            }
        }
        let told = by_reason.iter().map(|(why, roles)| format!("{}: {why}", roles.join(", ")));
        (!by_reason.is_empty()).then(|| told.collect::<Vec<_>>().join("; "))
    }

    pub(super) fn reports(&self) -> u64 {
        self.verdicts.values().sum()
    }
}

/// What `health` reads at the moment it is told.
pub(super) struct Gauges {
    pub(super) ledger: Ledger,
    /// Nothing is known to wait before the folder is watched.
    pub(super) backlog: Arc<OnceLock<Backlog>>,
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
        let status = now.status();
        if told.as_ref() != Some(&status) {
            publisher.set_status(status.0, status.1.as_deref());
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
        films_waiting: gauges.backlog.get().map_or(0, Backlog::files),
        reports: standing.reports(),
        faults: standing.faults.values().sum(),
        passed_over_today: gauges.ledger.passed_over(at.date_naive()).unwrap_or(standing.passed_over),
        outbox: gauges.ledger.room().unwrap_or_default(),
        disk_free_bytes: disk_free(&gauges.store),
        board: board::read(Path::new("/")),
        self_test: standing.self_test.clone(),
        latencies: link.latencies.into_iter().collect(),
        last_error: newest,
    })
}

/// Bytes that an unprivileged process may still write below `folder`; `None` where the file system does not tell.
pub(super) fn disk_free(folder: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(folder).ok()?;
    room.f_bavail.checked_mul(room.f_frsize)
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
        assert_eq!(standing.status(), (wire::StatusState::Degraded, Some("disk full".into())));
        standing.recorded(&Tally::PassedOver, true);
        assert_eq!(standing.status().0, wire::StatusState::Online);
        standing.watched(WatchState::Waiting("unmounted".into()));
        assert_eq!(standing.status(), (wire::StatusState::Degraded, Some("unmounted".into())));
    }

    fn watching() -> Standing {
        let mut standing = Standing::default();
        standing.watched(WatchState::Watching);
        standing
    }

    #[test]
    fn a_build_is_told_and_films_are_not_taken_meanwhile() {
        let mut standing = Standing::default();
        standing.building(Some("detector, 30 s".into()));
        assert_eq!(standing.status(), (wire::StatusState::BuildingEngines, Some("detector, 30 s".into())));
        assert!(!standing.takes_films());
        standing.building(None);
        assert_eq!(standing.status().0, wire::StatusState::Starting);
    }

    #[test]
    fn models_that_fell_back_degrade_with_each_reason_once_and_films_are_taken() {
        let mut standing = watching();
        for (role, why) in [("detector", "no driver"), ("locator", "no driver"), ("refiner_c7", "NaN")] {
            standing.model(role, Some(why));
        }
        let (state, detail) = standing.status();
        assert_eq!(state, wire::StatusState::Degraded);
        assert_eq!(detail.as_deref(), Some("detector, locator: no driver; refiner_c7: NaN"));
        assert!(standing.takes_films());
        for role in ["detector", "locator", "refiner_c7"] {
            standing.model(role, None);
        }
        assert_eq!(standing.status().0, wire::StatusState::Online);
    }

    #[test]
    fn a_failed_self_test_retracts_online_until_one_is_passed() {
        let mut standing = watching();
        standing.self_tested(Some("a landmark differs by 3 px".into()));
        let (state, detail) = standing.status();
        assert_eq!(state, wire::StatusState::Degraded);
        assert!(detail.unwrap().contains("a landmark differs by 3 px"));
        standing.self_tested(None);
        assert_eq!(standing.status().0, wire::StatusState::Online);
    }

    #[test]
    fn models_that_cannot_run_at_all_are_not_ready() {
        let mut standing = watching();
        standing.cannot_measure("given up".into());
        assert_eq!(standing.status(), (wire::StatusState::Degraded, Some("given up".into())));
        assert!(!standing.takes_films());
    }
}
