//! The film itself: 16 bits brought to 8 and to the size of the picture.

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma};

use super::canvas::Canvas;
use crate::domain::radiograph::GrayImage;

/// Paints the film into the top left of the canvas; areas are averaged when it shrinks, so that no end-plate vanishes.
pub(super) fn paint(canvas: &mut Canvas<'_>, film: &GrayImage, width: u32, height: u32) {
    let size = (u32::try_from(film.width()), u32::try_from(film.height()));
    let (Ok(columns), Ok(rows)) = size else { return };
    let Some(buffer) = ImageBuffer::<Luma<u16>, &[u16]>::from_raw(columns, rows, film.pixels()) else { return };
    let scaled = resize(&buffer, width, height, FilterType::Triangle);
    for (x, y, Luma([value])) in scaled.enumerate_pixels() {
        canvas.set_gray(x, y, (value >> 8) as u8);
    }
}
