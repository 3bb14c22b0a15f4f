//! From a file in the watched folder to an [`Arrival`]: seen, complete, hashed.
//!
//! ```text
//!   inotify ─┐                                                    ┌─► Landing::Film      measure it
//!            ├─► agenda ──due──► whole? ──► hash ──► known? ──────┼─► Landing::Duplicate remember it
//!   rescan ──┘   (settle)                                         ├─► Landing::Fault     say why not
//!                                              the folder itself ─┴─► Landing::Watch     say whether it is there
//! ```
//!
//! One thread owns all state. It never writes to the watched folder: what happens to a film afterwards is [`after`],
//! which the appliance calls once the film is recorded.
//!
//! Invariants
//! - A file leaves here once for each of its contents, however many names it has; after a restart [`Known`] says which.
//! - A file whose [`Stamp`] is as it was when it was dealt with is not read again.
//! - The queue of landings holds [`QUEUE`]; when it is full the files stay on the disk and in the agenda, one landing
//!   waits in hand, and nothing is hashed ahead. Nothing is lost: a film that was handed out and not recorded is offered
//!   again after a restart, or at once by [`Ingest::again`].
//! - A folder that is missing, unmounted or unreadable is said so ([`WatchState`]) and waited for.
//!
//! On failure: a file that cannot be read or never becomes whole turns into a [`Fault`] after `give_up_after`; when it
//! changes later it is looked at anew.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use crate::domain::arrival::{Arrival, ContentHash};
use crate::domain::fault::Fault;

pub mod after;
mod agenda;
mod claim;
mod folder;
mod names;
mod settle;
pub mod sidecar;
mod watch;
mod worker;

pub use names::Ignored;
pub use settle::{Patience, Stamp, Wholeness};

/// Landings that wait for the next room. Small, so that a live film overtakes a backlog that has been found before it.
pub const QUEUE: usize = 2;

/// Notes from inotify that wait for the ingest thread; when it is full they are dropped, and the rescan finds the files.
pub const INBOX: usize = 4096;

/// How long [`Ingest::stop`] waits for the thread, which a hung network share can hold inside the kernel.
pub const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What this room needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder into which the modality writes.
    pub watch: PathBuf,
    /// Whether to use inotify; without it, as on a network share, only the rescan finds files.
    pub inotify: bool,
    /// The pause between two walks over the folder; longer when a walk itself takes long, so that walking takes at
    /// most a twentieth of the time.
    pub rescan: Duration,
    /// How long to wait for a file to become complete.
    pub patience: Patience,
    /// Files with more bytes become a fault without being opened.
    pub max_bytes: u64,
    /// Names that are passed over, beside those with a leading dot.
    pub ignore: Vec<Ignored>,
    /// Whether file names may stand in the log; they may hold patients' names.
    pub log_file_names: bool,
}

/// Answers for a file's name and stamp.
pub type KnowsStamp = Box<dyn FnMut(&str, &Stamp) -> bool + Send>;
/// Answers for a content.
pub type KnowsHash = Box<dyn FnMut(&ContentHash) -> bool + Send>;

/// What was dealt with before this run; in the appliance, the ledger.
pub struct Known {
    /// Whether the file of this name (as in [`Arrival::file`]) was dealt with when it had this size and these two times.
    /// Saves reading every old film again after a restart. The inode is to be left out: it does not survive a mount.
    pub by_stamp: KnowsStamp,
    /// Whether a film of this content was recorded, under any name.
    pub by_hash: KnowsHash,
}

impl Known {
    /// An empty memory: every file is new.
    pub fn nothing() -> Self {
        Self { by_stamp: Box::new(|_, _| false), by_hash: Box::new(|_| false) }
    }
}

/// What ingest has to say. The ledger does well to remember name and stamp with each of the first three, so that
/// [`Known::by_stamp`] can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landing {
    /// A complete film with a content not seen before.
    Film {
        /// The film.
        arrival: Arrival,
        /// As it was when it was hashed.
        stamp: Stamp,
    },
    /// A file whose content was handed out in this run or is known from before: nothing to measure.
    Duplicate {
        /// The file.
        arrival: Arrival,
        /// As it was when it was hashed.
        stamp: Stamp,
    },
    /// A file that will not become a film by itself.
    Fault {
        /// Why.
        fault: Fault,
        /// Where it lies.
        path: PathBuf,
        /// As it was when it was given up.
        stamp: Stamp,
    },
    /// The watched folder came into view or went out of it. The first one comes soon after the start.
    Watch(WatchState),
}

