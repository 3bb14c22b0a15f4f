//! The radiographer's word from outside: a real mosquitto, requests as any client sends them, and what they change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod publish_support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use publish_support::{Mosquitto, PATIENCE, Seen5, Subscriber, eventually, free_port, id, publish, record};
use sagitta::domain::report::ReportId;
use sagitta::ledger::{Ledger, Limits, Range};
use sagitta::publish::Settings;
use sagitta::publish::desk::{Desk, Request};
use sagitta::publish::mqtt::requests::{self, Requests};
use sagitta::publish::mqtt::{self, Handle};
use sagitta::publish::topics::Topics;
use sagitta::publish::wire::{self, StatusState};
use sagitta::rejects::Analysis;
use serde_json::{Value, json};
use tempfile::TempDir;

const REQUEST: &str = "sagitta/room-1/repeat/request";
const RESPONSE: &str = "sagitta/room-1/repeat/response";

/// A ledger, a broker that keeps its sessions, and the two connections of the service.
struct Room {
    folder: TempDir,
    broker: Mosquitto,
    ledger: Ledger,
    service: Option<(Arc<Handle>, Requests)>,
}

impl Room {
    fn new() -> Self {
        Self::with("")
    }

    /// `settings` are further lines of mosquitto.conf.
    fn with(settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let ledger = Ledger::open(&folder.path().join("store"), Limits::default()).unwrap();
        let settings = format!("allow_anonymous true\nmax_queued_messages 0\nmax_queued_bytes 0\n{settings}");
        let broker = Mosquitto::start_with(folder.path(), free_port(), &settings);
        let mut room = Self { folder, broker, ledger, service: None };
        room.start();
        room
    }

    fn start(&mut self) {
        let times = self.listened();
        let settings = Settings::local(self.broker.port, "room-1");
        let handle = Arc::new(mqtt::spawn(settings.clone(), self.ledger.clone()).unwrap());
        handle.set_status(StatusState::Online, None);
        let answering = handle.clone();
        let requests = requests::spawn(settings, self.ledger.clone(), move || answering.outbox_changed()).unwrap();
        self.service = Some((handle, requests));
        eventually("requests are listened to", || self.listened() > times);
    }

    /// How often the broker has taken the subscription to requests.
    fn listened(&self) -> usize {
        self.broker.log().matches("Sending SUBACK to sagitta-room-1:requests").count()
    }

    /// Ends both connections and closes the ledger's handle.
    fn stop(&mut self) {
        let (handle, requests) = self.service.take().unwrap();
        requests.stop();
        let handle = Arc::into_inner(handle).expect("nobody else speaks to the publisher");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(handle.stop(PATIENCE));
    }

    fn reopen(&mut self) {
        self.ledger = Ledger::open(&self.folder.path().join("store"), Limits::default()).unwrap();
    }

    /// A subscriber whose payload is the correlation data, a `|`, and the payload.
    fn answers(&self, topic: &str) -> Subscriber {
        Subscriber::start_with(self.broker.port, &["-F", "SEEN\t%t\t%q\t%r\t%C\t%E\t%D|%p", "-t", topic])
    }

    fn send(&self, payload: &str, properties: &[&str]) {
        let mut arguments = vec!["-t", REQUEST, "-m", payload];
        for property in properties {
            arguments.extend(["-D", "publish"]);
            arguments.extend(property.split(' '));
        }
        assert!(publish(self.broker.port, &arguments), "the broker takes the request");
    }

    /// Sends a request from a file and waits for its answer.
    fn ask(&self, answers: &Subscriber, payload: &Value) -> Value {
        self.send(&payload.to_string(), &["correlation-data c-1"]);
        let (correlation, answer) = told(&answers.next());
        assert_eq!(correlation, "c-1");
        answer
    }

    fn analysis(&self) -> Analysis {
        Analysis::of(&self.ledger.judged(Range::default()).unwrap(), 0, 0)
    }
}

