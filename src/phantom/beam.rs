//! The diverging beam: from solids in the room to the thickness of each tissue behind every pixel.
//!
//! The beam runs along y. Its source stands `source_to_detector` in front of the detector, the patient's mid-sagittal
//! plane (y = 0) `patient_to_detector` in front of it, so the film shows the patient magnified.

use std::thread;

use crate::domain::anatomy::Facing;
use crate::domain::geometry::PointPx;

use super::draw::Draw;
use super::solid::{Grid, Solid, Tissue};
use super::space::{Frame, Vec3, v};

/// Where source, patient and film stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beam {
    /// Millimetres.
    pub source_to_detector: f32,
    /// Millimetres, from the mid-sagittal plane.
    pub patient_to_detector: f32,
    /// Which way the patient looks on the film.
    pub facing: Facing,
    /// The point of the mid-sagittal plane (x, z) through which the ray runs that meets the film at right angles.
    pub foot: (f32, f32),
    /// Where that ray meets the film, as shares of its width and height.
    pub centre: (f32, f32),
    /// The film, columns and rows.
    pub size: (usize, usize),
    /// Millimetres on the detector a pixel.
    pub pixel: f32,
}

impl Beam {
    /// How much larger than life the mid-sagittal plane appears.
    pub fn magnification(&self) -> f32 {
        self.source_to_detector / (self.source_to_detector - self.patient_to_detector)
    }

    fn source(&self) -> Vec3 {
        v(self.foot.0, self.source_to_detector - self.patient_to_detector, self.foot.1)
    }

    /// Where a point of the room appears on the film.
    pub fn project(&self, p: Vec3) -> PointPx {
        let source = self.source();
        let scale = self.source_to_detector / (source.y - p.y) / self.pixel;
        let side = self.facing.sign() as f32;
        PointPx::new(
            f64::from(self.centre.0 * self.size.0 as f32 + side * (p.x - source.x) * scale),
            f64::from(self.centre.1 * self.size.1 as f32 - (p.z - source.z) * scale),
        )
    }

    /// The direction of the ray that ends at the film's point (`x`, `y`) in pixels, of unit length.
    fn towards(&self, x: f32, y: f32) -> Vec3 {
        let side = self.facing.sign() as f32;
        let u = side * (x - self.centre.0 * self.size.0 as f32) * self.pixel;
        let w = (self.centre.1 * self.size.1 as f32 - y) * self.pixel;
        let along = v(u, -self.source_to_detector, w);
        along * (1.0 / along.length())
    }

    /// The same beam on a film of coarser or finer pixels.
    pub fn at_pixel(&self, pixel: f32) -> Self {
        let scale = self.pixel / pixel;
        let size = |n: usize| ((n as f32 * scale).ceil() as usize).max(2);
        Self { pixel, size: (size(self.size.0), size(self.size.1)), ..*self }.keeping(self)
    }

    /// Keeps the film's axis where it was although the rounded size differs.
    fn keeping(mut self, old: &Self) -> Self {
        let scale = old.pixel / self.pixel;
        self.centre.0 = old.centre.0 * old.size.0 as f32 * scale / self.size.0 as f32;
        self.centre.1 = old.centre.1 * old.size.1 as f32 * scale / self.size.1 as f32;
        self
    }
}

/// Path lengths behind each pixel, millimetres.
#[derive(Debug, Clone)]
pub struct Thickness {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Millimetres of the tissue.
    pub mm: Vec<f32>,
}

impl Thickness {
    /// Nothing anywhere.
    pub fn empty((width, height): (usize, usize)) -> Self {
        Self { width, height, mm: vec![0.0; width * height] }
    }

    /// The value at continuous pixel coordinates, bilinear, the border's outside.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let split = |x: f32, n: usize| {
            let x = (x - 0.5).clamp(0.0, (n - 1) as f32 - 1e-3);
            (x as usize, x.fract())
        };
        let ((i, fx), (j, fy)) = (split(x, self.width), split(y, self.height));
        let k = j * self.width + i;
        let upper = self.mm[k] + (self.mm[k + 1] - self.mm[k]) * fx;
        let lower = self.mm[k + self.width] + (self.mm[k + self.width + 1] - self.mm[k + self.width]) * fx;
        upper + (lower - upper) * fy
    }
}

/// A tissue's thickness on a film of its own, coarser than the real one by `coarseness`.
#[derive(Debug, Clone)]
pub struct Layer {
    /// On its own pixels.
    pub thickness: Thickness,
    /// The film that those pixels belong to: the same film, coarser.
    pub beam: Beam,
    /// How many pixels of the real film one pixel spans.
    coarseness: f32,
}

impl Layer {
    fn empty(beam: &Beam, sharpness: f32) -> Self {
        let coarse = beam.at_pixel(sharpness.max(beam.pixel));
        Self { thickness: Thickness::empty(coarse.size), coarseness: coarse.pixel / beam.pixel, beam: coarse }
    }

