//! The hierarchy: the global model, then what specialists and locator add to it.

use std::borrow::Cow;

use crate::domain::anatomy::{Corner, Keypoints, LANDMARKS, Landmark, LandmarkId, Vertebra};
use crate::domain::detection::Detection;
use crate::domain::field::Field;
use crate::domain::geometry::PointPx;
use crate::domain::measurement::Calibration as Intervals;
use crate::domain::radiograph::GrayImage;
use crate::inference::engine::{Engine, Facts};
use crate::inference::manifest::{Calibration, DetectorModel, LocatorModel, RefinerModel};

use super::DetectError;
use super::column::{Column, Stance};
use super::global::{BEYOND_EDGE, Global, Pass};
use super::honest::honest;
use super::locate::{Located, Locator};
use super::merge::{Prior, merge, steadied};
use super::refine::{Opinion, Specialist, marks};

/// A specialist that is surer than this that its patch does not show what it was promised has no say.
const MOST_ABSENT: f64 = 0.5;
/// The corners of a vertebra that only a specialist found count from this confidence on.
const LEAST_ALONE: f64 = 0.35;
/// So many of its corners must lie on the film.
const LEAST_ON_FILM: usize = 2;
/// A specialist that places the body further than this from where it was promised, in level heights, took a neighbour for it.
const FARTHEST: f64 = 0.55;
/// So is one that places it nearer than this to where another vertebra stands.
const NEIGHBOUR: f64 = 0.35;

/// A C7 with a corner that is known to less than this, in level heights (about a millimetre), is hardly shown.
const HARDLY_SHOWN: f64 = 0.06;

/// Finds the landmarks of a film.
pub struct Detector {
    global: Global,
    locator: Option<Locator>,
    /// Each with the levels it is for, in the order in which they are asked.
    specialists: Vec<(Vec<Vertebra>, Specialist)>,
    calibration: Calibration,
}

impl Detector {
    /// A detector of the global model alone: `engine` runs as `model` describes.
    ///
    /// # Errors
    /// [`DetectError::Mismatch`] where the engine has another signature, or a landmark's name is not known.
    pub fn new(engine: Box<dyn Engine>, model: DetectorModel) -> Result<Self, DetectError> {
        let global = Global::new(engine, model)?;
        Ok(Self { global, locator: None, specialists: Vec::new(), calibration: Calibration::NONE })
    }

    /// The same with a locator of C2 and C7.
    ///
    /// # Errors
    /// As [`Detector::new`].
    pub fn with_locator(mut self, engine: Box<dyn Engine>, model: LocatorModel) -> Result<Self, DetectError> {
        self.locator = Some(Locator::new(engine, model)?);
        Ok(self)
    }

    /// The same with a specialist for `levels`; of two for one level the later has the last word.
    ///
    /// # Errors
    /// As [`Detector::new`].
    pub fn with_specialist(
        mut self,
        levels: &[Vertebra],
        engine: Box<dyn Engine>,
        model: RefinerModel,
    ) -> Result<Self, DetectError> {
        self.specialists.push((levels.to_vec(), Specialist::new(engine, model)?));
        Ok(self)
    }

