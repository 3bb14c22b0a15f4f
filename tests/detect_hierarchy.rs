//! The hierarchy from outside: a global model that errs, specialists and a locator that find by arithmetic what it missed.
//!
//! Everything but the networks is real: patches cut from the film and brought upright, batches, absence, and the merge.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod detect_support;

use detect_support::{Mischief, Specialist, Straight, detector, film, neck, specialist_model};
use sagitta::detect::{DetectError, Detector, Patch, Stance};
use sagitta::domain::anatomy::{Corner, Facing, LandmarkId, Stage, Vertebra};
use sagitta::domain::detection::Detection;
use sagitta::domain::geometry::PointPx;
use sagitta::domain::radiograph::GrayImage;
use sagitta::inference::manifest::{Normalisation, PatchFrame, RefinerModel};

const PITCH: f64 = 150.0;

/// A film of a plain neck, and where its landmarks are.
fn plain(facing: Facing) -> (GrayImage, Vec<PointPx>) {
    let truth = neck(PointPx::new(700.0, 350.0), PITCH, facing);
    (film(1400, 1500, &truth, PITCH * 0.11), truth)
}

fn with_specialists(mischief: Mischief, batch: usize, refuses: bool) -> Detector {
    let (detector, _) = detector(mischief);
    detector.with_specialist(&Vertebra::ALL, Specialist::boxed(batch, refuses), specialist_model(batch)).unwrap()
}

/// The mean distance of the landmarks of `vertebra` from the truth, in level heights; infinite where one is missing.
fn off(detection: &Detection, truth: &[PointPx], vertebra: Vertebra) -> f64 {
    let each: Vec<f64> = LandmarkId::all()
        .zip(truth)
        .filter(|(id, _)| id.vertebra() == vertebra)
        .map(|(id, t)| detection.keypoints.get(id).map_or(f64::INFINITY, |l| l.position.distance(*t) / PITCH))
        .collect();
    each.iter().sum::<f64>() / each.len() as f64
}

/// The same of the corners alone.
fn off_corners(detection: &Detection, truth: &[PointPx], vertebra: Vertebra) -> f64 {
    let each = Corner::ALL.map(|c| {
        let id = LandmarkId::Corner(vertebra, c);
        detection
            .keypoints
            .corner(vertebra, c)
            .map_or(f64::INFINITY, |p| p.distance(truth[id.index().unwrap()]) / PITCH)
    });
    each.iter().sum::<f64>() / 4.0
}

/// The channels of the four corners of `vertebra`.
fn corners(vertebra: Vertebra) -> impl Iterator<Item = usize> {
    let first = 4 * vertebra as usize;
    first..first + 4
}

#[test]
fn specialists_bring_blurred_landmarks_to_their_place_on_either_side_and_in_any_batch() {
    // The global model is unsure by a tenth of a level and errs by a twentieth.
    let shifted = (0..34).map(|k| (k, (1.0, -0.7))).collect();
    let mischief = Mischief { sigma: Some(3.0), shifted, ..Mischief::default() };
    for facing in [Facing::Left, Facing::Right] {
        let (film, truth) = plain(facing);
        let (mut alone, _) = detector(mischief.clone());
        let global = alone.detect(&film).unwrap();
        for batch in [1, 4, 6] {
            let refined = with_specialists(mischief.clone(), batch, false).detect(&film).unwrap();
            for vertebra in Vertebra::ALL {
                let (before, after) = (off(&global, &truth, vertebra), off(&refined, &truth, vertebra));
                assert!(before > 0.03 && after < 0.012, "{vertebra:?}, {facing:?}: {before:.4} became {after:.4}");
            }
            assert!(refined.keypoints.iter().all(|(_, l)| l.stage == Stage::Refined));
            assert_eq!((refined.disputed.len(), refined.facing), (0, Some(facing)));
        }
    }
}

