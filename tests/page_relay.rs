//! The page's way to the broker, and HTTPS, from outside: a real mosquitto that asks for a login, a real TLS client.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Connect, ConnectReturnCode, Filter, Packet, Subscribe};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sagitta::publish::{self, Login};
use sagitta::serve::{self, Broker, BrokerAddress, MqttVersion, PageConfig, Readiness, Settings, Source, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

mod publish_support;
use publish_support::{Mosquitto, PATIENCE, free_port, publish as publish_message};

const DASHBOARD: &str = "dashboard";

/// A mosquitto that lets in `dashboard` and `radio` with their passwords and nobody else.
fn guarded_broker(folder: &Path) -> (Mosquitto, Login) {
    let passwords = folder.join("passwords");
    for (n, (user, password)) in [(DASHBOARD, "page-secret"), ("radio", "other")].into_iter().enumerate() {
        let mut command = Command::new("mosquitto_passwd");
        command.args(if n == 0 { &["-c", "-b"][..] } else { &["-b"][..] }).arg(&passwords).args([user, password]);
        assert!(command.status().expect("mosquitto_passwd, of the Debian package mosquitto").success());
    }
    let settings = format!("allow_anonymous false\npassword_file {}\n", passwords.display());
    let broker = Mosquitto::start_with(folder, free_port(), &settings);
    let password_file = folder.join("page.password");
    fs::write(&password_file, "page-secret\n").unwrap();
    (broker, Login { username: DASHBOARD.into(), password_file: Some(password_file) })
}

fn source(dial: Option<Box<serve::Dial>>) -> Source {
    Source {
        reports: Box::new(|_, _| Ok(Vec::new())),
        report: Box::new(|_| Ok(None)),
        overlay: Box::new(|_| Ok(None)),
        film: Box::new(|_| Ok(None)),
        broker: dial,
        readiness: Box::new(|| Readiness::Ready),
        metrics: Box::new(Vec::new),
    }
}

/// The page's server on a free port, until what it returns is dropped.
async fn serve_page(settings: Settings, dial: Option<Box<serve::Dial>>) -> (SocketAddr, oneshot::Sender<()>) {
    let broker = Some(Broker { address: BrokerAddress::Here, version: MqttVersion::V5 });
    let config = PageConfig { prefix: "sagitta".into(), devices: vec!["room-1".into()], broker };
    let listener = serve::bind(&settings).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        serve::run(listener, &settings, config, source(dial), stopped).await.unwrap();
    });
    (address, stop)
}

fn dial(port: u16, login: Option<Login>) -> Box<serve::Dial> {
    Box::new(move || {
        let (settings, login) = (publish::Settings::local(port, "room-1"), login.clone());
        Box::pin(async move { publish::relay::dial(&settings, login.as_ref()).await })
    })
}

fn anywhere() -> Settings {
    Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() }
}

type Socket = WebSocketStream<TcpStream>;

async fn open(address: SocketAddr, origin: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/api/mqtt").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
    request.headers_mut().insert("Origin", origin.parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn send(socket: &mut Socket, packet: Packet) {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, None).unwrap();
    // In two frames: a packet need not be one.
    let rest = bytes.split_off(3);
    socket.send(Message::Binary(bytes.freeze())).await.unwrap();
    socket.send(Message::Binary(rest.freeze())).await.unwrap();
}

async fn next(socket: &mut Socket, bytes: &mut BytesMut) -> Packet {
    loop {
        if let Ok(packet) = Packet::read(bytes, None) {
            return packet;
        }
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Binary(more) => bytes.extend_from_slice(&more),
            other => panic!("{other:?}"),
        }
    }
}

