//! The HTTP side from outside: real TCP on free loopback ports, requests written byte for byte.

// A helper that cannot do its part fails the test that called it.
#![allow(clippy::expect_used)]

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sagitta::serve::{
    self, Broker, BrokerAddress, Kind, Metric, MqttVersion, PageConfig, Readiness, ServeError, Settings, Source, Stored,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server with 120 reports, and what a test may change about it.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<(), ServeError>>,
    ready: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

fn stored(seq: u64) -> Stored {
    // The spacing and the digits are the publisher's: they must come out as they went in.
    Stored {
        seq,
        json: format!("{{\"report_id\": \"r-{seq}\",\"seq\":{seq}, \"value\":0.10000000000000001}}").into_bytes(),
    }
}

fn source(ready: &Arc<AtomicBool>, broken: &Arc<AtomicBool>) -> Source {
    let (ready, broken) = (Arc::clone(ready), Arc::clone(broken));
    Source {
        reports: Box::new(move |before, limit| {
            if broken.load(Ordering::SeqCst) {
                return Err("disk /secret/path is on fire".into());
            }
            Ok((1..=120)
                .rev()
                .filter(|seq| before.is_none_or(|before| *seq < before))
                .take(limit)
                .map(stored)
                .collect())
        }),
        report: Box::new(|id| Ok((id == "r-7").then(|| stored(7)))),
        overlay: Box::new(|id| Ok((id == "r-7").then(|| vec![0xff, 0xd8, 0xff, 0xd9]))),
        film: Box::new(|id| Ok((id == "r-7").then(|| vec![0xff, 0xd8, 0xff, 0x01]))),
        broker: None,
        readiness: Box::new(move || match ready.load(Ordering::SeqCst) {
            true => Readiness::Ready,
            false => Readiness::NotReady("the models are being prepared".to_owned()),
        }),
        metrics: Box::new(|| vec![Metric::single("sagitta_outbox_rows", "Rows that wait.", Kind::Gauge, 3.0)]),
    }
}

impl Server {
    async fn start(page: PathBuf) -> Self {
        Self::start_with(Settings { page: Some(page), hosts: vec!["ward.example".to_owned()], ..anywhere() }).await
    }

    async fn start_with(settings: Settings) -> Self {
        let config = PageConfig {
            prefix: "sagitta".to_owned(),
            devices: vec!["room-1".to_owned()],
            broker: Some(Broker { address: BrokerAddress::Port(9001, "/mqtt".to_owned()), version: MqttVersion::V5 }),
        };
        let (ready, broken) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let source = source(&ready, &broken);
        let listener = serve::bind(&settings).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(async move {
            serve::run(listener, &settings, config, source, async {
                let _ = stopped.await;
            })
            .await
        });
        Self { address, stop, done, ready, broken }
    }

    /// Sends `request` as it stands and reads until the server closes.
    async fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("read");
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("ASCII").to_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).expect("a status");
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Answer { status, headers, body: bytes[end + 4..].to_vec() }
    }

    async fn get(&self, target: &str) -> Answer {
        self.raw(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
    }

    async fn stop(self) {
        self.stop.send(()).expect("still running");
        self.done.await.expect("no panic").expect("a clean end");
    }
}

/// A free port of loopback.
fn anywhere() -> Settings {
    Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() }
}

/// A built page in miniature, with a secret beside it.
fn page() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("secret.txt"), "the secret").expect("written");
    let page = folder.path().join("page");
    fs::create_dir_all(page.join("assets")).expect("made");
    fs::write(page.join("index.html"), "<!doctype html><title>Sagitta</title>").expect("written");
    fs::write(page.join("assets/main-ABC.js"), "export {};").expect("written");
    (folder, page)
}

const SECURITY_HEADERS: [&str; 7] = [
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
];

