//! The table of measurements: complete, right on a neck of known build, and moved only by what should move it.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sagitta::domain::anatomy::{Corner, Facing, Keypoints, LANDMARKS, LaminaEnd, Landmark, LandmarkId, Vertebra};
use sagitta::domain::detection::C7Visibility;
use sagitta::domain::geometry::{Covariance, PixelSpacing, PointPx};
use sagitta::domain::measurement::{Calibration, Cause, Level, Measurement, Measurements, Quantity, Reading, Unit};
use sagitta::measure::{Settings, Subject, measure};

use crate::neck::{Neck, Placing, belongs_to, calibrated, corner, lamina, moved, without};

fn read(keypoints: &Keypoints, facing: Option<Facing>, spacing: Option<PixelSpacing>) -> Measurements {
    // The covariances as they come: what a model's errors have in common does not belong to the formulas.
    let settings = Settings::default();
    measure(&Subject { keypoints, facing, spacing, c7: C7Visibility::Full }, &settings)
}

fn default_table() -> Measurements {
    let placing = Placing::default();
    read(&Neck::default().keypoints(placing), Some(placing.facing), calibrated(placing.mm_per_pixel))
}

fn value(table: &Measurements, quantity: Quantity, level: &str) -> f64 {
    let row = table.0.iter().find(|m| m.quantity == quantity && level_name(m) == level);
    let row = row.unwrap_or_else(|| panic!("no row {} {level}", quantity.name()));
    match &row.reading {
        Reading::Ok(estimate) => estimate.value(),
        other => panic!("{} {level} is {other:?}", quantity.name()),
    }
}

fn level_name(measurement: &Measurement) -> String {
    measurement.level.map_or_else(String::new, |l| l.to_string())
}

#[test]
fn every_row_is_there_in_the_order_of_the_report() {
    let found: Vec<String> =
        default_table().0.iter().map(|m| format!("{} {}", m.quantity.name(), level_name(m))).collect();
    let mut expected = Vec::new();
    for quantity in Quantity::ALL {
        let levels: &[&str] = match quantity {
            Quantity::C2C7Cobb | Quantity::C2C6Cobb | Quantity::C2Slope | Quantity::C7Slope | Quantity::Sva => &[""],
            Quantity::Sdvb | Quantity::Sdvc | Quantity::Pavlov | Quantity::BodyWedge => &["C3", "C4", "C5", "C6", "C7"],
            _ => &["C2-C3", "C3-C4", "C4-C5", "C5-C6", "C6-C7"],
        };
        expected.extend(levels.iter().map(|l| format!("{} {l}", quantity.name())));
    }
    assert_eq!(found, expected);
    // Nothing found at all: the same rows, all withheld.
    let nothing = read(&without(&Neck::default().keypoints(Placing::default()), |_| true), None, None);
    assert_eq!(nothing.0.len(), found.len());
    assert!(nothing.0.iter().all(|m| matches!(m.reading, Reading::Withheld(_))));
}

#[test]
fn a_neck_of_known_build_gives_back_what_it_was_built_from() {
    let table = default_table();
    let near = |quantity, level, expected: f64| {
        let found = value(&table, quantity, level);
        assert!((found - expected).abs() < 1e-6, "{} {level}: {found}, expected {expected}", quantity.name());
    };
    // The bodies are rectangles: all angles come from their tilts.
    near(Quantity::C2C7Cobb, "", 24.0);
    near(Quantity::C2C6Cobb, "", 19.0);
    near(Quantity::C2Slope, "", -2.0);
    near(Quantity::C7Slope, "", 22.0);
    near(Quantity::SegmentalAngle, "C4-C5", 5.0);
    near(Quantity::SlipAngle, "C5-C6", 6.0);
    near(Quantity::BodyWedge, "C5", 0.0);
    near(Quantity::Sdvb, "C6", 17.0);
    near(Quantity::Sdvc, "C3", 15.5);
    near(Quantity::Pavlov, "C7", 15.4 / 17.4);
    near(Quantity::DiscHeightMiddle, "C3-C4", 5.0 * (2.5f64).to_radians().cos());
}

