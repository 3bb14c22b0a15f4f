//! The global model: asked once about the whole film, and again with the column as it mostly stood in training.

use crate::domain::anatomy::{Corner, Facing, Keypoints, LANDMARKS, LaminaEnd, Landmark, LandmarkId, Stage, Vertebra};
use crate::domain::detection::{C7Visibility, Detection};
use crate::domain::geometry::PointPx;
use crate::domain::radiograph::GrayImage;
use crate::inference::engine::{Engine, Facts, Tensor};
use crate::inference::manifest::{DetectorModel, Quality, SecondPass};

use super::DetectError;
use super::bodies::{Shape, absence, cost, propose};
use super::chain::{Candidates, Chain, choose};
use super::heatmap::{Mode, Reading, calibrated, read};
use super::preprocess::{either, see};
use super::view::View;

/// A corner or lamina with less than this share of its map's mass is not reported.
pub(super) const LEAST_CONFIDENCE: f64 = 0.08;
/// A closer look needs this many bodies to know where the column is and how large.
const LEAST_BODIES: usize = 2;
/// A closer look replaces the last unless its chain is worse by more than this (nats): it sees the column as training did.
const SECOND_PASS_CREDIT: f64 = 4.0;
/// A landmark may lie this far outside the film (in level heights) and still be the corner of a body at its edge.
pub(super) const BEYOND_EDGE: f64 = 0.05;

/// With the right polarity the mean spread of the corners is less than this of what it is with the wrong one: 0.78 to 0.94 on films and
/// on phantoms.
const CLEARLY_SHARPER: f64 = 0.95;
/// A film that shows fewer bodies does not tell its polarity.
const ENOUGH_TO_TELL: usize = 3;

/// The window for a map that is spread, in level heights: it cannot reach the same corner of the next level.
pub(super) const WIDE_WINDOW: f64 = 0.6;

/// Finds the landmarks of a film with the one model that sees all of it.
pub(super) struct Global {
    engine: Box<dyn Engine>,
    model: DetectorModel,
    /// For each landmark in the order of its index: the heatmap's channel.
    channels: [Option<usize>; LANDMARKS],
    /// Sides of the input and of the heatmaps.
    input_side: usize,
    map_side: usize,
}

/// What one pass over the film gave.
pub(super) struct Pass {
    view: View,
    readings: Vec<Reading>,
    chain: Chain,
    quality: Option<Judgement>,
}

impl Pass {
    /// What there is to see on a film without contrast: nothing, and no model needs to be asked.
    fn blank(view: View) -> Self {
        let nothing = Judgement { lateral_cervical: 0.0, c7: (C7Visibility::Hidden, 1.0), rotation: None };
        let readings = vec![Reading::nothing(); LANDMARKS];
        Self { view, chain: choose(&candidates(&readings)), readings, quality: Some(nothing) }
    }

    /// Whether corners stand clearly sharper here than in `other`, a pass over the same film with bright and dark exchanged: the
    /// network knows necks of either kind, those with bone bright better. A few corners do not tell.
    pub(super) fn is_sharper_than(&self, other: &Self) -> bool {
        let spread = |reading: &Reading| reading.modes.first().map(|mode| mode.covariance.sigma());
        let corners = self.readings.iter().zip(&other.readings).take(Vertebra::ALL.len() * Corner::ALL.len());
        let both = corners.filter_map(|(here, there)| spread(here).zip(spread(there)));
        let (here, there) = both.fold((0.0, 0.0), |(a, b), (here, there)| (a + here, b + there));
        self.chain.shapes().count() >= ENOUGH_TO_TELL && here < CLEARLY_SHARPER * there
    }
}

#[derive(Clone, Copy)]
struct Judgement {
    lateral_cervical: f64,
    c7: (C7Visibility, f64),
    rotation: Option<f64>,
}

