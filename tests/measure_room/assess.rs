//! Verdicts and findings on films that carry exactly one trouble.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sagitta::assess::{self, Settings};
use sagitta::domain::anatomy::{Corner, Keypoints, Landmark, Vertebra};
use sagitta::domain::detection::{C7Visibility, Detection};
use sagitta::domain::geometry::{PixelSpacing, PointPx, SpacingSource};
use sagitta::domain::measurement::{Level, Quantity, Reading};
use sagitta::domain::radiograph::{Acquisition, Clipped, Format, GrayImage, Radiograph};
use sagitta::domain::report::{Assessment, Certainty, ExposureState, Finding, Verdict};
use sagitta::measure::{Settings as MeasureSettings, Subject, measure};

use crate::neck::{Neck, Placing, belongs_to, calibrated, corner, moved, without};

const WIDTH: usize = 1000;
const HEIGHT: usize = 1300;

/// A film of soft ramps with a little texture: nothing is clipped, nothing is blank.
fn plain_film() -> GrayImage {
    film(|x, y| 12_000.0 + 25.0 * x as f64 + 10.0 * y as f64)
}

fn film(tone: impl Fn(usize, usize) -> f64) -> GrayImage {
    let pixels = (0..WIDTH * HEIGHT).map(|i| tone(i % WIDTH, i / WIDTH).clamp(0.0, 65_535.0) as u16).collect();
    GrayImage::new(WIDTH, HEIGHT, pixels).unwrap()
}

fn radiograph(image: GrayImage) -> Radiograph {
    Radiograph {
        image,
        format: Format::Dicom,
        spacing: calibrated(0.15),
        acquisition: Acquisition {
            body_part: Some("CSPINE".to_owned()),
            view_position: Some("LL".to_owned()),
            ..Acquisition::default()
        },
        clipped: Clipped::default(),
    }
}

fn judge(radiograph: &Radiograph, detection: &Detection) -> Assessment {
    let measurements = measure(&Subject::of(detection, radiograph.spacing), &MeasureSettings::default());
    assess::assess(radiograph, detection, &measurements, &Settings::default())
}

fn codes(assessment: &Assessment) -> Vec<&'static str> {
    assessment.quality.reasons.iter().map(|r| r.code).collect()
}

fn good() -> (Radiograph, Detection) {
    (radiograph(plain_film()), Neck::default().detection(Placing::default()))
}

#[test]
fn a_good_film_is_accepted_without_reasons() {
    let (radiograph, detection) = good();
    let assessment = judge(&radiograph, &detection);
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::Accept, vec![]));
    assert_eq!(assessment.quality.exposure.state, ExposureState::Good);
    assert_eq!(assessment.quality.c7_visibility, Some(C7Visibility::Full));
}

#[test]
fn a_hidden_c7_asks_for_a_repeat_and_says_how() {
    let (radiograph, mut detection) = good();
    detection.c7_visibility = (C7Visibility::Hidden, 0.9);
    let assessment = judge(&radiograph, &detection);
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::Repeat, vec!["c7_hidden"]));
    assert!(assessment.quality.reasons[0].text.contains("Shoulders down"));
    assert_eq!(assessment.quality.reasons[0].dicom_code, "111209");
    // The models are not sure: someone should look.
    detection.c7_visibility = (C7Visibility::Hidden, 0.55);
    let assessment = judge(&radiograph, &detection);
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::Review, vec!["c7_hidden"]));
}

#[test]
fn a_site_that_reads_c6_gets_a_review_for_a_hidden_c7_unless_c6_is_lost_too() {
    let (radiograph, mut detection) = good();
    detection.c7_visibility = (C7Visibility::Hidden, 0.9);
    let mut settings = Settings::default();
    settings.quality.repeat_hidden_c7 = false;
    let judged = |detection: &Detection| {
        let measurements = measure(&Subject::of(detection, radiograph.spacing), &MeasureSettings::default());
        assess::assess(&radiograph, detection, &measurements, &settings).quality.verdict
    };
    assert_eq!(judged(&detection), Verdict::Review);
    let weak = belongs_to(Vertebra::C6);
    detection.keypoints = detection.keypoints.map(|id, l| if weak(id) { Landmark { confidence: 0.1, ..l } } else { l });
    assert_eq!(judged(&detection), Verdict::Repeat);
}

