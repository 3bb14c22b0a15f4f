//! What a file is, by its first bytes alone; names and extensions are not asked.

use super::dicom::{HEAD, Start};
use crate::domain::radiograph::Format;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// A DICOM file.
    Dicom(Start),
    /// A PNG, JPEG or TIFF.
    Raster(Format),
    /// A secure DICOM file or another CMS envelope (PS3.10 7.4, RFC 5652): encrypted as a whole.
    Enveloped,
    /// Too few bytes to say, but they could become one of these.
    Beginning,
    /// None of these.
    Unknown,
}

const RASTERS: [(&[u8], Format); 6] = [
    (b"\x89PNG\r\n\x1a\n", Format::Png),
    (b"\xff\xd8\xff", Format::Jpeg),
    (b"II*\0", Format::Tiff),
    (b"MM\0*", Format::Tiff),
    (b"II+\0", Format::Tiff),
    (b"MM\0+", Format::Tiff),
];

/// id-envelopedData, 1.2.840.113549.1.7.3, as it stands at the head of an envelope.
const ENVELOPED: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x03];

impl Signature {
    /// From at least the first [`HEAD`] bytes of a file, or all of them where it is shorter.
    ///
    /// The preamble of DICOM may begin with the signature of a TIFF, so DICOM is asked first (PS3.10 7.1).
    pub(super) fn of(head: &[u8]) -> Self {
        if let Some(start) = Start::of(head) {
            return Self::Dicom(start);
        }
        if let Some((_, format)) = RASTERS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Self::Raster(*format);
        }
        let envelope = head.get(..HEAD.min(head.len())).unwrap_or(head);
        if envelope.first() == Some(&0x30) && envelope.windows(ENVELOPED.len()).any(|w| w == ENVELOPED) {
            return Self::Enveloped;
        }
        let could_be_raster = RASTERS.iter().any(|(magic, _)| magic.starts_with(head));
        let could_be_dicom = head.len() < HEAD && head.iter().take(128).all(|b| *b == 0);
        if could_be_raster || could_be_dicom { Self::Beginning } else { Self::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::super::element::Encoding;
    use super::*;

    #[test]
    fn every_signature() {
        let preamble = |first: &[u8]| [first, &vec![0; 128 - first.len()], b"DICM\x02\0\0\0UL"].concat();
        let cases: [(&[u8], Signature); 12] = [
            (&preamble(b""), Signature::Dicom(Start::Meta { at: 132 })),
            (&preamble(b"II*\0"), Signature::Dicom(Start::Meta { at: 132 })),
            (b"\x02\0\0\0UL\x04\0", Signature::Dicom(Start::Meta { at: 0 })),
            (b"\x08\0\x05\0CS\x0a\0", Signature::Dicom(Start::Bare(Encoding::ExplicitLittle))),
            (b"\0\x08\0\x05CS\0\x0a", Signature::Dicom(Start::Bare(Encoding::ExplicitBig))),
            (b"\x08\0\0\0\x04\0\0\0", Signature::Dicom(Start::Bare(Encoding::ImplicitLittle))),
            (b"\x89PNG\r\n\x1a\n", Signature::Raster(Format::Png)),
            (b"\xff\xd8\xff\xe0", Signature::Raster(Format::Jpeg)),
            (b"MM\0*", Signature::Raster(Format::Tiff)),
            (b"", Signature::Beginning),
            (b"\x89PN", Signature::Beginning),
            (b"not an image at all", Signature::Unknown),
        ];
        for (head, expected) in cases {
            assert_eq!(Signature::of(head), expected, "{head:?}");
        }
        let envelope = [&[0x30, 0x82, 0x10, 0][..], ENVELOPED, &[0; 20]].concat();
        assert_eq!(Signature::of(&envelope), Signature::Enveloped);
    }
}
