//! Measuring, judging and drawing from the outside, on necks made by hand.

mod assess;
mod neck;
mod overlay;
mod second;
mod table;
