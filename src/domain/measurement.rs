//! A measurement: what is measured, where, its value with an interval, or why there is none.

use std::fmt;

use super::anatomy::Vertebra;

/// A vertebra, a segment or a run of levels: `C5`, `C5-C6`, `C3-C5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level {
    upper: Vertebra,
    lower: Vertebra,
}

impl Level {
    /// One vertebra.
    pub const fn vertebra(vertebra: Vertebra) -> Self {
        Self { upper: vertebra, lower: vertebra }
    }

    /// From `upper` down to `lower`; `None` where the order is wrong.
    pub fn span(upper: Vertebra, lower: Vertebra) -> Option<Self> {
        (upper < lower).then_some(Self { upper, lower })
    }

    /// The level that [`Display`](fmt::Display) writes as `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.split_once('-') {
            None => Vertebra::from_name(name).map(Self::vertebra),
            Some((upper, lower)) => Self::span(Vertebra::from_name(upper)?, Vertebra::from_name(lower)?),
        }
    }

    /// Whether the two share a vertebra.
    pub fn touches(self, other: Self) -> bool {
        self.upper <= other.lower && other.upper <= self.lower
    }

    /// The five segments C2-C3 … C6-C7, from the head downwards.
    pub fn segments() -> impl Iterator<Item = (Vertebra, Vertebra, Self)> {
        Vertebra::ALL
            .into_iter()
            .zip(Vertebra::ALL.into_iter().skip(1))
            .map(|(u, l)| (u, l, Self { upper: u, lower: l }))
    }

    /// The upper end.
    pub const fn upper(self) -> Vertebra {
        self.upper
    }

    /// The lower end; the same as the upper one for a single vertebra.
    pub const fn lower(self) -> Vertebra {
        self.lower
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.upper == self.lower {
            f.write_str(self.upper.name())
        } else {
            write!(f, "{}-{}", self.upper.name(), self.lower.name())
        }
    }
}

/// The unit of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Degrees.
    Degrees,
    /// Millimetres; withheld where the film has no trustworthy spacing.
    Millimetres,
    /// A ratio.
    Ratio,
}

impl Unit {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Degrees => "deg",
            Self::Millimetres => "mm",
            Self::Ratio => "ratio",
        }
    }
}

/// What is measured; each is defined, with its source, by [`Self::convention`] and in `docs/measurements.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Quantity {
    C2C7Cobb,
    C2C6Cobb,
    C2Slope,
    C7Slope,
    Sva,
    SegmentalAngle,
    SlipDistance,
    SlipAngle,
    Sdvb,
    Sdvc,
    Pavlov,
    DiscHeightAnterior,
    DiscHeightMiddle,
    DiscHeightPosterior,
    BodyWedge,
}

impl Quantity {
    /// Every quantity, in the order of a report.
    pub const ALL: [Self; 15] = [
        Self::C2C7Cobb,
        Self::C2C6Cobb,
        Self::C2Slope,
        Self::C7Slope,
        Self::Sva,
        Self::SegmentalAngle,
        Self::SlipDistance,
        Self::SlipAngle,
        Self::Sdvb,
        Self::Sdvc,
        Self::Pavlov,
        Self::DiscHeightAnterior,
        Self::DiscHeightMiddle,
        Self::DiscHeightPosterior,
        Self::BodyWedge,
    ];

    /// The name on the wire, as in the table of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C2C7Cobb => "c2_c7_cobb",
            Self::C2C6Cobb => "c2_c6_cobb",
            Self::C2Slope => "c2_slope",
            Self::C7Slope => "c7_slope",
            Self::Sva => "sva",
            Self::SegmentalAngle => "segmental_angle",
            Self::SlipDistance => "slip_distance",
            Self::SlipAngle => "slip_angle",
            Self::Sdvb => "sdvb",
            Self::Sdvc => "sdvc",
            Self::Pavlov => "pavlov",
            Self::DiscHeightAnterior => "disc_height_anterior",
            Self::DiscHeightMiddle => "disc_height_middle",
            Self::DiscHeightPosterior => "disc_height_posterior",
            Self::BodyWedge => "body_wedge",
        }
    }

    /// The quantity called `name` on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quantity| quantity.name() == name)
    }

    /// Its unit.
    pub const fn unit(self) -> Unit {
        match self {
            Self::C2C7Cobb
            | Self::C2C6Cobb
            | Self::C2Slope
            | Self::C7Slope
            | Self::SegmentalAngle
            | Self::SlipAngle
            | Self::BodyWedge => Unit::Degrees,
            Self::Pavlov => Unit::Ratio,
            _ => Unit::Millimetres,
        }
    }

    /// Whether the number changes its sign in the mirror, so that the side faced must be known.
    pub const fn has_a_sign(self) -> bool {
        matches!(self.unit(), Unit::Degrees) || matches!(self, Self::Sva | Self::SlipDistance)
    }
}

