//! Where a radiographer's request is dealt with: read, kept, answered. Knows the ledger, but neither sockets nor the client.
//!
//! Every request gets one answer on `repeat/response`, and the same once more on the response topic that it names, where
//! that is allowed ([`Topics::may_answer_at`]). Word, answers and the study that shows it are one transaction of the ledger: a request whose
//! [`Desk::take`] succeeded may be acknowledged, and one that comes again is answered alike and changes nothing.
//!
//! What a request says is never logged; the kind of a refusal is.

use chrono::Utc;

use super::topics::Topics;
use super::wire::{self, Refusal, RefusalCode, StudyContext};
use crate::ledger::{Answer, Compose, Ledger, LedgerError, Settled, StudyRow};

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// What should be a request.
    pub payload: Vec<u8>,
    /// Where the answer is wished as well (MQTT 5, 3.3.2.3.5).
    pub response_topic: Option<String>,
    /// What the answer must carry (MQTT 5, 3.3.2.3.6).
    pub correlation: Option<Vec<u8>>,
}

/// Takes requests for one device.
#[derive(Debug, Clone)]
pub struct Desk {
    device: String,
    topics: Topics,
    ledger: Ledger,
    studies: Option<StudyContext>,
}

impl Desk {
    /// A desk that keeps words in `ledger`.
    pub const fn new(device: String, topics: Topics, ledger: Ledger) -> Self {
        Self { device, topics, ledger, studies: None }
    }

    /// The same desk, which makes a study anew when a word changes what stands about one of its films.
    #[must_use]
    pub fn with_studies(self, studies: Option<StudyContext>) -> Self {
        Self { studies, ..self }
    }

    /// Deals with a request; its answers wait in the outbox then. Returns whether a decision has changed.
    ///
    /// # Errors
    /// Whatever the ledger said: nothing was kept, the request must not be acknowledged and has to come again.
    pub fn take(&self, request: &Request) -> Result<bool, LedgerError> {
        let now = Utc::now();
        let word = match wire::repeat_request(&request.payload) {
            Ok(word) => word,
            Err(refusal) => {
                told(&refusal);
                self.ledger.answer(self.refused(request, &refusal), now)?;
                return Ok(false);
            }
        };
        let compose = self.studies.as_ref().map(|context| move |row: &StudyRow| wire::study(row, context));
        let compose = compose.as_ref().map(|compose| compose as Compose<'_>);
        let settled = self.ledger.decide(&word, now, compose, |settled| match settled {
            Settled::Changed(decision) | Settled::Unchanged(decision) => {
                let payload = wire::repeat_taken(&self.device, &word.report, decision.as_ref());
                self.answers(request, &word.report.0, &payload)
            }
            Settled::UnknownReport => {
                let text = "no report of this id was made by this device".to_owned();
                let report = Some(word.report.clone());
                let refusal = Refusal { code: RefusalCode::UnknownReport, text, report };
                told(&refusal);
                self.refused(request, &refusal)
            }
        })?;
        let changed = matches!(settled, Settled::Changed(_));
        if changed {
            tracing::info!(report = %word.report, action = word.action.name(), "a radiographer has decided");
        }
        Ok(changed)
    }

    fn refused(&self, request: &Request, refusal: &Refusal) -> Vec<Answer> {
        let report = refusal.report.as_ref().map_or("", |report| report.0.as_str());
        self.answers(request, report, &wire::repeat_refused(&self.device, refusal))
    }

    fn answers(&self, request: &Request, report: &str, payload: &[u8]) -> Vec<Answer> {
        let wished = request.response_topic.as_ref().filter(|topic| self.topics.may_answer_at(topic));
        let answer = |topic| Answer {
            report: report.to_owned(),
            topic,
            correlation: request.correlation.clone(),
            payload: payload.to_vec(),
        };
        let for_all = answer(None);
        let for_who_asked = wished.map(|topic| answer(Some(topic.clone())));
        [for_all].into_iter().chain(for_who_asked).collect()
    }
}

fn told(refusal: &Refusal) {
    tracing::warn!(code = ?refusal.code, "a request was refused");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::ledger::{Kind, Limits, Next};

    fn desk(folder: &tempfile::TempDir) -> Desk {
        let ledger = Ledger::open(folder.path(), Limits::default()).unwrap();
        Desk::new("room-1".into(), Topics::new("sagitta", "room-1").unwrap(), ledger)
    }

    /// Every answer that waits, and where it goes.
    fn answers(desk: &Desk) -> Vec<(Option<String>, Value, Option<Vec<u8>>)> {
        std::iter::from_fn(|| match desk.ledger.next(Utc::now()).unwrap() {
            Next::Row(row) => {
                assert_eq!(row.kind, Kind::Response);
                desk.ledger.delivered(row.id).unwrap();
                Some((row.topic, serde_json::from_slice(&row.payload).unwrap(), row.correlation))
            }
            _ => None,
        })
        .collect()
    }

    #[test]
    fn a_refusal_goes_to_all_and_to_who_asked_with_what_they_sent_along() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder);
        let request = Request {
            payload: b"nonsense".to_vec(),
            response_topic: Some("console/7".into()),
            correlation: Some(vec![0, 255, 1]),
        };
        assert!(!desk.take(&request).unwrap());
        let told = answers(&desk);
        assert_eq!(told.iter().map(|(topic, ..)| topic.as_deref()).collect::<Vec<_>>(), [None, Some("console/7")]);
        for (_, payload, correlation) in told {
            assert_eq!((payload["status"].as_str(), payload["code"].as_str()), (Some("refused"), Some("malformed")));
            assert_eq!(correlation.as_deref(), Some(&[0, 255, 1][..]));
        }
        for topic in ["sagitta/room-1/status", "sagitta/room-1/repeat/request", "a/#", "$SYS"] {
            desk.take(&Request { response_topic: Some(topic.into()), ..request.clone() }).unwrap();
            assert_eq!(answers(&desk).len(), 1, "{topic}");
        }
    }

    #[test]
    fn an_unknown_report_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder);
        let payload = br#"{"report_id":"ab","action":"repeat","reason":"positioning","by":"RT 7"}"#.to_vec();
        assert!(!desk.take(&Request { payload, ..Request::default() }).unwrap());
        let [(_, payload, None)] = &answers(&desk)[..] else { panic!("one answer") };
        assert_eq!((payload["code"].as_str(), payload["report_id"].as_str()), (Some("unknown_report"), Some("ab")));
    }

    /// Nobody can fill the outbox with answers.
    #[test]
    fn of_a_flood_only_the_newest_answers_wait() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder);
        let before: Vec<_> = (0..600)
            .map(|_| Answer { report: String::new(), topic: None, correlation: None, payload: b"{}".to_vec() })
            .collect();
        desk.ledger.answer(before, Utc::now()).unwrap();
        assert_eq!(desk.ledger.room().unwrap().waiting, 500);
        desk.take(&Request::default()).unwrap();
        let told = answers(&desk);
        assert_eq!(told.len(), 500);
        assert_eq!(told.last().unwrap().1["status"], "refused", "the newest is kept");
    }
}
