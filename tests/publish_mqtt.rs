//! The publisher against a real mosquitto.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod publish_support;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use chrono::Utc;
use publish_support::{Mosquitto, PATIENCE, Seen5, Subscriber, eventually, free_port, id, record, record_at};
use sagitta::ledger::{Film, Identity, Kind, Ledger, Limits, NewRow, Seen};
use sagitta::publish::mqtt::{self, Handle};
use sagitta::publish::wire::{self, StatusState};
use sagitta::publish::{Login, Settings, Tls};
use tempfile::TempDir;

struct Room {
    folder: TempDir,
    ledger: Ledger,
}

impl Room {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let ledger = Ledger::open(&folder.path().join("store"), Limits::default()).unwrap();
        Self { folder, ledger }
    }

    fn reopen(&mut self) {
        self.ledger = Ledger::open(&self.folder.path().join("store"), Limits::default()).unwrap();
    }

    fn broker(&self) -> Mosquitto {
        Mosquitto::start(self.folder.path())
    }

    fn publisher(&self, port: u16) -> Handle {
        self.publisher_with(Settings::local(port, "room-1"))
    }

    fn publisher_with(&self, settings: Settings) -> Handle {
        let handle = mqtt::spawn(settings, self.ledger.clone()).unwrap();
        handle.set_info(wire::info("room-1", "0.1.0", "abc", None, vec![]));
        handle.set_status(StatusState::Online, None);
        handle
    }

    fn outbox_is_empty(&self) -> bool {
        self.ledger.room().unwrap().waiting == 0
    }
}

fn stop(handle: Handle) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(handle.stop(PATIENCE));
}

