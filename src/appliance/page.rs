//! What the page and `/metrics` may ask of the service.
//!
//! The page is served before the models are loaded, so that `/readyz` says "not ready" meanwhile instead of nothing; what is
//! only known later comes in through [`Later`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use crate::domain::board::Board;
use crate::domain::report::{EngineFacts, ReportId};
use crate::ingest::Backlog;
use crate::ledger::{Ledger, ReportRow};
use crate::publish::{self, mqtt, wire};
use crate::serve::{self, Kind, Metric, Sample};

use super::board;
use super::pictures::{Picture, Pictures};
use super::settings::Settings;
use super::standing::{self, Standing};

/// What is known once the models are loaded and the folder is watched.
#[derive(Debug, Clone, Default)]
pub(super) struct Later {
    /// What computes.
    pub(super) engine: Arc<OnceLock<EngineFacts>>,
    /// Films that wait.
    pub(super) backlog: Arc<OnceLock<Backlog>>,
}

/// Everything a question may need.
struct Known {
    ledger: Ledger,
    standing: watch::Receiver<Standing>,
    link: watch::Receiver<mqtt::Link>,
    store: PathBuf,
    later: Later,
}

/// What the page and `/metrics` may ask.
pub(super) fn source(
    settings: &Settings,
    ledger: &Ledger,
    pictures: &Pictures,
    standing: &watch::Receiver<Standing>,
    link: watch::Receiver<mqtt::Link>,
    later: Later,
) -> serve::Source {
    let (listing, finding) = (ledger.clone(), ledger.clone());
    let (drawn, bare) = (pictures.clone(), pictures.clone());
    let ready = standing.clone();
    let known =
        Known { ledger: ledger.clone(), standing: standing.clone(), link, store: settings.store.clone(), later };
    serve::Source {
        reports: Box::new(move |before, limit| Ok(listing.reports(before, limit)?.iter().filter_map(stored).collect())),
        report: Box::new(move |id| Ok(finding.report(&ReportId(id.to_owned()))?.as_ref().and_then(stored))),
        overlay: Box::new(move |id| Ok(drawn.get(id, Picture::Overlay)?)),
        film: Box::new(move |id| Ok(bare.get(id, Picture::Film)?)),
        broker: dial(settings),
        readiness: Box::new(move || {
            let standing = ready.borrow();
            if standing.takes_films() {
                return serve::Readiness::Ready;
            }
            serve::Readiness::NotReady(standing.status().1.unwrap_or_else(|| "starting".into()))
        }),
        metrics: Box::new(move || metrics(&known)),
    }
}

/// The page's way to the broker, where it has none of its own.
fn dial(settings: &Settings) -> Option<Box<serve::Dial>> {
    let here = settings.page.broker.as_ref().is_some_and(|broker| broker.address == serve::BrokerAddress::Here);
    let (broker, login) = (settings.publish.clone(), settings.page_login.clone());
    here.then(|| -> Box<serve::Dial> {
        Box::new(move || {
            let (broker, login) = (broker.clone(), login.clone());
            Box::pin(async move { publish::relay::dial(&broker, login.as_ref()).await })
        })
    })
}

fn stored(row: &ReportRow) -> Option<serve::Stored> {
    let json = wire::deliver(&row.payload, row.seq, false, row.decision.as_ref())?;
    Some(serve::Stored { seq: row.seq, json })
}

fn metrics(known: &Known) -> Vec<Metric> {
    let standing = known.standing.borrow().clone();
    let link = known.link.borrow().clone();
    let mut metrics = work(&standing);
    metrics.extend(queues(known));
    metrics.extend(broker(&link));
    metrics.extend(models(&standing));
    metrics.extend(machine(&board::read(Path::new("/"))));
    if let Some(engine) = known.later.engine.get() {
        let labels = vec![("provider", engine.provider.clone()), ("precision", engine.precision.clone())];
        let help = "Always 1; the labels tell what computes.";
        let samples = vec![Sample::new(labels, 1.0)];
        metrics.push(Metric { name: "sagitta_engine_info", help, kind: Kind::Gauge, samples });
    }
    metrics
}

