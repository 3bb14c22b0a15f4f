//! Shapes as signed distances (millimetres, negative inside), joined smoothly into solids, sampled on a grid.
//!
//! A distance field knows how deep a point lies under the surface, and that is what a bone needs: a cortex of a given
//! thickness all over, cancellous bone below it, no seam where an arch joins a body. The formulas are the classical
//! ones (Quílez, "distance functions"); some are bounds and not exact distances, which is good enough within the few
//! millimetres that matter.

use super::draw::Draw;
use super::space::{Bounds, Frame, Vec3, v};

/// A primitive in the solid's own frame.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // The fields are told with their variant.
pub enum Shape {
    /// An ellipsoid.
    Ellipsoid { centre: Vec3, radii: Vec3 },
    /// A rod with round ends whose radius runs from `radii.0` to `radii.1`, stretched to `±rise` along z: a rod for
    /// `rise` 0, else an upright plate such as a lamina.
    Rod { from: Vec3, to: Vec3, radii: (f32, f32), rise: f32 },
    /// A block with rounded edges, sheared: its top rises by `shear` for every millimetre forwards, as an articular
    /// mass does.
    Block { centre: Vec3, half: Vec3, round: f32, shear: f32 },
    /// A vertebral body.
    Body(BodyShape),
}

/// A vertebral body in its own frame: the origin is its centre, the end-plates lie across z.
#[derive(Debug, Clone, Copy)]
pub struct BodyShape {
    /// Mid-sagittal corners before rounding, as (x, z): antero-superior, antero-inferior, postero-superior,
    /// postero-inferior.
    pub corners: [(f32, f32); 4],
    /// Left to right, half.
    pub half_width: f32,
    /// How far the walls draw in half way between the end-plates.
    pub waist: f32,
    /// How far the lower end-plate is vaulted upwards.
    pub vault: f32,
    /// Where that vault is highest: 1 in the middle, less further back.
    pub apex: f32,
    /// How far the middle of the upper end-plate is hollowed.
    pub hollow: f32,
    /// How far the uncinate processes rise over the upper end-plate on both sides.
    pub uncus: f32,
    /// The rounding of its edges.
    pub round: f32,
    /// How much rounder its antero-superior edge is: that of the young has not ossified yet, that of the old wears off.
    pub brow: f32,
    /// How far the lower end-plate is bevelled at the sides, where the uncinate processes of the body below reach up.
    pub bevel: f32,
    /// How much sharper its rear lower edge is, as a share of the rounding: on films it hooks down behind the vault.
    pub keen: f32,
}

/// Bone that is so far from the crossing of two walls is not their corner, mm.
const FAR: f32 = 4.0;
/// Where the tip of an edge is looked for: beside its bisector, tenths of a millimetre, the bisector first.
const TIP: [i16; 25] = [0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6, -7, 7, -8, 8, -9, 9, -10, 10, -11, 11, -12, 12];

impl BodyShape {
    /// The mid-sagittal corner `i` as it appears: on the rounded edge, where the bisector meets it; behind and below, where the
    /// edge may hook down, the tip. The uncinate processes stand before the rounded postero-superior edge: there the film shows where
    /// wall and end-plate cross.
    pub fn corner(&self, i: usize) -> Vec3 {
        let (x, z) = self.corners[i];
        let crossing = v(x, 0.0, z);
        if i == 2 && self.uncus > 0.0 {
            return crossing;
        }
        // Not by the signs of x and z: on a low body the antero-superior corner may lie below the middle.
        let inwards = v(if i < 2 { -1.0 } else { 1.0 }, 0.0, if i.is_multiple_of(2) { -1.0 } else { 1.0 });
        let inwards = inwards * std::f32::consts::FRAC_1_SQRT_2;
        let edge = self.round + if i == 0 { self.brow } else { 0.0 };
        let across = v(-inwards.z, 0.0, inwards.x);
        let abreast: &[i16] = if i == 3 { &TIP } else { &[0] };
        let met = abreast.iter().filter_map(|step| {
            let from = crossing + across * (f32::from(*step) * 0.1);
            self.meets(from, inwards, FAR + edge).map(|gone| (gone, from + inwards * gone))
        });
        // A front that is all rounding is not met: two straight walls that a smooth maximum of size k joins meet k/4 inside.
        met.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(crossing + inwards * (edge / 4.0), |(_, corner)| corner)
    }

