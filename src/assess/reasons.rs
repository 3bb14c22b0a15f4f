//! The rules one by one: when each applies, and the sentence that tells the radiographer what is wrong and what to do
//! differently. `quality` puts them in order.

use super::applicability::Applicability;
use super::cut_off::Edge;
use super::exposure;
use super::patch::clear_corners;
use super::quality::Evidence;
use crate::domain::anatomy::{LandmarkId, Vertebra};
use crate::domain::detection::C7Visibility;
use crate::domain::measurement::{Level, Quantity, Reading};
use crate::domain::report::{Exposure, ExposureState};
use crate::measure;

pub(super) fn level_cut_off(evidence: &Evidence<'_>) -> Option<String> {
    let cuts = evidence.field.cut_off(&evidence.detection.keypoints);
    let edge = cuts.first()?.edge;
    let names: Vec<_> = cuts.iter().map(|c| c.vertebra.name()).collect();
    let beyond = cuts.iter().filter(|c| c.edge == edge).map(|c| c.beyond).fold(0.0, f64::max);
    let missing = evidence.millimetres(beyond).map_or_else(String::new, |mm| format!(", by about {mm:.0} mm"));
    let what = match edge {
        Edge::Lower => "Open the collimation downwards or centre lower (on C4), shoulders down",
        Edge::Upper => "Open the collimation upwards or centre higher (on C4)",
        Edge::Left | Edge::Right => "Open the collimation sideways or move the neck to the middle of the field",
    };
    Some(format!("{} cut off at the {} edge of the field{missing}. {what}, and repeat.", are(&names), edge.name()))
}

/// `C7 is`, `C6 and C7 are`.
fn are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", listed(names))
}

/// `C7`, `C6 and C7`, `C5, C6 and C7`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

const SHOULDERS: &str =
    "Shoulders down on breathing out, weights in both hands; if that does not help, a swimmer's view";

/// How much the shoulders hide: C7, or C6 as well where its lower end-plate cannot be relied on.
fn hidden(evidence: &Evidence<'_>) -> &'static str {
    if evidence.is_ok(Quantity::C2C6Cobb) { "the whole of C7" } else { "the whole of C7 and a part of C6" }
}

pub(super) fn c7_surely_hidden(evidence: &Evidence<'_>) -> Option<String> {
    let (visibility, certainty) = evidence.detection.c7_visibility;
    let surely = visibility == C7Visibility::Hidden && certainty >= evidence.limits.c7_certainty;
    if surely && evidence.curvature_lost() {
        return Some(format!("The shoulders hide {}: the curvature cannot be read. {SHOULDERS}.", hidden(evidence)));
    }
    (surely && evidence.limits.repeat_hidden_c7).then(|| {
        format!(
            "The shoulders hide {}: Cobb C2–C7 and SVA rest on a guess. {SHOULDERS}. C2–C6 can be read as it is.",
            hidden(evidence)
        )
    })
}

pub(super) fn c7_hidden(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.detection.c7_visibility.0 == C7Visibility::Hidden).then(|| {
        format!(
            "The shoulders seem to hide {}: read C2–C6 instead, or repeat if C7 is needed. {SHOULDERS}.",
            hidden(evidence)
        )
    })
}

/// A part of C7 is enough where its corners were found surely.
pub(super) fn c7_partly_hidden(evidence: &Evidence<'_>) -> Option<String> {
    let partly = evidence.detection.c7_visibility.0 == C7Visibility::Partial;
    (partly && !evidence.is_ok(Quantity::C2C7Cobb)).then(|| {
        let clear = clear_corners(&evidence.detection.keypoints, Vertebra::C7);
        format!(
            "The shoulders hide a part of C7 ({clear} of its 4 corners are clear), and its end-plates are uncertain: check \
             them on the film. {SHOULDERS}."
        )
    })
}

const SQUARE: &str = "Stand or seat the patient square to the detector, both shoulders at the same distance from it, head \
                      straight";

