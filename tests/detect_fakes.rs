//! The detect room from outside: films with painted discs, and an engine that finds them by arithmetic.
//!
//! The film bears a disc for each landmark, each of its own grey value. The engine looks for these grey values in the very
//! tensor that the pre-processing made, and paints a Gaussian where it finds one. So everything but the network is real:
//! letterbox, normalisation, second pass, modes, bodies, chain and the way back to film pixels.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod detect_support;

use detect_support::{Mischief, Painter, detector, film, model, neck};
use sagitta::detect::{DetectError, Detector, View, see};
use sagitta::domain::anatomy::Facing;
use sagitta::domain::detection::C7Visibility;
use sagitta::domain::geometry::PointPx;
use sagitta::domain::radiograph::GrayImage;
use sagitta::inference::engine::{EngineError, Facts};
use sagitta::inference::manifest::Normalisation;

#[test]
fn every_landmark_comes_back_to_its_place_on_films_of_any_size_and_side() {
    for (width, height, top, pitch, facing) in [
        (1800, 2200, PointPx::new(900.0, 500.0), 230.0, Facing::Left),
        (2500, 1900, PointPx::new(1700.0, 300.0), 240.0, Facing::Right),
        (620, 700, PointPx::new(300.0, 150.0), 75.0, Facing::Right),
        (900, 2700, PointPx::new(450.0, 300.0), 260.0, Facing::Left),
    ] {
        let truth = neck(top, pitch, facing);
        let film = film(width, height, &truth, pitch * 0.11);
        let (mut detector, runs) = detector(Mischief::default());
        let detection = detector.detect(&film).unwrap();
        assert_eq!(detection.keypoints.iter().count(), 34, "{width} × {height}");
        for ((id, landmark), truth) in detection.keypoints.iter().zip(&truth) {
            let off = landmark.position.distance(*truth);
            assert!(off < 0.012 * pitch, "{id:?} is {off:.2} px off on {width} × {height}");
            assert!(landmark.confidence > 0.9 && landmark.covariance.sigma() < 0.05 * pitch, "{landmark:?}");
        }
        assert_eq!(detection.facing, Some(facing));
        assert!(detection.lateral_cervical > 0.9);
        assert_eq!(detection.c7_visibility.0, C7Visibility::Partial);
        assert_eq!(detection.rotation, Some(7.5));
        assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 3, "both polarities, then a closer look");
    }
}

#[test]
fn a_film_that_has_the_scale_of_training_already_is_looked_at_once() {
    let pitch = 0.092 * 1000.0;
    let truth = neck(PointPx::new(500.0, 500.0 - 2.5 * pitch), pitch, Facing::Left);
    let (mut detector, runs) = detector(Mischief::default());
    detector.detect(&film(1000, 1000, &truth, pitch * 0.11)).unwrap();
    assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 2, "both polarities, and no closer look");
}

#[test]
fn borders_of_one_tone_move_no_landmark() {
    let truth = neck(PointPx::new(900.0, 500.0), 230.0, Facing::Left);
    let plain = film(1800, 2200, &truth, 25.0);
    let (left, top, width, height) = (700, 400, 3200, 3000);
    let mut pixels = vec![9_000_u16; width * height];
    for (y, row) in plain.pixels().chunks_exact(plain.width()).enumerate() {
        pixels[(y + top) * width + left..][..row.len()].copy_from_slice(row);
    }
    let found = |film: &GrayImage| detector(Mischief::default()).0.detect(film).unwrap().keypoints;
    let bordered = found(&GrayImage::new(width, height, pixels).unwrap());
    let moved = found(&plain).map(|_, l| {
        let position = PointPx::new(l.position.x + left as f64, l.position.y + top as f64);
        sagitta::domain::anatomy::Landmark { position, ..l }
    });
    assert_eq!(bordered, moved);
}