async fn connect(socket: &mut Socket, bytes: &mut BytesMut) -> ConnectReturnCode {
    let connect = Connect { keep_alive: 60, client_id: "page".into(), clean_start: true, properties: None };
    send(socket, Packet::Connect(connect, None, None)).await;
    match next(socket, bytes).await {
        Packet::ConnAck(ack) => ack.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_what_the_broker_lets_its_login_read_without_knowing_it() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, login) = guarded_broker(folder.path());
    let told = ["-u", "radio", "-P", "other", "-r", "-t", "sagitta/room-1/status", "-m", "online"];
    assert!(publish_message(broker.port, &told));
    let (address, _stop) = serve_page(anywhere(), Some(dial(broker.port, Some(login)))).await;
    let mut socket = open(address, &format!("http://{address}")).await.unwrap();
    let mut bytes = BytesMut::new();
    assert_eq!(connect(&mut socket, &mut bytes).await, ConnectReturnCode::Success);
    let mut subscribe = Subscribe::new(Filter::new("sagitta/#", QoS::AtLeastOnce), None);
    subscribe.pkid = 1;
    send(&mut socket, Packet::Subscribe(subscribe)).await;
    let seen = loop {
        if let Packet::Publish(seen) = next(&mut socket, &mut bytes).await {
            break seen;
        }
    };
    assert_eq!((&seen.topic[..], &seen.payload[..]), (&b"sagitta/room-1/status"[..], &b"online"[..]));
    assert!(broker.log().contains(&format!("u'{DASHBOARD}'")), "{}", broker.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_the_broker_itself_refuses_and_a_foreign_page_does_not_get_that_far() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, _) = guarded_broker(folder.path());
    let (address, _stop) = serve_page(anywhere(), Some(dial(broker.port, None))).await;
    let mut socket = open(address, &format!("http://{address}")).await.unwrap();
    assert_eq!(connect(&mut socket, &mut BytesMut::new()).await, ConnectReturnCode::NotAuthorized);
    for foreign in ["https://evil.example", "http://localhost:1", "null"] {
        let refused = open(address, foreign).await;
        assert!(matches!(&refused, Err(Error::Http(answer)) if answer.status() == 403), "{foreign}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_told_and_found_again() {
    let port = free_port();
    let (address, _stop) = serve_page(anywhere(), Some(dial(port, None))).await;
    let origin = format!("http://{address}");
    assert!(matches!(open(address, &origin).await, Err(Error::Http(answer)) if answer.status() == 502));
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Mosquitto::start_with(folder.path(), port, "allow_anonymous true\n");
    let mut socket = open(address, &origin).await.unwrap();
    assert_eq!(connect(&mut socket, &mut BytesMut::new()).await, ConnectReturnCode::Success);
    broker.kill();
    let end = tokio::time::timeout(PATIENCE, async { while let Some(Ok(Message::Binary(_))) = socket.next().await {} });
    end.await.expect("the page hears that the broker is gone");
}

/// Certificates of one authority, made by openssl.
fn certificates(folder: &Path) -> impl Fn(&str) -> PathBuf {
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(&format!("{request} -keyout ca.key -out ca.pem -subj /CN=authority"));
    for (name, extra) in [("server", "subjectAltName=DNS:localhost"), ("client", "extendedKeyUsage=clientAuth")] {
        openssl(&format!(
            "{request} -keyout {name}.key -out {name}.pem -subj /CN={name} -CA ca.pem -CAkey ca.key -addext {extra} -addext basicConstraints=critical,CA:FALSE"
        ));
    }
    let folder = folder.to_owned();
    move |name: &str| folder.join(name)
}

/// `GET /api/config` over TLS, as a caller with or without a certificate; `None` where there was no answer.
async fn ask(address: SocketAddr, path: &impl Fn(&str) -> PathBuf, certificate: bool) -> Option<String> {
    let mut authorities = rustls::RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_file(path("ca.pem")).unwrap()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authorities);
    let config = if certificate {
        let chain = vec![CertificateDer::from_pem_file(path("client.pem")).unwrap()];
        builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(path("client.key")).unwrap()).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()?;
    stream.write_all(b"GET /api/config HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8(answer).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn https_answers_only_those_who_show_a_certificate_where_one_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = certificates(folder.path());
    let tls = |client_ca_file| Tls { cert_file: path("server.pem"), key_file: path("server.key"), client_ca_file };
    let (address, _open) = serve_page(Settings { tls: Some(tls(None)), ..anywhere() }, None).await;
    assert!(ask(address, &path, false).await.unwrap().starts_with("HTTP/1.1 200"));
    let asks = Settings { tls: Some(tls(Some(path("ca.pem")))), ..anywhere() };
    let (address, _guarded) = serve_page(asks, None).await;
    assert!(ask(address, &path, true).await.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(ask(address, &path, false).await, None, "nobody without a certificate is answered");
    let wrong = Settings { tls: Some(Tls { key_file: path("client.key"), ..tls(None) }), ..anywhere() };
    let listener = serve::bind(&wrong).await.unwrap();
    let config = PageConfig { prefix: "p".into(), devices: vec!["d".into()], broker: None };
    let error = serve::run(listener, &wrong, config, source(None), std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("client.key"), "{error}");
}
