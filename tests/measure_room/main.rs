//! Measuring, judging and drawing from the outside, on necks made by hand.

// A test stops where something is missing; clippy.toml knows #[test] functions, but not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod assess;
mod neck;
mod overlay;
mod second;
mod table;
