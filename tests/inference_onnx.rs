//! The inference room from outside: real ONNX Runtime, a model of a few operations, and everything that can be wrong with it.
//!
//! Needs `scripts/fetch-onnxruntime` and `scripts/fetch-onnxruntime 1.20.1` to have been run; fails loudly otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sagitta::domain::measurement::Quantity;
use sagitta::inference::engine::{Engine as _, EngineError, Tensor};
use sagitta::inference::manifest::{Manifest, ManifestError};
use sagitta::inference::onnx::{Provider, Runtime, RuntimeError, Settings};
use sha2::{Digest as _, Sha256};

const NEWEST: &str = "1.31.1";
const OLDEST: &str = "1.20.1";

fn library(version: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime").join(version).join(std::env::consts::ARCH);
    let path = folder.join(format!("libonnxruntime.so.{version}"));
    assert!(path.exists(), "{} is missing: run scripts/fetch-onnxruntime {version}", path.display());
    path
}

const MODEL: &[u8] = include_bytes!("data/tiny.onnx");

/// A folder with the tiny model and its manifest; `change` edits the manifest's text.
fn folder(change: impl FnOnce(String) -> String) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tiny.onnx"), MODEL).unwrap();
    let sha256: String = Sha256::digest(MODEL).iter().map(|b| format!("{b:02x}")).collect();
    let manifest = format!(
        r#"
schema = 1

[detector]
file = "tiny.onnx"
sha256 = "{sha256}"
licence = "Apache-2.0"
trained_on = "nothing: a test"
input = {{ name = "image", shape = [1, 1, 8, 8] }}
outputs = [{{ name = "double", shape = [1, 1, 8, 8] }}, {{ name = "root", shape = [1, 1] }}]
normalisation = {{ low_quantile = 0.0, high_quantile = 1.0, black = 0.0, white = 1.0 }}

[detector.heatmaps]
output = "double"
landmarks = ["C2.antero_superior"]
decoder = "softmax"
window = 2
target_sigma = 1.0
sigma_factor = 1.0
sigma_floor = 0.1
"#
    );
    fs::write(dir.path().join("manifest.toml"), change(manifest)).unwrap();
    dir
}

#[test]
fn the_model_computes_and_its_answers_are_checked() {
    let dir = folder(|m| m);
    let model = Manifest::load(dir.path()).unwrap().detector.model;
    let runtime = Runtime::load(Some(&library(NEWEST))).unwrap();
    let mut engine = runtime.engine(&model, &Settings { threads: 1, ..Settings::default() }).unwrap();
    let input = |value: f32| Tensor::new(vec![1, 1, 8, 8], vec![value; 64]).unwrap();

    let outputs = engine.run(&input(4.0)).unwrap();
    assert_eq!(outputs.get("double").unwrap().data(), [8.0; 64]);
    assert_eq!(outputs.get("root").unwrap().data(), [2.0]);
    assert_eq!((engine.facts().provider.as_str(), engine.facts().precision.as_str()), ("cpu", "fp32"));
    assert_eq!(engine.facts().sha256, model.sha256);

    let infinite = engine.run(&input(-1.0));
    assert!(matches!(&infinite, Err(EngineError::NotFinite { name }) if name == "root"), "{infinite:?}");
    let wrong = engine.run(&Tensor::new(vec![1, 64], vec![0.0; 64]).unwrap());
    assert!(matches!(&wrong, Err(EngineError::Input { found, .. }) if *found == [1, 64]), "{wrong:?}");
    assert!(engine.run(&input(1.0)).is_ok(), "an engine survives a bad film");
}

