//! `sagitta engines`: TensorRT engines and their passports.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::appliance::Settings;
use crate::appliance::models::forge;
use crate::appliance::workshop::{News, Prepared, Workshop};
use crate::config::Config;
use crate::inference::gpu;
use crate::inference::machine::Machine;
use crate::inference::manifest::Manifest;
use crate::inference::onnx::{Provider, Runtime};
use crate::inference::passport::{Gate, Passport, Precision, Wanted};
use crate::inference::shelf::{Found, Shelf};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The configuration [default: /etc/sagitta/sagitta.toml]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Build what is missing or does not fit this machine, and let it through the gate
    Build {
        /// The numbers to compute in [default: engines.precision]
        #[arg(long, value_enum)]
        precision: Option<Numbers>,
        /// Build also what is there and sound
        #[arg(long)]
        rebuild: bool,
    },
    /// One line for each engine
    List {
        /// Their passports, as a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Compare every engine with its passport, and its passport with models and machine
    Verify,
    /// Remove what no model of the manifest needs on this machine
    Prune,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Numbers {
    Fp16,
    Fp32,
    Int8,
}

/// 0 done and all is well, 1 where an engine is missing, unsound or refused.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let settings = Settings::of(&config);
    match arguments.action {
        Action::Build { precision, rebuild } => build(settings, precision, rebuild),
        Action::List { json } => list(&settings, json),
        Action::Verify => verify(&settings),
        Action::Prune => prune(&settings),
    }
}

