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
}

/// One number and what tells it from its siblings.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Label and value, such as `("code", "truncated")`; the label is a plain name.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: f64,
}

/// One metric with all its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Such as `sagitta_outbox_rows`, with its unit at the end: letters, digits and `_`.
    pub name: &'static str,
    /// What it tells, in one sentence.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// At least one.
    pub samples: Vec<Sample>,
}

impl Metric {
    /// A metric that has one number and no labels.
    pub fn single(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Self {
        Self { name, help, kind, samples: vec![Sample { labels: Vec::new(), value }] }
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
    let count = |class: &str, counter: &AtomicU64| Sample {
        labels: vec![("class", class.to_owned())],
        // Exact up to 2⁵³ requests.
        value: counter.load(Ordering::Relaxed) as f64,
    };
    vec![
        Metric {
            name: "sagitta_build_info",
            help: "Always 1; the label tells the version.",
            kind: Kind::Gauge,
            samples: vec![Sample { labels: vec![("version", env!("CARGO_PKG_VERSION").to_owned())], value: 1.0 }],
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
        };
        let help = metric.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}", name = metric.name);
        for Sample { labels, value } in &metric.samples {
            let labels: Vec<_> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{}{braces} {}", metric.name, number(*value));
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
                Sample { labels: vec![("code", "a\"b\\c\nd".to_owned()), ("room", "1".to_owned())], value: 3.0 },
                Sample { labels: vec![], value: 0.5 },
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