#[test]
fn a_level_at_the_edge_or_behind_it_asks_for_a_repeat_and_names_the_edge() {
    let placing = Placing::default();
    let c7 = Neck::default().keypoints(placing);
    let lowest = Corner::ALL.map(|corner| c7.corner(Vertebra::C7, corner).unwrap().y).into_iter().fold(0.0, f64::max);
    let cut = |rows: f64| {
        // A film that ends `rows` above C7's lowest corner: black below, like a collimator's leaf.
        radiograph(film(
            |x, y| if (y as f64) < lowest - rows { 12_000.0 + 25.0 * x as f64 + 10.0 * y as f64 } else { 0.0 },
        ))
    };
    let detection = Neck::default().detection(placing);
    let assessment = judge(&cut(20.0), &detection);
    assert_eq!(assessment.quality.verdict, Verdict::Repeat);
    assert_eq!(codes(&assessment)[0], "level_cut_off");
    let text = &assessment.quality.reasons[0].text;
    assert!(text.starts_with("C7 is cut off at the lower edge of the field, by about "), "{text}");
    // Twenty rows and the margin of 0.1 depths, at 0.15 mm a pixel.
    let told: f64 = text.split("about ").nth(1).and_then(|t| t.split(' ').next()).unwrap().parse().unwrap();
    assert!((3.0..=7.0).contains(&told), "{text}");
    // C7 was not found, and C6 stands right before the edge.
    let gone = Detection { keypoints: without(&detection.keypoints, belongs_to(Vertebra::C7)), ..detection };
    let assessment = judge(&cut(90.0), &gone);
    assert_eq!(codes(&assessment)[0], "level_cut_off");
    let told = assessment.quality.reasons[0].text.clone();
    assert!(told.contains(" mm. Open the collimation downwards"), "{told}");
    // C7 was not found, but there is room for it: then the edge is not to blame.
    assert_eq!(codes(&judge(&radiograph(plain_film()), &gone)), vec!["cobb_unreadable"]);
    // The neck stands too far to the side the patient faces.
    let aside = Neck::default().detection(Placing { c2: (40.0, 350.0), ..placing });
    let assessment = judge(&radiograph(plain_film()), &aside);
    assert!(assessment.quality.reasons[0].text.contains("left edge"), "{:?}", assessment.quality.reasons);
}

#[test]
fn what_is_no_lateral_neck_is_passed_over_and_says_how_it_was_told() {
    let (mut radiograph, mut detection) = good();
    detection.lateral_cervical = 0.1;
    // The header says neck, the image does not: someone should look.
    let assessment = judge(&radiograph, &detection);
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::Review, vec!["unlike_header"]));
    // The header says nothing: the image decides.
    radiograph.acquisition = Acquisition::default();
    let assessment = judge(&radiograph, &detection);
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::NotApplicable, vec!["not_recognised"]));
    assert!(assessment.findings.is_empty() && assessment.quality.c7_visibility.is_none());
    detection.lateral_cervical = f64::NAN;
    assert_eq!(judge(&radiograph, &detection).quality.verdict, Verdict::NotApplicable);
    // A neck from the front, however it looks.
    detection.lateral_cervical = 0.9;
    radiograph.acquisition =
        Acquisition { body_part: Some("HWS".into()), view_position: Some("AP".into()), ..Acquisition::default() };
    let assessment = judge(&radiograph, &detection);
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::NotApplicable, vec!["not_lateral"]));
    assert!(assessment.quality.reasons[0].text.contains("ViewPosition says AP"));
}

#[test]
fn a_film_passed_over_by_its_header_needs_no_model() {
    let (mut radiograph, _) = good();
    radiograph.acquisition.body_part = Some("CHEST".to_owned());
    let assess::Applicability::NotApplicable(reason) = assess::applicability(&radiograph.acquisition) else {
        panic!("a chest")
    };
    let assessment = assess::passed_over(&radiograph, reason, &Settings::default());
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::NotApplicable, vec!["other_body_part"]));
}

