//! The manifest as it stands in the file, and what makes it valid.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::{
    Calibration, Decoder, DetectorModel, Heatmaps, LocatorModel, MOST_LOOKS, Manifest, Model, Normalisation,
    PatchFrame, Quality, RefinerModel, SecondPass,
};
use crate::domain::matrix::Symmetric;
use crate::domain::measurement::{Calibration as Intervals, Quantity};
use crate::inference::engine::{Signature, TensorSpec};

/// A key and what is wrong with it.
pub(super) type Problem = (String, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawManifest {
    pub(super) schema: u32,
    detector: RawDetector,
    locator: Option<RawLocator>,
    refiner_c2: Option<RawRefiner>,
    refiner_body: Option<RawRefiner>,
    refiner_c7: Option<RawRefiner>,
    calibration: Option<RawCalibration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalibration {
    #[serde(default)]
    spreads: Vec<[f64; 2]>,
    #[serde(default = "one")]
    steadied: f64,
    #[serde(default)]
    intervals: BTreeMap<String, RawInterval>,
}

/// What the half widths of one measurement's intervals are multiplied by.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInterval {
    seen: f64,
    /// Where a C7 that the film hides takes part; as `seen` where it never does.
    hidden: Option<f64>,
}

const fn one() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDetector {
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
struct RawRefiner {
    file: String,
    sha256: String,
    licence: String,
    trained_on: String,
    #[serde(rename = "accuracy")]
    _accuracy: Option<toml::Table>,
    input: RawTensor,
    outputs: Vec<RawTensor>,
    normalisation: Normalisation,
    heatmaps: RawHeatmaps,
    patch: PatchFrame,
    looks: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLocator {
    file: String,
    sha256: String,
    licence: String,
    trained_on: String,
    #[serde(rename = "accuracy")]
    _accuracy: Option<toml::Table>,
    input: RawTensor,
    outputs: Vec<RawTensor>,
    output: String,
    landmarks: Vec<String>,
    sigma_factor: f64,
    c7_correlation: Vec<Vec<f64>>,
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
    floors: Option<Vec<[f64; 2]>>,
    #[serde(default)]
    spreads: Vec<[f64; 2]>,
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

impl RawManifest {
    pub(super) fn validate(self, folder: &Path) -> Result<Manifest, Problem> {
        let at = |role: &str, (key, problem): Problem| (format!("{role}.{key}"), problem);
        let refiner = |raw: Option<RawRefiner>, role: &'static str| {
            raw.map(|raw| raw.validate(role, folder).map_err(|problem| at(role, problem))).transpose()
        };
        Ok(Manifest {
            detector: self.detector.validate("detector", folder).map_err(|problem| at("detector", problem))?,
            locator: self
                .locator
                .map(|raw| raw.validate("locator", folder).map_err(|problem| at("locator", problem)))
                .transpose()?,
            refiner_c2: refiner(self.refiner_c2, "refiner_c2")?,
            refiner_body: refiner(self.refiner_body, "refiner_body")?,
            refiner_c7: refiner(self.refiner_c7, "refiner_c7")?,
            calibration: self.calibration.map_or(Ok(Calibration::NONE), RawCalibration::validate)?,
        })
    }
}

fn positive(v: f64) -> bool {
    v > 0.0 && v.is_finite()
}

/// What spreads are multiplied by: (spread, factor), the spreads rising.
fn rising(factors: &[[f64; 2]], key: &str) -> Result<Vec<(f64, f64)>, Problem> {
    let sane = factors.iter().flatten().all(|v| positive(*v));
    require(sane, key, "spreads and factors must be more than 0")?;
    let rising = factors.windows(2).all(|pair| matches!(pair, [[a, _], [b, _]] if a < b));
    require(rising, key, "the spreads must rise")?;
    Ok(factors.iter().map(|&[spread, factor]| (spread, factor)).collect())
}

impl RawCalibration {
    fn validate(self) -> Result<Calibration, Problem> {
        require(positive(self.steadied), "calibration.steadied", "must be more than 0")?;
        let spreads = rising(&self.spreads, "calibration.spreads")?;
        let mut intervals = Intervals::NONE;
        for (name, RawInterval { seen, hidden }) in self.intervals {
            let key = format!("calibration.intervals.{name}");
            let quantity =
                Quantity::from_name(&name).ok_or_else(|| (key.clone(), "is no measurement of a report".to_owned()))?;
            let hidden = hidden.unwrap_or(seen);
            require(positive(seen) && positive(hidden), &key, "the factors must be more than 0")?;
            intervals = intervals.with(quantity, seen, hidden);
        }
        Ok(Calibration { spreads, steadied: self.steadied, intervals })
    }
}

/// What a model's table says of its file, checked.
struct Card {
    role: &'static str,
    file: String,
    sha256: String,
    licence: String,
    trained_on: String,
}

impl Card {
    fn validate(self, folder: &Path, input: RawTensor, outputs: Vec<RawTensor>) -> Result<Model, Problem> {
        let plain = Path::new(&self.file).components().count() == 1 && !self.file.is_empty() && self.file != "..";
        require(plain, "file", "must be the name of a file beside the manifest")?;
        let hex = self.sha256.len() == 64 && self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        require(hex, "sha256", "must be 64 lower-case hexadecimal digits")?;
        require(!self.licence.trim().is_empty(), "licence", "must not be empty")?;
        require(!self.trained_on.trim().is_empty(), "trained_on", "must not be empty")?;
        let spec = |t: RawTensor| TensorSpec { name: t.name, shape: t.shape };
        Ok(Model {
            role: self.role,
            path: folder.join(&self.file),
            sha256: self.sha256,
            licence: self.licence,
            trained_on: self.trained_on,
            signature: Signature { input: spec(input), outputs: outputs.into_iter().map(spec).collect() },
        })
    }
}

fn stretched(n: &Normalisation) -> Result<(), Problem> {
    let ordered = 0.0 <= n.low_quantile && n.low_quantile < n.high_quantile && n.high_quantile <= 1.0;
    require(ordered, "normalisation.low_quantile", "must be 0 ≤ low_quantile < high_quantile ≤ 1")?;
    let range = n.black.is_finite() && n.white.is_finite() && n.black != n.white;
    require(range, "normalisation.white", "black and white must be finite and different")
}

impl RawDetector {
    fn validate(self, role: &'static str, folder: &Path) -> Result<DetectorModel, Problem> {
        let input = square(&self.input, "input")?;
        require(input.batch == 1, "input.shape", "must take one picture: [1, 1, side, side]")?;
        require(input.channels == 1, "input.shape", "must have one channel: [1, 1, side, side]")?;
        stretched(&self.normalisation)?;
        let heatmaps = self.heatmaps.validate(&self.outputs, input)?;
        let quality = self.quality.map(|q| q.validate(&self.outputs)).transpose()?;
        if let Some(pass) = &self.second_pass {
            let sane = (0.02..=0.16).contains(&pass.level_height);
            require(sane, "second_pass.level_height", "must lie in 0.02…0.16 of the side")?;
            require((1..=4).contains(&pass.looks), "second_pass.looks", "must lie in 1…4")?;
            require((0.0..1.0).contains(&pass.skip_within), "second_pass.skip_within", "must lie in 0…1")?;
        }
        let Self { file, sha256, licence, trained_on, .. } = self;
        Ok(DetectorModel {
            model: Card { role, file, sha256, licence, trained_on }.validate(folder, self.input, self.outputs)?,
            normalisation: self.normalisation,
            heatmaps,
            quality,
            second_pass: self.second_pass,
        })
    }
}

/// No site needs more patches at a time than there are levels.
const MOST_PATCHES: usize = 6;

impl RawRefiner {
    fn validate(self, role: &'static str, folder: &Path) -> Result<RefinerModel, Problem> {
        let input = square(&self.input, "input")?;
        require(input.channels == 1, "input.shape", "must have one channel: [patches, 1, side, side]")?;
        let few = (1..=MOST_PATCHES).contains(&input.batch);
        require(few, "input.shape", format!("must take 1…{MOST_PATCHES} patches: [patches, 1, side, side]"))?;
        stretched(&self.normalisation)?;
        let heatmaps = self.heatmaps.validate(&self.outputs, input)?;
        let sane = (0.1..=0.6).contains(&self.patch.level_height);
        require(sane, "patch.level_height", "must lie in 0.1…0.6 of the side")?;
        require((-1.0..=1.0).contains(&self.patch.behind), "patch.behind", "must lie in -1…1 level heights")?;
        let looks = self.looks.unwrap_or(1);
        require((1..=MOST_LOOKS).contains(&looks), "looks", format!("must lie in 1…{MOST_LOOKS}"))?;
        let Self { file, sha256, licence, trained_on, .. } = self;
        Ok(RefinerModel {
            model: Card { role, file, sha256, licence, trained_on }.validate(folder, self.input, self.outputs)?,
            normalisation: self.normalisation,
            heatmaps,
            patch: self.patch,
            looks,
        })
    }
}

/// x, y and whether it is known, of the four corners of C2–C6.
const LOCATOR_INPUTS: usize = 60;

impl RawLocator {
    fn validate(self, role: &'static str, folder: &Path) -> Result<LocatorModel, Problem> {
        require(self.input.shape == [1, LOCATOR_INPUTS], "input.shape", format!("must be [1, {LOCATOR_INPUTS}]"))?;
        let output = named(&self.outputs, &self.output, "output")?;
        require(output.shape == [1, 3 * self.landmarks.len()], "landmarks", {
            format!("names {} landmarks of three numbers each, the output has {:?}", self.landmarks.len(), output.shape)
        })?;
        unique(&self.landmarks, "landmarks")?;
        let sane = (0.01..=100.0).contains(&self.sigma_factor);
        require(sane, "sigma_factor", "must lie in 0.01…100")?;
        let c7 = self.landmarks.iter().filter(|name| name.starts_with("C7.")).count();
        let c7_correlation =
            correlation(&self.c7_correlation).filter(|matrix| matrix.size() == 2 * c7).ok_or_else(|| {
                let problem = format!(
                    "must be a positive definite matrix of {0} by {0}, symmetric, with ones on its diagonal",
                    2 * c7
                );
                ("c7_correlation".to_owned(), problem)
            })?;
        let Self { file, sha256, licence, trained_on, .. } = self;
        Ok(LocatorModel {
            model: Card { role, file, sha256, licence, trained_on }.validate(folder, self.input, self.outputs)?,
            output: self.output,
            landmarks: self.landmarks,
            sigma_factor: self.sigma_factor,
            c7_correlation,
        })
    }
}

/// A matrix of correlations; `None` where these rows are none.
fn correlation(rows: &[Vec<f64>]) -> Option<Symmetric> {
    let matrix = Symmetric::of_rows(rows)?;
    let ones = (0..matrix.size()).all(|i| (matrix.at(i, i) - 1.0).abs() < 1e-9);
    (ones && matrix.inverse().is_some()).then_some(matrix)
}

fn unique(landmarks: &[String], key: &str) -> Result<(), Problem> {
    let names: BTreeSet<_> = landmarks.iter().collect();
    require(names.len() == landmarks.len(), key, "names a landmark twice")
}

/// `[batch, channels, side, side]`.
#[derive(Clone, Copy)]
struct Square {
    batch: usize,
    channels: usize,
    side: usize,
}

fn square(tensor: &RawTensor, key: &str) -> Result<Square, Problem> {
    match tensor.shape[..] {
        [batch, channels, height, width]
            if height == width && (8..=4096).contains(&width) && channels > 0 && batch > 0 =>
        {
            Ok(Square { batch, channels, side: width })
        }
        _ => Err((format!("{key}.shape"), "must be [1, channels, side, side] with a side of 8…4096".into())),
    }
}

fn named<'a>(outputs: &'a [RawTensor], name: &str, key: &str) -> Result<&'a RawTensor, Problem> {
    outputs.iter().find(|o| o.name == name).ok_or_else(|| (key.to_owned(), format!("no output is named {name:?}")))
}

impl RawHeatmaps {
    fn validate(self, outputs: &[RawTensor], input: Square) -> Result<Heatmaps, Problem> {
        let output = named(outputs, &self.output, "heatmaps.output")?;
        let Square { batch, channels, side } = square(output, "outputs")?;
        require(batch == input.batch, "outputs", "must have as many heatmaps as the input has pictures")?;
        require(channels == self.landmarks.len(), "heatmaps.landmarks", {
            format!("names {} landmarks for {channels} channels", self.landmarks.len())
        })?;
        unique(&self.landmarks, "heatmaps.landmarks")?;
        require(side <= input.side, "outputs", "heatmaps must not be finer than the input")?;
        require((1..=side / 4).contains(&self.window), "heatmaps.window", format!("must lie in 1…{}", side / 4))?;
        for (key, value, least) in [
            ("heatmaps.target_sigma", self.target_sigma, 0.0),
            ("heatmaps.sigma_factor", self.sigma_factor, 0.01),
            ("heatmaps.sigma_floor", self.sigma_floor, 0.01),
        ] {
            require((least..=100.0).contains(&value), key, format!("must lie in {least}…100"))?;
        }
        if let Some(floors) = &self.floors {
            let sane = floors.len() == channels && floors.iter().flatten().all(|f| (0.01..=100.0).contains(f));
            require(sane, "heatmaps.floors", "must hold two numbers of 0.01…100 for each landmark")?;
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
            floors: self.floors,
            spreads: rising(&self.spreads, "heatmaps.spreads")?,
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
