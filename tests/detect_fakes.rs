//! The detect room from outside: films with painted discs, and an engine that finds them by arithmetic.
//!
//! The film bears a disc for each landmark, each of its own grey value. The engine looks for these grey values in the very
//! tensor that the pre-processing made, and paints a Gaussian where it finds one. So everything but the network is real:
//! letterbox, normalisation, second pass, modes, bodies, chain and the way back to film pixels.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use sagitta::detect::{DetectError, Detector, View, see};
use sagitta::domain::anatomy::{Facing, LandmarkId};
use sagitta::domain::detection::C7Visibility;
use sagitta::domain::geometry::PointPx;
use sagitta::domain::radiograph::GrayImage;
use sagitta::inference::engine::{Engine, EngineError, Facts, Outputs, Signature, Tensor, TensorSpec};
use sagitta::inference::manifest::{Decoder, DetectorModel, Heatmaps, Model, Normalisation, Quality, SecondPass};

const SIDE: usize = 512;
const MAP: usize = 256;
const ABSENT: f64 = 11.09;

fn model() -> DetectorModel {
    let spec = |name: &str, shape: &[usize]| TensorSpec { name: name.into(), shape: shape.to_vec() };
    DetectorModel {
        model: Model {
            role: "detector",
            path: "fake.onnx".into(),
            sha256: "0".repeat(64),
            licence: "Apache-2.0".into(),
            trained_on: "nothing".into(),
            signature: Signature {
                input: spec("image", &[1, 1, SIDE, SIDE]),
                outputs: vec![spec("heatmaps", &[1, 34, MAP, MAP]), spec("quality", &[1, 5])],
            },
        },
        normalisation: Normalisation { low_quantile: 0.0, high_quantile: 1.0, black: 0.0, white: 1.0 },
        heatmaps: Heatmaps {
            output: "heatmaps".into(),
            landmarks: LandmarkId::all().map(|id| format!("{}.{}", id.vertebra().name(), id.part())).collect(),
            decoder: Decoder::Softmax { absent_logit: Some(ABSENT) },
            window: 6,
            target_sigma: 1.5,
            sigma_factor: 1.0,
            sigma_floor: 0.2,
        },
        quality: Some(Quality { output: "quality".into(), lateral_cervical: 0, c7: [1, 2, 3], rotation: Some(4) }),
        second_pass: Some(SecondPass { level_height: 0.092, upright: true, looks: 2, skip_within: 0.05 }),
    }
}

/// What the fake paints beside the truth.
#[derive(Default, Clone)]
struct Mischief {
    /// For these channels the landmark four channels further on (the level below) is painted too, with this much more mass.
    level_below: Vec<(usize, f32)>,
    /// The answer holds a number that is not finite.
    broken: bool,
}

