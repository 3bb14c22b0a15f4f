//! Eyes on the folder: inotify where the file system tells of changes, and a walk over all of it for everything else.
//!
//! inotify is only a shortcut. Whatever it misses (network shares, an overflowing queue, a folder that was filled before
//! its watch was set, a limit on watches) the next walk finds, so a failure here costs seconds and never a film.
//! Symbolic links are not followed, neither to files nor to folders: what they point at inside the folder is found
//! where it lies, and what lies outside is none of our business. Pipes, sockets and devices are never opened.

use std::fs::{self, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::domain::arrival::ContentHash;

use super::names::{self, Ignored};
use super::settle::{Sign, Stamp};

/// Folders below the watched one that are entered; deeper ones are passed over.
pub(super) const MAX_DEPTH: usize = 32;

/// What the ingest thread is told.
#[derive(Debug)]
pub(super) enum Note {
    /// Something happened to the file or folder at this absolute path.
    Sign(PathBuf, Sign),
    /// Events were lost; a walk will find what they were about.
    Overflow,
    /// inotify can no longer be trusted, and why.
    Blind(String),
    /// The film of this content at this absolute path was not recorded: offer it again.
    Again(PathBuf, ContentHash),
    /// End.
    Stop,
}

/// A running inotify watch; it ends when this is dropped.
pub(super) struct Eyes {
    _watcher: RecommendedWatcher,
}

impl Eyes {
    /// Watches `root` and all folders below, also those that are created later.
    ///
    /// When the inbox is full a note is dropped: the next walk finds what it was about.
    pub(super) fn open(root: &Path, inbox: SyncSender<Note>) -> notify::Result<Self> {
        let config = notify::Config::default().with_follow_symlinks(false);
        let tell = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if event.need_rescan() => drop(inbox.try_send(Note::Overflow)),
            Ok(event) => {
                if let Some(sign) = sign_of(event.kind) {
                    event.paths.into_iter().for_each(|path| drop(inbox.try_send(Note::Sign(path, sign))));
                }
            }
            Err(error) => drop(inbox.try_send(Note::Blind(plain(&error)))),
        };
        let mut watcher = RecommendedWatcher::new(tell, config)?;
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(Self { _watcher: watcher })
    }
}

fn sign_of(kind: EventKind) -> Option<Sign> {
    match kind {
        EventKind::Create(CreateKind::File | CreateKind::Folder | CreateKind::Any) => Some(Sign::Seen),
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Sign::Closed),
        _ => None,
    }
}

/// `error` in words that name the remedy, and no file.
pub(super) fn plain(error: &notify::Error) -> String {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the kernel's limit of inotify watches is reached; raise fs.inotify.max_user_watches".into()
        }
        notify::ErrorKind::Io(error) => error.to_string(),
        notify::ErrorKind::PathNotFound => "a folder vanished while it was being watched".into(),
        notify::ErrorKind::Generic(what) => what.clone(),
        _ => "inotify failed".into(),
    }
}

/// Which folder stands at the watched path: a share that is mounted over it, or gone, is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Root {
    device: u64,
    inode: u64,
    /// Whether something is mounted exactly here.
    pub(super) mounted: bool,
}

impl Root {
    /// Looks at the folder `path`; its last part may be a symbolic link.
    pub(super) fn inspect(path: &Path) -> io::Result<(PathBuf, Self)> {
        let root = fs::canonicalize(path)?;
        let metadata = fs::metadata(&root)?;
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let mounted = match root.parent() {
            Some(parent) => fs::metadata(parent)?.dev() != metadata.dev(),
            None => true,
        };
        Ok((root, Self { device: metadata.dev(), inode: metadata.ino(), mounted }))
    }
}

/// A walk over a folder and all below, one entry at a time, so that it can be interrupted by what is more urgent.
pub(super) struct Walk {
    root: PathBuf,
    open: Vec<(PathBuf, ReadDir)>,
}

