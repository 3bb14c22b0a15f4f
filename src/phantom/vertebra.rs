//! One vertebra as a solid in its own frame, with the landmarks that belong to it.
//!
//! The origin is the centre of the body; x forwards, y to the left, z up along the body.

use super::morphometry::Sizes;
use super::solid::{BodyShape, Shape, Solid, Tissue};
use super::space::{Frame, Vec3, v};

/// A vertebra, unplaced: its solid's frame is the world.
#[derive(Debug, Clone)]
pub struct Bone {
    /// The shape.
    pub solid: Solid,
    /// Antero-superior, antero-inferior, postero-superior, postero-inferior.
    pub corners: [Vec3; 4],
    /// The superior and inferior end of the spinolaminar line.
    pub spinolaminar: [Vec3; 2],
}

/// How a bone departs from the textbook.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wear {
    /// Length of the bony spurs at the front edges of the end-plates, upper and lower, mm.
    pub spurs: (f32, f32),
    /// Height of the uncinate processes, mm.
    pub uncus: f32,
    /// Cortex, mm.
    pub cortex: f32,
    /// Mineral of the cancellous bone, as a share of cortical bone.
    pub cancellous: f32,
    /// Rounding of the edges, mm.
    pub round: f32,
    /// How much rounder the antero-superior edge is, mm.
    pub brow: f32,
    /// How far the lower end-plate is bevelled at the sides, mm.
    pub bevel: f32,
    /// How much sharper the rear lower edge is, as a share of the rounding.
    pub keen: f32,
    /// The vault of the lower end-plate: its height in mm and where it is highest, 1 in the middle, less further back.
    pub vault: (f32, f32),
    /// How far the front of the lower end-plate hangs over the disc, mm.
    pub lip: f32,
    /// How far the end-plates fall off to the front where the walls are upright, mm a mm.
    pub fall: f32,
    /// The transverse processes.
    pub transverse: Transverse,
    /// The ring that C2's articular masses draw.
    pub ring: Ring,
}

/// The cortex of C2's articular masses and of the roots of its pedicles, seen end on: an oval over its body and the base of the
/// dens (Harris' ring), by which a reader tells C2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ring {
    /// Its middle, before the middle of the body and above the base of the dens, mm.
    pub at: (f32, f32),
    /// Half its depth and height, mm.
    pub half: (f32, f32),
    /// How long the bone that draws it runs along the beam, mm a side; 0 for none.
    pub long: f32,
}

impl Ring {
    /// None.
    pub const NONE: Self = Self { at: (0.0, 0.0), half: (5.0, 6.0), long: 0.0 };
}

/// Where the transverse processes point; on the film they are seen end on, over the rear of the body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transverse {
    /// How far their tips lie before the posterior wall, mm.
    pub forward: f32,
    /// How far they fall from root to tip, as a share of the body's height.
    pub fall: f32,
    /// Radius of the bars, mm.
    pub stout: f32,
}

impl Transverse {
    /// As the textbook draws them.
    pub const USUAL: Self = Self { forward: 6.0, fall: 0.4, stout: 1.3 };
}

/// Which kind of bone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// C2, with the dens.
    Axis,
    /// C3–C6, with a short, often forked spinous process.
    Typical,
    /// C7: a long spinous process.
    Prominens,
    /// T1: ribs begin.
    Thoracic,
}

/// The body of `sizes`, with its mid-sagittal corners.
fn body(sizes: &Sizes, wear: &Wear, kind: Kind) -> BodyShape {
    let mean = (sizes.depth_upper + sizes.depth_lower) / 2.0;
    let back = -mean / 2.0;
    let lean = (sizes.depth_lower - sizes.depth_upper) * 0.25;
    let (a, p) = (sizes.height_anterior / 2.0, sizes.height_posterior / 2.0);
    // The lower end-plate overhangs in front: its anterior edge hangs lower than its posterior one, C2's most of all.
    let lip = match kind {
        Kind::Thoracic => 0.2,
        Kind::Axis => wear.lip + 1.0,
        Kind::Typical | Kind::Prominens => wear.lip,
    };
    // C2's upper edge is the base of the dens: it does not fall with the plates.
    let above = if kind == Kind::Axis { 0.0 } else { wear.fall };
    let falling = |fall: f32, x: f32, z: f32| (x, z - fall * x);
    BodyShape {
        corners: [
            falling(above, back + lean + sizes.depth_upper, a - 0.3),
            falling(wear.fall, back - lean + sizes.depth_lower, -a - lip + 0.3),
            falling(above, back + lean, p),
            falling(wear.fall, back - lean, -p + 0.1),
        ],
        half_width: sizes.width / 2.0,
        waist: 0.05 * mean,
        vault: wear.vault.0 * if kind == Kind::Thoracic { 0.6 } else { 1.0 },
        apex: wear.vault.1,
        hollow: 0.5,
        uncus: if matches!(kind, Kind::Thoracic | Kind::Axis) { 0.0 } else { wear.uncus },
        round: wear.round,
        brow: if kind == Kind::Axis { 0.0 } else { wear.brow },
        bevel: if kind == Kind::Thoracic { 0.0 } else { wear.bevel },
        keen: wear.keen,
    }
}

