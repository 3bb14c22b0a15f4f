//! The folder of built engines: one folder an engine with its files and its passport.
//!
//! ```text
//! engines/
//!   detector-fp16-b211d4c3d9e1/      *.engine, *.profile, passport.json
//!   .building-detector-fp32-…/       a build under way, or one that was cut short
//!   timings/                         what TensorRT learnt about kernels
//!   lock                             held by whoever builds
//! ```
//!
//! Invariants: an engine's folder appears whole, by a rename, with its passport; an engine is used only after the SHA-256 of
//! each of its files was compared with the passport. ONNX Runtime names its cache files after the graph and not after the
//! weights: the folder of a model's own keeps a retrained model from running with its predecessor's engine.
//!
//! On failure: [`ShelfError`] names the folder or file and what to do; nothing that was there is touched.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statvfs};
use sha2::{Digest as _, Sha256};

use super::passport::{EngineFile, Passport, Wanted};

/// The passport's file.
const PASSPORT: &str = "passport.json";
/// How a build under way is called.
const BUILDING: &str = ".building-";
/// Where timings are kept.
const TIMINGS: &str = "timings";
/// Room that a build needs, in sizes of its model: engine, profile and TensorRT's own files.
const ROOM: u64 = 8;
/// And beside that.
const ROOM_BESIDE: u64 = 64 << 20;

/// Why engines cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The folder cannot be made or written to.
    #[error("engines cannot be kept in {folder}: {source}; give the service's user the right to write there, or name another folder with [inference] engines", folder = folder.display())]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Too little room for a build.
    #[error("{folder} has {free} MB free and the build needs {needed} MB; make room (`sagitta engines prune` helps), or name another folder with [inference] engines", folder = folder.display())]
    Full {
        /// The folder.
        folder: PathBuf,
        /// Megabytes.
        free: u64,
        /// Megabytes.
        needed: u64,
    },
    /// Someone else builds.
    #[error("another sagitta builds engines in {folder}; wait until it is done", folder = folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the engine cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// ONNX Runtime built nothing: the model does not run on TensorRT.
    #[error("no engine came of the build in {folder}: TensorRT takes no part of this model", folder = folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
}

/// What is known of an engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// It is what is wanted, whole.
    Sound(Box<Passport>),
    /// There is none.
    Missing,
    /// It is another than wanted: every difference.
    Stale(Vec<String>),
    /// Its passport or a file is damaged.
    Damaged(String),
}

/// An engine on the shelf, whatever its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The name of its folder.
    pub name: String,
    /// Bytes of everything in it.
    pub bytes: u64,
    /// Its passport, or what is wrong with it or with a file.
    pub passport: Result<Passport, String>,
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    folder: PathBuf,
}

/// Held while engines are built or removed.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

impl Shelf {
    /// The shelf in `folder`; touches nothing.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where TensorRT keeps its timings.
    pub fn timings(&self) -> PathBuf {
        self.folder.join(TIMINGS)
    }

