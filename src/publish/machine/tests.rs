//! The machine in a world of its own: an outbox, a broker and a network that do what a list of happenings says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Happening {
    Time(u64),
    Connects(Option<u32>),
    CannotConnect,
    Acks,
    Refuses(u8),
    Breaks(Option<u8>),
    RowIsAdded(usize),
    Changes(Retained, usize),
    StudyIsRemembered(usize),
    LedgerFails,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: usize,
    attempts: u32,
    not_before: Duration,
}

/// Checks the invariants with every action.
struct World {
    machine: Machine,
    now: Duration,
    wake: Duration,
    outbox: BTreeMap<i64, Waiting>,
    next_row: i64,
    connecting: bool,
    connected: bool,
    in_flight: Option<Message>,
    /// The row whose acknowledgement is being handled.
    acked: Option<RowId>,
    losing: bool,
    known: BTreeSet<Retained>,
    /// Retained topics that must still be sent before the first row of this connection.
    owed: BTreeSet<Retained>,
    /// Payload sizes of the studies that the ledger remembers, and which was recalled last.
    studies: Vec<usize>,
    recalled: usize,
    /// Whether the studies have had their turn on this connection, or are left out for good reason.
    reminded: bool,
    left_out: bool,
    ledger_fails: bool,
    sent: Vec<Message>,
    deleted: Vec<i64>,
    finished: bool,
}

impl World {
    fn new() -> Self {
        Self {
            machine: Machine::new(7),
            now: Duration::ZERO,
            wake: Duration::ZERO,
            outbox: BTreeMap::new(),
            next_row: 1,
            connecting: false,
            connected: false,
            in_flight: None,
            acked: None,
            losing: false,
            known: BTreeSet::new(),
            owed: BTreeSet::new(),
            studies: Vec::new(),
            recalled: 0,
            reminded: false,
            left_out: false,
            ledger_fails: false,
            sent: Vec::new(),
            deleted: Vec::new(),
            finished: false,
        }
    }