#[test]
fn landmarks_that_contradict_each_other_or_are_unsure_ask_for_a_look() {
    let (radiograph, detection) = good();
    let c5 = belongs_to(Vertebra::C5);
    let low = Detection {
        keypoints: moved(&detection.keypoints, |id, p| if c5(id) { PointPx::new(p.x, p.y - 57.0) } else { p }),
        ..detection.clone()
    };
    let assessment = judge(&radiograph, &low);
    assert_eq!((assessment.quality.verdict, codes(&assessment)[0]), (Verdict::Review, "inconsistent"));
    assert!(assessment.quality.reasons[0].text.contains("reach into each other"));
    let c2 = corner(Vertebra::C2, Corner::AnteroInferior);
    let unsure = Detection {
        keypoints: detection.keypoints.map(|id, l| if id == c2 { Landmark { confidence: 0.2, ..l } } else { l }),
        ..detection.clone()
    };
    let assessment = judge(&radiograph, &unsure);
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::Review, vec!["low_confidence"]));
    for (degrees, expected) in [(-13.0, Verdict::Review), (-24.0, Verdict::Repeat)] {
        let turned = Detection { rotation: Some(degrees), ..detection.clone() };
        let assessment = judge(&radiograph, &turned);
        assert_eq!((assessment.quality.verdict, codes(&assessment)), (expected, vec!["rotated"]), "{degrees}");
    }
    let negative = judge(&radiograph, &Detection { negative: true, ..detection.clone() });
    assert_eq!((negative.quality.verdict, codes(&negative)), (Verdict::Review, vec!["negative"]));
    let disputed = Detection { disputed: vec![c2, corner(Vertebra::C5, Corner::PosteroInferior)], ..detection };
    let assessment = judge(&radiograph, &disputed);
    assert_eq!((assessment.quality.verdict, codes(&assessment)), (Verdict::Review, vec!["disputed"]));
    assert!(assessment.quality.reasons[0].text.contains("C2 and C5"), "{}", assessment.quality.reasons[0].text);
}

#[test]
fn a_partly_hidden_c7_is_no_trouble_while_its_corners_are_sure() {
    let (radiograph, mut detection) = good();
    detection.c7_visibility = (C7Visibility::Partial, 0.8);
    assert_eq!(judge(&radiograph, &detection).quality.verdict, Verdict::Accept);
    let c7 = belongs_to(Vertebra::C7);
    detection.keypoints = detection.keypoints.map(|id, l| if c7(id) { Landmark { confidence: 0.2, ..l } } else { l });
    let assessment = judge(&radiograph, &detection);
    assert_eq!((assessment.quality.verdict, codes(&assessment)[0]), (Verdict::Review, "c7_partly_hidden"));
}

#[test]
fn the_deviation_index_tells_the_exposure_and_can_be_computed() {
    let (mut radiograph, detection) = good();
    for (index, target, deviation, expected) in [
        (None, None, Some(-4.2), ExposureState::Under),
        (None, None, Some(4.2), ExposureState::Over),
        (None, None, Some(0.4), ExposureState::Good),
        (Some(100.0), Some(400.0), None, ExposureState::Under),
        (Some(0.0), Some(400.0), None, ExposureState::Good),
    ] {
        radiograph.acquisition.exposure_index = index;
        radiograph.acquisition.target_exposure_index = target;
        radiograph.acquisition.deviation_index = deviation;
        let assessment = judge(&radiograph, &detection);
        assert_eq!(assessment.quality.exposure.state, expected, "{index:?} {target:?} {deviation:?}");
        let verdict = if expected == ExposureState::Good { Verdict::Accept } else { Verdict::Review };
        assert_eq!(assessment.quality.verdict, verdict);
    }
    // A quarter of the target is −6.02.
    radiograph.acquisition.exposure_index = Some(100.0);
    radiograph.acquisition.deviation_index = None;
    let computed = judge(&radiograph, &detection).quality.exposure.deviation_index.unwrap();
    assert!((computed + 6.0206).abs() < 1e-4);
}

