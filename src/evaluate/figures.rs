//! From scored films to figures: for all films, by the visibility of C7, and by view.
//!
//! `docs/accuracy.md` defines every figure. Films are counted as they come out of the service: one that was refused has
//! all its levels missing and all its numbers withheld.

use serde::Serialize;

use crate::domain::anatomy::{CORNERS, LandmarkId, Stage, Vertebra};
use crate::domain::detection::C7Visibility;
use crate::domain::measurement::Quantity;
use crate::domain::report::{Position, Verdict};

use super::score::{self, Fate, FilmScore, Kind, LandmarkScore, LevelScore, Naming, NumberScore};
use super::statistics::{Agreement, Errors, icc_2_1, quantile, sorted};

/// The numbers that each group tells and that a Bland–Altman plot is drawn of; the whole list is told once, for all films.
pub(super) const HEADLINE: [Quantity; 8] = [
    Quantity::C2C7Cobb,
    Quantity::C2C6Cobb,
    Quantity::C2Slope,
    Quantity::C7Slope,
    Quantity::Sva,
    Quantity::SlipDistance,
    Quantity::SlipAngle,
    Quantity::Pavlov,
];

/// Success is told within so many millimetres.
pub const WITHIN_MM: [f64; 3] = [1.0, 2.0, 3.0];
/// The spread that a plane normal distribution of spread 1 exceeds in one case of ten: √(−2 ln 0.1).
pub const SPREAD_90: f64 = 2.146;

/// The states of C7, in the order of the tables.
pub const C7: [C7Visibility; 3] = [C7Visibility::Full, C7Visibility::Partial, C7Visibility::Hidden];
/// The positions, in the order of the tables.
pub const VIEWS: [Position; 3] = [Position::Neutral, Position::Flexion, Position::Extension];

/// Some of the necks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// All of them.
    All,
    /// Those whose C7 is so visible.
    C7(C7Visibility),
    /// Those in this position.
    View(Position),
}

impl Group {
    /// Every group, in the order of the tables.
    pub fn every() -> impl Iterator<Item = Self> {
        std::iter::once(Self::All).chain(C7.map(Self::C7)).chain(VIEWS.map(Self::View))
    }

    /// The name in the JSON: `all`, `c7_hidden`, `flexion`.
    pub fn name(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::C7(state) => format!("c7_{}", state.name()),
            Self::View(position) => position.name().to_owned(),
        }
    }

    /// Whether `film` belongs to it.
    pub fn holds(self, film: &FilmScore) -> bool {
        film.kind == Kind::Neck
            && match self {
                Self::All => true,
                Self::C7(state) => film.c7 == Some(state),
                Self::View(position) => film.view == Some(position),
            }
    }
}

/// What a run, or one stage of it, amounts to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Necks and other films.
    pub films: Films,
    /// All necks first; a group without films is left out.
    pub groups: Vec<GroupFigures>,
}

/// How whole films were judged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Films {
    /// Films that show a neck.
    pub necks: usize,
    /// Of them, those taken for something else.
    pub necks_refused: usize,
    /// Films that show something else.
    pub others: usize,
    /// Of them, those passed over as they should be.
    pub others_passed_over: usize,
    /// Necks whose side could be compared.
    pub facing_judged: usize,
    /// Of them, those with the right side.
    pub facing_right: usize,
    /// Rows: C7 truly full, partial, hidden. Columns: as reported, the same.
    pub c7: [[usize; 3]; 3],
}

/// The figures of one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupFigures {
    /// As in [`Group::name`].
    pub group: String,
    /// Necks in it.
    pub films: usize,
    /// Names of levels.
    pub naming: NamingFigures,
    /// Pools of landmarks first (`corners`, `spinolaminar`, …), then each by itself.
    pub landmarks: Vec<LandmarkFigures>,
    /// Each quantity over all its levels (`level` null), then level by level.
    pub measurements: Vec<NumberFigures>,
}

