//! Synthetic lateral cervical films with exact truth.
//!
//! A person ([`morphometry`]) has vertebrae ([`vertebra`], shapes of [`solid`]), is posed ([`spine`]), gets a head, a
//! neck and shoulders ([`body`]), stands in a diverging beam ([`beam`]) and is developed ([`film`]); [`case`] draws all
//! of it from one seed and keeps the truth. Nothing here comes from a scan: sizes are published means, shapes are
//! formulas. What a phantom can and cannot show is told in `docs/phantoms.md`.

pub mod beam;
pub mod blemish;
pub mod body;
pub mod case;
pub mod dicom;
pub mod draw;
pub mod export;
pub mod film;
pub mod hardware;
mod head;
mod marker;
pub mod morphometry;
pub mod negatives;
pub mod other;
pub mod plate;
mod sight;
pub mod solid;
pub mod space;
pub mod spine;
mod spines;
mod technique;
pub mod truth;
pub mod vertebra;