#[test]
fn a_body_pushed_forward_slips_by_as_much() {
    let straight = Neck { tilt_deg: [0.0; 6], depth: [16.0; 6], ..Neck::default() };
    // Each body stands `forward` before the one above it: the upper one lies behind, retrolisthesis of the segment.
    let slipped = Neck { forward: [0.0, 0.0, 0.0, 0.0, 2.5, -1.0], ..straight };
    let placing = Placing::default();
    let table = read(&slipped.keypoints(placing), Some(placing.facing), calibrated(placing.mm_per_pixel));
    assert!((value(&table, Quantity::SlipDistance, "C5-C6") + 2.5).abs() < 1e-9);
    assert!((value(&table, Quantity::SlipDistance, "C6-C7") - 1.0).abs() < 1e-9);
    // C2's centre over C7's back: half a depth forward, less 1.5 that C7 stands forward in all.
    assert!((value(&table, Quantity::Sva, "") - (8.0 - 1.5)).abs() < 1e-9);
}

#[test]
fn segments_and_wedges_add_up_to_the_cobb_angle() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for _ in 0..50 {
        let placing = Placing::default();
        // Corners moved one by one, so that bodies have wedges.
        let keypoints = Neck::random(&mut rng).keypoints(placing);
        let jitter: Vec<f64> = (0..68).map(|_| rand::Rng::random_range(&mut rng, -4.0..4.0)).collect();
        let keypoints = moved(&keypoints, |id, p| {
            let i = id.index().unwrap();
            PointPx::new(p.x + jitter[2 * i], p.y + jitter[2 * i + 1])
        });
        let table = read(&keypoints, Some(placing.facing), None);
        let sum: f64 = table
            .0
            .iter()
            .filter(|m| matches!(m.quantity, Quantity::SegmentalAngle | Quantity::BodyWedge))
            .map(|m| m.reading.estimate().unwrap().value())
            .sum();
        assert!((sum - value(&table, Quantity::C2C7Cobb, "")).abs() < 1e-9);
    }
}

#[test]
fn without_spacing_lengths_are_withheld_and_angles_and_ratios_stand() {
    let placing = Placing::default();
    let table = read(&Neck::default().keypoints(placing), Some(placing.facing), None);
    for row in &table.0 {
        match row.quantity.unit() {
            Unit::Millimetres => {
                assert_eq!(row.reading, Reading::Withheld("the film carries no trustworthy spacing".to_owned()));
            }
            _ => assert!(matches!(row.reading, Reading::Ok(_)), "{row:?}"),
        }
    }
}

#[test]
fn without_facing_whatever_has_a_sign_is_withheld_and_the_rest_stands() {
    let placing = Placing::default();
    let keypoints = Neck::default().keypoints(placing);
    let known = read(&keypoints, Some(placing.facing), calibrated(0.15));
    let unknown = read(&keypoints, None, calibrated(0.15));
    for (with, row) in known.0.iter().zip(&unknown.0) {
        let has_a_sign =
            row.quantity.unit() == Unit::Degrees || matches!(row.quantity, Quantity::Sva | Quantity::SlipDistance);
        if has_a_sign {
            assert!(
                matches!(&row.reading, Reading::Withheld(why) if why.contains("side the patient looks")),
                "{row:?}"
            );
        } else {
            let (a, b) = (with.reading.estimate().unwrap().value(), row.reading.estimate().unwrap().value());
            assert!((a - b).abs() < 1e-9);
        }
    }
}

