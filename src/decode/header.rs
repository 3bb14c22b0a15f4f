//! The attributes of a DICOM data set that Sagitta reads, taken from the bytes of the file.
//!
//! Only the attributes listed in [`WANTED`] are looked at; everything else is stepped over by its length, so that
//! garbage in a private element, an icon or an overlay does not cost a film, and nothing a file claims is copied or
//! allocated. Text is decoded by SpecificCharacterSet, freed of control characters and bounded in length.
//!
//! An attribute with an empty value counts as absent. Whether a value that does not parse is an error is decided by
//! the reader of the attribute: [`Header::decimal`] refuses, [`Header::decimal_if_valid`] counts it as absent. None
//! ever becomes 0.

use std::collections::BTreeMap;
use std::io::Cursor;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use super::element::{Encoding, ITEM, PIXEL_DATA, Seekable, WalkError, Walker};
use super::error::DecodeError;

/// Longer text than an attribute of ours may have (LO: 64 characters); the rest is cut off.
const MAX_TEXT: usize = 256;
/// An item of a sequence that we read has a handful of elements.
const MAX_ITEM_ELEMENTS: usize = 64;

const WANTED: [Tag; 51] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::ACQUISITION_DATE,
    tags::CONTENT_DATE,
    tags::ACQUISITION_DATE_TIME,
    tags::ACQUISITION_TIME,
    tags::CONTENT_TIME,
    tags::MODALITY,
    tags::PRESENTATION_INTENT_TYPE,
    tags::STUDY_DESCRIPTION,
    tags::SERIES_DESCRIPTION,
    tags::ANATOMIC_REGION_SEQUENCE,
    tags::PATIENT_ID,
    tags::BODY_PART_EXAMINED,
    tags::PROTOCOL_NAME,
    tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR,
    tags::IMAGER_PIXEL_SPACING,
    tags::ACQUISITION_DEVICE_PROCESSING_DESCRIPTION,
    tags::EXPOSURE_INDEX,
    tags::TARGET_EXPOSURE_INDEX,
    tags::DEVIATION_INDEX,
    tags::VIEW_POSITION,
    tags::STUDY_INSTANCE_UID,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::PIXEL_SPACING,
    tags::PIXEL_ASPECT_RATIO,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::PIXEL_PADDING_VALUE,
    tags::PIXEL_PADDING_RANGE_LIMIT,
    tags::PIXEL_SPACING_CALIBRATION_TYPE,
    tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN,
    tags::WINDOW_CENTER,
    tags::WINDOW_WIDTH,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
    tags::VOILUT_FUNCTION,
    tags::MODALITY_LUT_SEQUENCE,
    tags::VOILUT_SEQUENCE,
    tags::VIEW_CODE_SEQUENCE,
    tags::ENCRYPTED_ATTRIBUTES_SEQUENCE,
    tags::PRESENTATION_LUT_SHAPE,
    tags::FLOAT_PIXEL_DATA,
    tags::DOUBLE_FLOAT_PIXEL_DATA,
];

/// The attributes that were found.
#[derive(Debug)]
pub(super) struct Header<'a> {
    values: BTreeMap<Tag, Value<'a>>,
    encoding: Encoding,
    characters: Characters,
}

#[derive(Debug, Clone, Copy)]
struct Value<'a> {
    bytes: &'a [u8],
    vr: Option<[u8; 2]>,
}

/// The pixel data as stored.
#[derive(Debug)]
pub(super) enum PixelData<'a> {
    /// One run of bytes; `words` where their value representation is OW.
    Native { bytes: &'a [u8], words: bool },
    /// The fragments of one compressed frame.
    Encapsulated(Vec<&'a [u8]>),
}

/// A data set: its attributes, and its pixel data where it has any.
#[derive(Debug)]
pub(super) struct DataSet<'a> {
    pub(super) header: Header<'a>,
    pub(super) pixel_data: Option<PixelData<'a>>,
}

