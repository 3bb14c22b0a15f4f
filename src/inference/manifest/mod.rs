//! `models/manifest.toml`: which models there are, what they take and give, and how their answers are read.
//!
//! Raw at the edge, validated inside: [`Manifest::load`] refuses what contradicts itself and names the key, so a
//! [`DetectorModel`] that exists has heatmaps of as many channels as it names landmarks, and sane parameters. The model
//! file itself is read and its hash compared by [`Model::read`]; what was hashed is what is run.
//!
//! Only the detector is needed. A specialist or a locator that the manifest does not name is a stage that is left out.

mod raw;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::engine::Signature;
use crate::domain::matrix::Symmetric;
use crate::domain::measurement::Calibration as Intervals;
use raw::{Problem, RawManifest};

/// The version of the manifest's format that this program reads.
const SCHEMA: u32 = 1;
/// From so many places a specialist may look at a vertebra.
pub(crate) const MOST_LOOKS: usize = 5;

/// Why the models cannot be used; every variant names the file, and the key where there is one.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A file that cannot be read.
    #[error("{path}: {source}; set [inference] models to the folder that holds manifest.toml and the models", path = path.display())]
    Unreadable {
        /// The manifest or the model.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a key that does not belong.
    #[error("{path}: {message}", path = path.display())]
    Syntax {
        /// The manifest.
        path: PathBuf,
        /// Line, column and problem.
        message: String,
    },
    /// A value that cannot be.
    #[error("{path}: {key}: {problem}", path = path.display())]
    Invalid {
        /// The manifest.
        path: PathBuf,
        /// With its table, such as `detector.heatmaps.window`.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A model file that is not the one the manifest describes.
    #[error("{path}: its SHA-256 is {found}, the manifest says {expected}; reinstall the models or correct the manifest", path = path.display())]
    Hash {
        /// The model.
        path: PathBuf,
        /// As in the manifest.
        expected: String,
        /// As computed.
        found: String,
    },
}

/// Every model that the manifest names.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The model that sees the whole film.
    pub detector: DetectorModel,
    /// The model that tells from the levels that were found where C2 and C7 must lie.
    pub locator: Option<LocatorModel>,
    /// The specialist for C2.
    pub refiner_c2: Option<RefinerModel>,
    /// The specialist for C3–C6, one level at a time.
    pub refiner_body: Option<RefinerModel>,
    /// The specialist for C7.
    pub refiner_c7: Option<RefinerModel>,
    /// What makes the intervals honest that all of these give together.
    pub calibration: Calibration,
}

/// How far spreads and intervals of the whole hierarchy are to be trusted: fitted on held-out phantoms.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// What a landmark's spread is multiplied by, as (spread in level heights, factor), the spreads rising; between
    /// two of them along the logarithm of the spread. Empty: spreads stay as they come.
    pub spreads: Vec<(f64, f64)>,
    /// What the spreads of a C7 are then multiplied by that the locator has steadied: what both say of it rests on the
    /// same neck.
    pub steadied: f64,
    /// What the half widths of the measurements' intervals are multiplied by.
    pub intervals: Intervals,
}

impl Calibration {
    /// Everything as it comes.
    pub const NONE: Self = Self { spreads: Vec::new(), steadied: 1.0, intervals: Intervals::NONE };
}

/// What every model has: a file, and the tensors that go in and come out.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// `detector`, `locator`, `refiner_c2`, `refiner_body`, `refiner_c7`.
    pub role: &'static str,
    /// The ONNX file.
    pub path: PathBuf,
    /// Of that file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// SPDX expression.
    pub licence: String,
    /// What it was trained on.
    pub trained_on: String,
    /// Names and shapes.
    pub signature: Signature,
}

/// The model that sees the whole film.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorModel {
    /// File and tensors.
    pub model: Model,
    /// How grey values become the input's numbers.
    pub normalisation: Normalisation,
    /// How the heatmaps are read; landmarks are named `C2.antero_superior` … `C7.spinolaminar_inferior`.
    pub heatmaps: Heatmaps,
    /// How the judgement on the whole film is read, where the model gives one.
    pub quality: Option<Quality>,
    /// The second look at a standard scale, where it is wanted.
    pub second_pass: Option<SecondPass>,
}

/// A model that sees one vertebra upright on a patch of the full-resolution film, facing left.
#[derive(Debug, Clone, PartialEq)]
pub struct RefinerModel {
    /// File and tensors; the first dimension is how many patches it takes at a time.
    pub model: Model,
    /// How the patch's grey values become the input's numbers.
    pub normalisation: Normalisation,
    /// How the heatmaps are read; landmarks are named `antero_superior` … `spinolaminar_inferior`.
    pub heatmaps: Heatmaps,
    /// Where its patch lies.
    pub patch: PatchFrame,
    /// How often it looks at a vertebra; what it says is the mean.
    pub looks: usize,
}

/// Where a patch lies on the film, from what is known of its vertebra.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchFrame {
    /// The height of one level, as a share of the patch's side.
    pub level_height: f64,
    /// From the body's centre backwards to the patch's middle, in level heights.
    pub behind: f64,
}

