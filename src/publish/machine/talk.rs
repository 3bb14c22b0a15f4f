//! What the driver tells the machine, and what the machine tells the driver: closed sets.

use std::time::Duration;

use super::reason::{ReasonCode, Why};
use crate::ledger::RowId;
use crate::publish::topics::Retained;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The newest of a retained topic.
    Retained(Retained),
    /// The study that was recalled last.
    Study,
    /// The row that was fetched last.
    Row(RowId),
    /// Status `offline`, retained: the last word before a graceful end.
    Farewell,
}

/// What the outbox answered to [`Action::Fetch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It is this row's turn.
    Row {
        /// Its number.
        row: RowId,
        /// Of its payload.
        bytes: usize,
        /// How often it has been set aside.
        attempts: u32,
    },
    /// All rows are set aside; the first may be tried after this time.
    Later(Duration),
    /// Nothing waits.
    Nothing,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The time of the last [`Action::WakeAt`] has come. The first one starts the machine.
    Wake,
    /// CONNACK came, with the largest packet that the broker takes, in bytes.
    Connected(Option<u32>),
    /// The connection failed or broke; with the reason if the broker named one for what was in flight.
    Lost(Option<ReasonCode>),
    /// The message in flight was acknowledged with success.
    Acked,
    /// The message in flight was acknowledged with a failure.
    Refused(ReasonCode),
    /// A retained topic has a new payload of this size.
    Changed(Retained, usize),
    /// Rows were added to the outbox.
    OutboxChanged,
    /// The answer to [`Action::Fetch`].
    Fetched(Fetched),
    /// The answer to [`Action::Recall`]: the size of the next study's payload, or that there is none left.
    Recalled(Option<usize>),
    /// The ledger could not do an action; what followed it was not done.
    LedgerFailed,
    /// Finish what is due, say farewell, leave.
    Stop,
    /// Say farewell now.
    Hurry,
    /// Stop where you are.
    GiveUp,
}

/// What the driver must do, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Open a new connection; any older one is gone.
    Connect,
    /// Drop the connection without a word.
    Abandon,
    /// Publish, QoS 1.
    Send(Message),
    /// Ask the ledger for the first study that is remembered, or with `true` for the one after the last; answer with
    /// [`Event::Recalled`] at once.
    Recall(bool),
    /// Ask the outbox; answer with [`Event::Fetched`] at once.
    Fetch,
    /// The broker has the row: forget it.
    Delete(RowId),
    /// Keep the row, say why, offer it again after the time.
    SetAside(RowId, Duration, Why),
    /// A retained message was refused: tell it. It is tried again when it changes and after the next CONNACK.
    Tell(Retained, Why),
    /// The study that was recalled last was refused: tell it. It is tried again after the next CONNACK.
    TellStudy(Why),
    /// Wake me then; replaces what was said before.
    WakeAt(Duration),
    /// Send DISCONNECT and close.
    Disconnect,
    /// All is done.
    Finished,
}

/// Where the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No connection; the next attempt comes at the time.
    Disconnected(Duration),
    /// Waiting for CONNACK.
    Connecting,
    /// A retained topic is in flight since the time.
    Announcing(Retained, Duration),
    /// The ledger was asked for a study.
    Recalling,
    /// A study is in flight again since the time.
    Reminding(Duration),
    /// The outbox was asked.
    Fetching,
    /// A row is in flight since the time.
    Draining(RowId, Duration),
    /// Nothing to do until the time.
    Idle(Duration),
    /// The farewell is in flight.
    Parting,
    /// DISCONNECT was sent.
    Leaving,
    /// The end.
    Stopped,
}
