//! From the manifest to a detector that keeps answering: engines made ready, each model behind its guard.
//!
//! | provider | ways of each model, in this order |
//! |---|---|
//! | `cpu` | CPU |
//! | `cuda` | CUDA, then the fallback |
//! | `tensorrt` | the engine that passed the gate, an FP32 engine that is there, then the fallback |
//!
//! On failure of a way: its reason is heard, and the next is taken. Where no way of a model can be loaded, and where engines
//! cannot be kept, the service does not start and says why.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::detect::Detector;
use crate::inference::engine::{Engine, Tensor};
use crate::inference::gpu;
use crate::inference::guard::{Guarded, Told, Way};
use crate::inference::machine::Machine;
use crate::inference::manifest::{Manifest, Model};
use crate::inference::onnx::{self, Provider, Runtime};
use crate::inference::passport::{Gate, Passport, Precision};
use crate::inference::shelf::{Found, Shelf};
use crate::publish::wire;

use super::assembled;
use super::settings::Settings;
use super::workshop::{Forge, News, Prepared, Workshop};

/// Bytes that must be free on the device for models and libraries, before anything is loaded there.
const DEVICE_ROOM: usize = 512 << 20;

/// Hears why a model does not run as it should, and `None` once it does again: its role and the reason.
pub type Trouble = Arc<dyn Fn(&str, Option<&str>) + Send + Sync>;

/// What came of loading.
pub struct Loaded {
    /// Warm.
    pub detector: Detector,
    /// Of the engines in use.
    pub passports: Vec<Passport>,
    /// Where the models lie.
    pub folder: PathBuf,
}

/// How one model may be run.
struct Ways {
    settings: Vec<onnx::Settings>,
    /// Why the first of them is not the one that was asked for.
    trouble: Option<String>,
    passport: Option<Passport>,
}

/// Makes the models of `manifest` ready as `settings` say; `told` hears of builds, `trouble` of what does not run as it should.
///
/// # Errors
/// A missing library, a model that is not the manifest's, engines that cannot be kept, a model that no provider runs.
pub fn load(
    manifest: &Manifest,
    settings: &Settings,
    told: &(dyn Fn(News) + Sync),
    trouble: &Trouble,
) -> anyhow::Result<Loaded> {
    let runtime = Runtime::load(settings.inference.library.as_deref())?;
    let wanted = settings.inference.provider;
    let no_device =
        if wanted == Provider::Cpu { None } else { device().err().map(|error| format!("{wanted}: {error:#}")) };
    let build = runtime.build();
    load_with(manifest, settings, &forge(runtime), || Machine::this(&build), no_device, told, trouble)
}

/// ONNX Runtime as the one that loads models.
pub fn forge(runtime: Runtime) -> Forge {
    Arc::new(move |model, settings| match runtime.engine(model, settings) {
        Ok(engine) => Ok(Box::new(engine) as Box<dyn Engine>),
        Err(error) => Err(error.to_string()),
    })
}

/// The same with whatever `forge` makes of a model, on the machine `machine` tells of.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    manifest: &Manifest,
    settings: &Settings,
    forge: &Forge,
    machine: impl FnOnce() -> Machine,
    no_device: Option<String>,
    told: &(dyn Fn(News) + Sync),
    trouble: &Trouble,
) -> anyhow::Result<Loaded> {
    let mut ways = ways(manifest, settings, forge, machine, no_device, told)?;
    let passports = ways.values().filter_map(|ways| ways.passport.clone()).collect();
    // All at once: loading one takes longer than all of them need of the cores.
    let mut guards: BTreeMap<&'static str, anyhow::Result<Box<dyn Engine>>> = std::thread::scope(|scope| {
        let models = manifest.models().into_iter().filter_map(|model| Some((model, ways.remove(model.role)?)));
        let loading: Vec<_> = models
            .map(|(model, ways)| (model.role, scope.spawn(move || guarded(model, ways, settings, forge, trouble))))
            .collect();
        let ended =
            |guard: std::thread::Result<_>| guard.unwrap_or_else(|_| Err(anyhow::anyhow!("loading it panicked")));
        loading.into_iter().map(|(role, guard)| (role, ended(guard.join()))).collect()
    });
    let detector = assembled(manifest.clone(), |model| {
        guards.remove(model.role).with_context(|| format!("{}: no way to run it", model.role))?
    })?;
    Ok(Loaded { detector, passports, folder: settings.models.clone() })
}

