//! What is sent when: the publisher's state machine. No sockets, no clock, no ledger; the driver feeds events and
//! carries out actions.
//!
//! ```text
//!            Wake              Connected                    nothing due
//! Disconnected ──► Connecting ──────────► Announcing ──────────────────► Fetching ⇄ Draining
//!      ▲                │                  info, health, every study       │  ▲
//!      │                │                  (Recalling ⇄ Reminding), status │  │
//!      └────── Lost ────┴──────────────────── from every state ────────┐   ▼  │ OutboxChanged, Wake
//!                                                                      └─ Idle
//! Stop: Draining goes on until nothing is due (Hurry: until the answer in flight) ─► Leaving ─► Stopped
//! ```
//!
//! Invariants, tested as properties:
//! 1. At most one message is in flight.
//! 2. [`Action::Delete`] names a row that is in flight, and answers its acknowledgement.
//! 3. After [`Event::Connected`] every known retained topic and every study that the ledger remembers is sent before any
//!    row, `status` last.
//! 4. A row stays in the outbox until it is deleted; if the broker stays up and takes it, it is sent.
//! 5. No row holds up the others for ever: one the broker refuses, or during which the connection breaks again and
//!    again, is set aside.
//!
//! Times are durations since any fixed moment, from a clock that never goes back. The driver calls [`Machine::handle`]
//! with [`Event::Wake`] at or after the last [`Action::WakeAt`].

mod reason;
mod talk;

pub use reason::{ReasonCode, Why};
pub use talk::{Action, Event, Fetched, Message, State};

use std::time::Duration;

use super::topics::Retained;
use crate::ledger::RowId;
use reason::Remedy;

/// The pause before the second attempt to connect; it doubles with each failure.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between attempts to connect: after a broker's return, reports flow again within this time.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A connection that held this long counts as good: the pauses start small again. A shorter one does not, or two clients
/// with the same id would throw each other out without a pause.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);
/// How long the broker may take to acknowledge one message before the connection is given up.
pub const ACK_WITHIN: Duration = Duration::from_secs(30);
/// How often an idle publisher looks into the outbox unasked: `sagitta outbox retry` is another process.
pub const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often the retained topics are published again, so that their expiry never comes while the appliance lives.
pub const REFRESH_EVERY: Duration = Duration::from_secs(20 * 60);
/// The pause after a failure of the ledger.
pub const LEDGER_PAUSE: Duration = Duration::from_secs(10);
/// The pause after a row was refused for the first time; it doubles with each refusal, up to the ledger's limit.
pub const FIRST_SET_ASIDE: Duration = Duration::from_secs(60);
/// How often the broker may ask for patience with one row, or the connection break during it, before it is set aside.
pub const STRIKES: u32 = 3;
/// What topic, packet id and properties add to a payload, at most, in bytes.
pub const OVERHEAD: usize = 1024;

/// How far an end has been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    No,
    WhenDone,
    Now,
}

/// A set of retained topics, each with the size of its payload.
type Sizes = [Option<usize>; Retained::ALL.len()];

/// How far the studies have been sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Studies {
    /// None yet.
    Due,
    /// Some.
    Begun,
    /// All, or they are left out because one of them breaks every connection.
    Done,
}

/// The state machine; see the module.
#[derive(Debug, Clone)]
pub struct Machine {
    state: State,
    ending: Ending,
    /// Payloads that exist.
    known: Sizes,
    /// Payloads that the broker does not have.
    due: Sizes,
    /// How far the studies have been sent again on this connection.
    studies: Studies,
    failures: u32,
    connected_at: Duration,
    announced_at: Duration,
    max_packet: Option<u32>,
    /// No row is fetched before this time.
    pause_until: Duration,
    /// The message in flight when things went wrong last, and how often in a row.
    suspect: Option<(Message, u32)>,
    /// How often the row in flight has been set aside before.
    attempts: u32,
    jitter: u64,
}