    /// How far from `from` along `direction` the bone begins, mm; `None` where it does not within `far`.
    fn meets(&self, from: Vec3, direction: Vec3, far: f32) -> Option<f32> {
        let mut gone = 0.0;
        while gone < far {
            let outside = self.distance(from + direction * gone);
            if outside < 0.005 {
                return Some(gone);
            }
            gone += outside;
        }
        None
    }

    /// Whether `p` lies in the body rather than in its arch, and how deep under the nearer end-plate, mm.
    fn depth(&self, p: Vec3) -> (bool, f32) {
        let [(xas, zas), (xai, zai), (xps, zps), (xpi, zpi)] = self.corners;
        let along = ((p.x - xpi) / (xai - xpi)).clamp(0.0, 1.0);
        let (top, bottom) = (zps + (zas - zps) * along, zpi + (zai - zpi) * along);
        let inside = p.x > xps.min(xpi) - 0.5 && p.x < xas.max(xai) + 2.0 && p.z < top + 6.0 && p.z > bottom - 3.0;
        (inside, (top - p.z).min(p.z - bottom).max(0.0))
    }

    fn distance(&self, p: Vec3) -> f32 {
        let [(xas, zas), (xai, zai), (xps, zps), (xpi, zpi)] = self.corners;
        let middle = (zas + zai + zps + zpi) / 4.0;
        let half_height = (zas - zai + zps - zpi) / 4.0;
        // 0 at the lower, 1 at the upper end-plate.
        let t = ((p.z - middle) / half_height).clamp(-1.0, 1.0) * 0.5 + 0.5;
        let draw_in = self.waist * (1.0 - (2.0 * t - 1.0).powi(2));
        let front = xai + (xas - xai) * t - draw_in;
        let back = xpi + (xps - xpi) * t + draw_in;
        let (centre, half_depth) = ((front + back) / 2.0, (front - back) / 2.0);
        let (dx, dy) = ((p.x - centre) / half_depth, p.y.abs() / self.half_width);
        // Round in front, flat behind, where the canal begins.
        let radial = if dx > 0.0 {
            (dx.powf(2.3) + dy.powf(2.3)).powf(1.0 / 2.3)
        } else {
            (dx.powi(4) + dy.powi(4)).sqrt().sqrt()
        };
        let side = (radial - 1.0) * half_depth.min(self.half_width);

        let along = ((p.x - xpi) / (xai - xpi)).clamp(-0.2, 1.2);
        let bulge = (1.0 - (2.0 * along - 1.0).powi(2)).max(0.0);
        let across = dy.min(1.2);
        let top_line = zps + (zas - zps) * along;
        // The uncinate processes stand at the sides, and more behind than in front.
        let rise = self.uncus * smooth_step(0.3, 0.75, across) * (1.0 - 0.75 * along.clamp(0.0, 1.0));
        let top = p.z - (top_line - self.hollow * bulge * (1.0 - across * across).max(0.0) + rise);
        let bottom_line = zpi + (zai - zpi) * along;
        let arched = (1.0 - (2.0 * along.max(0.0).powf(self.apex) - 1.0).powi(2)).max(0.0);
        let bevel = self.bevel * smooth_step(0.3, 1.0, across);
        let bottom = bottom_line + self.vault * arched * (1.0 - 0.5 * across * across) + bevel - p.z;
        let edge = self.round + self.brow * smooth_step(0.1, 0.8, dx);
        let lower = self.round * (1.0 - self.keen * smooth_step(0.1, 0.8, -dx));
        smooth_max(smooth_max(side, top, edge), bottom, lower)
    }
}

