//! The payloads from outside: the documents in docs/schemas are the types' own, and what is sent validates against them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod publish_support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use publish_support::{hash, sample};
use sagitta::domain::board::Board;
use sagitta::domain::decision::{Decision, JudgedFilm, RejectReason};
use sagitta::domain::fault::{Fault, FaultCode};
use sagitta::domain::geometry::PointPx;
use sagitta::domain::report::{Position, Report, Verdict};
use sagitta::ledger::Room;
use sagitta::publish::wire::{self, StatusState};
use sagitta::rejects::Analysis;
use serde_json::{Value, json};

const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schemas");

#[test]
fn the_documents_are_current() {
    let update = std::env::var_os("SAGITTA_UPDATE").is_some();
    for (name, text) in wire::schema::documents() {
        let path = Path::new(SCHEMAS).join(&name);
        if update {
            fs::create_dir_all(SCHEMAS).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == text,
            "docs/schemas/{name} is out of date: run SAGITTA_UPDATE=1 cargo test --test publish_wire"
        );
    }
}

/// The AsyncAPI document names every schema, and none that is not there.
#[test]
fn the_topics_document_names_every_schema() {
    let document = fs::read_to_string(Path::new(SCHEMAS).join("../asyncapi.yaml")).unwrap();
    let named = document.lines().filter_map(|line| line.trim().strip_prefix("$ref: schemas/"));
    let mut named: Vec<String> = named.map(Into::into).collect();
    let mut written: Vec<String> = wire::schema::documents().map(|(name, _)| name).collect();
    named.sort();
    written.sort();
    assert_eq!(named, written);
}

fn errors(document: &str, payload: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(Path::new(SCHEMAS).join(document)).unwrap()).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    validator.iter_errors(payload).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn delivered(report: &Report) -> Value {
    serde_json::from_slice(&wire::deliver(&wire::report(report), 42, true, None).unwrap()).unwrap()
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_772_366_400_123).unwrap()
}

#[test]
fn a_report_says_what_the_contract_says() {
    let mut payload = delivered(&sample());
    payload.as_object_mut().unwrap().remove("landmarks");
    insta::assert_json_snapshot!("report", payload);
    let landmarks = &delivered(&sample())["landmarks"];
    assert_eq!(landmarks.as_array().map(Vec::len), Some(33), "the landmark that was not found is absent");
    assert_eq!(
        landmarks[1],
        json!({"vertebra": "C2", "corner": "antero_inferior", "x": 100.33, "y": 50.13, "sigma_px": 1.23,
               "confidence": 0.988, "stage": "refined"})
    );
}

/// A film that Sagitta would repeat; the radiographer rejects it for `reason`, or keeps it.
fn judged(reason: Option<RejectReason>) -> JudgedFilm {
    JudgedFilm {
        day: at().date_naive(),
        position: Position::Flexion,
        verdict: Verdict::Repeat,
        suggested: Some(RejectReason::Positioning),
        deviation_index: Some(-4.26),
        operator: Some("Li^Na".into()),
        decision: Some(Decision { repeat: reason.is_some(), reason, by: "RT 7".into(), at: at() }),
    }
}

fn rejects(films: &[JudgedFilm]) -> Vec<u8> {
    let (day, analysis) = (at().date_naive(), Analysis::of(films, 2, 1));
    wire::rejects("room-1", at(), (day, day, &analysis), (day, day, &analysis))
}

#[test]
fn rejects_tell_rates_and_reasons_and_no_operator() {
    let payload = rejects(&[judged(Some(RejectReason::Grid)), judged(None)]);
    assert!(!String::from_utf8_lossy(&payload).contains("Li"), "operators are not published");
    let today = &serde_json::from_slice::<Value>(&payload).unwrap()["today"];
    assert_eq!(
        today["reasons"],
        json!([
            {"reason": "grid", "dicom_code": "111208", "repeated": 1, "repeat_rate": 0.5, "suggested": 0},
            {"reason": "positioning", "dicom_code": "111209", "repeated": 0, "repeat_rate": 0.0, "suggested": 2},
        ])
    );
    let counts = ["films", "repeated", "suggested", "accepted", "undecided", "passed_over", "faults"];
    assert_eq!(counts.map(|name| today[name].as_u64()), [2, 1, 2, 1, 0, 2, 1].map(Some));
    assert_eq!((&today["agreement"]["observed"], &today["agreement"]["kappa"]), (&json!(0.5), &json!(0.0)));
    assert_eq!((&today["exposure"]["mean"], &today["exposure"]["below"]), (&json!(-4.26), &json!(2)));
}

