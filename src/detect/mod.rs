//! From a film to its landmarks.
//!
//! ```text
//! film ─ view (letterbox) ─ preprocess ─ engine ─ heatmap: modes ─ bodies ─ chain ─┐
//!   └─── view (column at the scale of training) ─ the same again ──────────────────┴─ the better chain → Detection
//! ```
//!
//! A heatmap may have several modes: the same corner one level higher or lower looks much alike. Nothing here ever averages
//! over two of them. The modes of the four corners are joined to bodies, and the bodies C2…C7 are chosen together, as the chain
//! whose spacing, width and tilt change slowly from level to level.
//!
//! On failure of the engine the film has no detection; a landmark that is not on the film is absent, never guessed.

mod bodies;
mod chain;
mod detector;
mod heatmap;
mod preprocess;
mod view;

pub use detector::{DetectError, Detector};
pub use preprocess::see;
pub use view::View;
