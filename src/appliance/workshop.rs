//! Builds TensorRT engines and lets them through the gate: nothing measures films that was not compared with FP32 on the CPU.
//!
//! ```text
//!  find on the shelf ─ sound, passed ──────────────────────────────► use
//!        │             sound, refused ─────────────► next precision │ fallback
//!        └ missing, stale, damaged ─ build ─ golden films: the engine in the hierarchy, against FP32 on the CPU ─ passport
//! ```
//!
//! Invariants: an engine without a passport that fits model, recipe and machine is never used; what the gate refused is
//! not built again until one of these changes. The global model is judged alone, since specialists would cover up for it.
//!
//! On failure: a shelf that cannot be written to, a full disk or a missing calibration table is an error before any film is
//! touched; a build that fails, or an engine that the gate refuses, is a reason, and the next way is taken.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{SecondsFormat, Utc};
use sha2::{Digest as _, Sha256};

use crate::golden::{Answer, Difference, Golden, Limits};
use crate::inference::engine::Engine;
use crate::inference::machine::Machine;
use crate::inference::manifest::{Manifest, Model};
use crate::inference::onnx::{self, Provider};
use crate::inference::passport::{Gate, Passport, Precision, Recipe, SCHEMA, Wanted};
use crate::inference::shelf::{Found, Lock, Shelf, ShelfError};

use super::assembled;

/// How often a build under way is told.
const TICK: Duration = Duration::from_secs(5);

/// Loads a model in one way; in its own words why it cannot.
pub type Forge = Arc<dyn Fn(&Model, &onnx::Settings) -> Result<Box<dyn Engine>, String> + Send + Sync>;

/// What is told while engines are made ready.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Why a build begins.
    Needed {
        /// The engine's name.
        engine: String,
        /// What was found instead of a sound engine.
        why: String,
    },
    /// A build under way, every few seconds.
    Building {
        /// The engine's name.
        engine: String,
        /// Which of how many models.
        step: (usize, usize),
        /// So far.
        elapsed: Duration,
        /// How long such a build took before, where that is known.
        estimate: Option<Duration>,
    },
    /// A build is done, and judged.
    Built {
        /// The engine's name.
        engine: String,
        /// How long it took.
        elapsed: Duration,
        /// How it did.
        gate: Gate,
    },
    /// A sound engine was found.
    Kept {
        /// The engine's name.
        engine: String,
    },
}

/// See the module's documentation.
pub struct Workshop<'a> {
    /// The models.
    pub manifest: &'a Manifest,
    /// How they are to be run.
    pub settings: &'a onnx::Settings,
    /// Loads them.
    pub forge: Forge,
    /// Where they run.
    pub machine: Machine,
    /// Hears how it goes.
    pub told: &'a (dyn Fn(News) + Sync),
}

/// What came of making one model ready in one precision.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    /// It may measure films; how it is loaded.
    Engine(Box<(onnx::Settings, Passport)>),
    /// It may not, and why.
    Refused(String),
}

/// One model, made ready.
pub struct Prepared<'a> {
    /// The model.
    pub model: &'a Model,
    /// The engine that may measure films; `None` where every precision was refused.
    pub engine: Option<Box<(onnx::Settings, Passport)>>,
    /// What was refused before it, and why.
    pub refused: Vec<String>,
}

/// Golden films and what FP32 on the CPU says of them.
struct Judge {
    films: Vec<Golden>,
    /// Of the global model alone (`true`), and of the whole hierarchy.
    references: BTreeMap<bool, Vec<Answer>>,
}

/// What is used from model to model, made when it is first needed.
struct Bench {
    shelf: Shelf,
    rebuild: bool,
    /// Which of how many models.
    step: (usize, usize),
    lock: Option<Lock>,
    judge: Option<Judge>,
}

impl<'a> Workshop<'a> {
    /// Where engines are kept.
    pub fn shelf(&self) -> Shelf {
        Shelf::at(&self.settings.engines)
    }

    /// The engine that is wanted of `model` in `precision`.
    ///
    /// # Errors
    /// A calibration table that is missing.
    pub fn wanted(&self, model: &Model, precision: Precision) -> anyhow::Result<Wanted> {
        let options = &self.settings.options;
        let table = (precision == Precision::Int8).then(|| self.calibration(model)).transpose()?;
        let recipe = Recipe {
            precision,
            workspace: options.workspace,
            optimisation_level: options.optimisation_level,
            dla_core: options.dla_core,
            cuda_graph: options.cuda_graph,
            calibration_sha256: table
                .map(|table| Sha256::digest(&table).iter().map(|byte| format!("{byte:02x}")).collect()),
        };
        let (role, model_sha256) = (model.role.to_owned(), model.sha256.clone());
        Ok(Wanted { role, model_sha256, recipe, machine: self.machine.clone() })
    }