struct Painter {
    model: DetectorModel,
    facts: Facts,
    mischief: Mischief,
    runs: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

/// The grey value of landmark `k`'s disc, as a share of white.
fn level(k: usize) -> f32 {
    (k as f32 + 2.0) / 40.0
}

impl Painter {
    /// The centre of the disc of landmark `k` on the tensor: the mean of the pixels whose whole neighbourhood has its grey.
    fn find(input: &[f32], k: usize) -> Option<(f64, f64)> {
        let same = |i: usize| (input[i] - level(k)).abs() < 0.004;
        let (mut n, mut sx, mut sy) = (0.0, 0.0, 0.0);
        for y in 1..SIDE - 1 {
            for x in 1..SIDE - 1 {
                let i = y * SIDE + x;
                if same(i) && same(i - 1) && same(i + 1) && same(i - SIDE) && same(i + SIDE) {
                    (n, sx, sy) = (n + 1.0, sx + x as f64 + 0.5, sy + y as f64 + 0.5);
                }
            }
        }
        (n >= 3.0).then(|| (sx / n, sy / n))
    }
}

impl Engine for Painter {
    fn signature(&self) -> &Signature {
        &self.model.model.signature
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        self.runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let found: Vec<_> = (0..34).map(|k| Self::find(input.data(), k)).collect();
        let mut maps = vec![-4.0_f32; 34 * MAP * MAP];
        let mut paint = |k: usize, (x, y): (f64, f64), extra: f32| {
            for (i, value) in maps[k * MAP * MAP..(k + 1) * MAP * MAP].iter_mut().enumerate() {
                let (u, v) = ((i % MAP) as f64 + 0.5 - x / 2.0, (i / MAP) as f64 + 0.5 - y / 2.0);
                *value = value.max(14.0 + extra - ((u * u + v * v) / (2.0 * 1.5 * 1.5)) as f32);
            }
        };
        for (k, place) in found.iter().enumerate() {
            if let Some(place) = place {
                paint(k, *place, 0.0);
            }
        }
        for &(k, extra) in &self.mischief.level_below {
            if let Some(place) = found[k + 4] {
                paint(k, place, extra);
            }
        }
        if self.mischief.broken {
            maps[7] = f32::NAN;
        }
        let neck = if found.iter().filter(|f| f.is_some()).count() > 8 { 4.0 } else { -4.0 };
        let raw = vec![
            ("quality".to_owned(), Tensor::new(vec![1, 5], vec![neck, 0.0, 3.0, 0.0, 7.5]).unwrap()),
            ("heatmaps".to_owned(), Tensor::new(vec![1, 34, MAP, MAP], maps).unwrap()),
        ];
        Outputs::checked(&self.model.model.signature, raw)
    }
}

/// The landmarks of a plain neck: levels `height` apart down a slight curve, facing left or right.
fn neck(top: PointPx, height: f64, facing: Facing) -> Vec<PointPx> {
    LandmarkId::all()
        .map(|id| {
            let v = id.vertebra() as usize as f64;
            let (forward, down) = match id {
                LandmarkId::Corner(_, c) => match c as usize {
                    0 => (0.45, -0.37),
                    1 => (0.45, 0.37),
                    2 => (-0.45, -0.37),
                    _ => (-0.45, 0.37),
                },
                LandmarkId::Spinolaminar(_, end) => (-1.35, if end as usize == 0 { -0.1 } else { 0.35 }),
            };
            let bend = -0.04 * (v - 2.5).powi(2);
            let x = top.x + facing.sign() * height * (forward + bend);
            PointPx::new(x, top.y + height * (v + down))
        })
        .collect()
}

fn film(width: usize, height: usize, landmarks: &[PointPx], radius: f64) -> GrayImage {
    let mut pixels = vec![0_u16; width * height];
    // White in a corner, so that the stretched grey values are the painted ones.
    for y in 0..height / 40 {
        pixels[y * width..y * width + width / 40].fill(65_535);
    }
    for (k, p) in landmarks.iter().enumerate() {
        for y in (p.y - radius).max(0.0) as usize..((p.y + radius) as usize + 1).min(height) {
            for x in (p.x - radius).max(0.0) as usize..((p.x + radius) as usize + 1).min(width) {
                if PointPx::new(x as f64 + 0.5, y as f64 + 0.5).distance(*p) <= radius {
                    pixels[y * width + x] = (level(k) * 65_535.0) as u16;
                }
            }
        }
    }
    GrayImage::new(width, height, pixels).unwrap()
}

fn detector(mischief: Mischief) -> (Detector, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let runs = std::sync::Arc::default();
    let facts =
        Facts { role: "detector".into(), provider: "fake".into(), precision: "fp32".into(), sha256: "0".repeat(64) };
    let engine = Painter { model: model(), facts, mischief, runs: std::sync::Arc::clone(&runs) };
    (Detector::new(Box::new(engine), model()).unwrap(), runs)
}

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
        assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 2, "a second look at the scale of training");
    }
}

#[test]
fn a_film_that_has_the_scale_of_training_already_is_looked_at_once() {
    let pitch = 0.092 * 1000.0;
    let truth = neck(PointPx::new(500.0, 500.0 - 2.5 * pitch), pitch, Facing::Left);
    let (mut detector, runs) = detector(Mischief::default());
    detector.detect(&film(1000, 1000, &truth, pitch * 0.11)).unwrap();
    assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 1);
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
