//! The exposed field: a film without its blank borders, rows and columns of one tone (collimator leaves, a shutter, the frame
//! that an export put around it, air at the rim).

use std::borrow::Cow;

use super::radiograph::GrayImage;

/// A line is blank when this share of it has one tone; the rest may be a marker.
const BLANK_SHARE: f64 = 0.97;
/// One tone: within this share of the film's grey values from the line's median. The values of many films fill a part of the 16 bits only.
const TONE: u16 = 64;
/// The film's grey values: between this share of the darkest and as many of the brightest, which may be letters.
const LETTERS: usize = 200;
/// Samples a line: enough to tell blank from not.
const SAMPLES: usize = 400;

/// The exposed field, in pixels of the film; there is always one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The first column.
    pub left: usize,
    /// The first row.
    pub top: usize,
    /// Behind the last column.
    pub right: usize,
    /// Behind the last row.
    pub bottom: usize,
}

impl Field {
    /// The film without blank borders; the whole film where all of it is blank.
    pub fn of(image: &GrayImage) -> Self {
        let (width, height) = (image.width(), image.height());
        let step = |size: usize| size.div_ceil(SAMPLES).max(1);
        let tone = grey_values(image) / TONE;
        let row = |y: usize| is_blank(image.row(y).iter().step_by(step(width)), tone);
        let column = |x: usize| is_blank(image.pixels().iter().skip(x).step_by(width * step(height)), tone);
        let (Some(top), Some(bottom)) = ((0..height).find(|y| !row(*y)), (0..height).rfind(|y| !row(*y))) else {
            return Self { left: 0, top: 0, right: width, bottom: height };
        };
        let left = (0..width).find(|x| !column(*x)).unwrap_or(0);
        let right = (0..width).rfind(|x| !column(*x)).unwrap_or(width - 1);
        Self { left, top, right: right + 1, bottom: bottom + 1 }
    }

    /// The part of `image` inside, `image` itself where it is all of it; `None` where it has no such part.
    pub fn part<'a>(&self, image: &'a GrayImage) -> Option<Cow<'a, GrayImage>> {
        let (width, height) = (self.right.checked_sub(self.left)?, self.bottom.checked_sub(self.top)?);
        if (width, height) == (image.width(), image.height()) {
            return Some(Cow::Borrowed(image));
        }
        let mut pixels = Vec::with_capacity(width * height);
        let rows = image.pixels().chunks_exact(image.width()).skip(self.top).take(height);
        rows.filter_map(|row| row.get(self.left..self.right)).for_each(|row| pixels.extend_from_slice(row));
        GrayImage::new(width, height, pixels).map(Cow::Owned)
    }
}

/// How far the grey values of a film reach, but for a few.
fn grey_values(image: &GrayImage) -> u16 {
    // An odd step that no film's width is likely to be a multiple of: the samples lie all over it.
    let step = (image.pixels().len() / (SAMPLES * SAMPLES)).max(1) | 1;
    let mut values: Vec<u16> = image.pixels().iter().step_by(step).copied().collect();
    let few = values.len() / LETTERS;
    let Some(last) = values.len().checked_sub(1) else { return 0 };
    let dark = *values.select_nth_unstable(few).1;
    let bright = *values.select_nth_unstable(last - few).1;
    bright - dark
}

fn is_blank<'a>(line: impl Iterator<Item = &'a u16>, tone: u16) -> bool {
    let mut values: Vec<u16> = line.copied().collect();
    values.sort_unstable();
    let Some(median) = values.get(values.len() / 2).copied() else { return true };
    let alike = values.iter().filter(|v| v.abs_diff(median) <= tone).count();
    alike as f64 >= BLANK_SHARE * values.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A picture whose every line varies, with borders of one tone on the left, on top, on the right and below.
    fn bordered(width: usize, height: usize, [left, top, right, bottom]: [usize; 4], tone: u16) -> GrayImage {
        let (across, down) = (width + left + right, height + top + bottom);
        let pixel = |i: usize| {
            let at = (i % across).checked_sub(left).zip((i / across).checked_sub(top));
            at.filter(|&(x, y)| x < width && y < height)
                .map_or(tone, |(x, y)| ((x * 331 + y * 577) * 97 % 60_000) as u16)
        };
        GrayImage::new(across, down, (0..across * down).map(pixel).collect()).unwrap()
    }

    #[test]
    fn black_and_white_borders_are_no_part_of_the_field() {
        for tone in [0, u16::MAX] {
            let field = Field::of(&bordered(260, 160, [20; 4], tone));
            assert_eq!(field, Field { left: 20, top: 20, right: 280, bottom: 180 });
        }
    }

    #[test]
    fn a_film_without_borders_is_all_field_and_so_is_a_blank_one() {
        let whole = Field { left: 0, top: 0, right: 300, bottom: 200 };
        assert_eq!(Field::of(&bordered(300, 200, [0; 4], 0)), whole);
        assert_eq!(Field::of(&GrayImage::new(300, 200, vec![7; 60_000]).unwrap()), whole);
    }

    #[test]
    fn a_film_that_fills_a_part_of_the_16_bits_keeps_its_field() {
        let film = bordered(300, 200, [30, 0, 0, 10], 700);
        let dim = film.pixels().iter().map(|pixel| pixel / 32).collect();
        let dim = GrayImage::new(film.width(), film.height(), dim).unwrap();
        assert_eq!(Field::of(&dim), Field { left: 30, top: 0, right: 330, bottom: 200 });
        let brighter = dim.pixels().iter().map(|pixel| pixel + 60_000).collect();
        assert_eq!(Field::of(&GrayImage::new(dim.width(), dim.height(), brighter).unwrap()), Field::of(&dim));
    }

    #[test]
    fn letters_on_a_border_and_what_jpeg_leaves_of_it_do_not_make_it_a_part() {
        let film = bordered(200, 160, [40, 60, 0, 20], 3000);
        let spoilt = film.pixels().iter().enumerate().map(|(i, &value)| {
            let (x, y) = (i % film.width(), i / film.width());
            let letter = (10..14).contains(&x) && (20..24).contains(&y);
            if letter { u16::MAX } else { value.saturating_sub(300) + 200 * (i % 4) as u16 }
        });
        let field = Field::of(&GrayImage::new(film.width(), film.height(), spoilt.collect()).unwrap());
        assert_eq!(field, Field { left: 40, top: 60, right: 240, bottom: 220 });
    }

    proptest! {
        #[test]
        fn what_is_cut_out_is_what_was_bordered(
            width in 30_usize..60, height in 30_usize..60, sides in prop::array::uniform4(0_usize..30), tone: u16,
        ) {
            let film = bordered(width, height, sides, tone);
            let part = Field::of(&film).part(&film).unwrap();
            prop_assert_eq!(part.into_owned(), bordered(width, height, [0; 4], tone));
        }
    }
}
