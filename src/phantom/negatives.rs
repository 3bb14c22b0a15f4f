//! Pictures that are no lateral neck, by the class: what else comes to an X-ray room's folder, for training and testing
//! that it is passed over. Crude on purpose: a class is told apart by its gestalt.

use super::beam::Beam;
use super::blemish::Blemish;
use super::case::{Difficulty, Patient};
use super::draw::Draw;
use super::export::write_line;
use super::film::Look;
use super::other::{Other, chest, rod, solid, taken};
use super::solid::{Shape, Solid, Tissue};
use super::space::{Vec3, v};
use super::spines::{dog, lumbar};
use super::truth::Truth;
use crate::domain::report::Position;

/// The classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names tell.
pub enum Class {
    Chest,
    NeckFromBefore,
    Hip,
    Tibia,
    Hand,
    CtSlice,
    Photograph,
    Page,
    Blank,
    Saturated,
    Lumbar,
    Dog,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Chest,
        Self::NeckFromBefore,
        Self::Hip,
        Self::Tibia,
        Self::Hand,
        Self::CtSlice,
        Self::Photograph,
        Self::Page,
        Self::Blank,
        Self::Saturated,
        Self::Lumbar,
        Self::Dog,
    ];

    /// As in a file name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chest => "chest",
            Self::NeckFromBefore => "neck-ap",
            Self::Hip => "hip",
            Self::Tibia => "tibia",
            Self::Hand => "hand",
            Self::CtSlice => "ct",
            Self::Photograph => "photograph",
            Self::Page => "page",
            Self::Blank => "blank",
            Self::Saturated => "saturated",
            Self::Lumbar => "lumbar",
            Self::Dog => "dog",
        }
    }
}

/// The picture of `class` that `seed` draws.
pub fn negative(class: Class, seed: u64, pixel_mm: f32) -> Other {
    let mut draw = Draw::new(seed, 80 + class as u64);
    let draw = &mut draw;
    match class {
        Class::Chest => chest(seed, pixel_mm),
        Class::NeckFromBefore => neck_from_before(seed, pixel_mm, draw),
        Class::Hip => limb(&hip(draw), (300.0, 340.0), pixel_mm, draw),
        Class::Tibia => limb(&tibia(draw), (150.0, 380.0), pixel_mm, draw),
        Class::Hand => limb(&hand(draw), (200.0, 240.0), pixel_mm, draw),
        Class::CtSlice => ct(draw),
        Class::Photograph => photograph(draw),
        Class::Page => page(draw),
        Class::Blank => flat(draw.even(0.0, 1.0), draw),
        Class::Lumbar => limb(&lumbar(draw), (300.0, 400.0), pixel_mm, draw),
        Class::Dog => limb(&dog(draw), (430.0, 350.0), pixel_mm, draw),
        Class::Saturated => flat(if draw.chance(0.5) { 1.3 } else { -0.3 }, draw),
    }
}

fn other(size: (usize, usize), mut pixels: Vec<f32>) -> Other {
    pixels.iter_mut().for_each(|p| *p = p.clamp(0.0, 1.0));
    Other { size, pixels, truth: Truth { kind: Some("other".into()), ..Truth::default() }, exposure: 1.0 }
}

fn neck_from_before(seed: u64, pixel_mm: f32, draw: &mut Draw) -> Other {
    let turn = Blemish::Yaw(if draw.chance(0.5) { 90.0 } else { -90.0 } + draw.normal(0.0, 4.0));
    let case = Patient::new(seed, Difficulty::Mixed).film(Position::Neutral, pixel_mm, turn);
    other(case.size, case.pixels)
}

fn limb(solids: &[Solid], (wide, high): (f32, f32), pixel: f32, draw: &mut Draw) -> Other {
    let (wide, high) = (wide * draw.even(0.8, 1.2), high * draw.even(0.8, 1.2));
    let beam = Beam {
        source_to_detector: 1100.0,
        patient_to_detector: 90.0,
        facing: if draw.chance(0.5) {
            crate::domain::anatomy::Facing::Right
        } else {
            crate::domain::anatomy::Facing::Left
        },
        foot: (draw.normal(0.0, 12.0), draw.normal(0.0, 15.0)),
        centre: (0.5, 0.5),
        size: ((wide / pixel) as usize, (high / pixel) as usize),
        pixel,
    };
    taken(solids, &beam, &Look::plain(draw), draw)
}

fn cortical(parts: Vec<Shape>) -> Solid {
    solid(parts, 6.0, Tissue::Bone { cortex: 2.6, cancellous: 0.15 }, 1.6)
}