pub(super) fn turned_away(evidence: &Evidence<'_>) -> Option<String> {
    let limits = &evidence.limits;
    Some(format!("{}, and repeat.", askew(evidence, limits.rotation_repeat_deg, limits.lean_repeat_deg)?))
}

pub(super) fn rotated(evidence: &Evidence<'_>) -> Option<String> {
    let limits = &evidence.limits;
    Some(format!("{}, if it is repeated.", askew(evidence, limits.rotation_deg, limits.lean_deg)?))
}

/// What a neck does that is turned or leans beyond these limits, and what helps. Lean first: it costs the end-plates.
fn askew(evidence: &Evidence<'_>, most_rotation: f64, most_lean: f64) -> Option<String> {
    let beyond = |value: Option<f64>, most: f64| value.filter(|v| *v > most && evidence.has_tone());
    if let Some(lean) = beyond(evidence.signs.lean, most_lean) {
        return Some(format!(
            "The neck leans towards the detector or away from it by about {lean:.0}°: end-plates show twice. Bring the neck \
             parallel to the detector, both ears at one height"
        ));
    }
    let rotation = beyond(evidence.signs.rotation, most_rotation)?;
    Some(format!("The neck is turned by about {rotation:.0}°: walls and joints show twice. {SQUARE}"))
}

const BLURRED: &str = "The end-plates are blurred and the walls are not: the patient moved";
const STILL: &str = "Support the head, let the patient stop breathing and swallowing, shorten the exposure";

pub(super) fn moved(evidence: &Evidence<'_>) -> Option<String> {
    let smear = evidence.signs.smear.filter(|_| evidence.has_tone())?;
    (smear < evidence.limits.smear_repeat).then(|| format!("{BLURRED}. {STILL}, and repeat."))
}

pub(super) fn perhaps_moved(evidence: &Evidence<'_>) -> Option<String> {
    let smear = evidence.signs.smear.filter(|_| evidence.has_tone())?;
    (smear < evidence.limits.smear)
        .then(|| format!("{BLURRED}. Check that both ends of each end-plate can be seen. {STILL}, if it is repeated."))
}

/// Metal over a body. Whether it comes off, the image does not tell.
pub(super) fn artifact(evidence: &Evidence<'_>) -> Option<String> {
    let over = |(v, times): &(Vertebra, f64)| (*times > evidence.limits.metal).then(|| v.name());
    let names: Vec<&str> = evidence.signs.metal.iter().filter_map(over).collect();
    (!names.is_empty() && evidence.has_tone()).then(|| {
        format!(
            "Something as bright as metal lies over {}: check the corners beside it. If it is jewellery, a clasp, a hearing \
             aid or a collar, take it off and repeat; an implant stays.",
            listed(&names)
        )
    })
}

pub(super) fn unlike_header(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.header == Applicability::LateralNeck && evidence.looks_otherwise()).then(|| {
        format!(
            "The header says lateral cervical spine, but the image does not look like one (score {:.2}). Check body part \
             and view at the modality, and the film itself.",
            evidence.detection.lateral_cervical
        )
    })
}

