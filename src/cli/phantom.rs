//! `sagitta phantom`: synthetic films with their truth.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use image::{DynamicImage, GrayImage, ImageBuffer, Luma};

use crate::domain::report::Position;
use crate::phantom::case::{Blemish, Case, Difficulty, Patient, Recipe};
use crate::phantom::dicom::{Header, write};
use crate::phantom::negatives::{Class, negative};
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
    /// Instead of necks: chests, hips, slices, pages and what else is no lateral neck, each kind in turn
    #[arg(long, conflicts_with_all = ["views", "difficulty", "fault"])]
    others: bool,
    /// The file format
    #[arg(long, value_enum, default_value = "dicom")]
    format: Format,
    /// Only the truth files, for what learns from geometry alone: a thousand times quicker
    #[arg(long, conflicts_with = "others")]
    truth_only: bool,
    /// Detector millimetres a pixel
    #[arg(long, value_name = "MM", default_value_t = 0.143, value_parser = pixel)]
    pixel_mm: f32,
}

pub(super) fn pixel(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|mm| (0.05..=2.0).contains(mm)).ok_or_else(|| "give a number from 0.05 to 2".into())
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum View {
    Neutral,
    Flexion,
    Extension,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Level {
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
    if arguments.others {
        return others(arguments);
    }
    let views = arguments.views.len().max(1) as u64;
    for film in 0..arguments.count {
        let seed = arguments.seed.wrapping_add(film / views);
        let take = u32::try_from(film % views).unwrap_or(0);
        let Some(view) = arguments.views.get(take as usize) else { continue };
        let stem = arguments.out.join(format!("phantom-{seed:06}-{}", Position::from(*view).name()));
        if arguments.truth_only {
            let patient = Patient::new(seed, arguments.difficulty.into());
            truth(&stem, patient.truth_alone((*view).into(), arguments.pixel_mm, arguments.fault))?;
            continue;
        }
        let case = Case::new(Recipe {
            seed,
            difficulty: arguments.difficulty.into(),
            position: (*view).into(),
            pixel_mm: arguments.pixel_mm,
            blemish: arguments.fault,
        });
        match arguments.format {
            Format::Dicom => {
                let path = stem.with_extension("dcm");
                let header = Header::of(&case, seed, take);
                write(&path, &header, &case.stored(seed))
                    .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", path.display()))?;
            }
            Format::Png | Format::Jpeg => raster(&stem, arguments.format, case.size, &case.pixels)?,
        }
        truth(&stem, case.truth)?;
    }
    eprintln!("{} films with their truth in {}.", arguments.count, arguments.out.display());
    Ok(ExitCode::SUCCESS)
}

/// Writes what is no lateral neck.
fn others(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !matches!(arguments.format, Format::Dicom),
        "what is no lateral neck is written as PNG or JPEG: add --format png"
    );
    for film in 0..arguments.count {
        let class = Class::ALL[film as usize % Class::ALL.len()];
        let seed = arguments.seed.wrapping_add(film);
        let picture = negative(class, seed, arguments.pixel_mm);
        let stem = arguments.out.join(format!("other-{seed:06}-{}", class.name()));
        raster(&stem, arguments.format, picture.size, &picture.pixels)?;
        truth(&stem, picture.truth)?;
    }
    eprintln!("{} other pictures with their truth in {}.", arguments.count, arguments.out.display());
    Ok(ExitCode::SUCCESS)
}

/// `pixels` (0 … 1) as JPEG with 8 bits or as PNG with 16.
fn raster(stem: &Path, format: Format, size: (usize, usize), pixels: &[f32]) -> anyhow::Result<()> {
    let side = |n: usize| u32::try_from(n).context("the film is too large for this format");
    let (width, height) = (side(size.0)?, side(size.1)?);
    let level = |p: &f32, top: f32| (p.clamp(0.0, 1.0) * top).round();
    let path = stem.with_extension(if matches!(format, Format::Jpeg) { "jpg" } else { "png" });
    let image = if matches!(format, Format::Jpeg) {
        DynamicImage::from(
            GrayImage::from_raw(width, height, pixels.iter().map(|p| level(p, 255.0) as u8).collect())
                .context("no pixels")?,
        )
    } else {
        let grey: Vec<u16> = pixels.iter().map(|p| level(p, 65535.0) as u16).collect();
        DynamicImage::from(ImageBuffer::<Luma<u16>, _>::from_raw(width, height, grey).context("no pixels")?)
    };
    image.save(&path).with_context(|| format!("cannot write {}", path.display()))
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
