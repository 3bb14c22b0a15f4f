//! Which film shows which position: the header's word, the neck's shape, and the films compared with one another.
//!
//! 1. A header that names a position is believed: whoever took the film saw the patient. Only where it calls flexion what
//!    looks like a clear extension (or the other way round) **and** another film of the study lies far to the other side, the
//!    neck is believed instead: then a label was taken over from one film to the next.
//! 2. A film without a word in its header is a flexion or an extension where its neck clearly looks so.
//! 3. A film without a word whose neck looks neutral, or like nothing, is placed by its lordosis among the others: clearly
//!    bent against the neutral film, or between flexion and extension. Where no header names the neutral film, the first
//!    that looks neutral is it: it is taken first, and a poor extension often looks neutral by itself. Beside one end that a
//!    header names, a film without a word that is clearly less bent is neutral: whoever names one end names the other.
//! 4. Three or more films of which nobody tells anything: the ends of the motion, and the middle.
//! 5. A film without a word whose lordosis was not read cannot be compared. Where the header of another film names an end and a
//!    neutral film was taken later it is neutral, for the same reason as in 3: a film that was cut off is replaced by the one
//!    taken after it. It never replaces one itself: after the last neutral film it stays unknown.
//!
//! Two necks are compared by the same angle, C2–C7 or C2–C6, and only where it was read without reservation on both. What
//! stays open is `Unknown`. Every contradiction is told as a [`Disagreement`].

use super::Film;
use crate::domain::measurement::{Quantity, Reading};
use crate::domain::report::{Position, ToldBy};

/// Two films that bear the same name and lie further apart than this, degrees of lordosis, may not both deserve it: a second
/// try of one position seldom differs by more.
pub const REPEAT_APART_DEG: f64 = 20.0;
/// A film within this many degrees of the neutral one is neutral; beyond, it is bent. Repositioning alone moves the lordosis
/// of a neutral neck by some 5°.
const BENT_DEG: f64 = 10.0;
/// The least motion, degrees, over which the ends of three or more unnamed films are taken for flexion and extension.
const ENDS_APART_DEG: f64 = 30.0;

/// A contradiction between what a header says and what the neck looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum Disagreement {
    /// The film alone: its header names one position, its neck looks like another.
    Looks {
        /// The header's.
        header: Position,
        /// The neck's.
        anatomy: Position,
        /// Whether the neck was believed.
        anatomy_believed: bool,
    },
    /// The flexion is more lordotic than the extension, by so many degrees: the names may be swapped.
    Swapped(f64),
    /// Another film bears the same name and lies so many degrees apart.
    SameName(f64),
}

/// Where a film belongs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) position: Position,
    pub(super) told_by: Option<ToldBy>,
    pub(super) disagreement: Option<Disagreement>,
}

/// The place of every film; `effort_deg` is the motion that counts as one.
pub(super) fn places(films: &[Film], effort_deg: f64) -> Vec<Place> {
    let mut places: Vec<Place> = films.iter().map(|film| by_itself(film, films)).collect();
    first_neutral(films, &mut places);
    by_comparison(films, &mut places);
    unread_beside_a_name(films, &mut places);
    compare_names(films, &mut places, effort_deg);
    places
}

/// Rule 3's neutral film.
fn first_neutral(films: &[Film], places: &mut [Place]) {
    if places.iter().any(|place| place.position == Position::Neutral) {
        return;
    }
    let first = places
        .iter_mut()
        .zip(films)
        .find(|(place, film)| place.position == Position::Unknown && film.evidence.position() == Position::Neutral);
    if let Some((place, _)) = first {
        *place = Place { position: Position::Neutral, told_by: Some(ToldBy::Anatomy), disagreement: None };
    }
}

/// How much more lordotic `a` is than `b`, degrees.
fn bend(a: &Film, b: &Film) -> Option<f64> {
    [Quantity::C2C7Cobb, Quantity::C2C6Cobb].into_iter().find_map(|quantity| {
        match (a.measurements.get(quantity, None), b.measurements.get(quantity, None)) {
            (Some(Reading::Ok(a)), Some(Reading::Ok(b))) => Some(a.value() - b.value()),
            _ => None,
        }
    })
}

/// Rules 1 and 2.
fn by_itself(film: &Film, all: &[Film]) -> Place {
    let evidence = film.evidence;
    let (header, anatomy) = (evidence.header, evidence.anatomy);
    if header == Position::Unknown {
        let clear = matches!(anatomy, Position::Flexion | Position::Extension);
        let (position, told_by) = if clear { (anatomy, Some(ToldBy::Anatomy)) } else { (Position::Unknown, None) };
        return Place { position, told_by, disagreement: None };
    }
    if !evidence.disagree() {
        return Place { position: header, told_by: Some(ToldBy::Header), disagreement: None };
    }
    let far_to_its_side = |other: &Film| {
        bend(film, other).is_some_and(|bend| match anatomy {
            Position::Extension => bend > REPEAT_APART_DEG,
            Position::Flexion => bend < -REPEAT_APART_DEG,
            Position::Neutral | Position::Unknown => false,
        })
    };
    let anatomy_believed = header != Position::Neutral && all.iter().any(far_to_its_side);
    Place {
        position: if anatomy_believed { anatomy } else { header },
        told_by: Some(if anatomy_believed { ToldBy::Anatomy } else { ToldBy::Header }),
        disagreement: Some(Disagreement::Looks { header, anatomy, anatomy_believed }),
    }
}