#[test]
fn a_specialist_that_looks_again_errs_less_than_each_of_its_looks() {
    let (film, truth) = plain(Facing::Right);
    let [once, thrice] = [1, 3].map(|looks| {
        let (detector, _) = detector(Mischief::default());
        let engine = Specialist { wobble: 4.0, ..*Specialist::boxed(6, false) };
        let model = RefinerModel { looks, ..specialist_model(6) };
        let mut detector = detector.with_specialist(&[Vertebra::C4], Box::new(engine), model).unwrap();
        off_corners(&detector.detect(&film).unwrap(), &truth, Vertebra::C4)
    });
    assert!(thrice < 0.5 * once, "{once:.4} became {thrice:.4}");
}

#[test]
fn a_c7_that_is_hardly_shown_is_looked_at_again_from_where_it_was_found() {
    let shifted = [Vertebra::C4, Vertebra::C7].into_iter().flat_map(corners).map(|k| (k, (3.0, 0.0))).collect();
    let mischief = Mischief { sigma: Some(4.0), shifted, ..Mischief::default() };
    for facing in [Facing::Left, Facing::Right] {
        let (film, truth) = plain(facing);
        let (detector, _) = detector(mischief.clone());
        let engine = Specialist { leans: 0.4, ..*Specialist::boxed(6, false) };
        let mut detector = detector.with_specialist(&Vertebra::ALL, Box::new(engine), specialist_model(6)).unwrap();
        let detection = detector.detect(&film).unwrap();
        let (once, twice) =
            (off_corners(&detection, &truth, Vertebra::C4), off_corners(&detection, &truth, Vertebra::C7));
        assert!(once > 0.04 && twice < 0.6 * once, "C4 {once:.4}, C7 {twice:.4}");
    }
}

#[test]
fn where_both_are_sure_of_different_places_the_landmark_is_disputed_and_wide() {
    let shifted = corners(Vertebra::C4).map(|k| (k, (2.5, 0.0))).collect();
    let (film, truth) = plain(Facing::Left);
    let detection = with_specialists(Mischief { shifted, ..Mischief::default() }, 4, false).detect(&film).unwrap();
    let expected: Vec<_> = Corner::ALL.map(|c| LandmarkId::Corner(Vertebra::C4, c)).to_vec();
    assert_eq!(detection.disputed, expected);
    for (id, landmark) in detection.keypoints.iter() {
        let true_place = truth[id.index().unwrap()];
        assert!(landmark.position.distance(true_place) < 0.02 * PITCH, "the specialist saw more: {id:?}");
        let wide = landmark.covariance.sigma() > 0.03 * PITCH;
        assert_eq!(wide, expected.contains(&id), "{id:?}: {:.2}", landmark.covariance.sigma());
    }
}

#[test]
fn a_specialist_that_does_not_see_what_it_was_promised_has_no_say() {
    let (film, _) = plain(Facing::Right);
    let (mut alone, _) = detector(Mischief::default());
    let detection = with_specialists(Mischief::default(), 4, true).detect(&film).unwrap();
    assert_eq!(detection, alone.detect(&film).unwrap());
    assert!(detection.keypoints.iter().all(|(_, l)| l.stage == Stage::Global));
}

#[test]
fn a_c7_that_the_global_model_missed_is_found_where_the_locator_expects_it() {
    let blind: Vec<usize> = corners(Vertebra::C7).chain([32, 33]).collect();
    let mischief = Mischief { blind, ..Mischief::default() };
    let (film, truth) = plain(Facing::Left);
    let mut without = with_specialists(mischief.clone(), 4, false);
    assert!(off(&without.detect(&film).unwrap(), &truth, Vertebra::C7).is_infinite(), "nobody told where to look");
    let locator = Straight::boxed();
    let model = locator.model.clone();
    let mut whole = with_specialists(mischief.clone(), 4, false).with_locator(locator, model.clone()).unwrap();
    assert!(off(&whole.detect(&film).unwrap(), &truth, Vertebra::C7) < 0.012);
    // A place that was only reckoned and that nobody saw is no landmark.
    let mut reckoned = detector(mischief).0.with_locator(Straight::boxed(), model).unwrap();
    assert!(off(&reckoned.detect(&film).unwrap(), &truth, Vertebra::C7).is_infinite());
}