/// Builds the vertebra of `sizes`.
pub fn bone(sizes: &Sizes, wear: &Wear, kind: Kind, grain: f32) -> Bone {
    let shape = body(sizes, wear, kind);
    let corners = [0, 1, 2, 3].map(|i| shape.corner(i));
    let mut parts = vec![Shape::Body(shape)];
    let lamina = Lamina::of(sizes, kind);
    let mut pair = |shape: Shape| parts.extend([shape, shape.mirrored()]);
    arch(sizes, &lamina, &wear.transverse, kind, &mut pair);
    if kind == Kind::Axis {
        facets_of_the_axis(sizes, &mut pair);
        ring_of_the_axis(sizes, &wear.ring, &mut pair);
    }
    for (spur, corner, side) in [(wear.spurs.0, corners[0], 1.0), (wear.spurs.1, corners[1], -1.0)] {
        if spur > 0.3 {
            let tip = corner + v(spur, 2.0, 0.5 * spur * side);
            pair(Shape::Rod { from: corner + v(-2.0, 2.0, -side), to: tip, radii: (1.7, 0.6), rise: 0.0 });
        }
    }
    parts.extend(spinous_process(sizes, &lamina, kind));
    if kind == Kind::Axis {
        parts.extend(dens(sizes));
    }
    let solid = Solid {
        parts,
        holes: Vec::new(),
        blend: 1.6,
        tissue: Tissue::Bone { cortex: wear.cortex, cancellous: wear.cancellous },
        frame: Frame::WORLD,
        grain,
    };
    let spinolaminar = [lamina.half_height, -lamina.half_height].map(|dz| lamina.anterior_face(&solid, 0.85 * dz));
    Bone { solid, corners, spinolaminar }
}

/// Where the two laminae meet in the mid-line.
struct Lamina {
    /// The middle of the plate, mid-sagittal.
    junction: Vec3,
    half_height: f32,
    half_thickness: f32,
    /// How much further back its lower edge lies than its upper one: laminae overlap like shingles.
    shingle: f32,
    /// Posterior wall of the body.
    wall: f32,
}

impl Lamina {
    fn of(sizes: &Sizes, kind: Kind) -> Self {
        let wall = -(sizes.depth_upper + sizes.depth_lower) / 4.0;
        let half_thickness = if kind == Kind::Axis { 2.1 } else { 1.6 };
        let half_height = match kind {
            Kind::Axis => 5.5,
            Kind::Typical => 0.36 * sizes.height_posterior,
            Kind::Prominens | Kind::Thoracic => 0.45 * sizes.height_posterior,
        };
        let junction = v(wall - sizes.canal_depth - half_thickness, 0.0, -0.18 * sizes.height_posterior);
        Self { junction, half_height, half_thickness, shingle: 1.8, wall }
    }

    /// The place, `dz` above the junction, where the canal ends at the lamina: found on the finished solid.
    fn anterior_face(&self, solid: &Solid, dz: f32) -> Vec3 {
        let mut p = v(self.wall - 4.0, 0.0, self.junction.z + dz);
        for _ in 0..200 {
            let d = solid.distance(p);
            if d < 0.01 || p.x < self.junction.x - 6.0 {
                break;
            }
            p.x -= d.min(0.5);
        }
        p
    }
}

