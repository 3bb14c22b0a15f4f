//! Sagitta measures the neck on lateral cervical radiographs beside the X-ray machine.
//!
//! One radiograph flows in one direction: ingest → decode → detect → measure → assess → ledger → publish.
//! `docs/architecture.md` is the map.

pub mod domain;

pub mod assess;
pub mod decode;
pub mod detect;
pub mod inference;
pub mod ingest;
pub mod ledger;
pub mod measure;
pub mod overlay;
pub mod phantom;
pub mod publish;
pub mod rejects;
pub mod study;

pub mod appliance;
pub mod bundle;
pub mod config;
pub mod demo;
pub mod evaluate;
pub mod golden;
pub mod pipeline;
pub mod serve;

pub mod cli;