#[test]
fn a_missing_landmark_is_named_and_only_what_rests_on_it_is_withheld() {
    let placing = Placing::default();
    let gone = corner(Vertebra::C7, Corner::AnteroInferior);
    let keypoints = without(&Neck::default().keypoints(placing), |id| id == gone);
    let table = read(&keypoints, Some(placing.facing), calibrated(0.15));
    let cobb = table.get(Quantity::C2C7Cobb, None).unwrap();
    assert_eq!(cobb, &Reading::Withheld("not found: antero-inferior corner of C7".to_owned()));
    for (quantity, level) in [(Quantity::C2C6Cobb, None), (Quantity::C7Slope, None), (Quantity::Sva, None)] {
        assert!(matches!(table.get(quantity, level), Some(Reading::Ok(_))));
    }
    let withheld = table.0.iter().filter(|m| matches!(m.reading, Reading::Withheld(_))).count();
    assert_eq!(withheld, 4, "Cobb, wedge, SDVB and Pavlov of C7");
}

#[test]
fn a_hidden_c7_makes_what_rests_on_it_unreliable_and_nothing_else() {
    let placing = Placing::default();
    let keypoints = Neck::default().keypoints(placing);
    let subject = Subject {
        keypoints: &keypoints,
        facing: Some(placing.facing),
        spacing: calibrated(0.15),
        c7: C7Visibility::Hidden,
    };
    for row in measure(&subject, &Settings::default()).0 {
        let rests = matches!(row.quantity, Quantity::C2C7Cobb | Quantity::C7Slope | Quantity::Sva)
            || row.level.is_some_and(|l| l.lower() == Vertebra::C7);
        match &row.reading {
            Reading::Unreliable(_, why) => assert!(rests && why.starts_with("C7 is hidden"), "{row:?}"),
            Reading::Ok(_) => assert!(!rests, "{row:?}"),
            Reading::Withheld(_) => panic!("{row:?}"),
        }
    }
}

#[test]
fn a_landmark_of_low_confidence_makes_a_number_unreliable() {
    let placing = Placing::default();
    let weak = corner(Vertebra::C4, Corner::PosteroSuperior);
    for confidence in [0.1, f64::NAN] {
        let keypoints =
            Neck::default().keypoints(placing).map(|id, l| if id == weak { Landmark { confidence, ..l } } else { l });
        let table = read(&keypoints, Some(placing.facing), calibrated(0.15));
        let slip = table.get(Quantity::SlipDistance, Level::span(Vertebra::C3, Vertebra::C4)).unwrap();
        assert!(
            matches!(slip, Reading::Unreliable(_, why) if why.contains("postero-superior corner of C4")),
            "{slip:?}"
        );
        assert!(matches!(table.get(Quantity::C2C7Cobb, None), Some(Reading::Ok(_))));
    }
}

#[test]
fn a_number_that_is_hardly_known_is_unreliable_and_says_how_little() {
    let placing = Placing { sigma: 40.0, ..Placing::default() };
    let table = read(&Neck::default().keypoints(placing), Some(placing.facing), calibrated(0.15));
    for row in &table.0 {
        let told = matches!(&row.reading, Reading::Unreliable(_, why) if why.starts_with("only known to ±"));
        assert!(told, "{row:?}");
    }
}

/// Exchanges the positions of two landmarks.
/// Summaries in other languages rest on it.
#[test]
fn every_reason_tells_its_cause() {
    let placing = Placing::default();
    let neck = Neck::default().keypoints(placing);
    let (facing, spacing) = (Some(placing.facing), calibrated(placing.mm_per_pixel));
    let causes = |table: Measurements| -> Vec<Cause> {
        let reasons = table.0.iter().filter_map(|row| match &row.reading {
            Reading::Withheld(reason) | Reading::Unreliable(_, reason) => Some(Cause::of(reason)),
            Reading::Ok(_) => None,
        });
        let mut causes: Vec<Cause> = reasons.collect();
        causes.sort_unstable();
        causes.dedup();
        causes
    };
    assert_eq!(causes(read(&neck, facing, None)), [Cause::NoSpacing]);
    assert_eq!(causes(read(&neck, None, spacing)), [Cause::SideUnknown]);
    let gone = without(&neck, |id| id.vertebra() == Vertebra::C7);
    assert_eq!(causes(read(&gone, facing, spacing)), [Cause::NotFound]);
    let unsure = neck.map(|_, l| Landmark { confidence: 0.1, ..l });
    assert_eq!(causes(read(&unsure, facing, spacing)), [Cause::LowConfidence]);
    let vague = neck.map(|_, l| Landmark { covariance: Covariance::isotropic(500.0), ..l });
    assert_eq!(causes(read(&vague, facing, spacing)), [Cause::HardlyKnown]);
    let heap = neck.map(|_, l| Landmark { position: PointPx::new(1.0, 1.0), ..l });
    assert_eq!(causes(read(&heap, facing, spacing)), [Cause::Contradiction]);
    let hidden = Subject { keypoints: &neck, facing, spacing, c7: C7Visibility::Hidden };
    assert_eq!(causes(measure(&hidden, &Settings::default())), [Cause::C7Hidden]);
}

