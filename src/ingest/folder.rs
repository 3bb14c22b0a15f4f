//! The watched folder itself: whether it is there, whether it is still the same one, and how well it can be seen.
//!
//! A share that was mounted and no longer is leaves an empty folder behind, which looks just like a quiet day. Once
//! something has been mounted at the watched path, its absence therefore counts as the folder being gone.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::WatchState;
use super::watch::{self, Eyes, Note, Root};

/// After inotify failed, it is tried again no sooner than this.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// See the module's documentation.
pub(super) struct Folder {
    path: PathBuf,
    inotify: bool,
    in_view: Option<(PathBuf, Root)>,
    eyes: Option<Eyes>,
    blind: String,
    try_again: Duration,
    was_mounted: bool,
    said: Option<WatchState>,
}

impl Folder {
    /// The folder `path`, at which nobody has looked yet.
    pub(super) fn new(path: PathBuf, inotify: bool) -> Self {
        let blind = "inotify is switched off in the configuration".into();
        let try_again = Duration::ZERO;
        Self { path, inotify, in_view: None, eyes: None, blind, try_again, was_mounted: false, said: None }
    }

    /// The folder without symbolic links on the way, while it is in view.
    pub(super) fn root(&self) -> Option<&Path> {
        self.in_view.as_ref().map(|(path, _)| path.as_path())
    }

    /// Looks whether the folder is there, and opens the eyes on it where they are shut or look at another one.
    ///
    /// # Errors
    /// Why it cannot be seen, in plain words.
    pub(super) fn look(&mut self, now: Duration, inbox: &SyncSender<Note>) -> Result<PathBuf, String> {
        let seen = Root::inspect(&self.path).map_err(|error| self.why(&error)).and_then(|(path, root)| {
            let unmounted = self.was_mounted && !root.mounted;
            if unmounted {
                Err(format!("nothing is mounted any more at {}", self.path.display()))
            } else {
                Ok((path, root))
            }
        });
        let (path, root) = match seen {
            Ok(seen) => seen,
            Err(why) => {
                self.in_view = None;
                self.eyes = None;
                self.try_again = now;
                return Err(why);
            }
        };
        if self.in_view.as_ref() != Some(&(path.clone(), root)) {
            self.eyes = None;
            self.try_again = now;
            self.was_mounted |= root.mounted;
            self.in_view = Some((path.clone(), root));
        }
        if self.inotify && self.eyes.is_none() && now >= self.try_again {
            match Eyes::open(&path, inbox.clone()) {
                Ok(eyes) => self.eyes = Some(eyes),
                Err(error) => self.blinded(now, watch::plain(&error)),
            }
        }
        Ok(path)
    }

    /// inotify failed, and why.
    pub(super) fn blinded(&mut self, now: Duration, why: String) {
        tracing::warn!(why, "inotify failed; the folder is polled");
        self.eyes = None;
        self.blind = why;
        self.try_again = now.saturating_add(TRY_AGAIN);
    }

    /// What to say about the folder, where that is news: `gone` says why it cannot be seen at all, `barred` why some of
    /// it cannot.
    pub(super) fn news(&mut self, gone: Option<String>, barred: Option<String>) -> Option<WatchState> {
        let state = match (gone, barred) {
            (Some(why), _) => WatchState::Waiting(why),
            (None, Some(why)) => WatchState::Partly(why),
            (None, None) if self.eyes.is_some() => WatchState::Watching,
            (None, None) => WatchState::PollingOnly(self.blind.clone()),
        };
        (self.said.as_ref() != Some(&state)).then(|| {
            self.said = Some(state.clone());
            state
        })
    }

    /// Whether the last word was that the folder is in view.
    pub(super) fn is_said_to_be_seen(&self) -> bool {
        self.said.as_ref().is_some_and(|said| !matches!(said, WatchState::Waiting(_)))
    }

    fn why(&self, error: &io::Error) -> String {
        let path = self.path.display();
        match error.kind() {
            io::ErrorKind::NotFound => format!("the folder {path} does not exist"),
            io::ErrorKind::NotADirectory => format!("{path} is not a folder"),
            io::ErrorKind::PermissionDenied => format!("the service's user may not read the folder {path}"),
            _ => format!("the folder {path} cannot be read: {error}"),
        }
    }
}