/// Factors on the half widths of intervals, so that nine truths of ten lie inside on held-out phantoms. They belong to a set of
/// models and stand in its manifest.
///
/// Covariances take the errors of different landmarks as independent; they are not. Both corners of an end-plate tend
/// to err together, which turns no angle but moves a level, so that each quantity has its own factor; and another where a
/// C7 takes part that the film hides, which is rather misplaced than misshapen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// In the order of [`Quantity::ALL`].
    seen: [f64; Quantity::ALL.len()],
    /// The same where a hidden C7 takes part.
    hidden: [f64; Quantity::ALL.len()],
}

impl Calibration {
    /// The covariances as they come.
    pub const NONE: Self = Self { seen: [1.0; Quantity::ALL.len()], hidden: [1.0; Quantity::ALL.len()] };

    /// These factors, and for `quantity` its own.
    #[must_use]
    pub fn with(mut self, quantity: Quantity, seen: f64, hidden: f64) -> Self {
        for (factors, factor) in [(&mut self.seen, seen), (&mut self.hidden, hidden)] {
            if let Some(own) = factors.get_mut(quantity as usize) {
                *own = factor;
            }
        }
        self
    }

    /// The factor for `quantity`, of which a C7 that the film hides is a part or not.
    pub fn of(&self, quantity: Quantity, hidden_c7: bool) -> f64 {
        let factors = if hidden_c7 { &self.hidden } else { &self.seen };
        factors.get(quantity as usize).copied().unwrap_or(1.0)
    }
}

/// A value with the interval that holds the truth in nine films of ten; all three are finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    value: f64,
    low: f64,
    high: f64,
}

impl Estimate {
    /// An estimate, or `None` where a number is not finite or the value lies outside its interval.
    pub fn new(value: f64, low: f64, high: f64) -> Option<Self> {
        (low.is_finite() && high.is_finite() && low <= value && value <= high).then_some(Self { value, low, high })
    }

    /// The value.
    pub const fn value(self) -> f64 {
        self.value
    }

    /// The 90 % interval, low before high.
    pub const fn ci90(self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Whether the interval holds `threshold` inside.
    pub fn straddles(self, threshold: f64) -> bool {
        self.low < threshold && threshold < self.high
    }
}

/// The kinds of reasons for which a number is withheld or distrusted. Reasons are sentences for people; each begins with
/// its cause's phrase, so that a summary in another language can tell the cause without translating sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A landmark was not found.
    NotFound,
    /// The side to which the patient looks is not known.
    SideUnknown,
    /// The landmarks contradict each other.
    Contradiction,
    /// The film carries no trustworthy spacing.
    NoSpacing,
    /// Landmarks coincide.
    Coincident,
    /// C7 is hidden.
    C7Hidden,
    /// The model was not sure of a landmark.
    LowConfidence,
    /// The interval is so wide that the number tells nothing.
    HardlyKnown,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::NotFound,
        Self::SideUnknown,
        Self::Contradiction,
        Self::NoSpacing,
        Self::Coincident,
        Self::C7Hidden,
        Self::LowConfidence,
        Self::HardlyKnown,
    ];

    /// How its reasons begin; empty for contradictions, which each have a sentence of their own.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::NotFound => "not found: ",
            Self::SideUnknown => "it is not known to which side the patient looks",
            Self::Contradiction => "",
            Self::NoSpacing => "the film carries no trustworthy spacing",
            Self::Coincident => "its landmarks coincide",
            Self::C7Hidden => "C7 is hidden",
            Self::LowConfidence => "low confidence ",
            Self::HardlyKnown => "only known to ",
        }
    }

    /// The cause of a reason that `measure` gave.
    pub fn of(reason: &str) -> Self {
        let told = |cause: &Self| !cause.phrase().is_empty() && reason.starts_with(cause.phrase());
        Self::ALL.into_iter().find(told).unwrap_or(Self::Contradiction)
    }
}

/// What became of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A number to use.
    Ok(Estimate),
    /// A number to distrust, and why.
    Unreliable(Estimate, String),
    /// No number, and why.
    Withheld(String),
}

impl Reading {
    /// The number, unless withheld.
    pub const fn estimate(&self) -> Option<Estimate> {
        match self {
            Self::Ok(estimate) | Self::Unreliable(estimate, _) => Some(*estimate),
            Self::Withheld(_) => None,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// What.
    pub quantity: Quantity,
    /// Where; `None` for those of the whole neck.
    pub level: Option<Level>,
    /// How much, or why not.
    pub reading: Reading,
}

/// All measurements of one film, in the order of [`Quantity::ALL`] and then from the head downwards.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measurements(pub Vec<Measurement>);

impl Measurements {
    /// The reading of `quantity` at `level`.
    pub fn get(&self, quantity: Quantity, level: Option<Level>) -> Option<&Reading> {
        self.0.iter().find(|m| m.quantity == quantity && m.level == level).map(|m| &m.reading)
    }

    /// The number of `quantity` at `level`, unless withheld.
    pub fn estimate(&self, quantity: Quantity, level: Option<Level>) -> Option<Estimate> {
        self.get(quantity, level).and_then(Reading::estimate)
    }
}
