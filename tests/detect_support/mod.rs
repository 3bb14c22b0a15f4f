//! Films with painted discs, and engines that find them by arithmetic.
//!
//! The film bears a disc for each landmark, each of its own grey value. The engines look for these grey values in the very
//! tensors that the pre-processing made, and paint a Gaussian where they find one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, missing_docs)]

use sagitta::detect::Detector;
use sagitta::domain::anatomy::{Facing, LandmarkId};
use sagitta::domain::geometry::PointPx;
use sagitta::domain::matrix::Symmetric;
use sagitta::domain::radiograph::GrayImage;
use sagitta::inference::engine::{Engine, EngineError, Facts, Outputs, Signature, Tensor, TensorSpec};
use sagitta::inference::manifest::{
    Decoder, DetectorModel, Heatmaps, LocatorModel, Model, Normalisation, PatchFrame, Quality, RefinerModel, SecondPass,
};

pub(crate) const SIDE: usize = 512;
pub(crate) const MAP: usize = 256;
pub(crate) const ABSENT: f64 = 11.09;

pub(crate) fn model() -> DetectorModel {
    let spec = |name: &str, shape: &[usize]| TensorSpec { name: name.into(), shape: shape.to_vec() };
    DetectorModel {
        model: Model {
            role: "detector",
            path: "fake.onnx".into(),
            sha256: "0".repeat(64),
            licence: "Apache-2.0".into(),
            trained_on: "nothing".into(),
            signature: Signature {
                input: spec("image", &[1, 1, SIDE, SIDE]),
                outputs: vec![spec("heatmaps", &[1, 34, MAP, MAP]), spec("quality", &[1, 5])],
            },
        },
        normalisation: Normalisation { low_quantile: 0.0, high_quantile: 1.0, black: 0.0, white: 1.0 },
        heatmaps: Heatmaps {
            output: "heatmaps".into(),
            landmarks: LandmarkId::all().map(|id| format!("{}.{}", id.vertebra().name(), id.part())).collect(),
            decoder: Decoder::Softmax { absent_logit: Some(ABSENT) },
            window: 6,
            target_sigma: 1.5,
            sigma_factor: 1.0,
            sigma_floor: 0.2,
            floors: None,
            spreads: Vec::new(),
        },
        quality: Some(Quality { output: "quality".into(), lateral_cervical: 0, c7: [1, 2, 3], rotation: Some(4) }),
        second_pass: Some(SecondPass { level_height: 0.092, upright: true, looks: 2, skip_within: 0.05 }),
    }
}

/// What the fake paints beside the truth.
#[derive(Default, Clone)]
pub(crate) struct Mischief {
    /// For these channels the landmark four channels further on (the level below) is painted too, with this much more mass.
    pub(crate) level_below: Vec<(usize, f32)>,
    /// These channels are painted this share of the way up to the landmark four channels before (the level above), and less surely.
    pub(crate) drawn_up: Vec<(usize, f64)>,
    /// The answer holds a number that is not finite.
    pub(crate) broken: bool,
    /// These channels are painted this far off, in pixels of the map.
    pub(crate) shifted: Vec<(usize, (f64, f64))>,
    /// These channels are not painted.
    pub(crate) blind: Vec<usize>,
    /// The spread of what is painted, where not that of training.
    pub(crate) sigma: Option<f64>,
}