fn arch(sizes: &Sizes, lamina: &Lamina, transverse: &Transverse, kind: Kind, pair: &mut impl FnMut(Shape)) {
    let half_canal = sizes.canal_width / 2.0;
    let h = sizes.height_posterior;
    let pillar = v(lamina.wall - sizes.pillar_gap, half_canal + 4.8, -0.02 * h);
    let pedicle = v(lamina.wall + 1.0, 0.36 * sizes.width, 0.16 * h);
    pair(Shape::Rod { from: pedicle, to: pillar + v(2.0, -1.0, 0.1 * h), radii: (2.9, 3.1), rise: 0.06 * h });
    let half_pillar = if kind == Kind::Thoracic { v(4.0, 4.6, 0.55 * h) } else { v(5.4, 5.0, 0.60 * h) };
    pair(Shape::Block { centre: pillar, half: half_pillar, round: 3.4, shear: 0.72 });
    // Two plates, the upper one further forward, make the shingle.
    for (dz, dx) in [(0.5, lamina.shingle / 2.0), (-0.5, -lamina.shingle / 2.0)] {
        let up = v(dx, 0.0, dz * lamina.half_height);
        pair(Shape::Rod {
            from: v(pillar.x - 4.5, half_canal + 1.5, pillar.z) + up,
            to: lamina.junction + up,
            radii: (lamina.half_thickness, lamina.half_thickness),
            rise: lamina.half_height / 2.0,
        });
    }
    // Transverse process: two tubercles with a groove between; on T1 a stout bar.
    if kind == Kind::Thoracic {
        let tip = v(lamina.wall - 10.0, 34.0, 3.0);
        pair(Shape::Rod { from: pillar, to: tip, radii: (4.2, 4.0), rise: 0.0 });
    } else {
        let reach = if kind == Kind::Prominens { 31.0 } else { 25.0 };
        // They run outwards, forwards and down, so that on the film they smear over the rear of the body.
        let root = v(lamina.wall + 4.0, 0.45 * sizes.width, 0.16 * h);
        let Transverse { forward, fall, stout } = *transverse;
        let tip = v(lamina.wall + forward + 2.5, reach - 2.0, (0.16 - fall) * h);
        pair(Shape::Rod { from: root, to: tip, radii: (0.85 * stout, stout), rise: 0.6 });
        let rear = v(lamina.wall - 4.0, half_canal + 4.0, 0.1 * h);
        let tip = v(lamina.wall + forward - 3.5, reach, (0.18 - fall) * h);
        pair(Shape::Rod { from: rear, to: tip, radii: (0.9 * stout, 1.15 * stout), rise: 0.4 });
    }
}

fn spinous_process(sizes: &Sizes, lamina: &Lamina, kind: Kind) -> Vec<Shape> {
    let (s, c) = sizes.spinous_fall.sin_cos();
    let root = lamina.junction + v(-1.0, 0.0, -0.1 * lamina.half_height);
    let tip = root + v(-c, 0.0, -s) * (sizes.spinous_length - 3.0);
    let (thickness, rise) = match kind {
        Kind::Axis => ((2.6, 3.0), 4.2),
        Kind::Typical => ((1.8, 1.9), 2.2),
        Kind::Prominens => ((2.2, 3.2), 3.2),
        Kind::Thoracic => ((2.4, 3.4), 3.6),
    };
    // High and thick at the root, then drawn out.
    let middle = root.lerp(tip, 0.45);
    let mut parts = vec![
        Shape::Rod { from: root, to: middle, radii: (thickness.0, 0.85 * thickness.0), rise },
        Shape::Rod { from: middle, to: tip, radii: (0.8 * thickness.0, thickness.1), rise: 0.6 * rise },
    ];
    match kind {
        Kind::Axis | Kind::Typical => {
            let fork = v(-2.0, 3.6, -1.6);
            for to in [tip + fork, tip + fork.mirrored()] {
                parts.push(Shape::Rod { from: tip, to, radii: (1.7, 1.5), rise: rise * 0.4 });
            }
        }
        Kind::Prominens | Kind::Thoracic => {
            parts.push(Shape::Ellipsoid { centre: tip, radii: v(3.6, 3.6, rise + 2.0) });
        }
    }
    parts
}

fn dens(sizes: &Sizes) -> Vec<Shape> {
    let k = sizes.depth_lower / 15.8;
    let top = sizes.height_anterior / 2.0;
    let (root, waist, tip) = (v(0.0, 0.0, top - 3.0), v(-0.8, 0.0, top + 4.5), v(-2.6, 0.0, top + 14.5 * k));
    vec![
        Shape::Rod { from: root, to: waist, radii: (5.8 * k, 4.9 * k), rise: 0.0 },
        Shape::Rod { from: waist, to: tip, radii: (4.9 * k, 4.6 * k), rise: 0.0 },
    ]
}

