//! The figures for people: what a hospital physicist would want on one sheet, plain text, at most 130 columns.

use std::fmt::Write as _;

use crate::domain::measurement::Quantity;
use crate::domain::report::NOTICE;

use super::accuracy::{Accuracy, FilmLine, Stage};
use super::figures::{Figures, Films, Group, GroupFigures, HEADLINE, LandmarkFigures, NumberFigures};

/// So many films that went wrong are named; the JSON names all.
const NAMED: usize = 20;
/// Stands where there is nothing to say.
const NOTHING: &str = "–";

/// The whole sheet.
pub fn table(accuracy: &Accuracy) -> String {
    let mut text = String::new();
    head(&mut text, accuracy);
    films(&mut text, &accuracy.figures.films);
    naming(&mut text, &accuracy.figures);
    landmarks(&mut text, &accuracy.figures);
    if let Some(all) = accuracy.figures.group(Group::All) {
        numbers(&mut text, "Measurements, all necks", &Quantity::ALL, all);
    }
    for group in Group::every().skip(1) {
        if let Some(figures) = accuracy.figures.group(group) {
            numbers(
                &mut text,
                &format!("Measurements, {}", in_words(&figures.group, figures.films)),
                &HEADLINE,
                figures,
            );
        }
    }
    stages(&mut text, &accuracy.stages);
    went_wrong(&mut text, &accuracy.films);
    let _ = write!(text, "\n{NOTICE}\n");
    text
}

fn head(text: &mut String, accuracy: &Accuracy) {
    let n = accuracy.films.len();
    let _ = writeln!(text, "Accuracy of Sagitta {} on {n} {}", accuracy.version, if n == 1 { "film" } else { "films" });
    for source in &accuracy.sources {
        let _ = writeln!(text, "  films   {source}");
    }
    for (role, sha256) in &accuracy.engine.models {
        let short: String = sha256.chars().take(12).collect();
        let _ = writeln!(text, "  model   {role} {short}, {} {}", accuracy.engine.provider, accuracy.engine.precision);
    }
    if !accuracy.troubles.is_empty() {
        let _ = writeln!(
            text,
            "  not scored: {} (each is named with its reason on stderr and in the JSON)",
            accuracy.troubles.len()
        );
    }
}

fn films(text: &mut String, films: &Films) {
    let _ = writeln!(text, "\nFilms");
    let mut row = |what: &str, part: usize, whole: usize, more: &str| {
        if whole > 0 {
            let _ = writeln!(text, "  {what:<34} {part:>5} of {whole:<5} {:>7}{more}", percent(part, whole));
        }
    };
    row("necks taken for a neck", films.necks - films.necks_refused, films.necks, "");
    row("other films passed over", films.others_passed_over, films.others, "");
    row("side faced found", films.facing_right, films.facing_judged, "");
    for (name, counts) in ["full", "partial", "hidden"].into_iter().zip(films.c7) {
        let whole = counts.iter().sum();
        let [full, partial, hidden] = counts;
        let told = format!("  judged full {full}, partial {partial}, hidden {hidden}");
        let right = match name {
            "full" => full,
            "partial" => partial,
            _ => hidden,
        };
        row(&format!("C7 {name}, judged so"), right, whole, &told);
    }
}

fn naming(text: &mut String, figures: &Figures) {
    let _ = writeln!(
        text,
        "\n{:<16} {:>5} {:>7} {:>8} {:>7} {:>5} {:>6} {:>7} {:>8} {:>7} {:>8} {:>7} {:>7} {:>8}",
        "Names of levels",
        "films",
        "right",
        "visible*",
        "shifted",
        "wrong",
        "incom.",
        "refused",
        "  levels",
        "right",
        "visible*",
        "right",
        "missing",
        "invented",
    );
    for group in &figures.groups {
        let n = &group.naming;
        let _ = writeln!(
            text,
            "  {:<14} {:>5} {:>7} {:>8} {:>7} {:>5} {:>6} {:>7} {:>8} {:>7} {:>8} {:>7} {:>7} {:>8}",
            label(&group.group),
            n.films_judged,
            percent(n.films_right, n.films_judged),
            percent(n.films_visible_right, n.films_judged),
            n.films_shifted,
            n.films_wrong,
            n.films_incomplete,
            n.films_refused,
            n.levels,
            percent(n.levels_right, n.levels),
            n.visible_levels,
            percent(n.visible_levels_right, n.visible_levels),
            n.levels_missing,
            n.levels_invented,
        );
    }
    let _ = writeln!(
        text,
        "  * of levels of which a reader could see anything; a hidden one is inferred from its neighbours"
    );
}

