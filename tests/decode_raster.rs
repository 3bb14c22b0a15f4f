//! PNG, JPEG and TIFF through the door of `decode`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb, Rgba};
use sagitta::decode::{Completeness, DecodeError, Settings, completeness, decode};
use sagitta::domain::fault::FaultCode;
use sagitta::domain::geometry::SpacingSource;
use sagitta::domain::radiograph::{Acquisition, Clipped, Format, Radiograph};

const WIDTH: u32 = 150;
const HEIGHT: u32 = 140;

fn eight(x: u32, y: u32) -> u8 {
    ((x * 3 + y * 5 + x * y % 7) % 256) as u8
}

fn sixteen(x: u32, y: u32) -> u16 {
    ((x * 431 + y * 257 + x * y % 7) % 65536) as u16
}

fn grey8() -> DynamicImage {
    ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([eight(x, y)])).into()
}

fn grey16() -> DynamicImage {
    ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([sixteen(x, y)])).into()
}

fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).expect("written");
    bytes
}

fn film(bytes: &[u8]) -> Result<Radiograph, DecodeError> {
    decode(bytes, &Settings::default())
}

fn places() -> impl Iterator<Item = (u32, u32)> {
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)))
}

fn is_eight(film: &Radiograph) -> bool {
    places().map(|(x, y)| u16::from(eight(x, y)) * 257).eq(film.image.pixels().iter().copied())
}

#[test]
fn eight_bits_without_loss() {
    let rgb = DynamicImage::from(ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Rgb([eight(x, y); 3])));
    let rgba = DynamicImage::from(ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| {
        let grey = eight(x, y);
        Rgba([grey, grey, grey, 255])
    }));
    for picture in [grey8(), rgb, rgba] {
        for (kind, format) in [(ImageFormat::Png, Format::Png), (ImageFormat::Tiff, Format::Tiff)] {
            let film = film(&file(&picture, kind)).expect("decodes");
            assert!(is_eight(&film), "{format:?} {:?}", picture.color());
            assert_eq!((film.format, film.image.width(), film.image.height()), (format, 150, 140));
            assert_eq!((film.spacing, film.acquisition), (None, Acquisition::default()));
        }
    }
}

#[test]
fn sixteen_bits_without_loss() {
    let rgb = DynamicImage::from(ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Rgb([sixteen(x, y); 3])));
    for picture in [grey16(), rgb] {
        for kind in [ImageFormat::Png, ImageFormat::Tiff] {
            let film = film(&file(&picture, kind)).expect("decodes");
            assert!(places().map(|(x, y)| sixteen(x, y)).eq(film.image.pixels().iter().copied()), "{kind:?}");
        }
    }
}

#[test]
fn raw_values_of_twelve_bits_fill_the_range() {
    let raw = DynamicImage::from(ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([sixteen(x, y) >> 4])));
    let film = film(&file(&raw, ImageFormat::Png)).expect("decodes");
    assert_eq!(film.image.pixels().iter().max(), Some(&65535));
    assert_eq!(film.image.pixels().iter().min(), Some(&0));
}

#[test]
fn jpeg_stays_near() {
    let smooth = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([(x / 2 + y / 2) as u8]));
    let film = film(&file(&DynamicImage::from(smooth), ImageFormat::Jpeg)).expect("decodes");
    assert_eq!(film.format, Format::Jpeg);
    for ((x, y), shown) in places().zip(film.image.pixels()) {
        assert!(shown.abs_diff((x / 2 + y / 2) as u16 * 257) < 6 * 257, "{x}, {y}");
    }
}

#[test]
fn colour_becomes_luma() {
    let colours = ImageBuffer::from_fn(WIDTH, HEIGHT, |_, _| Rgb([200_u8, 100, 50]));
    let film = film(&file(&DynamicImage::from(colours), ImageFormat::Png)).expect("decodes");
    let luma = (0.2126 * 200.0 + 0.7152 * 100.0 + 0.0722 * 50.0) as u16;
    assert!(film.image.pixels().iter().all(|p| p.abs_diff(luma * 257) <= 257));
}

