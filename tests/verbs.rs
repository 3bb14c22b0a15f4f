//! The verbs of the appliance as an administrator types them, on a machine without a graphics processor.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

mod program_support;
use program_support::{sagitta, text};

/// A home with a configuration; `more` stands behind it.
fn home(more: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("watch")).unwrap();
    let configuration = format!(
        "[device]\nid = \"room-1\"\n[ingest]\nwatch = \"{0}/watch\"\n[store]\npath = \"{0}/store\"\n{more}",
        home.path().display()
    );
    fs::write(home.path().join("sagitta.toml"), configuration).unwrap();
    home
}

fn verb(home: &Path, arguments: &[&str]) -> Output {
    let config = home.join("sagitta.toml").display().to_string();
    sagitta(&[arguments, &["--config", &config]].concat())
}

#[test]
fn without_a_driver_engines_are_told_calmly_and_nothing_is_made() {
    let home = home("");
    let built = verb(home.path(), &["engines", "build"]);
    let told = text(&built.stderr);
    assert_eq!(built.status.code(), Some(1));
    assert!(
        told.contains("no NVIDIA driver") && told.contains("provider = \"cpu\"") && !told.contains("panicked"),
        "{told}"
    );
    let listed = verb(home.path(), &["engines", "list"]);
    assert!(listed.status.success() && listed.stdout.is_empty() && text(&listed.stderr).contains("0 engines"));
    assert_eq!(text(&verb(home.path(), &["engines", "list", "--json"]).stdout).trim(), "[]");
    let verified = verb(home.path(), &["engines", "verify"]);
    assert!(verified.status.success() && text(&verified.stdout).contains("no engine is needed"), "{verified:?}");
    assert!(verb(home.path(), &["engines", "prune"]).status.success());
    assert!(!home.path().join("store").exists());
}

#[test]
fn with_tensorrt_configured_verify_says_what_is_missing_and_what_lies_about() {
    let home = home("[inference]\nprovider = \"tensorrt\"\n");
    let stray = home.path().join("store/engines/detector-fp16-000000000000");
    fs::create_dir_all(&stray).unwrap();
    fs::write(stray.join("graph.engine"), b"x").unwrap();
    let verified = verb(home.path(), &["engines", "verify"]);
    let told = text(&verified.stdout);
    assert_eq!(verified.status.code(), Some(1), "{told}");
    assert!(told.contains("it has no passport") && told.contains("run `sagitta engines build`"), "{told}");
    let pruned = verb(home.path(), &["engines", "prune"]);
    assert!(
        pruned.status.success() && text(&pruned.stdout).contains("removed detector-fp16-000000000000"),
        "{pruned:?}"
    );
    assert!(!stray.exists());
}

#[test]
fn the_self_test_is_one_json_object_and_says_what_ran() {
    let home = home("");
    let tested = verb(home.path(), &["self-test", "--json"]);
    let told: Value = serde_json::from_slice(&tested.stdout).unwrap_or_else(|_| panic!("{tested:?}"));
    assert_eq!(
        (tested.status.code(), &told["passed"], &told["reason"]),
        (Some(0), &Value::Bool(true), &Value::Null),
        "{told:#}"
    );
    assert_eq!((told["films"].as_array().unwrap().len(), told["models"][0]["provider"].as_str()), (4, Some("cpu")));
    // The same models with other answers fail, and say on which film.
    let models = home.path().join("models");
    fs::create_dir(&models).unwrap();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap() {
        let entry = entry.unwrap().path();
        fs::copy(&entry, models.join(entry.file_name().unwrap())).unwrap();
    }
    let golden = models.join("golden.json");
    let mut stored: Value = serde_json::from_slice(&fs::read(&golden).unwrap()).unwrap();
    let x = stored["films"][1]["landmarks"][0][0].as_f64().unwrap();
    stored["films"][1]["landmarks"][0][0] = Value::from(x + 4.0);
    fs::write(&golden, stored.to_string()).unwrap();
    let with = fs::read_to_string(home.path().join("sagitta.toml")).unwrap();
    let with = format!("{with}[inference]\nmodels = \"{}\"\n", models.display());
    fs::write(home.path().join("sagitta.toml"), with).unwrap();
    let failed = verb(home.path(), &["self-test"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stderr).contains("golden film 9002-flexion: a landmark differs by 4.0"), "{failed:?}");
    fs::remove_file(golden).unwrap();
    let untold = verb(home.path(), &["self-test", "--json"]);
    assert!(untold.status.code() == Some(1) && text(&untold.stderr).contains("self-test --write"), "{untold:?}");
}

/// What scripts/check/cross asks in the emulator, quarter of an hour later: the stored answers are those to today's golden films.
#[test]
fn the_models_for_the_emulator_have_answers_to_the_golden_films_as_they_are_drawn_now() {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/emulated/models");
    let home = home(&format!("[inference]\nmodels = \"{models}\"\n"));
    let tested = verb(home.path(), &["self-test", "--json"]);
    let told: Value = serde_json::from_slice(&tested.stdout).unwrap_or_else(|_| panic!("{tested:?}"));
    for film in told["films"].as_array().unwrap() {
        let off = film["landmark_max_px"].as_f64().unwrap();
        assert!(off < 0.05, "{}: {off} px; cd tests/data/emulated && sagitta self-test --write", film["film"]);
    }
    assert_eq!((tested.status.code(), told["films"].as_array().unwrap().len()), (Some(0), 4));
}

