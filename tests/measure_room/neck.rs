//! Necks made by hand: bodies as rectangles that stand on a curve, in millimetres, laid on a film.

use rand::Rng;
use sagitta::domain::anatomy::{
    Corner, Facing, Keypoints, LANDMARKS, LaminaEnd, Landmark, LandmarkId, Stage, Vertebra,
};
use sagitta::domain::detection::{C7Visibility, Detection};
use sagitta::domain::geometry::{Covariance, PixelSpacing, PointPx, SpacingSource};

/// A neck in millimetres, anterior = +x, up = +y, C2 first.
#[derive(Debug, Clone)]
pub(crate) struct Neck {
    /// θ of each body: positive where its front is raised.
    pub(crate) tilt_deg: [f64; 6],
    /// How far each body stands forward of where the curve would have it.
    pub(crate) forward: [f64; 6],
    /// Front to back.
    pub(crate) depth: [f64; 6],
    /// End-plate to end-plate.
    pub(crate) height: [f64; 6],
    /// Between the bodies, in the middle.
    pub(crate) disc: f64,
    /// Posterior wall to spinolaminar line, C3…C7.
    pub(crate) canal: [f64; 5],
}

impl Default for Neck {
    fn default() -> Self {
        Self {
            tilt_deg: [2.0, -1.0, -6.0, -11.0, -17.0, -22.0],
            forward: [0.0; 6],
            depth: [16.0, 15.8, 16.0, 16.4, 17.0, 17.4],
            height: [19.0, 13.5, 13.0, 12.8, 13.0, 14.2],
            disc: 5.0,
            canal: [15.5, 15.0, 15.0, 15.2, 15.4],
        }
    }
}

/// Where the film lies under the neck.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placing {
    /// Millimetres a pixel.
    pub(crate) mm_per_pixel: f64,
    /// The side towards which the patient looks.
    pub(crate) facing: Facing,
    /// The middle of C2 on the film, pixels.
    pub(crate) c2: (f64, f64),
    /// The spread of every landmark, pixels.
    pub(crate) sigma: f64,
}

impl Default for Placing {
    fn default() -> Self {
        Self { mm_per_pixel: 0.15, facing: Facing::Left, c2: (500.0, 350.0), sigma: 2.0 }
    }
}

impl Neck {
    /// A neck that no two calls make alike: tilts, slips and sizes within what a clinic sees.
    pub(crate) fn random(rng: &mut impl Rng) -> Self {
        let mut neck = Self::default();
        let mut tilt = rng.random_range(-15.0..20.0);
        for v in 0..6 {
            neck.tilt_deg[v] = tilt;
            tilt -= rng.random_range(-6.0..12.0);
            neck.forward[v] = rng.random_range(-2.5..2.5);
            neck.depth[v] *= rng.random_range(0.9..1.1);
            neck.height[v] *= rng.random_range(0.9..1.1);
        }
        neck.disc = rng.random_range(3.5..6.5);
        for canal in &mut neck.canal {
            *canal = rng.random_range(9.0..19.0);
        }
        neck
    }

    /// The landmarks in millimetres about the middle of C2, in the order of the index.
    pub(crate) fn points_mm(&self) -> [(f64, f64); LANDMARKS] {
        let mut points = [(0.0, 0.0); LANDMARKS];
        let mut centre = (0.0, 0.0);
        for v in 0..6 {
            let (s, c) = self.tilt_deg[v].to_radians().sin_cos();
            let (front, up) = ((c, s), (-s, c));
            if v > 0 {
                // Half a body down along the upper axis, the disc, half a body down along the lower one.
                let (us, uc) = self.tilt_deg[v - 1].to_radians().sin_cos();
                let above = self.height[v - 1] / 2.0 + self.disc / 2.0;
                let below = self.height[v] / 2.0 + self.disc / 2.0;
                centre.0 += us * above + s * below + self.forward[v];
                centre.1 -= uc * above + c * below;
            }
            let at = |f: f64, u: f64| (centre.0 + f * front.0 + u * up.0, centre.1 + f * front.1 + u * up.1);
            let (d, h) = (self.depth[v] / 2.0, self.height[v] / 2.0);
            for (i, (f, u)) in [(d, h), (d, -h), (-d, h), (-d, -h)].into_iter().enumerate() {
                points[4 * v + i] = at(f, u);
            }
            if v > 0 {
                for (i, u) in [0.4 * self.height[v], -0.6 * self.height[v]].into_iter().enumerate() {
                    points[24 + 2 * (v - 1) + i] = at(-d - self.canal[v - 1], u);
                }
            }
        }
        points
    }

    /// The landmarks on a film.
    pub(crate) fn keypoints(&self, placing: Placing) -> Keypoints {
        let place = |(x, y): (f64, f64)| {
            PointPx::new(
                placing.c2.0 + placing.facing.sign() * x / placing.mm_per_pixel,
                placing.c2.1 - y / placing.mm_per_pixel,
            )
        };
        Keypoints::new(self.points_mm().map(|p| {
            Some(Landmark {
                position: place(p),
                covariance: Covariance::isotropic(placing.sigma),
                confidence: 0.9,
                stage: Stage::Global,
            })
        }))
    }

    /// What a model that saw everything surely would say.
    pub(crate) fn detection(&self, placing: Placing) -> Detection {
        Detection {
            keypoints: self.keypoints(placing),
            facing: Some(placing.facing),
            lateral_cervical: 0.98,
            c7_visibility: (C7Visibility::Full, 0.95),
            rotation: Some(2.0),
            disputed: Vec::new(),
            negative: false,
        }
    }
}

/// A spacing that counts as calibrated.
pub(crate) fn calibrated(mm_per_pixel: f64) -> Option<PixelSpacing> {
    PixelSpacing::new(mm_per_pixel, SpacingSource::PixelSpacingCalibrated)
}

/// Every landmark of `vertebra`, corners and spinolaminar line.
pub(crate) fn belongs_to(vertebra: Vertebra) -> impl Fn(LandmarkId) -> bool {
    move |id| id.vertebra() == vertebra
}

/// The keypoints without those that `drop` names.
pub(crate) fn without(keypoints: &Keypoints, drop: impl Fn(LandmarkId) -> bool) -> Keypoints {
    let mut landmarks = [None; LANDMARKS];
    for (id, landmark) in keypoints.iter().filter(|(id, _)| !drop(*id)) {
        landmarks[id.index().unwrap()] = Some(*landmark);
    }
    Keypoints::new(landmarks)
}

/// The same film, each position changed.
pub(crate) fn moved(keypoints: &Keypoints, change: impl Fn(LandmarkId, PointPx) -> PointPx) -> Keypoints {
    keypoints.map(|id, l| Landmark { position: change(id, l.position), ..l })
}

/// A corner by its name.
pub(crate) const fn corner(vertebra: Vertebra, corner: Corner) -> LandmarkId {
    LandmarkId::Corner(vertebra, corner)
}

/// An end of a spinolaminar line by its name.
pub(crate) const fn lamina(vertebra: Vertebra, end: LaminaEnd) -> LandmarkId {
    LandmarkId::Spinolaminar(vertebra, end)
}
