//! The embedded broker, asked by mosquitto's own clients and by the publisher.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod publish_support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};
use publish_support::{PATIENCE, Subscriber, eventually, publish, record};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Connect, Filter, LastWill, Packet, Publish, Subscribe};
use sagitta::ledger::{Ledger, Limits};
use sagitta::publish::broker::{Broker, Settings};
use sagitta::publish::wire::{self, StatusState};
use sagitta::publish::{self, mqtt};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

/// A broker on a runtime of its own, so that the tests may block.
struct Running {
    runtime: tokio::runtime::Runtime,
    broker: Option<Broker>,
    tcp: u16,
    websocket: SocketAddr,
}

impl Running {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let broker = runtime.block_on(Broker::start(Settings::default())).unwrap();
        let (tcp, websocket) = (broker.tcp().port(), broker.websocket());
        Self { runtime, broker: Some(broker), tcp, websocket }
    }

    fn stop(&mut self) {
        let broker = self.broker.take().unwrap();
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, broker.stop()).await }).unwrap();
    }
}

/// A client of bare bytes, after its CONNECT.
fn connect(port: u16, will: Option<LastWill>) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let connect = Connect { keep_alive: 60, client_id: String::new(), clean_start: true, properties: None };
    let mut bytes = BytesMut::new();
    Packet::Connect(connect, will, None).write(&mut bytes, None).unwrap();
    stream.write_all(&bytes).unwrap();
    stream
}

#[test]
fn messages_pass_with_every_property() {
    let broker = Running::start();
    let subscriber = Subscriber::start(broker.tcp, "a/#");
    let other = Subscriber::start(broker.tcp, "a/+/c");
    let properties = ["-D", "publish", "content-type", "image/jpeg", "-D", "publish", "message-expiry-interval", "60"];
    assert!(publish(broker.tcp, &[&["-t", "a/b", "-m", "one"][..], &properties].concat()));
    assert!(publish(broker.tcp, &["-t", "a/b/c", "-m", "two"]));
    assert!(publish(broker.tcp, &["-t", "b", "-m", "three"]));
    let one = subscriber.next();
    assert_eq!((one.topic.as_str(), one.qos, one.retained), ("a/b", 1, false));
    assert_eq!((one.content_type.as_str(), one.expiry.as_str(), one.payload.as_str()), ("image/jpeg", "60", "one"));
    assert_eq!(subscriber.next().payload, "two");
    assert_eq!(other.next().payload, "two");
    assert_eq!((subscriber.rest(), other.rest()), (vec![], vec![]));
}

#[test]
fn late_subscribers_get_what_is_retained_and_only_that() {
    let broker = Running::start();
    for n in 0..150 {
        assert!(publish(broker.tcp, &["-t", &format!("r/{n}"), "-r", "-m", "old"]));
    }
    assert!(publish(
        broker.tcp,
        &["-t", "r/0", "-r", "-m", "new", "-D", "publish", "content-type", "application/json"]
    ));
    assert!(publish(broker.tcp, &["-t", "r/1", "-r", "-n"]));
    assert!(publish(broker.tcp, &["-t", "r/x", "-m", "not kept"]));
    let seen = Subscriber::start(broker.tcp, "r/#").rest();
    assert_eq!(seen.len(), 149);
    assert!(seen.iter().all(|message| message.retained && message.qos == 1));
    let newest = seen.iter().find(|message| message.topic == "r/0").unwrap();
    assert_eq!((newest.payload.as_str(), newest.content_type.as_str()), ("new", "application/json"));
}

