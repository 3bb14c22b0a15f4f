//! The hierarchy: the global model, then what specialists and locator add to it.

use std::borrow::Cow;

use crate::domain::anatomy::{Keypoints, Landmark, Vertebra};
use crate::domain::detection::Detection;
use crate::domain::field::Field;
use crate::domain::geometry::PointPx;
use crate::domain::measurement::Calibration as Intervals;
use crate::domain::radiograph::GrayImage;
use crate::inference::engine::{Engine, Facts};
use crate::inference::manifest::{Calibration, DetectorModel, LocatorModel, RefinerModel};

use super::DetectError;
use super::column::{Column, Stance};
use super::global::{Global, Pass};
use super::locate::Locator;
use super::neck::Neck;
use super::refine::Specialist;

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
        let before = neck.clone();
        self.refine(film, &mut neck, |level| level == Vertebra::C7 || (missing_c2 && level == Vertebra::C2))?;
        self.look_again(film, &mut neck, before)?;
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

    /// What a specialist says of a C7 that is hardly shown leans towards how its patch lay. Once film and column together have told how
    /// C7 stands, it is asked again with a patch that lies so, and this second answer counts: `before` is the neck before the first.
    fn look_again(&mut self, film: &GrayImage, neck: &mut Neck, before: Neck) -> Result<(), DetectError> {
        let Some(stance) = neck.hardly_shown() else { return Ok(()) };
        let mut again = before;
        for (_, specialist) in self.specialists.iter_mut().filter(|(levels, _)| levels.contains(&Vertebra::C7)) {
            hear(specialist, film, &mut again, &[(Vertebra::C7, stance)])?;
        }
        let found = again.column().stance(Vertebra::C7).is_some();
        tracing::debug!(found, "C7 is hardly shown: looked again");
        if found {
            *neck = again;
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
            if !wanted.is_empty() {
                hear(specialist, film, neck, &wanted)?;
            }
        }
        Ok(())
    }
}

/// Takes in what `specialist` says of the vertebrae `wanted`, which are promised to stand as told.
fn hear(
    specialist: &mut Specialist,
    film: &GrayImage,
    neck: &mut Neck,
    wanted: &[(Vertebra, Stance)],
) -> Result<(), DetectError> {
    for (level, opinion) in specialist.ask(film, wanted)? {
        if let Some((_, stance)) = wanted.iter().find(|(wanted, _)| *wanted == level) {
            neck.hear(level, stance, &opinion);
        }
    }
    Ok(())
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("facts", &self.facts()).finish_non_exhaustive()
    }
}
