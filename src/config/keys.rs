//! Reads every key of the table and makes settings of them; ranges, and what must fit together, stand here.

use std::path::{Component, Path, PathBuf};

use config::Value;

use crate::domain::geometry::{PixelSpacing, SpacingSource};
use crate::ingest::{self, Ignored, Patience, after::After, sidecar};
use crate::study::summary::Language;

use super::http;
use super::read::{Need, Outcome, Reader};
use super::values::{bytes, duration, host, list, number, one_of, text, topic, topic_level, truth, whole};
use super::{Config, Decode, Level, Log, Login, Mqtt, Privacy, Store, Study, Thresholds, Tls};
use super::{inference, table};

/// Reads everything in `root`; the keys come in the order of the documentation.
pub(super) fn read(root: &Value, file: &str) -> (Option<Config>, Outcome) {
    let mut reader = Reader::new(root, file);
    let config = all(&mut reader);
    (config, reader.finish())
}

/// First every section is read, so that all its problems are told; then what is sound is put together.
fn all(r: &mut Reader<'_>) -> Option<Config> {
    let device = r.get(table::DEVICE_ID, |value| topic_level(value, 64));
    let watch = r.path(table::INGEST_WATCH, Need::Folder);
    let ingest = ingest(r, watch.clone());
    let after = after(r, watch.as_deref());
    let decode = decode(r);
    let path = r.path(table::STORE_PATH, Need::Place);
    if let (Some(watch), Some(path)) = (&watch, &path) {
        apart(r, watch, "store.path", path);
    }
    let store = store(r, path);
    let faults = faults(r);
    let inference = inference::read(r);
    let models = inference::models(r);
    let thresholds = thresholds(r);
    let study = study(r);
    let mqtt = mqtt(r);
    let http = http::read(r);
    let privacy = privacy(r);
    let log = log(r);
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
        models: models?,
        thresholds: thresholds?,
        study: study?,
        store,
        mqtt: mqtt?,
        http: http?,
        privacy,
        log: log?,
    })
}

