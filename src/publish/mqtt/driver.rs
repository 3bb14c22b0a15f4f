//! Carries out what the machine says: connections, timers, the ledger, logs.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};

use super::link::{self, Answer, Link, Outgoings};
use super::{DRAIN_SHARE, LATE_AFTER, LATENCIES_KEPT, Wishes};
use crate::ledger::{Kind, Ledger, LedgerError, MAX_SET_ASIDE, Next, Row, RowId, StudyMessage};
use crate::publish::machine::{Action, Event, Fetched, Machine, Message, State, Why};
use crate::publish::topics::{HEALTH_EXPIRY, Retained, Topics};
use crate::publish::wire::{self, StatusState};
use crate::publish::{PublishError, Settings};

/// How long a broker keeps a report for a subscriber that is away.
const REPORT_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a broker keeps an overlay for a subscriber that is away.
const OVERLAY_EXPIRY: Duration = Duration::from_secs(24 * 3600);
/// How long a broker keeps the answer to a request for a subscriber that is away.
const RESPONSE_EXPIRY: Duration = Duration::from_secs(3600);
/// After this a retained status that nobody renewed is gone: the machine renews it three times as often. `offline` and the
/// last will do not expire.
const STATUS_EXPIRY: Duration = Duration::from_secs(3600);

/// Owns the machine, the connection and the timers.
pub(super) struct Driver {
    settings: Settings,
    topics: Topics,
    ledger: Ledger,
    machine: Machine,
    wishes: watch::Receiver<Wishes>,
    /// The wishes that the machine has been told.
    told: Wishes,
    facts: watch::Sender<super::Link>,
    link: Option<Link>,
    /// The row that was fetched last.
    row: Option<Row>,
    /// The study that was recalled last.
    study: Option<StudyMessage>,
    started: Instant,
    wake: Instant,
    hurry: Option<Instant>,
    give_up: Option<Instant>,
    finished: bool,
}

impl Driver {
    pub(super) fn new(
        settings: Settings,
        topics: Topics,
        ledger: Ledger,
        wishes: watch::Receiver<Wishes>,
        facts: watch::Sender<super::Link>,
    ) -> Self {
        let seed = Utc::now().timestamp_micros().unsigned_abs() ^ u64::from(std::process::id());
        let now = Instant::now();
        Self {
            settings,
            topics,
            ledger,
            machine: Machine::new(seed),
            wishes,
            told: Wishes::default(),
            facts,
            link: None,
            row: None,
            study: None,
            started: now,
            wake: now,
            hurry: None,
            give_up: None,
            finished: false,
        }
    }

    /// Runs until stopped.
    pub(super) async fn run(mut self) {
        let mut handle_lives = true;
        while !self.finished {
            let wake = self.wake;
            let (hurry, give_up) = (self.hurry, self.give_up);
            let event = tokio::select! {
                answer = answer(&mut self.link) => self.hear(answer),
                changed = self.wishes.changed(), if handle_lives => {
                    handle_lives = changed.is_ok();
                    self.listen(handle_lives);
                    continue;
                }
                () = sleep_until(wake) => {
                    // Until the machine names the next time there is none.
                    self.wake = Instant::now() + Duration::from_secs(3600);
                    Event::Wake
                }
                () = at(hurry) => { self.hurry = None; Event::Hurry }
                () = at(give_up) => Event::GiveUp,
            };
            self.step(event);
        }
    }

    /// Tells the machine what has changed in the wishes.
    fn listen(&mut self, handle_lives: bool) {
        let wishes = self.wishes.borrow_and_update().clone();
        let mut events = Vec::new();
        for ((what, new), old) in Retained::ALL.into_iter().zip(&wishes.payloads).zip(&self.told.payloads) {
            if let Some((version, payload)) = new
                && old.as_ref().is_none_or(|(told, _)| told != version)
            {
                events.push(Event::Changed(what, payload.len()));
            }
        }
        if wishes.outbox != self.told.outbox {
            events.push(Event::OutboxChanged);
        }
        if let (Some(deadline), None) = (wishes.stop, self.told.stop) {
            let now = Instant::now();
            self.hurry = Some(now + deadline.saturating_duration_since(now).mul_f64(DRAIN_SHARE));
            self.give_up = Some(deadline);
            events.push(Event::Stop);
        } else if !handle_lives && wishes.stop.is_none() {
            events.push(Event::GiveUp);
        }
        self.told = wishes;
        for event in events {
            self.step(event);
        }
    }

