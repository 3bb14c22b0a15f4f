//! The compressed pixels of JPEG, JPEG-LS and JPEG 2000, checked before and after a decoder sees them.
//!
//! The decoders are other people's: `jpeg-decoder`, CharLS and the Rust port of OpenJPEG. A codestream says its own
//! size, so it is compared with the header's Rows and Columns **before** it is decoded: a small file cannot ask for a
//! large allocation. A decoder that panics costs the film, not the service. JPEG with 12 bits a sample (process 4)
//! is not taken by any decoder here and says so.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::DecodeError;
use super::syntax::Codec;

/// What a codestream says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    width: u32,
    height: u32,
    components: u16,
    /// Bits a sample.
    precision: u16,
    /// The low byte of the start-of-frame marker; 0 for JPEG 2000.
    process: u8,
}

/// The samples of one frame, and how many bits each has.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) pixels: Vec<u16>,
    pub(super) precision: u16,
}

/// Decodes one frame of `width` × `height` samples.
///
/// # Errors
/// `Truncated` where the codestream has no end, `Unsupported` for what the decoder does not take (named with
/// `syntax`), `Corrupt` where it contradicts the header or does not decode.
pub(super) fn decode(
    codec: Codec,
    syntax: &str,
    data: &[u8],
    width: usize,
    height: usize,
) -> Result<Samples, DecodeError> {
    let frame = if codec == Codec::Jpeg2000 { jpeg_2000_frame(data) } else { jpeg_frame(data) };
    let frame = frame.ok_or_else(|| DecodeError::Corrupt(format!("the {syntax} codestream has no frame header")))?;
    if (frame.width as usize, frame.height as usize, frame.components) != (width, height, 1) {
        let (w, h, c) = (frame.width, frame.height, frame.components);
        let what = format!("is {w} × {h} with {c} components where the header says {width} × {height} with one");
        return Err(DecodeError::Corrupt(format!("the {syntax} codestream {what}")));
    }
    if !(2..=16).contains(&frame.precision) {
        return Err(DecodeError::Unsupported(format!("{syntax} with {} bits a sample", frame.precision)));
    }
    let is_lossless_jpeg = frame.process == 0xC3;
    if codec == Codec::Jpeg && !is_lossless_jpeg && frame.precision != 8 {
        return Err(DecodeError::Unsupported(format!("{syntax} with {} bits a sample", frame.precision)));
    }
    if !ends(data) {
        return Err(DecodeError::Truncated(format!("the {syntax} codestream")));
    }
    let pixels = guarded(syntax, || match codec {
        Codec::Jpeg => jpeg(data),
        Codec::JpegLs => jpeg_ls(data, frame.precision),
        Codec::Jpeg2000 => jpeg_2000(data),
        Codec::Native | Codec::Rle => Err("is no codestream".to_owned()),
    })?;
    if pixels.len() != width * height {
        return Err(DecodeError::Corrupt(format!("the {syntax} codestream does not fill the film")));
    }
    Ok(Samples { pixels, precision: frame.precision })
}

/// Runs another maker's decoder on `what`: an error or a panic becomes a fault.
///
/// The decoder's own words are left out of the message: they may repeat what stands in the file.
pub(super) fn guarded<T>(what: &str, decode: impl FnOnce() -> Result<T, String>) -> Result<T, DecodeError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(reason)) => {
            tracing::debug!(what, reason, "a decoder refused");
            Err(DecodeError::Corrupt(format!("the {what} data do not decode")))
        }
        Err(_) => Err(DecodeError::Corrupt(format!("the {what} data made their decoder give up"))),
    }
}

fn jpeg(data: &[u8]) -> Result<Vec<u16>, String> {
    let mut decoder = jpeg_decoder::Decoder::new(data);
    let samples = decoder.decode().map_err(|e| e.to_string())?;
    match decoder.info().map(|i| i.pixel_format) {
        Some(jpeg_decoder::PixelFormat::L8) => Ok(samples.into_iter().map(u16::from).collect()),
        Some(jpeg_decoder::PixelFormat::L16) => Ok(words(&samples)),
        _ => Err("not grey".to_owned()),
    }
}

fn jpeg_ls(data: &[u8], precision: u16) -> Result<Vec<u16>, String> {
    let samples = charls::CharLS::default().decode(data).map_err(|e| e.to_string())?;
    Ok(if precision <= 8 { samples.into_iter().map(u16::from).collect() } else { words(&samples) })
}

