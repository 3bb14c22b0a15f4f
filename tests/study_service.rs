//! `P/study/<key>` from outside: the service, a real broker, films in and out of order, a restart in the middle, a wrong
//! patient id, films without StudyInstanceUID, and a broker that has forgotten everything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::PathBuf;

use serde_json::{Value, json};

mod publish_support;
mod room_support;
use publish_support::{Mosquitto, Seen5, Subscriber};
use room_support::Room;

/// Films of one patient: neutral, flexion, extension.
fn films(room: &Room, seed: &str) -> [PathBuf; 3] {
    let views = "neutral,flexion,extension";
    let folder = room.phantoms("films", &["--seed", seed, "--count", "3", "--views", views, "--difficulty", "clean"]);
    let seed: u32 = seed.parse().unwrap();
    ["neutral", "flexion", "extension"].map(|view| folder.join(format!("phantom-{seed:06}-{view}.dcm")))
}

fn is_study(seen: &Seen5) -> bool {
    seen.topic.starts_with("sagitta/room-1/study/")
}

/// The next message of any study with so many films.
fn study_of(subscriber: &Subscriber, films: usize) -> (Seen5, Value) {
    let seen = subscriber
        .wait_for("the study", |seen| is_study(seen) && seen.json()["films"].as_array().map(Vec::len) == Some(films));
    let study = seen.json();
    assert_eq!(seen.topic, format!("sagitta/room-1/study/{}", study["study_key"].as_str().unwrap()));
    (seen, study)
}

fn positions(study: &Value) -> Vec<&str> {
    study["films"].as_array().unwrap().iter().map(|film| film["position"].as_str().unwrap()).collect()
}

#[test]
fn films_of_one_patient_become_one_study_whatever_happens_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Mosquitto::start(folder.path());
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/#");
    let mut room = Room::new(broker.port);
    let [neutral, flexion, extension] = films(&room, "2029");
    room.start();

    // The last film comes first.
    room.drop_film(&extension);
    let report = subscriber.wait_for("the report", |seen| seen.is("report")).json();
    let (seen, study) = study_of(&subscriber, 1);
    assert_eq!((seen.qos, seen.content_type.as_str()), (1, "application/json"));
    let left: u32 = seen.expiry.parse().unwrap();
    assert!((86_000..=86_400).contains(&left), "{left}");
    assert_eq!(study["study_key"], report["source"]["study_key"]);
    assert_eq!(study["films"][0]["report_id"], report["report_id"]);
    assert_eq!((&study["missing"], &study["dynamic"]), (&json!(["flexion"]), &Value::Null));
    assert_eq!(study["language"], "zh-Hans");
    assert!(study["summary"].to_string().contains("缺少过屈位片"), "{study:#}");
    assert!(study["summaries"]["en"].to_string().contains("The flexion view is missing"), "{study:#}");
    let key = study["study_key"].clone();

    // A power cut; the first film comes second, the second last.
    room.kill();
    room.start();
    room.drop_film(&neutral);
    assert_eq!(positions(&study_of(&subscriber, 2).1), ["neutral", "extension"]);
    room.drop_film(&flexion);
    let (_, study) = study_of(&subscriber, 3);
    assert_eq!(study["study_key"], key);
    assert_eq!(positions(&study), ["neutral", "flexion", "extension"], "{}", room.log());
    assert_eq!(study["missing"], json!([]));
    assert_eq!(study["dynamic"]["effort"], "sufficient", "{study:#}");
    assert_eq!(study["dynamic"]["levels"].as_array().map(Vec::len), Some(5));

    // A film taken again, later in the day.
    let again = room.altered(&flexion, "again.dcm", &["-m", "AcquisitionTime=180000"]);
    room.drop_film(&again);
    let (_, study) = study_of(&subscriber, 4);
    assert_eq!(study["films"][1]["status"], "replaced");
    assert_eq!(study["films"][1]["replaced_by"], study["films"][3]["report_id"]);
    assert_eq!(study["dynamic"]["flexion"], study["films"][3]["report_id"]);

    // The same StudyInstanceUID with another patient's id is another study.
    let wrong = room.altered(&extension, "wrong.dcm", &["-m", "PatientID=SOMEBODY-ELSE"]);
    room.drop_film(&wrong);
    let (_, other) = study_of(&subscriber, 1);
    assert_ne!(other["study_key"], key);
    assert_eq!(other["missing"], json!(["flexion"]));

    // A broker that has forgotten everything is told again, before it hears that the appliance is there.
    broker.kill();
    broker.restart();
    let anew = Subscriber::start(broker.port, "sagitta/room-1/#");
    let mut told: Vec<Seen5> = Vec::new();
    while told.iter().filter(|seen| is_study(seen)).count() < 2 || !told.iter().any(|seen| seen.is("status")) {
        told.push(anew.next());
    }
    let studies: Vec<Value> = told.iter().filter(|seen| is_study(seen)).map(Seen5::json).collect();
    assert!(studies.contains(&study) && studies.contains(&other), "{told:#?}");
    // What the subscriber heard live came in order; had it come too late, the broker would have handed out what it keeps.
    if told.iter().all(|seen| !seen.retained) {
        assert!(told.last().unwrap().is("status"), "{told:#?}");
    }
    let late = Subscriber::start(broker.port, "sagitta/room-1/study/+");
    assert!(late.next().retained && late.next().retained);

    let all: String = told.iter().map(|seen| seen.payload.as_str()).collect();
    for private in ["SOMEBODY-ELSE", "PH002029", "PHANTOM^"] {
        assert!(!all.contains(private) && !room.log().contains(private), "{private} has left");
    }
}

#[test]
fn films_without_a_study_identifier_are_joined_by_patient_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/#");
    let mut room = Room::new(broker.port);
    let [_, flexion, extension] = films(&room, "2029");
    let bare = ["-ea", "(0020,000d)"];
    let first = room.altered(&extension, "first.dcm", &bare);
    let second = room.altered(&flexion, "second.dcm", &bare);
    let other = room.altered(&flexion, "other.dcm", &["-ea", "(0020,000d)", "-m", "PatientID=OTHER"]);
    let next_day = room.altered(
        &extension,
        "next-day.dcm",
        &["-ea", "(0020,000d)", "-m", "AcquisitionDate=20261230", "-m", "ContentDate=20261230"],
    );
    room.start();
    room.drop_film(&first);
    let (_, alone) = study_of(&subscriber, 1);
    assert_eq!(alone["joined_by"], "patient_and_time");
    room.kill();
    room.start();
    room.drop_film(&second);
    let (_, joined) = study_of(&subscriber, 2);
    assert_eq!(joined["study_key"], alone["study_key"]);
    assert_eq!((positions(&joined), &joined["missing"]), (vec!["flexion", "extension"], &json!([])));
    for stranger in [&other, &next_day] {
        room.drop_film(stranger);
        let (_, study) = study_of(&subscriber, 1);
        assert_ne!(study["study_key"], alone["study_key"], "{}", room.log());
    }
}
