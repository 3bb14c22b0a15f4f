//! The drawing at several film sizes. The pictures are left in the target's temporary folder for people to look at.

use std::path::Path;

use sagitta::assess;
use sagitta::domain::anatomy::{Facing, Landmark, Stage, Vertebra};
use sagitta::domain::arrival::ContentHash;
use sagitta::domain::detection::{C7Visibility, Detection};
use sagitta::domain::geometry::{PixelSpacing, PointPx, SpacingSource};
use sagitta::domain::measurement::Quantity;
use sagitta::domain::radiograph::{Acquisition, Clipped, Format, GrayImage, Radiograph};
use sagitta::domain::report::{EngineFacts, Position, PositionEvidence, Report, ReportId, Source, Timing};
use sagitta::measure::{self, Subject, measure};
use sagitta::overlay::{self, OverlayError};

use crate::neck::{Neck, Placing, belongs_to, calibrated, without};

/// A stand-in for a film: a soft neck, bright bodies, air in front; tall as asked, four wide to five tall.
fn film(height: usize, detection: &Detection) -> GrayImage {
    let width = height * 4 / 5;
    let facing = detection.facing.map_or(1.0, Facing::sign);
    let bodies: Vec<[PointPx; 4]> = Vertebra::ALL
        .iter()
        .filter_map(|v| {
            use sagitta::domain::anatomy::Corner::{AnteroInferior, AnteroSuperior, PosteroInferior, PosteroSuperior};
            let at = |c| detection.keypoints.corner(*v, c);
            Some([at(AnteroSuperior)?, at(PosteroSuperior)?, at(PosteroInferior)?, at(AnteroInferior)?])
        })
        .collect();
    let inside = |p: PointPx, quad: &[PointPx; 4]| {
        let sides = quad.iter().zip(quad.iter().cycle().skip(1));
        let turns: Vec<bool> = sides.map(|(a, b)| (b.x - a.x) * (p.y - a.y) > (b.y - a.y) * (p.x - a.x)).collect();
        turns.iter().all(|t| *t) || turns.iter().all(|t| !*t)
    };
    let pixel = |i: usize| {
        let p = PointPx::new((i % width) as f64 + 0.5, (i / width) as f64 + 0.5);
        let across = facing * (p.x - 0.5 * width as f64) / width as f64;
        let soft = 30_000.0 * (-((across + 0.05) / 0.28).powi(4)).exp();
        let shoulder = 18_000.0 * ((p.y / height as f64 - 0.75) * 6.0).clamp(0.0, 1.0);
        let bone = if bodies.iter().any(|b| inside(p, b)) { 14_000.0 } else { 0.0 };
        (soft + shoulder + bone) as u16
    };
    GrayImage::new(width, height, (0..width * height).map(pixel).collect()).unwrap()
}

/// A neck in the middle of a film that is `height` pixels tall and 240 mm.
fn placing(height: usize, facing: Facing) -> Placing {
    let size = height as f64;
    let mm_per_pixel = 240.0 / size;
    let x = 0.4 * size + facing.sign() * 0.02 * size;
    Placing { mm_per_pixel, facing, c2: (x, 0.28 * size), sigma: 0.6 / mm_per_pixel }
}

fn report(film: &GrayImage, detection: &Detection, spacing: Option<PixelSpacing>) -> Report {
    let radiograph = Radiograph {
        image: film.clone(),
        format: Format::Dicom,
        spacing,
        acquisition: Acquisition::default(),
        clipped: Clipped::default(),
    };
    let measurements = measure(&Subject::of(detection, spacing), &measure::Settings::default());
    let assessment = assess::assess(&radiograph, detection, &measurements, &assess::Settings::default());
    Report {
        id: ReportId("example".to_owned()),
        device: "room-1".to_owned(),
        source: Source {
            file: "example.dcm".to_owned(),
            sha256: ContentHash([0; 32]),
            format: Format::Dicom,
            sop_instance_uid: None,
            study_key: None,
            patient_key: None,
            patient: None,
            operator: None,
        },
        acquired_at: None,
        received_at: chrono::Utc::now(),
        width: film.width(),
        height: film.height(),
        spacing,
        position: PositionEvidence { header: Position::Neutral, ..PositionEvidence::NONE },
        facing: detection.facing,
        keypoints: detection.keypoints.clone(),
        measurements,
        assessment,
        engine: EngineFacts { provider: "cpu".to_owned(), precision: "fp32".to_owned(), models: vec![] },
        timing: Timing::default(),
    }
}

fn keep(name: &str, picture: &image::RgbImage) {
    picture.save(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).unwrap();
}

#[test]
fn the_drawing_has_the_same_size_and_the_same_letters_at_any_film_size() {
    for height in [600, 1500, 3000] {
        let placing = placing(height, Facing::Left);
        let detection = Neck::default().detection(placing);
        let film = film(height, &detection);
        let report = report(&film, &detection, calibrated(placing.mm_per_pixel));
        let picture = overlay::draw(&film, &report, overlay::LONG_SIDE).unwrap();
        assert_eq!(picture.width().max(picture.height()), overlay::LONG_SIDE);
        keep(&format!("overlay_{height}.png"), &picture);
        // The film keeps its aspect: its right edge is where the panel's flat background begins.
        let film_width = (f64::from(picture.height()) * 0.8).round() as u32;
        assert!(film_width < picture.width());
        // The corner of C4 carries a light mark with a dark edge.
        let scale = f64::from(picture.height()) / height as f64;
        let at = detection.keypoints.corner(Vertebra::C4, sagitta::domain::anatomy::Corner::AnteroInferior).unwrap();
        let Some(image::Rgb([r, g, b])) =
            picture.get_pixel_checked((at.x * scale) as u32, (at.y * scale) as u32).copied()
        else {
            panic!("outside")
        };
        assert!(r > 200 && g > 200 && b > 200, "{height}: {r} {g} {b}");
        let bytes = overlay::jpeg(&picture, overlay::MAX_MESSAGE).unwrap();
        assert!(bytes.len() <= overlay::MAX_MESSAGE);
        let back = image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).unwrap();
        assert_eq!(back.width(), picture.width(), "no need to shrink it");
    }
}