fn states(seen: &[Seen5]) -> Vec<String> {
    seen.iter().filter(|s| s.is("status")).map(|s| s.json()["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_report_arrives_with_its_topic_and_properties() {
    let room = Room::new();
    let broker = room.broker();
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/#");
    let handle = room.publisher(broker.port);
    subscriber.wait_for("status", |seen| seen.is("status"));
    record(&room.ledger, 1);
    handle.outbox_changed();
    let seen = subscriber.next();
    assert_eq!(seen.topic, "sagitta/room-1/report");
    assert_eq!((seen.qos, seen.retained, seen.content_type.as_str()), (1, false, "application/json"));
    assert!(seen.expiry.parse::<u32>().unwrap() > 600_000, "{}", seen.expiry);
    let report = seen.json();
    assert_eq!(report["report_id"], id(1).0);
    assert_eq!((report["seq"].as_u64(), report["historical"].as_bool()), (Some(1), Some(false)));
    eventually("the delivery is counted", || handle.link().borrow().delivered == 1);
    assert!(room.outbox_is_empty(), "it is counted after the row is deleted");
    let link = handle.link().borrow().clone();
    assert!(link.connected && link.problem.is_none(), "{link:?}");
    assert_eq!((link.delivered, link.latencies.len()), (1, 1));
    record_at(&room.ledger, 2, Utc::now() - chrono::Duration::minutes(2));
    handle.outbox_changed();
    assert_eq!(subscriber.next().json()["historical"], true);
    eventually("the delivery is counted", || handle.link().borrow().delivered == 2);
    assert_eq!(handle.link().borrow().latencies.len(), 1, "a late report is not counted");
    stop(handle);
}

#[test]
fn an_overlay_is_a_picture_and_a_fault_is_json() {
    let room = Room::new();
    let broker = room.broker();
    let subscriber =
        Subscriber::start_with(broker.port, &["-t", "sagitta/room-1/#", "-T", "+/+/status", "-T", "+/+/info"]);
    let handle = room.publisher(broker.port);
    let hash = publish_support::hash(1);
    let now = Utc::now();
    let film = Film {
        identity: Identity::Content(&hash),
        file: "f",
        received_at: now,
        seen: Seen::Fault(sagitta::domain::fault::FaultCode::Corrupt),
    };
    let row = |kind, payload: Vec<u8>| NewRow { kind, key: "r-1".into(), payload, received_at: now, expires_in: None };
    let largest = vec![b'j'; 256 * 1024];
    room.ledger.record(&film, &[row(Kind::Overlay, largest), row(Kind::Fault, b"{}".to_vec())], now).unwrap();
    handle.outbox_changed();
    let fault = subscriber.next();
    assert_eq!((fault.topic.as_str(), fault.content_type.as_str()), ("sagitta/room-1/fault", "application/json"));
    let overlay = subscriber.next();
    assert_eq!((overlay.topic.as_str(), overlay.content_type.as_str()), ("sagitta/room-1/overlay/r-1", "image/jpeg"));
    assert_eq!(overlay.payload.len(), 256 * 1024);
    stop(handle);
}

#[test]
fn a_late_subscriber_learns_the_state_and_a_stop_says_offline() {
    let room = Room::new();
    let broker = room.broker();
    let handle = room.publisher(broker.port);
    let early = Subscriber::start(broker.port, "sagitta/room-1/#");
    early.wait_for("status", |seen| seen.is("status"));
    let late = Subscriber::start(broker.port, "sagitta/room-1/#");
    let (one, two) = (late.next(), late.next());
    let mut topics = [one.topic.as_str(), two.topic.as_str()];
    topics.sort_unstable();
    assert_eq!(topics, ["sagitta/room-1/info", "sagitta/room-1/status"]);
    assert!(one.retained && two.retained);
    stop(handle);
    let seen = early.wait_for("offline", |seen| seen.json()["state"] == "offline");
    assert_eq!(seen.json()["detail"], "the service was stopped");
    assert!(Subscriber::start(broker.port, "sagitta/room-1/status").next().retained);
    assert!(broker.log().contains("Received DISCONNECT from sagitta-room-1"));
}

#[test]
fn a_publisher_that_vanishes_leaves_its_will() {
    let room = Room::new();
    let broker = room.broker();
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/status");
    let handle = room.publisher(broker.port);
    assert_eq!(subscriber.next().json()["state"], "online");
    drop(handle);
    let will = subscriber.next();
    assert_eq!(will.json()["state"], "offline");
    assert_eq!((will.qos, will.content_type.as_str()), (1, "application/json"));
    assert!(Subscriber::start(broker.port, "sagitta/room-1/status").next().retained);
}

#[test]
fn a_broker_that_comes_later_gets_everything() {
    let room = Room::new();
    let port = free_port();
    let handle = room.publisher(port);
    for n in 1..=5 {
        record(&room.ledger, n);
    }
    handle.outbox_changed();
    let link = handle.link();
    eventually("the problem is told", || link.borrow().problem.is_some());
    let _broker = Mosquitto::start_with(room.folder.path(), port, "allow_anonymous true\n");
    eventually("all are delivered", || link.borrow().delivered == 5);
    assert!(room.outbox_is_empty());
    assert!(Subscriber::start(port, "sagitta/room-1/status").next().retained);
    stop(handle);
}

/// 200 rows, and a broker that is stopped in the middle of them, twice; the subscriber's session outlives it.
#[test]
fn a_broker_that_goes_and_comes_loses_nothing() {
    const FILMS: u32 = 200;
    let mut room = Room::new();
    let place = room.folder.path().display();
    let settings =
        format!("allow_anonymous true\npersistence true\npersistence_location {place}/\nmax_queued_messages 0\n");
    let mut broker = Mosquitto::start_with(room.folder.path(), free_port(), &settings);
    let session = ["-t", "sagitta/room-1/#", "-i", "watcher", "-c", "-x", "3600"];
    let mut subscriber = Subscriber::start_with(broker.port, &session);
    let handle = room.publisher(broker.port);
    let mut seen = Vec::new();
    for n in 1..=FILMS {
        record(&room.ledger, n);
        handle.outbox_changed();
        if n == 70 || n == 140 {
            let link = handle.link();
            let before = link.borrow().delivered;
            eventually("some are delivered", || link.borrow().delivered > before || room.outbox_is_empty());
            broker.terminate();
            seen.extend(subscriber.rest());
            drop(subscriber);
            record(&room.ledger, 1_000 + n);
            broker.restart();
            subscriber = Subscriber::start_with(broker.port, &session);
        }
    }
    eventually("the outbox is empty", || room.outbox_is_empty());
    seen.extend(subscriber.rest());
    stop(handle);
    let mut numbers = BTreeMap::new();
    for report in seen.iter().filter(|seen| seen.is("report")).map(Seen5::json) {
        let film = report["report_id"].as_str().unwrap().to_owned();
        let seq = report["seq"].as_u64().unwrap();
        assert_eq!(*numbers.entry(film).or_insert(seq), seq, "one film, two numbers");
    }
    let mut numbers: Vec<u64> = numbers.into_values().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=u64::from(FILMS) + 2).collect::<Vec<_>>());
    assert!(states(&seen).iter().filter(|state| *state == "online").count() >= 3, "announced after every return");
    room.reopen();
    assert!(room.outbox_is_empty());
}

