//! Films for the tests of decoding: made with dicom-rs, rewritten by DCMTK.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use sagitta::decode::{DecodeError, Settings};
use sagitta::domain::radiograph::Radiograph;

pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub(crate) const DX: &str = "1.2.840.10008.5.1.4.1.1.1.1";
pub(crate) const WIDTH: usize = 150;
pub(crate) const HEIGHT: usize = 131;

/// A film's value at a place: a smooth slope with grain, in `bits` bits.
pub(crate) fn grain(x: usize, y: usize, bits: u32) -> u16 {
    let noise = (x * 7919 + y * 104_729 + x * y * 31) % 61;
    let slope = (x * 2 + y * 3) * (1 << bits) / (2 * WIDTH + 3 * HEIGHT + 64);
    (slope + noise * (1 << bits) / 4096).min((1 << bits) - 1) as u16
}

pub(crate) fn grains(bits: u32) -> Vec<u16> {
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| grain(x, y, bits))).collect()
}

/// A film in preparation.
#[derive(Clone)]
pub(crate) struct Film(pub(crate) InMemDicomObject);

impl Film {
    /// DX, MONOCHROME2, 12 of 16 bits, a window over all of them.
    pub(crate) fn new() -> Self {
        let mut film = Self(InMemDicomObject::new_empty());
        film.set(tags::SOP_CLASS_UID, VR::UI, DX)
            .set(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4")
            .set(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3")
            .set(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.1")
            .set(tags::MODALITY, VR::CS, "DX")
            .set(tags::PATIENT_NAME, VR::PN, "DOE^JANE")
            .set(tags::PATIENT_ID, VR::LO, "4711")
            .set(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
            .short(tags::SAMPLES_PER_PIXEL, 1)
            .short(tags::ROWS, HEIGHT as u16)
            .short(tags::COLUMNS, WIDTH as u16)
            .short(tags::PIXEL_REPRESENTATION, 0)
            .set(tags::WINDOW_CENTER, VR::DS, "2048")
            .set(tags::WINDOW_WIDTH, VR::DS, "4096")
            .depth(16, 12, 11)
            .words(&grains(12));
        film
    }

    /// The same film in 8 bits.
    pub(crate) fn of_eight_bits() -> Self {
        let mut film = Self::new();
        let bytes: Vec<u8> = grains(8).iter().map(|v| *v as u8).collect();
        film.depth(8, 8, 7).set(tags::WINDOW_CENTER, VR::DS, "128").set(tags::WINDOW_WIDTH, VR::DS, "256");
        film.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(bytes)));
        film
    }

    pub(crate) fn set(&mut self, tag: Tag, vr: VR, text: &str) -> &mut Self {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::from(text)));
        self
    }

    pub(crate) fn short(&mut self, tag: Tag, value: u16) -> &mut Self {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        self
    }

    pub(crate) fn depth(&mut self, allocated: u16, stored: u16, high: u16) -> &mut Self {
        self.short(tags::BITS_ALLOCATED, allocated).short(tags::BITS_STORED, stored).short(tags::HIGH_BIT, high)
    }

    pub(crate) fn words(&mut self, pixels: &[u16]) -> &mut Self {
        let value = PrimitiveValue::U16(pixels.iter().copied().collect());
        self.0.put(DataElement::new(tags::PIXEL_DATA, VR::OW, value));
        self
    }

    pub(crate) fn remove(&mut self, tag: Tag) -> &mut Self {
        self.0.remove_element(tag);
        self
    }

    /// A sequence of one item.
    pub(crate) fn sequence(&mut self, tag: Tag, item: InMemDicomObject) -> &mut Self {
        let value = dicom_core::value::DataSetSequence::from(vec![item]);
        self.0.put(DataElement::new(tag, VR::SQ, value));
        self
    }

    /// The item of a lookup table.
    pub(crate) fn table(descriptor: [u16; 3], data: &[u16]) -> InMemDicomObject {
        let words = |w: &[u16]| PrimitiveValue::U16(w.iter().copied().collect());
        InMemDicomObject::from_element_iter([
            DataElement::new(tags::LUT_DESCRIPTOR, VR::US, words(&descriptor)),
            DataElement::new(tags::LUT_DATA, VR::OW, words(data)),
        ])
    }

    /// As a file in explicit little endian.
    pub(crate) fn file(&self) -> Vec<u8> {
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(EXPLICIT)
            .media_storage_sop_class_uid(DX)
            .media_storage_sop_instance_uid("1.2.3.4");
        let mut bytes = Vec::new();
        self.0.clone().with_meta(meta).expect("valid meta").write_all(&mut bytes).expect("written");
        bytes
    }

