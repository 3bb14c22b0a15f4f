//! From the bytes of a file to a [`Radiograph`]: pixels of 16 bits with bone bright, the spacing that can be trusted,
//! what the header says of the acquisition.
//!
//! | file | asks |
//! |---|---|
//! | `signature` | what is it? |
//! | `completeness` | is it all there? |
//! | `dicom` | what becomes of a DICOM film? |
//! | `element`, `header`, `syntax` | where do its attributes lie, and what do they say? |
//! | `pixels`, `rle`, `codestream` | what is stored in its pixels? |
//! | `lut`, `presentation` | how is it shown? |
//! | `spacing`, `acquisition` | what does the header say? |
//! | `raster` | PNG, JPEG, TIFF (with `tiff`) |
//!
//! Invariants: nothing is allocated for a size that a file claims before it is checked against [`Settings`] and, where
//! possible, against the bytes that are there; no value that does not parse becomes 0; nothing panics, and what panics
//! in another maker's decoder costs that film only. On failure there is a [`DecodeError`] with the code of the fault
//! and a plain reason without patient data.
//!
//! Transfer syntaxes: implicit and explicit little endian, explicit big endian, deflated, RLE, JPEG baseline, extended
//! with 8 bits, and lossless, JPEG-LS, JPEG 2000. JPEG extended with 12 bits is refused by name: no decoder in Rust
//! that is kept well takes it.

mod acquisition;
mod codestream;
mod completeness;
mod dicom;
mod element;
mod error;
mod header;
mod lut;
mod pixels;
mod presentation;
mod raster;
mod rle;
mod settings;
mod signature;
mod spacing;
mod stored;
mod syntax;
mod tiff;

pub use completeness::{Completeness, completeness, completeness_of_file};
pub use error::DecodeError;
pub use settings::Settings;

use crate::domain::radiograph::Radiograph;
use signature::Signature;

/// Decodes the film that the file `bytes` holds.
///
/// # Errors
/// A [`DecodeError`] for everything that is not one readable film within the limits of `settings`.
pub fn decode(bytes: &[u8], settings: &Settings) -> Result<Radiograph, DecodeError> {
    settings.check_bytes("the size of the file in bytes", bytes.len() as u64)?;
    match Signature::of(bytes) {
        Signature::Dicom(start) => dicom::decode(bytes, start, settings),
        Signature::Raster(format) => raster::decode(bytes, format, settings),
        Signature::Enveloped => Err(DecodeError::Encrypted("the file is an encrypted envelope (CMS)")),
        Signature::Beginning => Err(DecodeError::Truncated("its first bytes".to_owned())),
        Signature::Unknown => Err(DecodeError::NotAnImage),
    }
}
