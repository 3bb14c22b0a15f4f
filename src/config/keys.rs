//! Every key: its name, default, range and meaning, and the setting it becomes.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use config::Value;

use crate::domain::geometry::{PixelSpacing, SpacingSource};
use crate::ingest::{self, Ignored, Patience, after::After, sidecar};

use super::problem::Problem;
use super::read::Fallback::{Absent, List, Number, Required, Text, Truth, Whole};
use super::read::{Key, Reader, path};
use super::values::{bytes, duration, host, list, number, one_of, text, topic, topic_level, truth, whole};
use super::{Config, Decode, Inference, Level, Log, Login, Mqtt, Privacy, Provider, Store, Thresholds, Tls};

/// Reads everything in `root`; the keys come in the order of the documentation.
pub(super) fn read(root: &Value, file: &str) -> (Option<Config>, Vec<Key>, Vec<Problem>) {
    let mut reader = Reader::new(root, file);
    let config = all(&mut reader);
    let (keys, problems) = reader.finish();
    (config, keys, problems)
}

/// First every section is read, so that all its problems are told; then what is sound is put together.
fn all(r: &mut Reader<'_>) -> Option<Config> {
    let device = r.get(
        Key::without_default("device.id", Required, "\"room-1\"", "The name of this device: one level of every MQTT topic, part of every report's id. Up to 64 letters, digits, `-`, `_` and `.`."),
        |value| topic_level(value, 64),
    );
    let ingest = ingest(r);
    let after = after(r);
    let decode = decode(r);
    let store = store(r);
    let faults = faults(r);
    let inference = inference(r);
    let thresholds = thresholds(r);
    let mqtt = mqtt(r);
    let http = r.get(
        Key::new("http.listen", Text("127.0.0.1:8080"), "Address and port on which the page, `/healthz` and `/metrics` are served. Loopback by default: reports are patients' data."),
        listen,
    );
    let privacy = privacy(r);
    let log = log(r);
    if let (Some(ingest), Some(after), Some(store)) = (&ingest, &after, &store) {
        folders(r, &ingest.watch, after, &store.path);
    }
    let (mut ingest, store, privacy, inference) = (ingest?, store?, privacy?, inference?);
    ingest.log_file_names = privacy.file_names_in_log;
    let (mut decode, mut faults) = (decode?, faults?);
    decode.max_bytes = ingest.max_bytes;
    faults.folder = store.path.join("faults");
    let (mut inference, engines) = inference;
    inference.engines = engines.unwrap_or_else(|| store.path.join("engines"));
    Some(Config {
        device: device?,
        ingest,
        after: after?,
        faults,
        decode,
        inference,
        thresholds: thresholds?,
        store,
        mqtt: mqtt?,
        http: http?,
        privacy,
        log: log?,
    })
}

