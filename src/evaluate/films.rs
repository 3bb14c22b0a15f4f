//! The films to score: those of folders that have a truth beside them, and phantoms made on the fly.
//!
//! A film is read or made only when its turn comes, so that memory holds one film a worker however long the list is.
//! What cannot be read, and a truth without a film, is a [`Trouble`] with its name; it never ends the run.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageBuffer, ImageFormat, Luma};

use crate::domain::report::Position;
use crate::phantom::case::{Blemish, Case, Difficulty, Recipe};
use crate::phantom::negatives::{Class, negative};
use crate::phantom::truth::Truth;

use super::reference;

/// What a truth file's name ends with.
const TRUTH: &str = ".truth.json";
/// Extensions of films; a DICOM file may also have none.
const EXTENSIONS: [&str; 7] = ["dcm", "dicom", "png", "jpg", "jpeg", "tif", "tiff"];
/// A truth file is a few kilobytes; anything above is something else.
const TRUTH_MAX_BYTES: u64 = 4_000_000;

/// A film that could not be scored, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// The film, or the truth file without one.
    pub file: String,
    /// In plain words.
    pub reason: String,
}

impl Trouble {
    pub(super) fn new(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.into(), reason: reason.into() }
    }
}

/// A film to score.
#[derive(Debug, Clone, PartialEq)]
pub enum Film {
    /// A file with its truth beside it.
    File {
        /// The film.
        path: PathBuf,
        /// Its truth.
        truth: PathBuf,
        /// The path below the folder that was asked for.
        name: String,
    },
    /// A phantom of a neck.
    Phantom(Recipe),
    /// A phantom of what is no lateral neck.
    Other {
        /// What it shows.
        class: Class,
        /// Everything random follows from it.
        seed: u64,
        /// Detector millimetres a pixel.
        pixel_mm: f32,
    },
}

/// Phantoms to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phantoms {
    /// How many necks.
    pub necks: u64,
    /// How many films that are no neck.
    pub others: u64,
    /// The first seed; each film takes the next.
    pub seed: u64,
    /// How far patients and technique stray from the textbook.
    pub difficulty: Difficulty,
    /// Detector millimetres a pixel.
    pub pixel_mm: f32,
}

impl Phantoms {
    /// Every film: half of the necks neutral, a quarter in flexion, a quarter in extension, each of a patient of its own; then the
    /// classes of what is no neck in turn.
    pub fn films(self) -> impl Iterator<Item = Film> {
        use Position::{Extension, Flexion, Neutral};
        let positions = [Neutral, Flexion, Neutral, Extension].into_iter().cycle();
        let Self { difficulty, pixel_mm, seed, .. } = self;
        let neck = move |(n, position)| {
            let seed = seed.wrapping_add(n);
            Film::Phantom(Recipe { seed, difficulty, position, pixel_mm, blemish: Blemish::None })
        };
        let other = move |(n, class)| Film::Other { class, seed: seed.wrapping_add(n), pixel_mm };
        let others = (0..self.others).zip(Class::ALL.into_iter().cycle()).map(other);
        (0..self.necks).zip(positions).map(neck).chain(others)
    }
}

impl Film {
    /// The name under which it is told.
    pub fn name(&self) -> String {
        match self {
            Self::File { name, .. } => name.clone(),
            Self::Phantom(recipe) => format!("phantom-{:06}-{}", recipe.seed, recipe.position.name()),
            Self::Other { class, seed, .. } => format!("{}-{seed:06}", class.name()),
        }
    }

