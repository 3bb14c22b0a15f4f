//! Engines that misbehave on purpose.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::super::engine::TensorSpec;
use super::*;

/// What a fake does on its next runs, shared by every engine that is loaded for its way.
#[derive(Default)]
struct Mood {
    nan: AtomicBool,
    fails: AtomicBool,
    panics: AtomicBool,
    hangs: AtomicBool,
    unloadable: AtomicBool,
    loads: AtomicU32,
    runs: AtomicU32,
    /// Lets those that hang go at the end of the test.
    end: (Mutex<bool>, Condvar),
}

impl Mood {
    fn set(flag: &AtomicBool, on: bool) {
        flag.store(on, Ordering::SeqCst);
    }

    fn is(flag: &AtomicBool) -> bool {
        flag.load(Ordering::SeqCst)
    }

    fn release(&self) {
        *self.end.0.lock().unwrap() = true;
        self.end.1.notify_all();
    }
}

struct Fake {
    mood: Arc<Mood>,
    answer: f32,
    signature: Signature,
    facts: Facts,
}

impl Engine for Fake {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, _: &Tensor) -> Result<Outputs, EngineError> {
        self.mood.runs.fetch_add(1, Ordering::SeqCst);
        if Mood::is(&self.mood.hangs) {
            let ended = self.mood.end.0.lock().unwrap();
            drop(self.mood.end.1.wait_while(ended, |ended| !*ended).unwrap());
        }
        if Mood::is(&self.mood.panics) {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        if Mood::is(&self.mood.fails) {
            return Err(EngineError::Backend("CUDA failure 2: out of memory".into()));
        }
        let value = if Mood::is(&self.mood.nan) { f32::NAN } else { self.answer };
        let raw = vec![("y".to_owned(), Tensor::new(vec![1], vec![value]).unwrap())];
        Outputs::checked(&self.signature, raw)
    }
}

fn signature() -> Signature {
    let spec = |name: &str| TensorSpec { name: name.into(), shape: vec![1] };
    Signature { input: spec("x"), outputs: vec![spec("y")] }
}

fn way(name: &'static str, answer: f32) -> (Arc<Mood>, Way) {
    let mood = Arc::new(Mood::default());
    let shared = mood.clone();
    let make = move || {
        shared.loads.fetch_add(1, Ordering::SeqCst);
        if Mood::is(&shared.unloadable) {
            return Err("out of memory".to_owned());
        }
        let facts =
            Facts { role: "detector".into(), provider: name.into(), precision: "fp32".into(), sha256: "0".into() };
        Ok(Box::new(Fake { mood: shared.clone(), answer, signature: signature(), facts }) as Box<dyn Engine>)
    };
    (mood, Way { name: name.into(), make: Box::new(make) })
}

/// Short where something is waited for on purpose, long where it must not be reached.
fn patience() -> Patience {
    let long = Duration::from_secs(600);
    Patience { deadline: Duration::from_millis(40), last_deadline: long, load: long, rest: long, longest_rest: long }
}

struct Ladder {
    guarded: Guarded,
    moods: Vec<Arc<Mood>>,
    told: Arc<Mutex<Vec<Option<String>>>>,
}

impl Drop for Ladder {
    fn drop(&mut self) {
        self.moods.iter().for_each(|mood| mood.release());
    }
}

impl Ladder {
    /// `gpu` answers 1, `cpu` answers 2.
    fn new(patience: Patience) -> Self {
        let (gpu, first) = way("gpu", 1.0);
        let (cpu, second) = way("cpu", 2.0);
        Self::of(vec![first, second], vec![gpu, cpu], patience).unwrap()
    }