/// Rules 3 and 4.
fn by_comparison(films: &[Film], places: &mut [Place]) {
    let known: Vec<(&Film, Place)> =
        films.iter().zip(places.iter().cloned()).filter(|(_, place)| place.position != Position::Unknown).collect();
    let found: Vec<Position> =
        if known.is_empty() { ends_and_middle(films) } else { films.iter().map(|film| among(film, &known)).collect() };
    for (place, position) in places.iter_mut().zip(found) {
        if place.position == Position::Unknown && position != Position::Unknown {
            *place = Place { position, told_by: Some(ToldBy::Anatomy), disagreement: None };
        }
    }
}

/// The position of `film` among films whose position is known. A film that cannot be compared is what it looks like.
fn among(film: &Film, known: &[(&Film, Place)]) -> Position {
    // The last of a position counts.
    let against = |position| {
        let (other, place) = known.iter().rev().find(|(_, place)| place.position == position)?;
        Some((bend(film, other)?, place.told_by == Some(ToldBy::Header)))
    };
    let neutral = against(Position::Neutral).map(|(bend, _)| bend);
    match (against(Position::Flexion), neutral, against(Position::Extension)) {
        (_, Some(bend), _) if bend > BENT_DEG => Position::Extension,
        (_, Some(bend), _) if bend < -BENT_DEG => Position::Flexion,
        (_, Some(_), _) => Position::Neutral,
        (Some((over, _)), None, Some((under, _))) if over > BENT_DEG && under < -BENT_DEG => Position::Neutral,
        (Some((over, true)), None, None) if over > BENT_DEG => Position::Neutral,
        (None, None, Some((under, true))) if under < -BENT_DEG => Position::Neutral,
        _ => film.evidence.position(),
    }
}

/// Three or more films of which nobody tells anything: the ends of the motion, and what lies between.
fn ends_and_middle(films: &[Film]) -> Vec<Position> {
    let unknown = || vec![Position::Unknown; films.len()];
    let Some(first) = films.first() else { return unknown() };
    let Some(bends) = films.iter().map(|film| bend(film, first)).collect::<Option<Vec<f64>>>() else {
        return unknown();
    };
    let low = bends.iter().copied().fold(f64::INFINITY, f64::min);
    let high = bends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let places: Vec<Position> = bends
        .iter()
        .map(|bend| match (bend - low > BENT_DEG, high - bend > BENT_DEG) {
            (false, _) => Position::Flexion,
            (_, false) => Position::Extension,
            (true, true) => Position::Neutral,
        })
        .collect();
    if high - low >= ENDS_APART_DEG && places.contains(&Position::Neutral) { places } else { unknown() }
}

/// Rule 5.
fn unread_beside_a_name(films: &[Film], places: &mut [Place]) {
    let named = |place: &Place| {
        place.told_by == Some(ToldBy::Header) && matches!(place.position, Position::Flexion | Position::Extension)
    };
    if !places.iter().any(named) {
        return;
    }
    let last = places.iter().rposition(|place| place.position == Position::Neutral).unwrap_or_default();
    for (place, film) in places.iter_mut().zip(films).take(last) {
        if place.position == Position::Unknown && bend(film, film).is_none() {
            *place = Place { position: Position::Neutral, told_by: Some(ToldBy::Header), disagreement: None };
        }
    }
}

/// Finds names that the films' lordosis contradicts.
fn compare_names(films: &[Film], places: &mut [Place], effort_deg: f64) {
    let told: Vec<Place> = places.to_vec();
    for (i, (place, film)) in places.iter_mut().zip(films).enumerate() {
        if place.disagreement.is_some() || place.told_by != Some(ToldBy::Header) {
            continue;
        }
        let others = || told.iter().zip(films).enumerate().filter(|(j, _)| *j != i).map(|(_, other)| other);
        let swapped = others().filter_map(|(other, their)| match (place.position, other.position) {
            (Position::Flexion, Position::Extension) => bend(film, their),
            (Position::Extension, Position::Flexion) => bend(their, film),
            _ => None,
        });
        let swapped = swapped.filter(|bend| *bend > effort_deg).fold(None, largest);
        let apart =
            others().filter(|(other, _)| other.position == place.position).filter_map(|(_, their)| bend(film, their));
        let apart = apart.map(f64::abs).filter(|bend| *bend > REPEAT_APART_DEG).fold(None, largest);
        place.disagreement = swapped.map(Disagreement::Swapped).or(apart.map(Disagreement::SameName));
    }
}

fn largest(so_far: Option<f64>, next: f64) -> Option<f64> {
    Some(so_far.map_or(next, |so_far| so_far.max(next)))
}
