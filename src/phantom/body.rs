//! What surrounds the spine: skull and jaw, the soft parts of head, neck and trunk, airway, shoulders.

use super::draw::Draw;
use super::hardware::{self, Worn};
use super::head;
use super::solid::{STEEL, Shape, Solid, Tissue};
use super::space::{Frame, Vec3, v};
use super::spine::Spine;

/// How a body differs from the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Build {
    /// The top of the shoulders, half-way between neck and arm, over the lower end of C7, mm; positive hides C7.
    pub shoulders: f32,
    /// How far the left and the right shoulder fall off from the neck to the arm, radians.
    pub slopes: (f32, f32),
    /// Girth of neck and trunk, 1 for the average.
    pub girth: f32,
    /// Openness of the jaw, radians.
    pub jaw_open: f32,
    /// Amalgam and crowns.
    pub fillings: bool,
    /// An earring, a chain, a hearing aid: metal somewhere near.
    pub jewellery: bool,
    /// The ear rods of a cephalostat.
    pub ear_rods: bool,
    /// What is fixed in or about the neck.
    pub worn: Worn,
}

impl Build {
    /// A body; `odd` (0…1) strays from the norm. `shoulders` is drawn by the caller.
    pub fn drawn(draw: &mut Draw, odd: f32, shoulders: f32) -> Self {
        // From the seventh spinous process to the acromion it is 13.6° ± 3.7° on radiographs, the sides a little apart
        // (260 of them, SA Orthopaedic Journal 2017, 16 (4)); muscle lies higher beside the neck than at the arm.
        let mut fall = draw.aside(1);
        let slope = fall.normal(16.0, 4.5);
        let slopes = (slope + fall.normal(0.0, 2.0), slope + fall.normal(0.0, 2.0));
        Self {
            shoulders,
            slopes: (slopes.0.max(2.0).to_radians(), slopes.1.max(2.0).to_radians()),
            girth: draw.normal(1.0, 0.10 + 0.04 * odd).clamp(0.75, 1.4),
            jaw_open: draw.even(0.0, 0.12 + 0.2 * odd),
            fillings: draw.chance(0.35 + 0.3 * odd),
            jewellery: draw.chance(0.08 * odd.min(0.5) * 2.0 + 0.25 * odd),
            ear_rods: false,
            worn: Worn::drawn(draw, odd),
        }
    }
}

pub(super) fn ellipsoid(centre: Vec3, radii: Vec3) -> Shape {
    Shape::Ellipsoid { centre, radii }
}

pub(super) fn rod(from: Vec3, to: Vec3, radii: (f32, f32)) -> Shape {
    Shape::Rod { from, to, radii, rise: 0.0 }
}

pub(super) fn both(shapes: impl IntoIterator<Item = Shape>) -> Vec<Shape> {
    shapes.into_iter().flat_map(|s| [s, s.mirrored()]).collect()
}

/// Everything but the spine, placed in the world.
pub fn surroundings(spine: &Spine, build: &Build, draw: &mut Draw) -> Vec<Solid> {
    let mut solids = vec![soft_tissue(spine, build), airway(spine, draw)];
    solids.extend(head::bones(&spine.head, build, draw));
    solids.extend(hardware::worn(spine, build, draw));
    solids.push(hyoid(spine, draw));
    solids.extend(shoulder_girdle(spine, build, draw));
    if build.ear_rods {
        solids.push(head::ear_rods(&spine.head));
    }
    if build.jewellery {
        solids.push(jewellery(&spine.head, draw));
    }
    solids
}

fn trunk_frame(spine: &Spine) -> Frame {
    let t1 = &spine.bodies[6];
    // The trunk follows the patient's rotation but not the tilt of T1.
    let left = t1.direction(v(0.0, 1.0, 0.0));
    Frame::new(t1.origin, 0.0, (-left.x).atan2(left.y), left.z.atan2(left.y.hypot(left.x)))
}

/// Height of the shoulders' axis over T1's centre such that their top lies where `build` wants it.
fn shoulder_axis(spine: &Spine, build: &Build) -> f32 {
    let c7_foot = (spine.corners[5][1].z + spine.corners[5][3].z) / 2.0;
    c7_foot + build.shoulders - SHOULDER_RADIUS - spine.bodies[6].origin.z
}

const SHOULDER_RADIUS: f32 = 52.0;

/// How far a shoulder that falls off by `slope` lies below its middle, `y` mm beside the spine.
fn fall(y: f32, slope: f32) -> f32 {
    (y - 116.0) * slope.tan()
}

