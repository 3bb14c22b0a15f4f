//! From landmarks to numbers: pure functions, each with its source.
