//! The summary in English.

use super::{Against, Film, Indicator, Line, Number, Obstacle, Threshold, plain, written};
use crate::domain::anatomy::Vertebra;
use crate::domain::measurement::{Cause, Level, Quantity};
use crate::domain::report::Certainty;
use crate::study::Disagreement;

pub(super) fn say(line: &Line) -> String {
    match line {
        Line::Films { positions, replaced } => films(positions, *replaced),
        Line::Missing(views) => missing(views),
        Line::Disagreement(film, disagreement) => disagrees(*film, disagreement),
        Line::Range { over, range } => {
            format!("Range of motion {over} between flexion and extension: {}.", degrees(range))
        }
        Line::InsufficientEffort { least } => format!(
            "Insufficient effort: with less than {}° of motion no level can be called stable. Repeat flexion and extension \
             with more motion if the patient can.",
            plain(*least)
        ),
        Line::Unstable { level, certainty, slip, angle } => unstable(*level, *certainty, slip.as_ref(), angle.as_ref()),
        Line::Stable { levels, borderline, slip_mm, angle_deg } => stable(levels, borderline, *slip_mm, *angle_deg),
        Line::Curve { film, over, cobb, kyphosis } => {
            let judged = kyphosis.as_ref().map_or_else(String::new, |k| {
                let what = if k.beyond { "severe kyphosis" } else { "no severe kyphosis" };
                format!(": {what} (threshold {}°{})", plain(k.threshold), border(k))
            });
            format!("Cobb angle {over} on the {}: {}{judged}.", name(*film), degrees(cobb))
        }
        Line::Balance { sva, imbalance, magnified } => {
            let judged = imbalance.as_ref().map_or_else(String::new, |i| {
                let what = if i.beyond { "sagittal imbalance" } else { "no sagittal imbalance" };
                format!(": {what} (threshold {} mm{})", plain(i.threshold), border(i))
            });
            let note = if *magnified { " The film may show lengths too long." } else { "" };
            format!("C2–C7 sagittal vertical axis: {}{judged}.{note}", millimetres(sva))
        }
        Line::Slip { film, level, slip, against } => format!(
            "{level} slips on the {}: {} {}.",
            name(*film),
            if slip.estimate.value() > 0.0 { "anterolisthesis" } else { "retrolisthesis" },
            beside(&millimetres(slip), &format!("threshold {} mm{}", plain(against.threshold), border(against)))
        ),
        Line::NoSlip { film, threshold } => {
            format!("On the {} no level slips by more than {} mm.", name(*film), plain(*threshold))
        }
        Line::NarrowCanal { level, smallest, against } => {
            let least = smallest
                .as_ref()
                .map_or_else(String::new, |(at, ratio)| format!(", least at {at} with {}", ratio_of(ratio)));
            format!(
                "Developmental canal stenosis {level}: Pavlov ratio below {} on at least three levels in a row{least}{}.",
                plain(against.threshold),
                if against.certainty == Certainty::Borderline { " (borderline)" } else { "" }
            )
        }
        Line::WideCanal { threshold, certainty } => format!(
            "Canal: no three levels in a row with a Pavlov ratio below {}{}.",
            plain(*threshold),
            if *certainty == Certainty::Borderline { " (borderline)" } else { "" }
        ),
        Line::Support { level, indicators } => {
            let all: Vec<_> = indicators.iter().map(|i| indicator(*i).to_owned()).collect();
            format!("{level}: {} indicators support each other: {}.", all.len(), and(&all))
        }
        Line::MotionUnknown { levels, why } => {
            format!("Motion of {} could not be told: {}.", levels_of(levels), because(why))
        }
        Line::RangeUnknown(why) => {
            format!("No level is called stable, because the range of motion is not known: {}.", because(why))
        }
        Line::NoNeutral => "There is no neutral film: alignment and balance are not judged.".into(),
        Line::NotTold { quantities, why } => {
            let all: Vec<_> = quantities.iter().map(|q| quantity(*q).to_owned()).collect();
            format!("Not told, or not at every level: {}. Reason: {}.", and(&all), because(why))
        }
        Line::Unplaced(1) => "The position of one film is not known; it takes no part in the motion.".into(),
        Line::Unplaced(n) => format!("The position of {n} films is not known; they take no part in the motion."),
        Line::Thresholds { published, own } => thresholds(published, own),
        Line::Notice => "A measuring aid, not a diagnosis; every number must be checked on the film.".into(),
    }
}