fn ingest(r: &mut Reader<'_>) -> Option<ingest::Settings> {
    let watch = r.get(
        Key::without_default("ingest.watch", Required, "\"/srv/modality/out\"", "The folder into which the modality writes; its sub-folders are watched too. It may come later, such as a share that is mounted after the start."),
        path,
    );
    let inotify = r.get(
        Key::new("ingest.inotify", Truth(true), "Whether to be told of new files by the kernel. It is harmless on a network share, where only `ingest.rescan` finds files."),
        truth,
    );
    let rescan = r.get(
        Key::new("ingest.rescan", Text("2s"), "The pause between two looks at the whole folder, `\"100ms\"` to `\"1h\"`. With very many files it grows by itself, so that looking takes at most a twentieth of the time."),
        |value| duration(value, "100ms", "1h"),
    );
    let settle = r.get(
        Key::new("ingest.settle", Text("1s"), "A file that was neither closed nor renamed before our eyes is complete after this long without a change, `\"100ms\"` to `\"10min\"`, if it parses to the end of its pixel data."),
        |value| duration(value, "100ms", "10min"),
    );
    let give_up_after = r.get(
        Key::new("ingest.give_up_after", Text("60s"), "A file that is not whole, or cannot be read, becomes a fault after this long without a change, `\"1s\"` to `\"1d\"`; it is looked at again whenever it changes."),
        |value| duration(value, "1s", "1d"),
    );
    let max_bytes = r.get(
        Key::new(
            "ingest.max_bytes",
            Text("200 MB"),
            "Larger files become a fault without being opened, `\"1 kB\"` to `\"4 GB\"`.",
        ),
        |value| bytes(value, "1 kB", "4 GB"),
    );
    let ignore = r.get(
        Key::new("ingest.ignore", List(IGNORED), "Names that are passed over, beside those with a leading dot: a whole name, or `*` and an ending, in upper or lower case."),
        |value| {
            let parse = |pattern: &String| Ignored::parse(pattern);
            let all: Option<Vec<_>> = list(value)?.iter().map(parse).collect();
            all.ok_or_else(|| "Write names such as \"Thumbs.db\", or endings such as \"*.tmp\"; a star stands only in front.".into())
        },
    );
    if let (Some(settle), Some(give_up_after)) = (settle, give_up_after)
        && give_up_after < settle
    {
        let remedy = "Make it at least as long as ingest.settle.".into();
        r.problem("ingest.give_up_after", None, "is shorter than ingest.settle", remedy);
        return None;
    }
    Some(ingest::Settings {
        watch: watch?,
        inotify: inotify?,
        rescan: rescan?,
        patience: Patience { settle: settle?, give_up_after: give_up_after? },
        max_bytes: max_bytes?,
        ignore: ignore?,
        log_file_names: false,
    })
}

const IGNORED: &[&str] = &[
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.swp",
    "*~",
    "*.truth.json",
    "DICOMDIR",
    "Thumbs.db",
    "desktop.ini",
];

fn after(r: &mut Reader<'_>) -> Option<After> {
    const WORDS: [&str; 3] = ["keep", "move", "delete"];
    let after = r.get(
        Key::new("ingest.after", Text("keep"), "What happens to a film in the watched folder once it is recorded: `\"keep\"` leaves it alone, `\"move\"` moves it to `ingest.move_to`, `\"delete\"` deletes it."),
        |value| one_of(value, &WORDS),
    );
    let move_to = r.optional(
        Key::without_default("ingest.move_to", Absent, "\"/srv/modality/done\"", "Where `ingest.after = \"move\"` moves films; outside the watched folder. Sub-folders are kept, nothing is replaced."),
        path,
    );
    match (after?, move_to?) {
        (0, None) => Some(After::Keep),
        (2, None) => Some(After::Delete),
        (1, Some(folder)) => Some(After::Move(folder)),
        (1, None) => {
            let remedy = "Name a folder, for example ingest.move_to = \"/srv/modality/done\".".into();
            r.problem("ingest.move_to", None, "is missing, and ingest.after is \"move\"", remedy);
            None
        }
        (_, Some(_)) => {
            let remedy = "Write ingest.after = \"move\", or remove this key.".into();
            r.problem("ingest.move_to", None, "does nothing unless ingest.after is \"move\"", remedy);
            None
        }
        _ => None,
    }
}

fn decode(r: &mut Reader<'_>) -> Option<Decode> {
    let max_pixels = r.get(
        Key::new("ingest.max_pixels", Whole(40_000_000), "Larger films become a fault before they are decoded, 10 000 to 400 000 000 pixels; a film needs up to 12 bytes a pixel while it is decoded."),
        |value| whole(value, 10_000, 400_000_000),
    );
    let min_side = r.get(
        Key::new(
            "ingest.min_side",
            Whole(128),
            "Films whose shorter side has fewer pixels become a fault, 16 to 4096: a preview cannot be measured.",
        ),
        |value| whole(value, 16, 4096),
    );
    let spacing = r.optional(
        Key::without_default("decode.spacing_mm", Absent, "0.143", "Millimetres a pixel of films that carry no spacing of their own, 0.01 to 2, such as PNG exports. Without it their millimetres are withheld; a wrong one makes them wrong."),
        |value| number(value, PixelSpacing::MIN_MM, PixelSpacing::MAX_MM),
    );
    let spacing = spacing?.and_then(|mm| PixelSpacing::new(mm, SpacingSource::Configured));
    Some(Decode { max_bytes: 0, max_pixels: max_pixels?, min_side: min_side?, spacing })
}

