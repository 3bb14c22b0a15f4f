//! What the numbers cross: findings with their thresholds, and how surely.
//!
//! Every finding that could be judged is listed, present or not. One is **borderline** where its number's 90 % interval
//! holds the threshold, where the number is unreliable, and, on a film whose millimetres lie (or may lie) in the
//! detector plane, where the threshold lies between the number and the number divided by [`MAX_MAGNIFICATION`]. A number that was
//! withheld gives no finding: absence is never concluded from it.

use crate::domain::anatomy::Vertebra;
use crate::domain::geometry::{PixelSpacing, SpacingSource};
use crate::domain::measurement::{Level, Measurements, Quantity, Reading};
use crate::domain::report::{Certainty, Finding};

/// The strongest magnification of a lateral neck film in the detector plane: source at 1.2 m, shoulder between neck and
/// detector 0.3 m, gives 1.33; the usual 1.8 m gives 1.2.
pub const MAX_MAGNIFICATION: f64 = 1.33;

const DETECTOR_PLANE: &str = "Measured in the plane of the detector: the true distance is smaller by the magnification, \
                              which the film does not tell.";
const UNKNOWN_PLANE: &str = "The film does not tell whether its spacing holds in the patient or in the plane of the \
                             detector: there, the true distance is smaller by the magnification.";

/// How many levels in a row make a canal narrow by development (paper A).
const RUN: usize = 3;

/// Thresholds of the findings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// C2–C7 Cobb below this, degrees, is a severe kyphosis (paper A after Suda et al.).
    pub kyphosis_deg: f64,
    /// SVA above this, millimetres, is a sagittal imbalance (paper A).
    pub sva_high_mm: f64,
    /// SVA below this, millimetres, is told as well: paper A's second criterion.
    pub sva_low_mm: f64,
    /// A slip beyond this to either side, millimetres, is an instability (paper A).
    pub slip_mm: f64,
    /// A Pavlov ratio below this on three consecutive levels is a developmental canal stenosis (paper A).
    pub pavlov: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { kyphosis_deg: -13.0, sva_high_mm: 40.0, sva_low_mm: 15.0, slip_mm: 3.5, pavlov: 0.75 }
    }
}

/// Every finding that the measurements of one film allow.
pub fn find(measurements: &Measurements, spacing: Option<PixelSpacing>, limits: &Limits) -> Vec<Finding> {
    let plane = spacing.and_then(|s| match s.source() {
        SpacingSource::ImagerDetectorPlane => Some(DETECTOR_PLANE),
        SpacingSource::PixelSpacingUndetermined => Some(UNKNOWN_PLANE),
        _ => None,
    });
    let mut findings: Vec<Finding> = kyphosis(measurements, limits).into_iter().collect();
    findings.extend(imbalance(measurements, plane, limits));
    findings.extend(slips(measurements, plane.is_some(), limits));
    findings.extend(stenosis(measurements, limits));
    findings
}

/// On which side of a threshold a number lies, and whether its whole interval does.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Side {
    below: bool,
    certainty: Certainty,
}

/// The side of `threshold` on which a reading lies; `None` where it was withheld.
fn side(reading: &Reading, threshold: f64) -> Option<Side> {
    let estimate = reading.estimate()?;
    let clear = matches!(reading, Reading::Ok(_)) && !estimate.straddles(threshold);
    Some(Side { below: estimate.value() < threshold, certainty: certainty(clear) })
}

const fn certainty(clear: bool) -> Certainty {
    if clear { Certainty::Clear } else { Certainty::Borderline }
}

/// Whether a length that may lie in the detector plane is beyond `limit` only by its magnification.
fn only_by_magnification(magnified: bool, length: f64, limit: f64) -> bool {
    magnified && length > limit && length / MAX_MAGNIFICATION < limit
}

fn doubt(reading: &Reading) -> Option<String> {
    match reading {
        Reading::Unreliable(_, reason) => Some(format!("The number is unreliable: {reason}.")),
        Reading::Ok(_) | Reading::Withheld(_) => None,
    }
}

/// C2–C7 Cobb, or C2–C6 where C7 cannot be relied on (paper A, discussion).
fn kyphosis(measurements: &Measurements, limits: &Limits) -> Option<Finding> {
    let whole = measurements.get(Quantity::C2C7Cobb, None);
    let short = measurements.get(Quantity::C2C6Cobb, None).filter(|r| matches!(r, Reading::Ok(_)));
    let (reading, level, detail) = match (whole, short) {
        (Some(whole @ Reading::Ok(_)), _) => (whole, None, None),
        (_, Some(short)) => {
            let told = "Judged on C2–C6, because C7 cannot be relied on.".to_owned();
            (short, Level::span(Vertebra::C2, Vertebra::C6), Some(told))
        }
        (Some(whole), None) => (whole, None, doubt(whole)),
        (None, None) => return None,
    };
    let Side { below, certainty } = side(reading, limits.kyphosis_deg)?;
    Some(Finding { name: "severe_kyphosis", level, present: below, certainty, threshold: limits.kyphosis_deg, detail })
}