    /// The film's bytes and its truth.
    pub(super) fn load(&self) -> Result<(Vec<u8>, Truth), Trouble> {
        let trouble = |reason: String| Trouble::new(self.name(), reason);
        match self {
            Self::File { path, truth, .. } => {
                let truth = read_truth(truth).map_err(trouble)?;
                let bytes = fs::read(path).map_err(|error| trouble(format!("cannot be read: {error}")))?;
                Ok((bytes, truth))
            }
            Self::Phantom(recipe) => {
                let case = Case::new(*recipe);
                let bytes = png(case.size, case.quantised(16)).map_err(trouble)?;
                Ok((bytes, reference::with_measurements(case.truth)))
            }
            Self::Other { class, seed, pixel_mm } => {
                let other = negative(*class, *seed, *pixel_mm);
                let grey = other.pixels.iter().map(|p| (p.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16);
                Ok((png(other.size, grey.collect()).map_err(trouble)?, other.truth))
            }
        }
    }
}

fn read_truth(path: &Path) -> Result<Truth, String> {
    let of_truth = |what: String| format!("its truth file {what}");
    let size = fs::metadata(path).map_err(|error| of_truth(format!("cannot be read: {error}")))?.len();
    if size > TRUTH_MAX_BYTES {
        return Err(of_truth(format!("has {size} bytes, which no truth has; is it another file?")));
    }
    let text = fs::read(path).map_err(|error| of_truth(format!("cannot be read: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| of_truth(format!("is not understood: {error}")))
}

fn png((width, height): (usize, usize), pixels: Vec<u16>) -> Result<Vec<u8>, String> {
    let side = |n: usize| u32::try_from(n).map_err(|_| "the film is too large for a PNG".to_owned());
    let image: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_raw(side(width)?, side(height)?, pixels).ok_or("the film has no pixels")?;
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).map_err(|error| error.to_string())?;
    Ok(bytes.into_inner())
}

/// Every film with a truth below `folder`, sorted by name; and what stands in the way of some. Folders that are links are
/// not entered.
pub fn below(folder: &Path) -> (Vec<Film>, Vec<Trouble>) {
    let (mut films, mut troubles) = (Vec::new(), Vec::new());
    walk(folder, folder, &mut films, &mut troubles);
    films.sort_by_key(Film::name);
    troubles.sort_by(|a, b| a.file.cmp(&b.file));
    (films, troubles)
}

fn walk(folder: &Path, root: &Path, films: &mut Vec<Film>, troubles: &mut Vec<Trouble>) {
    let name = |path: &Path| {
        let below = path.strip_prefix(root).unwrap_or(path).display().to_string();
        if below.is_empty() { path.display().to_string() } else { below }
    };
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = match listed {
        Ok(entries) => entries,
        Err(error) => return troubles.push(Trouble::new(name(folder), format!("cannot be listed: {error}"))),
    };
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for entry in entries {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, root, films, troubles);
        } else {
            files.push((entry.file_name().to_string_lossy().into_owned(), path));
        }
    }
    for (file, truth) in files.iter().filter_map(|(file, path)| Some((file.strip_suffix(TRUTH)?, path))) {
        let of_this_truth = files.iter().filter(|(other, _)| is_film(other, file));
        let before = films.len();
        films.extend(of_this_truth.map(|(_, path)| Film::File {
            path: path.clone(),
            truth: truth.clone(),
            name: name(path),
        }));
        if films.len() == before {
            let wanted = format!("no film lies beside it: {file}.dcm, .png, .jpg or .tif is missing");
            troubles.push(Trouble::new(name(truth), wanted));
        }
    }
}

/// Whether `file` is a film called `stem`.
fn is_film(file: &str, stem: &str) -> bool {
    let Some(rest) = file.strip_prefix(stem) else { return false };
    rest.is_empty()
        || rest.strip_prefix('.').is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truth_finds_its_film_and_a_lonely_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        };
        for name in [
            "b.png",
            "b.truth.json",
            "a.1.DCM",
            "a.1.truth.json",
            "c",
            "c.truth.json",
            "deep/d.jpg",
            "deep/d.truth.json",
        ] {
            put(name);
        }
        for name in ["lonely.truth.json", "lonely.txt", "no-truth.png", "b.overlay.png"] {
            put(name);
        }
        let (films, troubles) = below(folder.path());
        assert_eq!(films.iter().map(Film::name).collect::<Vec<_>>(), ["a.1.DCM", "b.png", "c", "deep/d.jpg"]);
        assert_eq!(troubles.iter().map(|t| t.file.as_str()).collect::<Vec<_>>(), ["lonely.truth.json"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let (films, troubles) = below(Path::new("/nonexistent/films"));
        assert!(films.is_empty());
        assert_eq!(troubles.len(), 1);
        assert_eq!(troubles[0].file, "/nonexistent/films");
    }

    #[test]
    fn phantoms_take_one_seed_after_the_other_and_every_position() {
        let phantoms = Phantoms { necks: 4, others: 1, seed: 7, difficulty: Difficulty::Mixed, pixel_mm: 0.5 };
        let names: Vec<_> = phantoms.films().map(|film| film.name()).collect();
        let expected =
            ["phantom-000007-neutral", "phantom-000008-flexion", "phantom-000009-neutral", "phantom-000010-extension"];
        assert_eq!(names[..4], expected);
        assert_eq!(names[4], "chest-000007");
    }

    #[test]
    fn a_truth_that_is_no_truth_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.png"), "").unwrap();
        fs::write(folder.path().join("a.truth.json"), "{\"landmarks\": 3}").unwrap();
        let (films, _) = below(folder.path());
        let trouble = films[0].load().unwrap_err();
        assert!(trouble.reason.contains("is not understood"), "{trouble:?}");
    }
}
