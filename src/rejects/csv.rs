//! The analysis as comma-separated values (RFC 4180): one header, one line a group, the same columns for all.
//!
//! `group` is `total`, `month`, `day`, `view`, `operator`, `reason` or `not_counted` (films in no rate); a figure that cannot be given is empty. Rates are
//! shares, 0 to 1. The columns are promised: later versions may add some at the end.

use super::{Analysis, ReasonCount, Tally, share};

const HEADER: &str = "group,key,films,repeated,repeat_rate,suggested,suggested_rate,accepted,undecided,both_repeat,\
                      suggested_only,decided_only,both_keep,agreement,kappa,di_films,di_mean,di_sd,di_below,di_above,\
                      di_outside";
/// Columns that a line of a reason leaves empty.
const WITHOUT_REASON: usize = 14;
/// Columns that a line of films in no rate leaves empty.
const NOT_COUNTED: usize = 18;

/// `analysis` with a line end after each line.
pub fn csv(analysis: &Analysis) -> String {
    let mut lines = vec![HEADER.to_owned(), line("total", "", &analysis.total)];
    lines.extend(analysis.months.iter().map(|(month, tally)| line("month", &month.format("%Y-%m").to_string(), tally)));
    lines.extend(analysis.days.iter().map(|(day, tally)| line("day", &day.to_string(), tally)));
    lines.extend(analysis.views.iter().map(|(view, tally)| line("view", view.name(), tally)));
    lines.extend(analysis.operators.iter().map(|(name, tally)| line("operator", name.as_deref().unwrap_or(""), tally)));
    lines.extend(analysis.reasons.iter().map(|count| reason(count, &analysis.total)));
    for (key, films) in [("passed_over", analysis.passed_over), ("faults", analysis.faults)] {
        lines.push(format!("not_counted,{key},{films}{}", ",".repeat(NOT_COUNTED)));
    }
    lines.join("\r\n") + "\r\n"
}

fn line(group: &str, key: &str, tally: &Tally) -> String {
    let (agreement, index) = (&tally.agreement, &tally.deviation);
    [
        group.into(),
        field(key),
        tally.films.to_string(),
        tally.repeated.to_string(),
        number(tally.repeat_rate()),
        tally.suggested.to_string(),
        number(tally.suggested_rate()),
        tally.accepted.to_string(),
        tally.undecided().to_string(),
        agreement.both_repeat.to_string(),
        agreement.suggested_only.to_string(),
        agreement.decided_only.to_string(),
        agreement.both_keep.to_string(),
        number(agreement.observed()),
        number(agreement.kappa()),
        index.films.to_string(),
        number(index.mean),
        number(index.sd),
        index.below.to_string(),
        index.above.to_string(),
        number(index.outside()),
    ]
    .join(",")
}

fn reason(count: &ReasonCount, total: &Tally) -> String {
    let rate = |part| number(share(part, total.films));
    format!(
        "reason,{},{},{},{},{},{}{}",
        count.reason.name(),
        total.films,
        count.repeated,
        rate(count.repeated),
        count.suggested,
        rate(count.suggested),
        ",".repeat(WITHOUT_REASON)
    )
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{:.4}", value + 0.0))
}

/// A name may hold anything: quoted where it must be, and never a formula to the spreadsheet that opens it.
fn field(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{afternoon, day, film};
    use super::*;
    use crate::domain::decision::JudgedFilm;

    #[test]
    fn an_afternoon_as_lines() {
        insta::assert_snapshot!(csv(&Analysis::of(&afternoon(), 3, 2)).replace("\r\n", "\n"));
    }

    #[test]
    fn every_line_has_every_column() {
        for films in [afternoon(), Vec::new()] {
            let text = csv(&Analysis::of(&films, 0, 0));
            assert!(text.ends_with("\r\n"));
            let columns: Vec<usize> = text.lines().map(|line| line.split(',').count()).collect();
            assert!(columns.iter().all(|count| *count == columns[0]), "{text}");
        }
    }

    #[test]
    fn names_stay_in_their_column_and_are_no_formula() {
        for (name, written) in [
            ("Li^Na", "Li^Na"),
            ("Ott, \"Eva\"", "\"Ott, \"\"Eva\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("-1", "'-1"),
        ] {
            let named = JudgedFilm { operator: Some(name.into()), ..film(day(11, 22)) };
            let text = csv(&Analysis::of(&[named], 0, 0));
            assert!(text.contains(&format!("operator,{written},1,")), "{text}");
        }
    }
}
