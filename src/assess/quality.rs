//! Keep it, look at it, or take it again? One table of rules; `docs/quality.md` shows it to people.
//!
//! Each rule of [`RULES`] (in `reasons`) looks at the [`Evidence`] and, where it applies, says to the radiographer what is wrong and
//! what to do differently. The first that applies gives the verdict, so the table runs from the gravest to the
//! mildest; the others are listed behind it. A film to which none applies is accepted, unless C2–C7 Cobb could not be
//! read without reservation: then it is reviewed, whatever the cause.

use super::applicability::{self, Applicability};
use super::patch::typical_depth;
use super::{Settings, exposure, reasons, signs};
use crate::domain::anatomy::{Corner, Vertebra};
use crate::domain::detection::Detection;
use crate::domain::field::Field;
use crate::domain::geometry::PixelSpacing;
use crate::domain::measurement::{Measurements, Quantity, Reading};
use crate::domain::radiograph::Radiograph;
use crate::domain::report::{Exposure, Quality, Reason, Signs, Verdict};

/// Limits of the quality rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Below this score (0…1) of the models the image does not look like a lateral neck: as likely as not.
    pub lateral_cervical: f64,
    /// A hidden C7 asks for a repeat where the models are at least this sure of it (0…1), else for a look.
    pub c7_certainty: f64,
    /// Whether a hidden C7 asks for a repeat at all; sites that read C2–C6 set it to false and get a review.
    pub repeat_hidden_c7: bool,
    /// A 90 % interval of the C2–C7 Cobb angle wider than this to either side, degrees, is too wide to accept the number:
    /// four times the mean error that paper A reports.
    pub cobb_half_width_deg: f64,
    /// Beyond this rotation about the long axis, degrees, left and right walls no longer lie on each other.
    pub rotation_deg: f64,
    /// Beyond this rotation, degrees, the film is to be taken again.
    pub rotation_repeat_deg: f64,
    /// Beyond this lean out of the film's plane, degrees, the two sides of an end-plate no longer lie on each other.
    pub lean_deg: f64,
    /// Beyond this lean, degrees, the film is to be taken again.
    pub lean_repeat_deg: f64,
    /// Below this smear ([`Signs::smear`]) the end-plates may be blurred by motion.
    pub smear: f64,
    /// Below this smear the film is to be taken again.
    pub smear_repeat: f64,
    /// Beyond this ([`Signs::metal`]) something as bright as metal lies over a body.
    pub metal: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lateral_cervical: 0.5,
            c7_certainty: 0.7,
            repeat_hidden_c7: true,
            cobb_half_width_deg: 10.0,
            rotation_deg: 10.0,
            rotation_repeat_deg: 13.0,
            lean_deg: 6.5,
            lean_repeat_deg: 8.0,
            smear: -0.45,
            smear_repeat: -0.7,
            metal: 1.9,
        }
    }
}

