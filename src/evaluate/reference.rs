//! What the true landmarks give when they are measured as found ones are: the yardstick of every measurement.

use crate::domain::anatomy::{Corner, Facing, Keypoints, LANDMARKS, Landmark, LandmarkId, Stage, Vertebra};
use crate::domain::detection::C7Visibility;
use crate::domain::geometry::{Covariance, PixelSpacing, PointPx, SpacingSource};
use crate::domain::measurement::Measurements;
use crate::measure::{self, Subject};
use crate::phantom::truth::{TrueMeasurement, Truth};

/// The spread given to a true landmark, pixels: none, as far as arithmetic allows.
const EXACT: f64 = 1e-6;

/// The true landmarks that lie where `chosen` holds, as if they had been found.
pub fn keypoints(truth: &Truth, chosen: impl Fn(PointPx) -> bool) -> Keypoints {
    let mut landmarks = [None; LANDMARKS];
    for (id, slot) in LandmarkId::all().zip(&mut landmarks) {
        *slot = truth.landmark(id).filter(|(position, _)| chosen(*position)).map(|(position, _)| Landmark {
            position,
            covariance: Covariance::isotropic(EXACT),
            confidence: 1.0,
            stage: Stage::Global,
        });
    }
    Keypoints::new(landmarks)
}

/// The side the patient faces: as the truth says, else where the anterior corners lie.
pub fn facing(truth: &Truth) -> Option<Facing> {
    match truth.facing.as_deref() {
        Some("left") => Some(Facing::Left),
        Some("right") => Some(Facing::Right),
        _ => {
            let x = |v, corner| truth.landmark(LandmarkId::Corner(v, corner)).map(|(p, _)| p.x);
            let forward: f64 = Vertebra::ALL
                .into_iter()
                .flat_map(|v| {
                    [
                        (Corner::AnteroSuperior, Corner::PosteroSuperior),
                        (Corner::AnteroInferior, Corner::PosteroInferior),
                    ]
                    .map(|(anterior, posterior)| Some(x(v, anterior)? - x(v, posterior)?))
                })
                .flatten()
                .sum();
            (forward != 0.0).then_some(if forward < 0.0 { Facing::Left } else { Facing::Right })
        }
    }
}

/// The spacing that the truth tells, where it is one that a film can have: what its site would have configured.
pub fn spacing(truth: &Truth) -> Option<PixelSpacing> {
    truth.spacing_mm.and_then(|mm| PixelSpacing::new(mm, SpacingSource::Configured))
}

/// The measurements of the true landmarks that lie where `chosen` holds.
pub fn measured(truth: &Truth, chosen: impl Fn(PointPx) -> bool) -> Measurements {
    let found = keypoints(truth, chosen);
    let subject = Subject { keypoints: &found, facing: facing(truth), spacing: spacing(truth), c7: C7Visibility::Full };
    measure::measure(&subject, &measure::Settings::default())
}

/// `truth` with the measurements that follow from its landmarks, by the product's own definitions.
pub fn with_measurements(truth: Truth) -> Truth {
    let measurements = measured(&truth, |_| true)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::truth::TrueCorner;

    #[test]
    fn a_truth_that_does_not_tell_the_side_is_read_from_its_corners() {
        let corner =
            |corner: &str, x| TrueCorner { vertebra: "C4".into(), corner: corner.into(), x, y: 100.0, visible: true };
        let truth = |anterior| Truth {
            landmarks: vec![corner("antero_superior", anterior), corner("postero_superior", 200.0)],
            ..Truth::default()
        };
        assert_eq!(facing(&truth(150.0)), Some(Facing::Left));
        assert_eq!(facing(&truth(250.0)), Some(Facing::Right));
        assert_eq!(facing(&Truth::default()), None);
        assert_eq!(facing(&Truth { facing: Some("right".into()), ..truth(150.0) }), Some(Facing::Right));
    }
}
