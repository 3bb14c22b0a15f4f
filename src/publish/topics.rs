//! The names of the topics: the only place where they are made.
//!
//! `<prefix>/<device>/<what>[/<key>]`. A name that exists is valid: no wildcard, no empty level, no control character,
//! not reserved for the broker. What goes where, and which is retained, stands in `docs/mqtt.md`.

use std::time::Duration;

use crate::ledger::Kind;

/// The longest name of prefix and device together, in bytes; a topic with its key stays far below the protocol's 65 535.
pub const MAX_BYTES: usize = 512;

/// After this a retained health that nobody renewed is gone.
pub const HEALTH_EXPIRY: Duration = Duration::from_secs(3600);

/// The last levels of the topic of answers.
const RESPONSE: &str = "repeat/response";

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
    /// How home automation is told of the device; only where that is configured.
    Discovery,
    /// Version, models, schemas.
    Info,
    /// How the appliance is, every minute.
    Health,
    /// How many films are repeated, and why.
    Rejects,
    /// Whether it works: last, so that who sees it online has seen the rest.
    Status,
}

impl Retained {
    /// In the order of publishing.
    pub const ALL: [Self; 5] = [Self::Discovery, Self::Info, Self::Health, Self::Rejects, Self::Status];

    /// The last level of the topic.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "config",
            Self::Info => "info",
            Self::Health => "health",
            Self::Rejects => "rejects",
            Self::Status => "status",
        }
    }
}

/// The topics of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    base: String,
    /// Where the device is announced to home automation.
    discovery: String,
}

/// What stands before the device in that topic, unless [`Topics::announced_below`] says otherwise.
const DISCOVERY: &str = "homeassistant";

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
        if base.len() > MAX_BYTES {
            return Err(TopicError::TooLong(base.len()));
        }
        Ok(Self { base, discovery: announcement(DISCOVERY, device) })
    }

    /// The same, with the announcement to home automation below `prefix`.
    ///
    /// # Errors
    /// As [`Topics::new`], about `prefix`.
    pub fn announced_below(self, prefix: &str) -> Result<Self, TopicError> {
        let device = self.base.rsplit_once('/').map_or("", |(_, device)| device);
        Self::new(prefix, device)?;
        let discovery = announcement(prefix, device);
        Ok(Self { discovery, ..self })
    }

    /// Where a retained message of the appliance goes; the announcement lies beside its own topics.
    pub fn retained(&self, what: Retained) -> String {
        if what == Retained::Discovery {
            return self.discovery.clone();
        }
        format!("{}/{}", self.base, what.name())
    }

    /// Where a message of the outbox goes.
    pub fn message(&self, kind: Kind, key: &str) -> String {
        match kind {
            Kind::Report => format!("{}/report", self.base),
            Kind::Fault => format!("{}/fault", self.base),
            Kind::Response => format!("{}/{RESPONSE}", self.base),
            Kind::Overlay => format!("{}/overlay/{}", self.base, level(key)),
            Kind::Study => format!("{}/study/{}", self.base, level(key)),
        }
    }

    /// Where radiographers' requests come from.
    pub fn requests(&self) -> String {
        format!("{}/repeat/request", self.base)
    }

    /// Whether an answer may also go to `topic`, which a request has asked for (MQTT 5, 4.10): never to a topic of this or
    /// another appliance below the prefix, so that nobody borrows this one's rights, except below the topic of answers.
    pub fn may_answer_at(&self, topic: &str) -> bool {
        let forbidden = |c: char| matches!(c, '+' | '#') || c.is_control();
        let sound =
            !topic.is_empty() && topic.len() <= MAX_BYTES && !topic.starts_with('$') && !topic.contains(forbidden);
        let prefix = self.base.rsplit_once('/').map_or("", |(prefix, _)| prefix);
        let below = |topic: &str, above: &str| topic.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        let ours = topic == prefix || below(topic, prefix);
        sound && (!ours || below(topic, &format!("{}/{RESPONSE}", self.base)))
    }

    /// The filter that catches everything of this device.
    pub fn everything(&self) -> String {
        format!("{}/#", self.base)
    }
}

/// Home Assistant's `<discovery_prefix>/device/<object_id>/config`; an object id is made of letters, digits, `-` and `_`.
fn announcement(prefix: &str, device: &str) -> String {
    let id: String =
        device.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' }).collect();
    format!("{prefix}/device/sagitta-{id}/config")
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
        assert_eq!(topics.message(Kind::Response, "r1"), "sagitta/room-1/repeat/response");
        assert_eq!(topics.requests(), "sagitta/room-1/repeat/request");
        assert_eq!(topics.retained(Retained::Rejects), "sagitta/room-1/rejects");
        assert_eq!(topics.message(Kind::Study, "s1"), "sagitta/room-1/study/s1");
        assert_eq!(topics.everything(), "sagitta/room-1/#");
    }

    #[test]
    fn home_automation_is_told_below_its_own_prefix() {
        let topics = Topics::new("sagitta", "room.1").unwrap();
        assert_eq!(topics.retained(Retained::Discovery), "homeassistant/device/sagitta-room_1/config");
        let topics = topics.announced_below("site/ha").unwrap();
        assert_eq!(topics.retained(Retained::Discovery), "site/ha/device/sagitta-room_1/config");
        assert_eq!(topics.retained(Retained::Info), "sagitta/room.1/info");
        assert!(topics.announced_below("ha/#").is_err());
    }

    #[test]
    fn status_is_the_last_of_the_retained() {
        assert_eq!(Retained::ALL.iter().max(), Some(&Retained::Status));
        assert!(Retained::ALL.is_sorted());
    }

    #[test]
    fn an_answer_goes_where_it_is_asked_for_but_never_in_an_appliances_name() {
        let topics = Topics::new("ward/x-ray", "room-1").unwrap();
        for good in ["console/7/answers", "ward/x-ray/room-1/repeat/response/console-7", "ward/x-ray2", "ward"] {
            assert!(topics.may_answer_at(good), "{good}");
        }
        for bad in [
            "",
            "ward/x-ray",
            "ward/x-ray/room-1/status",
            "ward/x-ray/room-1/report",
            "ward/x-ray/room-1/repeat/request",
            "ward/x-ray/room-1/repeat/response",
            "ward/x-ray/room-2/status",
            "$SYS/broker",
            "a/#",
            "a/+/b",
            "a\0b",
            &"x".repeat(600),
        ] {
            assert!(!topics.may_answer_at(bad), "{bad}");
        }
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
