//! One film against its truth: how far each landmark is off, which levels bear the right name, what each number says.
//!
//! A level is **named right** where the corners found under its name lie, on average, within 0.4 of a level's height of
//! the true ones; a level's height is the mean distance between the same corners of neighbouring vertebrae. Only what
//! lies on the picture is asked for: a landmark whose true place is outside it, and a number that rests on one, count
//! neither way. Where the truth holds only some landmarks, those alone are scored.

use crate::domain::anatomy::{Corner, Facing, Keypoints, Landmark, LandmarkId, Stage, Vertebra};
use crate::domain::detection::C7Visibility;
use crate::domain::geometry::{PixelSpacing, PointPx};
use crate::domain::measurement::{Estimate, Level, Quantity, Reading};
use crate::domain::report::{Position, Report, Verdict};
use crate::phantom::truth::Truth;

use super::reference;

/// A level is named right within this share of a level's height; half a level up or down it could be either.
pub const NAMED_WITHIN: f64 = 0.4;
/// So many corners of a body must be known, and found, to say where the body is.
const LEAST_CORNERS: usize = 2;

/// What a film shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A neck from the side.
    Neck,
    /// Anything else.
    Other,
}

/// How far a landmark is from its true place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Off {
    /// Film pixels.
    pub px: f64,
    /// The spread that was reported, film pixels.
    pub sigma_px: f64,
    /// The pass that placed it.
    pub stage: Stage,
}

/// A landmark whose true place lies on the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LandmarkScore {
    /// Which.
    pub id: LandmarkId,
    /// Whether a reader could see it.
    pub visible: bool,
    /// `None` where it was not found.
    pub off: Option<Off>,
}

/// What became of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Found under its own name.
    Right,
    /// Its name stands on the body so many levels further down (negative: up).
    Shifted(i8),
    /// Its name stands where no body is.
    Astray,
    /// Not found.
    Missing,
    /// Found although it lies outside the picture.
    Invented,
}

/// A level that could be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelScore {
    /// Which.
    pub vertebra: Vertebra,
    /// Whether a reader could see any of its corners.
    pub visible: bool,
    /// What became of it.
    pub fate: Fate,
}

/// The naming of a whole film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Every visible level found, and no name on a wrong place.
    Right,
    /// Every name that was given stands the same number of levels too low (negative: too high).
    Shifted(i8),
    /// Some names stand on wrong places.
    Wrong,
    /// No name on a wrong place, but a visible level was not found.
    Incomplete,
    /// The film was taken for something that is no neck.
    Refused,
    /// The truth tells too little.
    NotJudged,
}

/// A number that the truth tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberScore {
    /// What.
    pub quantity: Quantity,
    /// Where; `None` for the whole neck.
    pub level: Option<Level>,
    /// As it is, in the quantity's unit.
    pub truth: f64,
    /// As reported, and whether without reservation; `None` where withheld.
    pub found: Option<(Estimate, bool)>,
}

/// One film, scored.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmScore {
    /// The film's name.
    pub file: String,
    /// What it truly shows.
    pub kind: Kind,
    /// True position of the neck, where told.
    pub view: Option<Position>,
    /// True visibility of C7, where told.
    pub c7: Option<C7Visibility>,
    /// As reported.
    pub verdict: Verdict,
    /// C7 as reported.
    pub c7_found: Option<C7Visibility>,
    /// Whether the side faced was found; `None` where the truth does not tell or the film was refused.
    pub facing_right: Option<bool>,
    /// Millimetres a pixel.
    pub spacing_mm: Option<f64>,
    /// Every landmark that the truth places on the picture.
    pub landmarks: Vec<LandmarkScore>,
    /// Every level that could be judged.
    pub levels: Vec<LevelScore>,
    /// Every number that the truth tells.
    pub numbers: Vec<NumberScore>,
}

impl FilmScore {
    /// The naming of the whole film.
    pub fn naming(&self) -> Naming {
        if self.kind == Kind::Other || self.levels.is_empty() {
            return Naming::NotJudged;
        }
        if self.verdict == Verdict::NotApplicable {
            return Naming::Refused;
        }
        if let Some(by) = self.shift() {
            return Naming::Shifted(by);
        }
        let found = || self.levels.iter().filter(|l| l.fate != Fate::Missing);
        if found().any(|l| l.fate != Fate::Right) {
            Naming::Wrong
        } else if self.levels.iter().any(|l| l.visible && l.fate == Fate::Missing) {
            Naming::Incomplete
        } else {
            Naming::Right
        }
    }

