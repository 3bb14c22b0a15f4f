//! DICOM films through the door of `decode`, in every transfer syntax, with everything a header can say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod decode_support;

use decode_support::{
    Film, HEIGHT, JPEG_2000, JPEG_2000_FRAME, WIDTH, dcmtk, decode, encapsulated, grains, jpeg_2000_film,
    lossless_variants, with_syntax,
};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use sagitta::decode::{Completeness, DecodeError, Settings, completeness, completeness_of_file};
use sagitta::domain::fault::FaultCode;
use sagitta::domain::geometry::SpacingSource;
use sagitta::domain::radiograph::{Clipped, Format};

/// A stored value of `bits` bits through a window over all of them (PS3.3 C.11.2.1.2).
fn shown(stored: u16, bits: u32) -> u16 {
    (f64::from(stored) / f64::from((1_u32 << bits) - 1) * 65535.0).round() as u16
}

fn code(outcome: Result<sagitta::domain::radiograph::Radiograph, DecodeError>) -> FaultCode {
    outcome.expect_err("a fault").code()
}

#[test]
fn every_lossless_syntax_gives_the_very_pixels() {
    let expected: Vec<u16> = grains(12).into_iter().map(|v| shown(v, 12)).collect();
    let reference = Film::new().decode().expect("decodes");
    assert_eq!((reference.image.width(), reference.image.height()), (WIDTH, HEIGHT));
    assert_eq!(reference.image.pixels(), expected);
    assert_eq!(reference.format, Format::Dicom);
    for (name, file) in lossless_variants(&Film::new()) {
        assert_eq!(decode(&file).as_ref(), Ok(&reference), "{name}");
        assert_eq!(completeness(&file), Completeness::Whole, "{name}");
    }
}

#[test]
fn eight_bits_in_every_lossless_syntax() {
    // 131 × 150 − 1 byte: also an odd number of bytes
    let expected: Vec<u16> = grains(8).into_iter().map(|v| v * 257).collect();
    for (name, file) in lossless_variants(&Film::of_eight_bits()) {
        let film = decode(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(film.image.pixels() == expected, "{name}");
    }
}

#[test]
fn an_odd_number_of_pixels_of_eight_bits() {
    let mut film = Film::of_eight_bits();
    let pixels: Vec<u8> = grains(8).iter().take(149 * 131).map(|v| *v as u8).collect();
    film.short(tags::COLUMNS, 149);
    film.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels.clone())));
    let expected: Vec<u16> = pixels.into_iter().map(|v| u16::from(v) * 257).collect();
    for (name, file) in lossless_variants(&film) {
        let film = decode(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(film.image.pixels() == expected, "{name}");
    }
}