    /// The same with what makes spreads and intervals honest that all its models give together.
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        self.calibration = calibration;
        self
    }

    /// What the half widths of intervals are to be multiplied by.
    pub const fn intervals(&self) -> Intervals {
        self.calibration.intervals
    }

    /// What runs, for reports: the global model first.
    pub fn facts(&self) -> Vec<&Facts> {
        let specialists = self.specialists.iter().map(|(_, s)| s.facts());
        [self.global.facts()].into_iter().chain(self.locator.iter().map(Locator::facts)).chain(specialists).collect()
    }

    /// Looks at one film.
    ///
    /// # Errors
    /// [`DetectError::Engine`] where a model fails or gives numbers that are not finite.
    pub fn detect(&mut self, film: &GrayImage) -> Result<Detection, DetectError> {
        // Borders of one tone show nothing and cost the neck's size on the network's input.
        let field = Field::of(film);
        let seen = field.part(film).unwrap_or(Cow::Borrowed(film));
        let (as_it_came, exchanged) = self.global.first_looks(&seen)?;
        let negative = exchanged.is_sharper_than(&as_it_came);
        tracing::debug!(?field, negative, "looked at the whole film");
        let found = if negative { self.search(&seen.negative(), exchanged) } else { self.search(&seen, as_it_came) }?;
        let (left, top) = (field.left as f64, field.top as f64);
        let on_film = |l: Landmark| Landmark { position: PointPx::new(l.position.x + left, l.position.y + top), ..l };
        Ok(Detection { negative, keypoints: found.keypoints.map(|_, landmark| on_film(landmark)), ..found })
    }

    /// What all models find on a film without borders, bone bright, after a first look at it.
    fn search(&mut self, film: &GrayImage, first: Pass) -> Result<Detection, DetectError> {
        let begun = std::time::Instant::now();
        let mut detection = self.global.detect(film, first)?;
        tracing::debug!(whole = ?begun.elapsed(), "global model asked");
        let mut neck = Neck::of(&detection.keypoints, film, self.calibration.clone());
        // C7 last: where it must lie is better known once C2–C6 are.
        self.refine(film, &mut neck, |level| level != Vertebra::C7)?;
        self.thin_out(film, &mut neck)?;
        self.count_again(film, &mut neck)?;
        self.go_on(film, &mut neck)?;
        if let Some(locator) = &mut self.locator
            && let Some(located) = locator.locate(&Keypoints::new(neck.honest()))?
        {
            neck.expect(located);
        }
        let missing_c2 = neck.column().stance(Vertebra::C2).is_none();
        self.refine(film, &mut neck, |level| level == Vertebra::C7 || (missing_c2 && level == Vertebra::C2))?;
        detection.keypoints = Keypoints::new(neck.steadied());
        detection.disputed = neck.disputed();
        Ok(detection)
    }

    /// The maps of a whole neck can draw out six bodies over five. Each specialist then finds the body nearest to it, and two of them
    /// stand in one another: the less sure one of these is superfluous, and the names below it move up by one.
    fn thin_out(&mut self, film: &GrayImage, neck: &mut Neck) -> Result<(), DetectError> {
        for _ in Vertebra::ALL {
            let Some((above, below)) = neck.column().overlap() else { break };
            // C2's own specialist has found it.
            let lower = above == Vertebra::C2 || neck.sureness(below) < neck.sureness(above);
            let superfluous = if lower { below } else { above };
            tracing::debug!(above = above.name(), superfluous = superfluous.name(), "two bodies in one place");
            *neck = neck.one_higher(superfluous);
            // What was called C7 is known to the global model only.
            self.refine(film, neck, |level| level == Vertebra::C6)?;
        }
        Ok(())
    }

    /// The maps of a whole neck can count from both ends, C2 downwards and the lowest body upwards, and pass over one in between:
    /// C5 stands on C6, and C7 on T1. Where a gap is wide enough for a body and a specialist finds one there, the names
    /// below it move down by one.
    fn count_again(&mut self, film: &GrayImage, neck: &mut Neck) -> Result<(), DetectError> {
        let Some(passed_over) = neck.column().gap() else { return Ok(()) };
        let mut counted = neck.one_lower(passed_over);
        self.refine(film, &mut counted, |level| level == passed_over)?;
        let found = counted.column().stance(passed_over).is_some();
        tracing::debug!(passed_over = passed_over.name(), found, "a gap in the column");
        if found {
            *neck = counted;
        }
        Ok(())
    }

    /// The maps of a whole neck lose the lowest bodies behind the shoulders before a specialist does: one step further down than the
    /// last that was found, and as long as there is one, its specialist looks for C4…C6.
    fn go_on(&mut self, film: &GrayImage, neck: &mut Neck) -> Result<(), DetectError> {
        while let Some((next, _)) = neck.column().next_below() {
            self.refine(film, neck, |level| level == next)?;
            let found = neck.column().stance(next).is_some();
            tracing::debug!(next = next.name(), found, "one step further down");
            if !found {
                break;
            }
        }
        Ok(())
    }

    fn refine(&mut self, film: &GrayImage, neck: &mut Neck, due: impl Fn(Vertebra) -> bool) -> Result<(), DetectError> {
        for (levels, specialist) in &mut self.specialists {
            let column = Column::of(&Keypoints::new(neck.steadied()));
            let wanted: Vec<(Vertebra, Stance)> = levels
                .iter()
                .filter(|level| due(**level))
                .filter_map(|level| Some((*level, neck.promised(&column, *level)?)))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let opinions = specialist.ask(film, &wanted)?;
            for (level, opinion) in opinions {
                if let Some((_, stance)) = wanted.iter().find(|(wanted, _)| *wanted == level) {
                    neck.hear(level, stance, &opinion);
                }
            }
        }
        Ok(())
    }
}

