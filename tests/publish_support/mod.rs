//! What the publisher's tests share: a real mosquitto, a subscriber of its own kind, a film's report.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sagitta::domain::anatomy::{Facing, Keypoints, LANDMARKS, Landmark, LandmarkId, Stage, Vertebra};
use sagitta::domain::arrival::ContentHash;
use sagitta::domain::detection::C7Visibility;
use sagitta::domain::geometry::{Covariance, PixelSpacing, PointPx, SpacingSource};
use sagitta::domain::measurement::*;
use sagitta::domain::radiograph::{Clipped, Format};
use sagitta::domain::report::*;
use sagitta::ledger::{Film, Identity, Kind, Ledger, NewRow, Recorded, Seen};
use sagitta::publish::wire;

/// Long enough for a busy machine: nothing in these tests waits this long unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `what` says yes; looks ten times a second.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn program(name: &str) -> PathBuf {
    let found = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    found
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is missing; install the Debian packages mosquitto and mosquitto-clients"))
}

/// A real broker on a free loopback port, ended by its process id.
pub struct Mosquitto {
    child: Child,
    pub port: u16,
    config: PathBuf,
}

impl Mosquitto {
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, free_port(), "allow_anonymous true\n")
    }

    /// `settings` are lines of mosquitto.conf after the listener's.
    pub fn start_with(folder: &Path, port: u16, settings: &str) -> Self {
        let config = folder.join(format!("mosquitto-{port}.conf"));
        fs::write(&config, format!("listener {port} 127.0.0.1\nuser root\n{settings}")).unwrap();
        let child = Self::launch(&config, port);
        Self { child, port, config }
    }

    fn launch(config: &Path, port: u16) -> Child {
        let log = fs::File::options().create(true).append(true).open(config.with_extension("log")).unwrap();
        let mut child = Command::new(program("mosquitto"))
            .args(["-v", "-c"])
            .arg(config)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        eventually("mosquitto listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "somebody else has taken port {port}");
        child
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as the system does: it writes down what its subscribers have not taken yet.
    pub fn terminate(&mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.child = Self::launch(&self.config, self.port);
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.config.with_extension("log")).unwrap()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have been ended by the test already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a subscriber saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen5 {
    pub topic: String,
    pub qos: u8,
    pub retained: bool,
    pub content_type: String,
    pub expiry: String,
    pub payload: String,
}

impl Seen5 {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.payload).unwrap_or_else(|error| panic!("{error}: {}", self.payload))
    }

    pub fn is(&self, last_level: &str) -> bool {
        self.topic.ends_with(&format!("/{last_level}"))
    }
}

/// `mosquitto_sub` with MQTT 5 and QoS 1.
pub struct Subscriber {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Subscriber {
    pub fn start(port: u16, filter: &str) -> Self {
        Self::start_with(port, &["-t", filter])
    }

    pub fn start_with(port: u16, arguments: &[&str]) -> Self {
        // Line by line, also the SUBACK that no message follows; stdbuf becomes mosquitto_sub, under the same process id.
        let mut child = Command::new("stdbuf")
            .arg("-oL")
            .arg(program("mosquitto_sub"))
            .args(["-V", "5", "-q", "1", "-d", "-h", "127.0.0.1", "-p", &port.to_string()])
            .args(["-F", "SEEN\t%t\t%q\t%r\t%C\t%E\t%p"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let subscriber = Self { child, lines };
        subscriber.line("SUBACK", |line| line.contains("SUBACK").then_some(()));
        subscriber
    }

    fn line<T>(&self, what: &str, mut read: impl FnMut(&str) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("the subscriber never saw {what}"));
            if let Some(found) = read(&line) {
                return found;
            }
        }
    }

    /// The next message for which `wanted` is true; others are dropped.
    pub fn wait_for(&self, what: &str, mut wanted: impl FnMut(&Seen5) -> bool) -> Seen5 {
        self.line(what, |line| parse(line).filter(|seen| wanted(seen)))
    }

    pub fn next(&self) -> Seen5 {
        self.wait_for("a message", |_| true)
    }

    /// What has come until nothing came for a second.
    pub fn rest(&self) -> Vec<Seen5> {
        std::iter::from_fn(|| self.lines.recv_timeout(Duration::from_secs(1)).ok()).filter_map(|l| parse(&l)).collect()
    }

