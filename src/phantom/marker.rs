//! The lead letter that tells the side: L or R, of thick strokes, in a corner of the collimated field.

use crate::domain::anatomy::Facing;

use super::beam::Layer;
use super::draw::Draw;
use super::film::Look;

/// Strokes from (x, y) to (x, y) on a letter of height 1, y down.
type Stroke = ((f32, f32), (f32, f32));
const L: [Stroke; 2] = [((0.0, 0.0), (0.0, 1.0)), ((0.0, 1.0), (0.6, 1.0))];
const R: [Stroke; 5] = [
    ((0.0, 0.0), (0.0, 1.0)),
    ((0.0, 0.0), (0.5, 0.1)),
    ((0.5, 0.1), (0.5, 0.45)),
    ((0.5, 0.45), (0.0, 0.55)),
    ((0.15, 0.55), (0.6, 1.0)),
];
/// Lead, as millimetres of cortical bone.
const LEAD: f32 = 45.0;

/// Lays a letter on the film in most cases, some mirrored, as they come.
pub(super) fn stamp(layer: &mut Layer, look: &Look, draw: &mut Draw) {
    if draw.chance(0.15) {
        return;
    }
    let (beam, bone) = (&layer.beam, &mut layer.thickness);
    let letter: &[Stroke] = if draw.chance(0.5) { &L } else { &R };
    let (w, h) = (beam.size.0 as f32, beam.size.1 as f32);
    let [left, top, right, bottom] = look.collimation.map(|e| e.clamp(0.0, 1.0));
    let height = draw.even(9.0, 16.0) / beam.pixel;
    let inset = (right - left).min(bottom - top) * draw.even(0.03, 0.10);
    let x0 = if draw.chance(0.5) { (left + inset) * w } else { (right - inset) * w - 0.6 * height };
    let y0 = if draw.chance(0.7) { (top + inset) * h } else { (bottom - inset) * h - height };
    let mirror = draw.chance(0.1);
    let radius = 0.09 * height;
    let place = |(x, y): (f32, f32)| (x0 + height * if mirror { 0.6 - x } else { x }, y0 + height * y);
    let range = |from: f32, to: f32, n: usize| (from.max(0.0) as usize).min(n)..(to.max(0.0) as usize + 1).min(n);
    for y in range(y0 - 2.0 * radius, y0 + height + 2.0 * radius, bone.height) {
        for x in range(x0 - 2.0 * radius, x0 + 0.6 * height + 2.0 * radius, bone.width) {
            let p = (x as f32 + 0.5, y as f32 + 0.5);
            let nearest = letter.iter().map(|&(a, b)| to_stroke(p, place(a), place(b))).fold(f32::MAX, f32::min);
            bone.mm[y * bone.width + x] += LEAD * (radius - nearest + 0.5).clamp(0.0, 1.0);
        }
    }
}

/// Lays the edge of a lead apron over the lower film, higher behind than in front.
pub(super) fn apron(layer: &mut Layer, facing: Facing, draw: &mut Draw) {
    let (w, h) = (layer.beam.size.0 as f32, layer.beam.size.1 as f32);
    let (top, reach, bow) = (draw.even(0.80, 0.97), draw.even(0.35, 0.9), draw.even(1.2, 3.0));
    for y in (top * h) as usize..layer.thickness.height {
        for x in 0..layer.thickness.width {
            let x_share = (x as f32 + 0.5) / w;
            // From the back of the patient forwards.
            let behind = if facing == Facing::Right { x_share } else { 1.0 - x_share };
            let t = (behind / reach).min(1.0);
            let edge = h * (top + (1.0 - top) * t.powf(bow));
            let mm = LEAD * (y as f32 - edge + 0.5).clamp(0.0, 1.0);
            layer.thickness.mm[y * layer.thickness.width + x] += mm;
        }
    }
}

fn to_stroke(p: (f32, f32), a: (f32, f32), b: (f32, f32)) -> f32 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let t = (((p.0 - a.0) * dx + (p.1 - a.1) * dy) / (dx * dx + dy * dy).max(1e-6)).clamp(0.0, 1.0);
    (p.0 - a.0 - t * dx).hypot(p.1 - a.1 - t * dy)
}