/// Correlation data and answer.
fn told(seen: &Seen5) -> (String, Value) {
    assert_eq!((seen.qos, seen.retained, seen.content_type.as_str()), (1, false, "application/json"));
    let (correlation, payload) = seen.payload.split_once('|').unwrap();
    let payload: Value = serde_json::from_str(payload).unwrap_or_else(|error| panic!("{error}: {payload}"));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/schemas/repeat_response.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&payload).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{payload}: {errors:?}");
    (correlation.to_owned(), payload)
}

fn word(n: u32, action: &str, reason: Option<&str>) -> Value {
    json!({"report_id": id(n).0, "action": action, "reason": reason, "by": "RT 7"})
}

#[test]
fn a_word_is_kept_answered_counted_and_taken_back() {
    let mut room = Room::new();
    for n in 1..=3 {
        record(&room.ledger, n);
    }
    let answers = room.answers(RESPONSE);
    let first = room.ask(&answers, &word(1, "repeat", Some("positioning")));
    assert_eq!((first["status"].as_str(), first["error"].as_str()), (Some("ok"), None), "{first}");
    assert_eq!((first["report_id"].as_str(), first["device"].as_str()), (Some("r-000001"), Some("room-1")));
    let decision = &first["decision"];
    assert_eq!(
        (decision["action"].as_str(), decision["reason"].as_str(), decision["dicom_code"].as_str()),
        (Some("repeat"), Some("positioning"), Some("111209"))
    );
    assert_eq!(decision["by"], "RT 7");
    let kept = room.ledger.decision(&id(1)).unwrap().unwrap();
    assert_eq!(room.ledger.report(&id(1)).unwrap().unwrap().decision, Some(kept.clone()));
    let total = room.analysis().total;
    assert_eq!((total.films, total.repeated, total.undecided()), (3, 1, 2));

    // The same again, also written otherwise: nothing changes, and the answer is the same to the letter.
    for reason in ["positioning", "111209", "Positioning"] {
        assert_eq!(room.ask(&answers, &word(1, "repeat", Some(reason))), first);
    }
    assert_eq!(room.ledger.decision(&id(1)).unwrap(), Some(kept));

    let kept = room.ask(&answers, &word(1, "accept", None));
    assert_eq!((kept["status"].as_str(), kept["decision"]["action"].as_str()), (Some("ok"), Some("accept")));
    assert_eq!((room.analysis().total.repeated, room.analysis().total.accepted), (0, 1));
    let withdrawn = room.ask(&answers, &word(1, "withdraw", None));
    assert_eq!((withdrawn["status"].as_str(), &withdrawn["decision"]), (Some("ok"), &Value::Null));
    assert_eq!(room.ask(&answers, &word(1, "withdraw", None)), withdrawn);
    assert_eq!(room.ledger.decision(&id(1)).unwrap(), None);
    assert_eq!(room.analysis().total.undecided(), 3);

    // What was decided stands after a restart.
    let second = room.ask(&answers, &word(2, "repeat", Some("under-exposed")));
    room.stop();
    room.reopen();
    room.start();
    assert_eq!(room.ask(&answers, &word(2, "repeat", Some("underexposed"))), second);
    room.stop();
}