    /// Until it ends by itself.
    pub fn wait(mut self) {
        self.child.wait().unwrap();
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Seen5> {
    let fields: Vec<&str> = line.strip_prefix("SEEN\t")?.splitn(6, '\t').collect();
    let [topic, qos, retained, content_type, expiry, payload] = fields.as_slice() else { return None };
    Some(Seen5 {
        topic: (*topic).into(),
        qos: qos.parse().ok()?,
        retained: *retained == "1",
        content_type: (*content_type).into(),
        expiry: (*expiry).into(),
        payload: (*payload).into(),
    })
}

/// `mosquitto_pub` with MQTT 5 and QoS 1; whether the broker took it.
pub fn publish(port: u16, arguments: &[&str]) -> bool {
    Command::new(program("mosquitto_pub"))
        .args(["-V", "5", "-q", "1", "-h", "127.0.0.1", "-p", &port.to_string()])
        .args(arguments)
        .status()
        .unwrap()
        .success()
}

pub fn hash(n: u32) -> ContentHash {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    ContentHash(bytes)
}

pub fn id(n: u32) -> ReportId {
    ReportId(format!("r-{n:06}"))
}

/// Records film `n` with its report, received at `received_at`.
pub fn record_at(ledger: &Ledger, n: u32, received_at: DateTime<Utc>) -> Recorded {
    let report = Report { id: id(n), received_at, ..sample() };
    let payload = wire::report(&report);
    let hash = hash(n);
    let film = Film {
        identity: Identity::Content(&hash),
        file: "film.dcm",
        received_at,
        seen: Seen::Report { report: &report, payload: &payload },
    };
    let row = NewRow {
        kind: Kind::Report,
        key: report.id.0.clone(),
        payload: payload.clone(),
        received_at,
        expires_in: None,
    };
    ledger.record(&film, &[row], Utc::now()).unwrap()
}

pub fn record(ledger: &Ledger, n: u32) -> Recorded {
    record_at(ledger, n, Utc::now())
}

/// A report with every kind of part in it.
pub fn sample() -> Report {
    let mut landmarks = [None; LANDMARKS];
    for (n, slot) in landmarks.iter_mut().enumerate().filter(|(n, _)| *n != 20) {
        *slot = Some(Landmark {
            position: PointPx::new(100.0 + n as f64 / 3.0, 50.126 * n as f64),
            covariance: Covariance::isotropic(1.234_56),
            confidence: 0.987_65,
            stage: if n < 4 { Stage::Refined } else { Stage::Global },
        });
    }
    assert_eq!(LandmarkId::all().count(), LANDMARKS);
    let segment = Level::segments().map(|(_, _, level)| level).nth(3);
    let estimate = Estimate::new(12.345_6, 10.001, 14.999).unwrap();
    Report {
        id: id(1),
        device: "room-1".into(),
        source: Source {
            file: "2026/film \"1\".dcm".into(),
            sha256: hash(1),
            format: Format::Dicom,
            sop_instance_uid: Some("1.2.3".into()),
            study_key: Some("s-1".into()),
            patient_key: None,
            patient: None,
            operator: None,
        },
        acquired_at: Some("2026-03-01T12:00:00".into()),
        received_at: DateTime::from_timestamp_millis(1_772_366_400_123).unwrap(),
        width: 2500,
        height: 3000,
        spacing: PixelSpacing::new(0.143_000_1, SpacingSource::ImagerDetectorPlane),
        position: PositionEvidence { header: Position::Neutral, ..PositionEvidence::NONE },
        facing: Some(Facing::Left),
        keypoints: Keypoints::new(landmarks),
        measurements: Measurements(vec![
            Measurement { quantity: Quantity::C2C7Cobb, level: None, reading: Reading::Ok(estimate) },
            Measurement {
                quantity: Quantity::SlipDistance,
                level: segment,
                reading: Reading::Unreliable(estimate, "the level is rotated".into()),
            },
            Measurement {
                quantity: Quantity::Pavlov,
                level: Some(Level::vertebra(Vertebra::C7)),
                reading: Reading::Withheld("C7 is hidden".into()),
            },
        ]),
        assessment: Assessment {
            quality: Quality {
                verdict: Verdict::Review,
                reasons: vec![Reason { code: "c7_hidden", dicom_code: "111209", text: "Lower the shoulders.".into() }],
                c7_visibility: Some(C7Visibility::Partial),
                exposure: Exposure {
                    state: ExposureState::Good,
                    exposure_index: Some(412.345),
                    deviation_index: None,
                    clipped: Clipped { black: 0.123_45, white: 0.0 },
                },
                signs: Signs::default(),
            },
            findings: vec![Finding {
                name: "severe_kyphosis",
                level: None,
                present: false,
                certainty: Certainty::Borderline,
                threshold: -13.0,
                detail: None,
            }],
        },
        engine: EngineFacts {
            provider: "cpu".into(),
            precision: "fp32".into(),
            models: vec![("detector".into(), "ab".repeat(32))],
        },
        timing: Timing { total: Duration::from_millis(812), ..Timing::default() },
    }
}
