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

/// The part of a film that a picture shows, in the film's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Paints the part `cut` of the film into the top left of the canvas, `width` × `height` pixels large.
pub(super) fn paint_part(canvas: &mut Canvas<'_>, film: &GrayImage, cut: Cut, width: u32, height: u32) {
    let columns = cut.left as usize..(cut.left + cut.width) as usize;
    let rows = film.pixels().chunks_exact(film.width().max(1)).skip(cut.top as usize).take(cut.height as usize);
    let pixels: Vec<u16> = rows.flat_map(|row| row.get(columns.clone()).unwrap_or_default()).copied().collect();
    let Some(part) = ImageBuffer::<Luma<u16>, Vec<u16>>::from_raw(cut.width, cut.height, pixels) else { return };
    for (x, y, Luma([value])) in resize(&part, width, height, FilterType::CatmullRom).enumerate_pixels() {
        canvas.set_gray(x, y, (value >> 8) as u8);
    }
}

/// The film in 8 bits; areas are averaged when it shrinks, so that no end-plate vanishes.
pub(super) fn scaled(film: &GrayImage, width: u32, height: u32) -> Option<Grey> {
    let (columns, rows) = (u32::try_from(film.width()).ok()?, u32::try_from(film.height()).ok()?);
    let buffer = ImageBuffer::<Luma<u16>, &[u16]>::from_raw(columns, rows, film.pixels())?;
    let scaled = resize(&buffer, width, height, FilterType::Triangle);
    Grey::from_raw(width, height, scaled.pixels().map(|Luma([value])| (value >> 8) as u8).collect())
}