/// What is known of a neck so far.
#[derive(Clone)]
struct Neck {
    landmarks: [Option<Landmark>; LANDMARKS],
    /// Where C2 and C7 must lie by the others.
    expected: [Option<Landmark>; LANDMARKS],
    prior: Option<Prior>,
    disputed: [bool; LANDMARKS],
    size: (f64, f64),
    /// What makes spreads honest.
    calibration: Calibration,
}

impl Neck {
    fn of(keypoints: &Keypoints, film: &GrayImage, calibration: Calibration) -> Self {
        let mut landmarks = [None; LANDMARKS];
        for (id, landmark) in keypoints.iter() {
            if let Some(slot) = id.index().and_then(|i| landmarks.get_mut(i)) {
                *slot = Some(*landmark);
            }
        }
        let size = (film.width() as f64, film.height() as f64);
        let (expected, disputed) = ([None; LANDMARKS], [false; LANDMARKS]);
        Self { landmarks, expected, prior: None, disputed, size, calibration }
    }

    fn keypoints(&self) -> Keypoints {
        Keypoints::new(self.landmarks)
    }

    /// The same with what was found of `passed_over` and below taken for the next vertebra each; the lowest is none of the six.
    fn one_lower(&self, passed_over: Vertebra) -> Self {
        self.renamed(|from| Vertebra::ALL.get(from as usize + usize::from(from >= passed_over)).copied())
    }

    /// The same without `superfluous`, and with what was found below it taken for the vertebra before each; C7 is not known then.
    fn one_higher(&self, superfluous: Vertebra) -> Self {
        self.renamed(|from| {
            let place = (from as usize).checked_sub(usize::from(from > superfluous))?;
            Vertebra::ALL.get(place).copied().filter(|_| from != superfluous)
        })
    }

    /// The same with each vertebra's landmarks under the name that `to` gives it.
    fn renamed(&self, to: impl Fn(Vertebra) -> Option<Vertebra>) -> Self {
        let mut moved = Self { landmarks: [None; LANDMARKS], disputed: [false; LANDMARKS], ..self.clone() };
        for id in LandmarkId::all() {
            let to = to(id.vertebra()).map(|vertebra| id.on(vertebra));
            let (Some(from), Some(to)) = (id.index(), to.and_then(LandmarkId::index)) else { continue };
            if let (Some(slot), Some(found)) = (moved.landmarks.get_mut(to), self.landmarks.get(from)) {
                *slot = *found;
            }
            if let (Some(slot), Some(found)) = (moved.disputed.get_mut(to), self.disputed.get(from)) {
                *slot = *found;
            }
        }
        moved
    }

    /// The mean confidence of the corners of `level`; one that was not found counts nothing.
    fn sureness(&self, level: Vertebra) -> f64 {
        let keypoints = self.keypoints();
        let corner = |corner| keypoints.get(LandmarkId::Corner(level, corner)).map_or(0.0, |l| l.confidence);
        Corner::ALL.into_iter().map(corner).sum::<f64>() / Corner::ALL.len() as f64
    }

    fn column(&self) -> Column {
        Column::of(&self.keypoints())
    }

    fn disputed(&self) -> Vec<LandmarkId> {
        LandmarkId::all().zip(self.disputed).filter_map(|(id, disputed)| disputed.then_some(id)).collect()
    }

    /// How `level` stands, by what was found, or by its neighbours, or else by what the locator expects.
    fn promised(&self, column: &Column, level: Vertebra) -> Option<Stance> {
        let below = || column.next_below().filter(|(next, _)| *next == level).map(|(_, stance)| stance);
        column.stance(level).or_else(|| column.between(level)).or_else(below).or_else(|| {
            let expected = Keypoints::new(self.expected);
            let [a, b, c, d] = Corner::ALL.map(|corner| expected.corner(level, corner));
            Stance::of([a?, b?, c?, d?], column.level()?)
        })
    }

    /// Takes in where the locator expects C2 and C7.
    fn expect(&mut self, located: Located) {
        for (id, expected) in located.landmarks {
            if let Some(slot) = id.index().and_then(|i| self.expected.get_mut(i)) {
                *slot = Some(expected);
            }
        }
        self.prior = Some(located.c7);
    }

    /// The landmarks with honest spreads.
    fn honest(&self) -> [Option<Landmark>; LANDMARKS] {
        self.column().level().map_or(self.landmarks, |level| honest(self.landmarks, level, &self.calibration.spreads))
    }

