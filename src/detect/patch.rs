//! A specialist's patch: one vertebra upright in its middle, the patient looking to the left, at full resolution.
//!
//! The patch is a [`View`] of the film, mirrored where the patient looks to the right. One level has the same height on every
//! patch, and the patch's middle lies behind the body's centre, so that the spinolaminar line is on it.
//! `scripts/train/patches.py` says the same in Python; a test compares.

use crate::domain::geometry::{Covariance, PointPx};
use crate::domain::radiograph::GrayImage;
use crate::inference::engine::Tensor;
use crate::inference::manifest::{Normalisation, PatchFrame};

use super::column::Stance;
use super::preprocess::see;
use super::view::View;

/// Where a patch lies, both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    view: View,
    mirrored: bool,
}

impl Patch {
    /// The patch of `side` pixels for a vertebra that stands like `stance`; `None` where that has no sane scale.
    pub fn around(stance: &Stance, frame: PatchFrame, side: usize) -> Option<Self> {
        let Stance { centre, forward: f, left, level } = *stance;
        let behind = frame.behind * level;
        let middle = PointPx::new(centre.x - behind * f.x, centre.y - behind * f.y);
        // Backwards becomes +x on the patch: by a turn where the patient looks left, by a turn and a mirror where right.
        let turn = if left { f.y.atan2(-f.x) } else { (-f.y).atan2(f.x) };
        let view = View::around(middle, frame.level_height * side as f64 / level, turn, side)?;
        Some(Self { view, mirrored: !left })
    }

    /// What the network sees: `[1, 1, side, side]`.
    pub fn see(&self, film: &GrayImage, normalisation: &Normalisation) -> Option<Tensor> {
        let seen = see(film, &self.view, normalisation)?;
        if !self.mirrored {
            return Some(seen);
        }
        let mut data = seen.data().to_vec();
        data.chunks_mut(self.view.side()).for_each(<[f32]>::reverse);
        Tensor::new(seen.shape().to_vec(), data)
    }

    /// A point of the patch, on the film.
    pub fn to_film(&self, patch: PointPx) -> PointPx {
        self.view.to_film(self.flipped(patch))
    }

    /// A point of the film, on the patch.
    pub fn to_patch(&self, film: PointPx) -> PointPx {
        self.flipped(self.view.to_tensor(film))
    }

    /// A spread on the patch, on the film.
    pub fn spread_to_film(&self, patch: Covariance) -> Covariance {
        let Covariance { xx, xy, yy } = patch;
        self.view.spread_to_film(Covariance { xx, xy: if self.mirrored { -xy } else { xy }, yy })
    }

    fn flipped(&self, p: PointPx) -> PointPx {
        if self.mirrored { PointPx::new(self.view.side() as f64 - p.x, p.y) } else { p }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::column::tests::body;
    use super::*;

    const FRAME: PatchFrame = PatchFrame { level_height: 0.36, behind: 0.45 };

    #[test]
    fn the_body_stands_upright_and_looks_left_whatever_the_film_shows() {
        for lean in [-0.7, 0.0, 0.5] {
            for mirror in [1.0, -1.0] {
                let corners = body(400.0, 300.0, lean).map(|p| PointPx::new(400.0 + mirror * (p.x - 400.0), p.y));
                let patch = Patch::around(&Stance::of(corners, 18.0).unwrap(), FRAME, 128).unwrap();
                let scale = 0.36 * 128.0 / 18.0;
                let middle = PointPx::new(64.0 - 0.45 * 0.36 * 128.0, 64.0);
                let upright = [(-10.0, -7.5), (-10.0, 7.5), (10.0, -7.5), (10.0, 7.5)];
                for (corner, (x, y)) in corners.into_iter().zip(upright) {
                    let expected = PointPx::new(middle.x + scale * x, middle.y + scale * y);
                    assert!(patch.to_patch(corner).distance(expected) < 1e-9, "{lean} {mirror}");
                }
            }
        }
    }

    #[test]
    fn a_mirrored_patch_shows_the_mirrored_film() {
        let (width, height) = (90, 70);
        let grey = |x: usize, y: usize| ((x * 7919 + y * 104_729) % 50_021) as u16;
        let image = |flip: bool| {
            let at = |i: usize| (if flip { width - 1 - i % width } else { i % width }, i / width);
            let pixels = (0..width * height).map(|i| grey(at(i).0, at(i).1)).collect();
            GrayImage::new(width, height, pixels).unwrap()
        };
        let normalisation = Normalisation { low_quantile: 0.0, high_quantile: 1.0, black: 0.0, white: 1.0 };
        let left = body(40.0, 33.0, 0.2);
        let right = left.map(|p| PointPx::new(width as f64 - p.x, p.y));
        let see = |corners, flip| {
            let patch = Patch::around(&Stance::of(corners, 18.0).unwrap(), FRAME, 32).unwrap();
            patch.see(&image(flip), &normalisation).unwrap()
        };
        let (one, other) = (see(left, false), see(right, true));
        for (a, b) in one.data().iter().zip(other.data()) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_point_and_the_same_spread(
            lean in -3.0..3.0, level in 5.0..300.0, left: bool, x in -500.0..500.0, y in -500.0..500.0,
            xx in 0.1..9.0, yy in 0.1..9.0, r in -0.9..0.9,
        ) {
            let sign = if left { 1.0 } else { -1.0 };
            let stance = Stance::of(body(200.0, 100.0, lean).map(|p| PointPx::new(sign * p.x, p.y)), level).unwrap();
            let patch = Patch::around(&stance, FRAME, 128).unwrap();
            let p = PointPx::new(x, y);
            prop_assert!(patch.to_film(patch.to_patch(p)).distance(p) < 1e-6);
            // The variance along a line is that of the line on the film.
            let c = Covariance { xx, xy: r * f64::sqrt(xx * yy), yy };
            let film = patch.spread_to_film(c);
            let (o, e) = (patch.to_film(PointPx::new(0.0, 0.0)), patch.to_film(PointPx::new(0.6, 0.8)));
            let v = e.from(o);
            let scale = v.x.hypot(v.y);
            let u = PointPx::new(v.x / scale, v.y / scale);
            let on_film = u.x * u.x * film.xx + 2.0 * u.x * u.y * film.xy + u.y * u.y * film.yy;
            let on_patch = 0.36 * c.xx + 2.0 * 0.48 * c.xy + 0.64 * c.yy;
            prop_assert!((on_film / (scale * scale) / on_patch - 1.0).abs() < 1e-6);
        }
    }
}
