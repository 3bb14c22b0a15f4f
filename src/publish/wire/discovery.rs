//! `<discovery_prefix>/device/sagitta-<device>/config`: the appliance as Home Assistant and openHAB want to be told of it.
//!
//! One retained message describes the device with all its sensors, each of which reads what is published anyway (Home
//! Assistant's "device discovery", 2024.11 and later). It is theirs, not ours: it bears no schema of Sagitta's.
//!
//! A value that is not known is rendered as `None`, which Home Assistant shows as unknown. Words are announced with all
//! that may come (device class `enum`), so that automations can be chosen from a list. What health tells is unavailable
//! once nobody has renewed it for as long as the topic is kept: where appliance and broker are lost together, no last
//! will reaches a broker further on.

use serde_json::{Value, json};

use super::StatusState;
use crate::domain::report::Verdict;
use crate::publish::topics::{HEALTH_EXPIRY, Retained, Topics};

/// Every state that `status` may tell.
const STATES: [StatusState; 5] = [
    StatusState::Starting,
    StatusState::BuildingEngines,
    StatusState::Online,
    StatusState::Degraded,
    StatusState::Offline,
];

/// The payload, for the device `device`; `version` is the program's.
pub fn discovery(topics: &Topics, device: &str, version: &str) -> Vec<u8> {
    let id = |part: &str| format!("sagitta_{device}_{part}");
    let (status, health, rejects) =
        (topics.retained(Retained::Status), topics.retained(Retained::Health), topics.retained(Retained::Rejects));
    let sensor = |part: &str, name: &str, topic: &str, template: &str, more: Value| {
        let mut sensor = json!({
            "platform": "sensor",
            "unique_id": id(part),
            "name": name,
            "state_topic": topic,
            "value_template": template,
        });
        if let (Some(sensor), Value::Object(more)) = (sensor.as_object_mut(), more) {
            sensor.extend(more);
        }
        sensor
    };
    let report = topics.message(crate::ledger::Kind::Report, "");
    // Also while the appliance is away: that it is away is what this one tells.
    let state = json!({ "device_class": "enum", "options": STATES, "availability": [], "icon": "mdi:radiology-box" });
    let verdicts = Verdict::ALL.map(Verdict::name);
    let verdict = json!({ "device_class": "enum", "options": verdicts, "icon": "mdi:clipboard-check-outline" });
    let expires = HEALTH_EXPIRY.as_secs();
    let count = |unit: &str, icon: &str| json!({ "state_class": "measurement", "unit_of_measurement": unit, "icon": icon, "expire_after": expires });
    let inside = |unit: &str, class: &str| json!({ "state_class": "measurement", "unit_of_measurement": unit, "device_class": class, "entity_category": "diagnostic", "expire_after": expires });
    let rate = json!({ "state_class": "measurement", "unit_of_measurement": "%", "icon": "mdi:repeat" });
    let components = json!({
        "status": sensor("status", "Status", &status, "{{ value_json.state }}", state),
        "verdict": sensor("verdict", "Last verdict", &report, "{{ value_json.quality.verdict }}", verdict),
        "waiting": sensor("waiting", "Films waiting", &health, "{{ value_json.films_waiting }}", count("films", "mdi:tray-full")),
        "queue": sensor("queue", "Messages waiting", &health, "{{ value_json.outbox.waiting }}", count("messages", "mdi:email-fast-outline")),
        "temperature": sensor("temperature", "Temperature", &health,
            "{{ (value_json.temperatures | map(attribute='celsius') | list | max) if value_json.temperatures else None }}", inside("°C", "temperature")),
        "latency": sensor("latency", "Film to report (p99)", &health,
            "{{ value_json.latency_ms.p99 if value_json.latency_ms else None }}", inside("ms", "duration")),
        "repeat_rate": sensor("repeat_rate", "Repeat rate today", &rejects,
            "{{ (value_json.today.repeat_rate * 100) | round(1) if value_json.today.repeat_rate is not none else None }}", rate),
    });
    let payload = json!({
        "device": { "identifiers": [format!("sagitta_{device}")], "name": format!("Sagitta {device}"), "manufacturer": "Sagitta", "model": "Neck measurement", "sw_version": version },
        "origin": { "name": "Sagitta", "sw_version": version },
        "availability": [{ "topic": status, "value_template": "{{ 'offline' if value_json.state == 'offline' else 'online' }}" }],
        "qos": 1,
        "components": components,
    });
    payload.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_sensor_has_a_name_of_its_own_and_reads_a_topic_of_this_device() {
        let topics = Topics::new("ward/x", "room-1").unwrap();
        let payload: Value = serde_json::from_slice(&discovery(&topics, "room-1", "0.1.0")).unwrap();
        let sensors = payload["components"].as_object().unwrap();
        assert_eq!(sensors.len(), 7);
        let ids: BTreeSet<_> = sensors.values().map(|sensor| sensor["unique_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), sensors.len());
        for sensor in sensors.values() {
            assert!(sensor["state_topic"].as_str().unwrap().starts_with("ward/x/room-1/"), "{sensor}");
        }
        assert_eq!(payload["availability"][0]["topic"], "ward/x/room-1/status");
    }

    /// Home Assistant refuses a word that is not among the options.
    #[test]
    fn every_word_that_may_come_is_announced() {
        let topics = Topics::new("sagitta", "room-1").unwrap();
        let payload: Value = serde_json::from_slice(&discovery(&topics, "room-1", "0.1.0")).unwrap();
        for (sensor, schema) in [
            ("status", schemars::schema_for!(StatusState).to_value()),
            ("verdict", schemars::schema_for!(super::super::words::Verdict).to_value()),
        ] {
            let one_of = schema["oneOf"].as_array().into_iter().flatten().map(|word| &word["const"]);
            let listed = schema["enum"].as_array().into_iter().flatten();
            let told: BTreeSet<_> = one_of.chain(listed).map(|word| word.as_str().unwrap()).collect();
            let sensor = &payload["components"][sensor];
            let options: BTreeSet<_> =
                sensor["options"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
            assert!(!told.is_empty());
            assert_eq!((options, sensor["device_class"].as_str()), (told, Some("enum")));
        }
    }

    #[test]
    fn what_health_tells_expires_with_its_topic() {
        let topics = Topics::new("sagitta", "room-1").unwrap();
        let payload: Value = serde_json::from_slice(&discovery(&topics, "room-1", "0.1.0")).unwrap();
        for (name, sensor) in payload["components"].as_object().unwrap() {
            let health = sensor["state_topic"].as_str().unwrap().ends_with("/health");
            assert_eq!(sensor["expire_after"].as_u64(), health.then_some(3600), "{name}");
        }
    }
}
