//! `sagitta run` as a process: killed, ended, and started before its broker; nothing is lost and nothing is doubled.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

mod publish_support;
use publish_support::{Mosquitto, Subscriber, eventually, free_port, publish};

/// A folder with a configuration, and the service on it.
struct Room {
    home: tempfile::TempDir,
    service: Option<Child>,
}

impl Room {
    fn new(broker: u16) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("watch")).unwrap();
        let configuration = format!(
            "[device]\nid = \"room-1\"\n[ingest]\nwatch = \"{0}/watch\"\n[store]\npath = \"{0}/store\"\n\
             [mqtt]\nhost = \"127.0.0.1\"\nport = {broker}\n[http]\nlisten = \"127.0.0.1:{1}\"\n",
            home.path().display(),
            free_port()
        );
        fs::write(home.path().join("sagitta.toml"), configuration).unwrap();
        Self { home, service: None }
    }

    fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.home.path().join("log")).unwrap();
        let service = Command::new(env!("CARGO_BIN_EXE_sagitta"))
            .args(["run", "--config"])
            .arg(self.home.path().join("sagitta.toml"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.service = Some(service);
    }

    fn runs(&mut self) -> bool {
        self.service.as_mut().is_some_and(|service| service.try_wait().unwrap().is_none())
    }

    /// As a power cut does.
    fn kill(&mut self) {
        let mut service = self.service.take().unwrap();
        service.kill().unwrap();
        service.wait().unwrap();
    }

    /// As systemd does; returns the exit code.
    fn end(&mut self) -> Option<i32> {
        let mut service = self.service.take().unwrap();
        assert!(Command::new("kill").args(["-TERM", &service.id().to_string()]).status().unwrap().success());
        service.wait().unwrap().code()
    }

    /// Puts a finished film into the watched folder, at once and under its own name.
    fn drop_film(&self, film: &Path) {
        let name = film.file_name().unwrap();
        let part = self.home.path().join("part");
        fs::copy(film, &part).unwrap();
        fs::rename(part, self.home.path().join("watch").join(name)).unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let _ = service.kill();
            let _ = service.wait();
        }
    }
}

/// Small films, each of another patient.
fn films(folder: &Path, count: usize) -> Vec<PathBuf> {
    let made = Command::new(env!("CARGO_BIN_EXE_sagitta"))
        .args(["phantom", "--seed", "77", "--pixel-mm", "1", "--difficulty", "clean"])
        .args(["--count", &count.to_string(), "--out"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let films: Vec<_> = all.filter(|path| path.extension().is_some_and(|e| e == "dcm")).collect();
    assert_eq!(films.len(), count);
    films
}

fn file(report: &Value) -> String {
    report["source"]["file"].as_str().unwrap().to_owned()
}

#[test]
fn killed_in_the_middle_of_a_morning_it_loses_no_film_and_measures_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    let films = films(folder.path(), 6);
    let broker = Mosquitto::start(folder.path());
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/report");
    let mut room = Room::new(broker.port);
    room.start();
    for film in &films {
        room.drop_film(film);
    }
    let mut heard: Vec<Value> = Vec::new();
    // Once while it measures, and once more.
    for kill_after in [2, 4] {
        while heard.len() < kill_after {
            heard.push(subscriber.next().json());
        }
        room.kill();
        room.start();
    }
    let files = |heard: &[Value]| heard.iter().map(file).collect::<BTreeSet<_>>();
    while files(&heard).len() < films.len() {
        heard.push(subscriber.next().json());
    }
    // A film known from before the kill is not measured again under a new number.
    room.drop_film(&films[0]);
    heard.extend(subscriber.rest().iter().map(publish_support::Seen5::json));
    let mut told: BTreeMap<String, BTreeSet<(String, u64)>> = BTreeMap::new();
    for report in &heard {
        let once = (report["report_id"].as_str().unwrap().to_owned(), report["seq"].as_u64().unwrap());
        told.entry(file(report)).or_default().insert(once);
    }
    assert_eq!(told.len(), films.len(), "{}", room.log());
    for (file, reports) in told {
        assert_eq!(reports.len(), 1, "{file} has more than one report: {reports:?}");
    }
}

#[test]
fn ended_by_the_system_it_says_offline_and_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let film = films(folder.path(), 1).remove(0);
    let broker = Mosquitto::start(folder.path());
    let subscriber =
        Subscriber::start_with(broker.port, &["-t", "sagitta/room-1/status", "-t", "sagitta/room-1/report"]);
    let mut room = Room::new(broker.port);
    room.start();
    subscriber.wait_for("online", |seen| seen.is("status") && seen.payload.contains("\"online\""));
    room.drop_film(&film);
    subscriber.wait_for("the report", |seen| seen.is("report"));
    assert_eq!(room.end(), Some(0), "{}", room.log());
    subscriber.wait_for("offline", |seen| seen.is("status") && seen.payload.contains("\"offline\""));
    // Whoever comes later hears it too.
    let late = Subscriber::start(broker.port, "sagitta/room-1/status");
    assert_eq!(late.next().json()["state"], "offline");
}

