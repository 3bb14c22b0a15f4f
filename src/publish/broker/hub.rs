//! Who has subscribed to what, and what is retained: one task owns both.
//!
//! A message goes to each client once, with the best QoS and all identifiers of its matching subscriptions (MQTT 5,
//! 3.3.4). A client whose queue is full is let go: its session ends with "quota exceeded".

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Publish, RetainForwardRule};
use tokio::sync::mpsc;

/// Deliveries that wait for one client.
pub(super) const DELIVERIES: usize = 256;
/// Retained messages, over all topics; the next new topic is not retained.
const MAX_RETAINED: usize = 10_000;
/// Bytes of their payloads.
const MAX_RETAINED_BYTES: usize = 64 * 1024 * 1024;
/// Subscriptions of one client.
const MAX_SUBSCRIPTIONS: usize = 64;

/// Which session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) u64);

/// What a session asks of the hub.
#[derive(Debug)]
pub(super) enum Command {
    /// A client has connected; an older session of the same client id is taken over.
    Attach(Key, String, mpsc::Sender<Delivery>),
    /// It subscribes, with a subscription identifier.
    Subscribe(Key, Vec<Filter>, Option<usize>),
    /// It no longer wants these.
    Unsubscribe(Key, Vec<String>),
    /// It publishes; a will comes from no session.
    Publish(Option<Key>, Publish),
    /// It is gone.
    Detach(Key),
}

/// What a session receives from the hub.
#[derive(Debug)]
pub(super) enum Delivery {
    /// Messages, in order; several where retained ones answer a subscription.
    Messages(Vec<Publish>),
    /// Another connection uses the same client id.
    TakenOver,
}

#[derive(Debug)]
struct Client {
    id: String,
    deliveries: mpsc::Sender<Delivery>,
    subscriptions: Vec<Subscription>,
}

#[derive(Debug)]
struct Subscription {
    filter: Filter,
    identifier: Option<usize>,
}

#[derive(Debug)]
struct Kept {
    message: Publish,
    since: Instant,
}

/// Subscriptions and retained messages.
#[derive(Debug, Default)]
pub(super) struct Hub {
    clients: HashMap<Key, Client>,
    retained: BTreeMap<Bytes, Kept>,
    retained_bytes: usize,
}

