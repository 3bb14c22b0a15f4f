//! What the technologist does: where tube, film, collimator and the patient's shoulders are, dose and processing.

use crate::domain::anatomy::Facing;

use super::beam::Beam;
use super::blemish::Blemish;
use super::draw::Draw;
use super::export::Export;
use super::film::Look;
use super::space::v;
use super::spine::Spine;

/// How film and neck stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// A cephalogram: the whole head, the neck at its lower edge.
    Head,
    /// The lower half of the head and the neck.
    HeadAndNeck,
    /// Little more than the neck.
    Tight,
    /// As the department does it.
    Usual,
    /// The largest cassette.
    Wide,
}

impl Framing {
    pub(super) fn drawn(blemish: Blemish, odd: f32, draw: &mut Draw) -> Self {
        let kind = draw.even(0.0, 1.0);
        match kind {
            _ if blemish != Blemish::None => Self::Usual,
            k if k < 0.22 * odd => Self::Head,
            k if k < 0.06 + 0.30 * odd => Self::HeadAndNeck,
            k if k < 0.20 + 0.30 * odd => Self::Tight,
            k if k < 0.24 + 0.42 * odd => Self::Wide,
            _ => Self::Usual,
        }
    }
}

/// How far below its middle a film of the head must reach C4's lower end at least, as a share of its height: the beam's divergence and
/// the collimator take the rest.
const HEAD_BELOW: f32 = 0.36;

/// Where the technologist put tube and film.
pub(super) fn beam(spine: &Spine, framing: Framing, facing: Facing, pixel: f32, odd: f32, draw: &mut Draw) -> Beam {
    let c4 = spine.bodies[2].origin;
    let head = spine.head.point(v(35.0, 0.0, 28.0));
    let crown = spine.head.point(v(18.0, 0.0, 62.0));
    let (aim, size) = match framing {
        Framing::Head => (crown.lerp(c4, draw.even(0.1, 0.32)), (draw.even(200.0, 250.0), draw.even(245.0, 300.0))),
        Framing::HeadAndNeck => {
            (head.lerp(c4, draw.even(0.0, 0.45)), (draw.even(190.0, 250.0), draw.even(220.0, 290.0)))
        }
        Framing::Tight => (c4, (draw.even(130.0, 180.0), draw.even(185.0, 240.0))),
        Framing::Usual => (c4.lerp(head, draw.even(-0.05, 0.25)), (draw.even(190.0, 300.0), draw.even(240.0, 340.0))),
        Framing::Wide => (c4.lerp(head, draw.even(-0.1, 0.5)), (draw.even(300.0, 400.0), draw.even(350.0, 430.0))),
    };
    let stray = 6.0 + 9.0 * odd;
    let mut foot = (aim.x + draw.normal(6.0, stray), aim.z + draw.normal(-4.0, stray));
    if framing == Framing::Head {
        // Cephalograms show C2 to C4, by which they tell the stage of growth; a head without a neck is no film of one.
        let c4_lower = spine.corners[2][1].z.min(spine.corners[2][3].z);
        foot.1 = foot.1.min(c4_lower + HEAD_BELOW * size.1);
    }
    let source_to_detector = if draw.chance(0.7) { 1500.0 } else { 1800.0 } + draw.normal(0.0, 20.0);
    let size = ((size.0 / pixel) as usize, (size.1 / pixel) as usize);
    Beam {
        source_to_detector,
        patient_to_detector: draw.normal(250.0, 45.0).clamp(140.0, 400.0),
        facing,
        foot,
        centre: (0.5 + draw.normal(0.0, 0.02), 0.5 + draw.normal(0.0, 0.02)),
        size,
        pixel,
    }
}

/// The height of the shoulders' middle over C7's lower end, mm; beside the neck they reach some 16 mm higher.
pub(super) fn shoulders(blemish: Blemish, odd: f32, draw: &mut Draw) -> f32 {
    let free = draw.even(-75.0, -30.0);
    let over = draw.even(-18.0, 26.0);
    match blemish {
        Blemish::HiddenC7 => draw.even(15.0, 24.0),
        Blemish::HiddenC6 => draw.even(36.0, 46.0),
        Blemish::None => {
            if draw.chance(0.12 + 0.38 * odd) {
                over + if draw.chance(0.3 * odd) { 12.0 } else { 0.0 }
            } else {
                free
            }
        }
        _ => free,
    }
}

/// Moves the collimator's edge onto the neck where the fault says so.
pub(super) fn cut(blemish: Blemish, spine: &Spine, beam: &Beam, look: &mut Look) {
    let at = |body: usize, up: f32| {
        let p = spine.bodies[body].origin + v(0.0, 0.0, up);
        (beam.project(p).y as f32 / beam.size.1 as f32).clamp(0.02, 0.98)
    };
    match blemish {
        Blemish::CutBelow(mm) => look.collimation[3] = at(3, -mm),
        Blemish::CutAbove(mm) => look.collimation[1] = at(1, mm),
        _ => {}
    }
}

/// Dose, sharpness, collimation and the vendor's processing.
pub(super) fn look(blemish: Blemish, odd: f32, draw: &mut Draw) -> Look {
    let dose = match blemish {
        Blemish::UnderExposed(share) => share.unwrap_or_else(|| draw.even(0.05, 0.09)),
        Blemish::OverExposed(times) => times,
        Blemish::None => draw.normal(0.0, 0.35 + 0.5 * odd).exp(),
        _ => draw.normal(0.0, 0.15).exp(),
    };
    let cropped = draw.chance(0.45);
    let mut edge = |far: f32| if cropped { draw.even(0.01, 0.04 + far) } else { -0.01 };
    let (left, top, right, bottom) = (edge(0.08), edge(0.05), 1.0 - edge(0.08), 1.0 - edge(0.05));
    Look {
        dose,
        scatter: draw.even(0.12, 0.6 + 0.4 * odd),
        blur: draw.even(0.08, 0.22),
        motion: match blemish {
            Blemish::Motion(mm) => mm,
            // A film with a single fault carries no other.
            _ if draw.chance(0.08 * odd) => draw.even(0.6, 2.0) * if blemish == Blemish::None { 1.0 } else { 0.0 },
            _ => 0.0,
        },
        // Vendors differ most in how much of the broad shading they leave.
        latitude: draw.even(0.15, 1.0),
        detail: (draw.even(0.0, 0.9), draw.even(0.0, 2.0)),
        clip: (draw.even(-0.25, 0.08), draw.even(-0.55, 0.05 + 0.04 * odd)),
        gamma: draw.even(0.75, 1.5),
        sigmoid: if draw.chance(0.6) { draw.even(1.0, 5.0) } else { 0.0 },
        grid_lines: match blemish {
            Blemish::GridLines(contrast) => contrast,
            _ if draw.chance(0.12) => draw.even(0.002, 0.02),
            _ => 0.0,
        },
        collimation: [left, top, right, bottom],
        shutter_black: draw.chance(0.75),
    }
}

/// What archive and export do to the picture.
pub(super) fn export(blemish: Blemish, odd: f32, draw: &mut Draw) -> Export {
    let plain = Export::default();
    match blemish {
        Blemish::None => Export::drawn(draw, odd),
        Blemish::DeadColumns(n) => Export { dead_columns: n as usize, ..plain },
        Blemish::Text => Export { lines: 4, ..plain },
        Blemish::Letterboxed => Export { borders: Some(Export::some_borders(draw)), ..plain },
        Blemish::Inverted => Export { inverted: true, ..plain },
        Blemish::Jpeg(quality) => Export { jpeg: Some(quality as u8), ..plain },
        _ => plain,
    }
}