/// An angle that is withheld although its landmarks and the side faced are there was withheld for a contradiction.
pub(super) fn inconsistent(evidence: &Evidence<'_>) -> Option<String> {
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

/// Bone is dark: what follows the film looks at its inverse, and so does the report.
pub(super) fn negative(evidence: &Evidence<'_>) -> Option<String> {
    evidence.detection.negative.then(|| {
        "The film came as a negative, bone dark, and was read with bright and dark exchanged. Check the drawing, and the polarity of \
         the export at the modality (PhotometricInterpretation, PresentationLUTShape)."
            .to_owned()
    })
}

/// The model of the whole film and a specialist contradict each other over a corner.
pub(super) fn disputed(evidence: &Evidence<'_>) -> Option<String> {
    let corners = evidence.detection.disputed.iter().filter(|id| matches!(id, LandmarkId::Corner(..)));
    let mut names: Vec<&str> = corners.map(|id| id.vertebra().name()).collect();
    names.dedup();
    (!names.is_empty()).then(|| {
        format!(
            "The models place corners of {} differently on the whole film and on a closer view of it, further apart than \
             their spreads allow. Check these corners on the drawing before the numbers are used.",
            listed(&names)
        )
    })
}

/// What the headline numbers were doubted for, other than a hidden C7, which has its own rule.
pub(super) fn low_confidence(evidence: &Evidence<'_>) -> Option<String> {
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

pub(super) fn imprecise(evidence: &Evidence<'_>) -> Option<String> {
    let (low, high) = evidence.measurements.estimate(Quantity::C2C7Cobb, None)?.ci90();
    let half = (high - low) / 2.0;
    (half > evidence.limits.cobb_half_width_deg).then(|| {
        format!(
            "The landmarks are not sharp: the C2–C7 Cobb angle is only known to ±{half:.0}°. Check the corners on the film \
             before the numbers are used."
        )
    })
}

pub(super) fn underexposed(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.exposure.state == ExposureState::Under)
        .then(|| format!("Too little dose{}. {} if it is repeated.", index(evidence.exposure), more(evidence.exposure)))
}

/// A good detector forgives: AAPM TG-116 repeats for too much dose only where something was burnt out.
pub(super) fn overexposed(evidence: &Evidence<'_>) -> Option<String> {
    (evidence.exposure.state == ExposureState::Over).then(|| {
        format!(
            "Too much dose{}. No need to repeat: {} for the next one.",
            index(evidence.exposure),
            less(evidence.exposure)
        )
    })
}

/// Noise covers the end-plates, or the curvature was lost.
pub(super) fn underexposed_and_unreadable(evidence: &Evidence<'_>) -> Option<String> {
    let lost =
        exposure::drowned(&evidence.signs, evidence.exposure, &evidence.exposure_limits) || evidence.curvature_lost();
    (evidence.exposure.state == ExposureState::Under && lost).then(|| {
        format!(
            "Too little dose{}: noise covers the end-plates. {} and repeat.",
            index(evidence.exposure),
            more(evidence.exposure)
        )
    })
}

/// The neck is burnt out, or the curvature was lost.
pub(super) fn overexposed_and_unreadable(evidence: &Evidence<'_>) -> Option<String> {
    let lost = exposure::burnt(&evidence.signs, &evidence.exposure_limits) || evidence.curvature_lost();
    (evidence.exposure.state == ExposureState::Over && lost).then(|| {
        let less = less(evidence.exposure);
        format!(
            "Too much dose{}: the neck is burnt out. Before the next one {less}, and repeat.",
            index(evidence.exposure)
        )
    })
}

/// ` (deviation index −4.1)`, or how the image shows it.
fn index(exposure: Exposure) -> String {
    exposure
        .deviation_index
        .map_or_else(|| " by the look of the image".to_owned(), |d| format!(" (deviation index {d:+.1})"))
}

/// What brings the deviation index to 0: it counts tenths of a decade of dose (IEC 62494-1).
fn more(exposure: Exposure) -> String {
    exposure.deviation_index.filter(|d| *d < -1.0).map_or_else(
        || "Raise kV or mAs".to_owned(),
        |d| format!("Take about {:.0} times the mAs, or more kV and less mAs,", 10f64.powf(-d / 10.0).clamp(2.0, 20.0)),
    )
}

/// As [`more`], the other way.
fn less(exposure: Exposure) -> String {
    exposure.deviation_index.filter(|d| *d > 1.0).map_or_else(
        || "lower the mAs".to_owned(),
        |d| format!("lower the mAs to about {:.0} %", 100.0 * 10f64.powf(-d / 10.0).clamp(0.01, 1.0)),
    )
}