    fn calibration(&self, model: &Model) -> anyhow::Result<Vec<u8>> {
        let folder = self.settings.options.calibration.as_deref();
        let folder = folder.context("INT8 needs calibration tables: name their folder with [engines] calibration")?;
        let path = folder.join(format!("{}.flatbuffers", model.role));
        fs::read(&path).with_context(|| {
            format!(
                "{} cannot be read; make it (docs/engines.md), or choose another [engines] precision",
                path.display()
            )
        })
    }

    /// Makes every model of the manifest ready in the precision that is asked for, and in FP32 where the gate refuses that;
    /// `rebuild` builds also what is there and sound.
    ///
    /// # Errors
    /// A shelf that cannot be written to, a full disk, a missing calibration table, models that do not run on the CPU.
    pub fn prepare(&self, rebuild: bool) -> anyhow::Result<Vec<Prepared<'a>>> {
        let models = self.manifest.models();
        let mut bench = Bench { shelf: self.shelf(), rebuild, step: (0, models.len()), lock: None, judge: None };
        let mut all = Vec::new();
        for model in models {
            bench.step.0 += 1;
            let mut precisions = vec![self.settings.precision, Precision::Fp32];
            precisions.dedup();
            let mut prepared = Prepared { model, engine: None, refused: Vec::new() };
            for precision in precisions {
                let wanted = self.wanted(model, precision)?;
                match self.make(&mut bench, model, &wanted)? {
                    Made::Engine(made) => {
                        prepared.engine = Some(made);
                        break;
                    }
                    Made::Refused(why) => prepared.refused.push(format!("tensorrt {precision}: {why}")),
                }
            }
            all.push(prepared);
        }
        Ok(all)
    }

    fn make(&self, bench: &mut Bench, model: &Model, wanted: &Wanted) -> anyhow::Result<Made> {
        let Bench { shelf, rebuild, step, lock, judge } = bench;
        let why = match shelf.find(wanted) {
            Found::Sound(passport) if !*rebuild => {
                (self.told)(News::Kept { engine: wanted.name() });
                return Ok(self.judged(shelf, wanted, *passport));
            }
            Found::Sound(_) => "asked for".to_owned(),
            Found::Missing => "there is none".to_owned(),
            Found::Stale(differences) => differences.join(", "),
            Found::Damaged(what) => what,
        };
        (self.told)(News::Needed { engine: wanted.name(), why });
        let held = match lock {
            Some(held) => held,
            None => lock.insert(shelf.lock()?),
        };
        let judge = judge.get_or_insert_with(|| Judge { films: Golden::all(), references: BTreeMap::new() });
        let bytes = fs::metadata(&model.path).map_or(0, |metadata| metadata.len());
        let building = shelf.begin(wanted, bytes, held)?;
        if wanted.recipe.precision == Precision::Int8 {
            let path = building.folder().join(onnx::CALIBRATION);
            fs::write(&path, self.calibration(model)?).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let settings = self.of(wanted, building.folder().to_owned());
        let begun = Instant::now();
        let engine = match self.build(model, &settings, wanted, *step) {
            Ok(engine) => engine,
            Err(why) => return Ok(Made::Refused(format!("the build failed: {why}"))),
        };
        let elapsed = begun.elapsed();
        let gate = self.gate(model, engine, judge)?;
        (self.told)(News::Built { engine: wanted.name(), elapsed, gate: gate.clone() });
        let passport = Passport {
            schema: SCHEMA.into(),
            role: wanted.role.clone(),
            model_sha256: wanted.model_sha256.clone(),
            files: Vec::new(),
            recipe: wanted.recipe.clone(),
            machine: wanted.machine.clone(),
            built_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            build_seconds: elapsed.as_secs_f64(),
            gate: Some(gate),
        };
        match building.finish(passport) {
            Ok(passport) => Ok(self.judged(shelf, wanted, passport)),
            Err(error @ ShelfError::Empty { .. }) => Ok(Made::Refused(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    fn judged(&self, shelf: &Shelf, wanted: &Wanted, passport: Passport) -> Made {
        match &passport.gate {
            Some(Gate { passed: true, .. }) => Made::Engine(Box::new((self.of(wanted, shelf.place(wanted)), passport))),
            Some(Gate { reason, .. }) => {
                Made::Refused(format!("refused at the gate: {}", reason.as_deref().unwrap_or("no reason told")))
            }
            None => Made::Refused("it never went through the gate".into()),
        }
    }

    /// How the engine in `folder` is loaded.
    fn of(&self, wanted: &Wanted, folder: std::path::PathBuf) -> onnx::Settings {
        onnx::Settings {
            provider: Provider::TensorRt,
            precision: wanted.recipe.precision,
            engines: folder,
            timings: self.shelf().timings(),
            ..self.settings.clone()
        }
    }

    fn build(
        &self,
        model: &Model,
        settings: &onnx::Settings,
        wanted: &Wanted,
        step: (usize, usize),
    ) -> Result<Box<dyn Engine>, String> {
        let history = self.shelf().history();
        let took = |same_role: bool| {
            let fits = history.iter().filter(|(role, precision, _)| {
                *precision == wanted.recipe.precision && (!same_role || *role == wanted.role)
            });
            fits.map(|(_, _, seconds)| *seconds).reduce(f64::max)
        };
        let estimate = took(true).or_else(|| took(false)).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let begun = Instant::now();
        let tell = || {
            let (engine, elapsed) = (wanted.name(), begun.elapsed());
            (self.told)(News::Building { engine, step, elapsed, estimate });
        };
        tell();
        std::thread::scope(|scope| {
            let (done, ended) = mpsc::channel();
            scope.spawn(move || {
                let built = catch_unwind(AssertUnwindSafe(|| (self.forge)(model, settings)));
                let _ = done.send(built.unwrap_or_else(|_| Err("the build panicked".into())));
            });
            loop {
                match ended.recv_timeout(TICK) {
                    Ok(built) => return built,
                    Err(RecvTimeoutError::Timeout) => tell(),
                    Err(RecvTimeoutError::Disconnected) => return Err("its thread ended".into()),
                }
            }
        })
    }

    /// Compares `engine` in the place of `model` with FP32 on the CPU.
    fn gate(&self, model: &Model, engine: Box<dyn Engine>, judge: &mut Judge) -> anyhow::Result<Gate> {
        let alone = model.role == self.manifest.detector.model.role;
        let part = if alone { self.manifest.detector_alone() } else { self.manifest.clone() };
        if !judge.references.contains_key(&alone) {
            let cpu = onnx::Settings { provider: Provider::Cpu, ..self.settings.clone() };
            let mut detector = assembled(part.clone(), |model| (self.forge)(model, &cpu).map_err(anyhow::Error::msg))?;
            let looked = judge.films.iter().map(|film| film.look(&mut detector));
            let answers =
                looked.collect::<Result<Vec<_>, _>>().context("the models failed on a golden film on the CPU")?;
            judge.references.insert(alone, answers);
        }
        let references = judge.references.get(&alone).map_or(&[][..], Vec::as_slice);
        let cpu = onnx::Settings { provider: Provider::Cpu, ..self.settings.clone() };
        let mut candidate = Some(engine);
        let mut detector = assembled(part, |other| match candidate.take() {
            Some(engine) if other.role == model.role => Ok(engine),
            kept => {
                candidate = kept;
                (self.forge)(other, &cpu).map_err(anyhow::Error::msg)
            }
        })?;
        let mut difference = Difference::default();
        let mut failed = None;
        for (film, reference) in judge.films.iter().zip(references) {
            match film.look(&mut detector) {
                Ok(answer) => difference = difference.and(Difference::between(reference, &answer)),
                Err(error) => {
                    failed = Some(format!("film {}: {error}", film.name));
                    break;
                }
            }
        }
        let reason = failed.or_else(|| difference.beyond(&Limits::default()));
        Ok(Gate {
            passed: reason.is_none(),
            reason,
            films: difference.films,
            landmark_mean_px: rounded(difference.landmark_mean_px()),
            landmark_max_px: rounded(difference.landmark_max_px),
            angle_max_deg: rounded(difference.angle_max_deg),
            length_max_mm: rounded(difference.length_max_mm),
            ratio_max: rounded(difference.ratio_max),
        })
    }
}

/// To ten thousandths, as the passport is read by people; what is not finite has no place in JSON.
fn rounded(value: f64) -> f64 {
    if value.is_finite() { (value * 1e4).round() / 1e4 } else { f64::MAX }
}
