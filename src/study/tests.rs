//! Which film is which, what is missing, what replaces what.

use proptest::prelude::*;

use super::testing::{film, ok, set};
use super::*;
use crate::domain::measurement::{Quantity, Reading};
use Position::{Extension, Flexion, Neutral, Unknown};

fn study(films: Vec<Film>) -> Study {
    Study::of(films, &Settings::default())
}

fn positions(study: &Study) -> Vec<Position> {
    study.films.iter().map(|f| f.position).collect()
}

#[test]
fn a_neutral_film_alone_lacks_nothing() {
    let study = study(vec![film("n", Neutral, Neutral, 12.0)]);
    assert_eq!((study.missing.as_slice(), &study.dynamic), (&[][..], &None));
}

#[test]
fn the_partner_of_a_bent_film_is_missing_until_it_comes() {
    assert_eq!(study(vec![film("f", Flexion, Unknown, -20.0)]).missing, [Extension]);
    assert_eq!(study(vec![film("n", Neutral, Neutral, 5.0), film("e", Extension, Unknown, 30.0)]).missing, [Flexion]);
    let both = study(vec![film("f", Flexion, Unknown, -20.0), film("e", Extension, Unknown, 30.0)]);
    assert!(both.missing.is_empty());
    assert_eq!(both.dynamic.unwrap().range_of_motion.estimate().unwrap().value(), 50.0);
}

#[test]
fn an_examination_of_motion_wants_both_ends() {
    let mut first = film("n", Neutral, Neutral, 12.0);
    first.evidence.functional = true;
    assert_eq!(study(vec![first]).missing, [Flexion, Extension]);
}

#[test]
fn a_repeated_film_replaces_its_predecessor_which_stays_in_the_history() {
    let films = ["f1", "f2", "f3"].map(|name| film(name, Flexion, Unknown, -20.0));
    let mut films = films.to_vec();
    films.insert(1, film("e", Extension, Unknown, 25.0));
    let study = study(films);
    let replaced: Vec<_> = study.films.iter().map(|f| f.replaced_by.as_ref().map(|id| id.0.as_str())).collect();
    assert_eq!(replaced, [Some("f2"), None, Some("f3"), None]);
    assert_eq!(study.current(Flexion).unwrap().film.report_id.0, "f3");
}

#[test]
fn films_without_a_word_are_what_they_clearly_look_like() {
    let study = study(vec![film("a", Unknown, Flexion, -25.0), film("b", Unknown, Extension, 40.0)]);
    assert_eq!(positions(&study), [Flexion, Extension]);
    assert!(study.films.iter().all(|f| f.told_by == Some(ToldBy::Anatomy) && f.disagreement.is_none()));
}

#[test]
fn a_film_without_a_word_is_placed_by_the_neutral_one() {
    let bent = |cobb| positions(&study(vec![film("n", Neutral, Neutral, 12.0), film("x", Unknown, Unknown, cobb)]))[1];
    assert_eq!([bent(-5.0), bent(14.0), bent(30.0)], [Flexion, Neutral, Extension]);
}

/// A poor extension often looks neutral by itself; the first film of a series is the neutral one.
#[test]
fn a_poor_extension_after_a_neutral_film_does_not_replace_it() {
    let study = study(vec![
        film("n", Unknown, Neutral, 8.0),
        film("f", Unknown, Flexion, -20.0),
        film("e", Unknown, Neutral, 26.0),
    ]);
    assert_eq!(positions(&study), [Neutral, Flexion, Extension]);
    assert!(study.films.iter().all(|f| f.replaced_by.is_none()));
}

#[test]
fn between_flexion_and_extension_lies_the_neutral_film() {
    let study = study(vec![
        film("f", Flexion, Unknown, -20.0),
        film("x", Unknown, Unknown, 6.0),
        film("e", Extension, Unknown, 35.0),
    ]);
    assert_eq!(positions(&study), [Flexion, Neutral, Extension]);
}

/// Consoles name what is special: beside a film called extension, the one without a word is no flexion.
#[test]
fn beside_one_end_that_the_header_names_the_film_without_a_word_is_neutral() {
    let beside =
        |end, cobb| positions(&study(vec![film("x", Unknown, Unknown, 32.0), film("y", end, Unknown, cobb)]))[0];
    assert_eq!(beside(Extension, 60.0), Neutral);
    assert_eq!(beside(Flexion, 2.0), Neutral);
    assert_eq!(beside(Extension, 35.0), Unknown, "as far as the extension: a second try?");
}

/// A film that was cut off, and the same again: whoever labelled the ends left both without a word.
#[test]
fn a_film_that_cannot_be_read_is_replaced_beside_a_named_end_and_replaces_none() {
    let mut cut = film("cut", Unknown, Unknown, 0.0);
    for quantity in [Quantity::C2C7Cobb, Quantity::C2C6Cobb] {
        set(&mut cut, quantity, None, Reading::Withheld("not found: C6, C7".into()));
    }
    let again = film("again", Unknown, Neutral, 12.0);
    let seen = study(vec![cut.clone(), again.clone(), film("f", Flexion, Unknown, -20.0)]);
    assert_eq!(positions(&seen), [Neutral, Neutral, Flexion]);
    assert_eq!(seen.films[0].replaced_by, Some(again.report_id.clone()));
    let flexion = film("f", Flexion, Unknown, -20.0);
    let after = study(vec![again.clone(), flexion.clone(), cut.clone()]);
    assert_eq!(positions(&after), [Neutral, Flexion, Unknown], "it may be anything, and the good film stays");
    assert!(after.films.iter().all(|f| f.replaced_by.is_none()));
    assert_eq!(positions(&study(vec![cut.clone(), flexion])), [Unknown, Flexion]);
    assert_eq!(positions(&study(vec![cut, again])), [Unknown, Neutral], "nobody has named anything");
}

