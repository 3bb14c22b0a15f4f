//! Which levels the film's edge or the collimation cuts off.
//!
//! A level is cut off where a corner lies closer to the edge of the exposed field than [`MARGIN`], or where it was not found and the
//! last one that was stands right before the edge.

use crate::domain::anatomy::{Corner, Keypoints, Vertebra};
use crate::domain::field::Field;

use super::patch::typical_depth;

/// In body depths: closer to the edge an end-plate cannot be told from the border.
pub const MARGIN: f64 = 0.1;
/// In body depths: a level that was not found would have its room here, a disc and most of a body.
pub const ROOM: f64 = 1.1;

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

impl Field {
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
                Edge::Upper => self.top as f64 + margin - p.y,
                Edge::Lower => p.y - (self.bottom as f64 - margin),
                Edge::Left => self.left as f64 + margin - p.x,
                Edge::Right => p.x - (self.right as f64 - margin),
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
        let (top, bottom) = (self.top as f64, self.bottom as f64);
        match (lowest, highest) {
            (Some(lowest), None) if bottom - lowest < ROOM * depth => {
                let last = Vertebra::ALL.into_iter().rfind(found);
                Some(Cut { vertebra: missing, edge: Edge::Lower, beyond: lowest + needed(last) - bottom })
            }
            (None, Some(highest)) if highest - top < ROOM * depth => {
                let first = Vertebra::ALL.into_iter().find(found);
                Some(Cut { vertebra: missing, edge: Edge::Upper, beyond: top - (highest - needed(first)) })
            }
            _ => None,
        }
    }
}