/// What has been done since the start.
fn work(standing: &Standing) -> Vec<Metric> {
    let by = |label: &'static str, counts: &std::collections::BTreeMap<&'static str, u64>| {
        counts.iter().map(|(word, n)| Sample::new(vec![(label, (*word).to_owned())], *n as f64)).collect::<Vec<_>>()
    };
    let metric = |name, help, kind, samples| Metric { name, help, kind, samples };
    let stages = standing.stages.iter().flat_map(|(stage, times)| times.samples(("stage", stage))).collect();
    vec![
        Metric::single(
            "sagitta_reports_total",
            "Films measured since the start.",
            Kind::Counter,
            standing.reports() as f64,
        ),
        metric(
            "sagitta_verdicts_total",
            "Films measured since the start, by verdict.",
            Kind::Counter,
            by("verdict", &standing.verdicts),
        ),
        metric(
            "sagitta_faults_total",
            "Files that could not be measured since the start, by code.",
            Kind::Counter,
            by("code", &standing.faults),
        ),
        Metric::single(
            "sagitta_passed_over_total",
            "Films that are no lateral neck since the start.",
            Kind::Counter,
            standing.passed_over as f64,
        ),
        metric(
            "sagitta_stage_seconds",
            "How long each stage of a film took; total: from file complete to report.",
            Kind::Histogram,
            stages,
        ),
    ]
}

/// What waits, and what room there is.
fn queues(known: &Known) -> Vec<Metric> {
    let gauge = |name, help, value| Metric::single(name, help, Kind::Gauge, value);
    let mut all = Vec::new();
    if let Some(backlog) = known.later.backlog.get() {
        all.push(gauge(
            "sagitta_films_waiting",
            "Films that have landed and are not measured yet.",
            backlog.files() as f64,
        ));
    }
    if let Ok(room) = known.ledger.room() {
        all.push(gauge("sagitta_outbox_messages", "Messages that wait for the broker.", room.waiting as f64));
        all.push(gauge(
            "sagitta_outbox_set_aside",
            "Of these, messages that the broker has refused.",
            room.set_aside as f64,
        ));
        all.push(gauge("sagitta_outbox_bytes", "Bytes of the messages that wait for the broker.", room.bytes as f64));
    }
    if let Some(free) = standing::disk_free(&known.store) {
        all.push(gauge("sagitta_disk_free_bytes", "Bytes free where the ledger lies.", free as f64));
    }
    all
}

/// How the models are.
fn models(standing: &Standing) -> Vec<Metric> {
    let gauge = |name, help, value: f64| Metric::single(name, help, Kind::Gauge, value);
    let troubled = standing.models.len() as f64;
    let mut all = vec![gauge("sagitta_models_troubled", "Models that do not run as configured.", troubled)];
    if let Some((at, failure)) = &standing.self_test {
        let passed = f64::from(u8::from(failure.is_none()));
        all.push(gauge("sagitta_self_test_passed", "1 where the last self-test was passed, else 0.", passed));
        let at = at.timestamp() as f64;
        all.push(gauge("sagitta_self_test_timestamp_seconds", "When the last self-test ended.", at));
    }
    all
}

