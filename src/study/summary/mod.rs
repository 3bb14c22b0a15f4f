//! A study in plain words: first what is missing while the patient is there, then what moves, how the neck stands, what
//! several indicators say together, what could not be said and why, and where the thresholds come from.
//!
//! What is said is decided once, as a list of [`Line`]s without words; each language is one file with one `match` over
//! them. So the compiler proves every language complete: a new kind of line does not compile until all have words for it.
//! No language translates sentences of another: reasons come as [`Cause`]s.

mod en;
mod gather;
mod zh_hans;

pub use gather::{lines, span};

use crate::domain::anatomy::Vertebra;
use crate::domain::measurement::{Cause, Estimate, Level, Quantity};
use crate::domain::report::{Certainty, Position};

use super::Disagreement;

/// A language that summaries are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    SimplifiedChinese,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::SimplifiedChinese];

    /// Its tag after BCP 47, which is its name in the configuration and on the wire.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::SimplifiedChinese => "zh-Hans",
        }
    }

    /// The words for `line`: one paragraph of whole sentences, without a line break.
    pub fn say(self, line: &Line) -> String {
        match self {
            Self::English => en::say(line),
            Self::SimplifiedChinese => zh_hans::say(line),
        }
    }
}

/// A number with its interval, and whether it is to be distrusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    /// Value and interval.
    pub estimate: Estimate,
    /// Why it is to be distrusted.
    pub doubt: Option<Cause>,
}

/// The side of a threshold on which a number lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// The threshold.
    pub threshold: f64,
    /// Whether the number lies beyond it.
    pub beyond: bool,
    /// How surely.
    pub certainty: Certainty,
}

/// What points to a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Indicator {
    /// The slip on one film.
    StaticSlip,
    /// The change of the slip between flexion and extension.
    SlipChange,
    /// The change of the slip angle between flexion and extension.
    AngleChange,
    /// A narrow canal.
    NarrowCanal,
}

impl Indicator {
    /// Every indicator.
    pub const ALL: [Self; 4] = [Self::StaticSlip, Self::SlipChange, Self::AngleChange, Self::NarrowCanal];
}

/// Why something could not be said: on which film, for which reason, because of which vertebrae.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obstacle {
    /// On the film in this position.
    pub film: Film,
    /// The reason.
    pub cause: Cause,
    /// The vertebrae that the reason names.
    pub vertebrae: Vec<Vertebra>,
}

/// A position that can be ordered, for [`Obstacle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Film {
    Neutral,
    Flexion,
    Extension,
    Unplaced,
}

impl From<Position> for Film {
    fn from(position: Position) -> Self {
        match position {
            Position::Neutral => Self::Neutral,
            Position::Flexion => Self::Flexion,
            Position::Extension => Self::Extension,
            Position::Unknown => Self::Unplaced,
        }
    }
}