/// A global model that counts from both ends: C5 stands on C6, C6 on C7.
fn counts_from_both_ends() -> Mischief {
    let lower: Vec<usize> = [Vertebra::C5, Vertebra::C6].into_iter().flat_map(corners).collect();
    let blind = lower.iter().copied().chain(corners(Vertebra::C7)).chain(28..34).collect();
    Mischief { blind, level_below: lower.into_iter().map(|k| (k, 0.0)).collect(), ..Mischief::default() }
}

#[test]
fn where_a_vertebra_was_passed_over_and_a_specialist_finds_it_the_names_below_move_down() {
    for facing in [Facing::Left, Facing::Right] {
        let (film, truth) = plain(facing);
        let global = detector(counts_from_both_ends()).0.detect(&film).unwrap();
        assert!((0.9..1.1).contains(&off_corners(&global, &truth, Vertebra::C5)), "the gap is there");
        let counted = with_specialists(counts_from_both_ends(), 4, false).detect(&film).unwrap();
        for vertebra in Vertebra::ALL {
            assert!(off(&counted, &truth, vertebra) < 0.012, "{vertebra:?}, {facing:?}");
        }
    }
}

#[test]
fn a_gap_in_which_no_specialist_finds_a_body_moves_no_name() {
    let (film, _) = plain(Facing::Left);
    let refused = with_specialists(counts_from_both_ends(), 4, true).detect(&film).unwrap();
    assert_eq!(refused, detector(counts_from_both_ends()).0.detect(&film).unwrap());
}

#[test]
fn of_two_bodies_in_one_place_one_is_left_and_the_names_below_move_up() {
    // Six bodies over five: each of C3 to C7 stands a fifth of a level higher than it ought to, by the one above it.
    let below_c2 = Vertebra::ALL.into_iter().enumerate().skip(1);
    let drawn_up: Vec<(usize, f64)> =
        below_c2.flat_map(|(level, vertebra)| corners(vertebra).map(move |k| (k, 0.2 * level as f64))).collect();
    let mischief =
        Mischief { blind: drawn_up.iter().map(|(k, _)| *k).chain(28..34).collect(), drawn_up, ..Mischief::default() };
    for facing in [Facing::Left, Facing::Right] {
        let (film, truth) = plain(facing);
        let global = detector(mischief.clone()).0.detect(&film).unwrap();
        assert!((0.5..0.7).contains(&off_corners(&global, &truth, Vertebra::C5)), "C5 stands in between");
        assert!((0.9..1.1).contains(&off_corners(&global, &truth, Vertebra::C7)), "C7 stands on C6");
        let whole = with_specialists(mischief.clone(), 4, false).detect(&film).unwrap();
        for vertebra in [Vertebra::C2, Vertebra::C3, Vertebra::C4, Vertebra::C5, Vertebra::C6] {
            assert!(off_corners(&whole, &truth, vertebra) < 0.012, "{vertebra:?}, {facing:?}");
        }
        assert!(off_corners(&whole, &truth, Vertebra::C7).is_infinite(), "C7 is the locator's");
    }
}

#[test]
fn below_the_last_body_of_the_global_model_specialists_go_on_down_to_c6() {
    let lower = [Vertebra::C5, Vertebra::C6, Vertebra::C7].into_iter().flat_map(corners);
    let mischief = Mischief { blind: lower.chain(28..34).collect(), ..Mischief::default() };
    for facing in [Facing::Left, Facing::Right] {
        let (film, truth) = plain(facing);
        let global = detector(mischief.clone()).0.detect(&film).unwrap();
        assert!(off(&global, &truth, Vertebra::C5).is_infinite(), "the global model ends at C4");
        let whole = with_specialists(mischief.clone(), 4, false).detect(&film).unwrap();
        for vertebra in [Vertebra::C2, Vertebra::C3, Vertebra::C4, Vertebra::C5, Vertebra::C6] {
            assert!(off(&whole, &truth, vertebra) < 0.012, "{vertebra:?}, {facing:?}");
        }
        assert!(off(&whole, &truth, Vertebra::C7).is_infinite(), "C7 is the locator's");
        let refused = with_specialists(mischief.clone(), 4, true).detect(&film).unwrap();
        assert_eq!(refused, global, "what no specialist sees is not there");
    }
}

