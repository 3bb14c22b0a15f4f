//! `sagitta evaluate`: accuracy against truth files, or on phantoms made on the fly.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use super::measure::settings;
use super::phantom::{Level, pixel};
use crate::appliance::{REVISION, Settings, VERSION, detector_of};
use crate::evaluate::accuracy::Accuracy;
use crate::evaluate::faults::{self, Request, Sheet};
use crate::evaluate::films::{self, Film, Phantoms, Trouble};
use crate::evaluate::run::{Scores, Worker, run as score};
use crate::evaluate::{plots, stages, table};
use crate::inference::manifest::Manifest;
use crate::inference::onnx;
use crate::pipeline::Pipeline;

/// A film and its decoding take up to about half a gigabyte a worker; more workers than this help nobody.
const MOST_JOBS: usize = 8;
/// The pause between two lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// So many truths with unknown names are told one by one.
const UNKNOWN_TOLD: usize = 10;

/// The first seed of phantoms of every sort, and of those with a single fault: no training has seen either.
const PHANTOMS_FROM: u64 = 9_500_000;
const FAULTS_FROM: u64 = 9_700_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folders of films with NAME.truth.json beside NAME.dcm, .png, .jpg or .tif; folders below are searched too
    #[arg(value_name = "DIR", required_unless_present_any = ["phantoms", "others", "faults"])]
    folders: Vec<PathBuf>,
    /// Write accuracy.txt, accuracy.json and the plots into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write everything as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the plots (SVG) into this folder
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Tell what each stage of the hierarchy adds: every film goes through each of them
    #[arg(long)]
    stages: bool,
    /// Make so many phantoms of necks on the fly: half neutral, a quarter in flexion, a quarter in extension
    #[arg(long, value_name = "N")]
    phantoms: Option<u64>,
    /// Make so many phantoms that are no neck
    #[arg(long, value_name = "N")]
    others: Option<u64>,
    /// Instead: so many phantoms of each single fault and four times as many without one, and what the verdict says of them
    #[arg(long, value_name = "N", conflicts_with_all = ["folders", "phantoms", "others", "stages", "plots", "difficulty"])]
    faults: Option<u64>,
    /// The seed of the first phantom; each takes the next. Choose one that no training has seen [default: 9500000; with
    /// --faults 9700000]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// How far phantoms stray from the textbook
    #[arg(long, value_enum, default_value = "mixed")]
    difficulty: Level,
    /// Detector millimetres a pixel of phantoms
    #[arg(long, value_name = "MM", default_value_t = 0.3, value_parser = pixel)]
    pixel_mm: f32,
    /// Millimetres a pixel for films that carry none and whose truth tells none
    #[arg(long, value_name = "X")]
    spacing_mm: Option<f64>,
    /// Films measured at a time [default: one a processor; one on a GPU]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Take thresholds and models from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// 0 where every film was scored, 1 where one could not be or there was none, 2 for wrong usage.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = match settings(arguments.config.as_deref(), arguments.spacing_mm) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    // What cannot be written should be known before an hour of films.
    for folder in [&arguments.out, &arguments.plots].into_iter().flatten() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    if let Some(films) = arguments.faults {
        return faults(arguments, settings, films);
    }
    let (films, troubles) = list(arguments);
    troubles.iter().for_each(tell);
    if films.is_empty() {
        eprintln!(
            "sagitta: no film with a truth; put NAME.truth.json beside NAME.png (docs/accuracy.md), or ask for --phantoms N"
        );
        return Ok(ExitCode::FAILURE);
    }
    let parts = parts(arguments, &settings)?;
    let workers = workers(arguments, settings, &parts, films.len())?;
    let Some(engine) = workers.first().and_then(|w| w.pipelines.last()).map(Pipeline::engine) else {
        anyhow::bail!("there is no model to evaluate");
    };
    let mut scores = progressing(&films, workers);
    scores.troubles.iter().for_each(tell);
    scores.troubles.splice(0..0, troubles);
    let (told, more) = scores.unknown.split_at(scores.unknown.len().min(UNKNOWN_TOLD));
    told.iter().for_each(|what| eprintln!("{what}: not known here, passed over"));
    if !more.is_empty() {
        eprintln!("… and {} more names in truth files that are not known here", more.len());
    }
    let names: Vec<String> = parts.into_iter().map(|(name, _)| name).collect();
    let version = format!("{VERSION} ({REVISION})");
    let accuracy = Accuracy::new(version, &engine, sources(arguments), &names, &scores);
    let sheet = table::table(&accuracy);
    print!("{sheet}");
    write(arguments, &accuracy, &sheet, &scores)?;
    Ok(if scores.troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn seed(&self) -> u64 {
        self.seed.unwrap_or(if self.faults.is_some() { FAULTS_FROM } else { PHANTOMS_FROM })
    }
}

