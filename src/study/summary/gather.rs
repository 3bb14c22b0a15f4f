//! Decides what the summary says; the words come from the languages.

use super::{Against, Film, Indicator, Line, Number, Obstacle, Threshold};
use crate::domain::anatomy::Vertebra;
use crate::domain::measurement::{Cause, Level, Quantity, Reading};
use crate::domain::report::{Certainty, Position};
use crate::study::{Dynamic, Effort, Motion, Placed, Settings, Sign, SignKind, Stability, Study};

/// Everything that can be said of `study`, the most urgent first.
pub fn lines(study: &Study, settings: &Settings) -> Vec<Line> {
    let mut lines = films(study);
    if let Some(dynamic) = &study.dynamic {
        lines.extend(motion(study, dynamic, settings));
    }
    // The alignment is that of the neutral film, or of a film that may be one.
    let upright = study.current(Position::Neutral).or_else(|| study.unplaced().last());
    lines.extend(upright.into_iter().flat_map(alignment));
    let canal = upright.or_else(|| study.films.iter().rev().find(|f| f.replaced_by.is_none()));
    lines.extend(canal.into_iter().flat_map(self::canal));
    lines.extend(support(study, upright, canal, settings));
    lines.extend(obstacles(study, upright));
    lines.push(thresholds(study, upright, canal, settings));
    lines.push(Line::Notice);
    lines
}