#[test]
fn an_image_without_tone_over_the_neck_is_told_from_the_image() {
    let (_, detection) = good();
    let burnt = radiograph(film(|x, y| if (y / 3 + x / 2) % 3 == 0 { 20_000.0 } else { 0.0 }));
    let assessment = judge(&burnt, &detection);
    assert_eq!(assessment.quality.exposure.state, ExposureState::Over);
    // Contours of a film without tone mean nothing: no other reason of the image stands before it.
    assert_eq!(assessment.quality.reasons[0].dicom_code, "111212");
    // Noise as strong as the contrast, from a fixed congruential sequence.
    let noisy = radiograph(film(|x, y| {
        let hash = (x as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (y as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
        let mixed = (hash ^ (hash >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40;
        20_000.0 + (mixed % 9000) as f64
    }));
    let assessment = judge(&noisy, &detection);
    assert_eq!(assessment.quality.exposure.state, ExposureState::Under);
    assert_eq!(codes(&assessment), vec!["underexposed"]);
}

/// A film on which the bodies of the usual neck stand as bright outlines on a grey ground.
fn outlined() -> Vec<f64> {
    use Corner::{AnteroInferior, AnteroSuperior, PosteroInferior, PosteroSuperior};
    let keypoints = Neck::default().keypoints(Placing::default());
    let mut tones = vec![20_000.0; WIDTH * HEIGHT];
    for vertebra in Vertebra::ALL {
        let at = |c| keypoints.corner(vertebra, c).unwrap();
        let around = [AnteroSuperior, PosteroSuperior, PosteroInferior, AnteroInferior].map(at);
        for (a, b) in around.iter().zip(around.iter().cycle().skip(1)) {
            for step in 0..=400 {
                let t = f64::from(step) / 400.0;
                let (x, y) = (a.x + t * (b.x - a.x), a.y + t * (b.y - a.y));
                for (dx, dy) in (-3i32..=3).flat_map(|dx| (-3i32..=3).map(move |dy| (dx, dy))) {
                    let (px, py) = ((x + f64::from(dx)) as usize, (y + f64::from(dy)) as usize);
                    tones[py * WIDTH + px] = 40_000.0;
                }
            }
        }
    }
    tones
}

/// White noise of this spread, from a fixed sequence.
fn noise(index: usize, spread: f64) -> f64 {
    let mixed = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed >> 40) as f64 / f64::from(1u32 << 24) - 0.5) * spread * 12f64.sqrt()
}

fn judged(tone: impl Fn(usize, usize) -> f64) -> Assessment {
    let (_, detection) = good();
    judge(&radiograph(film(tone)), &detection)
}

#[test]
fn end_plates_that_are_smeared_are_told_from_sharp_ones() {
    let tones = outlined();
    let grainy = |x: usize, y: usize| noise(y * WIDTH + x, 300.0);
    let sharp = judged(|x, y| tones[y * WIDTH + x] + grainy(x, y));
    assert!(!codes(&sharp).contains(&"motion_blur"), "{:?}", sharp.quality);
    // Twenty rows at 0.15 mm: the patient moved by 3 mm.
    let moved =
        judged(|x, y| (0..20).map(|s| tones[(y + s).min(HEIGHT - 1) * WIDTH + x]).sum::<f64>() / 20.0 + grainy(x, y));
    assert_eq!(moved.quality.verdict, Verdict::Repeat);
    let told = moved.quality.reasons.iter().find(|r| r.code == "motion_blur").unwrap();
    assert_eq!(told.dicom_code, "111210");
    let (before, after) = (sharp.quality.signs.smear.unwrap(), moved.quality.signs.smear.unwrap());
    assert!(after < before - 1.0, "{before} {after}");
}

#[test]
fn noise_that_covers_the_end_plates_asks_for_a_repeat_and_a_little_does_not() {
    let tones = outlined();
    let with = |spread: f64| judged(|x, y| tones[y * WIDTH + x] + noise(y * WIDTH + x, spread));
    let (clean, noisy) = (with(300.0), with(12_000.0));
    assert!(!codes(&clean).contains(&"underexposed"), "{:?}", clean.quality.signs);
    assert!(codes(&noisy).contains(&"underexposed"), "{:?}", noisy.quality.signs);
    assert_eq!(noisy.quality.verdict, Verdict::Repeat);
    assert!(noisy.quality.signs.grain < clean.quality.signs.grain);
}

#[test]
fn metal_over_a_body_is_named_and_only_asks_for_a_look() {
    let tones = outlined();
    let at = Neck::default().keypoints(Placing::default()).corner(Vertebra::C4, Corner::AnteroSuperior).unwrap();
    let bright = judged(|x, y| {
        let away = (x as f64 - at.x - 12.0).hypot(y as f64 - at.y - 12.0);
        if away < 9.0 { 65_000.0 } else { tones[y * WIDTH + x] + noise(y * WIDTH + x, 300.0) }
    });
    let told = bright.quality.reasons.iter().find(|r| r.code == "artifact").unwrap();
    assert!(told.text.contains("C4") && !told.text.contains("C6"), "{}", told.text);
    assert_eq!(told.dicom_code, "111207");
}

#[test]
fn a_bad_exposure_that_costs_the_curvature_asks_for_a_repeat() {
    let (mut radiograph, detection) = good();
    radiograph.acquisition.deviation_index = Some(-6.0);
    let blind = Detection { keypoints: detection.keypoints.map(|_, l| Landmark { confidence: 0.1, ..l }), ..detection };
    let assessment = judge(&radiograph, &blind);
    assert_eq!((assessment.quality.verdict, codes(&assessment)[0]), (Verdict::Repeat, "underexposed"));
    assert_eq!(codes(&assessment).iter().filter(|c| **c == "underexposed").count(), 1);
}

#[test]
fn every_rule_stands_in_the_documentation_with_its_code_and_verdict() {
    let page = include_str!("../../docs/quality.md");
    for rule in assess::quality::RULES {
        let line = page.lines().find(|line| {
            line.contains(&format!("`{}`", rule.code)) && line.contains(&format!("| {} |", rule.verdict.name()))
        });
        let line = line.unwrap_or_else(|| panic!("docs/quality.md does not tell {} ({:?})", rule.code, rule.verdict));
        assert!(line.contains(rule.dicom_code), "{line}");
    }
}

/// The findings on a neck whose landmarks spread by `sigma` pixels.
fn findings(neck: &Neck, sigma: f64, spacing: Option<PixelSpacing>) -> Vec<Finding> {
    let detection = neck.detection(Placing { sigma, ..Placing::default() });
    let radiograph = Radiograph { spacing, ..radiograph(plain_film()) };
    judge(&radiograph, &detection).findings
}

fn finding<'a>(all: &'a [Finding], name: &str, level: &str) -> &'a Finding {
    let found = all.iter().find(|f| f.name == name && f.level.map_or_else(String::new, |l| l.to_string()) == level);
    found.unwrap_or_else(|| panic!("no {name} {level} in {all:?}"))
}

