//! An afternoon of twenty patients, from outside: the service, a real broker, films in and out of order, films that were cut off
//! and taken again, a power cut in the middle, an extension under another patient's id, a chest, and what the radiographer said.
//! Verdicts are compared with what the phantoms' truth says of each film, studies and statistics with the script.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::Digest as _;

mod publish_support;
mod room_support;
use publish_support::{Mosquitto, Subscriber, publish};
use room_support::Room;

/// Patients of whom all three positions are taken, of whom only the neutral one is, and of whom the extension is forgotten.
const MOVED: std::ops::Range<u32> = 7100..7108;
const NEUTRAL: std::ops::Range<u32> = 7200..7207;
const FORGOTTEN: std::ops::Range<u32> = 7300..7305;
/// Of these the first neutral film was cut off and taken again.
const CUT: [u32; 3] = [7100, 7102, 7103];
/// The extension of this patient came under the id of the next.
const WRONG_ID: u32 = 7106;

/// A film on its way to the folder, and what must come of it.
struct Shot {
    path: PathBuf,
    patient: u32,
    view: &'static str,
    /// By the phantom's truth: a level lies outside the field.
    cut_off: bool,
    /// The shoulders hide C7: a repeat where the models are sure of that, else a look.
    hidden: bool,
}

fn shot(folder: &Path, patient: u32, view: &'static str) -> Shot {
    let path = folder.join(format!("phantom-{patient:06}-{view}.dcm"));
    let truth: Value = serde_json::from_slice(&std::fs::read(path.with_extension("truth.json")).unwrap()).unwrap();
    let clipped = !truth["clipped"].as_array().unwrap().is_empty();
    Shot { path, patient, view, cut_off: clipped, hidden: truth["c7_visibility"] == "hidden" }
}

fn phantoms(room: &Room, name: &str, patients: &std::ops::Range<u32>, views: &[&str], fault: &str) -> PathBuf {
    let (seed, count) = (patients.start.to_string(), (patients.len() * views.len()).to_string());
    let views = views.join(",");
    room.phantoms(
        name,
        &["--seed", &seed, "--count", &count, "--views", &views, "--fault", fault, "--difficulty", "clean"],
    )
}

/// Every film of the afternoon.
fn script(room: &Room) -> Vec<Shot> {
    let views = ["neutral", "flexion", "extension"];
    let moved = phantoms(room, "moved", &MOVED, &views, "none");
    let neutral = phantoms(room, "neutral", &NEUTRAL, &views[..1], "none");
    let forgotten = phantoms(room, "forgotten", &FORGOTTEN, &views[1..2], "none");
    let mut shots: Vec<Shot> = MOVED.flat_map(|p| views.map(|view| shot(&moved, p, view))).collect();
    shots.extend(NEUTRAL.map(|p| shot(&neutral, p, "neutral")));
    shots.extend(FORGOTTEN.map(|p| shot(&forgotten, p, "flexion")));
    for patient in CUT {
        let cut = phantoms(room, "cut", &(patient..patient + 1), &views[..1], "cut-below=10");
        let made = shot(&cut, patient, "neutral");
        assert!(made.cut_off, "the truth knows that it is cut off");
        // The same patient, some minutes before the film that stays.
        let changes = ["-m", "AcquisitionTime=080000", "-m", "ContentTime=080001"];
        shots.push(Shot { path: room.altered(&made.path, &format!("cut-{patient}.dcm"), &changes), ..made });
    }
    let stray = shots.iter_mut().find(|s| s.patient == WRONG_ID && s.view == "extension").unwrap();
    let other = format!("PatientID=PH{:06}", WRONG_ID + 1);
    stray.path = room.altered(&stray.path, "stray.dcm", &["-m", &other]);
    // Out of order, the same way every time.
    shots.sort_by_key(|s| sha2::Sha256::digest(s.path.file_name().unwrap().to_str().unwrap()).to_vec());
    shots
}

