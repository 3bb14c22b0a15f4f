//! The examples under docs/integrations/ that no program here can run: what they read must be in the payloads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use toml::Value;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Golden payloads of the topic's last word: `report-accept.json`, `report-review.json` for `sagitta/+/report`.
fn payloads(topic: &str) -> Vec<(String, String)> {
    let kind = format!("{}-", topic.rsplit('/').next().unwrap());
    let files = fs::read_dir(root("tests/payloads/v1")).unwrap().map(|entry| entry.unwrap().path());
    let told = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&kind));
    told.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// Telegraf finds its fields by GJSON paths: each is there in every payload, or optional and there in at least one.
#[test]
fn telegraf_finds_what_it_reads() {
    let text = fs::read_to_string(root("docs/integrations/telegraf.conf")).unwrap();
    let configuration: toml::Table = text.parse().unwrap();
    let inputs = configuration["inputs"]["mqtt_consumer"].as_array().unwrap();
    assert_eq!(inputs.len(), 3);
    for input in inputs {
        let topic = input["topics"][0].as_str().unwrap();
        let payloads = payloads(topic);
        assert!(!payloads.is_empty(), "{topic}");
        let parser = &input["json_v2"][0];
        let time = toml::Table::from_iter([("path".to_owned(), parser["timestamp_path"].clone())]);
        let parts = ["tag", "field"].into_iter().filter_map(|part| parser.get(part)?.as_array());
        for read in parts.flatten().chain([&Value::Table(time)]) {
            let path = read["path"].as_str().unwrap();
            let optional = read.get("optional").is_some_and(|o| o.as_bool() == Some(true));
            let found: Vec<gjson::Value<'_>> = payloads.iter().map(|(_, payload)| gjson::get(payload, path)).collect();
            let there = found.iter().filter(|value| value.exists()).count();
            assert!(there == found.len() || optional && there > 0, "{topic}: {path} is in {there} of {}", found.len());
            if matches!(read.get("type").and_then(Value::as_str), Some("int" | "float")) {
                let numeric = |v: &&gjson::Value<'_>| !matches!(v.kind(), gjson::Kind::Number | gjson::Kind::Null);
                assert_eq!(
                    found.iter().filter(|v| v.exists()).find(numeric).map(|v| v.str().to_owned()),
                    None,
                    "{path}"
                );
            }
        }
    }
}

/// A number that a person should not use makes no point in a chart either.
#[test]
fn telegraf_takes_only_numbers_that_may_be_used() {
    let text = fs::read_to_string(root("docs/integrations/telegraf.conf")).unwrap();
    let configuration: toml::Table = text.parse().unwrap();
    let fields = configuration["inputs"]["mqtt_consumer"][0]["json_v2"][0]["field"].as_array().unwrap();
    let (mut taken, mut left) = (0, 0);
    for (file, payload) in payloads("sagitta/+/report") {
        let report: serde_json::Value = serde_json::from_str(&payload).unwrap();
        for measurement in report["measurements"].as_array().unwrap() {
            let name = measurement["name"].as_str().unwrap();
            let reads = |field: &&Value| field["path"].as_str().unwrap().contains(&format!("\"{name}\""));
            let Some(field) = fields.iter().find(reads) else { continue };
            let found = gjson::get(&payload, field["path"].as_str().unwrap());
            assert_eq!(found.exists(), measurement["status"] == "ok", "{file}: {name}");
            if found.exists() {
                assert_eq!(Some(found.f64()), measurement["value"].as_f64(), "{file}: {name}");
                taken += 1;
            } else {
                left += 1;
            }
        }
    }
    assert!(taken >= 3 && left >= 2, "{taken} taken, {left} left");
}

/// Grafana asks for series that the appliance has.
#[test]
fn grafana_asks_for_series_that_exist() {
    let board: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root("docs/integrations/grafana-dashboard.json")).unwrap()).unwrap();
    let told = ["src/appliance/page.rs", "src/serve/metrics.rs"].map(|f| fs::read_to_string(root(f)).unwrap()).concat();
    let mut asked = 0;
    for target in
        board["panels"].as_array().unwrap().iter().flat_map(|p| p["targets"].as_array().cloned().unwrap_or_default())
    {
        let query = target["expr"].as_str().unwrap().to_owned();
        for name in query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| w.starts_with("sagitta_"))
        {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(told.contains(&format!("\"{base}\"")), "{name} in {query}");
            asked += 1;
        }
    }
    assert!(asked >= 10, "{asked}");
}
