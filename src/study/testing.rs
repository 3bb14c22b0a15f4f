//! Films for the tests of this room.

use chrono::DateTime;

use super::{Film, Sign, SignKind};
use crate::domain::detection::C7Visibility;
use crate::domain::measurement::{Estimate, Level, Measurement, Measurements, Quantity, Reading};
use crate::domain::report::{Certainty, Position, PositionEvidence, ReportId, Verdict};

pub(super) fn ok(value: f64, half: f64) -> Reading {
    Reading::Ok(Estimate::new(value, value - half, value + half).unwrap())
}

pub(super) fn segment(name: &str) -> Level {
    Level::from_name(name).unwrap()
}

/// A film that was well taken: every number is read, no level slips, the canal is wide.
pub(super) fn film(name: &str, header: Position, anatomy: Position, cobb: f64) -> Film {
    let row = |quantity, level, reading| Measurement { quantity, level, reading };
    let mut rows = vec![
        row(Quantity::C2C7Cobb, None, ok(cobb, 2.0)),
        row(Quantity::C2C6Cobb, None, ok(cobb, 2.0)),
        row(Quantity::Sva, None, ok(22.0, 1.0)),
    ];
    for (_, _, level) in Level::segments() {
        rows.push(row(Quantity::SlipDistance, Some(level), ok(0.4, 0.3)));
        rows.push(row(Quantity::SlipAngle, Some(level), ok(cobb / 5.0, 0.7)));
    }
    for vertebra in crate::domain::anatomy::Vertebra::WITH_CANAL {
        rows.push(row(Quantity::Pavlov, Some(Level::vertebra(vertebra)), ok(0.95, 0.03)));
    }
    let sign = |kind, level, threshold| Sign { kind, level, present: false, certainty: Certainty::Clear, threshold };
    let mut signs = vec![
        sign(SignKind::Kyphosis, None, -13.0),
        sign(SignKind::Imbalance, None, 40.0),
        sign(SignKind::Stenosis, None, 0.75),
    ];
    signs.extend(Level::segments().map(|(_, _, level)| sign(SignKind::Slip, Some(level), 3.5)));
    Film {
        report_id: ReportId(name.into()),
        patient: Some("p".into()),
        acquired_at: None,
        received_at: DateTime::UNIX_EPOCH,
        verdict: Verdict::Accept,
        decision: None,
        c7: Some(C7Visibility::Full),
        evidence: PositionEvidence { header, anatomy, functional: false },
        magnification: 1.0,
        measurements: Measurements(rows),
        signs,
    }
}

pub(super) fn set(film: &mut Film, quantity: Quantity, level: Option<Level>, reading: Reading) {
    let row = film.measurements.0.iter_mut().find(|row| row.quantity == quantity && row.level == level);
    row.unwrap().reading = reading;
}

pub(super) fn mark(film: &mut Film, kind: SignKind, level: Option<Level>, certainty: Certainty) {
    let sign =
        film.signs.iter_mut().find(|sign| sign.kind == kind && (sign.level == level || kind == SignKind::Stenosis));
    let sign = sign.unwrap();
    (sign.level, sign.present, sign.certainty) = (level, true, certainty);
}
