//! A film as a DICOM object, with the attributes that a CR or DX film from a real room carries.
//!
//! DX Image Storage – For Presentation (PS3.3 A.26) or CR Image Storage (A.2), explicit VR little endian. Everything
//! that identifies somebody is made up from the seed. `dciodvfy` finds no error in either.

use std::fs;
use std::path::Path;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR, dicom_value};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use crate::domain::anatomy::Facing;
use crate::domain::report::Position;

use super::case::Case;
use super::draw::Draw;
use super::plate::Plate;

/// The exposure index that the room aims at (IEC 62494-1).
const TARGET_EXPOSURE_INDEX: f64 = 250.0;
/// Root of Sagitta's unique identifiers: a UUID as a number under 2.25 (PS3.5 B.2).
const UID_ROOT: &str = "2.25";

/// What the header says.
#[derive(Debug, Clone)]
pub struct Header {
    /// Everything made up follows from it.
    pub seed: u64,
    /// Films of one study share it.
    pub study: u64,
    /// The number of the film within the study.
    pub instance: u32,
    /// The region, as (BodyPartExamined, SCT code, meaning).
    pub region: (&'static str, &'static str, &'static str),
    /// The view, as (ViewPosition, SCT code, meaning).
    pub view: (&'static str, &'static str, &'static str),
    /// What the technologist called the series.
    pub description: String,
    /// Which way the patient looks; `None` for a view from the front.
    pub facing: Option<Facing>,
    /// Of the patient.
    pub female: bool,
    /// Years.
    pub age: u32,
    /// Detector millimetres a pixel.
    pub imager_pixel_mm: f64,
    /// How much larger than life the film shows the patient, where the room knows it.
    pub magnification: Option<f64>,
    /// Dose behind the patient as a share of the aim; `None` where the room does not tell.
    pub exposure: Option<f64>,
}

/// The region and the view of a lateral cervical film.
pub const CERVICAL: (&str, &str, &str) = ("CSPINE", "122494005", "Cervical spine");
/// Seen from the side.
pub const LATERAL: (&str, &str, &str) = ("LL", "399067008", "lateral");
/// A chest.
pub const CHEST: (&str, &str, &str) = ("CHEST", "51185008", "Thorax");
/// Seen from behind.
pub const POSTERO_ANTERIOR: (&str, &str, &str) = ("PA", "399348003", "postero-anterior");

impl Header {
    /// The header of `case`, the film number `instance` of `study`.
    pub fn of(case: &Case, study: u64, instance: u32) -> Self {
        Self {
            seed: case.recipe.seed,
            study,
            instance,
            region: CERVICAL,
            view: LATERAL,
            description: description(case.recipe.position),
            facing: Some(case.beam.facing),
            female: case.person.female,
            age: case.person.age as u32,
            imager_pixel_mm: f64::from(case.beam.pixel),
            magnification: Some(f64::from(case.beam.magnification())),
            exposure: Some(f64::from(case.exposure)),
        }
    }
}

/// What a series of the neck is called in this position.
pub fn description(position: Position) -> String {
    let suffix = match position {
        Position::Flexion => " FLEXION",
        Position::Extension => " EXTENSION",
        Position::Neutral | Position::Unknown => "",
    };
    format!("C-SPINE LATERAL{suffix}")
}

/// A unique identifier for one purpose of one seed.
fn uid(seed: u64, purpose: u64) -> String {
    let mut draw = Draw::new(seed, 9000 + purpose);
    let number = (u128::from(draw.bits()) << 64 | u128::from(draw.bits())) & !(0xf << 76) | (4 << 76);
    format!("{UID_ROOT}.{number}")
}

/// Writes the film.
///
/// # Errors
/// What the file system or the DICOM library says.
pub fn write(path: &Path, header: &Header, plate: &Plate) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    fs::write(path, encode(header, plate)?)?;
    Ok(())
}

/// The film as the bytes of a file.
///
/// # Errors
/// What the DICOM library says.
pub fn encode(header: &Header, plate: &Plate) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let dx = Draw::new(header.study, 9500).chance(0.6);
    let class =
        if dx { uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION } else { uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE };
    let mut object = InMemDicomObject::new_empty();
    patient_and_study(&mut object, header);
    series(&mut object, header, class, dx);
    image(&mut object, header, plate, dx);
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let mut bytes = Vec::new();
    object.with_meta(meta)?.write_all(&mut bytes)?;
    Ok(bytes)
}

