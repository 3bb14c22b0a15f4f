//! Studies with the real ledger: whatever the order of the films and however often the service is restarted in between,
//! the same films make the same study; what expires is gone; what was published validates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod publish_support;

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use publish_support::{hash, id, sample};
use sagitta::assess::findings::MAX_MAGNIFICATION;
use sagitta::domain::decision::{Action, RejectReason, Word};
use sagitta::domain::measurement::*;
use sagitta::domain::report::*;
use sagitta::ledger::{
    FILMS_KEPT, Film, Identity, Kind, Ledger, Limits, Membership, Next, Recorded, Seen, Settled, StudyRow,
};
use sagitta::publish::wire::{self, StudyContext};
use sagitta::study::summary::Language;
use serde_json::{Value, json};
use sha2::Digest as _;
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);

fn context() -> StudyContext {
    StudyContext {
        device: "room-1".into(),
        settings: sagitta::study::Settings::default(),
        languages: Language::ALL.to_vec(),
        magnification: MAX_MAGNIFICATION,
    }
}

fn open(folder: &Path) -> Ledger {
    Ledger::open(folder, Limits::default()).unwrap()
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_366_400, 0).unwrap()
}

fn minute(n: i64) -> NaiveDateTime {
    (noon() + chrono::Duration::minutes(n)).naive_utc()
}

/// The report of film `n`: a neck of `cobb` degrees whose C4-C5 slips by `slip` millimetres and stands at `angle`.
fn report(n: u32, header: Position, cobb: f64, slip: f64, angle: f64) -> Report {
    let ok = |value: f64| Reading::Ok(Estimate::new(value, value - 0.5, value + 0.5).unwrap());
    let row = |quantity, level, reading| Measurement { quantity, level, reading };
    let mut rows = vec![row(Quantity::C2C7Cobb, None, ok(cobb)), row(Quantity::C2C6Cobb, None, ok(cobb))];
    for (_, _, level) in Level::segments() {
        let loose = level.to_string() == "C4-C5";
        rows.push(row(Quantity::SlipDistance, Some(level), ok(if loose { slip } else { 0.2 })));
        rows.push(row(Quantity::SlipAngle, Some(level), ok(if loose { angle } else { 1.0 })));
    }
    let mut report = sample();
    report.id = id(n);
    report.source.sha256 = hash(n);
    report.position = PositionEvidence { header, ..PositionEvidence::NONE };
    report.measurements = Measurements(rows);
    report.assessment.findings.clear();
    report
}

fn membership(key: &str, taken_at: NaiveDateTime) -> Membership<'_> {
    Membership { key, patient: Some("patient-1"), by_time: false, taken_at, expires_in: 24 * HOUR }
}

fn record(ledger: &Ledger, report: &Report, membership: &Membership<'_>, now: DateTime<Utc>) -> Recorded {
    let payload = wire::report(report);
    let film = Film {
        identity: Identity::Content(&report.source.sha256),
        file: "film.dcm",
        received_at: report.received_at,
        seen: Seen::Report { report, payload: &payload },
    };
    let compose = |row: &StudyRow| wire::study(row, &context());
    ledger.record_in_study(&film, &[], membership, &compose, now).unwrap()
}

fn payload(ledger: &Ledger, key: &str, now: DateTime<Utc>) -> Option<Value> {
    ledger.study(key, now).unwrap().map(|message| serde_json::from_slice(&message.payload).unwrap())
}

fn patient_with_a_loose_level() -> [(Report, NaiveDateTime); 3] {
    [
        (report(1, Position::Neutral, 10.0, 1.0, 2.0), minute(0)),
        (report(2, Position::Flexion, -20.0, 3.0, 9.0), minute(3)),
        (report(3, Position::Extension, 35.0, -1.5, -4.0), minute(5)),
    ]
}

#[test]
fn the_order_of_arrival_and_restarts_change_nothing() {
    let mut made: Vec<Vec<u8>> = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let folder = TempDir::new().unwrap();
        let films = patient_with_a_loose_level();
        for n in order {
            let (report, taken_at) = &films[n];
            // Opened anew for each film, as after a restart.
            let ledger = open(folder.path());
            record(&ledger, report, &membership("s", *taken_at), noon());
        }
        made.push(open(folder.path()).study("s", noon()).unwrap().unwrap().payload);
    }
    assert!(made.windows(2).all(|pair| pair[0] == pair[1]), "{made:?}");
    let study: Value = serde_json::from_slice(&made[0]).unwrap();
    assert_eq!(study["schema"], "sagitta.study/1");
    assert_eq!(study["missing"], json!([]));
    assert_eq!(study["dynamic"]["range_of_motion"]["value"], 55.0);
    assert_eq!(study["dynamic"]["effort"], "sufficient");
    let level = &study["dynamic"]["levels"][2];
    assert_eq!((&level["level"], &level["stability"]), (&json!("C4-C5"), &json!("unstable")));
    assert_eq!((&level["slip_change"]["value"], &level["angle_change"]["value"]), (&json!(4.5), &json!(13.0)));
    assert_eq!(study["dynamic"]["levels"][0]["stability"], "stable");
    let films = study["films"].as_array().unwrap();
    let told = |key: &str| films.iter().map(|film| film[key].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(told("position"), ["neutral", "flexion", "extension"], "in the order taken");
    assert_eq!(told("report_id"), ["r-000001", "r-000002", "r-000003"]);
}