fn films(positions: &[Film], replaced: usize) -> String {
    let all: Vec<_> = positions.iter().map(|film| short(*film).to_owned()).collect();
    let again = match replaced {
        0 => String::new(),
        1 => " One film was taken again; the later one counts.".into(),
        n => format!(" {n} films were taken again; the last of each position counts."),
    };
    format!("Films: {}.{again}", and(&all))
}

fn missing(views: &[Film]) -> String {
    let all: Vec<_> = views.iter().map(|film| short(*film).to_owned()).collect();
    let (noun, verb, them) = if all.len() == 1 { ("view", "is", "it") } else { ("views", "are", "them") };
    format!(
        "The {} {noun} {verb} missing: without {them} motion and dynamic instability cannot be told. Take {them} while the \
         patient is here.",
        and(&all)
    )
}

fn disagrees(film: Film, disagreement: &Disagreement) -> String {
    match disagreement {
        Disagreement::Looks { header, anatomy, anatomy_believed } => format!(
            "Check the label: a film is called {}, but the neck looks like {}; it is taken as {}.",
            header.name(),
            anatomy.name(),
            if *anatomy_believed { anatomy.name() } else { header.name() }
        ),
        Disagreement::Swapped(bend) => format!(
            "Check the labels: the neck is {}° more lordotic in flexion than in extension; the two may be swapped ({}).",
            written(*bend, 0),
            short(film)
        ),
        Disagreement::SameName(apart) => format!(
            "Check the labels: two films called {} lie {}° apart; one of them may be another position.",
            short(film),
            written(*apart, 0)
        ),
    }
}

fn unstable(level: Level, certainty: Certainty, slip: Option<&(Number, f64)>, angle: Option<&(Number, f64)>) -> String {
    let surely = if certainty == Certainty::Borderline { " (borderline)" } else { "" };
    let slip = slip.map_or_else(
        || "change of slip not told".to_owned(),
        |(slip, limit)| {
            format!("slip changes by {}", beside(&millimetres(slip), &format!("threshold {} mm", plain(*limit))))
        },
    );
    let angle = angle.map_or_else(
        || "change of angle not told".to_owned(),
        |(angle, limit)| {
            format!("angle changes by {}", beside(&degrees(angle), &format!("threshold {}°", plain(*limit))))
        },
    );
    format!("Dynamic instability at {level}{surely}: {slip}, {angle}.")
}

fn stable(levels: &[Level], borderline: &[Level], slip_mm: f64, angle_deg: f64) -> String {
    let near = if borderline.is_empty() { String::new() } else { format!(" Borderline: {}.", levels_of(borderline)) };
    format!(
        "No dynamic instability at {}: slip changes by at most {} mm, angle by at most {}°.{near}",
        levels_of(levels),
        plain(slip_mm),
        plain(angle_deg)
    )
}

fn thresholds(published: &[Threshold], own: &[Threshold]) -> String {
    let list = |all: &[Threshold]| and(&all.iter().map(threshold).collect::<Vec<_>>());
    let mut said = Vec::new();
    if !published.is_empty() {
        said.push(format!(
            "Thresholds after the multi-task framework for cervical spondylosis (Nature Communications): {}.",
            list(published)
        ));
    }
    if !own.is_empty() {
        said.push(format!("Thresholds set by this site: {}.", list(own)));
    }
    if said.is_empty() { "No threshold was used.".into() } else { said.join(" ") }
}

