//! ONNX Runtime: finding the library, loading it once, and running models with it.
//!
//! The library is not linked but loaded when the program starts, so that the same binary runs with the CPU build on any
//! machine and with NVIDIA's build on a Jetson. It is looked for in this order, and the first place that has one is used:
//!
//! 1. the setting `[inference] library`,
//! 2. the environment variables `SAGITTA_ONNXRUNTIME` and `ORT_DYLIB_PATH`,
//! 3. `runtime/<version>/<arch>/` below the working directory or a folder above the program (`scripts/fetch-onnxruntime`
//!    puts it there), the newest version first,
//! 4. `/usr/local/lib/sagitta/`, where `sagitta-onnxruntime` puts the site's own, with TensorRT for example,
//! 5. `/usr/lib/sagitta/`, where the package puts one for the CPU.
//!
//! A process loads one library, once: a second [`Runtime::load`] of the same file gives the same runtime, of another file
//! an error. Execution providers fail silently by default; here they never do: what was asked for runs, or an error says why.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use super::engine::{Engine, EngineError, Facts, Outputs, Signature, Tensor};
use super::manifest::{ManifestError, Model};
use super::passport::{Options, Precision};

/// Where `sagitta-onnxruntime` installs the library, and where the package has its own.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/local/lib/sagitta", "/usr/lib/sagitta"];
/// How many folders above the program are searched for `runtime/`: enough for `target/debug/deps` in a checkout.
const FOLDERS_ABOVE_PROGRAM: usize = 5;

/// Why no model can be run; every variant says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No library anywhere.
    #[error(
        "ONNX Runtime was not found (looked in: {searched}); run scripts/fetch-onnxruntime, where Sagitta is installed \
         sagitta-onnxruntime, or set SAGITTA_ONNXRUNTIME or [inference] library to the full path of libonnxruntime.so"
    )]
    NotFound {
        /// The places, for people.
        searched: String,
    },
    /// A library that does not load: missing file, other architecture, older than ONNX Runtime 1.17.
    #[error(
        "ONNX Runtime cannot be used from {path}: {reason}; run scripts/fetch-onnxruntime for one that fits \
         (1.17 or newer, for this architecture)", path = path.display()
    )]
    Unusable {
        /// The library.
        path: PathBuf,
        /// The loader's own words.
        reason: String,
    },
    /// The process already runs with another library.
    #[error("ONNX Runtime is already loaded from {loaded}, it cannot be loaded again from {asked}; restart the program", loaded = loaded.display(), asked = asked.display())]
    AlreadyLoaded {
        /// In use.
        loaded: PathBuf,
        /// Asked for now.
        asked: PathBuf,
    },
    /// The model's file or manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The provider that was asked for does not run here.
    #[error(
        "the provider {provider} cannot be used here: {reason}; set [inference] provider = \"cpu\" or install its libraries"
    )]
    Provider {
        /// As asked for.
        provider: Provider,
        /// The library's own words.
        reason: String,
    },
    /// A file that is no model, or not the one the manifest describes.
    #[error("{path}: {reason}", path = path.display())]
    Model {
        /// The model.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What multiplies the matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provider {
    /// ONNX Runtime's own kernels: everywhere.
    #[default]
    Cpu,
    /// cuDNN.
    Cuda,
    /// TensorRT with CUDA for what it does not take.
    TensorRt,
}

impl Provider {
    /// The name in the configuration and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }

    /// The provider called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Cpu, Self::Cuda, Self::TensorRt].into_iter().find(|p| p.name() == name)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How models are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The library; `None` searches for it.
    pub library: Option<PathBuf>,
    /// What multiplies the matrices.
    pub provider: Provider,
    /// CPU threads of one run; 0 lets the library take every core.
    pub threads: usize,
    /// In which numbers TensorRT computes; elsewhere it is FP32.
    pub precision: Precision,
    /// How TensorRT builds.
    pub options: Options,
    /// Where TensorRT keeps the engine of this very model; below a shelf one folder each.
    pub engines: PathBuf,
    /// Where it keeps timings of kernels, for all models.
    pub timings: PathBuf,
}

impl Settings {
    /// What it is called: `cpu`, `cuda`, `tensorrt fp16`.
    pub fn name(&self) -> String {
        match self.provider {
            Provider::TensorRt => format!("{} {}", self.provider, self.precision),
            provider => provider.to_string(),
        }
    }

