//! The passport of a TensorRT engine: what it was built from, on what, how, and how it did at the gate.
//!
//! It lies as `passport.json` in the engine's folder. An engine without one, or with one that differs in any point from what is
//! wanted here and now, is built anew: see [`differences`](Passport::differences).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::machine::Machine;

/// The version of the passport's format.
pub const SCHEMA: &str = "sagitta.passport/1";

/// The numbers in which an engine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits: what the models were trained in.
    #[default]
    Fp32,
    /// 16 bits where TensorRT finds them faster.
    Fp16,
    /// 8 bits with a calibration table, 16 bits elsewhere.
    Int8,
}

impl Precision {
    /// The name in the configuration and on the wire.
    pub const fn name(self) -> &'static str {
        ["fp32", "fp16", "int8"][self as usize]
    }

    /// The precision called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Fp32, Self::Fp16, Self::Int8].into_iter().find(|precision| precision.name() == name)
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How TensorRT is to build; what is `None` is left to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Bytes of scratch memory that a layer may take.
    pub workspace: Option<u64>,
    /// 0 (quick to build) … 5 (quick to run).
    pub optimisation_level: Option<u8>,
    /// The deep learning accelerator to use; what it does not take runs on the GPU.
    pub dla_core: Option<u32>,
    /// Whether launches are recorded once and replayed.
    pub cuda_graph: bool,
    /// Whether timings of kernels are kept, which makes the next build quicker.
    pub timing_cache: bool,
    /// The folder of calibration tables for INT8, `<role>.flatbuffers` each.
    pub calibration: Option<PathBuf>,
}

/// Everything that went into a build beside model and machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The numbers it computes in.
    pub precision: Precision,
    /// As in [`Options`].
    pub workspace: Option<u64>,
    /// As in [`Options`].
    pub optimisation_level: Option<u8>,
    /// As in [`Options`].
    pub dla_core: Option<u32>,
    /// As in [`Options`].
    pub cuda_graph: bool,
    /// SHA-256 of the calibration table, for INT8.
    pub calibration_sha256: Option<String>,
}

/// A file of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineFile {
    /// Its name in the engine's folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// How an engine did on the golden films, against FP32 on the CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Whether it may measure films.
    pub passed: bool,
    /// Why not.
    pub reason: Option<String>,
    /// How many films were compared.
    pub films: usize,
    /// How far its landmarks lay from those of the CPU, on average and at most, in pixels of the film.
    pub landmark_mean_px: f64,
    /// The same at most.
    pub landmark_max_px: f64,
    /// The largest difference of an angle.
    pub angle_max_deg: f64,
    /// The largest difference of a length.
    pub length_max_mm: f64,
    /// The largest difference of a ratio.
    pub ratio_max: f64,
}

/// What is wanted here and now: a passport must say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The model's part: `detector`.
    pub role: String,
    /// SHA-256 of the model.
    pub model_sha256: String,
    /// How it is built.
    pub recipe: Recipe,
    /// Where it runs.
    pub machine: Machine,
}

