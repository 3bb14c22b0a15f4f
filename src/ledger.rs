//! What was seen, what waits for the broker: SQLite.
