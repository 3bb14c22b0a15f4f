//! `sagitta measure`: films without a broker, as a table for people or as one report a line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use clap::Args;
use sha2::{Digest, Sha256};

use crate::appliance::{Settings, detector};
use crate::config::Config;
use crate::domain::arrival::{Arrival, ContentHash};
use crate::domain::measurement::{Measurement, Reading, Unit};
use crate::domain::report::{NOTICE, Report, Verdict};
use crate::overlay;
use crate::pipeline::{Outcome, Pipeline};
use crate::publish::wire;

/// Long side of the drawings, pixels.
const OVERLAY_SIDE: u32 = 1800;
/// Width of the drawing of a number, pixels.
const DRAWING_WIDTH: u32 = 600;
/// The largest such drawing: small enough for a document with fifteen of them.
const DRAWING_BYTES: usize = 64 * 1024;
/// A folder, and a watched one, that stand in where only `measure` is used.
const MINIMAL: &str =
    "[device]\nid = \"measure\"\n[ingest]\nwatch = \"/nonexistent/watch\"\n[store]\npath = \"/nonexistent/store\"\n";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// DICOM, PNG, JPEG or TIFF films
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One report a line, as on MQTT, rather than a table
    #[arg(long)]
    json: bool,
    /// Draw each film with its landmarks into this folder
    #[arg(long, value_name = "DIR")]
    overlay: Option<PathBuf>,
    /// Draw how each number comes about, one picture a number, into this folder
    #[arg(long, value_name = "DIR")]
    drawings: Option<PathBuf>,
    /// Millimetres a pixel for films that carry none
    #[arg(long, value_name = "X")]
    spacing_mm: Option<f64>,
    /// Take thresholds and models from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// 0 where every film was measured, 1 where one was not, 2 for a spacing that no film has.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = match settings(arguments.config.as_deref(), arguments.spacing_mm) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    for folder in [&arguments.overlay, &arguments.drawings].into_iter().flatten() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut pipeline = Pipeline::new(settings.pipeline.clone(), None, detector(&settings)?);
    let mut all = true;
    for path in &arguments.files {
        match one(&mut pipeline, path, arguments) {
            Ok(measured) => all &= measured,
            Err(error) => {
                eprintln!("{}: {error:#}", path.display());
                all = false;
            }
        }
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What `config`, or else the defaults, means without a folder and a broker; films without a spacing have `spacing_mm`.
/// What is wrong with them is told on stderr, and the exit code given back.
pub(super) fn settings(config: Option<&Path>, spacing_mm: Option<f64>) -> Result<Settings, ExitCode> {
    let config = match config {
        Some(path) => Config::load(Some(path)),
        None => Config::from_text(MINIMAL, "the defaults", []),
    };
    let config = config.map_err(|problems| {
        eprintln!("{problems}");
        ExitCode::FAILURE
    })?;
    let mut settings = Settings::of(&config);
    if let Some(mm) = spacing_mm {
        let Some(with) = settings.pipeline.decode.clone().with_spacing(mm) else {
            eprintln!(
                "sagitta: --spacing-mm {mm} is no spacing of a film; give millimetres a pixel, for example 0.143"
            );
            return Err(ExitCode::from(2));
        };
        settings.pipeline.decode = with;
    }
    Ok(settings)
}

/// Whether the film was measured.
fn one(pipeline: &mut Pipeline, path: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    let bytes = fs::read(path).context("cannot be read; give the path of a film")?;
    let arrival = Arrival {
        path: path.to_owned(),
        file: path.display().to_string(),
        sha256: ContentHash(Sha256::digest(&bytes).into()),
        received_at: Utc::now(),
        settle: Duration::ZERO,
    };
    let report = match pipeline.process(&arrival, &bytes) {
        Outcome::Fault(fault) => {
            eprintln!("{}: {} ({}). {}", path.display(), fault.reason, fault.code.name(), fault.code.remedy());
            return Ok(false);
        }
        Outcome::Stalled(why) => anyhow::bail!(why),
        Outcome::PassedOver(report) => report,
        Outcome::Measured(report, image) => {
            if let Some(folder) = &arguments.overlay {
                draw(folder, path, &image, &report)?;
            }
            if let Some(folder) = &arguments.drawings {
                drawings(folder, path, &image, &report)?;
            }
            report
        }
    };
    if arguments.json {
        let line = wire::deliver(&wire::report(&report), 0, false, None).context("the report cannot be written")?;
        println!("{}", String::from_utf8_lossy(&line));
    } else {
        print!("{}", table(&report));
    }
    if report.assessment.quality.verdict == Verdict::NotApplicable {
        let why = report.assessment.quality.reasons.first().map_or("", |r| r.text.as_str());
        eprintln!("{}: {why}", path.display());
        return Ok(false);
    }
    Ok(true)
}

fn draw(
    folder: &Path,
    path: &Path,
    image: &crate::domain::radiograph::GrayImage,
    report: &Report,
) -> anyhow::Result<()> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let to = folder.join(format!("{stem}.overlay.png"));
    overlay::draw(image, report, OVERLAY_SIDE)?.save(&to).with_context(|| format!("cannot write {}", to.display()))
}