/// A rule: its name on the wire, its code in DICOM CID 7011, what it asks for, and when it applies.
pub struct Rule {
    /// The word for machines.
    pub code: &'static str,
    /// Of CID 7011.
    pub dicom_code: &'static str,
    /// What it asks for.
    pub verdict: Verdict,
    /// The sentence for the radiographer, where the rule applies.
    pub check: fn(&Evidence<'_>) -> Option<String>,
}

/// A film with fewer vertebrae than this shows no neck that could be measured.
const LEAST_LEVELS: usize = 2;

/// What stands for millimetres where a film has no spacing: the depth of a body of an adult.
const BODY_DEPTH_MM: f64 = 16.0;
/// CID 7011: image artifact.
const ARTIFACT: &str = "111207";
/// CID 7011: positioning.
const POSITIONING: &str = "111209";
/// CID 7011: motion blur.
const MOTION: &str = "111210";
/// CID 7011: under-exposed.
const UNDER: &str = "111211";
/// CID 7011: over-exposed.
const OVER: &str = "111212";
/// CID 7011: image processing.
const PROCESSING: &str = "111219";
/// CID 7011: other reason.
const OTHER: &str = "111220";
/// CID 7011: unknown reason.
const UNKNOWN: &str = "111221";

/// Every rule, the gravest first. Where a code stands twice the first that applies is the one that is told.
pub const RULES: &[Rule] = &[
    rule("level_cut_off", POSITIONING, Verdict::Repeat, reasons::level_cut_off),
    rule("c7_hidden", POSITIONING, Verdict::Repeat, reasons::c7_surely_hidden),
    rule("rotated", POSITIONING, Verdict::Repeat, reasons::turned_away),
    rule("motion_blur", MOTION, Verdict::Repeat, reasons::moved),
    rule("underexposed", UNDER, Verdict::Repeat, reasons::underexposed_and_unreadable),
    rule("overexposed", OVER, Verdict::Repeat, reasons::overexposed_and_unreadable),
    rule("unlike_header", OTHER, Verdict::Review, reasons::unlike_header),
    rule("c7_hidden", POSITIONING, Verdict::Review, reasons::c7_hidden),
    rule("c7_partly_hidden", POSITIONING, Verdict::Review, reasons::c7_partly_hidden),
    rule("inconsistent", UNKNOWN, Verdict::Review, reasons::inconsistent),
    rule("disputed", UNKNOWN, Verdict::Review, reasons::disputed),
    rule("low_confidence", UNKNOWN, Verdict::Review, reasons::low_confidence),
    rule("imprecise", UNKNOWN, Verdict::Review, reasons::imprecise),
    rule("rotated", POSITIONING, Verdict::Review, reasons::rotated),
    rule("motion_blur", MOTION, Verdict::Review, reasons::perhaps_moved),
    rule("underexposed", UNDER, Verdict::Review, reasons::underexposed),
    rule("overexposed", OVER, Verdict::Review, reasons::overexposed),
    rule("artifact", ARTIFACT, Verdict::Review, reasons::artifact),
    rule("negative", PROCESSING, Verdict::Review, reasons::negative),
];

const fn rule(
    code: &'static str,
    dicom_code: &'static str,
    verdict: Verdict,
    check: fn(&Evidence<'_>) -> Option<String>,
) -> Rule {
    Rule { code, dicom_code, verdict, check }
}

/// What the rules look at.
pub struct Evidence<'a> {
    pub(super) header: Applicability,
    pub(super) detection: &'a Detection,
    pub(super) measurements: &'a Measurements,
    pub(super) field: Field,
    pub(super) exposure: Exposure,
    pub(super) signs: Signs,
    pub(super) limits: Limits,
    pub(super) exposure_limits: exposure::Limits,
    spacing: Option<PixelSpacing>,
}

/// The verdict on a film that was looked at, with its reasons.
pub fn judge(
    radiograph: &Radiograph,
    detection: &Detection,
    measurements: &Measurements,
    settings: &Settings,
) -> Quality {
    let signs = signs::read(&radiograph.image, detection);
    let evidence = Evidence {
        header: applicability::applicability(&radiograph.acquisition),
        detection,
        measurements,
        field: Field::of(&radiograph.image),
        exposure: exposure::of(radiograph, &signs, &settings.exposure),
        signs,
        limits: settings.quality,
        exposure_limits: settings.exposure,
        spacing: radiograph.spacing,
    };
    let quality = |verdict, reasons| Quality {
        verdict,
        reasons,
        c7_visibility: (verdict != Verdict::NotApplicable).then_some(detection.c7_visibility.0),
        exposure: evidence.exposure,
        signs: evidence.signs.clone(),
    };
    if let Some(reason) = evidence.not_a_neck() {
        return quality(Verdict::NotApplicable, vec![reason]);
    }
    let mut verdict = None;
    let mut reasons: Vec<Reason> = Vec::new();
    for rule in RULES {
        if reasons.iter().any(|r| r.code == rule.code) {
            continue;
        }
        if let Some(text) = (rule.check)(&evidence) {
            verdict.get_or_insert(rule.verdict);
            reasons.push(Reason { code: rule.code, dicom_code: rule.dicom_code, text });
        }
    }
    match (verdict, evidence.cobb_trouble()) {
        (Some(verdict), _) => quality(verdict, reasons),
        (None, None) => quality(Verdict::Accept, reasons),
        (None, Some(trouble)) => {
            let text = format!(
                "The C2–C7 Cobb angle could not be read: {trouble}. Look at the film before you let the patient go."
            );
            quality(Verdict::Review, vec![Reason { code: "cobb_unreadable", dicom_code: UNKNOWN, text }])
        }
    }
}

impl Evidence<'_> {
    /// Why there is nothing to measure: the header says so, or says nothing and the image looks like no lateral neck.
    fn not_a_neck(&self) -> Option<Reason> {
        match &self.header {
            Applicability::NotApplicable(reason) => Some(reason.clone()),
            Applicability::ImageDecides if self.looks_otherwise() => Some(applicability::reason(
                "not_recognised",
                format!(
                    "Not a lateral neck, judged by the image (score {:.2}, {} of 6 vertebrae found): the header does not \
                     tell. Nothing was measured; if it is one, set body part and view at the modality.",
                    self.detection.lateral_cervical,
                    self.levels()
                ),
            )),
            _ => None,
        }
    }

