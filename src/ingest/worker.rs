//! The ingest thread: it heeds notes, walks the folder, and decides one file at a time, the most urgent first.
//!
//! Each turn of its loop takes the notes that have come, a bounded stretch of the walk and at most one file, so that
//! neither a large folder nor a backlog keeps a live film waiting. While the queue of landings is full it goes on to
//! heed and walk, but decides nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::domain::arrival::{Arrival, ContentHash};
use crate::domain::fault::{Fault, FaultCode};

use super::agenda::{Agenda, Rank};
use super::claim::{self, Claim};
use super::folder::Folder;
use super::names::{self, Labels};
use super::settle::{Answer, Candidate, Sign, Stamp, Verdict, Wholeness};
use super::watch::{Found, Note, Walk};
use super::{Backlog, Known, Landing, Settings};

/// Entries of the walk in one turn: a few milliseconds on a local disk.
const STEPS: usize = 512;
/// Notes in one turn.
const NOTES: usize = 512;
/// How soon to try again when the queue of landings is full; a film takes longer than this to measure.
const FULL: Duration = Duration::from_millis(10);
/// A walk may take this share of the time: a pause is at least as many times as long as the walk before.
const PAUSE_PER_WALK: u32 = 20;
/// Files that are remembered, at some 200 bytes each; what lies beyond is not looked at, and said so.
const MAX_FILES: usize = 1_000_000;

type IsWhole = Box<dyn FnMut(&Path) -> io::Result<Wholeness> + Send>;

/// What ties the thread to the rest of the service.
pub(super) struct Ends {
    pub(super) inbox: SyncSender<Note>,
    pub(super) landings: SyncSender<Landing>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) backlog: Backlog,
}

/// A walk under way.
struct Round {
    walk: Walk,
    /// Over the whole folder, not only over one that has just appeared.
    full: bool,
    rank: Rank,
    busy: Duration,
    barred: Option<String>,
}

/// A file that was dealt with: its stamp then, and the full walk that last saw it.
struct Done {
    stamp: Stamp,
    round: u64,
}

/// See the module's documentation. Paths are relative to the watched folder unless called absolute.
pub(super) struct Worker {
    settings: Settings,
    is_whole: IsWhole,
    known: Known,
    ends: Ends,
    labels: Labels,
    start: Instant,
    folder: Folder,
    agenda: Agenda,
    done: HashMap<Arc<Path>, Done>,
    handed_out: HashSet<ContentHash>,
    in_hand: VecDeque<Landing>,
    rounds: VecDeque<Round>,
    round: u64,
    next_walk: Duration,
}

impl Worker {
    pub(super) fn new(settings: Settings, is_whole: IsWhole, known: Known, ends: Ends) -> Self {
        Self {
            folder: Folder::new(settings.watch.clone(), settings.inotify),
            labels: Labels::new(settings.log_file_names),
            settings,
            is_whole,
            known,
            ends,
            start: Instant::now(),
            agenda: Agenda::default(),
            done: HashMap::new(),
            handed_out: HashSet::new(),
            in_hand: VecDeque::new(),
            rounds: VecDeque::new(),
            round: 0,
            next_walk: Duration::ZERO,
        }
    }