pub(crate) struct Painter {
    pub(crate) model: DetectorModel,
    pub(crate) facts: Facts,
    pub(crate) mischief: Mischief,
    pub(crate) runs: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

/// The grey value of landmark `k`'s disc, as a share of white.
pub(crate) fn level(k: usize) -> f32 {
    (k as f32 + 2.0) / 40.0
}

/// The centre of the disc of landmark `k` on a tensor: the mean of the pixels whose whole neighbourhood has its grey.
pub(crate) fn find(input: &[f32], side: usize, k: usize) -> Option<(f64, f64)> {
    let same = |i: usize| (input[i] - level(k)).abs() < 0.004;
    let (mut n, mut sx, mut sy) = (0.0, 0.0, 0.0);
    for y in 1..side - 1 {
        for x in 1..side - 1 {
            let i = y * side + x;
            if same(i) && same(i - 1) && same(i + 1) && same(i - side) && same(i + side) {
                (n, sx, sy) = (n + 1.0, sx + x as f64 + 0.5, sy + y as f64 + 0.5);
            }
        }
    }
    (n >= 3.0).then(|| (sx / n, sy / n))
}

/// Paints a Gaussian of logits with its peak at (`x`, `y`) of the map.
pub(crate) fn paint(map: &mut [f32], side: usize, (x, y): (f64, f64), sigma: f64, peak: f32) {
    for (i, value) in map.iter_mut().enumerate() {
        let (u, v) = ((i % side) as f64 + 0.5 - x, (i / side) as f64 + 0.5 - y);
        *value = value.max(peak - ((u * u + v * v) / (2.0 * sigma * sigma)) as f32);
    }
}

impl Engine for Painter {
    fn signature(&self) -> &Signature {
        &self.model.model.signature
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        self.runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let found: Vec<_> = (0..34).map(|k| find(input.data(), SIDE, k)).collect();
        let mut maps = vec![-4.0_f32; 34 * MAP * MAP];
        let sigma = self.mischief.sigma.unwrap_or(1.5);
        let mut paint_on = |k: usize, (x, y): (f64, f64), extra: f32| {
            let (dx, dy) = self.mischief.shifted.iter().find(|(c, _)| *c == k).map_or((0.0, 0.0), |(_, by)| *by);
            let map = &mut maps[k * MAP * MAP..(k + 1) * MAP * MAP];
            paint(map, MAP, (x / 2.0 + dx, y / 2.0 + dy), sigma, 14.0 + extra);
        };
        for (k, place) in found.iter().enumerate().filter(|(k, _)| !self.mischief.blind.contains(k)) {
            if let Some(place) = place {
                paint_on(k, *place, 0.0);
            }
        }
        for &(k, extra) in &self.mischief.level_below {
            if let Some(place) = found[k + 4] {
                paint_on(k, place, extra);
            }
        }
        for &(k, share) in &self.mischief.drawn_up {
            if let Some((here, above)) = found[k].zip(found[k - 4]) {
                let place = (here.0 + share * (above.0 - here.0), here.1 + share * (above.1 - here.1));
                paint_on(k, place, -3.0);
            }
        }
        if self.mischief.broken {
            maps[7] = f32::NAN;
        }
        let neck = if found.iter().filter(|f| f.is_some()).count() > 8 { 4.0 } else { -4.0 };
        let raw = vec![
            ("quality".to_owned(), Tensor::new(vec![1, 5], vec![neck, 0.0, 3.0, 0.0, 7.5]).unwrap()),
            ("heatmaps".to_owned(), Tensor::new(vec![1, 34, MAP, MAP], maps).unwrap()),
        ];
        Outputs::checked(&self.model.model.signature, raw)
    }
}

/// The landmarks of a plain neck: levels `height` apart down a slight curve, facing left or right.
pub(crate) fn neck(top: PointPx, height: f64, facing: Facing) -> Vec<PointPx> {
    LandmarkId::all()
        .map(|id| {
            let v = id.vertebra() as usize as f64;
            let (forward, down) = match id {
                LandmarkId::Corner(_, c) => match c as usize {
                    0 => (0.45, -0.37),
                    1 => (0.45, 0.37),
                    2 => (-0.45, -0.37),
                    _ => (-0.45, 0.37),
                },
                LandmarkId::Spinolaminar(_, end) => (-1.35, if end as usize == 0 { -0.1 } else { 0.35 }),
            };
            let bend = -0.04 * (v - 2.5).powi(2);
            let x = top.x + facing.sign() * height * (forward + bend);
            PointPx::new(x, top.y + height * (v + down))
        })
        .collect()
}

pub(crate) fn film(width: usize, height: usize, landmarks: &[PointPx], radius: f64) -> GrayImage {
    let mut pixels = vec![0_u16; width * height];
    // White in a corner, so that the stretched grey values are the painted ones.
    for y in 0..height / 40 {
        pixels[y * width..y * width + width / 40].fill(65_535);
    }
    // White along a third of each edge, so that no border of one tone is cut off.
    for x in 0..width / 3 {
        (pixels[x], pixels[(height - 1) * width + x]) = (65_535, 65_535);
    }
    for y in 0..height / 3 {
        (pixels[y * width], pixels[(y + 1) * width - 1]) = (65_535, 65_535);
    }
    for (k, p) in landmarks.iter().enumerate() {
        for y in (p.y - radius).max(0.0) as usize..((p.y + radius) as usize + 1).min(height) {
            for x in (p.x - radius).max(0.0) as usize..((p.x + radius) as usize + 1).min(width) {
                if PointPx::new(x as f64 + 0.5, y as f64 + 0.5).distance(*p) <= radius {
                    pixels[y * width + x] = (level(k) * 65_535.0) as u16;
                }
            }
        }
    }
    // White in each body, so that a patch of it is stretched like the film.
    for body in landmarks.chunks_exact(4).take(6) {
        let (x, y) = (body.iter().map(|p| p.x).sum::<f64>() / 4.0, body.iter().map(|p| p.y).sum::<f64>() / 4.0);
        for v in (y - radius / 2.0).max(0.0) as usize..((y + radius / 2.0) as usize).min(height) {
            for u in (x - radius / 2.0).max(0.0) as usize..((x + radius / 2.0) as usize).min(width) {
                pixels[v * width + u] = 65_535;
            }
        }
    }
    GrayImage::new(width, height, pixels).unwrap()
}

pub(crate) fn detector(mischief: Mischief) -> (Detector, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let runs = std::sync::Arc::default();
    let facts =
        Facts { role: "detector".into(), provider: "fake".into(), precision: "fp32".into(), sha256: "0".repeat(64) };
    let engine = Painter { model: model(), facts, mischief, runs: std::sync::Arc::clone(&runs) };
    (Detector::new(Box::new(engine), model()).unwrap(), runs)
}

pub(crate) const PATCH: usize = 128;
pub(crate) const PATCH_MAP: usize = 64;
const FRAME: PatchFrame = PatchFrame { level_height: 46.0 / 128.0, behind: 0.45 };

/// A specialist that takes `batch` patches at a time.
pub(crate) fn specialist_model(batch: usize) -> RefinerModel {
    let spec = |name: &str, shape: &[usize]| TensorSpec { name: name.into(), shape: shape.to_vec() };
    let whole = model();
    RefinerModel {
        model: Model {
            role: "refiner_body",
            signature: Signature {
                input: spec("patch", &[batch, 1, PATCH, PATCH]),
                outputs: vec![spec("heatmaps", &[batch, 6, PATCH_MAP, PATCH_MAP])],
            },
            ..whole.model
        },
        normalisation: whole.normalisation,
        heatmaps: Heatmaps {
            landmarks: [
                "antero_superior",
                "antero_inferior",
                "postero_superior",
                "postero_inferior",
                "spinolaminar_superior",
                "spinolaminar_inferior",
            ]
            .map(str::to_owned)
            .to_vec(),
            decoder: Decoder::Softmax { absent_logit: Some((4096.0_f64).ln()) },
            window: 5,
            ..whole.heatmaps
        },
        patch: FRAME,
        looks: 1,
    }
}

/// Where on a patch the body's centre is promised to be.
const PROMISED: (f64, f64) = (64.0 - FRAME.behind * 46.0, 64.0);

/// Finds the level that stands where its patch should show one.
pub(crate) struct Specialist {
    pub(crate) model: RefinerModel,
    pub(crate) facts: Facts,
    /// It says that it does not see what it was promised.
    pub(crate) refuses: bool,
    /// It errs by so many patch pixels along x, to the one side and to the other in turn.
    pub(crate) wobble: f64,
    /// What it finds is drawn by this share to where it was promised, and then it is unsure.
    pub(crate) leans: f64,
}

impl Specialist {
    pub(crate) fn boxed(batch: usize, refuses: bool) -> Box<Self> {
        let facts = Facts {
            role: "refiner_body".into(),
            provider: "fake".into(),
            precision: "fp32".into(),
            sha256: "1".repeat(64),
        };
        Box::new(Self { model: specialist_model(batch), facts, refuses, wobble: 0.0, leans: 0.0 })
    }

