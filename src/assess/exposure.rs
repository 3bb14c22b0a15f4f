//! Was the dose right? The deviation index where the header carries it, the image over the neck where it does not.
//!
//! IEC 62494-1: DI = 10 · log₁₀(EI / EI_T); 0 is on target, −3 is half the dose, +3 twice. The display window hides dose
//! on a digital film, so that the image alone can only tell what is lost: tone that ran into black or white over the
//! vertebrae, and noise that drowns their contrast.

use crate::domain::radiograph::Radiograph;
use crate::domain::report::{Exposure, ExposureState, Signs};

/// Limits of the exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Below this deviation index the film is under-exposed: −3 is half the dose intended (AAPM TG-116's band for a repeat).
    pub deviation_low: f64,
    /// Above this deviation index it is over-exposed: +3 is twice the dose intended.
    pub deviation_high: f64,
    /// More than this share (0…1) of the pixels over the neck at black or at white has lost its bone edges.
    pub clipped_share: f64,
    /// Below so many decades of structure over noise ([`Signs::grain`]) the film is grainy.
    pub grain: f64,
    /// Below so many noise covers the end-plates, whatever the header says: the film is to be taken again.
    pub grain_repeat: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deviation_low: -3.0, deviation_high: 3.0, clipped_share: 0.25, grain: 2.1, grain_repeat: 1.9 }
    }
}

/// What the header says: `Unknown` without a deviation index and without an index and its target.
pub fn from_header(radiograph: &Radiograph, limits: &Limits) -> Exposure {
    let header = &radiograph.acquisition;
    let computed = || match (header.exposure_index, header.target_exposure_index) {
        (Some(index), Some(target)) if index > 0.0 && target > 0.0 => Some(10.0 * (index / target).log10()),
        _ => None,
    };
    let deviation_index = header.deviation_index.or_else(computed).filter(|d| d.is_finite());
    let state = match deviation_index {
        None => ExposureState::Unknown,
        Some(d) if d < limits.deviation_low => ExposureState::Under,
        Some(d) if d > limits.deviation_high => ExposureState::Over,
        Some(_) => ExposureState::Good,
    };
    Exposure { state, exposure_index: header.exposure_index, deviation_index, clipped: radiograph.clipped }
}

/// What header and image say together: what is lost over the neck counts whatever the header says.
pub fn of(radiograph: &Radiograph, signs: &Signs, limits: &Limits) -> Exposure {
    let header = from_header(radiograph, limits);
    // Bone is bright: what ran into black got too much dose, what stayed white too little.
    let image = if burnt(signs, limits) {
        ExposureState::Over
    } else if beyond(signs.white, limits.clipped_share) || grainier(signs, limits.grain) {
        ExposureState::Under
    } else if signs.black.is_some() {
        ExposureState::Good
    } else {
        ExposureState::Unknown
    };
    let state = match (header.state, image) {
        (told, ExposureState::Unknown) => told,
        (ExposureState::Unknown | ExposureState::Good, image) => image,
        (told, _) => told,
    };
    Exposure { state, ..header }
}

/// Whether tone over the neck ran into black.
pub fn burnt(signs: &Signs, limits: &Limits) -> bool {
    beyond(signs.black, limits.clipped_share)
}

fn beyond(share: Option<f64>, limit: f64) -> bool {
    share.is_some_and(|share| share > limit)
}

/// Whether noise covers the end-plates: so much of it that the image says so alone, or less where the header agrees.
pub fn drowned(signs: &Signs, told: Exposure, limits: &Limits) -> bool {
    let agreed = told.deviation_index.is_some_and(|d| d < limits.deviation_low);
    grainier(signs, if agreed { limits.grain } else { limits.grain_repeat })
}

fn grainier(signs: &Signs, limit: f64) -> bool {
    signs.grain.is_some_and(|grain| grain < limit)
}