#[test]
fn a_kyphosis_beyond_thirteen_degrees_is_severe_and_near_it_borderline() {
    let bent =
        |cobb: f64| Neck { tilt_deg: [0.2, 0.4, 0.6, 0.8, 0.9, 1.0].map(|s| s * -cobb / 0.8), ..Neck::default() };
    for (cobb, sigma, present, certainty) in [
        (-20.0, 0.5, true, Certainty::Clear),
        (-13.5, 3.0, true, Certainty::Borderline),
        (-12.5, 3.0, false, Certainty::Borderline),
        (10.0, 0.5, false, Certainty::Clear),
    ] {
        let all = findings(&bent(cobb), sigma, calibrated(0.15));
        let severe = finding(&all, "severe_kyphosis", "");
        assert_eq!((severe.present, severe.certainty, severe.threshold), (present, certainty, -13.0), "{cobb}");
    }
}

#[test]
fn with_c7_hidden_the_kyphosis_is_judged_on_c6_and_says_so() {
    let (radiograph, mut detection) = good();
    detection.c7_visibility = (C7Visibility::Hidden, 0.9);
    let all = judge(&radiograph, &detection).findings;
    assert!(finding(&all, "severe_kyphosis", "C2-C6").detail.as_ref().unwrap().contains("C7 cannot be relied on"));
    assert_eq!(finding(&all, "sagittal_imbalance", "").certainty, Certainty::Borderline, "SVA rests on C7");
}