/// How well the folder can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchState {
    /// By inotify and by rescan.
    Watching,
    /// By rescan alone, and why: films are found within the rescan's interval and `settle`.
    PollingOnly(String),
    /// In part: some of its folders cannot be read; the first of them, and why.
    Partly(String),
    /// Not at all, and why; it is looked for at every rescan.
    Waiting(String),
}

/// Why ingest could not start.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The operating system gave no thread: the machine is out of memory or of its limit of tasks.
    #[error("no thread for ingest: {0}")]
    Thread(#[from] std::io::Error),
}

/// How many files have been found and wait to be looked at or handed out; up to [`QUEUE`] more wait for the next room.
#[derive(Debug, Clone, Default)]
pub struct Backlog(Arc<AtomicUsize>);

impl Backlog {
    /// The number as of the ingest thread's last turn.
    pub fn files(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, files: usize) {
        self.0.store(files, Ordering::Relaxed);
    }
}

/// The running room. Dropping it asks the thread to end without waiting for it.
#[derive(Debug)]
pub struct Ingest {
    stop: Arc<AtomicBool>,
    backlog: Backlog,
    inbox: SyncSender<watch::Note>,
    thread: Option<thread::JoinHandle<()>>,
    ended: Receiver<()>,
}

/// Starts to watch. `is_whole` tells whether a file is complete, [`Known`] what was dealt with before; both are called
/// on the ingest thread. The folder need not exist yet.
///
/// # Errors
/// [`IngestError::Thread`] when no thread can be had.
pub fn start(
    settings: Settings,
    is_whole: impl FnMut(&std::path::Path) -> std::io::Result<Wholeness> + Send + 'static,
    known: Known,
) -> Result<(Ingest, Receiver<Landing>), IngestError> {
    let (landings, received) = mpsc::sync_channel(QUEUE);
    let (inbox, notes) = mpsc::sync_channel(INBOX);
    let (end, ended) = mpsc::sync_channel(0);
    let stop = Arc::new(AtomicBool::new(false));
    let backlog = Backlog::default();
    let ends = worker::Ends { inbox: inbox.clone(), landings, stop: Arc::clone(&stop), backlog: backlog.clone() };
    let worker = worker::Worker::new(settings, Box::new(is_whole), known, ends);
    let thread = thread::Builder::new().name("ingest".into()).spawn(move || {
        worker.run(&notes);
        drop(end);
    })?;
    Ok((Ingest { stop, backlog, inbox, thread: Some(thread), ended }, received))
}

impl Ingest {
    /// Offers the film at `arrival` again: for one that could not be recorded. It comes with the next rescan.
    ///
    /// May wait while the inbox is full; it does nothing when ingest has ended.
    pub fn again(&self, arrival: &Arrival) {
        let _ = self.inbox.send(watch::Note::Again(arrival.path.clone(), arrival.sha256));
    }

    /// How much waits, for as long as anyone wants to look.
    pub fn backlog(&self) -> Backlog {
        self.backlog.clone()
    }

    /// Ends the watch and waits for the thread, at most [`STOP_WITHIN`]. Landings that were sent can still be received.
    /// Returns whether the thread ended; one that hangs on a dead network share is left behind.
    pub fn stop(mut self) -> bool {
        self.ask_to_stop();
        let ended = matches!(self.ended.recv_timeout(STOP_WITHIN), Err(RecvTimeoutError::Disconnected));
        if ended && let Some(thread) = self.thread.take() {
            return thread.join().is_ok();
        }
        ended
    }

    fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
        // Only to wake it: with a full inbox it is awake, and sees the flag after the note in hand.
        let _ = self.inbox.try_send(watch::Note::Stop);
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.ask_to_stop();
    }
}