#[test]
fn maps_that_prefer_the_level_below_do_not_shift_the_names() {
    let truth = neck(PointPx::new(900.0, 500.0), 230.0, Facing::Left);
    // C3 and C4: all four corners lean to the next level, with twice the mass of the right place.
    let level_below = (4..12).map(|k| (k, 0.7)).collect();
    let (mut detector, _) = detector(Mischief { level_below, ..Mischief::default() });
    let detection = detector.detect(&film(1800, 2200, &truth, 25.0)).unwrap();
    for ((id, landmark), truth) in detection.keypoints.iter().zip(&truth) {
        assert!(landmark.position.distance(*truth) < 3.0, "{id:?} went to another level");
    }
}

#[test]
fn what_the_film_does_not_show_is_absent() {
    let truth = neck(PointPx::new(900.0, 900.0), 230.0, Facing::Right);
    // The film ends within C5: C5's lower corners, C6 and C7 are cut off.
    let (mut detector, _) = detector(Mischief::default());
    let detection = detector.detect(&film(1800, 1610, &truth, 25.0)).unwrap();
    let names: std::collections::BTreeSet<_> = detection.keypoints.iter().map(|(id, _)| id.vertebra().name()).collect();
    assert!(names.contains("C2") && names.contains("C4"), "{names:?}");
    assert!(!names.contains("C6") && !names.contains("C7"), "{names:?}");
}

#[test]
fn a_film_without_a_neck_has_no_landmarks_and_no_side() {
    let (mut detector, _) = detector(Mischief::default());
    for film in [film(700, 900, &[], 1.0), GrayImage::new(64, 64, vec![30_000; 64 * 64]).unwrap()] {
        let detection = detector.detect(&film).unwrap();
        assert_eq!(detection.keypoints.iter().count(), 0);
        assert_eq!(detection.facing, None);
        assert!(detection.lateral_cervical < 0.1);
    }
}

#[test]
fn an_answer_that_is_not_finite_is_an_error_not_a_landmark() {
    let (mut detector, _) = detector(Mischief { broken: true, ..Mischief::default() });
    let error = detector.detect(&film(700, 900, &[], 1.0)).unwrap_err();
    assert!(matches!(error, DetectError::Engine(EngineError::NotFinite { .. })), "{error}");
}

#[test]
fn an_engine_that_does_not_fit_its_manifest_is_refused() {
    let facts =
        Facts { role: "detector".into(), provider: "fake".into(), precision: "fp32".into(), sha256: String::new() };
    let painter =
        || Painter { model: model(), facts: facts.clone(), mischief: Mischief::default(), runs: Default::default() };
    let mut other = model();
    other.model.signature.outputs.pop();
    assert!(matches!(Detector::new(Box::new(painter()), other), Err(DetectError::Mismatch(_))));
    let mut misspelt = model();
    misspelt.heatmaps.landmarks[3] = "C2.postero_interior".into();
    let error = Detector::new(Box::new(painter()), misspelt).unwrap_err().to_string();
    assert!(error.contains("postero_interior"), "{error}");
}

#[test]
fn the_pre_processing_is_the_one_the_network_was_trained_with() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("data/preprocess.json")).unwrap();
    let size = |key: &str| golden[key].as_u64().unwrap() as usize;
    let (width, height, side) = (size("width"), size("height"), size("side"));
    let grey = |i: usize| ((i % width * 7919 + i / width * 10_007 + (i % width) * (i / width) * 31) % 60_000) as u16;
    let film = GrayImage::new(width, height, (0..width * height).map(grey).collect()).unwrap();
    let normalisation = Normalisation { low_quantile: 0.005, high_quantile: 0.995, black: 0.0, white: 1.0 };
    let views = golden["views"].as_array().unwrap();
    assert_eq!(views.len(), 4);
    for (n, golden) in views.iter().enumerate() {
        let number = |key: &str| golden[key].as_f64().unwrap();
        let centre = PointPx::new(number("x"), number("y"));
        let view = View::around(centre, number("scale"), number("turn"), side).unwrap();
        if n == 0 {
            assert_eq!(view, View::letterbox(width, height, side));
        }
        let seen = see(&film, &view, &normalisation).unwrap();
        for (ours, theirs) in seen.data().iter().zip(golden["pixels"].as_array().unwrap()) {
            assert!((f64::from(*ours) - theirs.as_f64().unwrap()).abs() < 1e-4, "view {n}: {ours} {theirs}");
        }
    }
}