#[test]
fn sixteen_bits_signed_in_every_lossless_syntax() {
    let mut film = Film::new();
    let signed: Vec<u16> = grains(16).into_iter().map(|v| v ^ 0x8000).collect();
    film.depth(16, 16, 15).short(tags::PIXEL_REPRESENTATION, 1).words(&signed);
    film.set(tags::WINDOW_CENTER, VR::DS, "0").set(tags::WINDOW_WIDTH, VR::DS, "65536");
    for (name, file) in lossless_variants(&film) {
        let film = decode(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(film.image.pixels() == grains(16), "{name}");
    }
}

#[test]
fn twelve_signed_bits_and_foreign_bits_above_them() {
    let mut film = Film::new();
    // an overlay of old in the upper four bits
    let words: Vec<u16> =
        grains(12).into_iter().enumerate().map(|(i, v)| (v ^ 0x800) | ((i % 16) << 12) as u16).collect();
    film.short(tags::PIXEL_REPRESENTATION, 1).words(&words);
    film.set(tags::WINDOW_CENTER, VR::DS, "0");
    let expected: Vec<u16> = grains(12).into_iter().map(|v| shown(v, 12)).collect();
    assert_eq!(film.decode().expect("decodes").image.pixels(), expected);
    let file = film.file();
    for file in [dcmtk("dcmcrle", &[], &file), dcmtk("dcmconv", &["+tb"], &file)] {
        assert_eq!(decode(&file).expect("decodes").image.pixels(), expected);
    }
}

#[test]
fn bits_that_lie_high_in_their_cell() {
    let mut film = Film::new();
    let words: Vec<u16> = grains(12).into_iter().map(|v| v << 4 | 0x5).collect();
    film.depth(16, 12, 15).words(&words);
    let expected: Vec<u16> = grains(12).into_iter().map(|v| shown(v, 12)).collect();
    assert_eq!(film.decode().expect("decodes").image.pixels(), expected);
    assert_eq!(decode(&dcmtk("dcmcrle", &[], &film.file())).expect("decodes").image.pixels(), expected);
}

#[test]
fn jpeg_2000_reversible() {
    let (mut film, expected) = jpeg_2000_film();
    let file = encapsulated(&film, JPEG_2000, JPEG_2000_FRAME);
    assert_eq!(completeness(&file), Completeness::Whole);
    assert_eq!(decode(&file).expect("decodes").image.pixels(), expected);
    let cut = encapsulated(&film, JPEG_2000, &JPEG_2000_FRAME[..JPEG_2000_FRAME.len() / 2]);
    assert_eq!(code(decode(&cut)), FaultCode::Truncated, "a codestream without its end");
    film.short(tags::ROWS, 161);
    let other = encapsulated(&film, JPEG_2000, JPEG_2000_FRAME);
    assert_eq!(code(decode(&other)), FaultCode::Corrupt, "another size than the header's");
}

#[test]
fn lossy_syntaxes_stay_near() {
    let reference = Film::of_eight_bits().decode().expect("decodes");
    let baseline = decode(&dcmtk("dcmcjpeg", &["+eb", "+q", "95"], &Film::of_eight_bits().file())).expect("decodes");
    let near = decode(&dcmtk("dcmcjpls", &["+en", "+md", "2"], &Film::new().file())).expect("decodes");
    let worst = |a: &[u16], b: &[u16]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    let mean =
        |a: &[u16], b: &[u16]| a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64;
    assert!(mean(reference.image.pixels(), baseline.image.pixels()) < 3.0 * 257.0);
    assert!(worst(Film::new().decode().unwrap().image.pixels(), near.image.pixels()) <= 2 * 17);
}

#[test]
fn twelve_bit_extended_jpeg_is_refused_by_name() {
    let extended = dcmtk("dcmcjpeg", &["+ee"], &Film::new().file());
    let error = decode(&extended).expect_err("no decoder");
    assert_eq!(error.code(), FaultCode::UnsupportedTransferSyntax);
    assert!(error.to_string().contains("JPEG Extended (Process 2 & 4) with 12 bits"), "{error}");
}

#[test]
fn other_syntaxes_are_refused_by_name() {
    let file = Film::new().file();
    for (uid, name) in [
        ("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264"),
        ("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000"),
        ("1.2.840.113619.5.2", "1.2.840.113619.5.2"),
    ] {
        let error = decode(&with_syntax(&file, uid)).expect_err("no decoder");
        assert_eq!(error.code(), FaultCode::UnsupportedTransferSyntax);
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(code(decode(&with_syntax(&file, "1.2.840.10008.1.2.5"))), FaultCode::Corrupt, "RLE without fragments");
}

#[test]
fn bone_is_bright_whatever_the_polarity() {
    let upright = Film::new().decode().expect("decodes");
    let inverted: Vec<u16> = upright.image.pixels().iter().map(|p| 65535 - p).collect();
    let show = |photometric: &str, shape: Option<&str>| {
        let mut film = Film::new();
        film.set(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
        if let Some(shape) = shape {
            film.set(tags::PRESENTATION_LUT_SHAPE, VR::CS, shape);
        }
        film.decode().expect("decodes").image.pixels().to_vec()
    };
    assert_eq!(show("MONOCHROME1", None), inverted);
    assert_eq!(show("MONOCHROME1", Some("INVERSE")), inverted, "once, not twice");
    assert_eq!(show("MONOCHROME2", Some("INVERSE")), inverted);
    assert_eq!(show("MONOCHROME2", Some("IDENTITY")), upright.image.pixels());
    let mut raw = Film::new();
    raw.set(tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PROCESSING");
    raw.0.put(DataElement::new(tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN, VR::SS, PrimitiveValue::from(1_i16)));
    assert_eq!(raw.decode().expect("decodes").image.pixels(), inverted, "more X-rays are darker");
}

#[test]
fn rescale_comes_before_the_window() {
    let mut film = Film::new();
    film.set(tags::RESCALE_SLOPE, VR::DS, "0.5").set(tags::RESCALE_INTERCEPT, VR::DS, "-1000");
    film.set(tags::VOILUT_FUNCTION, VR::CS, "LINEAR_EXACT");
    film.set(tags::WINDOW_CENTER, VR::DS, "0\\5").set(tags::WINDOW_WIDTH, VR::DS, "1000\\10");
    let expected = |v: u16| {
        let y: f64 = (f64::from(v) * 0.5 - 1000.0) / 1000.0 + 0.5;
        (y.clamp(0.0, 1.0) * 65535.0).round() as u16
    };
    assert_eq!(
        film.decode().expect("decodes").image.pixels(),
        grains(12).into_iter().map(expected).collect::<Vec<_>>()
    );
}

#[test]
fn tables_of_modality_and_voi() {
    // a modality table that squares, then a VOI table that halves: both with their own first value
    let square: Vec<u16> = (0..4096_u32).map(|v| (v * v / 4096) as u16).collect();
    let half: Vec<u16> = (0..4000_u16).map(|v| v / 2).collect();
    let mut film = Film::new();
    film.sequence(tags::MODALITY_LUT_SEQUENCE, Film::table([4096, 0, 16], &square));
    film.sequence(tags::VOILUT_SEQUENCE, Film::table([4000, 96, 12], &half));
    film.set(tags::RESCALE_SLOPE, VR::DS, "7"); // beside a table it has no say
    let expected = |v: u16| {
        let modality = square[usize::from(v)];
        let voi = half[usize::from(modality.clamp(96, 4095) - 96)];
        (f64::from(voi) / 2047.0 * 65535.0).round() as u16
    };
    let expected: Vec<u16> = grains(12).into_iter().map(expected).collect();
    let file = film.file();
    for file in [dcmtk("dcmconv", &["+ti"], &file), dcmtk("dcmconv", &["+tb", "-e"], &file), file] {
        assert_eq!(decode(&file).expect("decodes").image.pixels(), expected);
    }
}

#[test]
fn a_table_that_contradicts_its_descriptor() {
    let mut film = Film::new();
    film.sequence(tags::VOILUT_SEQUENCE, Film::table([4000, 0, 16], &[1, 2, 3]));
    assert_eq!(film.decode(), Film::new().decode(), "the window stands in for a broken VOI table");
    film.sequence(tags::MODALITY_LUT_SEQUENCE, Film::table([4000, 0, 16], &[1, 2, 3]));
    let error = film.decode().expect_err("a broken modality table");
    assert!(error.to_string().contains("Modality LUT Sequence (0028,3000)"), "{error}");
}

#[test]
fn numbers_that_do_not_parse() {
    for (tag, name) in [(tags::RESCALE_SLOPE, "Rescale Slope"), (tags::RESCALE_INTERCEPT, "Rescale Intercept")] {
        let mut film = Film::new();
        film.set(tag, VR::DS, "1,0");
        let error = film.decode().expect_err("no number");
        assert_eq!(error.code(), FaultCode::Corrupt);
        assert!(error.to_string().contains(name), "{error}");
    }
    let mut windowless = Film::new();
    windowless.remove(tags::WINDOW_CENTER).remove(tags::WINDOW_WIDTH);
    for width in ["0", "-5", "wide", ""] {
        let mut film = Film::new();
        film.set(tags::WINDOW_WIDTH, VR::DS, width);
        assert_eq!(film.decode(), windowless.decode(), "a window of width {width:?} is none");
    }
    let shown = windowless.decode().expect("decodes");
    let (low, high) = (shown.image.pixels().iter().min(), shown.image.pixels().iter().max());
    assert_eq!((low, high), (Some(&0), Some(&65535)), "without a window the film fills the range");
}

#[test]
fn padding_does_not_count() {
    let mut film = Film::new();
    let mut pixels: Vec<u16> = grains(12).into_iter().map(|v| v / 4 + 1000).collect();
    pixels[..WIDTH * 40].fill(4095);
    film.words(&pixels).remove(tags::WINDOW_CENTER).short(tags::PIXEL_PADDING_VALUE, 4095);
    let padded = film.decode().expect("decodes");
    assert!(padded.image.pixels()[..WIDTH * 40].iter().all(|p| *p == 0));
    assert!(padded.image.pixels()[WIDTH * 40..].iter().any(|p| *p > 65000));
    assert_eq!(padded.clipped, Clipped::default());
    film.remove(tags::PIXEL_PADDING_VALUE);
    assert!((film.decode().expect("decodes").clipped.white - 40.0 / HEIGHT as f64).abs() < 1e-12);
}

#[test]
fn every_fault_has_its_code() {
    let change = |change: &dyn Fn(&mut Film) -> &mut Film| code(change(&mut Film::new()).decode());
    use FaultCode::*;
    assert_eq!(change(&|f| f.set(tags::NUMBER_OF_FRAMES, VR::IS, "2")), MultiFrame);
    assert_eq!(change(&|f| f.set(tags::MODALITY, VR::CS, "CT")), WrongModality);
    assert_eq!(change(&|f| f.set(tags::MODALITY, VR::CS, "RG")), WrongModality);
    let report = |f: &mut Film| code(f.set(tags::MODALITY, VR::CS, "SR").remove(tags::PIXEL_DATA).decode());
    assert_eq!(report(&mut Film::new()), WrongModality);
    assert_eq!(change(&|f| f.set(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB")), WrongModality);
    assert_eq!(change(&|f| f.short(tags::SAMPLES_PER_PIXEL, 3)), WrongModality);
    assert_eq!(change(&|f| f.remove(tags::PIXEL_DATA)), NoPixelData);
    assert_eq!(change(&|f| f.short(tags::ROWS, 40_000).short(tags::COLUMNS, 40_000)), TooLarge);
    assert_eq!(change(&|f| f.short(tags::ROWS, 20)), TooSmall);
    assert_eq!(change(&|f| f.short(tags::ROWS, 0)), Corrupt);
    assert_eq!(change(&|f| f.remove(tags::ROWS)), Corrupt);
    assert_eq!(change(&|f| f.short(tags::ROWS, HEIGHT as u16 + 1)), Truncated);
    assert_eq!(change(&|f| f.words(&[7; 4 * WIDTH * HEIGHT])), Corrupt);
    assert_eq!(change(&|f| f.depth(32, 32, 31)), Corrupt);
    assert_eq!(change(&|f| f.depth(16, 17, 16)), Corrupt);
    assert_eq!(change(&|f| f.depth(16, 12, 9)), Corrupt);
    assert_eq!(change(&|f| f.set(tags::NUMBER_OF_FRAMES, VR::IS, "one")), Corrupt);
    assert_eq!(change(&|f| f.sequence(tags::ENCRYPTED_ATTRIBUTES_SEQUENCE, InMemDicomObject::new_empty())), Encrypted);
    assert_eq!(code(decode(b"hello")), NotAnImage);
    assert_eq!(code(decode(b"")), Truncated);
    let small = Settings { max_bytes: 1000, ..Settings::default() };
    assert_eq!(code(sagitta::decode::decode(&Film::new().file(), &small)), TooLarge);
}

#[test]
fn cr_needs_no_modality_where_the_sop_class_says_so() {
    let mut film = Film::new();
    film.set(tags::MODALITY, VR::CS, "");
    assert!(film.decode().is_ok());
    film.set(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.7");
    assert_eq!(code(film.decode()), FaultCode::WrongModality);
}

#[test]
fn no_fault_repeats_what_names_a_patient() {
    let mut film = Film::new();
    film.set(tags::MODALITY, VR::CS, "DOE^JANE");
    assert!(!film.decode().expect_err("no modality").to_string().contains("DOE"));
    film.set(tags::MODALITY, VR::CS, "DX").set(tags::RESCALE_SLOPE, VR::DS, "DOE^JANE");
    assert!(!film.decode().expect_err("no number").to_string().contains("DOE"));
    let foreign = with_syntax(&Film::new().file(), "DOE^JANE");
    assert!(!decode(&foreign).expect_err("no syntax").to_string().contains("DOE"));
}

#[test]
fn a_film_of_oblong_pixels_is_refused_and_names_the_attribute() {
    for (tag, vr, text) in [
        (tags::PIXEL_SPACING, VR::DS, "0.15\\0.2"),
        (tags::IMAGER_PIXEL_SPACING, VR::DS, "0.2\\0.15"),
        (tags::PIXEL_ASPECT_RATIO, VR::IS, "2\\1"),
    ] {
        let mut film = Film::new();
        film.set(tag, vr, text);
        let error = film.decode().expect_err("oblong");
        assert_eq!(error.code(), FaultCode::OblongPixels, "{tag}");
        assert!(error.to_string().contains("not square"), "{error}");
    }
    let mut square = Film::new();
    square.set(tags::PIXEL_ASPECT_RATIO, VR::IS, "1\\1");
    square.set(tags::PIXEL_SPACING, VR::DS, "0.15\\0.1505");
    assert!(square.decode().is_ok());
}

#[test]
fn spacing_names_its_rule() {
    let spaced = |pairs: &[(dicom_core::Tag, &str)]| {
        let mut film = Film::new();
        for (tag, text) in pairs {
            let vr = if *tag == tags::PIXEL_SPACING_CALIBRATION_TYPE { VR::CS } else { VR::DS };
            film.set(*tag, vr, text);
        }
        film.decode().expect("decodes").spacing.map(|s| (s.mm_per_pixel(), s.source()))
    };
    let (own, imager) = (tags::PIXEL_SPACING, tags::IMAGER_PIXEL_SPACING);
    let factor = tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR;
    let calibration = tags::PIXEL_SPACING_CALIBRATION_TYPE;
    assert_eq!(
        spaced(&[(own, "0.12\\0.12"), (calibration, "FIDUCIAL"), (imager, "0.15\\0.15")]),
        Some((0.12, SpacingSource::PixelSpacingCalibrated))
    );
    assert_eq!(
        spaced(&[(own, "0.15\\0.15"), (imager, "0.15\\0.15")]),
        Some((0.15, SpacingSource::ImagerDetectorPlane))
    );
    assert_eq!(
        spaced(&[(imager, "0.15\\0.15"), (factor, "1.25")]),
        Some((0.12, SpacingSource::ImagerMagnificationCorrected))
    );
    assert_eq!(spaced(&[(imager, "0.15\\0.15"), (factor, "0")]), Some((0.15, SpacingSource::ImagerDetectorPlane)));
    assert_eq!(spaced(&[(own, "0.15\\0.15")]), Some((0.15, SpacingSource::PixelSpacingUndetermined)));
    assert_eq!(
        spaced(&[(own, "0\\0"), (imager, "0.15\\0.15")]),
        Some((0.15, SpacingSource::ImagerDetectorPlane)),
        "what is no spacing is passed over"
    );
    for nothing in ["0\\0", "-0.15\\-0.15", "15\\15", "0.15", "abc\\def", ""] {
        assert_eq!(spaced(&[(imager, nothing)]), None, "{nothing:?}");
    }
}

#[test]
fn a_configured_spacing_is_for_films_that_carry_none() {
    assert!(Settings::default().with_spacing(0.0).is_none());
    let settings = Settings::default().with_spacing(0.2).expect("valid");
    let mut film = Film::new();
    let spacing = |film: &Film| sagitta::decode::decode(&film.file(), &settings).expect("decodes").spacing.unwrap();
    assert_eq!((spacing(&film).mm_per_pixel(), spacing(&film).source()), (0.2, SpacingSource::Configured));
    film.set(tags::IMAGER_PIXEL_SPACING, VR::DS, "0.15\\0.15");
    assert_eq!(spacing(&film).source(), SpacingSource::ImagerDetectorPlane);
}

#[test]
fn the_facts_of_the_acquisition() {
    let meaning = |text: &str| {
        InMemDicomObject::from_element_iter([DataElement::new(tags::CODE_MEANING, VR::LO, PrimitiveValue::from(text))])
    };
    let mut film = Film::new();
    film.set(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192")
        .set(tags::SERIES_DESCRIPTION, VR::LO, "颈椎 侧位\u{1b}[31m")
        .set(tags::PROTOCOL_NAME, VR::LO, "C-SPINE LAT")
        .sequence(tags::ANATOMIC_REGION_SEQUENCE, meaning("Cervical spine"))
        .sequence(tags::VIEW_CODE_SEQUENCE, meaning("lateral"))
        .set(tags::ACQUISITION_DATE, VR::DA, "20260102")
        .set(tags::ACQUISITION_TIME, VR::TM, "131415.5")
        .set(tags::EXPOSURE_INDEX, VR::DS, "412")
        .set(tags::TARGET_EXPOSURE_INDEX, VR::DS, "0")
        .set(tags::DEVIATION_INDEX, VR::DS, "-1.2");
    for file in [film.file(), dcmtk("dcmconv", &["+ti", "-e"], &film.file())] {
        let facts = decode(&file).expect("decodes").acquisition;
        assert_eq!(facts.modality.as_deref(), Some("DX"));
        assert_eq!(facts.descriptions, ["颈椎 侧位31m", "C-SPINE LAT"]);
        assert_eq!(facts.body_part.as_deref(), Some("Cervical spine"));
        assert_eq!(facts.view_position.as_deref(), Some("lateral"));
        assert_eq!(facts.sop_instance_uid.as_deref(), Some("1.2.3.4"));
        assert_eq!(facts.patient_id.as_ref().map(|p| p.reveal()), Some("4711"));
        assert_eq!(facts.acquired_at.map(|t| t.to_string()).as_deref(), Some("2026-01-02 13:14:15.500"));
        assert_eq!(
            (facts.exposure_index, facts.target_exposure_index, facts.deviation_index),
            (Some(412.0), None, Some(-1.2))
        );
    }
}

#[test]
fn completeness_of_a_file_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.dcm");
    for (name, file) in lossless_variants(&Film::new()) {
        std::fs::write(&path, &file).expect("written");
        assert_eq!(completeness_of_file(&path).expect("readable"), Completeness::Whole, "{name}");
        std::fs::write(&path, &file[..file.len() * 2 / 3]).expect("written");
        assert_eq!(completeness_of_file(&path).expect("readable"), Completeness::Partial, "{name}");
    }
    assert!(completeness_of_file(&folder.path().join("missing")).is_err());
}

#[test]
fn an_image_without_its_pixels_yet_is_partial() {
    let mut film = Film::new();
    film.remove(tags::PIXEL_DATA);
    assert_eq!(completeness(&film.file()), Completeness::Partial);
    film.remove(tags::ROWS);
    assert_eq!(completeness(&film.file()), Completeness::Partial, "a film without its rows yet");
    film.set(tags::MODALITY, VR::CS, "SR");
    assert_eq!(completeness(&film.file()), Completeness::Whole, "a report has no pixels");
    assert_eq!(completeness(b"just text"), Completeness::NotAnImage);
}