impl Shape {
    /// The signed distance of `p`.
    pub fn distance(&self, p: Vec3) -> f32 {
        match self {
            Self::Ellipsoid { centre, radii } => {
                let q = p - *centre;
                let k0 = q.zip(*radii, |a, r| a / r).length();
                let k1 = q.zip(*radii, |a, r| a / (r * r)).length();
                if k1 > 0.0 { k0 * (k0 - 1.0) / k1 } else { -radii.x.min(radii.y).min(radii.z) }
            }
            Self::Rod { from, to, radii, rise } => {
                let (axis, q) = (*to - *from, p - *from);
                let share = |q: Vec3| (q.dot(axis) / axis.dot(axis).max(1e-6)).clamp(0.0, 1.0);
                let mut t = share(q);
                let mut offset = q - axis * t;
                if *rise > 0.0 {
                    // Slide along z as far as the plate reaches, then look again for the nearest point of the axis.
                    let slide = offset.z.clamp(-rise, *rise);
                    let lowered = q - v(0.0, 0.0, slide);
                    t = share(lowered);
                    offset = q - axis * t;
                    offset.z -= offset.z.clamp(-rise, *rise);
                }
                offset.length() - (radii.0 + (radii.1 - radii.0) * t)
            }
            Self::Block { centre, half, round, shear } => {
                let q = p - *centre;
                let q = v(q.x, q.y, q.z - shear * q.x);
                let d = v(q.x.abs() - half.x + round, q.y.abs() - half.y + round, q.z.abs() - half.z + round);
                let outside = v(d.x.max(0.0), d.y.max(0.0), d.z.max(0.0)).length();
                (outside + d.x.max(d.y).max(d.z).min(0.0) - round) / (1.0 + shear * shear).sqrt()
            }
            Self::Body(body) => body.distance(p),
        }
    }

    /// A box around it.
    pub fn bounds(&self) -> Bounds {
        match self {
            Self::Ellipsoid { centre, radii } => Bounds::about(*centre, *radii),
            Self::Rod { from, to, radii, rise } => {
                let r = radii.0.max(radii.1);
                let reach = v(r, r, r + rise);
                Bounds::about(*from, reach).union(Bounds::about(*to, reach))
            }
            Self::Block { centre, half, shear, .. } => {
                Bounds::about(*centre, v(half.x, half.y, half.z + shear.abs() * half.x))
            }
            Self::Body(b) => {
                let (mut low, mut high) = (v(f32::MAX, -b.half_width, f32::MAX), v(f32::MIN, b.half_width, f32::MIN));
                for (x, z) in b.corners {
                    low = v(low.x.min(x), low.y, low.z.min(z));
                    high = v(high.x.max(x), high.y, high.z.max(z + b.uncus));
                }
                Bounds { low, high }
            }
        }
    }

    /// The same shape on the other side of the mid-sagittal plane.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Ellipsoid { centre, radii } => Self::Ellipsoid { centre: centre.mirrored(), radii },
            Self::Rod { from, to, radii, rise } => Self::Rod { from: from.mirrored(), to: to.mirrored(), radii, rise },
            Self::Block { centre, half, round, shear } => Self::Block { centre: centre.mirrored(), half, round, shear },
            Self::Body(_) => self,
        }
    }
}

fn smooth_step(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn smooth_min(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0) / k.max(1e-6);
    a.min(b) - h * h * k / 4.0
}

fn smooth_max(a: f32, b: f32, k: f32) -> f32 {
    -smooth_min(-a, -b, k)
}

/// What a solid is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)] // The fields are told with their variant.
pub enum Tissue {
    /// A cortex of `cortex` millimetres over cancellous bone that holds the share `cancellous` of its mineral.
    Bone { cortex: f32, cancellous: f32 },
    /// Muscle, fat, organs: water.
    Soft,
    /// Air inside soft tissue.
    Air,
    /// Steel, titanium, amalgam: weakens the beam so many times as much as cortical bone, beyond the water displaced.
    Metal { density: f32 },
}

/// [`Tissue::Metal`]'s density of titanium: 9.6 at 40 keV, 7.6 at 62 (NIST XCOM).
pub const TITANIUM: f32 = 8.5;
/// [`Tissue::Metal`]'s density of steel, 28 at 40 keV, 21 at 62 (NIST XCOM); silver and gold stop more.
pub const STEEL: f32 = 24.0;

/// Shapes joined smoothly into one body of one tissue, with its place in the world.
#[derive(Debug, Clone)]
pub struct Solid {
    /// The joined shapes.
    pub parts: Vec<Shape>,
    /// What is cut out of them.
    pub holes: Vec<Shape>,
    /// How softly parts flow into each other, millimetres.
    pub blend: f32,
    /// What it is made of.
    pub tissue: Tissue,
    /// Its place.
    pub frame: Frame,
    /// The distance between samples, millimetres.
    pub grain: f32,
}

/// Samples a side of the blocks that are looked at as a whole before each sample is.
const BLOCK: usize = 6;