    /// The precision that runs.
    pub const fn computes_in(&self) -> Precision {
        match self.provider {
            Provider::TensorRt => self.precision,
            Provider::Cpu | Provider::Cuda => Precision::Fp32,
        }
    }
}

/// The name of the calibration table in the folder of an INT8 engine.
pub const CALIBRATION: &str = "calibration.flatbuffers";

impl Default for Settings {
    fn default() -> Self {
        Self {
            library: None,
            provider: Provider::Cpu,
            threads: 0,
            precision: Precision::Fp32,
            options: Options::default(),
            engines: PathBuf::from("engines"),
            timings: PathBuf::from("engines/timings"),
        }
    }
}

/// The library, loaded.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
}

/// The one runtime of this process. It is kept until the process ends: the library cannot be loaded twice.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the library that `setting` names, or else the first that is found.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Unusable`] or [`RuntimeError::AlreadyLoaded`].
    pub fn load(setting: Option<&Path>) -> Result<Self, RuntimeError> {
        let found = find(setting, &Surroundings::of_this_process())?;
        let library = found
            .canonicalize()
            .map_err(|error| RuntimeError::Unusable { path: found.clone(), reason: error.to_string() })?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            return if runtime.library == library {
                Ok(runtime.clone())
            } else {
                Err(RuntimeError::AlreadyLoaded { loaded: runtime.library.clone(), asked: library })
            };
        }
        let unusable = |reason: String| RuntimeError::Unusable { path: library.clone(), reason };
        let environment = ort::init_from(&library)
            .map_err(|error| unusable(error.to_string()))?
            .with_name("sagitta")
            .with_telemetry(false)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        tracing::info!(library = %library.display(), build = ort::info(), "ONNX Runtime loaded");
        let runtime = Self { environment, library };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// The file in use.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The library's own words on its build: version, branch and revision, without the flags of its compiler.
    pub fn build(&self) -> String {
        let version = self.library.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once(".so."));
        let revision = ort::info().split(", build type").next().unwrap_or_default();
        let revision = revision.trim_start_matches("ORT Build Info: ").trim();
        version.map_or_else(|| revision.to_owned(), |(_, version)| format!("{version} ({revision})"))
    }

    /// Loads `model` for running with `settings`.
    ///
    /// # Errors
    /// [`RuntimeError::Manifest`] where the file is missing or another than the manifest's, [`RuntimeError::Provider`]
    /// where the provider fails, [`RuntimeError::Model`] where the file is no model or has other tensors than the manifest says.
    pub fn engine(&self, model: &Model, settings: &Settings) -> Result<OnnxEngine, RuntimeError> {
        let bytes = model.read()?;
        let broken = |reason: String| RuntimeError::Model { path: model.path.clone(), reason };
        let builder = self.builder(settings).map_err(|error| broken(error.to_string()))?;
        let mut builder = with_provider(builder, settings)
            .map_err(|reason| RuntimeError::Provider { provider: settings.provider, reason })?;
        let session = builder.commit_from_memory(&bytes).map_err(|error| match settings.provider {
            Provider::Cpu => broken(error.to_string()),
            provider => RuntimeError::Provider { provider, reason: error.to_string() },
        })?;
        compare(&session, &model.signature).map_err(broken)?;
        let facts = Facts {
            role: model.role.to_owned(),
            provider: settings.provider.name().to_owned(),
            precision: settings.computes_in().name().to_owned(),
            sha256: model.sha256.clone(),
        };
        tracing::info!(role = %facts.role, provider = %facts.provider, precision = %facts.precision, model = %model.path.display(), "model loaded");
        Ok(OnnxEngine { session, signature: model.signature.clone(), facts })
    }

    fn builder(&self, settings: &Settings) -> ort::Result<SessionBuilder> {
        let mut builder = Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_inter_threads(1)?
            // Between two films the threads sleep instead of spinning: the appliance idles most of the day.
            .with_config_entry("session.force_spinning_stop", "1")?;
        if settings.threads > 0 {
            builder = builder.with_intra_threads(settings.threads)?;
        }
        Ok(builder)
    }
}

fn with_provider(builder: SessionBuilder, settings: &Settings) -> Result<SessionBuilder, String> {
    let cuda = || ep::CUDA::default().build().error_on_failure();
    let providers = match settings.provider {
        Provider::Cpu => return Ok(builder),
        Provider::Cuda => vec![cuda()],
        Provider::TensorRt => {
            vec![tensorrt(settings).build().error_on_failure(), cuda()]
        }
    };
    builder.with_execution_providers(providers).map_err(|error| error.to_string())
}

