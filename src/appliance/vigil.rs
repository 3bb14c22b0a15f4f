//! The self-test of a running service: soon after the start and every day, one golden film at a time, while no film waits.

use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use crate::detect::Detector;
use crate::golden::{Golden, Limits, Stored, Trial};

/// After the start the first film of a patient goes before the first self-test.
const FIRST: Duration = Duration::from_secs(3);
/// How long no film must have come for a step of the test to be made.
const QUIET: Duration = Duration::from_millis(500);
/// How long the films thread waits for a film before it gives a sign of life.
pub(super) const TICK: Duration = Duration::from_secs(5);

/// See the module's documentation.
pub(super) struct Vigil {
    every: Duration,
    due: Instant,
    /// `None` where nothing tells what the models should say.
    stored: Option<Stored>,
    films: Films,
    trial: Trial,
}

enum Films {
    Unmade,
    /// Making them takes seconds: a thread of its own does it.
    Making(Receiver<Vec<Golden>>),
    Made(Vec<Golden>),
}

impl Vigil {
    /// A vigil that compares with `stored`, soon and then `every` so often.
    pub(super) fn new(every: Duration, stored: Option<Stored>) -> Self {
        Self { every, due: Instant::now() + FIRST, stored, films: Films::Unmade, trial: Trial::default() }
    }

    /// How long the films thread may wait for a film.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        if self.stored.is_none() {
            return TICK;
        }
        self.due.saturating_duration_since(now).clamp(QUIET, TICK)
    }

    /// The next test begins now.
    pub(super) fn again(&mut self) {
        self.due = Instant::now();
        self.trial = Trial::default();
    }

    /// One step, where one is due. Once every film was tried: why the test is failed, or `Some(None)`.
    pub(super) fn step(&mut self, detector: &mut Detector) -> Option<Option<String>> {
        let stored = self.stored.as_ref()?;
        if Instant::now() < self.due {
            return None;
        }
        match &self.films {
            Films::Unmade => {
                let (done, made) = mpsc::channel();
                let spawned = std::thread::Builder::new().name("golden".into()).spawn(move || done.send(Golden::all()));
                match spawned {
                    Ok(_) => self.films = Films::Making(made),
                    Err(error) => return Some(Some(format!("the golden films cannot be made: {error}"))),
                }
            }
            Films::Making(made) => match made.try_recv() {
                Ok(films) => self.films = Films::Made(films),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => {
                    (self.films, self.due) = (Films::Unmade, Instant::now() + self.every);
                    return Some(Some("making the golden films failed".into()));
                }
            },
            Films::Made(films) => {
                if let Some(film) = films.get(self.trial.films.len()) {
                    self.trial.film(film, detector, stored);
                }
                if self.trial.films.len() >= films.len() {
                    self.due = Instant::now() + self.every;
                    return Some(std::mem::take(&mut self.trial).failure(&Limits::default()));
                }
            }
        }
        None
    }
}
