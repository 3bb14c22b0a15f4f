//! A neck of rectangles and a film that was found as the test wants it.

use std::time::Duration;

use chrono::DateTime;

use super::reference;
use crate::domain::anatomy::{Facing, Keypoints, Landmark, LandmarkId, Stage};
use crate::domain::arrival::ContentHash;
use crate::domain::detection::C7Visibility;
use crate::domain::geometry::{Covariance, PixelSpacing, PointPx, SpacingSource};
use crate::domain::radiograph::{Clipped, Format};
use crate::domain::report::{
    Assessment, EngineFacts, Exposure, ExposureState, PositionEvidence, Quality, Report, ReportId, Signs, Source,
    Timing, Verdict,
};
use crate::measure::{self, Subject};
use crate::phantom::truth::Truth;

/// From one level to the next, pixels.
pub(super) const STEP: f64 = 40.0;
const SIDE: usize = 500;
const SPACING_MM: f64 = 0.5;

pub(super) fn height_of_picture() -> f64 {
    SIDE as f64
}

/// Six bodies of 32 × 28 pixels in a gentle arch, facing right, with a canal of 30 pixels.
pub(super) fn truth() -> Truth {
    let points: Vec<(PointPx, bool)> = LandmarkId::all()
        .map(|id| {
            let v = f64::from(id.vertebra() as u8);
            let (x, y) = match id {
                LandmarkId::Corner(_, corner) => {
                    let index = corner as u8;
                    (if index < 2 { 32.0 } else { 0.0 }, if index.is_multiple_of(2) { 0.0 } else { 28.0 })
                }
                LandmarkId::Spinolaminar(_, end) => (-30.0, 6.0 + 18.0 * f64::from(end as u8)),
            };
            // The upper levels look up, the lower ones down.
            let tilt = (v - 2.5) * 0.06;
            let middle = (220.0 - (v - 2.5) * (v - 2.5) * 2.0, 60.0 + STEP * v);
            let turned = (x * tilt.cos() - y * tilt.sin(), x * tilt.sin() + y * tilt.cos());
            (PointPx::new(middle.0 + turned.0, middle.1 + turned.1), true)
        })
        .collect();
    let truth = Truth {
        kind: Some("lateral_cervical".into()),
        spacing_mm: Some(SPACING_MM),
        facing: Some("right".into()),
        view: Some("neutral".into()),
        c7_visibility: Some("full".into()),
        ..Truth::default()
    };
    truth.with_landmarks(&points.try_into().unwrap())
}

/// The same neck, lower by so many pixels.
pub(super) fn shifted(truth: &Truth, down: f64) -> Truth {
    let mut truth = truth.clone();
    truth.landmarks.iter_mut().for_each(|l| l.y += down);
    truth.spinolaminar.iter_mut().for_each(|l| l.y += down);
    truth
}

/// The landmarks of `truth` as `place` puts them, each with a spread of one pixel.
pub(super) fn found(truth: &Truth, place: impl Fn(LandmarkId, PointPx) -> Option<PointPx>) -> Keypoints {
    let exact = reference::keypoints(truth, |_| true);
    let mut landmarks = [None; 34];
    for (id, landmark) in exact.iter() {
        landmarks[id.index().unwrap()] = place(id, landmark.position).map(|position| Landmark {
            position,
            covariance: Covariance::isotropic(1.0),
            confidence: 0.9,
            stage: Stage::Global,
        });
    }
    Keypoints::new(landmarks)
}

/// What the service would say of these landmarks.
pub(super) fn report(keypoints: &Keypoints) -> Report {
    let spacing = PixelSpacing::new(SPACING_MM, SpacingSource::Configured);
    let subject = Subject { keypoints, facing: Some(Facing::Right), spacing, c7: C7Visibility::Full };
    // A model's own calibration is none of this table's business.
    let settings = measure::Settings::default();
    Report {
        id: ReportId("0".into()),
        device: "test".into(),
        source: Source {
            file: "film.png".into(),
            sha256: ContentHash([0; 32]),
            format: Format::Png,
            sop_instance_uid: None,
            study_key: None,
            patient_key: None,
            patient: None,
            operator: None,
        },
        acquired_at: None,
        received_at: DateTime::UNIX_EPOCH,
        width: SIDE,
        height: SIDE,
        spacing,
        position: PositionEvidence::NONE,
        facing: Some(Facing::Right),
        keypoints: keypoints.clone(),
        measurements: measure::measure(&subject, &settings),
        assessment: Assessment {
            quality: Quality {
                verdict: Verdict::Accept,
                reasons: Vec::new(),
                c7_visibility: Some(C7Visibility::Full),
                exposure: Exposure {
                    state: ExposureState::Good,
                    exposure_index: None,
                    deviation_index: None,
                    clipped: Clipped::default(),
                },
                signs: Signs::default(),
            },
            findings: Vec::new(),
        },
        engine: EngineFacts { provider: "cpu".into(), precision: "fp32".into(), models: Vec::new() },
        timing: Timing { total: Duration::ZERO, ..Timing::default() },
    }
}
