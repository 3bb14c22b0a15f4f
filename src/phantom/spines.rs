//! Spines that are none of ours: a lumbar spine from the side, and a dog on its side. What looks most like a lateral neck
//! without being one.

use super::draw::Draw;
use super::morphometry::{Person, Sizes};
use super::other::{rod, solid};
use super::solid::{Shape, Solid, Tissue};
use super::space::{Frame, Vec3, v};
use super::vertebra::{Kind, Ring, Transverse, Wear, bone};

const PLAIN: Wear = Wear {
    spurs: (0.0, 0.0),
    uncus: 0.0,
    cortex: 1.0,
    cancellous: 0.25,
    round: 2.0,
    brow: 0.0,
    bevel: 0.0,
    keen: 0.0,
    vault: (1.5, 1.0),
    lip: 0.5,
    fall: 0.0,
    transverse: Transverse::USUAL,
    ring: Ring::NONE,
};

/// T1 of somebody, so many times as large.
fn enlarged(times: f32, draw: &mut Draw) -> Sizes {
    let person = Person { female: draw.chance(0.5), stature: 1.72, age: draw.even(20.0, 80.0) };
    let s = person.vertebrae(draw, 0.3)[6];
    Sizes {
        depth_upper: s.depth_upper * times,
        depth_lower: s.depth_lower * times,
        height_anterior: s.height_anterior * times,
        height_posterior: s.height_posterior * times,
        width: s.width * times,
        spinous_length: s.spinous_length * 1.2,
        spinous_fall: 0.2,
        disc_below: s.disc_below * times,
        ..s
    }
}

/// Vertebrae one after the other: `count` of `sizes`, from `start` along a line that bends by `bend` radians each.
fn column(sizes: &Sizes, count: usize, start: Vec3, pitch: f32, bend: f32) -> Vec<Solid> {
    let step = sizes.height_anterior + sizes.disc_below;
    let shape = bone(sizes, &PLAIN, Kind::Thoracic, 1.6).solid;
    let mut frame = Frame::new(start, pitch, 0.0, 0.0);
    (0..count)
        .map(|_| {
            let placed = Solid { frame, ..shape.clone() };
            frame = frame.then(&Frame::new(v(0.0, 0.0, -step), bend, 0.0, 0.0));
            placed
        })
        .collect()
}

/// A lumbar spine from the side: large square bodies, the sacrum, the pelvis, the flesh of the trunk, gas in the gut.
pub(super) fn lumbar(draw: &mut Draw) -> Vec<Solid> {
    let times = draw.even(1.75, 2.2);
    let sizes = enlarged(times, draw);
    let mut solids = column(&sizes, 7, v(10.0, 0.0, 130.0), draw.normal(-0.12, 0.1), draw.even(0.02, 0.11));
    let flesh = vec![Shape::Ellipsoid { centre: v(50.0, 0.0, 0.0), radii: v(150.0, 160.0, 330.0) }];
    solids.push(solid(flesh, 10.0, Tissue::Soft, 7.0));
    let mut pelvis = vec![rod(v(-12.0, 0.0, -125.0), v(-50.0, 0.0, -190.0), 22.0)];
    for side in [70.0, -70.0] {
        pelvis.push(Shape::Ellipsoid { centre: v(10.0, side, -120.0), radii: v(70.0, 12.0, 60.0) });
        pelvis.push(Shape::Ellipsoid { centre: v(35.0, 1.3 * side, -215.0), radii: v(25.0, 25.0, 25.0) });
    }
    for i in 0..3 {
        for side in [1.0, -1.0] {
            let z = 140.0 - 26.0 * i as f32;
            pelvis.push(rod(v(-20.0, 40.0 * side, z), v(60.0, 120.0 * side, z - 50.0), 4.0));
        }
    }
    solids.push(solid(pelvis, 3.0, Tissue::Bone { cortex: 1.6, cancellous: 0.2 }, 2.6));
    let gas: Vec<Shape> = (0..3 + draw.below(6))
        .map(|_| {
            let centre = v(draw.even(60.0, 150.0), draw.even(-60.0, 60.0), draw.even(-150.0, 120.0));
            let r = draw.even(10.0, 30.0);
            Shape::Ellipsoid { centre, radii: v(r, 0.8 * r, 0.8 * r) }
        })
        .collect();
    solids.push(solid(gas, 3.0, Tissue::Air, 3.0));
    solids
}

/// A dog on its side: a long back across the film, ribs over a dark chest, legs, a neck that rises to the head.
pub(super) fn dog(draw: &mut Draw) -> Vec<Solid> {
    let times = draw.even(0.75, 1.15);
    let sizes = enlarged(times, draw);
    let lean = std::f32::consts::FRAC_PI_2 + draw.normal(0.0, 0.12);
    let back = v(100.0, 0.0, 30.0);
    let mut solids = column(&sizes, 14, back, -lean, draw.normal(0.0, 0.015));
    solids.extend(column(&sizes, 7, back + v(95.0, 0.0, 70.0), draw.even(-1.1, -0.5), 0.0));
    let flesh = vec![
        Shape::Ellipsoid { centre: v(-20.0, 0.0, -15.0), radii: v(175.0, 75.0, 108.0) },
        rod(v(90.0, 0.0, 30.0), v(205.0, 0.0, 125.0), 58.0),
        Shape::Ellipsoid { centre: v(225.0, 0.0, 130.0), radii: v(60.0, 45.0, 45.0) },
        rod(v(90.0, 0.0, -40.0), v(110.0, 0.0, -220.0), 24.0),
        rod(v(-160.0, 0.0, -20.0), v(-150.0, 0.0, -220.0), 30.0),
    ];
    solids.push(solid(flesh, 20.0, Tissue::Soft, 6.0));
    let lung = Shape::Ellipsoid { centre: v(40.0, 0.0, -30.0), radii: v(75.0, 50.0, 48.0) };
    solids.push(solid(vec![lung], 5.0, Tissue::Air, 4.0));
    let mut bones = vec![
        rod(v(90.0, 20.0, -20.0), v(120.0, 20.0, -110.0), 8.0),
        rod(v(120.0, 20.0, -110.0), v(105.0, 20.0, -220.0), 7.0),
        rod(v(-150.0, 20.0, -10.0), v(-120.0, 20.0, -110.0), 9.0),
        rod(v(-120.0, 20.0, -110.0), v(-160.0, 20.0, -210.0), 7.0),
        Shape::Ellipsoid { centre: v(-150.0, 0.0, 10.0), radii: v(40.0, 40.0, 14.0) },
        Shape::Ellipsoid { centre: v(220.0, 0.0, 140.0), radii: v(38.0, 28.0, 26.0) },
        rod(v(240.0, 0.0, 120.0), v(290.0, 0.0, 105.0), 14.0),
    ];
    for i in 0..9 {
        let x = 90.0 - 16.0 * i as f32;
        for side in [1.0, -1.0] {
            bones.push(rod(v(x, 8.0 * side, 22.0), v(x - 14.0, 55.0 * side, -30.0), 2.6));
            bones.push(rod(v(x - 14.0, 55.0 * side, -30.0), v(x + 8.0, 18.0 * side, -88.0), 2.4));
        }
    }
    solids.push(solid(bones, 2.0, Tissue::Bone { cortex: 1.3, cancellous: 0.2 }, 2.2));
    solids
}
