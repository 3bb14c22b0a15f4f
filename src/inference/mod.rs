//! The models: their manifest, the engine that runs them, and what the machine can do.
//!
//! Nothing else in the crate knows ONNX Runtime or CUDA. A model is described by [`manifest::Model`], run through
//! [`engine::Engine`], kept answering by [`guard::Guarded`], and what stands in the manifest (names, shapes, hash) is checked against the file when it is loaded
//! and against every answer when it runs.

pub mod engine;
pub mod gpu;
pub mod guard;
pub mod machine;
pub mod manifest;
pub mod onnx;
pub mod passport;
pub mod shelf;