fn swapped(keypoints: &Keypoints, a: LandmarkId, b: LandmarkId) -> Keypoints {
    let at = |id| keypoints.get(id).unwrap().position;
    let (pa, pb) = (at(a), at(b));
    moved(keypoints, |id, p| {
        if id == a {
            pb
        } else if id == b {
            pa
        } else {
            p
        }
    })
}

#[test]
fn landmarks_that_cannot_belong_to_a_neck_are_withheld_with_the_reason() {
    use Corner::{AnteroInferior, AnteroSuperior, PosteroInferior, PosteroSuperior};
    let placing = Placing::default();
    let neck = Neck::default();
    let good = neck.keypoints(placing);
    let c5 = |c| corner(Vertebra::C5, c);
    let both = |a: [LandmarkId; 2], b: [LandmarkId; 2]| swapped(&swapped(&good, a[0], a[1]), b[0], b[1]);
    let pushed = |v: Vertebra, dx: f64, dy: f64| {
        moved(&good, |id, p| if id.vertebra() == v { PointPx::new(p.x + dx, p.y + dy) } else { p })
    };
    let scaled = |v: Vertebra, factor: f64| {
        let middle = good.corner(v, AnteroSuperior).unwrap().midpoint(good.corner(v, PosteroInferior).unwrap());
        moved(&good, |id, p| {
            let to = |m: f64, q: f64| m + factor * (q - m);
            if id.vertebra() == v { PointPx::new(to(middle.x, p.x), to(middle.y, p.y)) } else { p }
        })
    };
    let skipped = moved(&good, |id, p| if id.vertebra() >= Vertebra::C5 { PointPx::new(p.x, p.y + 120.0) } else { p });
    let turned = Neck { tilt_deg: [2.0, -1.0, -6.0, 50.0, -17.0, -22.0], ..neck }.keypoints(placing);
    for (what, keypoints, expected) in [
        ("crossed corners", swapped(&good, c5(AnteroSuperior), c5(AnteroInferior)), "crosses itself"),
        (
            "front for back",
            both([c5(AnteroSuperior), c5(PosteroSuperior)], [c5(AnteroInferior), c5(PosteroInferior)]),
            "contradict the side",
        ),
        (
            "upside down",
            both([c5(AnteroSuperior), c5(PosteroInferior)], [c5(AnteroInferior), c5(PosteroSuperior)]),
            "stands on its head",
        ),
        ("far too small", scaled(Vertebra::C5, 0.3), "times as deep"),
        ("a body in another", pushed(Vertebra::C5, 0.0, -57.0), "reach into each other"),
        ("one body twice", pushed(Vertebra::C5, 0.0, -95.0), "drawn onto one another"),
        ("out of order", pushed(Vertebra::C5, 0.0, -260.0), "not in order"),
        ("a level passed over", skipped, "may have been passed over"),
        ("an impossible tilt", turned, "more than a neck bends"),
    ] {
        let table = read(&keypoints, Some(placing.facing), calibrated(0.15));
        let reading = table.get(Quantity::SegmentalAngle, Level::span(Vertebra::C4, Vertebra::C5)).unwrap();
        assert!(matches!(reading, Reading::Withheld(why) if why.contains(expected)), "{what}: {reading:?}");
    }
    // A level passed over, or two taken for one, make every name doubtful; a crossed body only its own numbers.
    let doubled = Neck { height: [19.0, 13.5, 13.0 * 1.75, 12.8, 13.0, 14.2], ..Neck::default() }.keypoints(placing);
    let table = read(&doubled, Some(placing.facing), calibrated(0.15));
    for row in &table.0 {
        let told =
            matches!(&row.reading, Reading::Withheld(why) if why.contains("two levels may have been taken for one"));
        assert!(told, "{row:?}");
    }
    // So does a level that is hardly found though those below are clear, also where a corner of it is missing.
    let blurred = |v: Vertebra| {
        let mut keypoints = [None; LANDMARKS];
        for (id, landmark) in good.iter() {
            let wide = if id.vertebra() == v { landmark.covariance.widened(40.0) } else { landmark.covariance };
            let shown = id != LandmarkId::Corner(v, AnteroInferior);
            keypoints[id.index().unwrap()] = shown.then_some(Landmark { covariance: wide, ..*landmark });
        }
        read(&Keypoints::new(keypoints), Some(placing.facing), calibrated(0.15))
    };
    let why = "hardly found";
    let doubtful = blurred(Vertebra::C5);
    assert!(doubtful.0.iter().all(|row| matches!(row.reading, Reading::Withheld(_))));
    let cobb = doubtful.get(Quantity::C2C7Cobb, None).unwrap();
    assert!(matches!(cobb, Reading::Withheld(told) if told.contains(why)), "{cobb:?}");
    for end in [Vertebra::C2, Vertebra::C7] {
        let told = |row: &Measurement| matches!(&row.reading, Reading::Withheld(told) if told.contains(why));
        assert!(!blurred(end).0.iter().any(told), "{end:?}");
    }
    // The lowest one has no other below it whose name could be wrong.
    let tall = Neck { height: [19.0, 13.5, 13.0, 12.8, 13.0, 14.2 * 1.75], ..Neck::default() }.keypoints(placing);
    let table = read(&tall, Some(placing.facing), calibrated(0.15));
    let slope = table.get(Quantity::C7Slope, None).unwrap();
    assert!(matches!(slope, Reading::Withheld(why) if why.starts_with("C7 is")), "{slope:?}");
    assert!(matches!(table.get(Quantity::C2C6Cobb, None), Some(Reading::Ok(_))));
    let crossed = read(&swapped(&good, c5(AnteroSuperior), c5(AnteroInferior)), Some(placing.facing), calibrated(0.15));
    assert!(matches!(crossed.get(Quantity::C2C7Cobb, None), Some(Reading::Ok(_))));
}

