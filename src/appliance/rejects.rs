//! Tells the broker how many films are repeated: at the start, soon after each film and each decision, and when a day begins.

use std::sync::Arc;
use std::time::Duration;

use chrono::{Datelike as _, Local, Utc};
use tokio::sync::{Notify, watch};

use crate::ledger::{Ledger, LedgerError, Range};
use crate::publish::{mqtt, wire};
use crate::rejects::Analysis;

use super::standing::Standing;

/// The shortest pause between two messages: a backlog, or a flood of requests, changes the figures many times a second.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the figures are looked at when nothing happens: a new day begins at midnight.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Publishes `rejects` whenever its figures change. Runs until it is aborted, or the films thread has ended.
pub(super) async fn announce(
    device: String,
    ledger: Ledger,
    publisher: Arc<mqtt::Handle>,
    mut films: watch::Receiver<Standing>,
    decided: Arc<Notify>,
) {
    let mut told = None;
    loop {
        let asked = ledger.clone();
        match tokio::task::spawn_blocking(move || Figures::of(&asked)).await {
            Ok(Ok(figures)) if told.as_ref() != Some(&figures) => {
                publisher.set_rejects(figures.payload(&device));
                told = Some(figures);
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the repeat analysis cannot be counted just now"),
            Err(_) => return,
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            changed = films.changed() => if changed.is_err() { return },
            () = decided.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What is told, without the moment at which it was counted.
#[derive(Debug, PartialEq)]
struct Figures {
    today: Range,
    month: Range,
    of_today: Analysis,
    of_month: Analysis,
}

impl Figures {
    fn of(ledger: &Ledger) -> Result<Self, LedgerError> {
        let day = Local::now().date_naive();
        let span = |first| Range { first: Some(first), last: Some(day) };
        let (today, month) = (span(day), span(day.with_day(1).unwrap_or(day)));
        let count = |range| -> Result<Analysis, LedgerError> {
            let (passed_over, faults) = ledger.beside(range)?;
            Ok(Analysis::of(&ledger.judged(range)?, passed_over, faults))
        };
        Ok(Self { today, month, of_today: count(today)?, of_month: count(month)? })
    }

    fn payload(&self, device: &str) -> Vec<u8> {
        let days = |range: Range| (range.first.unwrap_or_default(), range.last.unwrap_or_default());
        let ((from, to), (first, last)) = (days(self.today), days(self.month));
        wire::rejects(device, Utc::now(), (from, to, &self.of_today), (first, last, &self.of_month))
    }
}