impl Machine {
    /// A machine that connects on its first [`Event::Wake`]; `seed` spreads the pauses of many appliances.
    pub const fn new(seed: u64) -> Self {
        Self {
            state: State::Disconnected(Duration::ZERO),
            ending: Ending::No,
            known: [None; Retained::ALL.len()],
            due: [None; Retained::ALL.len()],
            studies: Studies::Done,
            failures: 0,
            connected_at: Duration::ZERO,
            announced_at: Duration::ZERO,
            max_packet: None,
            pause_until: Duration::ZERO,
            suspect: None,
            attempts: 0,
            jitter: seed,
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether a connection stands.
    pub const fn connected(&self) -> bool {
        !matches!(self.state, State::Disconnected(_) | State::Connecting | State::Stopped)
    }

    /// Takes in one event at time `now`; what it returns must be done in order.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Wake => self.wake(now, &mut actions),
            Event::Connected(max_packet) => self.connected_now(max_packet, now, &mut actions),
            Event::Lost(reason) => self.lost(reason, now, &mut actions),
            Event::Acked => self.acked(now, &mut actions),
            Event::Refused(reason) => self.refused(reason, now, &mut actions),
            Event::Changed(what, bytes) => self.changed(what, bytes, now, &mut actions),
            Event::OutboxChanged if self.idle() && now >= self.pause_until => self.go_on(now, &mut actions),
            Event::OutboxChanged => {}
            Event::Recalled(answer) => self.recalled(answer, now, &mut actions),
            Event::Fetched(answer) => self.fetched(answer, now, &mut actions),
            Event::LedgerFailed => self.ledger_failed(now, &mut actions),
            Event::Stop => self.end(Ending::WhenDone, now, &mut actions),
            Event::Hurry => self.end(Ending::Now, now, &mut actions),
            Event::GiveUp => self.stop(&mut actions),
        }
        actions
    }

    const fn idle(&self) -> bool {
        matches!(self.state, State::Idle(_))
    }

    fn in_flight(&self) -> Option<(Message, Duration)> {
        match self.state {
            State::Announcing(what, since) => Some((Message::Retained(what), since)),
            State::Draining(row, since) => Some((Message::Row(row), since)),
            State::Reminding(since) => Some((Message::Study, since)),
            _ => None,
        }
    }

    fn wake(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match self.state {
            State::Disconnected(at) if now >= at => {
                self.state = State::Connecting;
                actions.push(Action::Connect);
            }
            State::Idle(at) if now >= at => {
                if now.saturating_sub(self.announced_at) >= REFRESH_EVERY {
                    self.announce_all(now);
                }
                self.go_on(now, actions);
            }
            State::Disconnected(at) | State::Idle(at) => actions.push(Action::WakeAt(at)),
            State::Announcing(_, since) | State::Draining(_, since) | State::Reminding(since)
                if now >= since + ACK_WITHIN =>
            {
                actions.push(Action::Abandon);
                self.lost(None, now, actions);
            }
            State::Announcing(_, since) | State::Draining(_, since) | State::Reminding(since) => {
                actions.push(Action::WakeAt(since + ACK_WITHIN));
            }
            State::Connecting
            | State::Recalling
            | State::Fetching
            | State::Parting
            | State::Leaving
            | State::Stopped => {}
        }
    }

    fn connected_now(&mut self, max_packet: Option<u32>, now: Duration, actions: &mut Vec<Action>) {
        if self.state != State::Connecting {
            return;
        }
        self.connected_at = now;
        self.max_packet = max_packet;
        self.announce_all(now);
        let blocked = self.suspect.is_some_and(|(suspect, strikes)| suspect == Message::Study && strikes >= STRIKES);
        self.studies = if blocked { Studies::Done } else { Studies::Due };
        self.go_on(now, actions);
    }

    fn announce_all(&mut self, now: Duration) {
        self.announced_at = now;
        self.due = self.known;
    }

    fn changed(&mut self, what: Retained, bytes: usize, now: Duration, actions: &mut Vec<Action>) {
        for (index, slot) in Retained::ALL.into_iter().enumerate() {
            if slot == what {
                if let Some(known) = self.known.get_mut(index) {
                    *known = Some(bytes);
                }
                if let Some(due) = self.due.get_mut(index) {
                    *due = Some(bytes);
                }
            }
        }
        if self.idle() {
            self.go_on(now, actions);
        }
    }

    /// The next thing to do on a connection with nothing in flight.
    fn go_on(&mut self, now: Duration, actions: &mut Vec<Action>) {
        loop {
            if self.ending == Ending::Now {
                break;
            }
            if self.studies != Studies::Done && self.only_status_due() {
                self.state = State::Recalling;
                return actions.push(Action::Recall(self.studies == Studies::Begun));
            }
            let Some((what, bytes)) = self.take_due() else { break };
            match self.too_large(bytes) {
                Some(limit) => actions.push(Action::Tell(what, Why::LargerThan(limit))),
                None => return self.send(Message::Retained(what), State::Announcing(what, now), now, actions),
            }
        }
        if self.ending == Ending::Now {
            return self.part(actions);
        }
        if now < self.pause_until {
            if self.ending == Ending::WhenDone {
                return self.part(actions);
            }
            return self.rest(self.pause_until, actions);
        }
        self.state = State::Fetching;
        actions.push(Action::Fetch);
    }