#[test]
fn what_is_no_good_request_is_refused_by_name_and_changes_nothing() {
    let mut room = Room::new();
    record(&room.ledger, 1);
    let answers = room.answers(RESPONSE);
    let refused = |payload: &str, code: &str| {
        room.send(payload, &["correlation-data x"]);
        let (correlation, answer) = told(&answers.next());
        assert_eq!((correlation.as_str(), answer["status"].as_str()), ("x", Some("refused")), "{answer}");
        assert_eq!(answer["code"], code, "{payload}: {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| error.len() > 10), "{answer}");
        assert_eq!(answer["decision"], Value::Null);
    };
    refused(&word(9, "repeat", Some("positioning")).to_string(), "unknown_report");
    refused(&word(1, "repeat", Some("bad hair day")).to_string(), "unknown_reason");
    refused(&word(1, "repeat", None).to_string(), "reason_missing");
    refused(&word(1, "destroy", None).to_string(), "unknown_action");
    refused("{\"report_id\":\"r-000001\",\"action\":\"accept\"}", "malformed");
    refused("'; DROP TABLE word; --", "malformed");
    refused(&"[".repeat(4000), "malformed");
    let mut long = word(1, "accept", None);
    long["by"] = "x".repeat(100).into();
    refused(&long.to_string(), "bad_signature");
    long["by"] = "x".repeat(100_000).into();
    refused(&long.to_string(), "too_large");
    // A megabyte, and an empty one.
    let file = room.folder.path().join("big");
    fs::write(&file, vec![b'{'; 1 << 20]).unwrap();
    assert!(publish(room.broker.port, &["-t", REQUEST, "-f", &file.display().to_string()]));
    assert_eq!(told(&answers.next()).1["code"], "too_large");
    assert!(publish(room.broker.port, &["-t", REQUEST, "-n"]));
    assert_eq!(told(&answers.next()).1["code"], "malformed");
    assert_eq!(room.ledger.decision(&id(1)).unwrap(), None);
    assert_eq!(room.analysis().total.undecided(), 1);
    room.stop();
}

#[test]
fn an_answer_goes_where_it_is_wished_but_not_in_our_name() {
    let mut room = Room::new();
    record(&room.ledger, 1);
    let all = room.answers(RESPONSE);
    let mine = room.answers("console/7/answers");
    let payload = word(1, "repeat", Some("motion_blur")).to_string();
    room.send(&payload, &["correlation-data abc", "response-topic console/7/answers"]);
    let (here, there) = (told(&all.next()), told(&mine.next()));
    assert_eq!(here, there);
    assert_eq!(here.0, "abc");
    let status = Subscriber::start(room.broker.port, "sagitta/room-1/status");
    assert_eq!(status.next().json()["state"], "online");
    for topic in ["sagitta/room-1/status", "sagitta/room-1/repeat/request"] {
        room.send(&payload, &["correlation-data abc", &format!("response-topic {topic}")]);
        assert_eq!(told(&all.next()), here);
    }
    assert!(status.rest().is_empty(), "nobody speaks in the appliance's name");
    room.stop();
}

#[test]
fn what_is_asked_while_the_service_is_down_is_taken_up_when_it_is_back() {
    let mut room = Room::new();
    for n in 1..=3 {
        record(&room.ledger, n);
    }
    room.stop();
    for n in 1..=3 {
        room.send(&word(n, "repeat", Some("grid")).to_string(), &[]);
    }
    // A retained one would come again with every start.
    assert!(publish(room.broker.port, &["-r", "-t", REQUEST, "-m", "nonsense"]));
    let answers = room.answers(RESPONSE);
    room.reopen();
    room.start();
    let told: Vec<Value> = (0..4).map(|_| told(&answers.next()).1).collect();
    let ids: Vec<_> = told.iter().map(|answer| answer["report_id"].as_str()).collect();
    assert_eq!(ids, [Some("r-000001"), Some("r-000002"), Some("r-000003"), None], "in order");
    room.stop();
    room.start();
    assert!(answers.rest().is_empty(), "nothing is taken twice");
    room.stop();
}

/// Between the ledger's commit and the broker lies a power cut: the answer is sent afterwards.
#[test]
fn an_answer_that_was_kept_before_a_crash_is_sent_after_it() {
    let mut room = Room::new();
    record(&room.ledger, 1);
    room.stop();
    let desk = Desk::new("room-1".into(), Topics::new("sagitta", "room-1").unwrap(), room.ledger.clone());
    let payload = word(1, "repeat", Some("positioning")).to_string().into_bytes();
    let request = Request { payload, correlation: Some(b"before".to_vec()), response_topic: None };
    assert!(desk.take(&request).unwrap());
    let answers = room.answers(RESPONSE);
    room.reopen();
    room.start();
    let (correlation, answer) = told(&answers.next());
    assert_eq!((correlation.as_str(), answer["status"].as_str()), ("before", Some("ok")));
    // The broker never saw an acknowledgement and brings it again: answered alike.
    assert_eq!(room.ask(&answers, &word(1, "repeat", Some("positioning"))), answer);
    room.stop();
}

#[test]
fn a_flood_of_requests_is_answered_and_overtaken_by_a_report() {
    const FLOOD: usize = 40;
    let mut room = Room::new();
    let everything = Subscriber::start_with(
        room.broker.port,
        &["-t", "sagitta/room-1/report", "-t", RESPONSE, "-F", "SEEN\t%t\t%q\t%r\t%C\t%E\t%l"],
    );
    let file = room.folder.path().join("flood");
    fs::write(&file, vec![b'x'; 200_000]).unwrap();
    for _ in 0..FLOOD {
        assert!(publish(room.broker.port, &["-t", REQUEST, "-f", &file.display().to_string()]));
    }
    for _ in 0..FLOOD {
        assert!(everything.next().is("response"), "every one of the flood is answered");
    }
    room.stop();
    // Answers that wait before a report was made go after it.
    let desk = Desk::new("room-1".into(), Topics::new("sagitta", "room-1").unwrap(), room.ledger.clone());
    for _ in 0..FLOOD {
        desk.take(&Request::default()).unwrap();
    }
    record(&room.ledger, 1);
    room.start();
    assert!(everything.next().is("report"));
    for _ in 0..FLOOD {
        assert!(everything.next().is("response"));
    }
    room.stop();
}

/// A site that does not let the appliance read must still get its reports.
#[test]
fn where_requests_may_not_be_read_reports_go_on() {
    let folder = TempDir::new().unwrap();
    let rules = folder.path().join("acl");
    fs::write(&rules, "topic write sagitta/room-1/#\ntopic read sagitta/room-1/report\n").unwrap();
    let settings = format!("allow_anonymous true\nacl_file {}\n", rules.display());
    let broker = Mosquitto::start_with(folder.path(), free_port(), &settings);
    let ledger = Ledger::open(&folder.path().join("store"), Limits::default()).unwrap();
    let settings = Settings::local(broker.port, "room-1");
    let handle = Arc::new(mqtt::spawn(settings.clone(), ledger.clone()).unwrap());
    let requests = requests::spawn(settings, ledger.clone(), || {}).unwrap();
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/report");
    record(&ledger, 1);
    handle.outbox_changed();
    assert_eq!(subscriber.next().json()["report_id"], id(1).0);
    requests.stop();
}

/// A report that is delivered after a decision carries it.
#[test]
fn a_report_that_comes_late_says_what_was_decided() {
    let mut room = Room::new();
    record(&room.ledger, 1);
    room.stop();
    record(&room.ledger, 2);
    let desk = Desk::new("room-1".into(), Topics::new("sagitta", "room-1").unwrap(), room.ledger.clone());
    desk.take(&Request { payload: word(2, "repeat", Some("111210")).to_string().into_bytes(), ..Request::default() })
        .unwrap();
    let reports = Subscriber::start(room.broker.port, "sagitta/room-1/report");
    room.reopen();
    room.start();
    let report = reports.wait_for("the second", |seen| seen.json()["report_id"] == id(2).0).json();
    assert_eq!(report["decision"]["reason"], "motion_blur");
    let row = room.ledger.report(&ReportId("r-000001".into())).unwrap().unwrap();
    let stored: Value =
        serde_json::from_slice(&wire::deliver(&row.payload, row.seq, false, row.decision.as_ref()).unwrap()).unwrap();
    assert_eq!(stored["decision"], Value::Null);
    assert!(stored.as_object().unwrap().contains_key("decision"), "never left out");
    room.stop();
}
