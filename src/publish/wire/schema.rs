//! The JSON Schemas of the payloads, generated from the types (draft 2020-12).
//!
//! The documents in `docs/schemas/` are these, byte for byte; the test `publish_schemas` fails when they are not, and
//! writes them when it runs with `SAGITTA_UPDATE=1`.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::{device, fault, report};

/// A payload and its schema.
struct Entry {
    /// The last level of the topic, and the name of the document.
    topic: &'static str,
    /// What stands in the payload's `schema`.
    name: &'static str,
    make: fn() -> Value,
}

const ENTRIES: [Entry; 5] = [
    Entry { topic: "report", name: report::SCHEMA, make: make::<super::Report> },
    Entry { topic: "fault", name: fault::SCHEMA, make: make::<super::Fault> },
    Entry { topic: "status", name: device::STATUS_SCHEMA, make: make::<super::Status> },
    Entry { topic: "info", name: device::INFO_SCHEMA, make: make::<super::Info> },
    Entry { topic: "health", name: device::HEALTH_SCHEMA, make: make::<super::Health> },
];

/// The names of all payloads' schemas: `sagitta.report/1`, …
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

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
