//! The transfer syntaxes (PS3.5 annex A): how the attributes are encoded, and how the pixels are.

use super::element::Encoding;

/// How the pixels are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// Not compressed.
    Native,
    /// RLE lossless (PS3.5 annex G).
    Rle,
    /// JPEG baseline, extended with 8 bits, and lossless (ITU-T T.81).
    Jpeg,
    /// JPEG-LS, lossless or near-lossless (ITU-T T.87).
    JpegLs,
    /// JPEG 2000 part 1 (ITU-T T.800).
    Jpeg2000,
}

/// A transfer syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    /// Its name in PS3.6 annex A.
    pub(super) name: &'static str,
    /// Of the attributes.
    pub(super) encoding: Encoding,
    /// Whether the whole data set is deflated.
    pub(super) deflated: bool,
    /// Of the pixels; `None` where no decoder here takes them.
    pub(super) codec: Option<Codec>,
}

const fn syntax(name: &'static str, encoding: Encoding, codec: Option<Codec>) -> Syntax {
    Syntax { name, encoding, deflated: false, codec }
}

const fn encapsulated(name: &'static str, codec: Option<Codec>) -> Option<Syntax> {
    Some(syntax(name, Encoding::ExplicitLittle, codec))
}

impl Syntax {
    /// A data set that came without file meta information, with the encoding that its first element shows.
    pub(super) const fn bare(encoding: Encoding) -> Self {
        syntax("no transfer syntax", encoding, Some(Codec::Native))
    }

    /// The syntax `uid`, or `None` for one whose attributes could not even be read with confidence.
    ///
    /// Those without a codec are known all the same: their attributes tell whether the object is a film at all.
    pub(super) fn of(uid: &str) -> Option<Self> {
        use Codec::{Jpeg, Jpeg2000, JpegLs, Native, Rle};
        match uid.strip_prefix("1.2.840.10008.1.2")? {
            "" => Some(syntax("Implicit VR Little Endian", Encoding::ImplicitLittle, Some(Native))),
            ".1" => Some(syntax("Explicit VR Little Endian", Encoding::ExplicitLittle, Some(Native))),
            ".1.99" => Some(Self {
                deflated: true,
                ..syntax("Deflated Explicit VR Little Endian", Encoding::ExplicitLittle, Some(Native))
            }),
            ".2" => Some(syntax("Explicit VR Big Endian", Encoding::ExplicitBig, Some(Native))),
            ".5" => encapsulated("RLE Lossless", Some(Rle)),
            ".4.50" => encapsulated("JPEG Baseline (Process 1)", Some(Jpeg)),
            ".4.51" => encapsulated("JPEG Extended (Process 2 & 4)", Some(Jpeg)),
            ".4.57" => encapsulated("JPEG Lossless, Non-Hierarchical (Process 14)", Some(Jpeg)),
            ".4.70" => encapsulated("JPEG Lossless, Non-Hierarchical, First-Order Prediction", Some(Jpeg)),
            ".4.80" => encapsulated("JPEG-LS Lossless Image Compression", Some(JpegLs)),
            ".4.81" => encapsulated("JPEG-LS Lossy (Near-Lossless) Image Compression", Some(JpegLs)),
            ".4.90" => encapsulated("JPEG 2000 Image Compression (Lossless Only)", Some(Jpeg2000)),
            ".4.91" => encapsulated("JPEG 2000 Image Compression", Some(Jpeg2000)),
            ".4.92" | ".4.93" => encapsulated("JPEG 2000 Part 2 Multi-component Image Compression", None),
            ".4.94" => encapsulated("JPIP Referenced", None),
            ".4.100" | ".4.101" => encapsulated("MPEG2", None),
            ".4.102" | ".4.103" | ".4.104" | ".4.105" | ".4.106" => encapsulated("MPEG-4 AVC/H.264", None),
            ".4.107" | ".4.108" => encapsulated("HEVC/H.265", None),
            ".4.110" | ".4.111" | ".4.112" => encapsulated("JPEG XL", None),
            ".4.201" | ".4.202" | ".4.203" => encapsulated("High-Throughput JPEG 2000", None),
            other if other.starts_with(".4.") => encapsulated("a compression of DICOM", None),
            _ => None,
        }
    }
}

/// `uid` for a message: only digits and points, else a word in its place.
pub(super) fn printable_uid(uid: &str) -> &str {
    let looks_like_one = !uid.is_empty() && uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if looks_like_one { uid } else { "that is not a UID" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_decoder_takes_is_known_by_name() {
        let video = Syntax::of("1.2.840.10008.1.2.4.102").expect("known");
        assert_eq!((video.codec, video.name), (None, "MPEG-4 AVC/H.264"));
        assert_eq!(Syntax::of("1.2.840.113619.5.2"), None);
        assert_eq!(Syntax::of("1.2.840.10008.1.2").map(|s| s.encoding), Some(Encoding::ImplicitLittle));
    }

    #[test]
    fn only_a_uid_is_quoted() {
        assert_eq!(printable_uid("1.2.3"), "1.2.3");
        assert_eq!(printable_uid("DOE^JANE"), "that is not a UID");
    }
}
