//! Accuracy: films with a known truth go through the very pipeline of the service, and what comes out is held against it.
//!
//! ```text
//! films ──run (workers, each with its own models)──► score (a film) ──► figures (groups) ──► table │ JSON │ plots
//! ```
//!
//! - [`films`]: which films, from folders or as phantoms on the fly;
//! - [`run`]: each film once through every stage of the hierarchy that is compared;
//! - [`score`]: one film against its truth; [`reference`]: what the truth's own landmarks measure;
//! - [`figures`] with [`statistics`]: errors, success, ICC(2,1), Bland–Altman, coverage; by C7 and by view;
//! - [`stages`]: the whole hierarchy, and less of it, to tell what each stage adds;
//! - [`faults`]: films that carry exactly one fault each, and what the verdict says of them;
//! - [`accuracy`]: all of it as one document; [`table`] for people; [`plots`] as in paper A.
//!
//! Invariants: the same films and models give the same document, however many workers there are; a film that cannot be
//! scored is named and counted, and ends nothing. `docs/accuracy.md` defines every figure.

pub mod accuracy;
pub mod faults;
pub mod figures;
pub mod films;
pub mod plots;
pub mod reference;
pub mod run;
pub mod score;
pub mod stages;
pub mod statistics;
pub mod table;
#[cfg(test)]
mod testing;

pub use reference::with_measurements;