    fn feed(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            self.losing = matches!(event, Event::Lost(_)) || (event == Event::Wake && self.in_flight.is_some());
            for action in self.machine.handle(event, self.now) {
                let asks =
                    matches!(action, Action::Fetch | Action::Recall(_) | Action::Delete(_) | Action::SetAside(..));
                if asks && self.ledger_fails {
                    self.ledger_fails = false;
                    // The studies may be skipped then, and come again with the next connection.
                    self.reminded = true;
                    events.push_back(Event::LedgerFailed);
                    break;
                }
                events.extend(self.perform(action));
            }
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Connect => {
                assert!(!self.connected && !self.connecting);
                self.connecting = true;
            }
            Action::Abandon => {
                self.connected = false;
                self.in_flight = None;
            }
            Action::Send(message) => {
                assert!(self.connected, "{message:?} sent without a connection");
                assert_eq!(self.in_flight, None, "{message:?} sent while another is in flight");
                match message {
                    Message::Retained(what) => {
                        assert!(self.known.contains(&what));
                        self.owed.remove(&what);
                        let status_last = what != Retained::Status || self.owed.is_empty();
                        assert!(status_last, "status before {:?}", self.owed);
                        let studies_first = what != Retained::Status || self.reminded || self.left_out;
                        assert!(studies_first, "status before the studies");
                    }
                    Message::Study => {
                        assert!(self.recalled < self.studies.len());
                        assert!(self.owed.iter().all(|owed| *owed == Retained::Status), "study before {:?}", self.owed);
                    }
                    Message::Row(row) => {
                        assert!(self.owed.is_empty(), "row before {:?}", self.owed);
                        assert!(self.reminded || self.left_out, "row before the studies");
                        assert!(self.outbox.contains_key(&row.0));
                    }
                    Message::Farewell => {}
                }
                self.in_flight = Some(message);
                self.sent.push(message);
            }
            Action::Recall(on) => {
                self.recalled = if on { self.recalled + 1 } else { 0 };
                let bytes = self.studies.get(self.recalled).copied();
                self.reminded |= bytes.is_none();
                return Some(Event::Recalled(bytes));
            }
            Action::TellStudy(_) => self.left_out |= self.losing,
            Action::Fetch => return Some(Event::Fetched(self.fetch())),
            Action::Delete(row) => {
                assert_eq!(self.acked, Some(row), "deleted without its acknowledgement");
                assert!(self.outbox.remove(&row.0).is_some());
                self.deleted.push(row.0);
            }
            Action::SetAside(row, wait, _) => {
                assert!(wait <= crate::ledger::MAX_SET_ASIDE);
                let waiting = self.outbox.get_mut(&row.0).expect("a row that is set aside is in the outbox");
                waiting.attempts += 1;
                waiting.not_before = self.now + wait;
            }
            Action::Tell(what, _) => {
                self.owed.remove(&what);
                if self.losing {
                    self.known.remove(&what);
                }
            }
            Action::WakeAt(at) => self.wake = at,
            Action::Disconnect => assert_eq!(self.in_flight, None),
            Action::Finished => self.finished = true,
        }
        None
    }

    fn fetch(&self) -> Fetched {
        let due = self.outbox.iter().find(|(_, row)| row.not_before <= self.now);
        if let Some((row, waiting)) = due {
            return Fetched::Row { row: RowId(*row), bytes: waiting.bytes, attempts: waiting.attempts };
        }
        let soonest = self.outbox.values().map(|row| row.not_before).min();
        soonest.map_or(Fetched::Nothing, |at| Fetched::Later(at - self.now))
    }

    fn connects(&mut self, limit: Option<u32>) {
        self.connecting = false;
        self.connected = true;
        self.owed = self.known.clone();
        self.reminded = false;
        self.feed(Event::Connected(limit));
    }

    fn breaks(&mut self, reason: Option<u8>) {
        self.connected = false;
        self.connecting = false;
        self.in_flight = None;
        self.feed(Event::Lost(reason.map(ReasonCode)));
    }

    fn acks(&mut self) {
        if let Some(Message::Row(row)) = self.in_flight.take() {
            self.acked = Some(row);
        }
        self.feed(Event::Acked);
        self.acked = None;
    }

    fn passes(&mut self, time: Duration) {
        let until = self.now + time;
        while self.wake <= until && !self.finished {
            self.now = self.now.max(self.wake);
            self.wake = until + SECOND * 3600;
            self.feed(Event::Wake);
        }
        self.now = until;
    }

    fn adds(&mut self, bytes: usize) {
        self.outbox.insert(self.next_row, Waiting { bytes, ..Waiting::default() });
        self.next_row += 1;
        self.feed(Event::OutboxChanged);
    }

    fn changes(&mut self, what: Retained, bytes: usize) {
        self.known.insert(what);
        self.feed(Event::Changed(what, bytes));
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Time(ms) => self.passes(Duration::from_millis(ms)),
            Happening::Connects(limit) if self.connecting => self.connects(limit),
            Happening::CannotConnect if self.connecting => self.breaks(None),
            Happening::Acks if self.in_flight.is_some() => self.acks(),
            Happening::Refuses(code) if self.in_flight.take().is_some() => {
                self.feed(Event::Refused(ReasonCode(code)));
            }
            Happening::Breaks(reason) if self.connected => self.breaks(reason),
            Happening::RowIsAdded(bytes) => self.adds(bytes),
            Happening::Changes(what, bytes) => self.changes(what, bytes),
            Happening::StudyIsRemembered(bytes) => self.studies.push(bytes),
            Happening::LedgerFails => self.ledger_fails = true,
            _ => {}
        }
    }

    /// A broker that is there and takes everything, until nothing is left to do.
    fn goes_well(&mut self) {
        for _ in 0..100_000 {
            if self.connecting {
                self.connects(None);
            } else if self.in_flight.is_some() {
                self.acks();
            } else if self.outbox.is_empty() || self.finished {
                return;
            } else {
                self.passes(SECOND);
            }
        }
        panic!("{} rows are never sent; {:?}", self.outbox.len(), self.machine);
    }
}

fn retained() -> impl Strategy<Value = Retained> {
    prop::sample::select(&Retained::ALL[..])
}