#[test]
fn a_provider_that_is_not_there_is_an_error_and_never_the_cpu_in_silence() {
    let dir = folder(|m| m);
    let model = Manifest::load(dir.path()).unwrap().detector.model;
    let runtime = Runtime::load(Some(&library(NEWEST))).unwrap();
    for provider in [Provider::Cuda, Provider::TensorRt] {
        let engines = dir.path().join("engines");
        let error = runtime.engine(&model, &Settings { provider, engines, ..Settings::default() }).unwrap_err();
        assert!(matches!(error, RuntimeError::Provider { provider: named, .. } if named == provider), "{error}");
        assert!(error.to_string().contains("provider = \"cpu\""), "{error}");
    }
}

#[test]
fn a_model_that_is_another_than_the_manifests_is_refused() {
    let runtime = Runtime::load(Some(&library(NEWEST))).unwrap();
    let load =
        |dir: &Path| runtime.engine(&Manifest::load(dir).unwrap().detector.model, &Settings::default()).unwrap_err();

    let changed = folder(|m| m);
    fs::write(changed.path().join("tiny.onnx"), b"something else").unwrap();
    let error = load(changed.path());
    assert!(matches!(error, RuntimeError::Manifest(ManifestError::Hash { .. })), "{error}");

    let missing = folder(|m| m);
    fs::remove_file(missing.path().join("tiny.onnx")).unwrap();
    assert!(matches!(load(missing.path()), RuntimeError::Manifest(ManifestError::Unreadable { .. })));

    let renamed = folder(|m| m.replace("\"root\"", "\"roots\""));
    let error = load(renamed.path());
    assert!(error.to_string().contains("roots") && error.to_string().contains("the file has"), "{error}");

    let resized =
        folder(|m| m.replace("name = \"image\", shape = [1, 1, 8, 8]", "name = \"image\", shape = [1, 1, 9, 9]"));
    let error = load(resized.path());
    assert!(error.to_string().contains("[1, 1, 9, 9]"), "{error}");

    let garbage = b"not a model at all";
    let sha256: String = Sha256::digest(garbage).iter().map(|b| format!("{b:02x}")).collect();
    let real: String = Sha256::digest(MODEL).iter().map(|b| format!("{b:02x}")).collect();
    let nonsense = folder(|m| m.replace(&real, &sha256));
    fs::write(nonsense.path().join("tiny.onnx"), garbage).unwrap();
    assert!(matches!(load(nonsense.path()), RuntimeError::Model { .. }));
}

