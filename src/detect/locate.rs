//! The locator: from the corners of C2–C6 to where C2 and C7 must lie, whether the film shows them or not (paper B).
//!
//! It sees no picture. The corners are given in the frame of the column: origin at the centre of the lowest body that is
//! known, x backwards, y from the highest known body to the lowest, in level heights. So neither scale, turn nor the side the
//! patient faces matters, and what it answers comes back the same way. `scripts/train/locate.py` says the same in Python.

use crate::domain::anatomy::{Corner, Keypoints, Landmark, LandmarkId, Stage, Vertebra};
use crate::domain::geometry::{Covariance, PointPx};
use crate::domain::matrix::Symmetric;
use crate::inference::engine::{Engine, Facts, Tensor};
use crate::inference::manifest::LocatorModel;

use super::DetectError;
use super::column::{Column, level, unit};
use super::global::landmark_name;
use super::merge::Prior;

/// The levels it starts from; C7 is what it must not need.
const GIVEN: [Vertebra; 5] = [Vertebra::C2, Vertebra::C3, Vertebra::C4, Vertebra::C5, Vertebra::C6];
/// With fewer of them the frame rests on too little.
const LEAST_GIVEN: usize = 3;
/// The spread, in level heights, at which a corner is trusted half.
const HALF_TRUSTED: f64 = 0.05;
/// Logarithms of a spread beyond these (level heights) are a model gone astray.
const LOG_SIGMA: std::ops::RangeInclusive<f64> = -6.0..=2.0;

/// The frame of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    origin: PointPx,
    backward: PointPx,
    down: PointPx,
    level: f64,
}

impl Frame {
    /// Of the levels that are given; `None` with too few of them.
    pub(super) fn of(keypoints: &Keypoints) -> Option<Self> {
        let column = Column::of(keypoints);
        let given: Vec<(usize, PointPx)> = column.centres().filter(|(i, _)| *i < GIVEN.len()).collect();
        if given.len() < LEAST_GIVEN {
            return None;
        }
        let (first, last) = (given.first()?.1, given.last()?.1);
        let down = unit(last.from(first))?;
        let hand = if column.looks_left()? { 1.0 } else { -1.0 };
        Some(Self { origin: last, backward: PointPx::new(hand * down.y, -hand * down.x), down, level: level(&given)? })
    }

    fn to_frame(self, film: PointPx) -> PointPx {
        let v = film.from(self.origin);
        let (b, d) = (self.backward, self.down);
        PointPx::new((v.x * b.x + v.y * b.y) / self.level, (v.x * d.x + v.y * d.y) / self.level)
    }

    fn to_film(self, frame: PointPx) -> PointPx {
        let (x, y) = (frame.x * self.level, frame.y * self.level);
        PointPx::new(
            self.origin.x + x * self.backward.x + y * self.down.x,
            self.origin.y + x * self.backward.y + y * self.down.y,
        )
    }

    /// The covariance on the film, x and y of each landmark in turn, of landmarks with these spreads (pixels) whose coordinates backwards and
    /// downwards have these correlations.
    fn covariance_on_film(self, correlation: &Symmetric, sigmas: &[f64]) -> Symmetric {
        let (b, d) = (self.backward, self.down);
        let axis = |film: usize| if film == 0 { [b.x, d.x] } else { [b.y, d.y] };
        let sigma = |n: usize| sigmas.get(n).copied().unwrap_or(0.0);
        Symmetric::from_fn(2 * sigmas.len(), |i, j| {
            let (one, two) = (i / 2, j / 2);
            let along = |(a, to_a): (usize, f64)| {
                let across = axis(j % 2).into_iter().enumerate();
                across.map(|(c, to_c)| to_a * correlation.at(2 * one + a, 2 * two + c) * to_c).sum::<f64>()
            };
            sigma(one) * sigma(two) * axis(i % 2).into_iter().enumerate().map(along).sum::<f64>()
        })
    }

    /// x, y and trust for each corner of C2–C6 that is known, three times 0 for each that is not. Trust is 1 for a sharp corner
    /// and 0.5 at a spread of [`HALF_TRUSTED`].
    fn features(self, keypoints: &Keypoints) -> Vec<f32> {
        let corners = GIVEN.into_iter().flat_map(|v| Corner::ALL.map(|c| keypoints.get(LandmarkId::Corner(v, c))));
        let feature = |corner: Option<&Landmark>| {
            corner.map_or([0.0; 3], |corner| {
                let p = self.to_frame(corner.position);
                let spread = corner.covariance.sigma() / (self.level * HALF_TRUSTED);
                [p.x as f32, p.y as f32, (1.0 / (1.0 + spread * spread)) as f32]
            })
        };
        corners.flat_map(feature).collect()
    }
}

