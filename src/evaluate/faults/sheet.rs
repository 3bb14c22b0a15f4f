//! What a run of faults gave, as one document and as a table.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use crate::domain::report::Verdict;

use super::{Judged, Kind};

/// One kind of film.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub fault: &'static str,
    /// Films that show what they were made for.
    pub films: usize,
    /// Films that were made and do not show it; they count nowhere else.
    pub set_aside: usize,
    /// The reason that should be told.
    pub reason: Option<&'static str>,
    /// Share (0…1) of the films of which it was told.
    pub sensitivity: Option<f64>,
    /// Share (0…1) of the faultless films of which it was not told.
    pub specificity: Option<f64>,
    /// Shares (0…1) of the verdicts.
    pub accept: f64,
    /// To look at.
    pub review: f64,
    /// To take again.
    pub repeat: f64,
    /// Films that were accepted although C2–C7 Cobb was not read without reservation. It must be 0.
    pub accepted_unread: usize,
    /// Films that were accepted although a name stands on a wrong body.
    pub accepted_misnamed: usize,
    /// Every reason that was told, with how many films it was told of.
    pub reasons: Vec<(&'static str, usize)>,
}

/// All kinds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sheet {
    /// In the order of [`Kind::ALL`].
    pub rows: Vec<Row>,
    /// Each film with its truth, its signs and what was said, for whoever sets limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub films: Vec<serde_json::Value>,
}

impl Sheet {
    /// Counts `judged`.
    pub fn new(judged: &[Judged]) -> Self {
        let faultless = of(judged, Kind::Faultless);
        let rows = Kind::ALL.iter().map(|kind| Row::new(*kind, judged, &faultless)).collect();
        Self { rows, films: judged.iter().map(film).collect() }
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "                        films  reason          sensitivity  specificity   accept  review  repeat  unread  misnamed\n",
        );
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let maybe = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
        for row in &self.rows {
            let _ = writeln!(
                text,
                "{:<22} {:>6}  {:<14} {:>12} {:>12} {:>8} {:>7} {:>7} {:>7} {:>9}",
                row.fault,
                row.films,
                row.reason.unwrap_or("–"),
                maybe(row.sensitivity),
                maybe(row.specificity),
                percent(row.accept),
                percent(row.review),
                percent(row.repeat),
                row.accepted_unread,
                row.accepted_misnamed
            );
        }
        text.push('\n');
        for row in &self.rows {
            let told: Vec<String> = row.reasons.iter().map(|(code, n)| format!("{code} {n}")).collect();
            let aside = if row.set_aside > 0 { format!(" ({} set aside)", row.set_aside) } else { String::new() };
            let _ = writeln!(text, "{:<22} {}{aside}", row.fault, told.join(", "));
        }
        text
    }
}

fn of(judged: &[Judged], kind: Kind) -> Vec<&Judged> {
    judged.iter().filter(|f| f.kind == kind && kind.shown(&f.truth)).collect()
}