fn hip(draw: &mut Draw) -> Vec<Solid> {
    let k = draw.even(0.85, 1.15);
    let p = |x: f32, y: f32, z: f32| v(x * k, y * k, z * k);
    let ball = |c: Vec3, r: f32| Shape::Ellipsoid { centre: c, radii: v(r, r, r) };
    let flesh = vec![
        Shape::Ellipsoid { centre: p(-40.0, 0.0, 60.0), radii: p(170.0, 95.0, 150.0) },
        rod(p(20.0, 0.0, 0.0), p(40.0, 0.0, -260.0), 78.0 * k),
    ];
    vec![
        solid(flesh, 25.0, Tissue::Soft, 5.0),
        cortical(vec![
            ball(p(0.0, 0.0, 0.0), 24.0 * k),
            rod(p(4.0, 0.0, -4.0), p(44.0, 0.0, -40.0), 16.0 * k),
            ball(p(54.0, 0.0, -32.0), 19.0 * k),
            rod(p(44.0, 0.0, -50.0), p(34.0, 0.0, -280.0), 15.0 * k),
        ]),
        cortical(vec![
            Shape::Ellipsoid { centre: p(10.0, 10.0, 90.0), radii: p(62.0, 9.0, 66.0) },
            rod(p(0.0, 0.0, 34.0), p(-70.0, -20.0, 6.0), 9.0 * k),
            rod(p(-14.0, 0.0, -6.0), p(-40.0, 10.0, -62.0), 11.0 * k),
            rod(p(-40.0, 10.0, -62.0), p(-78.0, -20.0, -6.0), 7.0 * k),
        ]),
    ]
}

fn tibia(draw: &mut Draw) -> Vec<Solid> {
    let bow = draw.even(-8.0, 8.0);
    vec![
        solid(vec![rod(v(0.0, 0.0, 220.0), v(0.0, 0.0, -220.0), draw.even(42.0, 58.0))], 5.0, Tissue::Soft, 5.0),
        cortical(vec![
            rod(v(0.0, 0.0, 130.0), v(bow, 0.0, 0.0), 12.0),
            rod(v(bow, 0.0, 0.0), v(0.0, 0.0, -130.0), 11.0),
            Shape::Ellipsoid { centre: v(0.0, 0.0, 148.0), radii: v(37.0, 25.0, 22.0) },
            Shape::Ellipsoid { centre: v(0.0, 0.0, -145.0), radii: v(24.0, 20.0, 20.0) },
        ]),
        cortical(vec![rod(v(34.0, -12.0, 130.0), v(28.0, -10.0, -160.0), 6.0)]),
        cortical(vec![
            Shape::Ellipsoid { centre: v(0.0, 0.0, -178.0), radii: v(22.0, 24.0, 14.0) },
            Shape::Ellipsoid { centre: v(-20.0, 0.0, 196.0), radii: v(22.0, 28.0, 24.0) },
            Shape::Ellipsoid { centre: v(20.0, 0.0, 196.0), radii: v(22.0, 28.0, 24.0) },
        ]),
    ]
}

fn hand(draw: &mut Draw) -> Vec<Solid> {
    let (mut bones, mut flesh) = (Vec::new(), vec![rod(v(0.0, 0.0, -20.0), v(0.0, 0.0, -160.0), 28.0)]);
    flesh.push(Shape::Ellipsoid { centre: v(0.0, 0.0, 0.0), radii: v(44.0, 13.0, 48.0) });
    for finger in 0..5 {
        let angle = (finger as f32 - 2.0) * draw.even(0.14, 0.24);
        let reach = [62.0, 84.0, 90.0, 85.0, 70.0][finger];
        let at = |r: f32| v(r * angle.sin(), 0.0, r * angle.cos() - 30.0);
        let ends = [0.3, 0.85, 1.28, 1.55, 1.75].map(|s| s * reach);
        for w in ends.windows(2) {
            if let [a, b] = w {
                bones.push(rod(at(a + 1.5), at(b - 1.5), 4.0));
            }
        }
        flesh.push(rod(at(ends[0]), at(ends[4] + 4.0), 9.5));
    }
    for _ in 0..8 {
        let c = v(draw.even(-22.0, 22.0), draw.even(-4.0, 4.0), draw.even(-32.0, -10.0));
        bones.push(Shape::Ellipsoid { centre: c, radii: v(7.0, 6.0, 7.0) });
    }
    bones.push(rod(v(-13.0, 0.0, -42.0), v(-10.0, 0.0, -170.0), 8.0));
    bones.push(rod(v(14.0, 0.0, -44.0), v(11.0, 0.0, -170.0), 6.0));
    vec![solid(flesh, 12.0, Tissue::Soft, 3.0), solid(bones, 0.8, Tissue::Bone { cortex: 1.3, cancellous: 0.2 }, 1.2)]
}

