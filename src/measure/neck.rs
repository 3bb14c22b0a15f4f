//! The landmarks in the anatomical frame, body by body.

use super::frame::{AnatomicalFrame, Point};
use crate::domain::anatomy::{Corner, Facing, Keypoints, LaminaEnd, LandmarkId, Vertebra};

/// The four corners of a body in the anatomical frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Body {
    /// Which.
    pub vertebra: Vertebra,
    /// Antero-superior, antero-inferior, postero-superior, postero-inferior: paper A's order.
    pub corners: [Point; 4],
}

impl Body {
    /// The superior end-plate, from its posterior to its anterior corner.
    pub fn superior_plate(&self) -> Point {
        let [antero_superior, _, postero_superior, _] = self.corners;
        antero_superior.from(postero_superior)
    }

    /// The inferior end-plate, from its posterior to its anterior corner.
    pub fn inferior_plate(&self) -> Point {
        let [_, antero_inferior, _, postero_inferior] = self.corners;
        antero_inferior.from(postero_inferior)
    }

    /// The mid-point of the superior end-plate.
    pub fn top(&self) -> Point {
        let [antero_superior, _, postero_superior, _] = self.corners;
        antero_superior.midpoint(postero_superior)
    }

    /// The mid-point of the inferior end-plate.
    pub fn bottom(&self) -> Point {
        let [_, antero_inferior, _, postero_inferior] = self.corners;
        antero_inferior.midpoint(postero_inferior)
    }

    /// The mid-point of the anterior wall.
    pub fn front(&self) -> Point {
        let [antero_superior, antero_inferior, ..] = self.corners;
        antero_superior.midpoint(antero_inferior)
    }

    /// The mid-point of the posterior wall.
    pub fn back(&self) -> Point {
        let [_, _, postero_superior, postero_inferior] = self.corners;
        postero_superior.midpoint(postero_inferior)
    }

    /// From front to back, in pixels.
    pub fn depth(&self) -> f64 {
        self.front().distance(self.back())
    }

    /// From end-plate to end-plate, in pixels.
    pub fn height(&self) -> f64 {
        self.top().distance(self.bottom())
    }
}

/// Every landmark that was found, in the anatomical frame.
#[derive(Debug, Clone)]
pub struct Neck<'a> {
    keypoints: &'a Keypoints,
    frame: AnatomicalFrame,
}

impl<'a> Neck<'a> {
    /// The landmarks of a patient who looks to the side `facing`.
    pub fn new(keypoints: &'a Keypoints, facing: Option<Facing>) -> Self {
        Self { keypoints, frame: AnatomicalFrame::new(facing) }
    }

    /// The frame its points lie in.
    pub const fn frame(&self) -> AnatomicalFrame {
        self.frame
    }

    /// The landmarks as found.
    pub const fn keypoints(&self) -> &'a Keypoints {
        self.keypoints
    }

    /// Where a landmark lies, if it was found.
    pub fn point(&self, id: LandmarkId) -> Option<Point> {
        self.keypoints.get(id).map(|l| self.frame.place(l.position))
    }

    /// The body of `vertebra`, where all its corners were found.
    pub fn body(&self, vertebra: Vertebra) -> Option<Body> {
        let [Some(a), Some(b), Some(c), Some(d)] = Corner::ALL.map(|c| self.point(LandmarkId::Corner(vertebra, c)))
        else {
            return None;
        };
        Some(Body { vertebra, corners: [a, b, c, d] })
    }

    /// The spinolaminar line of `vertebra`, superior end first.
    pub fn spinolaminar(&self, vertebra: Vertebra) -> Option<[Point; 2]> {
        let [Some(a), Some(b)] = LaminaEnd::ALL.map(|e| self.point(LandmarkId::Spinolaminar(vertebra, e))) else {
            return None;
        };
        Some([a, b])
    }
}
