//! The checked-in model through the whole room, on phantoms of seeds that were never trained on.
//!
//! Needs `scripts/fetch-onnxruntime` to have been run; fails loudly otherwise. `docs/accuracy.md` tells the figures on many
//! films; here a few clean ones must come out right, so that a broken export, manifest or pre-processing is noticed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;

use sagitta::detect::Detector;
use sagitta::domain::anatomy::{CORNERS, Facing, LandmarkId};
use sagitta::domain::geometry::PointPx;
use sagitta::domain::radiograph::GrayImage;
use sagitta::domain::report::Position;
use sagitta::inference::manifest::Manifest;
use sagitta::inference::onnx::{Runtime, Settings};
use sagitta::phantom::case::{Blemish, Case, Difficulty, Recipe};

fn detector() -> Detector {
    let model = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap().detector;
    let engine = Runtime::load(None).unwrap().engine(&model.model, &Settings::default()).unwrap();
    Detector::new(Box::new(engine), model).unwrap()
}

fn film(case: &Case) -> GrayImage {
    GrayImage::new(case.size.0, case.size.1, case.quantised(16)).unwrap()
}

/// The first film from `seed` on that shows every corner of all six bodies.
fn whole_neck(seed: u64, position: Position) -> Case {
    let recipe = |seed| Recipe { seed, difficulty: Difficulty::Clean, position, pixel_mm: 0.4, blemish: Blemish::None };
    let shows_all = |case: &Case| case.truth.landmarks.iter().filter(|corner| corner.visible).count() == CORNERS;
    (seed..seed + 50).map(|seed| Case::new(recipe(seed))).find(shows_all).expect("one of fifty clean films shows all")
}

#[test]
fn clean_phantoms_are_named_right_and_their_corners_lie_within_a_millimetre_and_a_half() {
    let mut detector = detector();
    for (seed, position) in [(420, Position::Neutral), (430, Position::Flexion), (440, Position::Extension)] {
        let case = whole_neck(seed, position);
        let (seed, mm) = (case.recipe.seed, case.truth.spacing_mm.unwrap());
        let detection = detector.detect(&film(&case)).unwrap();
        let off: Vec<f64> = LandmarkId::all()
            .take(CORNERS)
            .map(|id| {
                let found = detection.keypoints.get(id).unwrap_or_else(|| panic!("{id:?} was not found, seed {seed}"));
                let off = found.position.distance(case.truth.landmark(id).unwrap().0) * mm;
                assert!(off < 6.0, "{id:?} is {off:.1} mm off, seed {seed}");
                off
            })
            .collect();
        let mean = off.iter().sum::<f64>() / off.len() as f64;
        assert!(mean < 1.5, "corners are {mean:.2} mm off on average, seed {seed}");
        assert_eq!(detection.facing.map(Facing::name), case.truth.facing.as_deref(), "seed {seed}");
        assert!(detection.lateral_cervical > 0.5, "seed {seed}");
    }
}

#[test]
fn a_negative_in_a_frame_is_read_like_the_film_that_it_was() {
    let mut detector = detector();
    let case = whole_neck(420, Position::Neutral);
    let (film, mm) = (film(&case), case.truth.spacing_mm.unwrap());
    let plain = detector.detect(&film).unwrap();
    assert!(!plain.negative);
    let (width, height, border) = (film.width() + 400, film.height() + 400, 200);
    let mut pixels = vec![12_345_u16; width * height];
    for (y, row) in film.negative().pixels().chunks_exact(film.width()).enumerate() {
        pixels[(y + border) * width + border..][..row.len()].copy_from_slice(row);
    }
    let exported = detector.detect(&GrayImage::new(width, height, pixels).unwrap()).unwrap();
    assert!(exported.negative);
    for (id, landmark) in plain.keypoints.iter() {
        let found = exported.keypoints.get(id).unwrap_or_else(|| panic!("{id:?} was not found on the export")).position;
        let off =
            found.distance(PointPx::new(landmark.position.x + border as f64, landmark.position.y + border as f64));
        assert!(off * mm < 0.05, "{id:?} lies {:.2} mm off on the export", off * mm);
    }
}

#[test]
fn the_same_film_gives_the_same_numbers_and_no_neck_gives_none() {
    let mut detector = detector();
    let recipe = Recipe {
        seed: 42,
        difficulty: Difficulty::Clean,
        position: Position::Neutral,
        pixel_mm: 0.8,
        blemish: Blemish::None,
    };
    let film = film(&Case::new(recipe));
    let first = detector.detect(&film).unwrap();
    assert_eq!(first, detector.detect(&film).unwrap());

    let blank = GrayImage::new(600, 800, vec![20_000; 600 * 800]).unwrap();
    let noise = |i: usize| (i as u32).wrapping_mul(2_654_435_761).rotate_left(9) as u16;
    let snow = GrayImage::new(600, 800, (0..600 * 800).map(noise).collect()).unwrap();
    for (name, film) in [("blank", blank), ("snow", snow)] {
        let detection = detector.detect(&film).unwrap();
        assert!(detection.lateral_cervical < 0.5, "{name}: {}", detection.lateral_cervical);
    }
}
