//! What moves between flexion and extension: a pure function of two tables of measurements.
//!
//! Paper A: the absolute difference of slip distance and slip angle between the two views, a level; beyond 3.5 mm or 11°
//! the level is unstable. Without enough motion between the views no level is called stable: the answer is insufficient
//! effort.
//!
//! Millimetres of two films can be compared only if both have a trustworthy spacing; without, angles stand alone, and a
//! level can then be unstable by its angle but not stable.

use crate::domain::measurement::{Estimate, Level, Measurements, Quantity, Reading};
use crate::domain::report::Certainty;

/// What may be set about the comparison of two views.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// A slip that changes by more, millimetres, is unstable (paper A).
    pub slip_mm: f64,
    /// A slip angle that changes by more, degrees, is unstable (paper A).
    pub angle_deg: f64,
    /// Less motion between the views than this, degrees C2–C7, tells nothing about stability (docs/measurements.md).
    pub effort_deg: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { slip_mm: 3.5, angle_deg: 11.0, effort_deg: 5.0 }
    }
}

/// Whether the neck moved enough between the views to say that something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// At least [`Settings::effort_deg`].
    Sufficient,
    /// Less.
    Insufficient,
    /// The range of motion was not read without reservation.
    Unknown,
}

impl Effort {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sufficient => "sufficient",
            Self::Insufficient => "insufficient",
            Self::Unknown => "unknown",
        }
    }
}

/// What can be said of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// Slip or angle change beyond their thresholds.
    Unstable(Certainty),
    /// Both were measured, the neck moved enough, and neither crosses its threshold.
    Stable(Certainty),
    /// Neither crosses its threshold, but the neck did not move enough to say stable.
    InsufficientEffort,
    /// A number is missing, or the range of motion is not known, so that stable cannot be said.
    Undetermined,
}

impl Stability {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unstable(_) => "unstable",
            Self::Stable(_) => "stable",
            Self::InsufficientEffort => "insufficient_effort",
            Self::Undetermined => "undetermined",
        }
    }

    /// How surely, where a side was taken.
    pub const fn certainty(self) -> Option<Certainty> {
        match self {
            Self::Unstable(certainty) | Self::Stable(certainty) => Some(certainty),
            Self::InsufficientEffort | Self::Undetermined => None,
        }
    }
}

/// The change of one level between the views.
#[derive(Debug, Clone, PartialEq)]
pub struct Motion {
    /// The segment.
    pub level: Level,
    /// |slip distance in flexion − in extension|, millimetres.
    pub slip: Reading,
    /// |slip angle in flexion − in extension|, degrees.
    pub angle: Reading,
    /// What follows.
    pub stability: Stability,
}

/// Flexion and extension of one neck, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamic {
    /// |C2–C7 Cobb in flexion − in extension|, degrees; C2–C6 where C7 could not be read on either film.
    pub range_of_motion: Reading,
    /// C2–C7 or C2–C6: which of them the range of motion is.
    pub range_over: Quantity,
    /// Whether that is enough.
    pub effort: Effort,
    /// The five segments from the head downwards.
    pub levels: Vec<Motion>,
}

/// Compares the measurements of a flexion and an extension film of one patient. `magnification` is the largest factor by
/// which the films may show lengths too long (1 where they carry the patient's own millimetres): a slip that is beyond its
/// threshold only by this much is borderline.
pub fn dynamic(flexion: &Measurements, extension: &Measurements, magnification: f64, settings: &Settings) -> Dynamic {
    let change_of = |quantity, level| change(flexion.get(quantity, level), extension.get(quantity, level));
    let whole = change_of(Quantity::C2C7Cobb, None);
    let (range_over, range_of_motion) = match change_of(Quantity::C2C6Cobb, None) {
        short @ Reading::Ok(_) if !matches!(whole, Reading::Ok(_)) => (Quantity::C2C6Cobb, short),
        _ => (Quantity::C2C7Cobb, whole),
    };
    let effort = match &range_of_motion {
        Reading::Ok(range) if range.value() >= settings.effort_deg => Effort::Sufficient,
        Reading::Ok(_) => Effort::Insufficient,
        Reading::Unreliable(..) | Reading::Withheld(_) => Effort::Unknown,
    };
    let levels = Level::segments()
        .map(|(_, _, level)| {
            let slip = change_of(Quantity::SlipDistance, Some(level));
            let angle = change_of(Quantity::SlipAngle, Some(level));
            let stability = stability(&slip, &angle, effort, magnification, settings);
            Motion { level, slip, angle, stability }
        })
        .collect();
    Dynamic { range_of_motion, range_over, effort, levels }
}