fn threshold(threshold: &Threshold) -> String {
    match threshold {
        Threshold::Kyphosis(value) => format!("Cobb angle {}° (after Suda et al.)", plain(*value)),
        Threshold::Imbalance(value) => format!("sagittal vertical axis {} mm", plain(*value)),
        Threshold::Slip(value) => format!("slip and its change {} mm", plain(*value)),
        Threshold::Angle(value) => format!("change of angle {}°", plain(*value)),
        Threshold::Pavlov(value) => format!("Pavlov ratio {} on three levels in a row", plain(*value)),
    }
}

fn border(against: &Against) -> &'static str {
    if against.certainty == Certainty::Borderline { ", borderline" } else { "" }
}

fn short(film: Film) -> &'static str {
    match film {
        Film::Neutral => "neutral",
        Film::Flexion => "flexion",
        Film::Extension => "extension",
        Film::Unplaced => "position unknown",
    }
}

fn name(film: Film) -> &'static str {
    match film {
        Film::Neutral => "neutral film",
        Film::Flexion => "flexion film",
        Film::Extension => "extension film",
        Film::Unplaced => "film of unknown position",
    }
}

fn indicator(indicator: Indicator) -> &'static str {
    match indicator {
        Indicator::StaticSlip => "slip on a single film",
        Indicator::SlipChange => "change of the slip in motion",
        Indicator::AngleChange => "change of the angle in motion",
        Indicator::NarrowCanal => "narrow canal",
    }
}

fn quantity(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::C2C7Cobb => "Cobb angle C2-C7",
        Quantity::C2C6Cobb => "Cobb angle C2-C6",
        Quantity::C2Slope => "C2 slope",
        Quantity::C7Slope => "C7 slope",
        Quantity::Sva => "sagittal vertical axis",
        Quantity::SegmentalAngle => "segmental angle",
        Quantity::SlipDistance => "slip",
        Quantity::SlipAngle => "slip angle",
        Quantity::Sdvb => "depth of the body",
        Quantity::Sdvc => "depth of the canal",
        Quantity::Pavlov => "Pavlov ratio",
        Quantity::DiscHeightAnterior | Quantity::DiscHeightMiddle | Quantity::DiscHeightPosterior => "disc height",
        Quantity::BodyWedge => "wedge of the body",
    }
}

fn because(why: &Obstacle) -> String {
    let names: Vec<_> = why.vertebrae.iter().map(|v| Vertebra::name(*v).to_owned()).collect();
    let of = |otherwise: &str| if names.is_empty() { otherwise.to_owned() } else { and(&names) };
    let cause = match why.cause {
        Cause::NotFound => format!("{} was not found", of("a landmark")),
        Cause::SideUnknown => "the side to which the patient looks is not known".into(),
        Cause::Contradiction => format!("the landmarks of {} contradict each other", of("the neck")),
        Cause::NoSpacing => "millimetres are not known".into(),
        Cause::Coincident => "landmarks coincide".into(),
        Cause::C7Hidden => "C7 is hidden".into(),
        Cause::LowConfidence => format!("the landmarks of {} are not sure", of("the neck")),
        Cause::HardlyKnown => "the interval is too wide".into(),
    };
    format!("on the {} {cause}", name(why.film))
}

fn degrees(number: &Number) -> String {
    quantified(number, "°", 1)
}

fn millimetres(number: &Number) -> String {
    quantified(number, " mm", 1)
}

fn ratio_of(number: &Number) -> String {
    quantified(number, "", 2)
}

fn quantified(number: &Number, unit: &str, decimals: usize) -> String {
    let (low, high) = number.estimate.ci90();
    let [value, low, high] = [number.estimate.value(), low, high].map(|x| written(x, decimals));
    let doubt = if number.doubt.is_some() { ", unreliable" } else { "" };
    format!("{value}{unit} (90 % interval {low} to {high}{doubt})")
}

/// One more word inside the brackets of a number.
fn beside(number: &str, more: &str) -> String {
    format!("{}, {more})", number.trim_end_matches(')'))
}

fn levels_of(levels: &[Level]) -> String {
    and(&levels.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn and(all: &[String]) -> String {
    match all {
        [] => "none".into(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