#[test]
fn a_client_that_dies_leaves_its_will_and_one_that_leaves_does_not() {
    let broker = Running::start();
    let watcher = Subscriber::start(broker.tcp, "w/#");
    let with_will = |topic: &str| {
        let arguments =
            ["-t", "x", "--will-topic", topic, "--will-payload", "gone", "--will-qos", "1", "--will-retain"];
        Subscriber::start_with(broker.tcp, &arguments)
    };
    with_will("w/killed").kill();
    let will = watcher.next();
    assert_eq!((will.topic.as_str(), will.payload.as_str()), ("w/killed", "gone"));
    assert_eq!(Subscriber::start(broker.tcp, "w/#").next().topic, "w/killed");
    // "Disconnect with will message", without and with a length of properties; and a plain goodbye.
    for (name, goodbye) in [
        ("w/short", &[0xE0, 1, 4][..]),
        ("w/long", &[0xE0, 2, 4, 0]),
        ("w/none", &[0xE0, 0]),
        ("w/zero", &[0xE0, 2, 0, 0]),
    ] {
        let mut stream = connect(broker.tcp, Some(LastWill::new(name, "gone", QoS::AtLeastOnce, false, None)));
        stream.write_all(goodbye).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    assert_eq!([watcher.next().topic, watcher.next().topic], ["w/short", "w/long"]);
    // With -E it leaves after its SUBACK with a plain DISCONNECT.
    let arguments = ["-t", "x", "-E", "--will-topic", "w/polite", "--will-payload", "gone"];
    Subscriber::start_with(broker.tcp, &arguments).wait();
    assert_eq!(watcher.rest(), vec![]);
}

#[test]
fn large_messages_pass_and_larger_ones_end_their_connection_only() {
    let broker = Running::start();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("payload");
    let subscriber = Subscriber::start(broker.tcp, "big");
    fs::write(&file, vec![b'x'; 900_000]).unwrap();
    assert!(publish(broker.tcp, &["-t", "big", "-f", file.to_str().unwrap()]));
    assert_eq!(subscriber.next().payload.len(), 900_000);
    let mut stream = connect(broker.tcp, None);
    let mut bytes = BytesMut::new();
    let publish_packet = Publish::new("big", QoS::AtMostOnce, vec![b'x'; 1_100_000], None);
    Packet::Publish(publish_packet).write(&mut bytes, None).unwrap();
    // Its beginning alone tells the size; what follows is not read.
    stream.write_all(&bytes[..100]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.last_chunk(), Some(&[0xE0, 0x02, 0x95, 0x00]), "DISCONNECT, packet too large");
    assert!(publish(broker.tcp, &["-t", "big", "-m", "still here"]));
    assert_eq!(subscriber.next().payload, "still here");
}

#[test]
fn the_same_client_id_takes_over() {
    let broker = Running::start();
    let first = Subscriber::start_with(broker.tcp, &["-t", "a", "-i", "me"]);
    let second = Subscriber::start_with(broker.tcp, &["-t", "a", "-i", "me"]);
    assert!(publish(broker.tcp, &["-t", "a", "-m", "x"]));
    // The first reconnects by itself and takes over in turn; one of them sees the message or its successor.
    drop(first);
    assert!(publish(broker.tcp, &["-t", "a", "-m", "y"]));
    drop(second);
}

#[test]
fn nonsense_and_silence_do_no_harm() {
    let broker = Running::start();
    for bytes in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x10, 0xFF, 0xFF, 0xFF, 0x7F], &[0; 64], &[0x30, 0x02, 0, 0], &[0xE0, 0]]
    {
        let mut stream = TcpStream::connect(("127.0.0.1", broker.tcp)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // Closed or reset: either way it is over.
        let _ = stream.read_to_end(&mut answer);
    }
    let subscriber = Subscriber::start(broker.tcp, "a");
    assert!(publish(broker.tcp, &["-t", "a", "-m", "x"]));
    assert_eq!(subscriber.next().payload, "x");
}

#[test]
fn it_listens_on_loopback_only() {
    let broker = Running::start();
    let settings = Settings { tcp: ([0, 0, 0, 0], 0).into(), ..Settings::default() };
    let error = broker.runtime.block_on(Broker::start(settings)).unwrap_err();
    assert!(error.to_string().contains("0.0.0.0"), "{error}");
    let taken = Settings { tcp: ([127, 0, 0, 1], broker.tcp).into(), ..Settings::default() };
    assert!(broker.runtime.block_on(Broker::start(taken)).is_err());
}

#[test]
fn a_page_reads_over_web_socket_and_a_foreign_page_does_not() {
    let broker = Running::start();
    assert!(publish(broker.tcp, &["-t", "s/status", "-r", "-m", "online"]));
    let url = format!("ws://{}/mqtt", broker.websocket);
    broker.runtime.block_on(async {
        let request = |origin: &str| {
            let mut request = url.as_str().into_client_request().unwrap();
            request.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
            request.headers_mut().insert("Origin", origin.parse().unwrap());
            request
        };
        let foreign = tokio_tungstenite::client_async(
            request("https://example.org"),
            tokio::net::TcpStream::connect(broker.websocket).await.unwrap(),
        );
        assert!(matches!(foreign.await, Err(Error::Http(answer)) if answer.status() == 403));

        let stream = tokio::net::TcpStream::connect(broker.websocket).await.unwrap();
        let (mut socket, answer) =
            tokio_tungstenite::client_async(request("http://localhost:8080"), stream).await.unwrap();
        assert_eq!(answer.headers()["sec-websocket-protocol"], "mqtt");
        let connect = Connect { keep_alive: 60, client_id: "page".into(), clean_start: true, properties: None };
        let mut subscribe = Subscribe::new(Filter::new("s/#", QoS::AtLeastOnce), None);
        subscribe.pkid = 1;
        for packet in [Packet::Connect(connect, None, None), Packet::Subscribe(subscribe)] {
            let mut bytes = BytesMut::new();
            packet.write(&mut bytes, None).unwrap();
            // In two frames: a packet need not be one.
            let rest = bytes.split_off(3);
            socket.send(Message::Binary(bytes.freeze())).await.unwrap();
            socket.send(Message::Binary(rest.freeze())).await.unwrap();
        }
        let mut bytes = BytesMut::new();
        let seen = loop {
            match Packet::read(&mut bytes, None) {
                Ok(Packet::Publish(publish)) => break publish,
                Ok(_) => {}
                Err(_) => match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
                    Message::Binary(more) => bytes.extend_from_slice(&more),
                    other => panic!("{other:?}"),
                },
            }
        };
        let Publish { topic, payload, retain, .. } = seen;
        assert_eq!((&topic[..], &payload[..], retain), (&b"s/status"[..], &b"online"[..], true));
    });
}