impl Hub {
    /// Serves until every session and listener is gone.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        while let Some(command) = inbox.recv().await {
            self.obey(command, Instant::now());
        }
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Attach(key, id, deliveries) => {
                let older: Vec<Key> =
                    self.clients.iter().filter(|(_, client)| client.id == id).map(|(key, _)| *key).collect();
                for key in older {
                    if let Some(client) = self.clients.remove(&key) {
                        // Where the queue is full, the closed queue ends the older session.
                        let _ = client.deliveries.try_send(Delivery::TakenOver);
                    }
                }
                self.clients.insert(key, Client { id, deliveries, subscriptions: Vec::new() });
            }
            Command::Subscribe(key, filters, identifier) => self.subscribe(key, filters, identifier, now),
            Command::Unsubscribe(key, filters) => {
                if let Some(client) = self.clients.get_mut(&key) {
                    client.subscriptions.retain(|subscription| !filters.contains(&subscription.filter.path));
                }
            }
            Command::Publish(from, message) => {
                if message.retain {
                    self.retain(&message, now);
                }
                self.distribute(from, &message);
            }
            Command::Detach(key) => drop(self.clients.remove(&key)),
        }
    }

    fn subscribe(&mut self, key: Key, filters: Vec<Filter>, identifier: Option<usize>, now: Instant) {
        self.expire(now);
        let Some(client) = self.clients.get_mut(&key) else { return };
        let mut answers = Vec::new();
        for filter in filters {
            let known = client.subscriptions.iter().position(|s| s.filter.path == filter.path);
            let wanted = match filter.retain_forward_rule {
                RetainForwardRule::OnEverySubscribe => true,
                RetainForwardRule::OnNewSubscribe => known.is_none(),
                RetainForwardRule::Never => false,
            };
            let subscription = Subscription { filter, identifier };
            if wanted {
                let kept =
                    self.retained.values().filter(|kept| matches(&subscription.filter.path, &kept.message.topic));
                answers.extend(kept.map(|kept| {
                    let mut message = addressed(&kept.message, subscription.filter.qos, &[identifier], true);
                    shorten(&mut message, now.saturating_duration_since(kept.since));
                    message
                }));
            }
            if let Some(at) = known {
                client.subscriptions.remove(at);
            }
            if client.subscriptions.len() < MAX_SUBSCRIPTIONS {
                client.subscriptions.push(subscription);
            }
        }
        if !answers.is_empty() && client.deliveries.try_send(Delivery::Messages(answers)).is_err() {
            self.clients.remove(&key);
        }
    }

    fn retain(&mut self, message: &Publish, now: Instant) {
        self.expire(now);
        if let Some(older) = self.retained.remove(&message.topic) {
            self.retained_bytes -= older.message.payload.len();
        }
        let bytes = message.payload.len();
        let room = self.retained.len() < MAX_RETAINED && self.retained_bytes + bytes <= MAX_RETAINED_BYTES;
        // An empty payload deletes (MQTT 5, 3.3.1.3).
        if bytes > 0 && room {
            self.retained_bytes += bytes;
            self.retained.insert(message.topic.clone(), Kept { message: message.clone(), since: now });
        }
    }

    fn expire(&mut self, now: Instant) {
        let bytes = &mut self.retained_bytes;
        self.retained.retain(|_, kept| {
            let expired = expiry(&kept.message)
                .is_some_and(|s| now.saturating_duration_since(kept.since) >= Duration::from_secs(s.into()));
            if expired {
                *bytes -= kept.message.payload.len();
            }
            !expired
        });
    }

    fn distribute(&mut self, from: Option<Key>, message: &Publish) {
        self.clients.retain(|key, client| {
            let own = from == Some(*key);
            let wanted = client.subscriptions.iter().filter(|subscription| {
                let filter = &subscription.filter;
                !(own && filter.nolocal) && matches(&filter.path, &message.topic)
            });
            let (mut qos, mut identifiers, mut keep_flag, mut any) = (QoS::AtMostOnce, Vec::new(), false, false);
            for subscription in wanted {
                any = true;
                keep_flag |= subscription.filter.preserve_retain;
                identifiers.push(subscription.identifier);
                if subscription.filter.qos != QoS::AtMostOnce {
                    qos = QoS::AtLeastOnce;
                }
            }
            if !any {
                return true;
            }
            let copy = addressed(message, qos, &identifiers, message.retain && keep_flag);
            client.deliveries.try_send(Delivery::Messages(vec![copy])).is_ok()
        });
    }
}

/// `message` as one subscriber gets it: the lower of both QoS, its own identifiers, everything else handed on.
fn addressed(message: &Publish, qos: QoS, identifiers: &[Option<usize>], retain: bool) -> Publish {
    let mut copy = message.clone();
    copy.dup = false;
    copy.pkid = 0;
    copy.retain = retain;
    copy.qos =
        if message.qos == QoS::AtMostOnce || qos == QoS::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
    let identifiers: Vec<usize> = identifiers.iter().flatten().copied().collect();
    if !identifiers.is_empty() {
        copy.properties.get_or_insert_default().subscription_identifiers = identifiers;
    }
    copy
}

fn expiry(message: &Publish) -> Option<u32> {
    message.properties.as_ref().and_then(|properties| properties.message_expiry_interval)
}

/// What is left of the expiry after `waited` (MQTT 5, 3.3.2.3.3).
fn shorten(message: &mut Publish, waited: Duration) {
    let waited = u32::try_from(waited.as_secs()).unwrap_or(u32::MAX);
    if let Some(left) = message.properties.as_mut().and_then(|properties| properties.message_expiry_interval.as_mut()) {
        *left = left.saturating_sub(waited);
    }
}