/// The absolute difference of two readings; independent films, so that the half widths add in quadrature.
fn change(flexion: Option<&Reading>, extension: Option<&Reading>) -> Reading {
    let part = |reading: Option<&Reading>, view: &str| match reading {
        Some(Reading::Ok(estimate)) => Ok((*estimate, None)),
        Some(Reading::Unreliable(estimate, why)) => Ok((*estimate, Some(format!("{view}: {why}")))),
        Some(Reading::Withheld(why)) => Err(format!("{view}: {why}")),
        None => Err(format!("{view}: not measured")),
    };
    let ((a, doubt_a), (b, doubt_b)) = match (part(flexion, "flexion"), part(extension, "extension")) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(why), _) | (_, Err(why)) => return Reading::Withheld(why),
    };
    let difference = (a.value() - b.value()).abs();
    let half = |e: Estimate| (e.ci90().1 - e.ci90().0) / 2.0;
    let spread = half(a).hypot(half(b));
    match Estimate::new(difference, (difference - spread).max(0.0), difference + spread) {
        None => Reading::Withheld("the difference is not finite".to_owned()),
        Some(estimate) => match doubt_a.or(doubt_b) {
            None => Reading::Ok(estimate),
            Some(why) => Reading::Unreliable(estimate, why),
        },
    }
}

