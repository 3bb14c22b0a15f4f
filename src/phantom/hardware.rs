//! What is fixed in or worn about a neck: plates and screws, cages, a collar, a necklace, hair pins, calcified ligaments.

use super::body::{ellipsoid, rod};
use super::draw::Draw;
use super::solid::{STEEL, Shape, Solid, TITANIUM, Tissue};
use super::space::{Frame, Vec3, v};
use super::spine::Spine;

/// Which distractors a patient carries.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Worn {
    /// An anterior plate with screws from this level (0: C3) over so many bodies; 0 bodies for none.
    pub plate: (usize, usize),
    /// A rigid collar.
    pub collar: bool,
    /// A pendant or a clasp over this body (0: C2).
    pub clasp: Option<usize>,
    /// A chain around the neck.
    pub chain: bool,
    /// Hair pins, hearing aid, clips behind and above.
    pub pins: usize,
    /// The anterior longitudinal ligament is calcified from C3 + the first over the second's count of discs.
    pub ligament: (usize, usize),
    /// A calcified nuchal ligament.
    pub nuchal: bool,
}

impl Worn {
    /// What the patient brings; a norm-like patient (`odd` 0) brings nothing.
    pub fn drawn(draw: &mut Draw, odd: f32) -> Self {
        let far = (odd - 0.3).max(0.0);
        let span = |draw: &mut Draw, p: f32| if draw.chance(p) { (draw.below(4), 1 + draw.below(3)) } else { (0, 0) };
        let plate = span(draw, 0.11 * far);
        Self {
            plate: if plate.1 > 0 { (plate.0, plate.1 + 1) } else { plate },
            collar: draw.chance(0.08 * far),
            clasp: None,
            chain: draw.chance(0.08 * far),
            pins: if draw.chance(0.15 * far) { 1 + draw.below(4) } else { 0 },
            ligament: span(draw, 0.16 * far),
            nuchal: draw.chance(0.16 * odd),
        }
    }
}

fn metal(parts: Vec<Shape>, density: f32, grain: f32) -> Solid {
    Solid { parts, holes: Vec::new(), blend: 0.4, tissue: Tissue::Metal { density }, frame: Frame::WORLD, grain }
}

/// The solids of what `worn` tells, placed on `spine`.
pub(super) fn worn(spine: &Spine, build: &super::body::Build, draw: &mut Draw) -> Vec<Solid> {
    let worn = &build.worn;
    let mut solids = Vec::new();
    let (first, count) = worn.plate;
    if count > 0 {
        solids.extend(plate(spine, first + 1, count, draw));
    }
    let (first, discs) = worn.ligament;
    if discs > 0 {
        solids.push(ligament(spine, first + 1, discs, draw));
    }
    if worn.nuchal {
        let at = spine.bodies[3 + draw.below(2)].point(v(draw.even(-68.0, -52.0), 0.0, draw.even(-12.0, 6.0)));
        let part = ellipsoid(at, v(draw.even(1.5, 4.0), 2.5, draw.even(4.0, 10.0)));
        solids.push(bone(vec![part], draw.even(0.2, 0.6)));
    }
    if worn.collar {
        solids.extend(collar(spine, build.girth, draw));
    }
    if let Some(body) = worn.clasp {
        solids.push(clasp(spine, body, build.girth, draw));
    }
    if worn.chain {
        solids.push(chain(spine, build.girth, draw));
    }
    if worn.pins > 0 {
        let parts = (0..worn.pins)
            .map(|_| {
                let from = spine.head.point(v(draw.even(-110.0, 30.0), draw.even(-60.0, 60.0), draw.even(-40.0, 90.0)));
                rod(from, from + v(draw.even(-22.0, 22.0), 0.0, draw.even(-22.0, 22.0)), (0.6, 0.6))
            })
            .collect();
        solids.push(metal(parts, STEEL, 0.9));
    }
    solids
}

fn bone(parts: Vec<Shape>, cancellous: f32) -> Solid {
    Solid {
        parts,
        holes: Vec::new(),
        blend: 1.5,
        tissue: Tissue::Bone { cortex: 0.7, cancellous },
        frame: Frame::WORLD,
        grain: 1.2,
    }
}

/// A titanium plate on the fronts of `count` bodies from `first`, two screws a body, a cage in each disc.
fn plate(spine: &Spine, first: usize, count: usize, draw: &mut Draw) -> Vec<Solid> {
    let last = (first + count - 1).min(5);
    let front = |i: usize, x: f32, y: f32, z: f32| spine.bodies[i].point(v(spine.half_depths[i] + x, y, z));
    let mut parts = Vec::new();
    let length = draw.even(-14.0, -10.0);
    for i in first..=last {
        for y in [-4.5, 4.5] {
            parts.push(rod(front(i, 1.5, y, 1.0), front(i, length, 0.6 * y, draw.even(-2.0, 3.0)), (1.9, 1.3)));
        }
    }
    for i in first..last {
        for y in [-5.0, 5.0] {
            parts.push(rod(front(i, 2.0, y, 3.0), front(i + 1, 2.0, y, -3.0), (1.6, 1.6)));
        }
    }
    let mut solids = vec![metal(parts, TITANIUM, 0.9)];
    if draw.chance(0.6) {
        let cages = (first..last)
            .map(|i| {
                let between = |x: f32| {
                    spine.bodies[i].point(v(x, 0.0, -8.5)).lerp(spine.bodies[i + 1].point(v(x, 0.0, 8.5)), 0.5)
                };
                Shape::Rod { from: between(-4.0), to: between(5.0), radii: (2.0, 2.0), rise: 0.5 }
            })
            .collect();
        solids.push(metal(cages, draw.even(0.2, 1.2), 0.9));
    }
    solids
}

