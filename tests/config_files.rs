//! The configuration from outside: files as sites write them, and what is said about them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use sagitta::config::{self, Config, Fallback, reference};
use sagitta::ingest::after::After;

/// What the contract promises to be enough.
const MINIMAL: &str = r#"
    [device]
    id = "room-1"
    [ingest]
    watch = "/srv/modality/out"
    [store]
    path = "/var/lib/sagitta"
    [mqtt]
    host = "127.0.0.1"
    port = 1883
    [http]
    listen = "127.0.0.1:8080"
"#;

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_text(text, "sagitta.toml", variables)
        .map_err(|problems| problems.to_string().lines().map(str::to_owned).collect())
}

/// The one problem with `text` behind the minimal configuration's sections.
fn problem(text: &str) -> String {
    let problems = load(text, &[]).expect_err(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().unwrap()
}

/// The minimal configuration with one line put into a section.
fn with(section: &str, line: &str) -> String {
    let heading = format!("[{section}]\n");
    if MINIMAL.contains(&heading) {
        MINIMAL.replace(&heading, &format!("{heading}{line}\n"))
    } else {
        format!("{MINIMAL}\n{heading}{line}\n")
    }
}

#[test]
fn the_minimal_file_is_enough() {
    let config = load(MINIMAL, &[]).unwrap();
    assert_eq!((config.device.as_str(), config.mqtt.port), ("room-1", 1883));
    assert_eq!((config.after, config.mqtt.tls), (After::Keep, None));
    assert_eq!(config.ingest.patience.settle, Duration::from_secs(1));
    assert_eq!(config.decode.max_bytes, config.ingest.max_bytes);
    assert_eq!(config.faults.folder, Path::new("/var/lib/sagitta/faults"));
    assert_eq!(config.inference.engines, Path::new("/var/lib/sagitta/engines"));
    let t = config.thresholds;
    let paper_a = (t.severe_kyphosis_deg, t.sagittal_imbalance_mm, t.sagittal_band_mm, t.slip_mm, t.slip_angle_deg);
    assert_eq!(paper_a, (-13.0, 40.0, 15.0, 3.5, 11.0));
    assert_eq!((t.pavlov, t.effort_deg), (0.75, 5.0));
}

#[test]
fn the_environment_overrides_the_file_and_is_enough_alone() {
    let config = load(MINIMAL, &[("SAGITTA_MQTT__HOST", "broker"), ("SAGITTA_INGEST__SETTLE", "3s")]).unwrap();
    assert_eq!((config.mqtt.host.as_str(), config.ingest.patience.settle), ("broker", Duration::from_secs(3)));
    let variables = [
        ("SAGITTA_DEVICE__ID", "room-7"),
        ("SAGITTA_INGEST__WATCH", "/srv/out"),
        ("SAGITTA_INGEST__IGNORE", "*.tmp, notes.txt"),
        ("SAGITTA_MQTT__PORT", "8883"),
        ("SAGITTA_MQTT__TLS", "true"),
        ("SAGITTA_MQTT__USERNAME", ""),
        ("SAGITTA_THRESHOLDS__PAVLOV", "0.8"),
        ("SAGITTA_ANYTHING", "without two underscores belongs to a script"),
        ("PATH", "/bin"),
    ];
    let config = load("", &variables).unwrap();
    assert_eq!((config.device.as_str(), config.mqtt.port, config.thresholds.pavlov), ("room-7", 8883, 0.8));
    assert_eq!((config.ingest.ignore.len(), config.mqtt.tls.is_some(), config.mqtt.login), (2, true, None));
    let problems = load(MINIMAL, &[("SAGITTA_MQTT__PORT", "0")]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("mqtt.port = \"0\" (SAGITTA_MQTT__PORT in the environment)"), "{problems:?}");
}

#[test]
fn each_mistake_is_told_with_its_key_value_and_remedy() {
    for (section, line, parts) in [
        ("mqtt", "hots = \"x\"", &["mqtt.hots (sagitta.toml)", "not a key", "mqtt.host?"][..]),
        ("colours", "red = 1", &["colours", "not a key", "docs/configuration.md"]),
        ("ingest", "settle = 5", &["ingest.settle = 5", "a whole number", "\"100ms\" to \"10min\""]),
        ("ingest", "settle = \"soon\"", &["ingest.settle = \"soon\"", "ms, s, min"]),
        ("ingest", "inotify = \"perhaps\"", &["ingest.inotify = \"perhaps\"", "true or false"]),
        ("ingest", "ignore = [\"*\"]", &["ingest.ignore = [\"*\"]", "*.tmp"]),
        ("ingest", "give_up_after = \"1s\"\nsettle = \"2s\"", &["ingest.give_up_after = \"1s\"", "ingest.settle"]),
        ("ingest", "after = \"move\"", &["ingest.move_to", "missing"]),
        ("ingest", "after = \"remove\"", &["ingest.after = \"remove\"", "\"keep\", \"move\", \"delete\""]),
        ("ingest", "move_to = \"/srv/done\"", &["ingest.move_to = \"/srv/done\"", "does nothing"]),
        ("ingest", "after = \"move\"\nmove_to = \"/srv/modality/out/done\"", &["ingest.move_to", "in one another"]),
        ("mqtt", "prefix = \"a/#\"", &["mqtt.prefix = \"a/#\"", "digits"]),
        ("mqtt", "cert_file = \"/c.pem\"\ntls = true", &["mqtt.key_file", "is missing"]),
        ("mqtt", "ca_file = \"/c.pem\"", &["mqtt.ca_file = \"/c.pem\"", "mqtt.tls = true"]),
        ("mqtt", "password_file = \"/p\"", &["mqtt.password_file = \"/p\"", "mqtt.username"]),
        ("inference", "provider = \"tensort\"", &["inference.provider = \"tensort\"", "did you mean \"tensorrt\"?"]),
        ("thresholds", "pavlov = nan", &["thresholds.pavlov = NaN", "from 0.1 to 2"]),
        ("thresholds", "slip_mm = inf", &["thresholds.slip_mm = inf", "from 0.1 to 20"]),
        ("thresholds", "sagittal_band_mm = 50", &["thresholds.sagittal_band_mm = 50", "above"]),
        ("decode", "spacing_mm = 0.0", &["decode.spacing_mm = 0", "from 0.01 to 2"]),
        ("log", "level = \"verbose\"", &["log.level = \"verbose\"", "\"debug\""]),
    ] {
        let told = problem(&with(section, line));
        for part in parts {
            assert!(told.contains(part), "{part:?} in {told:?}");
        }
    }
    for (from, to, parts) in [
        ("id = \"room-1\"", "id = \"room/#\"", &["device.id = \"room/#\"", "no '+', '#'"][..]),
        ("id = \"room-1\"", "", &["device.id (sagitta.toml)", "is missing", "device.id = \"room-1\""]),
        ("port = 1883", "port = 0", &["mqtt.port = 0", "1 to 65535"]),
        ("127.0.0.1:8080", "127.0.0.1:0", &["http.listen = \"127.0.0.1:0\"", "1 to 65535"]),
        ("127.0.0.1:8080", "localhost", &["http.listen = \"localhost\"", "127.0.0.1:8080"]),
        ("/var/lib/sagitta", "/srv/modality/out", &["store.path = \"/srv/modality/out\"", "ingest.watch"]),
        ("/var/lib/sagitta", "/srv/modality", &["store.path = \"/srv/modality\"", "ingest.watch"]),
    ] {
        let told = problem(&MINIMAL.replace(from, to));
        for part in parts {
            assert!(told.contains(part), "{part:?} in {told:?}");
        }
    }
}

#[test]
fn a_page_that_others_reach_needs_a_word_on_who_may_look() {
    let open = MINIMAL.replace("127.0.0.1:8080", "0.0.0.0:8080");
    let problems = load(&open, &[]).unwrap_err();
    assert!(
        problems.len() == 1 && problems[0].contains("http.listen") && problems[0].contains("http.token_file"),
        "{problems:?}"
    );
    assert!(load(&open.replace("0.0.0.0:8080\"", "0.0.0.0:8080\"\ntoken_file = \"/etc/sagitta/token\""), &[]).is_ok());
    let tls = "0.0.0.0:8080\"\ncert_file = \"/a\"\nkey_file = \"/b\"";
    assert!(
        load(&open.replace("0.0.0.0:8080\"", tls), &[]).is_err(),
        "encryption alone says nothing about who may look"
    );
    let certified = format!("{tls}\nclient_ca_file = \"/c\"");
    assert!(load(&open.replace("0.0.0.0:8080\"", &certified), &[]).is_ok());
    for (section, line) in [
        ("http", "cert_file = \"/a\""),
        ("http", "key_file = \"/a\""),
        ("http", "client_ca_file = \"/a\""),
        ("http", "rooms = [\"a/b\"]"),
        ("mqtt", "websocket = \"http://broker\""),
        ("mqtt", "page_password_file = \"/a\""),
        ("mqtt", "discovery_prefix = \"a/#\""),
    ] {
        let told = problem(&with(section, line));
        assert!(
            told.contains(line.split(' ').next().unwrap())
                || told.contains("http.key_file")
                || told.contains("http.cert_file"),
            "{told}"
        );
    }
}

#[test]
fn all_problems_are_told_at_once_each_on_one_line() {
    let text = MINIMAL
        .replace("port = 1883", "port = 0\nhoost = \"two\\nlines\"")
        .replace("/var/lib/sagitta", "/srv/modality/out")
        .replace("127.0.0.1:8080", "no\\nwhere")
        .replace("[device]", "[log]\nlevel = 7\n[device]");
    let mut problems = load(&text, &[("SAGITTA_INGEST__RESCAN", "never")]).unwrap_err();
    problems.sort();
    let keys: Vec<_> = problems.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(keys, ["http.listen", "ingest.rescan", "log.level", "mqtt.hoost", "mqtt.port", "store.path"]);
}

#[test]
fn what_may_be_a_secret_is_never_said() {
    for text in [
        with("mqtt", "password = \"hunter2\""),
        with("mqtt", "password = hunter2"),
        with("mqtt", "[hunter2"),
        with("mqtt", "\"hunter2"),
        MINIMAL.replace("host = \"127.0.0.1\"", "host = \"sagitta:hunter2@broker\""),
        MINIMAL.replace("host = \"127.0.0.1\"", "host = \"a\"\npasword_file = { secret = \"hunter2\" }"),
    ] {
        let problems = load(&text, &[]).expect_err(&text);
        assert!(!problems.join("\n").contains("hunter2"), "{problems:?}");
    }
    let problems = load(MINIMAL, &[("SAGITTA_MQTT__PASSWORD", "hunter2")]).unwrap_err();
    assert!(!problems.join("\n").contains("hunter2") && problems[0].contains("mqtt.password_file?"), "{problems:?}");
}

#[test]
fn a_file_that_is_no_toml_names_its_line() {
    let told = problem("[device]\nid = \"room-1\"\nid = \"room-2\"\n");
    assert!(told.contains("line 3"), "{told}");
    let told = problem("[device\n");
    assert!(told.contains("line 1"), "{told}");
}

/// Every file and folder below `path`, with contents.
fn everything(path: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            all.extend(everything(&path));
            all.insert(name, None);
        } else {
            all.insert(name, Some(fs::read(&path).unwrap()));
        }
    }
    all
}