fn passport() -> wire::EnginePassport {
    wire::EnginePassport {
        role: "detector".into(),
        precision: "fp16".into(),
        built_at: "2026-11-22T12:00:00Z".into(),
        device: Some("Orin".into()),
        tensorrt: Some("10.3.0".into()),
        cuda: None,
        driver: None,
        onnxruntime: "1.18.0".into(),
        landmark_mean_px: wire::Number::new(0.02, 3),
        landmark_max_px: None,
    }
}

#[test]
fn every_payload_validates() {
    let fault =
        Fault { code: FaultCode::Encrypted, file: "a.dcm".into(), reason: "its attributes are encrypted".into() };
    let facts = wire::Facts {
        at: at(),
        started_at: at(),
        films_waiting: 3,
        reports: 4,
        faults: 1,
        passed_over_today: 2,
        outbox: Room { waiting: 1, set_aside: 1, bytes: 12_000, oldest: Some(at()) },
        disk_free_bytes: Some(1 << 40),
        board: Board {
            temperatures: vec![("cpu".into(), 51.25), ("broken".into(), f64::NAN)],
            power_mode: Some("15W".into()),
            gpu_mhz: Some((306.0, 624.75)),
            throttled_by: vec!["gpu-throttle-alert".into()],
            ..Board::default()
        },
        self_test: Some((at(), Some("a landmark differs".into()))),
        latencies: (1..=100).map(Duration::from_millis).collect(),
        last_error: Some((at(), "the broker is away".into())),
    };
    for (document, payload) in [
        ("fault.json", wire::fault(&fault, "room-1", at(), Some(&hash(1)), Some("a.dcm.fault.json"))),
        ("fault.json", wire::fault(&fault, "room-1", at(), None, None)),
        ("status.json", wire::status(StatusState::BuildingEngines, at(), None)),
        ("status.json", wire::status(StatusState::Offline, at(), Some("why"))),
        ("info.json", wire::info("room-1", "0.1.0", "abc", Some(&sample().engine), vec![passport()])),
        ("info.json", wire::info("room-1", "0.1.0", "abc", None, vec![])),
        ("health.json", wire::health(&facts)),
        ("health.json", wire::health(&wire::Facts { latencies: vec![], last_error: None, ..facts.clone() })),
        ("rejects.json", rejects(&[])),
        ("rejects.json", rejects(&[judged(Some(RejectReason::Grid)), judged(None)])),
        ("repeat_request.json", br#"{"report_id":"a","action":"repeat","reason":"grid","by":"RT 7"}"#.to_vec()),
        ("repeat_request.json", br#"{"report_id":"a","action":"withdraw","by":"RT 7"}"#.to_vec()),
    ] {
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(errors(document, &payload), Vec::<String>::new(), "{payload:#}");
    }
    assert_eq!(errors("report.json", &delivered(&sample())), Vec::<String>::new());
    let health: Value = serde_json::from_slice(&wire::health(&facts)).unwrap();
    assert_eq!(health["latency_ms"], json!({"films": 100, "p50": 50, "p90": 90, "p99": 99}));
    assert_eq!(health["machine"]["gpu"], json!({"mhz": 306.0, "max_mhz": 625.0}));
    assert_eq!(health["self_test"]["passed"], false);
    assert_eq!(health["temperatures"], json!([{"sensor": "cpu", "celsius": 51.3}]));
}

/// The rule of `/1`: fields may be added, never changed or removed. Payloads as earlier versions sent them (`tests/payloads/v1`,
/// one file each, never changed afterwards) go on validating, and go on being read. Requests are the other way round: what a
/// console was once built to send is still taken.
#[test]
fn payloads_of_earlier_versions_still_validate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads/v1");
    let mut kinds = std::collections::BTreeSet::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (kind, _) = name.split_once('-').expect("KIND-WHAT.json");
        let text = fs::read_to_string(&path).unwrap();
        let payload: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(errors(&format!("{kind}.json"), &payload), Vec::<String>::new(), "{name}");
        // Deep is where changes hide: a field that has gone is noticed by its absence from what is read and written again.
        let read: Result<Value, _> = match kind {
            "report" => serde_json::from_str::<wire::Report>(&text).and_then(serde_json::to_value),
            "study" => serde_json::from_str::<wire::Study>(&text).and_then(serde_json::to_value),
            "status" => serde_json::from_str::<wire::Status>(&text).and_then(serde_json::to_value),
            "info" => serde_json::from_str::<wire::Info>(&text).and_then(serde_json::to_value),
            "health" => serde_json::from_str::<wire::Health>(&text).and_then(serde_json::to_value),
            "rejects" => serde_json::from_str::<wire::Rejects>(&text).and_then(serde_json::to_value),
            "fault" => serde_json::from_str::<wire::Fault>(&text).and_then(serde_json::to_value),
            "repeat_response" => serde_json::from_str::<wire::RepeatResponse>(&text).and_then(serde_json::to_value),
            "repeat_request" => {
                assert!(wire::repeat_request(text.as_bytes()).is_ok(), "{name}");
                Ok(payload.clone())
            }
            other => panic!("{other}: no such schema"),
        };
        let read = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(missing(&payload, &read, ""), Vec::<String>::new(), "{name}");
        kinds.insert(kind.to_owned());
    }
    assert_eq!(kinds.len(), wire::schema::documents().count(), "a payload of each kind: {kinds:?}");
}

