//! Two appliances, a ward's broker that lets each write only its own topics, and a hospital's broker behind a bridge:
//! `docs/many-appliances.md` as a test. A subscriber on the far broker sees both rooms, each film once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

mod publish_support;
use publish_support::{Mosquitto, Subscriber, free_port, publish};

const ROOMS: [&str; 2] = ["room-1", "room-2"];

/// The ward's broker with the ACL file of the documentation, and a bridge that hands everything on.
fn ward_broker(folder: &Path, hospital: u16) -> Mosquitto {
    let (passwords, acl) = (folder.join("passwords"), folder.join("acl"));
    for (n, user) in ROOMS.into_iter().enumerate() {
        let mut command = Command::new("mosquitto_passwd");
        command.args(if n == 0 { &["-c", "-b"][..] } else { &["-b"][..] }).arg(&passwords).args([user, "secret"]);
        assert!(command.status().expect("mosquitto_passwd, of the Debian package mosquitto").success());
    }
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/integrations/mosquitto/acl"), &acl).unwrap();
    let bridge =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/integrations/mosquitto/bridge.conf"))
            .unwrap();
    let bridge = bridge.replace("hospital.example:8883", &format!("127.0.0.1:{hospital}"));
    // The certificates of the documentation are the site's; this test's brokers stand on loopback.
    let plain: Vec<_> =
        bridge.lines().filter(|line| !line.starts_with("bridge_cafile") && !line.starts_with("remote_")).collect();
    let settings = format!(
        "allow_anonymous false\npassword_file {}\nacl_file {}\n{}\n",
        passwords.display(),
        acl.display(),
        plain.join("\n")
    );
    Mosquitto::start_with(folder, free_port(), &settings)
}

struct Appliance {
    service: Child,
    watch: PathBuf,
    log: PathBuf,
}

impl Appliance {
    fn start(folder: &Path, room: &str, broker: u16) -> Self {
        let home = folder.join(room);
        let watch = home.join("watch");
        fs::create_dir_all(&watch).unwrap();
        fs::write(home.join("password"), "secret\n").unwrap();
        let configuration = format!(
            "[device]\nid = \"{room}\"\n[ingest]\nwatch = \"{0}/watch\"\n[store]\npath = \"{0}/store\"\n[mqtt]\nhost = \"127.0.0.1\"\n\
             port = {broker}\nusername = \"{room}\"\npassword_file = \"{0}/password\"\n[http]\nlisten = \"127.0.0.1:{1}\"\n",
            home.display(),
            free_port()
        );
        fs::write(home.join("sagitta.toml"), configuration).unwrap();
        let log = home.join("log");
        let service = Command::new(env!("CARGO_BIN_EXE_sagitta"))
            .args(["run", "--config"])
            .arg(home.join("sagitta.toml"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { service, watch, log }
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

/// A small film of one patient a room.
fn films(folder: &Path) -> Vec<PathBuf> {
    let made = Command::new(env!("CARGO_BIN_EXE_sagitta"))
        .args(["phantom", "--seed", "78", "--pixel-mm", "1", "--difficulty", "clean", "--count", "2", "--out"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut films: Vec<_> = all.filter(|path| path.extension().is_some_and(|e| e == "dcm")).collect();
    films.sort();
    films
}

#[test]
fn a_subscriber_on_the_far_broker_sees_both_rooms_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let (near, far) = (folder.path().join("near"), folder.path().join("far"));
    fs::create_dir_all(&near).unwrap();
    fs::create_dir_all(&far).unwrap();
    let hospital = Mosquitto::start(&far);
    let ward = ward_broker(&near, hospital.port);
    // Not the overlays: pictures are no lines of text.
    let topics = ["report", "status", "health"].map(|what| format!("hospital/ward-3/+/{what}"));
    let topics: Vec<_> = topics.iter().flat_map(|topic| ["-t", topic]).collect();
    let reader = Subscriber::start_with(hospital.port, &topics);
    let films = films(&folder.path().join("films"));
    let appliances = ROOMS.map(|room| Appliance::start(folder.path(), room, ward.port));
    for (appliance, film) in appliances.iter().zip(&films) {
        let part = appliance.watch.parent().unwrap().join("part");
        fs::copy(film, &part).unwrap();
        fs::rename(part, appliance.watch.join(film.file_name().unwrap())).unwrap();
    }
    let mut reports: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    while reports.len() < ROOMS.len() {
        let seen = reader.wait_for("a report of each room", |seen| seen.is("report"));
        let report = seen.json();
        assert_eq!(seen.topic, format!("hospital/ward-3/{}/report", report["device"].as_str().unwrap()));
        assert_eq!(seen.content_type, "application/json", "the bridge keeps the properties");
        reports.entry(seen.topic).or_default().push(report);
    }
    let more: Vec<_> = reader.rest().into_iter().filter(|seen| seen.is("report")).collect();
    assert!(more.is_empty() && reports.values().all(|reports| reports.len() == 1), "{reports:?} {more:?}");

    // Who comes late learns both rooms' state from the far broker.
    let late = Subscriber::start(hospital.port, "hospital/ward-3/+/status");
    let states: BTreeMap<_, _> =
        ROOMS.map(|_| late.next()).into_iter().map(|seen| (seen.topic.clone(), seen.json()["state"].clone())).collect();
    assert_eq!(states.len(), ROOMS.len(), "{states:?}");
    assert!(
        states.values().all(|state| state == "online"),
        "{states:?} {}",
        fs::read_to_string(&appliances[0].log).unwrap()
    );

    // Room 2 may not speak in room 1's name: what it tries reaches nobody.
    let forged = ["-u", "room-2", "-P", "secret", "-t", "sagitta/room-1/status", "-m", "{\"state\":\"offline\"}"];
    publish(ward.port, &forged);
    assert!(reader.rest().iter().all(|seen| !seen.payload.contains("\"offline\"")));
    assert!(ward.log().contains("Denied PUBLISH"), "{}", ward.log());
}
