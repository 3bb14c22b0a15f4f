//! What each number means and where that comes from, in one line each: it stands in every report beside the number, and under
//! each drawing of `docs/measurements.md`, which has the landmarks and worked examples.
//!
//! Paper A is the multi-task framework for cervical spondylosis (Nature Communications), paper B the hierarchical pipeline
//! for hidden C7 (npj Digital Medicine 9, 261), CSXA the cervical spine X-ray atlas (Ran et al., Scientific Data 2024).

use super::measurement::Quantity;

/// How a number is defined, with its sign, and who defined it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convention {
    /// The quantity's name for people.
    pub title: &'static str,
    /// The definition with the meaning of the sign.
    pub definition: &'static str,
    /// Paper and equation.
    pub source: &'static str,
}

const fn convention(title: &'static str, definition: &'static str, source: &'static str) -> Convention {
    Convention { title, definition, source }
}

impl Convention {
    /// The range of motion of a study.
    pub const RANGE_OF_MOTION: Self = convention(
        "Range of motion",
        "absolute difference of the Cobb angle between flexion and extension",
        "paper A, dynamic films",
    );
    /// The change of a slip between the films of a study.
    pub const SLIP_CHANGE: Self = convention(
        "Slip change",
        "absolute difference of the slip distance between flexion and extension",
        "paper A, dynamic instability",
    );
    /// The change of a slip angle between the films of a study.
    pub const ANGLE_CHANGE: Self = convention(
        "Angle change",
        "absolute difference of the slip angle between flexion and extension",
        "paper A, dynamic instability, eqs 22-23 corrected",
    );
}

impl Quantity {
    /// Its definition and source.
    pub const fn convention(self) -> Convention {
        match self {
            Self::C2C7Cobb => convention(
                "C2–C7 Cobb angle",
                "angle from C7's inferior to C2's inferior end-plate; lordosis positive",
                "paper A, eqs 9-12",
            ),
            Self::C2C6Cobb => convention(
                "C2–C6 Cobb angle",
                "angle from C6's inferior to C2's inferior end-plate; lordosis positive",
                "paper A, discussion (for a hidden C7)",
            ),
            Self::C2Slope => convention(
                "C2 slope",
                "C2's inferior end-plate against the film's horizontal; falling to the front is positive",
                "paper B",
            ),
            Self::C7Slope => convention(
                "C7 slope",
                "C7's superior end-plate against the film's horizontal; falling to the front is positive",
                "paper B",
            ),
            Self::Sva => convention(
                "C2–C7 sagittal vertical axis",
                "horizontal distance from C7's postero-superior corner to the plumb line from the crossing of C2's diagonals; \
                 C2 in front is positive",
                "paper A, eqs 13-17 (16 corrected)",
            ),
            Self::SegmentalAngle => convention(
                "Segmental angle",
                "angle between the facing end-plates of two bodies; open to the front is positive",
                "CSXA",
            ),
            Self::SlipDistance => convention(
                "Slip distance",
                "distance of the lower body's postero-superior corner from the line of the upper body's posterior wall; upper \
                 body in front is positive",
                "paper A, text; eqs 18-21 corrected",
            ),
            Self::SlipAngle => convention(
                "Slip angle",
                "angle between the posterior walls of adjacent bodies; lordosis positive",
                "paper A, eqs 22-23 corrected",
            ),
            Self::Sdvb => convention(
                "Sagittal diameter of the vertebral body",
                "distance between the mid-points of the anterior and the posterior wall",
                "paper A, eqs 25-29",
            ),
            Self::Sdvc => convention(
                "Sagittal diameter of the vertebral canal",
                "shortest distance from the posterior wall's mid-point to the spinolaminar line",
                "paper A, eq. 30",
            ),
            Self::Pavlov => convention(
                "Pavlov ratio",
                "sagittal diameter of the canal by that of the body; needs no calibration",
                "paper A, eq. 24",
            ),
            Self::DiscHeightAnterior => {
                convention("Anterior disc height", "distance between the facing anterior corners of two bodies", "CSXA")
            }
            Self::DiscHeightMiddle => convention(
                "Middle disc height",
                "distance between the mid-points of the facing end-plates of two bodies",
                "CSXA",
            ),
            Self::DiscHeightPosterior => convention(
                "Posterior disc height",
                "distance between the facing posterior corners of two bodies",
                "CSXA",
            ),
            Self::BodyWedge => {
                convention("Body wedge", "angle between a body's own end-plates; higher in front is positive", "CSXA")
            }
        }
    }
}