    /// The thickness at continuous pixel coordinates of the real film.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        self.thickness.at(x / self.coarseness, y / self.coarseness)
    }
}

/// What stands behind each pixel. Each layer has only the pixels that its tissue's finest detail needs.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// Spine, teeth and metal, as millimetres of solid cortical bone.
    pub fine: Layer,
    /// Skull, jaw and shoulders, likewise.
    pub broad: Layer,
    /// Soft tissue as millimetres of water, air subtracted.
    pub soft: Layer,
}

/// Pixels of the layers, detector millimetres.
const FINE: f32 = 0.28;
const BROAD: f32 = 0.7;
const SOFT: f32 = 1.6;
/// Solids that are sampled at this or coarser belong to the broad layer, mm.
const BROAD_GRAIN: f32 = 1.7;

/// Casts the shadow of `solids`; textures come from `draw`.
pub fn cast(solids: &[Solid], beam: &Beam, draw: &mut Draw) -> Shadow {
    let seeds: Vec<u64> = solids.iter().map(|_| draw.bits()).collect();
    let (mut fine, mut broad) = (Layer::empty(beam, FINE), Layer::empty(beam, BROAD));
    let (mut soft, mut air) = (Layer::empty(beam, SOFT), Layer::empty(beam, SOFT));
    let grids = in_parallel(solids.len(), |i| solids[i].sampled(&mut Draw::new(seeds[i], 0)));
    for (solid, grid) in solids.iter().zip(grids) {
        let Some(grid) = grid else { continue };
        let layer = match solid.tissue {
            Tissue::Bone { .. } if solid.grain >= BROAD_GRAIN => &mut broad,
            Tissue::Bone { .. } | Tissue::Metal { .. } => &mut fine,
            Tissue::Soft => &mut soft,
            Tissue::Air => &mut air,
        };
        march(solid, &grid, &layer.beam, &mut layer.thickness);
    }
    for (s, a) in soft.thickness.mm.iter_mut().zip(&air.thickness.mm) {
        *s = (*s - a).max(0.0);
    }
    let planes = draw.even(0.3, 1.6);
    uneven(&mut soft.thickness, &[(22.0, 3.0 * planes), (7.0, 1.4 * planes), (2.6, 0.7 * planes)], 60.0, draw);
    let grainy = draw.even(0.05, 0.3);
    uneven(&mut broad.thickness, &[(9.0, 0.9 * grainy), (3.5, grainy), (1.6, grainy)], 3.0, draw);
    Shadow { fine, broad, soft }
}

/// The shadow of `solids` alone, as millimetres of solid cortical bone.
pub fn shadow_of(solids: &[&Solid], beam: &Beam) -> Layer {
    let mut layer = Layer::empty(beam, FINE);
    for solid in solids {
        // The texture of metal is none: the seed says nothing.
        if let Some(grid) = solid.sampled(&mut Draw::new(0, 0)) {
            march(solid, &grid, &layer.beam, &mut layer.thickness);
        }
    }
    layer
}

/// Makes a layer uneven as muscle and fat planes or spongy bone are: sums smooth noise of several grains (pixels, mm),
/// in full where there is `full` mm of the tissue.
fn uneven(map: &mut Thickness, octaves: &[(f32, f32)], full: f32, draw: &mut Draw) {
    let mut rng = draw.quick();
    for &(grain, strength) in octaves {
        let size = ((map.width as f32 / grain) as usize + 3, (map.height as f32 / grain) as usize + 3);
        let mut noise = Thickness::empty(size);
        noise.mm.fill_with(|| 2.0 * (rng.even() + rng.even() - 1.0));
        let shift = (rng.even(), rng.even());
        for (y, row) in map.mm.chunks_exact_mut(map.width).enumerate() {
            for (x, value) in row.iter_mut().enumerate().filter(|(_, v)| **v > 0.05) {
                let n = noise.at(x as f32 / grain + 0.6 + shift.0, y as f32 / grain + 0.6 + shift.1);
                *value = (*value + n * strength * (*value / full).min(1.0)).max(0.0);
            }
        }
    }
}

/// `job(0) … job(n − 1)` on all cores, in order.
fn in_parallel<T: Send>(n: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(n.max(1));
    let mut results: Vec<(usize, T)> = thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|w| {
                let job = &job;
                scope.spawn(move || (w..n).step_by(workers).map(|i| (i, job(i))).collect::<Vec<_>>())
            })
            .collect();
        handles.into_iter().flat_map(|h| h.join().unwrap_or_else(|e| std::panic::resume_unwind(e))).collect()
    });
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, t)| t).collect()
}

