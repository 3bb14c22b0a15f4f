//! A DICOM file becomes a radiograph, or the reason why not.
//!
//! The order of the questions is the order of the answers that help most: is the file whole, is it encrypted, is it a
//! CR or DX film, is it one film, is it within the limits, can its pixels be read. The attributes are read from the
//! bytes as they lie ([`header`](super::header)); no object is built and uncompressed pixels are copied once.
//!
//! **Modality.** CR and DX are taken. RG, the scans of film on glass or paper, is not: it comes without the facts of
//! an acquisition and usually as secondary capture. (The computed radiographs RG1–RG3 of the NEMA compression set say
//! CR.) Where Modality is empty, the SOP class decides.
//!
//! **Polarity.** PresentationLUTShape decides where it stands there, else PhotometricInterpretation; in the DX module
//! (PS3.3 C.8.11.3) both say the same. A film "for processing" has no look yet: there PixelIntensityRelationshipSign
//! decides, which says whether more X-rays gave larger values (+1: bone is dark unless inverted).

use std::io::Read;

use dicom_dictionary_std::tags;
use flate2::read::DeflateDecoder;

use super::element::{Encoding, Source, WalkError, Walker};
use super::error::DecodeError;
use super::header::{DataSet, Header, walker};
use super::lut::{Modality, Voi};
use super::pixels::PixelModule;
use super::presentation::Presentation;
use super::settings::Settings;
use super::stored::Stored;
use super::syntax::{Syntax, printable_uid};
use super::{acquisition, spacing};
use crate::domain::radiograph::{Format, GrayImage, Radiograph};

/// Where the elements of a DICOM file begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With file meta information (PS3.10 chapter 7), behind the preamble or without one.
    Meta { at: u64 },
    /// With the data set itself: no preamble, no file meta information.
    Bare(Encoding),
}

/// How many bytes [`Start::of`] wants to see.
pub(super) const HEAD: usize = 132;

impl Start {
    /// Recognises a DICOM file by its first bytes.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        if head.get(128..HEAD) == Some(b"DICM") {
            return Some(Self::Meta { at: 132 });
        }
        let &[a, b, c, d, e, f, g, h, ..] = head else { return None };
        // the first elements of a data set: its length, the character set, the image type, … each of them short
        let first = |low: u8, high: u8| high == 0 && low <= 0x18;
        let letters = e.is_ascii_uppercase() && f.is_ascii_uppercase();
        match ([a, b], letters) {
            ([2, 0], true) if [c, d] == [0, 0] && [e, f] == *b"UL" => Some(Self::Meta { at: 0 }),
            ([8, 0], true) if first(c, d) => Some(Self::Bare(Encoding::ExplicitLittle)),
            ([0, 8], true) if first(d, c) => Some(Self::Bare(Encoding::ExplicitBig)),
            ([8, 0], false) if first(c, d) && [f, g, h] == [0, 0, 0] => Some(Self::Bare(Encoding::ImplicitLittle)),
            _ => None,
        }
    }
}

/// Reads the file meta information and tells TransferSyntaxUID; the walker then stands at the data set.
pub(super) fn transfer_syntax<S: Source>(walker: &mut Walker<S>) -> Result<Option<String>, WalkError> {
    /// A UID has at most 64 characters; a longer value is none.
    const MOST: u32 = 128;
    let mut uid = None;
    while let Some([2, 0, ..]) = walker.peek_tag()? {
        let Some(element) = walker.next()? else { break };
        if element.tag == tags::TRANSFER_SYNTAX_UID {
            let value = walker.read_value(&element, MOST)?;
            uid = Some(String::from_utf8_lossy(&value).trim_matches([' ', '\0']).to_owned());
        } else {
            walker.skip_value(&element)?;
        }
    }
    Ok(uid)
}

/// The syntax that file meta information names, as a fault where it names none that is known.
pub(super) fn known_syntax(uid: Option<&str>) -> Result<Syntax, DecodeError> {
    let uid = uid.ok_or_else(|| DecodeError::Corrupt("Transfer Syntax UID (0002,0010) is missing".to_owned()))?;
    Syntax::of(uid).ok_or_else(|| DecodeError::Unsupported(format!("the transfer syntax {}", printable_uid(uid))))
}

/// Decodes the DICOM file `bytes`, which begins as `start` says.
pub(super) fn decode(bytes: &[u8], start: Start, settings: &Settings) -> Result<Radiograph, DecodeError> {
    let (syntax, data_set) = match start {
        Start::Bare(encoding) => (Syntax::bare(encoding), bytes),
        Start::Meta { at } => {
            let meta = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or(&[]);
            let mut walker = walker(meta, Encoding::ExplicitLittle)?;
            let uid = transfer_syntax(&mut walker)?;
            let rest = usize::try_from(walker.position()).ok().and_then(|at| meta.get(at..)).unwrap_or(&[]);
            if rest.is_empty() {
                return Err(DecodeError::Truncated("the file meta information".to_owned()));
            }
            (known_syntax(uid.as_deref())?, rest)
        }
    };
    if syntax.deflated {
        let inflated = inflate(data_set, settings)?;
        return film(&DataSet::read(&inflated, syntax.encoding)?, &syntax, settings);
    }
    film(&DataSet::read(data_set, syntax.encoding)?, &syntax, settings)
}