/// A solid's distances on a regular grid.
#[derive(Debug, Clone)]
pub struct Grid {
    /// The box that is sampled.
    pub bounds: Bounds,
    step: f32,
    size: [usize; 3],
    distance: Vec<f32>,
    texture: Vec<f32>,
}

impl Solid {
    /// The signed distance of `p`, a point of the solid's own frame.
    pub fn distance(&self, p: Vec3) -> f32 {
        let joined = self.parts.iter().fold(f32::MAX, |d, s| smooth_min(d, s.distance(p), self.blend));
        self.holes.iter().fold(joined, |d, s| d.max(-s.distance(p)))
    }

    /// Samples it. Cancellous bone gets a texture from `draw`.
    pub fn sampled(&self, draw: &mut Draw) -> Option<Grid> {
        let bounds = self.parts.iter().map(Shape::bounds).reduce(Bounds::union)?.grown(2.0 * self.grain + self.blend);
        let step = self.grain;
        let extent = bounds.high - bounds.low;
        let size = [extent.x, extent.y, extent.z].map(|e| (e / step).ceil() as usize + 1);
        let [nx, ny, nz] = size;
        // A sphere around each shape lets most of them be passed over at most points.
        let near: Vec<(Vec3, f32, &Shape)> = self
            .parts
            .iter()
            .map(|s| {
                let b = s.bounds();
                ((b.low + b.high) * 0.5, (b.high - b.low).length() / 2.0, s)
            })
            .collect();
        let exact = |p: Vec3| {
            let mut d = f32::MAX;
            for (centre, radius, shape) in &near {
                if (p - *centre).length() - radius < d + self.blend {
                    d = smooth_min(d, shape.distance(p), self.blend);
                }
            }
            self.holes.iter().fold(d, |d, s| d.max(-s.distance(p)))
        };
        // Only near the surface is the distance wanted exactly: a block that lies wholly outside or deep inside takes
        // that of its centre, made so much smaller that a marching ray never oversteps.
        let mut distance = vec![0.0f32; nx * ny * nz];
        let reach = BLOCK as f32 * step * 0.87;
        let skin = match self.tissue {
            Tissue::Bone { cortex, .. } => cortex + 2.0 * step,
            _ => 2.0 * step,
        };
        let blocks = |n: usize| (0..n).step_by(BLOCK).map(move |from| (from, (from + BLOCK).min(n)));
        for (z0, z1) in blocks(nz) {
            for (y0, y1) in blocks(ny) {
                for (x0, x1) in blocks(nx) {
                    let middle = v((x0 + x1 - 1) as f32, (y0 + y1 - 1) as f32, (z0 + z1 - 1) as f32) * (0.5 * step);
                    let d = exact(bounds.low + middle);
                    let far = if d > reach + step {
                        Some((d - reach).min(0.75 * d))
                    } else if d < -(reach + skin) {
                        Some(d + reach)
                    } else {
                        None
                    };
                    for z in z0..z1 {
                        for y in y0..y1 {
                            let line = (z * ny + y) * nx;
                            for (x, slot) in (x0..x1).zip(&mut distance[line + x0..line + x1]) {
                                *slot =
                                    far.unwrap_or_else(|| exact(bounds.low + v(x as f32, y as f32, z as f32) * step));
                            }
                        }
                    }
                }
            }
        }
        let texture = match self.tissue {
            Tissue::Bone { .. } => self.texture(&distance, size, bounds.low, draw),
            _ => Vec::new(),
        };
        Some(Grid { bounds, step, size, distance, texture })
    }

    /// The density of each sample inside the bone about the mean of its cancellous bone.
    ///
    /// Trabeculae stand in plates: noise that is the same along the beam shows on the film, noise that is not averages
    /// out. A vertebra's arch is denser than its body, and the bone thickens towards the end-plates.
    fn texture(&self, distance: &[f32], [nx, ny, nz]: [usize; 3], low: Vec3, draw: &mut Draw) -> Vec<f32> {
        let body = self.parts.iter().find_map(|part| if let Shape::Body(body) = part { Some(body) } else { None });
        let (arch, plate) = (draw.even(1.0, 2.8), draw.even(0.3, 3.2));
        let (plates, grains) = (draw.even(0.15, 0.6), draw.even(0.3, 0.7));
        let mut rng = draw.quick();
        let sheet: Vec<f32> = (0..nx * nz).map(|_| 1.0 + plates * (2.0 * rng.even() - 1.0)).collect();
        let mut texture = vec![1.0f32; distance.len()];
        for (i, (value, _)) in texture.iter_mut().zip(distance).enumerate().filter(|(_, (_, d))| **d < 0.0) {
            let (x, y, z) = (i % nx, (i / nx) % ny, i / (nx * ny));
            let here = sheet.get(z * nx + x).copied().unwrap_or(1.0);
            *value = here * (1.0 + grains * (2.0 * rng.even() - 1.0));
            if let Some(body) = body {
                let p = low + v(x as f32, y as f32, z as f32) * self.grain;
                let (inside, depth) = body.depth(p);
                *value *= if inside { 1.0 + plate * (-depth / 1.1).exp() } else { arch };
            }
        }
        texture
    }
}

