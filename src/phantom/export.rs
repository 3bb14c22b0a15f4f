//! What an archive, a printer or a worn detector does to a finished film: dead columns, burned-in letters, JPEG,
//! borders, inversion. Only borders move the picture; they are told to the caller, who moves the truth with it.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageReader};

use super::draw::Draw;

/// The steps to take, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Export {
    /// How many detector columns answer nothing.
    pub dead_columns: usize,
    /// How many lines of burned-in letters.
    pub lines: usize,
    /// JPEG with 8 bits at this quality.
    pub jpeg: Option<u8>,
    /// Borders, as shares of the film: left, top, right, bottom, and their brightness.
    pub borders: Option<([f32; 4], f32)>,
    /// Bone dark, without any tag that says so.
    pub inverted: bool,
}

impl Export {
    /// What befalls a film `odd` (0 … 1) from the norm; a film below 0.45 is left as it is.
    pub fn drawn(draw: &mut Draw, odd: f32) -> Self {
        let far = (odd - 0.45).max(0.0);
        let mut export = Self::default();
        if draw.chance(0.12 * far) {
            export.dead_columns = 1 + draw.below(3);
        }
        if draw.chance(0.5 * far) {
            export.lines = 1 + draw.below(4);
        }
        if draw.chance(0.4 * far) {
            export.jpeg = Some(35 + draw.below(58) as u8);
        }
        if draw.chance(0.3 * far) {
            export.borders = Some(Self::some_borders(draw));
        }
        export.inverted = draw.chance(0.06 * far);
        export
    }

    /// Bars at the sides, or above and below, or all around.
    pub fn some_borders(draw: &mut Draw) -> ([f32; 4], f32) {
        let (wide, high) = (draw.even(0.05, 0.35), draw.even(0.03, 0.25));
        let sides = match draw.below(3) {
            0 => [wide, 0.0, wide, 0.0],
            1 => [0.0, high, 0.0, high],
            _ => [0.3 * wide, 0.3 * high, 0.3 * wide, 0.3 * high],
        };
        (sides, if draw.chance(0.75) { 0.0 } else { draw.even(0.2, 1.0) })
    }

    /// Does it to `pixels` (0 … 1) of `size`; gives how far the old film's corner lies inside the new one, pixels.
    pub fn apply(&self, pixels: &mut Vec<f32>, size: &mut (usize, usize), draw: &mut Draw) -> (usize, usize) {
        for _ in 0..self.dead_columns {
            kill(pixels, size.0, draw);
        }
        for _ in 0..self.lines {
            write_line(pixels, *size, draw);
        }
        let shift = self.borders.map_or((0, 0), |(sides, grey)| pad(pixels, size, sides, grey));
        if let Some(quality) = self.jpeg {
            compress(pixels, *size, quality);
        }
        if self.inverted {
            pixels.iter_mut().for_each(|p| *p = 1.0 - *p);
        }
        shift
    }
}

fn kill(pixels: &mut [f32], width: usize, draw: &mut Draw) {
    let (column, wide, value) = (draw.below(width), 1 + draw.below(2), if draw.chance(0.5) { 0.0 } else { 1.0 });
    for row in pixels.chunks_exact_mut(width.max(1)) {
        row.iter_mut().skip(column).take(wide).for_each(|p| *p = value);
    }
}

fn pad(pixels: &mut Vec<f32>, size: &mut (usize, usize), sides: [f32; 4], grey: f32) -> (usize, usize) {
    let (w, h) = *size;
    let part = |share: f32, n: usize| (share * n as f32).round() as usize;
    let [left, top, right, bottom] = [part(sides[0], w), part(sides[1], h), part(sides[2], w), part(sides[3], h)];
    let wide = w + left + right;
    let mut padded = vec![grey; wide * (h + top + bottom)];
    for (row, old) in padded.chunks_exact_mut(wide).skip(top).zip(pixels.chunks_exact(w)) {
        row.iter_mut().skip(left).zip(old).for_each(|(p, o)| *p = *o);
    }
    (*pixels, *size) = (padded, (wide, h + top + bottom));
    (left, top)
}

