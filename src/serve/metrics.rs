//! Prometheus text, version 0.0.4: names, help, kind and samples.
//!
//! Written here rather than by a crate: the format is one page, and what is counted lives in the rooms that count it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// The format's own content type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What Prometheus may do with the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// What [`Histogram::samples`] gives.
    Histogram,
    /// Quantiles, by the label `quantile`.
    Summary,
}

/// Upper ends of the buckets, in seconds: around the two seconds that a film may take.
const ENDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 10.0];

/// How often something took how long, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// One a bucket, not cumulated; what took longer than the last is in `count` only.
    buckets: [u64; ENDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    /// Counts one that took so long.
    pub fn observe(&mut self, seconds: f64) {
        let place = ENDS.iter().position(|end| seconds <= *end);
        if let Some(bucket) = place.and_then(|place| self.buckets.get_mut(place)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    /// Prometheus' samples, each with `label` and with the ending of its name.
    pub fn samples(&self, label: (&'static str, &str)) -> Vec<Sample> {
        let own = || (label.0, label.1.to_owned());
        let mut below = 0;
        let mut samples: Vec<Sample> = ENDS
            .iter()
            .zip(self.buckets)
            .map(|(end, n)| {
                below += n;
                Sample { ending: "_bucket", labels: vec![own(), ("le", end.to_string())], value: below as f64 }
            })
            .collect();
        let all = self.count as f64;
        samples.push(Sample { ending: "_bucket", labels: vec![own(), ("le", "+Inf".into())], value: all });
        samples.push(Sample { ending: "_sum", labels: vec![own()], value: self.sum });
        samples.push(Sample { ending: "_count", labels: vec![own()], value: all });
        samples
    }
}

/// One number and what tells it from its siblings.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What a histogram puts behind the name; else empty.
    pub ending: &'static str,
    /// Label and value, such as `("code", "truncated")`; the label is a plain name.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: f64,
}

impl Sample {
    /// A number with its labels.
    pub const fn new(labels: Vec<(&'static str, String)>, value: f64) -> Self {
        Self { ending: "", labels, value }
    }
}

/// One metric with all its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Such as `sagitta_outbox_rows`, with its unit at the end: letters, digits and `_`.
    pub name: &'static str,
    /// What it tells, in one sentence.
    pub help: &'static str,
    /// How to read them.
    pub kind: Kind,
    /// At least one.
    pub samples: Vec<Sample>,
}

impl Metric {
    /// A metric that has one number and no labels.
    pub fn single(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Self {
        Self { name, help, kind, samples: vec![Sample::new(Vec::new(), value)] }
    }
}

/// Answers given, by the hundreds of their status.
#[derive(Debug, Default)]
pub(super) struct Requests([AtomicU64; 5]);

impl Requests {
    pub(super) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.0.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What this room itself tells.
pub(super) fn own(ready: bool, requests: &Requests) -> Vec<Metric> {
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    // Exact up to 2⁵³ requests.
    let count = |class: &str, counter: &AtomicU64| {
        Sample::new(vec![("class", class.to_owned())], counter.load(Ordering::Relaxed) as f64)
    };
    vec![
        Metric {
            name: "sagitta_build_info",
            help: "Always 1; the label tells the version.",
            kind: Kind::Gauge,
            samples: vec![Sample::new(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)],
        },
        Metric::single("sagitta_ready", "1 while films are taken, else 0.", Kind::Gauge, f64::from(u8::from(ready))),
        Metric {
            name: "sagitta_http_answers_total",
            help: "Answers given over HTTP, by the class of their status.",
            kind: Kind::Counter,
            samples: classes.iter().zip(&requests.0).map(|(class, counter)| count(class, counter)).collect(),
        },
    ]
}

/// The text that Prometheus reads.
pub(super) fn text(metrics: &[Metric]) -> String {
    let mut text = String::new();
    for metric in metrics {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        let help = metric.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}", name = metric.name);
        for Sample { ending, labels, value } in &metric.samples {
            let labels: Vec<_> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{}{ending}{braces} {}", metric.name, number(*value));
        }
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Prometheus spells what is not finite in its own way.
fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_the_format_asks_for() {
        let faults = Metric {
            name: "sagitta_faults_total",
            help: "Files that\ncould not be measured.",
            kind: Kind::Counter,
            samples: vec![
                Sample::new(vec![("code", "a\"b\\c\nd".to_owned()), ("room", "1".to_owned())], 3.0),
                Sample::new(vec![], 0.5),
            ],
        };
        let rows = Metric::single("sagitta_rows", "Rows.", Kind::Gauge, f64::INFINITY);
        assert_eq!(
            text(&[faults, rows]),
            "# HELP sagitta_faults_total Files that\\ncould not be measured.\n\
             # TYPE sagitta_faults_total counter\n\
             sagitta_faults_total{code=\"a\\\"b\\\\c\\nd\",room=\"1\"} 3\n\
             sagitta_faults_total 0.5\n\
             # HELP sagitta_rows Rows.\n\
             # TYPE sagitta_rows gauge\n\
             sagitta_rows +Inf\n"
        );
    }

    #[test]
    fn a_histogram_counts_what_lies_below_each_end() {
        let mut histogram = Histogram::default();
        for seconds in [0.004, 0.3, 0.3, 60.0] {
            histogram.observe(seconds);
        }
        let metric = Metric {
            name: "sagitta_stage_seconds",
            help: "How long.",
            kind: Kind::Histogram,
            samples: histogram.samples(("stage", "detect")),
        };
        let text = text(&[metric]);
        for line in [
            "# TYPE sagitta_stage_seconds histogram",
            "sagitta_stage_seconds_bucket{stage=\"detect\",le=\"0.005\"} 1",
            "sagitta_stage_seconds_bucket{stage=\"detect\",le=\"0.25\"} 1",
            "sagitta_stage_seconds_bucket{stage=\"detect\",le=\"0.5\"} 3",
            "sagitta_stage_seconds_bucket{stage=\"detect\",le=\"10\"} 3",
            "sagitta_stage_seconds_bucket{stage=\"detect\",le=\"+Inf\"} 4",
            "sagitta_stage_seconds_sum{stage=\"detect\"} 60.604",
            "sagitta_stage_seconds_count{stage=\"detect\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }

    #[test]
    fn answers_are_counted_by_class() {
        let requests = Requests::default();
        for status in [StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
            requests.count(status);
        }
        let text = text(&own(true, &requests));
        assert!(text.contains("sagitta_http_answers_total{class=\"2xx\"} 2\n"), "{text}");
        assert!(text.contains("sagitta_http_answers_total{class=\"4xx\"} 1\n"), "{text}");
        assert!(text.contains("sagitta_ready 1\n"), "{text}");
    }
}