fn landmarks(text: &mut String, figures: &Figures) {
    let Some(all) = figures.group(Group::All) else { return };
    let _ = writeln!(
        text,
        "\n{:<40} {:>6} {:>7}  {:>6} {:>6} {:>6} mm  {:>6} {:>6} {:>6}  {:>6} px  {:>6}",
        "Landmarks", "n", "found", "mean", "median", "95 %", "≤1 mm", "≤2 mm", "≤3 mm", "mean", "spread",
    );
    // One by one, only what could be seen: the pools tell of the rest, and the JSON of all.
    for row in all.landmarks.iter().filter(|row| row.seen == "visible" || !row.landmark.contains('.')) {
        landmark(text, &format!("{}, {}", row.landmark, row.seen), row);
    }
    for group in Group::every().skip(1) {
        let Some(figures) = figures.group(group) else { continue };
        for (pool, seen) in [("corners", "visible"), ("C7 corners", "visible"), ("C7 corners", "hidden")] {
            if let Some(row) = figures.landmark(pool, seen) {
                landmark(text, &format!("{}: {pool}, {seen}", label(&figures.group)), row);
            }
        }
    }
}

fn landmark(text: &mut String, name: &str, row: &LandmarkFigures) {
    let [one, two, three] = row.within_mm.map_or([None; 3], |w| w.map(Some));
    let share = |share: Option<f64>| share.map_or(NOTHING.to_owned(), |s| format!("{:.1} %", 100.0 * s));
    let _ = writeln!(
        text,
        "  {name:<38} {:>6} {:>7}  {:>6} {:>6} {:>6}     {:>6} {:>6} {:>6}  {:>6}     {:>6}",
        row.n,
        percent(row.found, row.n),
        number(row.mm.map(|e| e.mean), 2),
        number(row.mm.map(|e| e.median), 2),
        number(row.mm.map(|e| e.p95), 2),
        share(one),
        share(two),
        share(three),
        number(row.px.map(|e| e.mean), 2),
        number(row.spread_ratio, 2),
    );
}

fn numbers(text: &mut String, title: &str, quantities: &[Quantity], group: &GroupFigures) {
    let _ = writeln!(
        text,
        "\n{title}\n  {:<21} {:<5} {:>5} {:>8} {:>8}  {:>6} {:>6} {:>6}  {:>6} {:>7} {:>16}  {:>9} {:>6}",
        "",
        "unit",
        "n",
        "withheld",
        "unreli.",
        "MAE",
        "median",
        "95 %",
        "ICC",
        "bias",
        "limits of agr.",
        "in 90 %",
        "interv",
    );
    for row in quantities.iter().filter_map(|quantity| group.pooled(*quantity)) {
        let digits = if row.unit == "ratio" { 3 } else { 2 };
        let limits = row
            .agreement
            .map_or(NOTHING.to_owned(), |a| format!("{:+.digits$} … {:+.digits$}", a.limits.0, a.limits.1));
        let _ = writeln!(
            text,
            "  {:<21} {:<5} {:>5} {:>8} {:>8}  {:>6} {:>6} {:>6}  {:>6} {:>7} {limits:>16}  {:>9} {:>6}",
            row.name,
            row.unit,
            row.n,
            percent(row.withheld, row.n),
            percent(row.unreliable, row.n),
            number(row.error.map(|e| e.mean), digits),
            number(row.error.map(|e| e.median), digits),
            number(row.error.map(|e| e.p95), digits),
            number(row.icc, 3),
            row.agreement.map_or(NOTHING.to_owned(), |a| format!("{:+.digits$}", a.bias)),
            percent(row.covered, row.given()),
            number(row.interval_ratio, 2),
        );
    }
}

/// What each stage adds, as in paper B: the same films, one row a stage, for all necks and by how C7 is seen.
fn stages(text: &mut String, stages: &[Stage]) {
    if stages.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n{:<30} {:>6} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}\n{:<30} {:>6} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "What each stage adds",
        "films",
        "named",
        "corners",
        "C2",
        "C7",
        "Cobb",
        "C2 sl.",
        "C7 sl.",
        "SVA",
        "",
        "",
        "right",
        "mm",
        "mm",
        "mm",
        "MAE °",
        "MAE °",
        "MAE °",
        "MAE mm",
    );
    for group in Group::every().take(4) {
        for stage in stages {
            let Some(figures) = stage.figures.group(group) else { continue };
            let name = format!("{}: {}", label(&figures.group), stage.name);
            let seen = |pool: &str| {
                let of = |seen| figures.landmark(pool, seen).and_then(|l| Some((l.found as f64, l.mm?.mean)));
                let (sum, n) = ["visible", "hidden"]
                    .into_iter()
                    .filter_map(of)
                    .fold((0.0, 0.0), |(s, c), (n, m)| (s + n * m, c + n));
                number((n > 0.0).then(|| sum / n), 2)
            };
            let mae = |q| number(figures.pooled(q).and_then(|n: &NumberFigures| n.error).map(|e| e.mean), 2);
            let naming = &figures.naming;
            let _ = writeln!(
                text,
                "  {name:<28} {:>6} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
                figures.films,
                percent(naming.films_right, naming.films_judged),
                seen("corners"),
                seen("C2 corners"),
                seen("C7 corners"),
                mae(Quantity::C2C7Cobb),
                mae(Quantity::C2Slope),
                mae(Quantity::C7Slope),
                mae(Quantity::Sva),
            );
        }
    }
}

