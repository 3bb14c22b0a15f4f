//! What the models saw on one film: the landmarks, and what they think of the film as a whole.

use super::anatomy::{Facing, Keypoints, LandmarkId};

/// How much of C7 the film shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum C7Visibility {
    /// The whole body.
    Full,
    /// A part of it.
    Partial,
    /// None: the shoulders or the edge of the film hide it.
    Hidden,
}

impl C7Visibility {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Hidden => "hidden",
        }
    }
}

/// The result of looking at one film.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The landmarks, on the film as decoded.
    pub keypoints: Keypoints,
    /// The side towards which the patient looks; `None` where too few landmarks tell.
    pub facing: Option<Facing>,
    /// Whether bone is dark on the film as it came: everything was found on its inverse.
    pub negative: bool,
    /// 0…1: how surely this is a lateral cervical radiograph, from the image alone.
    pub lateral_cervical: f64,
    /// How much of C7 can be seen, and how surely (0…1).
    pub c7_visibility: (C7Visibility, f64),
    /// The patient's rotation about the long axis in degrees, without sign, where the model tells it.
    pub rotation: Option<f64>,
    /// Landmarks that the model of the whole film and a specialist place further apart than their spreads allow, in the order
    /// of the index; their spreads are widened.
    pub disputed: Vec<LandmarkId>,
}
