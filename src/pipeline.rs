//! One radiograph from bytes to report.
