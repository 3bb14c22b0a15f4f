//! The table: which landmarks each row takes, and what becomes of it.

use super::consistency::{self, Conflict};
use super::frame::Point;
use super::neck::Neck;
use super::{Settings, Subject, balance, canal, curvature, disc, instability, uncertainty};
use crate::domain::anatomy::{Corner, LaminaEnd, Landmark, LandmarkId, Vertebra};
use crate::domain::detection::C7Visibility;
use crate::domain::geometry::PixelSpacing;
use crate::domain::measurement::{Cause, Estimate, Level, Measurement, Measurements, Quantity, Reading, Unit};

use Corner::{AnteroInferior, AnteroSuperior, PosteroInferior, PosteroSuperior};

/// The inferior end-plate: anterior, then posterior corner.
const fn inferior_plate(v: Vertebra) -> [LandmarkId; 2] {
    [LandmarkId::Corner(v, AnteroInferior), LandmarkId::Corner(v, PosteroInferior)]
}

/// The superior end-plate: anterior, then posterior corner.
const fn superior_plate(v: Vertebra) -> [LandmarkId; 2] {
    [LandmarkId::Corner(v, AnteroSuperior), LandmarkId::Corner(v, PosteroSuperior)]
}

/// The posterior wall: superior, then inferior corner.
const fn posterior_wall(v: Vertebra) -> [LandmarkId; 2] {
    [LandmarkId::Corner(v, PosteroSuperior), LandmarkId::Corner(v, PosteroInferior)]
}

/// The corners in paper A's order.
fn body(v: Vertebra) -> [LandmarkId; 4] {
    Corner::ALL.map(|c| LandmarkId::Corner(v, c))
}

/// The spinolaminar line: superior, then inferior end.
fn lamina(v: Vertebra) -> [LandmarkId; 2] {
    LaminaEnd::ALL.map(|e| LandmarkId::Spinolaminar(v, e))
}

const fn four([a, b]: [LandmarkId; 2], [c, d]: [LandmarkId; 2]) -> [LandmarkId; 4] {
    [a, b, c, d]
}

/// Every row, in the order of `Quantity::ALL` and then from the head downwards.
pub(super) fn fill(reader: &Reader<'_>) -> Measurements {
    Measurements(Quantity::ALL.into_iter().flat_map(|quantity| rows(reader, quantity)).collect())
}