/// Only options that ONNX Runtime 1.17 knows: an unknown one is an error of the whole provider.
fn tensorrt(settings: &Settings) -> ep::TensorRT {
    let Options { workspace, optimisation_level, dla_core, cuda_graph, timing_cache, .. } = &settings.options;
    let int8 = settings.precision == Precision::Int8;
    let mut provider = ep::TensorRT::default()
        // What INT8 and DLA do not take is better in 16 bits than in 32.
        .with_fp16(settings.precision != Precision::Fp32)
        .with_engine_cache(true)
        .with_engine_cache_path(settings.engines.to_string_lossy())
        .with_timing_cache(*timing_cache)
        .with_cuda_graph(*cuda_graph);
    if *timing_cache {
        provider = provider.with_timing_cache_path(settings.timings.to_string_lossy());
    }
    if let Some(bytes) = workspace.and_then(|bytes| usize::try_from(bytes).ok()) {
        provider = provider.with_max_workspace_size(bytes);
    }
    if let Some(level) = optimisation_level {
        provider = provider.with_builder_optimization_level(*level);
    }
    if let Some(core) = dla_core {
        provider = provider.with_dla(true).with_dla_core(*core);
    }
    if int8 {
        provider = provider
            .with_int8(true)
            .with_int8_calibration_table_name(CALIBRATION)
            .with_int8_use_native_calibration_table(false);
    }
    provider
}

/// Whether the model file has the tensors that the manifest promises; the shapes of its outputs may be left open.
fn compare(session: &Session, signature: &Signature) -> Result<(), String> {
    let describe = |outlets: &[ort::value::Outlet]| {
        outlets.iter().map(|o| format!("{} {:?}", o.name(), o.dtype().tensor_shape())).collect::<Vec<_>>().join(", ")
    };
    let fits = |outlet: &ort::value::Outlet, name: &str, shape: &[usize]| {
        outlet.name() == name
            && outlet.dtype().tensor_shape().is_some_and(|found| {
                found.len() == shape.len()
                    && found.iter().zip(shape).all(|(&f, &s)| f < 0 || usize::try_from(f).is_ok_and(|f| f == s))
            })
    };
    let input = &signature.input;
    if session.inputs().len() != 1 || !session.inputs().iter().all(|i| fits(i, &input.name, &input.shape)) {
        let has = describe(session.inputs());
        return Err(format!("the manifest says input {} {:?}, the file has {has}", input.name, input.shape));
    }
    for output in &signature.outputs {
        if !session.outputs().iter().any(|o| fits(o, &output.name, &output.shape)) {
            let has = describe(session.outputs());
            return Err(format!("the manifest says output {} {:?}, the file has {has}", output.name, output.shape));
        }
    }
    Ok(())
}

/// One model in ONNX Runtime.
pub struct OnnxEngine {
    session: Session,
    signature: Signature,
    facts: Facts,
}

impl fmt::Debug for OnnxEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxEngine").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Engine for OnnxEngine {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        let expected = &self.signature.input.shape;
        if input.shape() != expected {
            return Err(EngineError::Input { expected: expected.clone(), found: input.shape().to_vec() });
        }
        let backend = |error: ort::Error| EngineError::Backend(error.to_string());
        let view = TensorRef::from_array_view((input.shape().to_vec(), input.data())).map_err(backend)?;
        let outputs = self.session.run(ort::inputs![self.signature.input.name.as_str() => view]).map_err(backend)?;
        let mut raw = Vec::with_capacity(self.signature.outputs.len());
        for spec in &self.signature.outputs {
            let Some(value) = outputs.get(&spec.name) else { continue };
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(backend)?;
            let shape: Option<Vec<usize>> = shape.iter().map(|&length| usize::try_from(length).ok()).collect();
            let tensor = shape.and_then(|shape| Tensor::new(shape, data.to_vec()));
            raw.push((spec.name.clone(), tensor.ok_or_else(|| EngineError::Backend("a malformed tensor".into()))?));
        }
        Outputs::checked(&self.signature, raw)
    }
}