impl Grid {
    /// The distance between samples.
    pub const fn step(&self) -> f32 {
        self.step
    }

    /// The distance at `p`, trilinear, and the texture, that of the nearest sample; outside the box the border's.
    pub fn at(&self, p: Vec3) -> (f32, f32) {
        let q = (p - self.bounds.low) * (1.0 / self.step);
        let [nx, ny, nz] = self.size;
        let split = |x: f32, n: usize| {
            let x = x.clamp(0.0, (n - 1) as f32 - 1e-3);
            let whole = x as usize;
            (whole, x - whole as f32)
        };
        let ((x, fx), (y, fy), (z, fz)) = (split(q.x, nx), split(q.y, ny), split(q.z, nz));
        let base = (z * ny + y) * nx + x;
        let pair = |i: usize| match self.distance.get(i..i + 2) {
            Some([a, b]) => a + (b - a) * fx,
            _ => 0.0,
        };
        let plane = |i: usize| {
            let (a, b) = (pair(i), pair(i + nx));
            a + (b - a) * fy
        };
        let (a, b) = (plane(base), plane(base + nx * ny));
        (a + (b - a) * fz, self.texture.get(base).copied().unwrap_or(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rod_is_as_thick_as_it_says() {
        let rod = Shape::Rod { from: v(0.0, 0.0, 0.0), to: v(10.0, 0.0, 0.0), radii: (2.0, 2.0), rise: 0.0 };
        assert!((rod.distance(v(5.0, 0.0, 3.0)) - 1.0).abs() < 1e-5);
        let plate = Shape::Rod { from: v(0.0, 0.0, 0.0), to: v(10.0, 0.0, 0.0), radii: (2.0, 2.0), rise: 4.0 };
        assert!((plate.distance(v(5.0, 0.0, 7.0)) - 1.0).abs() < 1e-5);
        assert!((plate.distance(v(5.0, 5.0, 3.0)) - 3.0).abs() < 1e-5);
    }

    #[test]
    fn the_landmark_of_a_body_lies_on_its_surface() {
        for (brow, vault, keen) in [(0.0, 0.0, 0.0), (0.0, 3.5, 0.9), (6.0, 1.2, 0.5)] {
            let body = BodyShape {
                corners: [(7.5, 4.0), (8.0, -8.0), (-7.5, 7.0), (-7.5, -6.0)],
                half_width: 9.0,
                waist: 0.6,
                vault,
                hollow: 0.4,
                uncus: 3.0,
                brow,
                bevel: 2.0 * keen,
                keen,
                apex: 0.8,
                round: 1.6,
            };
            for i in [0, 1, 3] {
                let off = body.distance(body.corner(i));
                assert!(off.abs() < 0.01, "corner {i}, brow {brow}, vault {vault}: {off}");
            }
            // A wedge so low that its upper front corner lies below the middle.
            let wedge = BodyShape { corners: [(7.5, -0.5), (8.0, -5.0), (-7.5, 5.0), (-7.5, -4.0)], ..body };
            assert!(wedge.distance(wedge.corner(0)).abs() < 0.01, "{:?}", wedge.corner(0));
            // Where rounding leaves no front at all the search stays near.
            let worn = BodyShape { brow: 30.0, round: 2.2, ..wedge };
            assert!((worn.corner(1) - v(8.0, 0.0, -5.0)).length() < 6.5, "{:?}", worn.corner(1));
            // The crossing of two walls that a smooth maximum of size k joins lies k/4 above both.
            let off = body.distance(body.corner(2));
            assert!((0.3..0.5).contains(&off), "brow {brow}, vault {vault}: {off}");
        }
    }
}