    /// By how many levels every name that was given stands too low; a name that would then stand on a body of which the
    /// truth knows nothing (T1, or one that the reader did not mark) counts with the others.
    fn shift(&self) -> Option<i8> {
        let by = self.levels.iter().find_map(|l| if let Fate::Shifted(by) = l.fate { Some(by) } else { None })?;
        let unmarked = |v: Vertebra| !self.levels.iter().any(|l| l.vertebra as i8 == v as i8 + by);
        let shifted = |l: &LevelScore| match l.fate {
            Fate::Shifted(other) => other == by,
            Fate::Astray => unmarked(l.vertebra),
            Fate::Missing => true,
            Fate::Right | Fate::Invented => false,
        };
        self.levels.iter().all(shifted).then_some(by)
    }

    /// What became of `vertebra`, where it was judged.
    pub fn fate(&self, vertebra: Vertebra) -> Option<Fate> {
        self.levels.iter().find(|l| l.vertebra == vertebra).map(|l| l.fate)
    }
}

/// Holds what was reported of the film `file` against what is true of it.
pub fn score(file: &str, truth: &Truth, report: &Report) -> FilmScore {
    let kind = if truth.kind.as_deref() == Some("other") { Kind::Other } else { Kind::Neck };
    let refused = report.assessment.quality.verdict == Verdict::NotApplicable;
    let mut score = FilmScore {
        file: file.to_owned(),
        kind,
        view: truth.view.as_deref().and_then(position),
        c7: truth.c7_visibility.as_deref().and_then(c7),
        verdict: report.assessment.quality.verdict,
        c7_found: report.assessment.quality.c7_visibility,
        facing_right: None,
        spacing_mm: reference::spacing(truth).or(report.spacing).map(PixelSpacing::mm_per_pixel),
        landmarks: Vec::new(),
        levels: Vec::new(),
        numbers: Vec::new(),
    };
    if kind == Kind::Neck {
        let on_picture =
            |p: PointPx| (0.0..=report.width as f64).contains(&p.x) && (0.0..=report.height as f64).contains(&p.y);
        score.facing_right = reference::facing(truth).filter(|_| !refused).map(|side| report.facing == Some(side));
        score.landmarks = landmarks(truth, &report.keypoints, on_picture);
        score.levels = levels(truth, &report.keypoints, on_picture);
        score.numbers = numbers(truth, report, on_picture);
    }
    score
}

fn landmarks(truth: &Truth, found: &Keypoints, on_picture: impl Fn(PointPx) -> bool) -> Vec<LandmarkScore> {
    let off =
        |at: PointPx, l: &Landmark| Off { px: l.position.distance(at), sigma_px: l.covariance.sigma(), stage: l.stage };
    LandmarkId::all()
        .filter_map(|id| truth.landmark(id).map(|(at, visible)| (id, at, visible)))
        .filter(|(_, at, _)| on_picture(*at))
        .map(|(id, at, visible)| LandmarkScore { id, visible, off: found.get(id).map(|l| off(at, l)) })
        .collect()
}

/// The true corners of a body, in the order of [`Corner::ALL`].
fn corners(truth: &Truth, vertebra: Vertebra) -> [Option<(PointPx, bool)>; 4] {
    Corner::ALL.map(|corner| truth.landmark(LandmarkId::Corner(vertebra, corner)))
}

/// The mean distance between the same corners of neighbouring bodies, pixels.
fn level_height(truth: &Truth) -> Option<f64> {
    let distances: Vec<f64> = Level::segments()
        .flat_map(|(upper, lower, _)| {
            corners(truth, upper).into_iter().zip(corners(truth, lower)).filter_map(|pair| match pair {
                (Some((a, _)), Some((b, _))) => Some(a.distance(b)),
                _ => None,
            })
        })
        .collect();
    super::statistics::mean(&distances).filter(|height| *height > 0.0)
}

/// How far the body found as `name` lies from the true body of `place`, pixels: the mean over the corners that both have.
fn gap(truth: &Truth, found: &Keypoints, name: Vertebra, place: Vertebra) -> Option<f64> {
    let moves: Vec<PointPx> = Corner::ALL
        .into_iter()
        .filter_map(|corner| {
            let (at, _) = truth.landmark(LandmarkId::Corner(place, corner))?;
            Some(found.corner(name, corner)?.from(at))
        })
        .collect();
    let n = moves.len() as f64;
    let mean = |part: fn(&PointPx) -> f64| moves.iter().map(part).sum::<f64>() / n;
    (moves.len() >= LEAST_CORNERS).then(|| mean(|p| p.x).hypot(mean(|p| p.y)))
}