#[test]
fn a_film_without_a_neck_asks_no_specialist_and_stays_empty() {
    let blank = GrayImage::new(300, 400, vec![9_000; 300 * 400]).unwrap();
    let detection = with_specialists(Mischief::default(), 4, false).detect(&blank).unwrap();
    assert_eq!(detection.keypoints.iter().count(), 0);
}

#[test]
fn the_models_are_told_in_the_order_in_which_they_run() {
    let locator = Straight::boxed();
    let model = locator.model.clone();
    let detector = with_specialists(Mischief::default(), 4, false).with_locator(locator, model).unwrap();
    let roles: Vec<_> = detector.facts().into_iter().map(|f| f.role.clone()).collect();
    assert_eq!(roles, ["detector", "locator", "refiner_body"]);
}

#[test]
fn models_that_do_not_fit_their_entry_are_refused() {
    let plain = || detector(Mischief::default()).0;
    let mut misspelt = specialist_model(4);
    misspelt.heatmaps.landmarks[1] = "C3.antero_inferior".into();
    let error = plain().with_specialist(&[Vertebra::C3], Specialist::boxed(4, false), misspelt).unwrap_err();
    assert!(error.to_string().contains("C3.antero_inferior"), "{error}");
    let other = plain().with_specialist(&[Vertebra::C3], Specialist::boxed(4, false), specialist_model(1));
    assert!(matches!(other, Err(DetectError::Mismatch(_))));
    let locator = Straight::boxed();
    let mut model = locator.model.clone();
    model.landmarks[0] = "C8.antero_superior".into();
    assert!(plain().with_locator(locator, model).unwrap_err().to_string().contains("C8"));
}

#[test]
fn a_patch_is_the_one_the_specialists_were_trained_with() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("data/patch.json")).unwrap();
    let size = |key: &str| golden[key].as_u64().unwrap() as usize;
    let (width, height, side) = (size("width"), size("height"), size("side"));
    let grey = |i: usize| ((i % width * 7919 + i / width * 10_007 + (i % width) * (i / width) * 31) % 60_000) as u16;
    let film = GrayImage::new(width, height, (0..width * height).map(grey).collect()).unwrap();
    let normalisation = Normalisation { low_quantile: 0.005, high_quantile: 0.995, black: 0.0, white: 1.0 };
    let number = |v: &serde_json::Value| v.as_f64().unwrap();
    let point = |v: &serde_json::Value| PointPx::new(number(&v[0]), number(&v[1]));
    let frame = PatchFrame { level_height: number(&golden["level_height"]), behind: number(&golden["behind"]) };
    let patches = golden["patches"].as_array().unwrap();
    assert_eq!(patches.len(), 3);
    for (n, golden) in patches.iter().enumerate() {
        let corners = [0, 1, 2, 3].map(|c| point(&golden["corners"][c]));
        let patch = Patch::around(&Stance::of(corners, number(&golden["level"])).unwrap(), frame, side).unwrap();
        for (corner, expected) in corners.into_iter().zip(golden["on_patch"].as_array().unwrap()) {
            assert!(patch.to_patch(corner).distance(point(expected)) < 1e-3, "patch {n}");
        }
        let seen = patch.see(&film, &normalisation).unwrap();
        for (ours, theirs) in seen.data().iter().zip(golden["pixels"].as_array().unwrap()) {
            assert!((f64::from(*ours) - number(theirs)).abs() < 1e-3, "patch {n}: {ours} {theirs}");
        }
    }
}