#[tokio::test]
async fn the_page_is_served_with_its_types_and_caching() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    let index = server.get("/").await;
    assert_eq!((index.status, index.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(index.text(), "<!doctype html><title>Sagitta</title>");
    assert_eq!(index.header("cache-control"), "no-cache");
    let script = server.get("/assets/main-ABC.js?x=1").await;
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    let again = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {}\r\nConnection: close\r\n\r\n",
        index.header("etag")
    );
    let unchanged = server.raw(&again).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    let head = server.raw("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, "37"));
    server.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    let targets = [
        "/",
        "/assets/main-ABC.js",
        "/nothing",
        "/api/config",
        "/api/reports",
        "/api/reports?limit=x",
        "/healthz",
        "/metrics",
    ];
    for target in targets {
        let answer = server.get(target).await;
        for name in SECURITY_HEADERS {
            assert!(!answer.header(name).is_empty(), "{target} lacks {name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
    }
    for target in
        ["/api/config", "/api/reports", "/api/reports/r-7", "/api/reports/r-7/overlay", "/metrics", "/nothing"]
    {
        assert_eq!(server.get(target).await.header("cache-control"), "no-store", "{target}");
    }
    server.stop().await;
}

#[tokio::test]
async fn no_address_climbs_out_of_the_page() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    let targets = [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/./../secret.txt",
        "/assets/..%252f..%252fsecret.txt",
        "/etc/passwd",
        "//etc/passwd",
        "/api/reports/..%2f..%2fsecret.txt",
        "/api/reports/%00/overlay",
    ];
    for target in targets {
        let answer = server.get(target).await;
        assert!(matches!(answer.status, 400 | 404), "{target} gave {}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("the secret"), "{target}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_is_not_built_says_how_and_the_rest_works() {
    let server = Server::start(PathBuf::from("/nonexistent/page")).await;
    let answer = server.get("/").await;
    assert_eq!((answer.status, answer.header("content-type")), (503, "text/plain; charset=utf-8"));
    assert!(answer.text().contains("./scripts/build-page"), "{}", answer.text());
    assert_eq!(server.get("/api/reports?limit=1").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_page_is_told_where_the_broker_is() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    let config = server.get("/api/config").await.json();
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"), "prefix": "sagitta", "devices": ["room-1"],
        "broker": { "port": 9001, "path": "/mqtt", "protocol": 5 },
    });
    assert_eq!(config, expected);
    server.stop().await;
}

#[tokio::test]
async fn reports_are_paged_newest_first_without_gap_or_double() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let answer = server.get(&format!("/api/reports?limit=50{before}")).await.json();
        let reports = answer["reports"].as_array().expect("a list").clone();
        seen.extend(reports.iter().map(|report| report["seq"].as_u64().expect("a number")));
        match answer["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (1..=120).rev().collect::<Vec<_>>());
    assert_eq!(server.get("/api/reports").await.json()["reports"].as_array().map(Vec::len), Some(50));
    assert_eq!(server.get("/api/reports?limit=100000").await.json()["next"], Value::Null);
    for bad in ["limit=0", "limit=-1", "limit=x", "before=x", "before=-1", "limit=1&limit=2"] {
        assert_eq!(server.get(&format!("/api/reports?{bad}")).await.status, 400, "{bad}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_report_comes_byte_for_byte_and_an_unknown_one_is_not_found() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    assert_eq!(server.get("/api/reports/r-7").await.body, stored(7).json);
    assert!(server.get("/api/reports?limit=1").await.text().contains("0.10000000000000001"), "a number was rewritten");
    let overlay = server.get("/api/reports/r-7/overlay").await;
    assert_eq!((overlay.status, overlay.header("content-type")), (200, "image/jpeg"));
    assert_eq!(overlay.body, [0xff, 0xd8, 0xff, 0xd9]);
    let film = server.get("/api/reports/r-7/film").await;
    assert_eq!((film.status, film.header("content-type"), film.body[3]), (200, "image/jpeg", 1));
    for target in [
        "/api/reports/r-8",
        "/api/reports/r-8/overlay",
        "/api/reports/r-8/film",
        "/api/reports/",
        "/api/reports/a%20b",
        "/api/other",
    ] {
        assert_eq!(server.get(target).await.status, 404, "{target}");
    }
    server.stop().await;
}

#[tokio::test]
async fn only_loopback_names_and_the_configured_ones_are_answered() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    let port = server.address.port();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "ward.example".to_owned()] {
        let answer =
            server.raw(&format!("GET /api/config HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{host}");
    }
    let foreign = server.raw("GET /api/reports HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    assert_eq!(foreign.status, 421);
    assert!(!foreign.text().contains("report_id"));
    server.stop().await;
}

#[tokio::test]
async fn nothing_but_reading_is_answered() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        for target in ["/", "/api/reports", "/nothing"] {
            let request = format!(
                "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let answer = server.raw(&request).await;
            assert_eq!(answer.status, 405, "{method} {target}");
            assert!(!answer.header("content-security-policy").is_empty());
            assert!(answer.header("access-control-allow-origin").is_empty());
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_source_that_fails_is_told_plainly_without_its_secrets() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    server.broken.store(true, Ordering::SeqCst);
    let answer = server.get("/api/reports").await;
    assert_eq!(answer.status, 503);
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    assert_eq!(server.get("/api/config").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn life_readiness_and_metrics_are_told() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    server.ready.store(false, Ordering::SeqCst);
    assert_eq!(server.get("/healthz").await.status, 200);
    let waiting = server.get("/readyz").await;
    assert_eq!((waiting.status, waiting.text()), (503, "not ready: the models are being prepared\n"));
    let metrics = server.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in ["sagitta_ready 0\n", "sagitta_outbox_rows 3\n", "sagitta_http_answers_total{class=\"2xx\"} 2\n"] {
        assert!(metrics.text().contains(line), "{line} is missing in\n{}", metrics.text());
    }
    server.stop().await;
}

#[tokio::test]
async fn an_answer_under_way_is_finished_and_an_idle_connection_does_not_hold_the_end_up() {
    let (_folder, page) = page();
    let (asked, question) = std::sync::mpsc::channel();
    let settings = Settings { page: Some(page), ..anywhere() };
    let mut slow = source(&Arc::new(AtomicBool::new(true)), &Arc::new(AtomicBool::new(false)));
    slow.reports = Box::new(move |_, _| {
        let _ = asked.send(());
        std::thread::sleep(Duration::from_millis(500));
        Ok(vec![stored(1)])
    });
    let config = PageConfig { prefix: "p".to_owned(), devices: vec!["d".to_owned()], broker: None };
    let listener = serve::bind(&settings).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let done = tokio::spawn(async move {
        serve::run(listener, &settings, config, slow, async {
            let _ = stopped.await;
        })
        .await
    });
    let _idle = TcpStream::connect(address).await.expect("connected");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(b"GET /api/reports HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    tokio::task::spawn_blocking(move || question.recv()).await.expect("no panic").expect("asked");
    stop.send(()).expect("still running");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"r-1\""), "{answer}");
    done.await.expect("no panic").expect("a clean end");
    assert!(TcpStream::connect(address).await.is_err(), "still listening");
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_with_the_remedy() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let settings = Settings { listen: taken.local_addr().expect("an address"), ..Settings::default() };
    let error = serve::bind(&settings).await.expect_err("taken");
    assert!(error.to_string().contains("[http] listen"), "{error}");
}

#[tokio::test]
async fn beyond_loopback_somebody_must_say_who_may_look() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = serve::bind(&Settings { listen: everywhere, ..Settings::default() }).await.expect_err("unguarded");
    assert!(matches!(error, ServeError::Unguarded(_)) && error.to_string().contains("token_file"), "{error}");
    let folder = tempfile::tempdir().expect("a folder");
    let guarded = Settings { listen: everywhere, token_file: Some(secret(&folder)), ..Settings::default() };
    serve::bind(&guarded).await.expect("a secret is enough");
}

const SECRET: &str = "0123456789abcdef-secret";

fn secret(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("token");
    fs::write(&file, format!("{SECRET}\n")).expect("written");
    file
}

#[tokio::test]
async fn without_the_secret_nothing_but_life_is_told() {
    let (folder, page) = page();
    let server =
        Server::start_with(Settings { page: Some(page), token_file: Some(secret(&folder)), ..anywhere() }).await;
    let ask = |target: &str, more: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{more}Connection: close\r\n\r\n")
    };
    for target in
        ["/", "/assets/main-ABC.js", "/api/config", "/api/reports", "/api/reports/r-7/film", "/metrics", "/nothing"]
    {
        let answer = server.get(target).await;
        assert_eq!(answer.status, 401, "{target}");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{target}");
        assert!(!answer.header("content-security-policy").is_empty());
        assert!(!String::from_utf8_lossy(&answer.body).contains("report_id"));
        let wrong = server.raw(&ask(target, "Authorization: Bearer 0123456789abcdef-secreT\r\n")).await;
        assert_eq!(wrong.status, 401, "{target}");
    }
    for target in ["/healthz", "/readyz"] {
        assert_eq!(server.get(target).await.status, 200, "{target}");
    }
    let bearer = server.raw(&ask("/api/reports", &format!("Authorization: Bearer {SECRET}\r\n"))).await;
    assert_eq!((bearer.status, bearer.header("set-cookie")), (200, ""));
    // "anyone:0123456789abcdef-secret"
    let basic = server.raw(&ask("/", "Authorization: Basic YW55b25lOjAxMjM0NTY3ODlhYmNkZWYtc2VjcmV0\r\n")).await;
    assert_eq!(basic.status, 200);
    let cookie = basic.header("set-cookie").split(';').next().expect("a pair").to_owned();
    let remembered = server.raw(&ask("/api/reports", &format!("Cookie: {cookie}\r\n"))).await;
    assert_eq!(remembered.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_foreign_page_and_one_that_speaks_no_web_socket_do_not_reach_the_broker() {
    let (_folder, page) = page();
    let server = Server::start(page).await;
    let upgrade = "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let asked = server.raw(&format!("GET /api/mqtt HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n")).await;
    assert_eq!(asked.status, 404, "no way to the broker is configured here");
    server.stop().await;
}

#[test]
fn the_service_is_on_loopback_unless_told_otherwise() {
    assert!(Settings::default().listen.ip().is_loopback());
    assert!(Path::new("scripts/build-page").exists(), "the script that the page's message names");
}
