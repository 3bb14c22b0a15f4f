//! `models/manifest.toml`: which models there are, what they take and give, and how their answers are read.
//!
//! Raw at the edge, validated inside: [`Manifest::load`] refuses what contradicts itself and names the key, so a
//! [`Model`] that exists has 1…34 landmarks with known names, heatmaps of that many channels, and sane parameters. The model
//! file itself is read and its hash compared by [`Model::read`]; what was hashed is what is run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::engine::{Signature, TensorSpec};

/// The version of the manifest's format that this program reads.
const SCHEMA: u32 = 1;

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
    pub detector: Model,
}

/// One model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// `detector`.
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
    /// How grey values become the input's numbers.
    pub normalisation: Normalisation,
    /// How the heatmaps are read.
    pub heatmaps: Heatmaps,
    /// How the judgement on the whole film is read, where the model gives one.
    pub quality: Option<Quality>,
    /// The second look at a standard scale, where it is wanted.
    pub second_pass: Option<SecondPass>,
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
    /// Which landmark each channel stands for: `C2.antero_superior` … `C7.spinolaminar_inferior`.
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
        Ok(Self { detector: raw.detector.validate("detector", folder).map_err(invalid)? })
    }
}

/// A key and what is wrong with it.
type Problem = (String, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    schema: u32,
    detector: RawModel,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    file: String,
    sha256: String,
    licence: String,
    trained_on: String,
    /// For people; read by nothing.
    #[serde(rename = "accuracy")]
    _accuracy: Option<toml::Table>,
    input: RawTensor,
    outputs: Vec<RawTensor>,
    normalisation: Normalisation,
    heatmaps: RawHeatmaps,
    quality: Option<RawQuality>,
    second_pass: Option<SecondPass>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTensor {
    name: String,
    shape: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawDecoder {
    Softmax,
    Gaussian,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeatmaps {
    output: String,
    landmarks: Vec<String>,
    decoder: RawDecoder,
    absent_logit: Option<f64>,
    threshold: Option<f64>,
    window: usize,
    target_sigma: f64,
    sigma_factor: f64,
    sigma_floor: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuality {
    output: String,
    channels: Vec<String>,
}

/// Refuses with `problem` at `key` unless `holds`.
fn require(holds: bool, key: &str, problem: impl Into<String>) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err((key.to_owned(), problem.into())) }
}

impl RawModel {
    fn validate(self, role: &'static str, folder: &Path) -> Result<Model, Problem> {
        self.validate_here(role, folder).map_err(|(key, problem)| (format!("{role}.{key}"), problem))
    }

    fn validate_here(self, role: &'static str, folder: &Path) -> Result<Model, Problem> {
        let plain = Path::new(&self.file).components().count() == 1 && !self.file.is_empty() && self.file != "..";
        require(plain, "file", "must be the name of a file beside the manifest")?;
        let hex = self.sha256.len() == 64 && self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        require(hex, "sha256", "must be 64 lower-case hexadecimal digits")?;
        require(!self.licence.trim().is_empty(), "licence", "must not be empty")?;
        require(!self.trained_on.trim().is_empty(), "trained_on", "must not be empty")?;
        let input = square(&self.input, "input")?;
        require(input.0 == 1, "input.shape", "must have one channel: [1, 1, side, side]")?;
        let n = &self.normalisation;
        let ordered = 0.0 <= n.low_quantile && n.low_quantile < n.high_quantile && n.high_quantile <= 1.0;
        require(ordered, "normalisation.low_quantile", "must be 0 ≤ low_quantile < high_quantile ≤ 1")?;
        let range = n.black.is_finite() && n.white.is_finite() && n.black != n.white;
        require(range, "normalisation.white", "black and white must be finite and different")?;
        let heatmaps = self.heatmaps.validate(&self.outputs, input.1)?;
        let quality = self.quality.map(|q| q.validate(&self.outputs)).transpose()?;
        if let Some(pass) = &self.second_pass {
            let sane = (0.02..=0.16).contains(&pass.level_height);
            require(sane, "second_pass.level_height", "must lie in 0.02…0.16 of the side")?;
            require((1..=4).contains(&pass.looks), "second_pass.looks", "must lie in 1…4")?;
            require((0.0..1.0).contains(&pass.skip_within), "second_pass.skip_within", "must lie in 0…1")?;
        }
        let spec = |t: RawTensor| TensorSpec { name: t.name, shape: t.shape };
        Ok(Model {
            role,
            path: folder.join(&self.file),
            sha256: self.sha256,
            licence: self.licence,
            trained_on: self.trained_on,
            signature: Signature { input: spec(self.input), outputs: self.outputs.into_iter().map(spec).collect() },
            normalisation: self.normalisation,
            heatmaps,
            quality,
            second_pass: self.second_pass,
        })
    }
}

/// Channels and side of `[1, channels, side, side]`.
fn square(tensor: &RawTensor, key: &str) -> Result<(usize, usize), Problem> {
    match tensor.shape[..] {
        [1, channels, height, width] if height == width && (8..=4096).contains(&width) && channels > 0 => {
            Ok((channels, width))
        }
        _ => Err((format!("{key}.shape"), "must be [1, channels, side, side] with a side of 8…4096".into())),
    }
}

fn named<'a>(outputs: &'a [RawTensor], name: &str, key: &str) -> Result<&'a RawTensor, Problem> {
    outputs.iter().find(|o| o.name == name).ok_or_else(|| (key.to_owned(), format!("no output is named {name:?}")))
}

