//! When is a file complete? A pure state machine over what was observed of one file; it knows no clock and no disk.
//!
//! ```text
//!                 the stamp changed
//!           ┌──────────────────────────────┐
//!           ▼                              │
//!        growing ──closed or renamed in, or quiet for `settle`──► due: is it whole?
//!           ▲                                                      │ whole ────────────► take
//!           │                                                      │ unrecognised ─────► take, once quiet for `settle`
//!           └────────────── wait, with growing pauses ◄────────────┤ not whole, unreadable
//!                                                                  └ quiet for `give_up_after` ► give up
//! ```
//!
//! Invariants (each held by a property test below):
//! - a file that is not whole, or that could not be read, is never taken;
//! - a file is asked about only after it was closed since its last change, or has been quiet for `settle`;
//! - once the changes stop, every file is taken or given up within `give_up_after` and one `settle`;
//! - the number of questions grows with the logarithm of the wait, not with the wait.
//!
//! Times are durations since the start of the run, from a monotonic clock.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Time of the last write: nanoseconds since 1970 (UTC), as the file system tells it.
    pub modified_ns: i64,
    /// Time of the last change to content, name or rights, in the same way: a file that became readable is looked at anew.
    pub changed_ns: i64,
    /// Inode. Network shares may number anew with every mount: keep it within a run, never on disk.
    pub inode: u64,
}

impl Stamp {
    /// The stamp in `metadata`.
    pub fn of(metadata: &Metadata) -> Self {
        let ns = |s: i64, ns: i64| s.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            size: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }
}

/// Whether a file holds everything that it announces. The decoders know; this room only asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wholeness {
    /// It parses to the end of its pixel data.
    Whole,
    /// It ends too early.
    Partial,
    /// Not a format that says where it ends: taken when it is quiet, and then the decoder gives the reason.
    Unrecognised,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A file that nobody closed is complete after this long without a change, if it is whole.
    pub settle: Duration,
    /// A file that is not whole, or cannot be read, is a fault after this long without a change.
    pub give_up_after: Duration,
}

/// What drew our eyes to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It is there: from a scan, or because it was created.
    Seen,
    /// A writer closed it, or it was renamed into the folder.
    Closed,
}

/// The answer to "is it whole?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Whole,
    Unrecognised,
    Partial,
    Unreadable,
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is complete.
    Take,
    /// Look again at [`Candidate::due`].
    Wait,
    /// It will not become complete by itself.
    GiveUp,
}

/// A file on its way to being complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    stamp: Stamp,
    first_seen: Duration,
    changed_at: Duration,
    due: Duration,
    questions: u32,
}

impl Candidate {
    /// A file seen for the first time at `at`.
    pub(super) fn new(at: Duration, stamp: Stamp, sign: Sign, patience: &Patience) -> Self {
        let due = match sign {
            Sign::Seen => at.saturating_add(patience.settle),
            Sign::Closed => at,
        };
        Self { stamp, first_seen: at, changed_at: at, due, questions: 0 }
    }

    /// The file was looked at again.
    pub(super) fn observe(&mut self, at: Duration, stamp: Stamp, sign: Sign, patience: &Patience) {
        if stamp != self.stamp {
            *self = Self { first_seen: self.first_seen, ..Self::new(at, stamp, sign, patience) };
        } else if sign == Sign::Closed {
            self.due = self.due.min(at);
        }
    }

    /// When to look again.
    pub(super) const fn due(&self) -> Duration {
        self.due
    }

    /// As last observed.
    pub(super) const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// When it was first seen.
    pub(super) const fn first_seen(&self) -> Duration {
        self.first_seen
    }

