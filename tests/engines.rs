//! Engines that misbehave on purpose, on their way through gate, shelf and guard; what computes in them is ONNX Runtime on
//! the CPU with the project's own models, so that what the golden films show is what a film would show.
//!
//! Needs `scripts/fetch-onnxruntime`; fails loudly otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagitta::appliance::models::{Loaded, Trouble, forge, load_with};
use sagitta::appliance::workshop::{Forge, News};
use sagitta::appliance::{self, Settings};
use sagitta::config::Config;
use sagitta::inference::engine::{Engine, EngineError, Facts, Outputs, Signature, Tensor};
use sagitta::inference::machine::Machine;
use sagitta::inference::manifest::Manifest;
use sagitta::inference::onnx::{self, Provider, Runtime};
use sagitta::inference::passport::Precision;
use sagitta::inference::shelf::Shelf;

/// What an engine of one precision does.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Sound,
    /// Every map lies one cell to the right.
    Shifted,
    Nan,
    /// TensorRT runs out of memory while it builds.
    Unbuildable,
    /// Sound when it is built, gone when it is loaded for films.
    Hangs,
}

/// What TensorRT is in these tests: CPU engines with moods, that leave a file in their folder.
#[derive(Clone)]
struct Fake {
    moods: Arc<Mutex<BTreeMap<Precision, Mood>>>,
    builds: Arc<Mutex<Vec<String>>>,
    forge: Forge,
}

struct Moody {
    inner: Box<dyn Engine>,
    mood: Mood,
    facts: Facts,
    runs: usize,
}

impl Engine for Moody {
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        self.runs += 1;
        let outputs = self.inner.run(input)?;
        let changed = |tensor: &Tensor| match (self.mood, tensor.shape()) {
            (Mood::Shifted, [.., _, width]) if *width > 8 => {
                let rows = tensor.data().chunks(*width);
                rows.flat_map(|row| row.first().into_iter().chain(row.iter().take(width - 1)).copied()).collect()
            }
            (Mood::Nan, _) => vec![f32::NAN; tensor.data().len()],
            _ => tensor.data().to_vec(),
        };
        if self.mood == Mood::Hangs {
            std::thread::sleep(Duration::from_secs(3600));
        }
        let signature = self.inner.signature();
        let raw = signature.outputs.iter().map(|spec| {
            let tensor = outputs.get(&spec.name).unwrap();
            (spec.name.clone(), Tensor::new(tensor.shape().to_vec(), changed(tensor)).unwrap())
        });
        Outputs::checked(signature, raw.collect())
    }
}

impl Fake {
    fn new() -> Self {
        let runtime = Runtime::load(None).expect("run scripts/fetch-onnxruntime");
        Self { moods: Arc::default(), builds: Arc::default(), forge: forge(runtime) }
    }

    fn set(&self, precision: Precision, mood: Mood) {
        self.moods.lock().unwrap().insert(precision, mood);
    }

    fn builds(&self) -> Vec<String> {
        std::mem::take(&mut self.builds.lock().unwrap())
    }

    fn forge(&self) -> Forge {
        let fake = self.clone();
        Arc::new(move |model, settings| {
            let cpu = onnx::Settings { provider: Provider::Cpu, threads: 1, ..settings.clone() };
            let inner = (fake.forge)(model, &cpu)?;
            if settings.provider == Provider::Cpu {
                return Ok(inner);
            }
            let mood = fake.moods.lock().unwrap().get(&settings.precision).copied().unwrap_or(Mood::Sound);
            if mood == Mood::Unbuildable {
                return Err("CUDA failure 2: out of memory".into());
            }
            let file = settings.engines.join("graph_0.engine");
            let built = !file.exists();
            if built {
                fake.builds.lock().unwrap().push(format!("{} {}", model.role, settings.precision));
                fs::write(&file, format!("{} {}", model.role, settings.precision)).map_err(|e| e.to_string())?;
            }
            let mood = if built && mood == Mood::Hangs { Mood::Sound } else { mood };
            let facts = Facts {
                provider: "tensorrt".into(),
                precision: settings.precision.name().into(),
                ..inner.facts().clone()
            };
            Ok(Box::new(Moody { inner, mood, facts, runs: 0 }) as Box<dyn Engine>)
        })
    }
}

