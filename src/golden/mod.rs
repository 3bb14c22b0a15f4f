//! Golden films: phantoms made by seed, on which models must say what they said when they were released.
//!
//! ```text
//!  seed ──phantom──► film ──detect, measure──► Answer ──difference──► within the limits?
//!                                                ▲
//!         golden.json beside the manifest ───────┘ or the same models in FP32 on the CPU (the gate of an engine)
//! ```
//!
//! Invariants: films depend on their seed alone; stored answers name the models by their hashes and are used for no others.
//! The films are necks that nothing hides, in three positions and to both sides, and one whose C7 the shoulders hide, for
//! the locator. They are coarser than a detector's films, so that making and measuring one takes a second.
//!
//! On failure of a model the film has no answer, and that fails the test.

mod answers;
mod difference;
mod trial;

use std::collections::BTreeMap;

use crate::detect::{DetectError, Detector};
use crate::domain::anatomy::LandmarkId;
use crate::domain::geometry::{PixelSpacing, PointPx, SpacingSource};
use crate::domain::measurement::{Level, Quantity, Reading};
use crate::domain::radiograph::GrayImage;
use crate::domain::report::Position;
use crate::inference::manifest::Manifest;
use crate::measure;
use crate::phantom::case::{Blemish, Case, Difficulty, Recipe};

pub use answers::{AnswersError, Stored};
pub use difference::{Difference, Limits};
pub use trial::{Trial, Tried};

/// Detector millimetres a pixel.
const PIXEL_MM: f32 = 0.5;

/// The films: seed, position and what is to be seen.
const RECIPES: [(u64, Position, Blemish); 4] = [
    (9_001, Position::Neutral, Blemish::None),
    (9_002, Position::Flexion, Blemish::None),
    (9_004, Position::Extension, Blemish::None),
    (9_005, Position::Neutral, Blemish::HiddenC7),
];

/// How many there are.
pub const FILMS: usize = RECIPES.len();

/// A golden film.
#[derive(Debug, Clone)]
pub struct Golden {
    /// For people: `9001-neutral`.
    pub name: String,
    image: GrayImage,
    spacing: Option<PixelSpacing>,
}

/// What models say of a golden film.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// In the order of the index.
    pub landmarks: Vec<Option<PointPx>>,
    /// What is neither withheld nor unreliable.
    pub measurements: Vec<(Quantity, Option<Level>, f64)>,
}

/// The hashes by which stored answers know their models.
pub fn models(manifest: &Manifest) -> BTreeMap<String, String> {
    manifest.models().into_iter().map(|model| (model.role.to_owned(), model.sha256.clone())).collect()
}

impl Golden {
    /// Makes the film of `index`, below [`FILMS`].
    pub fn make(index: usize) -> Option<Self> {
        let (seed, position, blemish) = *RECIPES.get(index)?;
        let case = Case::new(Recipe { seed, difficulty: Difficulty::Clean, position, pixel_mm: PIXEL_MM, blemish });
        let image = GrayImage::new(case.size.0, case.size.1, case.quantised(12))?;
        let spacing = case.truth.spacing_mm.and_then(|mm| PixelSpacing::new(mm, SpacingSource::Configured));
        Some(Self { name: format!("{seed}-{}", position.name()), image, spacing })
    }

    /// Makes all of them.
    pub fn all() -> Vec<Self> {
        std::thread::scope(|scope| {
            let making: Vec<_> = (0..FILMS).map(|index| scope.spawn(move || Self::make(index))).collect();
            making.into_iter().filter_map(|film| film.join().ok().flatten()).collect()
        })
    }

    /// What the models of `detector` say.
    ///
    /// # Errors
    /// Where a model fails.
    pub fn look(&self, detector: &mut Detector) -> Result<Answer, DetectError> {
        let detection = detector.detect(&self.image)?;
        let subject = measure::Subject::of(&detection, self.spacing);
        let measurements = measure::measure(&subject, &measure::Settings::default());
        let sound = measurements.0.into_iter().filter_map(|m| match m.reading {
            Reading::Ok(estimate) => Some((m.quantity, m.level, estimate.value())),
            Reading::Unreliable(..) | Reading::Withheld(_) => None,
        });
        let place = |id| detection.keypoints.get(id).map(|landmark| landmark.position);
        Ok(Answer { landmarks: LandmarkId::all().map(place).collect(), measurements: sound.collect() })
    }
}