impl<'a> DataSet<'a> {
    /// Reads the data set `bytes` to the end of its pixel data.
    ///
    /// # Errors
    /// `Truncated` where an element or the pixel data reach beyond the end, `Corrupt` where these are no elements.
    pub(super) fn read(bytes: &'a [u8], encoding: Encoding) -> Result<Self, DecodeError> {
        let mut walker = walker(bytes, encoding)?;
        let mut values = BTreeMap::new();
        let mut pixel_data = None;
        while let Some(element) = walker.next()? {
            if element.tag == PIXEL_DATA {
                pixel_data = Some(if element.length.is_some() {
                    walker.skip_value(&element)?;
                    let bytes = slice(bytes, element.value_at, walker.position());
                    PixelData::Native { bytes, words: element.vr != Some(*b"OB") }
                } else {
                    let fragments = walker.fragments()?;
                    let place = |(at, length)| slice(bytes, at, at + u64::from(length));
                    PixelData::Encapsulated(fragments.into_iter().map(place).collect())
                });
                break;
            }
            walker.skip_value(&element)?;
            if WANTED.contains(&element.tag) {
                let value = Value { bytes: slice(bytes, element.value_at, walker.position()), vr: element.vr };
                values.entry(element.tag).or_insert(value);
            }
        }
        let mut header = Header { values, encoding, characters: Characters::default() };
        header.characters = Characters::named(header.ascii(tags::SPECIFIC_CHARACTER_SET).as_deref());
        Ok(Self { header, pixel_data })
    }
}

impl<'a> Header<'a> {
    /// Whether the attribute stands there, also with an empty value.
    pub(super) fn has(&self, tag: Tag) -> bool {
        self.values.contains_key(&tag)
    }

