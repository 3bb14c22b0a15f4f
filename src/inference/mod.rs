//! The models: their manifest, the engine that runs them, and what the machine can do.