fn build(mut settings: Settings, precision: Option<Numbers>, rebuild: bool) -> anyhow::Result<ExitCode> {
    if let Some(numbers) = precision {
        settings.inference.precision = match numbers {
            Numbers::Fp16 => Precision::Fp16,
            Numbers::Fp32 => Precision::Fp32,
            Numbers::Int8 => Precision::Int8,
        };
    }
    let manifest = Manifest::load(&settings.models)?;
    if let Err(reason) = gpu::facts() {
        eprintln!(
            "sagitta: {reason}. Engines are built on the machine that runs them; with [inference] provider = \"cpu\" none \
             are needed."
        );
        return Ok(ExitCode::FAILURE);
    }
    let runtime = Runtime::load(settings.inference.library.as_deref())?;
    let machine = Machine::this(&runtime.build());
    let workshop =
        Workshop { manifest: &manifest, settings: &settings.inference, forge: forge(runtime), machine, told: &tell };
    let mut all = true;
    for Prepared { model, engine, refused } in workshop.prepare(rebuild)? {
        for why in &refused {
            eprintln!("{}: {why}", model.role);
        }
        all &= refused.is_empty() && engine.is_some();
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Progress for people, on stderr.
pub(super) fn tell(news: News) {
    let seconds = |time: Duration| format!("{:.0} s", time.as_secs_f64());
    let line = match news {
        News::Needed { engine, why } => format!("{engine}: to be built ({why})"),
        News::Building { engine, step: (step, of), elapsed, estimate } => {
            let estimate =
                estimate.map_or_else(|| "the first of its kind: minutes".into(), |e| format!("about {}", seconds(e)));
            format!("[{step}/{of}] {engine}: building for {} ({estimate})", seconds(elapsed))
        }
        News::Built { engine, elapsed, gate } => format!("{engine}: built in {}; {}", seconds(elapsed), judged(&gate)),
        News::Kept { engine } => format!("{engine}: is there and fits"),
    };
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn judged(gate: &Gate) -> String {
    match &gate.reason {
        None => format!(
            "passed on {} films: landmarks {} px on average, {} px at most; angles {}°, lengths {} mm at most",
            gate.films, gate.landmark_mean_px, gate.landmark_max_px, gate.angle_max_deg, gate.length_max_mm
        ),
        Some(why) => format!("refused: {why}"),
    }
}

fn list(settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let entries = Shelf::at(&settings.inference.engines).entries();
    if json {
        let passports: Vec<&Passport> = entries.iter().filter_map(|entry| entry.passport.as_ref().ok()).collect();
        println!("{}", serde_json::to_string_pretty(&passports)?);
        return Ok(ExitCode::SUCCESS);
    }
    for entry in &entries {
        let size = format!("{:.1} MB", entry.bytes as f64 / 1e6);
        match &entry.passport {
            Ok(passport) => {
                let at = passport.built_at.get(..19).unwrap_or(&passport.built_at);
                let machine = &passport.machine;
                let on = |fact: &Option<String>| fact.clone().unwrap_or_else(|| "?".into());
                let gate = passport.gate.as_ref().map_or_else(|| "no gate".into(), judged);
                println!(
                    "{}\t{size}\t{at}\t{}, TensorRT {}, CUDA {}\t{:.0} s\t{gate}",
                    entry.name,
                    on(&machine.device),
                    on(&machine.tensorrt),
                    on(&machine.cuda),
                    passport.build_seconds
                );
            }
            Err(why) => println!("{}\t{size}\tunusable: {why}", entry.name),
        }
    }
    eprintln!("{} engines in {}.", entries.len(), settings.inference.engines.display());
    Ok(ExitCode::SUCCESS)
}

/// What models and machine need, in the configured precision and in FP32.
fn wanted(settings: &Settings) -> anyhow::Result<Vec<Wanted>> {
    let manifest = Manifest::load(&settings.models)?;
    let runtime = Runtime::load(settings.inference.library.as_deref())?;
    let machine = Machine::this(&runtime.build());
    let workshop =
        Workshop { manifest: &manifest, settings: &settings.inference, forge: forge(runtime), machine, told: &tell };
    let mut all = Vec::new();
    for model in manifest.models() {
        for precision in [settings.inference.precision, Precision::Fp32] {
            all.push(workshop.wanted(model, precision)?);
        }
    }
    Ok(all)
}

fn verify(settings: &Settings) -> anyhow::Result<ExitCode> {
    let (shelf, needed) = (Shelf::at(&settings.inference.engines), settings.inference.provider == Provider::TensorRt);
    let mut bad = 0;
    let mut roles: Vec<(String, bool)> = Vec::new();
    for entry in shelf.entries() {
        if let Err(why) = &entry.passport {
            println!("{}: unusable: {why}", entry.name);
            bad += 1;
        }
    }
    for wanted in wanted(settings)? {
        let sound = match shelf.find(&wanted) {
            Found::Sound(passport) => {
                let gate = passport.gate.as_ref().map_or_else(|| "no gate".into(), judged);
                println!("{}: sound; {gate}", wanted.name());
                passport.gate.is_some_and(|gate| gate.passed)
            }
            Found::Stale(differences) => {
                println!("{}: built for something else: {}", wanted.name(), differences.join(", "));
                bad += 1;
                false
            }
            // Damage is told above.
            Found::Missing | Found::Damaged(_) => false,
        };
        match roles.iter_mut().find(|(role, _)| *role == wanted.role) {
            Some((_, any)) => *any |= sound,
            None => roles.push((wanted.role, sound)),
        }
    }
    let missing: Vec<&str> = roles.iter().filter(|(_, any)| !any).map(|(role, _)| role.as_str()).collect();
    if !missing.is_empty() && needed {
        println!("no engine may measure films for {}; run `sagitta engines build`", missing.join(", "));
    }
    if !needed && bad == 0 {
        println!("The provider is {}: no engine is needed.", settings.inference.provider);
    }
    Ok(if bad > 0 || (needed && !missing.is_empty()) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn prune(settings: &Settings) -> anyhow::Result<ExitCode> {
    let shelf = Shelf::at(&settings.inference.engines);
    if shelf.entries().is_empty() {
        eprintln!("There are no engines in {}.", shelf.folder().display());
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = wanted(settings)?;
    let sound = wanted.iter().filter(|wanted| matches!(shelf.find(wanted), Found::Sound(_)));
    let names: Vec<String> = sound.map(Wanted::name).collect();
    let gone = shelf.prune(&names, &shelf.lock()?)?;
    for (name, bytes) in &gone {
        println!("removed {name}, {:.1} MB", *bytes as f64 / 1e6);
    }
    eprintln!("{} engines removed, {} kept.", gone.len(), names.len());
    Ok(ExitCode::SUCCESS)
}
