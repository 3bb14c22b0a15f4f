//! `sagitta phantom`: synthetic films with their truth.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use image::{ImageBuffer, Luma};

use crate::domain::report::Position;
use crate::phantom::case::{Blemish, Case, Difficulty, Recipe};
use crate::phantom::dicom::{Header, write};
use crate::phantom::truth::Truth;

use crate::evaluate::with_measurements;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How many films
    #[arg(long, value_name = "N")]
    count: u64,
    /// Everything random follows from it
    #[arg(long, value_name = "S")]
    seed: u64,
    /// The folder to write to; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The positions each patient is taken in
    #[arg(long, value_enum, value_delimiter = ',', default_value = "neutral")]
    views: Vec<View>,
    /// How far patients and technique stray from the textbook
    #[arg(long, value_enum, default_value = "mixed")]
    difficulty: Level,
    /// A fault that every film carries, NAME or NAME=SIZE, as yaw=12 or cut-below=10; a wrong name lists them all
    #[arg(long, value_name = "FAULT", default_value = "none")]
    fault: Blemish,
    /// The file format
    #[arg(long, value_enum, default_value = "dicom")]
    format: Format,
    /// Detector millimetres a pixel
    #[arg(long, value_name = "MM", default_value_t = 0.143, value_parser = pixel)]
    pixel_mm: f32,
}

fn pixel(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|mm| (0.05..=2.0).contains(mm)).ok_or_else(|| "give a number from 0.05 to 2".into())
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum View {
    Neutral,
    Flexion,
    Extension,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Clean,
    Typical,
    Hard,
    Mixed,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Dicom,
    Png,
    Jpeg,
}

/// Writes the films one after the other, each with its truth.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(&arguments.out).with_context(|| format!("cannot make {}", arguments.out.display()))?;
    let views = arguments.views.len().max(1) as u64;
    for film in 0..arguments.count {
        let seed = arguments.seed.wrapping_add(film / views);
        let take = u32::try_from(film % views).unwrap_or(0);
        let Some(view) = arguments.views.get(take as usize) else { continue };
        let case = Case::new(Recipe {
            seed,
            difficulty: arguments.difficulty.into(),
            position: (*view).into(),
            pixel_mm: arguments.pixel_mm,
            blemish: arguments.fault,
        });
        let stem = arguments.out.join(format!("phantom-{seed:06}-{}", Position::from(*view).name()));
        match arguments.format {
            Format::Dicom => {
                let path = stem.with_extension("dcm");
                let header = Header::of(&case, seed, take);
                write(&path, &header, &case.stored(seed))
                    .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", path.display()))?;
            }
            Format::Png => png(&stem.with_extension("png"), &case)?,
            Format::Jpeg => jpeg(&stem.with_extension("jpg"), &case)?,
        }
        truth(&stem, case.truth)?;
    }
    eprintln!("{} films with their truth in {}.", arguments.count, arguments.out.display());
    Ok(ExitCode::SUCCESS)
}

fn png(path: &Path, case: &Case) -> anyhow::Result<()> {
    let side = |n: usize| u32::try_from(n).context("the film is too large for a PNG");
    let image: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_raw(side(case.size.0)?, side(case.size.1)?, case.quantised(16)).context("no pixels")?;
    image.save(path).with_context(|| format!("cannot write {}", path.display()))
}

fn jpeg(path: &Path, case: &Case) -> anyhow::Result<()> {
    let side = |n: usize| u32::try_from(n).context("the film is too large for a JPEG");
    let grey = case.quantised(8).into_iter().map(|p| p as u8).collect();
    let image: ImageBuffer<Luma<u8>, Vec<u8>> =
        ImageBuffer::from_raw(side(case.size.0)?, side(case.size.1)?, grey).context("no pixels")?;
    image.save(path).with_context(|| format!("cannot write {}", path.display()))
}

fn truth(stem: &Path, truth: Truth) -> anyhow::Result<()> {
    let path = stem.with_extension("truth.json");
    fs::write(&path, serde_json::to_vec(&with_measurements(truth))?)
        .with_context(|| format!("cannot write {}", path.display()))
}

impl From<View> for Position {
    fn from(view: View) -> Self {
        match view {
            View::Neutral => Self::Neutral,
            View::Flexion => Self::Flexion,
            View::Extension => Self::Extension,
        }
    }
}

impl From<Level> for Difficulty {
    fn from(level: Level) -> Self {
        match level {
            Level::Clean => Self::Clean,
            Level::Typical => Self::Typical,
            Level::Hard => Self::Hard,
            Level::Mixed => Self::Mixed,
        }
    }
}