fn levels(truth: &Truth, found: &Keypoints, on_picture: impl Fn(PointPx) -> bool) -> Vec<LevelScore> {
    let Some(height) = level_height(truth) else { return Vec::new() };
    let near = |name, place| gap(truth, found, name, place).map(|gap| gap < NAMED_WITHIN * height);
    let judge = |vertebra: Vertebra| {
        let known: Vec<(PointPx, bool)> = corners(truth, vertebra).into_iter().flatten().collect();
        let inside = known.iter().filter(|(at, _)| on_picture(*at)).count();
        if known.len() < LEAST_CORNERS || (inside > 0 && inside < known.len()) {
            return None;
        }
        let fate = match near(vertebra, vertebra) {
            // A level beyond the edge is right to be missing.
            None if inside == 0 => return None,
            _ if inside == 0 => Fate::Invented,
            None => Fate::Missing,
            Some(true) => Fate::Right,
            Some(false) => Vertebra::ALL
                .into_iter()
                .find(|place| *place != vertebra && near(vertebra, *place) == Some(true))
                .map_or(Fate::Astray, |place| Fate::Shifted(place as i8 - vertebra as i8)),
        };
        Some(LevelScore { vertebra, visible: known.iter().any(|(_, visible)| *visible), fate })
    };
    Vertebra::ALL.into_iter().filter_map(judge).collect()
}

/// Every number that the truth tells, by its own list or by its landmarks on the picture.
fn numbers(truth: &Truth, report: &Report, on_picture: impl Fn(PointPx) -> bool) -> Vec<NumberScore> {
    let (whole, seen) = (reference::measured(truth, |_| true), reference::measured(truth, on_picture));
    let given = |quantity: Quantity, level: Option<Level>| {
        let level = level.map(|level| level.to_string());
        truth.measurements.iter().find(|m| m.name == quantity.name() && m.level == level).map(|m| m.value)
    };
    // The table always has all its rows, in the same order.
    let rows = whole.0.iter().zip(&seen.0);
    rows.filter_map(|(whole, seen)| {
        let (quantity, level) = (whole.quantity, whole.level);
        let truth = match (whole.reading.estimate(), seen.reading.estimate()) {
            (_, Some(seen)) => given(quantity, level).unwrap_or(seen.value()),
            // Its landmarks are known and lie outside the picture: nobody could read it.
            (Some(_), None) => return None,
            (None, None) => given(quantity, level)?,
        };
        let found = match report.measurements.get(quantity, level) {
            Some(Reading::Ok(estimate)) => Some((*estimate, true)),
            Some(Reading::Unreliable(estimate, _)) => Some((*estimate, false)),
            Some(Reading::Withheld(_)) | None => None,
        };
        Some(NumberScore { quantity, level, truth, found })
    })
    .collect()
}

fn position(name: &str) -> Option<Position> {
    [Position::Neutral, Position::Flexion, Position::Extension].into_iter().find(|p| p.name() == name)
}

fn c7(name: &str) -> Option<C7Visibility> {
    [C7Visibility::Full, C7Visibility::Partial, C7Visibility::Hidden].into_iter().find(|c| c.name() == name)
}

/// The name of a landmark: `C2.antero_superior`, `C5.spinolaminar_inferior`.
pub fn name(id: LandmarkId) -> String {
    format!("{}.{}", id.vertebra().name(), id.part())
}

/// What the truth names and nobody here knows: a slip of the pen, or more than is measured. Each in plain words.
pub fn unknown(truth: &Truth) -> Vec<String> {
    let vertebra = |name: &str| Vertebra::from_name(name).is_some();
    let corners =
        truth.landmarks.iter().filter(|l| !vertebra(&l.vertebra) || !Corner::ALL.iter().any(|c| c.name() == l.corner));
    let laminae = truth.spinolaminar.iter().filter(|l| {
        !vertebra(&l.vertebra)
            || l.vertebra == Vertebra::C2.name()
            || !["superior", "inferior"].contains(&l.end.as_str())
    });
    let numbers = truth
        .measurements
        .iter()
        .filter(|m| !Quantity::ALL.iter().any(|q| q.name() == m.name && q.unit().name() == m.unit));
    let word = |key: &str, value: &Option<String>, known: &[&str]| {
        value.as_deref().filter(|v| !known.contains(v)).map(|v| format!("{key} {v:?}"))
    };
    let words = [
        word("kind", &truth.kind, &["lateral_cervical", "other"]),
        word("facing", &truth.facing, &[Facing::Left.name(), Facing::Right.name()]),
        word("view", &truth.view, &["neutral", "flexion", "extension", "unknown"]),
        word("c7_visibility", &truth.c7_visibility, &["full", "partial", "hidden"]),
    ];
    let spacing = truth.spacing_mm.filter(|_| reference::spacing(truth).is_none());
    corners
        .map(|l| format!("landmark {} {}", l.vertebra, l.corner))
        .chain(laminae.map(|l| format!("spinolaminar {} {}", l.vertebra, l.end)))
        .chain(numbers.map(|m| format!("measurement {} in {}", m.name, m.unit)))
        .chain(words.into_iter().flatten())
        .chain(spacing.map(|mm| format!("spacing_mm {mm}, which no film has")))
        .collect()
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