/// The publisher dies with rows in the outbox; the next one, with the same ledger, delivers them, and says so.
#[test]
fn a_new_publisher_delivers_what_the_old_one_left() {
    let mut room = Room::new();
    for n in 1..=3 {
        record(&room.ledger, n);
    }
    let orphan = room.publisher(free_port());
    drop(orphan);
    room.reopen();
    let broker = room.broker();
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/report");
    let handle = room.publisher(broker.port);
    for n in 1..=3 {
        let report = subscriber.next().json();
        assert_eq!((report["seq"].as_u64(), report["historical"].as_bool()), (Some(n), Some(true)));
    }
    record(&room.ledger, 4);
    handle.outbox_changed();
    assert_eq!(subscriber.next().json()["historical"], false);
    eventually("the outbox is empty", || room.outbox_is_empty());
    stop(handle);
}

/// Only the status may be written: the report is kept, and it is told why; when the list is mended it arrives.
#[test]
fn a_report_the_broker_forbids_is_kept_and_told() {
    let room = Room::new();
    let rules = room.folder.path().join("acl");
    fs::write(&rules, "topic write sagitta/room-1/status\ntopic write sagitta/room-1/fault\ntopic read #\n").unwrap();
    let settings = format!("allow_anonymous true\nacl_file {}\n", rules.display());
    let mut broker = Mosquitto::start_with(room.folder.path(), free_port(), &settings);
    let handle = room.publisher(broker.port);
    record(&room.ledger, 1);
    handle.outbox_changed();
    let listed = || room.ledger.outbox(10).unwrap();
    eventually("the row is set aside", || listed().first().is_some_and(|row| row.attempts == 1));
    let why = listed()[0].last_error.clone().unwrap();
    assert!(why.contains("not authorised") && why.contains("0x87"), "{why}");
    let link = handle.link().borrow().clone();
    assert_eq!((link.delivered, link.refused), (0, 2), "info and report: {link:?}");
    fs::write(&rules, "topic readwrite #\n").unwrap();
    broker.kill();
    broker.restart();
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/report");
    assert_eq!(room.ledger.retry(None).unwrap(), 1);
    handle.outbox_changed();
    assert_eq!(subscriber.next().json()["report_id"], id(1).0);
    eventually("the outbox is empty", || room.outbox_is_empty());
    stop(handle);
}

/// mosquitto answers a payload beyond `message_size_limit` with a PUBACK of 0x95, which the standard lists for DISCONNECT only.
#[test]
fn a_message_too_large_for_the_broker_does_not_hold_up_the_others() {
    for limit in ["message_size_limit 20000", "max_packet_size 20000"] {
        let room = Room::new();
        let settings = format!("allow_anonymous true\n{limit}\n");
        let broker = Mosquitto::start_with(room.folder.path(), free_port(), &settings);
        let now = Utc::now();
        for (n, bytes) in [(1, 30_000), (2, 100)] {
            let hash = publish_support::hash(n);
            let seen = Seen::Fault(sagitta::domain::fault::FaultCode::Corrupt);
            let film = Film { identity: Identity::Content(&hash), file: "f", received_at: now, seen };
            let payload = vec![b'x'; bytes];
            let row = NewRow { kind: Kind::Fault, key: n.to_string(), payload, received_at: now, expires_in: None };
            room.ledger.record(&film, &[row], now).unwrap();
        }
        let subscriber = Subscriber::start(broker.port, "sagitta/room-1/fault");
        let handle = room.publisher(broker.port);
        assert_eq!(subscriber.next().payload.len(), 100, "{limit}");
        eventually("the small one is deleted", || room.ledger.room().unwrap().waiting == 1);
        let listed = room.ledger.outbox(10).unwrap();
        assert_eq!((listed[0].key.as_str(), listed[0].attempts), ("1", 1), "{limit}: {listed:?}");
        assert!(listed[0].last_error.as_deref().is_some_and(|why| why.contains("larger")), "{limit}: {listed:?}");
        stop(handle);
    }
}

