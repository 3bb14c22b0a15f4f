//! The truth file: `NAME.truth.json` beside `NAME.dcm`, `.png` or `.jpg`. Any part may be missing when read.

use serde::{Deserialize, Serialize};

use crate::domain::anatomy::{Corner, LANDMARKS, LaminaEnd, LandmarkId, Vertebra};
use crate::domain::geometry::PointPx;

/// What is true of one film. Coordinates are continuous pixels of that film; they may lie outside it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Truth {
    /// `lateral_cervical` or `other`.
    pub kind: Option<String>,
    /// The corners of the bodies.
    pub landmarks: Vec<TrueCorner>,
    /// The ends of the spinolaminar lines.
    pub spinolaminar: Vec<TrueLaminaEnd>,
    /// Millimetres a pixel in the mid-sagittal plane of the patient.
    pub spacing_mm: Option<f64>,
    /// `left` or `right`.
    pub facing: Option<String>,
    /// `neutral`, `flexion` or `extension`.
    pub view: Option<String>,
    /// `full`, `partial` or `hidden`.
    pub c7_visibility: Option<String>,
    /// The patient's rotation about the long axis, degrees, without sign.
    pub rotation_deg: Option<f64>,
    /// The patient's lean out of the film's plane, degrees, without sign.
    pub roll_deg: Option<f64>,
    /// The patient's lean within the film's plane, degrees, backwards positive.
    pub tilt_deg: Option<f64>,
    /// How far the patient moved, detector millimetres.
    pub motion_mm: Option<f64>,
    /// Dose behind the neck as a share of the aim.
    pub exposure: Option<f64>,
    /// Vertebrae of which a corner lies outside the exposed field.
    pub clipped: Vec<String>,
    /// Vertebrae of which a corner lies under metal or within a millimetre and a half of it.
    pub metal: Vec<String>,
    /// Discs that bone has replaced, `C5-C6`.
    pub fused: Vec<String>,
    /// Numbers that follow from the landmarks, in life size.
    pub measurements: Vec<TrueMeasurement>,
}

/// One corner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueCorner {
    /// `C2` … `C7`.
    pub vertebra: String,
    /// `antero_superior` …
    pub corner: String,
    /// Pixels to the right.
    pub x: f64,
    /// Pixels down.
    pub y: f64,
    /// Whether a reader could see it; missing counts as visible.
    #[serde(default = "yes")]
    pub visible: bool,
}

/// One end of a spinolaminar line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueLaminaEnd {
    /// `C3` … `C7`.
    pub vertebra: String,
    /// `superior` or `inferior`.
    pub end: String,
    /// Pixels to the right.
    pub x: f64,
    /// Pixels down.
    pub y: f64,
    /// Whether a reader could see it; missing counts as visible.
    #[serde(default = "yes")]
    pub visible: bool,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueMeasurement {
    /// As in a report.
    pub name: String,
    /// As in a report; missing for the whole neck.
    #[serde(default)]
    pub level: Option<String>,
    /// In `unit`.
    pub value: f64,
    /// `deg`, `mm` or `ratio`.
    pub unit: String,
}

const fn yes() -> bool {
    true
}

impl Truth {
    /// Takes over landmarks in the order of their index, each with its visibility.
    pub fn with_landmarks(mut self, points: &[(PointPx, bool); LANDMARKS]) -> Self {
        for (id, &(p, visible)) in LandmarkId::all().zip(points) {
            // A hundredth of a pixel is far below what a film can tell.
            let (x, y) = ((p.x * 100.0).round() / 100.0, (p.y * 100.0).round() / 100.0);
            let vertebra = id.vertebra().name().to_owned();
            match id {
                LandmarkId::Corner(_, corner) => {
                    self.landmarks.push(TrueCorner { vertebra, corner: corner.name().to_owned(), x, y, visible });
                }
                LandmarkId::Spinolaminar(_, end) => {
                    let end = if end == LaminaEnd::Superior { "superior" } else { "inferior" }.to_owned();
                    self.spinolaminar.push(TrueLaminaEnd { vertebra, end, x, y, visible });
                }
            }
        }
        self
    }

    /// Where the landmark `id` truly lies, and whether it can be seen.
    pub fn landmark(&self, id: LandmarkId) -> Option<(PointPx, bool)> {
        let vertebra: Vertebra = id.vertebra();
        match id {
            LandmarkId::Corner(_, corner) => self
                .landmarks
                .iter()
                .find(|l| {
                    l.vertebra == vertebra.name() && Corner::ALL.iter().any(|c| *c == corner && l.corner == c.name())
                })
                .map(|l| (PointPx::new(l.x, l.y), l.visible)),
            LandmarkId::Spinolaminar(_, end) => self
                .spinolaminar
                .iter()
                .find(|l| l.vertebra == vertebra.name() && (l.end == "superior") == (end == LaminaEnd::Superior))
                .map(|l| (PointPx::new(l.x, l.y), l.visible)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landmarks_go_in_and_come_out() {
        let points = std::array::from_fn(|i| (PointPx::new(i as f64, 2.0 * i as f64), i % 3 != 0));
        let truth = Truth::default().with_landmarks(&points);
        for (id, point) in LandmarkId::all().zip(points) {
            assert_eq!(truth.landmark(id), Some(point));
        }
    }

    #[test]
    fn any_part_may_be_missing() {
        let text = r#"{"landmarks":[{"vertebra":"C3","corner":"antero_superior","x":1.0,"y":2.0}]}"#;
        let truth: Truth = serde_json::from_str(text).unwrap();
        assert_eq!(
            truth.landmark(LandmarkId::Corner(Vertebra::C3, Corner::AnteroSuperior)),
            Some((PointPx::new(1.0, 2.0), true))
        );
        assert_eq!(truth.view, None);
    }
}
