//! What keeps a file from becoming a radiograph.
//!
//! Every variant maps to one [`FaultCode`]; its text names the attribute or the part of the file and never repeats a
//! value that could identify a person: of the header only the modality's code and a transfer syntax UID are quoted,
//! and those only where they look like one.

use crate::domain::fault::FaultCode;

/// Why a file could not be decoded. The caller turns it into a fault and goes on with the next film.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The file ends too early; a later or repeated transfer may be whole.
    #[error("the file ends inside {0}")]
    Truncated(String),
    /// No signature of a format that is read here.
    #[error("the file is neither DICOM nor PNG, JPEG or TIFF")]
    NotAnImage,
    /// No decoder here takes this encoding of the pixels.
    #[error("no decoder takes {0}")]
    Unsupported(String),
    /// Encrypted attributes or an encrypted file.
    #[error("{0}")]
    Encrypted(&'static str),
    /// More than one picture.
    #[error("the file holds {0} frames, not one film")]
    MultiFrame(u64),
    /// Not a CR or DX film.
    #[error("{0}")]
    WrongModality(String),
    /// A DICOM object without a picture.
    #[error("the DICOM file has no Pixel Data (7FE0,0010)")]
    NoPixelData,
    /// Beyond a limit of [`Settings`](super::Settings).
    #[error("{what} is {actual}, the limit is {limit}")]
    TooLarge {
        /// What was counted, with its unit.
        what: &'static str,
        /// What the file has or claims.
        actual: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Below the smallest side of [`Settings`](super::Settings).
    #[error("the film is {width} × {height} pixels, the smallest side allowed is {limit}")]
    TooSmall {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// The smallest side allowed.
        limit: usize,
    },
    /// The header names pixels that are not square.
    #[error("{0} says that the pixels are not square")]
    OblongPixels(String),
    /// The file contradicts itself or does not decode.
    #[error("{0}")]
    Corrupt(String),
}

impl DecodeError {
    /// The code of the fault that this becomes.
    pub const fn code(&self) -> FaultCode {
        match self {
            Self::Truncated(_) => FaultCode::Truncated,
            Self::NotAnImage => FaultCode::NotAnImage,
            Self::Unsupported(_) => FaultCode::UnsupportedTransferSyntax,
            Self::Encrypted(_) => FaultCode::Encrypted,
            Self::MultiFrame(_) => FaultCode::MultiFrame,
            Self::WrongModality(_) => FaultCode::WrongModality,
            Self::NoPixelData => FaultCode::NoPixelData,
            Self::TooLarge { .. } => FaultCode::TooLarge,
            Self::TooSmall { .. } => FaultCode::TooSmall,
            Self::OblongPixels(_) => FaultCode::OblongPixels,
            Self::Corrupt(_) => FaultCode::Corrupt,
        }
    }
}
