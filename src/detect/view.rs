//! Where a network's input lies on the film: a similarity without rotation, both ways.
//!
//! Both sides count continuous pixels, (0.5, 0.5) the centre of the first. `scripts/train/view.py` says the same in Python.

use crate::domain::geometry::{Covariance, PointPx};

/// `tensor = scale · film + shift`, onto a square of `side` pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    scale: f64,
    shift: PointPx,
    side: usize,
}

impl View {
    /// The whole film, centred, its aspect kept.
    pub fn letterbox(width: usize, height: usize, side: usize) -> Self {
        let (w, h, s) = (width as f64, height as f64, side as f64);
        let scale = s / w.max(h);
        Self { scale, shift: PointPx::new((s - scale * w) / 2.0, (s - scale * h) / 2.0), side }
    }

    /// `centre` of the film in the middle, magnified by `scale`; `None` unless all numbers are finite and `scale` positive.
    pub fn around(centre: PointPx, scale: f64, side: usize) -> Option<Self> {
        let half = side as f64 / 2.0;
        let shift = PointPx::new(half - scale * centre.x, half - scale * centre.y);
        (scale > 0.0 && scale.is_finite() && shift.is_finite()).then_some(Self { scale, shift, side })
    }

    /// Tensor pixels for one film pixel.
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// Pixels of the tensor's side.
    pub const fn side(&self) -> usize {
        self.side
    }

    /// Where the film's origin lies on the tensor.
    pub const fn shift(&self) -> PointPx {
        self.shift
    }

    /// A point of the film, on the tensor.
    pub fn to_tensor(&self, film: PointPx) -> PointPx {
        PointPx::new(film.x * self.scale + self.shift.x, film.y * self.scale + self.shift.y)
    }

    /// A point of the tensor, on the film.
    pub fn to_film(&self, tensor: PointPx) -> PointPx {
        PointPx::new((tensor.x - self.shift.x) / self.scale, (tensor.y - self.shift.y) / self.scale)
    }

    /// A spread on the tensor, on the film.
    pub fn spread_to_film(&self, tensor: Covariance) -> Covariance {
        tensor.widened(1.0 / self.scale)
    }
}

#[cfg(test)]
mod tests {
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
            assert!(View::around(PointPx::new(1.0, 1.0), scale, 512).is_none());
        }
        assert!(View::around(PointPx::new(f64::NAN, 1.0), 1.0, 512).is_none());
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_point(
            width in 1_usize..6000, height in 1_usize..6000, x in -100.0..6000.0, y in -100.0..6000.0,
            cx in 0.0..6000.0, cy in 0.0..6000.0, scale in 0.01..10.0,
        ) {
            let film = PointPx::new(x, y);
            let views = [View::letterbox(width, height, 512), View::around(PointPx::new(cx, cy), scale, 512).unwrap()];
            for view in views {
                prop_assert!(view.to_film(view.to_tensor(film)).distance(film) < 1e-6);
            }
        }

        #[test]
        fn what_is_centred_comes_to_the_middle(x in 0.0..6000.0, y in 0.0..6000.0, scale in 0.01..10.0) {
            let view = View::around(PointPx::new(x, y), scale, 512).unwrap();
            prop_assert!(view.to_tensor(PointPx::new(x, y)).distance(PointPx::new(256.0, 256.0)) < 1e-6);
        }
    }
}
