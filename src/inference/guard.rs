//! One model that keeps answering: several ways of running it in order of preference, each on a thread of its own.
//!
//! ```text
//!            ┌─ answer ───────────────────────────────► its strikes are forgotten
//!  run ─► way ─ an error, numbers that are not finite ─► the next way answers this film; STRIKES in a row ─► rest
//!            └─ no answer in time ─────────────────────► the next way answers this film; its thread is given up ─► rest
//!  rest over ─► loaded anew beside the running way ─► answers a film: preferred again │ fails: a rest twice as long
//! ```
//!
//! Invariants: a film is refused only when every way has failed on it; an answer that leaves here is whole and finite
//! ([`Outputs::checked`] made it) and came within the deadline; what a way does wrong never reaches the caller's thread,
//! neither a panic nor a hang. The caller waits at most one deadline a way, and once for the loading of a way that was
//! never needed before.
//!
//! A thread that hangs keeps its memory: after [`ABANDONED`] of them a way is given up until the program starts again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use super::engine::{Engine, EngineError, Facts, Outputs, Signature, Tensor};

/// Failures in a row after which a way rests. One film may be odd; three are the engine.
const STRIKES: u32 = 3;
/// Threads of one way that may hang before it is given up.
const ABANDONED: u32 = 3;

/// How long is waited for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For one run, where another way could take over.
    pub deadline: Duration,
    /// For one run of the last way, which nobody relieves: only what is plainly dead takes longer.
    pub last_deadline: Duration,
    /// For loading a way.
    pub load: Duration,
    /// The first rest of a way that failed; each further one is twice as long.
    pub rest: Duration,
    /// The longest rest.
    pub longest_rest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            last_deadline: Duration::from_secs(60),
            load: Duration::from_secs(120),
            rest: Duration::from_secs(10 * 60),
            longest_rest: Duration::from_secs(6 * 60 * 60),
        }
    }
}

/// Loads an engine; in its own words why it cannot.
pub type Maker = Box<dyn Fn() -> Result<Box<dyn Engine>, String> + Send + Sync>;

/// One way of running the model.
pub struct Way {
    /// For people: `tensorrt fp16`.
    pub name: String,
    /// Loads it, again and again if need be.
    pub make: Maker,
}

/// Hears why the first way is not the one in use, and `None` when it is again.
pub type Told = Box<dyn Fn(Option<&str>) + Send>;

/// See the module's documentation.
pub struct Guarded {
    signature: Signature,
    patience: Patience,
    rungs: Vec<Rung>,
    facts: Facts,
    told: Told,
    trouble: Option<String>,
}

struct Rung {
    name: String,
    make: std::sync::Arc<Maker>,
    state: State,
    strikes: u32,
    rests: u32,
    abandoned: u32,
    why: Option<String>,
}

enum State {
    /// Never needed so far.
    Idle,
    /// Its thread loads the engine.
    Loading(Worker),
    Ready(Worker, Facts),
    Resting(Instant),
    GivenUp,
}

impl Guarded {
    /// Loads the first of `ways` that can be; `signature` is what every one of them has.
    ///
    /// # Errors
    /// Where none can be loaded: what each said.
    pub fn new(signature: Signature, ways: Vec<Way>, patience: Patience, told: Told) -> Result<Self, EngineError> {
        let rungs: Vec<Rung> = ways.into_iter().map(Rung::new).collect();
        let facts =
            Facts { role: String::new(), provider: String::new(), precision: String::new(), sha256: String::new() };
        let mut guarded = Self { signature, patience, rungs, facts, told, trouble: None };
        let now = Instant::now();
        let loaded = guarded.rungs.iter_mut().find_map(|rung| rung.ready(now, &patience, true));
        let Some(facts) = loaded else {
            let said: Vec<&str> = guarded.rungs.iter().filter_map(|rung| rung.why.as_deref()).collect();
            return Err(EngineError::Backend(said.join("; ")));
        };
        guarded.facts = facts;
        guarded.tell();
        Ok(guarded)
    }