#[test]
fn a_spinolaminar_line_that_cannot_be_one_withholds_the_canal_only() {
    let placing = Placing::default();
    let good = Neck::default().keypoints(placing);
    let [a, b] = LaminaEnd::ALL.map(|e| lamina(Vertebra::C4, e));
    let in_front = moved(&good, |id, p| if id == a || id == b { PointPx::new(p.x - 300.0, p.y) } else { p });
    for (keypoints, expected) in [(in_front, "where a canal could be"), (swapped(&good, a, b), "swapped")] {
        let table = read(&keypoints, Some(placing.facing), calibrated(0.15));
        let level = Some(Level::vertebra(Vertebra::C4));
        let pavlov = table.get(Quantity::Pavlov, level).unwrap();
        assert!(matches!(pavlov, Reading::Withheld(why) if why.contains(expected)), "{pavlov:?}");
        assert!(matches!(table.get(Quantity::Sdvb, level), Some(Reading::Ok(_))));
    }
}

#[test]
fn a_neck_without_c7_is_measured_down_to_c6() {
    let placing = Placing::default();
    let keypoints = without(&Neck::default().keypoints(placing), belongs_to(Vertebra::C7));
    let table = read(&keypoints, Some(placing.facing), calibrated(0.15));
    assert!((value(&table, Quantity::C2C6Cobb, "") - 19.0).abs() < 1e-6);
    assert_eq!(table.get(Quantity::Sva, None), Some(&Reading::Withheld("not found: C7".to_owned())));
}