/// What the locator says of a film.
pub(super) struct Located {
    /// Where C2's and C7's landmarks must lie, each with its own spread.
    pub landmarks: Vec<(LandmarkId, Landmark)>,
    /// The same of C7, with what its landmarks tell of each other.
    pub c7: Prior,
}

/// The locator and its model.
pub(super) struct Locator {
    engine: Box<dyn Engine>,
    model: LocatorModel,
    targets: Vec<LandmarkId>,
}

impl Locator {
    /// A locator that runs `engine` as `model` describes.
    ///
    /// # Errors
    /// [`DetectError::Mismatch`] where the engine has another signature, or a landmark's name is not known.
    pub(super) fn new(engine: Box<dyn Engine>, model: LocatorModel) -> Result<Self, DetectError> {
        if *engine.signature() != model.model.signature {
            return Err(DetectError::Mismatch("the tensors are not those of the manifest".into()));
        }
        let known = |name: &String| {
            let id = LandmarkId::all().find(|id| landmark_name(*id) == *name);
            id.ok_or_else(|| DetectError::Mismatch(format!("no landmark is called {name:?}")))
        };
        let targets = model.landmarks.iter().map(known).collect::<Result<_, _>>()?;
        Ok(Self { engine, model, targets })
    }

    /// What runs, for reports.
    pub(super) fn facts(&self) -> &Facts {
        self.engine.facts()
    }

    /// Where the landmarks of its targets must lie; `None` where too few levels were found.
    ///
    /// # Errors
    /// [`DetectError::Engine`] where the model fails or gives numbers that are not finite.
    pub(super) fn locate(&mut self, keypoints: &Keypoints) -> Result<Option<Located>, DetectError> {
        let Some(frame) = Frame::of(keypoints) else { return Ok(None) };
        let features = frame.features(keypoints);
        let input = Tensor::new(self.model.model.signature.input.shape.clone(), features)
            .ok_or_else(|| DetectError::Mismatch("the locator takes another number of corners".into()))?;
        let outputs = self.engine.run(&input)?;
        let numbers = outputs.get(&self.model.output)?.data();
        let place = |(id, numbers): (&LandmarkId, &[f32])| {
            let &[x, y, log_sigma] = numbers else { return None };
            let log_sigma = f64::from(log_sigma).clamp(*LOG_SIGMA.start(), *LOG_SIGMA.end());
            let sigma = log_sigma.exp() * self.model.sigma_factor * frame.level;
            Some((
                *id,
                Landmark {
                    position: frame.to_film(PointPx::new(f64::from(x), f64::from(y))),
                    covariance: Covariance::isotropic(sigma),
                    // It names a place without having seen it.
                    confidence: 0.0,
                    stage: Stage::Global,
                },
            ))
        };
        let landmarks: Vec<_> = self.targets.iter().zip(numbers.chunks_exact(3)).filter_map(place).collect();
        let c7 = self.prior(frame, &landmarks);
        Ok(Some(Located { landmarks, c7 }))
    }

    /// C7 among `landmarks`, with the covariance of all its coordinates on the film.
    fn prior(&self, frame: Frame, landmarks: &[(LandmarkId, Landmark)]) -> Prior {
        let c7 = || landmarks.iter().filter(|(id, _)| id.vertebra() == Vertebra::C7);
        let sigmas: Vec<f64> = c7().map(|(_, landmark)| landmark.covariance.sigma()).collect();
        let covariance = frame.covariance_on_film(&self.model.c7_correlation, &sigmas);
        Prior { places: c7().map(|(id, landmark)| (*id, landmark.position)).collect(), covariance }
    }
}

#[cfg(test)]
mod tests {
    use super::super::column::tests::body;
    use super::super::view::turned;
    use super::*;
    use crate::domain::anatomy::LANDMARKS;

    /// A column down the film whose level `v` stands at (3 v², 18 v), looking to the left, each corner known to a pixel.
    fn column(skip: &[Vertebra], change: impl Fn(PointPx) -> PointPx) -> Keypoints {
        let mut landmarks = [None; LANDMARKS];
        let spread = change(PointPx::new(1.0, 0.0)).distance(change(PointPx::default()));
        for v in Vertebra::ALL.into_iter().filter(|v| !skip.contains(v)) {
            let i = v as usize as f64;
            for (c, p) in Corner::ALL.into_iter().zip(body(0.5 * i * i, 18.0 * i, 0.03 * i)) {
                landmarks[LandmarkId::Corner(v, c).index().unwrap()] = Some(Landmark {
                    position: change(p),
                    covariance: Covariance::isotropic(spread),
                    confidence: 0.9,
                    stage: Stage::Global,
                });
            }
        }
        Keypoints::new(landmarks)
    }