/// Smooth noise of `octaves`, the coarsest with `cells` across, −1 … 1 or so.
fn field(size: (usize, usize), cells: f32, octaves: usize, draw: &mut Draw) -> Vec<f32> {
    let mut sum = vec![0.0f32; size.0 * size.1];
    let mut rng = draw.quick();
    for octave in 0..octaves {
        let n = (cells * (1u32 << octave) as f32) as usize + 3;
        let grid: Vec<f32> = (0..n * n).map(|_| 2.0 * rng.even() - 1.0).collect();
        let step = (n - 2) as f32 / size.0.max(size.1) as f32;
        for (i, value) in sum.iter_mut().enumerate() {
            let (x, y) = ((i % size.0) as f32 * step, (i / size.0) as f32 * step);
            let (fx, fy) = (x.fract(), y.fract());
            let (fx, fy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
            let at = |dx: usize, dy: usize| grid.get((y as usize + dy) * n + x as usize + dx).copied().unwrap_or(0.0);
            let (a, b) = (at(0, 0) + (at(1, 0) - at(0, 0)) * fx, at(0, 1) + (at(1, 1) - at(0, 1)) * fx);
            *value += (a + (b - a) * fy) / (octave + 1) as f32;
        }
    }
    sum
}

/// An axial slice through a trunk or a neck: an ellipse of flesh on black, with a vertebra, ribs, air.
fn ct(draw: &mut Draw) -> Other {
    let size = (512, 512);
    let (a, b) = (draw.even(0.25, 0.45), draw.even(0.2, 0.38));
    let texture = field(size, 12.0, 3, draw);
    let mut rng = draw.quick();
    let air: Vec<[f32; 4]> = (0..draw.below(4))
        .map(|_| [draw.even(-0.5, 0.5), draw.even(-0.5, 0.3), draw.even(0.05, 0.3), draw.even(0.05, 0.3)])
        .collect();
    let noise = draw.even(0.02, 0.15);
    let inside = |x: f32, y: f32, c: (f32, f32), r: (f32, f32)| ((x - c.0) / r.0).hypot((y - c.1) / r.1) < 1.0;
    let pixels = (0..size.0 * size.1)
        .map(|i| {
            let (x, y) = (((i % 512) as f32 / 512.0 - 0.5) / a, ((i / 512) as f32 / 512.0 - 0.5) / b);
            let mut value = if inside(x, y, (0.0, 0.0), (1.0, 1.0)) { 0.4 + 0.08 * texture[i] } else { 0.02 };
            if air.iter().any(|[cx, cy, rx, ry]| inside(x, y, (*cx, *cy), (*rx, *ry))) {
                value = 0.05;
            }
            let ring = inside(x, y, (0.0, 0.5), (0.2, 0.28)) && !inside(x, y, (0.0, 0.62), (0.09, 0.1));
            if ring || inside(x, y, (0.0, 0.28), (0.2, 0.2)) {
                value = 0.8 + 0.2 * texture[i];
            }
            value + noise * (rng.even() - 0.5)
        })
        .collect();
    other(size, pixels)
}

fn photograph(draw: &mut Draw) -> Other {
    let size = (600 + draw.below(400), 500 + draw.below(400));
    let (octaves, cells) = (2 + draw.below(5), draw.even(2.0, 6.0));
    let mut pixels = field(size, cells, octaves, draw);
    let slope = draw.normal(0.0, 0.4);
    for (i, p) in pixels.iter_mut().enumerate() {
        *p = 0.5 + 0.3 * *p + slope * ((i / size.0) as f32 / size.1 as f32 - 0.5);
    }
    for _ in 0..draw.below(12) {
        let (cx, cy) = (draw.even(0.0, size.0 as f32), draw.even(0.0, size.1 as f32));
        let (rx, ry, shade) = (draw.even(10.0, 250.0), draw.even(10.0, 250.0), draw.normal(0.0, 0.25));
        let boxy = draw.chance(0.5);
        for (i, p) in pixels.iter_mut().enumerate() {
            let (x, y) = (((i % size.0) as f32 - cx) / rx, ((i / size.0) as f32 - cy) / ry);
            if (boxy && x.abs() < 1.0 && y.abs() < 1.0) || (!boxy && x.hypot(y) < 1.0) {
                *p += shade * (1.0 - 0.4 * y);
            }
        }
    }
    other(size, pixels)
}

fn page(draw: &mut Draw) -> Other {
    let size = (620, 877);
    let mut pixels = vec![0.0; size.0 * size.1];
    for _ in 0..40 + draw.below(160) {
        write_line(&mut pixels, size, draw);
    }
    let dark = draw.chance(0.7);
    pixels.iter_mut().for_each(|p| *p = if dark { 0.97 - 0.9 * *p } else { *p });
    other(size, pixels)
}

fn flat(level: f32, draw: &mut Draw) -> Other {
    let size = (500 + draw.below(400), 600 + draw.below(400));
    let (shade, noise) = (draw.even(0.0, 0.1), draw.even(0.0, 0.08));
    let mut pixels = field(size, 2.0, 1, draw);
    let mut rng = draw.quick();
    pixels.iter_mut().for_each(|p| *p = level + shade * *p + noise * (rng.even() - 0.5));
    other(size, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_gives_a_picture_that_is_other_and_the_same_again() {
        for class in Class::ALL {
            let (a, b) = (negative(class, 4, 1.6), negative(class, 4, 1.6));
            assert_eq!(a.pixels.len(), a.size.0 * a.size.1, "{class:?}");
            assert!(a.pixels == b.pixels, "{class:?}");
            assert_eq!(a.truth.kind.as_deref(), Some("other"));
            assert!(a.pixels.iter().all(|p| (0.0..=1.0).contains(p)), "{class:?}");
        }
    }
}