impl Global {
    /// A global model that runs `engine` as `model` describes.
    ///
    /// # Errors
    /// [`DetectError::Mismatch`] where the engine has another signature, or a landmark's name is not known.
    pub(super) fn new(engine: Box<dyn Engine>, model: DetectorModel) -> Result<Self, DetectError> {
        if *engine.signature() != model.model.signature {
            return Err(DetectError::Mismatch("the tensors are not those of the manifest".into()));
        }
        let mut channels = [None; LANDMARKS];
        for (channel, name) in model.heatmaps.landmarks.iter().enumerate() {
            let slot = LandmarkId::all().position(|id| landmark_name(id) == *name).and_then(|i| channels.get_mut(i));
            *slot.ok_or_else(|| DetectError::Mismatch(format!("no landmark is called {name:?}")))? = Some(channel);
        }
        let side = |shape: &[usize]| shape.last().copied().filter(|&side| side > 0);
        let maps = model.model.signature.outputs.iter().find(|o| o.name == model.heatmaps.output);
        let (Some(input_side), Some(map_side)) =
            (side(&model.model.signature.input.shape), maps.and_then(|maps| side(&maps.shape)))
        else {
            return Err(DetectError::Mismatch("the manifest names no heatmaps".into()));
        };
        Ok(Self { engine, model, channels, input_side, map_side })
    }

    /// What runs, for reports.
    pub(super) fn facts(&self) -> &Facts {
        self.engine.facts()
    }

    /// One look at the whole film as it came, and one with bright and dark exchanged.
    ///
    /// # Errors
    /// [`DetectError::Engine`] where the model fails or gives numbers that are not finite.
    pub(super) fn first_looks(&mut self, film: &GrayImage) -> Result<(Pass, Pass), DetectError> {
        let view = View::letterbox(film.width(), film.height(), self.input_side);
        let (as_it_came, exchanged) = either(film, &view, &self.model.normalisation).ok_or_else(not_square)?;
        Ok((self.read(&as_it_came, view)?, self.read(&exchanged, view)?))
    }

    /// What it finds on a film of which `pass` was the first look, with bone bright.
    ///
    /// # Errors
    /// As [`Global::first_looks`].
    pub(super) fn detect(&mut self, film: &GrayImage, mut pass: Pass) -> Result<Detection, DetectError> {
        let judged = pass.quality;
        if let Some(settings) = self.model.second_pass {
            for _ in 0..settings.looks {
                let Some(view) = self.closer(&pass, settings) else { break };
                let close = self.look(film, view)?;
                if close.chain.score + SECOND_PASS_CREDIT < pass.chain.score {
                    break;
                }
                pass = close;
            }
        }
        let keypoints = self.keypoints(&pass, film);
        let facing = facing(&pass.chain);
        Ok(Detection {
            facing,
            negative: false,
            // Whether it is a neck at all is a question to the whole film; how C7 looks is better seen from near.
            lateral_cervical: judged.map_or_else(|| plausibility(&pass.chain), |q| q.lateral_cervical),
            c7_visibility: pass.quality.map_or_else(|| c7_from(&keypoints), |q| q.c7),
            rotation: pass.quality.and_then(|q| q.rotation),
            keypoints,
            disputed: Vec::new(),
        })
    }

    /// One run of the model on one view.
    fn look(&mut self, film: &GrayImage, view: View) -> Result<Pass, DetectError> {
        let input = see(film, &view, &self.model.normalisation).ok_or_else(not_square)?;
        self.read(&input, view)
    }

