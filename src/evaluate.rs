//! Accuracy against truth files.