    /// Tells whether the first way is in use, where that has changed.
    fn tell(&mut self) {
        let (Some(first), false) = (self.rungs.first(), self.rungs.len() < 2) else { return };
        let trouble = match first.state {
            State::Ready(..) => None,
            _ => first.why.clone(),
        };
        if trouble != self.trouble {
            match &trouble {
                Some(why) => {
                    tracing::error!(role = %self.facts.role, now = %self.facts.provider, %why, "a model runs another way");
                }
                None => {
                    tracing::info!(role = %self.facts.role, now = %self.facts.provider, "the model runs as it should again");
                }
            }
            (self.told)(trouble.as_deref());
            self.trouble = trouble;
        }
    }
}

impl Engine for Guarded {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Those of the way that answered last.
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        if input.shape() != self.signature.input.shape {
            let (expected, found) = (self.signature.input.shape.clone(), input.shape().to_vec());
            return Err(EngineError::Input { expected, found });
        }
        let (now, patience, last) = (Instant::now(), self.patience, self.rungs.len().saturating_sub(1));
        let mut error = None;
        for (index, rung) in self.rungs.iter_mut().enumerate() {
            let Some(facts) = rung.ready(now, &patience, index == last) else { continue };
            let deadline = if index == last { patience.last_deadline } else { patience.deadline };
            match rung.run(input, deadline) {
                Ok(outputs) => {
                    self.facts = facts;
                    self.tell();
                    return Ok(outputs);
                }
                Err(failed) => {
                    rung.failed(&failed, &patience, index == last);
                    tracing::warn!(role = %facts.role, way = %rung.name, error = %failed, "a way of running the model failed");
                    error = Some(failed);
                }
            }
        }
        self.tell();
        Err(error.unwrap_or_else(|| {
            let said: Vec<&str> = self.rungs.iter().filter_map(|rung| rung.why.as_deref()).collect();
            let dead = self.rungs.iter().all(|rung| matches!(rung.state, State::GivenUp));
            if dead { EngineError::Dead(said.join("; ")) } else { EngineError::Backend(said.join("; ")) }
        }))
    }
}

impl Rung {
    fn new(way: Way) -> Self {
        let make = std::sync::Arc::new(way.make);
        Self { name: way.name, make, state: State::Idle, strikes: 0, rests: 0, abandoned: 0, why: None }
    }

    /// The facts of its engine once it can be run. `wait`s for one that loads or rests; one that was never loaded is
    /// waited for in any case.
    fn ready(&mut self, now: Instant, patience: &Patience, wait: bool) -> Option<Facts> {
        let mut wait = wait;
        match &self.state {
            State::Idle => {
                wait = true;
                self.load();
            }
            State::Resting(until) if wait || *until <= now => self.load(),
            _ => {}
        }
        match std::mem::replace(&mut self.state, State::GivenUp) {
            State::Loading(worker) => match worker.loaded(wait.then_some(patience.load)) {
                Loaded::Ready(facts) => self.state = State::Ready(worker, facts),
                Loaded::NotYet => self.state = State::Loading(worker),
                Loaded::Failed(why) => self.rest(&why, patience),
                Loaded::Late => {
                    self.abandoned += 1;
                    self.rest(&format!("it was not loaded within {:?}", patience.load), patience);
                }
            },
            other => self.state = other,
        }
        match &self.state {
            State::Ready(_, facts) => Some(facts.clone()),
            _ => None,
        }
    }

    fn load(&mut self) {
        if self.abandoned >= ABANDONED {
            self.state = State::GivenUp;
            return;
        }
        self.state = match Worker::start(self.make.clone()) {
            Ok(worker) => State::Loading(worker),
            Err(error) => {
                self.why = Some(format!("{}: no thread for it: {error}", self.name));
                State::GivenUp
            }
        };
    }

