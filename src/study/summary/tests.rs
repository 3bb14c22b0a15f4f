//! Every line in every language, and two patients told as a whole.

use super::*;
use crate::domain::measurement::Reading;
use crate::domain::report::Certainty;
use crate::study::testing::{film, mark, ok, segment, set};
use crate::study::{Settings, SignKind, Study};

fn number(value: f64) -> Number {
    Number { estimate: Estimate::new(value, value - 1.0, value + 1.0).unwrap(), doubt: Some(Cause::LowConfidence) }
}

/// Lines of every kind, with every variant of what is inside. A new kind is missing in the `match` of [`kind`] until it is
/// added there, and then here.
fn all() -> Vec<Line> {
    use Certainty::{Borderline, Clear};
    let (c45, c27) = (segment("C4-C5"), segment("C2-C7"));
    let films = [Film::Neutral, Film::Flexion, Film::Extension, Film::Unplaced];
    let positions = [Position::Neutral, Position::Flexion, Position::Extension, Position::Unknown];
    let mut lines = vec![
        Line::Films { positions: films.to_vec(), replaced: 0 },
        Line::Films { positions: vec![], replaced: 1 },
        Line::Films { positions: vec![Film::Flexion], replaced: 3 },
        Line::Missing(vec![Film::Flexion]),
        Line::Missing(vec![Film::Flexion, Film::Extension]),
        Line::Range { over: c27, range: number(40.0) },
        Line::InsufficientEffort { least: 5.0 },
        Line::Stable { levels: vec![c45, c27], borderline: vec![c45], slip_mm: 3.5, angle_deg: 11.0 },
        Line::NoNeutral,
        Line::Unplaced(1),
        Line::Unplaced(2),
        Line::Notice,
    ];
    lines.extend(Indicator::ALL.map(|i| Line::Support { level: c45, indicators: vec![i, Indicator::NarrowCanal] }));
    for quantity in Quantity::ALL {
        let why = Obstacle { film: Film::Neutral, cause: Cause::NoSpacing, vertebrae: vec![] };
        lines.push(Line::NotTold { quantities: vec![quantity, Quantity::Pavlov], why });
    }
    for cause in Cause::ALL {
        for vertebrae in [vec![], vec![Vertebra::C6, Vertebra::C7]] {
            let why = Obstacle { film: Film::Flexion, cause, vertebrae };
            lines.push(Line::MotionUnknown { levels: vec![c45], why: why.clone() });
            lines.push(Line::RangeUnknown(why));
        }
    }
    for film in films {
        lines.push(Line::Disagreement(film, Disagreement::Swapped(21.4)));
        lines.push(Line::Disagreement(film, Disagreement::SameName(28.0)));
        lines.push(Line::NoSlip { film, threshold: 3.5 });
    }
    for (header, anatomy) in positions.into_iter().zip(positions.into_iter().rev()) {
        for anatomy_believed in [true, false] {
            let looks = Disagreement::Looks { header, anatomy, anatomy_believed };
            lines.push(Line::Disagreement(header.into(), looks));
        }
    }
    for certainty in [Clear, Borderline] {
        for beyond in [true, false] {
            let against = Against { threshold: -13.0, beyond, certainty };
            let (film, level) = (Film::Unplaced, c45);
            lines.push(Line::Curve { film, over: c27, cobb: number(-20.0), kyphosis: Some(against) });
            lines.push(Line::Balance { sva: number(44.0), imbalance: Some(against), magnified: beyond });
            lines.push(Line::Slip { film, level, slip: number(if beyond { 4.0 } else { -4.0 }), against });
            let smallest = beyond.then(|| (segment("C5"), number(0.62)));
            lines.push(Line::NarrowCanal { level, smallest, against });
        }
        let (slip, angle) = (Some((number(4.0), 3.5)), Some((number(12.0), 11.0)));
        lines.push(Line::Unstable { level: c45, certainty, slip, angle: None });
        lines.push(Line::Unstable { level: c45, certainty, slip: None, angle });
        lines.push(Line::WideCanal { threshold: 0.75, certainty });
    }
    lines.push(Line::Curve { film: Film::Neutral, over: c27, cobb: number(1.0), kyphosis: None });
    lines.push(Line::Balance { sva: number(4.0), imbalance: None, magnified: false });
    let thresholds = [
        Threshold::Kyphosis(-13.0),
        Threshold::Imbalance(40.0),
        Threshold::Slip(3.5),
        Threshold::Angle(11.0),
        Threshold::Pavlov(0.75),
    ];
    assert!(thresholds.iter().all(|t| t.is_published()));
    lines.push(Line::Thresholds { published: thresholds.to_vec(), own: vec![] });
    lines.push(Line::Thresholds { published: vec![], own: thresholds.to_vec() });
    lines.push(Line::Thresholds { published: vec![], own: vec![] });
    lines
}

const KINDS: usize = 21;

fn kind(line: &Line) -> usize {
    match line {
        Line::Films { .. } => 0,
        Line::Missing(_) => 1,
        Line::Disagreement(..) => 2,
        Line::Range { .. } => 3,
        Line::InsufficientEffort { .. } => 4,
        Line::Unstable { .. } => 5,
        Line::Stable { .. } => 6,
        Line::Curve { .. } => 7,
        Line::Balance { .. } => 8,
        Line::Slip { .. } => 9,
        Line::NoSlip { .. } => 10,
        Line::NarrowCanal { .. } => 11,
        Line::WideCanal { .. } => 12,
        Line::Support { .. } => 13,
        Line::MotionUnknown { .. } => 14,
        Line::RangeUnknown(_) => 15,
        Line::NoNeutral => 16,
        Line::NotTold { .. } => 17,
        Line::Unplaced(_) => 18,
        Line::Thresholds { .. } => 19,
        Line::Notice => 20,
    }
}

