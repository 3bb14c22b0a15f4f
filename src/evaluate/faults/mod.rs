//! Films that carry exactly one fault each, judged by the very pipeline of the service: which reason is told, which verdict
//! is given, and what is said of films without a fault.
//!
//! ```text
//! Kind::ALL × N seeds ──film──► DICOM ──Pipeline──► Judged ──sheet──► table │ JSON
//! ```
//!
//! A film is a phantom of everyday difficulty in which everything but its own fault is within the limits of
//! [`Kind::within`]; where a seed brings more, the next one is taken. Each film carries the header that a room writes;
//! the rows "by the image alone" lack its exposure index.
//!
//! Invariants: the same seeds and models give the same sheet, however many workers there are.

mod kind;
mod sheet;

use crate::domain::measurement::{Quantity, Reading};
use crate::domain::report::{Position, Report, Signs, Verdict};
use crate::phantom::case::{Difficulty, Patient};
use crate::phantom::dicom::{Header, encode};
use crate::phantom::truth::Truth;
use crate::pipeline::Pipeline;

use super::films::Trouble;
use super::reference;
use super::run::{arrival, each, measure};
use super::score::{Fate, Naming, score};

pub use kind::Kind;
pub use sheet::{Row, Sheet};

/// The seeds of one kind lie so far from those of the next that they never meet.
const BETWEEN_KINDS: u64 = 10_000;
/// So many seeds in a row that bring faults of their own are no accident.
const MOST_PASSED_OVER: u64 = 200;

/// Films to judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// How many of each kind.
    pub films: u64,
    /// The first seed.
    pub seed: u64,
    /// Detector millimetres a pixel.
    pub pixel_mm: f32,
}

/// One film to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// What it carries.
    pub kind: Kind,
    /// Everything random follows from it.
    pub seed: u64,
    /// How the neck is held.
    pub position: Position,
    /// Detector millimetres a pixel.
    pub pixel_mm: f32,
}

/// What was said of one film.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What it was to carry.
    pub kind: Kind,
    /// Of the phantom.
    pub seed: u64,
    /// What is true of it.
    pub truth: Truth,
    /// The verdict.
    pub verdict: Verdict,
    /// The reasons, the gravest first.
    pub reasons: Vec<&'static str>,
    /// What the image showed.
    pub signs: Signs,
    /// DeviationIndex as the program has it.
    pub deviation_index: Option<f64>,
    /// Whether C2–C7 Cobb was read without reservation.
    pub cobb_read: bool,
    /// How far it is from the truth, degrees.
    pub cobb_error: Option<f64>,
    /// Whether a name stands on a wrong body.
    pub misnamed: bool,
}

impl Request {
    /// Every film, kind by kind: half of the necks neutral, a quarter in flexion, a quarter in extension.
    pub fn orders(self) -> Vec<Order> {
        use Position::{Extension, Flexion, Neutral};
        let positions = [Neutral, Flexion, Neutral, Extension];
        let of_kind = |(k, kind): (u64, Kind)| {
            let mut seed = self.seed + k * BETWEEN_KINDS;
            let (pixel_mm, mut orders) = (self.pixel_mm, Vec::new());
            for (_, position) in (0..self.films * kind.share()).zip(positions.into_iter().cycle()) {
                let last = seed + MOST_PASSED_OVER;
                while seed < last && !kind.within(&Self::truth(seed, kind, position, pixel_mm)) {
                    seed += 1;
                }
                orders.push(Order { kind, seed, position, pixel_mm });
                seed += 1;
            }
            orders
        };
        (0..).zip(Kind::ALL.iter().copied()).flat_map(of_kind).collect()
    }

    fn truth(seed: u64, kind: Kind, position: Position, pixel_mm: f32) -> Truth {
        Patient::new(seed, Difficulty::Typical).truth_alone(position, pixel_mm, kind.blemish(seed))
    }
}

/// Judges every film of `request`, as many at a time as there are `pipelines`; `told` hears how many are done.
pub fn run(
    request: Request,
    pipelines: Vec<Pipeline>,
    told: &(dyn Fn(usize, usize) + Sync),
) -> (Vec<Judged>, Vec<Trouble>) {
    let orders = request.orders();
    let all = orders.len();
    let results = each(&orders, pipelines, &|done| told(done, all), |pipeline, order| order.judge(pipeline));
    let (mut judged, mut troubles) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(film) => judged.push(film),
            Err(trouble) => troubles.push(trouble),
        }
    }
    (judged, troubles)
}

impl Order {
    fn judge(&self, pipeline: &mut Pipeline) -> Result<Judged, Trouble> {
        let Self { kind, seed, position, pixel_mm } = *self;
        let name = format!("{}-{seed}", kind.name());
        let case = Patient::new(seed, kind.difficulty()).film(position, pixel_mm, kind.blemish(seed));
        let mut header = Header::of(&case, seed, 0);
        if !kind.header_tells_dose() {
            header.exposure = None;
        }
        let encoded = encode(&header, &case.stored(seed));
        let bytes = encoded.map_err(|error| Trouble::new(&*name, format!("cannot be written: {error}")))?;
        let truth = reference::with_measurements(case.truth);
        let report = measure(pipeline, &arrival(&name, &bytes), &bytes)?;
        Ok(Judged::new(kind, seed, truth, &report))
    }
}

impl Judged {
    fn new(kind: Kind, seed: u64, truth: Truth, report: &Report) -> Self {
        let score = score("", &truth, report);
        let misnamed = match score.naming() {
            Naming::Shifted(_) => true,
            Naming::Wrong => score.levels.iter().any(|l| matches!(l.fate, Fate::Shifted(_) | Fate::Astray)),
            _ => false,
        };
        let cobb = report.measurements.get(Quantity::C2C7Cobb, None);
        let number = score.numbers.iter().find(|n| n.quantity == Quantity::C2C7Cobb && n.level.is_none());
        let quality = &report.assessment.quality;
        Self {
            kind,
            seed,
            verdict: quality.verdict,
            reasons: quality.reasons.iter().map(|r| r.code).collect(),
            signs: quality.signs.clone(),
            deviation_index: quality.exposure.deviation_index,
            cobb_read: matches!(cobb, Some(Reading::Ok(_))),
            cobb_error: number.and_then(|n| Some(n.found.as_ref()?.0.value() - n.truth)),
            misnamed,
            truth,
        }
    }

    /// Whether `reason` was told.
    pub fn told(&self, reason: &str) -> bool {
        self.reasons.contains(&reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_films_and_none_brings_more_than_its_own_fault() {
        let orders = Request { films: 2, seed: 9_700_000, pixel_mm: 0.5 }.orders();
        for kind in Kind::ALL {
            let own: Vec<&Order> = orders.iter().filter(|o| o.kind == *kind).collect();
            assert_eq!(own.len() as u64, 2 * kind.share(), "{}", kind.name());
            for order in own {
                assert!(kind.within(&Request::truth(order.seed, *kind, order.position, order.pixel_mm)));
            }
        }
        let mut seeds: Vec<u64> = orders.iter().map(|o| o.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), orders.len(), "no patient stands twice in the table");
        assert_eq!(orders, Request { films: 2, seed: 9_700_000, pixel_mm: 0.5 }.orders());
    }
}
