//! Which levels the film's edge or the collimation cuts off.
//!
//! The exposed field is the film without its blank borders: rows and columns of one tone (collimator leaves, a shutter,
//! air at the rim). A level is cut off where a corner lies closer to the field's edge than [`MARGIN`], or where it was
//! not found and the last one that was stands right before the edge.

use crate::domain::anatomy::{Corner, Keypoints, Vertebra};
use crate::domain::radiograph::GrayImage;

use super::patch::typical_depth;

/// In body depths: closer to the edge an end-plate cannot be told from the border.
pub const MARGIN: f64 = 0.1;
/// In body depths: a level that was not found would have its room here, a disc and most of a body.
pub const ROOM: f64 = 1.1;
/// A line is blank when this share of it has one tone; the rest may be a marker.
const BLANK_SHARE: f64 = 0.97;
/// One tone: within this distance of the line's median.
const TONE: u16 = u16::MAX / 64;
/// Samples a line: enough to tell blank from not.
const SAMPLES: usize = 400;

/// An edge of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Edge {
    Upper,
    Lower,
    Left,
    Right,
}

impl Edge {
    /// In a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upper => "upper",
            Self::Lower => "lower",
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// A level that an edge cuts off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// Which.
    pub vertebra: Vertebra,
    /// Where.
    pub edge: Edge,
    /// How far the field would have to reach beyond its edge to hold the level, pixels.
    pub beyond: f64,
}

/// The exposed field, in pixels of the film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// The first column.
    pub left: f64,
    /// The first row.
    pub top: f64,
    /// Behind the last column.
    pub right: f64,
    /// Behind the last row.
    pub bottom: f64,
}

impl Field {
    /// The film without blank borders; the whole film where all of it is blank.
    pub fn of(image: &GrayImage) -> Self {
        let (width, height) = (image.width(), image.height());
        let step = |size: usize| size.div_ceil(SAMPLES).max(1);
        let row = |y: usize| is_blank(image.pixels().iter().skip(y * width).take(width).step_by(step(width)));
        let column = |x: usize| is_blank(image.pixels().iter().skip(x).step_by(width * step(height)));
        let (Some(top), Some(bottom)) = ((0..height).find(|y| !row(*y)), (0..height).rfind(|y| !row(*y))) else {
            return Self { left: 0.0, top: 0.0, right: width as f64, bottom: height as f64 };
        };
        let left = (0..width).find(|x| !column(*x)).unwrap_or(0);
        let right = (0..width).rfind(|x| !column(*x)).unwrap_or(width - 1);
        Self { left: left as f64, top: top as f64, right: right as f64 + 1.0, bottom: bottom as f64 + 1.0 }
    }

    /// The levels of C2…C7 that an edge cuts off, from the head downwards.
    pub fn cut_off(&self, keypoints: &Keypoints) -> Vec<Cut> {
        let Some(depth) = typical_depth(keypoints) else { return Vec::new() };
        Vertebra::ALL.into_iter().filter_map(|v| self.edge_through(v, keypoints, depth)).collect()
    }

    fn edge_through(&self, vertebra: Vertebra, keypoints: &Keypoints, depth: f64) -> Option<Cut> {
        let corners: Vec<_> = Corner::ALL.into_iter().filter_map(|c| keypoints.corner(vertebra, c)).collect();
        if corners.is_empty() {
            return self.edge_before(vertebra, keypoints, depth);
        }
        let margin = MARGIN * depth;
        let beyond = |edge| {
            let missing = corners.iter().map(|p| match edge {
                Edge::Upper => self.top + margin - p.y,
                Edge::Lower => p.y - (self.bottom - margin),
                Edge::Left => self.left + margin - p.x,
                Edge::Right => p.x - (self.right - margin),
            });
            missing.fold(f64::NEG_INFINITY, f64::max)
        };
        let cut = |edge| Cut { vertebra, edge, beyond: beyond(edge) };
        [Edge::Lower, Edge::Upper, Edge::Left, Edge::Right].into_iter().map(cut).find(|cut| cut.beyond > 0.0)
    }

    /// The edge right behind the last level found above or below one that was not. Each level in between would need its
    /// [`ROOM`].
    fn edge_before(&self, missing: Vertebra, keypoints: &Keypoints, depth: f64) -> Option<Cut> {
        let heights = |v: Vertebra| Corner::ALL.into_iter().filter_map(move |c| keypoints.corner(v, c)).map(|p| p.y);
        let lowest = Vertebra::ALL.into_iter().filter(|v| *v < missing).flat_map(heights).reduce(f64::max);
        let highest = Vertebra::ALL.into_iter().filter(|v| *v > missing).flat_map(heights).reduce(f64::min);
        let found = |v: &Vertebra| heights(*v).next().is_some();
        let levels = |from: Option<Vertebra>| from.map_or(1, |v| (v as usize).abs_diff(missing as usize));
        let needed = |from: Option<Vertebra>| levels(from) as f64 * ROOM * depth;
        match (lowest, highest) {
            (Some(lowest), None) if self.bottom - lowest < ROOM * depth => {
                let last = Vertebra::ALL.into_iter().rfind(found);
                Some(Cut { vertebra: missing, edge: Edge::Lower, beyond: lowest + needed(last) - self.bottom })
            }
            (None, Some(highest)) if highest - self.top < ROOM * depth => {
                let first = Vertebra::ALL.into_iter().find(found);
                Some(Cut { vertebra: missing, edge: Edge::Upper, beyond: self.top - (highest - needed(first)) })
            }
            _ => None,
        }
    }
}

fn is_blank<'a>(line: impl Iterator<Item = &'a u16>) -> bool {
    let mut values: Vec<u16> = line.copied().collect();
    values.sort_unstable();
    let Some(median) = values.get(values.len() / 2).copied() else { return true };
    let alike = values.iter().filter(|v| v.abs_diff(median) <= TONE).count();
    alike as f64 >= BLANK_SHARE * values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ramp with borders of `border` pixels of one tone.
    fn bordered(width: usize, height: usize, border: usize, tone: u16) -> GrayImage {
        let inside = |v: usize, size: usize| (border..size - border).contains(&v);
        let pixel = |i: usize| {
            let (x, y) = (i % width, i / width);
            if inside(x, width) && inside(y, height) { ((x * 331 + y * 577) % 60_000) as u16 } else { tone }
        };
        GrayImage::new(width, height, (0..width * height).map(pixel).collect()).unwrap()
    }

    #[test]
    fn black_and_white_borders_are_no_part_of_the_field() {
        for tone in [0, u16::MAX] {
            let field = Field::of(&bordered(300, 200, 20, tone));
            assert_eq!(field, Field { left: 20.0, top: 20.0, right: 280.0, bottom: 180.0 });
        }
    }

    #[test]
    fn a_film_without_borders_is_all_field_and_so_is_a_blank_one() {
        let whole = Field { left: 0.0, top: 0.0, right: 300.0, bottom: 200.0 };
        assert_eq!(Field::of(&bordered(300, 200, 0, 0)), whole);
        assert_eq!(Field::of(&GrayImage::new(300, 200, vec![7; 60_000]).unwrap()), whole);
    }
}
