//! What happens to a file in the modality's folder once it is recorded: nothing, unless the configuration says so.
//!
//! Invariants: only a file that is still the one that was recorded (the same [`Stamp`]) is touched; a moved file never
//! replaces another; a film is on the disk, whole, at every moment. Call it only after the ledger has the film.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::settle::Stamp;

/// What the configuration says under `ingest.after`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum After {
    /// Leave the file alone.
    #[default]
    Keep,
    /// Move it into this folder, below which it keeps its sub-folders. The folder lies outside the watched one.
    Move(PathBuf),
    /// Delete it.
    Delete,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Nothing: so says the configuration.
    Kept,
    /// Nothing: the file is gone, or is no longer the one that was recorded.
    Changed,
    /// It lies here now.
    Moved(PathBuf),
    /// It is deleted.
    Deleted,
}

/// A file that could not be moved or deleted; it stays where it is, is remembered by the ledger and does no harm there.
#[derive(Debug, thiserror::Error)]
#[error("could not {what} a recorded file: {source}; give the service's user the right to write to the folder")]
pub struct AfterError {
    what: &'static str,
    source: io::Error,
}

/// Numbers tried for a free name in the folder to move to.
const MAX_NAMES: u32 = 10_000;

/// Does what `after` says with the recorded file `file` (the path below `watch`), which had `stamp` then.
///
/// # Errors
/// [`AfterError`] when the file system refuses; the file is then where it was.
pub fn carry_out(after: &After, watch: &Path, file: &Path, stamp: Stamp) -> Result<Done, AfterError> {
    let path = watch.join(file);
    let what = match after {
        After::Keep => return Ok(Done::Kept),
        After::Move(_) => "move",
        After::Delete => "delete",
    };
    let failed = |source| AfterError { what, source };
    match fs::symlink_metadata(&path) {
        Ok(metadata) if Stamp::of(&metadata) == stamp => {}
        Ok(_) => return Ok(Done::Changed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Done::Changed),
        Err(error) => return Err(failed(error)),
    }
    match after {
        After::Keep => Ok(Done::Kept),
        After::Delete => fs::remove_file(&path).map(|()| Done::Deleted).map_err(failed),
        After::Move(to) => move_to(&path, &to.join(file)).map(Done::Moved).map_err(failed),
    }
}

/// Moves `from` to `to`, or to `to` with a number behind where that name is taken.
fn move_to(from: &Path, to: &Path) -> io::Result<PathBuf> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    for number in 0..MAX_NAMES {
        let free = numbered(to, number);
        // A hard link fails where the name is taken, which a rename would replace.
        match fs::hard_link(from, &free) {
            Ok(()) => return fs::remove_file(from).map(|()| free),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Another file system, or one without hard links.
            Err(_) => match copy(from, &free) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                copied => return copied.and_then(|()| fs::remove_file(from)).map(|()| free),
            },
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Copies to the new file `to` and makes sure that it is on the disk; a copy that fails is removed.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = File::create_new(to)?;
    let copied = File::open(from).and_then(|mut source| io::copy(&mut source, &mut target)).and(target.sync_all());
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{number}"));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(name: &str) -> (tempfile::TempDir, Stamp) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "film").unwrap();
        let stamp = Stamp::of(&fs::symlink_metadata(&path).unwrap());
        (dir, stamp)
    }

    #[test]
    fn keep_leaves_the_file_as_it_is() {
        let (dir, stamp) = folder_with("a.dcm");
        assert_eq!(carry_out(&After::Keep, dir.path(), Path::new("a.dcm"), stamp).unwrap(), Done::Kept);
        assert_eq!(Stamp::of(&fs::symlink_metadata(dir.path().join("a.dcm")).unwrap()), stamp);
    }

    #[test]
    fn delete_takes_only_the_file_that_was_recorded() {
        let (dir, stamp) = folder_with("a.dcm");
        let old = Stamp { size: 3, ..stamp };
        assert_eq!(carry_out(&After::Delete, dir.path(), Path::new("a.dcm"), old).unwrap(), Done::Changed);
        assert!(dir.path().join("a.dcm").exists());
        assert_eq!(carry_out(&After::Delete, dir.path(), Path::new("a.dcm"), stamp).unwrap(), Done::Deleted);
        assert!(!dir.path().join("a.dcm").exists());
        assert_eq!(carry_out(&After::Delete, dir.path(), Path::new("a.dcm"), stamp).unwrap(), Done::Changed);
    }

    #[test]
    fn a_moved_file_keeps_its_folders_and_replaces_nothing() {
        let (dir, stamp) = folder_with("sub/a.dcm");
        let to = tempfile::tempdir().unwrap();
        let after = After::Move(to.path().to_owned());
        fs::create_dir(to.path().join("sub")).unwrap();
        fs::write(to.path().join("sub/a.dcm"), "earlier").unwrap();
        let done = carry_out(&after, dir.path(), Path::new("sub/a.dcm"), stamp).unwrap();
        assert_eq!(done, Done::Moved(to.path().join("sub/a.dcm.1")));
        assert_eq!(fs::read(to.path().join("sub/a.dcm.1")).unwrap(), b"film");
        assert_eq!(fs::read(to.path().join("sub/a.dcm")).unwrap(), b"earlier");
        assert!(!dir.path().join("sub/a.dcm").exists());
    }

    #[test]
    fn a_copy_across_file_systems_leaves_nothing_half_done() {
        let (dir, _) = folder_with("a.dcm");
        let (from, to) = (dir.path().join("a.dcm"), dir.path().join("b.dcm"));
        copy(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"film");
        assert_eq!(copy(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert!(copy(&folder, &dir.path().join("c.dcm")).is_err(), "a folder cannot be read");
        assert!(!dir.path().join("c.dcm").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_leaves_the_film_where_it_is() {
        let (dir, stamp) = folder_with("a.dcm");
        fs::write(dir.path().join("taken"), "x").unwrap();
        let after = After::Move(dir.path().join("taken"));
        assert!(carry_out(&after, dir.path(), Path::new("a.dcm"), stamp).is_err());
        assert!(dir.path().join("a.dcm").exists());
    }
}
