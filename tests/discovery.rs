//! The announcement to home automation, on a real mosquitto: made on every connection, taken back on request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use sagitta::ledger::{Ledger, Limits};
use sagitta::publish::mqtt::{self, discovery};
use sagitta::publish::{Settings, wire};

mod publish_support;
use publish_support::{Mosquitto, Subscriber, eventually};

const TOPIC: &str = "homeassistant/device/sagitta-room-1/config";

fn run<T>(done: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(done)
}

#[test]
fn a_device_is_announced_before_its_topics_and_taken_back_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let ledger = Ledger::open(folder.path(), Limits::default()).unwrap();
    let settings = Settings { discovery: Some("homeassistant".into()), ..Settings::local(broker.port, "room-1") };
    let live = Subscriber::start(broker.port, "#");
    let handle = mqtt::spawn(settings.clone(), ledger).unwrap();
    let topics = mqtt::topics(&settings).unwrap();
    handle.set_discovery(wire::discovery(&topics, "room-1", "0.1.0"));
    handle.set_info(wire::info("room-1", "0.1.0", "r", None, Vec::new()));
    handle.set_status(wire::StatusState::Online, None);
    let announced = live.next();
    assert_eq!((announced.topic.as_str(), announced.content_type.as_str()), (TOPIC, "application/json"));
    let payload = announced.json();
    assert_eq!(payload["components"]["status"]["state_topic"], "sagitta/room-1/status");
    assert!(live.next().is("info") && live.next().is("status"));

    let late = Subscriber::start(broker.port, "homeassistant/#");
    assert!(late.next().retained);
    run(handle.stop(Duration::from_secs(20)));
    assert_eq!(run(discovery::remove(&settings, "homeassistant")).unwrap(), TOPIC);
    assert_eq!(late.wait_for("the empty payload", |seen| seen.topic == TOPIC).payload, "");
    let later = Subscriber::start(broker.port, "homeassistant/#");
    assert!(later.rest().is_empty(), "nothing is retained any more");
    let error = run(discovery::remove(&settings, "a/#")).unwrap_err().to_string();
    assert!(error.contains('#'), "{error}");
}

#[test]
fn without_the_wish_nothing_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let ledger = Ledger::open(folder.path(), Limits::default()).unwrap();
    let handle = mqtt::spawn(Settings::local(broker.port, "room-1"), ledger).unwrap();
    let everything = Subscriber::start(broker.port, "#");
    handle.set_status(wire::StatusState::Online, None);
    let link = handle.link();
    eventually("it is connected", || link.borrow().connected);
    assert!(everything.wait_for("a message", |_| true).is("status"));
    assert!(everything.rest().iter().all(|seen| !seen.topic.starts_with("homeassistant")));
    run(handle.stop(Duration::from_secs(20)));
}
