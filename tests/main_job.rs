//! The main job, as whoever starts `sagitta` sees it: films in, reports, drawings and faults out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

mod program_support;
use program_support::{sagitta, text};

fn phantoms(folder: &Path, more: &[&str]) {
    let folder = folder.display().to_string();
    let mut arguments = vec!["phantom", "--seed", "42", "--out", &folder, "--pixel-mm", "0.5"];
    arguments.extend(more);
    let made = sagitta(&arguments);
    assert!(made.status.success(), "{}", text(&made.stderr));
}

#[test]
fn the_demo_ends_when_a_subscriber_has_heard_everything() {
    let demo = sagitta(&["demo", "--once", "--http", "127.0.0.1:0"]);
    let said = text(&demo.stdout);
    assert!(demo.status.success(), "{said}\n{}", text(&demo.stderr));
    for film in ["a-neutral", "a-flexion", "a-extension", "b-neutral", "c-neutral", "d-chest"] {
        assert!(said.contains(&format!("patient-{film}.dcm")), "{film} is missing in\n{said}");
    }
    assert!(said.contains("1 film passed over"), "{said}");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [a.path(), b.path()] {
        phantoms(folder, &["--count", "2", "--views", "neutral,flexion"]);
    }
    let mut names: Vec<_> = fs::read_dir(a.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        assert_eq!(fs::read(a.path().join(&name)).unwrap(), fs::read(b.path().join(&name)).unwrap(), "{name:?}");
    }
}

#[test]
fn dicom_validators_find_no_error_in_a_phantom() {
    let folder = tempfile::tempdir().unwrap();
    // Six patients: CR and DX, both photometric interpretations, several depths.
    phantoms(folder.path(), &["--count", "6"]);
    let mut films = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "dcm") {
            let verdict =
                Command::new("dciodvfy").arg(&path).output().expect("dciodvfy (Debian: dicom3tools) is needed");
            let said = text(&verdict.stderr);
            assert!(!said.lines().any(|line| line.starts_with("Error")), "{}\n{said}", path.display());
            films += 1;
        }
    }
    assert_eq!(films, 6);
}

#[test]
fn measure_gives_a_report_a_line_and_a_drawing() {
    let folder = tempfile::tempdir().unwrap();
    phantoms(folder.path(), &["--count", "1", "--difficulty", "clean"]);
    let film = folder.path().join("phantom-000042-neutral.dcm").display().to_string();
    let drawings = folder.path().join("drawings").display().to_string();
    let measured = sagitta(&["measure", &film, "--json", "--overlay", &drawings, "--drawings", &drawings]);
    assert!(measured.status.success(), "{}", text(&measured.stderr));
    let report: Value = serde_json::from_slice(&measured.stdout).unwrap();
    assert_eq!(report["schema"], "sagitta.report/1");
    assert_eq!(report["source"]["patient"], Value::Null, "no ledger, no secret, no pseudonym");
    assert_eq!(report["image"]["spacing_source"], "imager_magnification_corrected");
    assert!(Path::new(&drawings).join("phantom-000042-neutral.overlay.png").is_file());
    // A number has its drawing and names its convention, a withheld one has none.
    let numbers = report["measurements"].as_array().unwrap();
    assert_eq!(numbers.len(), 55);
    for number in numbers {
        assert!(number["convention"].is_string() && number["source"].is_string(), "{number}");
        let level = number["level"].as_str().map_or_else(String::new, |level| format!(".{level}"));
        let drawing = format!("phantom-000042-neutral.{}{level}.jpg", number["name"].as_str().unwrap());
        assert_eq!(Path::new(&drawings).join(&drawing).is_file(), number["status"] != "withheld", "{drawing}");
    }
    // The same film gives the same numbers, whatever the hour.
    let again: Value = serde_json::from_slice(&sagitta(&["measure", &film, "--json"]).stdout).unwrap();
    assert_eq!(report["measurements"], again["measurements"]);
    assert_eq!(report["report_id"], again["report_id"]);
}

#[test]
fn what_cannot_be_measured_is_told_and_the_next_film_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    phantoms(folder.path(), &["--count", "1", "--difficulty", "clean"]);
    let film = folder.path().join("phantom-000042-neutral.dcm");
    let cut = folder.path().join("cut.dcm");
    let whole = fs::read(&film).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let letter = folder.path().join("letter.dcm");
    fs::write(&letter, "Dear colleague,").unwrap();
    let [cut, letter, film] = [cut, letter, film].map(|p| p.display().to_string());
    let measured = sagitta(&["measure", "--json", &cut, &letter, &film]);
    assert_eq!(measured.status.code(), Some(1));
    let said = text(&measured.stderr);
    assert!(said.contains("truncated"), "{said}");
    assert!(said.contains("not_an_image"), "{said}");
    assert_eq!(text(&measured.stdout).lines().count(), 1, "the film after the bad files is measured");
}

#[test]
fn wrong_usage_is_2_and_says_what_to_do() {
    assert_eq!(sagitta(&["measure"]).status.code(), Some(2));
    let folder = tempfile::tempdir().unwrap();
    phantoms(folder.path(), &["--count", "1", "--difficulty", "clean"]);
    let film = folder.path().join("phantom-000042-neutral.dcm").display().to_string();
    let wrong = sagitta(&["measure", &film, "--spacing-mm", "-1"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
}

#[test]
fn every_verb_has_help_and_the_version_names_the_revision() {
    for verb in ["run", "measure", "demo", "check-config", "phantom", "outbox", "rejects"] {
        assert!(sagitta(&[verb, "--help"]).status.success(), "{verb}");
    }
    assert!(text(&sagitta(&["--version"]).stdout).starts_with("sagitta 0.1.0 ("));
}