/// Takes in reports until there are `many`, by file name.
fn reports(subscriber: &Subscriber, many: usize, known: &mut BTreeMap<String, Value>) {
    while known.len() < many {
        let report = subscriber.wait_for("a report", |seen| seen.is("report")).json();
        known.insert(report["source"]["file"].as_str().unwrap().to_owned(), report);
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn an_afternoon_of_twenty_patients() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let mut room = Room::new(broker.port);
    let shots = script(&room);
    assert_eq!(shots.len(), 24 + 7 + 5 + 3);
    let chests = room.phantoms("chest", &["--others", "--seed", "7400", "--count", "1", "--format", "png"]);
    let chest = std::fs::read_dir(chests)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "png"));

    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/+");
    let mut told = BTreeMap::new();
    room.start();
    let (before, after) = shots.split_at(19);
    for shot in before {
        room.drop_film(&shot.path);
    }
    reports(&subscriber, 11, &mut told);
    room.kill();
    room.start();
    for shot in after {
        room.drop_film(&shot.path);
    }
    room.drop_film(&chest.unwrap());
    reports(&subscriber, shots.len(), &mut told);

    // Verdicts, one by one.
    for shot in &shots {
        let report = &told[&name(&shot.path)];
        let quality = &report["quality"];
        // Whether a C7 behind the shoulders ends within the field cannot be seen to the millimetre.
        let due = match (shot.cut_off, shot.hidden) {
            (_, true) => quality["verdict"] != "accept",
            (true, false) => quality["verdict"] == "repeat",
            (false, false) => quality["verdict"] != "repeat",
        };
        assert!(due, "{}: {quality:#}", shot.path.display());
        if shot.path.file_name().unwrap().to_str().unwrap().starts_with("cut-") {
            assert_eq!(
                (&quality["verdict"], &quality["reasons"][0]["code"]),
                (&json!("repeat"), &json!("level_cut_off"))
            );
        }
    }
    let ids: BTreeSet<&str> = told.values().map(|r| r["report_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), told.len(), "a report for each film, none twice");

    // What the radiographer says of five of them.
    let report_id = |file: &str| told[file]["report_id"].as_str().unwrap().to_owned();
    let mut words: Vec<(String, Value)> =
        CUT.iter().map(|p| (report_id(&format!("cut-{p}.dcm")), json!(["repeat", "positioning"]))).collect();
    words.push((report_id("phantom-007200-neutral.dcm"), json!(["accept", null])));
    words.push((report_id("phantom-007202-neutral.dcm"), json!(["repeat", "motion_blur"])));
    let answers = Subscriber::start(broker.port, "sagitta/room-1/repeat/response");
    for (id, word) in &words {
        let request = json!({"report_id": id, "action": word[0], "reason": word[1], "by": "RT 7"}).to_string();
        assert!(publish(broker.port, &["-t", "sagitta/room-1/repeat/request", "-m", &request]));
        let answer = answers.next().json();
        assert_eq!((&answer["status"], &answer["report_id"]), (&json!("ok"), &json!(id)), "{answer}");
    }

    check_studies(&broker, &shots, &told);
    let suggested = shots.iter().filter(|s| told[&name(&s.path)]["quality"]["verdict"] == "repeat").count();
    check_statistics(&room, &broker, shots.len(), suggested);
}

/// The retained studies, patient by patient.
fn check_studies(broker: &Mosquitto, shots: &[Shot], told: &BTreeMap<String, Value>) {
    let studies: BTreeMap<String, Value> = {
        let late = Subscriber::start(broker.port, "sagitta/room-1/study/+");
        (0..21).map(|_| late.next().json()).map(|s| (s["study_key"].as_str().unwrap().to_owned(), s)).collect()
    };
    assert_eq!(studies.len(), 21, "twenty patients, and the film under a wrong id");
    let key = |shot: &Shot| told[&name(&shot.path)]["source"]["study_key"].as_str().unwrap().to_owned();
    for patient in MOVED.chain(NEUTRAL).chain(FORGOTTEN) {
        let is_stray = |s: &&Shot| s.patient == WRONG_ID && s.view == "extension";
        let own: Vec<&Shot> = shots.iter().filter(|s| s.patient == patient && !is_stray(s)).collect();
        let keys: BTreeSet<String> = own.iter().map(|s| key(s)).collect();
        assert_eq!(keys.len(), 1, "all films of patient {patient} are in one study");
        let study = &studies[keys.first().unwrap()];
        let films = study["films"].as_array().unwrap();
        assert_eq!(films.len(), own.len(), "patient {patient}: {study:#}");
        for shot in &own {
            let report = &told[&name(&shot.path)];
            let film = films.iter().find(|f| f["report_id"] == report["report_id"]).unwrap();
            let cut = name(&shot.path).starts_with("cut-");
            // Of a neutral film that cannot be read, and was not taken again, neither header nor neck tells anything.
            let silent = shot.view == "neutral"
                && (shot.cut_off || shot.hidden)
                && !cut
                && report["view"]["position"] == "unknown";
            assert_eq!(film["position"], if silent { "unknown" } else { shot.view }, "patient {patient}: {study:#}");
            assert_eq!(film["status"] == "replaced", cut, "patient {patient}: {film:#}");
            assert_eq!(film["decision"]["action"] == "repeat", cut || name(&shot.path) == "phantom-007202-neutral.dcm");
        }
        let lacks = if patient == WRONG_ID || FORGOTTEN.contains(&patient) { json!(["extension"]) } else { json!([]) };
        assert_eq!(study["missing"], lacks, "patient {patient}");
        let both = MOVED.contains(&patient) && patient != WRONG_ID;
        assert_eq!(study["dynamic"].is_object(), both, "patient {patient}");
    }
    let stray = shots.iter().find(|s| name(&s.path) == "stray.dcm").unwrap();
    let study = &studies[&key(stray)];
    assert_eq!((study["films"].as_array().map(Vec::len), &study["missing"]), (Some(1), &json!(["flexion"])));
}

/// `sagitta rejects` and `P/rejects` against the script.
fn check_statistics(room: &Room, broker: &Mosquitto, films: usize, suggested: usize) {
    let expected = json!({
        "films": films, "repeated": 4, "suggested": suggested, "accepted": 1, "undecided": films - 5,
        "both_repeat": 3, "suggested_only": 0, "decided_only": 1, "both_keep": 1,
    });
    let printed = Command::new(env!("CARGO_BIN_EXE_sagitta"))
        .args(["rejects", "--csv", "--config"])
        .arg(room.home.path().join("sagitta.toml"))
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let text = String::from_utf8(printed.stdout).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<String>>());
    let (head, all) = (lines.next().unwrap(), lines.collect::<Vec<_>>());
    let cell = |group: &str, key: &str, column: &str| {
        let at = head.iter().position(|h| h == column).unwrap();
        all.iter()
            .find(|l| l[0] == group && (key.is_empty() || l[1] == key))
            .unwrap_or_else(|| panic!("{group} {key}: {text}"))[at]
            .clone()
    };
    for (column, value) in expected.as_object().unwrap() {
        assert_eq!(cell("total", "", column), value.to_string(), "{column}\n{text}");
    }
    assert_eq!(
        (cell("reason", "positioning", "repeated"), cell("reason", "motion_blur", "repeated")),
        ("3".into(), "1".into())
    );

    // The chest and the last word are told within about a second.
    let rejects = Subscriber::start(broker.port, "sagitta/room-1/rejects").wait_for("the statistics", |seen| {
        let month = &seen.json()["month"];
        month["passed_over"] == 1 && month["repeated"] == 4
    });
    let month = &rejects.json()["month"];
    for column in ["films", "repeated", "suggested", "accepted", "undecided"] {
        assert_eq!(month[column], expected[column], "{column}: {month:#}");
    }
    for column in ["both_repeat", "suggested_only", "decided_only", "both_keep"] {
        assert_eq!(month["agreement"][column], expected[column], "{column}: {month:#}");
    }
}