    /// Whether nothing, or `status` alone, is still to be announced.
    fn only_status_due(&self) -> bool {
        Retained::ALL.into_iter().zip(&self.due).all(|(what, due)| what == Retained::Status || due.is_none())
    }

    fn recalled(&mut self, answer: Option<usize>, now: Duration, actions: &mut Vec<Action>) {
        if self.state != State::Recalling {
            return;
        }
        self.studies = if answer.is_some() { Studies::Begun } else { Studies::Done };
        match answer {
            Some(bytes) if self.ending != Ending::Now => match self.too_large(bytes) {
                None => self.send(Message::Study, State::Reminding(now), now, actions),
                Some(limit) => {
                    actions.push(Action::TellStudy(Why::LargerThan(limit)));
                    self.go_on(now, actions);
                }
            },
            _ => self.go_on(now, actions),
        }
    }

    fn take_due(&mut self) -> Option<(Retained, usize)> {
        Retained::ALL.into_iter().zip(&mut self.due).find_map(|(what, slot)| slot.take().map(|bytes| (what, bytes)))
    }

    fn too_large(&self, bytes: usize) -> Option<u32> {
        self.max_packet.filter(|&limit| bytes.saturating_add(OVERHEAD) > limit as usize)
    }

    fn send(&mut self, message: Message, state: State, now: Duration, actions: &mut Vec<Action>) {
        self.state = state;
        actions.push(Action::Send(message));
        actions.push(Action::WakeAt(now + ACK_WITHIN));
    }

    fn rest(&mut self, until: Duration, actions: &mut Vec<Action>) {
        self.state = State::Idle(until);
        actions.push(Action::WakeAt(until));
    }

    fn fetched(&mut self, answer: Fetched, now: Duration, actions: &mut Vec<Action>) {
        if self.state != State::Fetching {
            return;
        }
        match answer {
            _ if self.ending == Ending::Now => self.part(actions),
            Fetched::Row { row, bytes, attempts } => {
                self.attempts = attempts;
                match self.too_large(bytes) {
                    None => self.send(Message::Row(row), State::Draining(row, now), now, actions),
                    Some(limit) => {
                        self.set_aside(row, Why::LargerThan(limit), actions);
                        actions.push(Action::Fetch);
                    }
                }
            }
            Fetched::Later(_) | Fetched::Nothing if self.ending != Ending::No => self.part(actions),
            Fetched::Later(wait) => self.rest(now + wait.clamp(FIRST_PAUSE, LOOK_EVERY), actions),
            Fetched::Nothing => self.rest(now + LOOK_EVERY, actions),
        }
    }

    fn acked(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match self.state {
            State::Announcing(what, _) => {
                self.suspect = self.suspect.filter(|(suspect, _)| *suspect != Message::Retained(what));
                self.go_on(now, actions);
            }
            State::Reminding(_) => {
                self.suspect = self.suspect.filter(|(suspect, _)| *suspect != Message::Study);
                self.go_on(now, actions);
            }
            State::Draining(row, _) => {
                self.suspect = None;
                actions.push(Action::Delete(row));
                self.go_on(now, actions);
            }
            State::Parting => self.leave(actions),
            _ => {}
        }
    }

    fn refused(&mut self, reason: ReasonCode, now: Duration, actions: &mut Vec<Action>) {
        match self.state {
            State::Announcing(what, _) => actions.push(Action::Tell(what, Why::Refused(reason))),
            State::Reminding(_) => actions.push(Action::TellStudy(Why::Refused(reason))),
            State::Draining(row, _) => {
                let strikes = self.strike(Message::Row(row));
                if reason.remedy() == Remedy::SetAside || strikes >= STRIKES {
                    self.set_aside(row, Why::Refused(reason), actions);
                } else {
                    self.pause_until = now + self.pause(strikes);
                }
            }
            State::Parting => return self.leave(actions),
            _ => return,
        }
        self.go_on(now, actions);
    }

    /// One more misfortune of `message`; how many in a row.
    fn strike(&mut self, message: Message) -> u32 {
        let strikes = self.suspect.filter(|(suspect, _)| *suspect == message).map_or(1, |(_, strikes)| strikes + 1);
        self.suspect = Some((message, strikes));
        strikes
    }

