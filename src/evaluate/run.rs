//! Every film through the pipeline, several at a time, the scores in the order of the list.
//!
//! Each worker owns its models and holds one film; which worker takes which film changes no number. A film that fails is
//! a [`Trouble`] of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use sha2::{Digest, Sha256};

use crate::domain::arrival::{Arrival, ContentHash};
use crate::domain::geometry::PixelSpacing;
use crate::domain::report::Report;
use crate::pipeline::{Outcome, Pipeline};

use super::films::{Film, Trouble};
use super::reference;
use super::score::{FilmScore, score, unknown};

/// What one worker measures with: a pipeline for each stage of the hierarchy that is compared, the whole one last.
pub struct Worker {
    /// In the order of the stages.
    pub pipelines: Vec<Pipeline>,
    /// For films that carry no spacing and whose truth tells none.
    pub spacing: Option<PixelSpacing>,
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// For each stage the films in the order of the list.
    pub stages: Vec<Vec<FilmScore>>,
    /// What could not be scored.
    pub troubles: Vec<Trouble>,
    /// What truths name that is not known here, a line each.
    pub unknown: Vec<String>,
}

/// One film through every stage.
type Scored = (Vec<FilmScore>, Vec<String>);

/// Scores `films` with as many threads as there are `workers`; `told` hears how many are done after each film.
pub fn run(films: &[Film], workers: Vec<Worker>, told: &(dyn Fn(usize) + Sync)) -> Scores {
    let stages = workers.first().map_or(0, |worker| worker.pipelines.len());
    let mut scores = Scores { stages: vec![Vec::new(); stages], ..Scores::default() };
    for result in each(films, workers, told, Worker::film) {
        match result {
            Ok((films, unknown)) => {
                for (stage, film) in scores.stages.iter_mut().zip(films) {
                    stage.push(film);
                }
                scores.unknown.extend(unknown);
            }
            Err(trouble) => scores.troubles.push(trouble),
        }
    }
    scores
}

/// `job` on every item, as many at a time as there are `workers`; the results in the order of the items.
pub(super) fn each<W: Send, I: Sync, R: Send>(
    items: &[I],
    workers: Vec<W>,
    told: &(dyn Fn(usize) + Sync),
    job: impl Fn(&mut W, &I) -> R + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for mut worker in workers {
            let (next, done, results, job) = (&next, &done, &results, &job);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = job(&mut worker, item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                    told(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// A film that lies nowhere, under the name by which it is told.
pub(super) fn arrival(name: &str, bytes: &[u8]) -> Arrival {
    Arrival {
        path: PathBuf::from(name),
        file: name.to_owned(),
        sha256: ContentHash(Sha256::digest(bytes).into()),
        received_at: Utc::now(),
        settle: Duration::ZERO,
    }
}

impl Worker {
    fn film(&mut self, film: &Film) -> Result<Scored, Trouble> {
        let name = film.name();
        let (bytes, truth) = film.load()?;
        let arrival = arrival(&name, &bytes);
        let spacing = reference::spacing(&truth).or(self.spacing);
        let mut scores = Vec::with_capacity(self.pipelines.len());
        for pipeline in &mut self.pipelines {
            pipeline.assume_spacing(spacing);
            let report = measure(pipeline, &arrival, &bytes)?;
            scores.push(score(&name, &truth, &report));
        }
        let unknown = unknown(&truth).into_iter().map(|what| format!("{name}: {what}")).collect();
        Ok((scores, unknown))
    }
}

/// As the service does: a film over which the program stumbles is told, and the next one is measured.
pub(super) fn measure(pipeline: &mut Pipeline, arrival: &Arrival, bytes: &[u8]) -> Result<Box<Report>, Trouble> {
    let stumbled = |_| Trouble::new(&*arrival.file, "Sagitta stumbled over this film");
    match catch_unwind(AssertUnwindSafe(|| pipeline.process(arrival, bytes))).map_err(stumbled)? {
        Outcome::Measured(report, _) | Outcome::PassedOver(report) => Ok(report),
        Outcome::Fault(fault) => Err(Trouble::new(&*arrival.file, format!("{} ({})", fault.reason, fault.code.name()))),
        Outcome::Stalled(why) => Err(Trouble::new(&*arrival.file, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_worker_and_no_film_give_no_score() {
        assert_eq!(run(&[], Vec::new(), &|_| {}), Scores::default());
    }
}
