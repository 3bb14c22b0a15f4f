//! JSON that leaves: the payloads of the contract, made from the domain's types. Nothing else in Sagitta is published.
//!
//! - Every payload names its schema, `sagitta.<what>/1`. Within `/1` fields may be added, never changed or removed; the
//!   JSON Schemas in `docs/schemas/` are generated from these types by a test.
//! - A [`Number`] is finite and rounded to what the measurement can carry: pixels, millimetres and degrees to 2 decimals,
//!   ratios, shares and confidences to 3, spacings to 5.
//! - Times are RFC 3339, UTC, with milliseconds. `acquired_at` alone is the modality's local time without a zone, as in
//!   the DICOM header, because the header does not name one.
//! - A value that is not known is `null`, never 0 and never left out.

mod device;
mod discovery;
mod fault;
mod names;
mod recall;
mod rejects;
mod repeat;
mod report;
pub mod schema;
mod study;
mod words;

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use device::{
    Clock, EnginePassport, Facts, Health, Info, LastError, Latency, Machine, Model, OutboxHealth, SelfTest, Status,
    StatusState, Temperature, health, info, status,
};
pub use discovery::discovery;
pub use fault::{Fault, fault};
pub use rejects::{Agreement, ExposureStatistics, Period, ReasonCount, Rejects, rejects};
pub use repeat::{
    Decision, MAX_REQUEST, Refusal, RefusalCode, RepeatRequest, RepeatResponse, RequestStatus, repeat_refused,
    repeat_request, repeat_taken,
};
pub use report::{
    Body, Engine, EngineModel, Exposure, Film, Finding, Landmark, Measurement, Quality, Reason, Report, Source, Timing,
    View, deliver, report,
};
pub use study::{
    Disagreement, Dynamic, FilmStatus, JoinedBy, Motion, Stability, Study, StudyContext, Thresholds, study,
};
pub use words::{
    Certainty, Effort, ExposureState, Facing, Format, MeasurementStatus, Position, Stage, ToldBy, Unit, Verdict,
    Visibility,
};

/// The content type of every JSON payload.
pub const JSON: &str = "application/json";
/// The content type of an overlay.
pub const JPEG: &str = "image/jpeg";

/// A finite number, rounded.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(f64);

impl Number {
    /// `value` with `decimals` decimals; `None` where it is not finite.
    pub fn new(value: f64, decimals: u8) -> Option<Self> {
        let scale = 10_f64.powi(i32::from(decimals));
        let scaled = value * scale;
        // Beyond 2^53 a double has no decimals left to round. Adding 0 turns −0 into 0.
        let rounded = if scaled.abs() < 9e15 { scaled.round() / scale + 0.0 } else { value };
        rounded.is_finite().then_some(Self(rounded))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

/// A moment, written as RFC 3339 in UTC with milliseconds: `2026-03-01T12:00:00.000Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(String);

impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Moment {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$"
        })
    }
}

/// The bytes of a payload. The types of this module hold strings, finite numbers and lists of them only, so that writing
/// them cannot fail; should a later type break that, the payload says `null` and its schema's test fails.
fn bytes(payload: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(payload).unwrap_or_else(|_| b"null".to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_rounded_and_never_minus_zero() {
        for (value, decimals, text) in [
            (12.345_678, 2, "12.35"),
            (-0.001, 2, "0.0"),
            (0.143_001, 5, "0.143"),
            (7.0, 2, "7.0"),
            (1e300, 2, "1e+300"),
        ] {
            let number = Number::new(value, decimals).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), text);
        }
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Number::new(bad, 2), None);
        }
    }

    proptest! {
        #[test]
        fn rounding_keeps_order_and_stays_near(a in -1e6..1e6_f64, b in -1e6..1e6_f64) {
            let (x, y) = (Number::new(a, 2).unwrap(), Number::new(b, 2).unwrap());
            prop_assert!((x.get() - a).abs() <= 0.005_001);
            prop_assert!(a > b || x <= y);
        }

        #[test]
        fn every_double_is_a_json_number_or_nothing(value: f64) {
            if let Some(number) = Number::new(value, 3) {
                let text = serde_json::to_string(&number).unwrap();
                prop_assert!(serde_json::from_str::<f64>(&text).unwrap().is_finite());
            }
        }
    }
}