    fn of(ways: Vec<Way>, moods: Vec<Arc<Mood>>, patience: Patience) -> Result<Self, EngineError> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        let tell: Told = Box::new(move |why| heard.lock().unwrap().push(why.map(str::to_owned)));
        Ok(Self { guarded: Guarded::new(signature(), ways, patience, tell)?, moods, told })
    }

    /// The answer on one film: which way gave it.
    fn film(&mut self) -> Result<f32, EngineError> {
        let input = Tensor::new(vec![1], vec![0.0]).unwrap();
        self.guarded.run(&input).map(|outputs| outputs.get("y").unwrap().data()[0])
    }

    fn told(&self) -> Vec<Option<String>> {
        self.told.lock().unwrap().clone()
    }
}

#[test]
fn a_sound_engine_answers_and_the_others_are_not_even_loaded() {
    let mut ladder = Ladder::new(patience());
    assert_eq!(ladder.film().unwrap(), 1.0);
    assert_eq!(ladder.guarded.facts().provider, "gpu");
    assert_eq!(ladder.moods[1].loads.load(Ordering::SeqCst), 0);
    assert!(ladder.told().is_empty());
}

#[test]
fn a_film_on_which_the_engine_gives_nan_is_answered_by_the_next_and_the_one_after_it_by_the_first_again() {
    let mut ladder = Ladder::new(patience());
    Mood::set(&ladder.moods[0].nan, true);
    assert_eq!(ladder.film().unwrap(), 2.0);
    assert_eq!(ladder.guarded.facts().provider, "cpu", "a report names what ran");
    Mood::set(&ladder.moods[0].nan, false);
    assert_eq!(ladder.film().unwrap(), 1.0);
    assert!(ladder.told().is_empty(), "one odd film is no reason to degrade");
}

#[test]
fn an_engine_that_fails_three_times_in_a_row_rests_and_the_reason_is_told_once() {
    let mut ladder = Ladder::new(patience());
    Mood::set(&ladder.moods[0].fails, true);
    for _ in 0..6 {
        assert_eq!(ladder.film().unwrap(), 2.0, "no film is lost");
    }
    assert_eq!(ladder.moods[0].runs.load(Ordering::SeqCst), STRIKES);
    let told = ladder.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].as_ref().unwrap().contains("gpu") && told[0].as_ref().unwrap().contains("out of memory"));
}

#[test]
fn an_engine_that_hangs_is_given_up_for_the_next_and_the_film_is_answered() {
    let mut ladder = Ladder::new(patience());
    Mood::set(&ladder.moods[0].hangs, true);
    assert_eq!(ladder.film().unwrap(), 2.0);
    assert_eq!(ladder.film().unwrap(), 2.0, "and it is not asked again while it rests");
    assert_eq!(ladder.moods[0].runs.load(Ordering::SeqCst), 1);
    assert!(ladder.told()[0].as_ref().unwrap().contains("no answer within"));
}

#[test]
fn an_engine_that_panics_is_an_engine_that_fails() {
    let mut ladder = Ladder::new(patience());
    Mood::set(&ladder.moods[0].panics, true);
    assert_eq!(ladder.film().unwrap(), 2.0);
    Mood::set(&ladder.moods[0].panics, false);
    assert_eq!(ladder.film().unwrap(), 1.0, "its thread lives on");
}

#[test]
fn after_its_rest_it_is_loaded_anew_beside_the_running_one_and_preferred_once_it_answers() {
    let none = Patience { rest: Duration::ZERO, ..patience() };
    let mut ladder = Ladder::new(none);
    Mood::set(&ladder.moods[0].hangs, true);
    assert_eq!(ladder.film().unwrap(), 2.0);
    Mood::set(&ladder.moods[0].hangs, false);
    // Loading takes its own time on its own thread; meanwhile every film is answered.
    let mut answers = 0;
    while ladder.film().unwrap() != 1.0 {
        answers += 1;
        assert!(answers < 1_000_000, "it never comes back");
        std::thread::yield_now();
    }
    assert_eq!(ladder.moods[0].loads.load(Ordering::SeqCst), 2);
    let told = ladder.told();
    assert!(told.len() == 2 && told[0].is_some() && told[1].is_none(), "{told:?}");
}