/// Adds one solid's thickness to `map`.
fn march(solid: &Solid, grid: &Grid, beam: &Beam, map: &mut Thickness) {
    let Some((columns, rows)) = footprint(solid, grid, beam) else { return };
    let width = map.width;
    let band = &mut map.mm[rows.0 * width..rows.1 * width];
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let lines = (rows.1 - rows.0).div_ceil(workers).max(1);
    thread::scope(|scope| {
        for (i, part) in band.chunks_mut(lines * width).enumerate() {
            let first = rows.0 + i * lines;
            scope.spawn(move || {
                for (j, line) in part.chunks_mut(width).enumerate() {
                    for (x, value) in line.iter_mut().enumerate().take(columns.1).skip(columns.0) {
                        let along = beam.towards(x as f32 + 0.5, (first + j) as f32 + 0.5);
                        *value += path(solid, grid, beam.source(), along);
                    }
                }
            });
        }
    });
}

/// The columns and rows that a solid can reach.
fn footprint(solid: &Solid, grid: &Grid, beam: &Beam) -> Option<((usize, usize), (usize, usize))> {
    let mut low = (f64::MAX, f64::MAX);
    let mut high = (f64::MIN, f64::MIN);
    for corner in grid.bounds.corners() {
        let p = beam.project(solid.frame.point(corner));
        low = (low.0.min(p.x), low.1.min(p.y));
        high = (high.0.max(p.x), high.1.max(p.y));
    }
    let clamp = |a: f64, b: f64, n: usize| {
        let (a, b) = (a.floor().clamp(0.0, n as f64) as usize, b.ceil().clamp(0.0, n as f64) as usize);
        (a < b).then_some((a, b))
    };
    Some((clamp(low.0, high.0, beam.size.0)?, clamp(low.1, high.1, beam.size.1)?))
}

/// Millimetres of the tissue (for bone: of solid cortical bone) along one ray.
fn path(solid: &Solid, grid: &Grid, source: Vec3, along: Vec3) -> f32 {
    let frame: &Frame = &solid.frame;
    let (from, along) = (frame.point_in(source), frame.direction_in(along));
    let Some((enter, leave)) = grid.bounds.clip(from, along) else { return 0.0 };
    let step = grid.step();
    let mut t = enter + 0.5 * step;
    let mut sum = 0.0;
    let covered = |depth: f32| (0.5 - depth / step).clamp(0.0, 1.0);
    while t < leave {
        let (d, texture) = grid.at(from + along * t);
        if d > step {
            // Nothing is nearer than d; a little less, since some shapes only bound their distance.
            t += (0.7 * d).max(step);
            continue;
        }
        // Deep inside nothing changes for a while, but for the texture.
        let stride = match solid.tissue {
            Tissue::Bone { cortex, .. } => (-0.7 * (d + cortex)).clamp(step, 2.0 * step),
            _ => (-0.7 * d).max(step),
        };
        sum += stride
            * match solid.tissue {
                Tissue::Bone { cortex, cancellous } => {
                    let (all, core) = (covered(d), covered(d + cortex));
                    (all - core) + core * cancellous * texture
                }
                Tissue::Metal { density } => density * covered(d),
                Tissue::Soft | Tissue::Air => covered(d),
            };
        t += stride;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::solid::Shape;
    use super::*;

    const BEAM: Beam = Beam {
        source_to_detector: 1500.0,
        patient_to_detector: 250.0,
        facing: Facing::Right,
        foot: (0.0, 0.0),
        centre: (0.5, 0.5),
        size: (200, 200),
        pixel: 0.5,
    };

    fn ball(tissue: Tissue) -> Solid {
        let parts = vec![Shape::Ellipsoid { centre: Vec3::default(), radii: v(10.0, 10.0, 10.0) }];
        Solid { parts, holes: vec![], blend: 0.5, tissue, frame: Frame::WORLD, grain: 0.8 }
    }

    #[test]
    fn a_ball_is_as_thick_as_its_diameter_and_magnified() {
        let solid = ball(Tissue::Metal { density: 1.0 });
        let shadow = cast(&[solid], &BEAM, &mut Draw::new(1, 0));
        let at = |x: f32| shadow.fine.at(x, 100.0);
        assert!((at(100.0) - 20.0).abs() < 0.6, "{}", at(100.0));
        // Radius 10 mm × 1.2 / 0.5 mm = 24 pixels.
        assert!(at(100.0 + 23.0) > 2.0 && at(100.0 + 25.0) < 0.5);
    }

    #[test]
    fn a_point_appears_where_its_ray_ends() {
        let p = v(12.0, 30.0, -7.0);
        let on_film = BEAM.project(p);
        let along = BEAM.towards(on_film.x as f32, on_film.y as f32);
        let t = (p.y - BEAM.source().y) / along.y;
        assert!((BEAM.source() + along * t - p).length() < 1e-2);
    }

    #[test]
    fn a_coarser_film_shows_the_same_at_the_same_place() {
        let coarse = BEAM.at_pixel(1.7);
        let p = v(9.0, 0.0, 5.0);
        let (a, b) = (BEAM.project(p), coarse.project(p));
        assert!((a.x * 0.5 - b.x * 1.7).abs() < 1e-3 && (a.y * 0.5 - b.y * 1.7).abs() < 1e-3);
    }
}