fn facets_of_the_axis(sizes: &Sizes, pair: &mut impl FnMut(Shape)) {
    let top = sizes.height_anterior / 2.0;
    pair(Shape::Ellipsoid { centre: v(-2.0, 11.0, top - 1.0), radii: v(8.5, 7.0, 4.6) });
}

fn ring_of_the_axis(sizes: &Sizes, ring: &Ring, pair: &mut impl FnMut(Shape)) {
    let k = sizes.depth_lower / 15.8;
    let top = sizes.height_anterior / 2.0;
    if ring.long <= 0.0 {
        return;
    }
    for step in 0..15 {
        let (s, c) = (step as f32 * std::f32::consts::TAU / 15.0).sin_cos();
        // Clear of the masses: bone within bone would draw no line.
        let inner = v(k * (ring.at.0 + ring.half.0 * c), 19.5, top + k * (ring.at.1 + ring.half.1 * s));
        pair(Shape::Rod { from: inner, to: inner + v(0.0, ring.long, 0.0), radii: (1.3, 1.3), rise: 0.0 });
    }
}

/// C1: a ring without a body. The origin is the place of the dens.
pub fn atlas(scale: f32, wear: &Wear, grain: f32) -> Solid {
    let mut parts = vec![Shape::Ellipsoid { centre: v(9.6, 0.0, 0.5) * scale, radii: v(3.6, 5.0, 5.4) * scale }];
    let mut pair = |shape: Shape| parts.extend([shape, shape.mirrored()]);
    let mut run = |points: &[Vec3], radius: f32, rise: f32| {
        for ends in points.windows(2) {
            if let [from, to] = ends {
                pair(Shape::Rod {
                    from: *from * scale,
                    to: *to * scale,
                    radii: (radius * scale, radius * scale),
                    rise,
                });
            }
        }
    };
    run(&[v(9.3, 0.0, 0.5), v(7.5, 8.0, 0.5), v(3.0, 14.5, 0.5)], 2.7, 2.4);
    run(
        &[v(-6.0, 19.0, 1.0), v(-15.0, 18.0, 2.5), v(-23.0, 11.5, 2.0), v(-28.0, 3.0, 1.0), v(-29.5, 0.0, 0.5)],
        2.6,
        1.2,
    );
    run(&[v(-2.0, 20.0, -1.0), v(-4.0, 36.0, -2.0)], 3.6, 0.5);
    pair(Shape::Ellipsoid { centre: v(-1.0, 17.5, 0.0) * scale, radii: v(9.5, 7.0, 8.0) * scale });
    parts.push(Shape::Ellipsoid { centre: v(-30.5, 0.0, 0.2) * scale, radii: v(3.4, 3.5, 4.2) * scale });
    Solid {
        parts,
        holes: Vec::new(),
        blend: 1.8,
        tissue: Tissue::Bone { cortex: wear.cortex, cancellous: wear.cancellous },
        frame: Frame::WORLD,
        grain,
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::Draw;
    use super::super::morphometry::Person;
    use super::*;

    const WEAR: Wear = Wear {
        spurs: (0.0, 0.0),
        uncus: 3.0,
        cortex: 0.8,
        cancellous: 0.25,
        round: 1.5,
        brow: 0.0,
        bevel: 0.0,
        keen: 0.0,
        vault: (1.3, 1.0),
        lip: 0.9,
        fall: 0.07,
        transverse: Transverse::USUAL,
        ring: Ring::NONE,
    };

    #[test]
    fn landmarks_lie_on_the_bone_and_the_canal_is_as_deep_as_the_table_says() {
        let person = Person { female: false, stature: 1.75, age: 40.0 };
        let sizes = person.vertebrae(&mut Draw::new(3, 0), 0.0);
        for (kind, s) in [(Kind::Axis, sizes[0]), (Kind::Typical, sizes[2]), (Kind::Prominens, sizes[5])] {
            let bone = bone(&s, &WEAR, kind, 1.0);
            for corner in [1, 3] {
                assert!(bone.solid.distance(bone.corners[corner]).abs() < 0.8, "{kind:?} {corner}");
            }
            for end in bone.spinolaminar {
                assert!(bone.solid.distance(end).abs() < 0.1, "{kind:?} {end:?}");
                let depth = bone.corners[2].x.min(bone.corners[3].x) - end.x;
                assert!((depth - s.canal_depth).abs() < 3.0, "{kind:?} {depth} {}", s.canal_depth);
            }
        }
    }
}