/// What a walk comes upon.
#[derive(Debug)]
pub(super) enum Found {
    /// A regular file, by its path below the root.
    File(PathBuf, Stamp),
    /// A folder (by its path below the root) or an entry in it that could not be looked at.
    Barred(PathBuf, io::Error),
    /// A pipe, a socket, a link, a name that is passed over, or something already gone.
    Other,
}

impl Walk {
    /// A walk from the folder `below` (relative to `root`) downwards.
    pub(super) fn new(root: &Path, below: &Path) -> io::Result<Self> {
        let entries = fs::read_dir(root.join(below))?;
        Ok(Self { root: root.to_owned(), open: vec![(below.to_owned(), entries)] })
    }

    /// The next entry, or `None` at the end.
    pub(super) fn step(&mut self, ignored: &[Ignored]) -> Option<Found> {
        let (folder, entries) = self.open.last_mut()?;
        let entry = match entries.next() {
            Some(Ok(entry)) => entry,
            Some(Err(error)) => {
                // A listing that fails would fail for ever: leave this folder.
                let folder = std::mem::take(folder);
                self.open.pop();
                return Some(Found::Barred(folder, error));
            }
            None => {
                self.open.pop();
                return Some(Found::Other);
            }
        };
        let name = entry.file_name();
        if names::is_ignored(&name, ignored) {
            return Some(Found::Other);
        }
        let path = folder.join(&name);
        Some(match self.look(&entry, &path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Other,
            Err(error) => Found::Barred(path, error),
        })
    }

    fn look(&mut self, entry: &fs::DirEntry, path: &Path) -> io::Result<Found> {
        let kind = entry.file_type()?;
        if kind.is_dir() && self.open.len() < MAX_DEPTH {
            self.open.push((path.to_owned(), fs::read_dir(self.root.join(path))?));
        }
        Ok(if kind.is_file() { Found::File(path.to_owned(), Stamp::of(&entry.metadata()?)) } else { Found::Other })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(root: &Path, ignored: &[Ignored]) -> Vec<String> {
        let mut walk = Walk::new(root, Path::new("")).unwrap();
        let mut found: Vec<_> = std::iter::from_fn(|| walk.step(ignored))
            .filter_map(|found| match found {
                Found::File(path, _) => Some(names::file(&path)),
                _ => None,
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_walk_finds_regular_files_at_any_depth_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/b/c")).unwrap();
        fs::create_dir_all(at(".hidden")).unwrap();
        for name in ["x.dcm", "a/y.dcm", "a/b/c/z.dcm", ".hidden/h.dcm", "a/part.tmp"] {
            fs::write(at(name), name).unwrap();
        }
        fs::write(outside.path().join("secret.dcm"), "s").unwrap();
        std::os::unix::fs::symlink(outside.path(), at("linked")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.dcm"), at("secret.dcm")).unwrap();
        std::os::unix::fs::symlink(dir.path(), at("a/loop")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let ignored: Vec<_> = Ignored::parse("*.tmp").into_iter().collect();
        assert_eq!(files(dir.path(), &ignored), ["a/b/c/z.dcm", "a/y.dcm", "x.dcm"]);
    }

    #[test]
    fn a_folder_that_is_too_deep_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = dir.path().to_owned();
        for _ in 0..MAX_DEPTH + 3 {
            folder.push("d");
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("f"), "x").unwrap();
        }
        assert_eq!(files(dir.path(), &[]).len(), MAX_DEPTH - 1);
    }

    #[test]
    fn a_replaced_folder_is_another_root() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("watch");
        fs::create_dir(&path).unwrap();
        let (_, first) = Root::inspect(&path).unwrap();
        assert_eq!(Root::inspect(&path).unwrap().1, first);
        fs::rename(&path, dir.path().join("away")).unwrap();
        assert_eq!(Root::inspect(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::create_dir(&path).unwrap();
        assert_ne!(Root::inspect(&path).unwrap().1, first);
        fs::write(dir.path().join("file"), "x").unwrap();
        assert_eq!(Root::inspect(&dir.path().join("file")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
        assert!(Root::inspect(Path::new("/proc")).unwrap().1.mounted);
    }
}