impl Wanted {
    /// The name of the engine's folder: enough for a person, and other for another model or precision.
    pub fn name(&self) -> String {
        let model = self.model_sha256.get(..12).unwrap_or(&self.model_sha256);
        format!("{}-{}-{model}", self.role, self.recipe.precision)
    }
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passport {
    /// [`SCHEMA`].
    pub schema: String,
    /// The model's part: `detector`.
    pub role: String,
    /// SHA-256 of the ONNX file.
    pub model_sha256: String,
    /// The engine itself.
    pub files: Vec<EngineFile>,
    /// How it was built.
    pub recipe: Recipe,
    /// Where it was built.
    pub machine: Machine,
    /// When, RFC 3339.
    pub built_at: String,
    /// How long that took.
    pub build_seconds: f64,
    /// How it did; `None` where no gate was asked for.
    pub gate: Option<Gate>,
}

impl Passport {
    /// Every point in which the engine is another than `wanted`, as `what: passport → here`.
    pub fn differences(&self, wanted: &Wanted) -> Vec<String> {
        let mut points = vec![
            ("format", Some(self.schema.clone()), Some(SCHEMA.to_owned())),
            ("role", Some(self.role.clone()), Some(wanted.role.clone())),
            ("model", Some(self.model_sha256.clone()), Some(wanted.model_sha256.clone())),
        ];
        points.extend(self.recipe.points().into_iter().zip(wanted.recipe.points()).map(|((n, a), (_, b))| (n, a, b)));
        let owned = |fact: Option<&str>| fact.map(str::to_owned);
        let (there, here) = (self.machine.facts(), wanted.machine.facts());
        points.extend(there.into_iter().zip(here).map(|((name, a), (_, b))| (name, owned(a), owned(b))));
        let shown = |value: Option<String>| value.unwrap_or_else(|| "none".into());
        let differing = points.into_iter().filter(|(_, there, here)| there != here);
        differing.map(|(name, there, here)| format!("{name}: {} → {}", shown(there), shown(here))).collect()
    }
}

impl Recipe {
    fn points(&self) -> [(&'static str, Option<String>); 6] {
        [
            ("precision", Some(self.precision.to_string())),
            ("workspace", self.workspace.map(|n| n.to_string())),
            ("optimisation level", self.optimisation_level.map(|n| n.to_string())),
            ("DLA core", self.dla_core.map(|n| n.to_string())),
            ("CUDA graph", Some(self.cuda_graph.to_string())),
            ("calibration", self.calibration_sha256.clone()),
        ]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn wanted() -> Wanted {
        let machine = Machine {
            device: Some("Orin".into()),
            compute_capability: Some("8.7".into()),
            tensorrt: Some("8.6.2".into()),
            cuda: Some("12.2.140".into()),
            driver_cuda: Some("12.2".into()),
            driver: Some("540.3.0".into()),
            jetson_linux: Some("36.3.0".into()),
            onnxruntime: "1.18.0".into(),
        };
        let recipe = Recipe {
            precision: Precision::Fp16,
            workspace: None,
            optimisation_level: Some(3),
            dla_core: None,
            cuda_graph: false,
            calibration_sha256: None,
        };
        Wanted { role: "detector".into(), model_sha256: "ab".repeat(32), recipe, machine }
    }

    pub(crate) fn passport(wanted: &Wanted) -> Passport {
        Passport {
            schema: SCHEMA.into(),
            role: wanted.role.clone(),
            model_sha256: wanted.model_sha256.clone(),
            files: Vec::new(),
            recipe: wanted.recipe.clone(),
            machine: wanted.machine.clone(),
            built_at: "2026-11-22T12:00:00Z".into(),
            build_seconds: 12.5,
            gate: None,
        }
    }

    #[test]
    fn the_same_model_recipe_and_machine_differ_in_nothing() {
        assert!(passport(&wanted()).differences(&wanted()).is_empty());
    }

    /// One change each.
    #[test]
    fn any_difference_is_told_by_its_name() {
        type Change = (&'static str, fn(&mut Wanted));
        let changes: [Change; 15] = [
            ("role", |w| w.role = "locator".into()),
            ("model", |w| w.model_sha256 = "cd".repeat(32)),
            ("precision", |w| w.recipe.precision = Precision::Fp32),
            ("workspace", |w| w.recipe.workspace = Some(1 << 30)),
            ("optimisation level", |w| w.recipe.optimisation_level = None),
            ("DLA core", |w| w.recipe.dla_core = Some(0)),
            ("CUDA graph", |w| w.recipe.cuda_graph = true),
            ("calibration", |w| w.recipe.calibration_sha256 = Some("0".into())),
            ("device", |w| w.machine.device = Some("Xavier".into())),
            ("compute capability", |w| w.machine.compute_capability = Some("7.2".into())),
            ("TensorRT", |w| w.machine.tensorrt = Some("10.3.0".into())),
            ("CUDA", |w| w.machine.cuda = None),
            ("CUDA of the driver", |w| w.machine.driver_cuda = Some("12.6".into())),
            ("driver", |w| w.machine.driver = Some("560.1".into())),
            ("Jetson Linux", |w| w.machine.jetson_linux = Some("36.4.0".into())),
        ];
        for (name, change) in changes {
            let mut here = wanted();
            change(&mut here);
            let told = passport(&wanted()).differences(&here);
            assert!(told.len() == 1 && told[0].starts_with(&format!("{name}: ")), "{name}: {told:?}");
        }
    }

    #[test]
    fn a_passport_survives_its_file() {
        let mut passport = passport(&wanted());
        passport.files.push(EngineFile { name: "a.engine".into(), bytes: 7, sha256: "ef".repeat(32) });
        let text = serde_json::to_string(&passport).unwrap();
        assert_eq!(serde_json::from_str::<Passport>(&text).unwrap(), passport);
    }
}
