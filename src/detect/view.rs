//! Where a network's input lies on the film: a similarity, both ways.
//!
//! Both sides count continuous pixels, (0.5, 0.5) the centre of the first. `scripts/train/view.py` says the same in Python.

use crate::domain::geometry::{Covariance, PointPx};

/// `tensor = scale · R(turn) · (film − centre) + middle`, onto a square of `side` pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    centre: PointPx,
    scale: f64,
    turn: f64,
    side: usize,
}

impl View {
    /// The whole film, centred, its aspect kept.
    pub fn letterbox(width: usize, height: usize, side: usize) -> Self {
        let (w, h) = (width as f64, height as f64);
        Self { centre: PointPx::new(w / 2.0, h / 2.0), scale: side as f64 / w.max(h), turn: 0.0, side }
    }

    /// `centre` of the film in the middle, magnified by `scale` and turned by `turn` radians, from x towards y (clockwise as
    /// one looks at the film); `None` unless all numbers are finite and `scale` positive.
    pub fn around(centre: PointPx, scale: f64, turn: f64, side: usize) -> Option<Self> {
        let sane = scale > 0.0 && scale.is_finite() && turn.is_finite() && centre.is_finite();
        sane.then_some(Self { centre, scale, turn, side })
    }

    /// The point of the film in the middle.
    pub const fn centre(&self) -> PointPx {
        self.centre
    }

    /// Tensor pixels for one film pixel.
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// Radians from the film's x towards its y.
    pub const fn turn(&self) -> f64 {
        self.turn
    }

    /// Pixels of the tensor's side.
    pub const fn side(&self) -> usize {
        self.side
    }

    /// A point of the film, on the tensor.
    pub fn to_tensor(&self, film: PointPx) -> PointPx {
        let v = turned(film.from(self.centre), self.turn);
        let middle = self.side as f64 / 2.0;
        PointPx::new(v.x * self.scale + middle, v.y * self.scale + middle)
    }

    /// A point of the tensor, on the film.
    pub fn to_film(&self, tensor: PointPx) -> PointPx {
        let middle = self.side as f64 / 2.0;
        let v = PointPx::new((tensor.x - middle) / self.scale, (tensor.y - middle) / self.scale);
        let v = turned(v, -self.turn);
        PointPx::new(v.x + self.centre.x, v.y + self.centre.y)
    }

    /// A spread on the tensor, on the film.
    pub fn spread_to_film(&self, tensor: Covariance) -> Covariance {
        let (s, c) = (-self.turn).sin_cos();
        let Covariance { xx, xy, yy } = tensor;
        let turned = Covariance {
            xx: c * c * xx - 2.0 * s * c * xy + s * s * yy,
            xy: s * c * (xx - yy) + (c * c - s * s) * xy,
            yy: s * s * xx + 2.0 * s * c * xy + c * c * yy,
        };
        turned.widened(1.0 / self.scale)
    }
}

/// `v` turned by `angle` radians from x towards y.
pub(super) fn turned(v: PointPx, angle: f64) -> PointPx {
    let (s, c) = angle.sin_cos();
    PointPx::new(c * v.x - s * v.y, s * v.x + c * v.y)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_letterboxed_film_is_centred_and_keeps_its_aspect() {
        let view = View::letterbox(1000, 500, 512);
        assert_eq!(view.to_tensor(PointPx::new(0.0, 0.0)), PointPx::new(0.0, 128.0));
        assert_eq!(view.to_tensor(PointPx::new(1000.0, 500.0)), PointPx::new(512.0, 384.0));
    }

    #[test]
    fn a_view_without_a_sane_scale_does_not_exist() {
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(View::around(PointPx::new(1.0, 1.0), scale, 0.0, 512).is_none());
        }
        assert!(View::around(PointPx::new(f64::NAN, 1.0), 1.0, 0.0, 512).is_none());
        assert!(View::around(PointPx::new(1.0, 1.0), 1.0, f64::NAN, 512).is_none());
    }

    #[test]
    fn a_spread_turns_and_shrinks_with_its_view() {
        let view = View::around(PointPx::new(10.0, 10.0), 2.0, FRAC_PI_2, 64).unwrap();
        let film = view.spread_to_film(Covariance { xx: 4.0, xy: 0.5, yy: 16.0 });
        assert!((film.xx - 4.0).abs() < 1e-9 && (film.yy - 1.0).abs() < 1e-9 && (film.xy + 0.125).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_point(
            width in 1_usize..6000, height in 1_usize..6000, x in -100.0..6000.0, y in -100.0..6000.0,
            cx in 0.0..6000.0, cy in 0.0..6000.0, scale in 0.01..10.0, turn in -3.0..3.0,
        ) {
            let film = PointPx::new(x, y);
            let near = View::around(PointPx::new(cx, cy), scale, turn, 512).unwrap();
            for view in [View::letterbox(width, height, 512), near] {
                prop_assert!(view.to_film(view.to_tensor(film)).distance(film) < 1e-6);
            }
        }

        #[test]
        fn a_view_keeps_the_shape_of_what_it_shows(
            ax in 0.0..99.0, ay in 0.0..99.0, bx in 0.0..99.0, by in 0.0..99.0, scale in 0.1..10.0, turn in -3.0..3.0,
        ) {
            let (a, b) = (PointPx::new(ax, ay), PointPx::new(bx, by));
            let view = View::around(PointPx::new(30.0, 60.0), scale, turn, 512).unwrap();
            prop_assert!((view.to_tensor(a).distance(view.to_tensor(b)) - scale * a.distance(b)).abs() < 1e-6);
            prop_assert!(view.to_tensor(view.centre()).distance(PointPx::new(256.0, 256.0)) < 1e-6);
        }
    }
}