/// Through JPEG and back. A film that the codec refuses (too large a side) stays as it is.
fn compress(pixels: &mut [f32], size: (usize, usize), quality: u8) {
    let grey: Vec<u8> = pixels.iter().map(|p| (p.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let mut file = std::io::Cursor::new(Vec::new());
    let mut encoder = JpegEncoder::new_with_quality(&mut file, quality);
    if encoder.encode(&grey, size.0 as u32, size.1 as u32, ExtendedColorType::L8).is_err() {
        return;
    }
    file.set_position(0);
    let decoded = ImageReader::with_format(file, image::ImageFormat::Jpeg).decode();
    if let Ok(image) = decoded {
        for (p, byte) in pixels.iter_mut().zip(image.into_luma8().into_raw()) {
            *p = f32::from(byte) / 255.0;
        }
    }
}

/// Five columns by seven rows, the lowest bit to the right.
const GLYPHS: [[u8; 7]; 18] = [
    [14, 17, 19, 21, 25, 17, 14], // 0
    [4, 12, 4, 4, 4, 4, 14],
    [14, 17, 1, 6, 8, 16, 31],
    [30, 1, 1, 14, 1, 1, 30],
    [2, 6, 10, 18, 31, 2, 2],
    [31, 16, 30, 1, 1, 17, 14],
    [6, 8, 16, 30, 17, 17, 14],
    [31, 1, 2, 4, 8, 8, 8],
    [14, 17, 17, 14, 17, 17, 14],
    [14, 17, 17, 15, 1, 2, 12],
    [14, 17, 17, 31, 17, 17, 17], // A
    [16, 16, 16, 16, 16, 16, 31], // L
    [30, 17, 17, 30, 20, 18, 17], // R
    [31, 4, 4, 4, 4, 4, 4],       // T
    [17, 17, 17, 17, 17, 10, 4],  // V
    [17, 18, 20, 24, 20, 18, 17], // K
    [0, 4, 4, 0, 4, 4, 0],        // :
    [0; 7],
];

/// A line of random letters anywhere, in the picture's own pixels.
pub(super) fn write_line(pixels: &mut [f32], (width, height): (usize, usize), draw: &mut Draw) {
    let scale = 1 + draw.below((width / 320).max(1) + 1);
    let letters: Vec<usize> = (0..2 + draw.below(14)).map(|_| draw.below(GLYPHS.len())).collect();
    let (x0, y0) = (draw.below(width), if draw.chance(0.5) { draw.below(height / 8 + 1) } else { draw.below(height) });
    let ink = if draw.chance(0.85) { 1.0 } else { 0.0 };
    for (i, letter) in letters.iter().enumerate() {
        for (row, bits) in GLYPHS.get(*letter).into_iter().flatten().enumerate() {
            for column in (0..5).filter(|c| bits >> (4 - c) & 1 == 1) {
                for dot in 0..scale * scale {
                    let x = x0 + (i * 6 + column) * scale + dot % scale;
                    let y = y0 + row * scale + dot / scale;
                    if x < width
                        && let Some(p) = pixels.get_mut(y * width + x)
                    {
                        *p = ink;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_move_the_film_and_keep_it() {
        let (mut pixels, mut size) = (vec![0.5; 200], (10, 20));
        let export = Export { borders: Some(([0.2, 0.1, 0.2, 0.0], 1.0)), ..Export::default() };
        let shift = export.apply(&mut pixels, &mut size, &mut Draw::new(1, 1));
        assert_eq!((shift, size), ((2, 2), (14, 22)));
        assert_eq!(pixels.iter().filter(|p| **p == 0.5).count(), 200);
        assert_eq!((pixels[2 * 14 + 2], pixels[2 * 14 + 1]), (0.5, 1.0));
    }

    #[test]
    fn jpeg_changes_little_and_inversion_is_its_own_inverse() {
        let ramp: Vec<f32> = (0..64 * 64).map(|i| (i % 64) as f32 / 63.0).collect();
        let (mut pixels, mut size) = (ramp.clone(), (64, 64));
        let export = Export { jpeg: Some(80), inverted: true, ..Export::default() };
        export.apply(&mut pixels, &mut size, &mut Draw::new(1, 1));
        assert!(pixels != ramp);
        assert!(pixels.iter().zip(&ramp).all(|(p, r)| (1.0 - p - r).abs() < 0.06));
    }
}