#[test]
fn a_check_looks_around_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sagitta.toml");
    let text = MINIMAL
        .replace("/srv/modality/out", &dir.path().join("watch").display().to_string())
        .replace("/var/lib/sagitta", &dir.path().join("store").display().to_string())
        .replace("port = 1883", "port = 1883\ntls = true\nca_file = \"/nowhere/ca.pem\"");
    fs::write(&file, &text).unwrap();
    let before = everything(dir.path());
    let problems = config::check(Some(&file)).unwrap_err();
    let keys: Vec<_> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["ingest.watch", "mqtt.ca_file"], "a store that can be made is no problem");
    assert!(Config::load(Some(&file)).is_ok(), "the service waits for what may come later");

    fs::write(&file, text.replace("1883", "0")).unwrap();
    let problems = config::check(Some(&file)).unwrap_err();
    assert_eq!(problems.0.len(), 3, "values and surroundings are told together: {problems}");
    fs::write(&file, &text).unwrap();
    assert_eq!(everything(dir.path()), before);

    fs::create_dir(dir.path().join("watch")).unwrap();
    fs::write(dir.path().join("ca.pem"), "x").unwrap();
    fs::write(&file, text.replace("/nowhere", &dir.path().display().to_string())).unwrap();
    assert!(config::check(Some(&file)).is_ok());
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let told = Config::load(Some(Path::new("/nowhere/sagitta.toml"))).unwrap_err().to_string();
    assert!(told.contains("/nowhere/sagitta.toml") && told.contains("--config"), "{told}");
}