/// A machine with a home of its own and the project's global model.
struct Room {
    home: tempfile::TempDir,
    fake: Fake,
    settings: Settings,
    manifest: Manifest,
    machine: Machine,
}

type Troubles = BTreeMap<String, String>;

impl Room {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let text = format!(
            "[device]\nid = \"t\"\n[ingest]\nwatch = \"{0}/watch\"\n[store]\npath = \"{0}/store\"\n[inference]\n\
             provider = \"tensorrt\"\ndeadline = \"2s\"\nmodels = \"{1}/models\"\n",
            home.path().display(),
            env!("CARGO_MANIFEST_DIR")
        );
        let settings = Settings::of(&Config::from_text(&text, "test", []).unwrap());
        let manifest = Manifest::load(&settings.models).unwrap().detector_alone();
        let machine = Machine {
            device: Some("Orin".into()),
            compute_capability: Some("8.7".into()),
            tensorrt: Some("8.6.2".into()),
            cuda: Some("12.2".into()),
            driver_cuda: Some("12.2".into()),
            driver: None,
            jetson_linux: Some("36.3.0".into()),
            onnxruntime: "1.18.0".into(),
        };
        Self { home, fake: Fake::new(), settings, manifest, machine }
    }

    fn start_on(&self, no_device: Option<&str>) -> (anyhow::Result<Loaded>, Troubles, Vec<News>) {
        let troubles: Arc<Mutex<Troubles>> = Arc::default();
        let news: Mutex<Vec<News>> = Mutex::default();
        let heard = troubles.clone();
        let trouble: Trouble = Arc::new(move |role, why| {
            let mut heard = heard.lock().unwrap();
            match why {
                Some(why) => drop(heard.insert(role.to_owned(), why.to_owned())),
                None => drop(heard.remove(role)),
            }
        });
        let told = |one: News| news.lock().unwrap().push(one);
        let machine = || self.machine.clone();
        let no_device = no_device.map(str::to_owned);
        let loaded = load_with(&self.manifest, &self.settings, &self.fake.forge(), machine, no_device, &told, &trouble);
        let troubles = troubles.lock().unwrap().clone();
        (loaded, troubles, news.into_inner().unwrap())
    }

    /// What runs the global model after a start, and what is wrong.
    fn start(&self) -> (String, Troubles) {
        let (loaded, troubles, _) = self.start_on(None);
        let loaded = loaded.unwrap();
        let facts = loaded.detector.facts();
        (format!("{} {}", facts[0].provider, facts[0].precision), troubles)
    }

    fn engine(&self) -> std::path::PathBuf {
        let shelf = Shelf::at(&self.settings.inference.engines);
        let entry = shelf.entries().into_iter().find(|entry| entry.name.contains("fp16")).unwrap();
        shelf.folder().join(entry.name).join("graph_0.engine")
    }
}

#[test]
fn a_sound_engine_is_built_once_passes_the_gate_and_is_kept_until_something_changes() {
    let mut room = Room::new();
    let (loaded, troubles, news) = room.start_on(None);
    let loaded = loaded.unwrap();
    assert!(troubles.is_empty(), "{troubles:?}");
    assert_eq!(room.fake.builds(), ["detector fp16"]);
    let told: Vec<&str> = news
        .iter()
        .map(|news| match news {
            News::Needed { .. } => "needed",
            News::Building { .. } => "building",
            News::Built { .. } => "built",
            News::Kept { .. } => "kept",
        })
        .collect();
    assert_eq!(
        (told.first(), told.get(1), told.last()),
        (Some(&"needed"), Some(&"building"), Some(&"built")),
        "{told:?}"
    );
    let gate = loaded.passports[0].gate.clone().unwrap();
    assert!(gate.passed && gate.films == 4 && gate.landmark_max_px < 0.01, "{gate:?}");
    drop(loaded);

    assert_eq!(room.start(), ("tensorrt fp16".into(), Troubles::new()));
    assert!(room.fake.builds().is_empty(), "kept");

    // Cut short: a clear reason, and built anew before any film.
    fs::write(room.engine(), "detector").unwrap();
    let (_, _, news) = room.start_on(None);
    assert!(matches!(&news[0], News::Needed { why, .. } if why.contains("cut short")), "{news:?}");
    assert_eq!(room.fake.builds(), ["detector fp16"]);

    room.machine.tensorrt = Some("10.3.0".into());
    let (_, _, news) = room.start_on(None);
    assert!(matches!(&news[0], News::Needed { why, .. } if why == "TensorRT: 8.6.2 → 10.3.0"), "{news:?}");
    assert_eq!(room.fake.builds(), ["detector fp16"]);
}