fn soft_tissue(spine: &Spine, build: &Build) -> Solid {
    let g = build.girth;
    let mut parts: Vec<Shape> = spine
        .bodies
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let flare = 1.0 + 0.04 * (i as f32 - 2.0).max(0.0);
            ellipsoid(f.origin + v(-9.0, 0.0, 0.0), v(54.0 * g * flare, 54.0 * g * flare, 32.0))
        })
        .collect();
    let h = |p: Vec3| spine.head.point(p);
    parts.push(ellipsoid(h(v(12.0, 0.0, 58.0)), v(100.0, 78.0, 92.0)));
    parts.push(ellipsoid(h(v(62.0, 0.0, -4.0)), v(44.0, 58.0, 62.0)));
    parts.push(ellipsoid(h(v(108.0, 0.0, 14.0)), v(14.0, 12.0, 15.0)));
    parts.push(ellipsoid(h(v(88.0, 0.0, -46.0)), v(20.0, 24.0, 20.0)));
    parts.push(rod(h(v(30.0, 0.0, -25.0)), spine.bodies[2].point(v(18.0, 0.0, 0.0)), (48.0, 34.0 * g)));
    parts.push(rod(h(v(-40.0, 0.0, 20.0)), spine.bodies[3].point(v(-30.0, 0.0, 0.0)), (52.0, 42.0 * g)));
    let trunk = trunk_frame(spine);
    let z = shoulder_axis(spine, build);
    let t = |p: Vec3| trunk.point(p);
    parts.push(ellipsoid(t(v(0.0, 0.0, (z - 130.0).min(-120.0))), v(118.0 * g, 165.0 * g, 130.0)));
    for (side, slope) in [(1.0, build.slopes.0), (-1.0, build.slopes.1)] {
        // They hide what lies between them gradually, from the neck's side to the arm's.
        let at = |x: f32, y: f32, over: f32| t(v(x, y * side, z + over - fall(y, slope)));
        parts.push(rod(at(-14.0, 60.0, -6.0), at(-8.0, 172.0, 0.0), (48.0, SHOULDER_RADIUS)));
        parts.push(rod(t(v(-26.0, 28.0 * side, 40.0)), at(-24.0, 150.0, 12.0), (24.0 * g, 40.0)));
        parts.push(rod(at(-8.0, 172.0, 0.0), at(-4.0, 196.0, -220.0), (SHOULDER_RADIUS, 46.0)));
    }
    Solid { parts, holes: Vec::new(), blend: 26.0, tissue: Tissue::Soft, frame: Frame::WORLD, grain: 5.0 }
}

/// Nasopharynx, pharynx, larynx, trachea: in front of the bodies, further away below C4, and the mouth.
fn airway(spine: &Spine, draw: &mut Draw) -> Solid {
    let wide = draw.even(0.7, 1.35);
    let front = |i: usize, gap: f32| spine.bodies[i].point(v(spine.half_depths[i] + gap, 0.0, 0.0));
    let throat = draw.even(3.0, 6.0);
    let below = draw.even(11.0, 18.0);
    let path = [
        (spine.head.point(v(28.0, 0.0, 8.0)), 8.0),
        (spine.head.point(v(22.0, 0.0, -8.0)), 6.5),
        (front(0, throat + 5.5), 5.5),
        (front(1, throat + 6.5), 6.5),
        (front(2, 0.5 * (throat + below) + 6.0), 6.5),
        (front(3, below + 5.0), 5.0),
        (front(4, below + 8.5), 8.0),
        (front(5, below + 9.5), 8.5),
        (front(6, below + 10.5), 8.5),
        (front(6, below + 8.0) + v(-12.0, 0.0, -60.0), 8.5),
    ];
    let mut parts: Vec<Shape> = path
        .windows(2)
        .filter_map(|w| if let [(a, ra), (b, rb)] = w { Some(rod(*a, *b, (ra * wide, rb * wide))) } else { None })
        .collect();
    parts.extend(head::sinuses(draw).into_iter().filter_map(|s| match s {
        Shape::Ellipsoid { centre, radii } => Some(ellipsoid(spine.head.point(centre), radii)),
        _ => None,
    }));
    if draw.chance(0.5) {
        parts.push(ellipsoid(spine.head.point(v(52.0, 0.0, -12.0)), v(26.0, 14.0, 4.0)));
    }
    Solid { parts, holes: Vec::new(), blend: 4.0, tissue: Tissue::Air, frame: Frame::WORLD, grain: 2.0 }
}