impl RawHeatmaps {
    fn validate(self, outputs: &[RawTensor], input_side: usize) -> Result<Heatmaps, Problem> {
        let output = named(outputs, &self.output, "heatmaps.output")?;
        let (channels, side) = square(output, "outputs")?;
        require(channels == self.landmarks.len(), "heatmaps.landmarks", {
            format!("names {} landmarks for {channels} channels", self.landmarks.len())
        })?;
        let unique: BTreeSet<_> = self.landmarks.iter().collect();
        require(unique.len() == channels, "heatmaps.landmarks", "names a landmark twice")?;
        require(side <= input_side, "outputs", "heatmaps must not be finer than the input")?;
        require((1..=side / 4).contains(&self.window), "heatmaps.window", format!("must lie in 1…{}", side / 4))?;
        for (key, value, least) in [
            ("heatmaps.target_sigma", self.target_sigma, 0.0),
            ("heatmaps.sigma_factor", self.sigma_factor, 0.01),
            ("heatmaps.sigma_floor", self.sigma_floor, 0.01),
        ] {
            require((least..=100.0).contains(&value), key, format!("must lie in {least}…100"))?;
        }
        let decoder = match self.decoder {
            RawDecoder::Softmax => {
                require(self.threshold.is_none(), "heatmaps.threshold", "belongs to the decoder \"gaussian\"")?;
                let finite = self.absent_logit.is_none_or(f64::is_finite);
                require(finite, "heatmaps.absent_logit", "must be finite")?;
                Decoder::Softmax { absent_logit: self.absent_logit }
            }
            RawDecoder::Gaussian => {
                require(self.absent_logit.is_none(), "heatmaps.absent_logit", "belongs to the decoder \"softmax\"")?;
                let threshold = self.threshold.unwrap_or(0.0);
                require((0.0..1.0).contains(&threshold), "heatmaps.threshold", "must lie in 0…1")?;
                Decoder::Gaussian { threshold }
            }
        };
        Ok(Heatmaps {
            output: self.output,
            landmarks: self.landmarks,
            decoder,
            window: self.window,
            target_sigma: self.target_sigma,
            sigma_factor: self.sigma_factor,
            sigma_floor: self.sigma_floor,
        })
    }
}

impl RawQuality {
    fn validate(self, outputs: &[RawTensor]) -> Result<Quality, Problem> {
        let output = named(outputs, &self.output, "quality.output")?;
        require(output.shape == [1, self.channels.len()], "quality.channels", {
            format!("names {} numbers, the output has the shape {:?}", self.channels.len(), output.shape)
        })?;
        let index = |name: &str| self.channels.iter().position(|c| c == name);
        let needed =
            |name: &str| index(name).ok_or_else(|| ("quality.channels".to_owned(), format!("{name:?} is missing")));
        Ok(Quality {
            lateral_cervical: needed("lateral_cervical")?,
            c7: [needed("c7_full")?, needed("c7_partial")?, needed("c7_hidden")?],
            rotation: index("rotation_deg"),
            output: self.output,
        })
    }
}