    #[test]
    fn neither_scale_nor_turn_nor_side_changes_what_it_sees() {
        let plain = column(&[], |p| p);
        let expected = Frame::of(&plain).unwrap().features(&plain);
        assert_eq!(expected.len(), 60);
        for (scale, turn, mirror) in [(7.0, 0.4, 1.0), (0.3, -1.1, -1.0), (2.0, 2.9, -1.0)] {
            let moved = column(&[], |p| {
                let q = turned(PointPx::new(mirror * p.x, p.y), turn);
                PointPx::new(400.0 + scale * q.x, 900.0 + scale * q.y)
            });
            let features = Frame::of(&moved).unwrap().features(&moved);
            for (a, b) in features.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-5, "{scale} {turn} {mirror}: {a} {b}");
            }
        }
    }

    #[test]
    fn the_input_is_the_one_the_network_was_trained_with() {
        let golden: serde_json::Value = serde_json::from_str(include_str!("../../tests/data/locator.json")).unwrap();
        let mut landmarks = [None; LANDMARKS];
        for (slot, corner) in landmarks.iter_mut().zip(golden["corners"].as_array().unwrap()) {
            *slot = corner.as_array().map(|p| Landmark {
                position: PointPx::new(p[0].as_f64().unwrap(), p[1].as_f64().unwrap()),
                covariance: Covariance::isotropic(1.0),
                confidence: 0.9,
                stage: Stage::Global,
            });
        }
        let keypoints = Keypoints::new(landmarks);
        let features = Frame::of(&keypoints).unwrap().features(&keypoints);
        let expected = golden["features"].as_array().unwrap();
        assert_eq!(features.len(), expected.len());
        for (ours, theirs) in features.iter().zip(expected) {
            assert!((f64::from(*ours) - theirs.as_f64().unwrap()).abs() < 1e-4, "{ours} {theirs}");
        }
    }

    #[test]
    fn c7_is_not_looked_at_and_what_is_missing_is_told() {
        let whole = column(&[], |p| p);
        let without = column(&[Vertebra::C7], |p| p);
        let features = |k: &Keypoints| Frame::of(k).unwrap().features(k);
        assert_eq!(features(&whole), features(&without));
        let cut = column(&[Vertebra::C6, Vertebra::C7], |p| p);
        assert_eq!(features(&cut)[48..], [0.0; 12]);
        assert!(Frame::of(&column(&[Vertebra::C2, Vertebra::C3, Vertebra::C4], |p| p)).is_none());
    }

    /// What is sure backwards and unsure downwards on an upright film is so along whatever these are on another.
    #[test]
    fn how_the_landmarks_err_together_turns_with_the_film() {
        let rows = [[1.0, 0.1, 0.8, 0.2], [0.1, 1.0, 0.3, 0.7], [0.8, 0.3, 1.0, 0.0], [0.2, 0.7, 0.0, 1.0]];
        let correlation = Symmetric::from_fn(4, |i, j| rows[i][j]);
        for (turn, mirror) in [(0.0, 1.0), (0.7, 1.0), (-2.0, -1.0)] {
            let change = |p: PointPx| turned(PointPx::new(mirror * p.x, p.y), turn);
            let plain = Frame::of(&column(&[], |p| p)).unwrap();
            let frame = Frame::of(&column(&[], change)).unwrap();
            // The same errors of two landmarks in the frame, told on the film: their squared lengths by the inverse covariance agree.
            let errors = [PointPx::new(0.4, -1.0), PointPx::new(0.9, 0.3)];
            let surprise = |frame: Frame, on_film: &dyn Fn(PointPx) -> PointPx| {
                let v: Vec<f64> = errors.into_iter().map(on_film).flat_map(|p| [p.x, p.y]).collect();
                let weighed = frame.covariance_on_film(&correlation, &[1.5, 2.0]).inverse().unwrap().times(&v);
                v.iter().zip(weighed).map(|(a, b)| a * b).sum::<f64>()
            };
            assert!((surprise(plain, &|p| p) - surprise(frame, &change)).abs() < 1e-9, "{turn} {mirror}");
        }
        let upright = Frame {
            origin: PointPx::default(),
            backward: PointPx::new(0.0, 1.0),
            down: PointPx::new(-1.0, 0.0),
            level: 1.0,
        };
        let covariance = upright.covariance_on_film(&correlation, &[1.5, 2.0]);
        // Backwards is down the film here, and down the column to the left.
        assert!((covariance.at(1, 3) - 0.8 * 3.0).abs() < 1e-12 && (covariance.at(0, 3) + 0.3 * 3.0).abs() < 1e-12);
    }

    #[test]
    fn there_and_back_is_the_same_point() {
        let frame = Frame::of(&column(&[], |p| PointPx::new(300.0 - p.x, 50.0 + p.y))).unwrap();
        let p = PointPx::new(123.0, 45.0);
        assert!(frame.to_film(frame.to_frame(p)).distance(p) < 1e-9);
        // The level below the last one lies below the origin.
        assert!(frame.to_frame(PointPx::new(290.0, 160.0)).y > 0.5);
    }
}