/// Draws landmarks from their covariances and counts how many numbers fall into the interval told beforehand.
#[test]
fn nine_tenths_of_noisy_necks_fall_into_the_propagated_interval() {
    const DRAWS: usize = 2000;
    let mut rng = ChaCha8Rng::seed_from_u64(90);
    let placing = Placing { sigma: 2.0, ..Placing::default() };
    // Longer along one diagonal than across, so that the mixed part counts.
    let covariance = Covariance { xx: 5.0, xy: 2.5, yy: 3.0 };
    let keypoints = Neck::default().keypoints(placing).map(|_, l| Landmark { covariance, ..l });
    let told = read(&keypoints, Some(placing.facing), calibrated(0.15));
    let mut inside = vec![0usize; told.0.len()];
    // Cholesky: (x, y) = (a·u, b·u + c·v).
    let a = covariance.xx.sqrt();
    let b = covariance.xy / a;
    let c = (covariance.yy - b * b).sqrt();
    for _ in 0..DRAWS {
        let noise: Vec<f64> = (0..68).map(|_| gaussian(&mut rng)).collect();
        let drawn = moved(&keypoints, |id, p| {
            let i = id.index().unwrap();
            let (u, v) = (noise[2 * i], noise[2 * i + 1]);
            PointPx::new(p.x + a * u, p.y + b * u + c * v)
        });
        let table = read(&drawn, Some(placing.facing), calibrated(0.15));
        for (hits, (row, told)) in inside.iter_mut().zip(table.0.iter().zip(&told.0)) {
            let (low, high) = told.reading.estimate().unwrap().ci90();
            *hits += usize::from((low..=high).contains(&row.reading.estimate().unwrap().value()));
        }
    }
    for (hits, row) in inside.iter().zip(&told.0) {
        let share = *hits as f64 / DRAWS as f64;
        // Three standard errors of 2000 draws are 0.02; what is left is the bend of the formulas.
        assert!((0.87..=0.93).contains(&share), "{} {}: {share}", row.quantity.name(), level_name(row));
    }
}

/// A standard normal number (Box and Muller).
fn gaussian(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rand::Rng::random(rng), rand::Rng::random(rng));
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[test]
fn each_quantity_has_its_own_factor_and_another_where_a_hidden_c7_takes_part() {
    let placing = Placing::default();
    let keypoints = Neck::default().keypoints(placing);
    let width = |m: &Measurement| m.reading.estimate().map(|e| e.ci90().1 - e.ci90().0).unwrap();
    let factor = |at: usize| 0.7 + 0.1 * at as f64;
    let calibration = (0..)
        .zip(Quantity::ALL)
        .fold(Calibration::NONE, |all, (at, quantity)| all.with(quantity, factor(at), 2.0 * factor(at)));
    for c7 in [C7Visibility::Full, C7Visibility::Partial, C7Visibility::Hidden] {
        let subject = Subject { keypoints: &keypoints, facing: Some(placing.facing), spacing: calibrated(0.15), c7 };
        let with = |calibration| measure(&subject, &Settings { calibration, ..Settings::default() });
        let (plain, wide) = (with(Calibration::NONE), with(calibration));
        for (plain, wide) in plain.0.iter().zip(&wide.0) {
            let at = Quantity::ALL.iter().position(|q| *q == plain.quantity).unwrap();
            let level = plain.level.map(|level| level.to_string()).unwrap_or_default();
            let of_c7 = level.contains("C7")
                || matches!(plain.quantity, Quantity::C2C7Cobb | Quantity::C7Slope | Quantity::Sva);
            let hidden = if of_c7 && c7 == C7Visibility::Hidden { 2.0 } else { 1.0 };
            assert!(width(plain) > 0.0);
            assert!((width(wide) / width(plain) - hidden * factor(at)).abs() < 1e-9, "{:?} {level}", plain.quantity);
        }
    }
}