#[test]
fn every_kind_of_line_is_tried() {
    let mut kinds: Vec<usize> = all().iter().map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, (0..KINDS).collect::<Vec<_>>());
}

/// No language borrows from another: what is Latin in Chinese are names that radiologists write so.
#[test]
fn every_line_is_wholly_in_its_language() {
    for line in all() {
        let english = Language::English.say(&line);
        assert!(english.is_ascii() || english.chars().all(|c| c.is_ascii() || "°–−".contains(c)), "{english}");
        assert!(english.ends_with('.') && english.starts_with(|c: char| c.is_uppercase()), "{english}");
        let chinese = Language::SimplifiedChinese.say(&line);
        let mut foreign = chinese.clone();
        for name in ["Nature Communications", "Cobb", "Pavlov", "SVA", "Suda", "mm", "C2", "C3", "C4", "C5", "C6", "C7"]
        {
            foreign = foreign.replace(name, "");
        }
        assert!(!foreign.contains(|c: char| c.is_alphabetic() && c.is_ascii()), "{chinese}");
        assert!(chinese.ends_with('。') && !chinese.contains([',', ';', '(', ')']), "{chinese}");
        for text in [&english, &chinese] {
            assert!(!text.contains(['\n', '_', '{', '}']) && !text.contains("  ") && !text.contains(".."), "{text}");
        }
    }
}

#[test]
fn numbers_are_written_for_people() {
    assert_eq!(
        (written(-13.04, 1), written(-0.04, 1), written(0.745, 2)),
        ("−13.0".into(), "0.0".into(), "0.74".into())
    );
    assert_eq!((plain(-13.0), plain(3.5), plain(40.0)), ("−13".into(), "3.5".into(), "40".into()));
}

/// A loose level with a narrow canal, a kyphosis, a film without C7, a threshold of the site's own.
fn sick() -> (Study, Settings) {
    let mut neutral = film("n", Position::Neutral, Position::Unknown, -16.0);
    mark(&mut neutral, SignKind::Kyphosis, None, Certainty::Clear);
    mark(&mut neutral, SignKind::Slip, Some(segment("C4-C5")), Certainty::Borderline);
    set(&mut neutral, Quantity::SlipDistance, Some(segment("C4-C5")), ok(3.6, 0.3));
    mark(&mut neutral, SignKind::Stenosis, Some(segment("C4-C6")), Certainty::Clear);
    for (level, ratio) in [("C4", 0.70), ("C5", 0.64), ("C6", 0.71)] {
        set(&mut neutral, Quantity::Pavlov, Some(segment(level)), ok(ratio, 0.02));
    }
    set(&mut neutral, Quantity::Sva, None, Reading::Withheld(Cause::NoSpacing.phrase().into()));
    neutral.signs.retain(|sign| sign.kind != SignKind::Imbalance);
    let mut flexion = film("f", Position::Flexion, Position::Flexion, -30.0);
    set(&mut flexion, Quantity::SlipDistance, Some(segment("C4-C5")), ok(4.5, 0.3));
    set(&mut flexion, Quantity::SlipAngle, Some(segment("C6-C7")), Reading::Withheld("not found: C7".into()));
    let extension = film("e", Position::Extension, Position::Extension, 20.0);
    let settings = Settings { angle_deg: 12.0, ..Settings::default() };
    (Study::of(vec![neutral, flexion, extension], &settings), settings)
}

fn told(study: &Study, settings: &Settings, language: Language) -> Vec<String> {
    lines(study, settings).iter().map(|line| language.say(line)).collect()
}

#[test]
fn a_sick_neck_in_english() {
    let (study, settings) = sick();
    insta::assert_snapshot!(told(&study, &settings, Language::English).join("\n"));
}

#[test]
fn a_sick_neck_in_chinese() {
    let (study, settings) = sick();
    insta::assert_snapshot!(told(&study, &settings, Language::SimplifiedChinese).join("\n"));
}

#[test]
fn little_effort_and_a_missing_view_are_told_before_anything_else() {
    let still = |name, header, cobb| film(name, header, Position::Neutral, cobb);
    let study = |films| Study::of(films, &Settings::default());
    let both = study(vec![still("f", Position::Flexion, 10.0), still("e", Position::Extension, 13.0)]);
    let said = told(&both, &Settings::default(), Language::English);
    assert!(said[2].starts_with("Insufficient effort: with less than 5°"), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("No dynamic instability")), "{said:#?}");
    assert!(said.iter().any(|line| line.starts_with("There is no neutral film")), "{said:#?}");
    let one = study(vec![still("f", Position::Flexion, 10.0)]);
    let said = told(&one, &Settings::default(), Language::SimplifiedChinese);
    assert_eq!(said[1], "缺少过伸位片，无法评估颈椎活动度及动态稳定性，请在患者离开前补拍。");
}

/// A single slip is no support for itself.
#[test]
fn support_needs_two_indicators_at_one_level() {
    let (study, settings) = sick();
    let supported: Vec<_> = lines(&study, &settings)
        .into_iter()
        .filter_map(|line| match line {
            Line::Support { level, indicators } => Some((level.to_string(), indicators.len())),
            _ => None,
        })
        .collect();
    assert_eq!(supported, [("C4-C5".to_owned(), 3)], "C5-C6 has the narrow canal alone");
}