/// What the sensors tell; a metric only for what is known.
fn machine(board: &Board) -> Vec<serve::Metric> {
    let gauge = |name, help, value: Option<f64>| value.map(|value| Metric::single(name, help, Kind::Gauge, value));
    let temperatures = board.temperatures.iter();
    let temperatures: Vec<Sample> =
        temperatures.map(|(sensor, celsius)| Sample::new(vec![("sensor", sensor.clone())], *celsius)).collect();
    let temperatures = (!temperatures.is_empty()).then_some(Metric {
        name: "sagitta_temperature_celsius",
        help: "What the system's sensors tell.",
        kind: Kind::Gauge,
        samples: temperatures,
    });
    let hertz = |clock: Option<(f64, f64)>| clock.map(|(mhz, _)| mhz * 1e6);
    let memory = board.memory;
    [
        temperatures,
        gauge("sagitta_throttled", "How many causes slow the machine down.", Some(board.throttled_by.len() as f64)),
        gauge("sagitta_power_watts", "What the measured rails draw.", board.power_w),
        gauge("sagitta_cpu_clock_hertz", "The fastest core.", hertz(board.cpu_mhz)),
        gauge("sagitta_gpu_clock_hertz", "The graphics processor.", hertz(board.gpu_mhz)),
        gauge("sagitta_memory_available_bytes", "Memory that can still be had.", memory.map(|(free, _)| free as f64)),
        gauge("sagitta_memory_bytes", "Memory in all.", memory.map(|(_, total)| total as f64)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How the connection to the broker is.
fn broker(link: &mqtt::Link) -> Vec<Metric> {
    let mut all = vec![
        Metric::single(
            "sagitta_mqtt_connected",
            "1 while a connection to the broker stands, else 0.",
            Kind::Gauge,
            f64::from(u8::from(link.connected)),
        ),
        Metric::single(
            "sagitta_mqtt_delivered_total",
            "Messages that the broker has acknowledged since the start.",
            Kind::Counter,
            link.delivered as f64,
        ),
        Metric::single(
            "sagitta_mqtt_refused_total",
            "Messages that the broker has refused since the start.",
            Kind::Counter,
            link.refused as f64,
        ),
    ];
    if let Some(latency) = wire::Latency::of(link.latencies.iter().copied()) {
        let sample = |quantile: &str, ms: u64| Sample::new(vec![("quantile", quantile.to_owned())], ms as f64 / 1000.0);
        all.push(Metric {
            name: "sagitta_delivery_seconds",
            help: "From file complete to the broker's acknowledgement, over the last films that were not late.",
            kind: Kind::Summary,
            samples: vec![sample("0.5", latency.p50), sample("0.9", latency.p90), sample("0.99", latency.p99)],
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::fault::FaultCode;
    use crate::domain::report::{Timing, Verdict};

    #[test]
    fn what_was_done_is_told_by_verdict_code_and_stage() {
        let mut standing = Standing::default();
        // Every series begins at zero, so that its first film counts as an increase.
        let begun = work(&standing);
        assert!(begun.iter().all(|metric| !metric.samples.is_empty() && metric.samples.iter().all(|s| s.value == 0.0)));
        standing.recorded(&standing::Tally::Report(Verdict::Repeat), false);
        standing.recorded(&standing::Tally::Fault(FaultCode::Unreadable), false);
        standing.timed(Timing { detect: Duration::from_millis(300), ..Timing::default() });
        let told = work(&standing);
        let find = |name: &str| told.iter().find(|metric| metric.name == name).unwrap();
        let verdict = |word: &str, n: f64| Sample::new(vec![("verdict", word.into())], n);
        assert_eq!(
            find("sagitta_verdicts_total").samples,
            [verdict("accept", 0.0), verdict("repeat", 1.0), verdict("review", 0.0)]
        );
        let faults = &find("sagitta_faults_total").samples;
        assert_eq!(faults.len(), FaultCode::ALL.len());
        let unreadable = Sample::new(vec![("code", "unreadable".into())], 1.0);
        assert!(faults.contains(&unreadable) && faults.iter().map(|s| s.value).sum::<f64>() == 1.0);
        let stages = &find("sagitta_stage_seconds").samples;
        let count = |stage: &str| stages.iter().filter(|s| s.ending == "_count" && s.labels[0].1 == stage).count();
        assert_eq!(["settle", "decode", "detect", "measure", "total"].map(count), [1; 5]);
    }
}
