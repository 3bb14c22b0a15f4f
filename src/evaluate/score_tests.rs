//! Necks of rectangles, found with known faults.

use super::*;
use crate::evaluate::testing::{STEP, found, height_of_picture, report, shifted, truth};

#[test]
fn what_lies_in_its_place_is_right_and_off_by_nothing() {
    let film = score("a", &truth(), &report(&found(&truth(), |_, p| Some(p))));
    assert_eq!(film.naming(), Naming::Right);
    assert_eq!(film.levels.len(), 6);
    assert_eq!(film.landmarks.len(), 34);
    assert!(film.landmarks.iter().all(|l| l.off.unwrap().px < 1e-9));
    let cobb = film.numbers.iter().find(|n| n.quantity == Quantity::C2C7Cobb).unwrap();
    assert!((cobb.truth - cobb.found.unwrap().0.value()).abs() < 1e-6);
    assert_eq!(film.facing_right, Some(true));
}

#[test]
fn a_chain_one_level_low_is_shifted() {
    let film = score("a", &truth(), &report(&found(&truth(), |_, p| Some(PointPx::new(p.x, p.y + STEP)))));
    // C7's name stands on what would be T1, where the truth has no body.
    assert_eq!(film.levels.iter().filter(|l| l.fate == Fate::Shifted(1)).count(), 5);
    assert_eq!(film.fate(Vertebra::C7), Some(Fate::Astray));
    assert_eq!(film.naming(), Naming::Shifted(1));
    // One name in its place and the others one too low: no shift of the whole chain.
    let broken =
        found(&truth(), |id, p| Some(if id.vertebra() == Vertebra::C2 { p } else { PointPx::new(p.x, p.y + STEP) }));
    assert_eq!(score("a", &truth(), &report(&broken)).naming(), Naming::Wrong);
}

#[test]
fn a_level_may_stray_by_less_than_two_fifths_of_its_height() {
    let moved = |by: f64| {
        let keypoints = found(&truth(), |id, p| {
            Some(if id.vertebra() == Vertebra::C4 { PointPx::new(p.x, p.y + by * STEP) } else { p })
        });
        score("a", &truth(), &report(&keypoints)).fate(Vertebra::C4)
    };
    assert_eq!(moved(0.39), Some(Fate::Right));
    assert_eq!(moved(0.5), Some(Fate::Astray));
    assert_eq!(moved(-0.7), Some(Fate::Shifted(-1)));
}

#[test]
fn what_lies_outside_the_picture_is_not_asked_for_but_must_not_be_found() {
    // The whole neck stands so low that C7 lies below the lower edge.
    let low = shifted(&truth(), height_of_picture() - truth().landmarks[22].y + 1.0);
    let all = score("a", &low, &report(&found(&low, |_, p| Some(p))));
    assert_eq!(all.fate(Vertebra::C7), Some(Fate::Invented));
    assert_eq!(all.naming(), Naming::Wrong);
    let five = score("a", &low, &report(&found(&low, |id, p| (id.vertebra() != Vertebra::C7).then_some(p))));
    assert_eq!(five.fate(Vertebra::C7), None);
    assert_eq!(five.naming(), Naming::Right);
    assert!(five.numbers.iter().all(|n| n.quantity != Quantity::C2C7Cobb), "nobody could read it");
    assert!(five.numbers.iter().any(|n| n.quantity == Quantity::C2C6Cobb));
}

#[test]
fn a_hidden_level_may_be_missing_a_visible_one_not() {
    let mut truth = truth();
    for corner in truth.landmarks.iter_mut().filter(|l| l.vertebra == "C7") {
        corner.visible = false;
    }
    let without = |v| score("a", &truth, &report(&found(&truth, |id, p| (id.vertebra() != v).then_some(p))));
    assert_eq!(without(Vertebra::C7).naming(), Naming::Right);
    assert_eq!(without(Vertebra::C7).fate(Vertebra::C7), Some(Fate::Missing));
    assert_eq!(without(Vertebra::C3).naming(), Naming::Incomplete);
}

#[test]
fn a_reader_who_marked_some_corners_is_scored_on_those() {
    // As on the head films: C2's lower corners, C3 and C4.
    let full = truth();
    let mut truth = truth();
    truth
        .landmarks
        .retain(|l| l.vertebra == "C3" || l.vertebra == "C4" || (l.vertebra == "C2" && l.corner.ends_with("inferior")));
    truth.spinolaminar.clear();
    truth.facing = None;
    let film = score("a", &truth, &report(&found(&full, |_, p| Some(p))));
    assert_eq!(film.levels.len(), 3);
    assert_eq!(film.naming(), Naming::Right);
    assert_eq!(film.landmarks.len(), 10);
    assert!(film.numbers.iter().any(|n| n.quantity == Quantity::C2Slope));
    assert!(film.numbers.iter().all(|n| n.quantity != Quantity::Pavlov));
    let low = score("a", &truth, &report(&found(&full, |_, p| Some(PointPx::new(p.x, p.y + STEP)))));
    assert_eq!(low.fate(Vertebra::C2), Some(Fate::Shifted(1)));
}

#[test]
fn a_refused_neck_has_every_level_missing_and_every_number_withheld() {
    let mut passed_over = report(&Keypoints::new([None; 34]));
    passed_over.assessment.quality.verdict = Verdict::NotApplicable;
    passed_over.measurements.0.clear();
    let film = score("a", &truth(), &passed_over);
    assert_eq!(film.naming(), Naming::Refused);
    assert!(film.levels.iter().all(|l| l.fate == Fate::Missing));
    assert!(!film.numbers.is_empty() && film.numbers.iter().all(|n| n.found.is_none()));
    assert_eq!(film.facing_right, None);
}

#[test]
fn what_is_no_neck_has_nothing_to_score_but_its_verdict() {
    let other = Truth { kind: Some("other".into()), ..truth() };
    let film = score("a", &other, &report(&found(&truth(), |_, p| Some(p))));
    assert_eq!((film.kind, film.naming()), (Kind::Other, Naming::NotJudged));
    assert!(film.landmarks.is_empty() && film.numbers.is_empty());
}

#[test]
fn a_number_of_the_truth_file_stands_over_that_of_its_landmarks() {
    let mut truth = truth();
    truth.measurements.push(crate::phantom::truth::TrueMeasurement {
        name: "c2_c7_cobb".into(),
        level: None,
        value: 12.5,
        unit: "deg".into(),
    });
    let film = score("a", &truth, &report(&found(&truth, |_, p| Some(p))));
    assert_eq!(film.numbers.iter().find(|n| n.quantity == Quantity::C2C7Cobb).unwrap().truth, 12.5);
}

#[test]
fn what_a_truth_names_and_nobody_knows_is_told() {
    let mut truth = truth();
    assert_eq!(unknown(&truth), Vec::<String>::new());
    truth.landmarks[0].vertebra = "c2".into();
    truth.view = Some("flexed".into());
    truth.spacing_mm = Some(0.0);
    assert_eq!(unknown(&truth), ["landmark c2 antero_superior", "view \"flexed\"", "spacing_mm 0, which no film has"]);
    // The film's own spacing stands in; an error of nothing would be a lie.
    let keypoints = found(&crate::evaluate::testing::truth(), |_, p| Some(p));
    assert_eq!(score("a", &truth, &report(&keypoints)).spacing_mm, Some(0.5));
}