/// Something that the summary says.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// The films that count, and how many were replaced.
    Films {
        /// Positions, neutral first; each unplaced film is one `Unplaced`.
        positions: Vec<Film>,
        /// How many films were taken again.
        replaced: usize,
    },
    /// A view is missing without which the motion cannot be told.
    Missing(Vec<Film>),
    /// The film called so contradicts its name.
    Disagreement(Film, Disagreement),
    /// The motion between flexion and extension.
    Range {
        /// C2–C7, or C2–C6 where C7 cannot be relied on.
        over: Level,
        /// How much.
        range: Number,
    },
    /// The motion is too little to call anything stable.
    InsufficientEffort {
        /// Degrees.
        least: f64,
    },
    /// A level is unstable.
    Unstable {
        /// Where.
        level: Level,
        /// How surely.
        certainty: Certainty,
        /// Change of the slip and its threshold, millimetres; `None` where it could not be told.
        slip: Option<(Number, f64)>,
        /// Change of the slip angle and its threshold, degrees; `None` where it could not be told.
        angle: Option<(Number, f64)>,
    },
    /// Levels that move within the thresholds.
    Stable {
        /// Which.
        levels: Vec<Level>,
        /// Those of them whose interval reaches over a threshold.
        borderline: Vec<Level>,
        /// Of the slip's change, millimetres.
        slip_mm: f64,
        /// Of the angle's change, degrees.
        angle_deg: f64,
    },
    /// The curve of the neck.
    Curve {
        /// On the film in this position.
        film: Film,
        /// C2–C7, or C2–C6 where C7 cannot be relied on.
        over: Level,
        /// Lordosis positive, degrees.
        cobb: Number,
        /// Severe kyphosis.
        kyphosis: Option<Against>,
    },
    /// How far the head stands in front.
    Balance {
        /// Millimetres, forward positive.
        sva: Number,
        /// Sagittal imbalance.
        imbalance: Option<Against>,
        /// Whether the film may show it too long.
        magnified: bool,
    },
    /// A level that slips on a single film.
    Slip {
        /// On the film in this position.
        film: Film,
        /// Where.
        level: Level,
        /// Millimetres, anterolisthesis positive.
        slip: Number,
        /// Against its threshold.
        against: Against,
    },
    /// No level slips on the film in this position.
    NoSlip {
        /// The film.
        film: Film,
        /// Millimetres.
        threshold: f64,
    },
    /// The canal is narrow over a run of levels.
    NarrowCanal {
        /// From where to where.
        level: Level,
        /// The smallest Pavlov ratio among them.
        smallest: Option<(Level, Number)>,
        /// The threshold, and how surely.
        against: Against,
    },
    /// The canal is not narrow on three levels in a row.
    WideCanal {
        /// The threshold.
        threshold: f64,
        /// How surely.
        certainty: Certainty,
    },
    /// Several indicators point to the same level.
    Support {
        /// Where.
        level: Level,
        /// What, in the order of [`Indicator`].
        indicators: Vec<Indicator>,
    },
    /// What moves at these levels could not be told.
    MotionUnknown {
        /// Which.
        levels: Vec<Level>,
        /// Why.
        why: Obstacle,
    },
    /// The motion as a whole could not be told, so that no level is called stable.
    RangeUnknown(Obstacle),
    /// There is no neutral film, so that the alignment is not told.
    NoNeutral,
    /// Quantities that could not be told.
    NotTold {
        /// Which.
        quantities: Vec<Quantity>,
        /// Why.
        why: Obstacle,
    },
    /// Films whose position nobody tells take no part in the motion.
    Unplaced(usize),
    /// Where the thresholds come from: those of the papers, and those that the site has set itself.
    Thresholds {
        /// As in paper A.
        published: Vec<Threshold>,
        /// Set by the site.
        own: Vec<Threshold>,
    },
    /// That this is no diagnosis.
    Notice,
}

/// A threshold that the summary has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// C2–C7 Cobb, degrees.
    Kyphosis(f64),
    /// SVA, millimetres.
    Imbalance(f64),
    /// Slip and its change, millimetres.
    Slip(f64),
    /// Change of the slip angle, degrees.
    Angle(f64),
    /// Pavlov on three levels in a row.
    Pavlov(f64),
}

impl Threshold {
    /// Whether it is paper A's (Nature Communications; kyphosis there after Suda et al.).
    pub fn is_published(self) -> bool {
        match self {
            Self::Kyphosis(value) => value == -13.0,
            Self::Imbalance(value) => value == 40.0,
            Self::Slip(value) => value == 3.5,
            Self::Angle(value) => value == 11.0,
            Self::Pavlov(value) => value == 0.75,
        }
    }
}

/// A number with the decimals that it can carry: degrees and millimetres one, ratios two; `-` becomes a minus sign.
fn written(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let zero = text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.'));
    match text.strip_prefix('-') {
        Some(rest) if zero => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A threshold without needless decimals.
fn plain(value: f64) -> String {
    if value < 0.0 { format!("−{}", -value) } else { format!("{value}") }
}

#[cfg(test)]
mod tests;