    fn run(&mut self, input: &Tensor, deadline: Duration) -> Result<Outputs, EngineError> {
        let State::Ready(worker, _) = &self.state else { return Err(EngineError::Backend("it is not loaded".into())) };
        let answer = worker.run(input, deadline)?;
        (self.strikes, self.rests, self.why) = (0, 0, None);
        Ok(answer)
    }

    fn failed(&mut self, error: &EngineError, patience: &Patience, last: bool) {
        let hung = matches!(error, EngineError::Deadline(_));
        self.strikes += 1;
        if hung {
            self.abandoned += 1;
        }
        if hung || self.strikes >= STRIKES {
            // Nobody relieves the last way: it is loaded anew for the next film.
            let none = Patience { rest: Duration::ZERO, ..*patience };
            self.rest(&error.to_string(), if last { &none } else { patience });
        }
    }

    /// Lets the engine go. Its thread ends with the film in hand, if ever.
    fn rest(&mut self, why: &str, patience: &Patience) {
        self.why = Some(format!("{}: {why}", self.name));
        self.strikes = 0;
        let rest = patience.rest.saturating_mul(1 << self.rests.min(16)).min(patience.longest_rest);
        self.rests += 1;
        self.state = if self.abandoned >= ABANDONED { State::GivenUp } else { State::Resting(Instant::now() + rest) };
    }
}

enum Loaded {
    Ready(Facts),
    NotYet,
    Failed(String),
    Late,
}

/// An engine on a thread of its own.
struct Worker {
    ask: Sender<Tensor>,
    loaded: Receiver<Result<Facts, String>>,
    answers: Receiver<Result<Outputs, EngineError>>,
}

impl Worker {
    fn start(make: std::sync::Arc<Maker>) -> std::io::Result<Self> {
        let (ask, asked) = mpsc::channel();
        let (tell_loaded, loaded) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        std::thread::Builder::new().name("engine".into()).spawn(move || {
            let made = catch_unwind(AssertUnwindSafe(|| make())).unwrap_or_else(|_| Err("loading it panicked".into()));
            let mut engine = match made {
                Ok(engine) => engine,
                Err(why) => {
                    let _ = tell_loaded.send(Err(why));
                    return;
                }
            };
            // Whoever waited may have gone; then there is nothing to do.
            if tell_loaded.send(Ok(engine.facts().clone())).is_err() {
                return;
            }
            serve(engine.as_mut(), &asked, &answer);
        })?;
        Ok(Self { ask, loaded, answers })
    }

    /// Whether the engine is loaded, at once or within `wait`.
    fn loaded(&self, wait: Option<Duration>) -> Loaded {
        let gone = || Loaded::Failed("its thread ended".into());
        let said = match wait {
            Some(wait) => match self.loaded.recv_timeout(wait) {
                Ok(said) => said,
                Err(RecvTimeoutError::Timeout) => return Loaded::Late,
                Err(RecvTimeoutError::Disconnected) => return gone(),
            },
            None => match self.loaded.try_recv() {
                Ok(said) => said,
                Err(TryRecvError::Empty) => return Loaded::NotYet,
                Err(TryRecvError::Disconnected) => return gone(),
            },
        };
        said.map_or_else(Loaded::Failed, Loaded::Ready)
    }

    fn run(&self, input: &Tensor, deadline: Duration) -> Result<Outputs, EngineError> {
        let gone = || EngineError::Backend("its thread ended".into());
        self.ask.send(input.clone()).map_err(|_| gone())?;
        self.answers.recv_timeout(deadline).map_err(|error| match error {
            RecvTimeoutError::Timeout => EngineError::Deadline(deadline),
            RecvTimeoutError::Disconnected => gone(),
        })?
    }
}

/// Answers until nobody asks any more.
fn serve(engine: &mut dyn Engine, asked: &Receiver<Tensor>, answer: &Sender<Result<Outputs, EngineError>>) {
    while let Ok(input) = asked.recv() {
        let result = catch_unwind(AssertUnwindSafe(|| engine.run(&input)))
            .unwrap_or_else(|_| Err(EngineError::Backend("it panicked".into())));
        if answer.send(result).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