/// A model from the corners of C2–C6 to the landmarks of C2 and C7.
#[derive(Debug, Clone, PartialEq)]
pub struct LocatorModel {
    /// File and tensors: `[1, 60]` in (x, y, known for each corner of C2–C6), `[1, 3 × landmarks]` out.
    pub model: Model,
    /// The output's name.
    pub output: String,
    /// For each landmark in turn the output holds x, y and the logarithm of the spread, all in level heights.
    pub landmarks: Vec<String>,
    /// Calibration of the spread: fitted on held-out phantoms.
    pub sigma_factor: f64,
    /// The correlations of C7's coordinates, of each of its landmarks in turn backwards and downwards in the frame of the column: C7 is
    /// rather misplaced and tilted than misshapen.
    pub c7_correlation: Symmetric,
}

/// Grey values are stretched so that two quantiles of the film become two numbers, and clipped there.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// The quantile (0…1) that becomes `black`.
    pub low_quantile: f64,
    /// The quantile (0…1) that becomes `white`.
    pub high_quantile: f64,
    /// What the network takes for black, and for what lies outside the film.
    pub black: f32,
    /// What the network takes for white.
    pub white: f32,
}

/// How the numbers of a heatmap become a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decoder {
    /// Logits; softmax over the map and, with `absent_logit`, over one more cell of that constant logit, which stands
    /// for "not on this film".
    Softmax {
        /// The logit of that cell.
        absent_logit: Option<f64>,
    },
    /// Heights of a Gaussian (as HRNet and HigherHRNet give them): negative is nothing, the rest is divided by its sum;
    /// a map whose highest value is below `threshold` says "not on this film".
    Gaussian {
        /// In the unit of the map, whose ideal peak is 1.
        threshold: f64,
    },
}

/// How the heatmaps are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmaps {
    /// The output's name.
    pub output: String,
    /// Which landmark each channel stands for.
    pub landmarks: Vec<String>,
    /// How numbers become a distribution.
    pub decoder: Decoder,
    /// The radius, in heatmap pixels, within which mass belongs to one mode.
    pub window: usize,
    /// The spread of the Gaussian the network was trained to draw, in heatmap pixels; taken off before calibration.
    pub target_sigma: f64,
    /// What remains is multiplied by this: fitted on held-out phantoms.
    pub sigma_factor: f64,
    /// No landmark is known better than this, in heatmap pixels.
    pub sigma_floor: f64,
    /// The same for each landmark, along the map's x and y, where it was fitted so: a corner is known better across its end-plate
    /// than along it.
    pub floors: Option<Vec<[f64; 2]>>,
    /// What the spread is then multiplied by, as (spread in heatmap pixels, factor), read as [`Calibration::spreads`].
    pub spreads: Vec<(f64, f64)>,
}

/// Which number of the output says what; logits are turned into shares here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quality {
    /// The output's name.
    pub output: String,
    /// Index of the logit "this is a lateral cervical radiograph".
    pub lateral_cervical: usize,
    /// Indices of the logits "C7 is fully, partly, not to be seen".
    pub c7: [usize; 3],
    /// Index of the rotation about the long axis, in degrees without sign.
    pub rotation: Option<usize>,
}

/// Closer looks: the same model on a view in which the column stands as it mostly stood in training.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondPass {
    /// The height of one level in that view, as a share of its side.
    pub level_height: f64,
    /// Whether the view is turned so that the column stands upright.
    pub upright: bool,
    /// How often, at most: each look starts from what the one before found.
    pub looks: usize,
    /// No further look where the last had this scale, middle (share of the side) and turn (radians) within this.
    pub skip_within: f64,
}

impl Model {
    /// The file's content, once its hash has been compared.
    ///
    /// # Errors
    /// [`ManifestError::Unreadable`] or [`ManifestError::Hash`].
    pub fn read(&self) -> Result<Vec<u8>, ManifestError> {
        let bytes =
            fs::read(&self.path).map_err(|source| ManifestError::Unreadable { path: self.path.clone(), source })?;
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if found == self.sha256 {
            Ok(bytes)
        } else {
            Err(ManifestError::Hash { path: self.path.clone(), expected: self.sha256.clone(), found })
        }
    }
}

impl Manifest {
    /// Every model, the global one first.
    pub fn models(&self) -> Vec<&Model> {
        let refiners = [&self.refiner_body, &self.refiner_c2, &self.refiner_c7].into_iter().flatten();
        let locator = self.locator.iter().map(|locator| &locator.model);
        [&self.detector.model].into_iter().chain(locator).chain(refiners.map(|refiner| &refiner.model)).collect()
    }

    /// The same without all that comes after the global model.
    pub fn detector_alone(&self) -> Self {
        let (detector, calibration) = (self.detector.clone(), self.calibration.clone());
        Self { detector, locator: None, refiner_c2: None, refiner_body: None, refiner_c7: None, calibration }
    }

    /// Reads and checks `folder/manifest.toml`; the model files are not touched yet.
    ///
    /// # Errors
    /// [`ManifestError`] with the first problem.
    pub fn load(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join("manifest.toml");
        let text =
            fs::read_to_string(&path).map_err(|source| ManifestError::Unreadable { path: path.clone(), source })?;
        let raw: RawManifest = toml::from_str(&text)
            .map_err(|error| ManifestError::Syntax { path: path.clone(), message: error.to_string() })?;
        let invalid = |(key, problem): Problem| ManifestError::Invalid { path: path.clone(), key, problem };
        if raw.schema != SCHEMA {
            let problem = format!("{} is not a format this version reads; it reads {SCHEMA}", raw.schema);
            return Err(invalid(("schema".into(), problem)));
        }
        raw.validate(folder).map_err(invalid)
    }
}