fn ingest(r: &mut Reader<'_>, watch: Option<PathBuf>) -> Option<ingest::Settings> {
    let inotify = r.get(table::INGEST_INOTIFY, truth);
    let rescan = r.get(table::INGEST_RESCAN, |value| duration(value, "100ms", "1h"));
    let settle = r.get(table::INGEST_SETTLE, |value| duration(value, "100ms", "10min"));
    let give_up_after = r.get(table::INGEST_GIVE_UP_AFTER, |value| duration(value, "1s", "1d"));
    let max_bytes = r.get(table::INGEST_MAX_BYTES, |value| bytes(value, "1 kB", "4 GB"));
    let ignore = r.get(table::INGEST_IGNORE, |value| {
        let parse = |pattern: &String| Ignored::parse(pattern);
        let all: Option<Vec<_>> = list(value)?.iter().map(parse).collect();
        all.ok_or_else(|| {
            "Write names such as \"Thumbs.db\", or endings such as \"*.tmp\"; a star stands only in front.".into()
        })
    });
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

fn after(r: &mut Reader<'_>, watch: Option<&Path>) -> Option<After> {
    const WORDS: [&str; 3] = ["keep", "move", "delete"];
    let after = r.get(table::INGEST_AFTER, |value| one_of(value, &WORDS));
    let move_to = r.optional_path(table::INGEST_MOVE_TO, Need::Place);
    if let (Some(watch), Some(Some(folder))) = (watch, &move_to) {
        apart(r, watch, "ingest.move_to", folder);
    }
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
    let max_pixels = r.get(table::INGEST_MAX_PIXELS, |value| whole(value, 10_000, 400_000_000));
    let min_side = r.get(table::INGEST_MIN_SIDE, |value| whole(value, 16, 4096));
    let spacing =
        r.optional(table::DECODE_SPACING_MM, |value| number(value, PixelSpacing::MIN_MM, PixelSpacing::MAX_MM));
    let spacing = spacing?.and_then(|mm| PixelSpacing::new(mm, SpacingSource::Configured));
    Some(Decode { max_bytes: 0, max_pixels: max_pixels?, min_side: min_side?, spacing })
}

fn store(r: &mut Reader<'_>, path: Option<PathBuf>) -> Option<Store> {
    let reports_kept = r.get(table::STORE_REPORTS_KEPT, |value| whole(value, 10, 1_000_000));
    let outbox_rows = r.get(table::STORE_OUTBOX_ROWS, |value| whole(value, 100, 1_000_000));
    let overlay_bytes = r.get(table::STORE_OVERLAY_BYTES, |value| bytes(value, "1 MB", "4 GB"));
    Some(Store { path: path?, reports_kept: reports_kept?, outbox_rows: outbox_rows?, overlay_bytes: overlay_bytes? })
}

fn faults(r: &mut Reader<'_>) -> Option<sidecar::Settings> {
    let keep = r.get(table::FAULTS_KEEP, |value| whole(value, 1, 100_000));
    let quarantine = r.get(table::FAULTS_QUARANTINE, truth);
    let files = r.get(table::FAULTS_QUARANTINE_FILES, |value| whole(value, 1, 10_000));
    let limit = r.get(table::FAULTS_QUARANTINE_BYTES, |value| bytes(value, "1 MB", "100 GB"));
    let limits = sidecar::Quarantine { files: usize::try_from(files?).ok()?, bytes: limit? };
    let keep = usize::try_from(keep?).ok()?;
    Some(sidecar::Settings { folder: PathBuf::new(), keep, quarantine: quarantine?.then_some(limits) })
}

fn thresholds(r: &mut Reader<'_>) -> Option<Thresholds> {
    let mut get = |key, low, high| r.get(key, |value| number(value, low, high));
    let kyphosis = get(table::THRESHOLDS_SEVERE_KYPHOSIS_DEG, -90.0, 0.0);
    let high = get(table::THRESHOLDS_SAGITTAL_IMBALANCE_MM, 0.0, 200.0);
    let low = get(table::THRESHOLDS_SAGITTAL_BAND_MM, 0.0, 200.0);
    let slip = get(table::THRESHOLDS_SLIP_MM, 0.1, 20.0);
    let angle = get(table::THRESHOLDS_SLIP_ANGLE_DEG, 0.1, 60.0);
    let pavlov = get(table::THRESHOLDS_PAVLOV, 0.1, 2.0);
    let effort = get(table::THRESHOLDS_EFFORT_DEG, 0.0, 60.0);
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

fn study(r: &mut Reader<'_>) -> Option<Study> {
    let window = r.get(table::STUDY_WINDOW, |value| duration(value, "1min", "2d"));
    let expires = r.get(table::STUDY_EXPIRES, |value| duration(value, "1min", "30d"));
    let languages = r.get(table::STUDY_LANGUAGES, |value| {
        let known = |tag: &String| Language::ALL.into_iter().find(|language| language.tag() == tag);
        let all: Option<Vec<Language>> = list(value)?.iter().map(known).collect();
        all.filter(|all| !all.is_empty()).ok_or_else(|| "Write [\"en\"], [\"zh-Hans\"] or both.".into())
    });
    Some(Study { window: window?, expires: expires?, languages: languages? })
}

fn mqtt(r: &mut Reader<'_>) -> Option<Mqtt> {
    let host = r.get(table::MQTT_HOST, host);
    let port = r.get(table::MQTT_PORT, |value| whole(value, 1, 65535));
    let prefix = r.get(table::MQTT_PREFIX, |value| topic(value, 128));
    let keep_alive = r.get(table::MQTT_KEEP_ALIVE, |value| duration(value, "5s", "18h"));
    let username = r.optional(table::MQTT_USERNAME, text);
    let password = r.optional_path(table::MQTT_PASSWORD_FILE, Need::File);
    let tls = r.get(table::MQTT_TLS, truth);
    let ca = r.optional_path(table::MQTT_CA_FILE, Need::File);
    let cert = r.optional_path(table::MQTT_CERT_FILE, Need::File);
    let key = r.optional_path(table::MQTT_KEY_FILE, Need::File);
    let websocket = r.optional(table::MQTT_WEBSOCKET, http::websocket);
    let page = http::page_login(r, &websocket);
    let discovery = r.get(table::MQTT_DISCOVERY, truth);
    let announced = r.get(table::MQTT_DISCOVERY_PREFIX, |value| topic(value, 128));
    let overlays = r.get(table::MQTT_OVERLAYS, truth);
    let all = r.get(table::MQTT_REPORT_NOT_APPLICABLE, truth);

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
    let (websocket, page_login, discovery_prefix) = (websocket?, page?, announced?);
    let discovery = discovery?.then_some(discovery_prefix.clone());
    sound.then_some(Mqtt {
        host,
        port,
        prefix,
        keep_alive,
        tls,
        login,
        websocket,
        page_login,
        discovery,
        discovery_prefix,
        overlays,
        report_not_applicable,
    })
}

fn privacy(r: &mut Reader<'_>) -> Option<Privacy> {
    let patient_id = r.get(table::PRIVACY_PATIENT_ID, truth);
    let operator_names = r.get(table::PRIVACY_OPERATOR_NAMES, truth);
    let file_names = r.get(table::PRIVACY_FILE_NAMES, truth);
    let in_log = r.get(table::PRIVACY_FILE_NAMES_IN_LOG, truth);
    Some(Privacy {
        patient_id: patient_id?,
        operator_names: operator_names?,
        file_names: file_names?,
        file_names_in_log: in_log?,
    })
}

fn log(r: &mut Reader<'_>) -> Option<Log> {
    const LEVELS: [(&str, Level); 5] = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];
    let level = r.get(table::LOG_LEVEL, |value| one_of(value, &LEVELS.map(|(name, _)| name)));
    let json = r.get(table::LOG_JSON, truth);
    Some(Log { level: LEVELS.get(level?)?.1, json: json? })
}

/// Refuses a folder that lies in the watched one or around it: what Sagitta writes there would land again.
fn apart(r: &mut Reader<'_>, watch: &Path, name: &str, folder: &Path) {
    if nested(watch, folder) {
        let remedy = "Choose two folders neither of which lies in the other.".into();
        r.problem(name, None, "and ingest.watch are the same folder, or lie in one another", remedy);
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