    /// What to do with the answer to a question asked at `at`, when the file was due.
    pub(super) fn answer(&mut self, at: Duration, answer: Answer, patience: &Patience) -> Verdict {
        let quiet = at.saturating_sub(self.changed_at);
        match answer {
            Answer::Whole => Verdict::Take,
            Answer::Unrecognised if quiet >= patience.settle => Verdict::Take,
            Answer::Unrecognised => {
                self.due = self.changed_at.saturating_add(patience.settle);
                Verdict::Wait
            }
            Answer::Partial | Answer::Unreadable if quiet >= patience.give_up_after => Verdict::GiveUp,
            Answer::Partial | Answer::Unreadable => {
                let pause = patience.settle.saturating_mul(1 << self.questions.min(16));
                self.questions = self.questions.saturating_add(1);
                let last = self.changed_at.saturating_add(patience.give_up_after);
                self.due = at.saturating_add(pause).min(last);
                Verdict::Wait
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience = Patience { settle: ms(1_000), give_up_after: ms(60_000) };

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const fn stamp(size: u64) -> Stamp {
        Stamp { size, modified_ns: 0, changed_ns: 0, inode: 1 }
    }

    #[test]
    fn a_closed_file_is_due_at_once_and_an_open_one_after_it_was_quiet() {
        assert_eq!(Candidate::new(ms(5), stamp(1), Sign::Closed, &PATIENCE).due(), ms(5));
        let mut open = Candidate::new(ms(5), stamp(1), Sign::Seen, &PATIENCE);
        assert_eq!(open.due(), ms(1_005));
        open.observe(ms(900), stamp(2), Sign::Seen, &PATIENCE);
        assert_eq!(open.due(), ms(1_900));
        open.observe(ms(950), stamp(2), Sign::Closed, &PATIENCE);
        assert_eq!(open.due(), ms(950));
    }

    #[test]
    fn a_writer_that_closes_early_is_waited_for() {
        let mut file = Candidate::new(ms(0), stamp(10), Sign::Closed, &PATIENCE);
        assert_eq!(file.answer(ms(0), Answer::Partial, &PATIENCE), Verdict::Wait);
        assert_eq!(file.due(), ms(1_000));
        file.observe(ms(700), stamp(20), Sign::Closed, &PATIENCE);
        assert_eq!(file.due(), ms(700));
        assert_eq!(file.answer(ms(700), Answer::Whole, &PATIENCE), Verdict::Take);
    }

    #[test]
    fn a_file_of_no_known_kind_is_taken_only_when_it_is_quiet() {
        let mut file = Candidate::new(ms(0), stamp(10), Sign::Closed, &PATIENCE);
        assert_eq!(file.answer(ms(0), Answer::Unrecognised, &PATIENCE), Verdict::Wait);
        assert_eq!(file.due(), ms(1_000));
        assert_eq!(file.answer(ms(1_000), Answer::Unrecognised, &PATIENCE), Verdict::Take);
    }

    fn answers() -> impl Strategy<Value = Answer> {
        prop_oneof![Just(Answer::Whole), Just(Answer::Unrecognised), Just(Answer::Partial), Just(Answer::Unreadable)]
    }

    fn patience() -> impl Strategy<Value = Patience> {
        (1u64..5_000, 0u64..100_000)
            .prop_map(|(settle, more)| Patience { settle: ms(settle), give_up_after: ms(settle + more) })
    }

    proptest! {
        /// Writes, closes and answers in any order: what is taken was due, and not partial.
        #[test]
        fn nothing_incomplete_is_ever_taken(
            patience in patience(),
            steps in prop::collection::vec((0u64..3_000, 0u64..4, any::<bool>(), answers()), 1..60),
        ) {
            let (mut now, mut size) = (ms(0), 1);
            let mut file = Candidate::new(now, stamp(size), Sign::Seen, &patience);
            let (mut last_change, mut closed_since) = (now, false);
            for (pause, grown, closed, answer) in steps {
                now += ms(pause);
                size += grown;
                let sign = if closed { Sign::Closed } else { Sign::Seen };
                file.observe(now, stamp(size), sign, &patience);
                if grown > 0 {
                    (last_change, closed_since) = (now, false);
                }
                closed_since |= closed;
                if file.due() > now {
                    continue;
                }
                let quiet = now - last_change;
                prop_assert!(closed_since || quiet >= patience.settle, "asked too early");
                match file.answer(now, answer, &patience) {
                    Verdict::Take => {
                        prop_assert!(matches!(answer, Answer::Whole | Answer::Unrecognised));
                        prop_assert!(answer == Answer::Whole || quiet >= patience.settle);
                    }
                    Verdict::GiveUp => {
                        prop_assert!(matches!(answer, Answer::Partial | Answer::Unreadable));
                        prop_assert!(quiet >= patience.give_up_after);
                    }
                    Verdict::Wait => prop_assert!(file.due() > now, "a wait moves forward"),
                }
            }
        }

        /// A file that no longer changes comes to an end, in time and after few questions.
        #[test]
        fn every_quiet_file_is_decided(patience in patience(), closed in any::<bool>(), answer in answers()) {
            let sign = if closed { Sign::Closed } else { Sign::Seen };
            let mut file = Candidate::new(ms(0), stamp(1), sign, &patience);
            let mut questions = 0;
            let verdict = loop {
                let now = file.due();
                questions += 1;
                prop_assert!(questions <= 40);
                prop_assert!(now <= patience.give_up_after + patience.settle);
                match file.answer(now, answer, &patience) {
                    Verdict::Wait => {}
                    verdict => break verdict,
                }
            };
            let whole = matches!(answer, Answer::Whole | Answer::Unrecognised);
            prop_assert_eq!(verdict, if whole { Verdict::Take } else { Verdict::GiveUp });
        }
    }
}
