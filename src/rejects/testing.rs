//! Films for the tests of this room.

use chrono::{DateTime, NaiveDate};

use crate::domain::decision::{Decision, JudgedFilm, RejectReason};
use crate::domain::report::{Position, Verdict};

pub(super) fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap()
}

/// A film of this day that was accepted by Sagitta and by nobody else.
pub(super) fn film(day: NaiveDate) -> JudgedFilm {
    JudgedFilm {
        day,
        position: Position::Neutral,
        verdict: Verdict::Accept,
        suggested: None,
        deviation_index: None,
        operator: None,
        decision: None,
    }
}

pub(super) fn suggested(film: JudgedFilm, reason: RejectReason) -> JudgedFilm {
    JudgedFilm { verdict: Verdict::Repeat, suggested: Some(reason), ..film }
}

pub(super) fn decided(film: JudgedFilm, reason: Option<RejectReason>) -> JudgedFilm {
    let decision = Decision { repeat: reason.is_some(), reason, by: "RT 7".into(), at: DateTime::UNIX_EPOCH };
    JudgedFilm { decision: Some(decision), ..film }
}

/// Six films of two days and two months, one of them no neck.
pub(super) fn afternoon() -> Vec<JudgedFilm> {
    use RejectReason::{MotionBlur, Positioning, Underexposed};
    let (last, first) = (day(10, 31), day(11, 1));
    let by = |name: &str, film| JudgedFilm { operator: Some(name.into()), ..film };
    let flexed = |film| JudgedFilm { position: Position::Flexion, ..film };
    let with = |index, film| JudgedFilm { deviation_index: Some(index), ..film };
    vec![
        by("op-a", with(-4.0, decided(suggested(film(last), Underexposed), Some(Underexposed)))),
        by("op-a", with(0.0, decided(film(last), None))),
        by("op-b", with(1.0, flexed(decided(suggested(film(first), Positioning), None)))),
        by("op-b", with(7.0, flexed(decided(film(first), Some(MotionBlur))))),
        film(first),
        JudgedFilm { verdict: Verdict::NotApplicable, ..film(first) },
    ]
}