    /// A length on the film in millimetres: by its spacing, else by the size of the bodies.
    pub(super) fn millimetres(&self, pixels: f64) -> Option<f64> {
        let by_bodies = || Some(pixels / typical_depth(&self.detection.keypoints)? * BODY_DEPTH_MM);
        self.spacing.map(|s| s.mm_per_pixel() * pixels).or_else(by_bodies).filter(|mm| mm.is_finite())
    }

    /// Whether tone is left over the neck: contours of a film that is burnt out mean nothing.
    pub(super) fn has_tone(&self) -> bool {
        !exposure::burnt(&self.signs, &self.exposure_limits)
    }

    /// A score that is no number counts as low; and what shows fewer than two vertebrae shows no neck, whatever the score.
    pub(super) fn looks_otherwise(&self) -> bool {
        let low = !matches!(
            self.detection.lateral_cervical.partial_cmp(&self.limits.lateral_cervical),
            Some(std::cmp::Ordering::Greater | std::cmp::Ordering::Equal)
        );
        low || self.levels() < LEAST_LEVELS
    }

    /// How many of C2…C7 were found with at least three corners.
    fn levels(&self) -> usize {
        let corners = |v| Corner::ALL.iter().filter(|c| self.detection.keypoints.corner(v, **c).is_some()).count();
        Vertebra::ALL.into_iter().filter(|v| corners(*v) >= 3).count()
    }

    pub(super) fn reading(&self, quantity: Quantity) -> Option<&Reading> {
        self.measurements.get(quantity, None)
    }

    pub(super) fn is_ok(&self, quantity: Quantity) -> bool {
        matches!(self.reading(quantity), Some(Reading::Ok(_)))
    }

    /// Neither C2–C7 nor C2–C6 could be read without reservation.
    pub(super) fn curvature_lost(&self) -> bool {
        !self.is_ok(Quantity::C2C7Cobb) && !self.is_ok(Quantity::C2C6Cobb)
    }

    /// Why C2–C7 Cobb could not be read without reservation; `None` where it was.
    fn cobb_trouble(&self) -> Option<String> {
        match self.reading(Quantity::C2C7Cobb) {
            Some(Reading::Ok(_)) => None,
            Some(Reading::Unreliable(_, why) | Reading::Withheld(why)) => Some(why.clone()),
            None => Some("it was not measured".to_owned()),
        }
    }
}