#[test]
fn a_head_far_forward_is_an_imbalance_and_a_low_sva_is_told() {
    // Upright bodies of one depth: SVA = half a depth + what the bodies below C2 stand back.
    let leaning = |sva: f64| Neck {
        tilt_deg: [0.0; 6],
        depth: [16.0; 6],
        forward: [0.0, 1.0, 1.0, 1.0, 1.0, 1.0].map(|s: f64| s * (8.0 - sva) / 5.0),
        ..Neck::default()
    };
    let told = |sva, spacing| finding(&findings(&leaning(sva), 1.0, spacing), "sagittal_imbalance", "").clone();
    let far = told(50.0, calibrated(0.15));
    assert_eq!((far.present, far.certainty, far.detail), (true, Certainty::Clear, None));
    let low = told(8.0, calibrated(0.15));
    assert_eq!((low.present, low.certainty), (false, Certainty::Clear));
    assert_eq!(low.detail.as_deref(), Some("Below 15 mm, the lower criterion."));
    // 45 mm in the detector plane may be 35 mm in the patient; 60 mm are beyond 40 however the film was taken.
    let detector = PixelSpacing::new(0.15, SpacingSource::ImagerDetectorPlane);
    let magnified = told(45.0, detector);
    assert_eq!((magnified.present, magnified.certainty), (true, Certainty::Borderline));
    assert!(magnified.detail.unwrap().contains("plane of the detector"));
    assert_eq!(told(60.0, detector).certainty, Certainty::Clear);
    // PixelSpacing alone may be either plane: the same doubt, in its own words.
    let undetermined = PixelSpacing::new(0.15, SpacingSource::PixelSpacingUndetermined);
    let magnified = told(45.0, undetermined);
    assert_eq!((magnified.present, magnified.certainty), (true, Certainty::Borderline));
    assert!(magnified.detail.unwrap().contains("does not tell whether its spacing"));
    // Without millimetres nothing is concluded.
    assert!(!findings(&leaning(50.0), 1.0, None).iter().any(|f| f.name == "sagittal_imbalance"));
}

#[test]
fn a_slip_to_either_side_is_an_instability_of_its_level() {
    let straight = Neck { tilt_deg: [0.0; 6], depth: [16.0; 6], ..Neck::default() };
    let slipped = Neck { forward: [0.0, 0.0, -5.0, 0.0, 5.0, 0.0], ..straight };
    let all = findings(&slipped, 0.5, calibrated(0.15));
    for (level, present, word) in
        [("C3-C4", true, "Anterolisthesis"), ("C5-C6", true, "Retrolisthesis"), ("C4-C5", false, "cannot show")]
    {
        let slip = finding(&all, "instability", level);
        assert_eq!((slip.present, slip.certainty), (present, Certainty::Clear), "{level}");
        assert!(slip.detail.as_ref().unwrap().contains(word), "{slip:?}");
    }
}

#[test]
fn three_narrow_levels_in_a_row_are_a_stenosis_and_two_are_not() {
    let narrow = |canal: [f64; 5]| Neck { canal, depth: [16.0; 6], ..Neck::default() };
    let told = |canal, sigma| -> Vec<(bool, String, Certainty)> {
        findings(&narrow(canal), sigma, None)
            .iter()
            .filter(|f| f.name == "developmental_canal_stenosis")
            .map(|f| (f.present, f.level.map_or_else(String::new, |l| l.to_string()), f.certainty))
            .collect()
    };
    assert_eq!(told([15.0, 9.0, 9.0, 9.0, 15.0], 0.5), [(true, "C4-C6".to_owned(), Certainty::Clear)]);
    assert_eq!(told([9.0; 5], 0.5), [(true, "C3-C7".to_owned(), Certainty::Clear)]);
    assert_eq!(told([9.0, 9.0, 15.0, 9.0, 9.0], 0.5), [(false, String::new(), Certainty::Clear)]);
    // 12 is the threshold: 12.2 between narrow ones may be narrow as well.
    assert_eq!(told([9.0, 12.2, 9.0, 15.0, 15.0], 2.0), [(false, String::new(), Certainty::Borderline)]);
    assert_eq!(told([9.0, 11.8, 9.0, 15.0, 15.0], 2.0), [(true, "C3-C5".to_owned(), Certainty::Borderline)]);
}

