//! From the outbox to the broker, and back when a radiographer answers.