/// Bone in front of the discs, as a flowing band.
fn ligament(spine: &Spine, first: usize, discs: usize, draw: &mut Draw) -> Solid {
    let last = (first + discs).min(6);
    let thick = draw.even(1.2, 3.2);
    let front = |i: usize, z: f32| spine.bodies[i].point(v(spine.half_depths[i] + 0.6 * thick, 0.0, z));
    let mut parts = Vec::new();
    for i in first..last {
        for y in [-5.0, 0.0, 5.0] {
            let side = v(0.0, y, 0.0);
            parts.push(rod(front(i, 3.0) + side, front(i, -5.0) + side, (0.6 * thick, 0.9 * thick)));
            parts.push(rod(front(i, -5.0) + side, front(i + 1, 4.0) + side, (0.9 * thick, 0.7 * thick)));
        }
    }
    bone(parts, draw.even(0.3, 0.8))
}

/// Two shells of foam and plastic with rivets.
fn collar(spine: &Spine, girth: f32, draw: &mut Draw) -> Vec<Solid> {
    let r = 66.0 * girth;
    let ring = |i: usize, z: f32| {
        let centre = spine.bodies[i].point(v(-9.0, 0.0, z));
        (0..12)
            .map(|k| {
                let at = |k: usize| {
                    let (s, c) = (k as f32 * std::f32::consts::TAU / 12.0).sin_cos();
                    centre + v(r * c, r * s, 0.0)
                };
                Shape::Rod { from: at(k), to: at(k + 1), radii: (2.5, 2.5), rise: 14.0 }
            })
            .collect::<Vec<_>>()
    };
    let mut parts = ring(2, 0.0);
    parts.extend(ring(4, -2.0));
    let rivets = (0..4 + draw.below(4))
        .map(|_| {
            let (s, c) = draw.even(0.0, std::f32::consts::TAU).sin_cos();
            let at = spine.bodies[2 + draw.below(3)].point(v(-9.0 + r * c, r * s, draw.even(-14.0, 14.0)));
            ellipsoid(at, v(3.2, 1.2, 3.2))
        })
        .collect();
    vec![
        Solid { parts, holes: Vec::new(), blend: 2.0, tissue: Tissue::Soft, frame: Frame::WORLD, grain: 3.0 },
        metal(rivets, 3.0, 1.2),
    ]
}

/// A disc, a bar or a ring of steel on the skin beside a body, over its corners or its middle.
fn clasp(spine: &Spine, body: usize, girth: f32, draw: &mut Draw) -> Solid {
    let skin = 52.0 * girth * if draw.chance(0.5) { 1.0 } else { -1.0 };
    let at = |x: f32, z: f32| spine.bodies.get(body).map_or_else(Vec3::default, |f| f.point(v(x, skin, z)));
    let (x, z) = (draw.even(-8.0, 8.0), draw.even(-7.0, 7.0));
    let size = draw.even(4.0, 7.5);
    let parts = match draw.below(3) {
        0 => vec![ellipsoid(at(x, z), v(size, 1.2, size))],
        1 => vec![rod(at(x - size, z - 0.4 * size), at(x + size, z + 0.4 * size), (1.6, 1.6))],
        _ => (0..10)
            .map(|k| {
                let around = |k: usize| {
                    let (s, c) = (k as f32 * std::f32::consts::TAU / 10.0).sin_cos();
                    at(x + size * c, z + size * s)
                };
                rod(around(k), around(k + 1), (1.1, 1.1))
            })
            .collect(),
    };
    metal(parts, STEEL, 0.9)
}

fn chain(spine: &Spine, girth: f32, draw: &mut Draw) -> Solid {
    let (r, drop) = (62.0 * girth, draw.even(10.0, 30.0));
    let centre: Vec3 = spine.bodies[5].point(v(-4.0, 0.0, -6.0));
    let at = |k: usize| {
        let (s, c) = (k as f32 * std::f32::consts::TAU / 24.0).sin_cos();
        centre + v((r + 8.0) * c, r * s, -drop * c)
    };
    metal((0..24).map(|k| rod(at(k), at(k).lerp(at(k + 1), 0.8), (0.8, 0.8))).collect(), STEEL, 1.0)
}