fn store(r: &mut Reader<'_>) -> Option<Store> {
    let path = r.get(
        Key::new("store.path", Text("/var/lib/sagitta"), "The folder of the ledger, the sidecars of faults and the engines; made when it is missing. Not in the watched folder."),
        path,
    );
    let reports_kept = r.get(
        Key::new(
            "store.reports_kept",
            Whole(5_000),
            "Reports kept for the page, 10 to 1 000 000, at some 12 kB each. Which films were seen is kept for ever.",
        ),
        |value| whole(value, 10, 1_000_000),
    );
    let outbox_rows = r.get(
        Key::new("store.outbox_rows", Whole(20_000), "Reports and faults that may wait for the broker, 100 to 1 000 000. When as many wait, films stay in their folder until there is room again."),
        |value| whole(value, 100, 1_000_000),
    );
    let overlay_bytes = r.get(
        Key::new(
            "store.overlay_bytes",
            Text("64 MB"),
            "Overlays that may wait for the broker, `\"1 MB\"` to `\"4 GB\"`; beyond it the oldest give way.",
        ),
        |value| bytes(value, "1 MB", "4 GB"),
    );
    Some(Store { path: path?, reports_kept: reports_kept?, outbox_rows: outbox_rows?, overlay_bytes: overlay_bytes? })
}

fn faults(r: &mut Reader<'_>) -> Option<sidecar::Settings> {
    let keep = r.get(
        Key::new(
            "faults.keep",
            Whole(1_000),
            "Sidecars kept in `faults/` below the store, 1 to 100 000; the oldest go first.",
        ),
        |value| whole(value, 1, 100_000),
    );
    let quarantine = r.get(
        Key::new("faults.quarantine", Truth(false), "Whether a file that could not be measured is copied beside its sidecar. The copy is patient data; it never leaves the machine."),
        truth,
    );
    let files = r.get(
        Key::new("faults.quarantine_files", Whole(20), "Copies kept, 1 to 10 000; the oldest go first."),
        |value| whole(value, 1, 10_000),
    );
    let limit = r.get(
        Key::new(
            "faults.quarantine_bytes",
            Text("1 GB"),
            "Bytes of all copies together, `\"1 MB\"` to `\"100 GB\"`; a larger file is not copied.",
        ),
        |value| bytes(value, "1 MB", "100 GB"),
    );
    let limits = sidecar::Quarantine { files: usize::try_from(files?).ok()?, bytes: limit? };
    let keep = usize::try_from(keep?).ok()?;
    Some(sidecar::Settings { folder: PathBuf::new(), keep, quarantine: quarantine?.then_some(limits) })
}