/// SVA against its upper threshold; the band below the lower one is told in the detail.
fn imbalance(measurements: &Measurements, plane: Option<&str>, limits: &Limits) -> Option<Finding> {
    let reading = measurements.get(Quantity::Sva, None)?;
    let (high, low) = (limits.sva_high_mm, limits.sva_low_mm);
    let upper = side(reading, high)?;
    let lower = side(reading, low)?;
    let value = reading.estimate()?.value();
    let magnification_decides = only_by_magnification(plane.is_some(), value, high);
    let mut detail: Vec<String> = doubt(reading).into_iter().collect();
    match (lower.below, lower.certainty) {
        (true, Certainty::Clear) => detail.push(format!("Below {low} mm, the lower criterion.")),
        (true, Certainty::Borderline) => detail.push(format!("Below {low} mm, the lower criterion (borderline).")),
        (false, Certainty::Borderline) => detail.push(format!("Close to {low} mm, the lower criterion (borderline).")),
        (false, Certainty::Clear) => {}
    }
    detail.extend(plane.map(str::to_owned));
    Some(Finding {
        name: "sagittal_imbalance",
        level: None,
        present: !upper.below,
        certainty: certainty(upper.certainty == Certainty::Clear && !magnification_decides),
        threshold: high,
        detail: (!detail.is_empty()).then(|| detail.join(" ")),
    })
}

/// The static slip of every segment; what moves is told by flexion and extension (`study`).
fn slips<'a>(
    measurements: &'a Measurements,
    magnified: bool,
    limits: &'a Limits,
) -> impl Iterator<Item = Finding> + 'a {
    Level::segments().filter_map(move |(_, _, level)| {
        let reading = measurements.get(Quantity::SlipDistance, Some(level))?;
        let estimate = reading.estimate()?;
        let limit = limits.slip_mm;
        let present = estimate.value().abs() > limit;
        let clear = matches!(reading, Reading::Ok(_))
            && !estimate.straddles(limit)
            && !estimate.straddles(-limit)
            && !only_by_magnification(magnified, estimate.value().abs(), limit);
        let told = match (present, estimate.value() > 0.0) {
            (true, true) => "Anterolisthesis on a single film.",
            (true, false) => "Retrolisthesis on a single film.",
            (false, _) => "A single film cannot show that a level is stable: flexion and extension can.",
        };
        let detail = [Some(told.to_owned()), doubt(reading)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Some(Finding {
            name: "instability",
            level: Some(level),
            present,
            certainty: certainty(clear),
            threshold: limit,
            detail: Some(detail),
        })
    })
}

/// Pavlov below its threshold on three levels in a row.
fn stenosis(measurements: &Measurements, limits: &Limits) -> Vec<Finding> {
    let levels = Vertebra::WITH_CANAL;
    let sides = levels.map(|v| {
        let reading = measurements.get(Quantity::Pavlov, Some(Level::vertebra(v)))?;
        side(reading, limits.pavlov)
    });
    let finding = |level, present, clear, detail: Option<String>| Finding {
        name: "developmental_canal_stenosis",
        level,
        present,
        certainty: certainty(clear),
        threshold: limits.pavlov,
        detail,
    };
    if sides.iter().all(Option::is_none) {
        return Vec::new();
    }
    let narrow = |side: &Option<Side>| side.is_some_and(|s| s.below);
    let surely =
        |side: &Option<Side>, below: bool| side.is_some_and(|s| s.below == below && s.certainty == Certainty::Clear);
    let runs: Vec<Finding> = levels
        .iter()
        .zip(&sides)
        .collect::<Vec<_>>()
        .chunk_by(|(_, a), (_, b)| narrow(a) == narrow(b))
        .filter(|run| run.len() >= RUN && run.iter().all(|(_, s)| narrow(s)))
        .filter_map(|run| {
            let level = Level::span(*run.first()?.0, *run.last()?.0);
            let clear = run.windows(RUN).any(|window| window.iter().all(|(_, s)| surely(s, true)));
            Some(finding(level, true, clear, None))
        })
        .collect();
    if !runs.is_empty() {
        return runs;
    }
    // Absent for sure where every three in a row hold one level that is surely wide enough.
    let clear = sides.windows(RUN).all(|window| window.iter().any(|s| surely(s, false)));
    let unread: Vec<_> = levels.iter().zip(&sides).filter(|(_, s)| s.is_none()).map(|(v, _)| v.name()).collect();
    let detail = (!clear && !unread.is_empty()).then(|| format!("Not measured: {}.", unread.join(", ")));
    vec![finding(None, false, clear, detail)]
}