fn put(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
    object.put(DataElement::new(tag, vr, value.into()));
}

fn patient_and_study(object: &mut InMemDicomObject, h: &Header) {
    let mut draw = Draw::new(h.study, 9600);
    let day = 1 + draw.below(28);
    let born = 2026 - h.age;
    put(object, tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
    put(object, tags::PATIENT_NAME, VR::PN, format!("PHANTOM^{}", h.study));
    put(object, tags::PATIENT_ID, VR::LO, format!("PH{:06}", h.study % 1_000_000));
    put(object, tags::PATIENT_BIRTH_DATE, VR::DA, format!("{born}0101"));
    put(object, tags::PATIENT_SEX, VR::CS, if h.female { "F" } else { "M" });
    put(object, tags::STUDY_INSTANCE_UID, VR::UI, uid(h.study, 1));
    put(object, tags::STUDY_DATE, VR::DA, format!("202611{day:02}"));
    put(object, tags::STUDY_TIME, VR::TM, "101500");
    put(object, tags::ACQUISITION_DATE, VR::DA, format!("202611{day:02}"));
    put(object, tags::ACQUISITION_TIME, VR::TM, format!("10{:02}30", 15 + h.instance.min(44)));
    put(object, tags::CONTENT_DATE, VR::DA, format!("202611{day:02}"));
    put(object, tags::CONTENT_TIME, VR::TM, format!("10{:02}31", 15 + h.instance.min(44)));
    put(object, tags::REFERRING_PHYSICIAN_NAME, VR::PN, "");
    put(object, tags::STUDY_ID, VR::SH, "1");
    put(object, tags::ACCESSION_NUMBER, VR::SH, format!("A{}", h.study % 100_000));
}

fn series(object: &mut InMemDicomObject, h: &Header, class: &str, dx: bool) {
    put(object, tags::SOP_CLASS_UID, VR::UI, class);
    put(object, tags::SOP_INSTANCE_UID, VR::UI, uid(h.seed, 100 + u64::from(h.instance)));
    put(object, tags::MODALITY, VR::CS, if dx { "DX" } else { "CR" });
    put(object, tags::MANUFACTURER, VR::LO, "Sagitta phantom");
    put(object, tags::MANUFACTURER_MODEL_NAME, VR::LO, "Synthetic");
    put(object, tags::SERIES_INSTANCE_UID, VR::UI, uid(h.study, 200 + u64::from(h.instance)));
    put(object, tags::SERIES_NUMBER, VR::IS, (h.instance + 1).to_string());
    put(object, tags::SERIES_DESCRIPTION, VR::LO, h.description.as_str());
    put(object, tags::BODY_PART_EXAMINED, VR::CS, h.region.0);
    put(object, tags::VIEW_POSITION, VR::CS, h.view.0);
    put(object, tags::KVP, VR::DS, "70");
    if dx {
        put(object, tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PRESENTATION");
        put(object, tags::IMAGE_LATERALITY, VR::CS, "U");
        sequence(object, tags::ANATOMIC_REGION_SEQUENCE, vec![code(h.region.1, h.region.2)]);
        let mut view = code(h.view.1, h.view.2);
        view.put(DataElement::new(tags::VIEW_MODIFIER_CODE_SEQUENCE, VR::SQ, DataSetSequence::empty()));
        sequence(object, tags::VIEW_CODE_SEQUENCE, vec![view]);
        sequence(object, tags::ACQUISITION_CONTEXT_SEQUENCE, Vec::new());
        put(object, tags::POSITIONER_TYPE, VR::CS, "NONE");
        put(object, tags::DETECTOR_TYPE, VR::CS, "SCINTILLATOR");
    }
}

fn code(value: &str, meaning: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    put(&mut item, tags::CODE_VALUE, VR::SH, value);
    put(&mut item, tags::CODING_SCHEME_DESIGNATOR, VR::SH, "SCT");
    put(&mut item, tags::CODE_MEANING, VR::LO, meaning);
    item
}

fn sequence(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

fn image(object: &mut InMemDicomObject, h: &Header, plate: &Plate, dx: bool) {
    let top = ((1u32 << plate.bits) - 1) as u16;
    put(object, tags::INSTANCE_NUMBER, VR::IS, (h.instance + 1).to_string());
    object.put(DataElement::new(tags::IMAGE_TYPE, VR::CS, dicom_value!(Strs, ["DERIVED", "PRIMARY"])));
    let row = match h.facing {
        Some(Facing::Right) => "A",
        Some(Facing::Left) => "P",
        None => "L",
    };
    object.put(DataElement::new(tags::PATIENT_ORIENTATION, VR::CS, dicom_value!(Strs, [row, "F"])));
    put(object, tags::SAMPLES_PER_PIXEL, VR::US, 1u16);
    let (photometric, shape) = if plate.inverted { ("MONOCHROME1", "INVERSE") } else { ("MONOCHROME2", "IDENTITY") };
    put(object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
    put(object, tags::ROWS, VR::US, plate.size.1 as u16);
    put(object, tags::COLUMNS, VR::US, plate.size.0 as u16);
    put(object, tags::BITS_ALLOCATED, VR::US, 16u16);
    put(object, tags::BITS_STORED, VR::US, plate.bits);
    put(object, tags::HIGH_BIT, VR::US, plate.bits - 1);
    put(object, tags::PIXEL_REPRESENTATION, VR::US, 0u16);
    put(object, tags::WINDOW_CENTER, VR::DS, format!("{}", u32::from(top).div_ceil(2)));
    put(object, tags::WINDOW_WIDTH, VR::DS, format!("{}", u32::from(top) + 1));
    let spacing = format!("{:.4}", h.imager_pixel_mm);
    object.put(DataElement::new(
        tags::IMAGER_PIXEL_SPACING,
        VR::DS,
        dicom_value!(Strs, [spacing.as_str(), spacing.as_str()]),
    ));
    if let Some(factor) = h.magnification {
        put(object, tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, VR::DS, format!("{factor:.4}"));
    }
    if let Some(exposure) = h.exposure {
        let index = (exposure * TARGET_EXPOSURE_INDEX).max(1.0);
        put(object, tags::EXPOSURE_INDEX, VR::DS, format!("{index:.0}"));
        put(object, tags::TARGET_EXPOSURE_INDEX, VR::DS, format!("{TARGET_EXPOSURE_INDEX:.0}"));
        put(object, tags::DEVIATION_INDEX, VR::DS, format!("{:.1}", 10.0 * (index / TARGET_EXPOSURE_INDEX).log10()));
    }
    if dx {
        put(object, tags::PIXEL_INTENSITY_RELATIONSHIP, VR::CS, "LOG");
        object.put(DataElement::new(
            tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN,
            VR::SS,
            PrimitiveValue::from(if plate.inverted { 1i16 } else { -1i16 }),
        ));
        put(object, tags::RESCALE_INTERCEPT, VR::DS, "0");
        put(object, tags::RESCALE_SLOPE, VR::DS, "1");
        put(object, tags::RESCALE_TYPE, VR::LO, "US");
        put(object, tags::PRESENTATION_LUT_SHAPE, VR::CS, shape);
        put(object, tags::BURNED_IN_ANNOTATION, VR::CS, "NO");
        put(object, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
    }
    put(object, tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(plate.pixels.clone().into()));
}