    /// The marks of the level nearest to the promised place, on one patch.
    fn marks(patch: &[f32]) -> Vec<Option<(f64, f64)>> {
        let corners = |v: usize| (4 * v..4 * v + 4).map(|k| find(patch, PATCH, k)).collect::<Vec<_>>();
        let off = |v: usize| {
            let found: Vec<_> = corners(v).into_iter().flatten().collect();
            let n = found.len() as f64;
            let (x, y) = found.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
            (found.len() >= 3).then(|| (x - PROMISED.0).hypot(y - PROMISED.1))
        };
        let nearest = (0..6).filter_map(|v| Some((off(v)?, v))).min_by(|a, b| a.0.total_cmp(&b.0));
        nearest.map_or_else(Vec::new, |(_, v)| {
            let laminae = (0..2).map(|e| if v == 0 { None } else { find(patch, PATCH, 22 + 2 * v + e) });
            corners(v).into_iter().chain(laminae).collect()
        })
    }
}

impl Engine for Specialist {
    fn signature(&self) -> &Signature {
        &self.model.model.signature
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        let batch = input.shape()[0];
        let area = PATCH_MAP * PATCH_MAP;
        let mut maps = vec![-6.0_f32; batch * 6 * area];
        for (n, patch) in input.data().chunks_exact(PATCH * PATCH).enumerate().filter(|_| !self.refuses) {
            let marks = Self::marks(patch);
            let corners: Vec<_> = marks.iter().take(4).copied().flatten().collect();
            let beside = |of: &dyn Fn(&(f64, f64)) -> f64, promised: f64| {
                self.leans * (corners.iter().map(of).sum::<f64>() / corners.len().max(1) as f64 - promised)
            };
            let drawn = (beside(&|p| p.0, PROMISED.0), beside(&|p| p.1, PROMISED.1));
            for (k, mark) in marks.into_iter().enumerate() {
                if let Some((x, y)) = mark {
                    let at = (6 * n + k) * area;
                    let place = ((x + self.wobble - drawn.0) / 2.0, (y - drawn.1) / 2.0);
                    let sigma = if self.leans > 0.0 { 3.0 } else { 1.5 };
                    paint(&mut maps[at..at + area], PATCH_MAP, place, sigma, 14.0);
                }
            }
        }
        self.wobble = -self.wobble;
        let maps = Tensor::new(vec![batch, 6, PATCH_MAP, PATCH_MAP], maps).unwrap();
        Outputs::checked(self.signature(), vec![("heatmaps".to_owned(), maps)])
    }
}

/// Says that C7 lies below C6 as C6 below C5, give or take a tenth of a level.
pub(crate) struct Straight {
    pub(crate) model: LocatorModel,
    pub(crate) facts: Facts,
}

impl Straight {
    pub(crate) fn boxed() -> Box<Self> {
        let spec = |name: &str, shape: &[usize]| TensorSpec { name: name.into(), shape: shape.to_vec() };
        let landmarks: Vec<String> = LandmarkId::all()
            .filter(|id| id.vertebra().name() == "C7")
            .take(4)
            .map(|id| format!("C7.{}", id.part()))
            .collect();
        let signature =
            Signature { input: spec("levels", &[1, 60]), outputs: vec![spec("places", &[1, 3 * landmarks.len()])] };
        let model = Model { role: "locator", signature, ..model().model };
        let facts =
            Facts { role: "locator".into(), provider: "fake".into(), precision: "fp32".into(), sha256: "2".repeat(64) };
        // Along each axis alike, the axes apart.
        let c7_correlation = Symmetric::from_fn(2 * landmarks.len(), |i, j| match (i == j, i % 2 == j % 2) {
            (true, _) => 1.0,
            (false, alike) => 0.8 * f64::from(u8::from(alike)),
        });
        Box::new(Self {
            model: LocatorModel { model, output: "places".into(), landmarks, sigma_factor: 1.0, c7_correlation },
            facts,
        })
    }
}

impl Engine for Straight {
    fn signature(&self) -> &Signature {
        &self.model.model.signature
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        let (c5, c6) = (&input.data()[36..48], &input.data()[48..60]);
        let place = |i: usize| [2.0 * c6[i] - c5[i], 2.0 * c6[i + 1] - c5[i + 1], 0.1_f32.ln()];
        let places = Tensor::new(vec![1, 12], (0..12).step_by(3).flat_map(place).collect()).unwrap();
        Outputs::checked(self.signature(), vec![("places".to_owned(), places)])
    }
}