/// What the search for the library depends on, so that it can be tested without changing the process.
struct Surroundings {
    variables: Vec<(&'static str, Option<OsString>)>,
    folders: Vec<PathBuf>,
}

impl Surroundings {
    fn of_this_process() -> Self {
        let variables = ["SAGITTA_ONNXRUNTIME", "ORT_DYLIB_PATH"].map(|name| (name, std::env::var_os(name)));
        let mut folders: Vec<PathBuf> = std::env::current_dir().into_iter().map(|d| d.join("runtime")).collect();
        if let Ok(program) = std::env::current_exe() {
            folders.extend(program.ancestors().skip(1).take(FOLDERS_ABOVE_PROGRAM).map(|d| d.join("runtime")));
        }
        folders.extend(SYSTEM_FOLDERS.map(PathBuf::from));
        Self { variables: variables.into(), folders }
    }
}

fn find(setting: Option<&Path>, surroundings: &Surroundings) -> Result<PathBuf, RuntimeError> {
    if let Some(path) = setting {
        return Ok(path.to_owned());
    }
    let named = surroundings.variables.iter().filter_map(|(_, value)| value.as_ref()).find(|value| !value.is_empty());
    if let Some(path) = named {
        return Ok(PathBuf::from(path));
    }
    let searched = || {
        let names = surroundings.variables.iter().map(|(name, _)| (*name).to_owned());
        names.chain(surroundings.folders.iter().map(|f| f.display().to_string())).collect::<Vec<_>>().join(", ")
    };
    let newest = surroundings.folders.iter().find_map(|folder| newest_below(folder));
    newest.ok_or_else(|| RuntimeError::NotFound { searched: searched() })
}

/// The library of the highest version in `folder` itself or in `folder/<version>/<arch>/`.
fn newest_below(folder: &Path) -> Option<PathBuf> {
    let direct = library_in(folder).map(|path| (vec![], path));
    let versions = std::fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| {
        let version: Option<Vec<u32>> = entry.file_name().to_str()?.split('.').map(|part| part.parse().ok()).collect();
        Some((version?, library_in(&entry.path().join(std::env::consts::ARCH))?))
    });
    versions.chain(direct).max().map(|(_, path)| path)
}

/// `libonnxruntime.so` or `libonnxruntime.so.<version>` in `folder`.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let is_library = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("libonnxruntime.so"))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    entries.filter(is_library).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
        path.to_owned()
    }

    fn around(folders: &[&Path], variable: Option<&str>) -> Surroundings {
        Surroundings {
            variables: vec![("A_VARIABLE", variable.map(OsString::from))],
            folders: folders.iter().map(|f| f.to_path_buf()).collect(),
        }
    }

    #[test]
    fn the_setting_beats_the_variable_and_that_the_folders() {
        let dir = tempfile::tempdir().unwrap();
        touch(&dir.path().join("libonnxruntime.so"));
        let surroundings = around(&[dir.path()], Some("/from/variable.so"));
        assert_eq!(find(Some(Path::new("/x.so")), &surroundings).unwrap(), Path::new("/x.so"));
        assert_eq!(find(None, &surroundings).unwrap(), Path::new("/from/variable.so"));
        let empty = around(&[dir.path()], Some(""));
        assert_eq!(find(None, &empty).unwrap(), dir.path().join("libonnxruntime.so"));
    }

    #[test]
    fn the_newest_version_counts_by_number_and_for_this_architecture() {
        let dir = tempfile::tempdir().unwrap();
        let arch = std::env::consts::ARCH;
        touch(&dir.path().join(format!("1.9.1/{arch}/libonnxruntime.so.1.9.1")));
        let newest = touch(&dir.path().join(format!("1.20.1/{arch}/libonnxruntime.so.1.20.1")));
        touch(&dir.path().join("1.31.1/pdp11/libonnxruntime.so.1.31.1"));
        touch(&dir.path().join("1.20.1/libonnxruntime_providers_shared.so"));
        assert_eq!(find(None, &around(&[dir.path()], None)).unwrap(), newest);
    }

    #[test]
    fn where_there_is_none_the_error_says_where_it_looked_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let error = find(None, &around(&[dir.path()], None)).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
        assert!(error.contains("A_VARIABLE") && error.contains("scripts/fetch-onnxruntime"), "{error}");
    }

    #[test]
    fn providers_are_known_by_their_names() {
        for provider in [Provider::Cpu, Provider::Cuda, Provider::TensorRt] {
            assert_eq!(Provider::from_name(provider.name()), Some(provider));
        }
        assert_eq!(Provider::from_name("rocm"), None);
    }
}