#[test]
fn an_engine_that_is_shifted_by_a_pixel_is_refused_for_fp32_and_not_built_again() {
    let room = Room::new();
    room.fake.set(Precision::Fp16, Mood::Shifted);
    let (engine, troubles) = room.start();
    assert_eq!(engine, "tensorrt fp32");
    assert!(troubles["detector"].contains("tensorrt fp16: refused at the gate: landmarks differ"), "{troubles:?}");
    assert_eq!(room.fake.builds(), ["detector fp16", "detector fp32"]);
    let (engine, again) = room.start();
    assert_eq!((engine.as_str(), again), ("tensorrt fp32", troubles));
    assert!(room.fake.builds().is_empty());
}

#[test]
fn engines_that_give_nan_or_cannot_be_built_leave_the_cpu_and_the_reason() {
    let mut room = Room::new();
    room.fake.set(Precision::Fp16, Mood::Nan);
    room.fake.set(Precision::Fp32, Mood::Unbuildable);
    let (engine, troubles) = room.start();
    assert_eq!(engine, "cpu fp32");
    let why = &troubles["detector"];
    assert!(
        why.contains("not finite") && why.contains("tensorrt fp32: the build failed") && why.contains("out of memory"),
        "{why}"
    );
    // Where nothing may take over, the service does not start.
    room.settings.fallback.clear();
    let error = format!("{:#}", room.start_on(None).0.err().unwrap());
    assert!(error.contains("no fallback is named"), "{error}");
}

#[test]
fn an_engine_that_hangs_on_films_gives_way_within_the_deadline() {
    let room = Room::new();
    assert_eq!(room.start().0, "tensorrt fp16");
    room.fake.set(Precision::Fp16, Mood::Hangs);
    // The warm-up is its first film.
    let film = sagitta::golden::Golden::make(0).unwrap();
    let (loaded, before, _) = room.start_on(None);
    let mut detector = loaded.unwrap().detector;
    assert!(film.look(&mut detector).is_ok());
    assert_eq!(detector.facts()[0].provider, "cpu", "{before:?}");
}

#[test]
fn without_a_device_the_fallback_measures_and_the_reason_is_told() {
    let mut room = Room::new();
    let (loaded, troubles, _) = room.start_on(Some("tensorrt: no NVIDIA driver on this machine"));
    assert_eq!(loaded.unwrap().detector.facts()[0].provider, "cpu");
    assert!(troubles["detector"].contains("no NVIDIA driver"));
    assert!(!room.settings.inference.engines.exists(), "nothing is made where nothing can be built");
    room.settings.fallback.clear();
    let error = room.start_on(Some("tensorrt: no NVIDIA driver")).0.err().unwrap().to_string();
    assert!(error.contains("provider = \"cpu\""), "{error}");
}

#[test]
fn engines_that_cannot_be_kept_are_an_error_before_any_film() {
    let room = Room::new();
    fs::create_dir_all(room.home.path().join("store")).unwrap();
    fs::write(room.home.path().join("store/engines"), b"a file").unwrap();
    let error = room.start_on(None).0.err().unwrap().to_string();
    assert!(error.contains("engines cannot be kept") && error.contains("[inference] engines"), "{error}");
    assert!(room.fake.builds().is_empty());
}

/// The stored answers belong to the models beside them: whoever trains models runs `sagitta self-test --write` last.
#[test]
fn the_stored_answers_are_those_of_the_models() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let manifest = Manifest::load(&models).unwrap();
    let stored = sagitta::golden::Stored::load(&models, &sagitta::golden::models(&manifest)).unwrap();
    let mut room = Room::new();
    room.settings.inference.provider = Provider::Cpu;
    let mut detector = appliance::detector(&room.settings).unwrap();
    let mut trial = sagitta::golden::Trial::default();
    for film in sagitta::golden::Golden::all() {
        trial.film(&film, &mut detector, &stored);
    }
    assert_eq!(trial.failure(&sagitta::golden::Limits::default()), None, "{trial:#?}");
}