    fn read(&mut self, input: &Tensor, view: View) -> Result<Pass, DetectError> {
        if input.data().windows(2).all(|pair| matches!(pair, [a, b] if a == b)) {
            return Ok(Pass::blank(view));
        }
        let outputs = self.engine.run(input)?;
        let maps = outputs.get(&self.model.heatmaps.output)?.data();
        let area = self.map_side * self.map_side;
        let settings = &self.model.heatmaps;
        let read_one = |channel: &Option<usize>, window: usize| {
            let map = channel.and_then(|c| maps.get(c * area..(c + 1) * area));
            map.map_or_else(Reading::nothing, |map| read(map, self.map_side, settings.decoder, window))
        };
        let mut readings: Vec<Reading> = self.channels.iter().map(|c| read_one(c, settings.window)).collect();
        let quality = match &self.model.quality {
            Some(quality) => Some(judge(outputs.get(&quality.output)?.data(), quality)),
            None => None,
        };
        let mut chain = choose(&candidates(&readings));
        let wide = chain.level_height().map_or(0, |height| (height * WIDE_WINDOW) as usize);
        if wide > settings.window && readings.iter().any(Reading::is_spread) {
            for (reading, channel) in readings.iter_mut().zip(&self.channels).filter(|(r, _)| r.is_spread()) {
                *reading = read_one(channel, wide);
            }
            chain = choose(&candidates(&readings));
        }
        let (bodies, score) = (chain.shapes().count(), chain.score);
        tracing::debug!(scale = view.scale(), turn = view.turn(), bodies, score, "looked at the film");
        Ok(Pass { view, readings, chain, quality })
    }

    /// The view in which the column that `last` found stands as in training; `None` where it would show nothing new.
    fn closer(&self, last: &Pass, settings: SecondPass) -> Option<View> {
        if last.chain.shapes().count() < LEAST_BODIES {
            return None;
        }
        let stride = self.stride();
        let side = self.input_side as f64;
        let height = last.chain.level_height()? * stride;
        let middle = last.chain.middle()?;
        let on_tensor = PointPx::new(middle.x * stride, middle.y * stride);
        let magnify = settings.level_height * side / height;
        let lean = if settings.upright { last.chain.lean()? } else { 0.0 };
        let off_centre = on_tensor.distance(PointPx::new(side / 2.0, side / 2.0)) / side;
        if magnify.ln().abs().max(off_centre).max(lean.abs()) <= settings.skip_within {
            return None;
        }
        let scale = last.view.scale() * magnify;
        View::around(last.view.to_film(on_tensor), scale, last.view.turn() + lean, self.input_side)
    }

    /// Tensor pixels for one heatmap pixel.
    fn stride(&self) -> f64 {
        self.input_side as f64 / self.map_side as f64
    }

    fn keypoints(&self, pass: &Pass, film: &GrayImage) -> Keypoints {
        let stage = Stage::Global;
        let stride = self.stride();
        let margin = pass.chain.level_height().unwrap_or(0.0) * BEYOND_EDGE * stride / pass.view.scale();
        let on_film = |p: PointPx| {
            let within = |v: f64, length: usize| (-margin..=length as f64 + margin).contains(&v);
            within(p.x, film.width()) && within(p.y, film.height())
        };
        let place = |mode: Mode, channel: usize| {
            let tensor = PointPx::new(mode.position.x * stride, mode.position.y * stride);
            let spread = calibrated(mode.covariance, &self.model.heatmaps, channel).widened(stride);
            let landmark = Landmark {
                position: pass.view.to_film(tensor),
                covariance: pass.view.spread_to_film(spread),
                confidence: mode.mass.clamp(0.0, 1.0),
                stage,
            };
            (landmark.confidence >= LEAST_CONFIDENCE && on_film(landmark.position)).then_some(landmark)
        };
        let mut landmarks = [None; LANDMARKS];
        let read = pass.readings.iter().zip(&self.channels);
        for ((slot, id), (reading, channel)) in landmarks.iter_mut().zip(LandmarkId::all()).zip(read) {
            let Some(body) = pass.chain.bodies.get(id.vertebra() as usize).and_then(Option::as_ref) else { continue };
            let mode = match id {
                LandmarkId::Corner(_, corner) => body.corners.get(corner as usize).copied().flatten(),
                LandmarkId::Spinolaminar(_, end) => lamina(reading, body.shape(), end),
            };
            *slot = mode.zip(*channel).and_then(|(mode, channel)| place(mode, channel));
        }
        Keypoints::new(landmarks)
    }
}