    /// Runs until it is asked to stop, or until nobody receives the landings any more.
    pub(super) fn run(mut self, notes: &Receiver<Note>) {
        while !self.ends.stop.load(Ordering::Acquire) {
            match notes.recv_timeout(self.pause()) {
                Ok(note) => {
                    self.heed(note);
                    notes.try_iter().take(NOTES).for_each(|note| self.heed(note));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.walk();
            if self.in_hand.is_empty() && self.folder.root().is_some() {
                let now = self.now();
                if let Some((path, candidate, rank)) = self.agenda.next_due(now) {
                    self.decide(path, candidate, rank);
                }
            }
            let listening = self.deliver();
            self.ends.backlog.set(self.agenda.len() + self.in_hand.len());
            if !listening {
                return;
            }
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// How long nothing needs to be done unless a note comes.
    fn pause(&self) -> Duration {
        if !self.rounds.is_empty() {
            return Duration::ZERO;
        }
        let mut next = self.next_walk;
        if !self.in_hand.is_empty() {
            return FULL;
        }
        if self.folder.root().is_some() {
            next = self.agenda.earliest().map_or(next, |due| due.min(next));
        }
        next.saturating_sub(self.now())
    }

    /// Sends what is in hand as far as the queue takes it; `false` when nobody listens any more.
    fn deliver(&mut self) -> bool {
        while let Some(landing) = self.in_hand.pop_front() {
            match self.ends.landings.try_send(landing) {
                Ok(()) => {}
                Err(TrySendError::Full(landing)) => {
                    self.in_hand.push_front(landing);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        true
    }

    fn heed(&mut self, note: Note) {
        match note {
            Note::Sign(path, sign) => self.heed_sign(&path, sign),
            Note::Overflow => self.next_walk = self.now(),
            Note::Blind(why) => self.folder.blinded(self.now(), why),
            Note::Again(absolute, hash) => {
                self.handed_out.remove(&hash);
                if let Ok(path) = absolute.strip_prefix(&self.settings.watch) {
                    self.done.remove(path);
                }
            }
            Note::Stop => {}
        }
    }

    fn heed_sign(&mut self, absolute: &Path, sign: Sign) {
        let Some(root) = self.folder.root() else { return };
        let Ok(path) = absolute.strip_prefix(root) else { return };
        if names::is_path_ignored(path, &self.settings.ignore) {
            return;
        }
        match fs::symlink_metadata(absolute) {
            Ok(metadata) if metadata.is_dir() => {
                // It may have been filled before its watch was set, or renamed in with all that it holds.
                if let Ok(walk) = Walk::new(root, path) {
                    let (busy, barred) = (Duration::ZERO, None);
                    self.rounds.push_front(Round { walk, full: false, rank: Rank::Live, busy, barred });
                }
            }
            Ok(metadata) if metadata.is_file() => self.see(path, Stamp::of(&metadata), sign, Rank::Live),
            _ => {}
        }
    }

    /// Begins a walk over the whole folder when it is time, and goes on with the walk under way.
    fn walk(&mut self) {
        let now = self.now();
        if self.rounds.is_empty() && now >= self.next_walk {
            self.begin_walk(now);
        }
        let Some(mut round) = self.rounds.pop_front() else { return };
        let begun = Instant::now();
        let mut ended = false;
        for _ in 0..STEPS {
            match round.walk.step(&self.settings.ignore) {
                Some(Found::File(path, stamp)) => {
                    if !self.see_unless_full(&path, stamp, round.rank) {
                        round.barred =
                            Some(format!("there are more than {MAX_FILES} files; only as many are looked at"));
                    }
                }
                Some(Found::Barred(path, error)) => {
                    let label = self.labels.of(&path);
                    tracing::warn!(file = label, %error, "a part of the watched folder cannot be read");
                    round.barred.get_or_insert(format!("{label} in the watched folder cannot be read: {error}"));
                }
                Some(Found::Other) => {}
                None => {
                    ended = true;
                    break;
                }
            }
        }
        round.busy = round.busy.saturating_add(begun.elapsed());
        if !ended {
            self.rounds.push_front(round);
        } else if round.full {
            self.end_walk(round);
        }
    }

    fn begin_walk(&mut self, now: Duration) {
        self.next_walk = now.saturating_add(self.settings.rescan);
        let rank = if self.folder.is_said_to_be_seen() { Rank::Live } else { Rank::Backlog };
        let walk = self.folder.look(now, &self.ends.inbox).and_then(|root| {
            Walk::new(&root, Path::new("")).map_err(|error| format!("{} cannot be read: {error}", root.display()))
        });
        let gone = match walk {
            Ok(walk) => {
                self.round += 1;
                self.rounds.push_back(Round { walk, full: true, rank, busy: Duration::ZERO, barred: None });
                None
            }
            Err(why) => Some(why),
        };
        if gone.is_some() || rank == Rank::Backlog {
            self.say(gone, None);
        }
    }

    fn end_walk(&mut self, round: Round) {
        self.next_walk = self.now().saturating_add(self.settings.rescan.max(round.busy * PAUSE_PER_WALK));
        if round.barred.is_none() {
            self.done.retain(|_, done| done.round == self.round);
        }
        tracing::debug!(
            busy_ms = round.busy.as_millis() as u64,
            files = self.done.len(),
            waiting = self.agenda.len(),
            "walked the watched folder"
        );
        self.say(None, round.barred);
    }

    fn say(&mut self, gone: Option<String>, barred: Option<String>) {
        if let Some(state) = self.folder.news(gone, barred) {
            tracing::info!(?state, "watched folder");
            self.in_hand.push_back(Landing::Watch(state));
        }
    }

    fn see_unless_full(&mut self, path: &Path, stamp: Stamp, rank: Rank) -> bool {
        let fits = self.done.len() + self.agenda.len() < MAX_FILES || self.done.contains_key(path);
        if fits {
            self.see(path, stamp, Sign::Seen, rank);
        }
        fits
    }

    /// A file is there: onto the agenda with it, unless it was dealt with as it is.
    fn see(&mut self, path: &Path, stamp: Stamp, sign: Sign, rank: Rank) {
        if let Some(done) = self.done.get_mut(path) {
            done.round = self.round;
            if done.stamp == stamp {
                return;
            }
        }
        let (now, patience) = (self.now(), self.settings.patience);
        if let Some((path, mut candidate, before)) = self.agenda.remove(path) {
            candidate.observe(now, stamp, sign, &patience);
            let rank = if sign == Sign::Closed { Rank::Live } else { before };
            self.agenda.put(path, candidate, rank);
        } else if (self.known.by_stamp)(&names::file(path), &stamp) {
            self.done.insert(path.into(), Done { stamp, round: self.round });
        } else {
            self.agenda.put(path.into(), Candidate::new(now, stamp, sign, &patience), rank);
        }
    }

    /// A file is due: look at it, ask whether it is whole, and hand it out, put it back or give it up.
    fn decide(&mut self, path: Arc<Path>, mut candidate: Candidate, rank: Rank) {
        let absolute = self.settings.watch.join(&path);
        let patience = self.settings.patience;
        let looked_at = fs::symlink_metadata(&absolute).map(|metadata| {
            candidate.observe(self.now(), Stamp::of(&metadata), Sign::Seen, &patience);
            metadata.is_file()
        });
        match &looked_at {
            Ok(false) => return,
            Ok(true) if candidate.due() > self.now() => return self.agenda.put(path, candidate, rank),
            _ => {}
        }
        let stamp = candidate.stamp();
        if looked_at.is_ok() && stamp.size > self.settings.max_bytes {
            let (size, max) = (stamp.size, self.settings.max_bytes);
            let reason = format!("It holds {size} bytes, more than the limit of {max}.");
            return self.give_up(path, stamp, FaultCode::TooLarge, reason);
        }
        let whole = looked_at.and_then(|_| (self.is_whole)(&absolute));
        let (answer, why) = match whole {
            Ok(Wholeness::Whole) => (Answer::Whole, String::new()),
            Ok(Wholeness::Unrecognised) => (Answer::Unrecognised, String::new()),
            Ok(Wholeness::Partial) => {
                (Answer::Partial, format!("its {} bytes end before its pixel data do", stamp.size))
            }
            Err(error) if is_gone(&error) => return self.gone(&path),
            Err(error) => (Answer::Unreadable, error.to_string()),
        };
        match candidate.answer(self.now(), answer, &patience) {
            Verdict::Wait => self.agenda.put(path, candidate, rank),
            Verdict::GiveUp => self.give_up_after_waiting(path, stamp, answer, &why),
            Verdict::Take => match claim::claim(&absolute, stamp) {
                Ok(Claim::Hash(hash)) => self.hand_out(path, absolute, &candidate, hash),
                Ok(Claim::Changed) => {
                    self.try_later(path, candidate, rank, Answer::Partial, "it changed while it was being read");
                }
                Err(error) if is_gone(&error) => self.gone(&path),
                Err(error) => self.try_later(path, candidate, rank, Answer::Unreadable, &error.to_string()),
            },
        }
    }

    fn try_later(&mut self, path: Arc<Path>, mut candidate: Candidate, rank: Rank, answer: Answer, why: &str) {
        match candidate.answer(self.now(), answer, &self.settings.patience) {
            Verdict::Take | Verdict::Wait => self.agenda.put(path, candidate, rank),
            Verdict::GiveUp => self.give_up_after_waiting(path, candidate.stamp(), answer, why),
        }
    }

    fn gone(&self, path: &Path) {
        tracing::debug!(file = self.labels.of(path), "gone before it was complete");
    }

    fn hand_out(&mut self, path: Arc<Path>, absolute: PathBuf, candidate: &Candidate, hash: ContentHash) {
        let (stamp, received_at) = (candidate.stamp(), Utc::now());
        let here_for = self.now().saturating_sub(candidate.first_seen());
        let since_write = received_at.timestamp_nanos_opt().map(|now| now.saturating_sub(stamp.modified_ns));
        let settle = match since_write.map(u64::try_from) {
            Some(Ok(ns)) => Duration::from_nanos(ns).min(here_for),
            // Written in the future: the clocks of the share and of this machine differ.
            _ => here_for,
        };
        let arrival = Arrival { path: absolute, file: names::file(&path), sha256: hash, received_at, settle };
        let new = !self.handed_out.contains(&hash) && !(self.known.by_hash)(&hash);
        tracing::info!(
            file = self.labels.of(&path),
            sha256 = hash.hex(),
            bytes = stamp.size,
            settle_ms = settle.as_millis() as u64,
            new,
            "complete"
        );
        self.handed_out.insert(hash);
        self.done.insert(path, Done { stamp, round: self.round });
        let landing = if new { Landing::Film { arrival, stamp } } else { Landing::Duplicate { arrival, stamp } };
        self.in_hand.push_back(landing);
    }

    fn give_up_after_waiting(&mut self, path: Arc<Path>, stamp: Stamp, answer: Answer, why: &str) {
        let waited = self.settings.patience.give_up_after.as_secs();
        let (code, what) = match answer {
            Answer::Unreadable => (FaultCode::Unreadable, "It could not be read"),
            _ => (FaultCode::Truncated, "It was not complete"),
        };
        self.give_up(path, stamp, code, format!("{what} {waited} s after its last change: {why}."));
    }

    fn give_up(&mut self, path: Arc<Path>, stamp: Stamp, code: FaultCode, reason: String) {
        tracing::warn!(file = self.labels.of(&path), code = code.name(), reason, "given up");
        let fault = Fault { code, file: names::file(&path), reason };
        let absolute = self.settings.watch.join(&path);
        self.done.insert(path, Done { stamp, round: self.round });
        self.in_hand.push_back(Landing::Fault { fault, path: absolute, stamp });
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