#[test]
fn a_wrong_password_is_told_and_the_right_one_is_read_anew() {
    let room = Room::new();
    let passwords = room.folder.path().join("passwords");
    let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&passwords).args(["sagitta", "right"]).status();
    assert!(made.expect("mosquitto_passwd is part of the Debian package mosquitto").success());
    let settings = format!("allow_anonymous false\npassword_file {}\n", passwords.display());
    let broker = Mosquitto::start_with(room.folder.path(), free_port(), &settings);
    let file = room.folder.path().join("password");
    fs::write(&file, "wrong\n").unwrap();
    let login = Some(Login { username: "sagitta".into(), password_file: Some(file.clone()) });
    let handle = room.publisher_with(Settings { login, ..Settings::local(broker.port, "room-1") });
    let link = handle.link();
    eventually("the refusal is told", || {
        link.borrow().problem.as_ref().is_some_and(|(_, text)| text.contains("password"))
    });
    fs::write(&file, "right\n").unwrap();
    eventually("it connects", || link.borrow().connected);
    stop(handle);
}

#[test]
fn tls_checks_the_broker_and_shows_who_it_is() {
    let room = Room::new();
    let folder = room.folder.path();
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(&format!("{request} -keyout ca.key -out ca.pem -subj /CN=authority"));
    openssl(&format!("{request} -keyout other.key -out other.pem -subj /CN=other"));
    for (name, extra) in [("server", "subjectAltName=DNS:localhost"), ("client", "extendedKeyUsage=clientAuth")] {
        openssl(&format!(
            "{request} -keyout {name}.key -out {name}.pem -subj /CN={name} -CA ca.pem -CAkey ca.key -addext {extra} -addext basicConstraints=critical,CA:FALSE"
        ));
    }
    let path = |name: &str| folder.join(name);
    let settings = format!(
        "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true\n",
        path("ca.pem").display(),
        path("server.pem").display(),
        path("server.key").display()
    );
    let broker = Mosquitto::start_with(folder, free_port(), &settings);
    let client = Some((path("client.pem"), path("client.key")));
    let with = |ca: &str, client: &Option<_>| Settings {
        host: "localhost".into(),
        tls: Some(Tls { ca_file: path(ca), client: client.clone() }),
        ..Settings::local(broker.port, "room-1")
    };
    let handle = room.publisher_with(with("ca.pem", &client));
    let link = handle.link();
    record(&room.ledger, 1);
    handle.outbox_changed();
    eventually("it is delivered over TLS", || link.borrow().delivered == 1);
    stop(handle);
    let stranger = room.publisher_with(with("other.pem", &client));
    let link = stranger.link();
    eventually("a broker of another authority is refused", || {
        link.borrow().problem.as_ref().is_some_and(|(_, text)| text.contains("certificate"))
    });
    assert!(!link.borrow().connected);
    drop(stranger);
    let wrong_key = Some((path("client.pem"), path("server.key")));
    let error = mqtt::check(&with("ca.pem", &wrong_key)).unwrap_err().to_string();
    assert!(error.contains("server.key") && error.contains("does not belong"), "{error}");
    let error = mqtt::check(&with("missing.pem", &None)).unwrap_err().to_string();
    assert!(error.contains("missing.pem"), "{error}");
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let good = Settings::local(1883, "room-1");
    assert!(mqtt::check(&good).is_ok());
    for bad in [
        Settings { device: "room/1".into(), ..good.clone() },
        Settings { prefix: "#".into(), ..good.clone() },
        Settings { host: " ".into(), ..good.clone() },
        Settings { keep_alive: Duration::from_secs(1), ..good },
    ] {
        assert!(mqtt::check(&bad).is_err(), "{bad:?}");
    }
}
