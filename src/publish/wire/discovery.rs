//! `<discovery_prefix>/device/sagitta-<device>/config`: the appliance as Home Assistant and openHAB want to be told of it.
//!
//! One retained message describes the device with all its sensors, each of which reads what is published anyway (Home
//! Assistant's "device discovery", 2024.11 and later). It is theirs, not ours: it bears no schema of Sagitta's.

use serde_json::{Value, json};

use crate::publish::topics::{Retained, Topics};

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
    let number = |unit: Value| json!({ "state_class": "measurement", "unit_of_measurement": unit });
    // Also while the appliance is away: that it is away is what this one tells.
    let mut state =
        sensor("status", "Status", &status, "{{ value_json.state }}", json!({ "icon": "mdi:radiology-box" }));
    if let Some(state) = state.as_object_mut() {
        state.insert("availability".into(), json!([]));
    }
    let mut hottest = number(json!("°C"));
    if let Some(hottest) = hottest.as_object_mut() {
        hottest.insert("device_class".into(), "temperature".into());
        hottest.insert("entity_category".into(), "diagnostic".into());
    }
    let components = json!({
        "status": state,
        "verdict": sensor("verdict", "Last verdict", &report, "{{ value_json.quality.verdict }}", json!({ "icon": "mdi:clipboard-check-outline" })),
        "waiting": sensor("waiting", "Films waiting", &health, "{{ value_json.films_waiting }}", number(json!("films"))),
        "queue": sensor("queue", "Messages waiting", &health, "{{ value_json.outbox.waiting }}", number(json!("messages"))),
        "temperature": sensor("temperature", "Temperature", &health,
            "{{ (value_json.temperatures | map(attribute='celsius') | list | max) if value_json.temperatures else None }}", hottest),
        "latency": sensor("latency", "Film to report, 99th percentile", &health,
            "{{ value_json.latency_ms.p99 if value_json.latency_ms else None }}", number(json!("ms"))),
        "repeat_rate": sensor("repeat_rate", "Repeat rate today", &rejects,
            "{{ (value_json.today.repeat_rate * 100) | round(1) if value_json.today.repeat_rate is not none else None }}", number(json!("%"))),
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
}
