//! The Image Pixel module (PS3.3 C.7.6.3): how the pixels are stored, and their bit patterns.
//!
//! Everything that the header claims is checked against the limits and against the bytes that are really there before
//! anything is allocated.

use std::borrow::Cow;

use dicom_dictionary_std::tags;

use super::codestream;
use super::error::DecodeError;
use super::header::{Header, PixelData, named};
use super::rle;
use super::settings::Settings;
use super::stored::Stored;
use super::syntax::{Codec, Syntax};

/// The description of the pixels, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct PixelModule {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 or 2.
    bytes_per_sample: usize,
    /// How far the stored bits lie above the lowest one.
    shift: u16,
    /// How to read a bit pattern, once shifted and masked.
    pub(super) stored: Stored,
    /// Whether PhotometricInterpretation shows low values bright.
    pub(super) monochrome1: bool,
}

impl PixelModule {
    /// Reads and checks the description.
    ///
    /// # Errors
    /// `TooLarge` and `TooSmall` by `settings`, `WrongModality` for colour, `Corrupt` for what cannot be.
    pub(super) fn from_header(header: &Header<'_>, settings: &Settings) -> Result<Self, DecodeError> {
        let missing = |tag| DecodeError::Corrupt(format!("{} is missing", named(tag)));
        let required = |tag| header.short(tag)?.ok_or_else(|| missing(tag));
        let (width, height) = (usize::from(required(tags::COLUMNS)?), usize::from(required(tags::ROWS)?));
        settings.check_size(width, height)?;

        let photometric = header.ascii(tags::PHOTOMETRIC_INTERPRETATION);
        let monochrome1 = match photometric.as_deref() {
            Some("MONOCHROME1") => true,
            Some("MONOCHROME2") => false,
            Some(_) => return Err(DecodeError::WrongModality("the picture is in colour, not a CR or DX film".into())),
            None => return Err(missing(tags::PHOTOMETRIC_INTERPRETATION)),
        };
        if header.short(tags::SAMPLES_PER_PIXEL)?.unwrap_or(1) != 1 {
            return Err(DecodeError::WrongModality("the picture has several samples a pixel, not one".into()));
        }
        let allocated = required(tags::BITS_ALLOCATED)?;
        if !matches!(allocated, 8 | 16) {
            return Err(odd(tags::BITS_ALLOCATED, allocated));
        }
        let bits = header.short(tags::BITS_STORED)?.unwrap_or(allocated);
        if bits == 0 || bits > allocated {
            return Err(odd(tags::BITS_STORED, bits));
        }
        let high = header.short(tags::HIGH_BIT)?.unwrap_or(bits - 1);
        if high >= allocated || high + 1 < bits {
            return Err(odd(tags::HIGH_BIT, high));
        }
        let signed = match header.short(tags::PIXEL_REPRESENTATION)?.unwrap_or(0) {
            0 => false,
            1 => true,
            other => return Err(odd(tags::PIXEL_REPRESENTATION, other)),
        };
        let stored = Stored { bits, signed, padding: None };
        // a padding value may be written in the full 16 bits or in those stored: both are the same pattern below
        let value = |tag| Ok::<_, DecodeError>(header.short(tag)?.map(|v| stored.value(v & ones(bits))));
        let padding = value(tags::PIXEL_PADDING_VALUE)?.map(|a| {
            let b = value(tags::PIXEL_PADDING_RANGE_LIMIT).ok().flatten().unwrap_or(a);
            (a.min(b), a.max(b))
        });
        Ok(Self {
            width,
            height,
            bytes_per_sample: usize::from(allocated / 8),
            shift: high + 1 - bits,
            stored: Stored { padding, ..stored },
            monochrome1,
        })
    }

    /// The stored bit patterns, row by row, each in the lowest `stored.bits` bits.
    ///
    /// # Errors
    /// `Truncated` where there are fewer than the film needs, `Corrupt` where they are more than twice as many, or
    /// where the decoder refuses, `Unsupported` for what no decoder takes.
    pub(super) fn read(
        &self,
        pixel_data: &PixelData<'_>,
        syntax: &Syntax,
        codec: Codec,
        big_endian: bool,
    ) -> Result<Vec<u16>, DecodeError> {
        let count = self.width * self.height;
        let (mut pixels, shift) = match (pixel_data, codec) {
            (PixelData::Native { bytes, words }, Codec::Native) => {
                (self.native(bytes, big_endian, big_endian && *words)?, self.shift)
            }
            (PixelData::Encapsulated(fragments), Codec::Rle) => {
                (rle::decode(&joined(fragments), count, self.bytes_per_sample)?, self.shift)
            }
            (PixelData::Encapsulated(fragments), Codec::Jpeg | Codec::JpegLs | Codec::Jpeg2000) => {
                let frame = joined(fragments);
                let samples = codestream::decode(codec, syntax.name, &frame, self.width, self.height)?;
                // a codestream as wide as the cell holds the cell; a narrower one holds the stored bits alone
                let shift = if samples.precision > self.stored.bits { self.shift } else { 0 };
                (samples.pixels, shift)
            }
            (PixelData::Native { .. }, _) => {
                return Err(DecodeError::Corrupt(format!("{} has no fragments of {}", pixel_name(), syntax.name)));
            }
            (PixelData::Encapsulated(_), Codec::Native) => {
                return Err(DecodeError::Corrupt(format!("{} is in fragments without a compression", pixel_name())));
            }
        };
        let mask = ones(self.stored.bits);
        for pixel in &mut pixels {
            *pixel = *pixel >> shift & mask;
        }
        Ok(pixels)
    }

    /// Uncompressed pixels (PS3.5 8.1 and annex D): in big endian, bytes lie in words too, the first in the upper half.
    fn native(&self, bytes: &[u8], big_endian: bool, byte_pairs: bool) -> Result<Vec<u16>, DecodeError> {
        let needed = self.width * self.height * self.bytes_per_sample;
        let film = bytes.get(..needed).ok_or_else(|| {
            DecodeError::Truncated(format!("{}: {} bytes where the film needs {needed}", pixel_name(), bytes.len()))
        })?;
        if bytes.len() >= 2 * needed.max(2) {
            let what = format!("{} holds {} bytes where the film needs {needed}", pixel_name(), bytes.len());
            return Err(DecodeError::Corrupt(what));
        }
        let pair = |p: &[u8]| <[u8; 2]>::try_from(p).unwrap_or_default();
        Ok(match (self.bytes_per_sample, big_endian) {
            (1, _) if byte_pairs => {
                let swapped = bytes.chunks(2).flat_map(|p| p.iter().rev());
                swapped.take(needed).map(|b| u16::from(*b)).collect()
            }
            (1, _) => film.iter().map(|b| u16::from(*b)).collect(),
            (_, true) => film.chunks_exact(2).map(|p| u16::from_be_bytes(pair(p))).collect(),
            (_, false) => film.chunks_exact(2).map(|p| u16::from_le_bytes(pair(p))).collect(),
        })
    }
}

/// The fragments of the one frame in a row, copied only where there are several.
fn joined<'a>(fragments: &[&'a [u8]]) -> Cow<'a, [u8]> {
    match fragments {
        [one] => Cow::Borrowed(one),
        several => Cow::Owned(several.concat()),
    }
}

fn pixel_name() -> String {
    named(super::element::PIXEL_DATA)
}

const fn ones(bits: u16) -> u16 {
    u16::MAX >> (16 - bits)
}

fn odd(tag: dicom_core::Tag, value: u16) -> DecodeError {
    DecodeError::Corrupt(format!("{} is {value}, which no film has", named(tag)))
}
