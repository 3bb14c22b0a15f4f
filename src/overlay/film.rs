//! The film itself: 16 bits brought to 8 and to the size of the picture.

use image::imageops::{FilterType, resize};
use image::{GrayImage as Grey, ImageBuffer, Luma};

use super::canvas::Canvas;
use crate::domain::radiograph::GrayImage;

/// Paints the film into the top left of the canvas.
pub(super) fn paint(canvas: &mut Canvas<'_>, film: &GrayImage, width: u32, height: u32) {
    let Some(scaled) = scaled(film, width, height) else { return };
    for (x, y, Luma([value])) in scaled.enumerate_pixels() {
        canvas.set_gray(x, y, *value);
    }
}

/// The film in 8 bits; areas are averaged when it shrinks, so that no end-plate vanishes.
pub(super) fn scaled(film: &GrayImage, width: u32, height: u32) -> Option<Grey> {
    let (columns, rows) = (u32::try_from(film.width()).ok()?, u32::try_from(film.height()).ok()?);
    let buffer = ImageBuffer::<Luma<u16>, &[u16]>::from_raw(columns, rows, film.pixels())?;
    let scaled = resize(&buffer, width, height, FilterType::Triangle);
    Grey::from_raw(width, height, scaled.pixels().map(|Luma([value])| (value >> 8) as u8).collect())
}