fn stability(slip: &Reading, angle: &Reading, effort: Effort, magnification: f64, settings: &Settings) -> Stability {
    let sides = [(slip, settings.slip_mm, magnification), (angle, settings.angle_deg, 1.0)];
    let beyond = |(reading, limit, _): &(&Reading, f64, f64)| reading.estimate().is_some_and(|e| e.value() > *limit);
    let clear = |(reading, limit, too_long): &(&Reading, f64, f64)| {
        let by_magnification = |e: &Estimate| e.value() > *limit && e.value() / too_long <= *limit;
        matches!(reading, Reading::Ok(e) if !e.straddles(*limit) && !by_magnification(e))
    };
    let certainty = |clear| if clear { Certainty::Clear } else { Certainty::Borderline };
    if sides.iter().any(beyond) {
        return Stability::Unstable(certainty(sides.iter().any(|s| beyond(s) && clear(s))));
    }
    if sides.iter().any(|(reading, ..)| reading.estimate().is_none()) {
        return Stability::Undetermined;
    }
    match effort {
        Effort::Unknown => Stability::Undetermined,
        Effort::Insufficient => Stability::InsufficientEffort,
        Effort::Sufficient => Stability::Stable(certainty(sides.iter().all(clear))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measurement::Measurement;

    fn ok(value: f64, half: f64) -> Reading {
        Reading::Ok(Estimate::new(value, value - half, value + half).unwrap())
    }

    /// A table whose five segments all slip by `slip` and stand at `angle`.
    fn view(cobb: f64, slip: &Reading, angle: f64) -> Measurements {
        let row = |quantity, level, reading| Measurement { quantity, level, reading };
        let mut rows = vec![row(Quantity::C2C7Cobb, None, ok(cobb, 1.0)), row(Quantity::C2C6Cobb, None, ok(cobb, 1.0))];
        for (_, _, level) in Level::segments() {
            rows.push(row(Quantity::SlipDistance, Some(level), slip.clone()));
            rows.push(row(Quantity::SlipAngle, Some(level), ok(angle, 1.0)));
        }
        Measurements(rows)
    }

    fn first(flexion: &Measurements, extension: &Measurements) -> Motion {
        dynamic(flexion, extension, 1.0, &Settings::default()).levels.remove(0)
    }

    #[test]
    fn a_neck_that_bends_without_slipping_is_stable() {
        let (flexion, extension) = (view(-20.0, &ok(0.5, 0.3), -4.0), view(25.0, &ok(-0.7, 0.4), 3.0));
        let both = dynamic(&flexion, &extension, 1.0, &Settings::default());
        assert_eq!(both.effort, Effort::Sufficient);
        assert_eq!(both.range_of_motion.estimate().unwrap().value(), 45.0);
        let motion = &both.levels[0];
        assert!((motion.slip.estimate().unwrap().value() - 1.2).abs() < 1e-12);
        // 3 and 4 tenths add to 5.
        assert!((motion.slip.estimate().unwrap().ci90().1 - 1.7).abs() < 1e-12);
        assert_eq!(motion.angle.estimate().unwrap().value(), 7.0);
        assert!(both.levels.iter().all(|l| l.stability == Stability::Stable(Certainty::Clear)));
    }

    #[test]
    fn a_slip_or_an_angle_beyond_its_threshold_is_unstable() {
        let by_slip = first(&view(-20.0, &ok(3.0, 0.2), 0.0), &view(20.0, &ok(-1.0, 0.2), 0.0));
        assert_eq!(by_slip.stability, Stability::Unstable(Certainty::Clear));
        let by_angle = first(&view(-20.0, &ok(0.0, 0.2), -7.0), &view(20.0, &ok(0.0, 0.2), 5.0));
        assert_eq!(by_angle.stability, Stability::Unstable(Certainty::Borderline), "12° ± 1.4° holds 11°");
    }

    #[test]
    fn too_little_motion_never_says_stable_but_may_say_unstable() {
        let still = first(&view(10.0, &ok(0.0, 0.2), 0.0), &view(13.0, &ok(0.0, 0.2), 1.0));
        assert_eq!(still.stability, Stability::InsufficientEffort);
        let slipping = first(&view(10.0, &ok(4.0, 0.2), 0.0), &view(13.0, &ok(-1.0, 0.2), 1.0));
        assert_eq!(slipping.stability, Stability::Unstable(Certainty::Clear));
    }

    #[test]
    fn without_millimetres_nothing_is_called_stable() {
        let none = Reading::Withheld("the film carries no trustworthy spacing".to_owned());
        let motion = first(&view(-20.0, &none, 0.0), &view(20.0, &ok(0.0, 0.2), 0.0));
        assert_eq!(motion.stability, Stability::Undetermined);
        assert_eq!(motion.slip, Reading::Withheld("flexion: the film carries no trustworthy spacing".to_owned()));
    }

    #[test]
    fn a_slip_that_only_the_magnification_makes_too_long_is_borderline() {
        let (flexion, extension) = (view(-20.0, &ok(2.0, 0.1), 0.0), view(20.0, &ok(-2.0, 0.1), 0.0));
        let level = |magnification| dynamic(&flexion, &extension, magnification, &Settings::default()).levels.remove(0);
        assert_eq!(level(1.0).stability, Stability::Unstable(Certainty::Clear));
        assert_eq!(level(1.33).stability, Stability::Unstable(Certainty::Borderline), "4 mm / 1.33 = 3.0 mm");
    }

    #[test]
    fn a_range_of_motion_that_was_not_read_is_no_lack_of_effort() {
        let hidden = Reading::Unreliable(Estimate::new(10.0, 0.0, 20.0).unwrap(), "C7 is hidden".to_owned());
        let mut flexion = view(-20.0, &ok(0.0, 0.2), 0.0);
        for row in flexion.0.iter_mut().filter(|row| row.level.is_none()) {
            row.reading = hidden.clone();
        }
        let both = dynamic(&flexion, &view(20.0, &ok(0.0, 0.2), 0.0), 1.0, &Settings::default());
        assert_eq!(both.effort, Effort::Unknown);
        assert_eq!(both.levels[0].stability, Stability::Undetermined);
    }
}