fn ways(
    manifest: &Manifest,
    settings: &Settings,
    forge: &Forge,
    machine: impl FnOnce() -> Machine,
    no_device: Option<String>,
    told: &(dyn Fn(News) + Sync),
) -> anyhow::Result<BTreeMap<&'static str, Ways>> {
    let wanted = &settings.inference;
    let fallback = || {
        let weaker = settings.fallback.iter().filter(|provider| **provider != wanted.provider);
        let all = weaker.map(|provider| onnx::Settings { provider: *provider, ..wanted.clone() });
        all.filter(|_| wanted.provider != Provider::Cpu).collect::<Vec<_>>()
    };
    let mut all = BTreeMap::new();
    if let Some(why) = no_device {
        if fallback().is_empty() {
            bail!("{why}; set [inference] provider = \"cpu\", or name a fallback");
        }
        for model in manifest.models() {
            all.insert(model.role, Ways { settings: fallback(), trouble: Some(why.clone()), passport: None });
        }
        return Ok(all);
    }
    if wanted.provider != Provider::TensorRt {
        for model in manifest.models() {
            let settings = [wanted.clone()].into_iter().chain(fallback()).collect();
            all.insert(model.role, Ways { settings, trouble: None, passport: None });
        }
        return Ok(all);
    }
    let workshop = Workshop { manifest, settings: wanted, forge: forge.clone(), machine: machine(), told };
    for Prepared { model, engine, refused } in workshop.prepare(false)? {
        let (mut settings, mut passport) = (Vec::new(), None);
        if let Some((how, papers)) = engine.map(|made| *made) {
            if how.precision != Precision::Fp32 {
                settings.extend(spare(&workshop, model)?);
            }
            settings.insert(0, how);
            passport = Some(papers);
        }
        settings.extend(fallback());
        if settings.is_empty() {
            bail!("{} does not run on TensorRT ({}), and no fallback is named", model.role, refused.join("; "));
        }
        let trouble = (!refused.is_empty()).then(|| refused.join("; "));
        all.insert(model.role, Ways { settings, trouble, passport });
    }
    Ok(all)
}

/// An FP32 engine of `model` that is there and passed: worth having behind one of another precision, not worth building.
fn spare(workshop: &Workshop<'_>, model: &Model) -> anyhow::Result<Option<onnx::Settings>> {
    let wanted = workshop.wanted(model, Precision::Fp32)?;
    let shelf = workshop.shelf();
    let Found::Sound(passport) = shelf.find(&wanted) else { return Ok(None) };
    let passed = passport.gate.as_ref().is_some_and(|gate| gate.passed);
    Ok(passed.then(|| onnx::Settings {
        provider: Provider::TensorRt,
        precision: Precision::Fp32,
        engines: shelf.place(&wanted),
        timings: shelf.timings(),
        ..workshop.settings.clone()
    }))
}

fn guarded(
    model: &Model,
    ways: Ways,
    settings: &Settings,
    forge: &Forge,
    trouble: &Trouble,
) -> anyhow::Result<Box<dyn Engine>> {
    let make = |how: onnx::Settings| {
        let (forge, model) = (forge.clone(), model.clone());
        let name = how.name();
        let make = move || {
            let engine = forge(&model, &how)?;
            if how.provider == Provider::TensorRt {
                own_engine(&how)?;
            }
            Ok(engine)
        };
        Way { name, make: Box::new(make) }
    };
    let (role, from_the_start, trouble) = (model.role, ways.trouble, trouble.clone());
    trouble(role, from_the_start.as_deref());
    let told: Told = Box::new(move |why| trouble(role, why.or(from_the_start.as_deref())));
    let ways = ways.settings.into_iter().map(make).collect();
    let guarded = Guarded::new(model.signature.clone(), ways, settings.patience, told);
    let mut guarded = guarded.with_context(|| format!("{role} ({}) cannot be loaded", model.path.display()))?;
    // The first film must be as fast as the hundredth: whatever is made on the first run is made now.
    let shape = &model.signature.input.shape;
    if let Some(nothing) = Tensor::new(shape.clone(), vec![0.0; shape.iter().product()]) {
        guarded.run(&nothing).with_context(|| format!("{role} does not run"))?;
    }
    Ok(Box::new(guarded))
}

/// ONNX Runtime builds a new engine in silence where it finds the cached one unfit. That one never went through the gate.
fn own_engine(how: &onnx::Settings) -> Result<(), String> {
    let Some((folder, name)) = how.engines.parent().zip(how.engines.file_name()) else { return Ok(()) };
    let entry = Shelf::at(folder).entries().into_iter().find(|entry| Some(entry.name.as_ref()) == name.to_str());
    match entry.map(|entry| entry.passport) {
        Some(Ok(_)) => Ok(()),
        Some(Err(why)) => Err(format!("ONNX Runtime did not take the engine that was built for it: {why}")),
        None => Err("its engine has gone".into()),
    }
}

/// Whether there is a device with room for the models.
fn device() -> anyhow::Result<()> {
    let found = gpu::facts()?;
    let (free, _) = gpu::memory()?;
    tracing::info!(device = %found, free_mib = free >> 20, "the device");
    if free < DEVICE_ROOM {
        bail!("{} has {} MiB free, the models need {}", found.name, free >> 20, DEVICE_ROOM >> 20);
    }
    Ok(())
}

/// What `info` says of an engine.
pub(super) fn told(passport: &Passport) -> wire::EnginePassport {
    let (machine, gate) = (&passport.machine, passport.gate.as_ref());
    let pixels = |of: fn(&Gate) -> f64| gate.and_then(|gate| wire::Number::new(of(gate), 3));
    wire::EnginePassport {
        role: passport.role.clone(),
        precision: passport.recipe.precision.to_string(),
        built_at: passport.built_at.clone(),
        device: machine.device.clone(),
        tensorrt: machine.tensorrt.clone(),
        cuda: machine.cuda.clone(),
        driver: machine.driver.clone().or_else(|| machine.jetson_linux.clone()),
        onnxruntime: machine.onnxruntime.clone(),
        landmark_mean_px: pixels(|gate| gate.landmark_mean_px),
        landmark_max_px: pixels(|gate| gate.landmark_max_px),
    }
}
