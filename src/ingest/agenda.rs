//! The files that are not yet complete, and which of them to look at next. Owned by the one ingest thread.
//!
//! Invariants: a file stands here at most once; a file that was seen live goes before one that the first scan of a run
//! found, so that a backlog never delays the patient who is still there; within a rank the one due earliest goes first.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::settle::Candidate;

/// How a file came to be known to this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// It appeared while the service was looking.
    Live,
    /// It lay there when the service began to look.
    Backlog,
}

/// See the module's documentation. Paths are relative to the watched folder.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    candidates: HashMap<Arc<Path>, (Candidate, Rank)>,
    live: BTreeSet<(Duration, Arc<Path>)>,
    backlog: BTreeSet<(Duration, Arc<Path>)>,
}

impl Agenda {
    /// Adds `path`, or replaces what stands there for it.
    pub(super) fn put(&mut self, path: Arc<Path>, candidate: Candidate, rank: Rank) {
        self.remove(&path);
        self.queue(rank).insert((candidate.due(), Arc::clone(&path)));
        self.candidates.insert(path, (candidate, rank));
    }

    /// Takes `path` out.
    pub(super) fn remove(&mut self, path: &Path) -> Option<(Arc<Path>, Candidate, Rank)> {
        let (path, (candidate, rank)) = self.candidates.remove_entry(path)?;
        let key = (candidate.due(), path);
        self.queue(rank).remove(&key);
        Some((key.1, candidate, rank))
    }

    /// Takes out the file to look at now, if one is due.
    pub(super) fn next_due(&mut self, now: Duration) -> Option<(Arc<Path>, Candidate, Rank)> {
        let due = |queue: &BTreeSet<(Duration, Arc<Path>)>| {
            queue.first().filter(|(due, _)| *due <= now).map(|(_, path)| Arc::clone(path))
        };
        let path = due(&self.live).or_else(|| due(&self.backlog))?;
        self.remove(&path)
    }

    /// When the next file becomes due.
    pub(super) fn earliest(&self) -> Option<Duration> {
        [&self.live, &self.backlog].into_iter().filter_map(|queue| queue.first().map(|(due, _)| *due)).min()
    }

    /// How many files stand here.
    pub(super) fn len(&self) -> usize {
        self.candidates.len()
    }

    fn queue(&mut self, rank: Rank) -> &mut BTreeSet<(Duration, Arc<Path>)> {
        match rank {
            Rank::Live => &mut self.live,
            Rank::Backlog => &mut self.backlog,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settle::{Patience, Sign, Stamp};
    use super::*;

    const PATIENCE: Patience = Patience { settle: Duration::from_secs(1), give_up_after: Duration::from_secs(60) };

    fn candidate(at: u64) -> Candidate {
        let stamp = Stamp { size: 1, modified_ns: 0, changed_ns: 0, inode: 1 };
        Candidate::new(Duration::from_secs(at), stamp, Sign::Closed, &PATIENCE)
    }

    fn path(name: &str) -> Arc<Path> {
        Path::new(name).into()
    }

    #[test]
    fn a_live_film_overtakes_the_backlog() {
        let mut agenda = Agenda::default();
        agenda.put(path("old"), candidate(1), Rank::Backlog);
        agenda.put(path("new"), candidate(9), Rank::Live);
        assert_eq!(agenda.earliest(), Some(Duration::from_secs(1)));
        assert_eq!(agenda.next_due(Duration::from_secs(5)).map(|(p, ..)| p), Some(path("old")), "new is not due");
        agenda.put(path("old"), candidate(1), Rank::Backlog);
        let order: Vec<_> = std::iter::from_fn(|| agenda.next_due(Duration::from_secs(9))).map(|(p, ..)| p).collect();
        assert_eq!(order, [path("new"), path("old")]);
        assert_eq!((agenda.len(), agenda.earliest()), (0, None));
    }

    #[test]
    fn a_file_stands_there_once() {
        let mut agenda = Agenda::default();
        agenda.put(path("a"), candidate(1), Rank::Backlog);
        agenda.put(path("a"), candidate(3), Rank::Live);
        assert_eq!(agenda.len(), 1);
        assert_eq!(agenda.next_due(Duration::from_secs(2)), None);
        assert!(agenda.remove(Path::new("a")).is_some());
        assert!(agenda.remove(Path::new("a")).is_none());
    }
}
