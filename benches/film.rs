//! What one film costs, step by step: `cargo bench --bench film`.
//!
//! `detection` is the whole hierarchy. `models` runs each network on the very tensors that the film gave it; `around_the_models`
//! is the whole again with the networks' answers recorded, so what is left is views, patches, heatmaps, chain and merge. Needs ONNX Runtime
//! (`scripts/setup` fetches it); compare runs on one machine only.
#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_docs_in_private_items)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use divan::Bencher;
use sagitta::appliance::assembled;
use sagitta::detect::Detector;
use sagitta::domain::radiograph::GrayImage;
use sagitta::domain::report::Position;
use sagitta::inference::engine::{Engine, EngineError, Facts, Outputs, Signature, Tensor};
use sagitta::inference::manifest::Manifest;
use sagitta::inference::onnx::{Runtime, Settings};
use sagitta::measure::{self, Subject};
use sagitta::phantom::case::{Blemish, Case, Difficulty, Recipe};

fn main() {
    divan::main();
}

/// One call of a network: what went in and what came out.
type Call = (Tensor, Outputs);
type Calls = Arc<Mutex<BTreeMap<String, Vec<Call>>>>;

/// Writes down what an engine is asked and answers.
struct Recorder(Box<dyn Engine>, Calls);

impl Engine for Recorder {
    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn facts(&self) -> &Facts {
        self.0.facts()
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        let outputs = self.0.run(input)?;
        let role = self.0.facts().role.clone();
        self.1.lock().unwrap().entry(role).or_default().push((input.clone(), outputs.clone()));
        Ok(outputs)
    }
}

/// Answers as written down, film after film.
struct Replay {
    signature: Signature,
    facts: Facts,
    answers: Vec<Outputs>,
    next: usize,
}

impl Engine for Replay {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, _: &Tensor) -> Result<Outputs, EngineError> {
        let outputs = self.answers[self.next % self.answers.len()].clone();
        self.next += 1;
        Ok(outputs)
    }
}

struct Bench {
    manifest: Manifest,
    runtime: Runtime,
    film: GrayImage,
    calls: BTreeMap<String, Vec<Call>>,
}

/// The film, 16 bits and about seven megapixels, and every network's part in it.
static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let manifest = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap();
    let runtime = Runtime::load(None).unwrap();
    let recipe = Recipe {
        seed: 2029,
        difficulty: Difficulty::Clean,
        position: Position::Neutral,
        pixel_mm: 0.11,
        blemish: Blemish::None,
    };
    let case = Case::new(recipe);
    let film = GrayImage::new(case.size.0, case.size.1, case.quantised(16)).unwrap();
    let calls = Calls::default();
    let mut detector = assembled(manifest.clone(), |model| {
        let engine = runtime.engine(model, &Settings::default())?;
        Ok(Box::new(Recorder(Box::new(engine), calls.clone())) as Box<dyn Engine>)
    })
    .unwrap();
    detector.detect(&film).unwrap();
    drop(detector);
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    println!("film: {} × {} pixels of 16 bits", film.width(), film.height());
    for (role, calls) in &calls {
        println!("{role}: {} calls a film", calls.len());
    }
    Bench { manifest, runtime, film, calls }
});

fn detector() -> Detector {
    assembled(BENCH.manifest.clone(), |model| {
        Ok(Box::new(BENCH.runtime.engine(model, &Settings::default())?) as Box<dyn Engine>)
    })
    .unwrap()
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn detection(bencher: Bencher<'_, '_>) {
    let mut detector = detector();
    detector.detect(&BENCH.film).unwrap();
    bencher.bench_local(|| detector.detect(&BENCH.film).unwrap());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn around_the_models(bencher: Bencher<'_, '_>) {
    let mut detector = assembled(BENCH.manifest.clone(), |model| {
        let engine = BENCH.runtime.engine(model, &Settings::default())?;
        let answers = BENCH.calls.get(model.role).into_iter().flatten().map(|(_, answer)| answer.clone()).collect();
        let (signature, facts) = (engine.signature().clone(), engine.facts().clone());
        Ok(Box::new(Replay { signature, facts, answers, next: 0 }) as Box<dyn Engine>)
    })
    .unwrap();
    bencher.bench_local(|| detector.detect(&BENCH.film).unwrap());
}

#[divan::bench(args = ["detector", "refiner_body", "refiner_c2", "refiner_c7", "locator"], sample_count = 20, sample_size = 1)]
fn models(bencher: Bencher<'_, '_>, role: &str) {
    let calls = BENCH.calls.get(role).cloned().unwrap_or_default();
    let m = &BENCH.manifest;
    let model = match role {
        "detector" => Some(&m.detector.model),
        "locator" => m.locator.as_ref().map(|l| &l.model),
        "refiner_body" => m.refiner_body.as_ref().map(|r| &r.model),
        "refiner_c2" => m.refiner_c2.as_ref().map(|r| &r.model),
        _ => m.refiner_c7.as_ref().map(|r| &r.model),
    };
    let mut engine = BENCH.runtime.engine(model.unwrap(), &Settings::default()).unwrap();
    bencher.bench_local(|| {
        for (input, _) in &calls {
            divan::black_box(engine.run(input).unwrap());
        }
    });
}

#[divan::bench(sample_count = 50)]
fn measurement(bencher: Bencher<'_, '_>) {
    let detection = detector().detect(&BENCH.film).unwrap();
    bencher.bench_local(|| measure::measure(&Subject::of(&detection, None), &measure::Settings::default()));
}
