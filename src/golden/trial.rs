//! A self-test: film after film against the stored answers, and what came of it.

use std::time::{Duration, Instant};

use crate::detect::Detector;

use super::{Difference, FILMS, Golden, Limits, Stored};

/// A film of the test: its difference, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The film's name.
    pub film: String,
    /// How far its answer lies from the stored one, or why there is no answer.
    pub difference: Result<Difference, String>,
    /// How long the models took.
    pub took: Duration,
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trial {
    /// In the order in which they were tried.
    pub films: Vec<Tried>,
}

impl Trial {
    /// Tries one more film.
    pub fn film(&mut self, film: &Golden, detector: &mut Detector, stored: &Stored) {
        let begun = Instant::now();
        let looked = film.look(detector);
        let took = begun.elapsed();
        let difference = match (looked, stored.of(film)) {
            (Ok(answer), Some(expected)) => Ok(Difference::between(expected, &answer)),
            (Ok(_), None) => Err("no answer is stored for it; run `sagitta self-test --write`".to_owned()),
            (Err(error), _) => Err(error.to_string()),
        };
        self.films.push(Tried { film: film.name.clone(), difference, took });
    }

    /// Why the test is failed, in plain words; `None` where it is passed.
    pub fn failure(&self, limits: &Limits) -> Option<String> {
        if self.films.len() < FILMS {
            return Some(format!("only {} of {FILMS} golden films were tried", self.films.len()));
        }
        self.films.iter().find_map(|tried| {
            let why = match &tried.difference {
                Ok(difference) => difference.beyond(limits)?,
                Err(why) => why.clone(),
            };
            Some(format!("golden film {}: {why}", tried.film))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(difference: Result<Difference, String>) -> Tried {
        Tried { film: "f".into(), difference, took: Duration::ZERO }
    }

    #[test]
    fn a_test_is_passed_only_when_every_film_was_tried_and_none_differs() {
        let answer = super::super::Answer {
            landmarks: vec![Some(crate::domain::geometry::PointPx::default()); crate::domain::anatomy::LANDMARKS],
            measurements: Vec::new(),
        };
        let good = || tried(Ok(Difference::between(&answer, &answer)));
        let failure = |films: Vec<Tried>| Trial { films }.failure(&Limits::default());
        assert_eq!(failure((0..FILMS).map(|_| good()).collect()), None);
        assert!(failure(vec![good()]).unwrap().contains("only 1 of"));
        let mut films: Vec<Tried> = (1..FILMS).map(|_| good()).collect();
        films.push(tried(Err("the model gave no answer".into())));
        assert_eq!(failure(films).unwrap(), "golden film f: the model gave no answer");
        assert!(failure((0..FILMS).map(|_| tried(Ok(Difference::default()))).collect()).is_some(), "nothing compared");
    }
}