    fn hear(&mut self, answer: Answer) -> Event {
        match answer {
            Answer::Connected(max_packet) => {
                info!(host = self.settings.host, port = self.settings.port, "connected to the broker");
                Event::Connected(max_packet)
            }
            Answer::Acked => Event::Acked,
            Answer::Refused(reason) => Event::Refused(reason),
            Answer::Lost(reason, text) => {
                self.link = None;
                if self.machine.state() != State::Leaving {
                    self.problem(format!("{}:{}: {text}", self.settings.host, self.settings.port));
                }
                Event::Lost(reason)
            }
        }
    }

    fn step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.machine.handle(event, self.started.elapsed()) {
                match self.perform(action) {
                    Ok(None) => {}
                    Ok(Some(answer)) => events.push_back(answer),
                    Err(error) => {
                        self.problem(error.to_string());
                        events.push_back(Event::LedgerFailed);
                        break;
                    }
                }
            }
        }
        let connected = self.machine.connected();
        self.facts.send_if_modified(|facts| std::mem::replace(&mut facts.connected, connected) != connected);
    }

    fn perform(&mut self, action: Action) -> Result<Option<Event>, LedgerError> {
        match action {
            Action::Connect => {
                return Ok(self.connect().err().map(|error| {
                    self.problem(error.to_string());
                    Event::Lost(None)
                }));
            }
            Action::Abandon => {
                self.link = None;
                self.problem("the broker did not acknowledge a message".into());
            }
            Action::Send(message) => self.send(message),
            Action::Recall(on) => return self.recall(on).map(|bytes| Some(Event::Recalled(bytes))),
            Action::Fetch => return self.fetch().map(|fetched| Some(Event::Fetched(fetched))),
            Action::Delete(row) => {
                self.ledger.delivered(row)?;
                self.count_delivery(row);
            }
            Action::SetAside(row, wait, why) => {
                let text = explain(why);
                warn!(row = row.0, wait_s = wait.as_secs(), reason = text, "a message is set aside");
                self.refused(&text);
                self.ledger.set_aside(row, after(wait), &text)?;
            }
            Action::Tell(what, why) => {
                let text = format!("{}: {}", self.topics.retained(what), explain(why));
                self.refused(&text);
                warn!(topic = what.name(), reason = text, "a retained message was not taken");
            }
            Action::TellStudy(why) => {
                let text = format!("a study: {}", explain(why));
                self.refused(&text);
                warn!(reason = text, "a retained message was not taken");
            }
            Action::WakeAt(at) => self.wake = self.started + at,
            Action::Disconnect => {
                if let Some(link) = &self.link {
                    link.disconnect();
                }
            }
            Action::Finished => {
                self.link = None;
                self.finished = true;
            }
        }
        Ok(None)
    }

    fn connect(&mut self) -> Result<(), PublishError> {
        let will = wire::status(StatusState::Offline, Utc::now(), Some("the connection to the appliance was lost"));
        self.link = Some(Link::open(link::options(&self.settings, &self.topics, &will)?));
        Ok(())
    }

    /// The size of the first study's payload, or of the one's after the last.
    fn recall(&mut self, on: bool) -> Result<Option<usize>, LedgerError> {
        let last = self.study.take().filter(|_| on).map(|study| study.key);
        self.study = self.ledger.study_after(last.as_deref(), Utc::now())?;
        Ok(self.study.as_ref().map(|study| study.payload.len()))
    }

    fn fetch(&mut self) -> Result<Fetched, LedgerError> {
        Ok(match self.ledger.next(Utc::now())? {
            Next::Row(row) => {
                let fetched = Fetched::Row { row: row.id, bytes: row.payload.len(), attempts: row.attempts };
                self.row = Some(*row);
                fetched
            }
            Next::Later(wait) => Fetched::Later(wait),
            Next::Empty => Fetched::Nothing,
        })
    }

    /// Queues a message. If that fails, the connection is at its end: the machine hears of it and sends it again.
    fn send(&self, message: Message) {
        let outgoing = match message {
            Message::Retained(what) => self.retained(what),
            Message::Study => self.study.as_ref().map(|study| self.study_message(study)),
            Message::Row(_) => self.row.as_ref().map(|row| self.row_message(row)),
            Message::Farewell => Some(Outgoings {
                topic: self.topics.retained(Retained::Status),
                payload: wire::status(StatusState::Offline, Utc::now(), Some("the service was stopped")).into(),
                retain: true,
                content_type: wire::JSON,
                expiry: None,
                correlation: None,
            }),
        };
        let sent = outgoing.zip(self.link.as_ref()).is_some_and(|(outgoing, link)| link.send(outgoing));
        if !sent {
            debug!(?message, "not queued: the connection has ended");
        }
    }

    fn retained(&self, what: Retained) -> Option<Outgoings> {
        let payload = self.told.payload(what)?;
        Some(Outgoings {
            topic: self.topics.retained(what),
            payload: Bytes::copy_from_slice(&payload),
            retain: true,
            content_type: wire::JSON,
            expiry: match what {
                Retained::Discovery | Retained::Info => None,
                Retained::Health => Some(HEALTH_EXPIRY),
                Retained::Rejects => None,
                Retained::Status => Some(STATUS_EXPIRY),
            },
            correlation: None,
        })
    }

    fn study_message(&self, study: &StudyMessage) -> Outgoings {
        Outgoings {
            topic: self.topics.message(Kind::Study, &study.key),
            payload: Bytes::copy_from_slice(&study.payload),
            retain: Kind::Study.retained(),
            content_type: wire::JSON,
            expiry: Some(until(study.expires_at)),
            correlation: None,
        }
    }

    fn row_message(&self, row: &Row) -> Outgoings {
        let (content_type, expiry) = match row.kind {
            Kind::Response => (wire::JSON, RESPONSE_EXPIRY),
            Kind::Report | Kind::Fault => (wire::JSON, REPORT_EXPIRY),
            Kind::Overlay => (wire::JPEG, OVERLAY_EXPIRY),
            // A study without an end would stay with the broker for ever; the ledger never writes one.
            Kind::Study => (wire::JSON, row.expires_at.map_or(OVERLAY_EXPIRY, until)),
        };
        let late = historical(row, Utc::now());
        let stamped = row.seq.and_then(|seq| wire::deliver(&row.payload, seq, late, row.decision.as_ref()));
        Outgoings {
            topic: row.topic.clone().unwrap_or_else(|| self.topics.message(row.kind, &row.key)),
            payload: stamped.unwrap_or_else(|| row.payload.clone()).into(),
            retain: row.kind.retained(),
            content_type,
            expiry: Some(expiry),
            correlation: row.correlation.clone().map(Bytes::from),
        }
    }

    fn count_delivery(&self, id: RowId) {
        let now = Utc::now();
        let fresh = self.row.as_ref().filter(|row| row.id == id && row.kind == Kind::Report && !historical(row, now));
        let latency = fresh.and_then(|row| (now - row.received_at).to_std().ok());
        debug!(row = id.0, latency_ms = latency.map(|l| l.as_millis()), "delivered");
        self.facts.send_modify(|facts| {
            facts.delivered += 1;
            if let Some(latency) = latency {
                if facts.latencies.len() >= LATENCIES_KEPT {
                    facts.latencies.pop_front();
                }
                facts.latencies.push_back(latency);
            }
        });
    }

    fn refused(&self, text: &str) {
        self.facts.send_modify(|facts| {
            facts.refused += 1;
            facts.problem = Some((Utc::now(), text.into()));
        });
    }

    fn problem(&self, text: String) {
        // The same trouble every half minute for a night should not fill the log.
        let repeated = self.facts.borrow().problem.as_ref().is_some_and(|(_, last)| *last == text);
        if repeated {
            debug!(problem = text, "still");
        } else {
            error!(problem = text, "publishing is held up; nothing is lost, it is tried again");
        }
        self.facts.send_modify(|facts| facts.problem = Some((Utc::now(), text)));
    }
}

/// Late by the clock, or from before a restart.
fn historical(row: &Row, now: DateTime<Utc>) -> bool {
    row.from_earlier_run || (now - row.received_at).to_std().is_ok_and(|age| age > LATE_AFTER)
}

/// What is left until `end`; at least a second, because 0 would mean that it has expired already.
fn until(end: DateTime<Utc>) -> Duration {
    (end - Utc::now()).to_std().unwrap_or_default().max(Duration::from_secs(1))
}

fn after(wait: Duration) -> DateTime<Utc> {
    Utc::now() + chrono::Duration::from_std(wait.min(MAX_SET_ASIDE)).unwrap_or_default()
}

fn explain(why: Why) -> String {
    match why {
        Why::Refused(reason) => format!("{} (reason code 0x{:02X})", reason.text(), reason.0),
        Why::LargerThan(limit) => {
            format!("larger than the {limit} bytes that the broker takes: raise its limit for packets to 1 MiB")
        }
        Why::ConnectionLost => "the connection broke each time it was sent".into(),
    }
}

/// The next answer of the connection, or never without one.
async fn answer(link: &mut Option<Link>) -> Answer {
    match link {
        Some(link) => link.answer().await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