    pub(crate) fn decode(&self) -> Result<Radiograph, DecodeError> {
        decode(&self.file())
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Radiograph, DecodeError> {
    sagitta::decode::decode(bytes, &Settings::default())
}

/// The file as a DCMTK tool rewrites it.
pub(crate) fn dcmtk(tool: &str, options: &[&str], file: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("from.dcm"), folder.path().join("to.dcm"));
    std::fs::write(&from, file).expect("written");
    run(tool, options, &[&from, &to]);
    std::fs::read(&to).expect("the tool's output")
}

fn run(tool: &str, options: &[&str], files: &[&Path]) {
    let output = Command::new(tool).args(options).args(files).output();
    let output = output.unwrap_or_else(|e| panic!("{tool} does not start ({e}): install the package dcmtk"));
    assert!(output.status.success(), "{tool} {options:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The film in every lossless transfer syntax that DCMTK writes, by name.
pub(crate) fn lossless_variants(film: &Film) -> Vec<(&'static str, Vec<u8>)> {
    let file = film.file();
    let mut variants = vec![
        ("implicit little endian", dcmtk("dcmconv", &["+ti"], &file)),
        ("explicit big endian", dcmtk("dcmconv", &["+tb"], &file)),
        ("deflated", dcmtk("dcmconv", &["+td"], &file)),
        ("undefined lengths", dcmtk("dcmconv", &["+te", "-e"], &file)),
        ("bare implicit", dcmtk("dcmconv", &["-F", "+ti"], &file)),
        ("bare explicit", dcmtk("dcmconv", &["-F", "+te"], &file)),
        ("bare big endian", dcmtk("dcmconv", &["-F", "+tb"], &file)),
        ("without preamble", file[132..].to_vec()),
        ("RLE", dcmtk("dcmcrle", &[], &file)),
        ("JPEG lossless SV1", dcmtk("dcmcjpeg", &["+e1"], &file)),
        ("JPEG-LS", dcmtk("dcmcjpls", &[], &file)),
        ("JPEG-LS in fragments", dcmtk("dcmcjpls", &["+fs", "1"], &file)),
    ];
    for predictor in ["1", "2", "3", "4", "5", "6", "7"] {
        variants.push(("JPEG lossless process 14", dcmtk("dcmcjpeg", &["+el", "+sv", predictor], &file)));
    }
    variants.push(("explicit little endian", file));
    variants
}

pub(crate) const JPEG_2000: &str = "1.2.840.10008.1.2.4.90";
/// Made by OpenJPEG (reversible 5/3), 192 × 160 of 16 bits: `value = (x · 521 + y · 263 + x · y) mod 65536`.
pub(crate) const JPEG_2000_FRAME: &[u8] = include_bytes!("../decode_fixtures/reversible_192x160.j2k");

/// A film for [`JPEG_2000_FRAME`], and the pixels that it must show.
pub(crate) fn jpeg_2000_film() -> (Film, Vec<u16>) {
    let mut film = Film::new();
    film.depth(16, 16, 15).short(tags::COLUMNS, 192).short(tags::ROWS, 160);
    film.set(tags::WINDOW_CENTER, VR::DS, "32768").set(tags::WINDOW_WIDTH, VR::DS, "65536");
    let value = |x: u32, y: u32| (x * 521 + y * 263 + x * y) as u16;
    (film, (0..160).flat_map(|y| (0..192).map(move |x| value(x, y))).collect())
}

/// `film` with `frame` as its pixel data, in the transfer syntax `uid`.
pub(crate) fn encapsulated(film: &Film, uid: &str, frame: &[u8]) -> Vec<u8> {
    let mut film = film.clone();
    film.remove(tags::PIXEL_DATA);
    let plain = film.file();
    let mut file = with_syntax(&plain, uid);
    let mut frame = frame.to_vec();
    frame.resize(frame.len().next_multiple_of(2), 0);
    file.extend(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0");
    file.extend((frame.len() as u32).to_le_bytes());
    file.extend(frame);
    file.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    file
}

/// An explicit little endian file with another transfer syntax in its meta information.
pub(crate) fn with_syntax(file: &[u8], uid: &str) -> Vec<u8> {
    let tag = b"\x02\0\x10\0UI";
    let at = file.windows(tag.len()).position(|w| w == tag).expect("transfer syntax");
    let old = usize::from(u16::from_le_bytes([file[at + 6], file[at + 7]]));
    let mut value = uid.as_bytes().to_vec();
    value.resize(value.len().next_multiple_of(2), 0);
    let length = (value.len() as u16).to_le_bytes();
    [&file[..at + 6], &length, &value, &file[at + 8 + old..]].concat()
}
