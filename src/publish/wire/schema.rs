//! The JSON Schemas of the payloads, generated from the types (draft 2020-12).
//!
//! The documents in `docs/schemas/` are these, byte for byte; the test `publish_schemas` fails when they are not, and
//! writes them when it runs with `SAGITTA_UPDATE=1`.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::names;

/// A payload and its schema.
struct Entry {
    /// The name of the document: the last levels of the topic.
    topic: &'static str,
    /// What stands in the payload's `schema`.
    name: &'static str,
    make: fn() -> Value,
}

const ENTRIES: [Entry; 9] = [
    Entry { topic: "report", name: names::REPORT, make: make::<super::Report> },
    Entry { topic: "fault", name: names::FAULT, make: make::<super::Fault> },
    Entry { topic: "status", name: names::STATUS, make: make::<super::Status> },
    Entry { topic: "info", name: names::INFO, make: make::<super::Info> },
    Entry { topic: "health", name: names::HEALTH, make: make::<super::Health> },
    Entry { topic: "repeat_request", name: names::REPEAT_REQUEST, make: make::<super::RepeatRequest> },
    Entry { topic: "repeat_response", name: names::REPEAT_RESPONSE, make: make::<super::RepeatResponse> },
    Entry { topic: "rejects", name: names::REJECTS, make: make::<super::Rejects> },
    Entry { topic: "study", name: names::STUDY, make: make::<super::Study> },
];

/// The documents of `docs/schemas/`: file name and text.
pub fn documents() -> impl Iterator<Item = (String, String)> {
    ENTRIES.iter().map(|entry| {
        let mut schema = (entry.make)();
        if let Some(members) = schema.as_object_mut() {
            members.insert("$id".into(), format!("urn:{}", entry.name.replace(['.', '/'], ":")).into());
            members.insert("title".into(), entry.name.into());
        }
        (format!("{}.json", entry.topic), format!("{schema:#}\n"))
    })
}

fn make<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}