/// The hyoid and, in some, a calcified larynx.
fn hyoid(spine: &Spine, draw: &mut Draw) -> Solid {
    let at = |i: usize, ahead: f32, y: f32, up: f32| spine.bodies[i].point(v(spine.half_depths[i] + ahead, y, up));
    let ahead = draw.even(30.0, 40.0);
    let mut parts = both([
        rod(at(1, ahead, 0.0, -4.0), at(1, ahead - 8.0, 14.0, -3.0), (4.0, 2.6)),
        rod(at(1, ahead - 8.0, 14.0, -3.0), at(1, ahead - 28.0, 19.0, 2.0), (2.0, 1.6)),
    ]);
    if draw.chance(0.45) {
        parts.extend(both([rod(at(3, 16.0, 16.0, 6.0), at(4, 18.0, 12.0, 4.0), (1.6, 2.2))]));
    }
    Solid {
        parts,
        holes: Vec::new(),
        blend: 2.0,
        tissue: Tissue::Bone { cortex: 0.6, cancellous: 0.25 },
        frame: Frame::WORLD,
        grain: 1.4,
    }
}

fn shoulder_girdle(spine: &Spine, build: &Build, draw: &mut Draw) -> Vec<Solid> {
    let trunk = trunk_frame(spine);
    let z = shoulder_axis(spine, build);
    let slope = f32::midpoint(build.slopes.0, build.slopes.1);
    let lift = |p: Vec3, share: f32| p + v(0.0, 0.0, share * (z - fall(p.y.abs(), slope)));
    let slack = draw.even(-6.0, 6.0);
    let mut parts = both([
        rod(lift(v(62.0, 14.0, -42.0), 0.1), lift(v(40.0, 70.0, -8.0), 0.6), (5.5, 4.5)),
        rod(lift(v(40.0, 70.0, -8.0), 0.6), lift(v(-2.0 + slack, 148.0, 30.0), 1.0), (4.5, 5.0)),
        ellipsoid(lift(v(-2.0, 172.0, 6.0), 1.0), v(23.0, 23.0, 23.0)),
        rod(lift(v(-2.0, 176.0, 0.0), 1.0), lift(v(-2.0, 184.0, -150.0), 1.0), (13.0, 11.0)),
        rod(lift(v(-46.0, 80.0, -8.0), 0.9), lift(v(-14.0, 160.0, 24.0), 1.0), (4.0, 6.0)),
        Shape::Block { centre: lift(v(-48.0, 105.0, -52.0), 0.9), half: v(4.0, 38.0, 55.0), round: 3.0, shear: 0.2 },
    ]);
    // Ribs 1 to 3, from the transverse processes around to the front.
    for i in 0..3 {
        let (drop, wide) = (-24.0 * i as f32, 1.0 + 0.22 * i as f32);
        let arc = [
            v(-20.0, 30.0 * wide, drop + 3.0),
            v(-14.0, 52.0 * wide, drop - 4.0),
            v(14.0, 62.0 * wide, drop - 18.0),
            v(44.0, 44.0 * wide, drop - 34.0),
            v(62.0, 20.0 * wide, drop - 44.0),
        ];
        parts.extend(both(arc.windows(2).filter_map(|w| match w {
            [a, b] => Some(Shape::Rod { from: *a, to: *b, radii: (3.4, 3.4), rise: 3.0 }),
            _ => None,
        })));
    }
    vec![Solid {
        parts,
        holes: Vec::new(),
        blend: 3.0,
        tissue: Tissue::Bone { cortex: 1.5, cancellous: 0.22 },
        frame: trunk,
        grain: 2.6,
    }]
}

fn jewellery(head: &Frame, draw: &mut Draw) -> Solid {
    let side = if draw.chance(0.5) { 70.0 } else { -70.0 };
    let centre = v(draw.even(0.0, 12.0), side, draw.even(-22.0, -6.0));
    let parts = if draw.chance(0.5) {
        vec![ellipsoid(centre, v(3.0, 2.0, 3.0))]
    } else {
        // A ring of eight short rods.
        let radius = draw.even(6.0, 15.0);
        let at = |i: usize| {
            let (s, c) = (i as f32 * std::f32::consts::FRAC_PI_4).sin_cos();
            centre + v(radius * c, 0.0, radius * s - radius)
        };
        (0..8).map(|i| rod(at(i), at(i + 1), (0.9, 0.9))).collect()
    };
    Solid { parts, holes: Vec::new(), blend: 0.5, tissue: Tissue::Metal { density: STEEL }, frame: *head, grain: 0.9 }
}