    /// Makes the folder where it is missing, proves that it can be written to, and keeps others from building.
    ///
    /// # Errors
    /// [`ShelfError::Unwritable`] or [`ShelfError::Busy`].
    pub fn lock(&self) -> Result<Lock, ShelfError> {
        let unwritable = |source| ShelfError::Unwritable { folder: self.folder.clone(), source };
        fs::create_dir_all(self.timings()).map_err(unwritable)?;
        let path = self.folder.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unwritable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(ShelfError::Busy { folder: self.folder.clone() }),
            Err(error) => return Err(unwritable(error.into())),
        }
        // A disk that is mounted read-only lets an old file be opened on some file systems; this one it does not.
        let probe = self.folder.join(".probe");
        fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe)).map_err(unwritable)?;
        Ok(Lock(file))
    }

    /// Where the engine that is `wanted` lies.
    pub fn place(&self, wanted: &Wanted) -> PathBuf {
        self.folder.join(wanted.name())
    }

    /// Whether the engine that is `wanted` is there, whole and for this machine. Reads every byte of it.
    pub fn find(&self, wanted: &Wanted) -> Found {
        let folder = self.place(wanted);
        if !folder.is_dir() {
            return Found::Missing;
        }
        let passport = match read(&folder) {
            Ok(passport) => passport,
            Err(why) => return Found::Damaged(why),
        };
        let differences = passport.differences(wanted);
        if !differences.is_empty() {
            return Found::Stale(differences);
        }
        match check(&folder, &passport) {
            Ok(()) => Found::Sound(Box::new(passport)),
            Err(why) => Found::Damaged(why),
        }
    }

    /// Every engine, by name, and what is left of builds that were cut short. None where the folder does not exist.
    pub fn entries(&self) -> Vec<Entry> {
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let engines = folders.filter(|entry| entry.path().is_dir() && entry.file_name() != TIMINGS);
        let mut entries: Vec<Entry> = engines
            .map(|entry| {
                let (folder, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
                let passport = if name.starts_with(BUILDING) {
                    Err("a build that was cut short, or is under way".to_owned())
                } else {
                    read(&folder).and_then(|passport| check(&folder, &passport).map(|()| passport))
                };
                Entry { name, bytes: size(&folder), passport }
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// Begins the build of the engine that is `wanted`, of a model of `model_bytes`.
    ///
    /// # Errors
    /// [`ShelfError::Full`] or [`ShelfError::Unwritable`].
    pub fn begin(&self, wanted: &Wanted, model_bytes: u64, _held: &Lock) -> Result<Building, ShelfError> {
        let unwritable = |source| ShelfError::Unwritable { folder: self.folder.clone(), source };
        let needed = model_bytes.saturating_mul(ROOM).saturating_add(ROOM_BESIDE);
        let room = statvfs(&self.folder).map_err(|error| unwritable(error.into()))?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if free < needed {
            return Err(ShelfError::Full { folder: self.folder.clone(), free: free >> 20, needed: needed >> 20 });
        }
        let folder = self.folder.join(format!("{BUILDING}{}", wanted.name()));
        remove(&folder).map_err(unwritable)?;
        fs::create_dir(&folder).map_err(unwritable)?;
        Ok(Building { folder, place: self.place(wanted) })
    }

    /// Removes every engine but those called `wanted`, and what is left of old builds; returns names and bytes.
    ///
    /// # Errors
    /// [`ShelfError::File`] at the first that cannot be removed.
    pub fn prune(&self, wanted: &[String], _held: &Lock) -> Result<Vec<(String, u64)>, ShelfError> {
        let mut gone = Vec::new();
        for entry in self.entries().into_iter().filter(|entry| !wanted.contains(&entry.name)) {
            let path = self.folder.join(&entry.name);
            fs::remove_dir_all(&path).map_err(|source| ShelfError::File { path, source })?;
            gone.push((entry.name, entry.bytes));
        }
        Ok(gone)
    }

    /// How long builds took that are on the shelf: role, precision, seconds.
    pub fn history(&self) -> Vec<(String, super::passport::Precision, f64)> {
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let passports = folders.filter_map(|entry| read(&entry.path()).ok());
        passports.map(|p| (p.role, p.recipe.precision, p.build_seconds)).collect()
    }
}

/// A build under way. Dropped, it takes its folder away.
#[derive(Debug)]
pub struct Building {
    folder: PathBuf,
    place: PathBuf,
}

impl Building {
    /// Where the engine is built.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts the engine on the shelf, with `passport`, whose list of files is made here.
    ///
    /// # Errors
    /// [`ShelfError::Empty`] where nothing was built, [`ShelfError::File`] where a file cannot be read or written.
    pub fn finish(self, mut passport: Passport) -> Result<Passport, ShelfError> {
        let error = |path: &Path| {
            let path = path.to_owned();
            move |source| ShelfError::File { path, source }
        };
        passport.files.clear();
        let mut files: Vec<PathBuf> =
            fs::read_dir(&self.folder).map_err(error(&self.folder))?.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for path in files.iter().filter(|path| path.is_file()) {
            let (bytes, sha256) = digest(path).map_err(error(path))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            passport.files.push(EngineFile { name, bytes, sha256 });
        }
        if !passport.files.iter().any(|file| file.bytes > 0) {
            return Err(ShelfError::Empty { folder: self.folder.clone() });
        }
        let path = self.folder.join(PASSPORT);
        let text = serde_json::to_vec_pretty(&passport).map_err(|e| error(&path)(io::Error::other(e)))?;
        let written = File::create(&path).and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.map_err(error(&path))?;
        remove(&self.place).map_err(error(&self.place))?;
        fs::rename(&self.folder, &self.place).map_err(error(&self.place))?;
        Ok(passport)
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        // After a rename there is nothing left; what cannot be removed is found by `prune`.
        let _ = remove(&self.folder);
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read(folder: &Path) -> Result<Passport, String> {
    let text = fs::read(folder.join(PASSPORT)).map_err(|error| format!("it has no passport: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("its passport cannot be read: {error}"))
}

/// Whether the engine's files are those of its passport, and no others.
fn check(folder: &Path, passport: &Passport) -> Result<(), String> {
    for file in &passport.files {
        let path = folder.join(&file.name);
        let (bytes, sha256) = digest(&path).map_err(|error| format!("{} is missing: {error}", file.name))?;
        if bytes != file.bytes {
            return Err(format!("{} has {bytes} bytes, the passport says {}: it was cut short", file.name, file.bytes));
        }
        if sha256 != file.sha256 {
            return Err(format!("{} has another SHA-256 than the passport says", file.name));
        }
    }
    let known = |name: &str| name == PASSPORT || passport.files.iter().any(|file| file.name == name);
    let others = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    match others.map(|name| name.to_string_lossy().into_owned()).find(|name| !known(name)) {
        Some(other) => Err(format!("{other} is not in its passport")),
        None => Ok(()),
    }
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut digest) = (File::open(path)?, Sha256::new());
    let bytes = io::copy(&mut file, &mut digest)?;
    Ok((bytes, digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::super::passport::tests::{passport, wanted};
    use super::*;

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(&dir.path().join("engines"));
        (dir, shelf)
    }

    fn build(shelf: &Shelf, wanted: &Wanted) -> PathBuf {
        let lock = shelf.lock().unwrap();
        let building = shelf.begin(wanted, 1000, &lock).unwrap();
        fs::write(building.folder().join("graph_0.engine"), b"an engine").unwrap();
        fs::write(building.folder().join("graph_0.profile"), b"").unwrap();
        building.finish(passport(wanted)).unwrap();
        shelf.place(wanted)
    }

    #[test]
    fn an_engine_is_found_again_until_model_or_machine_change() {
        let (_dir, shelf) = shelf();
        assert_eq!(shelf.find(&wanted()), Found::Missing);
        assert!(shelf.entries().is_empty());
        build(&shelf, &wanted());
        let Found::Sound(found) = shelf.find(&wanted()) else { panic!("{:?}", shelf.find(&wanted())) };
        assert_eq!(found.files.len(), 2);
        let mut updated = wanted();
        updated.machine.tensorrt = Some("10.3.0".into());
        let Found::Stale(why) = shelf.find(&updated) else { panic!("{:?}", shelf.find(&updated)) };
        assert_eq!(why, ["TensorRT: 8.6.2 → 10.3.0"]);
        let mut retrained = wanted();
        retrained.model_sha256 = "cd".repeat(32);
        assert_eq!(shelf.find(&retrained), Found::Missing);
    }

    #[test]
    fn a_truncated_changed_missing_or_added_file_is_damage_and_says_which() {
        for (damage, told) in [
            (&(|at: &Path| fs::write(at.join("graph_0.engine"), b"an eng").unwrap()) as &dyn Fn(&Path), "cut short"),
            (&|at| fs::write(at.join("graph_0.engine"), b"an eNgine").unwrap(), "SHA-256"),
            (&|at| fs::remove_file(at.join("graph_0.engine")).unwrap(), "missing"),
            (&|at| fs::write(at.join("graph_1.engine"), b"x").unwrap(), "not in its passport"),
            (&|at| fs::write(at.join("passport.json"), b"{").unwrap(), "cannot be read"),
            (&|at| fs::remove_file(at.join("passport.json")).unwrap(), "no passport"),
        ] {
            let (_dir, shelf) = shelf();
            damage(&build(&shelf, &wanted()));
            let Found::Damaged(why) = shelf.find(&wanted()) else { panic!("{told}: {:?}", shelf.find(&wanted())) };
            assert!(why.contains(told), "{why}");
            assert!(shelf.entries()[0].passport.as_ref().unwrap_err().contains(told));
        }
    }

    #[test]
    fn a_build_that_is_given_up_or_gave_nothing_leaves_nothing() {
        let (_dir, shelf) = shelf();
        let lock = shelf.lock().unwrap();
        let building = shelf.begin(&wanted(), 0, &lock).unwrap();
        fs::write(building.folder().join("half"), b"x").unwrap();
        assert_eq!(shelf.entries().len(), 1, "it can be seen while it lasts");
        drop(building);
        assert!(shelf.entries().is_empty());
        let empty = shelf.begin(&wanted(), 0, &lock).unwrap().finish(passport(&wanted()));
        assert!(matches!(empty, Err(ShelfError::Empty { .. })), "{empty:?}");
        assert!(shelf.entries().is_empty());
    }

    #[test]
    fn a_build_replaces_the_stale_engine_of_the_same_model() {
        let (_dir, shelf) = shelf();
        let place = build(&shelf, &wanted());
        fs::write(place.join("graph_0.engine"), b"bad").unwrap();
        build(&shelf, &wanted());
        assert!(matches!(shelf.find(&wanted()), Found::Sound(_)));
        assert_eq!(shelf.history(), [("detector".to_owned(), wanted().recipe.precision, 12.5)]);
    }

    #[test]
    fn prune_keeps_what_is_wanted() {
        let (_dir, shelf) = shelf();
        let mut old = wanted();
        old.model_sha256 = "cd".repeat(32);
        build(&shelf, &old);
        build(&shelf, &wanted());
        fs::create_dir(shelf.folder().join(".building-x")).unwrap();
        let lock = shelf.lock().unwrap();
        let gone = shelf.prune(&[wanted().name()], &lock).unwrap();
        let names: Vec<&str> = gone.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [".building-x", &old.name()]);
        assert!(matches!(shelf.find(&wanted()), Found::Sound(_)));
        assert!(shelf.timings().is_dir());
    }

    #[test]
    fn two_do_not_build_at_once() {
        let (_dir, shelf) = shelf();
        let held = shelf.lock().unwrap();
        assert!(matches!(shelf.lock(), Err(ShelfError::Busy { .. })));
        drop(held);
        assert!(shelf.lock().is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_and_a_disk_without_room_are_errors_that_say_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), b"").unwrap();
        let error = Shelf::at(&dir.path().join("file/engines")).lock().unwrap_err();
        assert!(matches!(error, ShelfError::Unwritable { .. }) && error.to_string().contains("[inference] engines"));
        let (_dir, shelf) = shelf();
        let lock = shelf.lock().unwrap();
        let error = shelf.begin(&wanted(), u64::MAX / 16, &lock).unwrap_err();
        assert!(matches!(error, ShelfError::Full { .. }) && error.to_string().contains("prune"), "{error}");
    }
}