/// Whether `topic` falls under `filter` (MQTT 5, 4.7); a wildcard at the front does not reach topics that begin with `$`.
pub(super) fn matches(filter: &str, topic: &[u8]) -> bool {
    let Ok(topic) = std::str::from_utf8(topic) else { return false };
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (word, Some(level)) if word == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a/b", true),
            ("+/+", "/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("a/+/c", "a//c", true),
        ] {
            assert_eq!(matches(filter, topic.as_bytes()), expected, "{filter} {topic}");
        }
    }

    fn attach(hub: &mut Hub, key: u64, filter: &str) -> mpsc::Receiver<Delivery> {
        let (sender, receiver) = mpsc::channel(DELIVERIES);
        hub.obey(Command::Attach(Key(key), format!("client-{key}"), sender), Instant::now());
        let filter = Filter::new(filter, QoS::AtLeastOnce);
        hub.obey(Command::Subscribe(Key(key), vec![filter], None), Instant::now());
        receiver
    }

    fn retained(topic: &str, payload: &str) -> Publish {
        let mut message = Publish::new(topic, QoS::AtLeastOnce, payload.to_owned(), None);
        message.retain = true;
        message
    }

    #[test]
    fn a_late_subscriber_gets_every_retained_message_however_many() {
        let mut hub = Hub::default();
        for n in 0..1000 {
            hub.obey(Command::Publish(None, retained(&format!("s/{n}"), "x")), Instant::now());
        }
        hub.obey(Command::Publish(None, retained("s/7", "")), Instant::now());
        let mut late = attach(&mut hub, 1, "s/#");
        let Ok(Delivery::Messages(messages)) = late.try_recv() else { panic!("nothing retained") };
        assert_eq!(messages.len(), 999);
        assert!(messages.iter().all(|message| message.retain));
    }

    #[test]
    fn who_does_not_keep_up_is_let_go_and_nobody_else() {
        let mut hub = Hub::default();
        let mut slow = attach(&mut hub, 1, "#");
        let mut fast = attach(&mut hub, 2, "#");
        let mut received = 0;
        for _ in 0..=DELIVERIES {
            hub.obey(Command::Publish(None, Publish::new("t", QoS::AtMostOnce, "x", None)), Instant::now());
            while fast.try_recv().is_ok() {
                received += 1;
            }
        }
        assert_eq!(received, DELIVERIES + 1);
        assert_eq!(std::iter::from_fn(|| slow.try_recv().ok()).count(), DELIVERIES);
        assert!(matches!(slow.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
    }

    #[test]
    fn what_has_expired_is_not_handed_out() {
        let mut hub = Hub::default();
        let mut message = retained("s", "x");
        message.properties.get_or_insert_default().message_expiry_interval = Some(10);
        let start = Instant::now();
        hub.obey(Command::Publish(None, message), start);
        let mut early = attach_at(&mut hub, 1, start + Duration::from_secs(4));
        let Ok(Delivery::Messages(messages)) = early.try_recv() else { panic!("not expired yet") };
        assert_eq!(messages.first().and_then(expiry), Some(6));
        let mut late = attach_at(&mut hub, 2, start + Duration::from_secs(10));
        assert!(late.try_recv().is_err());
        assert_eq!(hub.retained_bytes, 0);
    }

    fn attach_at(hub: &mut Hub, key: u64, now: Instant) -> mpsc::Receiver<Delivery> {
        let (sender, receiver) = mpsc::channel(DELIVERIES);
        hub.obey(Command::Attach(Key(key), format!("client-{key}"), sender), now);
        hub.obey(Command::Subscribe(Key(key), vec![Filter::new("#", QoS::AtMostOnce)], None), now);
        receiver
    }
}