/// A TIFF by hand: little endian, one strip, grey values where 0 is white (TIFF 6.0 section 4).
fn tiff_by_hand(pages: u32) -> Vec<u8> {
    let pixels: Vec<u8> = places().map(|(x, y)| 255 - eight(x, y)).collect();
    let mut bytes = b"II*\0".to_vec();
    let directory_at = 8 + pixels.len() as u32;
    bytes.extend(directory_at.to_le_bytes());
    bytes.extend(&pixels);
    for page in 0..pages {
        let entries: [(u16, u16, u32); 9] = [
            (256, 4, WIDTH),
            (257, 4, HEIGHT),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 0),
            (273, 4, 8),
            (277, 3, 1),
            (278, 4, HEIGHT),
            (279, 4, pixels.len() as u32),
        ];
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, value) in entries {
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
        }
        let next = if page + 1 < pages { bytes.len() as u32 + 4 } else { 0 };
        bytes.extend(next.to_le_bytes());
    }
    bytes
}

#[test]
fn a_tiff_whose_zero_is_white_shows_bone_bright() {
    let bytes = tiff_by_hand(1);
    assert_eq!(completeness(&bytes), Completeness::Whole);
    assert!(is_eight(&film(&bytes).expect("decodes")));
}

#[test]
fn a_tiff_of_several_pages_is_no_film() {
    assert_eq!(film(&tiff_by_hand(3)), Err(DecodeError::MultiFrame(3)));
}

#[test]
fn clipped_shares_are_those_of_the_stored_values() {
    let burnt = ImageBuffer::from_fn(200, 200, |x, _| {
        Luma([if x < 50 {
            255_u8
        } else if x < 60 {
            0
        } else {
            90
        }])
    });
    let film = film(&file(&DynamicImage::from(burnt), ImageFormat::Png)).expect("decodes");
    assert_eq!(film.clipped, Clipped { black: 0.05, white: 0.25 });
}

#[test]
fn a_configured_spacing_is_taken() {
    let settings = Settings::default().with_spacing(0.15).expect("valid");
    let spacing = decode(&file(&grey8(), ImageFormat::Png), &settings).expect("decodes").spacing.expect("configured");
    assert_eq!((spacing.mm_per_pixel(), spacing.source()), (0.15, SpacingSource::Configured));
}

#[test]
fn the_limits_hold() {
    let png = file(&grey8(), ImageFormat::Png);
    let code = |settings: Settings| decode(&png, &settings).expect_err("beyond").code();
    assert_eq!(code(Settings { max_pixels: 1000, ..Settings::default() }), FaultCode::TooLarge);
    assert_eq!(code(Settings { min_side: 145, ..Settings::default() }), FaultCode::TooSmall);
    assert_eq!(code(Settings { max_bytes: 100, ..Settings::default() }), FaultCode::TooLarge);
    // a PNG that claims 40 000 × 40 000, with its checksum made anew
    let mut huge = png.clone();
    huge[16..20].copy_from_slice(&40_000_u32.to_be_bytes());
    huge[20..24].copy_from_slice(&40_000_u32.to_be_bytes());
    let sum = crc(&huge[12..29]);
    huge[29..33].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(film(&huge).expect_err("huge").code(), FaultCode::TooLarge);
}

/// CRC-32 as PNG wants it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |s, _| if s & 1 == 1 { s >> 1 ^ 0xEDB8_8320 } else { s >> 1 })
    })
}

#[test]
fn a_cut_file_is_partial_and_truncated() {
    let jpeg = file(&grey8(), ImageFormat::Jpeg);
    for bytes in [file(&grey16(), ImageFormat::Png), file(&grey16(), ImageFormat::Tiff), jpeg, tiff_by_hand(1)] {
        assert_eq!(completeness(&bytes), Completeness::Whole);
        for sixteenth in 0..16 {
            let cut = &bytes[..bytes.len() * sixteenth / 16];
            assert_eq!(completeness(cut), Completeness::Partial, "{sixteenth}/16 of {:?}", &bytes[..4]);
            assert_eq!(film(cut).expect_err("cut").code(), FaultCode::Truncated);
        }
    }
}