    fn set_aside(&mut self, row: RowId, why: Why, actions: &mut Vec<Action>) {
        self.suspect = None;
        let wait = FIRST_SET_ASIDE.saturating_mul(1 << self.attempts.min(10)).min(crate::ledger::MAX_SET_ASIDE);
        actions.push(Action::SetAside(row, wait, why));
    }

    fn lost(&mut self, reason: Option<ReasonCode>, now: Duration, actions: &mut Vec<Action>) {
        if self.state == State::Stopped {
            return;
        }
        if let Some((message, _)) = self.in_flight() {
            let strikes = self.strike(message);
            let blamed = reason.filter(|reason| reason.remedy() == Remedy::SetAside);
            let why = blamed.map(Why::Refused).or((strikes >= STRIKES).then_some(Why::ConnectionLost));
            match (message, why) {
                (Message::Row(row), Some(why)) => self.set_aside(row, why, actions),
                (Message::Retained(what), Some(why)) => self.leave_out(what, why, actions),
                // The strikes are kept: the studies are left out until something else went wrong and well again.
                (Message::Study, Some(why)) => actions.push(Action::TellStudy(why)),
                _ => {}
            }
        }
        if self.ending != Ending::No {
            return self.stop(actions);
        }
        let held = self.connected() && now.saturating_sub(self.connected_at) >= STABLE_AFTER;
        self.failures = if held { 1 } else { self.failures.saturating_add(1) };
        let at = now + self.pause(self.failures);
        self.state = State::Disconnected(at);
        actions.push(Action::WakeAt(at));
    }

    /// A retained message that breaks every connection is not announced again until it changes.
    fn leave_out(&mut self, what: Retained, why: Why, actions: &mut Vec<Action>) {
        self.suspect = None;
        for (slot, known) in Retained::ALL.into_iter().zip(&mut self.known) {
            if slot == what {
                *known = None;
            }
        }
        actions.push(Action::Tell(what, why));
    }

    fn ledger_failed(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.pause_until = now + LEDGER_PAUSE;
        // The actions that followed were not done: a message that was to be sent was not sent either.
        match self.state {
            State::Fetching => self.go_on(now, actions),
            // The studies come again with the next connection; rows must not wait for them.
            State::Recalling | State::Reminding(_) => {
                self.studies = Studies::Done;
                self.go_on(now, actions);
            }
            State::Announcing(what, _) => {
                let size = Retained::ALL.into_iter().zip(self.known).find(|(slot, _)| *slot == what);
                if let Some((_, Some(bytes))) = size {
                    self.changed(what, bytes, now, actions);
                }
                self.go_on(now, actions);
            }
            State::Parting => self.part(actions),
            State::Leaving => self.leave(actions),
            State::Disconnected(at) | State::Idle(at) => actions.push(Action::WakeAt(at)),
            State::Stopped => actions.push(Action::Finished),
            State::Connecting | State::Draining(..) => {}
        }
    }

    fn end(&mut self, ending: Ending, now: Duration, actions: &mut Vec<Action>) {
        self.ending = self.ending.max(ending);
        match self.state {
            State::Disconnected(_) | State::Connecting => self.stop(actions),
            State::Idle(_) => self.go_on(now, actions),
            _ => {}
        }
    }

    fn part(&mut self, actions: &mut Vec<Action>) {
        self.state = State::Parting;
        actions.push(Action::Send(Message::Farewell));
    }

    fn leave(&mut self, actions: &mut Vec<Action>) {
        self.state = State::Leaving;
        actions.push(Action::Disconnect);
    }

    fn stop(&mut self, actions: &mut Vec<Action>) {
        if self.state != State::Stopped {
            self.state = State::Stopped;
            actions.push(Action::Finished);
        }
    }

    /// `FIRST_PAUSE` doubled `count − 1` times, at most `LONGEST_PAUSE`, then between half and all of it.
    fn pause(&mut self, count: u32) -> Duration {
        let whole = FIRST_PAUSE.saturating_mul(1 << count.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
        // SplitMix64 (Steele, Lea, Flood 2014): enough to keep appliances apart, and repeatable in tests.
        self.jitter = self.jitter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let share = ((z ^ (z >> 31)) % 1000) as u32;
        whole / 2 + whole * share / 2000
    }
}

#[cfg(test)]
mod tests;