    /// The value's bytes; `None` where absent or empty.
    pub(super) fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        self.values.get(&tag).map(|v| v.bytes).filter(|b| !b.is_empty())
    }

    /// The first item of a sequence; `None` where there is none or where it does not read.
    pub(super) fn first_item(&self, tag: Tag) -> Option<Self> {
        let value = self.values.get(&tag)?;
        let encoding = if value.vr == Some(*b"UN") { Encoding::ImplicitLittle } else { self.encoding };
        let read = || -> Result<Option<Self>, WalkError> {
            let mut walker = Walker::new(Seekable::new(Cursor::new(value.bytes)).map_err(WalkError::Io)?, 0, encoding);
            let Some(item) = walker.next()?.filter(|first| first.tag == ITEM) else { return Ok(None) };
            let end = item.length.map_or(value.bytes.len() as u64, |l| item.value_at + u64::from(l));
            let mut values = BTreeMap::new();
            while walker.position() < end && values.len() < MAX_ITEM_ELEMENTS {
                let Some(element) = walker.next()?.filter(|e| e.tag.0 != ITEM.0) else { break };
                walker.skip_value(&element)?;
                let bytes = slice(value.bytes, element.value_at, walker.position());
                values.insert(element.tag, Value { bytes, vr: element.vr });
            }
            Ok(Some(Self { values, encoding, characters: self.characters.clone() }))
        };
        read().ok().flatten()
    }

    /// Text of the default repertoire (CS, DS, IS, UI, DA, TM, DT), all its values, trimmed.
    pub(super) fn ascii(&self, tag: Tag) -> Option<String> {
        let text = String::from_utf8_lossy(self.bytes(tag)?);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty() && text.len() <= 4 * MAX_TEXT).then(|| text.to_owned())
    }

    /// Text for people, decoded, without control characters, bounded in length.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        let clean = self.characters.decode(self.bytes(tag)?);
        (!clean.is_empty()).then_some(clean)
    }

    /// The unsigned short (US) `tag`, or its first value.
    ///
    /// # Errors
    /// `Corrupt` where it has fewer than two bytes.
    pub(super) fn short(&self, tag: Tag) -> Result<Option<u16>, DecodeError> {
        match self.bytes(tag) {
            None => Ok(None),
            Some([a, b, ..]) => Ok(Some(self.word([*a, *b]))),
            Some(_) => Err(DecodeError::Corrupt(format!("{} has fewer than two bytes", named(tag)))),
        }
    }

    /// All 16-bit words of `tag`.
    pub(super) fn words(&self, tag: Tag) -> Option<Vec<u16>> {
        let pairs = self.bytes(tag)?.chunks_exact(2);
        Some(pairs.filter_map(|p| <[u8; 2]>::try_from(p).ok()).map(|p| self.word(p)).collect())
    }

    /// The first value of the decimal or integer string `tag`.
    ///
    /// # Errors
    /// `Corrupt` where it is not a finite number.
    pub(super) fn decimal(&self, tag: Tag) -> Result<Option<f64>, DecodeError> {
        let Some(text) = self.ascii(tag) else { return Ok(None) };
        let first = text.split('\\').next().unwrap_or("").trim();
        if first.is_empty() {
            return Ok(None);
        }
        let value = first.parse().ok().filter(|v: &f64| v.is_finite());
        value.map(Some).ok_or_else(|| DecodeError::Corrupt(format!("{} is not a number", named(tag))))
    }

    /// The first value of the decimal string `tag`, where it is a finite number.
    pub(super) fn decimal_if_valid(&self, tag: Tag) -> Option<f64> {
        self.decimal(tag).ok().flatten()
    }

    /// The pair of decimal strings `tag`, where both are finite numbers.
    pub(super) fn pair_if_valid(&self, tag: Tag) -> Option<(f64, f64)> {
        let text = self.ascii(tag)?;
        let mut values = text.split('\\').map(|v| v.trim().parse().ok().filter(|v: &f64| v.is_finite()));
        let pair = (values.next()??, values.next()??);
        values.next().is_none().then_some(pair)
    }

    /// How the words of native pixel data are ordered.
    pub(super) fn is_big_endian(&self) -> bool {
        self.encoding == Encoding::ExplicitBig
    }

    fn word(&self, pair: [u8; 2]) -> u16 {
        if self.is_big_endian() { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    }
}

/// `Rows (0028,0010)` for the attributes that are named in messages, else the tag alone.
pub(super) fn named(tag: Tag) -> String {
    let name = match tag {
        PIXEL_DATA => "Pixel Data ",
        tags::ROWS => "Rows ",
        tags::COLUMNS => "Columns ",
        tags::BITS_ALLOCATED => "Bits Allocated ",
        tags::BITS_STORED => "Bits Stored ",
        tags::HIGH_BIT => "High Bit ",
        tags::PIXEL_REPRESENTATION => "Pixel Representation ",
        tags::NUMBER_OF_FRAMES => "Number of Frames ",
        tags::SAMPLES_PER_PIXEL => "Samples per Pixel ",
        tags::PHOTOMETRIC_INTERPRETATION => "Photometric Interpretation ",
        tags::RESCALE_SLOPE => "Rescale Slope ",
        tags::RESCALE_INTERCEPT => "Rescale Intercept ",
        tags::MODALITY_LUT_SEQUENCE => "Modality LUT Sequence ",
        _ => "",
    };
    format!("{name}{tag}")
}

impl From<WalkError> for DecodeError {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::EndsIn(Tag(0, 0)) => Self::Truncated("the tag of an element".to_owned()),
            WalkError::EndsIn(tag) => Self::Truncated(named(tag)),
            WalkError::Malformed(what, tag) => Self::Corrupt(format!("the DICOM element {} {what}", named(tag))),
            // bytes in memory do not fail to be read, and a deflated stream that does is damaged
            WalkError::Io(_) => Self::Corrupt("the DICOM data set does not read".to_owned()),
        }
    }
}

