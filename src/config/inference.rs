//! `[inference]`, `[engines]` and `[models]`: what runs the models, how TensorRT builds, and whose bundles are trusted.

use std::path::PathBuf;
use std::time::Duration;

use super::read::{Need, Reader};
use super::table;
use super::values::{bytes, duration, list, one_of, truth, whole};

/// What runs the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// ONNX Runtime on the CPU.
    Cpu,
    /// ONNX Runtime with CUDA.
    Cuda,
    /// ONNX Runtime with TensorRT.
    TensorRt,
}

/// The numbers in which TensorRT computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    Fp32,
    /// 16 bits where they are faster.
    Fp16,
    /// 8 bits with a calibration table.
    Int8,
}

/// Models and what runs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inference {
    /// What multiplies the matrices.
    pub provider: Provider,
    /// What takes over where that cannot, in this order; never TensorRT.
    pub fallback: Vec<Provider>,
    /// How long one run of a model may take before the next provider answers.
    pub deadline: Duration,
    /// The pause between two self-tests.
    pub self_test: Duration,
    /// CPU threads of one run; 0 takes every core.
    pub threads: u64,
    /// How TensorRT builds.
    pub build: Build,
    /// The folder with `manifest.toml`; `None` looks for installed models, beside the program and where the package puts it.
    pub models: Option<PathBuf>,
    /// Where built TensorRT engines are kept.
    pub engines: PathBuf,
    /// ONNX Runtime's library; `None` searches for it.
    pub library: Option<PathBuf>,
}

/// How TensorRT builds; what is `None` is left to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The numbers it computes in.
    pub precision: Precision,
    /// Bytes of scratch memory.
    pub workspace: Option<u64>,
    /// 0…5.
    pub optimisation_level: Option<u64>,
    /// The accelerator to use.
    pub dla_core: Option<u64>,
    /// Whether launches are recorded and replayed.
    pub cuda_graph: bool,
    /// Whether timings of kernels are kept.
    pub timing_cache: bool,
    /// The folder of calibration tables.
    pub calibration: Option<PathBuf>,
}

/// Whose bundles of models are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    /// Public keys as minisign prints them.
    pub keys: Vec<String>,
    /// Bundles with a lower version are refused.
    pub oldest: u64,
}

const PROVIDERS: [(&str, Provider); 3] =
    [("cpu", Provider::Cpu), ("cuda", Provider::Cuda), ("tensorrt", Provider::TensorRt)];

/// With the folder for engines, whose default lies in the store.
pub(super) fn read(r: &mut Reader<'_>) -> Option<(Inference, Option<PathBuf>)> {
    let provider = r.get(table::INFERENCE_PROVIDER, |value| one_of(value, &PROVIDERS.map(|(name, _)| name)));
    let fallback = r.get(table::INFERENCE_FALLBACK, |value| {
        let known = |name: &String| PROVIDERS.into_iter().take(2).find(|(word, _)| word == name).map(|(_, p)| p);
        let all: Option<Vec<Provider>> = list(value)?.iter().map(known).collect();
        all.ok_or_else(|| "Write [], [\"cpu\"], [\"cuda\"] or [\"cuda\", \"cpu\"].".into())
    });
    let deadline = r.get(table::INFERENCE_DEADLINE, |value| duration(value, "100ms", "5min"));
    let self_test = r.get(table::INFERENCE_SELF_TEST, |value| duration(value, "10s", "30d"));
    let threads = r.get(table::INFERENCE_THREADS, |value| whole(value, 0, 64));
    let models = r.optional_path(table::INFERENCE_MODELS, Need::Models);
    let engines = r.optional_path(table::INFERENCE_ENGINES, Need::Place);
    let library = r.optional_path(table::INFERENCE_LIBRARY, Need::File);
    let build = build(r);
    let inference = Inference {
        provider: PROVIDERS.get(provider?)?.1,
        fallback: fallback?,
        deadline: deadline?,
        self_test: self_test?,
        threads: threads?,
        build: build?,
        models: models?,
        engines: PathBuf::new(),
        library: library?,
    };
    Some((inference, engines?))
}

fn build(r: &mut Reader<'_>) -> Option<Build> {
    const PRECISIONS: [(&str, Precision); 3] =
        [("fp16", Precision::Fp16), ("fp32", Precision::Fp32), ("int8", Precision::Int8)];
    let precision = r.get(table::ENGINES_PRECISION, |value| one_of(value, &PRECISIONS.map(|(name, _)| name)));
    let workspace = r.optional(table::ENGINES_WORKSPACE, |value| bytes(value, "1 MB", "64 GB"));
    let optimisation_level = r.optional(table::ENGINES_OPTIMISATION_LEVEL, |value| whole(value, 0, 5));
    let dla_core = r.optional(table::ENGINES_DLA_CORE, |value| whole(value, 0, 3));
    let cuda_graph = r.get(table::ENGINES_CUDA_GRAPH, truth);
    let timing_cache = r.get(table::ENGINES_TIMING_CACHE, truth);
    let calibration = r.optional_path(table::ENGINES_CALIBRATION, Need::Folder);
    let precision = PRECISIONS.get(precision?)?.1;
    let calibration = calibration?;
    if precision == Precision::Int8 && calibration.is_none() {
        let remedy = "Name the folder with the calibration tables, or write engines.precision = \"fp16\".".into();
        r.problem("engines.calibration", None, "is missing, and engines.precision is \"int8\"", remedy);
        return None;
    }
    Some(Build {
        precision,
        workspace: workspace?,
        optimisation_level: optimisation_level?,
        dla_core: dla_core?,
        cuda_graph: cuda_graph?,
        timing_cache: timing_cache?,
        calibration,
    })
}

pub(super) fn models(r: &mut Reader<'_>) -> Option<Models> {
    let keys = r.get(table::MODELS_KEYS, |value| {
        let keys = list(value)?;
        let sound = keys.iter().all(|key| crate::bundle::key(key).is_ok());
        sound.then_some(keys).ok_or_else(|| {
            "Write public keys as minisign prints them: 56 letters that begin with RW, without the comment line.".into()
        })
    });
    let oldest = r.get(table::MODELS_OLDEST, |value| whole(value, 0, u64::from(u32::MAX)));
    Some(Models { keys: keys?, oldest: oldest? })
}
