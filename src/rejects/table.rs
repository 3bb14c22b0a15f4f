//! The analysis as a table for people.

use std::fmt::Write as _;

use super::{Analysis, ReasonCount, Tally, share};

/// The days that are listed one by one; of more, the newest.
const DAYS: usize = 31;
/// The widest name of a group.
const NAME: usize = 24;

/// `analysis` as text; `span` says of which days it is.
pub fn table(analysis: &Analysis, span: &str) -> String {
    let total = &analysis.total;
    let mut text = format!("Repeat analysis, {span}\n\n");
    let _ = writeln!(
        text,
        "{}, {} passed over because they are no lateral neck, {} could not be measured.",
        films(total.films),
        analysis.passed_over,
        analysis.faults
    );
    if total.films == 0 {
        return text + "There is nothing to analyse yet.\n";
    }
    let mut groups: Vec<(String, &Tally)> = vec![("all films".into(), total)];
    groups.extend(analysis.months.iter().map(|(month, tally)| (month.format("%Y-%m").to_string(), tally)));
    section(&mut text, "By month", &groups);
    let skipped = analysis.days.len().saturating_sub(DAYS);
    let days: Vec<_> = analysis.days.iter().skip(skipped).map(|(day, tally)| (day.to_string(), tally)).collect();
    section(&mut text, if skipped > 0 { "By day, the newest" } else { "By day" }, &days);
    let views: Vec<_> = analysis.views.iter().map(|(view, tally)| (view.name().to_owned(), tally)).collect();
    section(&mut text, "By view", &views);
    let operators: Vec<_> =
        analysis.operators.iter().map(|(name, tally)| (name.as_deref().unwrap_or("not named").into(), tally)).collect();
    section(&mut text, "By operator", &operators);
    reasons(&mut text, &analysis.reasons, total);
    agreement(&mut text, total);
    exposure(&mut text, total);
    text
}

fn section(text: &mut String, title: &str, groups: &[(String, &Tally)]) {
    let _ = writeln!(
        text,
        "\n{title:<NAME$} {:>7} {:>9} {:>7} {:>9} {:>7} {:>9}",
        "films", "repeated", "rate", "suggested", "rate", "undecided"
    );
    for (name, tally) in groups {
        let name: String = name.chars().take(NAME).collect();
        let _ = writeln!(
            text,
            "{name:<NAME$} {:>7} {:>9} {:>7} {:>9} {:>7} {:>9}",
            tally.films,
            tally.repeated,
            percent(tally.repeat_rate()),
            tally.suggested,
            percent(tally.suggested_rate()),
            tally.undecided()
        );
    }
}

fn reasons(text: &mut String, reasons: &[ReasonCount], total: &Tally) {
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n{:<NAME$} {:>7} {:>9} {:>7} {:>9} {:>9}",
        "By reason (CID 7011)", "code", "repeated", "rate", "of those", "suggested"
    );
    for count in reasons {
        let _ = writeln!(
            text,
            "{:<NAME$} {:>7} {:>9} {:>7} {:>9} {:>9}",
            count.reason.name(),
            count.reason.dicom_code(),
            count.repeated,
            percent(share(count.repeated, total.films)),
            percent(share(count.repeated, total.repeated)),
            count.suggested
        );
    }
}

fn agreement(text: &mut String, total: &Tally) {
    let agreement = &total.agreement;
    if agreement.films() == 0 {
        text.push_str("\nNobody has decided about a film yet: nothing can be said about agreement.\n");
        return;
    }
    let _ = writeln!(text, "\nVerdict against radiographer, over the {} decided", films(agreement.films()));
    let _ = writeln!(text, "{:<NAME$} {:>9} {:>9}", "", "repeated", "kept");
    let _ =
        writeln!(text, "{:<NAME$} {:>9} {:>9}", "repeat suggested", agreement.both_repeat, agreement.suggested_only);
    let _ = writeln!(text, "{:<NAME$} {:>9} {:>9}", "no repeat suggested", agreement.decided_only, agreement.both_keep);
    let kappa = agreement.kappa().map_or_else(|| "not defined".into(), |kappa| format!("{kappa:.2}"));
    let _ = writeln!(text, "agreement {}, Cohen's kappa {kappa}", percent(agreement.observed()).trim());
}

fn exposure(text: &mut String, total: &Tally) {
    let index = &total.deviation;
    if index.films == 0 {
        text.push_str("\nNo film tells a deviation index (IEC 62494-1).\n");
        return;
    }
    let _ = writeln!(text, "\nDeviation index (IEC 62494-1), over {} that tell one", films(index.films));
    let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.2}"));
    let _ = writeln!(
        text,
        "mean {}, SD {}, below -3: {}, above +3: {}, outside {}",
        number(index.mean),
        number(index.sd),
        index.below,
        index.above,
        percent(index.outside()).trim()
    );
}

fn films(count: u64) -> String {
    if count == 1 { "1 film".into() } else { format!("{count} films") }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::super::testing::afternoon;
    use super::*;

    #[test]
    fn an_afternoon_as_a_table() {
        insta::assert_snapshot!(table(&Analysis::of(&afternoon(), 3, 2), "all days"));
    }

    #[test]
    fn an_empty_ledger_says_so() {
        let text = table(&Analysis::of(&[], 0, 1), "2026-11-22");
        assert!(text.contains("0 films") && text.contains("nothing to analyse"), "{text}");
    }
}
