//! From a film to its landmarks: paper B's hierarchy.
//!
//! ```text
//! film ─ view (letterbox) ─ preprocess ─ engine ─ heatmap: modes ─ bodies ─ chain ─┐
//!   └─── view (column at the scale of training) ─ the same again ──────────────────┴─ the better chain ─ landmarks (global)
//!                                                                                                          │
//! film ─ patch (C2; C3…C6: each upright, full resolution) ─ specialist ─ modes ─ body ───────────────── merge
//!                                          C2–C6 ─ locator ─ where C7 must lie, seen or not ─┐             │
//! film ─ patch (C7) ─ specialist ─ modes ─ body ─────────────────────────────────────────────┴────────── merge ─ Detection
//! ```
//!
//! The film is what remains without borders of one tone, as it came or with bright and dark exchanged: on whichever of the two corners
//! stand clearly sharper at the first look. Either way landmarks lie on the film as decoded.
//!
//! A heatmap may have several modes: the same corner one level higher or lower looks much alike. Nothing here ever averages
//! over two of them. The modes of the four corners are joined to bodies, and the bodies C2…C7 are chosen together, as the chain
//! whose spacing, width and tilt change slowly from level to level.
//!
//! Only the global model is needed; every other stage may be missing. Of two estimates the better one by its spread stays;
//! where they contradict each other the landmark is disputed and its spread widened.
//!
//! A specialist may look several times, from beside where it found its vertebra; what it says is the mean. At a C7 that is hardly shown
//! it looks a second time, from where film and column together say that C7 stands.
//!
//! On failure of an engine the film has no detection; a landmark that is not on the film is absent, never guessed.

mod bodies;
mod chain;
mod column;
mod detector;
mod global;
mod heatmap;
mod honest;
mod locate;
mod looks;
mod merge;
mod neck;
mod patch;
mod preprocess;
mod refine;
mod view;

pub use column::Stance;
pub use detector::Detector;
pub use patch::Patch;
pub use preprocess::see;
pub use view::View;

use crate::inference::engine::EngineError;

/// Why a film has no detection.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The engine and the manifest do not belong together: a defect of the installation.
    #[error("the engine does not fit the manifest: {0}")]
    Mismatch(String),
    /// The model failed on this film; the next may succeed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