/// With the folder for engines, whose default lies in the store.
fn inference(r: &mut Reader<'_>) -> Option<(Inference, Option<PathBuf>)> {
    const PROVIDERS: [(&str, Provider); 3] =
        [("cpu", Provider::Cpu), ("cuda", Provider::Cuda), ("tensorrt", Provider::TensorRt)];
    let provider = r.get(
        Key::new("inference.provider", Text("cpu"), "What runs the models: `\"cpu\"`, `\"cuda\"` or `\"tensorrt\"`. One that cannot be had is an error, never silently another."),
        |value| one_of(value, &PROVIDERS.map(|(name, _)| name)),
    );
    let threads = r.get(
        Key::new("inference.threads", Whole(0), "CPU threads of one run, 0 to 64; 0 takes every core."),
        |value| whole(value, 0, 64),
    );
    let fp16 =
        r.get(Key::new("inference.fp16", Truth(false), "Half precision on TensorRT; without effect elsewhere."), truth);
    let models = r.optional(
        Key::without_default("inference.models", Absent, "\"/usr/share/sagitta/models\"", "The folder with the models and their `manifest.toml`; by default the one beside the program, or where the package puts it."),
        path,
    );
    let engines = r.optional(
        Key::without_default(
            "inference.engines",
            Absent,
            "\"/var/lib/sagitta/engines\"",
            "Where built TensorRT engines are kept; by default `engines` below the store.",
        ),
        path,
    );
    let library = r.optional(
        Key::without_default(
            "inference.library",
            Absent,
            "\"/usr/lib/sagitta/libonnxruntime.so\"",
            "ONNX Runtime's library; by default it is searched for.",
        ),
        path,
    );
    let provider = PROVIDERS.get(provider?)?.1;
    let inference = Inference {
        provider,
        threads: threads?,
        fp16: fp16?,
        models: models?,
        engines: PathBuf::new(),
        library: library?,
    };
    Some((inference, engines?))
}

fn thresholds(r: &mut Reader<'_>) -> Option<Thresholds> {
    let mut get = |name, default, low, high, meaning| {
        r.get(Key::new(name, Number(default), meaning), |value| number(value, low, high))
    };
    let kyphosis = get(
        "thresholds.severe_kyphosis_deg",
        -13.0,
        -90.0,
        0.0,
        "A C2–C7 Cobb angle below this is a severe kyphosis; degrees, −90 to 0, lordosis positive.",
    );
    let high = get(
        "thresholds.sagittal_imbalance_mm",
        40.0,
        0.0,
        200.0,
        "An SVA above this is a sagittal imbalance; millimetres, 0 to 200.",
    );
    let low = get(
        "thresholds.sagittal_band_mm",
        15.0,
        0.0,
        200.0,
        "An SVA below this is told as well; millimetres, 0 to 200, not above `thresholds.sagittal_imbalance_mm`.",
    );
    let slip = get(
        "thresholds.slip_mm",
        3.5,
        0.1,
        20.0,
        "A slip of a body over the next beyond this, forwards or backwards, is an instability; millimetres, 0.1 to 20.",
    );
    let angle = get(
        "thresholds.slip_angle_deg",
        11.0,
        0.1,
        60.0,
        "A difference of the slip angle between flexion and extension beyond this is an instability; degrees, 0.1 to 60.",
    );
    let pavlov = get(
        "thresholds.pavlov",
        0.75,
        0.1,
        2.0,
        "A Pavlov ratio below this on three consecutive levels is a developmental canal stenosis; 0.1 to 2.",
    );
    let effort = get(
        "thresholds.effort_deg",
        5.0,
        0.0,
        60.0,
        "Less motion than this between flexion and extension is an insufficient effort, from which no stability is concluded; degrees, 0 to 60.",
    );
    if let (Some(low), Some(high)) = (low, high)
        && low > high
    {
        let remedy = "Make it at most as large as thresholds.sagittal_imbalance_mm.".into();
        r.problem("thresholds.sagittal_band_mm", None, "is above thresholds.sagittal_imbalance_mm", remedy);
        return None;
    }
    Some(Thresholds {
        severe_kyphosis_deg: kyphosis?,
        sagittal_imbalance_mm: high?,
        sagittal_band_mm: low?,
        slip_mm: slip?,
        slip_angle_deg: angle?,
        pavlov: pavlov?,
        effort_deg: effort?,
    })
}