/// From the maker's key to the running set: the project's own models as a bundle.
#[test]
fn a_signed_bundle_is_proved_installed_listed_and_rolled_back_and_one_that_is_tampered_with_is_not() {
    let home = home("");
    let at = |name: &str| home.path().join(name).display().to_string();
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|e| panic!("{program}: {e}; run scripts/setup test"));
        assert!(done.status.success(), "{program}: {}", text(&done.stderr));
    };
    run("minisign", &["-G", "-W", "-p", &at("key.pub"), "-s", &at("key.sec")]);
    let key = fs::read_to_string(at("key.pub")).unwrap().lines().nth(1).unwrap().to_owned();
    run("cp", &["-r", concat!(env!("CARGO_MANIFEST_DIR"), "/models"), &at("set")]);
    let unsigned = verb(home.path(), &["models", "install", &at("set.tar.gz")]);
    assert!(unsigned.status.code() == Some(1) && text(&unsigned.stderr).contains("[models] keys"), "{unsigned:?}");
    fs::write(at("set/bundle.toml"), "schema = 1\nversion = 3\ndescription = \"the third\"\n").unwrap();
    run("tar", &["-czf", &at("set.tar.gz"), "-C", &at("set"), "."]);
    run("minisign", &["-S", "-s", &at("key.sec"), "-m", &at("set.tar.gz")]);
    let configuration = fs::read_to_string(at("sagitta.toml")).unwrap();
    fs::write(at("sagitta.toml"), format!("{configuration}[models]\nkeys = [\"{key}\"]\n")).unwrap();

    let installed = verb(home.path(), &["models", "install", &at("set.tar.gz")]);
    assert!(installed.status.success(), "{}", text(&installed.stderr));
    assert!(text(&installed.stdout).contains("Installed 3-") && text(&installed.stdout).contains("systemctl restart"));
    let listed = text(&verb(home.path(), &["models", "list"]).stdout);
    assert!(listed.contains("in use\tthe third") && listed.contains("package\tbefore"), "{listed}");
    // What is used from now on is what was installed: damage it, and it is told.
    let sets = fs::read_dir(at("store/models/sets")).unwrap().next().unwrap().unwrap().path();
    fs::write(sets.join("locator.onnx"), b"damaged").unwrap();
    let tested = verb(home.path(), &["self-test"]);
    assert!(tested.status.code() == Some(1) && text(&tested.stderr).contains("locator.onnx"), "{tested:?}");

    let mut bytes = fs::read(at("set.tar.gz")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(at("set.tar.gz"), bytes).unwrap();
    let tampered = verb(home.path(), &["models", "install", &at("set.tar.gz")]);
    assert!(tampered.status.code() == Some(1) && text(&tampered.stderr).contains("not what a trusted key has signed"));

    let back = verb(home.path(), &["models", "rollback"]);
    assert!(back.status.success() && text(&back.stdout).contains("Back to package"), "{back:?}");
    assert!(text(&verb(home.path(), &["models", "list"]).stdout).starts_with("package\tin use"));
}

/// systemd's side of the socket.
#[test]
fn systemd_is_told_when_films_are_taken_that_they_are_measured_and_when_it_ends() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let home = home(&format!("[http]\nlisten = \"127.0.0.1:{port}\"\n"));
    let address = home.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let wait_for = |what: &str| {
        let mut message = [0; 4096];
        loop {
            let length = socket.recv(&mut message).unwrap_or_else(|error| panic!("{what}: {error}"));
            let told = String::from_utf8_lossy(&message[..length]).into_owned();
            if told.lines().any(|line| line == what) {
                return told;
            }
        }
    };
    let mut service = Command::new(env!("CARGO_BIN_EXE_sagitta"))
        .args(["run", "--config"])
        .arg(home.path().join("sagitta.toml"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NOTIFY_SOCKET", &address)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for("READY=1");
    wait_for("WATCHDOG=1");
    wait_for("WATCHDOG=1");
    // A second one on the same store is told who has it, and ends.
    let second = verb(home.path(), &["run"]);
    let told = text(&second.stderr);
    assert!(second.status.code() == Some(1) && told.contains(&format!("(process {})", service.id())), "{told}");
    assert!(Command::new("kill").args(["-TERM", &service.id().to_string()]).status().unwrap().success());
    wait_for("STOPPING=1");
    assert_eq!(service.wait().unwrap().code(), Some(0));
}

#[test]
fn a_support_bundle_tells_what_helps_and_no_secret() {
    let home = home("[mqtt]\nusername = \"sagitta\"\npassword_file = \"PLACE/broker.password\"\n");
    let place = home.path().display().to_string();
    let configuration = fs::read_to_string(home.path().join("sagitta.toml")).unwrap().replace("PLACE", &place);
    fs::write(home.path().join("sagitta.toml"), configuration).unwrap();
    fs::write(home.path().join("broker.password"), "hunter2").unwrap();
    let written = verb(home.path(), &["support-bundle"]);
    assert!(written.status.success(), "{written:?}");
    let path = text(&written.stdout).trim().to_owned();
    assert!(path.starts_with(&format!("{place}/store/support/sagitta-")), "{path}");
    let unpacked = Command::new("tar").args(["-xzOf", &path]).output().unwrap();
    let all = text(&unpacked.stdout);
    for part in
        ["The configuration is sound.", "ONNX Runtime:", "no NVIDIA driver", "detector", "There is no ledger yet."]
    {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(!all.contains("hunter2"));
}
