//! Accuracy against truth files: what the true landmarks give when they are measured as found ones are.

use crate::domain::anatomy::{Facing, Keypoints, LANDMARKS, Landmark, LandmarkId, Stage};
use crate::domain::detection::C7Visibility;
use crate::domain::geometry::{Covariance, PixelSpacing, SpacingSource};
use crate::measure::{self, Subject};
use crate::phantom::truth::{TrueMeasurement, Truth};

/// The spread given to a true landmark, pixels: none, as far as arithmetic allows.
const EXACT: f64 = 1e-6;

/// The true landmarks as if they had been found.
pub fn keypoints(truth: &Truth) -> Keypoints {
    let mut landmarks = [None; LANDMARKS];
    for (id, slot) in LandmarkId::all().zip(&mut landmarks) {
        *slot = truth.landmark(id).map(|(position, _)| Landmark {
            position,
            covariance: Covariance::isotropic(EXACT),
            confidence: 1.0,
            stage: Stage::Global,
        });
    }
    Keypoints::new(landmarks)
}

/// `truth` with the measurements that follow from its landmarks, by the product's own definitions.
pub fn with_measurements(truth: Truth) -> Truth {
    let found = keypoints(&truth);
    let facing = match truth.facing.as_deref() {
        Some("left") => Some(Facing::Left),
        Some("right") => Some(Facing::Right),
        _ => None,
    };
    let spacing = truth.spacing_mm.and_then(|mm| PixelSpacing::new(mm, SpacingSource::Configured));
    let subject = Subject { keypoints: &found, facing, spacing, c7: C7Visibility::Full };
    let table = measure::measure(&subject, &measure::Settings::default());
    let measurements = table
        .0
        .iter()
        .filter_map(|m| {
            m.reading.estimate().map(|estimate| TrueMeasurement {
                name: m.quantity.name().to_owned(),
                level: m.level.map(|level| level.to_string()),
                value: (estimate.value() * 1e4).round() / 1e4,
                unit: m.quantity.unit().name().to_owned(),
            })
        })
        .collect();
    Truth { measurements, ..truth }
}