#[test]
fn a_canal_that_was_not_measured_leaves_the_question_open() {
    let (radiograph, mut detection) = good();
    let narrow = Neck { canal: [9.0, 9.0, 15.0, 15.0, 15.0], ..Neck::default() };
    let c5 = belongs_to(Vertebra::C5);
    detection.keypoints = without(&narrow.keypoints(Placing::default()), |id| c5(id) && id.part().starts_with("spino"));
    let all = judge(&radiograph, &detection).findings;
    let stenosis = finding(&all, "developmental_canal_stenosis", "");
    assert_eq!((stenosis.present, stenosis.certainty), (false, Certainty::Borderline));
    assert_eq!(stenosis.detail.as_deref(), Some("Not measured: C5."));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is missing, unsure or wrong: accept is never said where Cobb was not read without reservation.
    #[test]
    fn accept_is_never_said_of_a_film_without_a_cobb_angle(
        seed in 0u64..1_000_000, gone in prop::collection::vec(0usize..34, 0..3), weak in 0usize..34,
        confidence in 0.0..1.0f64, visibility in 0usize..3, facing: bool,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut detection = Neck::random(&mut rng).detection(Placing::default());
        let keypoints: Keypoints = without(&detection.keypoints, |id| gone.contains(&id.index().unwrap()));
        detection.keypoints =
            keypoints.map(|id, l| if id.index() == Some(weak) { Landmark { confidence, ..l } } else { l });
        detection.c7_visibility.0 = [C7Visibility::Full, C7Visibility::Partial, C7Visibility::Hidden][visibility];
        if !facing { detection.facing = None; }
        let radiograph = radiograph(plain_film());
        let measurements = measure(&Subject::of(&detection, radiograph.spacing), &MeasureSettings::default());
        let quality = assess::assess(&radiograph, &detection, &measurements, &Settings::default()).quality;
        let read = matches!(measurements.get(Quantity::C2C7Cobb, None), Some(Reading::Ok(_)));
        prop_assert!(quality.verdict != Verdict::Accept || read);
        prop_assert_eq!(quality.verdict == Verdict::Accept, quality.reasons.is_empty());
        for reason in &quality.reasons {
            prop_assert!(reason.dicom_code.len() == 6 && reason.text.ends_with('.'), "{:?}", reason);
        }
    }

    /// A finding is clear only where its number is without reservation and its whole interval lies on one side.
    #[test]
    fn what_crosses_its_threshold_is_borderline(seed in 0u64..1_000_000, sigma in 0.3..8.0f64, weak in 0usize..34) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut detection = Neck::random(&mut rng).detection(Placing { sigma, ..Placing::default() });
        detection.keypoints =
            detection.keypoints.map(|id, l| if id.index() == Some(weak) { Landmark { confidence: 0.2, ..l } } else { l });
        let radiograph = radiograph(plain_film());
        let measurements = measure(&Subject::of(&detection, radiograph.spacing), &MeasureSettings::default());
        let all = assess::assess(&radiograph, &detection, &measurements, &Settings::default()).findings;
        for finding in &all {
            let readings: Vec<&Reading> = match finding.name {
                "severe_kyphosis" if finding.level.is_some() => vec![measurements.get(Quantity::C2C6Cobb, None).unwrap()],
                "severe_kyphosis" => vec![measurements.get(Quantity::C2C7Cobb, None).unwrap()],
                "sagittal_imbalance" => vec![measurements.get(Quantity::Sva, None).unwrap()],
                "instability" => vec![measurements.get(Quantity::SlipDistance, finding.level).unwrap()],
                // A run of levels is clear where some three of it are: told apart below.
                _ => continue,
            };
            for reading in readings {
                let estimate = reading.estimate().unwrap();
                let (low, high) = estimate.ci90();
                let crosses = |t: f64| low <= t && t <= high;
                let both = finding.name == "instability" && crosses(-finding.threshold);
                if crosses(finding.threshold) || both || !matches!(reading, Reading::Ok(_)) {
                    prop_assert_eq!(finding.certainty, Certainty::Borderline, "{:?} {:?}", finding, reading);
                }
                let beyond = match finding.name {
                    "severe_kyphosis" => estimate.value() < finding.threshold,
                    "instability" => estimate.value().abs() > finding.threshold,
                    _ => estimate.value() >= finding.threshold,
                };
                prop_assert_eq!(finding.present, beyond, "{:?} {:?}", finding, reading);
            }
        }
        let pavlov = |v: Vertebra| measurements.get(Quantity::Pavlov, Some(Level::vertebra(v)));
        let surely_narrow = |v: Vertebra| matches!(pavlov(v), Some(Reading::Ok(e)) if e.ci90().1 < 0.75);
        for stenosis in all.iter().filter(|f| f.name == "developmental_canal_stenosis" && f.present) {
            if stenosis.certainty == Certainty::Clear {
                prop_assert!(Vertebra::WITH_CANAL.windows(3).any(|three| three.iter().all(|v| surely_narrow(*v))));
            }
        }
    }
}