pub(super) fn walker(bytes: &[u8], encoding: Encoding) -> Result<Walker<Seekable<Cursor<&[u8]>>>, DecodeError> {
    let source = Seekable::new(Cursor::new(bytes)).map_err(WalkError::Io)?;
    Ok(Walker::new(source, 0, encoding))
}

fn slice(bytes: &[u8], from: u64, to: u64) -> &[u8] {
    let place = |at| usize::try_from(at).unwrap_or(usize::MAX);
    bytes.get(place(from)..place(to)).unwrap_or(&[])
}

/// How the text of a data set is encoded (PS3.3 C.12.1.1.2).
#[derive(Debug, Clone, Default)]
struct Characters {
    codec: Option<SpecificCharacterSet>,
    /// Whether the codec itself understands the escape sequences of ISO 2022.
    escapes: bool,
}

impl Characters {
    /// From the values of SpecificCharacterSet. With code extensions (several values) the last one that is known
    /// decides: ASCII is part of them all, and the last is the one that the text was extended for.
    fn named(values: Option<&str>) -> Self {
        let known = |v: &str| SpecificCharacterSet::from_code(v.trim()).map(|c| (c, v.contains("87")));
        let last = values.and_then(|v| v.split('\\').rev().find_map(known));
        let (codec, escapes) = last.map_or((None, false), |(codec, escapes)| (Some(codec), escapes));
        Self { codec: codec.filter(|c| *c != SpecificCharacterSet::ISO_IR_6), escapes }
    }

    /// Text without control characters and escape sequences, runs of spaces made one, cut at [`MAX_TEXT`].
    ///
    /// Where no character set is named, or an unknown one, text is taken for UTF-8 if it is, else for Latin 1: what
    /// modalities write that forget the attribute.
    fn decode(&self, bytes: &[u8]) -> String {
        // the widest encoding takes four bytes a character; what is cut here is cut below anyway
        let bytes = bytes.get(..8 * MAX_TEXT).unwrap_or(bytes);
        let unescaped = if self.escapes { bytes.to_vec() } else { without_escapes(bytes) };
        let latin = || unescaped.iter().copied().map(char::from).collect();
        let decoded = match &self.codec {
            Some(codec) => codec.decode(&unescaped).unwrap_or_else(|_| latin()),
            None => String::from_utf8(unescaped.clone()).unwrap_or_else(|_| latin()),
        };
        let spaced: String = decoded.chars().map(|c| if is_hostile(c) { ' ' } else { c }).collect();
        let clean = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
        clean.chars().take(MAX_TEXT).collect::<String>().trim_end().to_owned()
    }
}