/// How levels were named. What lies outside the picture is asked for only in `levels_invented`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[allow(missing_docs)]
pub struct NamingFigures {
    pub levels: usize,
    pub levels_right: usize,
    pub levels_shifted: usize,
    pub levels_astray: usize,
    pub levels_missing: usize,
    pub levels_invented: usize,
    /// Levels of which a reader could see something.
    pub visible_levels: usize,
    pub visible_levels_right: usize,
    pub films_judged: usize,
    pub films_right: usize,
    /// Every level of which a reader could see something is right, and none is invented.
    pub films_visible_right: usize,
    pub films_shifted: usize,
    pub films_wrong: usize,
    pub films_incomplete: usize,
    pub films_refused: usize,
}

/// How far landmarks are off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LandmarkFigures {
    /// `C2.antero_superior` …, or a pool.
    pub landmark: String,
    /// `visible` or `hidden`: whether a reader could see them.
    pub seen: &'static str,
    /// On the picture.
    pub n: usize,
    /// Found.
    pub found: usize,
    /// Of those found on films with a spacing.
    pub mm: Option<Errors>,
    /// Of those found.
    pub px: Option<Errors>,
    /// Share of all on the picture, found or not, within 1, 2 and 3 mm of the truth.
    pub within_mm: Option<[f64; 3]>,
    /// The 90 % quantile of error over reported spread, over what it should be: 1 is honest, 2 means spreads half of
    /// what they should be.
    pub spread_ratio: Option<f64>,
}

/// How numbers agree with the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberFigures {
    /// As in a report.
    pub name: &'static str,
    /// As in a report; null for the whole neck, or over all levels.
    pub level: Option<String>,
    /// As in a report.
    pub unit: &'static str,
    /// Numbers that the truth tells.
    pub n: usize,
    /// Of them, those withheld.
    pub withheld: usize,
    /// Of them, those given with a reservation (`unreliable`).
    pub unreliable: usize,
    /// Mean, median and 95th percentile of the absolute error of all numbers given.
    pub error: Option<Errors>,
    /// The same of those given without reservation.
    pub error_ok: Option<Errors>,
    /// Found − true, of all numbers given.
    pub agreement: Option<Agreement>,
    /// ICC(2,1) of found and true, of all numbers given.
    pub icc: Option<f64>,
    /// Truths inside the 90 % interval, of all numbers given.
    pub covered: usize,
    /// Of those given without reservation.
    pub covered_ok: usize,
    /// 90 % quantile of error ÷ the interval's half width on the error's side: 1 is honest, above 1 the intervals are so
    /// many times too narrow.
    pub interval_ratio: Option<f64>,
}

impl NumberFigures {
    /// Numbers given, with or without reservation.
    pub const fn given(&self) -> usize {
        self.n - self.withheld
    }

    /// The share of the truths that lie inside the interval.
    pub fn coverage(&self) -> Option<f64> {
        (self.given() > 0).then(|| self.covered as f64 / self.given() as f64)
    }
}

impl Figures {
    /// The figures of `films`.
    pub fn of(films: &[FilmScore]) -> Self {
        let groups = Group::every().map(|group| {
            let chosen: Vec<&FilmScore> = films.iter().filter(|film| group.holds(film)).collect();
            GroupFigures {
                group: group.name(),
                films: chosen.len(),
                naming: naming(&chosen),
                landmarks: landmarks(&chosen),
                measurements: measurements(&chosen),
            }
        });
        Self { films: whole(films), groups: groups.filter(|group| group.films > 0).collect() }
    }

    /// The figures of `group`, where it has films.
    pub fn group(&self, group: Group) -> Option<&GroupFigures> {
        let name = group.name();
        self.groups.iter().find(|g| g.group == name)
    }
}

impl GroupFigures {
    /// A pool of landmarks, or one landmark.
    pub fn landmark(&self, name: &str, seen: &str) -> Option<&LandmarkFigures> {
        self.landmarks.iter().find(|l| l.landmark == name && l.seen == seen)
    }

    /// A quantity over all its levels.
    pub fn pooled(&self, quantity: Quantity) -> Option<&NumberFigures> {
        self.measurements.iter().find(|m| m.name == quantity.name() && m.level.is_none())
    }
}

