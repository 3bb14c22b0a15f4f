//! The head: calvaria, base, face and teeth, in a frame whose origin lies between the occipital condyles.
//!
//! Sizes are round numbers of a textbook head (calvaria 19 cm long, sella 45 mm above the condyles, nasion 90 mm before
//! them); each person's head is that one stretched along its three axes. The points below are x forwards, y left, z up.

use super::body::{Build, both, ellipsoid, rod};
use super::draw::Draw;
use super::solid::{Shape, Solid, Tissue};
use super::space::{Frame, Vec3, v};

fn slab(centre: Vec3, half: Vec3) -> Shape {
    Shape::Block { centre, half, round: half.x.min(half.y).min(half.z) * 0.8, shear: 0.0 }
}

fn plate(from: Vec3, to: Vec3, radius: f32, rise: f32) -> Shape {
    Shape::Rod { from, to, radii: (radius, radius), rise }
}

/// Skull, jaw and teeth.
pub(super) fn bones(head: &Frame, build: &Build, draw: &mut Draw) -> Vec<Solid> {
    let mut solids = vec![vault(head, draw), base(head, draw), face(head, draw), jaw(head, build, draw)];
    solids.extend(teeth(head, build, draw));
    solids
}

/// The air of nose and sinuses.
pub(super) fn sinuses(draw: &mut Draw) -> Vec<Shape> {
    let k = draw.even(0.75, 1.15);
    let mut parts = both([ellipsoid(v(66.0, 28.0, 12.0), v(17.0, 11.0, 15.0) * k)]);
    parts.extend([
        ellipsoid(v(68.0, 0.0, 20.0), v(27.0, 9.0, 15.0)),
        ellipsoid(v(31.0, 0.0, 29.0), v(9.0, 11.0, 8.0) * k),
    ]);
    parts
}

fn vault(head: &Frame, draw: &mut Draw) -> Solid {
    let thick = draw.even(4.5, 8.5);
    let size = draw.normal(1.0, 0.035);
    let radii = v(94.0 * draw.normal(1.0, 0.03), 72.0, 73.0) * size;
    let centre = v(6.0, 0.0, 68.0);
    Solid {
        parts: vec![ellipsoid(centre, radii)],
        holes: vec![
            ellipsoid(centre + v(0.5, 0.0, 1.0), radii - v(thick, thick - 1.5, thick)),
            // The face hangs below the front of the base: there the calvaria is open.
            Shape::Block { centre: v(76.0, 0.0, -8.0), half: v(62.0, 90.0, 53.0), round: 2.0, shear: 0.06 },
        ],
        blend: 1.0,
        tissue: Tissue::Bone { cortex: 1.5, cancellous: 0.45 },
        frame: *head,
        grain: 2.4,
    }
}

/// The base: anterior fossa, sella, clivus, petrous bones, mastoids with their cells, occiput.
fn base(head: &Frame, draw: &mut Draw) -> Solid {
    let mut parts = both([
        Shape::Block { centre: v(58.0, 26.0, 48.0), half: v(33.0, 12.0, 1.4), round: 1.2, shear: 0.08 },
        rod(v(0.0, 54.0, 18.0), v(14.0, 14.0, 26.0), (11.0, 6.0)),
        ellipsoid(v(-14.0, 54.0, 3.0), v(13.0, 9.0, 20.0)),
        ellipsoid(v(1.0, 16.0, 0.0), v(10.0, 6.0, 6.0)),
        rod(v(32.0, 44.0, 42.0), v(20.0, 48.0, 16.0), (2.2, 2.6)),
        rod(v(26.0, 8.0, 34.0), v(14.0, 8.0, 34.0), (1.6, 1.6)),
        rod(v(14.0, 6.0, 35.0), v(4.0, 6.0, 5.0), (4.5, 3.5)),
        rod(v(-28.0, 14.0, 3.0), v(-52.0, 28.0, 18.0), (2.5, 2.5)),
    ]);
    parts.extend([
        slab(v(60.0, 0.0, 42.0), v(24.0, 5.0, 1.4)),
        slab(v(34.0, 0.0, 43.0), v(8.0, 8.0, 1.4)),
        rod(v(14.0, 0.0, 36.0), v(12.0, 0.0, 46.0), (2.2, 1.8)),
        rod(v(-32.0, 0.0, 2.0), v(-70.0, 0.0, 27.0), (2.5, 4.0)),
    ]);
    let mut holes = both([rod(v(-3.0, 40.0, 17.0), v(-3.0, 78.0, 17.0), (4.2, 4.8))]);
    for _ in 0..draw.below(14) + 6 {
        let cell = v(draw.even(-24.0, -4.0), draw.even(48.0, 60.0), draw.even(-10.0, 18.0));
        let side = if draw.chance(0.5) { cell } else { cell.mirrored() };
        let r = draw.even(1.6, 3.8);
        holes.push(ellipsoid(side, v(r, 1.6 * r, r)));
    }
    Solid {
        parts,
        holes,
        blend: 4.0,
        tissue: Tissue::Bone { cortex: 1.1, cancellous: draw.even(0.12, 0.3) },
        frame: *head,
        grain: 1.8,
    }
}

