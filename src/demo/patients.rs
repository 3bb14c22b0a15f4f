//! The demo's patients: what a morning in the X-ray room brings.

use std::path::Path;

use crate::domain::report::Position;
use crate::phantom::case::{Blemish, Difficulty, Patient};
use crate::phantom::dicom::{CHEST, Header, POSTERO_ANTERIOR, write};
use crate::phantom::other;
use crate::phantom::plate::Plate;

/// Detector millimetres a pixel.
const PIXEL_MM: f32 = 0.2;

/// What a subscriber must hear of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// A report and its overlay.
    Report,
    /// Only that it was counted.
    PassedOver,
}

/// A film on its way into the folder.
#[derive(Debug)]
pub(super) struct Film {
    /// Its file name.
    pub(super) name: String,
    /// What it shows, for the terminal.
    pub(super) story: &'static str,
    /// What is due for it.
    pub(super) expected: Expected,
    /// Known once the report was heard.
    pub(super) report_id: String,
    header: Header,
    plate: Plate,
}

impl Film {
    /// Writes it as DICOM.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        write(path, &self.header, &self.plate).map_err(|error| anyhow::anyhow!("{}: {error}", self.name))
    }
}

/// One film of a neck.
struct Neck {
    seed: u64,
    difficulty: Difficulty,
    position: Position,
    blemish: Blemish,
    name: &'static str,
    story: &'static str,
}

const NECKS: [Neck; 5] = [
    well(2029, Position::Neutral, "patient-a-neutral.dcm", "patient A, neutral"),
    well(2029, Position::Flexion, "patient-a-flexion.dcm", "patient A, flexion"),
    well(2029, Position::Extension, "patient-a-extension.dcm", "patient A, extension"),
    neck(2031, Position::Neutral, Blemish::HiddenC7, "patient-b-neutral.dcm", "patient B, shoulders over C7"),
    neck(
        2047,
        Position::Neutral,
        Blemish::UnderExposed(None),
        "patient-c-neutral.dcm",
        "patient C, far too little dose",
    ),
];

/// A film as everyone would have it.
const fn well(seed: u64, position: Position, name: &'static str, story: &'static str) -> Neck {
    Neck { difficulty: Difficulty::Clean, ..neck(seed, position, Blemish::None, name, story) }
}

const fn neck(seed: u64, position: Position, blemish: Blemish, name: &'static str, story: &'static str) -> Neck {
    Neck { seed, difficulty: Difficulty::Typical, position, blemish, name, story }
}

/// The films, each made when it is asked for.
pub(super) fn films() -> impl Iterator<Item = anyhow::Result<Film>> {
    NECKS.iter().map(|neck| Ok(expose(neck))).chain(std::iter::once_with(|| Ok(chest())))
}

fn expose(neck: &Neck) -> Film {
    let patient = Patient::new(neck.seed, neck.difficulty);
    let case = patient.film(neck.position, PIXEL_MM, neck.blemish);
    Film {
        name: neck.name.into(),
        story: neck.story,
        expected: Expected::Report,
        report_id: String::new(),
        header: Header::of(&case, neck.seed, neck.position as u32),
        plate: case.stored(neck.seed),
    }
}

fn chest() -> Film {
    const SEED: u64 = 2060;
    let film = other::chest(SEED, PIXEL_MM * 2.0);
    let header = Header {
        seed: SEED,
        study: SEED,
        instance: 0,
        region: CHEST,
        view: POSTERO_ANTERIOR,
        description: "CHEST PA".into(),
        facing: None,
        female: false,
        age: 54,
        imager_pixel_mm: f64::from(PIXEL_MM * 2.0),
        magnification: None,
        exposure: Some(f64::from(film.exposure)),
    };
    Film {
        name: "patient-d-chest.dcm".into(),
        story: "patient D, a chest",
        expected: Expected::PassedOver,
        report_id: String::new(),
        header,
        plate: Plate::new(film.size, &film.pixels, SEED),
    }
}