fn whole(films: &[FilmScore]) -> Films {
    let mut told = Films::default();
    for film in films {
        let refused = usize::from(film.verdict == Verdict::NotApplicable);
        match film.kind {
            Kind::Other => {
                told.others += 1;
                told.others_passed_over += refused;
            }
            Kind::Neck => {
                told.necks += 1;
                told.necks_refused += refused;
                told.facing_judged += usize::from(film.facing_right.is_some());
                told.facing_right += usize::from(film.facing_right == Some(true));
                let index = |state: Option<C7Visibility>| C7.iter().position(|c| Some(*c) == state);
                if let (Some(row), Some(column)) = (index(film.c7), index(film.c7_found))
                    && let Some(count) = told.c7.get_mut(row).and_then(|row| row.get_mut(column))
                {
                    *count += 1;
                }
            }
        }
    }
    told
}

fn naming(films: &[&FilmScore]) -> NamingFigures {
    let mut told = NamingFigures::default();
    for level in films.iter().flat_map(|film| &film.levels) {
        if level.fate == Fate::Invented {
            told.levels_invented += 1;
            continue;
        }
        told.levels += 1;
        *match level.fate {
            Fate::Right => &mut told.levels_right,
            Fate::Shifted(_) => &mut told.levels_shifted,
            Fate::Missing => &mut told.levels_missing,
            Fate::Astray | Fate::Invented => &mut told.levels_astray,
        } += 1;
        told.visible_levels += usize::from(level.visible);
        told.visible_levels_right += usize::from(level.visible && level.fate == Fate::Right);
    }
    for film in films {
        let count = match film.naming() {
            Naming::NotJudged => continue,
            Naming::Right => &mut told.films_right,
            Naming::Shifted(_) => &mut told.films_shifted,
            Naming::Wrong => &mut told.films_wrong,
            Naming::Incomplete => &mut told.films_incomplete,
            Naming::Refused => &mut told.films_refused,
        };
        *count += 1;
        told.films_judged += 1;
        let right = |level: &LevelScore| level.fate == Fate::Right || (!level.visible && level.fate != Fate::Invented);
        told.films_visible_right += usize::from(film.naming() != Naming::Refused && film.levels.iter().all(right));
    }
    told
}

/// A landmark with the film it lies on.
type OnFilm<'a> = (&'a FilmScore, &'a LandmarkScore);

fn landmarks(films: &[&FilmScore]) -> Vec<LandmarkFigures> {
    let all: Vec<OnFilm<'_>> = films.iter().flat_map(|film| film.landmarks.iter().map(move |l| (*film, l))).collect();
    let corner = |l: &LandmarkScore| l.id.index().is_some_and(|index| index < CORNERS);
    let stage = |l: &LandmarkScore, stage| corner(l) && l.off.is_some_and(|off| off.stage == stage);
    let named = |film: &FilmScore, l: &LandmarkScore| corner(l) && film.fate(l.id.vertebra()) == Some(Fate::Right);
    let mut pools: Vec<(String, Vec<OnFilm<'_>>)> = Vec::new();
    let mut pool = |name: &str, chosen: &dyn Fn(&FilmScore, &LandmarkScore) -> bool| {
        pools.push((name.to_owned(), all.iter().copied().filter(|(film, l)| chosen(film, l)).collect()));
    };
    pool("corners", &|_, l| corner(l));
    pool("corners of levels named right", &named);
    pool("corners placed by a specialist", &|_, l| stage(l, Stage::Refined));
    for vertebra in Vertebra::ALL {
        pool(&format!("{} corners", vertebra.name()), &|_, l| corner(l) && l.id.vertebra() == vertebra);
    }
    pool("spinolaminar", &|_, l| !corner(l));
    for id in LandmarkId::all() {
        pool(&score::name(id), &|_, l| l.id == id);
    }
    let rows = pools.iter().flat_map(|(name, all)| {
        [("visible", true), ("hidden", false)].map(|(seen, visible)| {
            let chosen: Vec<OnFilm<'_>> = all.iter().copied().filter(|(_, l)| l.visible == visible).collect();
            landmark(name, seen, &chosen)
        })
    });
    rows.filter(|row| row.n > 0).collect()
}

fn landmark(name: &str, seen: &'static str, all: &[OnFilm<'_>]) -> LandmarkFigures {
    let px: Vec<f64> = all.iter().filter_map(|(_, l)| Some(l.off?.px)).collect();
    let mm: Vec<f64> = all.iter().filter_map(|(film, l)| Some(l.off?.px * film.spacing_mm?)).collect();
    let asked_in_mm = all.iter().filter(|(film, _)| film.spacing_mm.is_some()).count();
    let within = |limit: f64| mm.iter().filter(|error| **error <= limit).count() as f64 / asked_in_mm as f64;
    let ratios: Vec<f64> = all
        .iter()
        .filter_map(|(_, l)| l.off.filter(|off| off.sigma_px > 0.0).map(|off| off.px / off.sigma_px))
        .collect();
    LandmarkFigures {
        landmark: name.to_owned(),
        seen,
        n: all.len(),
        found: px.len(),
        mm: Errors::of(&mm),
        px: Errors::of(&px),
        within_mm: (asked_in_mm > 0).then(|| WITHIN_MM.map(within)),
        spread_ratio: quantile(&sorted(&ratios), 0.9).map(|ratio| ratio / SPREAD_90),
    }
}