/// Both tables, row by row, where both have a number.
fn compare(one: &Measurements, other: &Measurements, mut check: impl FnMut(&Measurement, f64, f64)) {
    assert_eq!(one.0.len(), other.0.len());
    for (a, b) in one.0.iter().zip(&other.0) {
        check(a, a.reading.estimate().unwrap().value(), b.reading.estimate().unwrap().value());
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-7 * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a lost model gives: what is published is finite, lies in its interval, and rests on bodies that are bodies.
    #[test]
    fn nonsense_is_never_published_as_a_number(
        seed in 0u64..1_000_000, wild in prop::collection::vec((0usize..34, 0usize..6, 0usize..34), 1..12), facing: bool,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut keypoints, side) = random_film(seed);
        for (index, what, other) in wild {
            let away = PointPx::new(rng.random_range(-300.0..1500.0), rng.random_range(-300.0..1500.0));
            let partner = LandmarkId::all().nth(other).and_then(|id| keypoints.get(id).copied());
            keypoints = keypoints.map(|id, l| match (id.index() == Some(index), what) {
                (false, _) => l,
                (true, 0) => Landmark { position: away, ..l },
                (true, 1) => Landmark { position: partner.map_or(away, |p| p.position), ..l },
                (true, 2) => Landmark { position: PointPx::new(f64::NAN, away.y), ..l },
                (true, 3) => Landmark { position: PointPx::new(1e300, -1e300), ..l },
                (true, 4) => Landmark { covariance: Covariance::isotropic(f64::INFINITY), ..l },
                (true, _) => Landmark { covariance: Covariance::isotropic(f64::NAN), confidence: f64::NAN, ..l },
            });
        }
        let table = read(&keypoints, facing.then_some(side), calibrated(0.15));
        for row in &table.0 {
            let Some(estimate) = row.reading.estimate() else { continue };
            let (low, high) = estimate.ci90();
            prop_assert!(estimate.value().is_finite() && low <= estimate.value() && estimate.value() <= high, "{:?}", row);
            let rests_on: Vec<Vertebra> = match (row.quantity, row.level) {
                (Quantity::C2C7Cobb, _) => vec![Vertebra::C2, Vertebra::C7],
                (Quantity::C2C6Cobb, _) => vec![Vertebra::C2, Vertebra::C6],
                (Quantity::SegmentalAngle | Quantity::SlipAngle, Some(level)) => vec![level.upper(), level.lower()],
                (Quantity::BodyWedge, Some(level)) => vec![level.upper()],
                _ => Vec::new(),
            };
            for vertebra in rests_on {
                prop_assert!(!crossed(&keypoints, vertebra), "{:?} rests on a crossed {:?}", row, vertebra);
            }
        }
    }

    #[test]
    fn moving_the_film_changes_nothing(seed in 0u64..1_000_000, dx in -500.0..500.0f64, dy in -500.0..500.0f64) {
        let (keypoints, facing) = random_film(seed);
        let shifted = moved(&keypoints, |_, p| PointPx::new(p.x + dx, p.y + dy));
        let spacing = calibrated(0.15);
        compare(&read(&keypoints, Some(facing), spacing), &read(&shifted, Some(facing), spacing), |row, a, b| {
            assert!(close(a, b), "{row:?} {a} {b}");
        });
    }

    #[test]
    fn a_mirrored_patient_has_the_same_numbers(seed in 0u64..1_000_000) {
        let (keypoints, facing) = random_film(seed);
        let mirrored = moved(&keypoints, |_, p| PointPx::new(2000.0 - p.x, p.y));
        let other = if facing == Facing::Left { Facing::Right } else { Facing::Left };
        let spacing = calibrated(0.15);
        compare(&read(&keypoints, Some(facing), spacing), &read(&mirrored, Some(other), spacing), |row, a, b| {
            assert!(close(a, b), "{row:?} {a} {b}");
        });
    }

    #[test]
    fn scale_scales_lengths_only(seed in 0u64..1_000_000, factor in 0.3..3.0f64) {
        let (keypoints, facing) = random_film(seed);
        let scaled = moved(&keypoints, |_, p| PointPx::new(factor * p.x, factor * p.y));
        let spacing = calibrated(0.15);
        compare(&read(&keypoints, Some(facing), spacing), &read(&scaled, Some(facing), spacing), |row, a, b| {
            let expected = if row.quantity.unit() == Unit::Millimetres { factor * a } else { a };
            assert!(close(expected, b), "{row:?} {expected} {b}");
        });
    }

    #[test]
    fn a_turned_film_turns_slopes_and_sva_and_nothing_else(seed in 0u64..1_000_000, degrees in -20.0..20.0f64) {
        let (keypoints, facing) = random_film(seed);
        let (sin, cos) = degrees.to_radians().sin_cos();
        let turned = moved(&keypoints, |_, p| PointPx::new(cos * p.x - sin * p.y, sin * p.x + cos * p.y));
        let spacing = calibrated(0.15);
        // On the film the turn is clockwise; seen from the patient it lowers a front that looks right.
        let slope = facing.sign() * degrees;
        let expected_sva = sva_after(&keypoints, facing, degrees);
        compare(&read(&keypoints, Some(facing), spacing), &read(&turned, Some(facing), spacing), |row, a, b| {
            let expected = match row.quantity {
                Quantity::C2Slope | Quantity::C7Slope => a + slope,
                Quantity::Sva => expected_sva,
                _ => a,
            };
            assert!(close(expected, b), "{row:?} {expected} {b}");
        });
    }
}