#[test]
fn a_way_that_hangs_again_and_again_is_given_up_for_good() {
    let none = Patience { rest: Duration::ZERO, ..patience() };
    let mut ladder = Ladder::new(none);
    Mood::set(&ladder.moods[0].hangs, true);
    for _ in 0..2_000 {
        assert_eq!(ladder.film().unwrap(), 2.0);
        if ladder.moods[0].loads.load(Ordering::SeqCst) < ABANDONED {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    assert_eq!(ladder.moods[0].runs.load(Ordering::SeqCst), ABANDONED, "its threads are counted");
}

#[test]
fn a_way_that_cannot_be_loaded_is_told_and_passed_over() {
    let (gpu, first) = way("gpu", 1.0);
    let (cpu, second) = way("cpu", 2.0);
    Mood::set(&gpu.unloadable, true);
    let mut ladder = Ladder::of(vec![first, second], vec![gpu, cpu], patience()).unwrap();
    assert!(ladder.told()[0].as_ref().unwrap().contains("out of memory"), "{:?}", ladder.told());
    assert_eq!(ladder.film().unwrap(), 2.0);
    let (cpu, only) = way("cpu", 2.0);
    Mood::set(&cpu.unloadable, true);
    let error = Ladder::of(vec![only], vec![cpu], patience()).err().unwrap();
    assert!(error.to_string().contains("cpu: out of memory"), "{error}");
}

#[test]
fn where_every_way_fails_on_a_film_it_is_refused_and_the_next_one_is_tried_again() {
    let mut ladder = Ladder::new(patience());
    ladder.moods.iter().for_each(|mood| Mood::set(&mood.nan, true));
    assert!(matches!(ladder.film(), Err(EngineError::NotFinite { .. })));
    ladder.moods.iter().for_each(|mood| Mood::set(&mood.nan, false));
    assert_eq!(ladder.film().unwrap(), 1.0);
}

#[test]
fn the_last_way_is_loaded_anew_after_it_failed_too_often() {
    let (cpu, only) = way("cpu", 2.0);
    let mut ladder = Ladder::of(vec![only], vec![cpu], patience()).unwrap();
    Mood::set(&ladder.moods[0].fails, true);
    for _ in 0..STRIKES {
        assert!(ladder.film().is_err());
    }
    Mood::set(&ladder.moods[0].fails, false);
    assert_eq!(ladder.film().unwrap(), 2.0);
    assert_eq!(ladder.moods[0].loads.load(Ordering::SeqCst), 2);
    assert!(ladder.told().is_empty(), "there is no other way to have fallen to");
}

#[test]
fn an_input_of_another_shape_is_our_mistake_and_no_strike() {
    let mut ladder = Ladder::new(patience());
    let wrong = Tensor::new(vec![2], vec![0.0; 2]).unwrap();
    assert!(matches!(ladder.guarded.run(&wrong), Err(EngineError::Input { .. })));
    assert_eq!(ladder.moods[0].runs.load(Ordering::SeqCst), 0);
}

#[test]
fn where_the_last_way_hangs_again_and_again_the_film_is_told_to_wait_for_a_new_process() {
    let (cpu, only) = way("cpu", 2.0);
    let short = Patience { last_deadline: Duration::from_millis(20), ..patience() };
    let mut ladder = Ladder::of(vec![only], vec![cpu], short).unwrap();
    Mood::set(&ladder.moods[0].hangs, true);
    for _ in 0..ABANDONED {
        assert!(matches!(ladder.film(), Err(EngineError::Deadline(_))));
    }
    assert!(matches!(ladder.film(), Err(EngineError::Dead(why)) if why.contains("cpu")));
    assert_eq!(ladder.moods[0].loads.load(Ordering::SeqCst), ABANDONED, "no further thread is spent");
}
