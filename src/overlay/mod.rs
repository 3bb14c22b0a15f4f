//! The film with its landmarks, end-plates, plumb line and numbers drawn on it.
//!
//! [`draw`] brings a film of any size to an output whose long side is given, and sizes every line and letter by the
//! output, so that the drawing is as legible on a 600-pixel export as on a 3000-pixel original. Beside the film (below
//! it where it is wide) stands a panel with verdict, numbers, findings and the notice. What is withheld or unreliable
//! says so in words; kinds of lines differ by dash and mark, not only by colour. Nothing that names a patient is drawn.
//!
//! [`jpeg`] makes it small enough for a message: first by quality, then by size.

mod canvas;
mod construction;
mod film;
mod marks;
mod panel;
mod text;

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};

use crate::domain::radiograph::GrayImage;
use crate::domain::report::Report;
use canvas::Canvas;
use text::Fonts;

pub use construction::construction;

/// The long side of an overlay for people, in pixels: a console's screen.
pub const LONG_SIDE: u32 = 1400;
/// The size of an overlay message on the wire, in bytes (contract, `P/overlay`).
pub const MAX_MESSAGE: usize = 256 * 1024;

/// Smaller than this nothing on it could be read.
const MIN_SIDE: u32 = 256;
/// Larger than this is no overlay but a film.
const MAX_SIDE: u32 = 8192;
/// JPEG qualities to try at one size before the picture is made smaller; below the last, letters blur.
const QUALITIES: [u8; 4] = [88, 78, 66, 54];
/// The JPEG quality of a bare film: without letters and thin lines to keep sharp.
const BARE_QUALITY: u8 = 82;
/// How much smaller the next picture is.
const SHRINK: f64 = 0.82;

/// Why there is no overlay; the report stands without it.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The embedded font could not be read: a defect of the build.
    #[error("the embedded font cannot be read: {0}")]
    Font(#[from] ab_glyph::InvalidFont),
    /// Nothing can be drawn at this size: ask for a long side of 256 to 8192.
    #[error("an overlay of {width}×{height} pixels cannot be drawn; its long side must lie between 256 and 8192")]
    Size {
        /// Columns asked for.
        width: u32,
        /// Rows asked for.
        height: u32,
    },
    /// The encoder refused.
    #[error("the overlay cannot be encoded as JPEG: {0}")]
    Encode(#[from] image::ImageError),
    /// Even the smallest legible picture is larger: raise the limit.
    #[error("the overlay does not fit into {0} bytes; raise the limit")]
    TooLarge(usize),
}

/// The film of `report` with everything drawn on it; the long side of the picture, panel included, is `long_side`.
///
/// # Errors
/// `Size` where `long_side` is out of range or the film is so narrow that nothing could be seen.
pub fn draw(film: &GrayImage, report: &Report, long_side: u32) -> Result<RgbImage, OverlayError> {
    let fonts = Fonts::load()?;
    let layout = Layout::of(film.width(), film.height(), long_side)?;
    let mut canvas = Canvas::new(layout.width, layout.height, layout.unit, &fonts)
        .ok_or(OverlayError::Size { width: layout.width, height: layout.height })?;
    film::paint(&mut canvas, film, layout.film_width, layout.film_height);
    marks::paint(&mut canvas, report, &layout);
    panel::paint(&mut canvas, report, &layout);
    Ok(canvas.into_image())
}

/// The bare film as a grey JPEG, for a page that draws on it by itself; its long side is at most `long_side` pixels.
///
/// # Errors
/// `Size` where `long_side` is out of range or nothing would be left of the short side.
pub fn bare(film: &GrayImage, long_side: u32) -> Result<Vec<u8>, OverlayError> {
    let (w, h) = (film.width() as f64, film.height() as f64);
    let scale = (f64::from(long_side) / w.max(h)).min(1.0);
    let pixels = |side: f64| (side * scale).round().max(0.0) as u32;
    let (width, height) = (pixels(w), pixels(h));
    let legible = (MIN_SIDE..=MAX_SIDE).contains(&long_side) && width.min(height) >= 16;
    let scaled = if legible { film::scaled(film, width, height) } else { None };
    let picture = scaled.ok_or(OverlayError::Size { width, height })?;
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, BARE_QUALITY).encode_image(&picture)?;
    Ok(bytes)
}

/// The picture as JPEG of at most `max_bytes`.
///
/// # Errors
/// `TooLarge` where even a picture of 256 pixels does not fit.
pub fn jpeg(picture: &RgbImage, max_bytes: usize) -> Result<Vec<u8>, OverlayError> {
    let mut picture = std::borrow::Cow::Borrowed(picture);
    loop {
        for quality in QUALITIES {
            let mut bytes = Vec::new();
            JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture.as_ref())?;
            if bytes.len() <= max_bytes {
                return Ok(bytes);
            }
        }
        let smaller = |side: u32| (f64::from(side) * SHRINK) as u32;
        let (width, height) = (smaller(picture.width()), smaller(picture.height()));
        if width.max(height) < MIN_SIDE || width.min(height) == 0 {
            return Err(OverlayError::TooLarge(max_bytes));
        }
        picture = std::borrow::Cow::Owned(resize(picture.as_ref(), width, height, FilterType::Triangle));
    }
}

/// Where film and panel stand on the picture, and how large a letter is.
#[derive(Debug, Clone, Copy)]
struct Layout {
    width: u32,
    height: u32,
    film_width: u32,
    film_height: u32,
    /// Output pixels a pixel of the film.
    scale: f64,
    /// The panel stands to the right of the film, else below.
    beside: bool,
    /// The height of a line of the panel is a fixed number of these, and so is everything else that is drawn.
    unit: f32,
}

impl Layout {
    /// The panel's share of the side it runs along: enough for its longest row.
    const PANEL: f64 = 0.38;
    /// Films wider than this have the panel below.
    const WIDE: f64 = 1.2;

    fn of(width: usize, height: usize, long_side: u32) -> Result<Self, OverlayError> {
        let (w, h) = (width as f64, height as f64);
        let beside = w <= Self::WIDE * h;
        let along = if beside { h } else { w };
        let (total_w, total_h) = if beside { (w + Self::PANEL * h, h) } else { (w, h + Self::PANEL * w) };
        let scale = f64::from(long_side) / total_w.max(total_h);
        let pixels = |v: f64| (v * scale).round().max(0.0) as u32;
        let layout = Self {
            width: pixels(total_w),
            height: pixels(total_h),
            film_width: pixels(w),
            film_height: pixels(h),
            scale,
            beside,
            unit: (along * scale / 1000.0) as f32,
        };
        let legible = (MIN_SIDE..=MAX_SIDE).contains(&long_side) && layout.film_width.min(layout.film_height) >= 16;
        if legible { Ok(layout) } else { Err(OverlayError::Size { width: layout.width, height: layout.height }) }
    }
}