fn not_square() -> DetectError {
    DetectError::Mismatch("the input is not square".into())
}

/// The name of a landmark in the manifest: `C2.antero_superior`, `C5.spinolaminar_inferior`.
pub(super) fn landmark_name(id: LandmarkId) -> String {
    format!("{}.{}", id.vertebra().name(), id.part())
}

fn candidates(readings: &[Reading]) -> [Candidates; 6] {
    let none = Reading::nothing();
    Vertebra::ALL.map(|vertebra| {
        let corners = Corner::ALL.map(|corner| {
            let index = LandmarkId::Corner(vertebra, corner).index();
            index.and_then(|i| readings.get(i)).unwrap_or(&none)
        });
        Candidates { bodies: propose(vertebra, corners), absent: absence(corners) }
    })
}

/// The mode of a spinolaminar end that suits its body best: behind the posterior wall by about the body's own depth
/// (Pavlov's ratio is near 1), within the height of the level.
pub(super) fn lamina(reading: &Reading, body: Shape, end: LaminaEnd) -> Option<Mode> {
    let usual = if end == LaminaEnd::Superior { -0.1 } else { 0.5 };
    let fit = |mode: &Mode| {
        let v = mode.position.from(body.centre);
        let behind = -(v.x * body.forward.x + v.y * body.forward.y) / body.depth - 0.5;
        let below = (v.x * body.down.x + v.y * body.down.y) / body.height;
        mode.mass.max(1e-9).ln() + cost(behind - 1.0, 0.35) + cost(below - usual, 0.4)
    };
    let best = reading.modes.iter().map(|mode| (fit(mode), mode)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, mode)| *mode)
}

/// The side the patient faces: that of the anterior walls. `None` where fewer than two bodies tell or they disagree.
fn facing(chain: &Chain) -> Option<Facing> {
    let forward: Vec<f64> = chain.shapes().map(|(_, shape)| shape.forward.x).collect();
    let mean = forward.iter().sum::<f64>() / forward.len() as f64;
    // A neck that lies flat on the film has no side.
    let clear = forward.len() >= 2 && mean.abs() > 0.2;
    clear.then_some(if mean < 0.0 { Facing::Left } else { Facing::Right })
}

fn judge(values: &[f32], quality: &Quality) -> Judgement {
    let at = |index: usize| values.get(index).copied().map_or(0.0, f64::from);
    let names = [C7Visibility::Full, C7Visibility::Partial, C7Visibility::Hidden];
    let logits = quality.c7.map(at);
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logits.iter().map(|l| (l - highest).exp()).sum();
    let best = names.into_iter().zip(logits).max_by(|a, b| a.1.total_cmp(&b.1));
    Judgement {
        lateral_cervical: 1.0 / (1.0 + (-at(quality.lateral_cervical)).exp()),
        c7: best.map_or((C7Visibility::Hidden, 0.0), |(name, logit)| (name, (logit - highest).exp() / total)),
        rotation: quality.rotation.map(|index| at(index).max(0.0)),
    }
}

/// For a model without a judgement of its own: a film is as much a neck as its chain is whole.
fn plausibility(chain: &Chain) -> f64 {
    let found = chain.shapes().count() as f64 / 6.0;
    found / (1.0 + (-(chain.score + 30.0) / 6.0).exp())
}

/// For a model without a judgement of its own: C7 is as visible as its corners are sure.
fn c7_from(keypoints: &Keypoints) -> (C7Visibility, f64) {
    let sure = Corner::ALL
        .into_iter()
        .filter_map(|c| keypoints.get(LandmarkId::Corner(Vertebra::C7, c)))
        .filter(|l| l.confidence >= 0.5)
        .count();
    match sure {
        4 => (C7Visibility::Full, 0.5),
        0 => (C7Visibility::Hidden, 0.5),
        _ => (C7Visibility::Partial, 0.5),
    }
}