fn happening() -> impl Strategy<Value = Happening> {
    let code = prop::sample::select(vec![0x80, 0x83, 0x87, 0x90, 0x95, 0x97, 0x99]);
    prop_oneof![
        3 => (0_u64..60_000).prop_map(Happening::Time),
        4 => prop::option::of(Just(2_000_u32)).prop_map(Happening::Connects),
        1 => Just(Happening::CannotConnect),
        8 => Just(Happening::Acks),
        2 => code.clone().prop_map(Happening::Refuses),
        2 => prop::option::of(code).prop_map(Happening::Breaks),
        4 => prop::sample::select(vec![10_usize, 5_000]).prop_map(Happening::RowIsAdded),
        3 => (retained(), prop::sample::select(vec![10_usize, 5_000])).prop_map(|(w, b)| Happening::Changes(w, b)),
        2 => prop::sample::select(vec![10_usize, 5_000]).prop_map(Happening::StudyIsRemembered),
        1 => Just(Happening::LedgerFails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Invariants 1 to 3 hold in every step, and, once all goes well, 4 and 5: every row is sent and deleted.
    #[test]
    fn whatever_happens_nothing_is_lost(happenings in prop::collection::vec(happening(), 0..200)) {
        let mut world = World::new();
        for happening in happenings {
            world.happens(happening);
        }
        world.ledger_fails = false;
        if world.connected {
            world.breaks(None);
        }
        world.goes_well();
        prop_assert_eq!(world.deleted.len() as i64, world.next_row - 1);
    }

    #[test]
    fn a_stop_comes_to_an_end(happenings in prop::collection::vec(happening(), 0..100), hurry: bool) {
        let mut world = World::new();
        for happening in happenings {
            world.happens(happening);
        }
        world.ledger_fails = false;
        world.feed(if hurry { Event::Hurry } else { Event::Stop });
        for _ in 0..1000 {
            match world.machine.state() {
                State::Stopped => break,
                State::Leaving => world.breaks(None),
                _ if world.in_flight.is_some() => world.acks(),
                state => panic!("stuck in {state:?}"),
            }
        }
        prop_assert!(world.finished);
    }
}

fn online(rows: usize) -> World {
    let mut world = World::new();
    for what in Retained::ALL {
        world.changes(what, 10);
    }
    for _ in 0..rows {
        world.adds(10);
    }
    world.passes(Duration::ZERO);
    world.connects(None);
    world
}

#[test]
fn announces_in_order_and_then_drains_in_order() {
    let mut world = online(2);
    world.goes_well();
    let retained = Retained::ALL.map(Message::Retained);
    assert_eq!(world.sent, [retained.to_vec(), vec![Message::Row(RowId(1)), Message::Row(RowId(2))]].concat());
}

#[test]
fn a_lost_connection_sends_the_row_again_after_announcing() {
    let mut world = online(1);
    for _ in Retained::ALL {
        world.acks();
    }
    assert_eq!(world.in_flight, Some(Message::Row(RowId(1))));
    world.breaks(None);
    world.sent.clear();
    world.goes_well();
    assert_eq!(world.sent.len(), Retained::ALL.len() + 1);
    assert_eq!(world.deleted, [1]);
}

#[test]
fn a_row_the_broker_forbids_does_not_hold_up_the_next() {
    let mut world = online(2);
    for _ in Retained::ALL {
        world.acks();
    }
    world.in_flight = None;
    world.feed(Event::Refused(ReasonCode::NOT_AUTHORISED));
    assert_eq!(world.in_flight, Some(Message::Row(RowId(2))));
    assert_eq!(world.outbox.get(&1).map(|row| row.not_before), Some(world.now + FIRST_SET_ASIDE));
}

#[test]
fn a_broker_that_asks_for_patience_gets_it_and_the_order_stays() {
    let mut world = online(2);
    for _ in Retained::ALL {
        world.acks();
    }
    world.in_flight = None;
    world.feed(Event::Refused(ReasonCode::QUOTA));
    assert_eq!(world.in_flight, None);
    world.adds(10);
    assert_eq!(world.in_flight, None, "a new row must not end the pause");
    world.passes(SECOND * 2);
    assert_eq!(world.in_flight, Some(Message::Row(RowId(1))));
}

#[test]
fn a_row_that_breaks_every_connection_is_set_aside() {
    let mut world = online(2);
    let mut breaks = 0;
    while !world.deleted.contains(&2) {
        match world.in_flight {
            Some(Message::Row(RowId(1))) => {
                breaks += 1;
                world.breaks(None);
            }
            Some(_) => world.acks(),
            None if world.connecting => world.connects(None),
            None => world.passes(SECOND),
        }
        assert!(breaks <= STRIKES);
    }
    assert_eq!(breaks, STRIKES);
}

#[test]
fn the_reason_of_a_disconnect_sets_the_row_aside_at_once() {
    let mut world = online(1);
    for _ in Retained::ALL {
        world.acks();
    }
    world.breaks(Some(ReasonCode::TOO_LARGE.0));
    assert_eq!(world.outbox.get(&1).map(|row| row.attempts), Some(1));
}

#[test]
fn a_row_larger_than_the_broker_takes_is_not_sent() {
    let mut world = World::new();
    world.adds(5_000);
    world.adds(10);
    world.passes(Duration::ZERO);
    world.connects(Some(2_000));
    assert_eq!(world.sent, [Message::Row(RowId(2))]);
}

#[test]
fn a_broker_that_never_acknowledges_loses_the_connection() {
    let mut world = online(1);
    world.passes(ACK_WITHIN);
    assert!(!world.connected);
    assert!(matches!(world.machine.state(), State::Disconnected(_)));
}

#[test]
fn pauses_grow_to_their_limit_and_start_small_after_a_good_connection() {
    let mut world = World::new();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        world.passes(world.wake.saturating_sub(world.now));
        assert!(world.connecting);
        world.breaks(None);
        pauses.push(world.wake - world.now);
    }
    assert!(pauses.iter().all(|pause| (FIRST_PAUSE / 2..=LONGEST_PAUSE).contains(pause)), "{pauses:?}");
    assert!(pauses.last() >= Some(&(LONGEST_PAUSE / 2)));
    world.passes(world.wake - world.now);
    world.connects(None);
    world.passes(STABLE_AFTER);
    world.breaks(None);
    assert!(world.wake - world.now <= FIRST_PAUSE);
}

#[test]
fn every_connection_brings_all_studies_between_the_others_and_status() {
    let mut world = World::new();
    world.studies = vec![10, 20];
    for what in Retained::ALL {
        world.changes(what, 10);
    }
    world.adds(10);
    world.passes(Duration::ZERO);
    for _ in 0..2 {
        world.sent.clear();
        world.connects(None);
        world.goes_well();
        let mut expected = Retained::ALL.map(Message::Retained).to_vec();
        let before_status = expected.len() - 1;
        expected.splice(before_status..before_status, [Message::Study; 2]);
        assert_eq!(world.sent[..expected.len()], expected);
        world.breaks(None);
        world.passes(SECOND * 60);
    }
}

#[test]
fn a_study_that_is_refused_or_too_large_holds_up_nobody() {
    let mut world = World::new();
    world.studies = vec![5_000, 10, 20];
    world.changes(Retained::Status, 10);
    world.passes(Duration::ZERO);
    world.connects(Some(2_000));
    assert_eq!(world.in_flight, Some(Message::Study));
    world.in_flight = None;
    world.feed(Event::Refused(ReasonCode(0x87)));
    assert_eq!((world.in_flight, world.recalled), (Some(Message::Study), 2));
    world.acks();
    assert_eq!(world.in_flight, Some(Message::Retained(Retained::Status)));
}

#[test]
fn a_study_that_breaks_every_connection_is_left_out() {
    let mut world = World::new();
    world.studies = vec![10];
    world.adds(10);
    world.passes(Duration::ZERO);
    for _ in 0..STRIKES {
        world.connects(None);
        assert_eq!(world.in_flight, Some(Message::Study));
        world.breaks(None);
        world.passes(SECOND * 60);
    }
    world.connects(None);
    assert_eq!(world.in_flight, Some(Message::Row(RowId(1))));
}

#[test]
fn the_retained_are_renewed_before_they_expire() {
    let mut world = online(0);
    world.goes_well();
    world.sent.clear();
    for _ in 0..30 {
        world.passes(LOOK_EVERY);
        world.goes_well();
    }
    assert!(world.sent.contains(&Message::Retained(Retained::Status)));
}

#[test]
fn a_stop_drains_says_farewell_and_leaves() {
    let mut world = online(3);
    world.feed(Event::Stop);
    world.sent.clear();
    while world.in_flight.is_some() {
        world.acks();
    }
    assert_eq!(world.sent.last(), Some(&Message::Farewell));
    assert_eq!(world.deleted, [1, 2, 3]);
    assert_eq!(world.machine.state(), State::Leaving);
}

#[test]
fn hurry_leaves_the_rest_in_the_outbox() {
    let mut world = online(3);
    for _ in Retained::ALL {
        world.acks();
    }
    world.feed(Event::Hurry);
    world.acks();
    assert_eq!(world.in_flight, Some(Message::Farewell));
    assert_eq!(world.outbox.len(), 2);
}

#[test]
fn without_a_connection_a_stop_is_immediate() {
    let mut world = World::new();
    world.feed(Event::Stop);
    assert!(world.finished);
}
