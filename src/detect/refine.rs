//! A specialist: one vertebra on a patch of the full-resolution film, its corners and its spinolaminar line.
//!
//! It answers with an [`Opinion`] on the film. It may also say that the patch does not show the vertebra it was promised: then
//! there is nothing to merge. A patch without contrast, or off the film, is not asked about.

use crate::domain::anatomy::{Corner, LaminaEnd, Landmark, LandmarkId, Stage, Vertebra};
use crate::domain::geometry::PointPx;
use crate::domain::radiograph::GrayImage;
use crate::inference::engine::{Engine, Facts, Tensor};
use crate::inference::manifest::RefinerModel;

use super::DetectError;
use super::bodies::propose;
use super::column::Stance;
use super::global::{LEAST_CONFIDENCE, WIDE_WINDOW, lamina};
use super::heatmap::{Mode, Reading, calibrated, read};
use super::looks::{NUDGES, mean};
use super::patch::Patch;

/// The four corners, then the two ends of the spinolaminar line.
pub(super) const MARKS: usize = 6;

/// The landmarks of one vertebra in the order of a specialist's marks; C2 has no spinolaminar line of its own.
pub(super) fn marks(vertebra: Vertebra) -> [LandmarkId; MARKS] {
    let [a, b, c, d] = Corner::ALL.map(|corner| LandmarkId::Corner(vertebra, corner));
    let [e, f] = LaminaEnd::ALL.map(|end| LandmarkId::Spinolaminar(vertebra, end));
    [a, b, c, d, e, f]
}

/// What a specialist says of one vertebra.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opinion {
    /// In the order of [`marks`], on the film.
    pub landmarks: [Option<Landmark>; MARKS],
    /// 0…1: how surely the patch does not show the vertebra it was promised; the mean over the corners.
    pub absent: f64,
}

/// One specialist and its model.
pub(super) struct Specialist {
    engine: Box<dyn Engine>,
    model: RefinerModel,
    /// For each mark the heatmap's channel.
    channels: [Option<usize>; MARKS],
    batch: usize,
    side: usize,
    map_side: usize,
}

impl Specialist {
    /// A specialist that runs `engine` as `model` describes.
    ///
    /// # Errors
    /// [`DetectError::Mismatch`] where the engine has another signature, or a landmark's name is not known.
    pub(super) fn new(engine: Box<dyn Engine>, model: RefinerModel) -> Result<Self, DetectError> {
        if *engine.signature() != model.model.signature {
            return Err(DetectError::Mismatch("the tensors are not those of the manifest".into()));
        }
        let mut channels = [None; MARKS];
        for (channel, name) in model.heatmaps.landmarks.iter().enumerate() {
            let mark = marks(Vertebra::C3).iter().position(|id| id.part() == name.as_str());
            let slot = mark.and_then(|mark| channels.get_mut(mark));
            *slot.ok_or_else(|| DetectError::Mismatch(format!("no mark is called {name:?}")))? = Some(channel);
        }
        let maps = model.model.signature.outputs.iter().find(|o| o.name == model.heatmaps.output);
        let shapes = (model.model.signature.input.shape.as_slice(), maps.map(|maps| maps.shape.as_slice()));
        let (&[batch, 1, side, _], Some(&[_, _, map_side, _])) = shapes else {
            return Err(DetectError::Mismatch("the manifest names no patches or no heatmaps".into()));
        };
        if batch == 0 || side == 0 || map_side == 0 {
            return Err(DetectError::Mismatch("the manifest names patches or heatmaps without extent".into()));
        }
        Ok(Self { engine, model, channels, batch, side, map_side })
    }

    /// What runs, for reports.
    pub(super) fn facts(&self) -> &Facts {
        self.engine.facts()
    }

    /// What it says of each vertebra that stands as told, in as many looks as its manifest wants; nothing of what there is nothing
    /// to see of.
    ///
    /// # Errors
    /// [`DetectError::Engine`] where the model fails or gives numbers that are not finite.
    pub(super) fn ask(
        &mut self,
        film: &GrayImage,
        wanted: &[(Vertebra, Stance)],
    ) -> Result<Vec<(Vertebra, Opinion)>, DetectError> {
        let first = self.look(film, wanted)?;
        let mut looks: Vec<(Vertebra, Vec<Opinion>)> = first.iter().map(|(v, o)| (*v, vec![o.clone()])).collect();
        for nudge in NUDGES.iter().take(self.model.looks.saturating_sub(1)) {
            let promised = |v: &Vertebra| wanted.iter().find(|(wanted, _)| wanted == v).map(|(_, stance)| stance);
            let beside: Vec<(Vertebra, Stance)> =
                first.iter().filter_map(|(v, opinion)| Some((*v, nudge.from(opinion, promised(v)?)?))).collect();
            for (vertebra, opinion) in self.look(film, &beside)? {
                looks.iter_mut().filter(|(v, _)| *v == vertebra).for_each(|(_, looks)| looks.push(opinion.clone()));
            }
        }
        Ok(looks.iter().filter_map(|(vertebra, looks)| Some((*vertebra, mean(looks)?))).collect())
    }