    /// The same, a C7 that the film hardly shows steadied by where the locator expects it; what was not found stays so.
    fn steadied(&self) -> [Option<Landmark>; LANDMARKS] {
        let mut landmarks = self.honest();
        let at = |id: LandmarkId| id.index().and_then(|i| landmarks.get(i).copied().flatten());
        let found: Vec<_> = marks(Vertebra::C7).into_iter().filter_map(|id| Some((id, at(id)?))).collect();
        let corners = found.iter().filter(|(id, _)| matches!(id, LandmarkId::Corner(..)));
        let widest = corners.map(|(_, corner)| corner.covariance.sigma()).fold(0.0, f64::max);
        let Some(level) = self.column().level().filter(|level| widest > HARDLY_SHOWN * level) else { return landmarks };
        let Some(steady) = self.prior.as_ref().and_then(|prior| steadied(&found, prior)) else { return landmarks };
        tracing::debug!(spread = widest / level, "C7 steadied by the locator");
        for (id, landmark) in steady {
            if let Some(Some(found)) = id.index().and_then(|i| landmarks.get_mut(i)) {
                let widened = landmark.covariance.widened(self.calibration.steadied);
                let known_better = widened.sigma() < found.covariance.sigma();
                let covariance = if known_better { widened } else { found.covariance };
                *found = Landmark { covariance, ..landmark };
            }
        }
        landmarks
    }

    /// Takes in what a specialist says of `level`, which was promised to stand like `stance`.
    fn hear(&mut self, level: Vertebra, stance: &Stance, opinion: &Opinion) {
        if opinion.absent > MOST_ABSENT || !self.is_where_it_was_promised(level, stance, opinion) {
            tracing::debug!(level = level.name(), absent = opinion.absent, "the specialist saw another place");
            return;
        }
        let known =
            marks(level).iter().any(|id| id.index().and_then(|i| self.landmarks.get(i)).is_some_and(Option::is_some));
        let margin = BEYOND_EDGE * stance.level;
        let within = |v: f64, length: f64| (-margin..=length + margin).contains(&v);
        let (width, height) = self.size;
        let on_film = |l: &Landmark| within(l.position.x, width) && within(l.position.y, height);
        // One that the global model had reasons not to name must be told whole, and lie on the film with an end-plate or a wall, further
        // from the edge than their spreads: one that lies beyond it is drawn to the edge.
        let corners = || opinion.landmarks.iter().take(Corner::ALL.len()).flatten();
        let whole = corners().filter(|l| l.confidence >= LEAST_ALONE).count() == Corner::ALL.len();
        let clear = |v: f64, spread: f64, length: f64| (spread..=length - spread).contains(&v);
        let shows = |l: &Landmark| {
            let spread = l.covariance.sigma();
            clear(l.position.x, spread, width) && clear(l.position.y, spread, height)
        };
        let shown = corners().filter(|l| shows(l)).count() >= LEAST_ON_FILM;
        if !(known || whole && shown) {
            return;
        }
        for (id, landmark) in marks(level).into_iter().zip(opinion.landmarks) {
            let (Some(index), Some(landmark)) = (id.index(), landmark.filter(on_film)) else { continue };
            let (Some(slot), Some(disputed)) = (self.landmarks.get_mut(index), self.disputed.get_mut(index)) else {
                continue;
            };
            match slot {
                Some(known) => {
                    let merged = merge(*known, landmark);
                    (*known, *disputed) = (merged.landmark, merged.disputed);
                }
                None => *slot = Some(landmark),
            }
        }
    }

    /// Near enough to `stance`, and not where another vertebra stands.
    fn is_where_it_was_promised(&self, level: Vertebra, stance: &Stance, opinion: &Opinion) -> bool {
        let corners: Vec<PointPx> = opinion.landmarks.iter().take(4).flatten().map(|l| l.position).collect();
        let count = corners.len().max(1) as f64;
        let sum = corners.iter().fold(PointPx::default(), |s, p| PointPx::new(s.x + p.x, s.y + p.y));
        let centre = PointPx::new(sum.x / count, sum.y / count);
        // With a corner missing the mean lies off the middle by up to a third of a level.
        let free =
            |(i, other): (usize, PointPx)| i == level as usize || centre.distance(other) > NEIGHBOUR * stance.level;
        let near = corners.len() >= 3 && centre.distance(stance.centre) <= FARTHEST * stance.level;
        near && self.column().centres().all(free)
    }
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("facts", &self.facts()).finish_non_exhaustive()
    }
}