fn rows(reader: &Reader<'_>, quantity: Quantity) -> Vec<Measurement> {
    use Vertebra::{C2, C6, C7};
    let whole = |reading| vec![Measurement { quantity, level: None, reading }];
    let segments = |read: &dyn Fn(Vertebra, Vertebra) -> Reading| {
        Level::segments()
            .map(|(upper, lower, level)| Measurement { quantity, level: Some(level), reading: read(upper, lower) })
            .collect()
    };
    let bodies = |read: &dyn Fn(Vertebra) -> Reading| {
        let row = |v| Measurement { quantity, level: Some(Level::vertebra(v)), reading: read(v) };
        Vertebra::WITH_CANAL.into_iter().map(row).collect()
    };
    match quantity {
        Quantity::C2C7Cobb => {
            whole(reader.read(quantity, four(inferior_plate(C2), inferior_plate(C7)), curvature::between_plates))
        }
        Quantity::C2C6Cobb => {
            whole(reader.read(quantity, four(inferior_plate(C2), inferior_plate(C6)), curvature::between_plates))
        }
        Quantity::C2Slope => whole(reader.read(quantity, inferior_plate(C2), curvature::slope)),
        Quantity::C7Slope => whole(reader.read(quantity, superior_plate(C7), curvature::slope)),
        Quantity::Sva => {
            let [p1, p2, p3, p4] = body(C2);
            whole(reader.read(quantity, [p1, p2, p3, p4, LandmarkId::Corner(C7, PosteroSuperior)], balance::sva))
        }
        Quantity::SegmentalAngle => segments(&|upper, lower| {
            reader.read(quantity, four(inferior_plate(upper), superior_plate(lower)), curvature::between_plates)
        }),
        Quantity::SlipDistance => segments(&|upper, lower| {
            let [p15, p16] = posterior_wall(upper);
            let p19 = LandmarkId::Corner(lower, PosteroSuperior);
            reader.read(quantity, [p15, p16, p19], instability::slip_distance)
        }),
        Quantity::SlipAngle => segments(&|upper, lower| {
            reader.read(quantity, four(posterior_wall(upper), posterior_wall(lower)), instability::slip_angle)
        }),
        Quantity::Sdvb => bodies(&|v| reader.read(quantity, body(v), canal::sdvb)),
        Quantity::Sdvc => bodies(&|v| reader.read(quantity, four(posterior_wall(v), lamina(v)), canal::sdvc)),
        Quantity::Pavlov => bodies(&|v| {
            let ([p5, p6, p7, p8], [superior, inferior]) = (body(v), lamina(v));
            reader.read(quantity, [p5, p6, p7, p8, superior, inferior], canal::pavlov)
        }),
        Quantity::DiscHeightAnterior => segments(&|upper, lower| {
            let margin = [LandmarkId::Corner(upper, AnteroInferior), LandmarkId::Corner(lower, AnteroSuperior)];
            reader.read(quantity, margin, disc::height_at_margin)
        }),
        Quantity::DiscHeightMiddle => segments(&|upper, lower| {
            reader.read(quantity, four(inferior_plate(upper), superior_plate(lower)), disc::height_in_the_middle)
        }),
        Quantity::DiscHeightPosterior => segments(&|upper, lower| {
            let margin = [LandmarkId::Corner(upper, PosteroInferior), LandmarkId::Corner(lower, PosteroSuperior)];
            reader.read(quantity, margin, disc::height_at_margin)
        }),
        // C2 has no superior end-plate: the dens stands there. Its wedge would mean nothing.
        Quantity::BodyWedge => {
            bodies(&|v| reader.read(quantity, four(superior_plate(v), inferior_plate(v)), curvature::between_plates))
        }
    }
}