fn face(head: &Frame, draw: &mut Draw) -> Solid {
    let mut parts = both([
        rod(v(14.0, 60.0, 16.0), v(56.0, 58.0, 11.0), (2.6, 3.2)),
        ellipsoid(v(64.0, 48.0, 14.0), v(9.0, 8.0, 12.0)),
        rod(v(64.0, 48.0, 20.0), v(70.0, 47.0, 50.0), (3.2, 4.2)),
        rod(v(68.0, 44.0, 18.0), v(86.0, 14.0, 24.0), (2.4, 2.4)),
        plate(v(86.0, 16.0, 12.0), v(84.0, 24.0, 2.0), 1.5, 8.0),
        rod(v(50.0, 26.0, 30.0), v(46.0, 24.0, -2.0), (1.6, 1.6)),
        rod(v(41.0, 19.0, 26.0), v(43.0, 18.0, -6.0), (2.0, 2.0)),
        rod(v(90.0, 4.0, -3.0), v(76.0, 22.0, -3.0), (4.6, 4.8)),
        rod(v(76.0, 22.0, -3.0), v(48.0, 29.0, -2.0), (4.8, 4.4)),
    ]);
    parts.extend([
        slab(v(68.0, 0.0, 3.0), v(26.0, 11.0, 1.6)),
        rod(v(92.0, 0.0, 50.0), v(102.0, 0.0, 30.0), (3.0, 1.6)),
        ellipsoid(v(89.0, 0.0, 60.0), v(9.0, 36.0, 16.0)),
    ]);
    let r = draw.even(3.0, 6.0);
    Solid {
        parts,
        holes: vec![ellipsoid(v(90.0, 0.0, 59.0), v(r, 4.0 * r, 1.9 * r))],
        blend: 2.5,
        tissue: Tissue::Bone { cortex: 0.9, cancellous: draw.even(0.12, 0.28) },
        frame: *head,
        grain: 1.8,
    }
}

/// The lower jaw, hung at the joint so that it can open.
fn jaw(head: &Frame, build: &Build, draw: &mut Draw) -> Solid {
    let k = draw.normal(1.0, 0.05);
    let at = |x: f32, y: f32, z: f32| v(x * k, y * k, z * k);
    let parts = both([
        rod(at(0.0, 50.0, 2.0), at(5.0, 48.0, -12.0), (4.2, 3.4)),
        rod(at(25.0, 46.0, 2.0), at(22.0, 47.0, -14.0), (1.8, 3.0)),
        Shape::Block { centre: at(14.0, 47.0, -29.0), half: at(15.5, 2.8, 25.0), round: 2.0, shear: -0.1 },
        Shape::Rod { from: at(12.0, 46.0, -47.0), to: at(40.0, 34.0, -54.0), radii: (4.0, 4.8), rise: 8.0 },
        Shape::Rod { from: at(40.0, 34.0, -54.0), to: at(63.0, 14.0, -58.0), radii: (4.8, 5.0), rise: 9.0 },
        Shape::Rod { from: at(63.0, 14.0, -58.0), to: at(68.0, 0.0, -55.0), radii: (5.0, 4.6), rise: 8.0 },
        ellipsoid(at(68.0, 4.0, -67.0), at(8.0, 10.0, 6.5)),
    ]);
    Solid {
        parts,
        holes: Vec::new(),
        blend: 4.0,
        tissue: Tissue::Bone { cortex: 1.8, cancellous: draw.even(0.2, 0.4) },
        frame: head.then(&Frame::new(v(16.0, 0.0, 12.0), -build.jaw_open, 0.0, 0.0)),
        grain: 1.8,
    }
}

fn teeth(head: &Frame, build: &Build, draw: &mut Draw) -> Vec<Solid> {
    let (mut crowns, mut fillings) = (Vec::new(), Vec::new());
    let missing = if draw.chance(0.08) { 1.0 } else { draw.even(0.0, 0.3) };
    for (z, up) in [(-12.0, true), (-20.0, false)] {
        for i in 0..8 {
            for side in [1.0, -1.0] {
                if draw.chance(missing) {
                    continue;
                }
                let t = i as f32 / 7.0;
                let (x, y) = (90.0 - 36.0 * t * t - 7.0 * t, (4.0 + 25.0 * t.sqrt()) * side);
                let drop = if up { 0.0 } else { -(x - 16.0) * build.jaw_open };
                let crown = v(x, y, z + drop);
                let root = crown + v(-2.0, 0.0, if up { 14.0 } else { -14.0 });
                crowns.push(rod(crown, root, (3.6 + 1.4 * t, 1.8)));
                if build.fillings && t > 0.4 && draw.chance(0.4) {
                    fillings.push(ellipsoid(crown, v(2.8, 2.6, 2.2)));
                }
            }
        }
    }
    let solid =
        |parts: Vec<Shape>, tissue| Solid { parts, holes: Vec::new(), blend: 0.8, tissue, frame: *head, grain: 1.4 };
    let mut solids = Vec::new();
    if !crowns.is_empty() {
        solids.push(solid(crowns, Tissue::Bone { cortex: 2.5, cancellous: 0.9 }));
    }
    if !fillings.is_empty() {
        solids.push(solid(fillings, Tissue::Metal { density: 4.0 }));
    }
    solids
}

/// Two rings of metal at the ears, about the cephalostat's rods.
pub(super) fn ear_rods(head: &Frame) -> Solid {
    let at = |i: usize, y: f32| {
        let (s, c) = (i as f32 * std::f32::consts::FRAC_PI_4).sin_cos();
        v(-3.0 + 7.0 * c, y, 17.0 + 7.0 * s)
    };
    let parts = [76.0, -76.0].iter().flat_map(|y| (0..8).map(|i| rod(at(i, *y), at(i + 1, *y), (1.0, 1.0)))).collect();
    Solid { parts, holes: Vec::new(), blend: 0.5, tissue: Tissue::Metal { density: 1.5 }, frame: *head, grain: 0.9 }
}
