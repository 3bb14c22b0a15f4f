//! What a reader can see of a film.

use crate::domain::anatomy::{LANDMARKS, Vertebra};
use crate::domain::detection::C7Visibility;
use crate::domain::geometry::PointPx;

use super::beam::{Beam, shadow_of};
use super::film::{Developed, Look};
use super::solid::{Solid, Tissue};

/// Rose's criterion: a detail needs about this contrast to noise to be seen.
const ROSE: f32 = 4.0;

/// Whether the landmark `index`, which lies at `p`, can be seen: on the film, exposed, with enough contrast.
pub(super) fn visible(p: PointPx, beam: &Beam, look: &Look, film: &Developed, index: usize) -> bool {
    let (x, y) = (p.x / beam.size.0 as f64, p.y / beam.size.1 as f64);
    let [left, top, right, bottom] = look.collimation.map(f64::from);
    let on_film = (left..right).contains(&x) && (top..bottom).contains(&y);
    let contrast = film.contrast_to_noise.get(index).is_some_and(|c| *c >= ROSE);
    on_film && contrast && !burnt_out(p, beam, film)
}

/// Whether the display shows nothing but white within 2 mm.
fn burnt_out(p: PointPx, beam: &Beam, film: &Developed) -> bool {
    let reach = (2.0 / beam.pixel).ceil() as isize;
    let (cx, cy) = (p.x as isize, p.y as isize);
    let (w, h) = (beam.size.0 as isize, beam.size.1 as isize);
    let mut sum = (0.0f32, 0.0f32);
    for y in (cy - reach).max(0)..(cy + reach + 1).min(h) {
        for x in (cx - reach).max(0)..(cx + reach + 1).min(w) {
            let value = film.pixels.get((y * w + x) as usize).copied().unwrap_or(0.0);
            sum = (sum.0 + value, sum.1 + 1.0);
        }
    }
    sum.1 > 0.0 && sum.0 / sum.1 > 0.985
}

/// How much of C7 can be seen.
pub(super) fn c7(seen: &[(PointPx, bool); LANDMARKS]) -> C7Visibility {
    match seen[20..24].iter().filter(|(_, visible)| *visible).count() {
        4 => C7Visibility::Full,
        0 => C7Visibility::Hidden,
        _ => C7Visibility::Partial,
    }
}

/// The vertebrae of which a corner lies outside the exposed field.
pub(super) fn clipped(points: &[(f32, f32)], beam: &Beam, look: &Look) -> Vec<String> {
    let [left, top, right, bottom] = look.collimation;
    let field = |n: usize, from: f32, to: f32| (from.max(0.0) * n as f32)..(to.min(1.0) * n as f32);
    let (columns, rows) = (field(beam.size.0, left, right), field(beam.size.1, top, bottom));
    Vertebra::ALL
        .iter()
        .zip(points.chunks(4))
        .filter(|(_, corners)| corners.iter().any(|(x, y)| !columns.contains(x) || !rows.contains(y)))
        .map(|(vertebra, _)| vertebra.name().to_owned())
        .collect()
}

/// Metal that blots out a corner, millimetres of cortical bone in the beam.
const BLOTTING: f32 = 2.0;
/// A corner this near to metal cannot be set, detector millimetres.
const BESIDE_METAL: f32 = 1.5;

/// The vertebrae of which a corner lies under metal or beside it. Teeth's fillings count as any other metal.
pub(super) fn covered(solids: &[Solid], beam: &Beam, points: &[PointPx; LANDMARKS]) -> Vec<String> {
    let metal: Vec<&Solid> = solids.iter().filter(|s| matches!(s.tissue, Tissue::Metal { .. })).collect();
    if metal.is_empty() {
        return Vec::new();
    }
    let shadow = shadow_of(&metal, beam);
    let reach = (BESIDE_METAL / beam.pixel).ceil() as isize;
    let under = |p: &PointPx| {
        (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy))).any(|(dx, dy)| {
            let (x, y) = (p.x as f32 + dx as f32, p.y as f32 + dy as f32);
            let on_film = x >= 0.0 && y >= 0.0 && x < beam.size.0 as f32 && y < beam.size.1 as f32;
            on_film && dx * dx + dy * dy <= reach * reach && shadow.at(x, y) > BLOTTING
        })
    };
    let bodies = Vertebra::ALL.iter().zip(points.chunks(4));
    bodies.filter(|(_, corners)| corners.iter().any(under)).map(|(v, _)| v.name().to_owned()).collect()
}