/// Inflates a data set (PS3.5 A.5), which must not grow beyond the largest file.
fn inflate(deflated: &[u8], settings: &Settings) -> Result<Vec<u8>, DecodeError> {
    let mut inflated = Vec::new();
    let limit = settings.max_bytes.saturating_add(1);
    let outcome = DeflateDecoder::new(deflated).take(limit).read_to_end(&mut inflated);
    settings.check_bytes("the size of the inflated data set in bytes", inflated.len() as u64)?;
    match outcome {
        Ok(_) => Ok(inflated),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(DecodeError::Truncated("the deflated data set".to_owned()))
        }
        Err(_) => Err(DecodeError::Corrupt("the deflated data set does not inflate".to_owned())),
    }
}

fn film(data_set: &DataSet<'_>, syntax: &Syntax, settings: &Settings) -> Result<Radiograph, DecodeError> {
    let header = &data_set.header;
    if header.has(tags::ENCRYPTED_ATTRIBUTES_SEQUENCE) {
        return Err(DecodeError::Encrypted("the attributes are encrypted: Encrypted Attributes Sequence (0400,0500)"));
    }
    check_modality(header)?;
    check_single_frame(header)?;
    spacing::check_square(header)?;
    let pixel_data = data_set.pixel_data.as_ref().ok_or(DecodeError::NoPixelData)?;
    let module = PixelModule::from_header(header, settings)?;
    let codec = syntax.codec.ok_or_else(|| DecodeError::Unsupported(format!("the transfer syntax {}", syntax.name)))?;
    let presentation = presentation(header, module.stored, module.monochrome1)?;

    let mut pixels = module.read(pixel_data, syntax, codec, header.is_big_endian())?;
    let clipped = presentation.apply(&mut pixels, module.stored);
    let image = GrayImage::new(module.width, module.height, pixels)
        .ok_or_else(|| DecodeError::Corrupt("the pixels do not fill the film".to_owned()))?;
    Ok(Radiograph {
        image,
        format: Format::Dicom,
        spacing: spacing::from_header(header, settings.spacing),
        acquisition: acquisition::from_header(header),
        clipped,
    })
}

/// Modality (0008,0060), or SOPClassUID (0008,0016) where it is empty.
fn check_modality(header: &Header<'_>) -> Result<(), DecodeError> {
    const FILMS: [&str; 3] =
        ["1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1"];
    let refuse = |what: String| Err(DecodeError::WrongModality(what));
    match header.ascii(tags::MODALITY).as_deref() {
        Some("CR" | "DX") => Ok(()),
        // a defined term is two or three capitals; anything else is not repeated
        Some(other) if other.len() <= 6 && other.bytes().all(|b| b.is_ascii_uppercase()) => {
            refuse(format!("Modality (0008,0060) is {other}, neither CR nor DX"))
        }
        Some(_) => refuse("Modality (0008,0060) is neither CR nor DX".to_owned()),
        None if header.ascii(tags::SOP_CLASS_UID).is_some_and(|uid| FILMS.contains(&uid.as_str())) => Ok(()),
        None => refuse("Modality (0008,0060) is missing, and the SOP class is neither CR nor DX".to_owned()),
    }
}

fn check_single_frame(header: &Header<'_>) -> Result<(), DecodeError> {
    match header.decimal(tags::NUMBER_OF_FRAMES)? {
        Some(frames) if frames > 1.0 => Err(DecodeError::MultiFrame(frames as u64)),
        _ => Ok(()),
    }
}

fn presentation(header: &Header<'_>, stored: Stored, monochrome1: bool) -> Result<Presentation, DecodeError> {
    let modality = Modality::from_header(header, stored.signed)?;
    let signed = modality.may_be_negative(stored);
    let for_processing = header.ascii(tags::PRESENTATION_INTENT_TYPE).as_deref() == Some("FOR PROCESSING");
    let sign = header.words(tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN).and_then(|w| w.first().map(|s| s.cast_signed()));
    let inverse = match (header.ascii(tags::PRESENTATION_LUT_SHAPE).as_deref(), sign) {
        (_, Some(1)) if for_processing => true,
        (_, Some(-1)) if for_processing => false,
        (Some("INVERSE"), _) => true,
        (Some("IDENTITY"), _) => false,
        _ => monochrome1,
    };
    Ok(Presentation { modality, voi: Voi::from_header(header, signed), inverse })
}
