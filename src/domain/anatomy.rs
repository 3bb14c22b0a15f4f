//! The landmarks of the neck: 24 corners of the bodies C2–C7 and the ends of the spinolaminar line of C3–C7.
//!
//! Index `4·v + c` for the corners (paper A's p1…p24 in order), 24…33 for the superior and inferior end of the
//! spinolaminar line of C3, C4, C5, C6, C7. The order is the same in the heatmaps, in truth files and here.

use super::geometry::{Covariance, PointPx};

/// A vertebra with a body to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Vertebra {
    C2,
    C3,
    C4,
    C5,
    C6,
    C7,
}

impl Vertebra {
    /// From the head downwards.
    pub const ALL: [Self; 6] = [Self::C2, Self::C3, Self::C4, Self::C5, Self::C6, Self::C7];
    /// Those whose canal is measured: the ones with a spinolaminar line of their own.
    pub const WITH_CANAL: [Self; 5] = [Self::C3, Self::C4, Self::C5, Self::C6, Self::C7];

    /// `"C2"` … `"C7"`.
    pub const fn name(self) -> &'static str {
        ["C2", "C3", "C4", "C5", "C6", "C7"][self as usize]
    }

    /// The vertebra called `name`, as in a truth file.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }
}

/// A corner of a vertebral body, in paper A's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Corner {
    AnteroSuperior,
    AnteroInferior,
    PosteroSuperior,
    PosteroInferior,
}

impl Corner {
    /// In the order of the index.
    pub const ALL: [Self; 4] =
        [Self::AnteroSuperior, Self::AnteroInferior, Self::PosteroSuperior, Self::PosteroInferior];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        ["antero_superior", "antero_inferior", "postero_superior", "postero_inferior"][self as usize]
    }
}

/// An end of the spinolaminar line of one vertebra: the anterior face of the lamina where it meets the spinous process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum LaminaEnd {
    Superior,
    Inferior,
}

impl LaminaEnd {
    /// In the order of the index.
    pub const ALL: [Self; 2] = [Self::Superior, Self::Inferior];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        ["spinolaminar_superior", "spinolaminar_inferior"][self as usize]
    }
}

/// Which landmark: a corner of a body, or an end of a spinolaminar line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LandmarkId {
    /// A corner of a body, index 0…23.
    Corner(Vertebra, Corner),
    /// An end of the spinolaminar line of C3…C7, index 24…33.
    Spinolaminar(Vertebra, LaminaEnd),
}

/// How many landmarks there are.
pub const LANDMARKS: usize = 34;
/// How many of them are corners; they come first.
pub const CORNERS: usize = 24;

impl LandmarkId {
    /// Every landmark in the order of its index.
    pub fn all() -> impl Iterator<Item = Self> {
        let corners = Vertebra::ALL.into_iter().flat_map(|v| Corner::ALL.map(|c| Self::Corner(v, c)));
        let lines = Vertebra::WITH_CANAL.into_iter().flat_map(|v| LaminaEnd::ALL.map(|e| Self::Spinolaminar(v, e)));
        corners.chain(lines)
    }

    /// 0…33, or `None` for the spinolaminar line of C2, which is not measured.
    pub const fn index(self) -> Option<usize> {
        match self {
            Self::Corner(v, c) => Some(4 * v as usize + c as usize),
            Self::Spinolaminar(Vertebra::C2, _) => None,
            Self::Spinolaminar(v, e) => Some(CORNERS + 2 * (v as usize - 1) + e as usize),
        }
    }

    /// The vertebra it belongs to.
    pub const fn vertebra(self) -> Vertebra {
        match self {
            Self::Corner(v, _) | Self::Spinolaminar(v, _) => v,
        }
    }

    /// The same place on another vertebra.
    pub const fn on(self, vertebra: Vertebra) -> Self {
        match self {
            Self::Corner(_, corner) => Self::Corner(vertebra, corner),
            Self::Spinolaminar(_, end) => Self::Spinolaminar(vertebra, end),
        }
    }

