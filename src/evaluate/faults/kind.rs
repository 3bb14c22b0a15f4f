//! The faults, each so severe that a radiographer would take the film again, and the limits below which nobody would.

use crate::phantom::case::{Blemish, Difficulty};
use crate::phantom::truth::Truth;

/// What a film carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: what every film of this list is, without a fault.
    Faultless,
    /// Nothing but what everyday and hard patients bring, faults and all: the truth of each film tells.
    Mixed,
    /// The collimator cuts off C6 and C7.
    CutBelow,
    /// The collimator cuts off C2.
    CutAbove,
    /// The shoulders hide C7.
    HiddenC7,
    /// The shoulders hide C7 and C6.
    HiddenC6,
    /// Turned about the long axis by 20° to 25°.
    Yaw,
    /// Leaning out of the film's plane by 12° to 15°.
    Roll,
    /// Moved by 2 to 4 mm.
    Motion,
    /// 5 to 9 % of the dose, told by the header.
    UnderExposed,
    /// The same, by the image alone.
    UnderExposedUntold,
    /// Sixteen times the dose, told by the header.
    OverExposed,
    /// Eighty times the dose, by the image alone.
    BurntOut,
    /// A clasp over a corner of a vertebra.
    Clasp,
    /// A plate with screws: it does not come off, and a repeat would not help.
    Plate,
}

/// Rotation about the long axis, degrees, that nobody would repeat a film for.
pub(super) const MOST_YAW: f64 = 8.0;
/// The same for leaning out of the film's plane.
pub(super) const MOST_ROLL: f64 = 5.0;
/// The same for leaning within it.
pub(super) const MOST_TILT: f64 = 12.0;

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: &[Self] = &[
        Self::Faultless,
        Self::CutBelow,
        Self::CutAbove,
        Self::HiddenC7,
        Self::HiddenC6,
        Self::Yaw,
        Self::Roll,
        Self::Motion,
        Self::UnderExposed,
        Self::UnderExposedUntold,
        Self::OverExposed,
        Self::BurntOut,
        Self::Clasp,
        Self::Plate,
        Self::Mixed,
    ];

    /// The name in tables and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Faultless => "faultless",
            Self::Mixed => "mixed",
            Self::CutBelow => "cut-below",
            Self::CutAbove => "cut-above",
            Self::HiddenC7 => "hidden-c7",
            Self::HiddenC6 => "hidden-c6",
            Self::Yaw => "yaw",
            Self::Roll => "roll",
            Self::Motion => "motion",
            Self::UnderExposed => "under-exposed",
            Self::UnderExposedUntold => "under-exposed, untold",
            Self::OverExposed => "over-exposed",
            Self::BurntOut => "burnt out, untold",
            Self::Clasp => "clasp",
            Self::Plate => "plate",
        }
    }

    /// The reasons that name this fault; the first is the one that fits best. None for films without one.
    pub const fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::Faultless | Self::Mixed => &[],
            Self::CutBelow | Self::CutAbove => &["level_cut_off"],
            Self::HiddenC7 | Self::HiddenC6 => &["c7_hidden"],
            Self::Yaw | Self::Roll => &["rotated"],
            Self::Motion => &["motion_blur"],
            Self::UnderExposed | Self::UnderExposedUntold => &["underexposed"],
            Self::OverExposed | Self::BurntOut => &["overexposed"],
            Self::Clasp | Self::Plate => &["artifact"],
        }
    }

    /// How many films for each one asked for: specificity needs more of those without a fault.
    pub(super) const fn share(self) -> u64 {
        match self {
            Self::Faultless | Self::Mixed => 4,
            _ => 1,
        }
    }

    pub(super) const fn difficulty(self) -> Difficulty {
        if matches!(self, Self::Mixed) { Difficulty::Mixed } else { Difficulty::Typical }
    }

    /// The fault with its size; sizes run evenly through their range with the seed.
    pub(super) fn blemish(self, seed: u64) -> Blemish {
        let between = |low: f32, high: f32| low + (high - low) * (seed % 7) as f32 / 6.0;
        let signed = |size: f32| if seed.is_multiple_of(2) { size } else { -size };
        match self {
            Self::Faultless => Blemish::Plain,
            Self::Mixed => Blemish::None,
            Self::CutBelow => Blemish::CutBelow(between(4.0, 18.0)),
            Self::CutAbove => Blemish::CutAbove(between(4.0, 16.0)),
            Self::HiddenC7 => Blemish::HiddenC7,
            Self::HiddenC6 => Blemish::HiddenC6,
            Self::Yaw => Blemish::Yaw(signed(between(20.0, 25.0))),
            Self::Roll => Blemish::Roll(signed(between(12.0, 15.0))),
            Self::Motion => Blemish::Motion(between(2.0, 4.0)),
            Self::UnderExposed | Self::UnderExposedUntold => Blemish::UnderExposed(Some(between(0.05, 0.09))),
            Self::OverExposed => Blemish::OverExposed(16.0),
            Self::BurntOut => Blemish::OverExposed(80.0),
            Self::Clasp => Blemish::Clasp,
            Self::Plate => Blemish::Plate,
        }
    }

    pub(super) const fn header_tells_dose(self) -> bool {
        !matches!(self, Self::UnderExposedUntold | Self::BurntOut | Self::Mixed)
    }

    /// Whether all but the film's own fault is within limits, as far as it is known before the exposure.
    pub(super) fn within(self, truth: &Truth) -> bool {
        let below = |value: Option<f64>, most: f64| value.is_none_or(|v| v.abs() <= most);
        let yaw = matches!(self, Self::Yaw) || below(truth.rotation_deg, MOST_YAW);
        let roll = matches!(self, Self::Roll) || below(truth.roll_deg, MOST_ROLL);
        matches!(self, Self::Mixed) || (yaw && roll && below(truth.tilt_deg, MOST_TILT))
    }

    /// Whether the finished film shows what it was made for; one that does not is counted apart.
    pub(super) fn shown(self, truth: &Truth) -> bool {
        let whole = truth.clipped.is_empty() && truth.c7_visibility.as_deref() == Some("full");
        match self {
            Self::Mixed | Self::Yaw | Self::Roll | Self::Motion | Self::Plate => true,
            Self::Faultless => whole && truth.metal.is_empty(),
            Self::CutBelow | Self::CutAbove => !truth.clipped.is_empty(),
            Self::HiddenC7 | Self::HiddenC6 => truth.c7_visibility.as_deref() == Some("hidden"),
            Self::UnderExposed | Self::UnderExposedUntold | Self::OverExposed | Self::BurntOut => true,
            Self::Clasp => !truth.metal.is_empty(),
        }
    }
}
