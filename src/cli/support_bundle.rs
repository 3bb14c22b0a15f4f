//! `sagitta support-bundle`: what whoever helps needs to know, in one file, without patients' data.
//!
//! Taken in: version, configuration (it holds no secrets, and what could be one is not shown), its problems, the machine, models, engines'
//! passports, how full ledger and disk are, and the newest lines of the log. Left out: films, overlays, reports, sidecars, the
//! ledger itself, passwords and keys, and the log where the configuration lets file names into it.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use chrono::Utc;
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use crate::appliance::{REVISION, Settings, VERSION, board};
use crate::bundle::Sets;
use crate::config::{self, Config, DEFAULT_PATH};
use crate::inference::gpu;
use crate::inference::machine::Machine;
use crate::inference::manifest::Manifest;
use crate::inference::onnx::Runtime;
use crate::inference::shelf::Shelf;
use crate::ledger::{Ledger, Limits};

/// Lines of the log that are taken in.
const LOG_LINES: &str = "2000";
/// Bundles that are kept in the store; the oldest go first.
const KEPT: usize = 5;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file to write, a .tar.gz [default: support/ below the store, named by the moment; the newest five are kept]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The configuration [default: /etc/sagitta/sagitta.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// 0 where the bundle was written, whatever it tells.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = arguments.config.as_deref().unwrap_or(Path::new(DEFAULT_PATH));
    let problems = config::check(arguments.config.as_deref()).err().map(|problems| problems.to_string());
    let config = Config::load(arguments.config.as_deref()).ok();
    let mut files = vec![
        ("about.txt", about()),
        ("problems.txt", problems.unwrap_or_else(|| "The configuration is sound.".into())),
        (
            "configuration.toml",
            std::fs::read_to_string(place).map_or_else(|e| format!("# {e}\n"), |text| harmless(&text)),
        ),
        ("machine.txt", machine(config.as_ref())),
    ];
    if let Some(config) = &config {
        files.push(("models.txt", models(config)));
        files.push(("store.txt", store(config)));
        files.push(("log.txt", if config.privacy.file_names_in_log { WITHHELD.into() } else { log() }));
    }
    let out = match (&arguments.out, &config) {
        (Some(out), _) => out.clone(),
        (None, Some(config)) => in_the_store(&config.store.path)?,
        (None, None) => anyhow::bail!("the configuration tells no store: name a file with --out"),
    };
    write(&out, &files).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{}", out.display());
    Ok(ExitCode::SUCCESS)
}

const WITHHELD: &str =
    "Left out: privacy.file_names_in_log lets file names into the log, and these may hold a patient's name.\n";

fn about() -> String {
    format!("sagitta {VERSION} ({REVISION})\n{}\n", Utc::now().to_rfc3339())
}

/// The configuration without the values of keys that are not known: a password may stand there by mistake.
fn harmless(text: &str) -> String {
    let known: Vec<String> =
        config::reference::all().iter().filter_map(|key| key.name.rsplit('.').next().map(str::to_owned)).collect();
    let line = |line: &str| match line.split_once('=') {
        Some((name, _)) if !known.iter().any(|key| key == name.trim_start_matches('#').trim()) => {
            format!("{name}= # left out\n")
        }
        _ if line.contains('@') => "# left out\n".to_owned(),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn machine(config: Option<&Config>) -> String {
    let mut text = String::new();
    let library = config.and_then(|config| config.inference.library.as_deref());
    match Runtime::load(library) {
        Ok(runtime) => {
            for (name, fact) in Machine::this(&runtime.build()).facts() {
                let _ = writeln!(text, "{name}: {}", fact.unwrap_or("not told"));
            }
        }
        Err(error) => drop(writeln!(text, "{error}")),
    }
    match gpu::facts() {
        Ok(gpu) => drop(writeln!(text, "{gpu}")),
        Err(reason) => drop(writeln!(text, "{reason}")),
    }
    let _ = writeln!(text, "{:#?}", board::read(Path::new("/")));
    text
}

fn models(config: &Config) -> String {
    let (settings, mut text) = (Settings::of(config), String::new());
    let _ = writeln!(text, "{:?}", Sets::below(&config.store.path).state());
    match Manifest::load(&settings.models) {
        Ok(manifest) => {
            for model in manifest.models() {
                let sound = model.read().map_or_else(|error| error.to_string(), |_| "sound".into());
                let _ = writeln!(text, "{} {} {sound}", model.role, model.sha256);
            }
        }
        Err(error) => drop(writeln!(text, "{error}")),
    }
    for entry in Shelf::at(&settings.inference.engines).entries() {
        let _ = writeln!(text, "{entry:#?}");
    }
    text
}

fn store(config: &Config) -> String {
    let folder = &config.store.path;
    if !Ledger::exists(folder) {
        return "There is no ledger yet.\n".into();
    }
    match Ledger::open(folder, Limits::default()).and_then(|ledger| ledger.room()) {
        Ok(room) => format!("{room:#?}\n"),
        Err(error) => format!("{error}\n"),
    }
}

/// The newest lines of the service's log, where journald keeps them and lets them be read.
fn log() -> String {
    let output = Command::new("journalctl").args(["--unit=sagitta", "--no-pager", "--lines", LOG_LINES]).output();
    output
        .map_or_else(|error| format!("journalctl: {error}\n"), |output| String::from_utf8_lossy(&output.stdout).into())
}

/// A new file below the store; old ones beyond [`KEPT`] are removed.
fn in_the_store(store: &Path) -> anyhow::Result<PathBuf> {
    let folder = store.join("support");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut old: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "gz")).collect();
    old.sort();
    for path in old.iter().rev().skip(KEPT - 1) {
        let _ = std::fs::remove_file(path);
    }
    Ok(folder.join(format!("sagitta-{}.tar.gz", Utc::now().format("%Y%m%dT%H%M%S%3f"))))
}

fn write(out: &Path, files: &[(&str, String)]) -> std::io::Result<()> {
    let mut tar = Builder::new(GzEncoder::new(File::create(out)?, Compression::default()));
    for (name, text) in files {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(Utc::now().timestamp()).unwrap_or(0));
        tar.append_data(&mut header, format!("sagitta-support/{name}"), text.as_bytes())?;
    }
    tar.into_inner()?.finish()?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_a_secret_is_not_shown() {
        let text = harmless("[mqtt]\nhost = \"broker\"\npassword = \"hunter2\"\n#port = 1883\nhost = \"me:pw@x\"\n");
        assert!(text.contains("host = \"broker\"") && text.contains("#port = 1883"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("pw@x"), "{text}");
    }

    #[test]
    fn the_newest_bundles_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..8 {
            write(&in_the_store(dir.path()).unwrap(), &[("a.txt", "b".into())]).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        assert_eq!(std::fs::read_dir(dir.path().join("support")).unwrap().count(), KEPT);
    }
}
