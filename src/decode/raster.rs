//! PNG, JPEG and TIFF, of 8 and 16 bits.
//!
//! These carry a picture, not an acquisition: no spacing (the resolution in their headers is that of a screen or a
//! printer, so it is never used for millimetres), no facts, and bone is taken to be bright as it stands. Colour becomes
//! luma; whether the picture is a neck at all is for the detector to say.
//!
//! Pictures of 8 bits are shown as they are. Pictures of 16 bits too, unless their upper half is empty: then they hold
//! the raw values of a detector of fewer bits, and are stretched between percentiles as a DICOM film without a window.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::codestream::guarded;
use super::completeness::{self, Completeness};
use super::error::DecodeError;
use super::lut::{Function, Modality, Voi, Window};
use super::presentation::Presentation;
use super::settings::Settings;
use super::stored::Stored;
use super::tiff;
use crate::domain::radiograph::{Acquisition, Format, GrayImage, Radiograph};

/// Decodes `bytes`, whose signature is that of `format`.
pub(super) fn decode(bytes: &[u8], format: Format, settings: &Settings) -> Result<Radiograph, DecodeError> {
    let (kind, name) = match format {
        Format::Png => (ImageFormat::Png, "PNG"),
        Format::Jpeg => (ImageFormat::Jpeg, "JPEG"),
        Format::Tiff => (ImageFormat::Tiff, "TIFF"),
        Format::Dicom => return Err(DecodeError::NotAnImage),
    };
    if completeness::completeness(bytes) == Completeness::Partial {
        return Err(DecodeError::Truncated(format!("the {name} data")));
    }
    if format == Format::Tiff {
        let pages = tiff::pages(bytes);
        if pages > 1 {
            return Err(DecodeError::MultiFrame(pages));
        }
    }
    let picture = read(bytes, kind, name, settings)?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (mut pixels, bits) = grey(picture);
    let clipped = shown_as(&pixels, bits).apply(&mut pixels, Stored { bits, signed: false, padding: None });
    let image = GrayImage::new(width, height, pixels)
        .ok_or_else(|| DecodeError::Corrupt(format!("the {name} pixels do not fill the picture")))?;
    Ok(Radiograph { image, format, spacing: settings.spacing, acquisition: Acquisition::default(), clipped })
}

fn read(bytes: &[u8], kind: ImageFormat, name: &str, settings: &Settings) -> Result<DynamicImage, DecodeError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind);
    // eight bytes a pixel: the widest that is read, RGBA of 16 bits
    let mut limits = Limits::default();
    limits.max_alloc = Some(settings.max_pixels.saturating_mul(8));
    reader.limits(limits);
    let unsupported = |e: &image::ImageError| matches!(e, image::ImageError::Unsupported(_));
    // what the decoder refuses is told apart before its error becomes text
    let mut is_unsupported = false;
    let mut size = (0, 0);
    let outcome = guarded(name, || {
        let mut decoder = reader.into_decoder().map_err(|e| {
            is_unsupported = unsupported(&e);
            e.to_string()
        })?;
        size = decoder.dimensions();
        if settings.check_size(size.0 as usize, size.1 as usize).is_err() {
            return Err("beyond the limits".to_owned());
        }
        let orientation = decoder.orientation().map_err(|e| e.to_string())?;
        let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| {
            is_unsupported = unsupported(&e);
            e.to_string()
        })?;
        picture.apply_orientation(orientation);
        Ok(picture)
    });
    if size != (0, 0) {
        settings.check_size(size.0 as usize, size.1 as usize)?;
    }
    if is_unsupported { Err(DecodeError::Unsupported(format!("this kind of {name}"))) } else { outcome }
}

/// Grey values and how many bits they have; colour by its luma (ITU-R BT.709), transparency ignored.
fn grey(picture: DynamicImage) -> (Vec<u16>, u16) {
    match picture {
        DynamicImage::ImageLuma16(grey) => (grey.into_raw(), 16),
        DynamicImage::ImageLumaA16(_) | DynamicImage::ImageRgb16(_) | DynamicImage::ImageRgba16(_) => {
            (picture.into_luma16().into_raw(), 16)
        }
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => (picture.into_luma16().into_raw(), 16),
        other => (other.into_luma8().into_raw().into_iter().map(u16::from).collect(), 8),
    }
}

fn shown_as(pixels: &[u16], bits: u16) -> Presentation {
    let modality = Modality::Rescale { slope: 1.0, intercept: 0.0 };
    let raw = bits == 16 && pixels.iter().all(|p| *p < 0x8000);
    let (centre, width) = if bits == 16 { (32_767.5, 65_535.0) } else { (127.5, 255.0) };
    let whole = Window::new(Function::LinearExact, centre, width).map(Voi::Window);
    Presentation { modality, voi: whole.filter(|_| !raw), inverse: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_fill_sixteen_evenly() {
        let mut pixels: Vec<u16> = (0..=255).collect();
        shown_as(&pixels, 8).apply(&mut pixels, Stored { bits: 8, signed: false, padding: None });
        assert_eq!(pixels, (0..=255).map(|p| p * 257).collect::<Vec<u16>>());
    }

    #[test]
    fn sixteen_bits_stay_unless_their_upper_half_is_empty() {
        let stored = Stored { bits: 16, signed: false, padding: None };
        let film: Vec<u16> = (0..1000).map(|i| i * 65).collect();
        let mut shown = film.clone();
        shown_as(&film, 16).apply(&mut shown, stored);
        assert_eq!(shown, film);
        let raw: Vec<u16> = (0..1000).map(|i| i * 4).collect();
        let mut shown = raw.clone();
        shown_as(&raw, 16).apply(&mut shown, stored);
        assert_eq!((shown[0], shown[999]), (0, 65535));
    }
}