fn mqtt(r: &mut Reader<'_>) -> Option<Mqtt> {
    let host = r.get(
        Key::new(
            "mqtt.host",
            Text("127.0.0.1"),
            "Host name or address of the broker; with TLS the name that its certificate bears.",
        ),
        host,
    );
    let port = r
        .get(Key::new("mqtt.port", Whole(1883), "Its port, 1 to 65535; brokers with TLS mostly use 8883."), |value| {
            whole(value, 1, 65535)
        });
    let prefix = r.get(
        Key::new("mqtt.prefix", Text("sagitta"), "The levels before the device in every topic, with `/` between them."),
        |value| topic(value, 128),
    );
    let keep_alive = r.get(
        Key::new("mqtt.keep_alive", Text("30s"), "The pause after which a silent connection is probed, `\"5s\"` to `\"18h\"`; the last will is sent after one and a half times as long."),
        |value| duration(value, "5s", "18h"),
    );
    let username = r.optional(
        Key::without_default("mqtt.username", Absent, "\"sagitta\"", "The user's name at the broker; none by default."),
        text,
    );
    let password = r.optional(
        Key::without_default(
            "mqtt.password_file",
            Absent,
            "\"/etc/sagitta/mqtt.password\"",
            "A file with the password, readable for the service's user alone. There is no key for the password itself.",
        ),
        path,
    );
    let tls = r.get(Key::new("mqtt.tls", Truth(false), "Whether the connection is encrypted."), truth);
    let ca = r.optional(Key::without_default("mqtt.ca_file", Absent, "\"/etc/sagitta/ca.pem\"", "PEM file of the authorities that may have signed the broker's certificate; by default those that the system trusts. Needs `mqtt.tls`."), path);
    let cert = r.optional(Key::without_default("mqtt.cert_file", Absent, "\"/etc/sagitta/client.pem\"", "PEM file of this client's certificate chain, for brokers that ask for one. Needs `mqtt.tls` and `mqtt.key_file`."), path);
    let key = r.optional(
        Key::without_default(
            "mqtt.key_file",
            Absent,
            "\"/etc/sagitta/client.key\"",
            "PEM file of this client's key, readable for the service's user alone. Needs `mqtt.cert_file`.",
        ),
        path,
    );
    let overlays = r.get(
        Key::new(
            "mqtt.overlays",
            Truth(true),
            "Whether each report's overlay is published as a JPEG; it shows the film.",
        ),
        truth,
    );
    let all = r.get(
        Key::new(
            "mqtt.report_not_applicable",
            Truth(false),
            "Whether films that are no lateral neck are published as reports, rather than only counted in `health`.",
        ),
        truth,
    );

    let (username, password, tls, ca, cert, key) = (username?, password?, tls?, ca?, cert?, key?);
    let mut sound = true;
    let mut refuse = |name: &str, wrong: bool, what: &str, remedy: &str| {
        if wrong {
            r.problem(name, None, what, remedy.to_owned());
            sound = false;
        }
    };
    refuse(
        "mqtt.password_file",
        password.is_some() && username.is_none(),
        "stands without mqtt.username",
        "Write mqtt.username too.",
    );
    refuse(
        "mqtt.key_file",
        cert.is_some() && key.is_none(),
        "is missing, and mqtt.cert_file is there",
        "Name the certificate's key.",
    );
    refuse(
        "mqtt.cert_file",
        key.is_some() && cert.is_none(),
        "is missing, and mqtt.key_file is there",
        "Name the key's certificate.",
    );
    let files = [("mqtt.ca_file", &ca), ("mqtt.cert_file", &cert), ("mqtt.key_file", &key)];
    for (name, file) in files {
        refuse(
            name,
            file.is_some() && !tls,
            "does nothing without mqtt.tls",
            "Write mqtt.tls = true, or remove this key.",
        );
    }
    let login = username.map(|username| Login { username, password_file: password });
    let tls = tls.then(|| Tls { ca_file: ca, client: cert.zip(key) });
    let (host, port, prefix) = (host?, u16::try_from(port?).ok()?, prefix?);
    let (keep_alive, overlays, report_not_applicable) = (keep_alive?, overlays?, all?);
    sound.then_some(Mqtt { host, port, prefix, keep_alive, tls, login, overlays, report_not_applicable })
}

