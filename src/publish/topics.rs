//! The names of the topics: the only place where they are made.
//!
//! `<prefix>/<device>/<what>[/<key>]`. A name that exists is valid: no wildcard, no empty level, no control character,
//! not reserved for the broker. What goes where, and which is retained, stands in `docs/mqtt.md`.

use crate::ledger::Kind;

/// The longest name of prefix and device together, in bytes; a topic with its key stays far below the protocol's 65 535.
pub const MAX_BYTES: usize = 512;

/// Why a word cannot stand in a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// A level is empty.
    #[error("{0:?} has an empty level; write for example \"sagitta\" and \"room-1\"")]
    EmptyLevel(String),
    /// A wildcard or a control character.
    #[error("{0:?} holds {1:?}, which no topic may hold")]
    Forbidden(String, char),
    /// The device has several levels.
    #[error("the device {0:?} holds '/': it is one level; put further levels into the prefix")]
    SeveralLevels(String),
    /// A leading `$` is the broker's own.
    #[error("{0:?} begins with '$', which is reserved for the broker")]
    Reserved(String),
    /// Too long.
    #[error("prefix and device have {0} bytes; at most {MAX_BYTES} are allowed")]
    TooLong(usize),
}

/// A retained topic of the appliance itself, in the order in which they are published after every CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retained {
    /// Version, models, schemas.
    Info,
    /// How the appliance is, every minute.
    Health,
    /// Whether it works: last, so that who sees it online has seen the rest.
    Status,
}

impl Retained {
    /// In the order of publishing.
    pub const ALL: [Self; 3] = [Self::Info, Self::Health, Self::Status];

    /// The last level of the topic.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Health => "health",
            Self::Status => "status",
        }
    }
}

/// The topics of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    base: String,
}

impl Topics {
    /// The topics below `prefix` (one or more levels) and `device` (one level).
    ///
    /// # Errors
    /// A [`TopicError`] that names the word and what is wrong with it.
    pub fn new(prefix: &str, device: &str) -> Result<Self, TopicError> {
        if device.contains('/') {
            return Err(TopicError::SeveralLevels(device.into()));
        }
        if prefix.starts_with('$') {
            return Err(TopicError::Reserved(prefix.into()));
        }
        for word in [prefix, device] {
            if let Some(bad) = word.chars().find(|c| matches!(c, '+' | '#') || c.is_control()) {
                return Err(TopicError::Forbidden(word.into(), bad));
            }
            if word.split('/').any(str::is_empty) {
                return Err(TopicError::EmptyLevel(word.into()));
            }
        }
        let base = format!("{prefix}/{device}");
        if base.len() > MAX_BYTES { Err(TopicError::TooLong(base.len())) } else { Ok(Self { base }) }
    }

    /// Where a retained message of the appliance goes.
    pub fn retained(&self, what: Retained) -> String {
        format!("{}/{}", self.base, what.name())
    }

    /// Where a message of the outbox goes.
    pub fn message(&self, kind: Kind, key: &str) -> String {
        match kind {
            Kind::Report => format!("{}/report", self.base),
            Kind::Fault => format!("{}/fault", self.base),
            Kind::Overlay => format!("{}/overlay/{}", self.base, level(key)),
        }
    }

    /// The filter that catches everything of this device.
    pub fn everything(&self) -> String {
        format!("{}/#", self.base)
    }
}

/// `key` as one level: what no topic may hold becomes `_`. Report ids are made of letters, digits and `-`, and stay as they are.
fn level(key: &str) -> String {
    let word: String =
        key.chars().map(|c| if matches!(c, '+' | '#' | '/') || c.is_control() { '_' } else { c }).collect();
    if word.is_empty() { "_".into() } else { word }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn topics_are_named_as_in_the_contract() {
        let topics = Topics::new("sagitta", "room-1").unwrap();
        assert_eq!(topics.retained(Retained::Status), "sagitta/room-1/status");
        assert_eq!(topics.message(Kind::Report, "r1"), "sagitta/room-1/report");
        assert_eq!(topics.message(Kind::Fault, "a/b.dcm"), "sagitta/room-1/fault");
        assert_eq!(topics.message(Kind::Overlay, "r1"), "sagitta/room-1/overlay/r1");
        assert_eq!(topics.everything(), "sagitta/room-1/#");
    }

    #[test]
    fn status_is_the_last_of_the_retained() {
        assert_eq!(Retained::ALL.iter().max(), Some(&Retained::Status));
        assert!(Retained::ALL.is_sorted());
    }

    #[test]
    fn words_that_no_topic_may_hold_are_refused() {
        for (prefix, device) in [
            ("", "r"),
            ("a//b", "r"),
            ("/a", "r"),
            ("a/", "r"),
            ("a/+", "r"),
            ("#", "r"),
            ("$SYS", "r"),
            ("a", ""),
            ("a", "b/c"),
            ("a", "b\0"),
        ] {
            assert!(Topics::new(prefix, device).is_err(), "{prefix:?} {device:?}");
        }
        assert!(Topics::new("hospital/ward 3/röntgen", "raum-1").is_ok());
        assert_eq!(Topics::new(&"x".repeat(600), "r"), Err(TopicError::TooLong(602)));
    }

    proptest! {
        #[test]
        fn every_topic_is_one_that_a_broker_takes(prefix in ".{0,20}", device in ".{0,20}", key in ".{0,40}") {
            if let Ok(topics) = Topics::new(&prefix, &device) {
                let levels = prefix.split('/').count() + 1;
                for (topic, extra) in [(topics.message(Kind::Overlay, &key), 2), (topics.message(Kind::Fault, &key), 1)] {
                    prop_assert!(!topic.contains(['+', '#', '\0']) && !topic.starts_with('$'));
                    prop_assert_eq!(topic.split('/').count(), levels + extra);
                    prop_assert!(topic.split('/').all(|level| !level.is_empty()));
                }
            }
        }
    }
}
