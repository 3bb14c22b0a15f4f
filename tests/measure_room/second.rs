//! The second, independent computation: `scripts/check/measurements.py` (python3, standard library) on random necks.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sagitta::domain::anatomy::{Facing, Keypoints, LandmarkId};
use sagitta::domain::detection::C7Visibility;
use sagitta::domain::geometry::PointPx;
use sagitta::domain::measurement::Reading;
use sagitta::measure::{Settings, Subject, measure};

use crate::neck::{Neck, Placing, calibrated, moved};

const FILMS: usize = 200;

#[test]
fn another_program_comes_to_the_same_numbers() {
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    let films: Vec<(Keypoints, Placing)> = (0..FILMS).map(|_| film(&mut rng)).collect();
    let answers = ask(&films);
    assert_eq!(answers.len(), FILMS);
    let mut compared = 0;
    for ((keypoints, placing), answer) in films.iter().zip(&answers) {
        let subject = Subject {
            keypoints,
            facing: Some(placing.facing),
            spacing: calibrated(placing.mm_per_pixel),
            c7: C7Visibility::Full,
        };
        let table = measure(&subject, &Settings::default());
        assert_eq!(table.0.len(), answer.len(), "both know the same rows");
        for row in &table.0 {
            let name = format!("{} {}", row.quantity.name(), row.level.map_or_else(String::new, |l| l.to_string()));
            let expected = answer.get(&name).unwrap_or_else(|| panic!("python does not know {name}"));
            // What contradicts itself is withheld here; the script does not judge.
            let Reading::Ok(estimate) = &row.reading else { continue };
            compared += 1;
            assert!((estimate.value() - expected).abs() < 1e-6, "{name}: {} here, {expected} there", estimate.value());
        }
    }
    assert!(compared > FILMS * 50, "only {compared} numbers could be compared");
}

/// A random neck whose every corner is moved by itself, so that no body is a rectangle.
fn film(rng: &mut ChaCha8Rng) -> (Keypoints, Placing) {
    let facing = if rng.random() { Facing::Left } else { Facing::Right };
    let placing = Placing {
        facing,
        mm_per_pixel: rng.random_range(0.08..0.3),
        c2: (rng.random_range(200.0..900.0), rng.random_range(100.0..600.0)),
        ..Placing::default()
    };
    let jitter: Vec<f64> = (0..68).map(|_| rng.random_range(-1.2..1.2) / placing.mm_per_pixel).collect();
    let keypoints = moved(&Neck::random(rng).keypoints(placing), |id, p| {
        let i = id.index().unwrap();
        PointPx::new(p.x + jitter[2 * i], p.y + jitter[2 * i + 1])
    });
    (keypoints, placing)
}

/// Runs the script; python3 is a tool of the tests, and its absence is an error and no reason to skip.
fn ask(films: &[(Keypoints, Placing)]) -> Vec<BTreeMap<String, f64>> {
    let input: Vec<_> = films
        .iter()
        .map(|(keypoints, placing)| {
            let points: Vec<_> =
                LandmarkId::all().map(|id| keypoints.get(id).map(|l| [l.position.x, l.position.y])).collect();
            serde_json::json!({
                "landmarks": points, "facing": placing.facing.name(), "spacing_mm": placing.mm_per_pixel,
            })
        })
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check/measurements.py");
    let mut python = Command::new("python3")
        .arg(&script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs python3 on the path; install it");
    python.stdin.take().unwrap().write_all(&serde_json::to_vec(&input).unwrap()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{} failed; its message stands above", script.display());
    serde_json::from_slice(&output.stdout).unwrap()
}