const EXAMPLE: &str = include_str!("../packaging/sagitta.toml");
const TABLE: &str = include_str!("../docs/configuration.md");

#[test]
fn the_example_says_what_the_keys_say_and_equals_the_defaults() {
    assert_same("packaging/sagitta.toml", EXAMPLE, &reference::example());
    let minimal = load(MINIMAL, &[]).unwrap();
    assert_eq!(load(EXAMPLE, &[]).unwrap(), minimal);
    // The defaults in the comments are the defaults.
    let spelled_out: String = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(spelled_out.contains("\nsettle = \"1s\"\n"));
    assert_eq!(load(&spelled_out, &[]).unwrap(), minimal);
}

#[test]
fn the_documentation_holds_every_key() {
    let (mark, end) = ("<!-- keys: made from the program; see the end of this page -->\n", "<!-- end of keys -->");
    let (before, rest) = TABLE.split_once(mark).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let expected = format!("{before}{mark}{}\n{end}{after}", reference::markdown());
    assert_same("docs/configuration.md", TABLE, &expected);
    for key in reference::all() {
        assert!(!key.meaning.is_empty() && key.meaning.ends_with('.'), "{}", key.name);
        let has_default = !matches!(key.default, Fallback::Required | Fallback::Absent);
        assert_ne!(has_default, !key.example.is_empty(), "{} has either a default or an example", key.name);
    }
}

#[test]
fn every_example_in_the_documentation_is_possible() {
    for key in reference::all().iter().filter(|key| key.default == Fallback::Absent) {
        let (section, name) = key.name.split_once('.').unwrap();
        let line = format!("{name} = {}", key.example);
        match load(&with(section, &line), &[]) {
            Ok(_) => {}
            Err(problems) => {
                let alone =
                    problems.iter().all(|p| p.contains("without") || p.contains("unless") || p.contains(", and "));
                assert!(alone, "{} is possible but for what it goes with: {problems:?}", key.name);
            }
        }
    }
}

/// Compares a file with what it should hold; `SAGITTA_WRITE_DOCS=1` writes it anew instead.
fn assert_same(name: &str, found: &str, expected: &str) {
    if found != expected && std::env::var_os("SAGITTA_WRITE_DOCS").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(name), expected).unwrap();
        return;
    }
    assert_eq!(found, expected, "{name} is out of date: run this test with SAGITTA_WRITE_DOCS=1");
}
