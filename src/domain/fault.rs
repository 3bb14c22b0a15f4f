//! Why a file could not be measured: a code for machines, a reason and a remedy for people.

/// The kinds of trouble a file can bring; the name is part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The operating system would not let us read it.
    Unreadable,
    /// It ends before its pixel data does.
    Truncated,
    /// Neither DICOM nor PNG, JPEG or TIFF.
    NotAnImage,
    /// A transfer syntax that no decoder here takes.
    UnsupportedTransferSyntax,
    /// The attributes or the pixels are encrypted.
    Encrypted,
    /// More than one frame.
    MultiFrame,
    /// Neither CR nor DX: a CT, a mammogram, a report, …
    WrongModality,
    /// DICOM without pixel data.
    NoPixelData,
    /// More bytes or pixels than the limits allow.
    TooLarge,
    /// Fewer pixels than a neck needs.
    TooSmall,
    /// Pixels that are not square: every angle and ratio would be distorted.
    OblongPixels,
    /// The pixel data contradict their own description, or do not decode.
    Corrupt,
    /// The models failed or gave numbers that are not finite.
    InferenceFailed,
    /// It took longer than the deadline.
    TimedOut,
    /// A defect of Sagitta's own.
    Internal,
}

impl FaultCode {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Truncated => "truncated",
            Self::NotAnImage => "not_an_image",
            Self::UnsupportedTransferSyntax => "unsupported_transfer_syntax",
            Self::Encrypted => "encrypted",
            Self::MultiFrame => "multi_frame",
            Self::WrongModality => "wrong_modality",
            Self::NoPixelData => "no_pixel_data",
            Self::TooLarge => "too_large",
            Self::TooSmall => "too_small",
            Self::OblongPixels => "oblong_pixels",
            Self::Corrupt => "corrupt",
            Self::InferenceFailed => "inference_failed",
            Self::TimedOut => "timed_out",
            Self::Internal => "internal",
        }
    }

    /// What the person who reads the fault can do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Unreadable => "Give the service's user the right to read the file and its folder.",
            Self::Truncated => "Send the film again from the modality; the transfer was cut short.",
            Self::NotAnImage => "Let the modality write DICOM (CR or DX), PNG, JPEG or TIFF into this folder.",
            Self::UnsupportedTransferSyntax => {
                "Set the modality to uncompressed, RLE, JPEG lossless, JPEG-LS or JPEG 2000."
            }
            Self::Encrypted => "Send the film without DICOM attribute encryption.",
            Self::MultiFrame => "Send single films; cine and fluoroscopy are not measured.",
            Self::WrongModality => "Nothing to do: only CR and DX films are measured.",
            Self::NoPixelData => "Nothing to do unless this should have been a film: then send it again.",
            Self::TooLarge => "Raise the limits under [ingest] in the configuration if such films are expected.",
            Self::TooSmall => "Send the original film, not a preview.",
            Self::OblongPixels => "Let the modality send square pixels; on others every angle would be wrong.",
            Self::Corrupt => "Send the film again; if it fails again, send the sidecar to the modality's service.",
            Self::InferenceFailed => "Run `sagitta self-test`; if it fails, reinstall the models.",
            Self::TimedOut => "Look at the load of the machine with `P/health`; then let the film be written again.",
            Self::Internal => "Report this with the sidecar; it is a defect in Sagitta.",
        }
    }

    /// Every code, for documentation and schemas.
    pub const ALL: [Self; 15] = [
        Self::Unreadable,
        Self::Truncated,
        Self::NotAnImage,
        Self::UnsupportedTransferSyntax,
        Self::Encrypted,
        Self::MultiFrame,
        Self::WrongModality,
        Self::NoPixelData,
        Self::TooLarge,
        Self::TooSmall,
        Self::OblongPixels,
        Self::Corrupt,
        Self::InferenceFailed,
        Self::TimedOut,
        Self::Internal,
    ];
}

/// A file that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The kind of trouble.
    pub code: FaultCode,
    /// The path below the watched folder.
    pub file: String,
    /// What happened, in plain words, naming the tag or the part of the file; never a patient's data.
    pub reason: String,
}