#[test]
fn a_study_says_at_once_what_is_missing_and_what_follows_from_each_film() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path());
    let films = patient_with_a_loose_level();
    let missing = |n: usize| {
        record(&ledger, &films[n].0, &membership("s", films[n].1), noon());
        payload(&ledger, "s", noon()).unwrap()["missing"].clone()
    };
    assert_eq!(missing(0), json!([]));
    assert_eq!(missing(1), json!(["extension"]));
    let words = payload(&ledger, "s", noon()).unwrap()["summary"].to_string();
    assert!(words.contains("The extension view is missing"), "{words}");
    assert_eq!(missing(2), json!([]));
    let words = payload(&ledger, "s", noon()).unwrap();
    assert!(words["summary"].to_string().contains("Dynamic instability at C4-C5"), "{words:#}");
    assert!(words["summaries"]["zh-Hans"].to_string().contains("C4-C5节段动态不稳"), "{words:#}");
}

#[test]
fn a_repeated_film_replaces_its_predecessor_also_when_it_comes_first() {
    let films = [
        (report(1, Position::Flexion, -20.0, 0.0, 0.0), minute(0)),
        (report(2, Position::Flexion, -25.0, 0.0, 0.0), minute(9)),
    ];
    for order in [[0, 1], [1, 0]] {
        let folder = TempDir::new().unwrap();
        let ledger = open(folder.path());
        for n in order {
            record(&ledger, &films[n].0, &membership("s", films[n].1), noon());
        }
        let study = payload(&ledger, "s", noon()).unwrap();
        let [first, second] = [&study["films"][0], &study["films"][1]];
        assert_eq!((&first["status"], &first["replaced_by"]), (&json!("replaced"), &json!("r-000002")));
        assert_eq!((&second["status"], &second["replaced_by"]), (&json!("current"), &Value::Null));
    }
}

#[test]
fn one_message_a_study_waits_and_a_late_acknowledgement_does_not_delete_a_newer_one() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path());
    let films = patient_with_a_loose_level();
    record(&ledger, &films[0].0, &membership("s", films[0].1), noon());
    let Next::Row(first) = ledger.next(noon()).unwrap() else { panic!("nothing waits") };
    assert_eq!((first.kind, first.key.as_str(), first.seq), (Kind::Study, "s", None));
    assert_eq!(first.expires_at, Some(noon() + chrono::Duration::days(1)));
    record(&ledger, &films[1].0, &membership("s", films[1].1), noon());
    assert_eq!(ledger.room().unwrap().waiting, 1, "the newer has taken the older's place");
    ledger.delivered(first.id).unwrap();
    let Next::Row(second) = ledger.next(noon()).unwrap() else { panic!("the newer one is gone") };
    let study: Value = serde_json::from_slice(&second.payload).unwrap();
    assert_eq!(study["films"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_has_expired_is_forgotten_and_begins_anew() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path());
    let films = patient_with_a_loose_level();
    record(&ledger, &films[0].0, &membership("s", films[0].1), noon());
    let later = noon() + chrono::Duration::hours(12);
    record(&ledger, &films[1].0, &membership("s", films[1].1), later);
    let still = noon() + chrono::Duration::hours(35);
    assert!(ledger.study("s", still).unwrap().is_some(), "it counts from the last film");
    let over = noon() + chrono::Duration::hours(36);
    assert_eq!(ledger.study("s", over).unwrap(), None);
    assert_eq!(ledger.study_after(None, over).unwrap(), None);
    assert_eq!(ledger.next(over).unwrap(), Next::Empty, "nobody is told of it any more");
    record(&ledger, &films[2].0, &membership("s", films[2].1), over);
    let study = payload(&ledger, "s", over).unwrap();
    assert_eq!(study["films"].as_array().map(Vec::len), Some(1));
    assert_eq!(study["missing"], json!(["flexion"]));
    assert!(ledger.report(&id(1)).unwrap().is_some(), "the reports stay");
}

