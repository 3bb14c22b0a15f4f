//! Films that are no lateral neck, as an X-ray room takes them all day: they must be passed over.

use super::beam::{Beam, cast};
use super::draw::Draw;
use super::film::{Look, develop};
use super::solid::{Shape, Solid, Tissue};
use super::space::{Frame, Vec3, v};
use super::truth::Truth;
use crate::domain::anatomy::Facing;

/// A film that shows something else.
#[derive(Debug)]
pub struct Other {
    /// Columns and rows.
    pub size: (usize, usize),
    /// 0 black … 1 white, row by row.
    pub pixels: Vec<f32>,
    /// That it is `other`.
    pub truth: Truth,
    /// Dose behind the body as a share of the aim.
    pub exposure: f32,
}

pub(super) fn rod(from: Vec3, to: Vec3, r: f32) -> Shape {
    Shape::Rod { from, to, radii: (r, r), rise: 0.0 }
}

pub(super) fn solid(parts: Vec<Shape>, blend: f32, tissue: Tissue, grain: f32) -> Solid {
    Solid { parts, holes: Vec::new(), blend, tissue, frame: Frame::WORLD, grain }
}

/// A chest from behind: lungs, heart, ribs, clavicles, thoracic spine. Here x runs across the patient and y along the
/// beam, from front to back.
pub fn chest(seed: u64, pixel_mm: f32) -> Other {
    let mut draw = Draw::new(seed, 70);
    let wide = draw.normal(1.0, 0.08);
    let mut solids = vec![
        solid(
            vec![
                Shape::Ellipsoid { centre: v(0.0, 0.0, -10.0), radii: v(178.0 * wide, 112.0, 240.0) },
                rod(v(-150.0 * wide, 0.0, 130.0), v(150.0 * wide, 0.0, 130.0), 58.0),
                rod(v(0.0, 0.0, 140.0), v(0.0, 10.0, 230.0), 58.0),
            ],
            30.0,
            Tissue::Soft,
            6.0,
        ),
        solid(
            [1.0, -1.0]
                .iter()
                .flat_map(|side| {
                    [
                        Shape::Ellipsoid { centre: v(82.0 * side * wide, 0.0, 20.0), radii: v(62.0, 88.0, 128.0) },
                        Shape::Ellipsoid { centre: v(70.0 * side * wide, 0.0, 80.0), radii: v(48.0, 60.0, 74.0) },
                    ]
                })
                .collect(),
            12.0,
            Tissue::Air,
            4.0,
        ),
        solid(
            vec![Shape::Ellipsoid { centre: v(-28.0, -30.0, -52.0), radii: v(66.0, 50.0, 62.0) }],
            5.0,
            Tissue::Soft,
            4.0,
        ),
    ];
    let mut bones = Vec::new();
    for i in 0..10 {
        let z = 128.0 - 25.0 * i as f32;
        let reach = wide * (62.0 + 13.0 * (i as f32).min(5.0));
        for side in [1.0, -1.0] {
            let arc = [
                v(18.0 * side, 82.0, z + 14.0),
                v(0.75 * reach * side, 92.0, z + 4.0),
                v(1.1 * reach * side, 20.0, z - 24.0),
                v(0.9 * reach * side, -70.0, z - 48.0),
            ];
            for w in arc.windows(2) {
                if let [a, b] = w {
                    bones.push(Shape::Rod { from: *a, to: *b, radii: (3.4, 3.4), rise: 3.5 });
                }
            }
        }
        bones.push(Shape::Block { centre: v(0.0, 70.0, z), half: v(16.0, 14.0, 10.0), round: 3.0, shear: 0.0 });
    }
    for side in [1.0, -1.0] {
        bones.push(rod(v(18.0 * side, -70.0, 140.0), v(150.0 * side * wide, -10.0, 162.0), 5.0));
        bones.push(Shape::Ellipsoid { centre: v(172.0 * side * wide, 10.0, 140.0), radii: v(24.0, 24.0, 24.0) });
    }
    solids.push(solid(bones, 2.0, Tissue::Bone { cortex: 1.2, cancellous: 0.2 }, 2.0));
    let (w, h) = (draw.even(330.0, 400.0), draw.even(340.0, 420.0));
    let beam = Beam {
        source_to_detector: 1800.0,
        patient_to_detector: 120.0,
        facing: Facing::Right,
        foot: (draw.normal(0.0, 8.0), draw.normal(10.0, 12.0)),
        centre: (0.5, 0.5),
        size: ((w / pixel_mm) as usize, (h / pixel_mm) as usize),
        pixel: pixel_mm,
    };
    taken(&solids, &beam, &Look::plain(&mut draw), &mut draw)
}

/// The film of `solids`.
pub(super) fn taken(solids: &[Solid], beam: &Beam, look: &Look, draw: &mut Draw) -> Other {
    let shadow = cast(solids, beam, draw);
    let field = [0.0, 0.0, beam.size.0 as f32, beam.size.1 as f32];
    let developed = develop(&shadow, beam, look, field, &[], draw.bits());
    Other {
        size: beam.size,
        pixels: developed.pixels,
        truth: Truth { kind: Some("other".into()), ..Truth::default() },
        exposure: 1.0,
    }
}