fn went_wrong(text: &mut String, films: &[FilmLine]) {
    let wrong: Vec<&FilmLine> = films
        .iter()
        .filter(|film| {
            if film.neck { !["right", "not_judged"].contains(&film.naming) } else { film.verdict != "not_applicable" }
        })
        .collect();
    if wrong.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nFilms that went wrong");
    for film in wrong.iter().take(NAMED) {
        let what = if film.neck { film.naming } else { "no neck, yet measured" };
        let levels = if film.naming == "refused" { String::new() } else { film.levels.join(", ") };
        let _ = writeln!(text, "  {}: {what}{}{levels}", film.file, if levels.is_empty() { "" } else { ": " });
    }
    if wrong.len() > NAMED {
        let _ = writeln!(text, "  … and {} more; the JSON names all", wrong.len() - NAMED);
    }
}

fn label(group: &str) -> String {
    group.strip_prefix("c7_").map_or_else(|| group.to_owned(), |state| format!("C7 {state}"))
}

fn in_words(group: &str, films: usize) -> String {
    format!("{} ({films} {})", label(group), if films == 1 { "neck" } else { "necks" })
}

/// Rounded down, so that 100 % means all.
fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        return NOTHING.to_owned();
    }
    let tenths = part * 1000 / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn number(value: Option<f64>, digits: usize) -> String {
    let Some(value) = value else { return NOTHING.to_owned() };
    let text = format!("{value:.digits$}");
    // What rounds to nothing has no sign.
    text.strip_prefix('-').filter(|rest| rest.chars().all(|c| c == '0' || c == '.')).map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::anatomy::Vertebra;
    use crate::domain::detection::C7Visibility;
    use crate::domain::geometry::PointPx;
    use crate::domain::report::{EngineFacts, Position, Verdict};
    use crate::evaluate::films::Trouble;
    use crate::evaluate::run::Scores;
    use crate::evaluate::score::{FilmScore, score};
    use crate::evaluate::testing::{STEP, found, report, truth};

    /// Ten necks off by known amounts, one shifted, one refused, two films of something else.
    fn scores() -> Scores {
        let neck = |n: u32| {
            let off = |id: crate::domain::anatomy::LandmarkId| {
                let k = f64::from(n * 7 + id.index().unwrap_or(0) as u32 * 13);
                PointPx::new((k % 5.0 - 2.0) * 0.8, (k % 7.0 - 3.0) * 0.6)
            };
            let shift = if n == 3 { STEP } else { 0.0 };
            let keypoints = found(&truth(), |id, p| {
                let hidden = n == 4 && id.vertebra() == Vertebra::C7;
                (!hidden).then(|| PointPx::new(p.x + off(id).x, p.y + off(id).y + shift))
            });
            let mut film = score(&format!("neck-{n}.png"), &truth(), &report(&keypoints));
            film.view = Some([Position::Neutral, Position::Flexion][n as usize % 2]);
            if n >= 8 {
                film.c7 = Some(C7Visibility::Hidden);
            }
            film
        };
        let refused = |file: &str, kind: &str| {
            let mut report = report(&found(&truth(), |_, _| None));
            report.assessment.quality.verdict = Verdict::NotApplicable;
            score(file, &crate::phantom::truth::Truth { kind: Some(kind.into()), ..truth() }, &report)
        };
        let mut films: Vec<FilmScore> = (0..10).map(neck).collect();
        films.push(refused("neck-refused.png", "lateral_cervical"));
        films.push(refused("hand.png", "other"));
        films.push(FilmScore { verdict: Verdict::Review, ..refused("dog.png", "other") });
        let trouble = Trouble { file: "torn.dcm".into(), reason: "truncated".into() };
        Scores { stages: vec![films[..9].to_vec(), films], troubles: vec![trouble], unknown: Vec::new() }
    }

    #[test]
    fn the_sheet_of_a_known_run() {
        let engine = EngineFacts {
            provider: "cpu".into(),
            precision: "fp32".into(),
            models: vec![("detector".into(), "0123456789abcdef".into())],
        };
        let stages = ["first look only".to_owned(), "as installed".to_owned()];
        let accuracy = Accuracy::new("0.0.0 (test)".into(), &engine, vec!["ten necks".into()], &stages, &scores());
        insta::assert_snapshot!(table(&accuracy));
    }

    #[test]
    fn nothing_measured_is_still_a_sheet() {
        let engine = EngineFacts { provider: "cpu".into(), precision: "fp32".into(), models: Vec::new() };
        let accuracy = Accuracy::new("0.0.0".into(), &engine, Vec::new(), &[], &Scores::default());
        let sheet = table(&accuracy);
        assert!(sheet.contains("on 0 films") && !sheet.contains("NaN"), "{sheet}");
    }

    #[test]
    fn a_hundred_per_cent_means_all() {
        assert_eq!(percent(9999, 10_000), "99.9 %");
        assert_eq!(percent(7, 7), "100.0 %");
        assert_eq!(percent(0, 0), NOTHING);
    }
}