#[test]
fn films_without_a_study_of_their_own_join_the_nearest_of_their_patient() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path());
    let by_time = |key, n| Membership { by_time: true, ..membership(key, minute(n)) };
    record(&ledger, &report(1, Position::Neutral, 0.0, 0.0, 0.0), &by_time("morning", 0), noon());
    record(&ledger, &report(2, Position::Neutral, 0.0, 0.0, 0.0), &by_time("evening", 600), noon());
    record(&ledger, &report(3, Position::Neutral, 0.0, 0.0, 0.0), &membership("with-uid", minute(300)), noon());
    let near = |patient, n, now| ledger.study_near(patient, minute(n), 4 * HOUR, now).unwrap();
    assert_eq!(near("patient-1", 100, noon()).as_deref(), Some("morning"));
    assert_eq!(near("patient-1", -240, noon()).as_deref(), Some("morning"), "a film taken before may come after");
    assert_eq!(near("patient-1", 590, noon()).as_deref(), Some("evening"));
    assert_eq!(near("patient-1", 300, noon()), None, "beyond the window of both, and the third has an identifier");
    assert_eq!(near("patient-2", 0, noon()), None, "nobody joins another patient's films");
    assert_eq!(near("patient-1", 0, noon() + chrono::Duration::days(2)), None, "expired");
}

#[test]
fn a_study_keeps_a_bounded_number_of_films() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path());
    let kept = u32::try_from(FILMS_KEPT).unwrap();
    for n in 1..=kept + 3 {
        record(&ledger, &report(n, Position::Neutral, 0.0, 0.0, 0.0), &membership("s", minute(i64::from(n))), noon());
    }
    let study = payload(&ledger, "s", noon()).unwrap();
    let films = study["films"].as_array().unwrap();
    assert_eq!(films.len(), FILMS_KEPT as usize);
    assert_eq!(films[0]["report_id"], id(4).0);
}

#[test]
fn a_radiographers_word_is_shown_in_the_study_in_the_same_transaction() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path());
    let (film, taken_at) = &patient_with_a_loose_level()[0];
    record(&ledger, film, &membership("s", *taken_at), noon());
    let compose = |row: &StudyRow| wire::study(row, &context());
    let word =
        |action| Word { report: film.id.clone(), action, reason: Some(RejectReason::Positioning), by: "RT 7".into() };
    let decide = |action| ledger.decide(&word(action), noon(), Some(&compose), |_| Vec::new()).unwrap();
    assert!(matches!(decide(Action::Repeat), Settled::Changed(_)));
    let shown = payload(&ledger, "s", noon()).unwrap()["films"][0]["decision"].clone();
    assert_eq!((&shown["action"], &shown["by"]), (&json!("repeat"), &json!("RT 7")));
    assert!(matches!(ledger.next(noon()).unwrap(), Next::Row(row) if row.kind == Kind::Study));
    decide(Action::Withdraw);
    assert_eq!(payload(&ledger, "s", noon()).unwrap()["films"][0]["decision"], Value::Null);
}

#[test]
fn a_film_that_is_known_changes_no_study() {
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path());
    let (film, taken_at) = &patient_with_a_loose_level()[0];
    record(&ledger, film, &membership("s", *taken_at), noon());
    assert_eq!(record(&ledger, film, &membership("other", *taken_at), noon()), Recorded::Known);
    assert_eq!(payload(&ledger, "other", noon()), None);
}

#[test]
fn a_ledger_from_before_studies_is_brought_to_them() {
    let folder = TempDir::new().unwrap();
    let path = open(folder.path()).path().to_owned();
    let sql = rusqlite::Connection::open(&path).unwrap();
    // What the second and the third step have brought.
    sql.execute_batch(
        "DROP TABLE study_film; DROP TABLE study; DROP INDEX outbox_study; DROP TABLE judged; DROP TABLE word;
         DROP INDEX film_time; ALTER TABLE outbox DROP COLUMN topic; ALTER TABLE outbox DROP COLUMN correlation;
         PRAGMA user_version = 1",
    )
    .unwrap();
    drop(sql);
    let ledger = open(folder.path());
    let (film, taken_at) = &patient_with_a_loose_level()[0];
    record(&ledger, film, &membership("s", *taken_at), noon());
    assert!(payload(&ledger, "s", noon()).is_some());
}

