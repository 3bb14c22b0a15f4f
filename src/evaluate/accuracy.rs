//! The result of a run as one document: what was measured, with what, how well, and each film in a line.

use serde::Serialize;

use crate::domain::anatomy::CORNERS;
use crate::domain::measurement::Quantity;
use crate::domain::report::EngineFacts;

use super::figures::Figures;
use super::films::Trouble;
use super::run::Scores;
use super::score::{Fate, FilmScore, Kind, Naming, NumberScore};
use super::statistics::mean;

/// The name and version of the document's format.
pub const SCHEMA: &str = "sagitta.accuracy/1";

/// Everything a run found out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Accuracy {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Of the program that measured.
    pub version: String,
    /// What computed the landmarks.
    pub engine: Engine,
    /// Where the films came from, in words.
    pub sources: Vec<String>,
    /// Of the whole pipeline.
    pub figures: Figures,
    /// The hierarchy stage by stage, the whole one last; empty unless asked for.
    pub stages: Vec<Stage>,
    /// Every film.
    pub films: Vec<FilmLine>,
    /// What could not be scored.
    pub troubles: Vec<Trouble>,
}

/// What computed the landmarks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Engine {
    /// `cpu`, `cuda` or `tensorrt`.
    pub provider: String,
    /// `fp32`, `fp16` or `int8`.
    pub precision: String,
    /// Role and SHA-256 of each model.
    pub models: Vec<(String, String)>,
}

/// The figures with a part of the hierarchy only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// What it consists of.
    pub name: String,
    /// On the same films.
    pub figures: Figures,
}

/// One film in a line, to find those that went wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilmLine {
    /// The film's name.
    pub file: String,
    /// Whether it truly shows a neck.
    pub neck: bool,
    /// True position, where told.
    pub view: Option<&'static str>,
    /// True visibility of C7, where told.
    pub c7: Option<&'static str>,
    /// As reported.
    pub verdict: &'static str,
    /// `right`, `shifted`, `wrong`, `incomplete`, `refused`, `not_judged`.
    pub naming: &'static str,
    /// Each level that is not right, in words.
    pub levels: Vec<String>,
    /// Mean error of the visible corners that were found, mm.
    pub corner_mm: Option<f64>,
    /// Found − true of the C2–C7 Cobb angle, degrees.
    pub c2_c7_cobb: Option<f64>,
    /// C7 as reported.
    pub c7_found: Option<&'static str>,
    /// Every number that the truth tells, beside what was reported.
    pub numbers: Vec<NumberLine>,
}

/// One number of one film.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberLine {
    /// As in a report.
    pub name: &'static str,
    /// As in a report; null for the whole neck.
    pub level: Option<String>,
    /// As it is, in the report's unit.
    pub truth: f64,
    /// As reported; null where withheld.
    pub value: Option<f64>,
    /// The 90 % interval as reported.
    pub ci90: Option<[f64; 2]>,
    /// Whether without reservation.
    pub ok: bool,
}

impl Accuracy {
    /// The document of `scores`, whose stages are called `stages`, the whole pipeline last.
    pub fn new(
        version: String,
        engine: &EngineFacts,
        sources: Vec<String>,
        stages: &[String],
        scores: &Scores,
    ) -> Self {
        let whole = scores.stages.last().map_or(&[][..], Vec::as_slice);
        let each = stages
            .iter()
            .zip(&scores.stages)
            .map(|(name, films)| Stage { name: name.clone(), figures: Figures::of(films) })
            .collect();
        Self {
            schema: SCHEMA,
            version,
            engine: Engine {
                provider: engine.provider.clone(),
                precision: engine.precision.clone(),
                models: engine.models.clone(),
            },
            sources,
            figures: Figures::of(whole),
            stages: if stages.len() > 1 { each } else { Vec::new() },
            films: whole.iter().map(line).collect(),
            troubles: scores.troubles.clone(),
        }
    }
}

fn line(film: &FilmScore) -> FilmLine {
    let visible = film.landmarks.iter().filter(|l| l.visible && l.id.index().is_some_and(|index| index < CORNERS));
    let mm: Vec<f64> = visible.filter_map(|l| Some(l.off?.px * film.spacing_mm?)).collect();
    let cobb = film.numbers.iter().find(|n| n.quantity == Quantity::C2C7Cobb);
    FilmLine {
        file: film.file.clone(),
        neck: film.kind == Kind::Neck,
        view: film.view.map(crate::domain::report::Position::name),
        c7: film.c7.map(crate::domain::detection::C7Visibility::name),
        verdict: film.verdict.name(),
        naming: word(film.naming()),
        levels: film.levels.iter().filter_map(|l| Some(format!("{} {}", l.vertebra.name(), fate(l.fate)?))).collect(),
        corner_mm: mean(&mm),
        c2_c7_cobb: cobb.and_then(|n| Some(n.found?.0.value() - n.truth)),
        c7_found: film.c7_found.map(crate::domain::detection::C7Visibility::name),
        numbers: film.numbers.iter().map(number).collect(),
    }
}

fn number(score: &NumberScore) -> NumberLine {
    let estimate = score.found.map(|(estimate, _)| estimate);
    NumberLine {
        name: score.quantity.name(),
        level: score.level.map(|level| level.to_string()),
        truth: score.truth,
        value: estimate.map(|e| e.value()),
        ci90: estimate.map(|e| e.ci90().into()),
        ok: score.found.is_some_and(|(_, ok)| ok),
    }
}

const fn word(naming: Naming) -> &'static str {
    match naming {
        Naming::Right => "right",
        Naming::Shifted(_) => "shifted",
        Naming::Wrong => "wrong",
        Naming::Incomplete => "incomplete",
        Naming::Refused => "refused",
        Naming::NotJudged => "not_judged",
    }
}

/// What went wrong with a level; `None` where nothing did.
fn fate(fate: Fate) -> Option<String> {
    match fate {
        Fate::Right => None,
        Fate::Shifted(by) if by > 0 => Some(format!("{by} too low")),
        Fate::Shifted(by) => Some(format!("{} too high", -by)),
        Fate::Astray => Some("astray".to_owned()),
        Fate::Missing => Some("missing".to_owned()),
        Fate::Invented => Some("invented".to_owned()),
    }
}