/// Reads one row after another from a neck.
pub(super) struct Reader<'a> {
    neck: Neck<'a>,
    facing_known: bool,
    spacing: Option<PixelSpacing>,
    c7: C7Visibility,
    settings: Settings,
    conflicts: Vec<Conflict>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(subject: &Subject<'a>, settings: &Settings) -> Self {
        let neck = Neck::new(subject.keypoints, subject.facing);
        let conflicts = consistency::check(&neck, subject.facing.is_some());
        Self {
            neck,
            facing_known: subject.facing.is_some(),
            spacing: subject.spacing,
            c7: subject.c7,
            settings: *settings,
            conflicts,
        }
    }

    /// The reading of `formula` on the landmarks `ids`; lengths come out of a formula in pixels.
    fn read<const N: usize>(
        &self,
        quantity: Quantity,
        ids: [LandmarkId; N],
        formula: fn([Point; N]) -> f64,
    ) -> Reading {
        let found: Vec<Landmark> = ids.iter().filter_map(|id| self.neck.keypoints().get(*id)).copied().collect();
        let Ok(landmarks) = <[Landmark; N]>::try_from(found) else {
            return Reading::Withheld(self.missing(&ids));
        };
        if quantity.has_a_sign() && !self.facing_known {
            return Reading::Withheld(Cause::SideUnknown.phrase().to_owned());
        }
        if let Some(conflict) = self.conflicts.iter().find(|c| ids.iter().any(|id| c.concerns(*id))) {
            return Reading::Withheld(conflict.reason.clone());
        }
        let Some(scale) = self.scale(quantity) else {
            return Reading::Withheld(Cause::NoSpacing.phrase().to_owned());
        };
        let frame = self.neck.frame();
        let points = landmarks.map(|l| frame.place(l.position));
        let value = scale * formula(points);
        let covariances = landmarks.map(|l| frame.covariance(l.covariance));
        let sigma = scale * uncertainty::standard_deviation(formula, points, covariances);
        let factor = self.settings.calibration.of(quantity, self.rests_on_hidden_c7(&ids));
        let half = uncertainty::Z_90 * factor * sigma;
        match Estimate::new(value, value - half, value + half) {
            None => Reading::Withheld(format!("{}, so that no finite number comes out", Cause::Coincident.phrase())),
            Some(estimate) => match self.doubt(&ids, &landmarks).or_else(|| imprecise(quantity.unit(), half)) {
                None => Reading::Ok(estimate),
                Some(reason) => Reading::Unreliable(estimate, reason),
            },
        }
    }

    /// What turns the formula's unit into the quantity's: 1 for angles and ratios, millimetres a pixel for lengths.
    fn scale(&self, quantity: Quantity) -> Option<f64> {
        match quantity.unit() {
            Unit::Degrees | Unit::Ratio => Some(1.0),
            Unit::Millimetres => self.spacing.map(PixelSpacing::mm_per_pixel),
        }
    }

    /// Names what was not found: the vertebra where nothing of it was, else the landmarks.
    fn missing(&self, ids: &[LandmarkId]) -> String {
        let gone = |v: Vertebra| self.neck.keypoints().iter().all(|(id, _)| id.vertebra() != v);
        let mut names: Vec<String> = Vec::new();
        for id in ids.iter().filter(|id| self.neck.keypoints().get(**id).is_none()) {
            let name = if gone(id.vertebra()) { id.vertebra().name().to_owned() } else { in_words(id) };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        format!("{}{}", Cause::NotFound.phrase(), names.join(", "))
    }

    /// Whether one of the landmarks belongs to a C7 that the film hides.
    fn rests_on_hidden_c7(&self, ids: &[LandmarkId]) -> bool {
        self.c7 == C7Visibility::Hidden && ids.iter().any(|id| id.vertebra() == Vertebra::C7)
    }

    /// Why a number that could be computed should be distrusted.
    fn doubt(&self, ids: &[LandmarkId], landmarks: &[Landmark]) -> Option<String> {
        if self.rests_on_hidden_c7(ids) {
            return Some(format!("{}: its place is inferred from the vertebrae above", Cause::C7Hidden.phrase()));
        }
        // A confidence that is no number counts as none.
        let sureness = |l: &Landmark| if l.confidence.is_nan() { 0.0 } else { l.confidence };
        let weakest = ids.iter().zip(landmarks.iter().map(sureness)).min_by(|(_, a), (_, b)| a.total_cmp(b));
        let (id, confidence) = weakest.filter(|(_, confidence)| *confidence < self.settings.min_confidence)?;
        Some(format!("{}({confidence:.2}) in the {}", Cause::LowConfidence.phrase(), in_words(id)))
    }
}

/// Half widths of a 90 % interval beyond which a number tells less than a glance at the film does: a lordosis could be a
/// kyphosis, a slip its opposite, a narrow canal a wide one.
const fn too_wide(unit: Unit) -> f64 {
    match unit {
        Unit::Degrees => 15.0,
        Unit::Millimetres => 5.0,
        Unit::Ratio => 0.3,
    }
}

/// Whether a number is so uncertain that it is unreliable for this alone.
pub fn hardly_known(quantity: Quantity, estimate: &Estimate) -> bool {
    let (low, high) = estimate.ci90();
    imprecise(quantity.unit(), (high - low) / 2.0).is_some()
}

/// Why a number with an interval of this half width should be distrusted.
fn imprecise(unit: Unit, half: f64) -> Option<String> {
    let sharp = half <= too_wide(unit);
    let told = Cause::HardlyKnown.phrase();
    (!sharp).then(|| match unit {
        Unit::Degrees => format!("{told}±{half:.0}°"),
        Unit::Millimetres => format!("{told}±{half:.0} mm"),
        Unit::Ratio => format!("{told}±{half:.1}"),
    })
}

/// `antero-inferior corner of C7`, `superior end of C5's spinolaminar line`.
fn in_words(id: &LandmarkId) -> String {
    match id {
        LandmarkId::Corner(v, corner) => format!("{} corner of {}", corner.name().replace('_', "-"), v.name()),
        LandmarkId::Spinolaminar(v, LaminaEnd::Superior) => format!("superior end of {}'s spinolaminar line", v.name()),
        LandmarkId::Spinolaminar(v, LaminaEnd::Inferior) => format!("inferior end of {}'s spinolaminar line", v.name()),
    }
}