#[test]
fn what_is_published_validates() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas/study.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let folder = TempDir::new().unwrap();
    let ledger = open(folder.path());
    let mut films = patient_with_a_loose_level().to_vec();
    // Nothing is told of this one, and C7 is not seen.
    films.push((report(4, Position::Unknown, 50.0, 0.0, 0.0), minute(8)));
    for row in &mut films[1].0.measurements.0 {
        if row.level.is_some_and(|level| level.to_string() == "C6-C7") {
            row.reading = Reading::Withheld("not found: C7".into());
        }
    }
    for (film, taken_at) in &films {
        record(&ledger, film, &membership("s", *taken_at), noon());
        let study = payload(&ledger, "s", noon()).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&study).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new(), "{study:#}");
    }
    let study = payload(&ledger, "s", noon()).unwrap();
    assert_eq!(study["dynamic"]["levels"][4]["stability"], "undetermined");
    assert_eq!(study["dynamic"]["levels"][4]["slip_change"]["reason"], "flexion: not found: C7");
    let mut wrong = study;
    wrong["missing"] = json!(["sideways"]);
    assert!(!validator.is_valid(&wrong));
}

/// A film on its way: its patient as typed at the console, its report, when it was taken.
struct Shot {
    uid: usize,
    patient: String,
    report: Report,
    taken_at: NaiveDateTime,
}

/// Twenty patients: a third neutral alone, a third with both ends, some with one end, every fifth with a repeated flexion; for
/// patient 7 somebody typed another patient's id on the extension.
fn afternoon() -> Vec<Shot> {
    let mut shots = Vec::new();
    for patient in 0..20_usize {
        let views: &[(Position, f64)] = match patient % 3 {
            0 => &[(Position::Neutral, 12.0)],
            1 => &[(Position::Neutral, 12.0), (Position::Flexion, -18.0), (Position::Extension, 30.0)],
            _ => &[(Position::Flexion, -18.0)],
        };
        let again = (patient % 5 == 0 && patient % 3 != 0).then_some((Position::Flexion, -24.0));
        for (nth, (position, cobb)) in views.iter().copied().chain(again).enumerate() {
            let number = u32::try_from(patient * 10 + nth).unwrap();
            let wrong = patient == 7 && position == Position::Extension;
            shots.push(Shot {
                uid: patient,
                patient: format!("id-{}", if wrong { 8 } else { patient }),
                report: report(number, position, cobb, 0.5, 2.0),
                taken_at: minute(i64::from(number)),
            });
        }
    }
    shots
}

#[test]
fn an_afternoon_of_twenty_patients() {
    let folder = TempDir::new().unwrap();
    let secret = open(folder.path()).pseudonym_key().unwrap();
    let key = |uid: usize, patient: &str| {
        sagitta::pipeline::pseudonym(&secret, "study", &format!("1.2.{uid}\0{patient}")).unwrap()
    };
    let mut shots = afternoon();
    // Out of order, the same way every time: sorted by a hash of the report's id.
    shots.sort_by_key(|shot| sha2::Sha256::digest(shot.report.id.0.as_bytes()).to_vec());
    for morsel in shots.chunks(7) {
        // A restart after every seven films.
        let ledger = open(folder.path());
        for shot in morsel {
            let key = key(shot.uid, &shot.patient);
            let membership = Membership { patient: Some(&shot.patient), ..membership(&key, shot.taken_at) };
            record(&ledger, &shot.report, &membership, noon());
        }
    }
    let ledger = open(folder.path());
    for patient in 0..20_usize {
        let study = payload(&ledger, &key(patient, &format!("id-{patient}")), noon()).unwrap();
        let films = study["films"].as_array().unwrap();
        let positions: Vec<&str> = films.iter().map(|film| film["position"].as_str().unwrap()).collect();
        let replaced = films.iter().filter(|film| film["status"] == "replaced").count();
        let again = patient % 5 == 0 && patient % 3 != 0;
        let mut expected = match patient % 3 {
            0 => vec!["neutral"],
            1 => vec!["neutral", "flexion", "extension"],
            _ => vec!["flexion"],
        };
        expected.retain(|view| patient != 7 || *view != "extension");
        expected.extend(again.then_some("flexion"));
        assert_eq!((positions, replaced), (expected.clone(), usize::from(again)), "patient {patient}");
        let bent = expected.contains(&"flexion");
        let both = bent && expected.contains(&"extension");
        let missing = if bent && !both { json!(["extension"]) } else { json!([]) };
        assert_eq!((&study["missing"], study["dynamic"].is_object()), (&missing, both), "patient {patient}");
    }
    let stray = payload(&ledger, &key(7, "id-8"), noon()).unwrap();
    assert_eq!((&stray["missing"], stray["films"].as_array().map(Vec::len)), (&json!(["flexion"]), Some(1)));
    let mut all = Vec::new();
    while let Some(next) = ledger.study_after(all.last().map(String::as_str), noon()).unwrap() {
        all.push(next.key);
    }
    assert_eq!(all.len(), 21, "twenty patients and the stray film");
}
