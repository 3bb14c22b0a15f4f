//! What is known of a neck while its film is looked at, and how what a specialist says of a vertebra is taken in.

use crate::domain::anatomy::{Corner, Keypoints, LANDMARKS, Landmark, LandmarkId, Vertebra};
use crate::domain::geometry::PointPx;
use crate::domain::radiograph::GrayImage;
use crate::inference::manifest::Calibration;

use super::column::{Column, Stance};
use super::global::BEYOND_EDGE;
use super::honest::honest;
use super::locate::Located;
use super::merge::{Prior, merge, steadied};
use super::refine::{Opinion, marks};

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

/// What is known of a neck so far.
#[derive(Clone)]
pub(super) struct Neck {
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
    pub(super) fn of(keypoints: &Keypoints, film: &GrayImage, calibration: Calibration) -> Self {
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
    pub(super) fn one_lower(&self, passed_over: Vertebra) -> Self {
        self.renamed(|from| Vertebra::ALL.get(from as usize + usize::from(from >= passed_over)).copied())
    }

    /// The same without `superfluous`, and with what was found below it taken for the vertebra before each; C7 is not known then.
    pub(super) fn one_higher(&self, superfluous: Vertebra) -> Self {
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
    pub(super) fn sureness(&self, level: Vertebra) -> f64 {
        let keypoints = self.keypoints();
        let corner = |corner| keypoints.get(LandmarkId::Corner(level, corner)).map_or(0.0, |l| l.confidence);
        Corner::ALL.into_iter().map(corner).sum::<f64>() / Corner::ALL.len() as f64
    }

    pub(super) fn column(&self) -> Column {
        Column::of(&self.keypoints())
    }

    pub(super) fn disputed(&self) -> Vec<LandmarkId> {
        LandmarkId::all().zip(self.disputed).filter_map(|(id, disputed)| disputed.then_some(id)).collect()
    }

    /// How `level` stands, by what was found, or by its neighbours, or else by what the locator expects.
    pub(super) fn promised(&self, column: &Column, level: Vertebra) -> Option<Stance> {
        let below = || column.next_below().filter(|(next, _)| *next == level).map(|(_, stance)| stance);
        column.stance(level).or_else(|| column.between(level)).or_else(below).or_else(|| {
            let expected = Keypoints::new(self.expected);
            let [a, b, c, d] = Corner::ALL.map(|corner| expected.corner(level, corner));
            Stance::of([a?, b?, c?, d?], column.level()?)
        })
    }

    /// Takes in where the locator expects C2 and C7.
    pub(super) fn expect(&mut self, located: Located) {
        for (id, expected) in located.landmarks {
            if let Some(slot) = id.index().and_then(|i| self.expected.get_mut(i)) {
                *slot = Some(expected);
            }
        }
        self.prior = Some(located.c7);
    }

    /// How a C7 that the film hardly shows stands, steadied by where the locator expects it; `None` where it is shown, or was not found.
    pub(super) fn hardly_shown(&self) -> Option<Stance> {
        let column = Column::of(&Keypoints::new(self.steadied()));
        let widest = widest(&self.honest())?;
        column.stance(Vertebra::C7).filter(|stance| widest > HARDLY_SHOWN * stance.level)
    }

    /// The landmarks with honest spreads.
    pub(super) fn honest(&self) -> [Option<Landmark>; LANDMARKS] {
        self.column().level().map_or(self.landmarks, |level| honest(self.landmarks, level, &self.calibration.spreads))
    }

    /// The same, a C7 that the film hardly shows steadied by where the locator expects it; what was not found stays so.
    pub(super) fn steadied(&self) -> [Option<Landmark>; LANDMARKS] {
        let mut landmarks = self.honest();
        let at = |id: LandmarkId| id.index().and_then(|i| landmarks.get(i).copied().flatten());
        let found: Vec<_> = marks(Vertebra::C7).into_iter().filter_map(|id| Some((id, at(id)?))).collect();
        let Some(widest) = widest(&landmarks) else { return landmarks };
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
    pub(super) fn hear(&mut self, level: Vertebra, stance: &Stance, opinion: &Opinion) {
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

/// The widest spread of C7's corners; `None` where none was found.
fn widest(landmarks: &[Option<Landmark>; LANDMARKS]) -> Option<f64> {
    let corner =
        |corner| LandmarkId::Corner(Vertebra::C7, corner).index().and_then(|i| landmarks.get(i).copied().flatten());
    Corner::ALL.into_iter().filter_map(corner).map(|corner| corner.covariance.sigma()).max_by(f64::total_cmp)
}