/// Control characters, and the marks that turn the direction of the text around them.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Drops the designations of ISO 2022 (`ESC`, intermediate bytes, one final byte), which single codecs do not know.
fn without_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        if byte == 0x1B {
            for designation in rest.by_ref() {
                if !(0x20..=0x2F).contains(&designation) {
                    break;
                }
            }
        } else {
            plain.push(byte);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data set of explicit short elements.
    fn data_set(elements: &[(Tag, &[u8; 2], &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, vr, value) in elements {
            bytes.extend(tag.0.to_le_bytes());
            bytes.extend(tag.1.to_le_bytes());
            bytes.extend(*vr);
            bytes.extend((value.len() as u16).to_le_bytes());
            bytes.extend(*value);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Header<'_> {
        DataSet::read(bytes, Encoding::ExplicitLittle).expect("reads").header
    }

    #[test]
    fn text_is_decoded_by_its_character_set() {
        let cases: [(&[u8], &[u8], &str); 7] = [
            (b"ISO_IR 192", "颈椎侧位".as_bytes(), "颈椎侧位"),
            (b"GB18030", b"\xbe\xb1\xd7\xb5\xb2\xe0\xce\xbb", "颈椎侧位"),
            (b"ISO_IR 100", b"Wirbels\xe4ule", "Wirbelsäule"),
            (b"", "Säule".as_bytes(), "Säule"),
            (b"", b"S\xe4ule", "Säule"),
            (b"\\ISO 2022 IR 149", b"\x1b$)C\xb0\xe6\xc3\xdf C", "경추 C"),
            (b"\\ISO 2022 IR 87", b"\x1b$B7[DG\x1b(B lat", "頚椎 lat"),
        ];
        for (set, text, expected) in cases {
            let bytes =
                data_set(&[(tags::SPECIFIC_CHARACTER_SET, b"CS", set), (tags::SERIES_DESCRIPTION, b"LO", text)]);
            assert_eq!(read(&bytes).text(tags::SERIES_DESCRIPTION).as_deref(), Some(expected));
        }
    }

    #[test]
    fn hostile_text_is_tamed() {
        let long = "x".repeat(60_000);
        let cases: [(&[u8], Option<&str>); 4] = [
            (b"C\x1b[31m spine\r\nlat\0\0", Some("C31m spine lat")),
            (b" \0\x07 ", None),
            ("a\u{202E}b".as_bytes(), Some("a b")),
            (long.as_bytes(), Some(&long[..MAX_TEXT])),
        ];
        for (text, expected) in cases {
            let bytes = data_set(&[(tags::STUDY_DESCRIPTION, b"LO", text)]);
            assert_eq!(read(&bytes).text(tags::STUDY_DESCRIPTION).as_deref(), expected);
        }
    }

    #[test]
    fn a_number_that_does_not_parse_never_becomes_zero() {
        for (text, valid) in [(&b"1.5 "[..], Some(1.5)), (b" -2e1\\7", Some(-20.0)), (b"", None), (b"\\3", None)] {
            let bytes = data_set(&[(tags::RESCALE_SLOPE, b"DS", text)]);
            assert_eq!(read(&bytes).decimal(tags::RESCALE_SLOPE), Ok(valid));
        }
        for text in [&b"1,5"[..], b"abc", b"nan", b"inf", b"1.0.0"] {
            let bytes = data_set(&[(tags::RESCALE_SLOPE, b"DS", text)]);
            assert!(
                matches!(read(&bytes).decimal(tags::RESCALE_SLOPE), Err(DecodeError::Corrupt(r)) if r.contains("Rescale Slope (0028,1053)"))
            );
            assert_eq!(read(&bytes).decimal_if_valid(tags::RESCALE_SLOPE), None);
        }
    }

    #[test]
    fn a_pair_has_two_numbers() {
        for (text, pair) in [(&b"0.1\\0.2"[..], Some((0.1, 0.2))), (b"0.1", None), (b"0.1\\", None), (b"1\\2\\3", None)]
        {
            let bytes = data_set(&[(tags::PIXEL_SPACING, b"DS", text)]);
            assert_eq!(read(&bytes).pair_if_valid(tags::PIXEL_SPACING), pair);
        }
    }

    #[test]
    fn the_first_item_reads_with_and_without_lengths() {
        let meaning = data_set(&[(tags::CODE_MEANING, b"LO", b"Cervical spine")]);
        let item = |length: u32| [b"\xfe\xff\x00\xe0".as_slice(), &length.to_le_bytes(), &meaning].concat();
        let sequence =
            |length: u32, value: &[u8]| [b"\x08\0\x18\x22SQ\0\0".as_slice(), &length.to_le_bytes(), value].concat();
        let closed = item(meaning.len() as u32);
        let open = [item(u32::MAX), b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0".to_vec()].concat();
        for bytes in [sequence(closed.len() as u32, &closed), sequence(u32::MAX, &open)] {
            let item = read(&bytes).first_item(tags::ANATOMIC_REGION_SEQUENCE).expect("an item");
            assert_eq!(item.text(tags::CODE_MEANING).as_deref(), Some("Cervical spine"));
        }
        assert!(read(&sequence(0, b"")).first_item(tags::ANATOMIC_REGION_SEQUENCE).is_none());
    }
}
