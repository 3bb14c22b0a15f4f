//! Keep it, look at it, or take it again? One table of rules; `docs/quality.md` shows it to people.
//!
//! Each rule of [`RULES`] looks at the [`Evidence`] and, where it applies, says to the radiographer what is wrong and
//! what to do differently. The first that applies gives the verdict, so the table runs from the gravest to the
//! mildest; the others are listed behind it. A film to which none applies is accepted, unless C2–C7 Cobb could not be
//! read without reservation: then it is reviewed, whatever the cause.

use super::applicability::{self, Applicability};
use super::field::{Edge, Field};
use super::{Settings, exposure, signs};
use crate::domain::anatomy::{Corner, LandmarkId, Vertebra};
use crate::domain::detection::{C7Visibility, Detection};
use crate::domain::measurement::{Level, Measurements, Quantity, Reading};
use crate::domain::radiograph::Radiograph;
use crate::domain::report::{Exposure, ExposureState, Quality, Reason, Signs, Verdict};
use crate::measure;

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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lateral_cervical: 0.5,
            c7_certainty: 0.7,
            repeat_hidden_c7: true,
            cobb_half_width_deg: 10.0,
            rotation_deg: 12.0,
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

/// CID 7011: positioning.
const POSITIONING: &str = "111209";
/// CID 7011: under-exposed.
const UNDER: &str = "111211";
/// CID 7011: over-exposed.
const OVER: &str = "111212";
/// CID 7011: other reason.
const OTHER: &str = "111220";
/// CID 7011: unknown reason.
const UNKNOWN: &str = "111221";

/// Every rule, the gravest first. Where a code stands twice the first that applies is the one that is told.
pub const RULES: &[Rule] = &[
    Rule { code: "level_cut_off", dicom_code: POSITIONING, verdict: Verdict::Repeat, check: level_cut_off },
    Rule { code: "c7_hidden", dicom_code: POSITIONING, verdict: Verdict::Repeat, check: c7_surely_hidden },
    Rule { code: "underexposed", dicom_code: UNDER, verdict: Verdict::Repeat, check: underexposed_and_unreadable },
    Rule { code: "overexposed", dicom_code: OVER, verdict: Verdict::Repeat, check: overexposed_and_unreadable },
    Rule { code: "unlike_header", dicom_code: OTHER, verdict: Verdict::Review, check: unlike_header },
    Rule { code: "c7_hidden", dicom_code: POSITIONING, verdict: Verdict::Review, check: c7_hidden },
    Rule { code: "c7_partly_hidden", dicom_code: POSITIONING, verdict: Verdict::Review, check: c7_partly_hidden },
    Rule { code: "inconsistent", dicom_code: UNKNOWN, verdict: Verdict::Review, check: inconsistent },
    Rule { code: "disputed", dicom_code: UNKNOWN, verdict: Verdict::Review, check: disputed },
    Rule { code: "low_confidence", dicom_code: UNKNOWN, verdict: Verdict::Review, check: low_confidence },
    Rule { code: "imprecise", dicom_code: UNKNOWN, verdict: Verdict::Review, check: imprecise },
    Rule { code: "rotated", dicom_code: POSITIONING, verdict: Verdict::Review, check: rotated },
    Rule { code: "underexposed", dicom_code: UNDER, verdict: Verdict::Review, check: underexposed },
    Rule { code: "overexposed", dicom_code: OVER, verdict: Verdict::Review, check: overexposed },
];

/// What the rules look at.
pub struct Evidence<'a> {
    header: Applicability,
    detection: &'a Detection,
    measurements: &'a Measurements,
    field: Field,
    exposure: Exposure,
    signs: Signs,
    limits: Limits,
}

