//! A report as one line of the terminal, read from the wire as any subscriber would read it.

use serde_json::Value;

/// What the line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// The film's file name.
    pub(super) file: String,
    /// The report's id.
    pub(super) report_id: String,
    verdict: String,
    reason: Option<String>,
    numbers: Vec<String>,
    total_ms: u64,
}

/// The numbers that a line has room for: name on the wire, name on the line, unit.
const SHOWN: [(&str, &str, &str); 3] =
    [("c2_c7_cobb", "Cobb C2–C7", "°"), ("c2_c6_cobb", "Cobb C2–C6", "°"), ("sva", "SVA", " mm")];

impl Line {
    /// The line of a report's payload; `None` for anything else.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let report: Value = serde_json::from_slice(payload).ok()?;
        let text = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let measurements = report.get("measurements")?.as_array()?;
        let numbers = SHOWN.iter().filter_map(|(name, label, unit)| {
            let found = measurements.iter().find(|m| m.get("name").and_then(Value::as_str) == Some(name))?;
            Some(match found.get("value").and_then(Value::as_f64) {
                Some(value) if found.get("status").and_then(Value::as_str) == Some("ok") => {
                    format!("{label} {value:.1}{unit}")
                }
                Some(value) => format!("{label} ({value:.1}{unit}?)"),
                None => format!("{label} withheld"),
            })
        });
        Some(Self {
            file: text("/source/file")?,
            report_id: text("/report_id")?,
            verdict: text("/quality/verdict")?,
            reason: text("/quality/reasons/0/text"),
            numbers: numbers.collect(),
            total_ms: report.pointer("/timing_ms/total").and_then(Value::as_u64).unwrap_or(0),
        })
    }

    /// Prints it, with the story of the film.
    pub(super) fn print(&self, story: &str) {
        println!("{:<28} {story}", self.file);
        println!("{:<28} {:<7} {}   {} ms", "", self.verdict.to_uppercase(), self.numbers.join(", "), self.total_ms);
        if let Some(reason) = &self.reason {
            println!("{:<28} {reason}", "");
        }
    }
}

/// How many films of today a `health` payload counts as passed over.
pub(super) fn passed_over(payload: &[u8]) -> Option<u64> {
    let health: Value = serde_json::from_slice(payload).ok()?;
    health.get("passed_over_today").and_then(Value::as_u64)
}