/// A random neck on a film, facing either side; its SVA is checked against a formula of its own below.
fn random_film(seed: u64) -> (Keypoints, Facing) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let facing = if seed.is_multiple_of(2) { Facing::Left } else { Facing::Right };
    let placing = Placing { facing, c2: (900.0, 400.0), ..Placing::default() };
    (Neck::random(&mut rng).keypoints(placing), facing)
}

/// SVA after turning the film: the bodies are rectangles, so the crossing of the diagonals is the mean of the corners.
fn sva_after(keypoints: &Keypoints, facing: Facing, degrees: f64) -> f64 {
    let corners: Vec<PointPx> = Corner::ALL.iter().map(|c| keypoints.corner(Vertebra::C2, *c).unwrap()).collect();
    let mean = |f: fn(&PointPx) -> f64| corners.iter().map(f).sum::<f64>() / 4.0;
    let from = keypoints.corner(Vertebra::C7, Corner::PosteroSuperior).unwrap();
    let (dx, dy) = (mean(|p| p.x) - from.x, mean(|p| p.y) - from.y);
    let (sin, cos) = degrees.to_radians().sin_cos();
    facing.sign() * (cos * dx - sin * dy) * 0.15
}

/// Whether the sides of a body cut each other; a body of which a corner is missing is not judged.
fn crossed(keypoints: &Keypoints, vertebra: Vertebra) -> bool {
    use Corner::{AnteroInferior, AnteroSuperior, PosteroInferior, PosteroSuperior};
    let corner = |c| keypoints.corner(vertebra, c);
    let around: Option<Vec<PointPx>> =
        [AnteroSuperior, PosteroSuperior, PosteroInferior, AnteroInferior].into_iter().map(corner).collect();
    let Some(around) = around else { return false };
    let turn = |a: PointPx, b: PointPx, c: PointPx| (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    let cut = |a: PointPx, b: PointPx, c: PointPx, d: PointPx| {
        turn(a, b, c) * turn(a, b, d) < 0.0 && turn(c, d, a) * turn(c, d, b) < 0.0
    };
    cut(around[0], around[1], around[2], around[3]) || cut(around[1], around[2], around[3], around[0])
}