    /// One look at each.
    fn look(
        &mut self,
        film: &GrayImage,
        wanted: &[(Vertebra, Stance)],
    ) -> Result<Vec<(Vertebra, Opinion)>, DetectError> {
        let begun = std::time::Instant::now();
        let seen: Vec<(Vertebra, Patch, Tensor)> = wanted
            .iter()
            .filter_map(|(vertebra, stance)| {
                let patch = Patch::around(stance, self.model.patch, self.side)?;
                let tensor = patch.see(film, &self.model.normalisation)?;
                let flat = tensor.data().windows(2).all(|pair| matches!(pair, [a, b] if a == b));
                (!flat).then_some((*vertebra, patch, tensor))
            })
            .collect();
        let cut = begun.elapsed();
        let mut opinions = Vec::with_capacity(seen.len());
        for some in seen.chunks(self.batch) {
            let mut data = Vec::with_capacity(self.batch * self.side * self.side);
            some.iter().for_each(|(_, _, tensor)| data.extend_from_slice(tensor.data()));
            // The shape is fixed: what is not needed stays black.
            data.resize(self.batch * self.side * self.side, 0.0);
            let input = Tensor::new(vec![self.batch, 1, self.side, self.side], data)
                .ok_or_else(|| DetectError::Mismatch("the patches do not fill the input".into()))?;
            let outputs = self.engine.run(&input)?;
            let maps = outputs.get(&self.model.heatmaps.output)?.data();
            let each = self.model.heatmaps.landmarks.len() * self.map_side * self.map_side;
            for ((vertebra, patch, _), maps) in some.iter().zip(maps.chunks_exact(each.max(1))) {
                opinions.push((*vertebra, self.opinion(*vertebra, patch, maps)));
            }
        }
        let role = self.engine.facts().role.as_str();
        tracing::debug!(role, patches = seen.len(), ?cut, whole = ?begun.elapsed(), "specialist asked");
        Ok(opinions)
    }

    fn opinion(&self, vertebra: Vertebra, patch: &Patch, maps: &[f32]) -> Opinion {
        let settings = &self.model.heatmaps;
        let area = self.map_side * self.map_side;
        let read_one = |channel: Option<usize>, window: usize| {
            let map = channel.and_then(|c| maps.get(c * area..(c + 1) * area));
            map.map_or_else(Reading::nothing, |map| read(map, self.map_side, settings.decoder, window))
        };
        let level = self.model.patch.level_height * self.map_side as f64;
        let wide = ((level * WIDE_WINDOW) as usize).max(settings.window);
        let readings = self.channels.map(|channel| {
            let reading = read_one(channel, settings.window);
            if reading.is_spread() { read_one(channel, wide) } else { reading }
        });
        let [a, b, c, d, e, f] = &readings;
        let absent = [a, b, c, d].iter().map(|r| r.absent).sum::<f64>() / 4.0;
        let mut landmarks = [None; MARKS];
        let Some(body) = propose(vertebra, [a, b, c, d]).into_iter().next() else {
            return Opinion { landmarks, absent };
        };
        let laminae = [lamina(e, body.shape(), LaminaEnd::Superior), lamina(f, body.shape(), LaminaEnd::Inferior)];
        let modes = body.corners.into_iter().chain(laminae);
        for ((slot, mode), channel) in landmarks.iter_mut().zip(modes).zip(self.channels) {
            let sure = mode.filter(|mode| mode.mass >= LEAST_CONFIDENCE);
            *slot = sure.zip(channel).map(|(mode, channel)| self.landmark(patch, mode, channel));
        }
        Opinion { landmarks, absent }
    }

    fn landmark(&self, patch: &Patch, mode: Mode, channel: usize) -> Landmark {
        let stride = self.side as f64 / self.map_side as f64;
        let spread = calibrated(mode.covariance, &self.model.heatmaps, channel).widened(stride);
        Landmark {
            position: patch.to_film(PointPx::new(mode.position.x * stride, mode.position.y * stride)),
            covariance: patch.spread_to_film(spread),
            confidence: mode.mass.clamp(0.0, 1.0),
            stage: Stage::Refined,
        }
    }
}