/// Runs the test `name` of this very program in a process of its own, where no library is loaded yet, told `word` by a variable.
fn alone(name: &str, word: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(TOLD, word)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{word}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

const TOLD: &str = "SAGITTA_TEST_TOLD";

#[test]
fn a_library_that_cannot_be_used_is_an_error_that_says_what_to_do() {
    if std::env::var_os(TOLD).is_none() {
        alone("a_library_that_cannot_be_used_is_an_error_that_says_what_to_do", "go");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("libonnxruntime.so");
    fs::write(&text, b"no library").unwrap();
    for path in [text, dir.path().join("absent.so"), PathBuf::from("relative/absent.so")] {
        let error = Runtime::load(Some(&path)).err().expect("cannot load");
        assert!(matches!(error, RuntimeError::Unusable { .. }), "{error}");
        assert!(error.to_string().contains("scripts/fetch-onnxruntime"), "{error}");
    }
}

/// A process loads one library, so each version runs in a process of its own: this very test program, told by a variable.
#[test]
fn both_pinned_versions_load_and_agree() {
    if let Ok(version) = std::env::var(TOLD) {
        let dir = folder(|m| m);
        let model = Manifest::load(dir.path()).unwrap().detector.model;
        let runtime = Runtime::load(Some(&library(&version))).unwrap();
        let other = if version == NEWEST { OLDEST } else { NEWEST };
        assert!(matches!(Runtime::load(Some(&library(other))), Err(RuntimeError::AlreadyLoaded { .. })));
        let mut engine = runtime.engine(&model, &Settings::default()).unwrap();
        let ramp = Tensor::new(vec![1, 1, 8, 8], (0..64_u8).map(|i| f32::from(i) / 7.0).collect()).unwrap();
        println!("numbers: {:?}", engine.run(&ramp).unwrap().get("root").unwrap().data());
        return;
    }
    let run = |version: &str| {
        let text = alone("both_pinned_versions_load_and_agree", version);
        let at = text.find("numbers: ").expect("the numbers");
        text[at..].lines().next().unwrap().to_owned()
    };
    assert_eq!(run(NEWEST), run(OLDEST));
}

#[test]
fn the_manifest_names_the_key_that_is_wrong() {
    let cases: [(&str, &str, &str); 8] = [
        ("schema = 1", "schema = 2", "schema"),
        ("file = \"tiny.onnx\"", "file = \"../tiny.onnx\"", "detector.file"),
        ("landmarks = [\"C2.antero_superior\"]", "landmarks = []", "detector.heatmaps.landmarks"),
        ("window = 2", "window = 0", "detector.heatmaps.window"),
        ("sigma_factor = 1.0", "sigma_factor = 0.0", "detector.heatmaps.sigma_factor"),
        ("output = \"double\"", "output = \"triple\"", "detector.heatmaps.output"),
        ("low_quantile = 0.0", "low_quantile = 1.5", "detector.normalisation.low_quantile"),
        ("decoder = \"softmax\"", "decoder = \"softmax\"\nthreshold = 0.5", "detector.heatmaps.threshold"),
    ];
    for (right, wrong, key) in cases {
        let dir = folder(|m| m.replacen(right, wrong, 1));
        let error = Manifest::load(dir.path()).unwrap_err();
        assert!(matches!(&error, ManifestError::Invalid { key: named, .. } if named == key), "{wrong}: {error}");
    }
    let unknown = folder(|m| m.replacen("window = 2", "window = 2\nwindwo = 3", 1));
    let error = Manifest::load(unknown.path()).unwrap_err().to_string();
    assert!(error.contains("windwo") && error.contains("manifest.toml"), "{error}");
    let nowhere = Manifest::load(Path::new("/nonexistent")).unwrap_err().to_string();
    assert!(nowhere.contains("/nonexistent/manifest.toml") && nowhere.contains("[inference] models"), "{nowhere}");
}

#[test]
fn each_measurement_has_its_own_factors_and_a_misspelt_one_is_named() {
    for (row, key) in [("c7_slop = { seen = 1.1 }", "c7_slop"), ("sva = { seen = 1.0, hidden = -1.0 }", "sva")] {
        let dir = folder(|m| format!("{m}\n[calibration.intervals]\n{row}\n"));
        let error = Manifest::load(dir.path()).unwrap_err();
        let wrong = format!("calibration.intervals.{key}");
        assert!(matches!(&error, ManifestError::Invalid { key, .. } if *key == wrong), "{row}: {error}");
    }
    let told = folder(|m| {
        format!("{m}\n[calibration.intervals]\nc7_slope = {{ seen = 0.8, hidden = 1.2 }}\nsva = {{ seen = 0.9 }}\n")
    });
    let intervals = Manifest::load(told.path()).unwrap().calibration.intervals;
    let of = |quantity| [intervals.of(quantity, false), intervals.of(quantity, true)];
    assert_eq!([of(Quantity::C7Slope), of(Quantity::Sva), of(Quantity::Pavlov)], [[0.8, 1.2], [0.9, 0.9], [1.0, 1.0]]);
}

/// The rest of the hierarchy, each entry with a file of its own.
const HIERARCHY: &str = r#"
[locator]
file = "locator.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
licence = "Apache-2.0"
trained_on = "nothing: a test"
input = { name = "levels", shape = [1, 60] }
outputs = [{ name = "places", shape = [1, 6] }]
output = "places"
landmarks = ["C7.antero_superior", "C7.postero_superior"]
sigma_factor = 1.1
c7_correlation = [[1.0, 0.0, 0.8, 0.1], [0.0, 1.0, 0.2, 0.7], [0.8, 0.2, 1.0, 0.0], [0.1, 0.7, 0.0, 1.0]]

[refiner_body]
file = "refiner_body.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
licence = "Apache-2.0"
trained_on = "nothing: a test"
input = { name = "patch", shape = [4, 1, 128, 128] }
outputs = [{ name = "maps", shape = [4, 2, 64, 64] }]
normalisation = { low_quantile = 0.0, high_quantile = 1.0, black = 0.0, white = 1.0 }
patch = { level_height = 0.36, behind = 0.45 }

[refiner_body.heatmaps]
output = "maps"
landmarks = ["antero_superior", "antero_inferior"]
decoder = "softmax"
window = 5
target_sigma = 1.5
sigma_factor = 1.0
sigma_floor = 0.3
floors = [[0.4, 0.2], [0.5, 0.3]]
"#;

#[test]
fn only_the_detector_is_needed_and_the_rest_of_the_hierarchy_is_read_where_it_is_named() {
    let alone = Manifest::load(folder(|m| m).path()).unwrap();
    assert!(alone.locator.is_none() && alone.refiner_c2.is_none());
    assert!(alone.refiner_body.is_none() && alone.refiner_c7.is_none());
    let whole = Manifest::load(folder(|m| m + HIERARCHY).path()).unwrap();
    let (locator, body) = (whole.locator.unwrap(), whole.refiner_body.unwrap());
    assert_eq!((locator.model.role, locator.landmarks.len(), locator.sigma_factor), ("locator", 2, 1.1));
    assert_eq!((body.model.role, body.patch.behind), ("refiner_body", 0.45));
    assert_eq!(body.heatmaps.floors, Some(vec![[0.4, 0.2], [0.5, 0.3]]));
    assert!(whole.refiner_c2.is_none() && whole.refiner_c7.is_none());
}

#[test]
fn a_specialist_or_a_locator_that_cannot_be_is_refused_by_its_key() {
    let cases: [(&str, &str, &str); 12] = [
        ("shape = [1, 60]", "shape = [1, 72]", "locator.input.shape"),
        ("shape = [1, 6]", "shape = [1, 4]", "locator.landmarks"),
        ("\"C7.postero_superior\"", "\"C7.antero_superior\"", "locator.landmarks"),
        ("sigma_factor = 1.1", "sigma_factor = -1.0", "locator.sigma_factor"),
        ("[1.0, 0.0, 0.8, 0.1], ", "", "locator.c7_correlation"),
        ("[[1.0, 0.0", "[[2.0, 0.0", "locator.c7_correlation"),
        ("[0.0, 1.0, 0.2", "[0.1, 1.0, 0.2", "locator.c7_correlation"),
        ("0.8, 0.1], [0.0, 1.0, 0.2, 0.7], [0.8", "1.8, 0.1], [0.0, 1.0, 0.2, 0.7], [1.8", "locator.c7_correlation"),
        ("shape = [4, 1, 128, 128]", "shape = [9, 1, 128, 128]", "refiner_body.input.shape"),
        ("shape = [4, 2, 64, 64]", "shape = [1, 2, 64, 64]", "refiner_body.outputs"),
        ("level_height = 0.36", "level_height = 3.6", "refiner_body.patch.level_height"),
        ("[[0.4, 0.2], [0.5, 0.3]]", "[[0.4, 0.2]]", "refiner_body.heatmaps.floors"),
    ];
    for (right, wrong, key) in cases {
        let changed = HIERARCHY.replacen(right, wrong, 1);
        assert_ne!(changed, HIERARCHY, "{right}");
        let error = Manifest::load(folder(|m| m + &changed).path()).unwrap_err();
        assert!(matches!(&error, ManifestError::Invalid { key: named, .. } if named == key), "{wrong}: {error}");
    }
}