/// The verdict on a film that was looked at, with its reasons.
pub fn judge(
    radiograph: &Radiograph,
    detection: &Detection,
    measurements: &Measurements,
    settings: &Settings,
) -> Quality {
    let evidence = Evidence {
        header: applicability::applicability(&radiograph.acquisition),
        detection,
        measurements,
        field: Field::of(&radiograph.image),
        exposure: exposure::of(radiograph, &detection.keypoints, &settings.exposure),
        signs: signs::read(&radiograph.image, &detection.keypoints, detection.rotation),
        limits: settings.quality,
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

    /// A score that is no number counts as low; and what shows fewer than two vertebrae shows no neck, whatever the score.
    fn looks_otherwise(&self) -> bool {
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

    fn reading(&self, quantity: Quantity) -> Option<&Reading> {
        self.measurements.get(quantity, None)
    }

    fn is_ok(&self, quantity: Quantity) -> bool {
        matches!(self.reading(quantity), Some(Reading::Ok(_)))
    }

    /// Neither C2–C7 nor C2–C6 could be read without reservation.
    fn curvature_lost(&self) -> bool {
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

fn level_cut_off(evidence: &Evidence<'_>) -> Option<String> {
    let cut = evidence.field.cut_off(&evidence.detection.keypoints);
    let (_, edge) = *cut.first()?;
    let names: Vec<_> = cut.iter().map(|(v, _)| v.name()).collect();
    let what = match edge {
        Edge::Lower => "Open the collimation downwards or centre lower (on C4), shoulders down",
        Edge::Upper => "Open the collimation upwards or centre higher (on C4)",
        Edge::Left | Edge::Right => "Open the collimation sideways or move the neck to the middle of the field",
    };
    Some(format!("{} cut off at the {} edge of the field. {what}, and repeat.", are(&names), edge.name()))
}

/// `C7 is`, `C6 and C7 are`.
fn are(names: &[&str]) -> String {
    match names {
        [one] => format!("{one} is"),
        [first @ .., last] => format!("{} and {last} are", first.join(", ")),
        [] => String::new(),
    }
}

const SHOULDERS: &str =
    "Shoulders down on breathing out, weights in both hands; if that does not help, a swimmer's view";

fn c7_surely_hidden(evidence: &Evidence<'_>) -> Option<String> {
    let (visibility, certainty) = evidence.detection.c7_visibility;
    let hidden = visibility == C7Visibility::Hidden && certainty >= evidence.limits.c7_certainty;
    if hidden && evidence.curvature_lost() {
        return Some(format!(
            "The shoulders hide C7, and C6 cannot be relied on either: the curvature cannot be read. {SHOULDERS}."
        ));
    }
    (hidden && evidence.limits.repeat_hidden_c7).then(|| {
        format!("The shoulders hide C7: Cobb C2–C7 and SVA rest on a guess. {SHOULDERS}. C2–C6 can be read as it is.")
    })
}

fn c7_hidden(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.detection.c7_visibility.0 == C7Visibility::Hidden)
        .then(|| format!("The shoulders seem to hide C7: read C2–C6 instead, or repeat if C7 is needed. {SHOULDERS}."))
}

/// A part of C7 is enough where its corners were found surely.
fn c7_partly_hidden(evidence: &Evidence<'_>) -> Option<String> {
    let partly = evidence.detection.c7_visibility.0 == C7Visibility::Partial;
    (partly && !evidence.is_ok(Quantity::C2C7Cobb)).then(|| {
        format!(
            "The shoulders hide a part of C7, and its end-plates are uncertain: check them on the film. {SHOULDERS}."
        )
    })
}

fn unlike_header(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.header == Applicability::LateralNeck && evidence.looks_otherwise()).then(|| {
        format!(
            "The header says lateral cervical spine, but the image does not look like one (score {:.2}). Check body part \
             and view at the modality, and the film itself.",
            evidence.detection.lateral_cervical
        )
    })
}

/// An angle that is withheld although its landmarks and the side faced are there was withheld for a contradiction.
fn inconsistent(evidence: &Evidence<'_>) -> Option<String> {
    evidence.detection.facing?;
    let whole = |v: Vertebra| {
        let mut corners = LandmarkId::all().filter(|id| matches!(id, LandmarkId::Corner(w, _) if *w == v));
        corners.all(|id| evidence.detection.keypoints.get(id).is_some())
    };
    let whys = evidence.measurements.0.iter().filter_map(|m| match (m.quantity, m.level, &m.reading) {
        (Quantity::SegmentalAngle | Quantity::BodyWedge, Some(level), Reading::Withheld(why)) => {
            (whole(Level::upper(level)) && whole(Level::lower(level))).then_some(why)
        }
        _ => None,
    });
    let mut told: Vec<&String> = Vec::new();
    for why in whys {
        if !told.contains(&why) {
            told.push(why);
        }
    }
    let first = told.first()?;
    let more = if told.len() > 1 { " (and more)" } else { "" };
    Some(format!("The landmarks contradict each other: {first}{more}. Look at the drawing before any number is used."))
}

/// The model of the whole film and a specialist contradict each other over a corner.
fn disputed(evidence: &Evidence<'_>) -> Option<String> {
    let corners = evidence.detection.disputed.iter().filter(|id| matches!(id, LandmarkId::Corner(..)));
    let mut names: Vec<&str> = corners.map(|id| id.vertebra().name()).collect();
    names.dedup();
    let last = names.pop()?;
    let levels = if names.is_empty() { last.to_owned() } else { format!("{} and {last}", names.join(", ")) };
    Some(format!(
        "The models place corners of {levels} differently on the whole film and on a closer view of it, further apart than \
         their spreads allow. Check these corners on the drawing before the numbers are used."
    ))
}

/// What the headline numbers were doubted for, other than a hidden C7, which has its own rule.
fn low_confidence(evidence: &Evidence<'_>) -> Option<String> {
    let c7_hidden = evidence.detection.c7_visibility.0 == C7Visibility::Hidden;
    let headline: &[Quantity] =
        if c7_hidden { &[Quantity::C2C6Cobb] } else { &[Quantity::C2C7Cobb, Quantity::C2C6Cobb, Quantity::Sva] };
    // A wide interval is told by its own rule where that one speaks.
    let told = |q, estimate| measure::hardly_known(q, estimate) && imprecise(evidence).is_some();
    let why = headline.iter().find_map(|q| match evidence.reading(*q) {
        Some(Reading::Unreliable(estimate, why)) if !told(*q, estimate) => Some(why),
        _ => None,
    })?;
    Some(format!("The landmarks are uncertain: {why}. Check them on the film before the numbers are used."))
}

fn imprecise(evidence: &Evidence<'_>) -> Option<String> {
    let (low, high) = evidence.measurements.estimate(Quantity::C2C7Cobb, None)?.ci90();
    let half = (high - low) / 2.0;
    (half > evidence.limits.cobb_half_width_deg).then(|| {
        format!(
            "The landmarks are not sharp: the C2–C7 Cobb angle is only known to ±{half:.0}°. Check the corners on the film \
             before the numbers are used."
        )
    })
}

fn rotated(evidence: &Evidence<'_>) -> Option<String> {
    let rotation = evidence.detection.rotation?.abs();
    (rotation > evidence.limits.rotation_deg).then(|| {
        format!(
            "The neck is turned by about {rotation:.0}°: walls and end-plates show twice. Bring the patient square to the \
             detector, both shoulders at the same distance, if it is repeated."
        )
    })
}

fn underexposed(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.exposure.state == ExposureState::Under)
        .then(|| format!("Too little dose{}. Raise kV or mAs if it is repeated.", index(evidence.exposure)))
}

fn overexposed(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.exposure.state == ExposureState::Over)
        .then(|| format!("Too much dose{}. Lower mAs for the next one.", index(evidence.exposure)))
}

/// Without a readable curvature the film must be taken again, and this is what to change.
fn underexposed_and_unreadable(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.exposure.state == ExposureState::Under && evidence.curvature_lost()).then(|| {
        format!(
            "Too little dose{}: the vertebrae cannot be read. Raise kV or mAs and repeat.",
            index(evidence.exposure)
        )
    })
}

/// Without a readable curvature the film must be taken again, and this is what to change.
fn overexposed_and_unreadable(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.exposure.state == ExposureState::Over && evidence.curvature_lost()).then(|| {
        format!("Too much dose{}: the vertebrae cannot be read. Lower mAs and repeat.", index(evidence.exposure))
    })
}

/// ` (deviation index −4.1)`, or how the image shows it.
fn index(exposure: Exposure) -> String {
    exposure
        .deviation_index
        .map_or_else(|| " by the look of the image".to_owned(), |d| format!(" (deviation index {d:+.1})"))
}