/// How each number comes about; numbers that were withheld have no drawing.
fn drawings(
    folder: &Path,
    path: &Path,
    image: &crate::domain::radiograph::GrayImage,
    report: &Report,
) -> anyhow::Result<()> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    for measurement in &report.measurements.0 {
        let Some(picture) = overlay::construction(image, report, measurement, DRAWING_WIDTH)? else { continue };
        let level = measurement.level.map_or_else(String::new, |level| format!(".{level}"));
        let to = folder.join(format!("{stem}.{}{level}.jpg", measurement.quantity.name()));
        let bytes = overlay::jpeg(&picture, DRAWING_BYTES)?;
        fs::write(&to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

/// A report for people.
fn table(report: &Report) -> String {
    use std::fmt::Write as _;
    let quality = &report.assessment.quality;
    let spacing =
        report.spacing.map_or_else(|| "no spacing: lengths are withheld".to_owned(), |s| format!("{s} a pixel"));
    let mut text = format!("{}\n  verdict  {}\n", report.source.file, quality.verdict.name());
    for reason in &quality.reasons {
        let _ = writeln!(text, "           {}: {}", reason.code, reason.text);
    }
    let _ = writeln!(text, "  film     {} × {}, {spacing}", report.width, report.height);
    if quality.verdict == Verdict::NotApplicable {
        return text;
    }
    let facing = report.facing.map_or("unknown", crate::domain::anatomy::Facing::name);
    let c7 = quality.c7_visibility.map_or("unknown", crate::domain::detection::C7Visibility::name);
    let _ = writeln!(text, "  neck     position {}, facing {facing}, C7 {c7}", report.position.position().name());
    for measurement in &report.measurements.0 {
        let _ = writeln!(text, "  {}", row(measurement));
    }
    for finding in report.assessment.findings.iter().filter(|f| f.present || f.detail.is_some()) {
        let level = finding.level.map_or_else(String::new, |level| format!(" {level}"));
        let present = if finding.present { "present" } else { "not present" };
        let detail = finding.detail.as_deref().map_or_else(String::new, |d| format!("; {d}"));
        let _ = writeln!(text, "  finding  {}{level}: {present}, {}{detail}", finding.name, finding.certainty.name());
    }
    let _ = writeln!(text, "  {NOTICE}");
    text
}

fn row(measurement: &Measurement) -> String {
    let level = measurement.level.map_or_else(String::new, |level| level.to_string());
    let unit = measurement.quantity.unit();
    let number = |value: f64| match unit {
        Unit::Degrees => format!("{value:.1}°"),
        Unit::Millimetres => format!("{value:.1} mm"),
        Unit::Ratio => format!("{value:.2}"),
    };
    let said = match &measurement.reading {
        Reading::Withheld(why) => format!("withheld: {why}"),
        Reading::Ok(estimate) | Reading::Unreliable(estimate, _) => {
            let (low, high) = estimate.ci90();
            format!("{:>9}  [{} … {}]", number(estimate.value()), number(low), number(high))
        }
    };
    let doubt = match &measurement.reading {
        Reading::Unreliable(_, why) => format!("  unreliable: {why}"),
        _ => String::new(),
    };
    format!("{:<21} {level:<6} {said}{doubt}", measurement.quantity.name())
}