fn privacy(r: &mut Reader<'_>) -> Option<Privacy> {
    let patient_id = r.get(
        Key::new(
            "privacy.patient_id",
            Truth(false),
            "Publish the patient's id as it stands in the film, rather than a keyed pseudonym.",
        ),
        truth,
    );
    let file_names = r.get(Key::new("privacy.file_names", Truth(true), "Publish the path of a film below the watched folder. Switch it off where the modality writes patients' names into file names."), truth);
    let in_log = r.get(
        Key::new(
            "privacy.file_names_in_log",
            Truth(false),
            "Write file names into the log, rather than a short label and the content's hash.",
        ),
        truth,
    );
    Some(Privacy { patient_id: patient_id?, file_names: file_names?, file_names_in_log: in_log? })
}

fn log(r: &mut Reader<'_>) -> Option<Log> {
    const LEVELS: [(&str, Level); 5] = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];
    let level = r.get(
        Key::new(
            "log.level",
            Text("info"),
            "The least grave lines to write: `\"error\"`, `\"warn\"`, `\"info\"`, `\"debug\"` or `\"trace\"`.",
        ),
        |value| one_of(value, &LEVELS.map(|(name, _)| name)),
    );
    let json = r.get(Key::new("log.json", Truth(false), "One JSON object a line, rather than text for people."), truth);
    Some(Log { level: LEVELS.get(level?)?.1, json: json? })
}

fn listen(value: &Value) -> Result<SocketAddr, String> {
    let address: Option<SocketAddr> = text(value).ok().and_then(|text| text.parse().ok());
    let wrong = "Write an address and a port from 1 to 65535, such as \"127.0.0.1:8080\" or \"[::1]:8080\".";
    address.filter(|address| address.port() != 0).ok_or_else(|| wrong.into())
}

/// Refuses folders that lie in one another: what Sagitta writes would land again.
fn folders(r: &mut Reader<'_>, watch: &Path, after: &After, store: &Path) {
    let remedy = |which: &str| format!("Choose a {which} outside the watched folder, and a watched folder outside it.");
    if nested(watch, store) {
        r.problem("store.path", None, "and ingest.watch lie in one another", remedy("store"));
    }
    if let After::Move(to) = after
        && nested(watch, to)
    {
        r.problem("ingest.move_to", None, "and ingest.watch lie in one another", remedy("folder"));
    }
}

/// Whether one of two folders is the other or lies in it, as far as they exist with links resolved.
fn nested(a: &Path, b: &Path) -> bool {
    let (a, b) = (resolved(a), resolved(b));
    a.starts_with(&b) || b.starts_with(&a)
}

/// `path` with links resolved in the part that exists, and `..` taken off by name in the rest.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = path.ancestors().find_map(|part| part.canonicalize().ok().map(|real| (part, real)));
    let (mut real, rest) = match &existing {
        Some((part, real)) => (real.clone(), path.strip_prefix(part).unwrap_or(&path)),
        None => (PathBuf::new(), path.as_path()),
    };
    for component in rest.components() {
        match component {
            Component::ParentDir => drop(real.pop()),
            Component::CurDir => {}
            other => real.push(other),
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_one_another_are_told_apart_from_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("real/watch")).unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        for (a, b) in [
            ("real/watch", "real/watch"),
            ("real/watch", "real/watch/store"),
            ("real/watch", "real"),
            ("real/watch", "link/watch/not/yet"),
            ("real/watch", "elsewhere/../real/watch/x"),
        ] {
            assert!(nested(&at(a), &at(b)) && nested(&at(b), &at(a)), "{a} {b}");
        }
        for (a, b) in [("real/watch", "real/watch2"), ("real/watch", "store"), ("x/watch", "link/watch")] {
            assert!(!nested(&at(a), &at(b)), "{a} {b}");
        }
    }
}
