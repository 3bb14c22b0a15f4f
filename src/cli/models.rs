//! `sagitta models`: sets of models, installed from signed bundles.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::appliance::{Settings, models};
use crate::bundle::{About, Bundle, PACKAGE, Sets};
use crate::config::Config;
use crate::golden::{self, Golden, Limits, Stored, Trial};
use crate::inference::manifest::Manifest;

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
    /// Verify a bundle, prove its models on this machine, and switch to them
    Install {
        /// The bundle, a .tar.gz
        bundle: PathBuf,
        /// Its signature [default: the bundle's name with .minisig behind it]
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
    },
    /// Show which sets there are
    List,
    /// Go back to the set before
    Rollback,
}

/// 0 done, 1 refused, with the reason; nothing has changed then.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let sets = Sets::below(&config.store.path);
    match &arguments.action {
        Action::Install { bundle, signature } => install(&config, &sets, bundle, signature.as_deref()),
        Action::List => list(&config, &sets),
        Action::Rollback => {
            let state = sets.roll_back()?;
            println!("Back to {}. {RESTART}", state.current);
            Ok(ExitCode::SUCCESS)
        }
    }
}

const RESTART: &str = "It takes effect when the service starts again: systemctl restart sagitta";

fn install(config: &Config, sets: &Sets, path: &Path, signature: Option<&Path>) -> anyhow::Result<ExitCode> {
    if let Some(named) = &config.inference.models {
        bail!(
            "[inference] models names {}, and what is installed would not be used; remove that key first",
            named.display()
        );
    }
    let bundle = Bundle::open(path, signature, &config.models.keys)?;
    eprintln!("The signature is good.");
    let settings = Settings::of(config);
    let (name, about) = sets.install(&bundle, config.models.oldest, |folder| {
        prove(folder, settings).map_err(|error| format!("{error:#}"))
    })?;
    println!("Installed {name}: {}. {RESTART}", about.description);
    Ok(ExitCode::SUCCESS)
}

/// Engines, gate and self-test of the models in `folder`.
fn prove(folder: &Path, mut settings: Settings) -> anyhow::Result<()> {
    settings.models = folder.to_owned();
    let manifest = Manifest::load(folder)?;
    let stored = Stored::load(folder, &golden::models(&manifest))?;
    let trouble: models::Trouble = Arc::new(|role, why| {
        if let Some(why) = why {
            eprintln!("{role}: {why}");
        }
    });
    let mut detector = models::load(&manifest, &settings, &super::engines::tell, &trouble)?.detector;
    let mut trial = Trial::default();
    for film in Golden::all() {
        trial.film(&film, &mut detector, &stored);
    }
    match trial.failure(&Limits::default()) {
        Some(why) => bail!("the self-test failed: {why}"),
        None => Ok(()),
    }
}

fn list(config: &Config, sets: &Sets) -> anyhow::Result<ExitCode> {
    let state = sets.state()?;
    for (name, use_) in [(Some(&state.current), "in use"), (state.previous.as_ref(), "before")] {
        let Some(name) = name else { continue };
        let about = sets.place(name).map(|folder| About::read(&folder)).transpose()?;
        let description = about.map_or_else(|| "what came with the program".into(), |about| about.description);
        println!("{name}\t{use_}\t{description}");
    }
    if let Some(named) = config.inference.models.as_ref().filter(|_| state.current != PACKAGE) {
        eprintln!("[inference] models names {}: the set in use is not used.", named.display());
    }
    Ok(ExitCode::SUCCESS)
}
