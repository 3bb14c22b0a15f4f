//! `sagitta self-test`: golden films through the loaded models, against stored answers.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::appliance::{Settings, detector};
use crate::config::DEFAULT_PATH;
use crate::golden::{Golden, Limits, Stored, Trial, models};
use crate::inference::manifest::Manifest;
use crate::inference::onnx::Provider;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// One JSON object rather than a table
    #[arg(long)]
    json: bool,
    /// Store what the models say on the CPU as what they must say from now on, beside their manifest
    #[arg(long, conflicts_with = "json")]
    write: bool,
    /// The configuration [default: /etc/sagitta/sagitta.toml where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// 0 where every film is as stored, 1 where one is not or nothing is stored.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let default = Path::new(DEFAULT_PATH);
    let path = arguments.config.as_deref().or_else(|| default.exists().then_some(default));
    let mut settings = match super::measure::settings(path, None) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    if arguments.write {
        settings.inference.provider = Provider::Cpu;
        return write(&settings);
    }
    let manifest = Manifest::load(&settings.models)?;
    let stored = Stored::load(&settings.models, &models(&manifest))?;
    let (mut detector, mut trial) = (detector(&settings)?, Trial::default());
    for film in Golden::all() {
        trial.film(&film, &mut detector, &stored);
        if let (false, Some(tried)) = (arguments.json, trial.films.last()) {
            let said = tried.difference.as_ref().map_or_else(Clone::clone, ToString::to_string);
            println!("{:<16} {said}  ({:.2} s)", tried.film, tried.took.as_secs_f64());
        }
    }
    let failure = trial.failure(&Limits::default());
    let facts = detector.facts().into_iter().map(|f| (f.role.clone(), f.provider.clone(), f.precision.clone()));
    let engines: Vec<(String, String, String)> = facts.collect();
    if arguments.json {
        println!("{}", report(&trial, failure.as_deref(), &engines));
    } else {
        match &failure {
            None => println!("Passed: {} golden films.", trial.films.len()),
            Some(why) => eprintln!("sagitta: the self-test failed: {why}"),
        }
    }
    Ok(if failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(trial: &Trial, failure: Option<&str>, engines: &[(String, String, String)]) -> Value {
    let films = trial.films.iter().map(|tried| {
        let difference = tried.difference.as_ref().ok();
        json!({
            "film": tried.film,
            "error": tried.difference.as_ref().err(),
            "landmark_mean_px": difference.map(|d| d.landmark_mean_px()),
            "landmark_max_px": difference.map(|d| d.landmark_max_px),
            "angle_max_deg": difference.map(|d| d.angle_max_deg),
            "length_max_mm": difference.map(|d| d.length_max_mm),
            "ratio_max": difference.map(|d| d.ratio_max),
            "not_found_by_both": difference.map(|d| d.one_sided.clone()),
            "ms": u64::try_from(tried.took.as_millis()).unwrap_or(u64::MAX),
        })
    });
    let models = engines
        .iter()
        .map(|(role, provider, precision)| json!({ "role": role, "provider": provider, "precision": precision }));
    json!({
        "schema": "sagitta.self_test/1",
        "passed": failure.is_none(),
        "reason": failure,
        "models": models.collect::<Vec<_>>(),
        "films": films.collect::<Vec<_>>(),
    })
}

fn write(settings: &Settings) -> anyhow::Result<ExitCode> {
    let manifest = Manifest::load(&settings.models)?;
    let mut detector = detector(settings)?;
    let mut answers = Vec::new();
    for film in Golden::all() {
        let answer = film.look(&mut detector)?;
        let found = answer.landmarks.iter().flatten().count();
        println!("{:<16} {found} landmarks, {} measurements", film.name, answer.measurements.len());
        answers.push((film, answer));
    }
    let path = Stored::write(&settings.models, &models(&manifest), &answers)?;
    println!("Stored in {}.", path.display());
    Ok(ExitCode::SUCCESS)
}
