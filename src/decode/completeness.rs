//! Is a file complete to the end of its pixel data?
//!
//! Asked by ingest before it takes a file that nobody was seen to close or rename. No pixel is decoded: of DICOM the
//! headers of the elements are walked over, of PNG the chunks, of TIFF the directories; of JPEG the bytes are scanned
//! for the end marker, and a deflated data set has to be inflated, both in passing, without holding it.
//!
//! The answer is [`Partial`](Completeness::Partial) only where more bytes could make the file whole. A file that is
//! damaged so that no further bytes would mend it is `Whole`: decoding it gives the fault that explains it.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use flate2::read::DeflateDecoder;

use super::dicom::{HEAD, Start, transfer_syntax};
use super::element::{Encoding, PIXEL_DATA, ReadUpTo, Seekable, Source, Streamed, WalkError, Walker};
use super::signature::Signature;
use super::syntax::Syntax;
use super::tiff;
use crate::domain::radiograph::Format;

/// Whether a file has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// To the end of its pixel data; also a damaged file that more bytes would not mend.
    Whole,
    /// A beginning: the rest is still to come, or was cut off for good.
    Partial,
    /// None of the formats that are read here.
    NotAnImage,
}

/// Whether `bytes` are a whole film.
pub fn completeness(bytes: &[u8]) -> Completeness {
    // reading from memory does not fail; if it did, more bytes would not help
    of(Cursor::new(bytes)).unwrap_or(Completeness::Whole)
}

/// Whether the file at `path` is a whole film. Reads its headers only (JPEG and deflated files are read through once)
/// and holds no more than a buffer of it.
///
/// # Errors
/// Those of opening and reading the file.
pub fn completeness_of_file(path: &Path) -> io::Result<Completeness> {
    of(BufReader::new(File::open(path)?))
}

fn of<R: Read + Seek>(mut source: R) -> io::Result<Completeness> {
    let mut head = [0; HEAD];
    let filled = source.read_up_to(&mut head)?;
    source.rewind()?;
    match Signature::of(head.get(..filled).unwrap_or(&head)) {
        Signature::Beginning => Ok(Completeness::Partial),
        Signature::Unknown => Ok(Completeness::NotAnImage),
        Signature::Enveloped => Ok(Completeness::Whole),
        Signature::Dicom(start) => dicom(source, start),
        Signature::Raster(Format::Png) => png(source),
        Signature::Raster(Format::Tiff) => Ok(whole_if(tiff::structure(&mut source)?.whole)),
        Signature::Raster(_) => jpeg(source),
    }
}

const fn whole_if(whole: bool) -> Completeness {
    if whole { Completeness::Whole } else { Completeness::Partial }
}

fn dicom<R: Read + Seek>(source: R, start: Start) -> io::Result<Completeness> {
    let mut source = Seekable::new(source)?;
    let outcome = match start {
        Start::Bare(encoding) => reaches_pixel_data(&mut Walker::new(source, 0, encoding)),
        Start::Meta { at } => source.skip(at).map_err(WalkError::Io).and_then(|()| {
            let mut walker = Walker::new(source, at, Encoding::ExplicitLittle);
            let uid = transfer_syntax(&mut walker)?;
            if walker.peek_tag()?.is_none() {
                return Ok(false);
            }
            // an unknown syntax cannot be walked: decoding names it
            let Some(syntax) = uid.as_deref().and_then(Syntax::of) else { return Ok(true) };
            if syntax.deflated {
                let inflated = Streamed(DeflateDecoder::new(walker.into_rest()));
                let mut walker = Walker::new(inflated, 0, syntax.encoding);
                let reached = reaches_pixel_data(&mut walker)?;
                // the stream itself ends a few bytes later, and inflates only as a whole
                io::copy(&mut walker.into_rest(), &mut io::sink()).map_err(WalkError::Io)?;
                return Ok(reached);
            }
            walker.encoding = syntax.encoding;
            reaches_pixel_data(&mut walker)
        }),
    };
    match outcome {
        Ok(reached) => Ok(whole_if(reached)),
        // zeros where an element should be: room that was reserved and is still to be written
        Err(WalkError::EndsIn(_) | WalkError::Malformed(_, Tag(0, 0))) => Ok(Completeness::Partial),
        Err(WalkError::Malformed(..)) => Ok(Completeness::Whole),
        // a deflate stream that ends early says so in several ways
        Err(WalkError::Io(e)) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(Completeness::Partial),
        Err(WalkError::Io(e)) if e.kind() == io::ErrorKind::InvalidInput => Ok(Completeness::Whole),
        Err(WalkError::Io(e)) => Err(e),
    }
}

/// Whether the walk comes to the end of the pixel data, or of an object that has none. A film or another image without
/// pixel data is one whose pixels are still to come; so is an object that does not say yet what it is.
fn reaches_pixel_data<S: Source>(walker: &mut Walker<S>) -> Result<bool, WalkError> {
    let mut is_image = false;
    let mut modality_passed = false;
    while let Some(element) = walker.next()? {
        modality_passed |= element.tag >= tags::MODALITY;
        is_image |= element.tag == tags::ROWS;
        match (element.tag, element.length) {
            (PIXEL_DATA, None) => return walker.fragments().map(|_| true),
            (PIXEL_DATA, Some(_)) => return walker.skip_value(&element).map(|()| true),
            (tags::MODALITY, Some(0..=16)) => {
                let modality = walker.read_value(&element, 16)?;
                is_image |= modality.starts_with(b"CR") || modality.starts_with(b"DX");
            }
            _ => walker.skip_value(&element)?,
        }
    }
    Ok(modality_passed && !is_image)
}

/// Chunk after chunk to IEND (PNG 5.3).
fn png<R: Read + Seek>(source: R) -> io::Result<Completeness> {
    const SIGNATURE: u64 = 8;
    let mut source = Seekable::new(source)?;
    let mut walk = || -> io::Result<()> {
        source.skip(SIGNATURE)?;
        loop {
            let mut head = [0; 8];
            source.read_exact(&mut head)?;
            let [a, b, c, d, kind @ ..] = head;
            source.skip(u64::from(u32::from_be_bytes([a, b, c, d])) + 4)?;
            if kind == *b"IEND" {
                return Ok(());
            }
        }
    };
    match walk() {
        Ok(()) => Ok(Completeness::Whole),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(Completeness::Partial),
        Err(e) => Err(e),
    }
}

/// Segment after segment (ITU-T T.81 B.1) to the end marker; the entropy-coded data are scanned byte by byte.
fn jpeg<R: Read + Seek>(mut source: R) -> io::Result<Completeness> {
    source.seek(SeekFrom::Start(2))?;
    let mut source = BufReader::new(source);
    let mut walk = || -> io::Result<()> {
        let mut byte = || {
            let mut one = [0];
            source.read_exact(&mut one).map(|()| one[0])
        };
        loop {
            while byte()? != 0xFF {}
            let mut marker = byte()?;
            while marker == 0xFF {
                marker = byte()?;
            }
            match marker {
                0xD9 => return Ok(()),
                // a stuffed byte, restart markers, and a start of image have no length
                0x00 | 0x01 | 0xD0..=0xD8 => {}
                _ => {
                    let length = u16::from_be_bytes([byte()?, byte()?]);
                    for _ in 2..length {
                        byte()?;
                    }
                }
            }
        }
    };
    match walk() {
        Ok(()) => Ok(Completeness::Whole),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(Completeness::Partial),
        Err(e) => Err(e),
    }
}