#[test]
fn without_a_broker_films_are_measured_and_told_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let film = films(folder.path(), 1).remove(0);
    // Held, so that no other test's broker can take it meanwhile; it accepts nobody.
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let mut room = Room::new(port);
    room.start();
    room.drop_film(&film);
    let waits = || {
        assert!(room.runs(), "{}", room.log());
        let listed = Command::new(env!("CARGO_BIN_EXE_sagitta"))
            .args(["outbox", "list", "--config"])
            .arg(room.home.path().join("sagitta.toml"))
            .output()
            .unwrap();
        String::from_utf8_lossy(&listed.stdout).contains("report")
    };
    eventually("the report waits in the outbox", waits);
    drop(held);
    let broker = Mosquitto::start_with(folder.path(), port, "allow_anonymous true\n");
    let subscriber = Subscriber::start(broker.port, "sagitta/room-1/report");
    let report = subscriber.next().json();
    assert_eq!(file(&report), film.file_name().unwrap().to_string_lossy());
    assert_eq!(room.end(), Some(0), "{}", room.log());
}

/// From the film to the figures, with a power cut after the answer.
#[test]
fn a_radiographers_word_is_in_report_rejects_and_table_also_after_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let films = films(folder.path(), 2);
    let broker = Mosquitto::start(folder.path());
    let reports = Subscriber::start(broker.port, "sagitta/room-1/report");
    let answers = Subscriber::start(broker.port, "sagitta/room-1/repeat/response");
    let rejects = Subscriber::start(broker.port, "sagitta/room-1/rejects");
    let mut room = Room::new(broker.port);
    room.start();
    let empty = rejects.next().json();
    assert_eq!((empty["schema"].as_str(), empty["today"]["films"].as_u64()), (Some("sagitta.rejects/1"), Some(0)));
    assert_eq!(empty["month"]["repeat_rate"], Value::Null);
    for film in &films {
        room.drop_film(film);
    }
    let ids: Vec<String> = (0..2).map(|_| reports.next().json()["report_id"].as_str().unwrap().to_owned()).collect();
    rejects.wait_for("both films", |seen| seen.json()["today"]["films"] == 2);
    let request = serde_json::json!({
        "report_id": ids[0], "action": "repeat", "reason": "positioning", "by": "RT 7"
    });
    let ask = || {
        assert!(publish(broker.port, &["-t", "sagitta/room-1/repeat/request", "-m", &request.to_string()]));
        answers.next().json()
    };
    let answer = ask();
    assert_eq!(answer["status"], "ok", "{answer}");
    let told = rejects.wait_for("the decision", |seen| seen.json()["today"]["repeated"] == 1).json();
    for period in ["today", "month"] {
        assert_eq!(told[period]["repeat_rate"], 0.5, "{told:#}");
        assert_eq!(told[period]["reasons"][0]["reason"], "positioning");
    }
    room.kill();
    room.start();
    assert_eq!(ask(), answer, "kept, and answered alike");
    assert!(Subscriber::start(broker.port, "sagitta/room-1/rejects").next().retained);
    let rejects = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sagitta"));
        command.args(["rejects", "--config"]).arg(room.home.path().join("sagitta.toml")).args(more);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, table) = rejects(&[]);
    assert_eq!(code, Some(0));
    assert!(table.contains("2 films") && table.contains("positioning") && table.contains("50.0 %"), "{table}");
    let (code, csv) = rejects(&["--csv", "--since", "2020-01"]);
    assert_eq!(code, Some(0));
    let total = csv.lines().find(|line| line.starts_with("total,")).unwrap();
    assert!(total.starts_with("total,,2,1,0.5000,"), "{csv}");
    assert!(csv.lines().any(|line| line.starts_with("reason,positioning,2,1,0.5000,")), "{csv}");
    let (code, before) = rejects(&["--csv", "--until", "2020-01"]);
    assert!(code == Some(0) && before.contains("total,,0,0,,"), "{before}");
    assert_eq!(rejects(&["--since", "yesterday"]).0, Some(2));
    assert_eq!(rejects(&["--since", "2026-02", "--until", "2026-01"]).0, Some(2));
    let page = http_get(&room, &format!("/api/reports/{}", ids[0]));
    assert!(page.contains("\"decision\":{\"action\":\"repeat\",\"reason\":\"positioning\""), "{page}");
    assert_eq!(room.end(), Some(0), "{}", room.log());
}

#[test]
fn it_is_ready_only_once_the_models_are_warm_and_says_why_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let mut room = Room::new(broker.port);
    room.start();
    let mut answers = Vec::new();
    eventually("it is ready", || {
        // Refused before the address is taken, which comes first of all.
        let answer = try_http_get(&room, "/readyz").unwrap_or_default();
        answers.push(answer.clone());
        answer.starts_with("HTTP/1.1 200")
    });
    let not_yet: Vec<_> = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 503")).collect();
    assert!(not_yet.iter().any(|answer| answer.contains("not ready: ")), "{answers:?}");
    let metrics = http_get(&room, "/metrics");
    for line in
        ["sagitta_ready 1", "sagitta_engine_info{provider=\"cpu\",precision=\"fp32\"} 1", "sagitta_films_waiting 0"]
    {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing in {metrics}");
    }
    assert_eq!(room.end(), Some(0), "{}", room.log());
}

fn http_get(room: &Room, path: &str) -> String {
    try_http_get(room, path).unwrap()
}

fn try_http_get(room: &Room, path: &str) -> std::io::Result<String> {
    use std::io::{Read as _, Write as _};
    let configuration = fs::read_to_string(room.home.path().join("sagitta.toml")).unwrap();
    let address = configuration.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap().trim_matches('"');
    let mut stream = std::net::TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