fn films(study: &Study) -> Vec<Line> {
    let known = [Position::Neutral, Position::Flexion, Position::Extension];
    let mut positions: Vec<Film> = known.into_iter().filter(|p| study.current(*p).is_some()).map(Film::from).collect();
    positions.extend(study.unplaced().map(|_| Film::Unplaced));
    let replaced = study.films.iter().filter(|f| f.replaced_by.is_some()).count();
    let mut lines = vec![Line::Films { positions, replaced }];
    if !study.missing.is_empty() {
        lines.push(Line::Missing(study.missing.iter().copied().map(Film::from).collect()));
    }
    let told = study.films.iter().filter_map(|f| Some((f.position.into(), f.disagreement.clone()?)));
    for (film, disagreement) in told {
        let line = Line::Disagreement(film, disagreement);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn motion(study: &Study, dynamic: &Dynamic, settings: &Settings) -> Vec<Line> {
    let mut lines = Vec::new();
    if let (Some(range), Some(over)) = (number(&dynamic.range_of_motion), span(dynamic.range_over)) {
        lines.push(Line::Range { over, range });
    }
    if dynamic.effort == Effort::Insufficient {
        lines.push(Line::InsufficientEffort { least: settings.effort_deg });
    }
    for level in &dynamic.levels {
        if let Stability::Unstable(certainty) = level.stability {
            lines.push(Line::Unstable {
                level: level.level,
                certainty,
                slip: number(&level.slip).map(|slip| (slip, settings.slip_mm)),
                angle: number(&level.angle).map(|angle| (angle, settings.angle_deg)),
            });
        }
    }
    let stable = |wanted: &[Certainty]| -> Vec<Level> {
        let is = |l: &&Motion| matches!(l.stability, Stability::Stable(c) if wanted.contains(&c));
        dynamic.levels.iter().filter(is).map(|l| l.level).collect()
    };
    let levels = stable(&[Certainty::Clear, Certainty::Borderline]);
    if !levels.is_empty() {
        let borderline = stable(&[Certainty::Borderline]);
        let (slip_mm, angle_deg) = (settings.slip_mm, settings.angle_deg);
        lines.push(Line::Stable { levels, borderline, slip_mm, angle_deg });
    }
    lines.extend(motion_unknown(study, dynamic));
    lines
}

/// Why levels are undetermined, one line a reason.
fn motion_unknown(study: &Study, dynamic: &Dynamic) -> Vec<Line> {
    let ends = [Position::Flexion, Position::Extension];
    let obstacle = |quantity, level, doubtful| {
        ends.into_iter().find_map(|position| {
            let reading = study.current(position)?.film.measurements.get(quantity, level);
            obstacle(position, reading, doubtful)
        })
    };
    let mut lines: Vec<Line> = Vec::new();
    if dynamic.effort == Effort::Unknown {
        lines.extend(obstacle(dynamic.range_over, None, true).map(Line::RangeUnknown));
    }
    for level in dynamic.levels.iter().filter(|l| l.stability == Stability::Undetermined) {
        let [slip, angle] =
            [(Quantity::SlipDistance, &level.slip), (Quantity::SlipAngle, &level.angle)].map(|(quantity, change)| {
                change.estimate().is_none().then(|| obstacle(quantity, Some(level.level), false)).flatten()
            });
        let Some(why) = slip.or(angle) else { continue };
        match lines.iter_mut().find_map(|line| match line {
            Line::MotionUnknown { levels, why: known } if *known == why => Some(levels),
            _ => None,
        }) {
            Some(levels) => levels.push(level.level),
            None => lines.push(Line::MotionUnknown { levels: vec![level.level], why }),
        }
    }
    lines
}

fn alignment(placed: &Placed) -> Vec<Line> {
    let film = Film::from(placed.position);
    let numbers = &placed.film.measurements;
    let sign = |kind| placed.film.signs.iter().find(|s| s.kind == kind).map(against);
    let mut lines = Vec::new();
    let whole = numbers.get(Quantity::C2C7Cobb, None);
    let short = numbers.get(Quantity::C2C6Cobb, None).filter(|r| matches!(r, Reading::Ok(_)));
    let (quantity, reading) = match (whole, short) {
        (Some(Reading::Ok(_)), _) | (_, None) => (Quantity::C2C7Cobb, whole),
        (_, short) => (Quantity::C2C6Cobb, short),
    };
    if let (Some(cobb), Some(over)) = (reading.and_then(number), span(quantity)) {
        lines.push(Line::Curve { film, over, cobb, kyphosis: sign(SignKind::Kyphosis) });
    }
    if let Some(sva) = numbers.get(Quantity::Sva, None).and_then(number) {
        let (imbalance, magnified) = (sign(SignKind::Imbalance), placed.film.magnification > 1.0);
        lines.push(Line::Balance { sva, imbalance, magnified });
    }
    let slips: Vec<&Sign> = placed.film.signs.iter().filter(|s| s.kind == SignKind::Slip).collect();
    lines.extend(slips.iter().filter(|s| s.present).filter_map(|s| {
        let (level, slip) = (s.level?, number(numbers.get(Quantity::SlipDistance, s.level)?)?);
        Some(Line::Slip { film, level, slip, against: against(s) })
    }));
    if slips.len() == Level::segments().count() && slips.iter().all(|s| !s.present) {
        lines.extend(slips.first().map(|s| Line::NoSlip { film, threshold: s.threshold }));
    }
    lines
}

fn canal(placed: &Placed) -> Vec<Line> {
    let numbers = &placed.film.measurements;
    let signs = placed.film.signs.iter().filter(|s| s.kind == SignKind::Stenosis);
    signs
        .filter_map(|sign| match (sign.present, sign.level) {
            (true, Some(level)) => {
                let inside = Vertebra::WITH_CANAL.map(Level::vertebra).into_iter().filter(|v| v.touches(level));
                let ratios = inside.filter_map(|v| Some((v, number(numbers.get(Quantity::Pavlov, Some(v))?)?)));
                let smallest = ratios.min_by(|(_, a), (_, b)| a.estimate.value().total_cmp(&b.estimate.value()));
                Some(Line::NarrowCanal { level, smallest, against: against(sign) })
            }
            (true, None) => None,
            (false, _) => Some(Line::WideCanal { threshold: sign.threshold, certainty: sign.certainty }),
        })
        .collect()
}

/// Levels to which at least two indicators point. A narrow canal concerns every segment within its run.
fn support(study: &Study, upright: Option<&Placed>, canal: Option<&Placed>, settings: &Settings) -> Vec<Line> {
    let sign = |placed: Option<&Placed>, kind, concerns: &dyn Fn(Level) -> bool| {
        let signs = placed.into_iter().flat_map(|p| &p.film.signs);
        signs.filter(|s| s.kind == kind && s.present).filter_map(|s| s.level).any(concerns)
    };
    let beyond = |reading: &Reading, limit| reading.estimate().is_some_and(|e| e.value() > limit);
    let lines = Level::segments().filter_map(|(upper, lower, level)| {
        let moved = study.dynamic.iter().flat_map(|d| &d.levels).find(|l| l.level == level);
        let within = |run: Level| run.upper() <= upper && lower <= run.lower();
        let indicators: Vec<Indicator> = [
            (Indicator::StaticSlip, sign(upright, SignKind::Slip, &|l| l == level)),
            (Indicator::SlipChange, moved.is_some_and(|m| beyond(&m.slip, settings.slip_mm))),
            (Indicator::AngleChange, moved.is_some_and(|m| beyond(&m.angle, settings.angle_deg))),
            (Indicator::NarrowCanal, sign(canal, SignKind::Stenosis, &within)),
        ]
        .into_iter()
        .filter_map(|(indicator, points)| points.then_some(indicator))
        .collect();
        (indicators.len() >= 2).then_some(Line::Support { level, indicators })
    });
    lines.collect()
}

/// What the upright film could not tell, one line a reason.
fn obstacles(study: &Study, upright: Option<&Placed>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let Some(placed) = upright else {
        return vec![Line::NoNeutral];
    };
    for quantity in [Quantity::C2C7Cobb, Quantity::Sva, Quantity::SlipDistance, Quantity::Pavlov] {
        let mut rows = placed.film.measurements.0.iter().filter(|row| row.quantity == quantity);
        let Some(why) = rows.find_map(|row| obstacle(placed.position, Some(&row.reading), false)) else { continue };
        match lines.iter_mut().find_map(|line| match line {
            Line::NotTold { quantities, why: known } if *known == why => Some(quantities),
            _ => None,
        }) {
            Some(quantities) => quantities.push(quantity),
            None => lines.push(Line::NotTold { quantities: vec![quantity], why }),
        }
    }
    let unplaced = study.unplaced().count();
    if unplaced > 0 {
        lines.push(Line::Unplaced(unplaced));
    }
    lines
}

/// Only what was used: a threshold without a number stands for nothing.
fn thresholds(study: &Study, upright: Option<&Placed>, canal: Option<&Placed>, settings: &Settings) -> Line {
    let of = |placed: Option<&Placed>, kind| {
        placed.and_then(|p| p.film.signs.iter().find(|s| s.kind == kind)).map(|s| s.threshold)
    };
    let moved = study.dynamic.is_some();
    let slip = of(upright, SignKind::Slip).or(moved.then_some(settings.slip_mm));
    let used = [
        of(upright, SignKind::Kyphosis).map(Threshold::Kyphosis),
        of(upright, SignKind::Imbalance).map(Threshold::Imbalance),
        slip.map(Threshold::Slip),
        moved.then_some(Threshold::Angle(settings.angle_deg)),
        of(canal, SignKind::Stenosis).map(Threshold::Pavlov),
    ];
    let (published, own) = used.into_iter().flatten().partition(|t| t.is_published());
    Line::Thresholds { published, own }
}

fn against(sign: &Sign) -> Against {
    Against { threshold: sign.threshold, beyond: sign.present, certainty: sign.certainty }
}

fn number(reading: &Reading) -> Option<Number> {
    let doubt = match reading {
        Reading::Unreliable(_, reason) => Some(Cause::of(of_the_film(reason))),
        Reading::Ok(_) | Reading::Withheld(_) => None,
    };
    Some(Number { estimate: reading.estimate()?, doubt })
}

/// The reason of a difference names the view before the film's own reason.
fn of_the_film(reason: &str) -> &str {
    ["flexion: ", "extension: "].into_iter().find_map(|view| reason.strip_prefix(view)).unwrap_or(reason)
}

/// Why `reading` of the film in `position` has no number, or (`doubtful`) none to rely on.
fn obstacle(position: Position, reading: Option<&Reading>, doubtful: bool) -> Option<Obstacle> {
    let reason = match reading? {
        Reading::Withheld(reason) => reason,
        Reading::Unreliable(_, reason) if doubtful => reason,
        Reading::Ok(_) | Reading::Unreliable(..) => return None,
    };
    let vertebrae = Vertebra::ALL.into_iter().filter(|v| reason.contains(v.name())).collect();
    Some(Obstacle { film: position.into(), cause: Cause::of(reason), vertebrae })
}

/// The levels over which a Cobb angle goes; `None` for every other quantity.
pub fn span(quantity: Quantity) -> Option<Level> {
    match quantity {
        Quantity::C2C7Cobb => Level::span(Vertebra::C2, Vertebra::C7),
        Quantity::C2C6Cobb => Level::span(Vertebra::C2, Vertebra::C6),
        _ => None,
    }
}
