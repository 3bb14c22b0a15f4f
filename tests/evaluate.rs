//! `sagitta evaluate` as whoever calls it sees it: films with a truth in, a table, JSON and plots out.
//!
//! Needs `scripts/fetch-onnxruntime` and Python 3; fails loudly otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

mod program_support;
use program_support::{sagitta, text};

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Two clean phantoms, one of them twice under different names.
fn necks(folder: &Path) {
    let out = folder.display().to_string();
    let made = sagitta(&[
        "phantom",
        "--count",
        "2",
        "--seed",
        "42",
        "--out",
        &out,
        "--pixel-mm",
        "0.5",
        "--difficulty",
        "clean",
        "--views",
        "neutral,flexion",
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    for end in ["dcm", "truth.json"] {
        fs::copy(folder.join(format!("phantom-000042-neutral.{end}")), folder.join(format!("twin.{end}"))).unwrap();
    }
}

/// Snow on a film that the truth calls something else.
fn snow(folder: &Path) {
    let noise = |x: u32, y: u32| image::Luma([(x * 601 + y).wrapping_mul(2_654_435_761).rotate_left(9) as u8]);
    image::GrayImage::from_fn(600, 800, noise).save(folder.join("snow.png")).unwrap();
    fs::write(folder.join("snow.truth.json"), r#"{"kind":"other"}"#).unwrap();
}

#[test]
fn films_with_a_truth_become_figures_and_bad_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let films = folder.path().join("films");
    necks(&films);
    snow(&films);
    let whole = fs::read(films.join("twin.dcm")).unwrap();
    fs::write(films.join("torn.dcm"), &whole[..whole.len() / 2]).unwrap();
    fs::write(films.join("torn.truth.json"), "{}").unwrap();
    fs::write(films.join("lonely.truth.json"), "{}").unwrap();
    fs::write(films.join("strange.truth.json"), "[").unwrap();
    fs::copy(films.join("twin.dcm"), films.join("strange.dcm")).unwrap();

    let run = |out: &str, jobs: &str| {
        let out = folder.path().join(out);
        let done = sagitta(&[
            "evaluate",
            &films.display().to_string(),
            "--out",
            &out.display().to_string(),
            "--stages",
            "--jobs",
            jobs,
        ]);
        (done, out)
    };
    let (done, out) = run("one", "1");
    let (said, complained) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(1), "{complained}");
    for (file, why) in [("torn.dcm", "truncated"), ("lonely.truth.json", "no film"), ("strange.dcm", "not understood")]
    {
        let line =
            complained.lines().find(|line| line.starts_with(file)).unwrap_or_else(|| panic!("{file} in {complained}"));
        assert!(line.contains(why), "{line}");
    }
    assert_eq!(said, fs::read_to_string(out.join("accuracy.txt")).unwrap());
    assert!(said.contains("c2_c7_cobb") && said.contains("What each stage adds"), "{said}");

    let accuracy = read(&out.join("accuracy.json"));
    assert_eq!(accuracy["schema"], "sagitta.accuracy/1");
    assert_eq!(accuracy["troubles"].as_array().unwrap().len(), 3);
    let films = &accuracy["figures"]["films"];
    assert_eq!((&films["necks"], &films["others"], &films["others_passed_over"]), (&json!(3), &json!(1), &json!(1)));
    let groups: Vec<&str> =
        accuracy["figures"]["groups"].as_array().unwrap().iter().map(|g| g["group"].as_str().unwrap()).collect();
    assert!(groups.contains(&"neutral") && groups.contains(&"flexion") && !groups.contains(&"extension"), "{groups:?}");
    assert!(accuracy["stages"].as_array().unwrap().len() > 1);

    // The same film gives the same numbers under any name, and the same folder the same document with any number of jobs.
    let line = |name: &str| {
        let mut line = accuracy["films"].as_array().unwrap().iter().find(|f| f["file"] == name).unwrap().clone();
        assert!(line["corner_mm"].is_number(), "{line}");
        let cobb = line["numbers"].as_array().unwrap().iter().find(|n| n["name"] == "c2_c7_cobb").unwrap();
        let [truth, value] = ["truth", "value"].map(|key| cobb[key].as_f64().unwrap());
        assert!((value - truth - line["c2_c7_cobb"].as_f64().unwrap()).abs() < 1e-9, "{cobb}");
        assert!(cobb["ci90"][0].as_f64().unwrap() <= value && value <= cobb["ci90"][1].as_f64().unwrap(), "{cobb}");
        line["file"] = Value::Null;
        line
    };
    assert_eq!(line("twin.dcm"), line("phantom-000042-neutral.dcm"));
    let (_, again) = run("two", "2");
    assert_eq!(accuracy, read(&again.join("accuracy.json")));
    for plot in ["corners.svg", "agreement-c2_c7_cobb.svg", "agreement-sva.svg", "coverage.svg"] {
        let drawn = fs::read_to_string(out.join(plot)).unwrap();
        assert!(drawn.starts_with("<svg"), "{plot}");
        assert_eq!(drawn, fs::read_to_string(again.join(plot)).unwrap(), "{plot}");
    }
}

#[test]
fn phantoms_on_the_fly_need_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("accuracy.json");
    let done = sagitta(&[
        "evaluate",
        "--phantoms",
        "2",
        "--others",
        "1",
        "--seed",
        "77",
        "--pixel-mm",
        "0.8",
        "--json",
        &json.display().to_string(),
    ]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let accuracy = read(&json);
    let names: Vec<&str> = accuracy["films"].as_array().unwrap().iter().map(|f| f["file"].as_str().unwrap()).collect();
    assert_eq!(names, ["phantom-000077-neutral", "phantom-000078-flexion", "chest-000077"]);
    assert_eq!(accuracy["figures"]["films"]["necks"], 2);
    assert_eq!(accuracy["stages"], json!([]), "stages are told only when asked for");
}

#[test]
fn a_readers_points_become_truth_files_that_are_scored_on_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let [films, read_by, out] = ["films", "points.csv", "truths"].map(|name| folder.path().join(name));
    necks(&films);
    // The reader marked C3 and C4 only, as on a head film.
    let truth = read(&films.join("twin.truth.json"));
    let lines =
        truth["landmarks"].as_array().unwrap().iter().filter(|l| l["vertebra"] == "C3" || l["vertebra"] == "C4");
    let lines = lines.map(|l| {
        format!("twin,{},{},{},{}\n", l["vertebra"].as_str().unwrap(), l["corner"].as_str().unwrap(), l["x"], l["y"])
    });
    fs::write(&read_by, format!("film,vertebra,landmark,x,y\n{}twin,C4,concavity,1,2\n", lines.collect::<String>()))
        .unwrap();
    let converted = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/train/truth_from_points.py"))
        .args([&read_by, &films, &out])
        .args(["--spacing-mm", "0.4"])
        .output()
        .expect("python3 is needed");
    assert!(converted.status.success(), "{}", text(&converted.stderr));
    assert!(text(&converted.stderr).contains("C4.concavity, 1 times"), "{}", text(&converted.stderr));

    let json = folder.path().join("accuracy.json");
    let done = sagitta(&["evaluate", &out.display().to_string(), "--json", &json.display().to_string()]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let all = &read(&json)["figures"]["groups"][0];
    assert_eq!(all["naming"]["levels"], 2);
    assert_eq!(all["naming"]["levels_right"], 2);
    let corners = all["landmarks"].as_array().unwrap().iter().find(|l| l["landmark"] == "corners").unwrap();
    assert_eq!(corners["n"], 8);
    let numbers: Vec<&str> =
        all["measurements"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert!(numbers.contains(&"slip_angle") && !numbers.contains(&"c2_c7_cobb"), "{numbers:?}");
}

#[test]
fn wrong_usage_is_2_and_nothing_to_score_is_1() {
    assert_eq!(sagitta(&["evaluate"]).status.code(), Some(2));
    let empty = tempfile::tempdir().unwrap();
    let none = sagitta(&["evaluate", &empty.path().display().to_string()]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("NAME.truth.json"), "{}", text(&none.stderr));
    assert_eq!(sagitta(&["evaluate", "--phantoms", "1", "--spacing-mm", "-1"]).status.code(), Some(2));
}