#[test]
fn three_films_of_which_nobody_tells_anything_are_the_ends_and_the_middle() {
    let of = |cobbs: [f64; 3]| positions(&study(cobbs.map(|cobb| film("x", Unknown, Unknown, cobb)).to_vec()));
    assert_eq!(of([31.0, -15.0, 8.0]), [Extension, Flexion, Neutral]);
    assert_eq!(of([31.0, 22.0, 25.0]), [Unknown; 3], "they hardly differ");
    assert_eq!(of([31.0, -15.0, -14.0]), [Unknown; 3], "no middle: two of one end, or a neutral film and an end");
}

#[test]
fn a_film_nobody_can_place_takes_no_part() {
    let study = study(vec![film("x", Unknown, Unknown, 33.0), film("f", Unknown, Flexion, -20.0)]);
    assert_eq!(positions(&study), [Unknown, Flexion]);
    assert_eq!((study.missing.as_slice(), study.unplaced().count()), (&[Extension][..], 1));
}

/// The button for flexion was used for both films.
#[test]
fn a_label_taken_over_from_the_film_before_is_corrected_and_told() {
    let study = study(vec![film("f", Flexion, Flexion, -25.0), film("e", Flexion, Extension, 40.0)]);
    assert_eq!(positions(&study), [Flexion, Extension]);
    let told = Disagreement::Looks { header: Flexion, anatomy: Extension, anatomy_believed: true };
    assert_eq!(study.films[1].disagreement, Some(told));
    assert_eq!(study.films[1].told_by, Some(ToldBy::Anatomy));
    assert!(study.dynamic.is_some());
}

/// One film alone does not overrule whoever saw the patient.
#[test]
fn a_single_contradiction_is_told_and_the_header_believed() {
    let alone = study(vec![film("f", Flexion, Extension, 40.0)]);
    assert_eq!(positions(&alone), [Flexion]);
    let told = Disagreement::Looks { header: Flexion, anatomy: Extension, anatomy_believed: false };
    assert_eq!(alone.films[0].disagreement, Some(told));
    let kyphotic = study(vec![film("n", Neutral, Flexion, -25.0), film("e", Extension, Unknown, 10.0)]);
    assert_eq!(positions(&kyphotic), [Neutral, Extension], "a bent neck that was called neutral stays neutral");
    assert!(kyphotic.films[0].disagreement.is_some());
}

#[test]
fn swapped_and_doubtful_names_are_told() {
    let swapped = study(vec![film("f", Flexion, Unknown, 25.0), film("e", Extension, Unknown, -5.0)]);
    assert!(swapped.films.iter().all(|f| f.disagreement == Some(Disagreement::Swapped(30.0))));
    let little = study(vec![film("f", Flexion, Unknown, 13.0), film("e", Extension, Unknown, 10.0)]);
    assert!(little.films.iter().all(|f| f.disagreement.is_none()), "within the effort");
    let doubtful = study(vec![film("f1", Flexion, Unknown, 10.0), film("f2", Flexion, Unknown, -20.0)]);
    assert!(doubtful.films.iter().all(|f| f.disagreement == Some(Disagreement::SameName(30.0))));
}

/// Two necks are compared over C2–C6 where C7 was not read on one of them, and not at all where neither was.
#[test]
fn only_what_was_read_is_compared() {
    let hidden = || Reading::Withheld("not found: C7".into());
    let mut flexion = film("f", Flexion, Unknown, 25.0);
    set(&mut flexion, Quantity::C2C7Cobb, None, hidden());
    set(&mut flexion, Quantity::C2C6Cobb, None, ok(20.0, 1.0));
    let extension = film("e", Extension, Unknown, -5.0);
    let both = study(vec![flexion.clone(), extension.clone()]);
    assert_eq!(both.films[0].disagreement, Some(Disagreement::Swapped(25.0)));
    assert_eq!(both.dynamic.unwrap().range_over, Quantity::C2C6Cobb);
    set(&mut flexion, Quantity::C2C6Cobb, None, hidden());
    let neither = study(vec![flexion, extension]);
    assert_eq!(neither.films[0].disagreement, None);
    assert_eq!(neither.dynamic.unwrap().effort, Effort::Unknown);
}

fn any_film() -> impl Strategy<Value = Film> {
    let position = || prop::sample::select(vec![Neutral, Flexion, Extension, Unknown]);
    (position(), position(), -40.0..60.0_f64, "[a-z]{8}").prop_map(|(h, a, cobb, name)| film(&name, h, a, cobb))
}

proptest! {
    /// Whatever the films: one counts a position, each replaced one leads on to it, and nothing is called stable without
    /// both ends.
    #[test]
    fn a_study_is_consistent(films in prop::collection::vec(any_film(), 0..8)) {
        let count = films.len();
        let study = study(films);
        prop_assert_eq!(study.films.len(), count);
        for position in [Neutral, Flexion, Extension] {
            let of: Vec<_> = study.films.iter().filter(|f| f.position == position).collect();
            prop_assert_eq!(of.iter().filter(|f| f.replaced_by.is_none()).count(), usize::from(!of.is_empty()));
            for pair in of.windows(2) {
                prop_assert_eq!(pair[0].replaced_by.as_ref(), Some(&pair[1].film.report_id));
            }
        }
        let both = study.current(Flexion).is_some() && study.current(Extension).is_some();
        prop_assert_eq!(study.dynamic.is_some(), both);
        prop_assert!(!both || study.missing.is_empty());
        for line in summary::lines(&study, &Settings::default()) {
            for language in summary::Language::ALL {
                prop_assert!(!language.say(&line).is_empty());
            }
        }
    }
}