fn jpeg_2000(data: &[u8]) -> Result<Vec<u16>, String> {
    let strict = jpeg2k::DecodeParameters::new().strict(true);
    let image = jpeg2k::Image::from_bytes_with(data, strict).map_err(|e| e.to_string())?;
    let component = image.components().first().ok_or("no component")?;
    // two's complement: the header says whether the pattern is to be read as signed
    Ok(component.data().iter().map(|v| *v as u16).collect())
}

/// Samples of two bytes in the machine's own order, as both decoders give them.
fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).filter_map(|p| p.try_into().ok()).map(u16::from_ne_bytes).collect()
}

/// The start-of-frame segment of JPEG (ITU-T T.81 B.2.2) or JPEG-LS (T.87 C.2.2).
fn jpeg_frame(data: &[u8]) -> Option<Frame> {
    let mut rest = data.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        let marker_at = rest.iter().position(|b| *b != 0xFF)?;
        let (marker, after) = rest.get(marker_at..)?.split_first()?;
        let &[high, low, ..] = after else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let is_frame = matches!(*marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7);
        if marker_at == 0 || *marker == 0xDA || *marker == 0xD9 {
            return None;
        }
        if is_frame {
            let &[precision, y1, y0, x1, x0, components, ..] = after.get(2..)? else { return None };
            return Some(Frame {
                width: u32::from(u16::from_be_bytes([x1, x0])),
                height: u32::from(u16::from_be_bytes([y1, y0])),
                components: u16::from(components),
                precision: u16::from(precision),
                process: *marker,
            });
        }
        rest = after.get(length..)?;
    }
}

/// The SIZ segment of JPEG 2000 (ITU-T T.800 A.5.1), also where a JP2 container stands before the codestream.
fn jpeg_2000_frame(data: &[u8]) -> Option<Frame> {
    const SOC_SIZ: &[u8] = &[0xFF, 0x4F, 0xFF, 0x51];
    let head = data.get(..4096).unwrap_or(data);
    let at = head.windows(SOC_SIZ.len()).position(|w| w == SOC_SIZ)?;
    let siz = data.get(at + SOC_SIZ.len()..)?;
    let long = |at: usize| siz.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    // Lsiz, Rsiz, then Xsiz, Ysiz, XOsiz, YOsiz, tile sizes and offsets, Csiz, and for a component Ssiz, XRsiz, YRsiz
    let &[c1, c0, depth, 1, 1, ..] = siz.get(36..)? else { return None };
    Some(Frame {
        width: long(4)?.checked_sub(long(12)?)?,
        height: long(8)?.checked_sub(long(16)?)?,
        components: u16::from_be_bytes([c1, c0]),
        precision: u16::from(depth & 0x7F) + 1,
        process: 0,
    })
}

/// Whether the codestream has its end marker (EOI or EOC, both FFD9), after which only padding may stand.
fn ends(data: &[u8]) -> bool {
    let tail = data.get(data.len().saturating_sub(64)..).unwrap_or(data);
    tail.windows(2).any(|w| w == [0xFF, 0xD9])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_header_is_read_behind_other_segments() {
        let data = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc3\0\x0b\x0c\x01\x02\x03\x04\x01\x01\x11\0";
        let frame = Frame { width: 0x304, height: 0x102, components: 1, precision: 12, process: 0xC3 };
        assert_eq!(jpeg_frame(data), Some(frame));
        for cut in 0..data.len() - 3 {
            assert_eq!(jpeg_frame(&data[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_codestream_that_claims_another_size_is_not_decoded() {
        let bomb = b"\xff\xd8\xff\xc3\0\x0b\x10\xff\xff\xff\xff\x01\x01\x11\0\xff\xd9";
        let error = decode(Codec::Jpeg, "JPEG", bomb, 100, 100).expect_err("a bomb");
        assert!(error.to_string().contains("65535 × 65535"), "{error}");
    }

    #[test]
    fn twelve_bits_of_lossy_jpeg_are_named() {
        let extended = b"\xff\xd8\xff\xc1\0\x0b\x0c\0\x08\0\x08\x01\x01\x11\0\xff\xd9";
        let error = decode(Codec::Jpeg, "JPEG Extended (Process 2 & 4)", extended, 8, 8).expect_err("12 bits");
        assert_eq!(error, DecodeError::Unsupported("JPEG Extended (Process 2 & 4) with 12 bits a sample".to_owned()));
    }

    #[test]
    fn a_decoder_that_panics_costs_only_the_film() {
        let outcome: Result<(), _> = guarded("test", || panic!("on purpose"));
        assert!(matches!(outcome, Err(DecodeError::Corrupt(_))));
    }
}