fn measurements(films: &[&FilmScore]) -> Vec<NumberFigures> {
    let all = || films.iter().flat_map(|film| &film.numbers);
    Quantity::ALL
        .into_iter()
        .flat_map(|quantity| {
            let of_quantity: Vec<&NumberScore> = all().filter(|n| n.quantity == quantity).collect();
            let mut levels: Vec<_> = of_quantity.iter().filter_map(|n| n.level).collect();
            levels.sort_unstable();
            levels.dedup();
            let mut rows = vec![number(quantity, None, &of_quantity)];
            rows.extend(levels.into_iter().map(|level| {
                let at: Vec<&NumberScore> = of_quantity.iter().copied().filter(|n| n.level == Some(level)).collect();
                number(quantity, Some(level.to_string()), &at)
            }));
            rows
        })
        .filter(|row| row.n > 0)
        .collect()
}

/// A number that was given, beside its truth.
struct Given {
    truth: f64,
    found: f64,
    ok: bool,
    /// The error as a share of the interval's half width on its side.
    used: f64,
}

impl Given {
    fn of(score: &NumberScore) -> Option<Self> {
        let (estimate, ok) = score.found?;
        let ((low, high), found, truth) = (estimate.ci90(), estimate.value(), score.truth);
        let used = if truth > found { (truth - found) / (high - found) } else { (found - truth) / (found - low) };
        // An interval without width holds only its own value.
        let used = if truth == found { 0.0 } else { used };
        Some(Self { truth, found, ok, used })
    }
}

fn number(quantity: Quantity, level: Option<String>, all: &[&NumberScore]) -> NumberFigures {
    let given: Vec<Given> = all.iter().filter_map(|n| Given::of(n)).collect();
    let differences: Vec<f64> = given.iter().map(|g| g.found - g.truth).collect();
    let errors: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    let ok: Vec<f64> = given.iter().filter(|g| g.ok).map(|g| (g.found - g.truth).abs()).collect();
    let pairs: Vec<[f64; 2]> = given.iter().map(|g| [g.truth, g.found]).collect();
    let used: Vec<f64> = given.iter().map(|g| g.used).collect();
    NumberFigures {
        name: quantity.name(),
        level,
        unit: quantity.unit().name(),
        n: all.len(),
        withheld: all.len() - given.len(),
        unreliable: given.len() - ok.len(),
        error: Errors::of(&errors),
        error_ok: Errors::of(&ok),
        agreement: Agreement::of(&differences),
        icc: icc_2_1(&pairs),
        covered: given.iter().filter(|g| g.used <= 1.0).count(),
        covered_ok: given.iter().filter(|g| g.ok && g.used <= 1.0).count(),
        interval_ratio: quantile(&sorted(&used), 0.9),
    }
}