impl Row {
    fn new(kind: Kind, judged: &[Judged], faultless: &[&Judged]) -> Self {
        let films = of(judged, kind);
        let made = judged.iter().filter(|f| f.kind == kind).count();
        let share = |films: &[&Judged], count: usize| (!films.is_empty()).then(|| count as f64 / films.len() as f64);
        let told = |films: &[&Judged]| films.iter().filter(|f| kind.reasons().iter().any(|r| f.told(r))).count();
        let verdict = |v| share(&films, films.iter().filter(|f| f.verdict == v).count()).unwrap_or(0.0);
        let accepted = || films.iter().filter(|f| f.verdict == Verdict::Accept);
        let mut reasons: Vec<(&'static str, usize)> = Vec::new();
        for code in films.iter().flat_map(|f| &f.reasons) {
            match reasons.iter_mut().find(|(known, _)| known == code) {
                Some((_, n)) => *n += 1,
                None => reasons.push((code, 1)),
            }
        }
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let reason = kind.reasons().first().copied();
        Self {
            fault: kind.name(),
            films: films.len(),
            set_aside: made - films.len(),
            reason,
            sensitivity: reason.and_then(|_| share(&films, told(&films))),
            specificity: reason.and_then(|_| share(faultless, faultless.len() - told(faultless))),
            accept: verdict(Verdict::Accept),
            review: verdict(Verdict::Review),
            repeat: verdict(Verdict::Repeat),
            accepted_unread: accepted().filter(|f| !f.cobb_read).count(),
            accepted_misnamed: accepted().filter(|f| f.misnamed).count(),
            reasons,
        }
    }
}

fn film(judged: &Judged) -> serde_json::Value {
    let (truth, signs) = (&judged.truth, &judged.signs);
    let metal: Vec<_> = signs.metal.iter().map(|(v, times)| json!([v.name(), times])).collect();
    json!({
        "fault": judged.kind.name(), "seed": judged.seed, "shown": judged.kind.shown(truth),
        "verdict": judged.verdict.name(), "reasons": judged.reasons,
        "cobb_read": judged.cobb_read, "cobb_error": judged.cobb_error, "misnamed": judged.misnamed,
        "deviation_index": judged.deviation_index,
        "signs": {
            "smear": signs.smear, "grain": signs.grain, "black": signs.black, "white": signs.white,
            "metal": metal, "rotation": signs.rotation, "lean": signs.lean,
        },
        "truth": {
            "rotation": truth.rotation_deg, "roll": truth.roll_deg, "tilt": truth.tilt_deg, "motion": truth.motion_mm,
            "exposure": truth.exposure, "clipped": truth.clipped, "c7": truth.c7_visibility, "metal": truth.metal,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::report::Signs;
    use crate::phantom::truth::Truth;

    fn film(kind: Kind, verdict: Verdict, reasons: &[&'static str]) -> Judged {
        let c7 = Some("full".to_owned());
        Judged {
            kind,
            seed: 1,
            truth: Truth { c7_visibility: c7, ..Truth::default() },
            verdict,
            reasons: reasons.to_vec(),
            signs: Signs::default(),
            deviation_index: None,
            cobb_read: true,
            cobb_error: Some(1.0),
            misnamed: false,
        }
    }

    fn row(sheet: &Sheet, kind: Kind) -> &Row {
        sheet.rows.iter().find(|row| row.fault == kind.name()).unwrap()
    }

    #[test]
    fn sensitivity_counts_the_fault_and_specificity_the_faultless() {
        let sheet = Sheet::new(&[
            film(Kind::Motion, Verdict::Repeat, &["motion_blur", "disputed"]),
            film(Kind::Motion, Verdict::Review, &["disputed"]),
            film(Kind::Faultless, Verdict::Accept, &[]),
            film(Kind::Faultless, Verdict::Accept, &[]),
            film(Kind::Faultless, Verdict::Accept, &[]),
            film(Kind::Faultless, Verdict::Repeat, &["motion_blur"]),
        ]);
        let motion = row(&sheet, Kind::Motion);
        assert_eq!((motion.sensitivity, motion.specificity), (Some(0.5), Some(0.75)));
        assert_eq!((motion.accept, motion.review, motion.repeat), (0.0, 0.5, 0.5));
        assert_eq!(motion.reasons.first(), Some(&("disputed", 2)));
        let faultless = row(&sheet, Kind::Faultless);
        assert_eq!((faultless.sensitivity, faultless.accept, faultless.repeat), (None, 0.75, 0.25));
        assert!(sheet.table().contains("motion_blur"), "{}", sheet.table());
    }

    #[test]
    fn a_film_that_does_not_show_its_fault_is_set_aside() {
        let cut = film(Kind::CutBelow, Verdict::Accept, &[]);
        let sheet = Sheet::new(&[cut]);
        let row = row(&sheet, Kind::CutBelow);
        assert_eq!((row.films, row.set_aside, row.sensitivity), (0, 1, None));
    }

    #[test]
    fn what_must_not_happen_is_counted() {
        let unread = Judged { cobb_read: false, ..film(Kind::Mixed, Verdict::Accept, &[]) };
        let misnamed = Judged { misnamed: true, ..film(Kind::Mixed, Verdict::Accept, &[]) };
        let reviewed = Judged { misnamed: true, ..film(Kind::Mixed, Verdict::Review, &["disputed"]) };
        let sheet = Sheet::new(&[unread, misnamed, reviewed]);
        let mixed = row(&sheet, Kind::Mixed);
        assert_eq!((mixed.accepted_unread, mixed.accepted_misnamed), (1, 1));
    }
}