    /// `corner` on the wire: `antero_superior` …, `spinolaminar_superior` …
    pub const fn part(self) -> &'static str {
        match self {
            Self::Corner(_, c) => c.name(),
            Self::Spinolaminar(_, e) => e.name(),
        }
    }
}

/// Which pass over the film placed a landmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The model that sees the whole film.
    Global,
    /// A model that sees a patch of the full-resolution film.
    Refined,
}

/// A landmark as found: where, how surely, by which pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landmark {
    /// On the film as decoded.
    pub position: PointPx,
    /// The spread of its heatmap, calibrated on held-out phantoms.
    pub covariance: Covariance,
    /// 0…1: how much of the heatmap's mass stands at this place.
    pub confidence: f64,
    /// The pass that placed it.
    pub stage: Stage,
}

/// The landmarks of one film; one that was not found is absent, never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Keypoints([Option<Landmark>; LANDMARKS]);

impl Keypoints {
    /// From landmarks in the order of the index; a position that is not finite counts as not found.
    pub fn new(landmarks: [Option<Landmark>; LANDMARKS]) -> Self {
        Self(landmarks.map(|l| l.filter(|l| l.position.is_finite())))
    }

    /// The landmark `id`, where it was found.
    pub fn get(&self, id: LandmarkId) -> Option<&Landmark> {
        self.0.get(id.index()?)?.as_ref()
    }

    /// Where the corner `corner` of `vertebra` lies.
    pub fn corner(&self, vertebra: Vertebra, corner: Corner) -> Option<PointPx> {
        self.get(LandmarkId::Corner(vertebra, corner)).map(|l| l.position)
    }

    /// Where an end of the spinolaminar line of `vertebra` lies.
    pub fn spinolaminar(&self, vertebra: Vertebra, end: LaminaEnd) -> Option<PointPx> {
        self.get(LandmarkId::Spinolaminar(vertebra, end)).map(|l| l.position)
    }

    /// The landmarks that were found, in the order of the index.
    pub fn iter(&self) -> impl Iterator<Item = (LandmarkId, &Landmark)> {
        LandmarkId::all().zip(&self.0).filter_map(|(id, l)| l.as_ref().map(|l| (id, l)))
    }

    /// The same landmarks, each changed by `change`.
    pub fn map(&self, change: impl Fn(LandmarkId, Landmark) -> Landmark) -> Self {
        let mut mapped = self.clone();
        for (id, slot) in LandmarkId::all().zip(&mut mapped.0) {
            *slot = slot.map(|l| change(id, l));
        }
        Self::new(mapped.0)
    }
}

/// The side of the film towards which the patient looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facing {
    /// Anterior lies towards x = 0.
    Left,
    /// Anterior lies towards large x.
    Right,
}

impl Facing {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// The direction of anterior along the film's x: −1 or +1.
    pub const fn sign(self) -> f64 {
        match self {
            Self::Left => -1.0,
            Self::Right => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_counts_every_landmark_once_in_order() {
        let indices: Vec<_> = LandmarkId::all().map(LandmarkId::index).collect();
        assert_eq!(indices, (0..LANDMARKS).map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn paper_a_counts_from_one_in_the_same_order() {
        let p = |n: usize| LandmarkId::all().nth(n - 1);
        assert_eq!(p(2), Some(LandmarkId::Corner(Vertebra::C2, Corner::AnteroInferior)));
        assert_eq!(p(23), Some(LandmarkId::Corner(Vertebra::C7, Corner::PosteroSuperior)));
        assert_eq!(p(25), Some(LandmarkId::Spinolaminar(Vertebra::C3, LaminaEnd::Superior)));
    }

    #[test]
    fn a_landmark_at_infinity_is_not_found() {
        let mut landmarks = [None; LANDMARKS];
        landmarks[3] = Some(Landmark {
            position: PointPx::new(f64::NAN, 1.0),
            covariance: Covariance::isotropic(1.0),
            confidence: 1.0,
            stage: Stage::Global,
        });
        assert_eq!(Keypoints::new(landmarks).iter().count(), 0);
    }
}