#[test]
fn troubles_are_drawn_too() {
    let height = 1500;
    let placing = placing(height, Facing::Right);
    let slipped = Neck { forward: [0.0, 0.0, 0.0, -4.5, 0.0, 0.0], canal: [11.0; 5], ..Neck::default() };
    let mut detection = slipped.detection(placing);
    detection.c7_visibility = (C7Visibility::Hidden, 0.9);
    detection.keypoints = detection.keypoints.map(|id, l| {
        let refined = matches!(id.vertebra(), Vertebra::C2 | Vertebra::C7);
        Landmark { stage: if refined { Stage::Refined } else { Stage::Global }, ..l }
    });
    let image = film(height, &detection);
    let picture = overlay::draw(&image, &report(&image, &detection, calibrated(placing.mm_per_pixel)), 1400).unwrap();
    keep("overlay_hidden.png", &picture);
    // Without spacing, without C7, wide film: the panel stands below.
    detection.keypoints = without(&detection.keypoints, belongs_to(Vertebra::C7));
    let wide = GrayImage::new(2400, height, vec![20_000; 2400 * height]).unwrap();
    let picture = overlay::draw(&wide, &report(&wide, &detection, None), 1400).unwrap();
    assert!(picture.width() > 0 && picture.height() > picture.width() * 5 / 8);
    keep("overlay_wide.png", &picture);
}

#[test]
fn a_film_without_any_landmark_is_still_drawn() {
    let detection = Neck::default().detection(placing(900, Facing::Left));
    let blank = GrayImage::new(700, 900, vec![0; 630_000]).unwrap();
    let nothing = Detection { keypoints: without(&detection.keypoints, |_| true), facing: None, ..detection };
    let picture = overlay::draw(&blank, &report(&blank, &nothing, None), 1000).unwrap();
    keep("overlay_nothing.png", &picture);
    assert_eq!(picture.height().max(picture.width()), 1000);
}

#[test]
fn an_impossible_size_is_an_error_and_no_picture() {
    let detection = Neck::default().detection(placing(900, Facing::Left));
    let narrow = GrayImage::new(3, 90_000, vec![0; 270_000]).unwrap();
    let report = report(&narrow, &detection, None);
    assert!(matches!(overlay::draw(&narrow, &report, 1400), Err(OverlayError::Size { .. })));
    let film = GrayImage::new(700, 900, vec![0; 630_000]).unwrap();
    for side in [0, 10, 100_000] {
        assert!(matches!(overlay::draw(&film, &report, side), Err(OverlayError::Size { .. })));
    }
}

#[test]
fn a_picture_full_of_noise_is_made_to_fit_or_refused() {
    let mut state = 1u32;
    let noise = image::RgbImage::from_fn(1200, 1000, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
    });
    let bytes = overlay::jpeg(&noise, overlay::MAX_MESSAGE).unwrap();
    assert!(bytes.len() <= overlay::MAX_MESSAGE);
    let back = image::load_from_memory(&bytes).unwrap();
    assert!(back.width() < 1200 && back.width() >= 256);
    assert!(matches!(overlay::jpeg(&noise, 100), Err(OverlayError::TooLarge(100))));
}

/// The pictures of the document are those of `scripts/drawings`: one for each quantity, and each is shown.
#[test]
fn the_document_shows_a_drawing_of_every_quantity() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let text = std::fs::read_to_string(docs.join("measurements.md")).unwrap();
    for quantity in Quantity::ALL {
        let picture = format!("pictures/measurements/{}.jpg", quantity.name());
        assert!(text.contains(&format!("]({picture})")), "{picture} is not shown");
        assert!(image::open(docs.join(&picture)).unwrap().width() >= 400, "{picture}");
        assert!(text.contains(&format!("| `{}` |", quantity.name())), "{} is not in the table", quantity.name());
    }
}

#[test]
fn a_withheld_number_has_no_drawing_and_an_unreliable_one_says_why() {
    let detection = Neck::default().detection(placing(900, Facing::Left));
    let film = film(900, &detection);
    let spacing = PixelSpacing::new(240.0 / 900.0, SpacingSource::Configured);
    let hidden = Detection { c7_visibility: (C7Visibility::Hidden, 0.9), ..detection };
    let drawn = |report: &Report, quantity| {
        let measurement = report.measurements.0.iter().find(|m| m.quantity == quantity).unwrap();
        overlay::construction(&film, report, measurement, 600).unwrap()
    };
    let (with, without) = (report(&film, &hidden, spacing), report(&film, &hidden, None));
    assert!(drawn(&without, Quantity::Sva).is_none(), "no millimetres, no drawing of a length");
    assert!(drawn(&without, Quantity::C2Slope).is_some());
    let (sure, doubted) = (drawn(&with, Quantity::C2C6Cobb).unwrap(), drawn(&with, Quantity::C2C7Cobb).unwrap());
    keep("construction_cobb.png", &sure);
    keep("construction_cobb_hidden.png", &doubted);
    assert_eq!((sure.width(), doubted.width()), (600, 600));
    let measurement = &with.measurements.0[0];
    for width in [0, 100, 100_000] {
        let refused = overlay::construction(&film, &with, measurement, width);
        assert!(matches!(refused, Err(OverlayError::Size { .. })));
    }
}