/// Telegraf, Home Assistant as it is set up by default, and `mosquitto_sub` without `-V`.
#[test]
fn who_speaks_mqtt_3_1_1_is_served() {
    let broker = Running::start();
    let watcher = Subscriber::start(broker.tcp, "#");
    let properties = ["-D", "publish", "content-type", "text/plain", "-D", "publish", "message-expiry-interval", "60"];
    assert!(publish(broker.tcp, &[&["-t", "a/status", "-r", "-m", "online"][..], &properties].concat()));
    let port = broker.tcp.to_string();
    let will = ["--will-topic", "w", "--will-payload", "gone", "--will-qos", "1", "--will-retain"];
    let mut older = Command::new("stdbuf")
        .args(["-oL", "mosquitto_sub", "-V", "311", "-p", &port, "-q", "1", "-t", "a/#", "-F", "%r %q %t %p"])
        .args(will)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(older.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("1 1 a/status online"));
    assert!(publish(broker.tcp, &[&["-t", "a/b", "-m", "two"][..], &properties].concat()));
    assert_eq!(lines.next().as_deref(), Some("0 1 a/b two"));

    let three = ["-V", "311", "-p", &port, "-q", "1", "-t", "a/c", "-m", "three"];
    assert!(Command::new("mosquitto_pub").args(three).status().unwrap().success());
    assert_eq!(watcher.wait_for("what it published", |seen| seen.topic == "a/c").payload, "three");
    assert_eq!(lines.next().as_deref(), Some("0 1 a/c three"));
    older.kill().unwrap();
    older.wait().unwrap();
    let will = watcher.wait_for("its will", |seen| seen.topic == "w");
    assert_eq!((will.payload.as_str(), will.qos), ("gone", 1));
}

/// MQTT 3.1.1 has no refusal of a message: it is not acknowledged, and the connection ends.
#[test]
fn what_cannot_be_refused_in_3_1_1_is_not_acknowledged() {
    let broker = Running::start();
    let mut stream = TcpStream::connect(("127.0.0.1", broker.tcp)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = BytesMut::new();
    v4::Connect::new("older").write(&mut bytes).unwrap();
    for (topic, id) in [("a", 1), ("$x/y", 2)] {
        let mut message = v4::Publish::new(topic, rumqttc::QoS::AtLeastOnce, "x");
        message.pkid = id;
        message.write(&mut bytes).unwrap();
    }
    stream.write_all(&bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    // CONNACK, and PUBACK of the first alone.
    assert_eq!(answer, [0x20, 2, 0, 0, 0x40, 2, 0, 1]);
}

/// The publisher and the embedded broker together, as in the demonstration.
#[test]
fn the_publisher_gets_on_with_it() {
    let mut broker = Running::start();
    let folder = TempDir::new().unwrap();
    let ledger = Ledger::open(folder.path(), Limits::default()).unwrap();
    let subscriber = Subscriber::start(broker.tcp, "sagitta/room-1/#");
    let handle = mqtt::spawn(publish::Settings::local(broker.tcp, "room-1"), ledger.clone()).unwrap();
    handle.set_status(StatusState::Online, None);
    handle.set_info(wire::info("room-1", "0.1.0", "abc", None, vec![]));
    for n in 1..=20 {
        record(&ledger, n);
    }
    handle.outbox_changed();
    for n in 1..=20 {
        let report = subscriber.wait_for("a report", |seen| seen.is("report"));
        assert_eq!(report.json()["seq"], n);
    }
    eventually("the outbox is empty", || ledger.room().unwrap().waiting == 0);
    broker.runtime.block_on(handle.stop(Duration::from_secs(20)));
    assert_eq!(subscriber.next().json()["state"], "offline");
    broker.stop();
}