/// What `old` says and `new` does not, or says otherwise.
fn missing(old: &Value, new: &Value, at: &str) -> Vec<String> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => old
            .iter()
            .flat_map(|(key, value)| match new.get(key) {
                Some(new) => missing(value, new, &format!("{at}/{key}")),
                None => vec![format!("{at}/{key} has gone")],
            })
            .collect(),
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => old
            .iter()
            .zip(new)
            .enumerate()
            .flat_map(|(n, (old, new))| missing(old, new, &format!("{at}/{n}")))
            .collect(),
        (Value::Number(old), Value::Number(new)) if old.as_f64() == new.as_f64() => Vec::new(),
        _ if old == new => Vec::new(),
        _ => vec![format!("{at}: {old} has become {new}")],
    }
}

/// A schema that lets everything pass would make the test above worthless.
#[test]
fn the_schemas_refuse_what_is_wrong() {
    let good = delivered(&sample());
    for (path, bad) in [
        ("/seq", json!(-1)),
        ("/schema", json!("sagitta.report/2")),
        ("/received_at", json!("yesterday")),
        ("/quality/verdict", json!("perfect")),
        ("/measurements/0/value", json!("12")),
        ("/measurements/0/ci90", json!([1.0])),
        ("/view/position", json!(null)),
        ("/landmarks/0/x", json!(null)),
    ] {
        let mut payload = good.clone();
        *payload.pointer_mut(path).unwrap() = bad;
        assert!(!errors("report.json", &payload).is_empty(), "{path}");
    }
    let mut payload = good.clone();
    payload.as_object_mut().unwrap().remove("report_id");
    assert!(!errors("report.json", &payload).is_empty());
    let mut newer = good;
    newer["added_later"] = json!(1);
    assert_eq!(errors("report.json", &newer), Vec::<String>::new(), "adding is allowed within /1");
}

#[test]
fn a_report_reads_back_as_its_type() {
    let report: wire::Report = serde_json::from_value(delivered(&sample())).unwrap();
    assert_eq!((report.seq, report.historical), (42, true));
    assert_eq!(report.body.report_id, "r-000001");
    assert_eq!(report.body.received_at.as_str(), "2026-03-01T12:00:00.123Z");
    assert_eq!(serde_json::to_value(&report).unwrap(), delivered(&sample()));
}

#[test]
fn numbers_that_are_not_finite_leave_as_null_or_not_at_all() {
    let mut report = sample();
    report.assessment.quality.exposure.clipped.black = f64::NAN;
    report.assessment.findings[0].threshold = f64::INFINITY;
    report.keypoints = report.keypoints.map(|_, landmark| {
        let position = PointPx::new(landmark.position.x, if landmark.position.y > 1000.0 { f64::NAN } else { 1.0 });
        sagitta::domain::anatomy::Landmark { position, confidence: f64::NAN, ..landmark }
    });
    let payload = delivered(&report);
    assert_eq!(payload["quality"]["exposure"]["clipped_black"], Value::Null);
    assert_eq!(payload["findings"][0]["threshold"], Value::Null);
    assert_eq!(payload["landmarks"][0]["confidence"], Value::Null);
    assert_eq!(errors("report.json", &payload), Vec::<String>::new());
}

#[test]
fn hostile_words_stay_inside_their_string() {
    let mut report = sample();
    report.source.file = "a\",\"seq\":7,\"x\":\"\n\0\u{202e}".into();
    let payload = delivered(&report);
    assert_eq!(payload["source"]["file"], report.source.file);
    assert_eq!(payload["seq"], 42);
}

#[test]
fn only_a_stored_report_can_be_delivered() {
    for bad in [&b""[..], b"{}", b"null", b"[1]", b"{\"a\":1"] {
        assert_eq!(wire::deliver(bad, 1, false, None), None, "{bad:?}");
    }
}