/// What the verdict says of films that carry one fault each.
fn faults(arguments: &Arguments, settings: Settings, films: u64) -> anyhow::Result<ExitCode> {
    let parts = parts(arguments, &settings)?;
    let workers = workers(arguments, settings, &parts, MOST_JOBS)?;
    let pipelines = workers.into_iter().filter_map(|mut worker| worker.pipelines.pop()).collect();
    let request = Request { films, seed: arguments.seed(), pixel_mm: arguments.pixel_mm };
    let last = Mutex::new(Instant::now());
    let told = |done: usize, all: usize| {
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed() >= TELL_EVERY {
            *last = Instant::now();
            eprintln!("{done} of {all} films");
        }
    };
    let (judged, troubles) = faults::run(request, pipelines, &told);
    troubles.iter().for_each(tell);
    let sheet = Sheet::new(&judged);
    print!("{}", sheet.table());
    let out = |name: &str| arguments.out.as_ref().map(|folder| folder.join(name));
    if let Some(path) = out("faults.txt") {
        fs::write(&path, sheet.table()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut json = serde_json::to_vec_pretty(&sheet)?;
    json.push(b'\n');
    for path in arguments.json.clone().into_iter().chain(out("faults.json")) {
        fs::write(&path, &json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(arguments: &Arguments) -> (Vec<Film>, Vec<Trouble>) {
    let (mut all, mut troubles) = (Vec::new(), Vec::new());
    for folder in &arguments.folders {
        let (mut films, more) = films::below(folder);
        // Two folders may hold films of the same name.
        for film in films.iter_mut().filter(|_| arguments.folders.len() > 1) {
            if let Film::File { name, .. } = film {
                *name = folder.join(&*name).display().to_string();
            }
        }
        all.extend(films);
        troubles.extend(more);
    }
    let phantoms = Phantoms {
        necks: arguments.phantoms.unwrap_or(0),
        others: arguments.others.unwrap_or(0),
        seed: arguments.seed(),
        difficulty: arguments.difficulty.into(),
        pixel_mm: arguments.pixel_mm,
    };
    all.extend(phantoms.films());
    (all, troubles)
}

fn sources(arguments: &Arguments) -> Vec<String> {
    let folders = arguments.folders.iter().map(|folder| folder.display().to_string());
    let made = |count: Option<u64>, what: &str| {
        let (n, seed, mm) = (count?, arguments.seed(), arguments.pixel_mm);
        Some(format!("{n} phantoms of {what} from seed {seed} on, {mm} mm a pixel"))
    };
    let difficulty = format!("necks ({})", format!("{:?}", arguments.difficulty).to_lowercase());
    folders
        .chain(made(arguments.phantoms, &difficulty))
        .chain(made(arguments.others, "what is no lateral neck"))
        .collect()
}

/// The stages to compare, or the whole alone.
fn parts(arguments: &Arguments, settings: &Settings) -> anyhow::Result<Vec<(String, Manifest)>> {
    let manifest = Manifest::load(&settings.models)?;
    Ok(if arguments.stages { stages::stages(&manifest) } else { vec![(stages::WHOLE.to_owned(), manifest)] })
}

/// Each worker has models of its own. They share the processors: each model runs on one thread.
fn workers(
    arguments: &Arguments,
    mut settings: Settings,
    parts: &[(String, Manifest)],
    films: usize,
) -> anyhow::Result<Vec<Worker>> {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let usual = if settings.inference.provider == onnx::Provider::Cpu { processors } else { 1 };
    let jobs = arguments.jobs.map_or(usual, NonZeroUsize::get).min(MOST_JOBS).min(films);
    // One thread a model also makes the numbers independent of how many films are measured at a time.
    if settings.inference.threads == 0 {
        settings.inference.threads = 1;
    }
    // A table names the films; nothing of it leaves the machine.
    settings.pipeline.file_names = true;
    let worker = |_| {
        let pipeline = |(_, manifest): &(String, Manifest)| {
            Ok(Pipeline::new(settings.pipeline.clone(), None, detector_of(manifest, &settings)?))
        };
        let pipelines = parts.iter().map(pipeline).collect::<anyhow::Result<_>>()?;
        Ok(Worker { pipelines, spacing: settings.pipeline.decode.spacing })
    };
    (0..jobs).map(worker).collect()
}

fn progressing(films: &[Film], workers: Vec<Worker>) -> Scores {
    let last = Mutex::new(Instant::now());
    let told = |done: usize| {
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed() >= TELL_EVERY {
            *last = Instant::now();
            eprintln!("{done} of {} films", films.len());
        }
    };
    score(films, workers, &told)
}

fn tell(trouble: &Trouble) {
    eprintln!("{}: {}", trouble.file, trouble.reason);
}

fn write(arguments: &Arguments, accuracy: &Accuracy, sheet: &str, scores: &Scores) -> anyhow::Result<()> {
    let put =
        |path: &Path, text: &[u8]| fs::write(path, text).with_context(|| format!("cannot write {}", path.display()));
    let out = |name: &str| arguments.out.as_ref().map(|folder| folder.join(name));
    if let Some(path) = out("accuracy.txt") {
        put(&path, sheet.as_bytes())?;
    }
    let mut json = serde_json::to_vec_pretty(accuracy)?;
    json.push(b'\n');
    for path in arguments.json.clone().into_iter().chain(out("accuracy.json")) {
        put(&path, &json)?;
    }
    let films = scores.stages.last().map_or(&[][..], Vec::as_slice);
    for folder in arguments.plots.iter().chain(&arguments.out) {
        for plot in plots::draw(films)? {
            put(&folder.join(plot.name), plot.svg.as_bytes())?;
        }
    }
    Ok(())
}
